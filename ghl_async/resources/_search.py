"""From a `ContactQuery` to the body of a contact search, with every check that needs no server.

The rules are those of the vendor's description of contact search, see `models.search`. A query that would be refused,
or that would quietly find everything, is a UsageError that names the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from ..errors import UsageError
from ..models import SORT_FIELDS, ContactQuery, SearchBody
from ._filters import TEXT_CHARACTERS, check_where

__all__ = [
    "require_aware",
    "require_between",
    "require_bool",
    "require_instant",
    "require_list",
    "require_text",
    "search_body",
]

_SORT_KEYS = 2
_LARGEST_PAGE = 500
_DEEPEST = 10_000
_FIRST, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_TEXTS = ("text", "email", "phone", "assigned_to")
_LISTS = ("ids", "tags")
_INSTANTS = ("added_since", "added_before", "updated_since", "updated_before")


def search_body(
    location_id: str,
    query: ContactQuery | None,
    *,
    after: Sequence[Any] | None = None,
    page: int | None = None,
    page_size: int = 100,
) -> SearchBody:
    """Make the body of one search.

    Raises:
        UsageError: an argument or a field of `query` is outside the rules.
    """
    query = _checked(ContactQuery() if query is None else query)
    require_between("page_size", page_size, 1, _LARGEST_PAGE)
    if page is not None:
        if after is not None:
            raise UsageError("page and after exclude each other: give the one or the other")
        require_between("page", page, 1, _DEEPEST)
        if page * page_size > _DEEPEST:
            raise UsageError(
                f"page {page} of {page_size} lies beyond the first {_DEEPEST:,} records, where the server's pages end: "
                "go on with after=, the cursor of the page before"
            )
    if after is not None and (isinstance(after, str) or not isinstance(after, Sequence) or not after):
        raise UsageError(f"after must be the cursor of a page, such as (1700000000000, 'id'), not {after!r}")
    return SearchBody(
        location_id=location_id,
        page_limit=page_size,
        page=UNSET if page is None else page,
        search_after=UNSET if after is None else tuple(after),
        query=UNSET if query.text is None else query.text,
        filters=query.filters or UNSET,
        sort=query.order or UNSET,
    )


def require_between(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse what is not a whole number from `least` to `most`.

    Raises:
        UsageError: names the argument.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        span = f"from {least:,} to {most:,}" if most is not None else f"of at least {least:,}"
        raise UsageError(f"{name} must be a whole number {span}, not {value!r}")


def require_bool(name: str, value: object) -> None:
    """Refuse what is neither True nor False: a text such as "no" would count as yes.

    Raises:
        UsageError: names the argument.
    """
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {value!r}")


def require_text(name: str, value: object, *, most: int | None = None) -> None:
    """Refuse what is not text, is blank, or has more than `most` characters.

    Raises:
        UsageError: names the argument.
    """
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} must be text that is not empty, not {value!r}")
    if most is not None and len(value) > most:
        raise UsageError(f"{name} may have {most} characters, not {len(value)}")


def require_list(name: str, values: object, *, most: int | None = None) -> None:
    """Refuse what is not a list of at least one text, each of at most `most` characters.

    Raises:
        UsageError: names the argument.
    """
    # An empty list is refused, because without the condition it stands for the search would find everything.
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise UsageError(f"{name} must be a list of at least one text, not {values!r}")
    for value in values:
        require_text(name, value, most=most)


def require_aware(name: str, at: object) -> None:
    """Refuse what is not a datetime with a zone.

    Raises:
        UsageError: names the argument.
    """
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise UsageError(f"{name} must be an aware datetime, such as datetime(2026, 1, 31, tzinfo=UTC), not {at!r}")


def require_instant(name: str, at: object) -> None:
    """Refuse what is not a datetime with a zone from 1970 to 9998: behind these no time zone has a place.

    Raises:
        UsageError: names the argument.
    """
    require_aware(name, at)
    if not _FIRST <= at < _END:  # type: ignore[operator]  # a datetime, by the line above
        raise UsageError(f"{name} must be from 1970 to 9998, not {at}")


def _checked(query: object) -> ContactQuery:
    if not isinstance(query, ContactQuery):
        raise UsageError(f"query must be a ContactQuery, not {type(query).__name__}")
    for name in _TEXTS:
        if getattr(query, name) is not None:
            require_text(name, getattr(query, name), most=TEXT_CHARACTERS)
    for name in _LISTS:
        if getattr(query, name) is not None:
            require_list(name, getattr(query, name), most=TEXT_CHARACTERS)
    for name in _INSTANTS:
        if getattr(query, name) is not None:
            require_aware(name, getattr(query, name))
    if query.where is not None:
        check_where(query.where)
    _check_order(query.sort, query.direction)
    return query


def _check_order(sort: object, direction: object) -> None:
    if sort is None:
        if direction is not None:
            raise UsageError("direction needs sort: say by which field, for example sort='date_added'")
        return
    keys = sort if isinstance(sort, list | tuple) else (sort,)
    known = all(isinstance(key, str) and key in SORT_FIELDS for key in keys)
    if not known or not 1 <= len(keys) <= _SORT_KEYS or len(set(keys)) < len(keys):
        raise UsageError(f"sort must be one or two of {', '.join(SORT_FIELDS)}, not {sort!r}")
    one_each = isinstance(direction, list | tuple)
    directions = direction if isinstance(direction, list | tuple) else (direction or "asc",)
    if not all(each in ("asc", "desc") for each in directions):
        raise UsageError(f"direction must be asc or desc, or one of these for each key of sort, not {direction!r}")
    if one_each and len(directions) != len(keys):
        raise UsageError(f"direction must be one for all or one for each key of sort: {len(keys)}, not {direction!r}")

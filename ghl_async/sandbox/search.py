"""`POST /contacts/search`: validating the body, finding the matching contacts in order, cutting out a page.

Sorted by `dateAdded`, and with no filters but ranges of it, a page costs the page. Anything else scans once what
these ranges leave of the location, and the pages that follow cut from the kept result.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .filters import Row, compile_filters, split_filters, text_value
from .location import ALWAYS
from .refusals import bad_request, unprocessable
from .shapes import is_whole, number_faults
from .views import full_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .location import Location, Ref, Window
    from .pages import PageSizes

__all__ = ["SearchBody", "matching", "mentions", "read_body", "search"]

_DEPTH: Final = 10_000  # facts 6.1 [docs]: page x pageLimit <= 10,000
_KEPT_RESULTS: Final = 16
_PROPERTIES: Final = frozenset(
    {"locationId", "pageLimit", "page", "searchAfter", "query", "filters", "sort"}
)  # facts 6.3
_SORTABLE: Final = frozenset(  # facts 6.3 [docs]
    {"firstNameLowerCase", "lastNameLowerCase", "businessName", "dateAdded", "dateUpdated", "email", "dnd", "source"}
)
_DEFAULT_SORT: Final = (("dateAdded", True),)  # facts 6.6 [live]: dateAdded descending


class SearchBody(msgspec.Struct, frozen=True, kw_only=True):
    """A search body that passed validation; `sort` holds (field, descending)."""

    location_id: str
    page_limit: int
    page: int | None = None
    search_after: list[Any] | None = None
    query: str = ""
    filters: list[Any] = []
    sort: tuple[tuple[str, bool], ...] = _DEFAULT_SORT


class _Reversed:
    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return other.value < self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def read_body(body: dict[str, Any], pages: PageSizes) -> SearchBody:
    """Validate the shape of a search body; `pages` says how large a page it may ask for and gets.

    Raises:
        Refusal: 422 with a list of everything that is wrong.
    """
    # facts 5.2 [issue]: unknown property -> `property <name> should not exist`; missing locationId or pageLimit
    # -> 422 list
    messages = [f"property {name} should not exist" for name in body if name not in _PROPERTIES]
    if not isinstance(body.get("locationId"), str):
        messages.append("locationId must be a string")
    elif not body["locationId"]:
        messages.append("locationId should not be empty")
    messages += pages.faults("search", "pageLimit", body.get("pageLimit"))
    messages += [] if body.get("page") is None else number_faults("page", body["page"])
    if not isinstance(body.get("query", ""), str | None):
        messages.append("query must be a string")
    elif len(body.get("query") or "") > 75:  # facts 6.3 [docs]; wording [guess]
        messages.append("query must be shorter than or equal to 75 characters")
    messages += [
        f"{name} must be an array"
        for name in ("filters", "sort", "searchAfter")
        if not isinstance(body.get(name, []), list)
    ]
    if messages:
        raise unprocessable(messages)
    return SearchBody(
        location_id=body["locationId"],
        page_limit=pages.given("search", "pageLimit", body["pageLimit"]),
        page=None if body.get("page") is None else int(body["page"]),
        search_after=body.get("searchAfter"),
        query=body.get("query") or "",
        filters=body.get("filters", []),
        sort=tuple(_sort_key(item) for item in body.get("sort", [])) or _DEFAULT_SORT,
    )


def _sort_key(item: object) -> tuple[str, bool]:
    if not isinstance(item, dict):
        raise unprocessable(["each value in sort must be an object"])  # wording [guess]
    if unknown := [name for name in item if name not in {"field", "direction"}]:  # facts 1 [issue]
        raise unprocessable([f"sort.property {name} should not exist" for name in unknown])  # prefix [guess]
    field, direction = item.get("field", "undefined"), item.get("direction")
    if not isinstance(field, str) or field not in _SORTABLE:
        raise bad_request(f"Invalid field {field}")  # facts 6.5 [issue], for sort [guess]
    if direction not in ("asc", "desc"):
        raise unprocessable(["direction must be one of the following values: asc, desc"])  # wording [guess]
    return field, direction == "desc"


def search(body: SearchBody, location: Location) -> tuple[list[tuple[Ref, list[Any]]], int]:
    """Return one page as (contact, its `searchAfter`) and the total.

    Raises:
        Refusal: 400 for a bad filter, a bad cursor or a page beyond the depth limit.
    """
    if body.search_after is not None and body.page is not None:
        raise bad_request("page and searchAfter cannot be used together")  # facts 6.3 [docs]; wording [guess]
    if (body.page or 1) * body.page_limit > _DEPTH:  # facts 14: limit [docs], text [guess]
        raise bad_request("page * pageLimit must not exceed 10000, use searchAfter instead")
    skip = 0 if body.page is None else (body.page - 1) * body.page_limit
    after = body.search_after
    if after is not None and not _fits(after, body.sort):
        raise bad_request("Invalid searchAfter")  # wording [guess]
    location.settle()
    compile_filters(body.filters, location)
    window, filters = split_filters(body.filters)
    if not filters and not body.query and len(body.sort) == 1 and body.sort[0][0] == "dateAdded":
        refs: Iterable[Ref] = location.walk(
            descending=body.sort[0][1], after=_plain_cursor(after), skip=skip, window=window, unseen=False
        )
        total = location.count(window, unseen=False)
    else:
        refs, total = _kept_page(body, location, skip, (window, filters))
    return [(ref, _cursor(body.sort, Row(location, ref))) for ref in islice(refs, body.page_limit)], total


def _fits(after: list[Any], sort: Sequence[tuple[str, bool]]) -> bool:
    """Tell whether a cursor has the length and the types that the sort gives it."""
    if len(after) != len(sort) + 1 or not isinstance(after[-1], str):  # facts 6.3 [docs]: length follows the sort
        return False
    for (field, _), value in zip(sort, after, strict=False):
        if field in {"dateAdded", "dateUpdated"}:  # facts 6.6 [live]: milliseconds
            if not is_whole(value):
                return False
        elif value is not None and not isinstance(value, bool if field == "dnd" else str):
            return False
    return True


def _plain_cursor(after: list[Any] | None) -> tuple[int, str] | None:
    if after is None:
        return None
    ms, contact_id = after
    return int(ms), contact_id


def _cursor(sort: Sequence[tuple[str, bool]], row: Row) -> list[Any]:
    # facts 6.6 [live]: [dateAdded ms, id], or [dateUpdated ms, id] under that sort
    return [*(_sort_value(field, row) for field, _ in sort), row.location.id_of(row.ref)]


def _sort_value(field: str, row: Row) -> Any:
    if field == "dateAdded":
        return row.location.added_ms(row.ref)
    if field == "dateUpdated":
        return row.location.updated_ms(row.ref)
    return text_value(row, field)


def _order(sort: Sequence[tuple[str, bool]], cursor: Sequence[Any]) -> tuple[Any, ...]:
    """Turn a cursor into a key that sorts as asked, missing values last, ties by id in the last direction."""
    key: list[Any] = []
    for (_, descending), value in zip((*sort, ("id", sort[-1][1])), cursor, strict=True):
        if value is None:
            key.append((1,))
        elif isinstance(value, str):
            key.append((0, _Reversed(value) if descending else value))
        else:
            key.append((0, -value if descending else value))
    return tuple(key)


def matching(
    location: Location,
    name: str,
    accept: Callable[[Row], bool],
    sort: tuple[tuple[str, bool], ...],
    window: Window = ALWAYS,
) -> Any:
    """Return (keys, contacts) of all contacts that `accept` takes, sorted; those of a `window` if one is given.

    The result is kept under `name` until the location changes.
    """
    kept = location.search_results.get(name)
    if kept is not None and kept[0] == location.version:
        return kept[1]
    found = []
    for ref in location.walk(descending=False, window=window, unseen=False):
        row = Row(location, ref)
        if accept(row):
            found.append((_order(sort, _cursor(sort, row)), ref))
    found.sort(key=lambda item: item[0])
    result = ([key for key, _ in found], [ref for _, ref in found])
    while len(location.search_results) >= _KEPT_RESULTS:
        del location.search_results[next(iter(location.search_results))]
    location.search_results[name] = (location.version, result)
    return result


def _kept_page(
    body: SearchBody, location: Location, skip: int, picked: tuple[Window, list[Any]]
) -> tuple[list[Ref], int]:
    window, filters = picked
    accepts = compile_filters(filters, location)
    query = body.query.lower()

    def accept(row: Row) -> bool:
        return accepts(row) and (not query or mentions(row, query))

    name = msgspec.json.encode((body.filters, query, body.sort)).decode()
    keys, refs = matching(location, name, accept, body.sort, window)
    if body.search_after is not None:
        skip = bisect_right(keys, _order(body.sort, body.search_after))
    return refs[skip : skip + body.page_limit], len(refs)


def mentions(row: Row, query: str) -> bool:
    """Tell whether name, e-mail, phone or company hold `query` (lower case)."""
    # facts 6.2 [blog]: matches name, email, phone, company loosely
    record = row.record
    held = (full_name(record), record["email"], record["phone"], record["companyName"])
    return any(query in text.lower() for text in held if isinstance(text, str))

"""From method and path to the operation; both forms of a trailing slash lead to the same one (facts 1 [guess])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from .routes_bulk import BULK_ROUTES
from .routes_businesses import BUSINESS_ROUTES
from .routes_calendars import CALENDAR_ROUTES
from .routes_children import CHILD_ROUTES
from .routes_consent import CONSENT_ROUTES
from .routes_contacts import CONTACT_ROUTES
from .routes_dictionaries import DICTIONARY_ROUTES
from .routes_oauth import OAUTH_ROUTES
from .routes_places import PLACE_ROUTES
from .routes_profiles import PROFILE_ROUTES
from .routes_relations import RELATION_ROUTES
from .routes_searches import SEARCH_ROUTES
from .routes_tasks_notes import TASK_NOTE_ROUTES

if TYPE_CHECKING:
    from .call import Operation

__all__ = ["OPEN_ROUTES", "find_operation"]

_Pattern = tuple[tuple[str | None, ...], "Operation"]


_ALL: Final = (  # facts 11: literal routes before those with an id in the same place
    *CONTACT_ROUTES,
    *PROFILE_ROUTES,
    *BULK_ROUTES,
    *RELATION_ROUTES,
    *CHILD_ROUTES,
    *TASK_NOTE_ROUTES,
    *SEARCH_ROUTES,
    *CALENDAR_ROUTES,
    *PLACE_ROUTES,
    *DICTIONARY_ROUTES,
    *BUSINESS_ROUTES,
    *OAUTH_ROUTES,
    *CONSENT_ROUTES,
)

OPEN_ROUTES: Final = frozenset((operation.method, operation.template) for operation in _ALL if operation.is_open)
"""Method and path of those that need no token."""


def _patterns() -> dict[tuple[str, int], list[_Pattern]]:
    table: dict[tuple[str, int], list[_Pattern]] = {}
    for operation in _ALL:
        parts = operation.template.strip("/").split("/")
        pattern = tuple(None if part.startswith("{") else part for part in parts)
        table.setdefault((operation.method, len(parts)), []).append((pattern, operation))
    return table


_PATTERNS: Final = _patterns()


def find_operation(method: str, path: str, version: str) -> tuple[Operation, tuple[str, ...]] | None:
    """Return the operation and the values of its `{...}` parts, None if there is no such route.

    `path` is as it was sent, so that an encoded slash stays within its part.
    """
    parts = path[1:].removesuffix("/").split("/")
    if "%" in path:
        parts = [unquote(part) for part in parts]
    for pattern, operation in _PATTERNS.get((method, len(parts)), ()):
        # facts 5.2 [blog]: `lookup` is a contact id under a date version; facts 13 [spec]: removeAll, remove-all
        if operation.only_dated if version == "v3" else operation.only_v3:
            continue
        if all(wanted == part or (wanted is None and part) for wanted, part in zip(pattern, parts, strict=True)):
            return operation, tuple(part for wanted, part in zip(pattern, parts, strict=True) if wanted is None)
    return None

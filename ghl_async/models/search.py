"""What `POST /contacts/search` is asked: the query people write, and the body that goes over the wire.

The published schema of the body is empty. Every name here comes from the vendor's description of contact search
(https://doc.clickup.com/8631005/d/h/87cpx-158396/6e629989abe7fad); where there is another source, it stands beside the
field.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["SORT_FIELDS", "ContactQuery", "Filter", "FilterGroup", "SearchBody", "Sort", "SortField"]

SortField: TypeAlias = Literal[
    "first_name_lower_case",
    "last_name_lower_case",
    "business_name",
    "date_added",
    "date_updated",
    "email",
    "dnd",
    "source",
]

SORT_FIELDS = MappingProxyType(
    {
        "first_name_lower_case": "firstNameLowerCase",
        "last_name_lower_case": "lastNameLowerCase",
        "business_name": "businessName",
        "date_added": "dateAdded",
        "date_updated": "dateUpdated",
        "email": "email",
        "dnd": "dnd",
        "source": "source",
    }
)
"""The fields the server can sort by: our name and the API's. The description names these and no others."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """One condition."""

    field: str
    """The API's name, for example "dateUpdated"."""
    operator: str
    """`eq`, `not_eq`, `contains`, `not_contains`, `exists`, `not_exists`, `range`, `nested`."""
    value: Any | UnsetType = UNSET
    """A list with `eq` means any of them; `range` takes an object of gte, lte, gt, lt; `exists` takes none."""


class FilterGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions joined by AND or OR; groups may hold groups."""

    group: Literal["AND", "OR"]
    filters: tuple["Filter | FilterGroup", ...]


class Sort(msgspec.Struct, frozen=True, kw_only=True):
    """One sort key. The description shows at most two together."""

    field: str
    direction: Literal["asc", "desc"]


class SearchBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The request body. A property outside this list is refused with 422."""

    location_id: str
    """Required: highlevel-api-docs issue 31."""
    page_limit: int
    """Required, 1 to 500: highlevel-api-docs issue 31."""
    page: int | UnsetType = UNSET
    """From 1; not together with `search_after`; page times page_limit is at most 10,000."""
    search_after: tuple[Any, ...] | UnsetType = UNSET
    """The `searchAfter` of the last contact of the page before."""
    query: str | UnsetType = UNSET
    """At most 75 characters."""
    filters: tuple[Filter | FilterGroup, ...] | UnsetType = UNSET
    """Joined by AND."""
    sort: tuple[Sort, ...] | UnsetType = UNSET
    """Without it the order is dateAdded, newest first (recorded replies)."""


class ContactQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which contacts to find, and in which order. All conditions must hold; None asks for nothing.

    Newly written contacts are found after a few seconds, not at once (vendor's description).
    """

    text: str | None = None
    """At most 75 characters, searched loosely in name, e-mail, phone and company."""
    ids: Sequence[str] | None = None
    """Any of these contacts."""
    email: str | None = None
    """Exactly this primary address."""
    phone: str | None = None
    """Exactly this primary number, E.164 with a leading +. Contacts that have it as an additional number are missed
    (highlevel-api-docs issue 289)."""
    tags: Sequence[str] | None = None
    """Any of these tags. Sent in small letters, as the server stores them."""
    assigned_to: str | None = None
    """A user's id."""
    added_since: datetime | None = None
    """Aware; this instant included. Instants are compared in whole milliseconds, the finest the server keeps."""
    added_before: datetime | None = None
    """Aware; this instant excluded."""
    updated_since: datetime | None = None
    updated_before: datetime | None = None
    sort: SortField | None = None
    """None: the server's order, newest `date_added` first."""
    direction: Literal["asc", "desc"] | None = None
    """Of `sort`; None means "asc"."""

    @property
    def filters(self) -> tuple[Filter | FilterGroup, ...]:
        """The conditions in the API's words, without `text`, which is no filter there."""
        filters: list[Filter | FilterGroup] = []
        if self.ids is not None:
            filters.append(Filter(field="id", operator="eq", value=list(self.ids)))
        if self.tags is not None:
            filters.append(Filter(field="tags", operator="eq", value=[tag.strip().lower() for tag in self.tags]))
        for name, value in (("email", self.email), ("phone", self.phone), ("assignedTo", self.assigned_to)):
            if value is not None:
                filters.append(Filter(field=name, operator="eq", value=value))
        spans = (
            ("dateAdded", self.added_since, self.added_before),
            ("dateUpdated", self.updated_since, self.updated_before),
        )
        for name, since, before in spans:
            bounds = {key: _instant(at) for key, at in (("gte", since), ("lt", before)) if at is not None}
            if bounds:
                filters.append(Filter(field=name, operator="range", value=bounds))
        return tuple(filters)

    @property
    def order(self) -> tuple[Sort, ...]:
        """The sort key in the API's words; empty for the server's own order."""
        if self.sort is None:
            return ()
        return (Sort(field=SORT_FIELDS[self.sort], direction=self.direction or "asc"),)


def _instant(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, rounded up: exact for both bounds, as records carry whole milliseconds."""
    whole = at.astimezone(UTC) + timedelta(microseconds=-at.microsecond % 1000)
    return whole.isoformat(timespec="milliseconds").replace("+00:00", "Z")

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

__all__ = [
    "FILTER_FIELDS",
    "NESTED_FIELDS",
    "SORT_FIELDS",
    "ContactQuery",
    "Direction",
    "Filter",
    "FilterGroup",
    "Operator",
    "SearchBody",
    "Sort",
    "SortField",
]

Operator: TypeAlias = Literal[
    "eq", "not_eq", "contains", "not_contains", "exists", "not_exists", "range", "nested"
]  # fmt: skip
"""Those the description promises. The server's own list is longer, and nobody says what the others do."""

Direction: TypeAlias = Literal["asc", "desc"]

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


_EQUAL: tuple[Operator, ...] = ("eq", "not_eq")
_CONTAIN: tuple[Operator, ...] = ("contains", "not_contains")
_EXIST: tuple[Operator, ...] = ("exists", "not_exists")
_TEXT_FIELDS = (
    "address", "businessName", "city", "companyName", "firstNameLowerCase", "lastNameLowerCase", "phone", "postalCode",
    "source", "state", "tags",
)  # fmt: skip
_VALUE_FIELDS = (
    "activeWorkflows", "assignedTo", "contactName", "country", "dnd", "email", "finishedWorkflows", "followers",
    "isValidWhatsapp", "timezone", "type", "validEmail", "website",
)  # fmt: skip
_DATE_FIELDS = (
    "dateAdded", "dateOfBirth", "dateUpdated", "lastAppointment", "lastEmailClickedDate", "lastEmailOpenedDate",
)  # fmt: skip

FILTER_FIELDS: MappingProxyType[str, tuple[Operator, ...]] = MappingProxyType(
    {
        "id": _EQUAL,
        **dict.fromkeys(_TEXT_FIELDS, _EQUAL + _CONTAIN + _EXIST),
        **dict.fromkeys(_VALUE_FIELDS, _EQUAL + _EXIST),
        **dict.fromkeys(_DATE_FIELDS, (*_EXIST, "range")),
        "opportunities": ("nested",),
        # Which of these a custom field takes depends on its type, which only the server knows.
        "customFields.<fieldId>": (*_EQUAL, *_CONTAIN, *_EXIST, "range"),
        "customFields.<fieldId>.<optionId>": _EQUAL + _CONTAIN + _EXIST,
    }
)
"""The fields a `Filter` can name, and the operators each takes. The description names these and no others."""

NESTED_FIELDS: MappingProxyType[str, tuple[Operator, ...]] = MappingProxyType(
    dict.fromkeys(("pipelineId", "pipelineStageId", "status"), _EQUAL + _EXIST)
)
"""The fields of the filters inside `nested` opportunities."""


class Filter(msgspec.Struct, frozen=True):
    """One condition, for example `Filter("city", "eq", "Berlin")` or `Filter("email", "not_exists")`."""

    field: str
    """The API's name, one of `FILTER_FIELDS`, for example "dateUpdated". A custom field is named by its id, not by its
    key: "customFields.3sv6UEo51C9Bmpo1cKTq" (https://github.com/GoHighLevel/highlevel-api-docs/issues/42), and one
    line of a list of text boxes by its option's id behind that."""
    operator: Operator
    value: Any | UnsetType = UNSET
    """By operator:

    - eq, not_eq: a text of at most 75 characters, a number or a boolean, or a list of these, which means any of them.
      Tags are sent in small letters, as the server stores them.
    - contains, not_contains: a text of 3 to 75 letters, digits and spaces.
    - exists, not_exists: none.
    - range: a dict of one or more of "gte", "gt", "lte", "lt". Dates are aware datetimes, ISO 8601 texts (a day, or a
      time with its zone) or epoch milliseconds; custom fields may also hold other numbers.
    - nested: a list of filters on `NESTED_FIELDS`.
    """


class FilterGroup(msgspec.Struct, frozen=True):
    """Conditions joined by AND or OR; groups may hold groups."""

    group: Literal["AND", "OR"]
    filters: Sequence["Filter | FilterGroup"]


class Sort(msgspec.Struct, frozen=True, kw_only=True):
    """One sort key. The description shows at most two together."""

    field: str
    direction: Direction


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
    where: Filter | FilterGroup | Sequence[Filter | FilterGroup] | None = None
    """Any other condition, for example `[Filter("city", "eq", "Berlin"), Filter("email", "exists")]`. All of a list
    must hold; `FilterGroup("OR", [...])` asks for one of them."""
    sort: SortField | Sequence[SortField] | None = None
    """One key, or two in the order in which they count. None: the server's order, newest `date_added` first."""
    direction: Direction | Sequence[Direction] | None = None
    """Of `sort`: one for all keys, or one for each. None means "asc"."""

    def __post_init__(self) -> None:
        """Keep a list of conditions as the group it stands for: one form for one meaning, which nobody can change."""
        if isinstance(self.where, list | tuple):
            msgspec.structs.force_setattr(self, "where", FilterGroup("AND", tuple(self.where)))

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
        if isinstance(self.where, FilterGroup) and self.where.group == "AND":
            filters += map(_as_sent, self.where.filters)  # what stands side by side is joined by AND anyway
        elif isinstance(self.where, Filter | FilterGroup):
            filters.append(_as_sent(self.where))
        return tuple(filters)

    @property
    def order(self) -> tuple[Sort, ...]:
        """The sort keys in the API's words; empty for the server's own order."""
        if self.sort is None:
            return ()
        keys: Sequence[SortField] = (self.sort,) if isinstance(self.sort, str) else self.sort
        given = self.direction or "asc"
        directions: Sequence[Direction] = (given,) * len(keys) if isinstance(given, str) else given
        pairs = zip(keys, directions, strict=True)
        return tuple(Sort(field=SORT_FIELDS[key], direction=direction) for key, direction in pairs)


def _as_sent(condition: Filter | FilterGroup) -> Filter | FilterGroup:
    """A copy as it goes over the wire: instants as text, tags in small letters, lists as they are now."""
    if isinstance(condition, FilterGroup):
        return FilterGroup(condition.group, tuple(map(_as_sent, condition.filters)))
    value: Any = condition.value
    if condition.operator == "range":
        value = {name: _bound(name, bound) for name, bound in value.items()}
    elif condition.operator == "nested":
        value = [_as_sent(each) for each in value]
    elif isinstance(value, list | tuple):
        value = [_stored(condition.field, each) for each in value]
    else:
        value = _stored(condition.field, value)
    return Filter(condition.field, condition.operator, value)


def _stored(field: str, value: Any) -> Any:
    return value.strip().lower() if field == "tags" and isinstance(value, str) else value


def _bound(name: str, bound: Any) -> Any:
    return _instant(bound, up=name in {"gte", "lt"}) if isinstance(bound, datetime) else bound


def _instant(at: datetime, *, up: bool = True) -> str:
    """ISO 8601 in UTC with milliseconds. Records carry whole ones: gte and lt are exact rounded up, gt and lte down."""
    whole = at.astimezone(UTC) + timedelta(microseconds=-at.microsecond % 1000 if up else -(at.microsecond % 1000))
    return whole.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The filter grammar of contact search: which operator goes with which field, what it means, and the error strings.

Facts 6.4 [docs] for the grammar, 6.5 [issue][blog] for the messages. A filter compiles to a predicate on a `Row`.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from .ids import parse_ms
from .location import ALWAYS, Window
from .refusals import Refusal, bad_request
from .views import full_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from .location import Location, Ref

__all__ = ["Row", "compile_filters", "split_filters", "text_value"]

_EQUALS: Final = frozenset({"eq", "not_eq"})
_CONTAINS: Final = frozenset({"contains", "not_contains"})
_EXISTS: Final = frozenset({"exists", "not_exists"})
_RANGE: Final = frozenset({"range"})
_NUMERIC: Final = _EQUALS | _EXISTS | _RANGE
_BOUNDS: Final = frozenset({"gte", "lte", "gt", "lt"})

_TEXT_FIELDS: Final = (
    "address", "businessName", "city", "companyName", "firstNameLowerCase", "lastNameLowerCase", "postalCode",
    "source", "state", "tags", "phone",
)  # fmt: skip
_PLAIN_FIELDS: Final = (  # facts 6.4 [docs]: email and website cannot `contains` yet
    "contactName", "email", "website", "assignedTo", "country", "dnd", "followers", "isValidWhatsapp", "timezone",
    "type", "validEmail", "activeWorkflows", "finishedWorkflows",
)  # fmt: skip
_DATE_FIELDS: Final = (
    "dateAdded",
    "dateUpdated",
    "dateOfBirth",
    "lastEmailClickedDate",
    "lastEmailOpenedDate",
    "lastAppointment",
)
_FIELDS: Final[dict[str, frozenset[str]]] = (  # facts 6.4 [docs], the table of fields
    {"id": _EQUALS, "opportunities": frozenset({"nested"})}
    | dict.fromkeys(_TEXT_FIELDS, _EQUALS | _CONTAINS | _EXISTS)
    | dict.fromkeys(_PLAIN_FIELDS, _EQUALS | _EXISTS)
    | dict.fromkeys(_DATE_FIELDS, _EXISTS | _RANGE)
)
_OPPORTUNITY_FIELDS: Final = ("pipelineId", "pipelineStageId", "status")
_CUSTOM_OPERATORS: Final[dict[str, frozenset[str]]] = {
    "CHECKBOX": _EQUALS | _EXISTS,
    "MULTIPLE_OPTIONS": _EQUALS | _EXISTS,
    "NUMERICAL": _NUMERIC,
    "MONETORY": _NUMERIC,
    "DATE": _EXISTS | _RANGE,
    "FILE_UPLOAD": _EXISTS,  # not in the table: [guess]
}


class Row:
    """One contact under a filter; its record is made only if a filter looks at it."""

    __slots__ = ("_record", "location", "ref")

    def __init__(self, location: Location, ref: Ref) -> None:
        """Stand for the contact at `ref`."""
        self.location = location
        self.ref = ref
        self._record: dict[str, Any] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The whole contact."""
        if self._record is None:
            self._record = self.location.record(self.ref)
        return self._record


def text_value(row: Row, field: str) -> Any:
    """Return the value that search sees under `field`."""
    record = row.record
    if field == "contactName":
        return full_name(record)
    if field in {"firstNameLowerCase", "lastNameLowerCase"}:
        value = record[field.removesuffix("LowerCase")]
        return value if value is None else value.lower()
    return record.get("address1" if field == "address" else field)


def compile_filters(filters: object, location: Location) -> Callable[[Row], bool]:
    """Turn the `filters` list of a search body into one predicate; the list is an implicit AND.

    Raises:
        Refusal: 400 with the message of the API.
    """
    if not isinstance(filters, list):
        raise Refusal(
            422, {"statusCode": 422, "message": ["filters must be an array"], "error": "Unprocessable Entity"}
        )
    return _group("AND", filters, location)


def split_filters(filters: list[Any]) -> tuple[Window, list[Any]]:
    """Take the ranges of `dateAdded` that every match must be in out of filters that compile.

    Returns their intersection and the filters that are left.
    """
    window, left = ALWAYS, []
    for node in filters:
        if node.get("group") == "AND":
            inner, rest = split_filters(node["filters"])
            left += rest
        elif node.get("field") == "dateAdded" and node.get("operator") == "range" and "group" not in node:
            inner = _window(node["value"])
        else:
            inner = ALWAYS
            left.append(node)
        window = Window(max(window.first_ms, inner.first_ms), min(window.last_ms, inner.last_ms))
    return window, left


def _window(value: dict[str, object]) -> Window:
    bounds = {name: parse_ms(bound) or 0 for name, bound in value.items()}
    first_ms = max(bounds.get("gte", ALWAYS.first_ms), bounds.get("gt", ALWAYS.first_ms) + 1)
    last_ms = min(bounds.get("lte", ALWAYS.last_ms), bounds.get("lt", ALWAYS.last_ms) - 1)
    return Window(max(first_ms, ALWAYS.first_ms), min(last_ms, ALWAYS.last_ms))


def _group(kind: str, filters: list[Any], location: Location) -> Callable[[Row], bool]:
    parts = [_node(node, location) for node in filters]
    if kind == "OR":
        return lambda row: any(part(row) for part in parts)
    return lambda row: all(part(row) for part in parts)


def _node(node: object, location: Location) -> Callable[[Row], bool]:
    if isinstance(node, dict) and "group" in node:
        kind, inner = node["group"], node.get("filters")
        if kind not in ("AND", "OR") or not isinstance(inner, list):
            raise bad_request(f"Invalid group {kind}")  # wording [guess]
        return _group(kind, inner, location)
    if not isinstance(node, dict) or not isinstance(node.get("field"), str):
        raise bad_request("Invalid field undefined")
    return _leaf(node["field"], str(node.get("operator", "undefined")), node.get("value"), location)


def _leaf(field: str, operator: str, value: object, location: Location) -> Callable[[Row], bool]:
    read, operators = _reader(field, location)
    if operator not in operators:
        raise bad_request(f"Invalid Operator ({operator}) passed for field {field}")  # facts 6.5 [issue]
    test = _test(field, operator, value, numeric=operators >= _NUMERIC)
    if operator == "range" and field in {"dateAdded", "dateUpdated"}:
        instant = _added if field == "dateAdded" else _updated
        return lambda row: test(instant(row))
    if field == "id":
        return lambda row: test(row.location.id_of(row.ref))
    return lambda row: test(read(row))


def _added(row: Row) -> int:
    return row.location.added_ms(row.ref)


def _updated(row: Row) -> int:
    return row.location.updated_ms(row.ref)


def _reader(field: str, location: Location) -> tuple[Callable[[Row], Any], frozenset[str]]:
    if field.startswith("customFields."):
        return _custom_reader(field, location)
    operators = _FIELDS.get(field)
    if operators is None:
        raise bad_request(f"Invalid field {field}")  # facts 6.5 [issue]
    return (lambda row: text_value(row, field)), operators


def _custom_reader(field: str, location: Location) -> tuple[Callable[[Row], Any], frozenset[str]]:
    field_id, dot, option = field.removeprefix("customFields.").partition(".")
    known = location.dictionaries.fields.find(field_id, None)
    if known is None:  # facts 6.5 [issue]; facts 6.4 [issue]: the id, not the key
        raise bad_request(f"Invalid Filter field type - custom_fields.{field_id}! Check if custom field exists")
    data_type = known["dataType"]
    # facts 6.4 [docs]: lists of text boxes alone are asked by option; the wording here is a guess
    if (data_type == "TEXTBOX_LIST") != bool(dot):
        raise bad_request(f"Invalid field {field}")

    def read(row: Row) -> Any:
        value = next((item["value"] for item in row.record["customFields"] if item["id"] == field_id), None)
        return value.get(option) if option and isinstance(value, dict) else value

    return read, _CUSTOM_OPERATORS.get(data_type, _EQUALS | _CONTAINS | _EXISTS)


def _test(field: str, operator: str, value: object, *, numeric: bool) -> Callable[[Any], bool]:
    negated = operator.startswith("not_")
    match operator.removeprefix("not_"):
        case "eq":
            test = _equals(field, operator, value)
        case "contains":
            test = _contains(field, operator, value)
        case "range":
            test = _between(field, value, _number if numeric else parse_ms)
        case "nested":
            test = _nested(field, value)
        case _:
            test = _is_set
    return (lambda held: not test(held)) if negated else test


def _nested(field: str, value: object) -> Callable[[Any], bool]:
    # facts 6.4 [docs]: an array of sub-filters; that one opportunity must pass them all is a guess
    if not isinstance(value, list):
        raise _invalid_value("nested", field)
    tests: list[tuple[str, Callable[[Any], bool]]] = []
    for leaf in value:
        name = leaf.get("field", "undefined") if isinstance(leaf, dict) else "undefined"
        if name not in _OPPORTUNITY_FIELDS:
            raise bad_request(f"Invalid field {name}")
        operator = str(leaf.get("operator", "undefined"))
        if operator not in _EQUALS | _EXISTS:
            raise bad_request(f"Invalid Operator ({operator}) passed for field {name}")
        tests.append((name, _test(name, operator, leaf.get("value"), numeric=False)))
    return lambda held: any(all(test(item[name]) for name, test in tests) for item in held or ())


def _invalid_value(operator: str, field: str) -> Refusal:
    return bad_request(f"Invalid value for '{operator}' operator for '{field}' field")  # facts 6.5 [issue]


def _is_set(held: object) -> bool:
    return held is not None and held not in ("", [], {})


def _fold(value: object) -> object:
    # tags compare with the stored lower-case form, facts 6.4 [blog]; that all text does is a guess
    return value.lower() if isinstance(value, str) else value


def _equals(field: str, operator: str, value: object) -> Callable[[Any], bool]:
    wanted = value if isinstance(value, list) else [value]  # facts 6.4 [docs]: an array means any of
    if not wanted or not all(isinstance(item, str | int | float) and len(str(item)) <= 75 for item in wanted):
        raise _invalid_value(operator, field)
    folded = [_fold(item) for item in wanted]

    def test(held: object) -> bool:
        items = held if isinstance(held, list) else [held]
        return any(_fold(item) in folded for item in items)

    return test


def _contains(field: str, operator: str, value: object) -> Callable[[Any], bool]:
    if not isinstance(value, str) or len(value) > 75:
        raise _invalid_value(operator, field)
    if len(value) < 3:
        raise bad_request("Min. 3 characters required for applying contains filter")  # facts 5.2 [blog]
    wanted = value.lower()

    def test(held: object) -> bool:
        items = held if isinstance(held, list) else [held]
        return any(wanted in str(item).lower() for item in items if item is not None)

    return test


def _number(value: object) -> float | None:
    """Read a number, or a number kept as text as real locations have it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _between(field: str, value: object, read: Callable[[object], float | None]) -> Callable[[Any], bool]:
    if not isinstance(value, dict) or not value or not _BOUNDS.issuperset(value):
        raise _invalid_value("range", field)
    bounds = {name: read(bound) for name, bound in value.items()}
    if None in bounds.values():
        raise _invalid_value("range", field)
    lowest = bounds.get("gte")
    above = bounds.get("gt")
    highest = bounds.get("lte")
    below = bounds.get("lt")

    def test(held: object) -> bool:
        number = read(held)
        if number is None:
            return False
        return not (
            (lowest is not None and number < lowest)
            or (above is not None and number <= above)
            or (highest is not None and number > highest)
            or (below is not None and number >= below)
        )

    return test

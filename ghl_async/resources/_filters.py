"""The rules of `ContactQuery.where`: each that needs no server is checked before anything is sent.

They are those of the vendor's description of contact search, see `models.search`. A mistake is a UsageError that names
the field and says what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from unicodedata import category

from msgspec import UNSET

from ..errors import UsageError
from ..models import FILTER_FIELDS, NESTED_FIELDS, Filter, FilterGroup

__all__ = ["TEXT_CHARACTERS", "check_where"]

TEXT_CHARACTERS = 75
_CONTAINED_CHARACTERS = 3
_BOUNDS = ("gte", "gt", "lte", "lt")
_CUSTOM = "customFields"
_CUSTOM_FIELD = re.compile(r"customFields\.[A-Za-z0-9]{20}(?P<option>\.[A-Za-z0-9_-]+)?")
# A day, or an instant with its zone: without one nobody knows when it is.
_ISO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?")


def check_where(condition: object) -> None:
    """Refuse a condition, or one inside it, that is outside the rules.

    Raises:
        UsageError: names the field and what is allowed.
    """
    if isinstance(condition, Filter):
        _check_filter(condition, FILTER_FIELDS)
    elif isinstance(condition, FilterGroup):
        if condition.group not in {"AND", "OR"}:
            raise UsageError(f"where: the group must be AND or OR, not {condition.group!r}")
        # An empty group is refused, because without it the search would find every contact.
        if not isinstance(condition.filters, list | tuple) or not condition.filters:
            raise UsageError(f"where must hold a list of at least one filter, not {condition.filters!r}")
        for each in condition.filters:
            check_where(each)
    else:
        raise UsageError(
            f"where must be made of Filter and FilterGroup, such as Filter('city', 'eq', 'Berlin'), not {condition!r}"
        )


def _check_filter(condition: Filter, fields: Mapping[str, Sequence[str]]) -> None:
    field, operator, value = condition.field, condition.operator, condition.value
    operators = _operators(field, fields)
    if operator not in operators:
        raise UsageError(f"where: {field} does not take the operator {operator!r}; it takes {', '.join(operators)}")
    match operator.removeprefix("not_"):
        case "eq":
            _check_equal(field, operator, value)
        case "contains":
            _check_contained(field, operator, value)
        case "exists":
            if value is not UNSET:
                raise _refusal(field, operator, "no value", value)
        case "range":
            _check_range(field, value)
        case _:
            _check_nested(field, value)


def _operators(field: object, fields: Mapping[str, Sequence[str]]) -> Sequence[str]:
    # The keys with <fieldId> are forms, not names.
    if isinstance(field, str) and field in fields and "<" not in field:
        return fields[field]
    if isinstance(field, str) and f"{_CUSTOM}.<fieldId>" in fields:
        if custom := _CUSTOM_FIELD.fullmatch(field):
            return fields[f"{_CUSTOM}.<fieldId>.<optionId>" if custom["option"] else f"{_CUSTOM}.<fieldId>"]
        if _folded(field).startswith(_folded(_CUSTOM)):
            raise UsageError(
                f"where: {field!r} names no custom field: write {_CUSTOM}.<fieldId>, with the field's id of 20 letters "
                f"and digits and not its key, or {_CUSTOM}.<fieldId>.<optionId>; `custom_fields.list` tells the ids"
            )
    raise UsageError(f"where: there is no field {field!r}: {_proposal(field, fields)}")


def _proposal(field: object, fields: Mapping[str, Sequence[str]]) -> str:
    """The nearest names, so that a slip is mended at once; all of them where none is near."""
    spelt = {_folded(name): name for name in fields if "<" not in name}
    # Here and not above: only a mistake needs it, and importing the package must cost little.
    from difflib import get_close_matches

    near = get_close_matches(_folded(field), spelt) if isinstance(field, str) else []
    if near:
        return f"did you mean {' or '.join(spelt[name] for name in near)}?"
    return f"it must be one of {', '.join(fields)}"


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _check_equal(field: str, operator: str, value: object) -> None:
    wanted = (
        f"a text of 1 to {TEXT_CHARACTERS} characters, a number or a boolean, or a list of at least one of these "
        "(not_exists finds what is empty)"
    )
    values = value if isinstance(value, list | tuple) else (value,)
    if not values or not all(_is_scalar(each) for each in values):
        raise _refusal(field, operator, wanted, value)


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and len(value) <= TEXT_CHARACTERS
    return _is_number(value) or isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _check_contained(field: str, operator: str, value: object) -> None:
    if (
        not isinstance(value, str)
        or len(value) > TEXT_CHARACTERS
        or len(value.strip()) < _CONTAINED_CHARACTERS
        # Letters, the marks some scripts write on them, digits; what the description calls special is all the rest.
        or not all(each == " " or category(each)[0] in "LMN" for each in value)
    ):
        wanted = f"a text of {_CONTAINED_CHARACTERS} to {TEXT_CHARACTERS} letters, digits and spaces"
        raise _refusal(field, operator, wanted, value)


def _check_range(field: str, value: object) -> None:
    dates = "aware datetimes, ISO 8601 texts (a day, or a time with its zone) or epoch milliseconds"
    numbers = field.startswith(_CUSTOM)
    wanted = f"a dict of one or more of {', '.join(_BOUNDS)}, whose values are {dates}{' or numbers' * numbers}"
    if not isinstance(value, dict) or not value or not all(name in _BOUNDS for name in value):
        raise _refusal(field, "range", wanted, value)
    if not all(_is_bound(bound, numbers=numbers) for bound in value.values()):
        raise _refusal(field, "range", wanted, value)


def _is_bound(bound: object, *, numbers: bool) -> bool:
    if isinstance(bound, datetime):
        return bound.utcoffset() is not None
    if isinstance(bound, str):
        try:
            return bool(_ISO.fullmatch(bound)) and datetime.fromisoformat(bound) is not None
        except ValueError:
            return False
    return _is_number(bound) and (numbers or isinstance(bound, int))


def _check_nested(field: str, value: object) -> None:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(each, Filter) for each in value):
        raise _refusal(field, "nested", f"a list of at least one Filter on {', '.join(NESTED_FIELDS)}", value)
    for each in value:
        _check_filter(each, NESTED_FIELDS)


def _refusal(field: str, operator: str, wanted: str, value: object) -> UsageError:
    given = "none" if value is UNSET else repr(value)
    return UsageError(f"where: {operator} of {field} takes {wanted}, not {given}")

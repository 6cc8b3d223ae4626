"""From the values of custom fields as people write them to the API's list, each checked against its field's type.

What each type takes stands in the schemas of `customFields` in the vendor's apps/contacts.json (TextField,
NumericField, ...); for DATE, PHONE and TEXTBOX_LIST there is none. A type that is not known here passes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from ..dictionary import Index
from ..errors import UsageError
from ..models import CustomField, CustomFieldValue
from ._phones import e164, needs_country

__all__ = ["custom_items", "has_local_phone", "pairs", "unchecked_items"]

_VALUE_KEY = {"v2": "field_value", "v3": "fieldValue"}
"""v3 takes the older word still."""
_LARGEST_WHOLE = 2**53 - 1
"""JSON numbers beyond it lose digits in JavaScript."""
_ID_CHARACTERS = 20
_KEY = re.compile(r"[A-Za-z0-9_.]+")
_MOST_SHOWN = 20
_SHOWN_CHARACTERS = 60


def pairs(operation: str, given: object) -> list[tuple[str, Any]]:
    """What people wrote, {"id, key or name": value} or a list of `CustomFieldValue`, as pairs.

    Raises:
        UsageError: it is neither, or a field has no name.
    """
    if isinstance(given, Mapping):
        found = [*given.items()]
    elif isinstance(given, list | tuple) and all(isinstance(each, CustomFieldValue) for each in given):
        found = [(each.id, each.value) for each in given]
    else:
        raise UsageError(
            f"custom_fields: {operation} takes a mapping from id, key or name to value, or a list of CustomFieldValue, "
            f"not {type(given).__name__}"
        )
    for name, _ in found:
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"custom_fields: {operation} cannot send {name!r}: a field has no name")
    return found


def custom_items(
    operation: str,
    given: Iterable[tuple[str, Any]],
    fields: Index[CustomField],
    *,
    generation: Literal["v2", "v3"] = "v2",
    country: str | None = None,
) -> list[dict[str, Any]]:
    """Make the API's list, [{"id": ..., "field_value": ...}]. None and empty values clear.

    Args:
        given: the `pairs`.
        country: two letters, ISO 3166: where phone numbers without a `+` are dialled.

    Raises:
        UsageError: names the field, and says what it takes.
    """
    items: dict[str, dict[str, Any]] = {}
    for name, value in given:
        try:
            field = fields.find(name)
        except UsageError as fault:
            raise UsageError(f"custom_fields: {operation}: {fault}") from None
        if field.id in items:
            raise UsageError(f"custom_fields: {operation} is given two values for {fields.show(field)}")
        what = f"custom_fields: {operation}, {fields.show(field)}"
        items[field.id] = {"id": field.id, _VALUE_KEY[generation]: _value(what, field, value, country)}
    return [*items.values()]


def unchecked_items(
    operation: str, given: Iterable[tuple[str, Any]], *, generation: Literal["v2", "v3"] = "v2"
) -> list[dict[str, Any]]:
    """Make the API's list where the location's fields are not known: by id what looks like one, the rest by key.

    Raises:
        UsageError: a field is neither named by id nor by key, or a value is none that any field takes.
    """
    items = []
    for name, value in given:
        what = f"custom_fields: {operation}, {name}"
        if value is None:
            raise UsageError(
                f"custom_fields: {operation} cannot send None for {name}, whose type is not known here: an empty text "
                "clears it, or an empty list where several can be chosen"
            )
        is_id = len(name) == _ID_CHARACTERS and name.isascii() and name.isalnum()
        if not is_id and not _KEY.fullmatch(name):
            raise UsageError(f"{what}: the location's custom fields are not known here: name it by its id or its key")
        items.append({"id" if is_id else "key": name, _VALUE_KEY[generation]: _any_value(what, value)})
    return items


def has_local_phone(given: Iterable[tuple[str, Any]], fields: Index[CustomField]) -> bool:
    """Whether one of the values, for fields that are all known, is a phone number that needs the country."""
    return any(
        isinstance(value, str) and fields.find(name).data_type == "PHONE" and needs_country(value)
        for name, value in given
    )


def _value(what: str, field: CustomField, value: object, country: str | None) -> object:
    if value is None or (isinstance(value, str | list | tuple | Mapping) and not value):
        # That an empty value clears is what clients do; no operation's description speaks of it.
        return _EMPTY.get(field.data_type or "", "")
    if field.data_type == "PHONE":
        return e164(what, _as_text(what, "a phone number as text", value), country)
    return _CHECKS.get(field.data_type or "", _anything)(what, field, value)


def _text(what: str, _: CustomField, value: object) -> str:
    return _as_text(what, "text", value)


def _number(what: str, _: CustomField, value: object) -> int | float:
    if isinstance(value, Decimal) and value.is_finite():
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, int) and not isinstance(value, bool):  # which may be beyond all floats
        if abs(value) > _LARGEST_WHOLE:
            raise _refusal(what, f"a number up to {_LARGEST_WHOLE}: beyond it digits are lost", value)
        return value
    if not isinstance(value, float) or not math.isfinite(value):
        raise _refusal(what, "a finite number", value)
    return value


def _date(what: str, _: CustomField, value: object) -> str:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise _refusal(what, 'a date, or one as text, "2026-07-17"', value) from None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise _refusal(what, "a date without a time", value)
    return value.isoformat()


def _choice(what: str, field: CustomField, value: object) -> str:
    chosen = _as_text(what, "the text of one option", value)
    _check_options(what, field, [chosen])
    return chosen


def _choices(what: str, field: CustomField, value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise _refusal(what, "a list of texts, one for each option", value)
    _check_options(what, field, value)
    return [*value]


def _boxes(what: str, field: CustomField, value: object) -> dict[str, str]:
    """By the boxes' ids, as a search names them (`customFields.<fieldId>.<optionId>`); people may write the labels."""
    written: list[Any] = [*value.items()] if isinstance(value, Mapping) else [(None, None)]
    if not all(isinstance(each, str) for pair in written for each in pair):
        raise _refusal(what, "a mapping from the label or the id of a box to its text", value)
    boxes = [option for option in field.picklist_options if isinstance(option, dict) and option.get("id")]
    ids = {str(box.get("label") or box["id"]): str(box["id"]) for box in boxes}
    labels = [*ids]
    ids |= {box_id: box_id for box_id in ids.values()}
    texts: dict[str, str] = {}
    for name, text in written:
        if ids and name not in ids:
            raise _no_option(what, name, labels)
        if (box_id := ids.get(name, name)) in texts:
            raise _refusal(what, "one text for each box", value)
        texts[box_id] = text
    return texts


def _files(what: str, _: CustomField, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(file, Mapping) for name, file in value.items()
    ):
        raise _refusal(what, 'the API\'s object for files, {"<uuid>": {"meta": {...}, "url": ..., ...}}', value)
    return {**value}


def _anything(what: str, _: CustomField, value: object) -> object:
    return _any_value(what, value)


def _any_value(what: str, value: object) -> object:
    takes = isinstance(value, str | int | float | list | tuple | Mapping | date) and not isinstance(value, datetime)
    if not takes or (isinstance(value, float) and not math.isfinite(value)):
        raise _refusal(what, "text, a finite number, a date, a list or an object", value)
    return value


_CHECKS: dict[str, Callable[[str, CustomField, object], object]] = {
    "TEXT": _text,
    "LARGE_TEXT": _text,
    "SINGLE_OPTIONS": _choice,
    "RADIO": _choice,
    "NUMERICAL": _number,
    "MONETORY": _number,
    "CHECKBOX": _choices,
    "MULTIPLE_OPTIONS": _choices,
    "DATE": _date,
    "TEXTBOX_LIST": _boxes,
    "FILE_UPLOAD": _files,
}
_EMPTY: dict[str, object] = {"CHECKBOX": [], "MULTIPLE_OPTIONS": [], "TEXTBOX_LIST": {}, "FILE_UPLOAD": {}}


def _check_options(what: str, field: CustomField, chosen: Iterable[str]) -> None:
    options = [label for option in field.picklist_options for label in _labels(option)]
    if not options or field.is_allowed_custom_option:
        return
    for each in chosen:
        if each not in options:
            raise _no_option(what, each, options)


def _labels(option: object) -> Iterable[str]:
    """Options come as texts; the newer module for custom fields describes them as {"key", "label", "url"}."""
    if isinstance(option, str):
        return (option,)
    return (str(option[key]) for key in ("label", "key") if option.get(key)) if isinstance(option, dict) else ()


def _as_text(what: str, takes: str, value: object) -> str:
    if not isinstance(value, str):
        raise _refusal(what, takes, value)
    return value


def _no_option(what: str, given: str, options: Sequence[str]) -> UsageError:
    shown = ", ".join(map(repr, options[:_MOST_SHOWN]))
    more = f" and {len(options) - _MOST_SHOWN} more" if len(options) > _MOST_SHOWN else ""
    return UsageError(f"{what} has no option {_short(given)}: they are {shown}{more}")


def _refusal(what: str, takes: str, value: object) -> UsageError:
    return UsageError(f"{what} takes {takes}, not {_short(value)} ({type(value).__name__})")


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."

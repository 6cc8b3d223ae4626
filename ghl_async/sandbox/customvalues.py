"""The values of custom fields in the body of a contact: `{id or key, field_value}` (facts 7.3 [spec])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .shapes import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .location import Location

__all__ = ["item_faults", "values_of"]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return is_whole(value) or isinstance(value, float)


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


_Check = tuple["Callable[[object], bool]", str]
_TEXT: Final[_Check] = (_is_text, "a string")
_NUMBER: Final[_Check] = (_is_number, "a number conforming to the specified constraints")
_CHECKS: Final[Mapping[str, _Check]] = {  # facts 7.3 [spec]; for the types it does not name [guess]
    "NUMERICAL": _NUMBER,
    "MONETORY": _NUMBER,
    "CHECKBOX": (_is_list_of_text, "an array of strings"),
    "MULTIPLE_OPTIONS": (_is_list_of_text, "an array of strings"),
    "FILE_UPLOAD": (_is_object, "an object"),
    "TEXTBOX_LIST": (_is_object, "an object"),
}
_EMPTY: Final[tuple[object, ...]] = ("", [], {})


def item_faults(item: object, *, v3: bool) -> list[str]:
    """Return what is wrong with the shape of one item."""
    if not isinstance(item, dict):
        return ["must be an object"]
    allowed = {"id", "key", "field_value"} | ({"fieldValue"} if v3 else set())  # facts 13 [spec]
    faults = [f"property {name} should not exist" for name in item if name not in allowed]
    faults += [f"{name} must be a string" for name in ("id", "key") if not isinstance(item.get(name), str | None)]
    if not item.get("id") and not item.get("key"):  # facts 7.3: the key alone works [blog]
        faults.append("id should not be empty")
    return faults


def values_of(items: list[dict[str, Any]], location: Location) -> tuple[dict[str, Any], list[str]]:
    """Return the values by field, None for one that is cleared, and everything that is wrong with them.

    What the real service says to an unknown field or a wrong type is not known: both are a 422 here [guess].
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for place, item in enumerate(items):
        name = "fieldValue" if "fieldValue" in item else "field_value"
        field, value = location.dictionaries.fields.find(item.get("id") or None, item.get("key")), item.get(name)
        if field is None:
            faults.append(
                f"customFields.{place}.{'id' if item.get('id') else 'key'} must be a custom field of the location"
            )
            continue
        if value is None or value in _EMPTY:  # facts 7.3 [guess]: an empty value clears
            values[field["id"]] = None
            continue
        fits, words = _CHECKS.get(field["dataType"], _TEXT)
        if fits(value):
            values[field["id"]] = value
        else:
            faults.append(f"customFields.{place}.{name} must be {words}")
    return values, faults

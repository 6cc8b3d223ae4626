"""The shape of a JSON body: which properties it may have, and of which type each must be.

The wording is that of class-validator (facts 5.2 [guess]); a property that is not in the list is a 422 (facts 1
[issue]).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

from .ids import parse_ms
from .refusals import unprocessable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeGuard

__all__ = [
    "END_MS",
    "Shape",
    "choice_faults",
    "expect_shape",
    "instant_ms",
    "is_whole",
    "number_faults",
    "shape_faults",
]

_FIRST_MS: Final = -62_104_060_800_000
END_MS: Final = 253_370_764_800_000
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FROM_ZERO: Final = frozenset({"skip", "position"})

Shape = Literal["string", "strings", "boolean", "number", "object", "list", "instant"]
_TYPES: Final[dict[Shape, tuple[type, str]]] = {
    "string": (str, "a string"),
    "boolean": (bool, "a boolean value"),
    "object": (dict, "an object"),
    "list": (list, "an array"),
}


def expect_shape(
    body: Mapping[str, Any], properties: Mapping[str, Shape], needed: tuple[str, ...] = (), *, more: Sequence[str] = ()
) -> None:
    """Validate a body; null counts as left out, but not for a property that is `needed`. `more` is wrong besides.

    Raises:
        Refusal: 422 with a list of everything that is wrong.
    """
    messages = [*shape_faults(body, properties, needed), *more]
    if messages:
        raise unprocessable(messages)


def shape_faults(body: Mapping[str, Any], properties: Mapping[str, Shape], needed: tuple[str, ...] = ()) -> list[str]:
    """Return everything that is wrong with the shape of a body."""
    messages = [f"property {name} should not exist" for name in body if name not in properties]
    for name, shape in properties.items():
        value = body.get(name)
        if value is not None or name in needed:
            messages += _faults(name, shape, value)
        if name in needed and value == "":
            messages.append(f"{name} should not be empty")
    return messages


def choice_faults(body: Mapping[str, Any], name: str, allowed: Sequence[str]) -> list[str]:
    """Return what is wrong with a property that has a list of values, in a list of at most one."""
    value = body.get(name)
    if value is None or value in allowed:
        return []
    return [f"{name} must be one of the following values: {', '.join(allowed)}"]


def _faults(name: str, shape: Shape, value: object) -> list[str]:
    if shape == "strings":
        if not isinstance(value, list):
            return [f"{name} must be an array"]
        return [] if all(isinstance(item, str) for item in value) else [f"each value in {name} must be a string"]
    if shape == "number":
        return number_faults(name, value, lowest=0 if name in _FROM_ZERO else 1)
    if shape == "instant":
        return [] if instant_ms(value) is not None else [f"{name} must be a valid ISO 8601 date string"]
    kind, words = _TYPES[shape]
    return [] if isinstance(value, kind) else [f"{name} must be {words}"]


def instant_ms(value: object) -> int | None:
    """Read an ISO 8601 string, UTC where it names no offset [guess]; None for anything else.

    None as well for the years before 2 and after 9998: in some time zone they could not be shown.
    """
    ms = parse_ms(value) if isinstance(value, str) and _ISO.match(value) else None
    return ms if ms is not None and _FIRST_MS <= ms < END_MS else None


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether JSON calls it a whole number: 10.0 is one, "10" and true are none."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def number_faults(name: str, value: object, *, lowest: int = 1, highest: int | None = None) -> list[str]:
    """Return what is wrong with a number of a body, in a list of at most one."""
    if not is_whole(value):
        return [f"{name} must be a number conforming to the specified constraints"]
    if value < lowest:
        return [f"{name} must not be less than {lowest}"]
    if highest is not None and value > highest:
        return [f"{name} must not be greater than {highest}"]
    return []

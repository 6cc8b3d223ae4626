"""The shape of a JSON body: which properties it may have, and of which type each must be.

The wording is that of class-validator (facts 5.2 [guess]); a property that is not in the list is a 422 (facts 1
[issue]).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from .refusals import unprocessable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

__all__ = ["Shape", "expect_shape", "is_whole", "number_faults"]

Shape = Literal["string", "strings", "boolean", "number"]
_WORDS: Final[dict[Shape, str]] = {"string": "a string", "boolean": "a boolean value"}


def expect_shape(body: Mapping[str, Any], properties: Mapping[str, Shape], needed: tuple[str, ...] = ()) -> None:
    """Validate a body; null counts as left out, but not for a property that is `needed`.

    Raises:
        Refusal: 422 with a list of everything that is wrong.
    """
    messages = [f"property {name} should not exist" for name in body if name not in properties]
    for name, shape in properties.items():
        value = body.get(name)
        if value is not None or name in needed:
            messages += _faults(name, shape, value)
        if name in needed and value == "":
            messages.append(f"{name} should not be empty")
    if messages:
        raise unprocessable(messages)


def _faults(name: str, shape: Shape, value: object) -> list[str]:
    if shape == "strings":
        if not isinstance(value, list):
            return [f"{name} must be an array"]
        return [] if all(isinstance(item, str) for item in value) else [f"each value in {name} must be a string"]
    if shape == "number":
        return number_faults(name, value, lowest=0 if name == "skip" else 1)
    return [] if isinstance(value, str if shape == "string" else bool) else [f"{name} must be {_WORDS[shape]}"]


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

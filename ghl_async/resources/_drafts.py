"""From a draft, or from changes, to the body of a write, with every check that needs no server.

What is wrong is a UsageError that names the field; nothing was sent then. The types in the models say what each field
takes: `None` among them where the published schema lets the property be null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct

from ..errors import UsageError
from ..models import Draft
from ._search import require_instant

__all__ = ["check_times", "one_draft", "shown", "written"]

_BLANK_CLEARS = "an empty text clears it"
_NOTHING_CLEARS = "it can be changed and not cleared"
_KINDS = (datetime, date)
_MOST_SHOWN = 200


def one_draft(operation: str, kind: type[Draft], given: object) -> None:
    """Refuse what is no `kind`.

    Raises:
        UsageError: says what is wanted.
    """
    if not isinstance(given, kind):
        raise UsageError(f"{operation} takes one {kind.__name__}, not {type(given).__name__}")


def written(
    operation: str, kind: type[Draft], given: object, refused: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Give the set fields by the API's names; those that are UNSET are left out.

    Args:
        refused: fields that this operation of the API does not take, and what to do instead.

    Raises:
        UsageError: names the field that is wrong, or says that nothing is set.
    """
    one_draft(operation, kind, given)
    body = {}
    for field in msgspec.structs.fields(kind):
        value = getattr(given, field.name)
        if value is UNSET:
            continue
        if refused and field.name in refused:
            raise UsageError(f"{field.name}: {operation} does not take it: {refused[field.name]}")
        _check(operation, field, value, clears=kind.changes)
        body[field.encode_name] = value
    if not body:
        raise UsageError(f"{operation}: no field of the {kind.__name__} is set")
    return body


def check_times(operation: str, start: object, end: object) -> None:
    """Refuse an end that is not later than the start, where both are set.

    Raises:
        UsageError: names both fields.
    """
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise UsageError(f"{operation}: end_time must be later than start_time: {end} is not later than {start}")


def _check(operation: str, field: msgspec.structs.FieldInfo, value: object, *, clears: bool) -> None:
    kinds = get_args(field.type) or (field.type,)
    if value is None:
        if type(None) in kinds:
            return
        advice = (_BLANK_CLEARS if str in kinds else _NOTHING_CLEARS) if clears else "leave it out"
        raise UsageError(f"{field.name}: {operation} cannot send None, the API takes no null here: {advice}")
    try:
        # A Struct was checked by nobody so far: msgspec checks what it decodes, not what is made by hand.
        plain = msgspec.to_builtins(value, builtin_types=_KINDS) if isinstance(value, Struct) else value
        msgspec.convert(plain, field.type, builtin_types=_KINDS)
        msgspec.json.encode(value, enc_hook=_anything)
    except UnicodeEncodeError:
        raise UsageError(f"{field.name}: {operation} cannot send {shown(value)}: it is no Unicode text") from None
    except (msgspec.ValidationError, TypeError) as fault:
        choices = _choices(field.type)
        why = f"it is one of {', '.join(choices)}" if choices else fault
        raise UsageError(f"{field.name}: {operation} cannot send {shown(value)}: {why}") from None
    if isinstance(value, datetime):
        require_instant(field.name, value)
    if isinstance(value, str) and not value.strip() and (field.required or type(None) in kinds or not clears):
        advice = "the API needs it" if field.required else "None clears it" if clears else "leave it out"
        raise UsageError(f"{field.name}: {operation} cannot send an empty text: {advice}")
    for text in value if isinstance(value, list | tuple) else ():
        if isinstance(text, str) and not text.strip():
            raise UsageError(f"{field.name}: {operation} cannot send a list with an empty text")


def shown(value: object) -> str:
    """A value as an error shows it: what is long is cut."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _choices(kind: Any) -> list[str]:
    """The texts that a field takes, if it takes no other ones."""
    kinds = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    found = [str(each) for one in kinds if get_origin(one) is Literal for each in get_args(one)]
    return [] if str in kinds else found


def _anything(value: object) -> object:
    """Stand in for what msgspec does not encode; whether it may be sent is not asked here."""
    return dict(value) if isinstance(value, Mapping) else None

"""The two structs that cross the door between the verbs and the wire, and the type of the door itself.

Knows nothing of HTTP libraries, models or quota.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Literal, TypeAlias
from urllib.parse import quote

import msgspec

from ..errors import UsageError

__all__ = ["Before", "Lane", "Reply", "Request", "Send", "fill"]

Lane: TypeAlias = Literal["interactive", "bulk"]


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One operation of the API, ready to be sent by any attempt."""

    operation: str
    """Our name for it, used in errors and events: "contacts.get"."""
    method: str
    template: str
    """The path as the API documents it: "/contacts/{contactId}/tasks". Goes into events; ids never do."""
    ids: tuple[str, ...] = ()
    """What fills the braces of `template`, in order, unquoted."""
    query: tuple[tuple[str, str], ...] = ()
    body: object = None
    """Anything msgspec encodes; None sends no body."""
    version: str = "2021-07-28"
    idempotent: bool = True
    """Whether a repeat after an unknown outcome is harmless. False for creates."""
    scope: str | None = None
    """The scope the operation needs, to be named when it is missing."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A complete answer with a success status."""

    status: int
    body: bytes
    date: str | None = None
    """The header of this name: when the server answered, by its clock."""


Before: TypeAlias = Callable[[], Awaitable[None]]
"""What is awaited before an attempt goes on the wire."""

Send: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""The one thing a resource is given: sends a request in the lane and with the retries its client was made for."""


@lru_cache(maxsize=512)
def _literals(template: str) -> tuple[str, ...]:
    return tuple(re.split(r"\{[^}]*\}", template))


def fill(template: str, ids: tuple[str, ...]) -> str:
    """Put quoted ids into a path template: ("/contacts/{contactId}", ("a b",)) gives "/contacts/a%20b".

    Raises:
        UsageError: an id is empty, ".", "..", or holds a slash: such a path would reach another endpoint.
    """
    literals = _literals(template)
    if len(literals) != len(ids) + 1:
        raise UsageError(f"{template} takes {len(literals) - 1} ids, {len(ids)} were given")
    path = literals[0]
    for value, literal in zip(ids, literals[1:], strict=True):
        if not isinstance(value, str):
            raise UsageError(f"an id for {template} must be text, not {type(value).__name__}")
        # aiohttp folds "..", and a slash would change the route: refuse both instead of asking the wrong endpoint.
        if value in {"", ".", ".."} or "/" in value or "\\" in value:
            raise UsageError(f"{value!r} is not an id (for {template})")
        try:
            path += (value if value.isalnum() and value.isascii() else quote(value, safe="")) + literal
        except UnicodeEncodeError:
            raise UsageError(f"{value!r} is not an id (for {template}): it is no text that can be sent") from None
    return path

"""What is known of one credential, and where it is kept: `Tokens`, the `Key` they go by, the `TokenStore` protocol."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from ..errors import UsageError

__all__ = ["PRIVATE", "Key", "Owner", "TokenStore", "Tokens"]

Owner: TypeAlias = Literal["location", "company"]
PRIVATE = "pit"
"""Stands in place of an app's client id with private integration tokens."""


class Key(msgspec.Struct, frozen=True, order=True):
    """Whose tokens: of one app for one location or one company."""

    app_id: str
    """The app's client id, or `PRIVATE`."""
    owner: Owner
    owner_id: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """One credential. Its repr and its str show no secret, and it is not pickled: its place is a `TokenStore`."""

    access_token: str
    refresh_token: str | None = None
    """None: it cannot be refreshed (private tokens, location tokens minted from an agency's)."""
    expires_at: float | None = None
    """Seconds since 1970 by our clock; None: it does not expire."""
    scopes: tuple[str, ...] = ()
    company_id: str | None = None
    user_id: str | None = None
    issued_at: float | None = None
    """When it was saved first, by our clock."""
    granted_at: float | None = None
    """When the login was that it comes from, by the clock of whoever logged in. Renewals keep it, and a location's
    token that a company's has brought has the company's: so it shows when that login is not the last one any more."""
    refresh_began_at: float | None = None
    """Set before a refresh is sent, and gone with the pair that it brings. Still there after a crash: the answer may
    have been lost, and within 30 s the same refresh token brings the same pair again (facts 9.3)."""
    next_token: str | None = None
    """Private tokens alone: the one that is to take over, kept beside this one until it was probed."""

    def __repr__(self) -> str:
        until = "" if self.expires_at is None else f" until {self.expires_at:.0f}"
        return f"<tokens{until}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show no field where rich prints it, in a traceback with locals for one."""
        return []

    def __reduce__(self) -> str:
        raise UsageError("Tokens are not pickled, because of their secrets: keep them in a store")


class TokenStore(Protocol):
    """Keeps tokens for one process or many. What `save` was given is durable when it returns, whole or not at all."""

    async def load(self, key: Key, /) -> Tokens | None:
        """What is kept for `key`; None if nothing is.

        Raises:
            StoreFailed, StoreMismatch: it cannot be read; says what to do.
        """
        ...

    async def save(self, key: Key, tokens: Tokens, /) -> None:
        """Keep these instead of what was kept for `key`.

        Raises:
            StoreFailed, StoreMismatch: nothing was overwritten.
        """
        ...

    async def delete(self, key: Key, /) -> bool:
        """Forget what is kept for `key`; whether there was anything."""
        ...

    async def keys(self) -> list[Key]:
        """Whose tokens are kept, sorted."""
        ...

    def lock(self, key: Key, /) -> AbstractAsyncContextManager[None]:
        """Hold `key` alone, among all tasks and processes that share the store. A process that dies lets go of it."""
        ...

    async def close(self) -> None:
        """Let go of everything; may be called twice."""
        ...

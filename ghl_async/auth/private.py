"""Private integration tokens: no refresh, but a rotation without a restart (facts 2.2).

Two tokens stand side by side. The new one is probed, then takes over; the old one stays at hand until it is refused.
"Rotate and expire later" at the vendor leaves seven days for that.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Self, TypeAlias

import msgspec

from ..errors import GHLError, NoToken, ScopeMissing, Unauthorized, UsageError, WrongLocation
from ..hooks import Hook, LoggingHook, TokenRenewed, TokenTrouble, emit
from .tokens import PRIVATE, Key, Tokens, TokenStore

__all__ = ["PrivateToken", "Probe"]

Probe: TypeAlias = Callable[[str], Awaitable[object]]
"""Uses the token given for a call that shows whether it is good, and raises if it is not."""

AGAIN_SECONDS = 1.0
"""How often it is asked because both tokens were refused."""
LOOK_SECONDS = 60.0
"""How often the store is asked for a token that was put beside the present one."""


def _checked(token: str, name: str) -> str:
    token = token.strip() if isinstance(token, str) else ""
    if not token:
        raise NoToken(f"{name} is empty: give a private integration token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{name} holds characters that no token has: was something else pasted?")
    return token


class PrivateToken:
    """A `TokenSource` for a client: a private integration token that can be replaced while everything runs.

        source = PrivateToken(token)
        async with GHLClient(source, location_id=location_id) as ghl:
            ...
            await source.rotate(new_token, probe)

    Args:
        token: the present one.
        next_token: one that is to take over: it is tried first. At its first refusal, be it for a missing scope or
            another location, the present one is used again; from then on it is only tried if that is refused.
        hooks: callables that are told of swaps and of trouble with them; both are logged too.
    """

    app_id = PRIVATE

    def __init__(self, token: str, *, next_token: str | None = None, hooks: Sequence[Hook] = ()) -> None:
        self._token = _checked(token, "the token")
        self._spare: str | None = None
        """The other one, to be tried if the one in use is refused."""
        self._unproven: str | None = None
        """Which of the two was given without a probe: it may lack scopes, or be of another location."""
        self._refused: str | None = None
        """The one that was refused last."""
        self._may_look_at = -math.inf
        """When a refusal may be a reason to ask the store again."""
        self._hooks: tuple[Hook, ...] = (LoggingHook(), *hooks)
        self._store: TokenStore | None = None
        self._key = Key(PRIVATE, "location", "")
        self._probe: Probe | None = None
        self._look_at = math.inf
        self._turn = asyncio.Lock()
        if next_token is not None:
            self._try(_checked(next_token, "the next token"))

    @classmethod
    def from_env(cls, *, hooks: Sequence[Hook] = ()) -> Self:
        """Take the token from GHL_TOKEN and, where set, the one that is to take over from GHL_NEXT_TOKEN.

        Raises:
            NoToken: GHL_TOKEN is not set.
        """
        token = os.environ.get("GHL_TOKEN", "")
        if not token.strip():
            raise NoToken("GHL_TOKEN is not set: put a private integration token of the location there")
        return cls(token, next_token=os.environ.get("GHL_NEXT_TOKEN") or None, hooks=hooks)

    @classmethod
    async def load(cls, store: TokenStore, location_id: str, *, probe: Probe, hooks: Sequence[Hook] = ()) -> Self:
        """Take what the store keeps for a location, and look at it again each minute while the token is used.

        So a new token that is put beside the old one, by this or another process, takes over by itself.

        Args:
            store: must stay open as long as this source is used.
            location_id: whose token.
            probe: proves a new token before it takes over, for example by reading one contact with it. Not
                by a client that shares the location's budget: the call that waits for the probe may hold its only slot.
            hooks: callables that are told of swaps and of trouble with them.

        Raises:
            NoToken: the store has none for it.
            StoreFailed, StoreMismatch: the store cannot be read.
        """
        key = Key(PRIVATE, "location", location_id)
        tokens = await store.load(key)
        if tokens is None:
            raise NoToken(f"no token is stored for location {location_id}: ghl-async login")
        source = cls(tokens.access_token, hooks=hooks)
        source._store, source._key, source._probe = store, key, probe
        source._look_at = -math.inf if tokens.next_token else asyncio.get_running_loop().time() + LOOK_SECONDS
        return source

    def __repr__(self) -> str:
        return "<a private token>"

    def __reduce__(self) -> str:
        raise UsageError("a PrivateToken is not pickled, because of its secret: make it where it is needed")

    async def token(self) -> str:
        """Return the token in use."""
        if self._store is not None and asyncio.get_running_loop().time() >= self._look_at and not self._turn.locked():
            async with self._turn:
                await self._look()
        return self._token

    async def reject(self, token: str, *, is_good: bool = False) -> None:
        """Take note that the server refused this one; the other one of the two, if there is one, takes its place.

        The two change places, because a refusal may be the server's mistake: if the other is refused they change again,
        and the store is asked for a third. One that `is_good` for other calls keeps its place once it was probed.
        """
        if token != self._token or (is_good and token != self._unproven):
            return
        if self._spare in {None, self._refused}:
            await self._look_for_a_third(token)
        self._refused = token
        if token == self._token and self._spare is not None:
            self._token, self._spare = self._spare, self._token
            which = "new token" if token == self._unproven else "token in use"
            self._tell_trouble(f"the {which} was refused, the other one is used")

    async def _look_for_a_third(self, refused: str) -> None:
        # All who were refused together wait for one look; and where nothing is good, not every call costs one.
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if refused == self._token and now >= self._may_look_at:
                self._may_look_at = now + AGAIN_SECONDS
                await self._look()

    async def rotate(self, new: str, probe: Probe | None = None) -> None:
        """Put a new token in place of the present one, which stays at hand until it is refused.

        With a `probe`, this one or that of `load`, it must pass first, and a store gets it then; without one it takes
        over at once, and gives way at its first refusal.

        Raises:
            GHLError: what the probe raised; nothing has changed.
            StoreFailed, StoreMismatch: the store did not take it; nothing has changed.
        """
        new, probe = _checked(new, "the new token"), probe or self._probe
        async with self._turn:
            if new == self._token:
                return
            if probe is None:
                self._try(new)
                return
            stored = None if self._store is None else await self._store.load(self._key)
            await probe(new)
            await self._save(new, instead_of=(new, None if stored is None else stored.next_token))
            self._swap(new)

    @property
    def _proven(self) -> str:
        return self._spare if self._token == self._unproven and self._spare is not None else self._token

    def _try(self, new: str) -> None:
        self._token, self._spare, self._unproven = new, self._proven, new

    def _swap(self, new: str) -> None:
        self._token, self._spare, self._unproven = new, self._proven, None
        emit(self._hooks, TokenRenewed(self._key.owner, self._key.owner_id, "swapped"))

    def _tell_trouble(self, reason: str) -> None:
        emit(self._hooks, TokenTrouble(self._key.owner, self._key.owner_id, reason, None))

    def _locked(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._store is None else self._store.lock(self._key)

    async def _save(self, token: str, *, instead_of: Sequence[str | None]) -> None:
        """Store a proven one. What stands beside it goes if it is one of these; else a login has just put it there."""
        if self._store is None:
            return
        async with self._locked():
            stored = await self._store.load(self._key) or Tokens(access_token=token)
            kept = None if stored.next_token in instead_of else stored.next_token
            await self._store.save(self._key, msgspec.structs.replace(stored, access_token=token, next_token=kept))

    async def _drop(self, refused: str) -> None:
        """Take a new token that failed out of the store. The calls go on if that fails: it is refused again then."""
        if self._store is None:
            return
        try:
            async with self._locked():
                stored = await self._store.load(self._key)
                if stored is not None and stored.next_token == refused:
                    await self._store.save(self._key, msgspec.structs.replace(stored, next_token=None))
        except GHLError as error:
            self._tell_trouble(str(error))

    async def _look(self) -> None:
        """See what the store has by now. The token in use goes on if anything fails. The turn is ours."""
        if self._store is None:
            return
        self._look_at = asyncio.get_running_loop().time() + LOOK_SECONDS
        try:
            stored = await self._store.load(self._key)
            if stored is not None:
                await self._heed(stored)
        except GHLError as error:
            self._tell_trouble(f"the token in use is kept: {error}")
        except Exception as error:  # noqa: BLE001  (a probe is the caller's, and no call fails because of it)
            self._tell_trouble(f"the token in use is kept: the probe of the new one raised {type(error).__name__}")

    async def _heed(self, stored: Tokens) -> None:
        new = stored.next_token
        if new is not None and self._probe is not None and await self._passes(self._probe, new):
            await self._save(new, instead_of=(new,))
            self._swap(new)
        elif stored.access_token != self._token:
            self._swap(stored.access_token)  # another process has proven it

    async def _passes(self, probe: Probe, new: str) -> bool:
        try:
            await probe(new)
        except (Unauthorized, ScopeMissing, WrongLocation, NoToken) as error:
            if isinstance(error, Unauthorized) and not error.is_about_token:
                raise
            self._tell_trouble(f"the new token did not pass its probe and is dropped, the one in use is kept: {error}")
            await self._drop(new)
            return False
        return True

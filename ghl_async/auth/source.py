"""The refresh law: one renewal for each key, whoever asks, and no new pair that is used before it is saved.

    token is good            given at once: no lock, no store, no waiting
    near its end             renewed ahead of time; callers wait a moment, then go on with the old one
    at its end, or refused   renewed; callers wait

A renewal is one task for all callers of a source; whoever gives up waiting does not end it. It holds the store's lock
for the key, and reads the store again inside: another process may have renewed meanwhile. Before the request leaves,
the store is told so (`refresh_began_at`); the new pair is saved before anybody gets it. So a crash at any instant
leaves either the new pair or the mark, and whoever finds the mark sends the same refresh token again at once: within
30 s it brings the same pair (facts 9.3).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from time import time
from typing import Any, Protocol

import msgspec

from ..errors import GHLError, InvalidGrant, RefreshFailed
from ..hooks import Hook, LoggingHook, TokenRenewed, TokenTrouble, emit
from .tokens import Key, Tokens, TokenStore

__all__ = ["Renewer", "StoredToken"]

MARGIN_SECONDS = 600.0
MARGIN_SHARE = 0.1
"""Of a token's life at most, so that a short-lived one is not renewed all the time."""
PATIENCE_SECONDS = 0.5
"""How long callers wait for a renewal while the old token is good."""
AGAIN_SECONDS = 30.0
"""Until the next try after one that failed while the old token is good."""
GRACE_SECONDS = 30.0
AGAIN_IN_GRACE_SECONDS = 1.0
"""The same, as long as a new pair that was made and lost can still be had (facts 9.3)."""
LONGEST_PAUSE_SECONDS = 60.0
"""Between tries that fail while there is no good token. The first two follow each other at once."""
FRESH_SECONDS = 1.0
"""A token that is refused at this age, in place of one that was refused too, is not at fault."""
REFUSALS = 10
REFUSALS_SECONDS = 600.0
"""More refusals than that within this time have another reason: renewing at each would go on for ever."""


class Renewer(Protocol):
    """Whoever gets new tokens: an `OAuthClient` from a refresh token, an `Agency` from its own token."""

    async def renew(self, key: Key, tokens: Tokens | None, /) -> Tokens:
        """Get new ones instead of `tokens`.

        Raises:
            AuthError: it could not.
        """
        ...

    async def is_outdated(self, key: Key, tokens: Tokens, /) -> bool:
        """Whether there are better ones to be had than these, which are still good."""
        ...

    def keep(self, renewal: asyncio.Task[Any], /) -> None:
        """Let this one end before closing."""
        ...


class StoredToken:
    """A `TokenSource` for a client: the token that a store keeps for `key`, renewed by the refresh law.

        source = StoredToken(store, Key(app.client_id, "location", location_id), oauth)
        async with GHLClient(source, location_id=location_id) as ghl: ...

    Any number of them, in any number of processes, may share a store.

    Args:
        store: where the tokens are.
        key: whose.
        renewer: who renews them: an `OAuthClient`, or an `Agency`.
        margin_seconds: renew so long before the end, but not before nine tenths of the token's life are over.
        hooks: callables that are told of renewals and of trouble with them; both are logged too.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: TokenStore,
        key: Key,
        renewer: Renewer,
        *,
        margin_seconds: float = MARGIN_SECONDS,
        hooks: Sequence[Hook] = (),
        clock: Callable[[], float] = time,
    ) -> None:
        self._store = store
        self._key = key
        self._renewer = renewer
        self._margin_seconds = margin_seconds
        self._hooks: tuple[Hook, ...] = (LoggingHook(), *hooks)
        self._clock = clock
        self._tokens: Tokens | None = None
        """What callers get; always as the store has it."""
        self._due_at = -math.inf
        self._adopted_at = -math.inf
        """By the loop's clock, as all that is about waiting: the other one may be set."""
        self._refresh_sent_at = -math.inf
        self._refused: str | None = None
        """The token that the server did not take."""
        self._refused_at: deque[float] = deque(maxlen=REFUSALS)
        self._dead: str | None = None
        """The refresh token that is known to be good for nothing."""
        self._unsaved: tuple[Tokens | None, Tokens] | None = None
        """New tokens that the store did not take, and those that they came from."""
        self._task: asyncio.Task[GHLError | None] | None = None
        self._failure: GHLError | None = None
        self._failures = 0
        self._paused_until = -math.inf

    @property
    def app_id(self) -> str:
        """The app's client id: the vendor counts quota by app and location."""
        return self._key.app_id

    def __repr__(self) -> str:
        return f"<the stored token of {self._key.owner} {self._key.owner_id}>"

    async def token(self) -> str:
        """Return a token that is good now.

        Raises:
            AuthError: there is none, and none could be got; the message says what to do.
            StoreFailed, StoreMismatch: the store cannot be read or written.
        """
        tokens = self._tokens
        if tokens is not None and self._clock() < self._due_at:
            return tokens.access_token
        return await self._awaited()

    def look(self) -> None:
        """Have the next `token()` see what the store has: somebody has logged in again."""
        self._due_at = -math.inf

    async def reject(self, token: str, *, is_good: bool = False) -> None:
        """Take note that the server refused this one; the next `token()` looks for another, or renews it.

        Not if it `is_good` for other calls: a new one would have the same scopes and the same owner.
        """
        if is_good:
            return
        now, tokens = asyncio.get_running_loop().time(), self._tokens
        if tokens is None or tokens.access_token != token or self._refused == token:
            return
        before = self._refused_at
        if before and now - self._adopted_at < FRESH_SECONDS:
            return
        if len(before) == REFUSALS and now - before[0] < REFUSALS_SECONDS:
            return
        before.append(now)
        self._refused, self._due_at = token, -math.inf

    async def _awaited(self) -> str:
        while True:
            if self._failure is not None and asyncio.get_running_loop().time() < self._paused_until:
                raise copy(self._failure)
            task = self._task
            if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
                task = self._task = asyncio.create_task(self._renewed())
                self._renewer.keep(task)
            # Neither a caller that gives up nor one that runs out of patience ends the renewal.
            await asyncio.wait((task,), timeout=PATIENCE_SECONDS)
            tokens = self._tokens
            if not task.done():
                if tokens is not None and self._is_good(tokens):
                    self._put_off(tokens)
                    return tokens.access_token
            elif not task.cancelled():
                failure = task.result()
                if failure is not None:
                    raise copy(failure)  # each caller its own, or they would share one traceback
                if tokens is not None:
                    return tokens.access_token

    async def _renewed(self) -> GHLError | None:
        """Renew, unless others have; return why no good token is left. Never an exception with a token as context."""
        failure: GHLError | None = None
        try:
            tokens, how = await self._found_or_got()
        except GHLError as error:
            failure = error
        else:
            self._adopt(tokens)
            self._failure, self._failures = None, 0
            if how:
                emit(self._hooks, TokenRenewed(self._key.owner, self._key.owner_id, how))
            return None
        failure.__traceback__ = failure.__context__ = failure.__cause__ = None
        return self._failed(failure)

    def _failed(self, failure: GHLError) -> GHLError | None:
        now, tokens = self._clock(), self._tokens
        left = 0.0
        if tokens is not None and self._is_good(tokens):
            self._put_off(tokens)
            left = math.inf if tokens.expires_at is None else tokens.expires_at - now
        emit(
            self._hooks,
            TokenTrouble(self._key.owner, self._key.owner_id, str(failure), None if left == math.inf else left),
        )
        if left:
            return None
        if isinstance(failure, RefreshFailed) and not isinstance(failure, InvalidGrant):
            # All others send nothing the next time either, so asking again is free.
            self._failure, self._failures = failure, self._failures + 1
            pause = 0.0 if self._failures == 1 else min(2.0 ** (self._failures - 2), LONGEST_PAUSE_SECONDS)
            self._paused_until = asyncio.get_running_loop().time() + pause
        return failure

    def _adopt(self, tokens: Tokens) -> None:
        if self._tokens is None or self._tokens.access_token != tokens.access_token:
            self._adopted_at = asyncio.get_running_loop().time()
        self._tokens, self._due_at = tokens, self._due(tokens)

    def _put_off(self, tokens: Tokens) -> None:
        is_in_grace = asyncio.get_running_loop().time() - self._refresh_sent_at < GRACE_SECONDS
        seconds = AGAIN_IN_GRACE_SECONDS if is_in_grace else AGAIN_SECONDS
        self._due_at = min(self._clock() + seconds, tokens.expires_at or math.inf)

    def _due(self, tokens: Tokens) -> float:
        """When to renew: the margin before the end."""
        if tokens.expires_at is None:
            return math.inf
        margin = self._margin_seconds
        if tokens.issued_at is not None:
            margin = min(margin, max(0.0, tokens.expires_at - tokens.issued_at) * MARGIN_SHARE)
        return tokens.expires_at - margin

    def _is_good(self, tokens: Tokens | None) -> bool:
        """Whether a call with it can succeed now."""
        if tokens is None or tokens.access_token == self._refused:
            return False
        return tokens.expires_at is None or self._clock() < tokens.expires_at

    def _will_do(self, tokens: Tokens | None) -> bool:
        """Whether it need not be renewed now."""
        return (
            tokens is not None
            and tokens.refresh_began_at is None
            and self._is_good(tokens)
            and self._clock() < self._due(tokens)
        )

    async def _found_or_got(self) -> tuple[Tokens, str]:
        """What the store has, if that will do; else new ones. Says how they came, or nothing if they were there."""
        if self._unsaved is None:
            stored = await self._store.load(self._key)
            if stored is not None and await self._suits(stored):
                return stored, self._how_found(stored)
        async with self._store.lock(self._key):
            stored = await self._store.load(self._key)
            if self._unsaved is not None:
                came_from, renewed = self._unsaved
                if _refresh_token_of(came_from) is not None and _is_of_one_refresh_token(came_from, stored):
                    return await self._saved(renewed, came_from), "renewed"
                self._unsaved = None  # somebody else has stored newer ones, by the mark or by a login
            if stored is not None and await self._suits(stored):
                return stored, self._how_found(stored)
            if self._is_good(stored):
                self._tokens = stored  # to fall back on
            return await self._got(stored), "renewed"

    async def _suits(self, stored: Tokens) -> bool:
        return self._will_do(stored) and not await self._renewer.is_outdated(self._key, stored)

    def _how_found(self, stored: Tokens) -> str:
        changed = self._tokens is not None and self._tokens.access_token != stored.access_token
        return "found" if changed else ""

    async def _got(self, stored: Tokens | None) -> Tokens:
        """New tokens, saved. The lock is held."""
        if stored is not None and stored.refresh_token is not None:
            if stored.refresh_token == self._dead:
                raise self._is_dead()
            if stored.refresh_began_at is None:
                stored = msgspec.structs.replace(stored, refresh_began_at=self._clock())
                await self._store.save(self._key, stored)
            now = asyncio.get_running_loop().time()
            if now - self._refresh_sent_at >= AGAIN_SECONDS:
                self._refresh_sent_at = now
        try:
            renewed = await self._renewer.renew(self._key, stored)
        except RefreshFailed as error:
            failure = error
        else:
            return await self._saved(renewed, stored)
        return await self._not_got(stored, failure)

    async def _not_got(self, stored: Tokens | None, failure: RefreshFailed) -> Tokens:
        if isinstance(failure, InvalidGrant):
            # Somebody who does not heed the lock may have been there first (facts 9.3).
            again = await self._store.load(self._key)
            if again is not None and again.refresh_token != _refresh_token_of(stored):
                return again if self._will_do(again) else await self._got(again)
            self._dead = _refresh_token_of(stored)
        if failure.was_answered and stored is not None and stored.refresh_began_at is not None:
            # The answer was no and is here: there is nothing to be recovered.
            there = await self._store.load(self._key)
            if there is not None and there.refresh_token == stored.refresh_token:
                await self._store.save(self._key, msgspec.structs.replace(there, refresh_began_at=None))
        raise failure

    def _is_dead(self) -> InvalidGrant:
        key_text = f"{self._key.owner} {self._key.owner_id}"
        return InvalidGrant(
            f"{key_text}: the refresh token was refused before and is still the one that is stored: log in again:"
            " ghl-async login --oauth",
            key_text=key_text,
            operation="oauth.token",
            was_answered=True,
        )

    async def _saved(self, renewed: Tokens, came_from: Tokens | None) -> Tokens:
        stored = await self._store.load(self._key)
        is_another = _refresh_token_of(stored) is not None and not _is_of_one_refresh_token(came_from, stored)
        if is_another and stored is not None and self._will_do(stored):
            return stored  # a login that did not wait for us
        self._unsaved = came_from, renewed
        await self._store.save(self._key, renewed)
        self._unsaved = None
        return renewed


def _is_of_one_refresh_token(one: Tokens | None, other: Tokens | None) -> bool:
    return _refresh_token_of(one) == _refresh_token_of(other)


def _refresh_token_of(tokens: Tokens | None) -> str | None:
    return None if tokens is None else tokens.refresh_token

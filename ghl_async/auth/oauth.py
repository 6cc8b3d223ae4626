"""The second half of a login, and every renewal: POST /oauth/token, in both generations of the API (facts 9.2, 9.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import time
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import msgspec

from ..errors import GHLError, NoToken, RefreshFailed, UsageError
from ..hooks import Hook, LoggingHook
from ..wire.request import Request
from ..wire.retry import RetryPolicy
from ..wire.transport import Connections, FixedToken, Transport
from ._dialect import TOKEN, Form, NoQuota, OAuthDialect, decoded, failure_of, text_of, tokens_of
from .app import App
from .tokens import Key, Tokens

__all__ = ["Grant", "OAuthClient", "UserType"]

UserType: TypeAlias = Literal["Location", "Company"]

CALL_SECONDS = 27.0
"""All tries of one renewal. For 30 s the server gives the same new pair to whoever sends the same refresh token
(facts 9.3), so the last try must reach it within that time of the first."""
ATTEMPT_SECONDS = 8.0
SIDE_BY_SIDE = 100
"""Renewals of different keys under way at once: a thousand may be due together after a night's sleep."""
_RETRY = RetryPolicy(attempts=40, base_seconds=0.25, cap_seconds=4.0)
"""The deadline ends it, not the number: giving up earlier would give up a pair that may have been made."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a login brought: the first tokens, and whose they are. Its repr shows no secret."""

    key: Key
    tokens: Tokens
    approved_locations: tuple[str, ...] = ()
    """Company tokens: the locations that the user has chosen, where the server says so."""
    is_for_all_locations: bool | None = None
    is_for_future_locations: bool | None = None


class OAuthClient:
    """Exchanges codes and renews tokens of one app. Belongs to one event loop.

        async with OAuthClient(app) as oauth:
            grant = await oauth.exchange(app.redeem(redirected_url, state))
            async with store.lock(grant.key):  # a renewal may be under way
                await store.save(grant.key, grant.tokens)

    Leaving it waits for renewals that are under way: an answer that nobody saves is a refresh token lost. So open the
    store before it, that it closes after it.

    Args:
        app: who asks.
        connections: a pool to share; None opens one.
        hooks: callables that are told of each request, see `ghl_async.hooks`.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        app: App,
        *,
        connections: Connections | None = None,
        hooks: Sequence[Hook] = (),
        clock: Callable[[], float] = time,
    ) -> None:
        self.app = app
        self._connections = connections
        self._hooks: tuple[Hook, ...] = (LoggingHook(), *hooks)
        self._clock = clock
        self._transport: Transport | None = None
        self._left = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._side_by_side = asyncio.Semaphore(SIDE_BY_SIDE)
        self._renewals: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"<OAuthClient of {self.app!r}>"

    async def __aenter__(self) -> Self:
        self._left = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._settled()
        # Before anything is closed: what begins from now on must not open it again.
        self._left = True
        await self.close()

    async def close(self) -> None:
        """Wait for the renewals under way (each less than 30 s), then close the connections."""
        await self._settled()
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def _settled(self) -> None:
        while self._renewals:
            await asyncio.wait(set(self._renewals))

    def keep(self, renewal: asyncio.Task[Any]) -> None:
        """Have `close` wait for this one."""
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)

    async def exchange(self, code: str, *, user_type: UserType | None = None) -> Grant:
        """Turn a code into the first tokens. They are not saved yet: save them before anything else.

        Cost: 1 request, counted by no location's quota.

        Args:
            code: what `App.redeem` gave; good once.
            user_type: which kind of token to ask for; None leaves it to the app's settings.

        Raises:
            InvalidGrant: the code is unknown, too old, or was used.
            RefreshFailed: another reason, which the message says.

        API: POST /oauth/token
        """
        form = self._form(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.app.redirect_uri,
                "user_type": user_type,
            },
            (code,),
        )
        del code  # a traceback may show variables
        asked_at = self._clock()
        grant = _grant(self.app.client_id, await self._ask(form, "the login"), asked_at)
        if grant is None:
            raise self._incomplete("the login")
        return grant

    async def renew(self, key: Key, tokens: Tokens | None) -> Tokens:
        """Turn a refresh token into the next pair. It is repeated as long as the grace lasts, with the same token.

        Nothing is saved and nothing locked here: `StoredToken` does both, and is what should call this.
        Cost: 1 request, counted by no location's quota.

        Raises:
            NoToken: there is no refresh token for `key`.
            InvalidGrant: it is unknown, expired or was used: only a new login helps.
            LocationInactive: the account is paused; the same refresh token works once it is active again.
            RefreshFailed: another reason, which the message says.

        API: POST /oauth/token
        """
        key_text = f"{key.owner} {key.owner_id}"
        if tokens is None or tokens.refresh_token is None:
            raise NoToken(f"{key_text}: no refresh token is stored: ghl-async login --oauth")
        form = self._form(
            {
                "grant_type": "refresh_token",
                "refresh_token": tokens.refresh_token,
                "user_type": "Company" if key.owner == "company" else "Location",
                "redirect_uri": self.app.redirect_uri,
            },
            (tokens.refresh_token, tokens.access_token),
        )
        self._open()
        async with self._side_by_side:
            asked_at = self._clock()
            renewed = tokens_of(await self._ask(form, key_text), asked_at, tokens)
        if renewed is None:
            raise self._incomplete(key_text)
        return renewed

    async def is_outdated(self, key: Key, tokens: Tokens) -> bool:  # noqa: ARG002  (the form of a `Renewer`)
        """No: what a login has brought is good until the next one takes its place."""
        return False

    def _incomplete(self, key_text: str) -> RefreshFailed:
        text = f"{key_text}: the server said yes, but its answer holds no token: try again"
        return RefreshFailed(text, key_text=key_text, operation="oauth.token")

    def _form(self, fields: dict[str, str | None], secrets: tuple[str, ...]) -> Form:
        return Form(
            {"client_id": self.app.client_id, **fields},
            is_v3=self.app.dialect == "v3",
            signed_as="client_secret",
            secrets=secrets,
        )

    async def _ask(self, form: Form, key_text: str) -> dict[str, Any]:
        request = Request(
            operation="oauth.token",
            method="POST",
            template=TOKEN,
            body=form,
            idempotent=True,  # by the grace; a code that was taken is refused the second time, and does nothing
        )
        transport = self._open()
        try:
            reply = await transport.send(request, lane="interactive", deadline_seconds=CALL_SECONDS)
        except UsageError:
            raise
        except GHLError as error:
            caught = error
        else:
            return decoded(reply.body)
        # Here, where the error that the wire made is no context of ours: its excerpt is the server's.
        raise failure_of(caught, request.operation, key_text)

    def _open(self) -> Transport:
        """The open connections; if there are none, others, and the places of `renew` with them."""
        loop = asyncio.get_running_loop()
        if self._transport is not None:
            if loop is not self._loop:
                raise UsageError("this OAuthClient belongs to another event loop: make one for each loop")
            return self._transport
        if self._left:
            raise UsageError("the OAuthClient is closed: its `async with` block was left")
        app = self.app
        self._loop, self._side_by_side = loop, asyncio.Semaphore(SIDE_BY_SIDE)
        self._transport = Transport(
            OAuthDialect(app.base_url, is_v3=app.dialect == "v3"),
            FixedToken(app.client_secret),
            NoQuota(),
            retry=_RETRY,
            hooks=self._hooks,
            connections=self._connections,
            attempt_seconds=ATTEMPT_SECONDS,
        )
        return self._transport


def _grant(client_id: str, said: dict[str, Any], asked_at: float) -> Grant | None:
    tokens = tokens_of(said, asked_at)
    location_id, company_id = text_of(said, "location_id"), text_of(said, "company_id")
    is_company = text_of(said, "user_type") == "Company" or not location_id
    owner_id = company_id if is_company else location_id
    if tokens is None or not owner_id:
        return None
    approved = said.get("approvedLocations")
    return Grant(
        key=Key(client_id, "company" if is_company else "location", owner_id),
        tokens=tokens,
        approved_locations=tuple(str(each) for each in approved) if isinstance(approved, list) else (),
        is_for_all_locations=_flag(said, "approveAllLocations"),
        is_for_future_locations=_flag(said, "installToFutureLocations"),
    )


def _flag(said: dict[str, Any], name: str) -> bool | None:
    value = said.get(name)
    return value if isinstance(value, bool) else None

"""An agency: one company's token, and from it a token for each of its locations (facts 9.4, 9.5)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from time import time
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from ..errors import (
    CursorRepeated,
    DailyQuotaExhausted,
    DeadlineExceeded,
    DecodeError,
    ErrorReply,
    GHLError,
    InvalidGrant,
    NoReply,
    UsageError,
)
from ..hooks import Hook, LoggingHook
from ..wire.limiter import Budget
from ..wire.request import Request
from ..wire.retry import RetryPolicy
from ..wire.transport import Connections, Transport
from ._dialect import Form, OAuthDialect, decoded, failure_of, tokens_of
from .app import App
from .oauth import OAuthClient
from .source import StoredToken
from .tokens import Key, Tokens, TokenStore

__all__ = ["Agency", "InstalledLocation"]

DOCUMENTED_REQUESTS = 100
"""For each app and company within 10 s (facts 4): assumed where the replies say nothing of it."""
PROBES = 10
"""Requests under way while the company's quota is not known: one location that hangs must not hold up all others."""
MINT_SECONDS = 300.0
"""Waiting for the company's quota included: a thousand locations that start together take 100 s of it."""
ATTEMPT_SECONDS = 15.0
PAGE_SIZE = 100
OVERLAP = 5


class InstalledLocation(msgspec.Struct, frozen=True, kw_only=True):
    """One location of the company, and whether it has the app."""

    id: str = msgspec.field(name="_id")
    name: str | None = None
    address: str | None = None
    is_installed: bool | None = msgspec.field(default=None, name="isInstalled")
    version_id: str | None = msgspec.field(default=None, name="versionId")
    installed_at: str | None = msgspec.field(default=None, name="installedAt")
    """ISO 8601, as sent."""


class Agency:
    """All locations of one company that have installed an app, from one pool of connections.

        async with Agency(app, company_id, store) as agency:
            async for location in agency.locations():
                async with GHLClient.of(agency, location.id) as ghl: ...

    Each location has its own token, got when it is first needed, and its own quota. The company's tokens must be in the
    store: they come from a login. After another login each location's token is got anew, with the scopes of that one:
    when it is next taken from the store, at the latest near its end. Belongs to one event loop.

    Args:
        app: who asks.
        company_id: the agency's id.
        store: where the company's tokens are and the locations' are put. It stays open.
        hooks: callables that are told of requests for tokens, of renewals and of trouble with them.
        connections: a pool to share with others; None makes one.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        app: App,
        company_id: str,
        store: TokenStore,
        *,
        hooks: Sequence[Hook] = (),
        connections: Connections | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        if not isinstance(company_id, str) or not company_id.isalnum():
            raise UsageError("company_id is no company's id: that has 20 letters and digits")
        self.app = app
        self.company_id = company_id
        self.connections = Connections() if connections is None else connections
        """The pool that all clients of the agency's locations share."""
        self._owns_connections = connections is None
        self._store = store
        self._hooks = tuple(hooks)
        self._clock = clock
        self._oauth = OAuthClient(app, connections=self.connections, hooks=hooks, clock=clock)
        self._company_key = Key(app.client_id, "company", company_id)
        self.company = StoredToken(store, self._company_key, self._oauth, hooks=hooks, clock=clock)
        """The source of the company's own token."""
        self._granted_at: float | None = None
        """When the company's last login was, as far as `company` knows."""
        self._sources: dict[str, StoredToken] = {}
        self._transport: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = False

    def __repr__(self) -> str:
        return f"<Agency {self.company_id}>"

    async def __aenter__(self) -> Self:
        self._left = False
        await self._oauth.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._oauth.__aexit__(kind, error, trace)
        self._left = True  # before the rest is closed: what begins from now on must not open it again
        await self.close()

    async def close(self) -> None:
        """Wait for the renewals under way, then close the connections, those of the locations' clients too."""
        await self._oauth.close()
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()
        if self._owns_connections:
            await self.connections.close()

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self.app.base_url

    def source(self, location_id: str) -> StoredToken:
        """The token source of one location; the same one each time. Nothing is sent before a token is needed.

        Raises:
            UsageError: this is no location's id.
        """
        source = self._sources.get(location_id)
        if source is None:
            if not isinstance(location_id, str) or not location_id.isalnum():
                raise UsageError("location_id is no location id: that has 20 letters and digits")
            key = Key(self.app.client_id, "location", location_id)
            source = self._sources[location_id] = StoredToken(
                self._store, key, self, hooks=self._hooks, clock=self._clock
            )
        return source

    def keep(self, renewal: asyncio.Task[Any]) -> None:
        """Have `close` wait for this one."""
        self._oauth.keep(renewal)

    async def renew(self, key: Key, tokens: Tokens | None) -> Tokens:
        """Get a token for one location. `source` does it when one is needed, and saves it.

        One that a login of its own has brought is renewed by its own refresh token, and that is not lost; else, and
        if that is good no more, the token comes from the company's.

        Cost: 1 request of the company's quota. Scope: oauth.write.

        Raises:
            LocationInactive: the location is paused.
            RefreshFailed: another reason, such as that the app is not installed there.
            AuthError: the company's own token could not be had.

        API: POST /oauth/locationToken, in v3 POST /oauth/location-token
        """
        if tokens is not None and tokens.refresh_token is not None:
            with contextlib.suppress(InvalidGrant):
                return await self._oauth.renew(key, tokens)
        is_v3 = self.app.dialect == "v3"
        request = Request(
            operation="oauth.location_token",
            method="POST",
            template="/oauth/location-token" if is_v3 else "/oauth/locationToken",
            # The names of these two are in camel case in both generations.
            body=Form({"companyId": self.company_id, "locationId": key.owner_id}, is_v3=False),
            scope="oauth.write",
        )
        company = await self._last_login()
        asked_at = self._clock()
        try:
            reply = await self._open().send(request, lane="interactive", deadline_seconds=MINT_SECONDS)
        except (NoReply, ErrorReply, DeadlineExceeded, DailyQuotaExhausted) as error:
            caught: GHLError = error
        else:
            minted = tokens_of(decoded(reply.body), asked_at)
            if minted is not None:
                # A new one is always to be had from the company's, so a refresh token would only be one more secret.
                granted_at = None if company is None else company.granted_at
                return msgspec.structs.replace(
                    minted, refresh_token=None, company_id=self.company_id, granted_at=granted_at
                )
            caught = DecodeError("oauth.location_token: the answer holds no token")
        # Here, where the error that the wire made is no context of ours.
        raise failure_of(caught, request.operation, f"location {key.owner_id}")

    async def is_outdated(self, key: Key, tokens: Tokens) -> bool:  # noqa: ARG002  (the form of a `Renewer`)
        """Whether the company has logged in again since this one was got: it may have other scopes since then.

        A token that a login of the location itself has brought is never outdated.

        Raises:
            StoreFailed, StoreMismatch: the store cannot be read.
        """
        if tokens.refresh_token is not None or tokens.company_id != self.company_id:
            return False
        company = await self._last_login()
        return company is not None and company.granted_at != tokens.granted_at

    async def _last_login(self) -> Tokens | None:
        """What the store has of the company. `company` takes it too, if it comes from another login than before."""
        tokens = await self._store.load(self._company_key)
        if tokens is not None and tokens.granted_at != self._granted_at:
            self._granted_at = tokens.granted_at
            self.company.look()
        return tokens

    async def locations(self, *, is_installed: bool | None = True) -> AsyncGenerator[InstalledLocation, None]:
        """Stream the company's locations.

        Cost: 1 request of the company's quota for each 100, and one or two at the end. Scope: oauth.readonly.

        Args:
            is_installed: only those that have the app, or only those that have not. None: all.

        Raises:
            AuthError: the company's token could not be had.
            GHLError: the family in `errors`.

        API: GET /oauth/installedLocations, in v3 GET /oauth/installed-locations
        """
        pages = self._pages_by_token if self.app.dialect == "v3" else self._pages_by_skip
        query = [("companyId", self.company_id), ("appId", self.app.app_id)]
        if is_installed is not None:
            query.append(("isInstalled", "true" if is_installed else "false"))
        seen: set[str] = set()
        async for page in pages(query):
            for location in page:
                if location.id not in seen:
                    seen.add(location.id)
                    yield location

    async def _pages_by_skip(self, query: list[tuple[str, str]]) -> AsyncIterator[list[InstalledLocation]]:
        skip, seen = 0, set[str]()
        while True:
            asked = [*query, ("skip", str(skip)), ("limit", str(PAGE_SIZE))]
            page = _locations_of(await self._read("/oauth/installedLocations", asked), "locations")
            if not page:
                return
            yield page
            ids = {location.id for location in page}
            # Pages overlap, so that one that goes away meanwhile hides no other; only an empty one is the end.
            skip += len(page) if ids <= seen else max(1, len(page) - OVERLAP)
            seen |= ids

    async def _pages_by_token(self, query: list[tuple[str, str]]) -> AsyncIterator[list[InstalledLocation]]:
        token, tokens = "", set[str]()
        while True:
            asked = [*query, ("pageSize", str(PAGE_SIZE)), *([("pageToken", token)] if token else [])]
            said = await self._read("/oauth/installed-locations", asked)
            yield _locations_of(said, "items")
            pagination = said.get("pagination")
            token = pagination.get("nextPageToken") or "" if isinstance(pagination, dict) else ""
            if not token:
                return
            if token in tokens:
                raise CursorRepeated("oauth.installed_locations: the server gave the same page token twice")
            tokens.add(token)

    async def _read(
        self,
        template: Literal["/oauth/installedLocations", "/oauth/installed-locations"],
        query: list[tuple[str, str]],
    ) -> dict[str, Any]:
        request = Request(
            operation="oauth.installed_locations",
            method="GET",
            template=template,
            query=tuple(query),
            scope="oauth.readonly",
        )
        reply = await self._open().send(request, lane="interactive", deadline_seconds=MINT_SECONDS)
        return decoded(reply.body)

    def _open(self) -> Transport:
        if self._transport is not None and asyncio.get_running_loop() is not self._loop:
            raise UsageError("this Agency belongs to another event loop: make one for each loop")
        if self._left:
            raise UsageError("the Agency is closed: its `async with` block was left")
        if self._transport is None:
            app, self._loop = self.app, asyncio.get_running_loop()
            self._transport = Transport(
                OAuthDialect(app.base_url, is_v3=app.dialect == "v3"),
                self.company,
                Budget(assumed=DOCUMENTED_REQUESTS, probes=PROBES),
                retry=RetryPolicy(),
                hooks=(LoggingHook(), *self._hooks),
                connections=self.connections,
                attempt_seconds=ATTEMPT_SECONDS,
            )
        return self._transport


def _locations_of(said: dict[str, Any], name: str) -> list[InstalledLocation]:
    try:
        return msgspec.convert(said[name], list[InstalledLocation], strict=False)
    except (KeyError, msgspec.ValidationError) as error:
        complaint = str(error) if isinstance(error, msgspec.ValidationError) else f"no {name}"
    raise DecodeError(f"oauth.installed_locations: the answer has not the promised shape ({complaint})", path=name)

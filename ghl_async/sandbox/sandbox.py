"""The sandbox as one object: options in, a listening server out."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import msgspec
from aiohttp import web

from .admin import answer_admin
from .children import Averages
from .events import expect_zone
from .faults import Faults
from .limits import PROFILES, Limits, LimitSettings
from .oauth import OAuth
from .options import Options
from .pages import PageSizes
from .people import PeopleSettings
from .server import Latency, Server
from .settings import LocationSettings, OAuthRules, WriteRules
from .state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .location import Location
    from .oauth import App
    from .requestlog import RequestLog

__all__ = ["Sandbox", "serve"]


@dataclass(kw_only=True, eq=False)
class Sandbox(Options):
    """A GoHighLevel of our own on loopback.

        async with Sandbox(contacts=1000) as sandbox:
            sandbox.base_url, sandbox.token, sandbox.location_id

    Parts to reach into while it runs: `state` (contacts, tokens), `oauth` (apps, installations, rules, counts),
    `limits`, `faults`, `log`, `latency`. Starting takes the same time for ten contacts and for a million.

        code = sandbox.oauth.authorize(sandbox.app, location_id=sandbox.location_id)

    is what a person's consent brings; `sandbox.app` is the first app, with its `client_id` and `client_secret`.
    """

    def __post_init__(self) -> None:
        """Put the parts together; nothing listens yet.

        Raises:
            ValueError: an option is out of bounds.
        """
        if self.profile not in PROFILES:
            message = f"unknown profile {self.profile!r}: choose one of {', '.join(PROFILES)}"
            raise ValueError(message)
        expect_zone(self.timezone)
        requests, daily = PROFILES[self.profile]
        self.limits = Limits(LimitSettings())
        self.limits.change(
            requests=requests if self.requests is None else self.requests,
            interval_seconds=self.interval_seconds,
            daily=daily if self.daily is None else self.daily,
            day_seconds=self.day_seconds,
            kind=self.kind,
            headers=self.headers,
            retry_after=self.retry_after,
            count_refused=self.count_refused,
        )
        people = PeopleSettings(
            location_id=self.location_id,
            seed=self.seed,
            count=self.contacts,
            poison=self.poison,
            timezone=self.timezone,
        )
        averages = Averages(tasks=self.tasks, notes=self.notes, appointments=self.appointments, lost=self.lost)
        place = LocationSettings(country=self.country)
        identifiers = [name for name in self.unique_identifiers.split(",") if name]
        place.change(allow_duplicates=self.allow_duplicates, unique_identifiers=identifiers)
        self.state = State(people, averages, place)
        self.state.rules.change(**{name: getattr(self, name) for name in WriteRules.__struct_fields__})
        self.state.set_index_lag(self.index_lag_seconds)
        self.state.pages.change(**{name: getattr(self, name) for name in PageSizes.__struct_fields__})
        self.location_id = self.state.main.id
        self.token = self.state.add_token(self.token or None).text
        self.faults = Faults(self.seed)
        for fault in self.fault:
            self.faults.add(**fault)
        self.oauth = OAuth(self.state, self.seed)
        self.oauth.rules.change(**{name: getattr(self, name) for name in OAuthRules.__struct_fields__})
        self.app: App = self.oauth.add_app(
            client_id=self.client_id, client_secret=self.client_secret, redirect_uris=self.redirect_uri.split(",")
        )
        self.client_id, self.client_secret = self.app.client_id, self.app.client_secret
        self._server = Server(self.oauth, self.limits, self.faults, self.seed)
        self._server.latency = Latency(seconds=self.latency_seconds, jitter_seconds=self.jitter_seconds)
        self._server.wrong_location_status = self.wrong_location_status
        self._runner: web.ServerRunner | None = None

    @property
    def base_url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> RequestLog:
        """What the server saw."""
        return self._server.log

    @property
    def latency(self) -> Latency:
        """How long answers take; its fields may be set."""
        return self._server.latency

    @property
    def company_id(self) -> str:
        """The agency of the main location."""
        return self.state.main.place.company_id

    def add_location(self, contacts: int = 0, **settings: Any) -> Location:
        """Add a location with `contacts` made-up contacts; `settings` are what `State.add_location` takes.

        Among them `location_id`, `company_id`, `name` and `active`.

        Raises:
            ValueError: see `State.add_location`.
        """
        return self.state.add_location(contacts, **settings)

    async def start(self) -> None:
        """Listen; `port` then is the one that was given out. A stopped sandbox may start again, on the same port."""
        # the log of requests is ours, so aiohttp keeps none
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/_sandbox/"):
            return await answer_admin(self._server, request)
        return await self._server.handle(request)

    async def stop(self) -> None:
        """Close all connections; contacts, counters and log stay."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        """Start listening."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        await self.stop()


async def serve(options: Options, *, announce: Callable[[str], None]) -> None:
    """Run a sandbox until SIGTERM or SIGINT.

    `announce` is called once it listens, with one JSON line: {"base_url", "token", "location_id", "company_id",
    "client_id", "client_secret"}, all of them strings.

    Raises:
        ValueError: an option is out of bounds.
        OSError: the port cannot be had.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":  # there Ctrl-C ends the loop itself
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
    async with Sandbox(**vars(options)) as sandbox:
        names = ("base_url", "token", "location_id", "company_id", "client_id", "client_secret")
        place = {name: getattr(sandbox, name) for name in names}
        announce(msgspec.json.encode(place).decode())
        await ended.wait()

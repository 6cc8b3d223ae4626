"""GHLClient: one location of GoHighLevel, its resources as attributes; opens and closes everything below."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict
from urllib.parse import urlsplit

from .dictionary import Dictionary
from .errors import NoToken, UsageError
from .hooks import Hook, LoggingHook, Stats, StatsHook
from .resources._creation import Creations
from .resources.appointments import Appointments
from .resources.automations import Automations
from .resources.block_slots import BlockSlots
from .resources.businesses import Businesses
from .resources.calendars import Calendars
from .resources.contacts import Contacts
from .resources.custom_fields import CustomFields
from .resources.location import Location
from .resources.location_tags import LocationTags
from .resources.notes import Notes
from .resources.tags import Tags
from .resources.tasks import Tasks
from .resources.users import Users
from .wire.dialect import GHLDialect
from .wire.limiter import Quota, QuotaState
from .wire.request import Before, Lane, Reply, Request, Send
from .wire.retry import RetryPolicy
from .wire.share import BudgetShare
from .wire.transport import Connections, FixedToken, TokenSource, Transport

if TYPE_CHECKING:
    from .auth.agency import Agency

__all__ = ["BASE_URL", "GHLClient", "QuotaState", "Resources", "before_creates", "checked_location_id"]

BASE_URL = "https://services.leadconnectorhq.com"
"""One address for every module and both generations of the API (facts 1)."""
DEADLINE_SECONDS = 120.0

_before: ContextVar[Before | None] = ContextVar("what is awaited before a create is sent", default=None)


@contextmanager
def before_creates(note: Before) -> Iterator[None]:
    """Have something awaited before each create that the calls inside send, when it waits for nothing any more.

    So whoever keeps a book of creates notes no more of them than are under way. What is raised there stops the create.
    """
    token = _before.set(note)
    try:
        yield
    finally:
        _before.reset(token)


def checked_location_id(given: object) -> str:
    """A location's id, as far as can be told before it is sent.

    Raises:
        UsageError: it is none.
    """
    if isinstance(given, str) and given.isalnum():
        return given
    # Without the value: the token may have been given in its place.
    raise UsageError("location_id is no location id: that has 20 letters and digits (is the token in its place?)")


def _check_address(base_url: str) -> None:
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        raise UsageError(f"base_url must look like {BASE_URL}, without user, password, query and fragment")


def _checked(token: str) -> str:
    # Stray whitespace around a pasted token gives 401 (facts 1).
    token = token.strip()
    if not token:
        raise NoToken("the token is empty: give a private integration token or set GHL_TOKEN")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the token holds characters that no token has: was something else pasted?")
    return token


class _Shared(TypedDict):
    generation: Literal["v2", "v3"]
    dictionary: Dictionary
    creations: Creations


class Resources:
    """The verbs of the API, in one lane. `ghl` itself is the interactive lane, `ghl.background` the bulk lane."""

    contacts: Contacts
    tags: Tags
    tasks: Tasks
    notes: Notes
    appointments: Appointments
    businesses: Businesses
    automations: Automations
    calendars: Calendars
    block_slots: BlockSlots
    location: Location
    location_tags: LocationTags
    custom_fields: CustomFields
    users: Users

    def __init__(
        self,
        send: Send,
        location_id: str,
        *,
        generation: Literal["v2", "v3"] = "v2",
        dictionary: Dictionary | None = None,
        creations: Creations | None = None,
    ) -> None:
        self.contacts = Contacts(send, location_id, generation=generation, dictionary=dictionary, creations=creations)
        self.tags = Tags(send, location_id)
        self.tasks = Tasks(send, location_id, creations=creations)
        self.notes = Notes(send, location_id, creations=creations)
        self.appointments = Appointments(send, location_id, creations=creations)
        self.businesses = Businesses(send, location_id, dictionary=dictionary, creations=creations)
        self.automations = Automations(send, location_id, generation=generation)
        self.calendars = Calendars(send, location_id)
        self.block_slots = BlockSlots(send, location_id, creations=creations)
        self.location = Location(send, location_id)
        self.location_tags = LocationTags(send, location_id)
        self.custom_fields = CustomFields(send, location_id)
        self.users = Users(send, location_id)


def _dictionary_of(send: Send, location_id: str) -> Dictionary:
    return Dictionary(
        custom_fields=CustomFields(send, location_id).list,
        tags=LocationTags(send, location_id).list,
        users=Users(send, location_id).list,
        calendars=Calendars(send, location_id).list,
        location=Location(send, location_id).get,
    )


class GHLClient(Resources):
    """One location of GoHighLevel.

        async with GHLClient(token, location_id="ve9EPM428h8vShlRW1KT") as ghl:
            contact = await ghl.contacts.get("ocQHyuzHvysMo5N5VsXc")

    Every call waits for its place in the location's quota, is repeated where that is safe, and raises one of
    `ghl_async.errors`. Clients of one location in one process share its quota. `dictionary` keeps what the location
    consists of: custom fields, tags, users, calendars, settings.

    Args:
        token: a private integration token or OAuth access token, or a `TokenSource` that knows the current one.
        location_id: the sub-account's id, 20 characters.
        base_url: another address than the vendor's, for example a sandbox's.
        api_version: moves every call to one Version header, and with "v3" to that generation's paths and bodies; None
            lets each operation name its own.
        deadline_seconds: bounds each call, waiting for quota and retries included. None bounds interactive calls by
            120 s and leaves those of `background` unbounded, for which waiting is the normal state.
        quota: how much of the location's quota may be used.
        retry: how stubborn failed calls are repeated.
        hooks: callables that are told what happens, see `ghl_async.hooks`.
        connections: a pool to be shared with other clients of the event loop; closing the client leaves it open.
    """

    def __init__(  # noqa: PLR0913  (the front door; everything but the token is by name)
        self,
        token: str | TokenSource,
        /,
        *,
        location_id: str,
        base_url: str = BASE_URL,
        api_version: str | None = None,
        deadline_seconds: float | None = None,
        quota: Quota | None = None,
        retry: RetryPolicy | None = None,
        hooks: Sequence[Hook] = (),
        connections: Connections | None = None,
    ) -> None:
        _check_address(base_url)
        checked_location_id(location_id)
        if api_version is not None and not api_version.replace("-", "").isalnum():
            raise UsageError(f"{api_version!r} is not a version: it is v3 or a date such as 2021-07-28")
        if deadline_seconds is not None and not deadline_seconds > 0:
            raise UsageError(f"deadline_seconds must be positive, not {deadline_seconds}")
        if not isinstance(token, str) and not hasattr(token, "token"):
            raise NoToken(f"a token is text or a TokenSource, not {type(token).__name__}")
        self._tokens = FixedToken(_checked(token)) if isinstance(token, str) else token
        self._dialect = GHLDialect(base_url, api_version)
        self._quota_key = (getattr(token, "app_id", "pit"), base_url.rstrip("/"), location_id)
        self._quota = quota or Quota()
        self._retry = retry or RetryPolicy()
        self._connections = connections
        self._deadlines: dict[Lane, float | None] = {
            "interactive": deadline_seconds or DEADLINE_SECONDS,
            "bulk": deadline_seconds,
        }
        self._counting = StatsHook()
        self.hooks: tuple[Hook, ...] = (self._counting, LoggingHook(), *hooks)
        self.location_id = location_id
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = False
        self._transport: Transport | None = None
        self._share: BudgetShare | None = None
        generation: Literal["v2", "v3"] = "v3" if api_version == "v3" else "v2"
        send = partial(self._send, "interactive")
        # One for both lanes, read in this one: what somebody waits for must not be paced.
        self.dictionary = _dictionary_of(send, location_id)
        # Both lanes know of each other's creates, so that no record is taken for the outcome of two of them.
        shared: _Shared = {"generation": generation, "dictionary": self.dictionary, "creations": Creations()}
        super().__init__(send, location_id, **shared)
        self.background = Resources(partial(self._send, "bulk"), location_id, **shared)

    @classmethod
    def from_env(cls, *, hooks: Sequence[Hook] = ()) -> Self:
        """Make a client from GHL_TOKEN, GHL_LOCATION_ID and, where set, GHL_BASE_URL and GHL_API_VERSION.

        Raises:
            NoToken: GHL_TOKEN is not set.
            UsageError: GHL_LOCATION_ID is not set.
        """
        token, location_id = os.environ.get("GHL_TOKEN", ""), os.environ.get("GHL_LOCATION_ID", "")
        if not token:
            raise NoToken("GHL_TOKEN is not set: put a private integration token of the location there")
        if not location_id:
            raise UsageError("GHL_LOCATION_ID is not set: put the location's id there")
        return cls(
            token,
            location_id=location_id,
            base_url=os.environ.get("GHL_BASE_URL") or BASE_URL,
            api_version=os.environ.get("GHL_API_VERSION") or None,
            hooks=hooks,
        )

    @classmethod
    def of(cls, agency: Agency, location_id: str, **options: Any) -> Self:
        """Make a client of one of an agency's locations: its own token and quota, the agency's connections and address.

        `options` are those of the constructor. The client may outlive neither the agency nor its event loop.
        """
        options = {"base_url": agency.base_url, "connections": agency.connections, **options}
        return cls(agency.source(location_id), location_id=location_id, **options)

    def __repr__(self) -> str:
        return f"<GHLClient of location {self.location_id}>"

    async def __aenter__(self) -> Self:
        self._left = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        await self.close()

    async def close(self) -> None:
        """Close the connections. A later call opens them again."""
        transport, self._transport = self._transport, None
        share, self._share = self._share, None
        if share is not None:
            share.release()
        if transport is not None:
            await transport.close()

    @property
    def quota(self) -> QuotaState:
        """What is known of the location's quota now: limits, free slots, use by others, the day.

        Raises:
            UsageError: outside of a running event loop, or before the first call.
        """
        if self._share is None:
            raise UsageError("the quota is not known before the first call")
        return self._share.budget.state()

    @property
    def stats(self) -> Stats:
        """What this client has done so far, in requests."""
        return self._counting.stats

    def _open(self) -> Transport:
        if self._left:
            raise UsageError("the client is closed: its `async with` block was left")
        self._loop = asyncio.get_running_loop()
        self._share = BudgetShare(self._quota_key, self._quota)
        self._transport = Transport(
            self._dialect,
            self._tokens,
            self._share.budget,
            retry=self._retry,
            hooks=self.hooks,
            connections=self._connections,
        )
        return self._transport

    def _send(self, lane: Lane, request: Request) -> Awaitable[Reply]:
        before = None if request.idempotent else _before.get()
        transport = self._transport or self._open()
        if self._loop is not asyncio.get_running_loop():
            raise UsageError("this client belongs to another event loop: make one client for each loop")
        reply = transport.send(request, lane=lane, deadline_seconds=self._deadlines[lane], before=before)
        return reply if request.method == "GET" else self._written(request, reply)

    async def _written(self, request: Request, reply: Awaitable[Reply]) -> Reply:
        try:
            return await reply
        finally:
            self.dictionary.wrote(request.template, request.body)

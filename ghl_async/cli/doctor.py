"""What `ghl-async doctor` does: try everything that the commands need, and say in one line each what is to be done."""

from __future__ import annotations

import asyncio
import contextlib
import platform
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import time
from typing import Any
from urllib.parse import urlsplit

from .._version import __version__
from ..auth import PRIVATE, Agency
from ..client import GHLClient
from ..errors import (
    AuthError,
    DeadlineExceeded,
    GHLError,
    NoReply,
    NotFound,
    NoToken,
    ScopeMissing,
    Unauthorized,
    WrongLocation,
)
from .answer import answer
from .credentials import Credential, find_agency, find_credential
from .options import DoctorOptions
from .scopes import AGENCY_SCOPES, NEEDS, WRITE_SCOPES, Need
from .settings import api_version, base_url, setting
from .stored import age_advice
from .token_file import is_there, open_store, token_path

__all__ = ["examine"]

_CALL_SECONDS = 20.0
_CLOCK_SECONDS = 10.0
_CLOCK_TOLERANCE_SECONDS = 30.0
"""A tenth of the least margin by which tokens are renewed before their end."""
_PROFILES = {(100, 10.0, 200_000): "the standard quota", (25, 10.0, 10_000): "a test account's quota"}
"""Facts 4."""
_NOBODY = "doctor00000000000000"
_Fetch = Callable[[], Awaitable[Any]]


async def examine(options: DoctorOptions) -> int:
    """Check store, token, location, scopes, quota, clock and version; 0 if nothing must be done, else 1.

    Cost: about 9 requests.
    """
    sheet = _Sheet()
    async with contextlib.AsyncExitStack() as opened:
        await _store(sheet, options)
        agency = await _agency(options, opened)
        credential: Credential | None = None
        try:
            credential = await find_credential(options, opened)
        except NoToken as error:
            if agency is None:
                sheet.fail("token", str(error))
        except GHLError as error:
            if agency is None or not _names_no_location(options):
                sheet.fail("token", str(error))
        if credential is not None:
            ghl = await opened.enter_async_context(credential.client(options, deadline_seconds=_CALL_SECONDS))
            await _Examination(sheet, ghl, credential).run()
        if agency is not None:
            await _agency_scopes(sheet, agency)
        await _clock(sheet, base_url(options))
        _version(sheet)
    return 1 if sheet.failed else 0


class _Sheet:
    """Writes the lines, and remembers whether anything must be done."""

    def __init__(self) -> None:
        self.failed = False

    def good(self, what: str, text: str) -> None:
        self._write("ok", what, text)

    def note(self, what: str, text: str) -> None:
        """Something that works, but could be better."""
        self._write("note", what, text)

    def fail(self, what: str, text: str) -> None:
        self.failed = True
        self._write("FAIL", what, text)

    def _write(self, mark: str, what: str, text: str) -> None:
        answer(f"{mark:<6}{what:<38}{' '.join(text.split())}")


class _Examination:
    """One location, seen with its token."""

    def __init__(self, sheet: _Sheet, ghl: GHLClient, credential: Credential) -> None:
        self._sheet = sheet
        self._ghl = ghl
        self._credential = credential
        self._calendar_ids: list[str] = []

    async def run(self) -> None:
        if not await self._token():
            return
        await self._location()
        probes: dict[str, _Fetch] = {
            "locations/tasks.readonly": lambda: self._ghl.tasks.search(limit=1),
            "notes.readonly": lambda: self._ghl.notes.search(limit=1),
            "calendars.readonly": self._calendars,
            "calendars/events.readonly": self._events,
            "locations/customFields.readonly": self._ghl.custom_fields.list,
            "contacts.write": self._write,
        }
        for need in NEEDS:
            if need.scope in probes:
                await _probed(self._sheet, need, probes[need.scope])
        self._quota()

    async def _token(self) -> bool:
        """Whether the server takes the token for this location."""
        sheet, words = self._sheet, self._about_the_token()
        need = NEEDS[0]
        try:
            await self._ghl.contacts.search(page_size=1)
        except ScopeMissing:
            sheet.good("token", words)
            sheet.fail(_scope(need), _missing(need))
        except WrongLocation as error:
            sheet.good("token", words)
            sheet.fail(f"location {self._ghl.location_id}", str(error))
            return False
        except (Unauthorized, AuthError) as error:
            sheet.fail("token", f"{words}: {error}")
            return False
        except GHLError as error:
            hint = "" if isinstance(error, (NoReply, DeadlineExceeded)) else " (is --base-url right?)"
            sheet.fail("token", f"{words}; it could not be tried: {error}{hint}")
            return False
        else:
            sheet.good("token", words)
            sheet.good(_scope(need), _for(need))
        return True

    def _about_the_token(self) -> str:
        words, tokens = self._credential.origin, self._credential.tokens
        if tokens is not None and tokens.expires_at is not None:
            words += f", until {datetime.fromtimestamp(tokens.expires_at, UTC):%Y-%m-%d %H:%M} UTC, then renewed"
        advice = "" if tokens is None or self._credential.source.app_id != PRIVATE else age_advice(tokens)
        return f"{words}, {advice}" if advice else words

    async def _location(self) -> None:
        need = next(need for need in NEEDS if need.scope == "locations.readonly")
        what = f"location {self._ghl.location_id}"
        try:
            location = await self._ghl.location.get()
        except ScopeMissing:
            self._sheet.note(what, f"the token is taken for it; {need.without} without the scope {need.scope}")
        except GHLError as error:
            self._sheet.note(what, f"the token is taken for it, but it is not shown: {error}")
        else:
            self._sheet.good(what, f"{location.name}, time zone {location.timezone}")

    async def _calendars(self) -> None:
        self._calendar_ids = [calendar.id for calendar in await self._ghl.calendars.list()]

    async def _events(self) -> str:
        if not self._calendar_ids:
            return "not tried, there is no calendar to be seen"
        now = datetime.now(UTC)
        await self._ghl.appointments.page_in_calendar(self._calendar_ids[0], since=now, before=now + timedelta(days=1))
        return ""

    async def _write(self) -> str:
        """Take a tag that nobody has from a contact that does not exist: the scope is looked at before the contact."""
        with contextlib.suppress(NotFound):
            await self._ghl.tags.remove(_NOBODY, ["ghl-async doctor"])
        return ""

    def _quota(self) -> None:
        quota = self._ghl.quota
        words = f"{quota.requests:,} requests in {quota.interval_seconds:g} s"
        if not quota.known:
            self._sheet.note("quota", f"the server announces none: {words} are used")
            return
        if quota.daily is not None:
            profile = _PROFILES.get((quota.requests, quota.interval_seconds, quota.daily))
            words += f", {quota.daily:,} a day" + (f" ({profile})" if profile else "")
        if quota.daily_remaining is None:
            self._sheet.good("quota", words)
        elif quota.daily_remaining > quota.daily_floor:
            self._sheet.good("quota", f"{words}; {quota.daily_remaining:,} are left today")
        else:
            at = quota.daily_resets_at
            again = "tomorrow" if at is None else f"at {at:%Y-%m-%d %H:%M} UTC"
            self._sheet.fail("quota", f"{words}; only {quota.daily_remaining:,} are left today: go on {again}")


async def _store(sheet: _Sheet, options: DoctorOptions) -> None:
    path = token_path(options)
    if not is_there(path):
        sheet.note("store", f"no tokens are stored in {path}: ghl-async login keeps one there")
        return
    try:
        async with contextlib.AsyncExitStack() as opened:
            store = await open_store(path, opened)
            keys = await store.keys()
            for key in keys:
                await store.load(key)
    except GHLError as error:
        sheet.fail("store", str(error))
    else:
        how = "in plain text, for you alone" if path.suffix == ".db" else "encrypted"
        sheet.good("store", f"{len(keys)} stored in {path}, {how}")


async def _agency(options: DoctorOptions, opened: contextlib.AsyncExitStack) -> Agency | None:
    """The agency that was named or is the only one stored."""
    try:
        return await find_agency(options, options.company_id, opened)
    except GHLError:
        return None


def _names_no_location(options: DoctorOptions) -> bool:
    return not setting(options.location_id, "GHL_LOCATION_ID")


async def _agency_scopes(sheet: _Sheet, agency: Agency) -> None:
    first: list[str] = []

    async def list_first() -> str:
        location = await anext(aiter(agency.locations()), None)
        if location is None:
            return f"agency {agency.company_id} has no location with the app installed"
        first.append(location.id)
        return f"agency {agency.company_id}, its first location is {location.id}"

    async def mint() -> str:
        if not first:
            return "not tried, no location is known"
        await agency.source(first[0]).token()
        return ""

    try:
        await agency.company.token()
    except GHLError as error:
        sheet.fail("agency", str(error))
        return
    probes: dict[str, _Fetch] = {"oauth.readonly": list_first, "oauth.write": mint}
    for need in NEEDS:
        if need.scope in AGENCY_SCOPES:
            await _probed(sheet, need, probes[need.scope])


async def _probed(sheet: _Sheet, need: Need, probe: _Fetch) -> None:
    tell = sheet.fail if need.is_needed else sheet.note
    try:
        said = await probe()
    except ScopeMissing:
        tell(_scope(need), _missing(need))
    except GHLError as error:
        tell(_scope(need), f"{need.without}: {error}")
    else:
        sheet.good(_scope(need), f"{_for(need)}; {said}" if isinstance(said, str) and said else _for(need))


def _scope(need: Need) -> str:
    return f"scope {need.scope}"


def _for(need: Need) -> str:
    return f"for {', '.join(need.commands)}"


def _missing(need: Need) -> str:
    words = f"missing, and so {need.without} ({_for(need)}): add it to the token, or to the app and log in again"
    return f"{words}; whoever only copies is better off without" if need.scope in WRITE_SCOPES else words


async def _clock(sheet: _Sheet, address: str) -> None:
    try:
        behind = await asyncio.to_thread(_seconds_behind, address)
    except (OSError, HTTPException, ValueError, TypeError) as error:
        sheet.note("clock", f"not compared, the server does not tell the time ({type(error).__name__})")
        return
    if abs(behind) <= _CLOCK_TOLERANCE_SECONDS:
        sheet.good("clock", "as the server's")
    else:
        which = "behind" if behind > 0 else "ahead of"
        sheet.fail("clock", f"{abs(behind):,.0f} s {which} the server's, and tokens are renewed by it: set the clock")


def _seconds_behind(address: str) -> float:
    """How far our clock is behind the server's, to a second or two."""
    parts = urlsplit(address)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with contextlib.closing(kind(parts.hostname or "", parts.port, timeout=_CLOCK_SECONDS)) as connection:
        connection.request("HEAD", "/", headers={"User-Agent": f"ghl_async/{__version__}"})
        said = connection.getresponse().getheader("Date")
    return parsedate_to_datetime(said or "").timestamp() - time()


def _version(sheet: _Sheet) -> None:
    chosen = api_version()
    words = "each call names its own API version" if chosen is None else f"API version {chosen} (GHL_API_VERSION)"
    sheet.good("version", f"ghl_async {__version__}, Python {platform.python_version()}; {words}")

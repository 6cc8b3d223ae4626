"""The cheaper ways to what belongs to a page of contacts: three doors, each of which may be shut at any moment.

Tasks are searched by the contacts' ids and notes by their relations, a few requests for 500 contacts; appointments come
from the events of the calendars. A door that is refused (401, 403, 404, or a 4xx without a remedy) is shut for the rest
of the run, and its kind is read contact by contact from there on. So is one page's share where a door fails, or where
what it shows cannot be right: records without a readable owner, or fewer than the server counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec

from ..client import GHLClient
from ..errors import (
    AuthError,
    BadRequest,
    ConnectFailed,
    CursorRepeated,
    DailyQuotaExhausted,
    DeadlineExceeded,
    DecodeError,
    ErrorReply,
    GHLError,
    NoReply,
    RateLimited,
    ServerError,
    Unprocessable,
)
from ..hooks import DoorShut, emit
from ..models import Appointment, Note, Quarantined, Task, decode_record, keys_of
from ..pagination import Page, SetApart
from ._calendar import first_step, list_calendars, spool_events
from ._rows import Kind
from ._spool import Spool
from ._workers import Room, all_of

__all__ = [
    "DOORS",
    "EACH_CONTACT",
    "ENDS_THE_RUN",
    "FEWEST_CONTACTS",
    "FEWEST_IDS",
    "TOO_FEW",
    "Children",
    "Doors",
    "Joined",
    "Way",
    "why_doubted",
]

DOORS: dict[Kind, str] = {"tasks": "task search", "notes": "note search", "appointments": "calendar events"}
EACH_CONTACT = "each contact"
FEWEST_CONTACTS = 3
"""Of fewer, each is asked for by itself: a search takes two requests or three."""
FEWEST_IDS = 50
"""Contacts in one search, at least."""
_STRIKES = 3
TOO_FEW = "there are no more contacts to read than calendars and windows of their events"
MOST_WINDOWS = 12
"""Replies with events at once: each is a piece of memory."""
_AROUND = timedelta(days=2)
ENDS_THE_RUN = (AuthError, ConnectFailed, DailyQuotaExhausted, RateLimited)
_MAY_PASS = (ServerError, NoReply, DeadlineExceeded, DecodeError, CursorRepeated)
"""What says something of one page of contacts, not of the door."""


class Way(msgspec.Struct, frozen=True):
    """How one kind of records is read, and why."""

    kind: Kind
    by: Literal["task search", "note search", "calendar events", "each contact"]
    why: str


class Children(msgspec.Struct):
    """What belongs to one contact, of one kind."""

    items: list[Any]
    quarantined: list[SetApart]


Joined: TypeAlias = dict[Kind, dict[str, Children]]
"""By kind and contact. A kind that is not there was not read."""


class Doors:
    """The doors of one run.

    Args:
        spool: where events wait. None: appointments are read contact by contact, those of deleted calendars included.
    """

    def __init__(self, ghl: GHLClient, kinds: Sequence[Kind], spool: Spool | None, room: Room) -> None:
        self._ghl = ghl
        self._kinds = kinds
        self._spool = spool
        self._room = room
        self._most_ids = {"tasks": 10**6, "notes": 10**6}
        self._strikes = dict.fromkeys(kinds, 0)
        self._struck_at = dict.fromkeys(kinds, 0.0)
        self.shut: dict[Kind, str] = {}
        """The kinds read contact by contact, each with the reason."""
        self.failed: set[Kind] = set()
        """Those of them that were not refused, but failed: the next run may find them open."""
        if "appointments" in kinds and spool is None:
            self.shut["appointments"] = "those of deleted calendars are asked for, and no calendar shows them"
        self.calendar_ids: frozenset[str] = frozenset()
        """Whose events are in the spool."""
        self.spooled_at: float | None = None
        """When their reading began, in seconds since 1970."""
        self._spooling: asyncio.Task[bool] | None = None

    def doubt(self, kinds: Sequence[Kind]) -> None:
        """Do not use some doors, because an earlier run was shown too little there."""
        for kind in kinds:
            self.shut.setdefault(kind, why_doubted(kind))

    def ways(self) -> tuple[Way, ...]:
        """How each kind is read at present."""
        return tuple(
            Way(kind, EACH_CONTACT, self.shut[kind]) if kind in self.shut else Way(kind, DOORS[kind], "the cheapest")  # type: ignore[arg-type]  # the literals of DOORS
            for kind in self._kinds
        )

    @property
    def open(self) -> tuple[Kind, ...]:
        """The kinds whose doors are open, as far as is known."""
        return tuple(kind for kind in self._kinds if kind not in self.shut)

    async def join(self, contact_ids: Sequence[str], kinds: Sequence[Kind], *, contacts: int, idle: int = 0) -> Joined:
        """Read what the open doors show of these contacts.

        Args:
            contacts: how many the run has to read still, these included.
            idle: how many calls more than this page's are wanted under way: its searches are divided then, since a
                search goes on page by page.

        Raises:
            GHLError: what would fail for every contact, whatever the way.
        """
        joined: Joined = {}

        async def read(kind: Kind) -> None:
            if kind == "appointments":
                is_worth_it = self._spooling is not None or contacts >= FEWEST_CONTACTS
                if is_worth_it and await self._spooled(contacts, 1 + idle):
                    joined[kind] = await self._from_spool(contact_ids)
            elif len(contact_ids) >= FEWEST_CONTACTS:
                found = await self._tried(kind, self._divided(kind, contact_ids, 1 + idle // 2))
                if found is not None:
                    joined[kind] = found

        await all_of(read(kind) for kind in self.open if kind in kinds)
        return joined

    async def leaves_out(self, kind: Kind, contact_id: str, record: Any) -> bool:
        """Whether the door, asked again for this one contact, does not show a record that its own list shows.

        Cost: 2 requests or 3.
        """
        if kind in self.shut:
            return False
        try:
            if kind == "appointments":
                return not await _shows_event(self._ghl, record)
            found = await self._searched(kind, (contact_id,))
        except ENDS_THE_RUN:
            raise
        except (GHLError, ValueError):  # nothing is known then; ValueError: it does not say when it starts
            return False
        return record.id not in {each.id for each in (*found[contact_id].items, *found[contact_id].quarantined)}

    async def empty_spool(self) -> None:
        """Have the events read anew by whoever wants them next."""
        await self.close()
        self._spooling = None
        if self.shut.get("appointments") == TOO_FEW:
            del self.shut["appointments"]

    async def close(self) -> None:
        """End what is under way."""
        if self._spooling is not None:
            self._spooling.cancel()
            await asyncio.gather(self._spooling, return_exceptions=True)

    async def _tried(self, kind: Kind, reading: Any) -> Any:
        """The outcome of a reading; None where it failed: the door may be shut then."""
        began = time.monotonic()
        try:
            found = await reading
        except GHLError as error:
            if isinstance(error, ENDS_THE_RUN):
                raise
            if began >= self._struck_at[kind]:  # what was under way together fails together, and counts once
                self._strikes[kind] += 1
                self._struck_at[kind] = time.monotonic()
            if not isinstance(error, _MAY_PASS) or self._strikes[kind] >= _STRIKES:
                self._shut(kind, error)
            return None
        self._strikes[kind] = 0
        return found

    def _shut(self, kind: Kind, reason: str | GHLError) -> None:
        if kind not in self.shut:
            self.shut[kind] = str(reason)
            if isinstance(reason, _MAY_PASS):
                self.failed.add(kind)
            emit(self._ghl.hooks, DoorShut(kind, DOORS[kind], str(reason)))

    async def _divided(self, kind: Kind, contact_ids: Sequence[str], parts: int) -> dict[str, Children]:
        size = max(FEWEST_IDS, -(-len(contact_ids) // max(1, parts)))
        found: dict[str, Children] = {}
        parts_of_ids = (contact_ids[start : start + size] for start in range(0, len(contact_ids), size))
        for each in await all_of(self._searched(kind, some) for some in parts_of_ids):
            found |= each
        return found

    async def _searched(self, kind: Kind, contact_ids: Sequence[str]) -> dict[str, Children]:
        found: dict[str, Children] = {}
        start = 0
        while start < len(contact_ids):
            some = contact_ids[start : start + self._most_ids[kind]]
            try:
                async with self._room:
                    found |= await _gather(self._pages(kind, some), some)
            except (BadRequest, Unprocessable):
                # How many ids a search takes is not documented either. Sizes of pages are learned further down.
                if len(some) // 2 < FEWEST_IDS:
                    raise
                self._most_ids[kind] = min(self._most_ids[kind], len(some) // 2)
                continue
            start += len(some)
        return found

    def _pages(self, kind: Kind, contact_ids: Sequence[str]) -> AsyncIterator[Page[Any]]:
        if kind == "tasks":
            return self._ghl.background.tasks.pages(contact_ids=contact_ids)
        return self._ghl.background.notes.pages(relations=contact_ids)

    async def _spooled(self, contacts: int, calls: int) -> bool:
        """Whether all events are in the spool; the first caller has them read."""
        if self._spooling is None:
            self._spooling = asyncio.create_task(self._fill_spool(contacts, calls))
        # Not awaited itself: a caller that is cancelled must not take it along.
        await asyncio.wait((self._spooling,))
        return self._spooling.result()

    async def _fill_spool(self, contacts: int, calls: int) -> bool:
        if self._spool is None:
            return False
        self.spooled_at = time.time()
        for is_last in (False, True):
            try:
                calendar_ids = await list_calendars(self._ghl)
                # Known already of few: then the length of a window is not asked for.
                if len(calendar_ids) >= contacts:
                    self._shut("appointments", TOO_FEW)
                    return False
                step = await first_step(self._ghl, len(calendar_ids), is_slow=calls > 1)
                if len(calendar_ids) * step.windows >= contacts:
                    self._shut("appointments", TOO_FEW)
                    return False
                at_once = min(MOST_WINDOWS, calls)
                await self._spool.clear_spool()  # what an earlier reading has left may be gone
                await spool_events(self._ghl, calendar_ids, self._spool, self._room, step, at_once=at_once)
            except (ErrorReply, *_MAY_PASS) as error:
                if isinstance(error, ENDS_THE_RUN):
                    raise
                if is_last or not isinstance(error, _MAY_PASS):
                    self._shut("appointments", error)
                    return False
            else:
                self.calendar_ids = frozenset(calendar_ids)
                return True
        raise AssertionError("the last of two tries neither failed nor succeeded")

    async def _from_spool(self, contact_ids: Sequence[str]) -> dict[str, Children]:
        spooled = await self._spool.spooled(contact_ids) if self._spool is not None else {}
        found = {contact_id: Children([], []) for contact_id in contact_ids}
        for contact_id, raws in spooled.items():
            for raw in raws:
                try:
                    found[contact_id].items.append(decode_record(Appointment, raw))
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
                    apart = Quarantined("appointment", raw, str(fault), keys_of(raw).id)
                    found[contact_id].quarantined.append(apart)
        return found


def why_doubted(kind: Kind) -> str:
    """Why a door that an earlier run doubted is not used."""
    return f"an earlier run found that the {DOORS[kind]} leaves records out"


async def _gather(pages: AsyncIterator[Page[Any]], contact_ids: Sequence[str]) -> dict[str, Children]:
    """Hand the records of a search out to their contacts.

    Raises:
        DecodeError: one does not say whose it is, or there are fewer than the server counts.
    """
    found = {contact_id: Children([], []) for contact_id in contact_ids}
    seen, total = 0, None
    async for page in pages:
        seen += len(page.items) + len(page.quarantined)
        total = page.total
        for record in page.items:
            for contact_id in _known(_owners(record), found):
                found[contact_id].items.append(record)
        for apart in page.quarantined:
            for contact_id in _known(keys_of(apart.raw).owners, found):
                found[contact_id].quarantined.append(apart)
    if total is not None and seen < total:
        raise DecodeError(f"the search counts {total} records of these contacts and sent {seen}")
    return found


async def _shows_event(ghl: GHLClient, appointment: Appointment) -> bool:
    """Whether its calendar shows an appointment, looked for around its start, whose zone is not known."""
    start = datetime.fromisoformat(appointment.start_time or "").replace(tzinfo=UTC)
    page = await ghl.background.appointments.page_in_calendar(
        appointment.calendar_id or "", since=start - _AROUND, before=start + _AROUND
    )
    return appointment.id in {*(each.id for each in page.items), *(each.id for each in page.quarantined)}


def _owners(record: Task | Note) -> Iterable[str | None]:
    if isinstance(record, Task):
        return (record.contact_id,)
    related = (each.get("recordId") for each in record.relations if isinstance(each, dict))
    return dict.fromkeys((record.contact_id, *related))


def _known(owners: Iterable[Any], found: dict[str, Children]) -> list[str]:
    known = [owner for owner in owners if isinstance(owner, str) and owner in found]
    if not known:
        raise DecodeError("the search shows a record that does not say to which of the contacts asked for it belongs")
    return known

"""Contacts with their tasks, notes and appointments, as a stream.

Contacts come in pages of 500, from several cursors where one is too slow (`_cursors`). What belongs to a page comes
through the cheaper doors (`_doors`); what they do not show is read contact by contact. Memory is bounded by the pages
under way, two of them where the server is fast, not by the location. One child that cannot be read is a hole in its
bundle, and the others go on; only what would go wrong for every contact ends the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from math import ceil
from typing import Any

import msgspec

from ..client import GHLClient
from ..errors import UsageError
from ..hooks import RecordQuarantined, emit
from ..models import Contact, ContactQuery
from ._cursors import MOST_CALLS, Chunk, Cursors, calls_wanted
from ._doors import Children, Doors, Joined
from ._frontier import Frontier, Span
from ._reader import ContactBundle, Reader
from ._rows import KINDS, Kind
from ._spool import TemporarySpool
from ._workers import InOrder, Room
from .run import Run, Tally

__all__ = [
    "CALLS_A_PAGE",
    "SLOW_SECONDS",
    "ContactBundle",
    "Reading",
    "Step",
    "by_date",
    "checked",
    "count",
    "fetch",
    "included",
    "most_chunks",
]

AHEAD = 64
"""Contacts whose children are read one by one at the same time, or wait for their turn."""
MOST_CHUNKS = 12
SLOW_SECONDS = 0.5
"""A round trip from which a search of a page of contacts is divided where calls are idle: it costs some requests."""
CALLS_A_PAGE = 20
"""About what a page of contacts brings about by the cheaper doors; far more where they are shut."""


class Step(msgspec.Struct, frozen=True):
    """A bundle and the part of the key space that it takes a run further in."""

    bundle: ContactBundle
    span: Span


def included(include: Sequence[str]) -> tuple[Kind, ...]:
    """Check and order the kinds to read with each contact.

    Raises:
        UsageError: a kind that does not exist.
    """
    if isinstance(include, str):
        raise UsageError(f"include takes several kinds, for example ({include!r},)")
    unknown = [kind for kind in include if kind not in KINDS]
    if unknown:
        raise UsageError(f"include does not know {', '.join(map(repr, unknown))}: it takes {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in include)


def checked(query: ContactQuery | None) -> ContactQuery:
    """The query, or that for all contacts.

    Raises:
        UsageError: it is something else.
    """
    if query is not None and not isinstance(query, ContactQuery):
        raise UsageError(f"the query must be a ContactQuery, not {type(query).__name__}")
    return query or ContactQuery()


def fetch(
    ghl: GHLClient,
    query: ContactQuery | None = None,
    /,
    *,
    include: Sequence[str] = KINDS,
    deleted_calendars: bool = False,
) -> Run[ContactBundle]:
    """Read contacts with their tasks, notes and appointments. Items: `ContactBundle`.

    They come in the order of the query's sort. Without one the oldest come first, as a rule: where the server is slow,
    several parts of the location are read side by side.

    Args:
        query: which contacts; None means all.
        include: any of "tasks", "notes", "appointments"; empty reads contacts alone.
        deleted_calendars: whether to read appointments of deleted calendars too, which no calendar shows any more. It
            costs 1 request a contact.

    Raises (from the run):
        UsageError: an unknown kind, or a query outside the rules; nothing was sent.
        Unauthorized, ScopeMissing, WrongLocation, ConnectFailed: what would fail for every contact.

    Cost: 1 request for 500 contacts, 1 for 95 of their tasks and of their notes each and 2 or 3 for the end of either,
        1 for each calendar and some 500 of its events, all in the bulk lane. Where the token or the server refuses
        one of these ways, 1 for each contact instead. `bulk.plan` says what it comes to.
    """
    kinds, query = included(include), checked(query)
    tally = Tally(ghl, _in_words(kinds))

    async def produce(run: Run[ContactBundle]) -> AsyncIterator[ContactBundle]:
        spool = TemporarySpool()
        room = Room(MOST_CALLS)
        doors = Doors(ghl, kinds, None if deleted_calendars else spool, room)
        tally.ways = doors.ways
        try:
            reading = Reading(ghl, query, kinds, tally, doors, room, Frontier())
            async with reading.steps() as results:
                run.when_stopped(results.stop)
                async for step in results:
                    if run.stopped:
                        break
                    count(tally, step.bundle)
                    yield step.bundle
        finally:
            await doors.close()
            await spool.close()
        if run.stopped:
            return
        if tally.total is not None and tally.found < tally.total:
            said = f"the server counts {tally.total} contacts but sent {tally.found}: run it again"
            run.summary = tally.summary("incomplete", said, resumable=False)
        else:
            run.summary = tally.summary("finished", "every contact of the search was read", resumable=False)

    return Run(tally, produce)


def by_date(query: ContactQuery) -> ContactQuery:
    """The query with an order: the oldest first, where it names none."""
    if query.sort is not None:
        return query
    return msgspec.structs.replace(query, sort="date_added", direction="asc")


def most_chunks(calls: int, searches: int) -> int:
    """How many pages of contacts must be under way for so many calls, if each has so many searches at a time."""
    return max(2, min(MOST_CHUNKS, 1 + ceil(calls / searches))) if searches else 2


class Reading:
    """What is left of a frontier, as a stream of steps, those of one span in order."""

    def __init__(
        self,
        ghl: GHLClient,
        query: ContactQuery,
        kinds: tuple[Kind, ...],
        tally: Tally,
        doors: Doors,
        room: Room,
        frontier: Frontier,
    ) -> None:
        self._ghl = ghl
        self._kinds = kinds
        self._tally = tally
        self._doors = doors
        self._room = room
        self._reader = Reader(ghl, kinds, room)
        self._cursors = Cursors(
            ghl,
            by_date(query),
            frontier,
            tally,
            lambda: room.under_way,
            calls_a_page=CALLS_A_PAGE if kinds else 1,
            may_split=query.sort is None,
        )
        self._chunks = 0
        self._chunk_done = asyncio.Event()

    def steps(self) -> InOrder[Step, Step]:
        """Make the stream."""
        return InOrder(self._joined(), self._complete, ahead=AHEAD)

    async def _joined(self) -> AsyncGenerator[Step, None]:
        async with InOrder(self._admitted(), self._join, ahead=MOST_CHUNKS) as chunks:
            async for steps in chunks:
                for step in steps:
                    yield step
                self._chunks -= 1
                self._chunk_done.set()

    async def _admitted(self) -> AsyncGenerator[Chunk, None]:
        """Let in as few pages at once as use the quota: each is memory."""
        async with aclosing(self._cursors.chunks()) as chunks:
            async for chunk in chunks:
                while self._chunks >= self._most_chunks():
                    self._chunk_done.clear()
                    await self._chunk_done.wait()
                self._chunks += 1
                yield chunk

    def _most_chunks(self) -> int:
        searches = sum(kind != "appointments" for kind in self._doors.open)
        return most_chunks(self._calls_wanted(), searches)

    def _calls_wanted(self) -> int:
        return calls_wanted(self._ghl, self._cursors.round_trip_seconds)

    async def _join(self, chunk: Chunk) -> list[Step]:
        page = chunk.page
        started = time.time()
        joined: Joined = {}
        if self._doors.open:
            ids = [each.id for each in page.items]
            ids += [each.id for each in page.quarantined if each.id is not None]
            left = len(ids) if self._tally.total is None else self._tally.total - self._tally.found
            idle = 0
            if self._cursors.round_trip_seconds >= SLOW_SECONDS:
                idle = self._calls_wanted() - self._room.under_way - self._cursors.under_way
            joined = await self._doors.join(
                list(dict.fromkeys(ids)), self._kinds, contacts=max(len(ids), left), idle=max(0, idle)
            )
        if "appointments" in joined and self._doors.spooled_at is not None:
            started = self._doors.spooled_at
        apart = [ContactBundle(id=each.id, contact=None, quarantined=(each,)) for each in page.quarantined]
        found = [ContactBundle(id=each.id, contact=each, cursor=_position(each)) for each in page.items]
        calendars = self._doors.calendar_ids if "appointments" in joined else None
        bundles = [_with_children(bundle, joined, started, calendars) for bundle in (*apart, *found)]
        # Behind the last one the page's own cursor counts: it is right even where that contact did not decode.
        bundles[-1] = msgspec.structs.replace(bundles[-1], cursor=tuple(page.cursor))
        return [Step(bundle, chunk.span) for bundle in bundles]

    async def _complete(self, step: Step) -> Step:
        bundle = await self._reader.complete(step.bundle)
        return step if bundle is step.bundle else Step(bundle, step.span)


def _with_children(
    bundle: ContactBundle, joined: Joined, read_at: float, calendar_ids: frozenset[str] | None
) -> ContactBundle:
    """The bundle with what the doors showed of it."""
    if bundle.id is None or not joined:
        return msgspec.structs.replace(bundle, read_at=read_at)
    shown: dict[Kind, Children] = {kind: joined[kind][bundle.id] for kind in KINDS if kind in joined}
    apart = [each for children in shown.values() for each in children.quarantined]
    items: dict[str, Any] = {kind: tuple(children.items) for kind, children in shown.items()}
    return msgspec.structs.replace(
        bundle,
        read_at=read_at,
        calendar_ids=calendar_ids,
        complete=tuple(shown),
        quarantined=(*bundle.quarantined, *apart),
        **items,
    )


def count(tally: Tally, bundle: ContactBundle) -> None:
    """Enter a bundle into the books."""
    if bundle.vanished:
        tally.vanished += 1
        return
    tally.contacts += 1
    tally.quarantined += len(bundle.quarantined)
    tally.children["tasks"] += len(bundle.tasks)
    tally.children["notes"] += len(bundle.notes)
    tally.children["appointments"] += len(bundle.appointments)
    for failure in bundle.failures:
        tally.fail(failure)
    for apart in bundle.quarantined:
        emit(tally.ghl.hooks, RecordQuarantined(apart.kind, apart.reason))


def _in_words(kinds: tuple[Kind, ...]) -> str:
    return f"contacts with {', '.join(kinds)}" if kinds else "contacts alone"


def _position(contact: Contact) -> tuple[Any, ...] | None:
    return tuple(contact.search_after) if isinstance(contact.search_after, list | tuple) else None

"""Pages of contacts, read by one cursor, or by several side by side where one is too slow to use the quota.

Knows the search of contacts and the frontier; nothing of what belongs to a contact. Pages come in the order of their
arrival, those of one span in order. Every cursor is at most one page ahead of the consumer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from .. import pagination
from ..client import GHLClient
from ..errors import DecodeError, UsageError
from ..models import Contact, ContactQuery, Filter, FilterGroup, keys_of
from ..pagination import Page
from ._frontier import Frontier, Span
from .run import Tally

__all__ = ["MOST_CALLS", "PAGE_SIZE", "Chunk", "Cursors", "calls_wanted"]

PAGE_SIZE = 500
"""The largest that contact search takes (facts 6.3)."""
MOST_CALLS = 32
"""Calls under way at once: enough for the full quota (10 a second) at round trips of 3 s."""
_FASTEST_QUOTA = 20.0
"""Requests a second. Nobody is granted more (facts 4); where a test server announces more, calls wait for CPU."""
_MARGIN = 1.2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Chunk(msgspec.Struct, frozen=True):
    """One page of contacts."""

    span: Span
    page: Page[Contact]


def calls_wanted(ghl: GHLClient, round_trip_seconds: float) -> int:
    """How many calls must be under way to use the whole quota: its rate times the round trip, and a fifth to spare."""
    try:
        quota = ghl.quota
    except UsageError:  # before the first call
        return 1
    rate = min(_FASTEST_QUOTA, quota.requests / quota.interval_seconds)
    return max(1, min(MOST_CALLS, round(rate * round_trip_seconds * _MARGIN)))


class Cursors:
    """Reads what is left of a frontier.

    Args:
        calls: says how many other calls of the run are under way.
        calls_a_page: about how many calls a page of contacts brings about, itself included.
        may_split: whether the contacts come in the order of dateAdded, so that they can be read side by side.
    """

    def __init__(
        self,
        ghl: GHLClient,
        query: ContactQuery,
        frontier: Frontier,
        tally: Tally,
        calls: Callable[[], int],
        *,
        calls_a_page: int,
        may_split: bool,
    ) -> None:
        self._ghl = ghl
        self._query = query
        self._frontier = frontier
        self._tally = tally
        self._calls = calls
        self._calls_a_page = calls_a_page
        self._may_split = may_split
        self._ready: asyncio.Queue[tuple[Chunk, asyncio.Event] | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests_before, self._seconds_before = ghl.stats.requests, ghl.stats.attempt_seconds

    @property
    def under_way(self) -> int:
        """How many cursors are at work."""
        return len(self._tasks)

    @property
    def round_trip_seconds(self) -> float:
        """How long an answer takes on average, without waiting for quota."""
        stats = self._ghl.stats
        return (stats.attempt_seconds - self._seconds_before) / max(1, stats.requests - self._requests_before)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield all pages; the first failure of any cursor ends them."""
        try:
            if self._frontier.is_split:
                await self._learn_total()
                self._start(*(span for span in self._frontier.spans if not span.is_read))
            else:
                self._start(self._frontier.resume_walk())
            while (ready := await self._ready.get()) is not None:
                chunk, taken = ready
                taken.set()
                yield chunk
            for task in self._tasks:
                if task.done():
                    task.result()  # the one that failed
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _learn_total(self) -> None:
        """Spans count themselves alone, and the walk comes last."""
        page = await self._ghl.background.contacts.search(self._query, page_size=1)
        self._tally.total = page.total

    def _start(self, *spans: Span) -> None:
        for span in spans:
            self._tasks.add(task := asyncio.create_task(self._read(span)))
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._ready.put_nowait(None)  # it stays among the tasks, whose failure the consumer raises
            return
        self._tasks.discard(task)
        if self._frontier.walk.is_read:
            self._ready.put_nowait(None)
        elif self._frontier.is_split:
            self._use_idle_calls()
        elif not self._tasks:
            self._start(self._frontier.resume_walk())

    async def _read(self, span: Span) -> None:
        fetched = counted = 0

        async def page_behind(position: Sequence[Any] | None) -> Page[Contact]:
            query = self._query if span.before is None else _within(self._query, span)
            page = await self._ghl.background.contacts.search(query, after=position, page_size=PAGE_SIZE)
            if page.cursor is None and not page.is_empty:
                raise DecodeError(
                    "contacts.search: no contact of the page says where the next one begins", path="$.contacts"
                )
            self._note_total(span, page, fetched)
            return page

        async for page in pagination.pages(page_behind, span.read):
            fetched += len(page.items) + len(page.quarantined)
            kept = _below(page, span.before)
            if not kept.is_empty:
                self._frontier.note_read(span, tuple(kept.cursor))
                taken = asyncio.Event()
                self._ready.put_nowait((Chunk(span, kept), taken))
                self._use_idle_calls()
                await taken.wait()
            if kept is not page:  # the span was cut while the page was under way
                break
            counted = max(counted, page.total or 0)  # a deletion lowers the count, not what was fetched
            if span.before is not None and span.since is not None and page.total is not None and fetched >= counted:
                break  # the server itself counts no more between these bounds, and the walk's total is held against all
        span.is_read = True

    def _note_total(self, span: Span, page: Page[Contact], fetched: int) -> None:
        if page.total is None:
            return
        got = len(page.items) + len(page.quarantined)
        if span.before is None:
            self._tally.total = page.total
            span.left = max(0, page.total - self._tally.found_before - fetched - got)
        elif span.since is not None:
            span.left = max(0, page.total - fetched - got)
        else:
            span.left = max(0, span.left - got)

    def _use_idle_calls(self) -> None:
        """Start further cursors where what is under way is too little for the quota and much is left to read."""
        if not self._may_split:
            return
        idle = calls_wanted(self._ghl, self.round_trip_seconds) - self._calls() - len(self._tasks)
        wanted = idle // self._calls_a_page
        if wanted < 1:
            return
        if not self._frontier.spans:
            walk = self._frontier.walk
            parts = min(wanted, walk.left // PAGE_SIZE) + 1
            if parts > 1 and walk.read is not None and not walk.is_read:
                self._tasks.add(task := asyncio.create_task(self._split_walk(parts)))
                task.add_done_callback(self._ended)
                self._may_split = False  # until it is known where the contacts end
            return
        if not self._frontier.is_split:
            return
        for _ in range(wanted):
            largest = max(self._frontier.spans, key=lambda span: 0 if span.is_read else span.left)
            later = self._frontier.split_span(largest) if largest.left >= PAGE_SIZE and not largest.is_read else None
            if later is None:
                return
            self._start(later)

    async def _split_walk(self, parts: int) -> None:
        newest = msgspec.structs.replace(self._query, direction="desc")
        page = await self._ghl.background.contacts.search(newest, page_size=1)
        position = page.cursor
        if self._frontier.walk.is_read or position is None or not isinstance(position[0], int):
            return
        self._may_split = True
        self._start(*self._frontier.split_walk(position[0], parts))


def _within(query: ContactQuery, span: Span) -> ContactQuery:
    """The query, bounded to a span. Both bounds are instants of whole milliseconds, like those of the records."""
    bounds = {
        name: _EPOCH + timedelta(milliseconds=at)
        for name, at in (("gte", span.since), ("lt", span.before))
        if at is not None
    }
    bounded = Filter("dateAdded", "range", bounds)
    given = () if query.where is None else (query.where,)
    return msgspec.structs.replace(query, where=FilterGroup("AND", (*given, bounded)))


def _below(page: Page[Contact], before: int | None) -> Page[Contact]:
    """The page itself, or what of it lies before the end of a span that was cut meanwhile."""
    if before is None:
        return page

    def lies_below(position: Any) -> bool:
        # One without a date comes again behind all others. One without a position is handed on: twice is not lost.
        return not isinstance(position, list | tuple) or (isinstance(position[0], int) and position[0] < before)

    items = tuple(each for each in page.items if lies_below(each.search_after))
    apart = tuple(each for each in page.quarantined if lies_below(keys_of(each.raw).search_after))
    if len(items) + len(apart) == len(page.items) + len(page.quarantined):
        return page
    cursor = next((each.search_after for each in reversed(items) if each.search_after), page.cursor)
    return Page(items=items, quarantined=apart, cursor=cursor, total=page.total)

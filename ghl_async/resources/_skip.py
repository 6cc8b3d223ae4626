"""Walking a list that has no cursor: each page is asked for by how many records to leave out.

Between two such requests records come and go, so the place where one page ended is another place for the next. The law
that keeps a walk whole: **a page continues the one before only if it shows a record that was read already.** Then, in
whatever way the list has moved, nothing that stays can lie in between. So pages overlap by some records; where none of
them is there any more, the walk goes back until it meets one. It holds for every list that keeps its order.

Behind a page that is short nothing can follow, so the next one is asked for without an overlap; only if that is empty
has the walk ended. Short is a page with fewer records than this server has given at once: one with fewer than were
asked for may be full, because servers clamp the size of a page without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from hashlib import sha256
from typing import Generic, Protocol, TypeAlias, TypeVar

import msgspec

from ..errors import BadRequest, CursorRepeated, Unprocessable
from ..pagination import Page, SetApart

__all__ = ["PageSize", "walk"]

OVERLAP = 5
REMEMBERED = 10_000
_SAME_PAGES = 5
_LADDER = (250, 100, 50, 20, 10, 5, 2, 1)

Key: TypeAlias = str | bytes
"""Tells a record from others: its id, or of one without a readable id what stands for its JSON."""


class Identified(Protocol):
    """A record that can be told from others."""

    @property
    def id(self) -> str:
        """Its id."""


R = TypeVar("R")
T = TypeVar("T", bound=Identified)


class PageSize:
    """How large the pages of one list can be, as far as the server has shown: no document says it."""

    def __init__(self) -> None:
        self.accepted: int | None = None
        """The largest limit to ask for. None: nothing was refused so far."""
        self.given = 0
        """The most records that came in one page."""
        self._first = asyncio.Lock()
        self._is_tried = False

    async def fetch(self, limit: int, fetch: Callable[[int], Awaitable[Page[R]]]) -> Page[R]:
        """Get a page of at most `limit` records; if the server refuses so many, the next smaller round number.

        Until the first page has come other callers wait: what is refused need be learned only once.

        Raises:
            Unprocessable, BadRequest: the server refuses something else, or even one record.
        """
        if not self._is_tried:
            async with self._first:
                if not self._is_tried:
                    page = await self._fetched(limit, fetch)
                    self._is_tried = True
                    return page
        return await self._fetched(limit, fetch)

    async def _fetched(self, limit: int, fetch: Callable[[int], Awaitable[Page[R]]]) -> Page[R]:
        asked = limit if self.accepted is None else min(limit, self.accepted)
        is_refused = False
        while True:
            try:
                page = await fetch(asked)
            except (Unprocessable, BadRequest) as refusal:
                smaller = next((size for size in _LADDER if size < asked), None)
                if smaller is None or not any("limit" in message.lower() for message in refusal.messages):
                    raise
                asked, is_refused = smaller, True
            else:
                # Learned only now: if no size helps, the message spoke of another limit.
                if is_refused:
                    self.accepted = min(asked, self.accepted or asked)
                self.given = max(self.given, _size(page))
                return page

    def is_short(self, limit: int, size: int) -> bool:
        """Whether a page of `size` records, asked for with `limit`, could have held more."""
        return size < min(limit, self.accepted or limit, self.given)

    def unlearn(self, size: int) -> None:
        """Take it that a page of `size` records is full, since something followed one: pages are smaller now."""
        self.given = size


class _Read(Generic[T]):
    """The keys of the last records read, and what of a page is new."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: dict[Key, None] = {}
        self.is_complete = True
        """Whether every key is known: so far nothing had to be forgotten."""

    def knows_any(self, keys: Iterable[Key]) -> bool:
        return any(key in self._keys for key in keys)

    def take(self, page: Page[T]) -> Page[T]:
        """Keep the records that were not read before, and return a page of them."""
        items: list[T] = []
        # A record in front of the first known one may have been forgotten. It cannot have been missed: what is in
        # front of a record that was read has been read.
        behind = self.is_complete or not self.knows_any(item.id for item in page.items)
        for item in page.items:
            if item.id in self._keys:
                behind = True
            elif behind:
                self._keys[item.id] = None
                items.append(item)
        # A page does not say where among its items these were, so a forgotten one may come again.
        quarantined: list[SetApart] = []
        for one in page.quarantined:
            if (key := _key(one)) not in self._keys:
                self._keys[key] = None
                quarantined.append(one)
        while len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]
            self.is_complete = False
        return msgspec.structs.replace(page, items=tuple(items), quarantined=tuple(quarantined))


class _Circles:
    """Notices a server that does not move on: one that ignores `skip`, or that goes around."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.page: tuple[Key, ...] = ()
        self.start = self.repeats = self.stale = 0

    def watch(self, start: int, page: tuple[Key, ...], *, is_stale: bool) -> None:
        # New records in front can show one page at two places; that they do so again and again is no chance.
        if not page or page != self.page:
            self.repeats = 0
        elif start > self.start:
            self.repeats += 1
        self.page, self.start = page, start
        self.stale = self.stale + len(page) if is_stale else 0
        if self.repeats == _SAME_PAGES or self.stale > 2 * self.most:
            raise CursorRepeated(f"at skip {start} the server sends the same records again: the walk would never end")


async def walk(
    fetch: Callable[[int, int], Awaitable[Page[T]]], sizes: PageSize, limit: int, *, remembered: int = REMEMBERED
) -> AsyncIterator[Page[T]]:
    """Walk all records of a list in which others write at the same time.

    Yields pages that hold only what was not read before; those that would hold nothing are left out, but for an empty
    one at the end whose total says that there are more records than were sent.

    Every record that is there from the first request to the last comes, and every record comes once, however many are
    added and deleted between the pages, if the server keeps the order of the list and the size of a full page. The ids
    of the last `remembered` records are kept, and nothing else: a list of so many is held against all of them. In a
    longer one, a record added in front of the place is left out, and the walk stops with an error if so many are added
    there between two pages, or if all of the remembered ones are deleted, because then the place is lost. A server that
    sends one record a page leaves no room for an overlap, and a deletion may hide one there.

    Args:
        fetch: gets the page behind so many records, of at most so many.
        sizes: what is known of this server's pages; it learns more.
        limit: how many records to ask for.

    Raises:
        CursorRepeated: the server ignores `skip` or goes in circles, or the place is lost.

    Cost: 1 request a page, and for the end 1 behind a page that is short, otherwise 2: one page that only overlaps, and
        the empty one behind it. 1 more where something follows a page that was short: no other of the walk is believed.
    """
    read, circles = _Read[T](remembered), _Circles(remembered)
    place, overlap, largest, size_before = 0, 0, 1, 0
    returning = is_short = was_wrong = False
    while True:
        start = max(0, place - overlap)
        page = await sizes.fetch(limit, partial(fetch, start))
        if page.is_empty and not overlap:
            if page.total is not None and page.total > place:
                yield page
            return
        keys = (*(item.id for item in page.items), *map(_key, page.quarantined))
        size = len(keys)
        largest = max(largest, size)
        has_no_room = size_before == 1 and not overlap and not is_short
        if read.knows_any(keys) or (start == 0 and read.is_complete) or has_no_room:
            fresh = read.take(page)
            if not fresh.is_empty:
                yield fresh
            circles.watch(start, keys, is_stale=fresh.is_empty)
            end = start + size
            # Nothing new in an overlap says that nothing follows. A page met on the way back may be full: it says so
            # only if it is short.
            only_overlaps = fresh.is_empty and end <= place and not returning
            is_short = not was_wrong and sizes.is_short(limit, size)
            place, size_before, returning = end, size, False
            overlap = 0 if is_short or only_overlaps else max(1, min(OVERLAP, size // 2))
        elif not overlap:
            overlap = 1  # something follows after all
            if is_short:
                sizes.unlearn(size_before)
                is_short, was_wrong = False, True
        elif start:
            place, overlap, returning = start, largest, True
        else:
            raise CursorRepeated(f"none of the last {remembered:,} records is there any more: the place is lost")


def _size(page: Page[R]) -> int:
    return len(page.items) + len(page.quarantined)


def _key(one: SetApart) -> Key:
    return one.id or sha256(one.raw).digest()

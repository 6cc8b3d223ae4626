"""Walking a list that has no cursor: each page is asked for by how many records to leave out.

Between two such requests records come and go, so the place where one page ended is another place for the next. The law
that keeps a walk whole: **a page continues the one before only if it shows a record that was read already.** Then, in
whatever way the list has moved, nothing that stays can lie in between. So pages overlap by some records; where none of
them is there any more, the walk goes back until it meets one. It holds for every list that keeps its order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from ..errors import CursorRepeated, Unprocessable
from ..pagination import Page

__all__ = ["PageSize", "walk"]

OVERLAP = 5
REMEMBERED = 10_000
_SAME_PAGES = 5


class Identified(Protocol):
    """A record that can be told from others."""

    @property
    def id(self) -> str:
        """Its id."""


T = TypeVar("T", bound=Identified)


class PageSize:
    """The largest `limit` that a server takes, as far as it has said: the largest one is not documented."""

    def __init__(self) -> None:
        self.largest: int | None = None
        """None: nothing was refused so far."""

    async def fetch(self, limit: int, fetch: Callable[[int], Awaitable[Page[T]]]) -> Page[T]:
        """Get a page of at most `limit` records; if the server refuses so many, half as many, and so on.

        Raises:
            Unprocessable: the server refuses something else, or even one record.
        """
        while True:
            asked = limit if self.largest is None else min(limit, self.largest)
            try:
                return await fetch(asked)
            except Unprocessable as refusal:
                if asked == 1 or not any("limit" in message for message in refusal.messages):
                    raise
                # Another call may have learned more in the meantime.
                self.largest = min(asked // 2, self.largest or asked)


class _Read(Generic[T]):
    """The ids of the last records read, and what of a page is new."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: dict[str, None] = {}
        self.is_complete = True
        """Whether every id is known: so far nothing had to be forgotten."""

    def knows_any(self, items: Sequence[T]) -> bool:
        return any(item.id in self._ids for item in items)

    def take(self, items: Sequence[T]) -> list[T]:
        """Keep the records that were not read before, and return them."""
        fresh = []
        # A record in front of the first known one may have been forgotten. It cannot have been missed: what is in
        # front of a record that was read has been read.
        behind = self.is_complete or not self.knows_any(items)
        for item in items:
            if item.id in self._ids:
                behind = True
            elif behind:
                self._ids[item.id] = None
                fresh.append(item)
        while len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]
            self.is_complete = False
        return fresh


class _Circles:
    """Notices a server that does not move on: one that ignores `skip`, or that goes around."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.page: tuple[str, ...] = ()
        self.start = self.repeats = self.stale = 0

    def watch(self, start: int, page: tuple[str, ...], fresh: int) -> None:
        # New records in front can show one page at two places; that they do so again and again is no chance.
        if not page or page != self.page:
            self.repeats = 0
        elif start > self.start:
            self.repeats += 1
        self.page, self.start = page, start
        self.stale = 0 if fresh else self.stale + len(page)
        if self.repeats == _SAME_PAGES or self.stale > 2 * self.most:
            raise CursorRepeated(f"at skip {start} the server sends the same records again: the walk would never end")


async def walk(
    fetch: Callable[[int], Awaitable[Page[T]]], remedy: str, *, remembered: int = REMEMBERED
) -> AsyncIterator[T]:
    """Walk all records of a list in which others write at the same time.

    Every record that is there from the first request to the last comes, and every record comes once, however many are
    added and deleted between the pages, if the server keeps the order of the list. The ids of the last `remembered`
    records are kept, and nothing else: a list of so many is held against all of them. In a longer one, a record added
    in front of the place is left out, and the walk stops with an error if so many are added there between two pages,
    or if all of the remembered ones are deleted, because then the place is lost. A server that sends one record a page
    leaves no room for an overlap, and a deletion may hide one there.

    Args:
        fetch: gets the page behind so many records.
        remedy: what to call instead when a record does not decode.

    Raises:
        CursorRepeated: the server ignores `skip` or goes in circles, or the place is lost.
        DecodeError: a record does not decode; raised behind the good records of its page.

    Cost: 1 request a page, and 2 for the end: one page that only overlaps, and the empty one behind it.
    """
    read, circles = _Read[T](remembered), _Circles(remembered)
    place, overlap, largest, size_before = 0, 0, 1, 0
    returning = False
    while True:
        start = max(0, place - overlap)
        page = await fetch(start)
        if page.is_empty and not overlap:
            return
        size = len(page.items) + len(page.quarantined)
        largest = max(largest, size)
        has_no_room = size_before == 1 and not overlap
        if read.knows_any(page.items) or (start == 0 and read.is_complete) or has_no_room:
            fresh = read.take(page.items)
            for item in fresh:
                yield item
            page.refuse_quarantined(remedy)
            circles.watch(start, tuple(item.id for item in page.items), len(fresh))
            end = start + size
            # Nothing new in an overlap says that nothing follows, but only an empty page proves it. A page met on the
            # way back may be full: it says nothing.
            is_last = not fresh and end <= place and not returning
            place, size_before, returning = end, size, False
            overlap = 0 if is_last else max(1, min(OVERLAP, size // 2))
        elif not overlap:
            overlap = 1  # something follows after all
        elif start:
            place, overlap, returning = start, largest, True
        else:
            raise CursorRepeated(f"none of the last {remembered:,} records is there any more: the place is lost")

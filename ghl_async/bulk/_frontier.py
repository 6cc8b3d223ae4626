"""How far a pass over the contacts has come, where several cursors read side by side.

The key space is (dateAdded, id), ascending. One *walk* without bounds reads all of it; where one cursor is too slow,
what is left of the walk is cut into *spans*, half-open ranges of dateAdded in whole milliseconds, the finest that the
API knows. A tie lies within one millisecond, so it lies within one span: every contact belongs to exactly one. Behind
the last span a walk without bounds goes on from the highest position met, and finds what was added meanwhile and what
has no dateAdded at all.

A position is a contact's `searchAfter`, (epoch milliseconds, contact id). What is *read* is a matter of the cursors;
only what is *committed* goes into the text that a store keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec

__all__ = ["Frontier", "Position", "Span"]

Position: TypeAlias = tuple[Any, ...]


class Span:
    """A part of the key space that one cursor reads."""

    def __init__(self, since: int | None, before: int | None, after: Position | None = None) -> None:
        self.since = since
        """Epoch milliseconds, included. None: from `after` on, or from the beginning."""
        self.before = before
        """Epoch milliseconds, excluded. None: the walk without bounds."""
        self.committed = after
        self.read = after
        """The position behind the last contact that a cursor fetched; `committed` never leads it."""
        self.left = 0
        """About how many contacts it still holds: a guess from the server's totals, only to choose what to cut."""
        self.is_read = False
        """Whether an empty page has come."""

    @property
    def is_done(self) -> bool:
        """Whether it was read to its end and all of it is committed."""
        return self.is_read and self.committed == self.read

    @property
    def reads_from(self) -> int | None:
        """The millisecond in which the cursor stands, None where a position does not begin with one."""
        return self.since if self.read is None else _millisecond(self.read)


class Frontier:
    """The spans of one pass. Decoded from what the store kept, encoded again with each commit."""

    def __init__(self, kept: bytes | None = None) -> None:
        after, spans = _decoded(kept)
        self._highest = after
        self._highest_read = after
        self.walk = Span(None, None, after)
        """The walk without bounds. While there are spans it waits."""
        self.spans = spans

    @property
    def is_split(self) -> bool:
        """Whether there are spans whose contacts are not all read."""
        return any(not span.is_read for span in self.spans)

    def note_read(self, span: Span, position: Position) -> None:
        """Say that a cursor has fetched the contacts up to a position."""
        span.read = position
        self._highest_read = _higher(self._highest_read, position)

    def note_committed(self, span: Span, position: Position) -> None:
        """Say that the contacts of a span up to a position are safe."""
        span.committed = position
        self._highest = _higher(self._highest, position)

    def split_walk(self, newest: int, parts: int) -> list[Span]:
        """Cut what the walk has not read, up to the millisecond `newest`, into up to `parts` spans of equal length.

        The first of them is the walk itself, which is bounded from now on; a new walk waits behind the last.

        Returns:
            The new spans, without that first one; none where nothing can be cut.
        """
        start = self.walk.reads_from
        if start is None:
            return []
        edges = sorted({start + (newest + 1 - start) * part // parts for part in range(1, parts + 1)} - {start})
        if not edges or edges[0] <= start:
            return []
        old, self.walk = self.walk, Span(None, None)
        old.before = edges[0]
        new = [Span(since, before) for since, before in pairwise(edges)]
        for span in (old, *new):
            span.left = old.left // (len(new) + 1)
        self.spans = [old, *new]
        return new

    def split_span(self, span: Span) -> Span | None:
        """Cut what a cursor has not read of a span in halves, and return the later one; None where it is too short."""
        start = span.reads_from
        if start is None or span.before is None or span.before - start < 2:  # noqa: PLR2004  (halves need two)
            return None
        middle = (start + 1 + span.before) // 2
        later = Span(middle, span.before)
        later.left = span.left = span.left // 2
        span.before = middle
        self.spans.insert(self.spans.index(span) + 1, later)
        return later

    def resume_walk(self) -> Span:
        """The walk, from the highest position that any cursor met."""
        if self.spans:
            self.walk.read = self.walk.committed = self._highest_read
        return self.walk

    def encode(self) -> bytes | None:
        """What a store keeps: a position, or the highest one and what is left of the spans; None at the beginning."""
        left = [[span.since, span.before, span.committed] for span in self.spans if not span.is_done]
        after = self.walk.committed if self.walk.committed is not None and not left else self._highest
        if left:
            return msgspec.json.encode({"after": after, "spans": left})
        return None if after is None else msgspec.json.encode(after)


def _decoded(kept: bytes | None) -> tuple[Position | None, list[Span]]:
    found = None if kept is None else msgspec.json.decode(kept)
    if not isinstance(found, dict):
        return _position(found), []
    spans = []
    for since, before, after in found["spans"]:
        span = Span(since, before, _position(after))
        # Its total, asked for again, then counts what is left of it.
        span.since = since if span.read is None else span.reads_from
        spans.append(span)
    return _position(found["after"]), spans


def _position(found: Sequence[Any] | None) -> Position | None:
    return None if found is None else tuple(found)


def _millisecond(position: Position) -> int | None:
    return position[0] if isinstance(position[0], int) and not isinstance(position[0], bool) else None


def _higher(one: Position | None, other: Position) -> Position:
    if one is None:
        return other
    first, second = _millisecond(one), _millisecond(other)
    # Of two in one millisecond the later met counts: a tie lies in one span, which is read in order.
    return one if first is not None and (second is None or second < first) else other

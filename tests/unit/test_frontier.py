"""Frontier: whatever is split, committed and killed in whatever order, every contact is read exactly once."""

from __future__ import annotations

from bisect import bisect_right, insort

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ghl_async.bulk._frontier import Frontier

NEVER = 10**15


class Location:
    """Contacts as (millisecond, id), in the order of a search; those without a date come last, as (None, id)."""

    def __init__(self, dated, undated):
        self.dated = sorted(dated)
        self.undated = [(None, f"u{number}") for number in range(undated)]

    @property
    def contacts(self):
        return [*self.dated, *self.undated]

    def page(self, span, limit):
        """What a search finds behind a span's place and within its bounds."""
        place = (-1, "") if span.read is None else span.read
        if place[0] is None:
            return self.undated[self.undated.index(place) + 1 :][:limit]
        found = self.dated[bisect_right(self.dated, place) :]
        if span.before is None:
            return [*found, *self.undated][:limit]
        return [each for each in found if (span.since or -1) <= each[0] < span.before][:limit]


class Reading(RuleBasedStateMachine):
    """A run with any number of cursors: requests fly, pages come back late, parts are committed in order."""

    @initialize(
        dated=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10**6)), max_size=60, unique=True),
        tie=st.integers(0, 40),
        undated=st.integers(0, 3),
    )
    def begin(self, dated, tie, undated):
        ties = [(30, f"tie{number:03}") for number in range(tie)]
        self.location = Location([*((ms, f"c{number:07}") for ms, number in dated), *ties], undated)
        self.stored = None
        self.committed = []
        self.start()

    def start(self):
        self.frontier = Frontier(self.stored)
        self.flying = {}
        self.waiting = []
        self.is_walking = not self.frontier.is_split
        if self.is_walking:
            self.frontier.resume_walk()

    def cursors(self):
        found = [span for span in self.frontier.spans if not span.is_read]
        return [*found, self.frontier.walk] if self.is_walking and not self.frontier.walk.is_read else found

    def has_seen_the_end(self):
        return self.frontier.walk.is_read or self.flying.get(self.frontier.walk) == []

    def ask(self, span, limit):
        self.flying[span] = self.location.page(span, limit)

    def land(self, span):
        page = self.flying.pop(span)
        kept = [each for each in page if span.before is None or (each[0] is not None and each[0] < span.before)]
        if kept:
            self.frontier.note_read(span, kept[-1])
            self.waiting += [(span, each) for each in kept]
        span.is_read = not page or len(kept) < len(page)
        if not self.is_walking and not self.frontier.is_split and not self.flying:
            self.frontier.resume_walk()
            self.is_walking = True

    def store(self, many):
        part, self.waiting = self.waiting[:many], self.waiting[many:]
        for span, contact in part:
            self.frontier.note_committed(span, contact)
        if part:
            self.stored = self.frontier.encode()
            self.committed += [contact for _, contact in part]

    @precondition(lambda self: [span for span in self.cursors() if span not in self.flying])
    @rule(which=st.integers(0, 50), limit=st.integers(1, 12))
    def a_cursor_asks(self, which, limit):
        idle = [span for span in self.cursors() if span not in self.flying]
        self.ask(idle[which % len(idle)], limit)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 50))
    def a_page_comes(self, which):
        self.land(list(self.flying)[which % len(self.flying)])

    @rule(many=st.integers(1, 15))
    def a_part_is_committed(self, many):
        self.store(many)

    @precondition(lambda self: self.is_walking and not self.frontier.spans and not self.frontier.walk.is_read)
    @rule(parts=st.integers(1, 8))
    def what_is_left_of_the_walk_is_split(self, parts):
        if self.location.dated:
            self.frontier.split_walk(self.location.dated[-1][0], parts)
            self.is_walking = not self.frontier.spans

    @precondition(lambda self: self.frontier.is_split)
    @rule(which=st.integers(0, 50))
    def a_span_is_split(self, which):
        spans = [span for span in self.frontier.spans if not span.is_read]
        self.frontier.split_span(spans[which % len(spans)])

    @precondition(lambda self: not self.location.undated and not self.has_seen_the_end())
    @rule(number=st.integers(0, 10**6), later=st.integers(1, 5))
    def a_contact_is_added(self, number, later):
        newest = self.location.dated[-1][0] if self.location.dated else 0
        insort(self.location.dated, (newest + later, f"n{number:07}"))

    @rule()
    def it_is_killed(self):
        self.start()

    @invariant()
    def none_is_committed_twice(self):
        if hasattr(self, "committed"):
            assert len(self.committed) == len(set(self.committed))

    def teardown(self):
        if not hasattr(self, "location"):
            return
        while self.flying or self.cursors():
            for span in list(self.flying):
                self.land(span)
            for span in self.cursors():
                self.ask(span, 10)
        self.store(NEVER)
        self.none_is_committed_twice()
        assert sorted(self.committed, key=repr) == sorted(self.location.contacts, key=repr)
        self.start()
        # A span of which no empty page was seen may be asked once more: there is nothing left in any.
        assert not any(self.location.page(span, NEVER) for span in self.cursors()), "and the store says so"


Reading.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)
TestEveryContactIsCommittedExactlyOnce = Reading.TestCase


@pytest.fixture
def walking():
    """A walk that has read a little."""
    frontier = Frontier()
    frontier.note_read(frontier.walk, (1000, "a"))
    frontier.note_committed(frontier.walk, (1000, "a"))
    return frontier


def test_nothing_kept_means_everything_is_to_be_read():
    frontier = Frontier(None)
    assert (frontier.is_split, frontier.walk.read, frontier.encode()) == (False, None, None)


def test_one_position_is_kept_where_one_cursor_reads(walking):
    assert msgspec.json.decode(walking.encode()) == [1000, "a"]
    assert Frontier(walking.encode()).walk.read == (1000, "a")


def test_the_parts_of_a_split_touch_and_end_behind_the_newest(walking):
    new = walking.split_walk(9999, 3)
    assert [(span.since, span.before) for span in walking.spans] == [(None, 4000), (4000, 7000), (7000, 10_000)]
    assert new == walking.spans[1:]
    assert walking.walk.before is None


@pytest.mark.parametrize("newest", [999, 1000])
def test_five_hundred_contacts_of_one_instant_stay_together(walking, newest):
    assert walking.split_walk(newest, 8) == []
    assert all(span.before - (span.reads_from or 0) == 1 for span in walking.spans)
    assert all(walking.split_span(span) is None for span in walking.spans)


def test_a_span_is_halved_behind_its_cursor_and_what_is_left_with_it(walking):
    walking.split_walk(9999, 2)
    first, second = walking.spans
    second.left = 10
    walking.note_read(second, (8001, "x"))
    later = walking.split_span(second)
    assert (second.before, later.since, later.before) == (9001, 9001, 10_000)
    assert (second.left, later.left) == (5, 5)
    assert walking.spans == [first, second, later]


def test_what_is_read_but_not_committed_is_read_again(walking):
    walking.split_walk(9999, 2)
    first, second = walking.spans
    walking.note_read(second, (7000, "x"))
    walking.note_committed(second, (6000, "w"))
    walking.note_read(first, (2000, "b"))
    first.is_read = second.is_read = True
    again = Frontier(walking.encode())
    assert [(span.read, span.before, span.is_read) for span in again.spans] == [
        ((1000, "a"), 5500, False),
        ((6000, "w"), 10_000, False),
    ]
    assert again.is_split


def test_behind_the_spans_the_walk_goes_on_from_the_highest_position(walking):
    walking.split_walk(9999, 2)
    first, second = walking.spans
    for span, position in ((second, (9999, "z")), (first, (2000, "b"))):
        walking.note_read(span, position)
        walking.note_committed(span, position)
        span.is_read = True
    assert walking.resume_walk().read == (9999, "z")
    assert msgspec.json.decode(walking.encode()) == [9999, "z"]


def test_positions_without_a_millisecond_are_kept_but_cannot_be_split():
    frontier = Frontier()
    frontier.note_read(frontier.walk, ("smith", "a"))
    frontier.note_committed(frontier.walk, ("smith", "a"))
    assert frontier.split_walk(10**12, 4) == []
    assert Frontier(frontier.encode()).walk.read == ("smith", "a")

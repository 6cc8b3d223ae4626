"""Walking a list by `skip` while others add and delete: nothing that stays is missed, and nothing comes twice."""

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ghl_async.errors import CursorRepeated
from ghl_async.pagination import Page
from ghl_async.resources._skip import walk


@dataclass(frozen=True)
class Row:
    id: str


class Moving:
    """A list in its own order, of which others delete and to which they add before each request."""

    def __init__(self, size, edits=(), *, limit=100, sizes=()):
        self.rows = [Row(f"r{n}") for n in range(size)]
        self.stay = set(self.rows)
        self._edits = iter(edits)
        self._limit = limit
        self._sizes = iter(sizes)
        self._added = 0
        self.asked = []

    async def fetch(self, skip):
        if self.asked:  # what happens before the first request is not the walk's to see
            for deletes, where, count in next(self._edits, ()):
                at = min(where, len(self.rows))
                if deletes:
                    self.stay -= set(self.rows[at : at + count])
                    del self.rows[at : at + count]
                else:
                    self.rows[at:at] = [Row(f"a{self._added + n}") for n in range(count)]
                    self._added += count
        self.asked.append(skip)
        size = min(self._limit, next(self._sizes, self._limit))
        page = tuple(self.rows[skip : skip + size])
        return Page(items=page, cursor=skip + len(page) if page else None)


async def read_all(moving, **options):
    read = [row async for row in walk(moving.fetch, "look again", **options)]
    assert len(read) == len(set(read)), "a record came twice"
    return read


EDITS = st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 12)), max_size=3), max_size=25)


@given(st.integers(0, 60), EDITS, st.integers(2, 25))
@example(20, [[(True, 0, 12)]], 10)
@example(20, [[(False, 0, 12)], [(False, 0, 12)]], 10)
@example(12, [[], [(True, 0, 2)]], 2)
async def test_no_record_that_stays_is_missed_and_none_comes_twice(size, edits, limit):
    moving = Moving(size, edits, limit=limit)
    assert moving.stay <= set(await read_all(moving))


@given(st.integers(0, 60), EDITS, st.integers(2, 12), st.lists(st.integers(1, 12), max_size=60))
async def test_pages_that_shrink_at_will_change_nothing_of_what_comes(size, edits, limit, sizes):
    # While a page may be cut short anywhere, an end is only believed of a list that stands still.
    moving = Moving(size, limit=limit, sizes=sizes)
    assert [row.id for row in await read_all(moving)] == [f"r{n}" for n in range(size)]
    await read_all(Moving(size, edits, limit=limit, sizes=sizes))


@given(st.integers(0, 200), EDITS, st.integers(2, 6))
async def test_a_long_list_is_walked_with_few_ids_in_memory(size, edits, limit):
    small = [[(deletes, where, min(count, 3)) for deletes, where, count in each[:1]] for each in edits]
    moving = Moving(size, small, limit=limit)
    assert moving.stay <= set(await read_all(moving, remembered=40))


@given(st.integers(30, 200), EDITS, st.integers(2, 6))
async def test_with_too_few_ids_for_so_much_change_a_walk_says_so_and_misses_nothing(size, edits, limit):
    moving = Moving(size, edits, limit=limit)
    read = []
    try:
        async for row in walk(moving.fetch, "look again", remembered=10):
            read.append(row)  # noqa: PERF401 - what was read before the error counts too
    except CursorRepeated:
        return
    assert moving.stay <= set(read)


@pytest.mark.parametrize(("size", "requests"), [(0, 1), (1, 3), (3, 3), (100, 3), (101, 4), (1000, 13)])
async def test_what_a_walk_costs(size, requests):
    moving = Moving(size)
    assert len(await read_all(moving)) == size
    assert len(moving.asked) == requests


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_a_server_may_clamp_to_any_size(limit):
    moving = Moving(23, limit=limit)
    assert len(await read_all(moving)) == 23


async def test_more_deletions_than_the_overlap_send_the_walk_back_to_where_it_was():
    moving = Moving(300, [[], [(True, 0, 90)]])
    assert moving.rows[299] in await read_all(moving)
    assert moving.asked[:5] == [0, 95, 190, 90, 185]


async def test_a_full_page_met_on_the_way_back_is_not_taken_for_the_last():
    moving = Moving(21, [[], [], [(True, 0, 5)], [], [(True, 0, 1)]], limit=10)
    assert moving.rows[20] in await read_all(moving)


async def test_forgotten_records_that_are_shown_again_do_not_come_twice():
    moving = Moving(60, [*[[]] * 7, [(False, 0, 18)]], limit=10)
    read = await read_all(moving, remembered=20)
    assert [row.id for row in read] == [f"r{n}" for n in range(60)]


async def test_a_list_emptied_under_the_walk_ends_it():
    moving = Moving(300, [[], [(True, 0, 300)]])
    assert len(await read_all(moving)) == 195


async def test_a_server_that_ignores_skip_is_found_out():
    rows = tuple(Row(f"r{n}") for n in range(100))
    asked = []

    async def fetch(skip):
        asked.append(skip)
        return Page(items=rows, cursor=1)

    read = []
    with pytest.raises(CursorRepeated, match="the same records again"):
        async for row in walk(fetch, "look again"):
            read.append(row)  # noqa: PERF401 - what was read before the error counts too
    assert (len(read), len(asked)) == (100, 6)


async def test_a_server_that_goes_around_is_found_out():
    asked = []

    async def fetch(skip):
        asked.append(skip)
        return Page(items=tuple(Row(f"r{(skip + n) % 30}") for n in range(10)), cursor=1)

    with pytest.raises(CursorRepeated):
        _ = [row async for row in walk(fetch, "look again", remembered=100)]
    assert len(asked) < 60


async def test_a_place_that_is_lost_is_said_and_not_guessed():
    moving = Moving(400, [[], [], [(True, 100, 200)]])
    with pytest.raises(CursorRepeated, match="none of the last 50 records"):
        await read_all(moving, remembered=50)

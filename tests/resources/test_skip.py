"""Walking a list by `skip` while others add and delete: nothing that stays is missed, and nothing comes twice."""

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ghl_async.errors import BadRequest, CursorRepeated, Unprocessable
from ghl_async.models import Quarantined
from ghl_async.pagination import Page
from ghl_async.resources._skip import PageSize, walk


@dataclass(frozen=True)
class Row:
    id: str


def set_apart(row, number):
    """A row that did not decode; every second one has no id that can be read."""
    return Quarantined(kind="row", raw=row.id.encode(), reason="", id=row.id if number % 2 else None)


class Moving:
    """A list in its own order, of which others delete and to which they add before each request."""

    def __init__(self, size, edits=(), *, limit=100, sizes=(), bad=0):
        self.rows = [Row(f"r{n}") for n in range(size)]
        self.stay = {row.id for row in self.rows}
        self._edits = iter(edits)
        self._limit = limit
        self._sizes = iter(sizes)
        self._bad = bad
        self._added = 0
        self.asked = []

    async def fetch(self, skip, limit):
        if self.asked:  # what happens before the first request is not the walk's to see
            for deletes, where, count in next(self._edits, ()):
                at = min(where, len(self.rows))
                if deletes:
                    self.stay -= {row.id for row in self.rows[at : at + count]}
                    del self.rows[at : at + count]
                else:
                    self.rows[at:at] = [Row(f"a{self._added + n}") for n in range(count)]
                    self._added += count
        self.asked.append(skip)
        size = min(limit, self._limit, next(self._sizes, self._limit))
        page = self.rows[skip : skip + size]
        numbered = [(int(row.id[1:]), row) for row in page]
        return Page(
            items=tuple(row for number, row in numbered if not self._is_bad(number)),
            cursor=skip + len(page) if page else None,
            total=len(self.rows),
            quarantined=tuple(set_apart(row, number) for number, row in numbered if self._is_bad(number)),
        )

    def _is_bad(self, number):
        return bool(self._bad) and number % self._bad == 0


async def read_all(moving, *, limit=100, sizes=None, **options):
    """Walk to the end and return the ids of all rows, those that do not decode too."""
    read = []
    async for page in walk(moving.fetch, sizes or PageSize(), limit, **options):
        assert not page.is_empty
        read += [row.id for row in page.items] + [one.raw.decode() for one in page.quarantined]
    assert len(read) == len(set(read)), "a record came twice"
    return read


async def experienced(clamp, *lengths):
    """The `PageSize` of a server that gives at most `clamp`, after lists of some lengths were walked."""
    sizes = PageSize()
    for length in lengths:
        await read_all(Moving(length, limit=clamp), sizes=sizes)
    return sizes


EDITS = st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 12)), max_size=3), max_size=25)
LENGTHS = st.lists(st.integers(0, 40), max_size=3)


@given(st.integers(0, 60), EDITS, st.integers(2, 25), st.integers(2, 30), LENGTHS)
@example(20, [[(True, 0, 12)]], 10, 100, [])
@example(20, [[(False, 0, 12)], [(False, 0, 12)]], 10, 100, [])
@example(12, [[], [(True, 0, 2)]], 2, 100, [])
@example(12, [[(True, 0, 5)]], 10, 30, [])  # a full page, which could be taken for the short end of the list
@example(12, [[(True, 0, 5)]], 10, 30, [9])
@example(12, [[(True, 0, 5)]], 10, 30, [40])
async def test_no_record_that_stays_is_missed_and_none_comes_twice(size, edits, clamp, limit, before):
    sizes = await experienced(clamp, *before)
    moving = Moving(size, edits, limit=clamp)
    read = await read_all(moving, limit=limit, sizes=sizes)
    assert moving.stay <= set(read)


@given(st.integers(0, 60), EDITS, st.integers(2, 25), LENGTHS, st.integers(1, 4))
async def test_records_that_do_not_decode_are_neither_missed_nor_handed_out_twice(size, edits, clamp, before, bad):
    sizes = await experienced(clamp, *before)
    moving = Moving(size, edits, limit=clamp, bad=bad)
    read = await read_all(moving, sizes=sizes)
    assert moving.stay <= set(read)


@given(st.integers(0, 60), EDITS, st.integers(2, 12), st.lists(st.integers(1, 12), max_size=60), LENGTHS)
async def test_pages_that_shrink_at_will_change_nothing_of_what_comes(size, edits, limit, shrunk, before):
    # While a page may be cut short anywhere, an end is only believed of a list that stands still.
    moving = Moving(size, limit=limit, sizes=shrunk)
    read = await read_all(moving, sizes=await experienced(limit, *before))
    assert read == [f"r{n}" for n in range(size)]
    await read_all(Moving(size, edits, limit=limit, sizes=shrunk), sizes=await experienced(limit, *before))


@given(st.integers(0, 200), EDITS, st.integers(2, 6), LENGTHS)
async def test_a_long_list_is_walked_with_few_ids_in_memory(size, edits, limit, before):
    small = [[(deletes, where, min(count, 3)) for deletes, where, count in each[:1]] for each in edits]
    moving = Moving(size, small, limit=limit)
    read = await read_all(moving, sizes=await experienced(limit, *before), remembered=40)
    assert moving.stay <= set(read)


@given(st.integers(30, 200), EDITS, st.integers(2, 6), LENGTHS)
async def test_with_too_few_ids_for_so_much_change_a_walk_says_so_and_misses_nothing(size, edits, limit, before):
    moving = Moving(size, edits, limit=limit)
    sizes = await experienced(limit, *before)
    read = set()
    try:
        async for page in walk(moving.fetch, sizes, 100, remembered=10):
            read |= {row.id for row in page.items}
    except CursorRepeated:
        return
    assert moving.stay <= read


@given(st.integers(0, 60), st.integers(1, 12), st.integers(1, 12), st.integers(0, 40))
async def test_a_server_whose_pages_became_smaller_costs_little_more_and_hides_nothing(size, clamp, before, length):
    sizes = await experienced(clamp + before, length)
    moving, fresh = Moving(size, limit=clamp), Moving(size, limit=clamp)
    assert await read_all(moving, sizes=sizes) == await read_all(fresh)
    assert len(moving.asked) <= len(fresh.asked) + 2  # a wrong guess, and an end that is not believed


@pytest.mark.parametrize(
    ("size", "first", "later"), [(0, 1, 1), (1, 3, 2), (3, 3, 2), (99, 3, 2), (100, 3, 3), (101, 3, 3), (1000, 12, 12)]
)
async def test_what_a_walk_costs_at_first_and_when_the_pages_are_known(size, first, later):
    for sizes, requests in ((PageSize(), first), (await experienced(100, 100), later)):
        moving = Moving(size)
        assert len(await read_all(moving, limit=500, sizes=sizes)) == size
        assert len(moving.asked) == requests


async def test_behind_a_short_page_the_walk_asks_without_an_overlap():
    moving = Moving(30, limit=20)
    await read_all(moving)
    assert moving.asked == [0, 15, 30]


async def test_what_follows_a_short_page_after_all_is_asked_for_again_with_an_overlap():
    moving = Moving(30, [[], [(False, 30, 25)]], limit=20)
    assert len(await read_all(moving)) == 55
    assert moving.asked == [0, 15, 30, 29, 44, 50, 55]


async def test_a_page_larger_than_those_before_raises_what_counts_as_full():
    sizes = await experienced(50, 60)
    assert (sizes.is_short(500, 49), sizes.is_short(500, 50), sizes.is_short(20, 20)) == (True, False, False)
    await read_all(Moving(80, limit=70), sizes=sizes)
    assert (sizes.is_short(500, 69), sizes.is_short(500, 70)) == (True, False)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_a_server_may_clamp_to_any_size(limit):
    moving = Moving(23, limit=limit)
    assert len(await read_all(moving)) == 23
    assert len(await read_all(Moving(23, limit=limit), sizes=await experienced(limit + 3, 20))) == 23


async def test_more_deletions_than_the_overlap_send_the_walk_back_to_where_it_was():
    moving = Moving(300, [[], [(True, 0, 90)]])
    assert "r299" in await read_all(moving)
    assert moving.asked[:5] == [0, 95, 190, 90, 185]


async def test_a_full_page_met_on_the_way_back_is_not_taken_for_the_last():
    moving = Moving(21, [[], [], [(True, 0, 5)], [], [(True, 0, 1)]], limit=10)
    assert "r20" in await read_all(moving)


async def test_forgotten_records_that_are_shown_again_do_not_come_twice():
    moving = Moving(60, [*[[]] * 7, [(False, 0, 18)]], limit=10)
    assert await read_all(moving, remembered=20) == [f"r{n}" for n in range(60)]


async def test_a_list_emptied_under_the_walk_ends_it():
    moving = Moving(300, [[], [(True, 0, 300)]])
    assert len(await read_all(moving)) == 195


async def test_an_overlap_that_does_not_decode_continues_the_walk_as_any_other():
    moving = Moving(40, limit=10, bad=1)
    assert sorted(await read_all(moving)) == sorted(f"r{n}" for n in range(40))
    assert moving.asked == [0, 5, 10, 15, 20, 25, 30, 35, 40]


async def test_pages_hold_only_what_is_new_and_the_total_as_sent():
    moving = Moving(18, limit=10, bad=6)
    pages = [page async for page in walk(moving.fetch, PageSize(), 100)]
    assert [len(page.items) for page in pages] == [8, 4, 3]
    assert [[one.raw.decode() for one in page.quarantined] for page in pages] == [["r0", "r6"], ["r12"], []]
    assert [(page.cursor, page.total) for page in pages] == [(10, 18), (15, 18), (18, 18)]


@pytest.mark.parametrize("known", [0, 500])
async def test_a_server_that_ignores_skip_is_found_out(known):
    rows = tuple(Row(f"r{n}") for n in range(100))
    asked = []

    async def fetch(skip, _):
        asked.append(skip)
        return Page(items=rows, cursor=1)

    read = []
    with pytest.raises(CursorRepeated, match="the same records again"):
        async for page in walk(fetch, await experienced(known, known) if known else PageSize(), 500):
            read += page.items
    assert (len(read), len(asked)) == (100, 6)


async def test_a_server_that_goes_around_is_found_out():
    asked = []

    async def fetch(skip, _):
        asked.append(skip)
        return Page(items=tuple(Row(f"r{(skip + n) % 30}") for n in range(10)), cursor=1)

    with pytest.raises(CursorRepeated):
        _ = [page async for page in walk(fetch, PageSize(), 100, remembered=100)]
    assert len(asked) < 60


async def test_a_place_that_is_lost_is_said_and_not_guessed():
    moving = Moving(400, [[], [], [(True, 100, 200)]])
    with pytest.raises(CursorRepeated, match="none of the last 50 records"):
        await read_all(moving, remembered=50)


class Refusing:
    """A server that refuses more than so many records a page, in words of its own."""

    def __init__(self, most, refusal=Unprocessable, message="limit must not be greater than that"):
        self.most = most
        self.asked = []
        self._refusal = refusal(message, operation="x", status=422, messages=["something else", message])

    async def fetch(self, limit):
        self.asked.append(limit)
        if limit > self.most:
            raise self._refusal
        return Page(items=())


@pytest.mark.parametrize("refusal", [Unprocessable, BadRequest])
@pytest.mark.parametrize("message", ["limit must not be greater than 7", "Page Limit exceeded", "Invalid LIMIT"])
async def test_a_refused_size_goes_down_the_ladder_and_is_remembered(refusal, message):
    server, sizes = Refusing(7, refusal, message), PageSize()
    for limit in (500, 500, 3, 8):
        await sizes.fetch(limit, server.fetch)
    assert server.asked == [500, 250, 100, 50, 20, 10, 5, 5, 3, 5]


async def test_a_refusal_that_no_size_helps_against_is_raised_and_nothing_is_learned_from_it():
    server, sizes = Refusing(0), PageSize()
    for _ in range(2):
        with pytest.raises(Unprocessable):
            await sizes.fetch(15, server.fetch)
    assert server.asked == [15, 10, 5, 2, 1] * 2


async def test_a_refusal_of_something_else_is_raised_at_once():
    server, sizes = Refusing(0, BadRequest, "property relations should not exist"), PageSize()
    with pytest.raises(BadRequest):
        await sizes.fetch(100, server.fetch)
    assert server.asked == [100]

"""Walking pages without HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghl_async.errors import CursorRepeated, DecodeError
from ghl_async.models import Quarantined
from ghl_async.pagination import Page, iterate, pages

BROKEN = Quarantined(
    kind="contact", raw=b'{"id":"C9","tags":7}', reason="Expected `array`, got `int` - at `$.tags`", id="C9"
)


def server(sizes, asked=None):
    """A fetch over numbered items, cut into pages of the given sizes; the cursor is the last item."""
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]

    async def fetch(cursor):
        if asked is not None:
            asked.append(cursor)
        start = 0 if cursor is None else cursor + 1
        end = next((end for end in ends if end > start), start)
        items = tuple(range(start, end))
        return Page(items=items, cursor=items[-1] if items else None)

    return fetch


@given(st.lists(st.integers(1, 7), max_size=20))
async def test_any_page_sizes_give_each_item_once_and_in_order(sizes):
    assert [item async for item in iterate(pages(server(sizes)))] == list(range(sum(sizes)))


async def test_a_walk_ends_on_the_empty_page_and_not_on_a_short_one():
    asked = []
    sizes = [len(page.items) async for page in pages(server([5, 1, 5], asked))]
    assert sizes == [5, 1, 5]
    assert asked == [None, 4, 5, 10]


async def test_an_empty_first_page_is_no_page():
    assert [page async for page in pages(server([]))] == []


async def test_a_walk_resumes_behind_a_cursor():
    assert [item async for item in iterate(pages(server([3, 3, 3]), 5))] == [6, 7, 8]


async def test_a_page_without_a_cursor_is_the_last():
    async def fetch(cursor):
        assert cursor is None
        return Page(items=(1, 2))

    assert [item async for item in iterate(pages(fetch))] == [1, 2]


@pytest.mark.parametrize("start", [None, [1, "a"]])
async def test_a_cursor_that_was_there_before_ends_the_walk_with_an_error(start):
    circle = {None: (1, "a"), (1, "a"): (2, "b"), (2, "b"): (1, "a")}

    async def fetch(cursor):
        cursor = circle[tuple(cursor) if cursor else None]
        return Page(items=cursor, cursor=cursor)

    got = []
    with pytest.raises(CursorRepeated):
        async for page in pages(fetch, start):
            got.append(page.cursor)  # noqa: PERF401
    assert got == ([(1, "a"), (2, "b")] if start is None else [(2, "b")])


async def test_a_page_of_quarantined_records_is_not_the_end():
    answers = {
        None: Page(items=(), cursor=1, quarantined=(BROKEN,)),
        1: Page(items=("x",), cursor=2),
        2: Page(items=()),
    }

    async def fetch(cursor):
        return answers[cursor]

    assert [page.items async for page in pages(fetch)] == [(), ("x",)]


async def test_iterate_gives_the_good_items_and_then_names_the_record_that_does_not_decode():
    async def source():
        yield Page(items=("a", "b"), cursor=1, quarantined=(BROKEN, BROKEN))
        pytest.fail("nobody may ask for the next page")

    got = []
    with pytest.raises(DecodeError, match=r"contact C9 \(and 1 more\) does not decode.*pages\(\)") as caught:
        async for item in iterate(source()):
            got.append(item)  # noqa: PERF401
    assert got == ["a", "b"]
    assert caught.value.path == "$.tags"
    assert caught.value.excerpt == BROKEN.raw.decode()


async def test_the_excerpt_of_a_long_record_is_short():
    page = Page(items=(), quarantined=(Quarantined(kind="note", raw=b"\xff" * 9999, reason="not text"),))
    with pytest.raises(DecodeError, match="note without a readable id does not decode: not text; do that") as caught:
        page.refuse_quarantined("do that")
    assert len(caught.value.excerpt) == 200
    assert caught.value.path == ""

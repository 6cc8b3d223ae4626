"""InOrder: side by side inside, in order outside, and nothing left running. Room: so many at once and no more."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghl_async.bulk._workers import InOrder, Room, stream

pytestmark = pytest.mark.virtual


async def collect(results):
    return [result async for result in results]


@settings(max_examples=40, deadline=None)
@given(waits=st.lists(st.floats(0, 3), max_size=30), ahead=st.integers(1, 8))
def test_any_durations_give_the_order_of_the_items_and_never_more_than_ahead(waits, ahead):
    running, most = 0, 0

    async def work(position):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(waits[position] / 1000)
        running -= 1
        return position

    async def run():
        async with InOrder(stream(range(len(waits))), work, ahead=ahead) as results:
            return await collect(results)

    assert asyncio.run(run()) == list(range(len(waits)))
    assert most <= ahead


async def test_work_goes_on_while_the_first_item_is_slow():
    done = []

    async def work(item):
        await asyncio.sleep(10 if item == 0 else 1)
        done.append(item)
        return item

    async with InOrder(stream(range(4)), work, ahead=4) as results:
        assert await collect(results) == [0, 1, 2, 3]
    assert done == [1, 2, 3, 0]


async def test_a_failing_item_comes_out_behind_those_before_it():
    async def work(item):
        if item == 2:
            raise LookupError("two")
        await asyncio.sleep(1)
        return item

    seen = []
    with pytest.raises(LookupError, match="two"):
        async with InOrder(stream(range(5)), work, ahead=5) as results:
            async for result in results:
                seen += [result]
    assert seen == [0, 1]


async def test_a_failing_stream_comes_out_behind_its_items():
    async def broken():
        yield 1
        raise LookupError("the stream")

    async def work(item):
        await asyncio.sleep(1)
        return item

    seen = []
    with pytest.raises(LookupError, match="the stream"):
        async with InOrder(broken(), work, ahead=5) as results:
            async for result in results:
                seen += [result]
    assert seen == [1]


async def test_leaving_the_block_ends_every_task():
    before = asyncio.all_tasks()

    async def work(item):
        await asyncio.sleep(item)
        return item

    async with InOrder(stream(range(100)), work, ahead=10) as results:
        async for result in results:
            if result == 3:
                break
    assert asyncio.all_tasks() == before


async def test_stop_ends_the_results_behind_the_last_one_handed_out():
    async def work(item):
        await asyncio.sleep(1)
        return item

    seen = []
    async with InOrder(stream(range(100)), work, ahead=2) as results:
        async for result in results:
            seen.append(result)
            if result == 5:
                results.stop()
    assert seen == [0, 1, 2, 3, 4, 5]


async def test_stop_wakes_whoever_waits_for_a_result():
    async def work(item):
        await asyncio.sleep(1000)
        return item

    async with InOrder(stream(range(3)), work, ahead=2) as results:
        asyncio.get_running_loop().call_later(1, results.stop)
        assert await collect(results) == []


async def test_a_room_holds_so_many_at_once_and_says_how_many():
    room, most = Room(3), 0

    async def visit(seconds):
        nonlocal most
        async with room:
            most = max(most, room.under_way)
            await asyncio.sleep(seconds)

    await asyncio.gather(*map(visit, (3, 1, 2, 1, 1, 5, 1)))
    assert (most, room.under_way) == (3, 0)


async def test_a_failure_and_a_cancelled_visitor_give_their_places_back():
    room = Room(1)
    with pytest.raises(LookupError):
        async with room:
            raise LookupError
    inside = asyncio.Event()

    async def stay():
        async with room:
            inside.set()
            await asyncio.sleep(1000)

    visitor = asyncio.create_task(stay())
    await inside.wait()
    waiter = asyncio.create_task(stay())
    await asyncio.sleep(1)
    for task in (waiter, visitor):  # the one that waits for a place has none to give
        task.cancel()
    await asyncio.gather(visitor, waiter, return_exceptions=True)
    async with asyncio.timeout(1), room:
        assert room.under_way == 1
    assert room.under_way == 0


async def test_a_stream_is_what_was_given_and_ends():
    assert await collect(stream(range(4))) == [0, 1, 2, 3]
    assert await collect(stream(())) == []

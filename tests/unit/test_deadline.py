"""The bounds of calls: they do what `asyncio.timeout` does, and leave every other cancellation alone."""

import asyncio

import pytest

from ghl_async.wire.deadline import Deadlines

pytestmark = pytest.mark.virtual


async def bounded(deadlines, seconds, work, *, after=0.0):
    """Work under a bound; a bound that passes ends it as "late"."""
    bound = deadlines.begin(seconds)
    try:
        await asyncio.sleep(work)
    except asyncio.CancelledError:
        if not bound.passed():
            raise
        await asyncio.sleep(after)
        return "late"
    finally:
        bound.over = True
    await asyncio.sleep(after)
    return "done"


async def test_a_bound_ends_what_takes_longer_and_nothing_else():
    deadlines = Deadlines()
    works = [4, 6, 4.9, 5.1, 100, 0]
    ended = await asyncio.gather(*(bounded(deadlines, 5, work) for work in works))
    assert ended == ["done" if work < 5 else "late" for work in works]
    assert asyncio.get_running_loop().time() == pytest.approx(5.0, abs=0.2)


async def test_a_call_that_ended_is_not_cancelled_in_what_it_does_next():
    assert await bounded(Deadlines(), 5, 4, after=100) == "done"


async def test_a_call_that_ran_out_of_time_can_go_on():
    assert await bounded(Deadlines(), 5, 10, after=100) == "late"
    assert asyncio.current_task().cancelling() == 0


async def test_bounds_of_different_length_run_beside_each_other():
    deadlines = Deadlines()
    cases = [(1, 2), (2, 1), (60, 59), (60, 61), (0.5, 100), (3, 2.5)]
    ended = await asyncio.gather(*(bounded(deadlines, *case) for case in cases))
    assert ended == ["late", "done", "done", "late", "late", "done"]


async def test_calls_that_begin_later_run_out_later():
    deadlines = Deadlines()

    async def later(start, work):
        await asyncio.sleep(start)
        return await bounded(deadlines, 5, work)

    ended = await asyncio.gather(*(later(start, 5.5 if start % 2 else 4.5) for start in range(12)))
    assert ended == ["late" if start % 2 else "done" for start in range(12)]


async def test_the_cancellation_of_somebody_else_goes_through():
    task = asyncio.create_task(bounded(Deadlines(), 5, 100))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_a_cancellation_in_the_same_instant_goes_through():
    task = asyncio.create_task(bounded(Deadlines(), 5, 100))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(5.0, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


@pytest.mark.parametrize(("outer", "inner"), [(3, 5), (5, 3)])
async def test_the_shorter_of_two_bounds_holds(outer, inner):
    try:
        async with asyncio.timeout(outer):
            ended = await bounded(Deadlines(), inner, 100)
    except TimeoutError:
        ended = "timeout"
    assert ended == ("timeout" if outer < inner else "late")
    assert asyncio.current_task().cancelling() == 0


async def test_finished_calls_are_not_kept():
    deadlines = Deadlines()
    for _ in range(1000):
        await bounded(deadlines, 60, 0.001)
    assert sum(len(running) for running in deadlines._running.values()) <= 1


async def test_nothing_is_timed_after_closing():
    deadlines = Deadlines()
    await bounded(deadlines, 60, 1)
    deadlines.close()
    deadlines.close()
    assert await bounded(deadlines, 1, 2) == "late"

"""One budget, step by step: what admits a request, what holds it back, and what gives a slot back."""

import asyncio

import pytest

from ghl_async.errors import UsageError
from ghl_async.wire.limiter import Budget, Quota
from ghl_async.wire.reading import QuotaReading

from .quota_model import admitted_of, asked, give_up, learned, now, say, settle

pytestmark = pytest.mark.virtual


async def waited_for_the_next(budget, lane="interactive"):
    started = now()
    await budget.admit(lane)
    return now() - started


async def test_the_first_request_goes_alone():
    budget = Budget()
    tasks = asked(budget, 3) + asked(budget, 3, "bulk")
    await asyncio.sleep(5)
    assert len(admitted_of(tasks)) == 1
    budget.answered(tasks[0].result()[0], say(100))
    await asyncio.sleep(3)
    assert len(admitted_of(tasks)) == 6


async def test_a_probe_without_an_answer_is_followed_by_one_other():
    budget = Budget()
    tasks = asked(budget, 3)
    await settle()
    budget.unanswered()
    await settle()
    assert admitted_of(tasks) == [0, 1]
    await give_up(tasks)


async def test_a_slot_is_free_one_interval_after_the_reply_and_not_after_the_sending():
    budget = Budget()
    slot = await budget.admit("interactive")
    await asyncio.sleep(3)
    budget.answered(slot, say(1))
    assert await waited_for_the_next(budget) == pytest.approx(10.04, abs=0.001)


async def test_a_slot_without_a_reply_is_held_one_interval_from_when_we_gave_up():
    budget = await learned(Budget(), say(1))
    await budget.admit("interactive")
    await asyncio.sleep(7)
    budget.unanswered()
    assert await waited_for_the_next(budget) == pytest.approx(10.04, abs=0.001)


async def test_a_slot_with_which_nothing_was_sent_is_free_at_once():
    budget = await learned(Budget(), say(2))
    await budget.admit("interactive")
    tasks = asked(budget, 1)
    await asyncio.sleep(2)
    assert not admitted_of(tasks)
    budget.unsent()
    await settle()
    assert admitted_of(tasks) == [0]


async def test_interactive_calls_are_never_paced():
    budget = await learned(Budget(), say(100))
    tasks = asked(budget, 100)
    await settle()
    assert len(admitted_of(tasks)) == 99
    await give_up(tasks)


async def test_bulk_calls_drip_with_a_burst_of_at_most_five():
    budget = await learned(Budget(), say(100))
    tasks = asked(budget, 90, "bulk")
    await asyncio.gather(*tasks)
    instants = sorted(task.result()[1] for task in tasks)
    assert max(sum(at <= one < at + 0.099 for one in instants) for at in instants) <= 5
    assert instants[-1] - instants[0] == pytest.approx(9.0, abs=0.5)


async def test_a_lane_is_first_come_first_served():
    budget = await learned(Budget(), say(1))
    for lane in ("interactive", "bulk"):
        tasks = asked(budget, 4, lane)
        for _ in tasks:
            await asyncio.sleep(10.1)
            budget.unanswered()
        await settle()
        instants = [task.result()[1] for task in tasks]
        assert instants == sorted(instants)
        await asyncio.sleep(10.1)


async def test_interactive_calls_go_before_bulk_calls_that_came_earlier():
    budget = await learned(Budget(), say(2))
    held = await budget.admit("interactive")
    bulk = asked(budget, 2, "bulk")
    await asyncio.sleep(1)
    interactive = asked(budget, 1)
    await settle()
    budget.answered(held, say(2, 0))
    await asyncio.sleep(9.2)  # the probe's slot
    assert admitted_of(interactive) == [0]
    assert not admitted_of(bulk)
    await give_up(bulk)


async def test_the_reserve_stands_while_there_is_interactive_traffic_and_is_given_back_after():
    budget = await learned(Budget(), say(100))
    tasks = asked(budget, 99, "bulk")
    await asyncio.sleep(9.9)
    assert len(admitted_of(tasks)) == 96
    assert budget.state().free == 3
    await asyncio.sleep(0.5)  # the interval since the interactive call is over, and its slot free
    assert len(admitted_of(tasks)) == 99


async def test_a_cancelled_waiter_leaves_its_place_to_the_next():
    budget = await learned(Budget(), say(1))
    tasks = asked(budget, 3)
    await asyncio.sleep(1)
    tasks[0].cancel()
    await asyncio.sleep(10)
    assert admitted_of(tasks) == [1]
    await give_up(tasks)


async def test_a_waiter_cancelled_in_the_instant_it_is_admitted_gives_its_slot_to_the_next():
    budget = await learned(Budget(), say(2))
    await budget.admit("interactive")
    tasks = asked(budget, 2)
    await settle()
    budget.unsent()  # admits the first, which has not run yet
    tasks[0].cancel()
    await settle()
    assert admitted_of(tasks) == [1]
    assert tasks[0].cancelled()


@pytest.mark.parametrize("moment", [0.0, 0.05, 5.0, 9.95, 10.2])
async def test_a_cancelled_bulk_call_holds_up_nobody(moment):
    """While it waits for its turn, for the pace or for the window."""
    budget = await learned(Budget(), say(5))
    tasks = asked(budget, 8, "bulk")
    await asyncio.sleep(moment)
    await give_up(tasks[:3])
    for task in tasks[3:]:
        slot, _ = await asyncio.wait_for(task, 60)
        budget.answered(slot, say(5, 2))
    for task in tasks[:3]:
        if not task.cancelled():
            budget.unanswered()
    await asyncio.sleep(10.1)
    assert budget.is_idle()


async def refuse_one(budget, count=5, **more):
    """Put requests on the way and have the first refused; returns the slots of the others."""
    tasks = asked(budget, count)
    await settle()
    slots = [task.result()[0] for task in tasks]
    budget.answered(slots[0], say(100, 0, **more), refused=True)
    return slots[1:]


async def test_after_a_refusal_nobody_is_admitted_for_one_interval_whatever_else_is_answered():
    budget = await learned(Budget(), say(100))
    others = await refuse_one(budget)
    tasks = asked(budget, 3) + asked(budget, 3, "bulk")
    for slot in others:
        await asyncio.sleep(1)
        budget.answered(slot, say(100, 50))
    await asyncio.sleep(5.9)
    assert not admitted_of(tasks)
    await asyncio.sleep(0.2)
    assert admitted_of(tasks) == [0]
    await give_up(tasks)


async def test_after_a_refusal_one_probe_goes_first_and_the_rest_follow_its_answer():
    budget = await learned(Budget(), say(100))
    for slot in await refuse_one(budget):
        budget.answered(slot, say(100, 0))  # sent before the refusal: it tells nothing of the time after it
    tasks = asked(budget, 3)
    await asyncio.sleep(15)
    assert admitted_of(tasks) == [0]
    budget.answered(tasks[0].result()[0], say(100, 99))
    await settle()
    assert admitted_of(tasks) == [0, 1, 2]


@pytest.mark.parametrize(("named", "expected"), [(None, 10.04), (3.0, 10.04), (30.0, 30.0), (0.0, 10.04)])
async def test_a_pause_is_what_the_server_named_and_one_interval_at_least(named, expected):
    budget = await learned(Budget(), say(100))
    await refuse_one(budget, 1, retry_after_seconds=named)
    assert await waited_for_the_next(budget) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("named", [(30.0, None), (None, 30.0), (30.0, 12.0)])
async def test_of_several_refusals_the_latest_deadline_holds(named):
    budget = await learned(Budget(), say(100))
    (other,) = await refuse_one(budget, 2, retry_after_seconds=named[0])
    await asyncio.sleep(1)
    budget.answered(other, say(100, 0, retry_after_seconds=named[1]), refused=True)
    expected = 29 if named[0] else 30
    assert await waited_for_the_next(budget) == pytest.approx(expected, abs=0.05)


async def test_a_refusal_lowers_the_limit_to_what_was_counted_and_clean_intervals_raise_it_again():
    budget = await learned(Budget(), say(100))
    for slot in [task.result()[0] for task in await all_admitted(budget, 39)]:
        budget.answered(slot, say(100, 40))
    await refuse_one(budget, 1)
    assert budget.state().requests == 40
    seen = []
    for _ in range(120):
        await asyncio.sleep(1)
        seen.append(budget.state().requests)
    assert set(seen[:20]) == {40}  # the pause and one clean interval
    assert seen[21] == 41
    assert seen == sorted(seen)
    assert seen[-1] == 100


async def all_admitted(budget, count):
    tasks = asked(budget, count)
    await asyncio.gather(*tasks)
    return tasks


async def test_a_refusal_without_any_traffic_of_ours_leaves_a_twentieth():
    budget = await learned(Budget(), say(100))
    await asyncio.sleep(60)
    await refuse_one(budget, 1)
    assert budget.state().requests == 5


async def test_a_refusal_before_anything_was_announced_pauses_and_is_learned_from():
    budget = Budget()
    slot = await budget.admit("interactive")
    budget.answered(slot, QuotaReading(), refused=True)
    assert not budget.state().known
    assert await waited_for_the_next(budget) == pytest.approx(10.04, abs=0.01)


async def test_knowledge_older_than_an_interval_is_renewed_by_one_probe():
    budget = await learned(Budget(), say(100))
    await asyncio.sleep(11)
    tasks = asked(budget, 5)
    await settle()
    assert admitted_of(tasks) == [0]
    budget.answered(tasks[0].result()[0], say(100))
    await settle()
    assert admitted_of(tasks) == [0, 1, 2, 3, 4]


async def test_knowledge_within_the_interval_needs_no_probe():
    budget = await learned(Budget(), say(100))
    await asyncio.sleep(9)
    assert len(await all_admitted(budget, 50)) == 50


async def test_replies_without_headers_change_nothing():
    budget = await learned(Budget(), say(40, interval=5.0))
    before = budget.state()
    await learned(budget, QuotaReading())
    after = budget.state()
    assert (after.requests, after.interval_seconds, after.known) == (before.requests, 5.0, True)
    assert budget.announcements == 1


@pytest.mark.parametrize("requests", [0, -3])
async def test_a_limit_that_cannot_be_is_not_adopted(requests):
    budget = await learned(Budget(), say(100))
    await learned(budget, say(requests, 0))
    assert budget.state().requests == 100


async def test_others_are_held_back_for_an_interval_and_then_no_more():
    budget = await learned(Budget(), say(100, 40))
    held = budget.state().used_by_others
    assert 59 <= held <= 61
    assert budget.state().free == 100 - 1 - held
    await asyncio.sleep(10.1)
    assert budget.state().used_by_others == 0


async def test_our_own_requests_are_never_taken_for_those_of_others():
    budget = await learned(Budget(), say(100))
    tasks = await all_admitted(budget, 60)
    for left, task in zip(range(98, 0, -1), tasks, strict=False):
        budget.answered(task.result()[0], say(100, left))
        assert budget.state().used_by_others == 0


@pytest.mark.parametrize("nonsense", [{"requests": 0}, {"requests": -1}, {"daily_floor": -1}])
def test_a_quota_that_makes_no_sense_is_refused(nonsense):
    with pytest.raises(UsageError, match=r"Quota\."):
        Quota(**nonsense)

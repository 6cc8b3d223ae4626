"""A budget that is not ours alone: interactive calls beside bulk work, other processes, other clients of this one."""

import asyncio
import gc
import random
import weakref
from datetime import timedelta

import pytest

from ghl_async.errors import DailyQuotaExhausted
from ghl_async.wire.limiter import Budget, Quota
from ghl_async.wire.share import BudgetShare

from .quota_model import QuotaServer, Trip, admitted_of, asked, crowd, give_up, learned, now, one_call, say, settle

KINDS = ("fixed", "sliding", "bucket")
HERE = ("pit", "https://api.example", "location1")
THERE = ("pit", "https://api.example", "location2")


@pytest.mark.virtual
@pytest.mark.parametrize("requests", [100, 25])
@pytest.mark.parametrize("kind", KINDS)
async def test_one_interactive_call_a_second_beside_bulk_work_at_full_speed_hardly_waits(kind, requests):
    """At 25 those calls are 40 % of all: bulk work must drip at what they leave, or everything bunches up."""
    server, budget, rng = QuotaServer(kind, requests), Budget(), random.Random(5)
    waits = []

    async def interactive():
        while now() < 250:
            await asyncio.sleep(1)
            slot, _ = await one_call(budget, server, "interactive", rng=rng)
            waits.append(slot.waited_seconds)

    await asyncio.gather(crowd(budget, server, until=250), interactive())
    standing = sorted(waits[12:])
    assert standing[int(len(standing) * 0.99)] <= 0.05
    assert not server.refused
    assert server.used(10, 250) >= 0.95


@pytest.mark.virtual
@pytest.mark.parametrize("round_trip", [0.01, 0.1])
@pytest.mark.parametrize("start", [0.0, 3.3, 33.3])
async def test_two_processes_share_one_location(round_trip, start):
    """At the window that GHL keeps. The second starts at the same instant, within the same window, or much later."""
    server, trip = QuotaServer("fixed"), Trip(round_trip)

    async def second():
        await asyncio.sleep(start)
        await crowd(Budget(), server, until=start + 300, trip=trip, seed=2, caller="b")

    await asyncio.gather(crowd(Budget(), server, until=start + 300, trip=trip), second())
    since = start + 10
    refused = sum(at >= start for at in server.refused)
    assert server.used(since, start + 300) >= 0.9
    assert refused <= 0.01 * (len(server.admitted) + len(server.refused))
    assert min(server.by_caller.values()) >= 0.15 * len(server.admitted)


@pytest.mark.virtual
@pytest.mark.parametrize("kind", ["sliding", "bucket"])
async def test_two_processes_share_one_location_of_another_kind_of_window(kind):
    """GHL keeps a fixed window; with another one the two are not in step and leave more of it unused."""
    server = QuotaServer(kind)

    async def second():
        await asyncio.sleep(33.3)
        await crowd(Budget(), server, until=300, trip=Trip(0.01), seed=2, caller="b")

    await asyncio.gather(crowd(Budget(), server, until=300, trip=Trip(0.01)), second())
    assert server.used(43, 300) >= 0.7
    assert len(server.refused) <= 0.02 * len(server.admitted)


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
async def test_when_the_other_process_ends_its_share_is_taken(kind):
    """Eight intervals later at the latest: a 429 just before the end lowers N, and it climbs by 1, 2, 4, ..., 64."""
    server = QuotaServer(kind)
    await asyncio.gather(crowd(Budget(), server, until=220), crowd(Budget(), server, until=60, seed=2, caller="b"))
    assert server.used(160, 220) >= 0.95


@pytest.mark.virtual
async def test_two_clients_in_one_process_spend_one_budget():
    first, second = BudgetShare(HERE, Quota()), BudgetShare(HERE, Quota())
    assert first.budget is second.budget
    assert BudgetShare(THERE, Quota()).budget is not first.budget
    assert BudgetShare(("app", *HERE[1:]), Quota()).budget is not first.budget


@pytest.mark.virtual
async def test_two_clients_in_one_process_use_the_quota_and_are_never_refused():
    server = QuotaServer("sliding")
    budgets = [BudgetShare(HERE, Quota()).budget for _ in range(2)]
    await asyncio.gather(*(crowd(each, server, until=100, seed=n) for n, each in enumerate(budgets)))
    assert not server.refused
    assert server.used(10, 100) >= 0.97


@pytest.mark.virtual
async def test_a_released_budget_that_still_cools_is_found_again():
    first = BudgetShare(HERE, Quota())
    await learned(first.budget, say(100))
    first.release()
    await asyncio.sleep(5)
    again = BudgetShare(HERE, Quota())
    assert again.budget is first.budget
    again.release()


@pytest.mark.virtual
async def test_a_released_budget_that_pauses_is_found_again():
    first = BudgetShare(HERE, Quota())
    slot = await first.budget.admit("interactive")
    first.budget.answered(slot, say(100, 0, retry_after_seconds=500.0), refused=True)
    first.release()
    await asyncio.sleep(400)
    assert BudgetShare(HERE, Quota()).budget is first.budget


@pytest.mark.virtual
async def test_an_idle_budget_that_nobody_holds_is_dropped():
    shares = [BudgetShare((*HERE[:2], f"location{n}"), Quota()) for n in range(50)]
    for share in shares:
        await learned(share.budget, say(100))
        share.release()
    kept = weakref.WeakSet(share.budget for share in shares)
    del share, shares
    await asyncio.sleep(30)
    held = BudgetShare(THERE, Quota())
    gc.collect()
    assert not kept
    held.release()


@pytest.mark.virtual
async def test_a_budget_in_use_is_never_dropped():
    share = BudgetShare(HERE, Quota())
    await asyncio.sleep(1000)
    BudgetShare(THERE, Quota())
    assert BudgetShare(HERE, Quota()).budget is share.budget


def test_an_event_loop_that_ended_is_not_kept_alive_by_its_budgets():
    loops = weakref.WeakSet()

    async def work():
        loops.add(asyncio.get_running_loop())
        share = BudgetShare(HERE, Quota())
        await learned(share.budget, say(100))
        share.release()

    for _ in range(5):
        asyncio.run(work())
    gc.collect()
    assert len(loops) <= 1


@pytest.mark.virtual
async def test_of_two_clients_with_different_wishes_the_stricter_holds():
    first = BudgetShare(HERE, Quota(requests=50))
    await learned(first.budget, say(100))
    assert first.budget.state().requests == 50
    second = BudgetShare(HERE, Quota(requests=20))
    assert first.budget.state().requests == 20
    third = BudgetShare(HERE, Quota(requests=70))
    assert first.budget.state().requests == 20
    assert second.budget is third.budget is first.budget


@pytest.mark.virtual
async def test_a_wish_above_what_is_announced_changes_nothing():
    budget = await learned(Budget(Quota(requests=500)), say(100))
    assert budget.state().requests == 100


@pytest.mark.virtual
async def test_when_the_stricter_client_is_closed_the_other_one_has_its_quota_back():
    generous = BudgetShare(HERE, Quota())
    strict = BudgetShare(HERE, Quota(requests=10))
    await learned(generous.budget, say(100))
    strict.release()
    await asyncio.sleep(60)
    await learned(generous.budget, say(100))
    assert generous.budget.state().requests == 100


def day(left, resets_in=3600.0, daily=10_000, requests=100):
    return say(requests, daily=daily, daily_remaining=left, daily_resets_in_seconds=resets_in)


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("left", "floor", "stops"),
    [(100, None, True), (101, None, False), (5, 5, True), (6, 5, False), (0, 0, True), (1, 0, False)],
)
async def test_bulk_work_stops_at_the_floor_of_the_day(left, floor, stops):
    budget = await learned(Budget(Quota(daily_floor=floor)), day(left))
    if not stops:
        await budget.admit("bulk")
        return
    with pytest.raises(DailyQuotaExhausted) as caught:
        await budget.admit("bulk")
    assert caught.value.remaining == left
    assert abs(caught.value.resets_at - budget.state().daily_resets_at) < timedelta(seconds=1)
    assert caught.value.resets_at.utcoffset() == timedelta(0)
    assert f"{left} requests are left" in str(caught.value)


@pytest.mark.virtual
async def test_interactive_calls_go_on_below_the_floor_and_bulk_work_after_the_reset():
    budget = await learned(Budget(), day(3, resets_in=600))
    await learned(budget, day(2, resets_in=599))
    await asyncio.sleep(590)
    with pytest.raises(DailyQuotaExhausted):
        await budget.admit("bulk")
    await asyncio.sleep(12)
    await budget.admit("bulk")


@pytest.mark.virtual
async def test_a_floor_without_an_announced_reset_is_tried_again_after_an_hour():
    budget = await learned(Budget(), day(0, resets_in=None))
    with pytest.raises(DailyQuotaExhausted) as caught:
        await budget.admit("bulk")
    assert caught.value.resets_at is None
    await asyncio.sleep(3601)
    tasks = asked(budget, 3, "bulk")
    await asyncio.sleep(5)
    assert len(admitted_of(tasks)) == 1
    await give_up(tasks)


@pytest.mark.virtual
async def test_bulk_callers_already_in_line_stop_too_when_the_floor_is_reached():
    budget = await learned(Budget(), day(5_000))
    tasks = asked(budget, 40, "bulk")
    await settle()
    first = admitted_of(tasks)
    budget.answered(tasks[first[0]].result()[0], day(100))
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(each, DailyQuotaExhausted) for each in ended) >= 40 - len(first) - 1


@pytest.mark.virtual
async def test_the_floor_counts_requests_that_are_under_way():
    budget = await learned(Budget(), day(110, requests=1000))
    tasks = asked(budget, 40, "bulk")
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(not isinstance(each, DailyQuotaExhausted) for each in ended) <= 11


@pytest.mark.virtual
async def test_what_was_not_sent_does_not_count_for_the_day():
    budget = await learned(Budget(), day(1000))
    for _ in range(50):
        await budget.admit("interactive")
        budget.unsent()
    assert budget.state().daily_remaining == 1000

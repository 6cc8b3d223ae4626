"""How much of a granted quota the limiter uses, and that it never uses more: measured at a model server."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghl_async.wire.limiter import Budget, Quota

from .quota_model import QuotaServer, Trip, crowd, now, one_call, virtually

KINDS = ("fixed", "sliding", "bucket")


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("requests", "interval", "round_trip", "calls"),
    [(100, 10, 0.1, 1500), (25, 10, 0.1, 600), (100, 10, 2.0, 1200), (100, 5, 0.05, 1200), (500, 10, 0.1, 3500)],
)
async def test_a_steady_crowd_uses_the_quota_and_is_never_refused(kind, requests, interval, round_trip, calls):
    server = QuotaServer(kind, requests, interval)
    workers = max(32, int(2 * round_trip * requests / interval) + 8)
    await crowd(Budget(), server, calls=calls, trip=Trip(round_trip, 0.8), workers=workers)
    assert not server.refused
    assert server.used(interval, server.admitted[-1]) >= 0.98 * interval / (interval + round_trip)


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
async def test_at_a_round_trip_of_a_hundredth_it_is_97_percent_over_3000_calls(kind):
    server = QuotaServer(kind)
    await crowd(Budget(), server, calls=3000, trip=Trip(0.1, 0.8))
    assert not server.refused
    assert server.used(10, server.admitted[-1]) >= 0.97


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_never_says_its_limit_gets_20_in_10_seconds(kind):
    server = QuotaServer(kind, 25, headers=False)
    await crowd(Budget(), server, calls=200, trip=Trip(0.1, 0.5))
    assert not server.refused
    assert server.most_in_an_interval() <= 20
    assert server.used(10, server.admitted[-1]) >= 0.75


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("requests", [1, 2, 5, 25])
async def test_a_small_quota_is_learned_without_one_refusal(kind, requests):
    server = QuotaServer(kind, requests)
    await crowd(Budget(), server, calls=12 * requests, trip=Trip(0.1, 0.5))
    assert not server.refused
    assert server.most_in_an_interval() <= requests
    assert server.used(10, server.admitted[-1]) >= 0.85


@pytest.mark.virtual
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
async def test_a_limit_that_falls_under_way_costs_at_most_one_refusal(kind, seed):
    server, rng = QuotaServer(kind), random.Random(seed)

    async def change():
        await asyncio.sleep(rng.uniform(20, 40))
        server.requests = rng.choice([10, 25, 60])

    await asyncio.gather(change(), crowd(Budget(), server, until=100, seed=seed))
    assert len(server.refused) <= 1
    assert server.used(60, 100) >= 0.9


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
async def test_a_limit_that_rises_under_way_is_used(kind):
    server = QuotaServer(kind, 20)

    async def change():
        await asyncio.sleep(33)
        server.requests = 100

    await asyncio.gather(change(), crowd(Budget(), server, until=100))
    assert not server.refused
    assert server.used(60, 100) >= 0.97


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
async def test_an_interval_that_changes_under_way_is_adopted(kind):
    """Longer, then shorter. What was sent under the shorter interval may still be counted when it grows."""
    server, budget = QuotaServer(kind, 50, 5), Budget()

    async def change():
        await asyncio.sleep(32)
        server.interval = 10
        await asyncio.sleep(60)
        server.interval = 2

    await asyncio.gather(change(), crowd(budget, server, until=130))
    assert len(server.refused) <= 1
    assert budget.state().interval_seconds == 2
    assert server.used(110, 130) >= 0.9


@pytest.mark.virtual
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
async def test_killed_and_started_again_at_once_nothing_is_refused(kind, seed):
    server, rng = QuotaServer(kind), random.Random(seed)
    first = asyncio.create_task(crowd(Budget(), server, trip=Trip(0.01)))
    await asyncio.sleep(rng.uniform(1, 40))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.sleep(rng.uniform(0.1, 0.6))  # a new process takes longer to start
    await crowd(Budget(), server, calls=350, trip=Trip(0.01), seed=seed)
    assert not server.refused


@pytest.mark.virtual
@pytest.mark.parametrize("cap", [1, 7, 60])
async def test_a_quota_of_our_own_is_kept_and_used(cap):
    server = QuotaServer("sliding")
    await crowd(Budget(Quota(requests=cap)), server, calls=10 * cap, trip=Trip(0.1, 0.5))
    assert not server.refused
    assert server.most_in_an_interval() <= cap
    assert len(server.admitted) / (server.admitted[-1] / 10) >= 0.85 * cap


@st.composite
def schedules(draw):
    """Limits, workers of both lanes and how each request fares on its way: any latency, lost there, lost back."""
    trips = st.tuples(st.floats(0, 12), st.floats(0, 12), st.sampled_from(["answered"] * 6 + ["lost", "unsent"]))
    return {
        "requests": draw(st.integers(1, 12)),
        "interval": draw(st.sampled_from([0.5, 2.0, 10.0])),
        "lanes": draw(st.lists(st.sampled_from(["bulk", "interactive"]), min_size=1, max_size=20)),
        "trips": draw(st.lists(trips, min_size=1, max_size=30)),
        "pauses": draw(st.lists(st.floats(0, 5), min_size=1, max_size=6)),
    }


@settings(max_examples=60, deadline=None)
@given(schedules())
def test_no_stretch_of_one_interval_at_the_server_holds_more_than_the_limit(schedule):
    virtually(_keeps_the_window_law(schedule))


async def _keeps_the_window_law(schedule):
    # Granted without end and announced as N: what arrives is counted below, nothing is refused.
    server = QuotaServer("sliding", schedule["requests"], schedule["interval"], headers=True)
    server._left = lambda _at: 1_000_000
    # The first one is answered: before that N is not known, and a lost probe is followed by another.
    trips = [*schedule["trips"], (0.0, 0.0, "answered")]
    budget, pauses, ended = Budget(), schedule["pauses"], 0

    async def work(lane, pause):
        nonlocal ended
        while trips:
            there, back, fate = trips.pop()
            slot = await budget.admit(lane)
            if fate == "unsent":
                await asyncio.sleep(there)
                budget.unsent()
            elif fate == "lost":
                await asyncio.sleep(there)
                server.judge()
                budget.unanswered()
            else:
                await asyncio.sleep(there)
                _, reading = server.judge()
                await asyncio.sleep(back)
                budget.answered(slot, reading)
            ended += 1
            await asyncio.sleep(pause)

    async with asyncio.timeout(100_000), asyncio.TaskGroup() as group:
        for n, lane in enumerate(schedule["lanes"]):
            group.create_task(work(lane, pauses[n % len(pauses)]))
    assert ended == len(schedule["trips"]) + 1
    assert server.most_in_an_interval() <= max(schedule["requests"], 1)
    await asyncio.sleep(3 * schedule["interval"] + 30)
    assert budget.is_idle()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 3)), min_size=1, max_size=25), st.integers(0, 10**6))
def test_cancelled_at_any_moment_a_request_leaks_no_slot_and_loses_no_waiter(cancellations, seed):
    virtually(_survives_cancellation(cancellations, seed))


async def _survives_cancellation(cancellations, seed):
    server, budget, rng = QuotaServer("sliding", 10, 10), Budget(), random.Random(seed)

    async def one():
        slot = await budget.admit(rng.choice(["bulk", "interactive"]))
        answered = False
        try:
            await asyncio.sleep(rng.uniform(0, 1))
            admitted, reading = server.judge()
            await asyncio.sleep(rng.uniform(0, 1))
            budget.answered(slot, reading, refused=not admitted)
            answered = True
        finally:
            if not answered:
                budget.unanswered()

    async def ended_early(start, patience):
        await asyncio.sleep(start)
        task = asyncio.create_task(one())
        await asyncio.sleep(patience)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await asyncio.gather(*(ended_early(*each) for each in cancellations))
    assert not server.refused
    async with asyncio.timeout(60):
        await one_call(budget, server)
        await one_call(budget, server, "interactive")
    await asyncio.sleep(21)
    assert budget.is_idle()
    assert budget.state().free == 10
    assert now() > 0

"""The quota at a real server: the sandbox counts, with intervals short enough to be lived through."""

import asyncio

import pytest

from ghl_async import Quota, RetryPolicy
from ghl_async.errors import DailyQuotaExhausted, RateLimited
from ghl_async.hooks import LimitsLearned, QuotaWaited
from ghl_async.sandbox import Sandbox

from .conftest import client_of

INTERVAL = 0.1


def small(requests=10, **options):
    return Sandbox(contacts=5, requests=requests, interval_seconds=INTERVAL, **options)


async def read(resources, times):
    """Read the location so often, all at once."""
    await asyncio.gather(*(resources.location.get() for _ in range(times)))


def refused(sandbox):
    return sandbox.log.counts()["by_status"].get("429", 0)


@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
async def test_both_lanes_at_once_are_never_refused(kind):
    async with small(kind=kind) as sandbox, client_of(sandbox) as ghl:
        await asyncio.gather(read(ghl, 10), read(ghl.background, 20))
        assert refused(sandbox) == 0
        assert sandbox.log.largest(INTERVAL) <= 10
        assert ghl.stats.requests == sandbox.log.requests == 30
        assert ghl.stats.rate_limited == 0


async def test_limits_are_learned_from_the_first_answer():
    events = []
    async with small(7, daily=500) as sandbox, client_of(sandbox, hooks=[events.append]) as ghl:
        await read(ghl, 9)
        assert [event for event in events if isinstance(event, LimitsLearned)] == [LimitsLearned(7, INTERVAL, 500)]
        waits = [event for event in events if isinstance(event, QuotaWaited)]
        assert waits
        assert {event.lane for event in waits} == {"interactive"}
        assert (ghl.quota.requests, ghl.quota.interval_seconds, ghl.quota.known) == (7, INTERVAL, True)
        assert (ghl.quota.daily, ghl.quota.daily_remaining) == (500, 491)


async def test_a_quota_of_our_own_is_kept():
    async with small(50) as sandbox, client_of(sandbox, quota=Quota(requests=5)) as ghl:
        await read(ghl, 15)
        assert sandbox.log.largest(INTERVAL) <= 5


async def test_two_clients_of_one_location_in_one_process_share_its_quota():
    async with small() as sandbox, client_of(sandbox) as one, client_of(sandbox) as other:
        await asyncio.gather(read(one, 12), read(other, 12))
        assert refused(sandbox) == 0
        assert sandbox.log.largest(INTERVAL) <= 10


async def test_a_slash_behind_the_address_is_the_same_location():
    async with small() as sandbox, client_of(sandbox) as one:
        with_slash = type(one)(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url + "/")
        async with with_slash as other:
            await asyncio.gather(read(one, 12), read(other, 12))
            assert refused(sandbox) == 0


async def test_two_locations_have_a_quota_each():
    async with small() as sandbox:
        second = sandbox.state.add_location(3)
        token = sandbox.state.add_token("pit-second", locations=[second.id]).text
        async with client_of(sandbox) as one, client_of(sandbox, token=token, location_id=second.id) as other:
            await one.location.get()
            await other.location.get()
            assert one._share.budget is not other._share.budget
            assert (one.quota.free, other.quota.free) == (9, 9)


async def test_refusals_are_waited_out_and_nothing_is_lost():
    async with small() as sandbox, client_of(sandbox) as ghl:
        sandbox.faults.add(kind="too_many_requests", times=2, after=3)
        await read(ghl, 12)
        assert refused(sandbox) == 2
        assert sandbox.log.counts()["by_status"]["200"] == 12
        assert ghl.stats.retries == ghl.stats.rate_limited == 2


async def test_what_others_spend_is_left_to_them():
    async with small(20) as sandbox, client_of(sandbox) as ghl:
        await ghl.location.get()
        sandbox.limits.spend(("pit", sandbox.location_id), asyncio.get_running_loop().time(), 10)
        await ghl.location.get()
        assert ghl.quota.used_by_others >= 10
        await read(ghl, 12)
        assert refused(sandbox) <= 1


async def test_a_limit_that_falls_under_way_is_adopted():
    async with small(20) as sandbox, client_of(sandbox) as ghl:
        await read(ghl.background, 10)
        sandbox.limits.change(requests=5)
        await read(ghl.background, 12)
        assert refused(sandbox) <= 1
        assert ghl.quota.requests == 5


async def test_without_headers_it_stays_at_the_cautious_guess():
    async with small(100, headers=False) as sandbox, client_of(sandbox) as ghl:
        await read(ghl, 15)
        assert not ghl.quota.known
        assert ghl.quota.requests == 20


async def test_bulk_work_stops_at_the_floor_of_the_day_and_interactive_calls_go_on():
    async with small(daily=12) as sandbox, client_of(sandbox, quota=Quota(daily_floor=4)) as ghl:
        await read(ghl.background, 8)
        with pytest.raises(DailyQuotaExhausted) as caught:
            await ghl.background.location.get()
        assert caught.value.remaining == 4
        assert caught.value.resets_at is not None
        await read(ghl, 4)
        with pytest.raises(DailyQuotaExhausted):
            await ghl.location.get()
        assert sandbox.log.requests == 13


async def test_when_refusals_do_not_end_the_last_one_is_told():
    async with small() as sandbox, client_of(sandbox, retry=RetryPolicy(attempts=2)) as ghl:
        sandbox.faults.add(kind="too_many_requests")
        with pytest.raises(RateLimited) as caught:
            await ghl.location.get()
        assert caught.value.interval_seconds == INTERVAL
        assert refused(sandbox) == 2

"""The refresh law where something fails: lost answers, crashes, refusals, a store that is full."""

from __future__ import annotations

import asyncio
import time

import pytest

from ghl_async.auth import SQLiteTokenStore, StoredToken
from ghl_async.auth.source import PATIENCE_SECONDS
from ghl_async.errors import InvalidGrant, LocationInactive, NoToken, RefreshFailed, StoreFailed
from ghl_async.hooks import TokenTrouble

from .authority import LOCATION, Authority
from .token_world import KEY, World, tokens, world_of


@pytest.fixture(params=["v2", "v3"])
async def world(request):
    async with world_of(request.param) as world:
        yield world


@pytest.mark.parametrize("lost", ["drop", (500, {"message": "oops"}), (200, {"unexpected": 1})])
async def test_a_lost_answer_is_asked_for_again_within_the_grace(world, lost):
    world.authority.faults = [lost]
    source = world.source()
    if isinstance(lost, tuple) and lost[0] == 200:
        with pytest.raises(RefreshFailed, match="holds no token"):
            await source.token()
        assert world.kept.refresh_began_at is not None
    assert await source.token() == "secret-a-1"
    sent = {asked.get("refresh_token") or asked["refreshToken"] for asked in world.authority.asked}
    assert sent == {"secret-r-0"}
    assert world.authority.refreshes == 2
    assert world.kept.refresh_token == "secret-r-1"


@pytest.mark.virtual
async def test_an_answer_that_never_comes_is_asked_for_again_within_the_grace():
    async with Authority() as authority:
        world = World(authority)
        authority.faults = ["stall", "stall"]
        async with world.oauth:
            began = asyncio.get_running_loop().time()
            assert await world.source().token() == "secret-a-1"
            assert 16 < asyncio.get_running_loop().time() - began < 27
    assert authority.refreshes == 3


@pytest.mark.virtual
async def test_where_no_answer_comes_at_all_the_mark_stays_for_the_next_one_to_recover():
    async with Authority() as authority:
        world = World(authority)
        authority.faults = ["stall"] * 20
        async with world.oauth:
            with pytest.raises(RefreshFailed, match="try again later") as caught:
                await world.source().token()
            assert not caught.value.was_answered
            assert world.kept.refresh_began_at is not None
            authority.faults.clear()
            assert await world.source().token() == "secret-a-1"


async def test_a_crash_between_answer_and_save_is_recovered_at_once(world):
    """The token is not due, but the mark is there: what it brought may have been lost."""
    world.keep(left=5000, refresh_began_at=world.clock.now - 3)
    world.authority.used["secret-r-0"] = time.monotonic(), world.authority.pair()
    world.authority.refresh_tokens.discard("secret-r-0")
    assert await world.source().token() == "secret-a-1"
    assert world.kept.refresh_token == "secret-r-1"
    assert world.kept.refresh_began_at is None


async def test_a_crash_that_is_recovered_too_late_says_what_to_do_and_uses_what_is_left(world):
    world.keep(left=5000, refresh_began_at=world.clock.now - 300)
    world.authority.refresh_tokens.clear()
    source = world.source()
    assert await source.token() == "secret-a-0"
    (told,) = world.told
    assert isinstance(told, TokenTrouble)
    assert "log in again: ghl-async login" in told.reason
    assert 4990 < told.seconds_left <= 5000
    assert world.authority.refreshes == 1
    world.clock.now += 5001
    with pytest.raises(InvalidGrant, match="log in again: ghl-async login"):
        await source.token()
    assert world.authority.refreshes == 1  # a refresh token that was refused is not sent again


async def test_an_invalid_grant_is_final_until_somebody_logs_in(world):
    world.authority.refresh_tokens.clear()
    source = world.source()
    for _ in range(2):
        with pytest.raises(InvalidGrant, match=f"location {LOCATION}: .* log in again: ghl-async login"):
            await source.token()
    assert world.authority.refreshes == 1
    assert world.kept.refresh_began_at is None
    world.keep(left=5000, access_token="secret-a-9", refresh_token="secret-r-9")
    assert await source.token() == "secret-a-9"


async def test_before_an_invalid_grant_the_store_is_read_once_more(world):
    """Somebody who does not heed the lock was there first."""
    world.authority.refresh_tokens.clear()
    world.authority.gate = asyncio.Event()
    source = world.source()
    caller = asyncio.create_task(source.token())
    await world.authority.arrived.wait()
    world.keep(left=5000, access_token="secret-a-9", refresh_token="secret-r-9")
    world.authority.gate.set()
    assert await caller == "secret-a-9"
    assert world.kept.refresh_token == "secret-r-9"


async def test_a_login_during_a_renewal_wins(world):
    """It did not wait for the lock, and the renewal was answered all the same."""
    world.authority.gate = asyncio.Event()
    source = world.source()
    caller = asyncio.create_task(source.token())
    await world.authority.arrived.wait()
    world.keep(left=5000, access_token="secret-a-9", refresh_token="secret-r-9")
    world.authority.gate.set()
    assert await caller == "secret-a-9"
    assert (world.kept.refresh_token, world.authority.refreshes) == ("secret-r-9", 1)


async def test_a_page_of_the_edge_after_a_lost_answer_leaves_the_mark(world):
    world.authority.faults = ["drop", (403, {})]
    source = world.source()
    with pytest.raises(RefreshFailed) as caught:
        await source.token()
    assert not caught.value.was_answered
    assert (world.kept.refresh_token, world.authority.refreshes) == ("secret-r-0", 2)
    assert world.kept.refresh_began_at is not None
    assert await source.token() == "secret-a-1"


async def test_a_store_that_is_closed_before_the_client_keeps_what_a_renewal_brings(tmp_path):
    async with Authority() as authority:
        world = World(authority)
        authority.gate = asyncio.Event()
        async with world.oauth, SQLiteTokenStore(tmp_path / "tokens.db") as store:
            await store.save(KEY, tokens(world.clock, left=300, issued_at=world.clock.now - 86000))
            source = StoredToken(store, KEY, world.oauth, clock=world.clock)
            assert await source.token() == "secret-a-0"  # it was not waited for any longer
            asyncio.get_running_loop().call_later(0.05, authority.gate.set)
        async with SQLiteTokenStore(tmp_path / "tokens.db") as store:
            kept = await store.load(KEY)
    assert (kept.refresh_token, kept.refresh_began_at) == ("secret-r-1", None)


async def test_a_second_refusal_a_while_later_leads_to_another_renewal(world):
    world.keep(left=5000)
    source = world.source()
    for number in range(3):
        assert await source.token() == f"secret-a-{number}"
        await source.reject(f"secret-a-{number}")
        assert await source.token() == f"secret-a-{number + 1}"
        source._adopted_at -= 1.5  # the loop's clock goes on
    assert world.authority.refreshes == 3


@pytest.mark.virtual
async def test_a_paused_location_keeps_its_token(world):
    world.authority.faults = [(400, {"statusCode": 400, "message": "Location is not active"})] * 2
    source = world.source()
    for _ in range(2):
        with pytest.raises(LocationInactive, match=r"paused: keep the token and wait") as caught:
            await source.token()
        assert caught.value.key_text == f"location {LOCATION}"
        world.clock.now += 100
        await asyncio.sleep(100)
    assert world.kept.refresh_token == "secret-r-0"
    assert world.kept.refresh_began_at is None
    assert await source.token() == "secret-a-1"


async def test_an_app_that_is_refused_is_another_error_than_a_token_that_is(world):
    world.authority.faults = [(401, {"error": "UnAuthorized!", "error_description": "Invalid client"})]
    source = world.source()
    with pytest.raises(RefreshFailed, match="the app was refused, not the token: check its client id") as caught:
        await source.token()
    assert type(caught.value) is RefreshFailed
    assert await source.token() == "secret-a-1"


async def test_failures_while_the_old_token_is_good_are_told_and_not_fatal(world):
    world.keep(left=500)
    world.authority.faults = [(401, {"message": "no"})]
    source = world.source()
    assert await source.token() == "secret-a-0"
    assert [type(event) for event in world.told] == [TokenTrouble]
    assert await source.token() == "secret-a-0"
    assert world.authority.refreshes == 1
    world.clock.now += 31
    assert await source.token() == "secret-a-1"


@pytest.mark.virtual
async def test_a_refresh_that_hangs_holds_nobody_up_while_the_old_token_is_good():
    async with Authority() as authority:
        world = World(authority)
        world.keep(left=500)
        authority.faults = ["stall"]
        async with world.oauth:
            source, loop = world.source(), asyncio.get_running_loop()
            began = loop.time()
            assert await source.token() == "secret-a-0"
            assert PATIENCE_SECONDS <= loop.time() - began < PATIENCE_SECONDS + 0.5
            assert await source.token() == "secret-a-0"
            assert loop.time() - began < 0.9
        assert world.kept.refresh_token == "secret-r-1"  # leaving has waited for it
        assert await source.token() == "secret-a-1"


async def test_a_new_pair_that_cannot_be_saved_is_not_used_and_not_lost(world):
    world.store.failing = 1
    source = world.source()
    with pytest.raises(StoreFailed, match="the disk is full"):
        await source.token()
    assert world.kept.refresh_began_at is not None
    assert await source.token() == "secret-a-1"
    assert world.authority.refreshes == 1
    assert world.kept.access_token == "secret-a-1"


async def test_where_failures_go_on_the_server_is_asked_less_and_less(world):
    world.authority.faults = [(401, {"message": "no"})] * 100
    source = world.source()
    for _ in range(200):
        with pytest.raises(RefreshFailed):
            await source.token()
        world.clock.now += 1
    assert world.authority.refreshes < 12


async def test_without_anything_stored_it_says_how_to_log_in(world):
    world.store._kept.clear()
    with pytest.raises(NoToken, match="ghl-async login"):
        await world.source().token()
    world.keep(refresh_token=None)
    with pytest.raises(NoToken, match="ghl-async login"):
        await world.source().token()


@pytest.mark.virtual
@pytest.mark.parametrize("status", [400, 403, 404, 408, 422, 429, 500, 503])
async def test_every_failure_is_an_auth_error_so_that_no_call_is_taken_for_sent(status):
    async with Authority() as authority:
        world = World(authority)
        authority.faults = [(status, {"message": "secret-r-0 " + "x" * 1000})] * 40  # as often as it tries, at most
        async with world.oauth:
            with pytest.raises(RefreshFailed) as caught:
                await world.source().token()
        assert not caught.value.was_answered  # it may come from the edge, behind an answer that was lost
        assert "secret-r-0" not in str(caught.value)
        assert len(str(caught.value)) < 600

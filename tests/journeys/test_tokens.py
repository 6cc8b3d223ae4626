"""The refresh law: one renewal for all who ask, saved before it is used."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from ghl_async import GHLClient
from ghl_async.errors import InvalidGrant, Unauthorized
from ghl_async.hooks import TokenRenewed

from .authority import CLIENT_ID, COMPANY, LOCATION
from .token_world import world_of


@pytest.fixture(params=["v2", "v3"])
async def world(request):
    async with world_of(request.param) as world:
        yield world


async def test_an_expired_token_is_renewed_saved_and_then_given(world):
    assert await world.source().token() == "secret-a-1"
    assert world.store.done == ["load", "load", "save mark", "load", "save secret-a-1"]
    kept = world.kept
    assert (kept.refresh_token, kept.refresh_began_at) == ("secret-r-1", None)
    assert kept.expires_at == kept.issued_at + 86399
    assert kept.scopes == ("contacts.readonly", "oauth.write")
    assert kept.company_id == COMPANY
    assert world.told == [TokenRenewed("location", LOCATION, "renewed")]


async def test_the_request_is_a_form_without_a_token_in_the_header(world):
    await world.source().token()
    (asked,), (headers,) = world.authority.asked, world.authority.headers
    if world.authority.is_v3:
        assert set(asked) == {"clientId", "clientSecret", "grantType", "refreshToken", "userType", "redirectUri"}
        assert headers["Version"] == "v3"
    else:
        assert set(asked) == {
            "client_id", "client_secret", "grant_type", "refresh_token", "user_type", "redirect_uri"}  # fmt: skip
        assert "Version" not in headers
    assert "Authorization" not in headers
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Location" in asked.values()


async def test_a_good_token_costs_neither_the_store_nor_a_wait(world):
    world.keep(left=1000)
    source = world.source()
    await source.token()
    world.store.done.clear()
    call = source.token()
    with pytest.raises(StopIteration) as given:
        call.send(None)
    assert given.value.value == "secret-a-0"
    assert not world.store.done
    assert not world.authority.asked


async def test_a_token_near_its_end_is_renewed_ahead(world):
    world.keep(left=601)
    source = world.source()
    assert await source.token() == "secret-a-0"
    world.clock.now += 2
    assert await source.token() == "secret-a-1"


async def test_a_short_lived_token_is_not_renewed_all_the_time(world):
    world.authority.expires_in = 100
    source = world.source()
    assert await source.token() == "secret-a-1"
    world.clock.now += 89
    assert await source.token() == "secret-a-1"
    world.clock.now += 2
    assert await source.token() == "secret-a-2"


async def test_many_callers_of_many_sources_make_one_refresh(world):
    sources = [world.source() for _ in range(8)]
    given = await asyncio.gather(*(source.token() for source in sources for _ in range(50)))
    assert set(given) == {"secret-a-1"}
    assert world.authority.refreshes == 1


async def test_a_caller_that_gives_up_does_not_end_the_refresh(world):
    world.authority.gate = asyncio.Event()
    source = world.source()
    callers = [asyncio.create_task(source.token()) for _ in range(3)]
    await world.authority.arrived.wait()
    for caller in callers[:2]:
        caller.cancel()
    await asyncio.sleep(0)
    world.authority.gate.set()
    assert await callers[2] == "secret-a-1"
    assert [caller.cancelled() for caller in callers] == [True, True, False]
    assert world.authority.refreshes == 1


async def test_a_refresh_that_nobody_waits_for_any_more_is_saved_all_the_same(world):
    world.authority.gate = asyncio.Event()
    caller = asyncio.create_task(world.source().token())
    await world.authority.arrived.wait()
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    asyncio.get_running_loop().call_soon(world.authority.gate.set)
    await world.oauth.close()
    assert world.kept.refresh_token == "secret-r-1"


async def test_a_refresh_that_dies_wedges_nobody(world):
    world.authority.gate = asyncio.Event()
    source = world.source()
    caller = asyncio.create_task(source.token())
    await world.authority.arrived.wait()
    source._task.cancel()
    world.authority.gate.set()
    assert await caller == "secret-a-1"
    assert await source.token() == "secret-a-1"


async def test_a_bug_in_the_store_wedges_nobody(world):
    source = world.source()

    async def broken(_key):
        raise ZeroDivisionError

    world.store.load = broken
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await source.token()
    del world.store.load
    assert await source.token() == "secret-a-1"


async def test_what_another_process_has_renewed_is_taken_from_the_store(world):
    world.keep(left=1000)
    source = world.source()
    await source.token()
    world.keep(left=90000, access_token="secret-a-9", refresh_token="secret-r-9")
    world.clock.now += 2000
    assert await source.token() == "secret-a-9"
    assert not world.authority.asked
    assert world.told == [TokenRenewed("location", LOCATION, "found")]


async def test_a_token_that_the_server_refuses_is_renewed_and_the_call_goes_through(world):
    world.keep(left=5000)
    world.authority.good.clear()
    source = world.source()
    async with GHLClient(source, location_id=LOCATION, base_url=world.authority.base_url) as ghl:
        assert (await ghl.contacts.get("A" * 20)).id == "A" * 20
        assert world.authority.counts == {"contact": 2, "refresh": 1}


async def test_many_calls_that_are_refused_together_make_one_refresh(world):
    world.keep(left=5000)
    async with GHLClient(world.source(), location_id=LOCATION, base_url=world.authority.base_url) as ghl:
        await ghl.contacts.get("A" * 20)
        world.authority.good.clear()
        found = await asyncio.gather(*(ghl.contacts.get("A" * 20) for _ in range(50)))
    assert len(found) == 50
    assert world.authority.refreshes == 1


@pytest.mark.virtual
async def test_a_server_that_refuses_every_token_is_not_asked_for_new_ones_for_ever(world):
    world.keep(left=5000)

    class Never(set):
        def __contains__(self, _):
            return False

    world.authority.good = Never()
    source = world.source()
    async with GHLClient(source, location_id=LOCATION, base_url=world.authority.base_url) as ghl:
        for _ in range(5):
            with pytest.raises(Unauthorized):
                await ghl.contacts.get("A" * 20)
    assert world.authority.refreshes == 1
    for _ in range(100):
        await asyncio.sleep(2)
        await source.reject(await source.token())
    assert world.authority.refreshes == 10
    await asyncio.sleep(600)
    await source.reject(await source.token())
    await source.token()
    assert world.authority.refreshes == 11


async def test_an_error_is_each_callers_own(world):
    world.authority.refresh_tokens.clear()
    source = world.source()
    caught = await asyncio.gather(*(source.token() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(error, InvalidGrant) for error in caught)
    assert len({id(error) for error in caught}) == 3
    assert all(error.was_answered and error.key_text == f"location {LOCATION}" for error in caught)


async def test_a_source_may_be_used_in_another_loop_after_the_first_has_ended(world):
    world.keep(left=5000)
    source = world.source()
    await source.token()
    assert await asyncio.to_thread(lambda: asyncio.run(source.token())) == "secret-a-0"


async def test_the_quota_is_counted_by_app_and_location(world):
    source = world.source()
    assert source.app_id == CLIENT_ID
    client = GHLClient(source, location_id=LOCATION, base_url=world.authority.base_url)
    assert client._quota_key == (CLIENT_ID, world.authority.base_url, LOCATION)

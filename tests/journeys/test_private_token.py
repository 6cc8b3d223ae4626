"""Private tokens side by side: the new one is probed and takes over, the old one stays until it is refused."""

from __future__ import annotations

import asyncio

import pytest

from ghl_async import GHLClient
from ghl_async.auth import PRIVATE, Key, MemoryStore, PrivateToken, Tokens
from ghl_async.errors import (
    Forbidden,
    NoReply,
    NoToken,
    ScopeMissing,
    StoreFailed,
    Unauthorized,
    UsageError,
    WrongLocation,
)
from ghl_async.hooks import TokenRenewed, TokenTrouble

from .authority import Authority

LOCATION = "L" * 20
KEY = Key(PRIVATE, "location", LOCATION)
OLD, NEW = "pit-old", "pit-new"


class Stored(MemoryStore):
    def __init__(self, token=OLD, next_token=None):
        super().__init__()
        self._kept[KEY] = Tokens(access_token=token, next_token=next_token)

    @property
    def pair(self):
        kept = self._kept[KEY]
        return kept.access_token, kept.next_token

    def put_beside(self, token):
        self._kept[KEY] = Tokens(access_token=OLD, next_token=token)


@pytest.fixture
async def authority():
    async with Authority() as authority:
        authority.good = {OLD, NEW}
        yield authority


def prober(authority):
    async def probe(token):
        async with GHLClient(token, location_id=LOCATION, base_url=authority.base_url) as ghl:
            await ghl.contacts.get("A" * 20)

    return probe


async def passes(_token):
    """A probe that is content."""


async def call(authority, source):
    async with GHLClient(source, location_id=LOCATION, base_url=authority.base_url) as ghl:
        await ghl.contacts.get("A" * 20)


async def test_a_new_token_that_passes_takes_over_and_the_old_one_stays_at_hand(authority):
    told = []
    source = PrivateToken(f" {OLD}\n", hooks=[told.append])
    assert await source.token() == OLD
    await source.rotate(NEW, prober(authority))
    assert await source.token() == NEW
    assert told == [TokenRenewed("location", "", "swapped")]
    authority.good = {OLD}
    await call(authority, source)
    assert await source.token() == OLD
    assert isinstance(told[-1], TokenTrouble)
    authority.good = set()
    with pytest.raises(Unauthorized):
        await call(authority, source)


async def test_a_new_token_that_fails_changes_nothing(authority):
    authority.good = {OLD}
    store = Stored()
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))
    with pytest.raises(Unauthorized):
        await source.rotate(NEW, prober(authority))
    assert await source.token() == OLD
    assert store.pair == (OLD, None)


async def test_without_a_probe_the_first_refusal_brings_the_old_one_back(authority):
    authority.good = {OLD}
    source = PrivateToken(OLD)
    await source.rotate(NEW)
    assert await source.token() == NEW
    await call(authority, source)
    assert await source.token() == OLD


UNFIT = [
    (403, "The token does not have access to this location.", WrongLocation),
    (401, "The token is not authorized for this scope.", ScopeMissing),
]


@pytest.mark.parametrize(("status", "words", "kind"), UNFIT)
async def test_a_new_token_that_is_not_for_this_location_or_call_gives_way_at_once(authority, status, words, kind):
    authority.unfit = {NEW: (status, words)}
    told = []
    source = PrivateToken(OLD, next_token=NEW, hooks=[told.append])
    await call(authority, source)
    assert await source.token() == OLD
    assert [event.reason for event in told] == ["the new token was refused, the other one is used"]
    assert authority.counts["contact"] == 2
    authority.unfit[OLD] = status, words
    with pytest.raises(kind):
        await call(authority, source)
    assert await source.token() == OLD  # it was not given on trial: a scope that it lacks is the caller's to know
    assert authority.counts["contact"] == 3


@pytest.mark.parametrize(("status", "words", "kind"), UNFIT)
async def test_one_that_was_probed_keeps_its_place_when_a_call_is_not_for_it(authority, status, words, kind):
    source = PrivateToken(OLD)
    await source.rotate(NEW, prober(authority))
    authority.unfit = {NEW: (status, words)}
    with pytest.raises(kind):
        await call(authority, source)
    assert await source.token() == NEW


async def test_a_new_token_that_gave_way_is_tried_again_when_the_old_one_dies(authority):
    source = PrivateToken(OLD, next_token=NEW)
    await source.reject(NEW)
    authority.good = {NEW}
    await call(authority, source)
    assert await source.token() == NEW


@pytest.mark.virtual
async def test_when_both_are_dead_the_store_is_asked_for_a_third_once_a_second(authority):
    store = Stored()
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))
    await source.rotate(NEW)
    authority.good = {"pit-third"}
    looks, load = [], store.load

    async def counted(key):
        looks.append(key)
        return await load(key)

    store.load = counted
    async with GHLClient(source, location_id=LOCATION, base_url=authority.base_url) as ghl:
        for _ in range(10):
            with pytest.raises(Unauthorized):
                await ghl.contacts.get("A" * 20)
        assert len(looks) == 1
        store.put_beside("pit-third")
        await asyncio.sleep(1)
        await ghl.contacts.get("A" * 20)
    assert (await source.token(), store.pair) == ("pit-third", ("pit-third", None))


async def test_a_refusal_by_mistake_costs_the_new_token_nothing(authority):
    source = PrivateToken(OLD)
    await source.rotate(NEW, prober(authority))
    await source.reject(NEW)
    authority.good = {NEW}
    await call(authority, source)
    assert await source.token() == NEW


@pytest.mark.virtual
async def test_the_stored_one_is_taken_again_after_a_refusal_by_mistake(authority):
    store = Stored()
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))
    await source.rotate(NEW)
    await source.reject(NEW)
    assert (await source.token(), store.pair) == (OLD, (NEW, None))
    await asyncio.sleep(61)
    assert await source.token() == NEW


@pytest.mark.virtual
async def test_a_token_that_another_process_puts_beside_takes_over_within_a_minute(authority):
    store = Stored()
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))
    store.put_beside(NEW)
    assert await source.token() == OLD
    await asyncio.sleep(61)
    assert (await source.token(), store.pair) == (NEW, (NEW, None))


async def test_one_that_is_put_beside_while_another_is_proven_stays_there():
    store = Stored(next_token=NEW)

    async def probe(_token):
        store.put_beside("pit-newer")

    source = await PrivateToken.load(store, LOCATION, probe=probe)
    assert (await source.token(), store.pair) == (NEW, (NEW, "pit-newer"))


@pytest.mark.parametrize(
    "fault",
    [
        Forbidden("the edge", operation="probe", status=403),
        Unauthorized("another matter", operation="probe", status=401),
        ConnectionResetError("x"),
    ],
)
async def test_a_probe_that_says_nothing_of_the_token_drops_nothing(fault):
    store = Stored(next_token=NEW)

    async def probe(_token):
        raise fault

    source = await PrivateToken.load(store, LOCATION, probe=probe)
    assert (await source.token(), store.pair) == (OLD, (OLD, NEW))


@pytest.mark.parametrize(("status", "words"), [case[:2] for case in UNFIT])
async def test_one_of_another_location_or_without_the_scope_is_dropped_and_it_says_why(authority, status, words):
    store, told = Stored(next_token=NEW), []
    authority.unfit = {NEW: (status, words)}
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority), hooks=[told.append])
    assert (await source.token(), store.pair) == (OLD, (OLD, None))
    assert f"is dropped, the one in use is kept: contacts.get: {status} {words}" in told[0].reason


@pytest.mark.virtual
async def test_with_a_probe_it_takes_over_at_once_or_is_dropped(authority):
    store = Stored(next_token=NEW)
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))
    assert (await source.token(), store.pair) == (NEW, (NEW, None))
    authority.good = {NEW}
    store._kept[KEY] = Tokens(access_token=NEW, next_token="pit-bad")
    await asyncio.sleep(61)
    assert (await source.token(), store.pair) == (NEW, (NEW, None))


@pytest.mark.virtual
async def test_a_probe_that_finds_no_network_drops_nothing():
    store, tries = Stored(next_token=NEW), []

    async def probe(token):
        tries.append(token)
        if len(tries) == 1:
            raise NoReply("no answer", operation="probe")

    source = await PrivateToken.load(store, LOCATION, probe=probe)
    assert (await source.token(), store.pair) == (OLD, (OLD, NEW))
    await asyncio.sleep(61)
    assert (await source.token(), store.pair) == (NEW, (NEW, None))


async def test_when_the_old_one_dies_all_calls_go_on_with_the_one_beside_it(authority):
    store = Stored()
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))
    store.put_beside(NEW)
    authority.good = {NEW}
    async with GHLClient(source, location_id=LOCATION, base_url=authority.base_url) as ghl:
        await asyncio.gather(*(ghl.contacts.get("A" * 20) for _ in range(30)))
    assert await source.token() == NEW


async def test_what_another_process_has_proven_is_taken_when_the_old_one_dies(authority):
    store = Stored()
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))
    store._kept[KEY] = Tokens(access_token=NEW)
    authority.good = {NEW}
    await call(authority, source)
    assert await source.token() == NEW


@pytest.mark.virtual
async def test_a_store_that_fails_stops_no_call(authority):
    store = Stored()
    source = await PrivateToken.load(store, LOCATION, probe=prober(authority))

    async def failing(_key):
        raise StoreFailed("no permission")

    store.load = failing
    await asyncio.sleep(61)
    assert await source.token() == OLD


async def test_tokens_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("GHL_TOKEN", OLD)
    monkeypatch.delenv("GHL_NEXT_TOKEN", raising=False)
    assert await PrivateToken.from_env().token() == OLD
    monkeypatch.setenv("GHL_NEXT_TOKEN", NEW)
    source = PrivateToken.from_env()
    assert await source.token() == NEW
    await source.reject(NEW)
    assert await source.token() == OLD
    monkeypatch.setenv("GHL_TOKEN", " ")
    with pytest.raises(NoToken, match="GHL_TOKEN is not set"):
        PrivateToken.from_env()


async def test_what_is_no_token_is_refused_without_being_shown():
    with pytest.raises(NoToken, match="ghl-async login"):
        await PrivateToken.load(MemoryStore(), LOCATION, probe=passes)
    for wrong in ("", "two words", "tökén"):
        with pytest.raises((NoToken, UsageError)) as caught:
            PrivateToken(wrong)
        assert not wrong or wrong not in str(caught.value)
    source = PrivateToken(OLD)
    assert OLD not in repr(source)
    assert source.app_id == PRIVATE

"""The spool: events wait for their contacts, in a private temporary table or in a store's own file."""

from __future__ import annotations

import asyncio

import pytest

from ghl_async.bulk._spool import SpooledEvent, TemporarySpool
from ghl_async.bulk.store import SQLiteStore
from ghl_async.errors import UsageError

from .store_rows import EVERYTHING, ask, batch, contact


def event(contact_id, id_, raw=b"{}"):
    return SpooledEvent(contact_id, id_, raw)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def store(path):
    async with SQLiteStore(path) as opened:
        await opened.begin(EVERYTHING)
        yield opened


@pytest.fixture(params=["temporary", "in a store"])
async def spool(request, tmp_path):
    if request.param == "temporary":
        place = TemporarySpool()
    else:
        place = SQLiteStore(tmp_path / "spool.db")
        await place.begin(EVERYTHING)
    yield place
    await place.close()


async def test_events_come_back_by_contact_in_the_order_of_their_ids(spool):
    await spool.spool([event("b", "2", b"two"), event("a", "9", b"nine"), event("b", "1", b"one")])
    await spool.spool([event("b", "3", b"three")])
    assert await spool.spooled(["b", "nobody", "a"]) == {"b": [b"one", b"two", b"three"], "a": [b"nine"]}


async def test_an_event_that_comes_again_is_replaced(spool):
    """Windows overlap."""
    await spool.spool([event("a", "1", b"old"), event("a", "2", b"other")])
    await spool.spool([event("a", "1", b"new")])
    assert await spool.spooled(["a"]) == {"a": [b"new", b"other"]}


async def test_one_event_may_belong_to_several_contacts(spool):
    await spool.spool([event("a", "1", b"shared"), event("b", "1", b"shared")])
    assert await spool.spooled(["a", "b"]) == {"a": [b"shared"], "b": [b"shared"]}


async def test_what_was_taken_stays_there(spool):
    await spool.spool([event("a", "1")])
    assert await spool.spooled(["a"]) == await spool.spooled(["a"]) == {"a": [b"{}"]}


async def test_bytes_stay_as_they_were(spool):
    raw = b'{"title": "\xff\x00", "x" : 1.10 }'
    await spool.spool([event("a", "1", raw)])
    assert await spool.spooled(["a"]) == {"a": [raw]}


async def test_nothing_spooled_is_nothing_found(spool):
    await spool.spool([])
    assert await spool.spooled([]) == await spool.spooled(["a"]) == {}


async def test_temporary_spools_are_apart_and_close_twice():
    one, other = TemporarySpool(), TemporarySpool()
    await asyncio.gather(one.spool([event("a", "1", b"one")]), other.spool([event("a", "1", b"other")]))
    assert (await one.spooled(["a"]), await other.spooled(["a"])) == ({"a": [b"one"]}, {"a": [b"other"]})
    await one.close()
    await other.close()
    await TemporarySpool().close()  # one that was never used


async def test_a_stores_spool_is_no_record_of_it(store):
    await store.spool([event("a", "1")])
    counts = await store.counts()
    assert (counts.contacts, counts.appointments) == (0, 0)
    assert await store.unseen() == []


@pytest.mark.parametrize("moment", ["finish", "next_pass", "begin"])
async def test_a_store_forgets_its_spool_with_the_pass(store, path, moment):
    await store.commit(batch(contact("a"), cursor=b"[1]"))
    if moment == "next_pass":
        await store.finish(prune=False)
    await store.spool([event("a", "1")])
    if moment == "finish":
        await store.finish(prune=False)
    if moment == "next_pass":
        await store.next_pass()
    if moment == "begin":  # what a killed run has left
        await store.close()
        assert ask(path, "SELECT count(*) FROM spool") == [(1,)]
        async with SQLiteStore(path) as again:
            assert (await again.begin(EVERYTHING)).cursor == b"[1]"
            assert await again.spooled(["a"]) == {}
    assert ask(path, "SELECT count(*) FROM spool") == [(0,)]


async def test_a_commit_leaves_the_spool_alone(store):
    await store.spool([event("a", "1"), event("b", "1")])
    await store.commit(batch(contact("a"), cursor=b"[1]"))
    assert (await store.spooled(["a", "b"])).keys() == {"a", "b"}


async def test_a_store_that_was_not_begun_takes_no_events(path):
    async with SQLiteStore(path) as store:
        for job in (store.spool([event("a", "1")]), store.spooled(["a"])):
            with pytest.raises(UsageError, match="call begin"):
                await job

"""Batches of tags: all are sent, each contact has its own reason, and nobody waits for who does not come."""

from __future__ import annotations

import asyncio

import pytest

from ghl_async import RetryPolicy, bulk
from ghl_async.errors import ScopeMissing, StoreMismatch

from .conftest import client_of
from .test_bulk_ledger import rows
from .test_bulk_update import collected, contacts, ids, requests

ONCE = RetryPolicy(attempts=1)


def tagged(sandbox, tag):
    return {contact_id for contact_id, each in contacts(sandbox).items() if tag in each["tags"]}


async def test_a_request_that_fails_in_the_middle_of_a_batch_keeps_nobody_behind_it_from_being_sent(sandbox, ledger):
    sandbox.state.rules.change(bulk_tags_refuse=10)
    some = ids(sandbox)
    async with client_of(sandbox, retry=ONCE) as client:
        await bulk.tag(client, some[:20], add=["a"])
        sandbox.faults.add(kind="server_error", method="POST", path_contains="/bulk/tags", after=1, times=1)
        written = (await bulk.tag(client, some, add=["fresh"], ledger=ledger)).written
        assert written == bulk.Written(ok=110, unknown=10)
        assert len(tagged(sandbox, "fresh")) == 110
        assert (await bulk.tag(client, some, add=["fresh"], ledger=ledger)).written == bulk.Written(ok=120, earlier=110)


async def test_where_every_other_request_fails_it_comes_to_an_end(sandbox):
    sandbox.state.rules.change(bulk_tags_refuse=10)
    some = ids(sandbox)
    async with client_of(sandbox, retry=ONCE) as client:
        await bulk.tag(client, some[:20], add=["a"])
        sandbox.faults.add(kind="server_error", method="POST", path_contains="/bulk/tags", after=1)
        assert (await bulk.tag(client, some, add=["fresh"])).written == bulk.Written(ok=10, unknown=110)


async def test_tags_that_were_added_and_not_removed_are_called_so(sandbox, ghl):
    some = [*ids(sandbox)[:3], "0" * 20]
    sandbox.faults.add(kind="refused", status=404, method="POST", path_contains="/tags/update/remove")
    outcomes = sorted(await collected(bulk.tag(ghl, some, add=["fresh"], remove=["old"])), key=lambda one: one.position)
    assert [outcome.kind for outcome in outcomes] == ["failed"] * 4
    assert ["tags were added" in outcome.reason for outcome in outcomes] == [True, True, True, False]
    assert tagged(sandbox, "fresh") == {*some[:3]}


async def test_after_what_ends_the_run_nothing_is_removed(sandbox, ghl, ledger):
    sandbox.state.rules.change(bulk_tags_refuse=60)
    some = ids(sandbox)
    await bulk.tag(ghl, some, add=["old"])
    sandbox.faults.add(kind="refused", status=401, method="POST", path_contains="/tags/update/add", after=1)
    with pytest.raises(ScopeMissing):
        await bulk.tag(ghl, some, add=["fresh"], remove=["old"], ledger=ledger)
    assert (len(tagged(sandbox, "fresh")), len(tagged(sandbox, "old"))) == (60, 120)
    sandbox.faults.clear()
    assert (await bulk.tag(ghl, some, add=["fresh"], remove=["old"], ledger=ledger)).written == bulk.Written(ok=120)
    assert (len(tagged(sandbox, "fresh")), len(tagged(sandbox, "old"))) == (120, 0)


async def test_a_full_chunk_with_an_input_that_is_not_sent_does_not_wait_for_the_next(sandbox, ghl):
    some, done = ids(sandbox), asyncio.Event()

    async def source():
        yield "a/b"
        for number in range(499):
            yield some[number % 120]
        await done.wait()

    told = 0

    async def consume():
        nonlocal told
        async for _ in bulk.tag(ghl, source(), add=["fresh"]):
            told += 1
            if told == 500:
                done.set()

    await asyncio.wait_for(consume(), 10)
    assert told == 500


class Text(str):
    """Like numpy's."""

    __slots__ = ()


async def test_ids_of_a_class_of_text_are_told_apart_and_sent(sandbox, ghl, ledger):
    some = ids(sandbox)
    assert (await bulk.tag(ghl, [Text(some[0]), some[1]], add=["fresh"])).written == bulk.Written(ok=2)
    written = (await bulk.delete(ghl, [Text(each) for each in some[:10]], ledger=ledger)).written
    assert written == bulk.Written(ok=10)
    before = requests(sandbox)
    assert (await bulk.delete(ghl, some[:10], ledger=ledger)).written == bulk.Written(ok=10, earlier=10)
    with pytest.raises(StoreMismatch, match="another input"):
        await bulk.delete(ghl, [Text(each) for each in some[10:20]], ledger=ledger)
    assert requests(sandbox) == before
    assert len(rows(ledger)) == 10

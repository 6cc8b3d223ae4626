"""bulk.sync, verify and backfill where a search leaves many contacts out, or shows one that is gone."""

from __future__ import annotations

import pytest

from ghl_async.sandbox import Sandbox

from .bent import Bent
from .conftest import client_of
from .test_sync import NOW, is_whole, sync
from .test_verify import verify
from .truth import backfill, oldest, stored_records


def without(contact_ids):
    """A search that neither shows nor counts some contacts."""

    def bend(_asked):
        def alter(said):
            there = [each for each in said["contacts"] if each["id"] not in contact_ids]
            said["total"] = max(0, said["total"] - len(contact_ids))
            said["contacts"] = there

        return alter

    return bend


@pytest.fixture
async def large():
    """400 contacts."""
    async with Sandbox(contacts=400, requests=1_000_000, daily=10**9) as sandbox:
        yield sandbox


@pytest.fixture
async def filled(large, path):
    """A store of them."""
    async with client_of(large) as ghl:
        await backfill(ghl, path)
    return path


@pytest.mark.parametrize("options", [{}, {"sweep_every": NOW}, {"whole_every": NOW}])
async def test_a_search_that_is_empty_for_a_moment_costs_few_requests_and_is_told(large, filled, options):
    everybody = {oldest(large, position) for position in range(400)}
    async with Bent(large, contacts_search=without(everybody)) as bent, client_of(bent) as ghl:
        for _ in range(3):
            changes, summary = await sync(ghl, filled, **options)
            assert (changes, summary.reason, summary.exit_code) == ([], "incomplete", 1)
            assert "left out 400 contacts, and the 20 asked for are still there" in summary.message
            assert summary.requests < 50
            options = {}
    assert is_whole(filled, large)
    async with client_of(large) as ghl:
        assert [(await sync(ghl, filled))[1].exit_code for _ in range(2)] == [0, 0]
        assert (await sync(ghl, filled))[1].changes.read == "changes"
    assert is_whole(filled, large)


async def test_a_pass_by_a_search_that_leaves_many_out_for_good_is_not_made_each_time(large, filled):
    hidden = {oldest(large, position) for position in range(250)}
    async with Bent(large, contacts_search=without(hidden)) as bent, client_of(bent) as ghl:
        summaries = [await backfill(ghl, filled) for _ in range(2)]
        assert [each.reason for each in summaries] == ["incomplete", "incomplete"]
        assert [each.resumable for each in summaries] == [True, False]
        for _ in range(2):
            _, summary = await sync(ghl, filled)
            assert (summary.changes.read, summary.reason) == ("sweep", "incomplete")
    assert is_whole(filled, large)


async def test_a_verification_asks_for_no_more_than_a_few_of_many_that_are_left_out(large, filled):
    async with client_of(large) as ghl:
        usual = (await verify(ghl, filled))[1].requests
    hidden = {oldest(large, position) for position in range(250)}
    async with Bent(large, contacts_search=without(hidden)) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, filled)
    assert (found, summary.exit_code, summary.verified.holes) == ([], 1, 250)
    assert summary.requests <= usual + 20


async def test_a_few_that_live_and_are_left_out_are_all_asked_for_once(large, filled):
    hidden = {oldest(large, position) for position in range(12)}
    before = len(large.log.since(0))
    async with Bent(large, contacts_search=without(hidden)) as bent, client_of(bent) as ghl:
        _, summary = await sync(ghl, filled)
        assert (summary.exit_code, summary.changes.read) == (0, "sweep")
        assert "12 live that the search does not show" in summary.message
        again = [(await sync(ghl, filled))[1] for _ in range(2)]
    assert [(each.exit_code, each.changes.read) for each in again] == [(0, "changes")] * 2
    asked = [each for each in large.log.since(before) if each["method"] == "GET" and "/contacts/" in each["path"]]
    assert len(asked) == 12


async def test_those_that_are_gone_are_found_beside_many_that_are_left_out(large, filled):
    """Whichever of them are asked for first."""
    hidden = {oldest(large, position) for position in range(60)}
    gone = {oldest(large, position) for position in range(390, 400)}
    for contact_id in gone:
        large.state.main.delete(contact_id)
    async with Bent(large, contacts_search=without(hidden)) as bent, client_of(bent) as ghl:
        changes, summary = await sync(ghl, filled, sweep_every=NOW)
    assert {each.contact_id for each in changes} == gone
    assert "60 live that the search does not show" in summary.message
    assert is_whole(filled, large)


async def test_many_that_are_gone_are_all_asked_for(large, filled):
    for _ in range(150):
        large.state.main.delete(oldest(large))
    async with client_of(large) as ghl:
        changes, summary = await sync(ghl, filled)
    assert (len(changes), summary.exit_code) == (150, 0)
    assert is_whole(filled, large)


async def test_one_that_is_gone_and_still_shown_is_removed_once(sandbox, copied):
    main = sandbox.state.main
    gone, shown = oldest(sandbox, 3), []

    def bend(_asked):
        def alter(said):
            shown.extend(each for each in said["contacts"] if each["id"] == gone and not shown)
            if shown and said["total"] == 119:
                said["total"] = 120
                if len(said["contacts"]) > 100:
                    said["contacts"].insert(0, shown[0] | {"firstName": "Shown"})

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        await sync(ghl, copied, sweep_every=NOW)
        main.delete(gone)
        changes, summary = await sync(ghl, copied, sweep_every=NOW)
    assert [(each.contact_id, each.what) for each in changes] == [(gone, "removed")]
    assert summary.changes.removed == 1
    assert ("contacts", gone) not in stored_records(copied)

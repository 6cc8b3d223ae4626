"""bulk.backfill against the sandbox: the store ends equal to the truth, or the run says so.

Tests with `doors` run four times: with the searches for many contacts granted, refused, refused midway and clamped.
"""

from __future__ import annotations

import pytest

from ghl_async import ContactQuery, Quota, RetryPolicy, bulk
from ghl_async.errors import DailyQuotaExhausted, NoReply, StoreBusy, StoreMismatch, UsageError
from ghl_async.hooks import PageCommitted
from ghl_async.sandbox import Sandbox

from .conftest import DOORS, client_of, set_doors
from .truth import act_at, assert_whole, backfill, oldest, stored_records, true_records

QUICK = RetryPolicy(attempts=2, base_seconds=0.0)


async def until(run, contacts, act):
    async for progress in run:
        if progress.contacts == contacts:
            await act()


async def test_the_store_equals_the_truth(sandbox, ghl, path, doors):
    summary = await backfill(ghl, path)
    assert_whole(path, sandbox, doors)
    assert summary.reason == "finished"
    assert summary.exit_code == 0
    assert summary.found == summary.server_total == summary.stored.contacts == 120
    assert summary.sample.contacts >= 3
    assert summary.sample.missing == ()
    by = [way.by for way in summary.ways]
    if doors in {"granted", "clamped"}:
        assert by == ["task search", "note search", "calendar events"]
    else:
        assert by == ["each contact"] * 3


@pytest.mark.usefixtures("refused")
async def test_progress_comes_after_each_commit(ghl, path):
    events = []
    ghl.hooks += (events.append,)
    async with bulk.SQLiteStore(path) as store:
        seen = [progress.contacts async for progress in bulk.backfill(ghl, store)]
    assert seen == list(range(10, 121, 10))
    committed = [event for event in events if isinstance(event, PageCommitted)]
    assert sum(event.contacts for event in committed) == 120
    assert committed[-1].contacts_so_far == 120


@pytest.mark.parametrize("stops_at", [10, 50, 110])
@pytest.mark.usefixtures("refused")
async def test_a_stopped_run_goes_on_where_it_stopped(sandbox, ghl, path, stops_at):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        async for progress in run:
            if progress.contacts == stops_at:
                run.stop()
    assert run.summary.reason == "stopped"
    assert run.summary.exit_code == 3
    kept = run.summary.contacts
    assert kept == run.summary.stored.contacts >= stops_at, "what was done by then is kept"
    sandbox.log.clear()
    summary = await backfill(ghl, path)
    assert stored_records(path) == true_records(sandbox)
    assert (summary.contacts, summary.found) == (120 - kept, 120)
    asked = sandbox.log.counts()["by_route"].get("GET /contacts/{contactId}/notes", 0)
    assert asked == 120 - kept + summary.sample.contacts, "nothing that was committed is read again"


async def test_a_stopped_run_ends_equal_to_the_truth_when_it_goes_on(sandbox, ghl, path, doors):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        await act_at(run, 10, run.stop)
    assert run.summary.exit_code == 3
    summary = await backfill(ghl, path)
    assert (summary.contacts, summary.found) == (120 - run.summary.contacts, 120)
    assert_whole(path, sandbox, doors)


async def test_leaving_the_loop_keeps_what_is_done(sandbox, ghl, path, doors):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        async for _ in run:
            break
        assert (await run).contacts >= 10
    assert (await backfill(ghl, path)).exit_code == 0
    assert_whole(path, sandbox, doors)


async def test_a_finished_store_is_refreshed(sandbox, ghl, path, doors):
    await backfill(ghl, path)
    gone, changed = oldest(sandbox, 3), oldest(sandbox, 5)
    sandbox.state.main.delete(gone)
    sandbox.state.main.change(changed, {"firstName": "Renamed", "dateUpdated": "2031-01-01T00:00:00.000Z"})
    sandbox.state.main.add({"firstName": "New", "email": "new@example.com"})
    summary = await backfill(ghl, path)
    assert (summary.pruned, summary.exit_code) == (1, 0)
    assert_whole(path, sandbox, doors)
    assert ("contacts", gone) not in stored_records(path)


@pytest.mark.parametrize("doors", DOORS)
async def test_contacts_deleted_and_added_while_pages_are_read(path, doors):
    async with Sandbox(contacts=300, requests=1_000_000, interval_seconds=1.0) as sandbox:
        set_doors(sandbox, doors)
        sandbox.state.pages.change(search_clamp=30)

        def change():
            for position in (290, 110, 5):
                sandbox.state.main.delete(oldest(sandbox, position))
            sandbox.state.main.add({"firstName": "Late", "email": "late@example.com"})

        async with client_of(sandbox) as ghl, bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            await act_at(run, 40, change)
        assert run.summary.exit_code == 0
        assert_whole(path, sandbox, doors)


@pytest.mark.usefixtures("refused")
async def test_failed_items_are_read_again_by_the_same_call(sandbox, path):
    victims = [oldest(sandbox, position) for position in (2, 70)]
    faults = [sandbox.faults.add(kind="server_error", path_contains=f"{victim}/notes") for victim in victims]
    async with client_of(sandbox, retry=QUICK) as ghl:
        summary = await backfill(ghl, path)
        assert (summary.failed, summary.stored.holes, summary.exit_code) == (2, 2, 4)
        assert "the same call" in summary.message
        sandbox.faults.active.remove(faults[0])
        assert (await backfill(ghl, path)).exit_code == 4
        sandbox.faults.active.remove(faults[1])
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.stored.holes, summary.contacts) == (0, 0, 1)
    assert summary.requests <= 2 + 3 + 3 * summary.sample.contacts
    assert stored_records(path) == true_records(sandbox)


@pytest.mark.usefixtures("refused")
async def test_a_failed_item_of_a_deleted_contact_goes_with_it(sandbox, path):
    victim = oldest(sandbox, 2)
    sandbox.faults.add(kind="server_error", path_contains=f"{victim}/notes")
    async with client_of(sandbox, retry=QUICK) as ghl:
        assert (await backfill(ghl, path)).exit_code == 4
        sandbox.state.main.delete(victim)
        summary = await backfill(ghl, path)
    assert (summary.pruned, summary.exit_code) == (1, 0)
    assert stored_records(path) == true_records(sandbox)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "too_many_requests", "times": 3},
        {"kind": "server_error"},
        {"kind": "edge_error"},
        {"kind": "cut_before"},
        {"kind": "cut_after"},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_faults_under_way_lose_nothing(sandbox, path, fault, doors):
    sandbox.limits.change(interval_seconds=0.05, requests=5000)
    sandbox.faults.add(**fault, rate=0.25 if doors == "granted" else 0.05)
    async with client_of(sandbox, retry=RetryPolicy(attempts=8, base_seconds=0.01)) as ghl:
        summary = await backfill(ghl, path)
        assert ghl.stats.retries > 0
    assert summary.exit_code == 0
    assert_whole(path, sandbox, doors)


@pytest.mark.parametrize("kind", ["truncated", "empty"])
@pytest.mark.usefixtures("refused")
async def test_a_broken_answer_is_a_failed_item_and_not_an_empty_list(sandbox, path, kind):
    sandbox.faults.add(kind=kind, method="GET", path_contains="/notes", times=2)
    async with client_of(sandbox, retry=QUICK) as ghl:
        assert (await backfill(ghl, path)).exit_code == 4
        assert (await backfill(ghl, path)).exit_code == 0
    assert stored_records(path) == true_records(sandbox)


@pytest.mark.parametrize("doors", DOORS)
async def test_quarantined_records_are_kept_with_their_reason(path, doors):
    async with Sandbox(contacts=60, poison=3, requests=1_000_000, interval_seconds=1.0) as sandbox:
        set_doors(sandbox, doors)
        async with client_of(sandbox) as ghl:
            summary = await backfill(ghl, path)
        assert summary.quarantined == summary.stored.quarantined > 3
        assert summary.exit_code == 0
        assert_whole(path, sandbox, doors)


async def test_a_server_that_shows_fewer_contacts_than_it_counts_is_told(sandbox, ghl, path, doors):
    await backfill(ghl, path)
    sandbox.faults.add(kind="drop_item", path_contains="/contacts/search", times=1)
    summary = await backfill(ghl, path)
    assert (summary.reason, summary.exit_code) == ("incomplete", 1)
    assert (summary.found, summary.server_total, summary.pruned) == (119, 120, 0)
    assert_whole(path, sandbox, doors)  # nothing is removed on the word of such a pass


@pytest.mark.usefixtures("refused")
async def test_a_lost_child_is_found_by_the_sample(sandbox, ghl, path):
    records = true_records(sandbox)
    without = {id_ for kind, id_ in (key[:2] for key in records) if kind == "contacts"} - {
        key[1] for key in records if key[0] == "notes"
    }
    for contact_id in without:  # whichever are picked for the sample, they have lost something
        await ghl.contacts.delete(contact_id)
    sandbox.faults.add(kind="drop_item", method="GET", path_contains="/notes", times=120 - len(without))
    summary = await backfill(ghl, path)
    assert (summary.reason, summary.exit_code) == ("incomplete", 1)
    assert {failure.kind for failure in summary.sample.missing} == {"notes"}
    assert "run it again" in summary.message


async def test_an_empty_location_is_finished_at_once(path):
    async with Sandbox(contacts=0) as sandbox, client_of(sandbox) as ghl:
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.found, summary.server_total, summary.requests) == (0, 0, 0, 1)


@pytest.mark.parametrize(("doors", "daily"), [("refused", 300), ("midway", 300), ("clamped", 80)])
async def test_the_days_floor_stops_resumably(sandbox, path, doors, daily):
    set_doors(sandbox, doors)
    sandbox.limits.change(daily=daily)
    async with client_of(sandbox, quota=Quota(daily_floor=5)) as ghl:
        summary = await backfill(ghl, path)
        assert (summary.reason, summary.exit_code) == ("daily quota", 3)
        assert summary.resumable
        assert 0 < summary.contacts < 120
        await ghl.contacts.search(page_size=1)  # interactive calls go on
        with pytest.raises(DailyQuotaExhausted):
            await ghl.background.contacts.search(page_size=1)
    sandbox.limits.change(daily=100_000)
    async with client_of(sandbox) as ghl:
        await ghl.contacts.search(page_size=1)
        assert (await backfill(ghl, path)).exit_code == 0
    assert_whole(path, sandbox, doors)


@pytest.mark.usefixtures("refused")
async def test_a_server_that_goes_away_ends_the_run_resumably(sandbox, path):
    async with client_of(sandbox, retry=QUICK) as ghl:
        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            with pytest.raises(NoReply):
                await until(run, 30, sandbox.stop)
        assert run.summary.resumable
        await sandbox.start()
        assert (await backfill(ghl, path)).exit_code == 0
    assert stored_records(path) == true_records(sandbox)


async def test_a_query_copies_what_it_finds(ghl, path):
    query = ContactQuery(tags=["vip"])
    summary = await backfill(ghl, path, query, include=())
    expected = {contact.id async for contact in ghl.contacts.iterate(query)}
    assert {key[1] for key in stored_records(path)} == expected
    assert summary.exit_code == 0


async def test_a_query_with_an_order_of_its_own_is_refused(ghl, path):
    async with bulk.SQLiteStore(path) as store:
        with pytest.raises(UsageError, match="sort"):
            bulk.backfill(ghl, store, ContactQuery(sort="email"))


async def test_a_store_of_another_location_query_or_include_is_refused(sandbox, ghl, path):
    await backfill(ghl, path, include=())
    before = sandbox.log.counts()["requests"]
    for wrong in ({"include": ("notes",)}, {"include": ()}):
        query = () if wrong["include"] else (ContactQuery(text="a"),)
        with pytest.raises(StoreMismatch):
            await backfill(ghl, path, *query, **wrong)
    async with client_of(sandbox, location_id="AAAAAAAAAAAAAAAAAAAA") as other:
        with pytest.raises(StoreMismatch):
            await backfill(other, path, include=())
    assert sandbox.log.counts()["requests"] == before


async def test_two_backfills_on_one_store_are_one_too_many(ghl, path):
    async with bulk.SQLiteStore(path) as first, bulk.SQLiteStore(path) as second:
        run = bulk.backfill(ghl, first)
        async for _ in run:
            with pytest.raises(StoreBusy):
                await bulk.backfill(ghl, second)
            break
        await run


async def test_starting_over_reads_everything_again(sandbox, ghl, path, doors):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        async for _ in run:
            run.stop()
    summary = await backfill(ghl, path, resume=False)
    assert (summary.contacts, summary.exit_code) == (120, 0)
    assert_whole(path, sandbox, doors)

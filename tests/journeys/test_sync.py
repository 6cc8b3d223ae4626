"""bulk.sync: after whatever has happened at the server, the store is right, for few requests."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from ghl_async import ContactQuery, bulk
from ghl_async.errors import StoreMismatch, UsageError
from ghl_async.models import ContactChanges, NoteChanges, NoteDraft, TaskChanges, TaskDraft
from ghl_async.sandbox import Sandbox

from .bent import Bent
from .conftest import client_of, set_doors
from .truth import KINDS, backfill, oldest, stored_records, true_records

NOW = timedelta(0)
SOON = timedelta(days=400)
SEARCH = "/contacts/search"


async def sync(ghl, path, **options):
    """Sync the store at `path`: the changes, and the summary."""
    async with bulk.SQLiteStore(path) as store:
        run = bulk.sync(ghl, store, **options)
        changes = [change async for change in run]
    return changes, run.summary


def is_whole(path, sandbox, kinds=KINDS):
    stored = stored_records(path)
    return stored == true_records(sandbox, kinds, like=stored if "appointments" in kinds else None)


def change(sandbox, position, **fields):
    """Change a contact as somebody at the location would; returns its id."""
    sandbox.state.main.change(contact_id := oldest(sandbox, position), fields)
    return contact_id


def change_unseen(sandbox, position, **fields):
    """Change a contact so that its date does not move."""
    contact = sandbox.state.main.record(sandbox.state.main.find(oldest(sandbox, position)))
    return change(sandbox, position, dateUpdated=contact["dateUpdated"], **fields)


async def test_a_new_store_is_filled(sandbox, ghl, path):
    changes, summary = await sync(ghl, path)
    assert {each.what for each in changes} == {"added"}
    assert len(changes) == len({each.contact_id for each in changes}) == 120
    assert (summary.exit_code, summary.changes.added, summary.changes.read) == (0, 120, "everything")
    assert is_whole(path, sandbox)


async def test_where_nothing_changed_it_takes_two_requests(sandbox, ghl, copied):
    before = sandbox.log.requests
    for _ in range(2):
        changes, summary = await sync(ghl, copied)
        assert (changes, summary.exit_code, summary.requests) == ([], 0, 2)
    assert sandbox.log.requests - before == 4
    assert is_whole(copied, sandbox)


async def test_added_and_changed_contacts_come_with_all_that_belongs_to_them(sandbox, ghl, copied):
    renamed = {change(sandbox, position, firstName="Renamed") for position in (3, 50, 119)}
    await ghl.notes.create(oldest(sandbox, 50), NoteDraft(body="Called"))
    added = sandbox.state.main.add({
        "email": "new@example.com",
        "notes": [{"body": "Hello", "dateAdded": "2024-01-01T10:00:00.000Z"}],
    })  # fmt: skip
    changes, summary = await sync(ghl, copied)
    found = {each.contact_id: (each.what, each.parts) for each in changes}
    assert found == dict.fromkeys(renamed, ("changed", ("contacts",))) | {
        oldest(sandbox, 50): ("changed", ("contacts", "notes")),
        added: ("added", ("contacts", "notes")),
    }
    assert (summary.changes.added, summary.changes.changed, summary.changes.read) == (1, 3, "changes")
    assert is_whole(copied, sandbox)
    assert (await sync(ghl, copied))[0] == [], "what is known is no change, although an hour is looked at again"


async def test_deletions_are_found_by_the_counts(sandbox, ghl, copied):
    gone = [oldest(sandbox, position) for position in (3, 60)]
    for contact_id in gone:
        sandbox.state.main.delete(contact_id)
    changes, summary = await sync(ghl, copied)
    assert sorted((each.contact_id, each.what) for each in changes) == sorted((each, "removed") for each in gone)
    assert (summary.changes.removed, summary.changes.read, summary.pruned) == (2, "sweep", 2)
    assert is_whole(copied, sandbox)


async def test_an_addition_does_not_hide_a_deletion(sandbox, ghl, copied):
    sandbox.state.main.delete(oldest(sandbox, 3))
    sandbox.state.main.add({"email": "new@example.com"})
    changes, _ = await sync(ghl, copied)
    assert sorted(each.what for each in changes) == ["added", "removed"]
    assert is_whole(copied, sandbox)


async def test_what_moves_no_date_is_found_by_a_sweep_and_tasks_by_a_pass(sandbox, ghl, copied):
    tagged = change_unseen(sandbox, 5, tags=["vip"])
    noted, tasked = oldest(sandbox, 9), oldest(sandbox, 11)
    await ghl.notes.create(noted, NoteDraft(body="Called"))
    await ghl.tasks.create(tasked, TaskDraft(title="Call", due_date=datetime(2026, 1, 1, tzinfo=UTC)))
    ref, event = next(
        (ref, sandbox.state.main.events_of(ref)[0])
        for ref in list(sandbox.state.main.walk(descending=False))[20:]
        if sandbox.state.main.events_of(ref)
    )
    sandbox.state.main.lists.delete_event(ref, event)
    sandbox.state.main.touch()

    assert (await sync(ghl, copied))[0] == []
    changes, summary = await sync(ghl, copied, sweep_every=NOW)
    assert {each.contact_id: each.parts for each in changes} == {
        tagged: ("contacts",),
        noted: ("notes",),
        sandbox.state.main.id_of(ref): ("appointments",),
    }
    assert summary.changes.read == "sweep"
    changes, summary = await sync(ghl, copied, whole_every=NOW)
    assert {each.contact_id: each.parts for each in changes} == {tasked: ("tasks",)}
    assert summary.changes.read == "everything"
    assert is_whole(copied, sandbox)


async def test_sweeps_and_passes_come_in_their_time(ghl, copied):
    for options, depth in (
        ({}, "changes"),
        ({"sweep_every": NOW}, "sweep"),
        ({"sweep_every": SOON}, "changes"),
        ({"whole_every": NOW}, "everything"),
        ({}, "changes"),
    ):
        assert (await sync(ghl, copied, **options))[1].changes.read == depth


async def test_contacts_alone_never_need_a_pass(sandbox, ghl, path):
    await backfill(ghl, path, include=())
    tagged = change_unseen(sandbox, 5, tags=["vip"])
    changes, summary = await sync(ghl, path, include=(), sweep_every=NOW, whole_every=timedelta(microseconds=1))
    assert ([each.contact_id for each in changes], summary.changes.read) == ([tagged], "sweep")
    assert is_whole(path, sandbox, ())


@pytest.fixture
async def large():
    """1,200 contacts in pages of 100."""
    async with Sandbox(contacts=1200, requests=1_000_000, daily=10**9, search_clamp=100) as sandbox:
        yield sandbox


async def test_five_hundred_of_one_moment_one_indexed_late_and_ten_deleted_meanwhile(large, path):
    async with client_of(large) as ghl, bulk.SQLiteStore(path) as store:
        await bulk.sync(ghl, store)
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for position in range(300, 800):
        change(large, position, firstName="Imported", dateUpdated=moment)
    large.state.set_index_lag(1000)
    late = large.state.main.add({"email": "late@example.com"})
    changes = []
    async with client_of(large) as ghl, bulk.SQLiteStore(path) as store:
        run = bulk.sync(ghl, store)
        async for each in run:
            changes.append(each)
            if len(changes) in range(100, 200, 10):
                large.state.main.delete(oldest(large, len(changes) * 5))
    assert run.summary.exit_code == 0
    assert late not in {each.contact_id for each in changes}
    large.state.set_index_lag(0)
    async with client_of(large) as ghl:
        changes, summary = await sync(ghl, path)
    assert ("added", late) in {(each.what, each.contact_id) for each in changes}
    assert summary.exit_code == 0
    assert is_whole(path, large)


async def test_one_that_comes_to_the_index_after_the_overlap_is_found_by_a_sweep(sandbox, ghl, copied):
    sandbox.state.set_index_lag(1000)
    added = sandbox.state.main.add({"email": "old@example.com", "dateAdded": "2023-01-01T00:00:00.000Z"})
    await sync(ghl, copied)
    sandbox.state.set_index_lag(0)
    changes, summary = await sync(ghl, copied)
    assert [(each.what, each.contact_id) for each in changes] == [("added", added)]
    assert summary.changes.read == "sweep", "since the counts differ"
    assert is_whole(copied, sandbox)


async def test_dates_in_the_future_do_not_hide_what_changes_today(sandbox, ghl, path):
    change(sandbox, 5, dateUpdated="2091-01-01T00:00:00.000Z")
    await backfill(ghl, path)
    renamed = change(sandbox, 9, firstName="Renamed")
    changes, _ = await sync(ghl, path)
    assert [each.contact_id for each in changes] == [renamed]
    assert is_whole(path, sandbox)


async def test_a_contact_changed_while_the_store_was_filled_is_not_forgotten(path):
    """It was read before and changed behind the run's back; others, read later, carry later dates."""
    async with Sandbox(contacts=400, requests=1_000_000, search_clamp=20) as sandbox, client_of(sandbox) as ghl:
        later = (datetime.now(UTC) + timedelta(minutes=600)).isoformat(timespec="milliseconds")
        async with bulk.SQLiteStore(path) as store:
            run = bulk.sync(ghl, store)
            seen = 0
            async for _ in run:
                seen += 1
                if seen == 150:
                    change(sandbox, 0, firstName="Renamed")
                    change(sandbox, 399, dateUpdated=later.replace("+00:00", "Z"))
        changes, _ = await sync(ghl, path)
        assert oldest(sandbox, 0) in {each.contact_id for each in changes}
        assert is_whole(path, sandbox)


async def test_a_change_is_handed_out_again_until_it_is_stored(sandbox, ghl, copied):
    renamed = {change(sandbox, position, firstName="Renamed") for position in (3, 50)}
    for _ in range(2):
        async with bulk.SQLiteStore(copied) as store:
            async for each in bulk.sync(ghl, store):
                assert each.contact_id in renamed
                break
    assert {each.contact_id for each in (await sync(ghl, copied))[0]} == renamed
    assert is_whole(copied, sandbox)


async def test_a_removal_is_handed_out_again_until_it_is_stored(sandbox, ghl, copied):
    gone = oldest(sandbox, 3)
    sandbox.state.main.delete(gone)
    for _ in range(2):
        async with bulk.SQLiteStore(copied) as store:
            async for each in bulk.sync(ghl, store):
                assert (each.contact_id, each.what) == (gone, "removed")
                break
    assert [each.contact_id for each in (await sync(ghl, copied))[0]] == [gone]
    assert is_whole(copied, sandbox)


async def test_a_sync_that_was_stopped_is_made_up_for(sandbox, ghl, copied):
    for position in range(70):
        change(sandbox, position, firstName="Renamed")
    async with bulk.SQLiteStore(copied) as store:
        run = bulk.sync(ghl, store)
        async for _ in run:
            run.stop()
    assert run.summary.exit_code == 3
    sandbox.state.main.delete(oldest(sandbox, 100))
    _, summary = await sync(ghl, copied)
    assert summary.exit_code == 0
    assert is_whole(copied, sandbox)


async def test_what_we_wrote_ourselves_is_stored_and_is_no_change(sandbox, ghl, copied):
    ours, theirs, both = (oldest(sandbox, position) for position in (3, 4, 5))
    note = await ghl.notes.create(ours, NoteDraft(body="Called"))
    task = await ghl.tasks.create(ours, TaskDraft(title="Call", due_date=datetime(2026, 1, 1, tzinfo=UTC)))
    edited = await ghl.notes.create(both, NoteDraft(body="Called"))
    own = [note, task, edited, *[await ghl.contacts.update(each, ContactChanges(city="Bonn")) for each in (ours, both)]]
    await ghl.notes.update(both, edited.id, NoteChanges(body="Called twice"))
    await ghl.contacts.update(theirs, ContactChanges(city="Bonn"))
    changes, summary = await sync(ghl, copied, own=own)
    assert {each.contact_id: each.parts for each in changes} == {theirs: ("contacts",), both: ("notes",)}
    assert (summary.changes.own, summary.changes.changed) == (1, 2)
    assert is_whole(copied, sandbox)
    await ghl.tasks.update(ours, task.id, TaskChanges(title="Call again"))
    changes, _ = await sync(ghl, copied, own=own, whole_every=NOW)
    assert {each.contact_id: each.parts for each in changes} == {ours: ("tasks",)}, "by somebody else since"


async def test_own_takes_records_alone(sandbox, ghl, path):
    before = sandbox.log.requests
    async with bulk.SQLiteStore(path) as store:
        for wrong in ({"own": ["id"]}, {"include": ("notse",)}):
            with pytest.raises(UsageError):
                await bulk.sync(ghl, store, **wrong)
    assert sandbox.log.requests == before


async def test_a_copy_of_a_query_or_of_other_kinds_is_refused(ghl, path):
    await backfill(ghl, path, ContactQuery(tags=["vip"]), include=())
    for include in ((), ("notes",)):
        async with bulk.SQLiteStore(path) as store:
            with pytest.raises(StoreMismatch):
                await bulk.sync(ghl, store, include=include)


@pytest.mark.usefixtures("refused")
async def test_failed_items_are_read_again(sandbox, ghl, path):
    hurt = oldest(sandbox, 4)
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{hurt}/notes")
    assert (await backfill(ghl, path)).stored.holes == 1
    changes, summary = await sync(ghl, path)
    assert (changes, summary.exit_code, summary.stored.holes) == ([], 4, 1)
    sandbox.faults.active[:] = [each for each in sandbox.faults.active if each.kind != "truncated"]
    _, summary = await sync(ghl, path)
    assert (summary.exit_code, summary.stored.holes) == (0, 0)
    assert stored_records(path) == true_records(sandbox)


@pytest.mark.parametrize("mode", ["refused", "clamped"])
async def test_where_the_cheaper_ways_are_refused_or_odd_the_store_is_right_all_the_same(sandbox, ghl, path, mode):
    set_doors(sandbox, mode)
    await sync(ghl, path)
    change(sandbox, 3, firstName="Renamed")
    change_unseen(sandbox, 40, tags=["vip"])
    sandbox.state.main.delete(oldest(sandbox, 60))
    await ghl.notes.create(oldest(sandbox, 9), NoteDraft(body="Called"))
    changes, summary = await sync(ghl, path, sweep_every=NOW)
    assert (len(changes), summary.exit_code) == ((4 if mode == "clamped" else 3), 0)
    assert summary.requests < 60, "a sweep never goes from contact to contact"
    _, summary = await sync(ghl, path, whole_every=NOW)
    assert summary.exit_code == 0
    stored = stored_records(path)
    assert stored == true_records(sandbox, like=stored if mode == "clamped" else None)


async def test_nothing_is_removed_on_the_word_of_a_search_that_leaves_something_out(sandbox, ghl, copied):
    gone = oldest(sandbox, 3)
    sandbox.state.main.delete(gone)
    sandbox.faults.add(kind="drop_item", path_contains=SEARCH, after=1, times=1)  # the first asks for the oldest alone
    changes, summary = await sync(ghl, copied, sweep_every=NOW)
    assert (changes, summary.reason, summary.exit_code) == ([], "incomplete", 1)
    assert ("contacts", gone) in stored_records(copied)
    changes, summary = await sync(ghl, copied)
    assert ([each.contact_id for each in changes], summary.exit_code) == ([gone], 0)
    assert is_whole(copied, sandbox)


async def test_one_that_left_the_search_but_lives_is_not_removed(sandbox, copied):
    hidden = oldest(sandbox, 3)

    def bend(_):
        def change(said):
            said["contacts"] = [each for each in said["contacts"] if each["id"] != hidden]
            said["total"] -= 1

        return change

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        changes, summary = await sync(ghl, copied)
    assert (changes, summary.exit_code, summary.stored.contacts) == ([], 0, 120)
    assert is_whole(copied, sandbox)


async def test_contacts_that_do_not_decode_do_not_bring_about_a_sweep_each_time(path):
    async with Sandbox(contacts=60, poison=2, requests=1_000_000, interval_seconds=1.0) as sandbox:
        async with client_of(sandbox) as ghl:
            await sync(ghl, path)
            depths = [(await sync(ghl, path))[1].changes.read for _ in range(3)]
        assert depths[1:] == ["changes", "changes"]
        assert is_whole(path, sandbox)


@pytest.mark.parametrize("scene", ["nothing", "some", "many", "most", "deleted", "sweep", "everything", "new"])
async def test_the_plan_knows_what_a_sync_takes(path, scene):
    async with (
        Sandbox(contacts=1000, requests=1_000_000, daily=10**9, search_clamp=50) as sandbox,
        client_of(sandbox) as ghl,
    ):
        if scene != "new":
            await backfill(ghl, path)
        for position in range({"some": 20, "many": 250, "most": 600}.get(scene, 0)):
            change(sandbox, position, firstName="Renamed")
        for position in range(8 if scene == "deleted" else 0):
            sandbox.state.main.delete(oldest(sandbox, 2 * position))
        if scene in {"sweep", "everything"}:
            set_back(path, timedelta(days=2 if scene == "sweep" else 8))
        async with bulk.SQLiteStore(path) as store:
            plan = await bulk.plan(ghl, store=store, sync=True)
        before = sandbox.log.requests
        _, summary = await sync(ghl, path)
    assert summary.exit_code == 0
    assert sandbox.log.requests - before == pytest.approx(plan.requests, rel=0.15, abs=3)
    assert plan.requests == sum(way.requests for way in plan.ways) + plan.sample_requests


async def test_a_sync_is_planned_of_a_store_alone(ghl):
    with pytest.raises(UsageError, match="leave query"):
        await bulk.plan(ghl, sync=True)


def set_back(path, age):
    """Let a store's last pass have ended so long ago."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'whole_at'", (str(time.time() - age.total_seconds()),))

"""Sync where something cannot be made sure of, or a run ends in between: said, and mended by the next one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ghl_async import bulk
from ghl_async.models import AppointmentDraft
from ghl_async.sandbox import Sandbox

from .bent import Bent
from .conftest import client_of, set_doors
from .test_sync import NOW, change, is_whole, set_back, sync
from .test_verify import spoil
from .truth import backfill, oldest, stored_records, true_records

DAY = 2.0
"""A day, in seconds."""


def with_appointments(main, contacts):
    """The first contacts that have appointments in calendars that the location lists."""
    return [
        ref
        for ref in main.walk(descending=False)
        if any(each["calendarId"] in main.children.calendar_ids for each in main.appointments(ref))
    ][:contacts]


def listed(main, ref):
    return next(each for each in main.appointments(ref) if each["calendarId"] in main.children.calendar_ids)


def move(main, appointment, giver, taker):
    main.lists.replace("appointments", giver, appointment["id"], None)
    owned = appointment | {"contactId": main.id_of(taker)}
    main.lists._lists["appointments"][taker] = [*main.appointments(taker), owned]
    main.touch()


async def read_everything(ghl, path, *, fills):
    """As a backfill does, or as a sync now and then."""
    return await backfill(ghl, path) if fills else (await sync(ghl, path, whole_every=NOW))[1]


def holders_of(path, appointment_id):
    return [key[1] for key in stored_records(path) if key[0] == "appointments" and key[2] == appointment_id]


@pytest.mark.parametrize("depth", ["whole", "changes"])
async def test_a_deletion_that_could_not_be_made_sure_of_is_said_and_looked_at_again(sandbox, ghl, copied, depth):
    key = next(key for key in true_records(sandbox) if key[0] == "notes")
    await ghl.notes.delete(key[1], key[2])
    if depth == "changes":
        sandbox.state.main.change(key[1], {"firstName": "Moved"})
        for position in range(60, 63):
            change(sandbox, position, firstName="Ada")
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{key[1]}/notes")
    _, summary = await sync(ghl, copied, **({"whole_every": NOW} if depth == "whole" else {}))
    sandbox.faults.clear()
    assert (summary.exit_code, summary.stored.holes) == (4, 1)
    changes, summary = await sync(ghl, copied)
    assert [(each.contact_id, each.parts) for each in changes] == [(key[1], ("notes",))]
    assert summary.exit_code == 0
    assert is_whole(copied, sandbox)


async def test_an_appointment_moved_when_a_run_is_stopped_in_between_is_not_doubled(sandbox, ghl, copied):
    main = sandbox.state.main
    giver, taker = with_appointments(main, 2)
    moved = listed(main, giver)
    move(main, moved, giver, taker)
    main.change(main.id_of(taker), {"firstName": "Took it"})
    async with bulk.SQLiteStore(copied) as store:
        run = bulk.sync(ghl, store)
        async for _ in run:
            run.stop()
    assert holders_of(copied, moved["id"]) == [main.id_of(giver), main.id_of(taker)]
    changes, summary = await sync(ghl, copied)
    assert [each.contact_id for each in changes] == [main.id_of(giver)]
    assert summary.exit_code == 0
    assert holders_of(copied, moved["id"]) == [main.id_of(taker)]


@pytest.mark.parametrize("fills", [True, False], ids=["backfill", "sync"])
async def test_an_appointment_that_moves_while_everything_is_read_is_not_doubled(path, fills):
    async with Sandbox(contacts=300, lost=0.0, requests=1_000_000, daily=10**9) as sandbox:
        main = sandbox.state.main
        first, last = main.children.calendar_ids[0], main.children.calendar_ids[-1]
        owner = next(
            ref
            for ref in main.walk(descending=False)
            if any(each["calendarId"] == first for each in main.appointments(ref))
        )
        moved = next(each for each in main.appointments(owner) if each["calendarId"] == first)
        other = next(ref for ref in main.walk(descending=False) if ref != owner and main.events_of(ref))
        is_due = [True]

        def bend(_):
            def alter(said):
                if is_due and any(each["id"] == moved["id"] for each in said["events"]):
                    is_due.clear()
                    move(main, moved | {"calendarId": last}, owner, other)

            return alter

        if not fills:
            async with client_of(sandbox) as ghl:
                await backfill(ghl, path)
        async with Bent(sandbox, calendars_events=bend) as bent, client_of(bent) as ghl:
            summary = await read_everything(ghl, path, fills=fills)
        assert not is_due
        assert summary.exit_code == 0
        assert holders_of(path, moved["id"]) == [main.id_of(other)]


def cancel(main):
    ref = with_appointments(main, 1)[0]
    cancelled = listed(main, ref)
    main.lists.delete_event(ref, cancelled)
    main.touch()
    return cancelled["id"]


async def test_a_sweep_that_cannot_read_the_calendars_says_so_and_is_made_again(sandbox, ghl, copied):
    cancelled = cancel(sandbox.state.main)
    changed = change(sandbox, 9, firstName="Ada")
    sandbox.faults.add(kind="truncated", path_contains="/calendars/events")
    changes, summary = await sync(ghl, copied, sweep_every=NOW)
    sandbox.faults.clear()
    assert [each.contact_id for each in changes] == [changed]
    assert (summary.reason, summary.exit_code) == ("incomplete", 1)
    assert "the calendars could not be read" in summary.message
    set_back(copied, timedelta(hours=21))
    _, summary = await sync(ghl, copied)
    assert (summary.changes.read, summary.exit_code) == ("sweep", 0)
    assert holders_of(copied, cancelled) == []


async def test_a_sweep_whose_token_reads_no_calendars_says_what_it_does_not_see(sandbox, ghl, copied):
    cancelled = cancel(sandbox.state.main)
    set_doors(sandbox, "refused")
    _, summary = await sync(ghl, copied, sweep_every=NOW)
    assert (summary.changes.read, summary.exit_code) == ("sweep", 0)
    assert "appointments that move no date are left to the next pass over everything" in summary.message
    assert holders_of(copied, cancelled) != []


async def test_a_sweep_of_no_more_contacts_than_calendars_sees_their_appointments(path):
    async with (
        Sandbox(contacts=3, lost=0.0, appointments=1.0, requests=1_000_000) as sandbox,
        client_of(sandbox) as ghl,
    ):
        main = sandbox.state.main
        draft = AppointmentDraft(
            contact_id=oldest(sandbox),
            calendar_id=main.children.calendar_ids[0],
            start_time=datetime(2027, 3, 1, 10, tzinfo=UTC),
        )
        made = await ghl.appointments.create(draft)
        await backfill(ghl, path)
        await ghl.appointments.delete(made.id)
        changes, summary = await sync(ghl, path, sweep_every=NOW)
        assert [(each.contact_id, each.parts) for each in changes] == [(oldest(sandbox), ("appointments",))]
        assert summary.changes.read == "sweep"
        assert is_whole(path, sandbox)


async def test_what_a_pass_over_everything_reads_is_not_read_twice(sandbox, ghl, copied):
    """Failed items of the run before are part of it."""
    contact_id = oldest(sandbox, 5)
    spoil(copied, "INSERT INTO holes VALUES (?, 'notes', 'it failed')", contact_id)
    before = sandbox.log.requests
    _, summary = await sync(ghl, copied, whole_every=NOW)
    taken = sandbox.log.requests - before
    assert (summary.exit_code, summary.stored.holes) == (0, 0)
    before = sandbox.log.requests
    await sync(ghl, copied, whole_every=NOW)
    assert sandbox.log.requests - before == taken


async def test_a_second_look_does_not_take_the_first_ones_events(path):
    """A look at changes has read the calendars; the counts differ, so it sweeps, and an appointment is gone by then."""
    async with Sandbox(contacts=300, lost=0.0, requests=1_000_000, daily=10**9) as sandbox:
        main = sandbox.state.main
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        for position in range(100, 100 + 3 * len(main.children.calendar_ids)):
            change(sandbox, position, firstName="Ada")
        main.delete(oldest(sandbox, 290))
        is_due = [True]
        async with client_of(sandbox) as ghl, bulk.SQLiteStore(path) as store:
            run = bulk.sync(ghl, store)
            async for _ in run:
                if is_due:
                    is_due.clear()
                    cancelled = cancel(main)
        assert run.summary.changes.read == "sweep"
        assert holders_of(path, cancelled) == []


@pytest.mark.parametrize("fills", [True, False], ids=["backfill", "sync"])
async def test_one_that_the_index_shows_late_behind_the_walk_is_read_without_another_pass(path, fills):
    async with Sandbox(contacts=1000, search_clamp=100, lost=0.0, requests=1_000_000, daily=10**9) as sandbox:
        main = sandbox.state.main
        async with client_of(sandbox) as ghl:
            whole = (await backfill(ghl, path)).requests
        newest = oldest(sandbox, 999)
        before = datetime.now(UTC)
        main.change(newest, {"dateAdded": instant(before)})
        is_due = [True]

        def bend(asked):
            if is_due and (asked.get("searchAfter") or ["", ""])[1] == newest:
                is_due.clear()
                main.add({"email": "late@example.com", "dateAdded": instant(before - timedelta(seconds=2))})

        async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
            summary = await read_everything(ghl, path, fills=fills)
        assert not is_due
        assert summary.exit_code == 0
        assert summary.requests < whole + 20
        assert is_whole(path, sandbox)


def instant(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_tasks_that_a_search_shows_later_than_their_contacts_are_found(sandbox, ghl, copied):
    main, due = sandbox.state.main, "2026-01-01T00:00:00.000Z"
    task = {"title": "Call", "body": "", "dueDate": due, "completed": False}
    ids = [main.add({"email": f"new{number}@example.com", "tasks": [task]}) for number in range(5)]

    def bend(_):
        return lambda said: said.update(tasks=[each for each in said["tasks"] if each.get("contactId") not in ids])

    async with Bent(sandbox, tasks_search=bend) as bent, client_of(bent) as early:
        await sync(early, copied)
    assert not is_whole(copied, sandbox)
    changes, summary = await sync(ghl, copied)
    assert {(each.contact_id, each.parts) for each in changes} == {(each, ("tasks",)) for each in ids}
    assert summary.exit_code == 0
    assert is_whole(copied, sandbox)


async def test_a_day_that_does_not_hold_all_that_changed_takes_a_sync_further_each_time(path):
    options = {"search_clamp": 20, "requests": 1_000_000, "daily": 10**9, "day_seconds": DAY}
    async with Sandbox(contacts=400, lost=0.0, **options) as sandbox:
        main = sandbox.state.main
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        changed = {change(sandbox, position, firstName="Ada") for position in range(150)}
        main.delete(gone := oldest(sandbox, 390))
        told = set()
        for _ in range(8):
            sandbox.limits.change(daily=45)
            await asyncio.sleep(DAY)
            async with client_of(sandbox) as ghl, bulk.SQLiteStore(path) as store:
                run = bulk.sync(ghl, store)
                async for each in run:
                    told.add(each.contact_id)
            if changed <= told:
                break
        assert changed <= told
        sandbox.limits.change(daily=10**9)
        await asyncio.sleep(DAY)
        async with client_of(sandbox) as ghl:
            changes, summary = await sync(ghl, path)
        assert {each.contact_id for each in changes} | told == {*changed, gone}
        assert summary.exit_code == 0
        assert is_whole(path, sandbox)

"""bulk.sync and bulk.verify where the server leaves something out, goes back, or shows it otherwise than before."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from ghl_async import bulk
from ghl_async.models import NoteDraft
from ghl_async.sandbox import Sandbox

from .bent import Bent, showing_as_long_ago
from .conftest import client_of, set_doors
from .test_sync import NOW, SEARCH, change, change_unseen, is_whole, sync
from .test_verify import spoil, verify
from .truth import backfill, oldest, stored_records, true_records


def a_night_passes(path):
    """Let a day go by for the store's marks."""
    spoil(path, "UPDATE meta SET value = value - 86400 WHERE key IN ('whole_at', 'swept_at', 'synced_at')")


def hidden(contact_id):
    """A search that never shows one contact, and does not count it."""

    def bend(_asked):
        def alter(said):
            there = [each for each in said["contacts"] if each["id"] != contact_id]
            said["total"] -= len(said["contacts"]) > len(there) or said["total"] > 110
            said["contacts"] = there

        return alter

    return bend


async def test_a_contact_whose_date_moved_back_is_believed_when_it_says_so_itself(sandbox, ghl, path):
    contact_id = change(sandbox, 5, dateUpdated="2031-01-01T00:00:00.000Z")
    await backfill(ghl, path)
    change(sandbox, 5, firstName="Ada")
    found, _ = await verify(ghl, path)
    assert [(each.id, each.what, each.is_older) for each in found] == [(contact_id, "stale", True)]
    changes, _ = await sync(ghl, path)
    assert [each.contact_id for each in changes] == [contact_id]
    assert is_whole(path, sandbox)


async def test_a_reading_older_than_the_contact_itself_is_not_believed(sandbox, copied):
    contact_id = oldest(sandbox, 5)

    async with Bent(sandbox, contacts_search=showing_as_long_ago(contact_id)) as bent, client_of(bent) as ghl:
        assert (await sync(ghl, copied, sweep_every=NOW))[0] == []
        assert (await verify(ghl, copied))[0] == []
    assert is_whole(copied, sandbox)


async def test_where_all_contacts_were_deleted_none_is_left(sandbox, ghl, copied):
    for _ in range(120):
        sandbox.state.main.delete(oldest(sandbox))
    found, summary = await verify(ghl, copied)
    assert (len(found), summary.verified.surplus, summary.exit_code) == (120, 120, 1)
    changes, summary = await sync(ghl, copied)
    assert ({each.what for each in changes}, len(changes), summary.exit_code) == ({"removed"}, 120, 0)
    assert stored_records(copied) == {}
    for options in ({}, {"sweep_every": NOW}):
        assert (await sync(ghl, copied, **options))[1].exit_code == 0


async def test_a_gap_that_stays_between_the_counts_hides_no_change(sandbox, copied):
    def bend(_asked):
        def alter(said):
            said["total"] += said["total"] == 120

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        for night in range(3):
            contact_id = change(sandbox, night, firstName=f"Night {night}")
            a_night_passes(copied)
            changes, summary = await sync(ghl, copied)
            assert [each.contact_id for each in changes] == [contact_id]
            assert summary.reason == "incomplete"
            assert "the server counts 121 contacts but showed 120" in summary.message
    assert is_whole(copied, sandbox)


async def test_what_differs_and_is_left_out_when_asked_for_is_found_by_the_next_run(sandbox, ghl, copied):
    contact_id = change(sandbox, 7, firstName="Ada")
    sandbox.faults.add(kind="drop_item", path_contains=SEARCH, after=2, times=1)
    changes, summary = await sync(ghl, copied)
    assert (changes, summary.reason) == ([], "incomplete")
    sandbox.faults.clear()
    changes, summary = await sync(ghl, copied)
    assert ([each.contact_id for each in changes], summary.exit_code) == ([contact_id], 0)


@pytest.mark.parametrize(
    ("left_out_by", "options"), [("/calendars/events", {"sweep_every": NOW}), ("/tasks/search", {"whole_every": NOW})]
)
async def test_a_list_that_leaves_a_record_out_removes_none(sandbox, ghl, copied, left_out_by, options):
    sandbox.faults.add(kind="drop_item", path_contains=left_out_by, times=1)
    changes, summary = await sync(ghl, copied, **options)
    assert (changes, summary.exit_code) == ([], 0)
    assert is_whole(copied, sandbox)


async def test_a_contact_that_lives_and_is_never_shown_costs_two_sweeps_once(sandbox, copied):
    async with Bent(sandbox, contacts_search=hidden(oldest(sandbox, 3))) as bent, client_of(bent) as ghl:
        first = (await sync(ghl, copied))[1]
        later = [(await sync(ghl, copied))[1] for _ in range(3)]
    assert first.changes.read == "sweep"
    assert [each.changes.read for each in later] == ["changes"] * 3
    assert [each.requests for each in later] == [2] * 3
    assert is_whole(copied, sandbox)


async def test_a_verification_says_what_it_could_not_compare(sandbox, copied):
    change(sandbox, 3, firstName="Hidden")
    async with Bent(sandbox, contacts_search=hidden(oldest(sandbox, 3))) as bent, client_of(bent) as ghl:
        for repair in (False, True):
            _, summary = await verify(ghl, copied, repair=repair)
            assert (summary.exit_code, summary.verified.mended, summary.verified.holes) == (1, False, 1)
            assert "contacts that the search does not show" in summary.message


async def test_a_mending_that_gets_nothing_does_not_say_that_it_has_mended(sandbox, ghl, copied):
    contact_id = oldest(sandbox, 7)
    spoil(copied, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?", contact_id)
    sandbox.faults.add(kind="drop_item", path_contains=SEARCH, after=3, times=1)
    _, summary = await verify(ghl, copied, repair=True)
    assert (summary.exit_code, summary.verified.mended) == (1, False)
    sandbox.faults.clear()
    _, summary = await verify(ghl, copied, repair=True)
    assert (summary.exit_code, summary.verified.mended, summary.verified.contacts) == (0, True, 120)
    assert is_whole(copied, sandbox)


async def test_what_could_not_be_compared_is_read_again_by_the_mending(sandbox, ghl, path):
    set_doors(sandbox, "refused")
    await backfill(ghl, path)
    contact_id = next(key[1] for key in true_records(sandbox) if key[0] == "notes")
    spoil(path, "DELETE FROM landing_notes WHERE contact_id = ?", contact_id)
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{contact_id}/notes", times=1)
    _, summary = await verify(ghl, path, repair=True)
    assert (summary.exit_code, summary.verified.mended) == (0, True)
    assert stored_records(path) == true_records(sandbox)


async def test_few_notes_are_all_looked_at(path):
    async with Sandbox(contacts=20, notes=0.0, requests=10_000) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path)
        for position in range(7):
            await ghl.notes.create(oldest(sandbox, position), NoteDraft(body="Called"))
            changes, _ = await sync(ghl, path, sweep_every=NOW)
            assert [each.contact_id for each in changes] == [oldest(sandbox, position)]
        assert is_whole(path, sandbox)


async def test_notes_that_could_not_be_looked_at_are_looked_at_by_the_next_run(sandbox, ghl, copied):
    await ghl.notes.create(contact_id := oldest(sandbox, 3), NoteDraft(body="Called"))
    sandbox.faults.add(kind="server_error", path_contains="/notes/search")
    changes, summary = await sync(ghl, copied, sweep_every=NOW)
    assert (changes, summary.reason) == ([], "incomplete")
    assert "the newest notes could not be looked at" in summary.message
    sandbox.faults.clear()
    changes, summary = await sync(ghl, copied, sweep_every=NOW)
    assert ([each.contact_id for each in changes], summary.exit_code) == ([contact_id], 0)
    assert is_whole(copied, sandbox)


async def test_new_notes_of_which_only_the_newest_page_came_are_looked_at_again(path):
    async with Sandbox(contacts=250, notes=0.0, requests=1_000_000, daily=10**9) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path)
        spoil(path, "UPDATE run SET started_at = '2024-01-01T00:00:00+00:00'")
        today = datetime.now(UTC)
        for position in range(250):
            at = today - timedelta(hours=250 - position)
            add_note(sandbox, position, at.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        sandbox.faults.add(kind="refused", path_contains="/notes/search", status=403, after=2)
        assert (await sync(ghl, path, sweep_every=NOW))[1].reason == "incomplete"
        sandbox.faults.clear()
        assert (await sync(ghl, path, sweep_every=NOW))[1].exit_code == 0
        assert is_whole(path, sandbox)


async def test_appointments_alone_are_read_whole_where_the_calendars_are_refused(sandbox, ghl, path):
    set_doors(sandbox, "refused")
    assert (await backfill(ghl, path, include=["appointments"])).exit_code == 0
    key = next(key for key in true_records(sandbox) if key[0] == "appointments")
    sandbox.faults.clear()
    await ghl.appointments.delete(key[2])
    set_doors(sandbox, "refused")
    for _ in range(8):
        a_night_passes(path)
        await sync(ghl, path, include=["appointments"], whole_every=timedelta(days=7))
    assert key not in stored_records(path)


def counted_once_more(_asked):
    """A search that counts one contact more than there are, wherever it counts many."""

    def alter(said):
        said["total"] += said["total"] > 100

    return alter


@pytest.mark.parametrize("bend", [counted_once_more, hidden])
async def test_what_a_search_leaves_out_for_good_costs_no_pass_each_time(sandbox, copied, bend):
    bend = bend(oldest(sandbox, 3)) if bend is hidden else bend
    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        for _ in range(2):
            changes, summary = await sync(ghl, copied, whole_every=NOW)
            assert (changes, summary.reason) == ([], "incomplete")
        assert "as the time before" in summary.message
        await sync(ghl, copied)
        for _ in range(2):
            changes, summary = await sync(ghl, copied)
            assert (changes, summary.changes.read, summary.requests, summary.exit_code) == ([], "changes", 2, 0)
    assert is_whole(copied, sandbox)


async def test_a_gap_that_stays_hides_no_deletion(sandbox, copied):
    async with Bent(sandbox, contacts_search=counted_once_more) as bent, client_of(bent) as ghl:
        for night in range(3):
            sandbox.state.main.delete(gone := oldest(sandbox, 3))
            changes, _ = await sync(ghl, copied, sweep_every=NOW)
            assert (gone in {each.contact_id for each in changes}) is (night > 0)
    assert is_whole(copied, sandbox)


async def test_a_difference_of_the_counts_is_believed_when_two_sweeps_find_it(path):
    """One is added with an old date behind the sweep, so that only another sweep can meet it."""
    is_due = [True]

    async with Sandbox(contacts=200, requests=1_000_000, daily=10**9, search_clamp=50) as sandbox:

        def bend(wanted):
            if is_due and wanted["pageLimit"] == 1 and "sort" not in wanted:
                is_due.clear()
                sandbox.state.main.add({"email": "old@example.com", "dateAdded": "2020-01-01T00:00:00.000Z"})

        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
            changes, summary = await sync(ghl, path, sweep_every=NOW)
        assert ([each.what for each in changes], summary.exit_code) == (["added"], 0)
        assert is_whole(path, sandbox)


async def test_new_notes_are_found_although_our_clock_was_ahead(path, monkeypatch):
    async with Sandbox(contacts=300, notes=0.0, requests=1_000_000, daily=10**9) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path)
        await ghl.notes.create(oldest(sandbox), NoteDraft(body="Called"))
        with monkeypatch.context() as ahead:
            clock = time.time
            ahead.setattr(time, "time", lambda: clock() + 5 * 3600)
            await sync(ghl, path, sweep_every=NOW)
        spoil(path, "UPDATE run SET started_at = '2024-01-01T00:00:00+00:00'")
        noted = {oldest(sandbox, position) for position in range(100)}
        for contact_id in noted:
            await ghl.notes.create(contact_id, NoteDraft(body="Called again"))
        # Behind them as many of later, so that none is met by chance.
        later = (datetime.now(UTC) + timedelta(hours=3)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for position in range(100, 250):
            add_note(sandbox, position, later)
        changes, _ = await sync(ghl, path, sweep_every=NOW)
        assert noted <= {each.contact_id for each in changes}
        assert is_whole(path, sandbox)


def add_note(sandbox, position, at):
    """Add a note at a moment of the server's clock."""
    main = sandbox.state.main
    contact_id = oldest(sandbox, position)
    note = {"body": "Called", "bodyText": "Called", "userId": None, "dateAdded": at, "pinned": False}
    relations = [{"objectKey": "contact", "recordId": contact_id}]
    main.lists.add("notes", main.find(contact_id), note | {"contactId": contact_id, "relations": relations})
    main.touch()


async def test_an_appointment_that_goes_over_to_another_contact_meanwhile_is_not_doubled(path):
    """It is met twice: in its first calendar before, and in another one after it was moved."""
    async with Sandbox(contacts=300, lost=0.0, requests=1_000_000, daily=10**9) as sandbox:
        main = sandbox.state.main
        first, last = main.children.calendar_ids[0], main.children.calendar_ids[-1]
        refs = list(main.walk(descending=False))
        owner = next(ref for ref in refs if any(each["calendarId"] == first for each in main.appointments(ref)))
        moved = next(each for each in main.appointments(owner) if each["calendarId"] == first)
        other = next(ref for ref in refs if ref != owner and main.events_of(ref))
        is_due = [True]

        def bend(_):
            def alter(said):
                if is_due and any(each["id"] == moved["id"] for each in said["events"]):
                    is_due.clear()
                    main.lists.replace("appointments", owner, moved["id"], None)
                    owned = moved | {"calendarId": last, "contactId": main.id_of(other)}
                    main.lists._lists["appointments"][other] = [*main.appointments(other), owned]
                    main.touch()

            return alter

        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        async with Bent(sandbox, calendars_events=bend) as bent, client_of(bent) as ghl:
            changes, _ = await sync(ghl, path, sweep_every=NOW)
        assert {each.contact_id for each in changes} == {main.id_of(owner), main.id_of(other)}
        stored = [key for key in stored_records(path) if key[2:] == (moved["id"],)]
        assert stored == [("appointments", main.id_of(other), moved["id"])]


async def test_appointments_that_go_over_one_after_the_other_are_not_doubled(path):
    """The contact that has lost one is read by itself, and has got another one from a third contact by then."""
    async with Sandbox(contacts=300, lost=0.0, requests=1_000_000, daily=10**9) as sandbox:
        main = sandbox.state.main
        owner, other, third = [ref for ref in main.walk(descending=False) if main.appointments(ref)][:3]
        gone, came = main.appointments(owner)[0], main.appointments(third)[0]

        def move(appointment, giver, taker):
            main.lists.replace("appointments", giver, appointment["id"], None)
            owned = appointment | {"contactId": main.id_of(taker)}
            main.lists._lists["appointments"][taker] = [*main.appointments(taker), owned]
            main.touch()

        is_due = [True]

        def bend(_):
            if is_due:
                is_due.clear()
                move(came, third, owner)

        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        move(gone, owner, other)
        main.change(main.id_of(other), {"firstName": "Ada"})
        async with Bent(sandbox, **{f"{main.id_of(owner)}_appointments": bend}) as bent, client_of(bent) as ghl:
            changes, _ = await sync(ghl, path)
        assert not is_due
        assert {each.contact_id for each in changes} == {main.id_of(each) for each in (owner, other, third)}
        stored = {key[2]: key[1] for key in stored_records(path) if key[0] == "appointments"}
        holders = [
            key for key in stored_records(path) if key[0] == "appointments" and key[2] in {gone["id"], came["id"]}
        ]
        assert (len(holders), stored[gone["id"]], stored[came["id"]]) == (2, main.id_of(other), main.id_of(owner))


async def test_behind_an_interrupted_pass_what_changed_meanwhile_is_looked_for(path):
    async with Sandbox(contacts=400, search_clamp=50, requests=1_000_000) as sandbox, client_of(sandbox) as ghl:
        async with bulk.SQLiteStore(path) as store:
            async for progress in bulk.backfill(ghl, store):
                if progress.contacts >= 200:
                    break
        contact_id = change(sandbox, 3, firstName="Ada")
        changes, summary = await sync(ghl, path)
        assert contact_id in {each.contact_id for each in changes}
        assert (summary.changes.read, summary.exit_code) == ("everything", 0)
        assert is_whole(path, sandbox)


async def test_where_most_contacts_differ_everything_is_read(path):
    async with Sandbox(contacts=1000, lost=0.0, requests=1_000_000, daily=10**9) as sandbox, client_of(sandbox) as ghl:
        whole = (await backfill(ghl, path)).requests
        for position in range(1000):
            change_unseen(sandbox, position, tags=["new"])
        changes, summary = await sync(ghl, path, sweep_every=NOW)
        assert (len(changes), summary.changes.read, summary.exit_code) == (1000, "everything", 0)
        assert summary.requests < 2 * whole
        assert is_whole(path, sandbox)

"""bulk.sync and bulk.verify where the server leaves something out, goes back, or shows it otherwise than before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ghl_async.models import NoteDraft
from ghl_async.sandbox import Sandbox

from .bent import Bent
from .conftest import client_of, set_doors
from .test_sync import NOW, SEARCH, change, is_whole, sync
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

    def bend(_asked):
        def alter(said):
            for each in said["contacts"]:
                if each["id"] == contact_id:
                    each |= {"dateUpdated": "2001-01-01T00:00:00.000Z", "firstName": "Long ago"}

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
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
    assert [each.requests for each in later] == [3] * 3
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

"""bulk.verify where the server leaves something out, the store holds more than a search shows, or a door is shut."""

from __future__ import annotations

import json

import pytest

from ghl_async.bulk import Difference
from ghl_async.sandbox import Sandbox

from .bent import Bent, showing_as_long_ago
from .conftest import client_of
from .test_sync import NOW, sync
from .test_verify import is_whole, spoil, verify
from .truth import backfill, oldest, stored_records, true_records

EVENTS = "/calendars/events"


def roomy(**options):
    """A sandbox with a quota that nobody reaches."""
    return Sandbox(**{"contacts": 60, "requests": 1_000_000, "interval_seconds": 1.0} | options)


def leaving_out(kind, child_id):
    """A search that never shows one record, and does not count it."""

    def bend(asked):
        def alter(said):
            there = [each for each in said[kind] if each["id"] != child_id]
            if "count" in said:
                said["count"] -= asked.get("relations") is None or len(there) < len(said[kind])
            said[kind] = there

        return alter

    return bend


def set_apart(path, kind, position):
    """Have a store hold a record in quarantine only; returns its contact and its id."""
    contact_id, child_id, raw = spoil(path, f"SELECT contact_id, id, raw FROM landing_{kind}"  # noqa: S608
                                      " ORDER BY contact_id, id LIMIT 1 OFFSET ?", position)[0]  # fmt: skip
    spoil(path, f"DELETE FROM landing_{kind} WHERE contact_id = ? AND id = ?", contact_id, child_id)  # noqa: S608
    spoil(path, "INSERT INTO quarantine SELECT ?, ?, ?, 'no body', ?, pass FROM run", kind, contact_id, child_id,
          raw.encode())  # fmt: skip
    return contact_id, child_id


def of_deleted_calendars(sandbox, path):
    """The appointments of a store that no calendar shows: contact, id and record."""
    lost_id = sandbox.state.main.children.lost_calendar_id
    sql = "SELECT contact_id, id, raw FROM landing_appointments WHERE json_extract(raw, '$.calendarId') = ?"
    return spoil(path, sql, lost_id)


@pytest.mark.parametrize("kind", ["tasks", "notes"])
async def test_a_record_set_apart_that_a_search_leaves_out_stays(sandbox, copied, kind):
    contact_id, child_id = set_apart(copied, kind, 5)
    before = stored_records(copied)
    async with (
        Bent(sandbox, **{f"{kind}_search": leaving_out(kind, child_id)}) as bent,
        client_of(bent) as ghl,
    ):
        assert (await verify(ghl, copied))[0] == []
        assert (await sync(ghl, copied, whole_every=NOW))[1].exit_code == 0
        assert (kind, contact_id, child_id) in stored_records(copied)
        assert stored_records(copied) == before


async def test_a_record_that_a_search_leaves_out_is_compared_with_what_its_own_list_says(sandbox, copied):
    contact_id, child_id = spoil(copied, "SELECT contact_id, id FROM landing_notes LIMIT 1 OFFSET 9")[0]
    spoil(copied, "UPDATE landing_notes SET raw = json_set(raw, '$.body', 'Old') WHERE id = ?", child_id)
    async with Bent(sandbox, notes_search=leaving_out("notes", child_id)) as bent, client_of(bent) as ghl:
        found, _ = await verify(ghl, copied, repair=True)
        assert found == [Difference(contact_id, "notes", child_id, "stale")]
    assert is_whole(copied, sandbox)


async def test_a_record_that_a_search_left_out_before_it_was_refused_stays(path):
    async with roomy(contacts=120, search_clamp=37) as sandbox:
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        contact_id = oldest(sandbox, 2)
        child_id = next(key[2] for key in stored_records(path) if key[:2] == ("notes", contact_id))
        sandbox.faults.add(kind="refused", path_contains="/notes/search", status=403, after=1)
        async with Bent(sandbox, notes_search=leaving_out("notes", child_id)) as bent, client_of(bent) as ghl:
            found, summary = await verify(ghl, path)
            assert (found, summary.exit_code) == ([], 0)
            assert (await sync(ghl, path, whole_every=NOW))[1].exit_code == 0
        assert is_whole(path, sandbox)


async def test_appointments_whose_calendar_cannot_be_read_are_compared_too(sandbox, path):
    def bending(name):
        def bend(_asked):
            def alter(said):
                for each in said[name]:
                    each["calendarId"] = [each["calendarId"]]

            return alter

        return bend

    bends = {"appointments": bending("events"), "calendars_events": bending("events")}
    async with Bent(sandbox, **bends) as bent, client_of(bent) as ghl:
        await backfill(ghl, path, deleted_calendars=True)
        assert len(spoil(path, "SELECT * FROM quarantine")) > 10
        for options in ({}, {"sample": 60}):
            assert (await verify(ghl, path, **options))[0] == []
        assert (await sync(ghl, path, sweep_every=NOW))[1].exit_code == 0


async def test_what_could_not_be_made_sure_of_is_said(sandbox, copied):
    contact_id, child_id = spoil(copied, "SELECT contact_id, id FROM landing_notes LIMIT 1 OFFSET 9")[0]
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{contact_id}/notes")
    async with Bent(sandbox, notes_search=leaving_out("notes", child_id)) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied)
        assert (found, summary.exit_code, summary.verified.holes) == ([], 1, 1)
        assert "1 could not be read" in summary.message
        _, summary = await verify(ghl, copied, repair=True)
        assert (summary.exit_code, summary.verified.mended) == (1, False)
        sandbox.faults.clear()
        _, summary = await verify(ghl, copied, repair=True)
        assert (summary.exit_code, summary.verified.mended) == (0, True)
    assert is_whole(copied, sandbox)


async def test_records_set_apart_excuse_no_contact_that_is_lost(path):
    async with roomy(poison=4) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path)
        assert (await verify(ghl, path, sample=5))[1].exit_code == 0
        lost = [oldest(sandbox, position) for position in (3, 5, 8)]
        for contact_id in lost:
            spoil(path, "DELETE FROM landing_contacts WHERE id = ?", contact_id)
            for kind in ("tasks", "notes", "appointments"):
                spoil(path, f"DELETE FROM landing_{kind} WHERE contact_id = ?", contact_id)  # noqa: S608
        found, summary = await verify(ghl, path, sample=5)
    assert (found, summary.exit_code) == ([], 1)
    assert "the server counts 60 contacts, the store holds 57" in summary.message


async def test_a_whole_pass_forgets_the_gap_of_earlier_ones(sandbox, ghl, copied):
    spoil(copied, "INSERT OR REPLACE INTO meta VALUES ('apart', '2')")
    assert (await backfill(ghl, copied)).exit_code == 0
    for position in (3, 5):
        spoil(copied, "DELETE FROM landing_contacts WHERE id = ?", oldest(sandbox, position))
    assert (await verify(ghl, copied, sample=5))[1].exit_code == 1


async def test_a_store_of_few_and_far_row_numbers_is_sampled_too(ghl, copied):
    spoil(copied, "UPDATE landing_contacts SET rowid = rowid * 1000000")
    found, summary = await verify(ghl, copied, sample=30)
    assert (found, summary.exit_code, summary.verified.contacts) == ([], 0, 30)


async def test_a_sample_of_nobody_proves_nothing(ghl, copied):
    spoil(copied, "UPDATE landing_contacts SET pass = pass - 1")
    found, summary = await verify(ghl, copied, sample=30)
    assert (found, summary.reason, summary.exit_code) == ([], "incomplete", 1)
    assert "none of the 120 stored contacts was compared" in summary.message


async def test_appointments_of_deleted_calendars_are_held_against_their_contacts(path):
    async with roomy(contacts=120, lost=0.3) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path, deleted_calendars=True)
        assert (await verify(ghl, path))[0] == []
        held = of_deleted_calendars(sandbox, path)
        assert len(held) > 10
        contact_id, child_id, _ = held[0]
        spoil(path, "INSERT INTO landing_appointments SELECT contact_id, 'extra', raw, mended FROM landing_appointments"
              " WHERE id = ?", child_id)  # fmt: skip
        stale_contact, stale, _ = held[-1]
        spoil(path, "UPDATE landing_appointments SET raw = json_set(raw, '$.title', 'Old') WHERE id = ?", stale)
        wanted = {
            Difference(contact_id, "appointments", "extra", "surplus"),
            Difference(stale_contact, "appointments", stale, "stale"),
        }
        assert set((await verify(ghl, path))[0]) == wanted
        found, summary = await verify(ghl, path, repair=True)
        assert (set(found), summary.exit_code, summary.verified.mended) == (wanted, 0, True)
        assert stored_records(path) == true_records(sandbox)


async def test_an_appointment_of_a_deleted_calendar_that_was_set_apart_stays(path):
    async with roomy(contacts=120, lost=0.3) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path, deleted_calendars=True)
        contact_id, child_id, raw = of_deleted_calendars(sandbox, path)[0]
        spoil(path, "DELETE FROM landing_appointments WHERE id = ?", child_id)
        spoil(path, "INSERT INTO quarantine SELECT 'appointments', ?, ?, 'no title', ?, pass FROM run", contact_id,
              child_id, raw.encode())  # fmt: skip
        before = stored_records(path)
        for _ in range(2):
            assert (await sync(ghl, path, whole_every=NOW))[1].exit_code == 0
        assert stored_records(path).keys() == before.keys()
        assert len(spoil(path, "SELECT * FROM quarantine")) == 1


@pytest.mark.parametrize("options", [{"sample": 120}, {}])
async def test_stale_appointments_of_deleted_calendars_are_mended_from_their_contacts(path, options):
    async with roomy(contacts=120, lost=0.3) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path, deleted_calendars=True)
        for _, child_id, _ in of_deleted_calendars(sandbox, path):
            spoil(path, "UPDATE landing_appointments SET raw = json_set(raw, '$.title', 'Old') WHERE id = ?", child_id)
        found, summary = await verify(ghl, path, repair=True, **options)
        assert len(found) > 10
        assert (summary.exit_code, summary.verified.mended) == (0, True)
        assert stored_records(path) == true_records(sandbox)


async def test_what_a_sample_found_because_a_search_leaves_it_out_is_not_mended_by_that_search(sandbox, copied):
    contact_id, child_id = spoil(copied, "SELECT contact_id, id FROM landing_notes LIMIT 1 OFFSET 9")[0]
    spoil(copied, "DELETE FROM landing_notes WHERE id = ?", child_id)
    for position in range(40):  # so many that they would be read by the searches
        spoil(copied, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?",
              oldest(sandbox, position))  # fmt: skip
    async with Bent(sandbox, notes_search=leaving_out("notes", child_id)) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied, sample=120, repair=True)
        assert Difference(contact_id, "notes", child_id, "missing") in found
        assert (len(found), summary.exit_code, summary.verified.mended) == (41, 0, True)
    assert is_whole(copied, sandbox)


async def test_an_appointment_that_could_not_be_asked_for_is_not_said_to_be_mended(path):
    async with roomy(contacts=120, lost=0.3) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path, deleted_calendars=True)
        contact_id, child_id, _ = of_deleted_calendars(sandbox, path)[0]
        spoil(path, "INSERT INTO landing_appointments SELECT contact_id, 'extra', raw, mended FROM landing_appointments"
              " WHERE id = ?", child_id)  # fmt: skip
        sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{contact_id}/appointments")
        _, summary = await verify(ghl, path, repair=True)
        assert (summary.exit_code, summary.verified.mended) == (1, False)
        sandbox.faults.clear()
        _, summary = await verify(ghl, path, repair=True)
        assert (summary.exit_code, summary.verified.mended) == (0, True)
        assert stored_records(path) == true_records(sandbox)


@pytest.mark.parametrize("options", [{}, {"sample": 200}])
async def test_appointments_of_deleted_calendars_need_not_be_held(path, options):
    async with roomy(contacts=120, lost=0.3) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path)
        before = stored_records(path)
        sandbox.faults.add(kind="refused", path_contains=EVENTS, status=403)
        found, summary = await verify(ghl, path, **options)
        assert (found, summary.exit_code) == ([], 0)
        assert "lie in calendars that the location does not list" in summary.message
        assert summary.verified.records == len(before) - 120
        assert (summary.verified.unlisted > 10, summary.verified.all) == (True, 0)


async def test_a_sample_is_read_although_the_calendars_may_not_be_listed(path):
    async with roomy(lost=0.3) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path, deleted_calendars=True)
        sandbox.faults.add(kind="refused", path_contains="/calendars/", status=403)
        assert (await verify(ghl, path, sample=60))[1].exit_code == 0
        contact_id, child_id = spoil(path, "SELECT contact_id, id FROM landing_appointments")[0]
        spoil(path, "DELETE FROM landing_appointments WHERE id = ?", child_id)
        found, summary = await verify(ghl, path, sample=60)
        assert found == [Difference(contact_id, "appointments", child_id, "missing")]
        assert "the calendars were not listed" in summary.message


async def test_an_appointment_that_says_it_is_deleted_is_right_where_the_store_holds_it(sandbox, path):
    def deleting(_asked):
        def alter(said):
            for each in said["events"]:
                each["deleted"] = True

        return alter

    async with Bent(sandbox, appointments=deleting) as bent, client_of(bent) as ghl:
        await backfill(ghl, path, deleted_calendars=True)
        assert '"deleted":true' in json.dumps([*stored_records(path).values()], separators=(",", ":"))
        found, summary = await verify(ghl, path, sample=120)
        assert (found, summary.exit_code) == ([], 0)
        assert summary.verified.records == len(stored_records(path)) - 120


async def test_a_contact_that_is_sent_twice_does_not_stand_for_one_that_is_left_out(sandbox, copied):
    left_out, twice = oldest(sandbox, 3), oldest(sandbox, 4)
    spoil(copied, "DELETE FROM landing_contacts WHERE id = ?", left_out)
    for kind in ("tasks", "notes", "appointments"):
        spoil(copied, f"DELETE FROM landing_{kind} WHERE contact_id = ?", left_out)  # noqa: S608

    def bend(_asked):
        def alter(said):
            again = [each for each in said["contacts"] if each["id"] == twice]
            there = [each for each in said["contacts"] if each["id"] != left_out]
            said["contacts"] = [*again, *there]

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied)
        assert (found, summary.reason, summary.exit_code) == ([], "incomplete", 1)
        assert "counts 120 contacts but showed 119" in summary.message
        _, summary = await sync(ghl, copied, sweep_every=NOW)
        assert (summary.reason, summary.exit_code) == ("incomplete", 1)


async def test_a_contact_that_is_sent_twice_is_compared_once(sandbox, copied):
    twice = oldest(sandbox, 4)
    spoil(copied, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?", twice)

    def bend(_asked):
        def alter(said):
            said["contacts"] += [each for each in said["contacts"] if each["id"] == twice]

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied)
    assert found == [Difference(twice, "contacts", twice, "stale")]
    assert (summary.verified.contacts, summary.verified.stale) == (120, 1)


async def test_a_contact_that_the_search_shows_as_it_was_before_is_not_called_right(sandbox, copied):
    contact_id = oldest(sandbox, 5)
    sandbox.state.main.change(contact_id, {"firstName": "Ada"})

    async with Bent(sandbox, contacts_search=showing_as_long_ago(contact_id)) as bent, client_of(bent) as ghl:
        for options in ({}, {"repair": True}):
            found, summary = await verify(ghl, copied, **options)
            assert (found, summary.exit_code, summary.verified.holes, summary.verified.mended) == ([], 1, 1, False)
    async with client_of(sandbox) as ghl:
        assert (await verify(ghl, copied, repair=True))[1].exit_code == 0
    assert is_whole(copied, sandbox)


async def test_what_is_left_of_contacts_that_are_not_there_is_named(sandbox, ghl, copied):
    gone = "0000nobody0000nobody"
    spoil(copied, "INSERT INTO landing_notes SELECT ?, 'n', raw, mended FROM landing_notes LIMIT 1", gone)
    apart = "0000apart0000apart00"
    spoil(copied, "INSERT INTO quarantine SELECT 'contacts', ?, ?, 'no date', ?, pass FROM run", apart, apart, b"\xff")
    spoil(copied, "INSERT INTO holes VALUES ('0000hole', 'tasks', '500')")
    found, summary = await verify(ghl, copied, repair=True)
    assert set(found) == {Difference(each, "contacts", each, "surplus") for each in (gone, apart, "0000hole")}
    assert (summary.exit_code, summary.verified.mended) == (0, True)
    assert is_whole(copied, sandbox)


@pytest.mark.parametrize("options", [{"sweep_every": NOW}, {"whole_every": NOW}])
async def test_what_is_left_of_contacts_that_are_not_there_goes_with_the_next_look_at_everything(
    sandbox, ghl, copied, options
):
    spoil(copied, "INSERT INTO landing_tasks SELECT 'nobody', 't', raw, mended FROM landing_tasks LIMIT 1")
    changes, summary = await sync(ghl, copied, **options)
    assert ([(each.contact_id, each.what) for each in changes], summary.exit_code) == ([("nobody", "removed")], 0)
    assert is_whole(copied, sandbox)


async def test_a_spoiled_row_is_found_although_the_record_is_in_quarantine_too(path):
    async with roomy(poison=4) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path)
        ((contact_id,), *_) = spoil(path, "SELECT contact_id FROM quarantine WHERE kind = 'contacts'")
        spoil(path, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?", contact_id)
        found, _ = await verify(ghl, path, repair=True)
        assert [(each.id, each.what) for each in found] == [(contact_id, "stale")]
        assert (await verify(ghl, path))[0] == []


async def test_where_nothing_differs_nothing_was_mended(ghl, copied):
    _, summary = await verify(ghl, copied, repair=True)
    assert (summary.exit_code, summary.verified.mended) == (0, False)

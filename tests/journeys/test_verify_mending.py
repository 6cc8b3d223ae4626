"""bulk.verify: what it says to be mended is mended, and what it could not read is named."""

from __future__ import annotations

import json

import pytest

from ghl_async.bulk import Difference
from ghl_async.bulk._content import is_same
from ghl_async.errors import ScopeMissing
from ghl_async.models import AppointmentChanges

from .bent import Bent, showing_as_long_ago
from .conftest import client_of
from .test_sync import NOW, sync
from .test_verify import is_whole, spoil, verify
from .test_verify_doubts import leaving_out
from .truth import backfill, oldest, stored_records


def make_old(path, sandbox, contacts):
    """Have a store hold some contacts otherwise than the server."""
    for position in range(contacts):
        spoil(path, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?",
              oldest(sandbox, position))  # fmt: skip


def hiding(contact_id):
    """A search that neither shows nor counts a contact."""

    def bend(_asked):
        def alter(said):
            said["total"] -= 1
            said["contacts"] = [each for each in said["contacts"] if each["id"] != contact_id]

        return alter

    return bend


async def test_what_was_found_one_by_one_is_mended_one_by_one(sandbox, copied):
    contact_id, child_id = spoil(copied, "SELECT contact_id, id FROM landing_notes LIMIT 1 OFFSET 9")[0]
    spoil(copied, "DELETE FROM landing_notes WHERE id = ?", child_id)
    make_old(copied, sandbox, 5)  # so many that they are mended by the searches
    sandbox.faults.add(kind="drop_item", path_contains="/notes/search", times=1)
    async with Bent(sandbox, notes_search=leaving_out("notes", child_id)) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied, repair=True)
    assert Difference(contact_id, "notes", child_id, "missing") in found
    assert (summary.exit_code, summary.verified.mended) == (0, True)
    assert {way.by for way in summary.ways} == {"task search", "note search", "calendar events"}
    assert is_whole(copied, sandbox)


async def test_a_contact_that_is_sent_as_it_was_when_it_is_to_be_mended_is_not_said_to_be_mended(sandbox, copied):
    contact_id = oldest(sandbox, 5)
    before: dict[str, object] = {}

    def bend(asked):
        def alter(said):
            for each in said["contacts"]:
                if each["id"] == contact_id and not before:
                    before.update(each)
                elif each["id"] == contact_id and asked.get("filters"):
                    each.update(before)

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        await verify(ghl, copied)
        sandbox.state.main.change(contact_id, {"firstName": "Ada"})
        found, summary = await verify(ghl, copied, repair=True)
        assert [(each.id, each.what) for each in found] == [(contact_id, "stale")]
        assert (summary.exit_code, summary.verified.mended) == (1, False)
        assert "run it again" in summary.message
    async with client_of(sandbox) as ghl:
        assert (await verify(ghl, copied, repair=True))[1].exit_code == 0
    assert is_whole(copied, sandbox)


@pytest.mark.parametrize("deleted_calendars", [True, False])
async def test_whom_an_appointment_is_assigned_to_is_seen_whichever_way_it_came(sandbox, ghl, path, deleted_calendars):
    """A calendar does not show it: the dates tell, and the contact's own list makes sure of it."""
    await backfill(ghl, path, deleted_calendars=deleted_calendars)
    contact_id, child_id, raw = spoil(path, "SELECT contact_id, id, raw FROM landing_appointments")[3]
    users = sandbox.state.main.children._people.user_ids
    other = next(each for each in users if each != json.loads(raw).get("assignedUserId"))
    await ghl.appointments.update(child_id, AppointmentChanges(assigned_user_id=other))
    wanted = [Difference(contact_id, "appointments", child_id, "stale")]
    assert (await verify(ghl, path))[0] == wanted
    assert (await verify(ghl, path, sample=500))[0] == wanted
    found, summary = await verify(ghl, path, repair=True)
    assert (found, summary.exit_code, summary.verified.mended) == (wanted, 0, True)
    for options in ({}, {"sample": 500}):
        assert (await verify(ghl, path, **options))[0] == []
    if deleted_calendars:
        assert stored_records(path)["appointments", contact_id, child_id]["assignedUserId"] == other


async def test_a_sync_sees_it_too_and_says_it_once(sandbox, ghl, path):
    await backfill(ghl, path, deleted_calendars=True)
    contact_id, child_id = spoil(path, "SELECT contact_id, id FROM landing_appointments")[3]
    await ghl.appointments.update(child_id, AppointmentChanges(assigned_user_id="somebody-else"))
    changes, _ = await sync(ghl, path, sweep_every=NOW)
    assert [(each.contact_id, each.what, each.parts) for each in changes] == [
        (contact_id, "changed", ("appointments",))
    ]
    before = sandbox.log.requests
    assert (await sync(ghl, path, sweep_every=NOW))[0] == []
    assert sandbox.log.requests - before < 20
    assert is_whole(path, sandbox)


async def test_an_appointment_whose_dates_alone_differ_between_the_ways_is_right(sandbox, path):
    """A server may date its calendars otherwise: the contact's list settles it, and a sync does not ask again."""
    async with client_of(sandbox) as ghl:
        await backfill(ghl, path, deleted_calendars=True)

    def bend(_asked):
        def alter(said):
            for each in said["events"]:
                each["dateUpdated"] = "2031-01-01T00:00:07.000Z"

        return alter

    before = stored_records(path)
    async with Bent(sandbox, calendars_events=bend) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, path, repair=True)
        assert (found, summary.exit_code) == ([], 0)
        assert stored_records(path) == before
        for wanted in (True, False):
            seen = sandbox.log.counts()["by_route"].get("GET /contacts/{contactId}/appointments", 0)
            assert (await sync(ghl, path, sweep_every=NOW))[0] == []
            again = sandbox.log.counts()["by_route"].get("GET /contacts/{contactId}/appointments", 0)
            assert (again > seen) == wanted


async def test_what_could_not_be_read_is_named_once(sandbox, copied):
    hidden, unreadable = oldest(sandbox, 6), oldest(sandbox, 4)
    sandbox.faults.add(kind="refused", path_contains="/notes/search", status=403)
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{unreadable}/notes")
    spoil(copied, "INSERT INTO holes VALUES (?, 'notes', 'of old')", unreadable)
    async with Bent(sandbox, contacts_search=hiding(hidden)) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied)
    assert (found, summary.exit_code, summary.verified.holes, summary.failed) == ([], 1, 2, 2)
    assert {(each.contact_id, each.kind) for each in summary.failures} == {(hidden, "contacts"), (unreadable, "notes")}
    assert "2 could not be read, 1 of them contacts that the search does not show" in summary.message


async def test_what_no_repair_mends_is_not_advised_to_be_repaired(sandbox, copied):
    async with Bent(sandbox, contacts_search=hiding(oldest(sandbox, 6))) as bent, client_of(bent) as ghl:
        for options in ({}, {"repair": True}):
            found, summary = await verify(ghl, copied, **options)
            assert (found, summary.exit_code, summary.verified.holes) == ([], 1, 1)
            assert summary.message.endswith(
                "no repair mends that: run it again, and if it stays, report it to the vendor"
            )


async def test_a_deleted_contact_that_the_index_still_shows_is_one_that_is_too_many(sandbox, copied):
    victims = [oldest(sandbox, position) for position in range(12)]
    kept: dict[str, dict[str, object]] = {}
    deleted: list[str] = []

    def bend(_asked):
        def alter(said):
            there = {each["id"]: each for each in said["contacts"]}
            kept.update({each: there[each] for each in victims if each in there})
            if len(there) > 50:
                said["contacts"] = [*(kept[each] for each in victims if each not in there), *said["contacts"]]
            said["total"] += len(deleted)

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        await verify(ghl, copied)
        for each in victims:
            sandbox.state.main.delete(each)
            deleted.append(each)
        found, summary = await verify(ghl, copied, repair=True)
    assert {(each.contact_id, each.part, each.what) for each in found} == {
        (each, "contacts", "surplus") for each in victims
    }
    assert (summary.exit_code, summary.verified.holes, summary.verified.mended, summary.failed) == (0, 0, True, 0)
    assert is_whole(copied, sandbox)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_contact_s_list_that_is_refused_does_not_end_what_the_calendars_serve(sandbox, ghl, copied, status):
    ((contact_id,),) = spoil(copied, "SELECT contact_id FROM landing_appointments LIMIT 1")
    spoil(copied, "INSERT INTO landing_appointments SELECT contact_id, 'extra', raw, mended FROM landing_appointments"
          " LIMIT 1")  # fmt: skip
    sandbox.faults.add(kind="refused", method="GET", path_contains="/appointments", status=status)
    found, summary = await verify(ghl, copied)
    assert (found, summary.exit_code) == ([], 1)
    assert [(each.contact_id, each.kind) for each in summary.failures] == [(contact_id, "appointments")]
    for options in ({"sweep_every": NOW}, {"whole_every": NOW}, {}):
        changes, summary = await sync(ghl, copied, **options)
        assert (changes, summary.exit_code) == ([], 4)
    sandbox.faults.clear()
    assert (await verify(ghl, copied, repair=True))[1].exit_code == 0
    assert is_whole(copied, sandbox)


async def test_a_token_that_is_dead_ends_it_soon(sandbox, ghl, copied):
    seen = sandbox.log.requests
    sandbox.faults.add(kind="refused", status=401, after=3)
    with pytest.raises(ScopeMissing):
        await verify(ghl, copied)
    assert sandbox.log.requests - seen < 100, "not one for each kind of each contact"


async def test_no_events_are_left_in_the_store(ghl, copied):
    await verify(ghl, copied)
    assert spoil(copied, "SELECT count(*) FROM spool") == [(0,)]


def test_bytes_that_are_no_text_are_told_apart():
    assert not is_same("tasks", b'{"id":"1","title":"\xff"}', b'{"id":"1","title":"\xfe"}')


@pytest.mark.parametrize("is_altered", [True, False])
async def test_an_older_reading_excuses_no_row_that_was_altered(sandbox, copied, is_altered):
    contact_id = oldest(sandbox, 5)
    if is_altered:
        spoil(copied, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?", contact_id)

    async with Bent(sandbox, contacts_search=showing_as_long_ago(contact_id)) as bent, client_of(bent) as ghl:
        found, summary = await verify(ghl, copied)
    assert (found, summary.exit_code, summary.verified.holes) == ([], int(is_altered), int(is_altered))
    async with client_of(sandbox) as ghl:
        assert (await verify(ghl, copied, repair=True))[1].exit_code == 0
    assert is_whole(copied, sandbox)


async def test_a_gap_that_is_no_more_set_apart_is_not_believed_by_a_sample(sandbox, path):
    nameless = oldest(sandbox, 3)

    def bend(_asked):
        def alter(said):
            for each in said["contacts"]:
                each["id"] = None if each["id"] == nameless else each["id"]

        return alter

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as ghl:
        await backfill(ghl, path)
        assert (await verify(ghl, path, sample=10))[1].exit_code == 0
        spoil(path, "DELETE FROM quarantine")
        _, summary = await verify(ghl, path, sample=10)
    assert summary.exit_code == 1
    assert "the server counts 120 contacts, the store holds 119" in summary.message


def nameless(kind, ids):
    """Replies in which some records have no id."""

    def bend(_asked):
        def alter(said):
            for each in said[kind]:
                if each["id"] in ids:
                    each["id"] = None

        return alter

    return bend


async def test_a_contact_without_an_id_that_was_lost_is_missed(sandbox, path):
    bends = {"contacts_search": nameless("contacts", {oldest(sandbox, 3)})}
    async with Bent(sandbox, **bends) as bent, client_of(bent) as ghl:
        await backfill(ghl, path)
        assert (await verify(ghl, path))[1].exit_code == 0
        spoil(path, "DELETE FROM quarantine")
        _, summary = await verify(ghl, path)
        assert (summary.exit_code, "1 were sent, and 0 are stored" in summary.message) == (1, True)


async def test_a_contact_without_an_id_that_is_gone_is_told(sandbox, ghl, path):
    bends = {"contacts_search": nameless("contacts", {oldest(sandbox, 3)})}
    async with Bent(sandbox, **bends) as bent, client_of(bent) as bending:
        await backfill(bending, path)
    sandbox.state.main.delete(oldest(sandbox, 3))
    _, summary = await verify(ghl, path)
    assert (summary.exit_code, "0 were sent, and 1 are stored" in summary.message) == (1, True)


@pytest.mark.parametrize("options", [{}, {"sample": 200}])
async def test_a_note_without_an_id_that_was_lost_is_missed_and_mended(sandbox, ghl, path, options):
    await backfill(ghl, path)
    contact_id, child_id = spoil(path, "SELECT contact_id, id FROM landing_notes LIMIT 1 OFFSET 9")[0]
    async with Bent(sandbox, notes=nameless("notes", {child_id})) as bent, client_of(bent) as bending:
        await backfill(bending, path)
        assert (await verify(bending, path, **options))[1].exit_code == 0
        spoil(path, "DELETE FROM quarantine")
        found, summary = await verify(bending, path, **options)
        assert (found, summary.exit_code) == ([Difference(contact_id, "notes", "", "stale")], 1)
        assert (await verify(bending, path, repair=True, **options))[1].exit_code == 0
        assert (await verify(bending, path, **options))[1].exit_code == 0
        assert (await sync(bending, path, sweep_every=NOW))[0] == []


async def test_a_deletion_meanwhile_hides_no_contact_that_the_search_leaves_out(sandbox, ghl, path):
    """As many are counted at the end as were met."""
    await backfill(ghl, path, include=())
    left_out, met = oldest(sandbox, 70), oldest(sandbox, 2)
    spoil(path, "DELETE FROM landing_contacts WHERE id = ?", left_out)
    sandbox.state.pages.change(search_clamp=40)

    def bend(asked):
        if asked.get("searchAfter") and sandbox.state.main.find(met):
            sandbox.state.main.delete(met)
        return lambda said: said.update(contacts=[each for each in said["contacts"] if each["id"] != left_out])

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as bending:
        _, summary = await verify(bending, path, include=())
    assert (summary.exit_code, "the server counted 120 contacts at first, and showed 119" in summary.message) == (
        1,
        True,
    )


async def test_a_deletion_meanwhile_is_a_surplus_record_and_no_gap(sandbox, ghl, path):
    await backfill(ghl, path, include=())
    gone = oldest(sandbox, 90)
    sandbox.state.pages.change(search_clamp=40)

    def bend(asked):
        if asked.get("searchAfter") and sandbox.state.main.find(gone):
            sandbox.state.main.delete(gone)

    async with Bent(sandbox, contacts_search=bend) as bent, client_of(bent) as bending:
        found, summary = await verify(bending, path, include=(), repair=True)
    assert (found, summary.exit_code) == ([Difference(gone, "contacts", gone, "surplus")], 0)

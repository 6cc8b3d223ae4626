"""bulk.verify: what it says to be mended is mended, and what it could not read is named."""

from __future__ import annotations

import json

import pytest

from ghl_async.bulk import Difference
from ghl_async.models import AppointmentChanges

from .bent import Bent
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

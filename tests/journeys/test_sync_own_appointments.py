"""Appointments that a program has booked or changed itself: the replies to these writes say less than the records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghl_async.models import AppointmentChanges, AppointmentDraft

from .test_sync_own import NOW, synced
from .truth import backfill, oldest, stored_records

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
BY_THEIR_CONTACTS = {"whole_every": NOW}
BY_THE_CALENDARS = {"sweep_every": NOW}


@pytest.fixture(params=[BY_THE_CALENDARS, BY_THEIR_CONTACTS], ids=["calendars", "contacts"])
async def way(request, sandbox, ghl, path):
    """A store filled by the calendars, or contact by contact; and how a sync sees appointments in the same way."""
    if request.param is BY_THEIR_CONTACTS:
        sandbox.faults.add(kind="refused", method="GET", path_contains="/calendars/events", status=404)
    await backfill(ghl, path)
    return request.param


def some_appointments(sandbox):
    """Appointments of different contacts, each with its contact's id."""
    main = sandbox.state.main
    refs = [ref for ref in main.walk(descending=False) if main.events_of(ref)]
    return [(main.id_of(ref), main.events_of(ref)[0]["id"]) for ref in refs]


async def booked(sandbox, ghl, **fields):
    calendar_id = sandbox.state.main.children.calendar_ids[0]
    draft = AppointmentDraft(contact_id=oldest(sandbox, 7), calendar_id=calendar_id, start_time=AT, **fields)
    return await ghl.appointments.create(draft)


@pytest.mark.parametrize("fields", [{}, {"title": "Visit", "address": "Lane 1"}])
async def test_what_we_booked_is_stored_and_is_no_change(sandbox, ghl, path, way, fields):
    one = await booked(sandbox, ghl, **fields)
    assert await synced(ghl, path, [one], **way) == ({}, 1)
    assert one.id in {key[-1] for key in stored_records(path)}
    assert await synced(ghl, path, (), **way) == ({}, 0)


@pytest.mark.parametrize("changes", [{"title": "Ours"}, {"start_time": AT}, {"appointment_status": "cancelled"}])
async def test_what_we_changed_is_stored_and_is_no_change(sandbox, ghl, path, way, changes):
    _, event_id = some_appointments(sandbox)[3]
    one = await ghl.appointments.update(event_id, AppointmentChanges(**changes))
    assert await synced(ghl, path, [one], **way) == ({}, 1)
    assert await synced(ghl, path, (), **way) == ({}, 0)


@pytest.mark.parametrize("theirs", [{"title": "Theirs"}, {"startTime": "2030-07-17T17:30:00.000Z"}])
async def test_what_somebody_changed_behind_us_is_a_change(sandbox, ghl, path, way, theirs):
    one = await booked(sandbox, ghl)
    contact_id, event_id = some_appointments(sandbox)[3]
    other = await ghl.appointments.update(event_id, AppointmentChanges(title="Ours"))
    for each in (one, other):
        change_later(sandbox, each.id, theirs)
    found = dict.fromkeys((oldest(sandbox, 7), contact_id), ("changed", ("appointments",)))
    assert await synced(ghl, path, [one, other], **way) == (found, 0)
    assert await synced(ghl, path, (), **way) == ({}, 0)


def change_later(sandbox, event_id, fields):
    """Change an appointment as somebody else would, a moment later: a contact's list knows no milliseconds."""
    main = sandbox.state.main
    ref, held = main.lists.find_event(event_id)
    at = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    main.lists.replace("appointments", ref, event_id, held | fields | {"dateUpdated": at})
    main.touch()

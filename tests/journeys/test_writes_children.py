"""Tasks, notes, appointments and block slots written over real sockets, in both generations of the API."""

from datetime import UTC, datetime, timedelta

import pytest

from ghl_async.errors import NotFound
from ghl_async.models import (
    AppointmentChanges,
    AppointmentDraft,
    BlockSlotChanges,
    BlockSlotDraft,
    NoteChanges,
    NoteDraft,
    TaskChanges,
    TaskDraft,
)

from .conftest import client_of
from .truth import oldest

pytestmark = pytest.mark.virtual

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOBODY = "A" * 20


@pytest.fixture(params=[None, "v3"], ids=["v2", "v3"])
async def ghl(request, sandbox):
    """A client of each generation."""
    async with client_of(sandbox, api_version=request.param) as client:
        yield client


@pytest.fixture
def contact_id(sandbox):
    return oldest(sandbox, 3)


@pytest.fixture
async def calendar_id(ghl):
    return (await ghl.calendars.list())[0].id


async def test_a_task_is_created_changed_completed_reopened_and_deleted(ghl, contact_id):
    before = {task.id for task in await ghl.tasks.list(contact_id)}
    task = await ghl.tasks.create(contact_id, TaskDraft(title="Call", due_date=AT, body="<b>now</b>"))
    assert (task.title, task.due_date, task.completed, task.contact_id) == ("Call", AT, False, contact_id)
    changed = await ghl.tasks.update(contact_id, task.id, TaskChanges(title="Ring", due_date=AT + HOUR))
    assert (changed.title, changed.due_date, changed.body) == ("Ring", AT + HOUR, "<b>now</b>")
    assert (await ghl.tasks.complete(contact_id, task.id)).completed is True
    assert (await ghl.tasks.reopen(contact_id, task.id)).completed is False
    await ghl.tasks.delete(contact_id, task.id)
    assert {each.id for each in await ghl.tasks.list(contact_id)} == before


async def test_a_note_is_created_changed_and_deleted(ghl, contact_id):
    before = {note.id for note in await ghl.notes.list(contact_id)}
    note = await ghl.notes.create(contact_id, NoteDraft(body="<p>hello</p>", title="Hi", pinned=False))
    assert (note.body, note.body_text, note.title) == ("<p>hello</p>", "hello", "Hi")
    changed = await ghl.notes.update(contact_id, note.id, NoteChanges(pinned=True))
    assert (changed.pinned, changed.body) == (True, "<p>hello</p>")
    await ghl.notes.delete(contact_id, note.id)
    assert {each.id for each in await ghl.notes.list(contact_id)} == before


async def test_a_child_of_a_contact_that_is_not_there_is_refused(ghl):
    for call in (
        ghl.tasks.create(NOBODY, TaskDraft(title="Call", due_date=AT)),
        ghl.tasks.create(NOBODY, TaskDraft(title="Call", due_date=AT), look_first=False),
        ghl.notes.create(NOBODY, NoteDraft(body="hello")),
        ghl.tasks.complete(NOBODY, "T"),
        ghl.notes.update(NOBODY, "N", NoteChanges(title="x")),
    ):
        with pytest.raises(NotFound, match=NOBODY):
            await call


async def test_the_words_of_a_refused_child_are_kept(ghl, contact_id):
    with pytest.raises(NotFound, match=f"Task with id {NOBODY} not found") as caught:
        await ghl.tasks.update(contact_id, NOBODY, TaskChanges(title="x"))
    assert (caught.value.operation, caught.value.status) == ("tasks.update", 400)
    assert caught.value.request_id


async def test_an_appointment_is_booked_changed_and_deleted_and_can_be_read_ever_after(ghl, contact_id, calendar_id):
    draft = AppointmentDraft(
        calendar_id=calendar_id, contact_id=contact_id, start_time=AT, end_time=AT + HOUR, title="Visit"
    )
    made = await ghl.appointments.create(draft)
    assert (made.contact_id, made.calendar_id, made.title) == (contact_id, calendar_id, "Visit")
    read = await ghl.appointments.get(made.id)
    assert datetime.fromisoformat(read.start_time) == AT
    assert read.deleted is False
    changes = AppointmentChanges(appointment_status="showed", start_time=AT + HOUR, end_time=AT + 2 * HOUR)
    assert (await ghl.appointments.update(made.id, changes)).appointment_status == "showed"
    listed = await ghl.appointments.in_calendar(calendar_id, since=AT, before=AT + 2 * HOUR)
    assert [each.id for each in listed if datetime.fromisoformat(each.start_time) == AT + HOUR] == [made.id]
    await ghl.appointments.delete(made.id)
    assert (await ghl.appointments.get(made.id)).deleted is True
    with pytest.raises(NotFound, match="not found"):
        await ghl.appointments.get(NOBODY)


async def test_an_appointment_in_an_unknown_calendar_is_refused(ghl, contact_id):
    draft = AppointmentDraft(calendar_id=NOBODY, contact_id=contact_id, start_time=AT)
    with pytest.raises(NotFound, match=NOBODY):
        await ghl.appointments.create(draft)


async def test_a_time_is_blocked_moved_and_freed(ghl, calendar_id):
    draft = BlockSlotDraft(start_time=AT, end_time=AT + HOUR, title="Lunch", calendar_id=calendar_id)
    made = await ghl.block_slots.create(draft)
    assert (made.title, datetime.fromisoformat(made.start_time)) == ("Lunch", AT)
    window = {"since": AT - HOUR, "before": AT + 3 * HOUR, "calendar_id": calendar_id}
    assert [each.id for each in await ghl.block_slots.list(**window)] == [made.id]
    changes = BlockSlotChanges(start_time=AT + HOUR, end_time=AT + 2 * HOUR, calendar_id=calendar_id)
    moved = await ghl.block_slots.update(made.id, changes)
    assert (moved.title, datetime.fromisoformat(moved.start_time)) == ("Lunch", AT + HOUR)
    await ghl.block_slots.delete(made.id)
    assert await ghl.block_slots.list(**window) == []


async def test_a_blocked_time_is_not_free(ghl, calendar_id):
    window = {"since": AT, "before": AT + timedelta(days=3)}
    free = await ghl.calendars.free_slots(calendar_id, **window, timezone="Europe/Zurich")
    (first, *_) = (time for day in free.values() for time in day)
    assert first.utcoffset() == timedelta(hours=2)
    draft = BlockSlotDraft(start_time=first, end_time=first + HOUR, calendar_id=calendar_id)
    await ghl.block_slots.create(draft)
    now_free = await ghl.calendars.free_slots(calendar_id, **window)
    assert first not in [time for day in now_free.values() for time in day]

"""Creates of tasks, notes, appointments, block slots and businesses whose answer was lost."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

from ghl_async.client import Resources
from ghl_async.errors import OutcomeUnknown, Unprocessable
from ghl_async.models import AppointmentDraft, BlockSlotDraft, BusinessDraft, NoteDraft, TaskDraft
from ghl_async.wire.request import Reply

from .recording import TRACE, Recording, Scripted

pytestmark = pytest.mark.virtual

LOST = OutcomeUnknown("x.create: the answer was cut off", operation="x.create", draft={})
REFUSED = Unprocessable("no", operation="x.create", status=422, messages=["no"])
AT = datetime(2026, 7, 17, 12, 30, 15, 250_000, tzinfo=UTC)
TASK_DRAFT = TaskDraft(title="Call  Ann", due_date=AT, body="<p>Ask &amp; tell</p>", assigned_to="U1")
NOTE_DRAFT = NoteDraft(body="<p>hello <b>you</b></p>", title="Hi", user_id="U1")


def task(task_id, **more):
    stored = {"title": "Call Ann", "dueDate": "2026-07-17T12:30:15.000Z", "completed": False}
    return {"id": task_id, "contactId": "C1", "body": "Ask & tell", "assignedTo": "U1", **stored, **more}


def note(note_id, *, seconds=-1.0, **more):
    added = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    return {"id": note_id, "dateAdded": added, "body": "hello you", "title": "Hi", "userId": "U1", **more}


def tasks(*ids):
    return {"tasks": [task(each) if isinstance(each, str) else each for each in ids], **TRACE}


def notes(*each):
    return {"notes": [*each], **TRACE}


async def create_task(send, **options):
    return await Resources(send, "L1").tasks.create("C1", TASK_DRAFT, **options)


async def create_note(send):
    return await Resources(send, "L1").notes.create("C1", NOTE_DRAFT)


async def test_a_lost_task_is_the_equal_one_that_was_not_there_before():
    send = Scripted(tasks__list=[tasks("T0"), tasks("T0", "T1")], tasks__create=[LOST])
    assert (await create_task(send)).id == "T1"
    assert send.operations == ["tasks.list", "tasks.create", "tasks.list"]


async def test_a_task_that_was_not_made_is_made_again_though_an_equal_one_was_there():
    send = Scripted(tasks__list=[tasks("T0")], tasks__create=[LOST, {"task": task("T1")}])
    assert (await create_task(send)).id == "T1"
    assert send.operations.count("tasks.create") == 2


@pytest.mark.parametrize(
    "other",
    [{"title": "Call Bob"}, {"body": None}, {"dueDate": "2026-07-18T12:30:15.000Z"}, {"dueDate": None},
     {"assignedTo": "U2"}, {"completed": True}],
)  # fmt: skip
async def test_a_new_task_that_differs_is_somebody_elses(other):
    listed = [tasks(), tasks(task("X", **other))]
    send = Scripted(tasks__list=listed, tasks__create=[LOST, {"task": task("T1")}])
    assert (await create_task(send)).id == "T1"


async def test_without_the_first_look_an_equal_task_leaves_the_outcome_unknown():
    send = Scripted(tasks__list=[tasks("T1")], tasks__create=[LOST])
    with pytest.raises(OutcomeUnknown, match="may have been there before") as caught:
        await create_task(send, look_first=False)
    assert caught.value.draft is TASK_DRAFT
    send = Scripted(tasks__list=[tasks()], tasks__create=[LOST, {"task": task("T1")}])
    assert (await create_task(send, look_first=False)).id == "T1"


async def test_a_task_that_cannot_be_read_may_be_the_new_one_unless_it_was_there_before():
    unread = task("Q", dueDate=[])
    send = Scripted(tasks__list=[tasks(), tasks(unread)], tasks__create=[LOST])
    with pytest.raises(OutcomeUnknown):
        await create_task(send)
    send = Scripted(tasks__list=[tasks(unread)], tasks__create=[LOST, {"task": task("T1")}])
    assert (await create_task(send)).id == "T1"


async def test_a_task_refused_with_422_may_have_been_made():
    assert (await create_task(Scripted(tasks__list=[tasks(), tasks("T1")], tasks__create=[REFUSED]))).id == "T1"
    with pytest.raises(Unprocessable):
        await create_task(Scripted(tasks__list=[tasks()], tasks__create=[REFUSED]))


async def test_equal_tasks_of_one_contact_take_turns():
    """Each reads the ids before, so the second must not begin while the first is under way."""
    resources = Resources(
        Scripted(tasks__list=[tasks(), tasks("T1"), tasks("T1"), tasks("T1", "T2")], tasks__create=[LOST]), "L1"
    )
    both = await asyncio.gather(*(resources.tasks.create("C1", TASK_DRAFT) for _ in range(2)))
    assert [each.id for each in both] == ["T1", "T2"]


async def test_a_lost_note_is_the_equal_one_that_is_new():
    send = Scripted(notes__create=[LOST], notes__list=[notes(note("N0", seconds=3600), note("N1"))])
    assert (await create_note(send)).id == "N1"
    assert send.operations == ["notes.create", "notes.list"]


@pytest.mark.parametrize("other", [{"body": "bye"}, {"title": None}, {"userId": None}, {"seconds": 3600}])
async def test_a_note_that_differs_or_is_old_is_not_ours(other):
    send = Scripted(notes__create=[LOST, {"note": note("N1")}], notes__list=[notes(note("X", **other))])
    assert (await create_note(send)).id == "N1"


async def test_a_note_of_doubtful_age_or_one_that_cannot_be_read_leaves_the_outcome_unknown():
    for doubtful in (note("N0", seconds=60), note("N0", dateAdded=[])):
        with pytest.raises(OutcomeUnknown) as caught:
            await create_note(Scripted(notes__create=[LOST], notes__list=[notes(doubtful)]))
        assert caught.value.draft is NOTE_DRAFT


@pytest.mark.parametrize("apart", [-300.0, 300.0])
async def test_new_is_told_by_the_servers_clock_however_far_it_is_from_ours(apart):
    there = datetime.now(UTC) + timedelta(seconds=apart)
    seen = notes(note("N0", seconds=900 - apart), note("N1", seconds=-0.2 - apart))
    look = Reply(status=200, body=msgspec.json.encode(seen), date=format_datetime(there, usegmt=True))
    send = Scripted(notes__create=[LOST], notes__list=[look])
    assert (await create_note(send)).id == "N1"


async def test_two_equal_notes_are_two_notes():
    """The second meets the one that the first was given, and is made again."""
    send = Scripted(notes__create=[LOST, LOST, {"note": note("N2")}], notes__list=[notes(note("N1"))])
    resources = Resources(send, "L1")
    both = await asyncio.gather(*(resources.notes.create("C1", NOTE_DRAFT) for _ in range(2)))
    assert [each.id for each in both] == ["N1", "N2"]


def event(event_id="A1", **more):
    now = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    start = {"startTime": "2026-07-17T14:30:15+02:00", "endTime": "2026-07-17T15:30:15+02:00"}
    return {"id": event_id, "calendarId": "K1", "contactId": "C1", "title": "Visit", "dateAdded": now, **start, **more}


VISIT = AppointmentDraft(calendar_id="K1", contact_id="C1", start_time=AT, title="Visit")


async def test_a_lost_appointment_is_found_in_its_calendar():
    others = [event("X", contactId="C2"), event("X", title="Call"), event("X", deleted=True), event("X", startTime="")]
    send = Scripted(appointments__create=[LOST], appointments__in_calendar=[{"events": [*others, event()]}])
    assert (await Resources(send, "L1").appointments.create(VISIT)).id == "A1"
    (query,) = [dict(request.query) for request in send.requests if request.query]
    assert (query["calendarId"], query["startTime"], query["endTime"]) == ("K1", "1784291355250", "1784377875250")


async def test_an_appointment_that_is_not_there_is_booked_again_and_one_that_cannot_be_read_is_not():
    send = Scripted(appointments__create=[LOST, event()], appointments__in_calendar=[{"events": []}])
    assert (await Resources(send, "L1").appointments.create(VISIT)).id == "A1"
    send = Scripted(appointments__create=[LOST], appointments__in_calendar=[{"events": [{"id": ""}]}])
    with pytest.raises(OutcomeUnknown):
        await Resources(send, "L1").appointments.create(VISIT)


LUNCH = BlockSlotDraft(start_time=AT, end_time=AT + timedelta(hours=1), assigned_user_id="U1", title="Visit")


async def test_a_lost_block_slot_is_found_where_it_has_a_date_and_unknown_where_it_has_none():
    send = Scripted(block_slots__create=[LOST], block_slots__list=[{"events": [event("S1")]}])
    assert (await Resources(send, "L1").block_slots.create(LUNCH)).id == "S1"
    assert dict(send.requests[1].query)["userId"] == "U1"
    for events in ([event("S1", dateAdded=None)], [{"id": ""}]):
        send = Scripted(block_slots__create=[LOST], block_slots__list=[{"events": events}])
        with pytest.raises(OutcomeUnknown):
            await Resources(send, "L1").block_slots.create(LUNCH)


def business(business_id, **more):
    return {
        "id": business_id,
        "name": "Example Ltd",
        "createdAt": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(),
        **more,
    }


async def test_a_lost_business_is_found_on_any_page_of_the_list():
    old = [business("B0", createdAt="2020-01-01T00:00:00Z"), business("X", name="Other")]
    pages = [{"businesses": old}, {"businesses": [business("B1")]}, {"businesses": []}]
    send = Scripted(businesses__create=[LOST], businesses__list=pages)
    made = await Resources(send, "L1").businesses.create(BusinessDraft(name="Example Ltd"))
    assert made.id == "B1"
    assert [dict(request.query)["skip"] for request in send.requests[1:]] == ["0", "2", "3"]


async def test_a_list_of_businesses_that_ignores_skip_does_not_go_on_for_ever():
    send = Scripted(
        businesses__create=[LOST, {"success": True, "buiseness": business("B1")}],
        businesses__list=[{"businesses": [business("X", name="Other")]}],
    )
    assert (await Resources(send, "L1").businesses.create(BusinessDraft(name="Example Ltd"))).id == "B1"
    assert send.operations.count("businesses.list") == 8


async def test_what_no_read_can_decide_is_left_as_the_wire_says_it():
    with pytest.raises(OutcomeUnknown) as caught:
        await Resources(Recording(LOST), "L1").automations.add_to_workflow("C1", "W1")
    assert caught.value is LOST


@pytest.mark.parametrize("other", [{"city": "Bonn"}, {"email": "b@example.com"}, {"phone": "+15550002222"}])
async def test_a_new_business_of_the_name_that_contradicts_the_draft_leaves_the_outcome_unknown(other):
    draft = BusinessDraft(name="Example Ltd", city="Rome", email="a@example.com", phone="+15550001111")
    listed = [{"businesses": [business("X", **other)]}]
    with pytest.raises(OutcomeUnknown):
        await Resources(Scripted(businesses__create=[LOST], businesses__list=listed), "L1").businesses.create(draft)


async def test_two_drafts_that_a_look_cannot_tell_apart_do_not_get_one_record():
    """The second begins after the first was found, and knows whose that record is."""
    made = [LOST, LOST, event("S2")]
    slots = Resources(Scripted(block_slots__create=made, block_slots__list=[{"events": [event("S1")]}]), "L1")
    untitled = msgspec.structs.replace(LUNCH, title=msgspec.UNSET)
    both = await asyncio.gather(slots.block_slots.create(LUNCH), slots.block_slots.create(untitled))
    assert [each.id for each in both] == ["S1", "S2"]
    made = [LOST, LOST, {"success": True, "buiseness": business("B2")}]
    send = Scripted(businesses__create=made, businesses__list=[{"businesses": [business("B1")]}])
    places = Resources(send, "L1").businesses
    drafts = BusinessDraft(name="Example Ltd", city="Rome"), BusinessDraft(name=" Example  Ltd")
    assert [each.id for each in await asyncio.gather(*map(places.create, drafts))] == ["B1", "B2"]

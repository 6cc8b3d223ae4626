"""Writes whose answer is lost, over real sockets and on virtual time: nothing doubled, nothing lost, all named."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ghl_async.errors import DuplicateContact, NotFound, OutcomeUnknown
from ghl_async.models import (
    AppointmentDraft,
    BlockSlotDraft,
    BusinessDraft,
    ContactChanges,
    ContactDraft,
    NoteDraft,
    TaskChanges,
    TaskDraft,
)
from ghl_async.sandbox.admin import truth

from .conftest import client_of
from .truth import oldest

pytestmark = pytest.mark.virtual

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAULTS = {
    "the connection is cut before it is processed": {"kind": "cut_before"},
    "the answer is cut": {"kind": "cut_after"},
    "the answer is cut before its headers": {"kind": "cut_after", "headers": False},
    "500 and nothing done": {"kind": "server_error"},
    "502 of the edge": {"kind": "edge_error"},
    "422 and created": {"kind": "created_but_422"},
    "429": {"kind": "too_many_requests"},
    "no body": {"kind": "empty"},
    "half a body": {"kind": "truncated"},
    "an answer that takes too long": {"kind": "slow", "seconds": 100.0},
}


class Made:
    """One kind of record: how it is made, and the ids of those that the server has."""

    def __init__(self, sandbox, ghl):
        self.location = sandbox.state.main
        self.ghl = ghl
        self.contact_id = oldest(sandbox, 3)
        self.calendar_id = self.location.children.calendar_ids[0]

    def children(self, kind):
        everything = truth(self.location, 0, 10**9)["contacts"]
        return [child["id"] for each in everything for child in each[kind] if not child.get("deleted")]

    async def contact(self):
        return await self.ghl.contacts.create(ContactDraft(first_name="Ann", email="ann@example.com"))

    def all_contact(self):
        return [each["contact"]["id"] for each in truth(self.location, 0, 10**9)["contacts"]]

    async def contact_by_phone(self):
        return await self.ghl.contacts.create(ContactDraft(last_name="Lee", phone="+1 (202) 555-0147"))

    all_contact_by_phone = all_contact

    async def upsert(self):
        draft = ContactDraft(first_name="Ann", email="ann@example.com")
        return (await self.ghl.contacts.upsert(draft, new_if_allowed=True)).contact

    all_upsert = all_contact

    async def task(self):
        return await self.ghl.tasks.create(self.contact_id, TaskDraft(title="Call", due_date=AT))

    def all_task(self):
        return self.children("tasks")

    async def note(self):
        return await self.ghl.notes.create(self.contact_id, NoteDraft(body="<p>hello</p>"))

    def all_note(self):
        return self.children("notes")

    async def appointment(self):
        draft = AppointmentDraft(calendar_id=self.calendar_id, contact_id=self.contact_id, start_time=AT)
        return await self.ghl.appointments.create(draft)

    def all_appointment(self):
        return self.children("appointments")

    async def block_slot(self):
        draft = BlockSlotDraft(start_time=AT, end_time=AT + HOUR, calendar_id=self.calendar_id)
        return await self.ghl.block_slots.create(draft)

    def all_block_slot(self):
        return [*self.location.block_slots]

    async def business(self):
        return await self.ghl.businesses.create(BusinessDraft(name="Example Ltd"))

    def all_business(self):
        return [*self.location.dictionaries.businesses.by_id]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize(
    "kind", ["contact", "contact_by_phone", "upsert", "task", "note", "appointment", "block_slot", "business"]
)
async def test_a_create_that_meets_a_fault_is_made_once_and_found(sandbox, ghl, kind, fault):
    sandbox.state.set_index_lag(3.0)
    made = Made(sandbox, ghl)
    every = getattr(made, f"all_{kind}")
    before = every()
    path = {"contact_by_phone": "/contacts/", "upsert": "/contacts/upsert"}.get(kind, "")
    sandbox.faults.add(**fault, method="POST", path_contains=path, times=1)
    record = await getattr(made, kind)()
    assert sandbox.faults.active[0].struck == 1
    assert sorted(every()) == sorted([*before, record.id])


@pytest.mark.parametrize("kind", ["contact", "task", "note"])
async def test_a_fault_that_does_not_end_is_named_and_nothing_is_made(sandbox, ghl, kind):
    made = Made(sandbox, ghl)
    before = getattr(made, f"all_{kind}")()
    sandbox.faults.add(kind="server_error", method="POST")
    with pytest.raises(OutcomeUnknown) as caught:
        await getattr(made, kind)()
    assert isinstance(caught.value.draft, ContactDraft | TaskDraft | NoteDraft)
    assert getattr(made, f"all_{kind}")() == before


async def test_a_contact_that_cannot_be_recognised_is_named_unknown_and_not_repeated(sandbox, ghl):
    draft = ContactDraft(first_name="Ann")
    sandbox.faults.add(kind="cut_after", method="POST")
    with pytest.raises(OutcomeUnknown, match="neither e-mail nor phone") as caught:
        await ghl.contacts.create(draft)
    assert caught.value.draft is draft
    assert sandbox.state.main.count() == 121


async def test_an_existing_contact_is_not_taken_for_the_new_one_where_duplicates_are_allowed(sandbox, ghl):
    sandbox.state.main.place.change(allow_duplicates=True)
    there = await ghl.contacts.get(oldest(sandbox, 1))
    draft = ContactDraft(first_name=there.first_name, last_name=there.last_name, email=there.email)
    for kind in ("cut_before", "cut_after"):
        sandbox.faults.add(kind=kind, method="POST", times=1)
        assert (await ghl.contacts.create(draft)).id != there.id
    assert sandbox.state.main.count() == 122


async def test_equal_creates_at_once_are_as_many_records_as_there_were_calls(sandbox, ghl):
    sandbox.state.main.place.change(allow_duplicates=True)
    made = Made(sandbox, ghl)
    for kind in ("contact", "task", "note"):
        before = set(getattr(made, f"all_{kind}")())
        sandbox.faults.add(kind="cut_after", method="POST", times=2)
        sandbox.faults.add(kind="cut_before", method="POST", times=1)
        records = await asyncio.gather(*(getattr(made, kind)() for _ in range(5)))
        after = set(getattr(made, f"all_{kind}")())
        assert {record.id for record in records} == after - before
        assert len(after) == len(before) + 5
        sandbox.faults.clear()


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
async def test_a_create_does_not_take_the_record_of_another_one_that_sets_more(sandbox, ghl, kind):
    sandbox.latency.seconds = 0.5
    contact_id = oldest(sandbox, 3)
    for little, more in (
        (TaskDraft(title="Call", due_date=AT), TaskDraft(title="Call", due_date=AT, body="now")),
        (NoteDraft(body="hello"), NoteDraft(body="<p>hello</p>", title="Hi")),
    ):
        verbs = ghl.tasks if isinstance(little, TaskDraft) else ghl.notes
        sandbox.faults.clear()
        sandbox.faults.add(kind=kind, method="POST", times=1)
        first, second = await asyncio.gather(verbs.create(contact_id, little), verbs.create(contact_id, more))
        assert first.id != second.id


async def test_an_automation_whose_answer_is_lost_is_never_repeated(sandbox, ghl):
    workflow = (await ghl.automations.workflows())[0]
    for method in ("POST", "DELETE"):
        sandbox.faults.add(kind="cut_after", method=method, times=1)
    with pytest.raises(OutcomeUnknown):
        await ghl.automations.add_to_workflow(oldest(sandbox), workflow.id)
    assert ghl.stats.by_operation["automations.add_to_workflow"] == 1
    await ghl.automations.remove_from_workflow(oldest(sandbox), workflow.id)
    assert ghl.stats.by_operation["automations.remove_from_workflow"] == 2


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "server_error", "edge_error", "too_many_requests"])
async def test_what_is_idempotent_is_simply_repeated(sandbox, ghl, kind):
    contact_id = oldest(sandbox, 3)
    task = await ghl.tasks.create(contact_id, TaskDraft(title="Call", due_date=AT))

    def once(method, path=""):
        sandbox.faults.add(kind=kind, method=method, path_contains=path, times=1)

    once("PUT")
    assert (await ghl.contacts.update(contact_id, ContactChanges(city="Bern"))).city == "Bern"
    once("PUT")
    assert (await ghl.tasks.update(contact_id, task.id, TaskChanges(title="Ring"))).title == "Ring"
    once("PUT")
    assert (await ghl.tasks.complete(contact_id, task.id)).completed is True
    once("POST", "/tags")
    assert "vip" in await ghl.tags.add(contact_id, ["vip"])
    once("DELETE", "/tags")
    assert "vip" not in await ghl.tags.remove(contact_id, ["vip"])
    once("POST", "/bulk/tags")
    assert [each.ok for each in await ghl.tags.add_many([contact_id], ["vip"])] == [True]
    once("POST", "/bulk/business")
    assert [each.ok for each in await ghl.businesses.assign([contact_id], None)] == [True]
    once("DELETE")
    assert await ghl.contacts.delete(contact_id) is None  # the second try does not find it, and that is done
    with pytest.raises(NotFound):
        await ghl.contacts.get(contact_id)
    assert ghl.stats.retries == 8


@pytest.mark.parametrize("kind", ["cut_after", "server_error", "edge_error", "empty"])
async def test_a_delete_whose_answer_is_lost_is_done_even_where_nothing_is_left_to_delete(sandbox, ghl, kind):
    made = Made(sandbox, ghl)
    task, note, appointment = await made.task(), await made.note(), await made.appointment()
    slot, business = await made.block_slot(), await made.business()
    for delete, arguments, every in (
        (ghl.tasks.delete, (made.contact_id, task.id), made.all_task),
        (ghl.notes.delete, (made.contact_id, note.id), made.all_note),
        (ghl.appointments.delete, (appointment.id,), made.all_appointment),
        (ghl.block_slots.delete, (slot.id,), made.all_block_slot),
        (ghl.businesses.delete, (business.id,), made.all_business),
    ):
        sandbox.faults.clear()
        fault = sandbox.faults.add(kind=kind, method="DELETE", times=1)
        assert arguments[-1] in every()
        assert await delete(*arguments) is None
        assert fault.struck == 1
        assert arguments[-1] not in every()


async def test_a_deadline_names_a_create_that_may_have_been_applied(sandbox):
    sandbox.faults.add(kind="slow", seconds=50.0, method="POST", times=1)
    async with client_of(sandbox, deadline_seconds=5) as ghl:
        draft = ContactDraft(first_name="Ann", email="ann@example.com")
        assert (await ghl.contacts.create(draft)).full_name == "Ann"  # and the read that follows finds it
        sandbox.faults.clear()
        sandbox.faults.add(kind="slow", seconds=50.0)
        with pytest.raises(OutcomeUnknown):
            await ghl.contacts.create(ContactDraft(first_name="Eve", email="eve@example.com"))


@pytest.mark.parametrize("identifiers", [[], ["phone"], ["email"], ["email", "phone"]])
@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "server_error"])
async def test_an_upsert_doubles_nothing_where_the_location_does_not_recognise_the_contact(
    sandbox, ghl, kind, identifiers
):
    sandbox.state.main.place.change(unique_identifiers=identifiers)
    sandbox.faults.add(kind=kind, method="POST", times=1)
    done = await ghl.contacts.upsert(ContactDraft(first_name="Ann", email="ann@example.com"))
    assert done.contact.full_name == "Ann"
    assert sandbox.state.main.count() == 121


async def test_a_create_after_an_upsert_does_not_take_its_contact(sandbox, ghl):
    draft = ContactDraft(first_name="Ann", email="ann@example.com")
    there = (await ghl.contacts.upsert(draft)).contact
    sandbox.faults.add(kind="cut_after", method="POST", times=1)
    with pytest.raises(DuplicateContact) as caught:
        await ghl.contacts.create(draft)
    assert caught.value.contact_id == there.id


@pytest.mark.parametrize("noun", ["notes", "tasks"])
async def test_creates_of_both_lanes_know_of_each_other(sandbox, ghl, noun):
    contact_id = oldest(sandbox)
    sandbox.faults.add(kind="cut_before", method="POST", path_contains=f"/{noun}", times=1)
    draft = NoteDraft(body="Hello") if noun == "notes" else TaskDraft(title="Call", due_date=AT)
    lanes = [getattr(lane, noun).create(contact_id, draft) for lane in (ghl, ghl.background)]
    one, other = await asyncio.gather(*lanes)
    assert one.id != other.id, "each write is a record of its own"


async def test_many_creates_under_random_faults_are_neither_doubled_nor_lost(sandbox, ghl):
    sandbox.state.set_index_lag(2.0)
    for kind, rate in (("cut_before", 0.03), ("cut_after", 0.03), ("server_error", 0.02), ("created_but_422", 0.02)):
        sandbox.faults.add(kind=kind, method="POST", rate=rate)
    ids = [oldest(sandbox, position) for position in range(10)]
    before = {kind: set(getattr(Made(sandbox, ghl), f"all_{kind}")()) for kind in ("contact", "task", "note")}
    records = {"contact": [], "task": [], "note": []}

    async def make(number):
        contact_id = ids[number % 10]
        draft = ContactDraft(first_name="Ann", email=f"ann{number}@example.com")
        records["contact"].append((await ghl.contacts.create(draft)).id)
        draft = TaskDraft(title=f"Call {number // 30}", due_date=AT)  # of each title some for one contact
        records["task"].append((await ghl.tasks.create(contact_id, draft)).id)
        records["note"].append((await ghl.notes.create(contact_id, NoteDraft(body=f"hello {number // 30}"))).id)

    for lot in range(5):
        await asyncio.gather(*(make(number) for number in range(60 * lot, 60 * lot + 60)))
    for kind, ids_ in records.items():
        assert len(ids_) == len(set(ids_)) == 300
        assert set(getattr(Made(sandbox, ghl), f"all_{kind}")()) == before[kind] | set(ids_)
    assert ghl.stats.failures + ghl.stats.by_status[500] + ghl.stats.by_status[422] > 30

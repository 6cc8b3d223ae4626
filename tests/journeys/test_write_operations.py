"""Every operation that writes, one by one over real sockets: its request, its reply, a refusal, and its retry class."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, get_type_hints

import pytest

from ghl_async.client import Resources
from ghl_async.errors import DuplicateContact, ErrorReply, NotFound, OutcomeUnknown, ScopeMissing, Unprocessable
from ghl_async.models import (
    AppointmentChanges,
    AppointmentDraft,
    BlockSlotChanges,
    BlockSlotDraft,
    BusinessChanges,
    BusinessDraft,
    ContactChanges,
    ContactDraft,
    NoteChanges,
    NoteDraft,
    TaskChanges,
    TaskDraft,
)

from ..resources import writes, writes_elsewhere
from .conftest import client_of

pytestmark = pytest.mark.virtual

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
AT_SENT, LATER_SENT = "2030-07-17T15:30:00Z", "2030-07-17T16:30:00Z"
NOBODY = "A" * 20
OPERATIONS = json.loads((Path(__file__).parents[1] / "house" / "operations.json").read_text("utf-8"))["operations"]
SEARCHES = re.compile(r"/search$")
AGAIN, LOOKED_FOR, NEVER = "again", "looked for", "never"
FOUND_AND_AGAIN = "looked for, and again where it is found"


class Op(NamedTuple):
    """One operation; `w` is the world of the fixture, with an id of everything."""

    name: str
    call: Callable[[Any, Any], Any]
    request: str
    body: Callable[[Any], Any]
    reply: Callable[[Any, Any], bool]
    """Whether the result is what the call must give."""
    refused: Callable[[Any, Any], Any]
    refusal: type[ErrorReply]
    words: str
    after_a_lost_answer: str = AGAIN
    generation: str | None = None
    """The one of the two in which the request is this one; None: both."""


def nothing(_w):
    return None


def empty(_w):
    return {}


def is_none(result, _w):
    return result is None


OPS = [
    Op("contacts.create", lambda ghl, _: ghl.contacts.create(ContactDraft(first_name="Ann", email="ann@example.com")),
       "POST /contacts/",
       lambda w: {"locationId": w.location_id, "firstName": "Ann", "email": "ann@example.com"},
       lambda made, _: (made.full_name, made.email) == ("Ann", "ann@example.com"),
       lambda ghl, w: ghl.contacts.create(ContactDraft(email=w.email)), DuplicateContact,
       "does not allow duplicated contacts", LOOKED_FOR),
    Op("contacts.update", lambda ghl, w: ghl.contacts.update(w.contact, ContactChanges(city="Bern", last_name=None)),
       "PUT /contacts/{contactId}", lambda _: {"city": "Bern", "lastName": None},
       lambda changed, w: (changed.id, changed.city, changed.last_name) == (w.contact, "Bern", None),
       lambda ghl, _: ghl.contacts.update(NOBODY, ContactChanges(city="Bern")), NotFound,
       f"Contact with id {NOBODY} not found"),
    Op("contacts.upsert", lambda ghl, w: ghl.contacts.upsert(ContactDraft(email=w.email, city="Bern"), check=False),
       "POST /contacts/upsert", lambda w: {"locationId": w.location_id, "email": w.email, "city": "Bern"},
       lambda done, w: (done.new, done.contact.id, done.contact.city) == (False, w.contact, "Bern"),
       lambda ghl, w: ghl.contacts.upsert(ContactDraft(email=w.email, additional_emails=["x"]), send_refused=True,
                                            check=False),
       Unprocessable, "property additionalEmails should not exist", FOUND_AND_AGAIN),
    Op("contacts.delete", lambda ghl, w: ghl.contacts.delete(w.contact), "DELETE /contacts/{contactId}", nothing,
       is_none, lambda ghl, _: ghl.contacts.delete(NOBODY), NotFound, f"Contact with id {NOBODY} not found"),
    Op("contacts.add_followers", lambda ghl, w: ghl.contacts.add_followers(w.contact, [w.user]),
       "POST /contacts/{contactId}/followers", lambda w: {"followers": [w.user]},
       lambda followers, w: w.user in followers,
       lambda ghl, w: ghl.contacts.add_followers(NOBODY, [w.user]), NotFound, f"Contact with id {NOBODY} not found"),
    Op("contacts.remove_followers", lambda ghl, w: ghl.contacts.remove_followers(w.contact, [w.user]),
       "DELETE /contacts/{contactId}/followers", lambda w: {"followers": [w.user]},
       lambda followers, w: w.user not in followers,
       lambda ghl, w: ghl.contacts.remove_followers(NOBODY, [w.user]), NotFound,
       f"Contact with id {NOBODY} not found"),
    Op("tags.add", lambda ghl, w: ghl.tags.add(w.contact, ["VIP", "new"]), "POST /contacts/{contactId}/tags",
       lambda _: {"tags": ["VIP", "new"]}, lambda tags, _: {"vip", "new"} <= set(tags),
       lambda ghl, _: ghl.tags.add(NOBODY, ["vip"]), NotFound, f"Contact with id {NOBODY} not found"),
    Op("tags.remove", lambda ghl, w: ghl.tags.remove(w.contact, ["tagged"]), "DELETE /contacts/{contactId}/tags",
       lambda _: {"tags": ["tagged"]}, lambda tags, _: "tagged" not in tags,
       lambda ghl, _: ghl.tags.remove(NOBODY, ["vip"]), NotFound, f"Contact with id {NOBODY} not found"),
    Op("tags.add_many", lambda ghl, w: ghl.tags.add_many([w.contact, NOBODY], ["vip"]),
       "POST /contacts/bulk/tags/update/{type}",
       lambda w: {"contacts": [w.contact, NOBODY], "locationId": w.location_id, "tags": ["vip"]},
       lambda results, w: [(each.contact_id, each.ok) for each in results] == [(w.contact, True), (NOBODY, False)],
       lambda _, w: w.reader.tags.add_many([w.contact], ["vip"]), ScopeMissing, "not authorized for this scope"),
    Op("tags.remove_many", lambda ghl, w: ghl.tags.remove_many([w.contact], all_tags=True),
       "POST /contacts/bulk/tags/update/{type}",
       lambda w: {"contacts": [w.contact], "locationId": w.location_id, "tags": [], "removeAllTags": True},
       lambda results, _: [each.ok for each in results] == [True],
       lambda _, w: w.reader.tags.remove_many([w.contact], ["vip"]), ScopeMissing, "not authorized for this scope"),
    Op("tasks.create", lambda ghl, w: ghl.tasks.create(w.contact, TaskDraft(title="Ring", due_date=AT)),
       "POST /contacts/{contactId}/tasks", lambda _: {"title": "Ring", "dueDate": AT_SENT, "completed": False},
       lambda made, w: (made.title, made.due_date, made.contact_id) == ("Ring", AT, w.contact),
       lambda ghl, _: ghl.tasks.create(NOBODY, TaskDraft(title="Ring", due_date=AT), look_first=False), NotFound,
       f"Contact with id {NOBODY} not found", LOOKED_FOR),
    Op("tasks.update", lambda ghl, w: ghl.tasks.update(w.contact, w.task, TaskChanges(due_date=LATER)),
       "PUT /contacts/{contactId}/tasks/{taskId}", lambda _: {"dueDate": LATER_SENT},
       lambda changed, w: (changed.id, changed.title, changed.due_date) == (w.task, "Call", LATER),
       lambda ghl, w: ghl.tasks.update(w.contact, NOBODY, TaskChanges(title="x")), NotFound,
       f"Task with id {NOBODY} not found"),
    Op("tasks.complete", lambda ghl, w: ghl.tasks.complete(w.contact, w.task),
       "PUT /contacts/{contactId}/tasks/{taskId}/completed", lambda _: {"completed": True},
       lambda changed, w: (changed.id, changed.completed) == (w.task, True),
       lambda ghl, w: ghl.tasks.complete(w.contact, NOBODY), NotFound, f"Task with id {NOBODY} not found"),
    Op("tasks.reopen", lambda ghl, w: ghl.tasks.reopen(w.contact, w.task),
       "PUT /contacts/{contactId}/tasks/{taskId}/completed", lambda _: {"completed": False},
       lambda changed, w: (changed.id, changed.completed) == (w.task, False),
       lambda ghl, w: ghl.tasks.reopen(w.contact, NOBODY), NotFound, f"Task with id {NOBODY} not found"),
    Op("tasks.delete", lambda ghl, w: ghl.tasks.delete(w.contact, w.task),
       "DELETE /contacts/{contactId}/tasks/{taskId}", nothing, is_none,
       lambda ghl, w: ghl.tasks.delete(w.contact, NOBODY), NotFound, f"Task with id {NOBODY} not found"),
    Op("notes.create", lambda ghl, w: ghl.notes.create(w.contact, NoteDraft(body="<p>hi</p>", pinned=True)),
       "POST /contacts/{contactId}/notes", lambda _: {"body": "<p>hi</p>", "pinned": True},
       lambda made, w: (made.body, made.body_text, made.contact_id) == ("<p>hi</p>", "hi", w.contact),
       lambda ghl, _: ghl.notes.create(NOBODY, NoteDraft(body="hi")), NotFound,
       f"Contact with id {NOBODY} not found", LOOKED_FOR),
    Op("notes.update", lambda ghl, w: ghl.notes.update(w.contact, w.note, NoteChanges(title="Hi")),
       "PUT /contacts/{contactId}/notes/{id}", lambda _: {"title": "Hi"},
       lambda changed, w: (changed.id, changed.title, changed.body) == (w.note, "Hi", "hello"),
       lambda ghl, w: ghl.notes.update(w.contact, NOBODY, NoteChanges(title="x")), NotFound,
       f"Note with id {NOBODY} not found"),
    Op("notes.delete", lambda ghl, w: ghl.notes.delete(w.contact, w.note),
       "DELETE /contacts/{contactId}/notes/{id}", nothing, is_none,
       lambda ghl, w: ghl.notes.delete(w.contact, NOBODY), NotFound, f"Note with id {NOBODY} not found"),
    Op("appointments.create",
       lambda ghl, w: ghl.appointments.create(
           AppointmentDraft(calendar_id=w.calendar, contact_id=w.contact, start_time=LATER, title="Visit")),
       "POST /calendars/events/appointments",
       lambda w: {"locationId": w.location_id, "calendarId": w.calendar, "contactId": w.contact,
                  "startTime": LATER_SENT, "title": "Visit"},
       lambda made, w: (made.contact_id, made.calendar_id, made.title) == (w.contact, w.calendar, "Visit"),
       lambda ghl, w: ghl.appointments.create(
           AppointmentDraft(calendar_id=w.calendar, contact_id=NOBODY, start_time=AT)),
       NotFound, f"Contact with id {NOBODY} not found", LOOKED_FOR),
    Op("appointments.update",
       lambda ghl, w: ghl.appointments.update(w.appointment, AppointmentChanges(appointment_status="showed")),
       "PUT /calendars/events/appointments/{eventId}", lambda _: {"appointmentStatus": "showed"},
       lambda changed, w: (changed.id, changed.appointment_status) == (w.appointment, "showed"),
       lambda ghl, _: ghl.appointments.update(NOBODY, AppointmentChanges(title="x")), NotFound,
       f"Appointment with id {NOBODY} not found"),
    Op("appointments.delete", lambda ghl, w: ghl.appointments.delete(w.appointment),
       "DELETE /calendars/events/{eventId}", empty, is_none,
       lambda ghl, _: ghl.appointments.delete(NOBODY), NotFound, f"Appointment with id {NOBODY} not found"),
    Op("block_slots.create",
       lambda ghl, w: ghl.block_slots.create(
           BlockSlotDraft(start_time=LATER, end_time=LATER + timedelta(hours=1), calendar_id=w.calendar)),
       "POST /calendars/events/block-slots",
       lambda w: {"locationId": w.location_id, "calendarId": w.calendar, "startTime": LATER_SENT,
                  "endTime": "2030-07-17T17:30:00Z"},
       lambda made, w: (made.calendar_id, datetime.fromisoformat(made.start_time)) == (w.calendar, LATER),
       lambda ghl, _: ghl.block_slots.create(BlockSlotDraft(start_time=AT, end_time=LATER, calendar_id=NOBODY)),
       NotFound, f"Calendar with id {NOBODY} not found", LOOKED_FOR),
    Op("block_slots.update",
       lambda ghl, w: ghl.block_slots.update(w.slot, BlockSlotChanges(title="Lunch", calendar_id=w.calendar)),
       "PUT /calendars/events/block-slots/{eventId}",
       lambda w: {"locationId": w.location_id, "title": "Lunch", "calendarId": w.calendar},
       lambda changed, w: (changed.id, changed.title) == (w.slot, "Lunch"),
       lambda ghl, w: ghl.block_slots.update(NOBODY, BlockSlotChanges(title="x", calendar_id=w.calendar)),
       NotFound, f"Event with id {NOBODY} not found"),
    Op("block_slots.delete", lambda ghl, w: ghl.block_slots.delete(w.slot), "DELETE /calendars/events/{eventId}",
       empty, is_none, lambda ghl, _: ghl.block_slots.delete(NOBODY), NotFound,
       f"Appointment with id {NOBODY} not found"),
    Op("businesses.create", lambda ghl, _: ghl.businesses.create(BusinessDraft(name="New Ltd")), "POST /businesses/",
       lambda w: {"locationId": w.location_id, "name": "New Ltd"}, lambda made, _: made.name == "New Ltd",
       lambda _, w: w.reader.businesses.create(BusinessDraft(name="New Ltd")), ScopeMissing,
       "not authorized for this scope", LOOKED_FOR),
    Op("businesses.update", lambda ghl, w: ghl.businesses.update(w.business, BusinessChanges(city="Bern")),
       "PUT /businesses/{businessId}", lambda _: {"city": "Bern"},
       lambda changed, w: (changed.id, changed.name, changed.city) == (w.business, "Example Ltd", "Bern"),
       lambda ghl, _: ghl.businesses.update("f" * 24, BusinessChanges(city="Bern")), NotFound,
       f"Business with id {'f' * 24} not found"),
    Op("businesses.delete", lambda ghl, w: ghl.businesses.delete(w.business), "DELETE /businesses/{businessId}",
       nothing, is_none, lambda ghl, _: ghl.businesses.delete("f" * 24), NotFound,
       f"Business with id {'f' * 24} not found"),
    Op("businesses.assign", lambda ghl, w: ghl.businesses.assign([w.contact, NOBODY], w.business),
       "POST /contacts/bulk/business",
       lambda w: {"locationId": w.location_id, "ids": [w.contact, NOBODY], "businessId": w.business},
       lambda results, w: [(each.contact_id, each.ok) for each in results] == [(w.contact, True), (NOBODY, False)],
       lambda ghl, w: ghl.businesses.assign([w.contact], "f" * 24), NotFound,
       f"Business with id {'f' * 24} not found"),
    Op("automations.add_to_campaign", lambda ghl, w: ghl.automations.add_to_campaign(w.contact, w.campaign),
       "POST /contacts/{contactId}/campaigns/{campaignId}", empty, is_none,
       lambda ghl, w: ghl.automations.add_to_campaign(w.contact, NOBODY), NotFound,
       f"Campaign with id {NOBODY} not found", NEVER),
    Op("automations.remove_from_campaign", lambda ghl, w: ghl.automations.remove_from_campaign(w.contact, w.campaign),
       "DELETE /contacts/{contactId}/campaigns/{campaignId}", nothing, is_none,
       lambda ghl, w: ghl.automations.remove_from_campaign(w.contact, NOBODY), NotFound,
       f"Campaign with id {NOBODY} not found"),
    Op("automations.remove_from_all_campaigns", lambda ghl, w: ghl.automations.remove_from_all_campaigns(w.contact),
       "DELETE /contacts/{contactId}/campaigns/removeAll", nothing, is_none,
       lambda ghl, _: ghl.automations.remove_from_all_campaigns(NOBODY), NotFound,
       f"Contact with id {NOBODY} not found", generation="v2"),
    Op("automations.remove_from_all_campaigns", lambda ghl, w: ghl.automations.remove_from_all_campaigns(w.contact),
       "DELETE /contacts/{contactId}/campaigns/remove-all", nothing, is_none,
       lambda ghl, _: ghl.automations.remove_from_all_campaigns(NOBODY), NotFound,
       f"Contact with id {NOBODY} not found", generation="v3"),
    Op("automations.add_to_workflow", lambda ghl, w: ghl.automations.add_to_workflow(w.contact, w.workflow),
       "POST /contacts/{contactId}/workflow/{workflowId}", empty, is_none,
       lambda ghl, w: ghl.automations.add_to_workflow(w.contact, NOBODY), NotFound,
       f"Workflow with id {NOBODY} not found", NEVER),
    Op("automations.remove_from_workflow", lambda ghl, w: ghl.automations.remove_from_workflow(w.contact, w.workflow),
       "DELETE /contacts/{contactId}/workflow/{workflowId}", empty, is_none,
       lambda ghl, w: ghl.automations.remove_from_workflow(w.contact, NOBODY), NotFound,
       f"Workflow with id {NOBODY} not found"),
]  # fmt: skip

FIRST_PAGE = {
    "GET /contacts/{contactId}": lambda ghl, w: ghl.contacts.get(w.contact),
    "GET /contacts/{contactId}/tasks": lambda ghl, w: ghl.tasks.list(w.contact),
    "POST /contacts/{contactId}/tasks": lambda ghl, w: ghl.tasks.create(w.contact, TaskDraft(title="x", due_date=AT)),
    "GET /contacts/{contactId}/tasks/{taskId}": lambda ghl, w: ghl.tasks.get(w.contact, w.task),
    "PUT /contacts/{contactId}/tasks/{taskId}": lambda ghl, w: ghl.tasks.update(
        w.contact, w.task, TaskChanges(title="x")
    ),
    "DELETE /contacts/{contactId}/tasks/{taskId}": lambda ghl, w: ghl.tasks.delete(w.contact, w.task),
    "PUT /contacts/{contactId}/tasks/{taskId}/completed": lambda ghl, w: ghl.tasks.complete(w.contact, w.task),
    "GET /contacts/{contactId}/notes": lambda ghl, w: ghl.notes.list(w.contact),
    "GET /contacts/{contactId}/notes/{id}": lambda ghl, w: ghl.notes.get(w.contact, w.note),
    "GET /contacts/{contactId}/appointments": lambda ghl, w: ghl.appointments.list(w.contact),
    "GET /contacts/": lambda ghl, _: ghl.contacts.list_legacy(),
    "GET /contacts/business/{businessId}": lambda ghl, w: ghl.contacts.list_by_business(w.business),
    "POST /contacts/": lambda ghl, _: ghl.contacts.create(ContactDraft(first_name="Ann")),
    "PUT /contacts/{contactId}": lambda ghl, w: ghl.contacts.update(w.contact, ContactChanges(city="Bern")),
    "DELETE /contacts/{contactId}": lambda ghl, w: ghl.contacts.delete(w.contact),
    "POST /contacts/{contactId}/tags": lambda ghl, w: ghl.tags.add(w.contact, ["vip"]),
}
"""The endpoints that the project's purpose names, by hand so that none slips."""


@pytest.fixture
async def world(sandbox, ghl):
    """One of everything, a client that may only read, and a log that is empty."""
    location = sandbox.state.main
    made = await ghl.contacts.create(ContactDraft(email="there@example.com", tags=["tagged"]))
    slot = BlockSlotDraft(start_time=AT, end_time=LATER, calendar_id=location.children.calendar_ids[0])
    visit = AppointmentDraft(calendar_id=location.children.calendar_ids[0], contact_id=made.id, start_time=AT)
    reading = ["contacts.readonly", "businesses.readonly"]
    async with client_of(sandbox, token=sandbox.state.add_token(scopes=reading).text) as reader:
        world = SimpleNamespace(
            location_id=sandbox.location_id,
            contact=made.id,
            email="there@example.com",
            user=location.people.user_ids[0],
            calendar=location.children.calendar_ids[0],
            task=(await ghl.tasks.create(made.id, TaskDraft(title="Call", due_date=AT))).id,
            note=(await ghl.notes.create(made.id, NoteDraft(body="hello"))).id,
            appointment=(await ghl.appointments.create(visit)).id,
            slot=(await ghl.block_slots.create(slot)).id,
            business=(await ghl.businesses.create(BusinessDraft(name="Example Ltd"))).id,
            campaign=location.dictionaries.campaigns[0]["id"],
            workflow=location.dictionaries.workflows[0]["id"],
            reader=reader,
        )
        await ghl.contacts.add_followers(made.id, [world.user])
        sandbox.log.clear()
        yield world


of_each = pytest.mark.parametrize(
    ("op", "version"),
    [
        pytest.param(op, version, id=f"{op.name}-{generation}")
        for op in OPS
        for generation, version in (("v2", None), ("v3", "v3"))
        if op.generation in {None, generation}
    ],
)


def requests(sandbox):
    return sandbox.log.since(0)


@of_each
async def test_the_request_and_the_reply(sandbox, world, op, version):
    async with client_of(sandbox, api_version=version) as ghl:
        result = await op.call(ghl, world)
    assert op.reply(result, world), result
    *reads, write = requests(sandbox)
    assert all(each["method"] == "GET" for each in reads)
    assert (write["template"], write["status"] // 100) == (op.request, 2)
    assert (json.loads(write["body"]) if "body" in write else None) == op.body(world)


@of_each
async def test_a_refusal_keeps_the_servers_words_the_operation_the_status_and_the_trace(sandbox, world, op, version):
    async with client_of(sandbox, api_version=version) as ghl:
        with pytest.raises(op.refusal) as caught:
            await op.refused(ghl, world)
    error = caught.value
    assert type(error) is op.refusal
    assert any(op.words in message for message in error.messages)
    assert (error.operation, error.status) == (op.name, requests(sandbox)[-1]["status"])
    assert error.request_id
    if isinstance(error, DuplicateContact):
        assert (error.contact_id, error.field) == (world.contact, "email")
    if isinstance(error, ScopeMissing):
        assert error.scope in {"contacts.write", "businesses.write"}
    assert [each["template"] for each in requests(sandbox)] == [op.request]  # and it is not repeated


@of_each
async def test_a_lost_answer_is_followed_by_what_its_retry_class_says(sandbox, world, op, version):
    method = op.request.partition(" ")[0]
    async with client_of(sandbox, api_version=version) as ghl:
        sandbox.faults.add(kind="cut_after", method=method, times=1)
        if op.after_a_lost_answer == NEVER:
            with pytest.raises(OutcomeUnknown) as caught:
                await op.call(ghl, world)
            assert caught.value.operation == op.name
        else:
            result = await op.call(ghl, world)
            assert op.reply(result, world), result
    written = [place for place, each in enumerate(requests(sandbox)) if each["template"] == op.request]
    then = [each["template"] for each in requests(sandbox)[written[0] + 1 :]]
    if op.after_a_lost_answer == AGAIN:
        assert then == [op.request]
    elif op.after_a_lost_answer == FOUND_AND_AGAIN:
        assert then == ["GET /contacts/search/duplicate", op.request]
    elif op.after_a_lost_answer == NEVER:
        assert then == []
    else:
        assert then
        assert all(template.startswith("GET ") for template in then)


def writing_methods():
    """Of the public resources the methods whose docstring names an operation that writes: "tasks.create"."""
    for resource, kind in get_type_hints(Resources).items():
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            paths = re.findall(r"API: (?:POST|PUT|PATCH|DELETE) (\S+)", method.__doc__ or "")
            if not name.startswith("_") and any(not SEARCHES.search(path) for path in paths):
                yield f"{resource}.{name}"


def test_every_method_that_writes_is_in_the_table():
    assert {op.name for op in OPS} == set(writing_methods())


def test_every_published_operation_that_writes_is_in_the_table():
    published = {f"{one['method']} {one['path']}" for one in OPERATIONS if one["method"] != "GET"}
    assert {op.request for op in OPS} == {one for one in published if not SEARCHES.search(one)}


def test_the_table_of_requests_knows_the_same_operations_in_the_same_retry_classes():
    repeated = {op.name: op.after_a_lost_answer == AGAIN for op in OPS}
    there = [each for each in (*writes.WRITES, *writes_elsewhere.WRITES) if each.method != "GET"]
    for each in there:
        assert each.idempotent is repeated[each.operation], each.operation
    elsewhere = {"tags.add_many", "tags.remove_many", "businesses.assign"}  # in chunks: tests/resources/test_tags.py
    assert {each.operation for each in there} == repeated.keys() - elsewhere


@pytest.mark.parametrize("request_line", FIRST_PAGE)
async def test_the_endpoints_that_were_asked_for_are_called_as_they_are_named(sandbox, world, ghl, request_line):
    await FIRST_PAGE[request_line](ghl, world)
    answered = requests(sandbox)[-1]
    assert (answered["template"], answered["status"] // 100) == (request_line, 2)
    method, _, path = request_line.partition(" ")
    assert {"method": method, "path": path, "status": "here"}.items() <= next(
        one for one in OPERATIONS if (one["method"], one["path"]) == (method, path)
    ).items()

"""The table of writes of contacts, tags, tasks and notes: the call, the request, an answer and what it must give."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any, NamedTuple

from ghl_async.client import Resources
from ghl_async.models import (
    ContactChanges,
    ContactDraft,
    DndSetting,
    DndSettings,
    InboundDndSetting,
    NoteChanges,
    NoteDraft,
    TaskChanges,
    TaskDraft,
)

from .recording import TRACE

CONTACT = {"id": "C1", "firstName": "Ann", "locationId": "L1", "dateAdded": "2026-07-17T10:00:00.000Z"}
TASK = {"id": "T1", "title": "call", "dueDate": "2026-07-17T10:00:00.000Z", "completed": False, "contactId": "C1"}
NOTE = {"id": "N1", "body": "<p>hello</p>", "bodyText": "hello", "userId": None, "pinned": False, "relations": []}
DONE = {"succeded": True, "succeeded": True, **TRACE}
AT = datetime(2026, 7, 17, 12, tzinfo=timezone(timedelta(hours=2)))
DRAFT = ContactDraft(
    first_name="Ann",
    last_name=None,
    email="ann@example.com",
    postal_code="35061",
    date_of_birth=date(1990, 9, 25),
    tags=["VIP"],
    dnd_settings=DndSettings(sms=DndSetting(status="active", message="STOP"), whatsapp=DndSetting(status="inactive")),
    inbound_dnd_settings=InboundDndSetting(status="active"),
    custom_fields={"6dvNaf7VhkQ9snc5vnjJ": 3.5, "my_custom_field": ["a", "b"]},
)
PLAIN = {"firstName": "Ann", "lastName": None, "email": "ann@example.com", "postalCode": "35061"}
V2_BODY = {
    **PLAIN,
    "dateOfBirth": "1990-09-25",
    "tags": ["VIP"],
    "dndSettings": {"SMS": {"status": "active", "message": "STOP"}, "WhatsApp": {"status": "inactive"}},
    "inboundDndSettings": {"all": {"status": "active"}},
    "customFields": [
        {"id": "6dvNaf7VhkQ9snc5vnjJ", "field_value": 3.5},
        {"key": "my_custom_field", "field_value": ["a", "b"]},
    ],
}
V3_BODY = {
    **V2_BODY,
    "dndSettings": {"sms": {"status": "active", "message": "STOP"}, "whatsApp": {"status": "inactive"}},
    "customFields": [
        {"id": "6dvNaf7VhkQ9snc5vnjJ", "fieldValue": 3.5},
        {"key": "my_custom_field", "fieldValue": ["a", "b"]},
    ],
}


class Write(NamedTuple):
    """One write: how it is called, the request it must become, and an answer with what it must give."""

    operation: str
    call: Callable[[Resources], Any]
    method: str
    template: str
    ids: tuple[str, ...]
    body: Any
    reply: Any
    result: Any = None
    """What is compared: an id of a record, or the whole."""
    idempotent: bool = True
    version: str = "2021-07-28"
    scope: str = "contacts.write"
    generation: str = "v2"


ONE_CONTACT = {"contact": CONTACT, **TRACE}
WRITES = [
    Write(
        "contacts.create",
        lambda ghl: ghl.contacts.create(DRAFT),
        "POST",
        "/contacts/",
        (),
        {"locationId": "L1", **V2_BODY},
        ONE_CONTACT,
        "C1",
        idempotent=False,
    ),
    Write(
        "contacts.create",
        lambda ghl: ghl.contacts.create(DRAFT),
        "POST",
        "/contacts/",
        (),
        {"locationId": "L1", **V3_BODY},
        ONE_CONTACT,
        "C1",
        idempotent=False,
        generation="v3",
    ),
    Write(
        "contacts.update",
        lambda ghl: ghl.contacts.update(
            "C1", ContactChanges(last_name=None, source="web", custom_fields={"6dvNaf7VhkQ9snc5vnjJ": ""})
        ),
        "PUT",
        "/contacts/{contactId}",
        ("C1",),
        {"lastName": None, "source": "web", "customFields": [{"id": "6dvNaf7VhkQ9snc5vnjJ", "field_value": ""}]},
        {**DONE, "contact": CONTACT},
        "C1",
    ),
    Write(
        "contacts.update",
        lambda ghl: ghl.contacts.update("C1", ContactChanges(tags=[]), replace_tags=True),
        "PUT",
        "/contacts/{contactId}",
        ("C1",),
        {"tags": []},
        {"succeeded": True, "contact": CONTACT},
        "C1",
        generation="v3",
    ),
    Write(
        "contacts.upsert",
        lambda ghl: ghl.contacts.upsert(DRAFT, replace_tags=True, check=False),
        "POST",
        "/contacts/upsert",
        (),
        {"locationId": "L1", **V3_BODY},
        {**DONE, "new": False, "contact": CONTACT},
        (False, "C1"),
        idempotent=False,
        generation="v3",
    ),
    Write(
        "contacts.upsert",
        lambda ghl: ghl.contacts.upsert(ContactDraft(email="ann@example.com"), new_if_allowed=True),
        "POST",
        "/contacts/upsert",
        (),
        {"locationId": "L1", "email": "ann@example.com", "createNewIfDuplicateAllowed": True},
        {"new": True, "contact": CONTACT},
        (True, "C1"),
        idempotent=False,
    ),
    Write(
        "contacts.delete",
        lambda ghl: ghl.contacts.delete("C1"),
        "DELETE",
        "/contacts/{contactId}",
        ("C1",),
        None,
        DONE,
    ),
    Write(
        "contacts.add_followers",
        lambda ghl: ghl.contacts.add_followers("C1", ["U1"]),
        "POST",
        "/contacts/{contactId}/followers",
        ("C1",),
        {"followers": ["U1"]},
        {"followers": ["U0", "U1"], "followersAdded": ["U1"], **TRACE},
        ["U0", "U1"],
    ),
    Write(
        "contacts.remove_followers",
        lambda ghl: ghl.contacts.remove_followers("C1", ("U1",)),
        "DELETE",
        "/contacts/{contactId}/followers",
        ("C1",),
        {"followers": ["U1"]},
        {"followers": [], "followersRemoved": ["U1"], **TRACE},
        [],
    ),
    Write(
        "tags.add",
        lambda ghl: ghl.tags.add("C1", ["VIP"]),
        "POST",
        "/contacts/{contactId}/tags",
        ("C1",),
        {"tags": ["VIP"]},
        {"tags": ["a", "vip"], "tagsAdded": ["vip"], **TRACE},
        ["a", "vip"],
    ),
    Write(
        "tags.remove",
        lambda ghl: ghl.tags.remove("C1", ["vip"]),
        "DELETE",
        "/contacts/{contactId}/tags",
        ("C1",),
        {"tags": ["vip"]},
        {"tags": ["a"], "tagsRemoved": ["vip"], **TRACE},
        ["a"],
    ),
    Write(
        "tasks.create",
        lambda ghl: ghl.tasks.create("C1", TaskDraft(title="call", due_date=AT, body="now"), look_first=False),
        "POST",
        "/contacts/{contactId}/tasks",
        ("C1",),
        {"title": "call", "dueDate": "2026-07-17T12:00:00+02:00", "completed": False, "body": "now"},
        {"task": TASK, **TRACE},
        "T1",
        idempotent=False,
    ),
    Write(
        "tasks.update",
        lambda ghl: ghl.tasks.update("C1", "T1", TaskChanges(body="", assigned_to="U1")),
        "PUT",
        "/contacts/{contactId}/tasks/{taskId}",
        ("C1", "T1"),
        {"body": "", "assignedTo": "U1"},
        {"task": TASK, **TRACE},
        "T1",
    ),
    Write(
        "tasks.complete",
        lambda ghl: ghl.tasks.complete("C1", "T1"),
        "PUT",
        "/contacts/{contactId}/tasks/{taskId}/completed",
        ("C1", "T1"),
        {"completed": True},
        {"task": TASK, **TRACE},
        "T1",
    ),
    Write(
        "tasks.reopen",
        lambda ghl: ghl.tasks.reopen("C1", "T1"),
        "PUT",
        "/contacts/{contactId}/tasks/{taskId}/completed",
        ("C1", "T1"),
        {"completed": False},
        {"task": TASK, **TRACE},
        "T1",
    ),
    Write(
        "tasks.delete",
        lambda ghl: ghl.tasks.delete("C1", "T1"),
        "DELETE",
        "/contacts/{contactId}/tasks/{taskId}",
        ("C1", "T1"),
        None,
        DONE,
    ),
    Write(
        "notes.create",
        lambda ghl: ghl.notes.create("C1", NoteDraft(body="hello", color="#FFAA00", pinned=True)),
        "POST",
        "/contacts/{contactId}/notes",
        ("C1",),
        {"body": "hello", "color": "#FFAA00", "pinned": True},
        {"note": NOTE, **TRACE},
        "N1",
        idempotent=False,
    ),
    Write(
        "notes.update",
        lambda ghl: ghl.notes.update("C1", "N1", NoteChanges(title="Hi")),
        "PUT",
        "/contacts/{contactId}/notes/{id}",
        ("C1", "N1"),
        {"title": "Hi"},
        {"note": NOTE, **TRACE},
        "N1",
    ),
    Write(
        "notes.delete",
        lambda ghl: ghl.notes.delete("C1", "N1"),
        "DELETE",
        "/contacts/{contactId}/notes/{id}",
        ("C1", "N1"),
        None,
        {"succeded": True},
    ),
]

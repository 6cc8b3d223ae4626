"""What belongs to a contact or to the location, listed in one request: which request, and what comes back."""

from typing import NamedTuple

import pytest

from ghl_async.errors import DecodeError, UsageError
from ghl_async.models import Appointment, Calendar, CustomField, LocationDetails, LocationTag, Note, Task, User
from ghl_async.resources import Appointments, Calendars, CustomFields, Location, LocationTags, Notes, Tasks, Users

from .recording import TRACE, Recording

TASK = {"id": "T1", "title": "call", "dueDate": "2026-07-17T10:00:00.000Z", "completed": False, "contactId": "C1"}
NOTE = {"id": "N1", "body": "x" * 5000, "bodyText": "x", "userId": None, "pinned": False, "relations": []}
APPOINTMENT = {"id": "A1", "startTime": "2021-07-16 11:00:00", "status": "booked", "appointmentStatus": "confirmed"}
CALENDAR = {"id": "K1", "name": "Calls", "calendarType": "round_robin", "slotDuration": "30", "appoinmentPerSlot": 1}
TAG = {"id": "G1", "name": "vip", "locationId": "L1"}
FIELD = {"id": "F1", "name": "Pin", "fieldKey": "contact.pin", "dataType": "TEXT", "position": 50, "standard": False}
USER = {"id": "U1", "name": "Ann Lee", "roles": {"type": "account", "locationIds": ["L1"]}, "phone": ""}


class Listed(NamedTuple):
    """One list of the API: who asks with which ids, under which key the answer stands, and what it is."""

    resource: type
    ids: tuple[str, ...]
    key: str
    record: dict
    kind: type
    scope: str
    template: str
    query: tuple[tuple[str, str], ...] = ()
    version: str = "2021-07-28"
    path_ids: tuple[str, ...] = ()


@pytest.fixture(
    params=[
        Listed(Tasks, ("C1",), "tasks", TASK, Task, "contacts.readonly", "/contacts/{contactId}/tasks"),
        Listed(Notes, ("C1",), "notes", NOTE, Note, "contacts.readonly", "/contacts/{contactId}/notes"),
        Listed(
            Appointments,
            ("C1",),
            "events",
            APPOINTMENT,
            Appointment,
            "contacts.readonly",
            "/contacts/{contactId}/appointments",
        ),
        Listed(
            Calendars,
            (),
            "calendars",
            CALENDAR,
            Calendar,
            "calendars.readonly",
            "/calendars/",
            (("locationId", "L1"),),
            "2021-04-15",
        ),
        Listed(
            LocationTags,
            (),
            "tags",
            TAG,
            LocationTag,
            "locations/tags.readonly",
            "/locations/{locationId}/tags",
            path_ids=("L1",),
        ),
        Listed(
            CustomFields,
            (),
            "customFields",
            FIELD,
            CustomField,
            "locations/customFields.readonly",
            "/locations/{locationId}/customFields",
            (("model", "contact"),),
            path_ids=("L1",),
        ),
        Listed(Users, (), "users", USER, User, "users.readonly", "/users/", (("locationId", "L1"),)),
    ],
    ids=lambda listed: listed.resource.__name__,
)
def listed(request):
    return request.param


async def test_a_list_is_one_request_and_brings_everything(listed):
    send = Recording({listed.key: [listed.record, {**listed.record, "id": "X2"}], **TRACE})
    records = await listed.resource(send, "L1").list(*listed.ids)
    assert [type(one) for one in records] == [listed.kind, listed.kind]
    assert [one.id for one in records] == [listed.record["id"], "X2"]
    request = send.request
    assert request.operation.endswith(".list")
    assert (request.method, request.template) == ("GET", listed.template)
    assert request.ids == (listed.ids or listed.path_ids)
    assert (request.query, request.version) == (listed.query, listed.version)
    assert (request.scope, request.idempotent) == (listed.scope, True)


async def test_a_bad_record_fails_the_list_by_name_and_the_page_goes_on(listed):
    bad = [{**listed.record, "id": ["X2"]}, {**listed.record, "id": ""}]
    resource = listed.resource(Recording({listed.key: [listed.record, *bad], **TRACE}), "L1")
    noun = listed.kind.__name__.lower()
    with pytest.raises(DecodeError, match=rf"^{noun} .*\(and 1 more\) does not decode.*`page\(\)`"):
        await resource.list(*listed.ids)
    page = await resource.page(*listed.ids)
    assert [one.id for one in page.items] == [listed.record["id"]]
    assert [one.kind for one in page.quarantined] == [noun, noun]
    assert (page.cursor, page.total) == (None, None)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"KEY":null}', b'{"KEY":{}}', b"<html>"])
async def test_an_answer_without_its_list_is_not_an_empty_list(listed, body):
    send = Recording(body.replace(b"KEY", listed.key.encode()))
    with pytest.raises(DecodeError):
        await listed.resource(send, "L1").list(*listed.ids)


async def test_an_empty_list_is_an_empty_list(listed):
    assert await listed.resource(Recording({listed.key: [], **TRACE}), "L1").list(*listed.ids) == []


@pytest.mark.parametrize(
    ("resource", "key", "record", "template"),
    [
        (Tasks, "task", TASK, "/contacts/{contactId}/tasks/{taskId}"),
        (Notes, "note", NOTE, "/contacts/{contactId}/notes/{id}"),
    ],
)
async def test_one_task_or_note_is_got_by_the_contact_and_its_own_id(resource, key, record, template):
    send = Recording({key: record, **TRACE})
    got = await resource(send, "L1").get("C1", record["id"])
    assert got.id == record["id"]
    request = send.request
    assert (request.operation, request.template) == (f"{key}s.get", template)
    assert (request.ids, request.scope) == (("C1", record["id"]), "contacts.readonly")


async def test_the_location_is_got_by_the_id_the_client_works_for():
    send = Recording({"location": {"id": "L1", "timezone": "Europe/Zurich", "settings": {}}, **TRACE})
    location = await Location(send, "L1").get()
    assert isinstance(location, LocationDetails)
    assert location.timezone == "Europe/Zurich"
    request = send.request
    assert (request.operation, request.template) == ("location.get", "/locations/{locationId}")
    assert (request.ids, request.scope) == (("L1",), "locations.readonly")


async def test_custom_fields_are_those_of_contacts_unless_others_are_asked_for():
    send = Recording({"customFields": [FIELD], **TRACE})
    (field,) = await CustomFields(send, "L1").list(model="all")
    assert (field.field_key, field.data_type, field.position) == ("contact.pin", "TEXT", 50)
    assert (send.request.operation, send.request.query) == ("custom_fields.list", (("model", "all"),))


async def test_custom_fields_of_something_else_are_refused_before_anything_is_sent():
    send = Recording({"customFields": []})
    with pytest.raises(UsageError, match="contact, opportunity or all, not 'deal'"):
        await CustomFields(send, "L1").list(model="deal")
    assert send.requests == []

"""Tasks, notes and appointments of a contact; calendars and the location: which request, and what comes back."""

from typing import NamedTuple

import pytest

from ghl_async.errors import DecodeError
from ghl_async.models import Appointment, Calendar, LocationDetails, Note, Task
from ghl_async.resources import Appointments, Calendars, Location, Notes, Tasks

from .recording import TRACE, Recording

TASK = {"id": "T1", "title": "call", "dueDate": "2026-07-17T10:00:00.000Z", "completed": False, "contactId": "C1"}
NOTE = {"id": "N1", "body": "x" * 5000, "bodyText": "x", "userId": None, "pinned": False, "relations": []}
APPOINTMENT = {"id": "A1", "startTime": "2021-07-16 11:00:00", "status": "booked", "appointmentStatus": "confirmed"}
CALENDAR = {"id": "K1", "name": "Calls", "calendarType": "round_robin", "slotDuration": "30", "appoinmentPerSlot": 1}


class Listed(NamedTuple):
    """One list of the API: who asks with which ids, under which key the answer stands, and what it is."""

    resource: type
    ids: tuple[str, ...]
    key: str
    record: dict
    kind: type
    scope: str


@pytest.fixture(
    params=[
        Listed(Tasks, ("C1",), "tasks", TASK, Task, "contacts.readonly"),
        Listed(Notes, ("C1",), "notes", NOTE, Note, "contacts.readonly"),
        Listed(Appointments, ("C1",), "events", APPOINTMENT, Appointment, "contacts.readonly"),
        Listed(Calendars, (), "calendars", CALENDAR, Calendar, "calendars.readonly"),
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
    noun = listed.resource.__name__.lower()
    assert (request.operation, request.method, request.ids) == (f"{noun}.list", "GET", listed.ids)
    assert request.template == (f"/contacts/{{contactId}}/{noun}" if listed.ids else f"/{noun}/")
    assert request.query == (() if listed.ids else (("locationId", "L1"),))
    assert request.version == ("2021-07-28" if listed.ids else "2021-04-15")
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

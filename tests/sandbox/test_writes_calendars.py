"""Appointments, blocked slots and free slots: request, reply, status, refusals, and what reads them afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

UNKNOWN = "A" * 20
FLAT = {
    "id", "calendarId", "locationId", "contactId", "title", "status", "appointmentStatus", "appoinmentStatus",
    "dateAdded", "dateUpdated", "isRecurring", "traceId",
}  # fmt: skip
APPOINTMENTS, BLOCKS = "/calendars/events/appointments", "/calendars/events/block-slots"
MONDAY = "2030-07-01"
STATUSES = "new, confirmed, cancelled, showed, noshow, invalid"


def ms(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


class Desk:
    """One contact, one calendar, and the calls about them."""

    def __init__(self, api, contact_id, calendars):
        self.api = api
        self.contact_id = contact_id
        self.calendar_id = calendars[0]["id"]
        self.calendars = calendars
        self.place = api.sandbox.location_id

    async def book(self, version="2021-04-15", **body):
        fixed = {"locationId": self.place, "contactId": self.contact_id, "calendarId": self.calendar_id}
        start = {"startTime": f"{MONDAY}T16:00:00+02:00"}
        return await self.api("POST", APPOINTMENTS, fixed | start | body, Version=version)

    async def block(self, **body):
        times = {"startTime": f"{MONDAY}T09:00:00-05:00", "endTime": f"{MONDAY}T11:00:00-05:00"}
        return await self.api("POST", BLOCKS, {"locationId": self.place} | times | body)

    async def events(self, door="events", **query):
        query = {"locationId": self.place, "startTime": "0", "endTime": "4102444800000"} | query
        path = f"/calendars/{door}?" + "&".join(f"{name}={value}" for name, value in query.items())
        return (await self.api("GET", path)).content

    async def free(self, first=f"{MONDAY}T00:00:00-05:00", last=f"{MONDAY}T23:59:00-05:00", **query):
        query = {"startDate": ms(first), "endDate": ms(last)} | query
        words = "&".join(f"{name}={value}" for name, value in query.items())
        return await self.api("GET", f"/calendars/{self.calendar_id}/free-slots?{words}")


@pytest.fixture
async def desk(start):
    return await opened(start)


async def opened(start, **options):
    api = await start(**({"contacts": 40, "appointments": 0} | options))
    calendars = (await api("GET", f"/calendars/?locationId={api.sandbox.location_id}")).content["calendars"]
    return Desk(api, (await api.search(pageLimit=1)).content["contacts"][0]["id"], calendars)


async def test_an_appointment_is_answered_flat_and_read_in_three_places(desk):
    reply = await desk.book(title="Check-up", address="Zoom", description="first visit", assignedUserId="u1")
    assert (reply.status, set(reply.content)) == (200, FLAT | {"address"})
    event_id = reply.content["id"]
    assert (reply.content["status"], reply.content["appointmentStatus"]) == ("booked", "confirmed")
    single = await desk.api("GET", f"{APPOINTMENTS}/{event_id}")
    assert (single.status, set(single.content)) == (200, {"appointment", "traceId"})
    event = single.content["appointment"]
    assert (event["startTime"], event["endTime"]) == (f"{MONDAY}T09:00:00-05:00", f"{MONDAY}T09:30:00-05:00")
    assert (event["deleted"], event["appoinmentStatus"]) == (False, "confirmed")
    assert (await desk.events(calendarId=desk.calendar_id))["events"] == [event]
    assert (await desk.events(userId="u1"))["events"] == [event]
    own = (await desk.api("GET", f"/contacts/{desk.contact_id}/appointments")).content["events"]
    assert [one["id"] for one in own] == [event_id]
    assert (own[0]["startTime"], own[0]["status"]) == (f"{MONDAY} 09:00:00", "booked")
    assert (own[0]["assignedUserId"], own[0]["users"], own[0]["notes"]) == ("u1", ["u1"], "first visit")


async def test_v3_answers_times_and_assignee_too(desk):
    reply = await desk.book("v3")
    assert set(reply.content) == FLAT | {"startTime", "endTime", "assignedUserId"}
    assert reply.content["assignedUserId"] == desk.calendars[0]["teamMembers"][0]["userId"]


async def test_an_appointment_moves_and_keeps_its_length(desk):
    event_id = (await desk.book(endTime=f"{MONDAY}T17:30:00+02:00")).content["id"]
    path = f"{APPOINTMENTS}/{event_id}"
    body = {"startTime": f"{MONDAY}T12:00:00", "appointmentStatus": "showed", "calendarId": desk.calendars[1]["id"]}
    reply = await desk.api("PUT", path, body | {"assignedUserId": "u2"})
    assert (reply.status, set(reply.content), reply.content["appointmentStatus"]) == (200, FLAT, "showed")
    event = (await desk.api("GET", path)).content["appointment"]
    assert (event["startTime"], event["endTime"]) == (f"{MONDAY}T12:00:00-05:00", f"{MONDAY}T13:30:00-05:00")
    assert event["dateUpdated"] >= event["dateAdded"]
    assert (await desk.events(calendarId=desk.calendar_id))["events"] == []
    assert (await desk.events(calendarId=desk.calendars[1]["id"]))["events"] == [event]
    assert (await desk.events(userId="u2"))["events"] == [event]


async def test_a_deleted_appointment_is_gone_from_the_lists_and_stays_readable(desk):
    event_id = (await desk.book()).content["id"]
    for body in ({}, None):
        reply = await desk.api("DELETE", f"/calendars/events/{event_id}", body)
        assert (reply.status, set(reply.content), reply.content["succeeded"]) == (200, {"succeeded", "traceId"}, True)
    event = (await desk.api("GET", f"{APPOINTMENTS}/{event_id}")).content["appointment"]
    assert (event["deleted"], set(event["appointmentMeta"])) == (True, {"slotType"})
    assert (await desk.events(calendarId=desk.calendar_id))["events"] == []
    assert (await desk.api("GET", f"/contacts/{desk.contact_id}/appointments")).content["events"] == []
    reply = await desk.api("PUT", f"{APPOINTMENTS}/{event_id}", {"title": "x"})
    assert (reply.status, reply.content["message"]) == (400, f"Appointment with id {event_id} not found")


async def test_made_up_appointments_can_be_read_moved_and_deleted_by_their_ids(start):
    desk = await opened(start, contacts=100, appointments=2, lost=0)
    truth = (await desk.api("GET", "/_sandbox/truth?limit=100")).content["contacts"]
    events = {event["id"]: event for one in truth for event in one["events"]}
    for event_id, event in list(events.items())[:20]:
        path = f"{APPOINTMENTS}/{event_id}"
        assert (await desk.api("GET", path)).content["appointment"] == event
        assert (await desk.api("PUT", path, {"title": "Neu"})).content["title"] == "Neu"
        moved = (await desk.api("GET", path)).content["appointment"]
        assert moved | {"dateUpdated": ""} == event | {"title": "Neu", "dateUpdated": ""}
    gone = list(events)[10:30]
    for event_id in gone:
        assert (await desk.api("DELETE", f"/calendars/events/{event_id}")).status == 200
    left = {
        one["id"] for calendar in desk.calendars for one in (await desk.events(calendarId=calendar["id"]))["events"]
    }
    assert left == set(events) - set(gone)


async def test_the_appointments_of_a_deleted_contact_cannot_be_found(desk):
    event_id = (await desk.book()).content["id"]
    await desk.api("DELETE", f"/contacts/{desk.contact_id}")
    assert (await desk.api("GET", f"{APPOINTMENTS}/{event_id}")).status == 400
    assert (await desk.events(calendarId=desk.calendar_id))["events"] == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"startTime": None}, 422, ["startTime must be a valid ISO 8601 date string"]),
        ({"calendarId": ""}, 422, ["calendarId should not be empty"]),
        ({"userId": "u1"}, 422, ["property userId should not exist"]),
        (
            {"appointmentStatus": "done"},
            422,
            [f"appointmentStatus must be one of the following values: {STATUSES}"],
        ),
        ({"endTime": f"{MONDAY}T16:00:00+02:00"}, 422, ["endTime must be after startTime"]),
        ({"startTime": "9999-12-31T23:59:59Z"}, 422, ["startTime must be a valid ISO 8601 date string"]),
        ({"startTime": "0001-01-01T00:00:00Z"}, 422, ["startTime must be a valid ISO 8601 date string"]),
        ({"calendarId": "x"}, 400, "Calendar with id x not found"),
        ({"contactId": UNKNOWN}, 400, f"Contact with id {UNKNOWN} not found"),
        ({"locationId": "x"}, 403, "The token does not have access to this location."),
    ],
)
async def test_appointments_that_cannot_be_made(desk, body, status, message):
    reply = await desk.book(**body)
    assert (reply.status, reply.content["message"]) == (status, message)


async def test_appointments_have_a_scope_for_writing(desk):
    event_id = (await desk.book()).content["id"]
    await desk.api(
        "POST", "/_sandbox/tokens", {"token": desk.api.sandbox.token, "scopes": ["calendars/events.readonly"]}
    )
    assert (await desk.book()).status == 401
    assert (await desk.api("DELETE", f"/calendars/events/{event_id}")).status == 401
    assert (await desk.api("GET", f"{APPOINTMENTS}/{event_id}")).status == 200


@pytest.mark.parametrize("zone", ["Europe/Zurich", "Asia/Kolkata"])
async def test_a_location_that_moves_keeps_the_instants_of_written_appointments(desk, zone):
    event_id = (await desk.book()).content["id"]
    changed = await desk.api("PUT", f"/_sandbox/locations/{desk.place}", {"timezone": zone})
    assert changed.content["timezone"] == zone
    event = (await desk.api("GET", f"{APPOINTMENTS}/{event_id}")).content["appointment"]
    wanted = datetime(2030, 7, 1, 14, tzinfo=UTC).astimezone(ZoneInfo(zone))
    assert event["startTime"] == wanted.isoformat()
    own = (await desk.api("GET", f"/contacts/{desk.contact_id}/appointments")).content["events"][0]
    assert own["startTime"] == wanted.strftime("%Y-%m-%d %H:%M:%S")


async def test_a_slot_is_blocked_moved_listed_and_freed(desk):
    reply = await desk.block(calendarId=desk.calendar_id, title="Lunch")
    keys = {"id", "locationId", "title", "startTime", "endTime", "calendarId", "traceId"}
    assert (reply.status, set(reply.content)) == (201, keys)
    path = f"{BLOCKS}/{reply.content['id']}"
    body = {"locationId": desk.place, "assignedUserId": "u1", "startTime": f"{MONDAY}T10:00:00-05:00"}
    moved = await desk.api("PUT", path, body)
    assert (moved.status, set(moved.content)) == (201, keys - {"calendarId"} | {"assignedUserId"})
    assert (moved.content["startTime"], moved.content["title"]) == (f"{MONDAY}T10:00:00-05:00", "Lunch")
    assert [one["id"] for one in (await desk.events("blocked-slots", userId="u1"))["events"]] == [moved.content["id"]]
    assert (await desk.events("blocked-slots", calendarId=desk.calendar_id))["events"] == []
    assert (await desk.events("blocked-slots", userId="u1", endTime="5"))["events"] == []
    assert (await desk.events("blocked-slots", userId="u1", groupId="g"))["events"] == []
    assert (await desk.api("DELETE", f"/calendars/events/{moved.content['id']}")).content["succeeded"] is True
    assert (await desk.events("blocked-slots", userId="u1"))["events"] == []
    assert (await desk.api("PUT", path, body)).status == 400


ONE_OF_TWO = ["Either calendarId or assignedUserId is required, not both"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 422, ONE_OF_TWO),
        ({"calendarId": "x", "assignedUserId": "u1"}, 422, ONE_OF_TWO),
        ({"assignedUserId": "u1", "startTime": None}, 422, ["startTime must be a valid ISO 8601 date string"]),
        ({"assignedUserId": "u1", "endTime": f"{MONDAY}T00:00:00Z"}, 422, ["endTime must be after startTime"]),
        ({"calendarId": "x"}, 400, "Calendar with id x not found"),
    ],
)
async def test_slots_that_cannot_be_blocked(desk, body, status, message):
    reply = await desk.block(**body)
    assert (reply.status, reply.content["message"]) == (status, message)


async def test_blocked_slots_are_asked_for_like_events(desk):
    assert (await desk.events("blocked-slots"))["message"] == ["Either of calendarId, userId or groupId is required"]
    assert (await desk.events("blocked-slots", startTime=""))["message"] == ["startTime should not be empty"]


async def test_free_slots_are_the_working_day_without_what_is_booked_and_blocked(desk):
    everything = (await desk.free()).content
    assert set(everything) == {MONDAY, "traceId"}
    slots = everything[MONDAY]["slots"]
    assert (len(slots), slots[0], slots[-1]) == (16, f"{MONDAY}T09:00:00-05:00", f"{MONDAY}T16:30:00-05:00")
    await desk.block(calendarId=desk.calendar_id)
    await desk.book(startTime=f"{MONDAY}T12:15:00-05:00")
    await desk.book(startTime=f"{MONDAY}T14:00:00-05:00", appointmentStatus="cancelled")
    taken = {f"{MONDAY}T{at}:00-05:00" for at in ("09:00", "09:30", "10:00", "10:30", "12:00", "12:30")}
    assert (await desk.free()).content[MONDAY]["slots"] == [slot for slot in slots if slot not in taken]
    away = (await desk.free(timezone="Europe/Zurich")).content[MONDAY]["slots"]
    assert away[0] == f"{MONDAY}T18:00:00+02:00"


async def test_the_slots_of_a_user_are_not_free_where_the_user_is_blocked(desk):
    await desk.block(assignedUserId="u1", endTime=f"{MONDAY}T17:00:00-05:00")
    assert MONDAY in (await desk.free()).content
    assert MONDAY not in (await desk.free(userId="u1")).content


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"startDate": ""}, 422, ["startDate should not be empty"]),
        ({"endDate": "soon"}, 422, ["endDate must be a number conforming to the specified constraints"]),
        (
            {"endDate": ms(f"{MONDAY}T00:00:00-05:00") + 31 * 86_400_000 + 1},
            400,
            "The date range must not be more than 31 days",
        ),
        ({"endDate": "0"}, 400, "The date range must not be more than 31 days"),
        ({"timezone": "Mars/Olympus"}, 422, ["timezone must be a valid time zone"]),
        ({"locationId": "x"}, 422, ["property locationId should not exist"]),
    ],
)
async def test_free_slots_that_cannot_be_asked_for(desk, query, status, message):
    reply = await desk.free(**query)
    assert (reply.status, reply.content["message"]) == (status, message)


async def test_31_days_of_free_slots_are_given_and_weekends_have_none(desk):
    days = (await desk.free(endDate=ms(f"{MONDAY}T00:00:00-05:00") + 31 * 86_400_000)).content
    assert len(days) - 1 == 23
    desk.calendar_id = "x"
    assert (await desk.free()).content["message"] == "Calendar with id x not found"

"""Appointments by calendar and window, against the lists of the contacts they belong to."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

EVER = ("0", "4102444800000")
KEYS = {
    "id", "locationId", "calendarId", "contactId", "title", "address", "appointmentStatus", "appoinmentStatus",
    "startTime", "endTime", "dateAdded", "dateUpdated", "isRecurring", "assignedResources", "createdBy", "deleted",
}  # fmt: skip


async def events(api, window=EVER, **query):
    params = {"locationId": api.sandbox.location_id, "startTime": window[0], "endTime": window[1]} | query
    path = "/calendars/events?" + "&".join(f"{name}={value}" for name, value in params.items() if value is not None)
    return await api("GET", path, Version="2021-04-15")


async def calendars(api):
    path = f"/calendars/?locationId={api.sandbox.location_id}"
    return [calendar["id"] for calendar in (await api("GET", path)).content["calendars"]]


async def truth_of(api):
    return (await api("GET", "/_sandbox/truth?limit=3000")).content["contacts"]


def instant(event):
    return int(datetime.fromisoformat(event["startTime"]).timestamp() * 1000)


async def test_all_calendars_together_show_all_appointments_but_those_of_deleted_calendars(start):
    api = await start(contacts=600)
    truth = await truth_of(api)
    living = await calendars(api)
    shown = {event["id"]: event for one in living for event in (await events(api, calendarId=one)).content["events"]}
    appointments = {event["id"]: event for one in truth for event in one["appointments"]}
    lost = {key for key, event in appointments.items() if event["calendarId"] not in living}
    assert lost
    assert set(shown) == set(appointments) - lost
    assert shown == {event["id"]: event for one in truth for event in one["events"]}
    gone = {event["calendarId"] for event in appointments.values()} - set(living)
    assert len(gone) == 1
    assert (await events(api, calendarId=gone.pop())).content["events"] == []


async def test_no_appointment_is_lost_when_none_is_asked_for(start):
    api = await start(contacts=400, lost=0)
    living = await calendars(api)
    assert {event["calendarId"] for one in await truth_of(api) for event in one["appointments"]} == set(living)


@pytest.mark.parametrize("zone", ["America/Chicago", "Europe/Zurich", "Asia/Kolkata"])
async def test_times_have_the_offset_of_the_location_and_show_what_its_clocks_show(start, zone):
    api = await start(contacts=300, timezone=zone)
    location = (await api("GET", f"/locations/{api.sandbox.location_id}")).content["location"]
    assert location["timezone"] == zone
    appointments = {event["id"]: event for one in await truth_of(api) for event in one["appointments"]}
    found = (await events(api, calendarId=(await calendars(api))[0])).content["events"]
    assert found
    for event in found:
        assert set(event) == KEYS
        started = datetime.fromisoformat(event["startTime"])
        assert started.utcoffset() == started.replace(tzinfo=ZoneInfo(zone)).utcoffset()
        assert started.strftime("%Y-%m-%d %H:%M:%S") == appointments[event["id"]]["startTime"]
        assert event["dateAdded"].endswith("Z")
        assert event["deleted"] is False
        assert event["createdBy"] == {"source": "third_party", "userId": None}


async def test_windows_share_the_appointments_out_whatever_their_size(start):
    api = await start(contacts=5000)
    one = (await calendars(api))[1]
    everything = (await events(api, calendarId=one)).content["events"]
    starts = [instant(event) for event in everything]
    assert starts == sorted(starts)
    week = 7 * 86_400_000
    first = starts[len(starts) // 2]
    found = []
    for number in range(5):
        window = (str(first + number * week), str(first + (number + 1) * week - 1))
        found += (await events(api, window, calendarId=one)).content["events"]
    assert found == [event for event in everything if first <= instant(event) < first + 5 * week]
    assert (await events(api, (str(first), str(first)), calendarId=one)).content["events"][0]["id"]
    assert (await events(api, (str(first), str(first - 1)), calendarId=one)).content["events"] == []


async def test_users_have_events_and_groups_have_none(start):
    api = await start(contacts=300)
    truth = await truth_of(api)
    user = api.sandbox.state.main.people.user_ids[2]
    living = await calendars(api)
    wanted = {
        event["id"]
        for one in truth
        for event in one["appointments"]
        if event.get("assignedUserId") == user and event["calendarId"] in living
    }
    assert {event["id"] for event in (await events(api, userId=user)).content["events"]} == wanted
    assert (await events(api, groupId="g")).content["events"] == []


async def test_deleted_contacts_take_their_events_along_and_added_ones_bring_theirs(start):
    api = await start(contacts=200)
    one = (await calendars(api))[0]
    before = (await events(api, calendarId=one)).content["events"]
    gone = before[0]["contactId"]
    await api("DELETE", f"/_sandbox/contacts/{gone}")
    visit = {"calendarId": one, "startTime": "2030-07-01 09:00:00", "endTime": "2030-07-01 09:30:00", "title": "Späti"}
    vague = {"calendarId": one, "title": "some day"}
    await api("POST", "/_sandbox/contacts", {"appointments": [visit, vague, visit | {"calendarId": "elsewhere"}]})
    after = (await events(api, calendarId=one)).content["events"]
    assert [event["id"] for event in after[:-1]] == [event["id"] for event in before if event["contactId"] != gone]
    assert (after[-1]["title"], after[-1]["startTime"]) == ("Späti", "2030-07-01T09:00:00-05:00")


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ({}, ["Either of calendarId, userId or groupId is required"]),
        ({"calendarId": "x", "startTime": None}, ["startTime should not be empty"]),
        ({"calendarId": "x", "endTime": "soon"}, ["endTime must be a number conforming to the specified constraints"]),
        ({"calendarId": "x", "limit": "5"}, ["property limit should not exist"]),
        ({"calendarId": "x", "locationId": None}, ["locationId must be a string", "locationId should not be empty"]),
    ],
)
async def test_windows_of_a_wrong_shape_are_a_422(start, query, messages):
    api = await start(contacts=1)
    reply = await events(api, **query)
    assert (reply.status, reply.content["message"]) == (422, messages)


async def test_events_have_a_scope_of_their_own(start):
    api = await start(contacts=1)
    await api("POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": ["calendars.readonly"]})
    assert (await events(api, calendarId="x")).status == 401


async def test_a_zone_that_does_not_exist_is_refused_at_the_start(start):
    with pytest.raises(ValueError, match="Mars/Olympus"):
        await start(contacts=1, timezone="Mars/Olympus")

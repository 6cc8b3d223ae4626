"""The location-wide doors as a stranger meets them: plain curl, nothing of the package imported."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from .stranger import Stranger

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def ghl():
    stranger = Stranger("--contacts", "300", "--requests", "100000", "--tasks-clamp", "40", "--notes-refuse", "100")
    yield stranger
    stranger.end()


@pytest.fixture(scope="module")
def truth(ghl):
    return ghl.door("GET", "truth?limit=300")["contacts"]


def post(ghl, path, version="v3", **body):
    return ghl.get(path, "-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body), version=version)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
def test_tasks_search_8_2(ghl, truth, version):
    some = truth[:60]
    ids = [one["contact"]["id"] for one in some]
    path = f"/locations/{ghl.location_id}/tasks/search"
    page = post(ghl, path, version, contactId=ids, limit=100).json
    assert set(page) == {"tasks", "traceId"}
    assert page["tasks"] == [task for one in some for task in one["tasks"]][:40]
    assert len(post(ghl, path, version).json["tasks"]) == 25
    wrong = post(ghl, path, version, contactIds=ids)
    assert (wrong.status, wrong.json["message"]) == (422, ["property contactIds should not exist"])


def test_notes_search_8_4(ghl, truth):
    some = truth[:30]
    ids = [one["contact"]["id"] for one in some]
    page = post(ghl, "/notes/search", locationId=ghl.location_id, relations=ids, limit=100, count=True).json
    assert set(page) == {"notes", "count", "traceId"}
    assert page["count"] == len({note["id"] for one in some for note in one["notes"]})
    assert max(len(note["relations"]) for note in page["notes"]) == 2
    assert post(ghl, "/notes/search", locationId=ghl.location_id, limit=101).status == 422
    old = post(ghl, "/notes/search", "2021-07-28", locationId=ghl.location_id)
    assert (old.status, old.json["message"]) == (404, "Cannot POST /notes/search")


def test_calendar_events_8_3(ghl, truth):
    calendars = ghl.get(f"/calendars/?locationId={ghl.location_id}").json["calendars"]
    window = f"locationId={ghl.location_id}&startTime=0&endTime=4102444800000"
    found = ghl.get(f"/calendars/events?{window}&calendarId={calendars[0]['id']}", version="2021-04-15").json
    assert set(found) == {"events", "traceId"}
    event = found["events"][0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00-0[56]:00", event["startTime"])
    assert event["appoinmentStatus"] == event["appointmentStatus"]
    assert event["deleted"] is False
    known = {item["id"] for one in truth for item in one["events"]}
    assert {item["id"] for item in found["events"]} <= known
    assert ghl.get(f"/calendars/events?{window}").status == 422


def test_dictionaries_8_7(ghl):
    place = f"/locations/{ghl.location_id}"
    assert "vip" in {tag["name"] for tag in ghl.get(f"{place}/tags").json["tags"]}
    fields = ghl.get(f"{place}/customFields?model=contact").json["customFields"]
    assert {"TEXT", "MONETORY", "TEXTBOX_LIST"} <= {field["dataType"] for field in fields}
    assert ghl.get(f"/users/?locationId={ghl.location_id}").json["users"][0]["roles"]["role"] == "admin"


def test_lookup_is_for_oauth_alone_6_9(ghl, truth):
    known = next(one["contact"] for one in truth if one["contact"]["email"])
    path = f"/contacts/lookup?locationId={ghl.location_id}&email={known['email']}"
    assert ghl.get(path, version="v3").status == 401
    token = ghl.door("POST", "tokens", {"token": "eyJ.a.b", "app": "client-1"})["token"]
    found = ghl.get(path, version="v3", token=token).json["contacts"]
    assert [contact["id"] for contact in found] == [known["id"]]


def test_a_door_is_shut_and_opened(ghl):
    ghl.door("POST", "faults", {"kind": "refused", "path_contains": "/notes/search", "status": 403})
    answer = post(ghl, "/notes/search", locationId=ghl.location_id)
    assert (answer.status, answer.json["error"]) == (403, "Forbidden")
    ghl.door("DELETE", "faults")
    assert post(ghl, "/notes/search", locationId=ghl.location_id).status == 200

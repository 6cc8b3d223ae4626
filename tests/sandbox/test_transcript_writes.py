"""Writing as a stranger meets it: plain curl, nothing of the package imported; one rule of the facts a test."""

from __future__ import annotations

import json
import shutil

import pytest

from .stranger import Stranger

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def ghl():
    stranger = Stranger("--contacts", "50", "--requests", "100000")
    yield stranger
    stranger.end()


def send(ghl, method, path, body=None, **options):
    data = () if body is None else ("-H", "Content-Type: application/json", "-d", json.dumps(body))
    return ghl.get(path, "-X", method, *data, **options)


def create(ghl, **body):
    return send(ghl, "POST", "/contacts/", {"locationId": ghl.location_id} | body)


def test_create_is_a_201_and_a_double_a_400_that_names_the_other_7_1_and_5_3(ghl):
    first = create(ghl, name="Ada Löv", email="Ada@x.com", tags=["VIP "])
    assert (first.status, first.json["contact"]["tags"]) == (201, ["vip"])
    double = create(ghl, firstName="Bea", email="ada@X.com")
    assert (double.status, double.json["message"]) == (400, "This location does not allow duplicated contacts.")
    meta = {"contactId": first.json["contact"]["id"], "contactName": "Ada Löv", "matchingField": "email"}
    assert double.json["meta"] == meta


def test_an_unknown_property_is_a_422_5_2(ghl):
    answer = create(ghl, additionalEmails=[])
    assert (answer.status, answer.json["message"]) == (422, ["property additionalEmails should not exist"])


def test_update_and_delete_have_both_flags_7_1(ghl):
    contact_id = create(ghl, firstName="Cy").json["contact"]["id"]
    updated = send(ghl, "PUT", f"/contacts/{contact_id}", {"city": "Bern"})
    assert (updated.status, updated.json["succeded"], updated.json["succeeded"]) == (200, True, True)
    deleted = send(ghl, "DELETE", f"/contacts/{contact_id}")
    assert (deleted.status, set(deleted.json)) == (200, {"succeded", "succeeded", "traceId"})
    assert ghl.get(f"/contacts/{contact_id}").json["message"] == f"Contact with id {contact_id} not found"


def test_upsert_says_whether_it_is_new_7_5(ghl):
    body = {"locationId": ghl.location_id, "phone": "+1 205-555-0177"}
    answers = [send(ghl, "POST", "/contacts/upsert", body) for _ in range(2)]
    assert [(answer.status, answer.json["new"]) for answer in answers] == [(200, True), (200, False)]
    assert answers[0].json["contact"]["id"] == answers[1].json["contact"]["id"]


def test_tags_are_taken_away_with_a_body_7_1(ghl):
    path = f"/contacts/{create(ghl, tags=['a', 'b']).json['contact']['id']}/tags"
    given = send(ghl, "POST", path, {"tags": ["C", "a"]})
    assert (given.status, given.json["tags"], given.json["tagsAdded"]) == (201, ["a", "b", "c"], ["c"])
    taken = send(ghl, "DELETE", path, {"tags": ["A"]})
    assert (taken.status, taken.json["tags"], taken.json["tagsRemoved"]) == (200, ["b", "c"], ["a"])


def test_a_due_date_is_normalised_and_completing_is_a_put_7_4(ghl):
    path = f"/contacts/{create(ghl).json['contact']['id']}/tasks"
    made = send(ghl, "POST", path, {"title": "Call", "dueDate": "2030-01-01T10:00:00+02:00", "completed": False})
    assert (made.status, made.json["task"]["dueDate"]) == (201, "2030-01-01T08:00:00.000Z")
    done = send(ghl, "PUT", f"{path}/{made.json['task']['id']}/completed", {"completed": True})
    assert (done.status, done.json["task"]["completed"]) == (200, True)


def test_a_workflow_needs_no_body_7_1(ghl):
    contact_id = create(ghl).json["contact"]["id"]
    workflow = ghl.get(f"/workflows/?locationId={ghl.location_id}").json["workflows"][0]["id"]
    for method in ("POST", "DELETE"):
        assert send(ghl, method, f"/contacts/{contact_id}/workflow/{workflow}").status == 200


def test_bulk_tags_are_a_201_whatever_became_of_the_items_7_6(ghl):
    body = {"locationId": ghl.location_id, "contacts": [create(ghl).json["contact"]["id"], "bad"], "tags": ["vip"]}
    answer = send(ghl, "POST", "/contacts/bulk/tags/update/add", body)
    assert (answer.status, answer.json["succeded"], answer.json["errorCount"]) == (201, True, 1)
    assert [item["type"] for item in answer.json["responses"]] == ["success", "error"]


def test_a_deleted_appointment_is_still_readable_8_3(ghl):
    calendar = ghl.get(f"/calendars/?locationId={ghl.location_id}").json["calendars"][0]["id"]
    body = {"locationId": ghl.location_id, "calendarId": calendar, "contactId": create(ghl).json["contact"]["id"]}
    path = "/calendars/events/appointments"
    made = send(ghl, "POST", path, body | {"startTime": "2030-07-01T16:00:00+02:00"}, version="2021-04-15")
    assert (made.status, made.json["status"]) == (200, "booked")
    gone = send(ghl, "DELETE", f"/calendars/events/{made.json['id']}", {})
    assert (gone.status, gone.json["succeeded"]) == (200, True)
    event = ghl.get(f"{path}/{made.json['id']}").json["appointment"]
    assert (event["deleted"], event["startTime"]) == (True, "2030-07-01T09:00:00-05:00")


def test_what_is_unknown_can_be_chosen_at_the_start_16():
    options = ("--country", "CH", "--allow-duplicates", "--unique-identifiers", "phone", "--bulk-tags-refuse", "1")
    ghl = Stranger("--contacts", "0", *options)
    try:
        settings = ghl.get(f"/locations/{ghl.location_id}").json["location"]["settings"]
        assert (settings["allowDuplicateContact"], settings["contactUniqueIdentifiers"]) == (True, ["phone"])
        answers = [create(ghl, phone="044 555 01 00") for _ in range(2)]
        assert [answer.json["contact"]["phone"] for answer in answers] == ["+41445550100"] * 2
        body = {"locationId": ghl.location_id, "contacts": ["a", "b"], "tags": []}
        assert send(ghl, "POST", "/contacts/bulk/tags/update/add", body).status == 422
    finally:
        ghl.end()

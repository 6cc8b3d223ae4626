"""Routes, orders and odd records as a stranger meets them: plain curl, nothing of the package imported."""

from __future__ import annotations

import ast
import shutil
from collections import Counter
from pathlib import Path

import pytest

from .stranger import Stranger

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

UNKNOWN = "AAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def ghl():
    stranger = Stranger("--contacts", "600", "--requests", "100000")
    yield stranger
    stranger.end()


@pytest.fixture(scope="module")
def contacts(ghl):
    first = ghl.search(pageLimit=500).json["contacts"]
    return first + ghl.search(pageLimit=500, searchAfter=first[-1]["searchAfter"]).json["contacts"]


def test_the_transcripts_import_nothing_of_the_package():
    files = [*Path(__file__).parent.glob("test_transcript*.py"), Path(__file__).parent / "stranger.py"]
    assert len(files) == 7
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "ghl_async" for name in names)


def test_refusals_come_in_the_observed_order_2_4(ghl):
    bare = ghl.door("POST", "tokens", {"token": "pit-bare", "scopes": []})["token"]
    wrong, right = f"/contacts/?locationId={ghl.location_id}&x=1", f"/contacts/?locationId={ghl.location_id}"
    steps = [("pit-no", None, wrong), (bare, None, wrong), (bare, "2021-07-28", wrong), (bare, "2021-07-28", right)]
    answers = [ghl.get(path, token=token, version=version) for token, version, path in steps]
    assert [(answer.status, answer.json["message"]) for answer in answers] == [
        (401, "Invalid Private Integration token"),
        (401, "version header was not found."),
        (422, ["property x should not exist"]),
        (401, "The token is not authorized for this scope."),
    ]


def test_another_location_can_be_a_401_16_14():
    ghl = Stranger("--contacts", "1", "--wrong-location-status", "401")
    try:
        other = ghl.door("GET", "locations")["locations"][1]["id"]
        answer = ghl.get(f"/locations/{other}")
        assert (answer.status, answer.json["message"]) == (401, "This location is not accessible from this token!")
    finally:
        ghl.end()


def test_unknown_query_parameters_1(ghl, contacts):
    for path in (
        f"/contacts/{contacts[0]['id']}",
        f"/contacts/{contacts[0]['id']}/notes",
        f"/contacts/{UNKNOWN}/tasks",
    ):
        answer = ghl.get(f"{path}?limit=1")
        assert (answer.status, answer.json["message"]) == (422, ["property limit should not exist"])
    assert ghl.get("/contacts/").status == 422  # no locationId


def test_lookup_with_its_query_is_a_contact_id_too_5_2(ghl):
    answer = ghl.get(f"/contacts/lookup?locationId={ghl.location_id}&email=a@example.com")
    assert (answer.status, answer.json["message"]) == (400, "Contact with id lookup not found")
    assert answer.json["error"] == "Bad Request"


@pytest.mark.parametrize("wrong", [0, 501, "10", None, True])
def test_page_limit_6_3(ghl, wrong):
    answer = ghl.search(pageLimit=wrong)
    assert answer.status == 422
    assert isinstance(answer.json["message"], list)


@pytest.mark.parametrize("cursor", [[], [1], [1, "x", 2], ["x", "x"], [1, 2], [True, "x"]])
def test_cursors_that_do_not_fit_the_sort_6_3(ghl, cursor):
    assert ghl.search(searchAfter=cursor).status == 400


def test_notes_and_appointments_in_their_wrappers_7_1(ghl):
    truth = ghl.door("GET", "truth?limit=60")["contacts"]
    rich = next(one for one in truth if one["notes"] and one["appointments"])
    path = f"/contacts/{rich['contact']['id']}"
    notes = ghl.get(f"{path}/notes").json
    assert set(notes) == {"notes", "traceId"}
    assert {"id", "body", "bodyText", "userId", "dateAdded", "contactId", "pinned", "relations"} <= set(
        notes["notes"][0]
    )
    events = ghl.get(f"{path}/appointments").json
    assert set(events) == {"events", "traceId"}
    assert {"status", "appointmentStatus"} <= set(events["events"][0])


def test_by_business_6_1(ghl, contacts):
    business = next(contact["businessId"] for contact in contacts if contact["businessId"])
    path = f"/contacts/business/{business}?locationId={ghl.location_id}"
    found = ghl.get(path).json
    assert set(found) == {"contacts", "count", "traceId"}
    assert ghl.get(f"{path}&limit=1&skip=1").json["contacts"] == found["contacts"][1:2]


def test_duplicates_6_8(ghl, contacts):
    known = next(contact for contact in contacts if contact["email"] and contact["phone"])
    path = f"/contacts/search/duplicate?locationId={ghl.location_id}"
    for query in (f"email={known['email']}", f"number=%2B{known['phone'][1:]}"):
        found = ghl.get(f"{path}&{query}").json
        assert (found["contact"]["id"], found["matchingField"]) == (known["id"], "contactId")
    assert ghl.get(f"{path}&email=nobody@example.com").json["contact"] is None


def test_location_and_calendars_8_7(ghl):
    location = ghl.get(f"/locations/{ghl.location_id}").json["location"]
    assert {"allowDuplicateContact", "contactUniqueIdentifiers"} <= set(location["settings"])
    calendars = ghl.get(f"/calendars/?locationId={ghl.location_id}", version="2021-04-15").json["calendars"]
    assert "appoinmentPerSlot" in calendars[0]


def test_the_odd_records_of_real_locations(ghl, contacts):
    values = [item["value"] for contact in contacts for item in contact["customFields"]]
    assert {type(value) for value in values} >= {str, float, list, dict, type(None)}
    assert {type(contact["postalCode"]) for contact in contacts} == {str, int, type(None)}
    assert any(contact["email"] is None for contact in contacts)
    assert any("xNewField" in contact for contact in contacts)
    assert any("opportunities" in contact for contact in contacts)
    assert any(not (contact["firstName"] or "a").isascii() for contact in contacts)
    assert max(Counter(contact["dateAdded"] for contact in contacts).values()) >= 60
    truth = ghl.door("GET", "truth?limit=200")["contacts"]
    assert max(len(note["body"]) for one in truth for note in one["notes"]) > 10_000


def test_the_same_seed_makes_the_same_location(contacts):
    again = Stranger("--contacts", "600")
    try:
        assert again.search(pageLimit=50).json["contacts"] == contacts[:50]
    finally:
        again.end()

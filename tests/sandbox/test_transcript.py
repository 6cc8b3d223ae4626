"""The sandbox as a stranger meets it: a process of its own, plain curl, nothing of the package imported.

Each test is one rule of how the real service behaves; section numbers are those of the facts that the sandbox cites.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from .stranger import Stranger

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN = "AAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def ghl():
    stranger = Stranger("--contacts", "700", "--requests", "100000")
    yield stranger
    stranger.end()


@pytest.fixture
def fresh():
    """Start processes of one's own: `fresh("--requests", "3")`."""
    started = []

    def starter(*options):
        started.append(Stranger("--contacts", "30", *options))
        return started[-1]

    yield starter
    for stranger in started:
        if stranger.process.poll() is None:
            stranger.end()


def test_it_says_where_it_is_in_one_line_and_ends_on_sigterm(fresh):
    stranger = fresh()
    assert set(json.loads(stranger.line)) == {
        "base_url",
        "token",
        "location_id",
        "company_id",
        "client_id",
        "client_secret",
    }
    assert re.fullmatch(r"pit-" + UUID.pattern, stranger.token)
    assert re.fullmatch(r"[A-Za-z0-9]{20}", stranger.location_id)
    assert stranger.end() == 0


def test_missing_version_14(ghl):
    answer = ghl.get(f"/contacts/{UNKNOWN}", version=None)
    assert answer.status == 401
    assert answer.json["message"] == "version header was not found."


def test_unknown_date_version_14(ghl):
    answer = ghl.get(f"/contacts/{UNKNOWN}", version="2020-01-01")
    assert (answer.status, answer.json["message"]) == (401, "version header is invalid")


def test_garbage_version_14(ghl):
    answer = ghl.get(f"/contacts/{UNKNOWN}", version="bogus-version")
    assert answer.status == 400
    assert answer.json["message"] == "Invalid API version segment 'bogus-version' at position 0"


@pytest.mark.parametrize("version", ["2021-04-15", "2021-07-28", "2023-02-21", "v3"])
def test_any_published_version_14(ghl, version):
    assert ghl.get(f"/contacts/?locationId={ghl.location_id}", version=version).status == 200


def test_bad_tokens_14(ghl):
    for token, message in (("pit-unknown", "Invalid Private Integration token"), ("eyJ.not.real", "Invalid JWT")):
        answer = ghl.get(f"/contacts/{UNKNOWN}", token=token)
        assert (answer.status, answer.json["message"], answer.json["error"]) == (401, message, "Unauthorized")


def test_missing_scope_14(ghl):
    token = ghl.door("POST", "tokens", {"scopes": ["locations.readonly"]})["token"]
    answer = ghl.get(f"/contacts/{UNKNOWN}", token=token)
    assert (answer.status, answer.json["message"]) == (401, "The token is not authorized for this scope.")
    assert ghl.get(f"/locations/{ghl.location_id}", token=token).status == 200


def test_other_location_14(ghl):
    other = ghl.door("GET", "locations")["locations"][1]["id"]
    answer = ghl.get(f"/contacts/?locationId={other}")
    assert (answer.status, answer.json["message"]) == (403, "The token does not have access to this location.")


def test_validation_before_authorisation_14(ghl):
    assert ghl.search(locationId="elsewhere").status == 403
    answer = ghl.search(locationId="elsewhere", startAfterId="x")
    assert answer.status == 422


def test_unknown_body_key_14(ghl):
    answer = ghl.search(limit=5, skip=0)
    assert answer.status == 422
    assert answer.json["message"] == ["property limit should not exist", "property skip should not exist"]
    assert answer.json["error"] == "Unprocessable Entity"


def test_unknown_contact_is_a_400_14(ghl):
    answer = ghl.get(f"/contacts/{UNKNOWN}")
    assert (answer.status, answer.json["message"]) == (400, f"Contact with id {UNKNOWN} not found")


def test_unknown_route_5_2(ghl):
    answer = ghl.get("/contacts/x/unheard-of")
    assert (answer.status, answer.json["message"]) == (404, "Cannot GET /contacts/x/unheard-of")


def test_trace_id_in_every_body_14(ghl):
    for answer in (ghl.search(), ghl.get(f"/contacts/{UNKNOWN}"), ghl.raw("/nope"), ghl.search(pageLimit=0)):
        assert UUID.fullmatch(answer.json["traceId"])


def test_lookup_is_a_contact_id_under_a_date_version_5_2(ghl):
    assert ghl.get("/contacts/lookup").json["message"] == "Contact with id lookup not found"


def test_rate_headers_count_the_present_request_14(fresh):
    ghl = fresh()
    first, second = (ghl.get(f"/locations/{ghl.location_id}").headers for _ in range(2))
    assert first["x-ratelimit-max"] == "100"
    assert first["x-ratelimit-interval-milliseconds"] == "10000"
    assert first["x-ratelimit-limit-daily"] == "200000"
    assert (first["x-ratelimit-remaining"], second["x-ratelimit-remaining"]) == ("99", "98")
    assert (first["x-ratelimit-daily-remaining"], second["x-ratelimit-daily-remaining"]) == ("199999", "199998")
    assert int(second["x-ratelimit-daily-reset"]) % 1000 == 0
    assert 86_000_000 < int(second["x-ratelimit-daily-reset"]) <= 86_400_000


def test_the_sandbox_profile_14(fresh):
    ghl = fresh("--profile", "sandbox")
    headers = ghl.get(f"/locations/{ghl.location_id}").headers
    assert (headers["x-ratelimit-max"], headers["x-ratelimit-limit-daily"]) == ("25", "10000")


def test_over_the_limit_14(fresh):
    ghl = fresh("--requests", "1")
    answers = [ghl.get(f"/locations/{ghl.location_id}") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 429]
    body = answers[1].json
    assert (body["statusCode"], body["message"]) == (429, "Too Many Requests")
    assert answers[1].headers["x-ratelimit-remaining"] == "0"
    assert "retry-after" not in answers[1].headers


def test_names_are_original_in_get_and_search_and_lower_cased_in_the_list_14(ghl):
    shown = next(c for c in ghl.search(pageLimit=50).json["contacts"] if c["firstName"] and c["firstName"].istitle())
    got = ghl.get(f"/contacts/{shown['id']}").json["contact"]
    assert got["firstName"] == shown["firstName"]
    listed = ghl.get(f"/contacts/?locationId={ghl.location_id}&limit=100").json["contacts"]
    same = next(contact for contact in listed if contact["id"] == shown["id"])
    assert same["firstName"] == shown["firstName"].lower()
    assert same["firstNameRaw"] == shown["firstName"]
    assert shown["contactName"] == same["contactName"] == same["contactName"].lower()


def test_unset_is_absent_in_get_and_null_in_search_and_list_14(ghl):
    shown = next(contact for contact in ghl.search(pageLimit=100).json["contacts"] if contact["email"] is None)
    assert "email" not in ghl.get(f"/contacts/{shown['id']}").json["contact"]
    listed = ghl.get(f"/contacts/?locationId={ghl.location_id}&limit=100").json["contacts"]
    assert next(contact for contact in listed if contact["id"] == shown["id"])["email"] is None


def test_the_street_is_address_in_search_and_address1_in_get_6_6(ghl):
    shown = next(contact for contact in ghl.search(pageLimit=50).json["contacts"] if contact["address"])
    assert ghl.get(f"/contacts/{shown['id']}").json["contact"]["address1"] == shown["address"]


def test_search_has_38_keys_6_6(ghl):
    sizes = [len(contact) for contact in ghl.search(pageLimit=100).json["contacts"]]
    assert min(sizes) == 38


def test_email_beside_its_lower_case_14(ghl):
    shown = next(contact for contact in ghl.search(pageLimit=50).json["contacts"] if contact["email"])
    got = ghl.get(f"/contacts/{shown['id']}").json["contact"]
    assert (got["email"], got["emailLowerCase"]) == (shown["email"], shown["email"].lower())


def test_default_order_is_date_added_descending_14(ghl):
    contacts = ghl.search(pageLimit=200).json["contacts"]
    dates = [contact["dateAdded"] for contact in contacts]
    assert dates == sorted(dates, reverse=True)
    listed = ghl.get(f"/contacts/?locationId={ghl.location_id}&limit=100").json["contacts"]
    assert [contact["id"] for contact in listed] == [contact["id"] for contact in contacts[:100]]


def test_search_after_holds_ms_and_id_6_6(ghl):
    page = ghl.search(pageLimit=5).json
    last = page["contacts"][-1]
    assert last["searchAfter"][1] == last["id"]
    assert isinstance(last["searchAfter"][0], int)
    following = ghl.search(pageLimit=5, searchAfter=last["searchAfter"]).json
    assert not {c["id"] for c in page["contacts"]} & {c["id"] for c in following["contacts"]}
    assert following["total"] == page["total"] == 700


def test_search_after_of_another_sort_6_6(ghl):
    contact = ghl.search(sort=[{"field": "dateUpdated", "direction": "asc"}]).json["contacts"][0]
    assert contact["searchAfter"][1] == contact["id"]


def test_the_page_after_the_last_is_empty_with_the_same_total_6_6(ghl):
    end = ghl.search(searchAfter=[0, "0"]).json
    assert (end["contacts"], end["total"]) == ([], 700)


def test_search_window_of_ten_thousand_14(ghl):
    assert ghl.search(page=20, pageLimit=500).status == 200
    assert ghl.search(page=21, pageLimit=500).status == 400


def test_list_end_14(ghl):
    path = f"/contacts/?locationId={ghl.location_id}&limit=100"
    newest = ghl.get(path).json["meta"]
    assert (newest["currentPage"], newest["nextPage"], newest["total"]) == (1, 2, 700)
    oldest = ghl.search(sort=[{"field": "dateAdded", "direction": "asc"}]).json["contacts"][1]
    ms, contact_id = oldest["searchAfter"]
    short = ghl.get(f"{path}&startAfter={ms}&startAfterId={contact_id}").json
    assert len(short["contacts"]) == 1
    assert short["meta"]["nextPageUrl"].startswith("https://services.leadconnectorhq.com/contacts/?")
    meta = short["meta"]
    empty = ghl.get(f"{path}&startAfter={meta['startAfter']}&startAfterId={meta['startAfterId']}").json
    assert empty["contacts"] == []
    assert (empty["meta"]["nextPageUrl"], empty["meta"]["startAfterId"]) == (None, None)


def test_tags_are_lower_case_and_phones_start_with_a_plus_6_2(ghl):
    contacts = ghl.search(pageLimit=500).json["contacts"]
    assert all(tag == tag.lower() for contact in contacts for tag in contact["tags"])
    assert all(contact["phone"].startswith("+") for contact in contacts if contact["phone"])


def test_task_due_dates_are_normalised_14(ghl):
    truth = ghl.door("GET", "truth?limit=50")["contacts"]
    contact = next(one["contact"] for one in truth if one["tasks"])
    for task in ghl.get(f"/contacts/{contact['id']}/tasks").json["tasks"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z", task["dueDate"])


def test_appointments_of_a_contact_have_zoneless_times_7_4(ghl):
    truth = ghl.door("GET", "truth?limit=50")["contacts"]
    contact = next(one["contact"] for one in truth if one["appointments"])
    for event in ghl.get(f"/contacts/{contact['id']}/appointments").json["events"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", event["startTime"])


def test_slashes_at_the_end_are_tolerated_both_ways_1(ghl):
    assert ghl.get(f"/contacts?locationId={ghl.location_id}").status == 200
    assert ghl.get(f"/calendars?locationId={ghl.location_id}").status == 200
    assert ghl.get(f"/locations/{ghl.location_id}/").status == 200


def test_python_urllib_meets_the_edge_1(ghl):
    answer = ghl.get(f"/contacts/{UNKNOWN}", "-A", "Python-urllib/3.12")
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "Error 1010" in answer.text
    assert "x-ratelimit-remaining" not in answer.headers


def test_response_headers_3(ghl):
    headers = ghl.search().headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["server"] == "cloudflare"
    assert headers["etag"].startswith('W/"')
    assert headers["cf-cache-status"] == "DYNAMIC"


def test_faults_and_limits_by_command_line_and_door(fresh):
    ghl = fresh(
        "--fault",
        '{"kind": "server_error", "times": 1}',
        "--interval-seconds",
        "2",
        "--kind",
        "sliding",
        "--no-headers",
    )
    answer = ghl.get(f"/contacts/{UNKNOWN}")
    assert (answer.status, answer.json["name"]) == (500, "HttpException")
    assert "x-ratelimit-max" not in answer.headers
    limits = ghl.door("GET", "limits")
    assert (limits["kind"], limits["interval_seconds"], limits["headers"]) == ("sliding", 2.0, False)
    assert ghl.door("GET", "counts")["by_status"] == {"500": 1}


@pytest.mark.parametrize("options", [["--kind", "leaky"], ["--profile", "huge"], ["--fault", '{"kind": "flood"}']])
def test_senseless_options_end_with_one_line_and_2(options):
    command = [sys.executable, "-m", "ghl_async.sandbox", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1

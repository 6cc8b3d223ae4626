"""How the server says no, in which order, and to whom it counts."""

from __future__ import annotations

import pytest
from yarl import URL

UNKNOWN = "A" * 20


@pytest.mark.parametrize("rest", ["", "/tasks", "/notes", "/appointments"])
async def test_query_parameters_that_no_operation_names_are_a_422(start, rest):
    api = await start(contacts=1)
    contact = (await api.search(pageLimit=1)).content["contacts"][0]["id"]
    for path in (f"/contacts/{contact}{rest}", f"/contacts/{UNKNOWN}{rest}", f"/locations/{api.sandbox.location_id}"):
        reply = await api("GET", f"{path}?limit=5")
        assert (reply.status, reply.content["message"]) == (422, ["property limit should not exist"])
    body = {"locationId": api.sandbox.location_id, "pageLimit": 1}
    assert (await api("POST", "/contacts/search?page=1", body)).status == 422


async def test_an_encoded_slash_stays_in_its_part_and_no_part_is_empty(start):
    api = await start(contacts=1)
    reply = await api("GET", URL(f"{api.sandbox.base_url}/contacts/a%2Fb%20c", encoded=True))
    assert (reply.status, reply.content["message"]) == (400, "Contact with id a/b c not found")
    assert (await api("GET", "/contacts//tasks")).status == 404


@pytest.mark.parametrize("path", ["/nope", "/contacts/x/y", "/oauth/location-token"])
async def test_unknown_routes_echo_method_and_path(start, path):
    api = await start(contacts=1)
    reply = await api("GET", path)
    assert (reply.status, reply.content["message"]) == (404, f"Cannot GET {path}")


async def test_refusals_come_in_the_observed_order(start):
    api = await start(contacts=5)
    contact = f"/contacts/{UNKNOWN}"
    bare = (await api("POST", "/_sandbox/tokens", {"token": "pit-bare", "scopes": []})).content["token"]
    search = {"pageLimit": 1, "wrong": 1}
    bad = await api("POST", "/contacts/search", search, Authorization="Bearer pit-no", Version=None)
    assert (bad.status, bad.content["message"]) == (401, "Invalid Private Integration token")
    no_version = await api("POST", "/contacts/search", search, Authorization=f"Bearer {bare}", Version=None)
    assert (no_version.status, no_version.content["message"]) == (401, "version header was not found.")
    shape = await api("POST", "/contacts/search", search, Authorization=f"Bearer {bare}")
    assert shape.status == 422
    scope = await api("GET", contact, Authorization=f"Bearer {bare}")
    assert (scope.status, scope.content["message"]) == (401, "The token is not authorized for this scope.")
    unknown = await api("GET", contact)
    assert unknown.status == 400


@pytest.mark.parametrize(
    ("version", "status", "message"),
    [
        (None, 401, "version header was not found."),
        ("2020-01-01", 401, "version header is invalid"),
        ("bogus", 400, "Invalid API version segment 'bogus' at position 0"),
        ("1-2-3", 400, "Invalid API version segment '1-2-3' at position 0"),
        ("2021-04-15", 200, None),
        ("2023-02-21", 200, None),
        ("v3", 200, None),
    ],
)
async def test_versions(start, version, status, message):
    api = await start(contacts=1)
    reply = await api("GET", f"/contacts?locationId={api.sandbox.location_id}", Version=version)
    assert (reply.status, reply.content.get("message")) == (status, message)


async def test_tokens_that_do_not_count_and_whitespace_that_does_not_matter(start):
    api = await start(contacts=1, requests=100)
    path = f"/locations/{api.sandbox.location_id}"
    expired = (await api("POST", "/_sandbox/tokens", {"token": "eyJ.old", "app": "client-1", "expired": True})).content[
        "token"
    ]
    for header, message in (
        (None, "Invalid JWT"),
        ("Bearer eyJ.unknown", "Invalid JWT"),
        (f"Bearer {expired}", "Invalid token: access token is invalid"),
    ):
        reply = await api("GET", path, Authorization=header)
        assert (reply.status, reply.content["message"]) == (401, message)
        assert "X-RateLimit-Remaining" not in reply.headers
    reply = await api("GET", path, Authorization=f"Bearer   {api.sandbox.token} ")
    assert reply.headers["X-RateLimit-Remaining"] == "99"


@pytest.mark.parametrize("status", [403, 401])
async def test_another_location_is_refused_by_id_and_by_contact(start, status):
    api = await start(contacts=5, wrong_location_status=status)
    other = api.sandbox.state.other
    for path in (f"/contacts/?locationId={other.id}", f"/contacts/{other.id_of(3)}", f"/locations/{other.id}"):
        reply = await api("GET", path)
        assert reply.status == status
        assert "location" in reply.content["message"]
    both = {"token": "pit-both", "locations": [api.sandbox.location_id, other.id]}
    token = (await api("POST", "/_sandbox/tokens", both)).content["token"]
    assert (await api("GET", f"/contacts/{other.id_of(3)}", Authorization=f"Bearer {token}")).status == 200


async def test_budgets_are_per_location_and_shared_by_all_private_tokens(start):
    api = await start(contacts=5, requests=3)
    other = api.sandbox.state.other
    both = {"token": "pit-both", "locations": [api.sandbox.location_id, other.id]}
    both = "Bearer " + (await api("POST", "/_sandbox/tokens", both)).content["token"]
    here, there = f"/locations/{api.sandbox.location_id}", f"/contacts/{other.id_of(1)}"
    assert (await api("GET", here)).headers["X-RateLimit-Remaining"] == "2"
    assert (await api("GET", here, Authorization=both)).headers["X-RateLimit-Remaining"] == "1"
    assert (await api("GET", there, Authorization=both)).headers["X-RateLimit-Remaining"] == "2"
    assert (await api("GET", f"/contacts?locationId={other.id}", Authorization=both)).headers[
        "X-RateLimit-Remaining"
    ] == "1"
    body = {"locationId": other.id, "pageLimit": 1}
    assert (await api("POST", "/contacts/search", body, Authorization=both)).headers["X-RateLimit-Remaining"] == "0"
    assert (await api("GET", here)).headers["X-RateLimit-Remaining"] == "0"


async def test_over_the_limit_is_a_429_with_six_headers_and_nothing_more(start):
    api = await start(contacts=1, requests=2)
    path = f"/locations/{api.sandbox.location_id}"
    replies = [await api("GET", path) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    refused = replies[-1]
    assert {"statusCode": 429, "message": "Too Many Requests"}.items() <= refused.content.items()
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.headers["X-RateLimit-Daily-Remaining"] == "199998"
    assert "Retry-After" not in refused.headers
    changed = await api("PUT", "/_sandbox/limits", {"requests": 5, "retry_after": True})
    assert changed.content["requests"] == 5
    assert (await api("GET", path)).headers["X-RateLimit-Max"] == "5"
    assert (await api("PUT", "/_sandbox/limits", {"requests": "x"})).status == 400


async def test_the_profile_of_sandbox_accounts(start):
    api = await start(contacts=1, profile="sandbox", requests=None)
    headers = (await api("GET", f"/locations/{api.sandbox.location_id}")).headers
    assert (headers["X-RateLimit-Max"], headers["X-RateLimit-Limit-Daily"]) == ("25", "10000")


async def test_python_urllib_is_turned_away_by_the_edge_and_only_it(start):
    api = await start(contacts=1)
    path = f"/locations/{api.sandbox.location_id}"
    reply = await api("GET", path, User_Agent="Python-urllib/3.13")
    assert reply.status == 403
    assert reply.headers["Content-Type"].startswith("text/html")
    assert b"1010" in reply.content
    assert (await api("GET", path, User_Agent="python-requests/2")).status == 200

"""The consent page, and the doors by which a test prepares it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ghl_async.sandbox import Sandbox


async def visit(desk, path="/v2/oauth/chooselocation", **query):
    query = {
        "response_type": "code",
        "client_id": desk.app.client_id,
        "redirect_uri": desk.app.redirect_uris[0],
        "scope": "contacts.readonly oauth.readonly",
        "state": "st&te",
    } | query
    sent = {name: value for name, value in query.items() if value is not None}
    return await desk.send("GET", f"{path}?{urlencode(sent)}", None)


def brought(headers):
    """Return where the redirect goes, and what it brings."""
    parts = urlsplit(headers["Location"])
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return address, {name: value for name, (value,) in parse_qs(parts.query).items()}


@pytest.mark.parametrize("path", ["/v2/oauth/chooselocation", "/oauth/chooselocation"])
async def test_it_approves_by_itself_and_sends_back_code_and_state(desk, path):
    desk = await desk()
    status, _, headers = await visit(desk, path)
    address, query = brought(headers)
    assert (status, address, query["state"]) == (302, desk.app.redirect_uris[0], "st&te")
    status, pair = await desk.token("authorization_code", code=query["code"], redirect_uri=address)
    assert (status, pair["locationId"]) == (200, desk.sandbox.location_id)
    assert pair["scope"] == "contacts.readonly oauth.readonly"
    entry = desk.sandbox.log.entries[0]
    assert (entry.template, entry.status, entry.app) == (f"GET {path}", 302, desk.app.client_id)


async def test_without_a_scope_it_is_all_of_the_app_and_without_a_state_none_comes_back(desk):
    desk = await desk()
    _, _, headers = await visit(desk, scope=None, state=None)
    _, query = brought(headers)
    assert query.keys() == {"code"}
    _, pair = await desk.token("authorization_code", code=query["code"])
    assert set(pair["scope"].split()) == desk.app.scopes


async def test_it_denies_by_option_or_by_choice(desk):
    desk = await desk()
    for query in ({"choose": "none"}, {}):
        status, _, headers = await visit(desk, **query)
        _, brings = brought(headers)
        assert (status, brings["error"], brings["state"]) == (302, "access_denied", "st&te")
        assert "code" not in brings
        await desk.api("PUT", "/_sandbox/oauth", {"consent": "deny"})


async def test_a_person_can_choose_a_location_or_the_agency(desk):
    desk = await desk(consent="ask")
    name = "<b>Branch</b>"
    branch = desk.sandbox.add_location(name=name).id
    status, page, headers = await visit(desk)
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert name.encode() not in page
    for chosen, kind in ((branch, "Location"), (desk.sandbox.company_id, "Company")):
        assert f"choose={chosen}".encode() in page
        _, query = brought((await visit(desk, choose=chosen))[2])
        _, pair = await desk.token("authorization_code", code=query["code"])
        assert (pair["userType"], pair["locationId" if kind == "Location" else "companyId"]) == (kind, chosen)
    assert (await visit(desk, choose="nobody"))[0] == 400


async def test_it_can_approve_for_another_location_or_company(desk):
    desk = await desk()
    for chosen in (desk.sandbox.state.other.id, desk.sandbox.company_id):
        await desk.api("PUT", "/_sandbox/oauth", {"consent_for": chosen})
        _, query = brought((await visit(desk))[2])
        _, pair = await desk.token("authorization_code", code=query["code"])
        assert chosen in (pair.get("locationId"), pair["companyId"])


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"client_id": "nobody"}, b"client_id is unknown"),
        ({"response_type": "token"}, b"response_type must be code"),
        ({"redirect_uri": "https://elsewhere.example.com/"}, b"redirect_uri is not one of the app"),
        ({"redirect_uri": None}, b"redirect_uri is not one of the app"),
        ({"scope": "contacts.readonly <b>"}, b"the app has no scope &lt;b&gt;"),
    ],
)
async def test_nobody_is_sent_anywhere_from_a_wrong_address(desk, query, problem):
    desk = await desk()
    status, page, headers = await visit(desk, **query)
    assert (status, "Location" in headers) == (400, False)
    assert problem in page


async def test_a_query_in_the_redirect_address_is_kept(desk):
    desk = await desk(redirect_uri="https://app.example.com/callback?tenant=7,http://127.0.0.1:8765/callback")
    _, query = brought((await visit(desk))[2])
    assert (query["tenant"], query["state"]) == ("7", "st&te")
    address, _ = brought((await visit(desk, redirect_uri="http://127.0.0.1:8765/callback"))[2])
    assert address == "http://127.0.0.1:8765/callback"


@pytest.mark.parametrize("uri", ["http://app.example.com/callback", "ftp://localhost/", "nonsense"])
async def test_an_app_takes_https_and_loopback_addresses_alone(desk, uri):
    desk = await desk()
    reply = await desk.api("POST", "/_sandbox/apps", {"redirect_uris": [uri]})
    assert (reply.status, "https or on loopback" in reply.content["message"]) == (400, True)
    with pytest.raises(ValueError, match="https or on loopback"):
        Sandbox(redirect_uri=uri)


async def test_doors_add_apps_companies_and_consents(desk):
    desk = await desk()
    app = (await desk.api("POST", "/_sandbox/apps", {"scopes": ["contacts.readonly"]})).content
    company = (await desk.api("POST", "/_sandbox/companies", {"name": "North"})).content["id"]
    branch = {"contacts": 2, "name": "Branch", "company_id": company}
    branch = (await desk.api("POST", "/_sandbox/locations", branch)).content
    assert (branch["company_id"], branch["active"]) == (company, True)
    consent = {"client_id": app["client_id"], "location_id": branch["id"]}
    code = (await desk.api("POST", "/_sandbox/authorize", consent)).content["code"]
    named = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    status, pair = await desk.token("authorization_code", code=code, **named)
    assert (status, pair["companyId"], pair["scope"]) == (200, company, "contacts.readonly")
    shown = (await desk.api("GET", "/_sandbox/oauth")).content
    assert [one["client_id"] for one in shown["apps"]] == [desk.app.client_id, app["client_id"]]
    assert [one["name"] for one in shown["companies"]] == ["Sandbox Agency", "North"]
    assert shown["counts"] == {"authorization_code": 1}


@pytest.mark.parametrize(
    ("method", "door", "body", "status"),
    [
        ("POST", "authorize", {}, 400),
        ("POST", "authorize", {"location_id": "nope"}, 404),
        ("POST", "authorize", {"company_id": "nope"}, 404),
        ("POST", "authorize", {"client_id": "nope"}, 404),
        ("POST", "locations", {"company_id": "nope"}, 400),
        ("POST", "tokens", {"company_id": "nope"}, 400),
        ("PUT", "companies/nope", {}, 404),
        ("PUT", "oauth", {"refresh_grace_seconds": -1}, 400),
        ("PUT", "oauth", {"consent": "perhaps"}, 400),
        ("PUT", "oauth", {"unknown": 1}, 400),
    ],
)
async def test_senseless_wishes_are_refused(desk, method, door, body, status):
    desk = await desk()
    assert (await desk.api(method, f"/_sandbox/{door}", body)).status == status


async def test_a_company_cannot_be_added_twice_nor_a_location_moved_to_none(desk):
    desk = await desk()
    twice = {"company_id": desk.sandbox.company_id}
    assert (await desk.api("POST", "/_sandbox/companies", twice)).status == 400
    door = f"/_sandbox/locations/{desk.sandbox.location_id}"
    assert (await desk.api("PUT", door, {"company_id": "nope"})).status == 400
    assert desk.sandbox.company_id == twice["company_id"]
    with pytest.raises(ValueError, match="no such redirect address or scope"):
        desk.sandbox.oauth.authorize(desk.app, location_id=desk.sandbox.location_id, scopes=["nonsense"])

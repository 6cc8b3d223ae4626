"""Codes and refresh tokens against tokens: in two dialects, good once, and with a grace."""

from __future__ import annotations

import asyncio
import base64
import json
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest

from .desk import FORM, INVALID_GRANT


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def test_a_code_brings_a_pair_whose_access_token_reads_contacts(desk):
    desk = await desk()
    status, pair = await desk.token("authorization_code", code=desk.code(), redirect_uri=desk.app.redirect_uris[0])
    place = desk.sandbox.location_id
    assert (status, pair["token_type"], pair["expires_in"], pair["userType"]) == (200, "Bearer", 86399, "Location")
    assert (pair["locationId"], pair["companyId"]) == (place, desk.sandbox.company_id)
    assert {"contacts.readonly", "oauth.write"} <= set(pair["scope"].split())
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert (await desk.api("GET", f"/contacts/?locationId={place}", **bearer)).status == 200
    claims = claims_of(pair["access_token"])
    assert (claims["authClass"], claims["authClassId"], claims["sourceId"]) == ("Location", place, desk.app.client_id)
    assert (claims["source"], claims["channel"]) == ("INTEGRATION", "OAUTH")


async def test_v3_spells_all_names_its_own_way_and_takes_json_too(desk):
    desk = await desk()
    body = {
        "clientId": desk.app.client_id,
        "clientSecret": desk.app.client_secret,
        "grantType": "authorization_code",
        "code": desk.code(),
        "userType": "Location",
        "redirectUri": desk.app.redirect_uris[0],
    }
    status, pair, _ = await desk.send(
        "POST", "/oauth/token", msgspec.json.encode(body), Version="v3", Content_Type="application/json"
    )
    assert (status, pair["tokenType"], pair["expiresIn"]) == (200, "Bearer", 86399)
    assert not [name for name in pair if "_" in name]
    status, renewed = await desk.token_v3("refresh_token", refreshToken=pair["refreshToken"])
    assert status == 200
    assert renewed["accessToken"] != pair["accessToken"]


async def test_v2_takes_json_too_and_any_of_the_published_versions(desk):
    desk = await desk()
    body = {
        "client_id": desk.app.client_id,
        "client_secret": desk.app.client_secret,
        "grant_type": "authorization_code",
        "code": desk.code(),
    }
    status, pair, _ = await desk.send(
        "POST", "/oauth/token", msgspec.json.encode(body), Version="2021-07-28", Content_Type="application/json"
    )
    assert (status, "access_token" in pair) == (200, True)
    status, content, _ = await desk.form("/oauth/token", body, Version="nonsense")
    assert (status, content["statusCode"]) == (400, 400)


async def test_a_code_is_good_once(desk):
    desk = await desk()
    code = desk.code()
    assert (await desk.token("authorization_code", code=code))[0] == 200
    status, content = await desk.token("authorization_code", code=code)
    assert (status, content["error"]) == (401, "UnAuthorized!")
    assert content["error_description"] == "Authorization code not found"


async def test_a_wrong_code_is_refused_before_the_secret_is_checked(desk):
    desk = await desk()
    assert (await desk.token("authorization_code", code="wrong", client_secret="wrong"))[0] == 401
    other = desk.sandbox.oauth.add_app()
    foreign = {"client_id": other.client_id, "client_secret": other.client_secret}
    status, content = await desk.token("authorization_code", code=desk.code(), **foreign)
    assert (status, content["error_description"]) == (401, "Authorization code not found")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"redirect_uri": "https://elsewhere.example.com/callback"}, "redirect_uri"),
        ({"client_secret": "wrong"}, "client_secret"),
        ({"user_type": "Agency"}, "user_type"),
        ({"grant_type": "password"}, "grant_type"),
        ({"grant_type": "client_credentials"}, "grant_type"),
    ],
)
async def test_a_wrong_value_is_named_in_v2_and_leaves_the_code_good(desk, fields, name):
    desk = await desk()
    code = desk.code()
    fields = {"code": code} | fields
    status, content = await desk.token(fields.pop("grant_type", "authorization_code"), **fields)
    assert (status, content["error_description"]) == (400, f"Invalid parameter: {name}")
    assert (await desk.token("authorization_code", code=code))[0] == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"redirectUri": "https://elsewhere.example.com/"}, "Invalid parameter: redirectUri"),
        ({"clientSecret": "wrong"}, "Invalid parameter: clientSecret"),
        ({"grantType": "password"}, "Invalid parameter: grantType"),
        ({"clientId": None}, "Missing parameter: clientId"),
        ({"code": None}, "Missing parameter: code"),
    ],
)
async def test_a_wrong_value_is_named_in_v3(desk, fields, message):
    desk = await desk()
    fields = {"code": desk.code()} | fields
    status, content = await desk.token_v3(fields.pop("grantType", "authorization_code"), **fields)
    assert (status, content["statusCode"], content["message"]) == (400, 400, message)


async def test_names_of_the_other_dialect_are_no_names(desk):
    desk = await desk()
    body = {"clientId": desk.app.client_id, "clientSecret": "x", "grantType": "authorization_code", "code": "x"}
    status, content, _ = await desk.form("/oauth/token", body)
    assert (status, content["error_description"]) == (400, "Missing parameter: client_id")
    status, content = await desk.token("authorization_code", code=desk.code(), extra="1")
    assert (status, content["message"]) == (422, ["property extra should not exist"])
    status, content = await desk.token_v3("refresh_token", client_id=desk.app.client_id)
    assert (status, content["message"]) == (400, "Missing parameter: refreshToken")


async def test_an_unknown_client_cannot_refresh(desk):
    desk = await desk()
    pair = await desk.redeem()
    status, content = await desk.refresh(pair["refresh_token"], client_id="nobody")
    assert (status, content["error"]) == (400, "invalid_client")
    other = desk.sandbox.oauth.add_app()
    foreign = {"client_id": other.client_id, "client_secret": other.client_secret}
    status, content = await desk.refresh(pair["refresh_token"], **foreign)
    assert (status, content["error_description"]) == (400, INVALID_GRANT)
    assert (await desk.refresh(pair["refresh_token"]))[0] == 200


async def test_a_refresh_token_brings_a_new_pair_and_the_old_access_token_goes_on(desk):
    desk = await desk()
    old = await desk.redeem()
    status, new = await desk.refresh(old["refresh_token"])
    assert status == 200
    assert {old["access_token"], old["refresh_token"]}.isdisjoint({new["access_token"], new["refresh_token"]})
    path = f"/locations/{desk.sandbox.location_id}"
    for pair in (old, new):
        assert (await desk.api("GET", path, Authorization=f"Bearer {pair['access_token']}")).status == 200


async def test_within_the_grace_everybody_gets_the_same_pair(desk):
    desk = await desk(latency_seconds=0.01)
    old = await desk.redeem()
    replies = await asyncio.gather(*(desk.refresh(old["refresh_token"]) for _ in range(20)))
    assert {status for status, _ in replies} == {200}
    assert len({(pair["access_token"], pair["refresh_token"]) for _, pair in replies}) == 1
    counts = desk.sandbox.oauth.counts
    assert (counts["refresh_token"], counts["refresh_token_again"]) == (1, 19)
    assert (await desk.refresh(replies[0][1]["refresh_token"]))[0] == 200  # the successor was not spent by this


async def test_after_the_grace_a_used_refresh_token_is_dead(desk):
    desk = await desk(refresh_grace_seconds=0.0)
    old = await desk.redeem()
    _, new = await desk.refresh(old["refresh_token"])
    status, content = await desk.refresh(old["refresh_token"])
    assert (status, content["error"], content["error_description"]) == (400, "invalid_grant", INVALID_GRANT)
    status, content = await desk.token_v3("refresh_token", refreshToken=old["refresh_token"])
    assert (status, content["message"]) == (400, INVALID_GRANT)
    assert (await desk.refresh(new["refresh_token"]))[0] == 200


async def test_an_answer_that_was_lost_can_be_asked_for_again(desk):
    desk = await desk()
    old = await desk.redeem()
    desk.sandbox.faults.add(kind="cut_after", path_contains="/oauth/token", times=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await desk.refresh(old["refresh_token"])
    entry = desk.sandbox.log.entries[-1]
    assert (entry.status, entry.answered) == (0, 200)
    assert (await desk.refresh(old["refresh_token"]))[0] == 200
    assert desk.sandbox.oauth.counts["refresh_token"] == 1


async def test_lives_can_be_chosen_and_end(desk):
    desk = await desk(access_token_seconds=0.0)
    pair = await desk.redeem()
    assert pair["expires_in"] == 0
    reply = await desk.api(
        "GET", f"/locations/{desk.sandbox.location_id}", Authorization=f"Bearer {pair['access_token']}"
    )
    assert (reply.status, reply.content["message"]) == (401, "Invalid token: access token is invalid")
    desk.sandbox.oauth.rules.change(refresh_token_seconds=0.0)
    _, last = await desk.refresh(pair["refresh_token"])
    assert (await desk.refresh(last["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_fewer_scopes_can_be_consented_to(desk):
    desk = await desk()
    pair = await desk.redeem(scopes=["locations.readonly"])
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert pair["scope"] == "locations.readonly"
    reply = await desk.api("GET", f"/contacts/?locationId={desk.sandbox.location_id}", **bearer)
    assert (reply.status, reply.content["message"]) == (401, "The token is not authorized for this scope.")
    _, renewed = await desk.refresh(pair["refresh_token"])
    assert renewed["scope"] == "locations.readonly"


async def test_a_paused_location_keeps_its_refresh_token(desk):
    desk = await desk()
    pair = await desk.redeem()
    door = f"/_sandbox/locations/{desk.sandbox.location_id}"
    await desk.api("PUT", door, {"active": False})
    status, content = await desk.refresh(pair["refresh_token"])
    assert (status, content["error_description"]) == (400, "Location is not active")
    status, content = await desk.token_v3("refresh_token", refreshToken=pair["refresh_token"])
    assert (status, content["message"]) == (400, "Location is not active")
    await desk.api("PUT", door, {"active": True})
    await desk.api("PUT", f"/_sandbox/companies/{desk.sandbox.company_id}", {"active": False})
    assert (await desk.refresh(pair["refresh_token"]))[1]["error_description"] == "Location is not active"
    await desk.api("PUT", f"/_sandbox/companies/{desk.sandbox.company_id}", {"active": True})
    assert (await desk.refresh(pair["refresh_token"]))[0] == 200


async def test_an_app_that_was_removed_loses_its_tokens_for_that_location_alone(desk):
    desk = await desk()
    other = desk.sandbox.state.other.id
    here, there = await desk.redeem(), await desk.redeem(location_id=other)
    await desk.api("POST", "/_sandbox/uninstall", {"location_id": desk.sandbox.location_id})
    reply = await desk.api(
        "GET", f"/locations/{desk.sandbox.location_id}", Authorization=f"Bearer {here['access_token']}"
    )
    assert (reply.status, reply.content["message"]) == (401, "Invalid token: access token is invalid")
    assert (await desk.refresh(here["refresh_token"]))[1]["error"] == "invalid_grant"
    assert (await desk.refresh(there["refresh_token"]))[0] == 200
    assert (await desk.api("GET", f"/locations/{desk.sandbox.location_id}")).status == 200  # the private token


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "too_many_requests"}, 429),
        ({"kind": "server_error"}, 500),
        ({"kind": "edge_error"}, 502),
        ({"kind": "refused", "status": 403}, 403),
        ({"kind": "refused", "status": 404}, 404),
    ],
)
async def test_faults_strike_here_too_and_do_not_spend_anything(desk, fault, status):
    desk = await desk()
    pair = await desk.redeem()
    desk.sandbox.faults.add(path_contains="/oauth/token", times=1, **fault)
    assert (await desk.refresh(pair["refresh_token"]))[0] == status
    assert (await desk.refresh(pair["refresh_token"]))[0] == 200
    assert desk.sandbox.oauth.counts["refresh_token"] == 1


async def test_tokens_are_asked_for_outside_of_every_quota_but_not_of_the_log(desk):
    desk = await desk(requests=2)
    for _ in range(5):
        pair = await desk.redeem()
    path = f"/locations/{desk.sandbox.location_id}"
    reply = await desk.api("GET", path, Authorization=f"Bearer {pair['access_token']}")
    assert reply.headers["X-RateLimit-Remaining"] == "1"
    assert (await desk.api("GET", path)).headers["X-RateLimit-Remaining"] == "1"  # private tokens have their own
    counts = (await desk.api("GET", "/_sandbox/counts")).content
    assert counts["by_route"]["POST /oauth/token"] == 5
    entry = desk.sandbox.log.entries[0]
    assert (entry.app, entry.location, entry.admitted) == (
        desk.app.client_id,
        desk.sandbox.location_id,
        False,
    )


async def test_no_secret_shows_in_the_log_nor_in_what_is_printed(desk):
    desk = await desk()
    code = desk.code()
    _, pair = await desk.token("authorization_code", code=code)
    _, renewed = await desk.refresh(pair["refresh_token"])
    await desk.refresh("a-wrong-refresh-token", client_secret="a-wrong-secret")
    await desk.form("/oauth/token", {"client_secret": desk.app.client_secret}, Content_Type=FORM)
    company = await desk.as_company()
    _, minted = await desk.mint(company, desk.sandbox.location_id)
    query = urlencode(
        {"response_type": "code", "client_id": desk.app.client_id, "redirect_uri": desk.app.redirect_uris[0]}
    )
    status, _, headers = await desk.send("GET", f"/v2/oauth/chooselocation?{query}", None)
    assert status == 302
    secrets = [
        code,
        headers["Location"].partition("code=")[2],
        desk.app.client_secret,
        company["Authorization"].split()[1],
        "a-wrong-refresh-token",
        "a-wrong-secret",
        *(one[name] for one in (pair, renewed, minted) for name in ("access_token", "refresh_token")),
    ]
    log = (await desk.api("GET", "/_sandbox/log")).content
    shown = json.dumps(
        [
            log,
            (await desk.api("GET", "/_sandbox/oauth")).content,
            repr(desk.sandbox),
            repr(desk.sandbox.app),
            repr(list(desk.sandbox.state.tokens.values())),
            repr(desk.sandbox.oauth.authenticate(desk.app.client_id, desk.app.client_secret)),
        ]
    )
    assert len(log["requests"]) == 7
    assert [secret for secret in secrets if secret in shown] == []

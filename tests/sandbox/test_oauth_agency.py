"""What a company's token can do, and what it cannot: location tokens, installed locations, classes of tokens."""

from __future__ import annotations

import pytest

from .desk import shaped_like

AUTH_CLASS = (
    "This authClass type is not allowed to access this scope. "
    "Please verify your IAM configuration if this is not the case."
)
NO_SCOPE = "The token is not authorized for this scope."


@pytest.mark.parametrize("status", [401, 403])
async def test_a_company_token_on_a_contacts_route_is_of_the_wrong_class(desk, status):
    desk = await desk(auth_class_status=status)
    company, place = await desk.as_company(), desk.sandbox.location_id
    for path in (f"/contacts/?locationId={place}", f"/users/?locationId={place}"):
        reply = await desk.api("GET", path, **company)
        assert (reply.status, reply.content["message"]) == (status, AUTH_CLASS)
    reply = await desk.api("POST", "/contacts/search", {"locationId": place, "pageLimit": 1}, **company)
    assert (reply.status, reply.content["message"]) == (status, AUTH_CLASS)


async def test_a_company_token_reads_its_own_locations_and_no_others(desk):
    desk = await desk()
    away = desk.sandbox.state.add_company()
    foreign = desk.sandbox.add_location(company_id=away.id)
    company = await desk.as_company()
    reply = await desk.api("GET", f"/locations/{desk.sandbox.location_id}", **company)
    assert (reply.status, reply.content["location"]["companyId"]) == (200, desk.sandbox.company_id)
    assert (await desk.api("GET", f"/locations/{foreign.id}", **company)).status == 403


async def test_a_company_reply_says_what_was_approved(desk):
    desk = await desk()
    pair = await desk.redeem(company_id=desk.sandbox.company_id, install_to_future=True)
    every = {desk.sandbox.location_id, desk.sandbox.state.other.id}
    assert (pair["userType"], set(pair["approvedLocations"])) == ("Company", every)
    assert "locationId" not in pair
    told = {"isBulkInstallation": True, "installToFutureLocations": True, "approveAllLocations": True}
    assert shaped_like(told, pair)
    some = await desk.redeem(company_id=desk.sandbox.company_id, locations=[desk.sandbox.location_id])
    assert (some["approvedLocations"], some["approveAllLocations"]) == ([desk.sandbox.location_id], False)
    status, renewed = await desk.refresh(some["refresh_token"])
    assert (status, renewed["userType"]) == (200, "Company")


async def test_a_location_token_that_was_minted_has_the_location_s_access(desk):
    desk = await desk()
    place, other = desk.sandbox.location_id, desk.sandbox.state.other.id
    scopes = ["contacts.readonly", "oauth.readonly", "oauth.write"]
    status, minted = await desk.mint(await desk.as_company(scopes=scopes), place)
    assert (status, minted["locationId"], minted["userType"]) == (200, place, "Location")
    assert (minted["appId"], minted["versionId"]) == (desk.app.app_id, desk.app.version_id)
    bearer = {"Authorization": f"Bearer {minted['access_token']}"}
    assert (await desk.api("GET", f"/contacts/?locationId={place}", **bearer)).status == 200
    assert (await desk.api("GET", f"/contacts/?locationId={other}", **bearer)).status == 403
    assert (await desk.api("GET", f"/locations/{place}", **bearer)).content["message"] == NO_SCOPE
    assert (await desk.installed(bearer))[1]["message"] == AUTH_CLASS
    status, renewed = await desk.refresh(minted["refresh_token"])
    assert (status, renewed["locationId"]) == (200, place)


async def test_the_token_of_a_company_gives_scopes_that_it_has_and_the_oauth_ones(desk):
    desk = await desk()
    company = await desk.as_company(scopes=["contacts.readonly", "oauth.write"])
    _, minted = await desk.mint(company, desk.sandbox.location_id)
    assert minted["scope"] == "contacts.readonly oauth.readonly oauth.write"
    bare = await desk.as_company(scopes=["contacts.readonly"])
    assert (await desk.mint(bare, desk.sandbox.location_id))[1]["message"] == NO_SCOPE
    assert (await desk.installed(bare))[1]["message"] == NO_SCOPE


async def test_v2_has_a_refresh_token_or_not_as_chosen_and_v3_always(desk):
    desk = await desk(location_refresh_token=False)
    company, place = await desk.as_company(), desk.sandbox.location_id
    _, minted = await desk.mint(company, place)
    assert {"access_token", "locationId", "userId"} <= minted.keys()
    assert {"refresh_token", "userType", "companyId"}.isdisjoint(minted)
    fields = {"companyId": desk.sandbox.company_id, "locationId": place}
    status, minted, _ = await desk.form("/oauth/location-token", fields, Version="v3", **company)
    assert (status, minted["tokenType"], minted["locationId"]) == (200, "Bearer", place)
    assert {"accessToken", "refreshToken", "expiresIn"} <= minted.keys()
    status, minted, _ = await desk.form("/oauth/locationToken", fields, Version="v3", **company)
    assert (status, "access_token" in minted) == (200, True)


async def test_hyphenated_paths_are_unknown_under_a_date(desk):
    desk = await desk()
    company = await desk.as_company()
    fields = {"companyId": desk.sandbox.company_id, "locationId": desk.sandbox.location_id}
    status, content, _ = await desk.form("/oauth/location-token", fields, Version="2021-07-28", **company)
    assert (status, content["message"]) == (404, "Cannot POST /oauth/location-token")
    status, content, _ = await desk.form("/oauth/locationToken", fields, **company)
    assert (status, content["message"]) == (401, "version header was not found.")


async def test_wrong_names_are_a_422_that_lists_them(desk):
    desk = await desk()
    company = await desk.as_company()
    fields = {"company_id": desk.sandbox.company_id, "locationId": desk.sandbox.location_id}
    status, content, _ = await desk.form("/oauth/locationToken", fields, Version="2021-07-28", **company)
    assert status == 422
    assert {"property company_id should not exist", "companyId must be a string"} <= set(content["message"])


async def test_private_tokens_are_no_way_in(desk):
    desk = await desk()
    agency = {"token": "pit-agency", "company_id": desk.sandbox.company_id, "scopes": ["oauth.write", "users.readonly"]}
    agency = {"Authorization": f"Bearer {(await desk.api('POST', '/_sandbox/tokens', agency)).content['token']}"}
    for private in (agency, {"Authorization": f"Bearer {desk.sandbox.token}"}):
        status, content = await desk.mint(private, desk.sandbox.location_id)
        assert (status, content["message"]) == (401, NO_SCOPE)
    reply = await desk.api("GET", f"/users/?locationId={desk.sandbox.location_id}", **agency)
    assert (reply.status, reply.content["message"]) == (401, NO_SCOPE)


async def test_locations_without_the_app_and_of_other_companies_get_no_token(desk):
    desk = await desk()
    away = desk.sandbox.state.add_company()
    foreign = desk.sandbox.add_location(company_id=away.id).id
    late = desk.sandbox.add_location().id
    company = await desk.as_company(locations=[desk.sandbox.location_id])
    for location_id in (foreign, late, desk.sandbox.state.other.id, "A" * 20):
        assert (await desk.mint(company, location_id))[0] == 403
    assert (await desk.mint(company, foreign, companyId=away.id))[0] == 403
    assert (await desk.mint(company, desk.sandbox.location_id))[0] == 200
    desk.sandbox.oauth.uninstall(desk.app, location_id=desk.sandbox.location_id)
    assert (await desk.mint(company, desk.sandbox.location_id))[0] == 403
    desk.sandbox.oauth.uninstall(desk.app, company_id=desk.sandbox.company_id)
    status, content = await desk.mint(company, desk.sandbox.location_id)
    assert (status, content["message"]) == (401, "Invalid token: access token is invalid")


async def test_a_paused_location_gets_no_token_until_it_is_active_again(desk):
    desk = await desk()
    company, place = await desk.as_company(), desk.sandbox.state.main.place
    place.active = False
    status, content = await desk.mint(company, desk.sandbox.location_id)
    assert (status, content["message"]) == (400, "Location is not active")
    place.active = True
    assert (await desk.mint(company, desk.sandbox.location_id))[0] == 200


async def test_future_locations_have_the_app_if_that_was_asked_for(desk):
    desk = await desk()
    company = await desk.as_company(install_to_future=True)
    late = desk.sandbox.add_location(name="Late").id
    assert (await desk.mint(company, late))[0] == 200
    desk.sandbox.oauth.uninstall(desk.app, location_id=late)
    assert (await desk.mint(company, late))[0] == 403
    _, content = await desk.installed(company, query="late")
    assert [row["isInstalled"] for row in content["locations"]] == [False]
    assert content["installToFutureLocations"] is True


async def test_installed_locations_in_v2_page_by_skip_and_limit(desk):
    desk = await desk()
    for number in range(23):
        desk.sandbox.add_location(name=f"Branch {number}")
    company = await desk.as_company()
    missing = desk.sandbox.add_location(name="Without")
    seen, skip = [], 0
    while rows := (await desk.installed(company, skip=skip, limit=10))[1]["locations"]:
        seen += rows
        skip += len(rows)
    assert sorted(row["_id"] for row in seen) == sorted(desk.sandbox.state.locations)
    bare = next(row for row in seen if row["_id"] == missing.id)
    assert (bare["isInstalled"], "installedAt" in bare) == (False, False)
    status, content = await desk.installed(company)
    assert (status, len(content["locations"]), content["count"]) == (200, 20, 26)
    assert {"_id", "name", "address", "isInstalled", "versionId", "installedAt"} == content["locations"][0].keys()
    _, content = await desk.installed(company, isInstalled="true", limit=100)
    assert (len(content["locations"]), content["count"]) == (25, 26)
    _, content = await desk.installed(company, isInstalled="false")
    assert [row["name"] for row in content["locations"]] == ["Without"]
    _, content = await desk.installed(company, query="branch 1")
    assert len(content["locations"]) == 11
    _, content = await desk.installed(company, locationId=missing.id)
    assert [row["_id"] for row in content["locations"]] == [missing.id]


async def test_installed_locations_in_v3_page_by_token(desk):
    desk = await desk()
    for _ in range(23):
        desk.sandbox.add_location()
    company = await desk.as_company()
    seen, token, pages = [], {}, 0
    while True:
        status, content = await desk.installed(company, v3=True, pageSize=10, **token)
        pagination = content["pagination"]
        assert (status, pagination["currentPageSize"]) == (200, len(content["items"]))
        assert pagination["hasPrevPage"] is bool(pages)
        seen += content["items"]
        pages += 1
        if not pagination["hasNextPage"]:
            break
        token = {"pageToken": pagination["nextPageToken"]}
    assert (pages, pagination["totalRecords"], "nextPageToken" in pagination) == (3, 25, False)
    assert sorted(row["_id"] for row in seen) == sorted(desk.sandbox.state.locations)
    assert (await desk.installed(company, v3=True, restrictToUserLocations="true"))[0] == 200


async def test_v3_refuses_in_an_envelope_of_its_own(desk):
    desk = await desk()
    company = await desk.as_company()
    for query, status, code in (
        ({"pageSize": 101}, 400, "INVALID_ARGUMENT"),
        ({"pageSize": 0}, 400, "INVALID_ARGUMENT"),
        ({"pageToken": "nonsense"}, 400, "INVALID_ARGUMENT"),
        ({"pageToken": "eyJza2lwIjotMX0"}, 400, "INVALID_ARGUMENT"),
        ({"appId": "abc"}, 404, "RESOURCE_NOT_FOUND"),
    ):
        found, content = await desk.installed(company, v3=True, **query)
        assert (found, content["error"]["code"]) == (status, code)
    assert (await desk.installed(company, v3=True, limit=5))[1]["message"] == ["property limit should not exist"]
    assert (await desk.installed(company, pageSize=5))[1]["message"] == ["property pageSize should not exist"]
    status, content = await desk.installed(company, appId="")
    assert (status, content["message"]) == (422, ["appId must be a string", "appId should not be empty"])
    assert (await desk.installed(company, companyId="A" * 20))[0] == 403
    assert (await desk.installed(company, appId="abc"))[0] == 400


async def test_a_company_has_a_budget_of_its_own(desk):
    desk = await desk(requests=2)
    company, place = await desk.as_company(), desk.sandbox.location_id
    _, minted = await desk.mint(company, place)
    assert (await desk.installed(company))[0] == 200
    assert (await desk.installed(company))[0] == 429
    reply = await desk.api("GET", f"/locations/{place}", Authorization=f"Bearer {minted['access_token']}")
    assert (reply.status, reply.headers["X-RateLimit-Remaining"]) == (200, "1")
    assert desk.sandbox.log.entries[-2].location == desk.sandbox.company_id

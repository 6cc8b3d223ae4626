"""Codes and refresh tokens against tokens, location tokens from a company's, and where the app is installed.

The two generations differ in spelling, in how they refuse and in how they page (facts 9.2 to 9.5).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import Call, Operation
from .ids import digest, letters
from .oauth import Denied, Pair
from .refusals import Refusal, bad_request, unauthorized, unprocessable, wrong_location
from .shapes import choice_faults, expect_shape, shape_faults

if TYPE_CHECKING:
    from .location import Location
    from .oauth import App

__all__ = ["OAUTH_ROUTES"]

_encode = msgspec.json.Encoder().encode
_FIELDS: Final = (
    "client_id",
    "client_secret",
    "grant_type",
    "code",
    "refresh_token",
    "user_type",
    "redirect_uri",
)
_USER_TYPES: Final = ("Company", "Location")
_LIST_FILTERS: Final = frozenset({
    "companyId", "appId", "query", "isInstalled", "versionId", "onTrial", "planId", "locationId",
})  # fmt: skip


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _spelled(name: str, call: Call) -> str:
    return _camel(name) if call.v3 else name


def _token(call: Call) -> bytes:
    oauth = call.oauth
    try:
        pair = _exchanged(call)
    except Refusal:
        oauth.counts["refused"] += 1
        raise
    return _encode(_reply(call, pair, v3=call.v3))


def _exchanged(call: Call) -> Pair:
    if call.refusal is not None:
        raise call.refusal
    body, oauth = _token_fields(call), call.oauth
    call.on_behalf = (body["client_id"] if body["client_id"] in oauth.apps else None, None)
    client = (body["client_id"], body["client_secret"])
    try:
        if body["grant_type"] == "authorization_code":
            pair = oauth.redeem(body["code"], *client, body.get("redirect_uri", ""))
        else:
            pair = oauth.refresh(body["refresh_token"], *client)
    except Denied as denied:
        raise _denied(call, denied) from None
    call.on_behalf = (pair.grant.client_id, pair.grant.owner_id)
    return pair


def _token_fields(call: Call) -> dict[str, str]:
    """Validate the body and return it in the spelling of v2."""
    sent = call.fields()
    names = {_spelled(name, call): name for name in _FIELDS}
    given = {names[name]: value for name, value in sent.items() if name in names and value not in (None, "")}
    grant = given.get("grant_type")
    # facts 9.2 [spec] has client_credentials too; what it would answer nobody says
    wanted = {"authorization_code": "code", "refresh_token": "refresh_token"}.get(str(grant))
    needed = ("client_id", "client_secret", "grant_type", *(() if wanted is None else (wanted,)))
    for name in needed:
        if name not in given:
            message = f"Missing parameter: {_spelled(name, call)}"  # facts 9.2 [spec] of v3; v2 [guess]
            raise _denied(call, Denied("invalid_request", message))
    if wanted is None:
        raise _denied(call, Denied("unsupported_grant_type", parameter="grant_type"))
    messages = shape_faults(sent, dict.fromkeys(names, "string"))  # facts 1 [issue]: nothing outside the DTO
    if messages:
        raise unprocessable(messages)
    # facts 9.4 [blog]: which kind of token there is follows from the consent, not from the user type
    if given.get("user_type", "Location") not in _USER_TYPES:
        raise _denied(call, Denied("invalid_request", parameter="user_type"))
    return given


def _denied(call: Call, denied: Denied) -> Refusal:
    message = denied.message or f"Invalid parameter: {_spelled(denied.parameter, call)}"
    if denied.error == "UnAuthorized!":  # facts 5.1 [blog]
        return Refusal(401, {"error": denied.error, "error_description": message})
    if call.v3:  # facts 9.2 [spec]
        return Refusal(400, {"statusCode": 400, "message": message})
    return Refusal(400, {"error": denied.error, "error_description": message})  # the envelope of the 401 above [guess]


def _reply(call: Call, pair: Pair, *, v3: bool) -> dict[str, Any]:
    # facts 9.2 [spec]; refreshTokenId [docs]
    grant, seconds = pair.grant, pair.expires_in
    reply: dict[str, Any] = {
        "access_token": pair.access_token,
        "token_type": "Bearer",
        "expires_in": int(seconds) if seconds == int(seconds) else seconds,
        "refresh_token": pair.refresh_token,
        "refreshTokenId": pair.refresh_id,
        "scope": " ".join(sorted(grant.scopes)),
        "userType": "Location" if grant.location_id else "Company",
        "companyId": grant.company_id,
        "userId": letters(digest(grant.company_id, "user", size=20)),
        "isBulkInstallation": not grant.location_id,
    }
    if grant.location_id:
        reply["locationId"] = grant.location_id
    bulk = None if grant.location_id else call.oauth.installations.bulk(grant.client_id, grant.company_id)
    if bulk is not None:
        reply["approvedLocations"] = bulk.approved
        reply["installToFutureLocations"] = bulk.to_future
        reply["approveAllLocations"] = bulk.everywhere
    return {_camel(name): value for name, value in reply.items()} if v3 else reply


def _app(call: Call) -> App:
    app = call.oauth.apps.get(call.token.app)
    if app is None:  # a token that was handed to the sandbox, of an app that was not
        raise unauthorized("Invalid JWT")
    return app


def _own_company(call: Call, company_id: str) -> None:
    if company_id != call.token.company_id:
        raise wrong_location(call.wrong_location_status)  # [guess]


def _location_token_v2(call: Call) -> bytes:
    return _location_token(call, v3=False)


def _location_token_v3(call: Call) -> bytes:
    return _location_token(call, v3=True)


def _location_token(call: Call, *, v3: bool) -> bytes:
    # facts 9.4; the shape of the answer follows the path, as v2 paths work under v3 (facts 3 [blog])
    body = call.fields()
    expect_shape(body, {"companyId": "string", "locationId": "string"}, ("companyId", "locationId"))
    call.need_scope("oauth.write", "agency")
    app, oauth = _app(call), call.oauth
    _own_company(call, body["companyId"])
    location = call.state.locations.get(body["locationId"])
    if location is None or location.place.company_id != body["companyId"]:
        raise wrong_location(call.wrong_location_status)  # [guess]
    if oauth.installations.since(app.client_id, location) is None:
        raise wrong_location(call.wrong_location_status)  # [guess]
    try:
        pair = oauth.mint(app, call.token, location.id)
    except Denied as denied:
        raise bad_request(denied.message) from None
    reply = _reply(call, pair, v3=v3) | {"appId": app.app_id, "versionId": app.version_id}
    del reply["isBulkInstallation"], reply["refreshTokenId"]
    if not v3 and not oauth.rules.location_refresh_token:
        for name in ("refresh_token", "userType", "companyId"):
            del reply[name]
    return _encode(reply)


def _chosen(call: Call, app: App) -> list[dict[str, Any]]:
    """Return the company's locations that the filters let through, the latest installed first."""
    query = call.query
    rows = [
        row
        for location in call.oauth.locations_of(query["companyId"])
        if _passes(query, row := _row(call, app, location))
    ]
    return sorted(rows, key=lambda row: (row.get("installedAt", ""), row["_id"]), reverse=True)


def _row(call: Call, app: App, location: Location) -> dict[str, Any]:
    since = call.oauth.installations.since(app.client_id, location)
    row: dict[str, Any] = {
        "_id": location.id,
        "name": location.place.name,
        "address": "1 Main St",
        "isInstalled": since is not None,
    }
    return row if since is None else row | {"versionId": app.version_id, "installedAt": since}


def _passes(query: Any, row: dict[str, Any]) -> bool:
    if query.get("planId") or query.get("onTrial") == "true":  # nobody here pays or tries
        return False
    return (
        query.get("query", "").lower() in row["name"].lower()
        and query.get("isInstalled", str(row["isInstalled"]).lower()) == str(row["isInstalled"]).lower()
        and query.get("versionId", row.get("versionId")) == row.get("versionId")
        and query.get("locationId", row["_id"]) == row["_id"]
    )


def _list_query(call: Call, paging: frozenset[str]) -> None:
    messages = [f"property {name} should not exist" for name in call.query if name not in _LIST_FILTERS | paging]
    for name in ("companyId", "appId"):
        if not call.query.get(name):
            messages += [f"{name} must be a string", f"{name} should not be empty"]
    for name in ("isInstalled", "onTrial", "restrictToUserLocations"):
        messages += choice_faults(call.query, name, ("true", "false"))
    if messages:
        raise unprocessable(messages)


def _installed_v2(call: Call) -> bytes:
    # facts 9.5 [spec]; without isInstalled all locations come, those without the app too [guess]
    _list_query(call, frozenset({"skip", "limit"}))
    skip, limit = call.whole_number("skip", 0, 0, None), call.whole_number("limit", 20, 1, None)
    call.need_scope("oauth.readonly", "agency")
    app, company_id = _app(call), call.query["companyId"]
    _own_company(call, company_id)
    if call.query["appId"] != app.app_id:
        raise bad_request(f"The requested App '{call.query['appId']}' was not found.")  # [guess]
    bulk = call.oauth.installations.bulk(app.client_id, company_id)
    content = {
        "locations": _chosen(call, app)[skip : skip + limit],
        "count": len(call.oauth.locations_of(company_id)),  # [spec]: of the company, whatever is asked for
        "installToFutureLocations": bulk is not None and bulk.to_future,
    }
    return _encode(content)


def _installed_v3(call: Call) -> bytes:
    # facts 9.5 [spec]
    _list_query(call, frozenset({"pageSize", "pageToken", "restrictToUserLocations"}))
    size, skip = _page_size(call), _page_start(call.query.get("pageToken"))
    call.need_scope("oauth.readonly", "agency")
    app, company_id = _app(call), call.query["companyId"]
    _own_company(call, company_id)
    if call.query["appId"] != app.app_id:
        identifier = call.query["appId"]
        message = f"The requested App '{identifier}' was not found."
        raise _aip(404, "RESOURCE_NOT_FOUND", message, {"resource": "App", "identifier": identifier})
    rows = _chosen(call, app)
    items = rows[skip : skip + size]
    pagination: dict[str, Any] = {
        "totalRecords": len(rows),
        "hasNextPage": skip + size < len(rows),
        "hasPrevPage": skip > 0,
        "currentPageSize": len(items),
        "estimatedTotalRecords": len(rows),
    }
    if pagination["hasNextPage"]:
        pagination["nextPageToken"] = _page_token(skip + size)
    if skip:
        pagination["prevPageToken"] = _page_token(max(0, skip - size))
    bulk = call.oauth.installations.bulk(app.client_id, company_id)
    content = {
        "items": items,
        "pagination": pagination,
        "metadata": {"filterApplied": {"companyId": company_id}, "sortApplied": {"installedAt": "desc"}},
        "installToFutureLocations": bulk is not None and bulk.to_future,
    }
    return _encode(content)


def _aip(status: int, code: str, message: str, details: dict[str, Any]) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message, "details": details}})  # facts 5.1 [spec]


def _page_size(call: Call) -> int:
    text = call.query.get("pageSize", "20")
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= 100):
        raise _aip(400, "INVALID_ARGUMENT", "pageSize must be between 1 and 100", {"field": "pageSize"})
    return int(text)


def _page_token(skip: int) -> str:
    return urlsafe_b64encode(_encode({"skip": skip})).rstrip(b"=").decode()


def _page_start(token: str | None) -> int:
    if not token:
        return 0
    try:
        skip = msgspec.json.decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=dict[str, int])["skip"]
    except (ValueError, KeyError):
        skip = -1
    if skip < 0:
        raise _aip(400, "INVALID_ARGUMENT", "pageToken is invalid", {"field": "pageToken"})
    return skip


OAUTH_ROUTES: Final = (
    Operation("POST", "/oauth/token", _token, is_open=True, secret=True),
    Operation("POST", "/oauth/locationToken", _location_token_v2, secret=True),
    # facts 3 [blog]: the hyphenated paths exist under v3 alone
    Operation("POST", "/oauth/location-token", _location_token_v3, only_v3=True, secret=True),
    Operation("GET", "/oauth/installedLocations", _installed_v2),
    Operation("GET", "/oauth/installed-locations", _installed_v3, only_v3=True),
)

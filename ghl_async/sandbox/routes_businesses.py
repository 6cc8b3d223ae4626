"""Businesses, and the read-only lists that contacts can be put into: campaigns, workflows (facts Appendix A [spec])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import Call, Operation
from .refusals import bad_request
from .shapes import expect_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .location import Location
    from .shapes import Shape

__all__ = ["BUSINESS_ROUTES"]

_READ, _WRITE = "businesses.readonly", "businesses.write"
_encode = msgspec.json.Encoder().encode

_FIELDS: Final[Mapping[str, Shape]] = dict.fromkeys(
    ("name", "phone", "email", "website", "address", "city", "postalCode", "state", "country", "description"), "string"
)


def _list(call: Call) -> bytes:
    # {businesses}; limit and skip as strings, their bounds are unknown (facts 16.2)
    call.expect_query(frozenset({"locationId", "limit", "skip"}))
    limit, skip = call.whole_number("limit", 100, 1, None), call.whole_number("skip", 0, 0, None)
    location = call.location(call.query["locationId"], _READ)
    return _encode({"businesses": list(location.dictionaries.businesses.by_id.values())[skip : skip + limit]})


def _find(call: Call, scope: str) -> tuple[Location, str]:
    call.expect_query(frozenset(), location=False)
    call.need_scope(scope)
    business_id = call.params[0]
    for location in call.state.locations.values():
        if business_id in location.dictionaries.businesses.by_id:
            call.own(location)
            return location, business_id
    raise bad_request(f"Business with id {business_id} not found")  # as for contacts, facts 5.2; here [guess]


def _get(call: Call) -> bytes:
    location, business_id = _find(call, _READ)
    return _encode({"business": location.dictionaries.businesses.by_id[business_id]})


def _create(call: Call) -> bytes:
    # 201, and the wrapper is spelt `buiseness` (facts 11 [spec])
    call.expect_query(frozenset(), location=False)
    body = call.json()
    expect_shape(body, {**_FIELDS, "locationId": "string"}, ("name", "locationId"))
    location = call.location(body["locationId"], _WRITE)
    fields = {name: value for name, value in body.items() if value is not None}
    business = location.dictionaries.businesses.create(fields)
    location.touch()
    return _encode({"success": True, "buiseness": business})


def _update(call: Call) -> bytes:
    body = call.json()
    more = ["name should not be empty"] if body.get("name", "x") == "" else []
    expect_shape(body, _FIELDS, more=more)
    location, business_id = _find(call, _WRITE)
    changes: dict[str, Any] = {name: value for name, value in body.items() if value is not None}
    business = location.dictionaries.businesses.change(business_id, changes)
    location.touch()
    return _encode({"success": True, "buiseness": business})


def _delete(call: Call) -> bytes:
    location, business_id = _find(call, _WRITE)
    location.dictionaries.businesses.remove(business_id)
    location.touch()
    return b'{"success":true}'


def _campaigns(call: Call) -> bytes:
    # facts 8.7 [spec]: {campaigns}; `status` picks
    call.expect_query(frozenset({"locationId", "status"}))
    location = call.location(call.query["locationId"], "campaigns.readonly")
    status = call.query.get("status")
    chosen = [one for one in location.dictionaries.campaigns if status in (None, "", one["status"])]
    return _encode({"campaigns": [one | {"locationId": location.id} for one in chosen]})


def _workflows(call: Call) -> bytes:
    # facts 8.7 [spec]: {workflows}
    call.expect_query(frozenset({"locationId"}))
    location = call.location(call.query["locationId"], "workflows.readonly")
    return _encode({"workflows": [one | {"locationId": location.id} for one in location.dictionaries.workflows]})


BUSINESS_ROUTES: Final = (
    Operation("GET", "/businesses/", _list),
    Operation("POST", "/businesses/", _create, status=201, writes=True, creates=True),
    Operation("GET", "/businesses/{businessId}", _get),
    Operation("PUT", "/businesses/{businessId}", _update, writes=True),
    Operation("DELETE", "/businesses/{businessId}", _delete, writes=True),
    Operation("GET", "/campaigns/", _campaigns),
    Operation("GET", "/workflows/", _workflows),
)

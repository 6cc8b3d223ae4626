"""Tags and business links of many contacts in one request (facts 7.1 rows 11 and 12, 7.6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import CONTACTS_WRITE, Call, Operation
from .profiles import clean_tags
from .refusals import bad_request, unprocessable
from .routes_relations import set_quietly
from .shapes import expect_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .location import Location
    from .shapes import Shape

__all__ = ["BULK_ROUTES"]

_BUSINESS_IDS: Final = 50
_ID: Final = re.compile(r"[A-Za-z0-9]{20}", re.ASCII)
_encode = msgspec.json.Encoder().encode

_TAGS_BODY: Final[Mapping[str, Shape]] = {
    "contacts": "strings", "tags": "strings", "locationId": "string", "removeAllTags": "boolean",
}  # fmt: skip


def _tags(call: Call) -> bytes:
    # row 12: 201 and a result for each, whatever became of it; no scope is declared, contacts.write is a guess
    call.expect_query(frozenset(), location=False)
    body, kind = call.json(), call.params[0]
    if kind not in ("add", "remove"):  # facts 7.6 [spec R-old]; wording [guess]
        raise unprocessable(["type must be one of the following values: add, remove"])
    expect_shape(body, _TAGS_BODY, ("contacts", "tags", "locationId"), more=_bulk_faults(body, kind, call))
    location = call.location(body["locationId"], CONTACTS_WRITE)
    responses = [_tag_one(call, location, one, kind, body) for one in body["contacts"]]  # the same id twice is fine
    errors = sum(response["type"] == "error" for response in responses)
    flags = {"succeded": True, "succeeded": True}  # facts 7.6: true even with errors
    return _encode({**flags, "errorCount": errors, "responses": responses})


def _bulk_faults(body: dict[str, Any], kind: str, call: Call) -> list[str]:
    faults: list[str] = []
    most, contacts = call.state.rules.bulk_tags_refuse, body.get("contacts")
    if isinstance(contacts, list) and len(contacts) > most:  # facts 7.6 [blog]; wording [guess]
        faults.append(f"contacts must contain no more than {most} elements")
    if kind == "add" and body.get("removeAllTags"):  # facts 7.6 [docs]; wording [guess]
        faults.append("removeAllTags is allowed with the type remove only")
    return faults


def _tag_one(call: Call, location: Location, contact_id: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    ref = location.find(contact_id)
    if ref is None:
        return {"contactId": contact_id, "message": _why_not(location, contact_id), "type": "error"}
    old, given = location.record(ref)["tags"], clean_tags(body["tags"])
    added = [tag for tag in given if tag not in old] if kind == "add" else []
    removed = [tag for tag in old if tag in given or body.get("removeAllTags")] if kind == "remove" else []
    if added or removed:
        set_quietly(call, location, ref, {"tags": [tag for tag in old if tag not in removed] + added})
    results = {"oldTags": old, "tagsAdded": added, "tagsRemoved": removed}
    return {"contactId": contact_id, "message": "Tags updated", "type": "success", **results}


def _why_not(location: Location, contact_id: str) -> str:
    # facts 7.6 [spec example]: these messages; which of the last two an id gets that never was one is a guess
    if not _ID.fullmatch(contact_id):
        return "contact id is not a valid firebase id"
    return "contact is deleted" if location.was_deleted(contact_id) else "contact does not belong to location"


def _business(call: Call) -> bytes:
    # row 11: {success, ids}; null unlinks; v3 limits the ids to 50, v2 put that length on the item [spec]
    call.expect_query(frozenset(), location=False)
    body = call.json()
    ids = body.get("ids")
    more = [] if "businessId" in body else ["businessId should not be empty"]
    if isinstance(ids, list) and len(ids) > _BUSINESS_IDS:
        more.append(f"ids must contain no more than {_BUSINESS_IDS} elements")  # wording [guess]
    expect_shape(
        body, {"locationId": "string", "ids": "strings", "businessId": "string"}, ("locationId", "ids"), more=more
    )
    location = call.location(body["locationId"], CONTACTS_WRITE)
    business_id = body["businessId"]
    business = location.dictionaries.businesses.by_id.get(business_id)
    if business_id is not None and business is None:  # [guess]
        raise bad_request(f"Business with id {business_id} not found")
    name = None if business is None else business["name"]
    known = [one for one in dict.fromkeys(body["ids"]) if location.find(one) is not None]  # others are left out [guess]
    for one in known:
        location.change(one, {"businessId": business_id, "businessName": name})
    return _encode({"success": True, "ids": known})


BULK_ROUTES: Final = (
    Operation("POST", "/contacts/bulk/tags/update/{type}", _tags, status=201, writes=True),
    Operation("POST", "/contacts/bulk/business", _business, writes=True),
)

"""Creating, updating, upserting and deleting contacts (facts 7.1 rows 1, 4, 5, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from .call import CONTACTS_WRITE, Call, Operation
from .profiles import CREATE, UPDATE, UPSERT, expect_profile, stored
from .records import blank_record
from .views import created_view, get_view
from .writes import create, expect_unique, update, upsert_target

if TYPE_CHECKING:
    from .location import Location, Ref

__all__ = ["PROFILE_ROUTES", "SUCCEEDED"]

SUCCEEDED: Final = b'{"succeded":true,"succeeded":true}'
"""Both spellings (facts 11 [live]); in v3 the first is deprecated (facts 13 [spec])."""
_encode = msgspec.json.Encoder().encode


def _create(call: Call) -> bytes:
    # row 1: {contact}, 201; a duplicate is a 400
    call.expect_query(frozenset(), location=False)
    body = call.json()
    expect_profile(body, CREATE, v3=call.v3)
    location = call.location(body["locationId"], CONTACTS_WRITE)
    changes = stored(body, location, blank_record(), replace=True)
    expect_unique(location, changes)
    record = location.record(create(call, location, changes))
    # facts 13 [spec]: v3 answers as GET does
    return _encode({"contact": get_view(record, v3=True) if call.v3 else created_view(record)})


def _update(call: Call) -> bytes:
    # row 4: every field may be left out; locationId, gender and companyName are a 422 (facts 7.2)
    body = call.json()
    expect_profile(body, UPDATE, v3=call.v3)
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    changes = _changes(call, body, location, ref)
    expect_unique(location, changes, ref)
    update(location, ref, changes)
    flags = {"succeeded": True} if call.v3 else {"succeded": True, "succeeded": True}
    return _encode({**flags, "contact": _updated(call, location, ref)})


def _changes(call: Call, body: dict[str, Any], location: Location, ref: Ref) -> dict[str, Any]:
    return stored(body, location, location.record(ref), replace=call.state.rules.custom_fields_replace)


def _updated(call: Call, location: Location, ref: Ref) -> dict[str, Any]:
    # facts 7.3 [live]: followers on PUT and upsert
    record = location.record(ref)
    return get_view(record, v3=call.v3) | {"followers": record["followers"]}


def _upsert(call: Call) -> bytes:
    # row 6: {new, contact} [spec], with both flags [live]
    call.expect_query(frozenset(), location=False)
    body = call.json()
    expect_profile(body, UPSERT, v3=call.v3)
    location = call.location(body["locationId"], CONTACTS_WRITE)
    given = stored(body, location, blank_record(), replace=True)  # refuses what is wrong, before anything is sought
    force_new = body.get("createNewIfDuplicateAllowed") is True
    target, left = upsert_target(location, given, force_new=force_new)
    if target is None:
        ref, is_new = create(call, location, left), True
    else:
        ref, is_new = target, False
        changes = _changes(call, body, location, ref)
        update(location, ref, {name: value for name, value in changes.items() if name in left})
    flags = {"new": is_new, "succeded": True, "succeeded": True}
    return _encode({**flags, "contact": _updated(call, location, ref)})


def _delete(call: Call) -> bytes:
    # row 5
    location, ref = call.contact(call.params[0], CONTACTS_WRITE)
    location.delete(location.id_of(ref))
    return SUCCEEDED


PROFILE_ROUTES: Final = (
    Operation("POST", "/contacts/", _create, status=201, writes=True, creates=True),
    Operation("POST", "/contacts/upsert", _upsert, writes=True, creates=True),
    Operation("PUT", "/contacts/{contactId}", _update, writes=True),
    Operation("DELETE", "/contacts/{contactId}", _delete, writes=True),
)

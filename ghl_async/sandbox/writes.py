"""Writing contacts: which of them is meant, and when the location's settings forbid it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dictionaries import now_iso
from .refusals import Refusal
from .views import full_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .call import Call
    from .location import Location, Ref

__all__ = ["create", "expect_unique", "holders", "promoted", "touch", "update", "upsert_target"]


def holders(location: Location, given: Mapping[str, Any], identifiers: tuple[str, ...]) -> dict[str, Ref]:
    """Return the contact that holds the e-mail and the one that holds the phone, in the order of the identifiers.

    One that has it as its own goes before one that has it additionally, and the oldest first [guess].
    """
    found: dict[str, Ref] = {}
    for kind in identifiers:
        value = given.get(kind)
        if isinstance(value, str):
            ref = location.find_by(kind, value)
            held = location.find_all(kind, value) if ref is None else [ref]
            if held:
                found[kind] = held[0]
    return found


def expect_unique(location: Location, changes: dict[str, Any], besides: Ref | None = None) -> None:
    """Check that no other contact holds an identifier that the location's contacts may not share.

    Raises:
        Refusal: 400 with the other contact in `meta`.
    """
    # facts 5.3 [blog, >= 10 code bases]; on an update too, facts 5.2 [blog x3]
    if location.place.allow_duplicates:
        return
    for kind, ref in holders(location, changes, location.place.unique_identifiers).items():
        if ref != besides:
            record = location.record(ref)
            name = full_name(record) or record["email"] or record["phone"] or ""
            meta = {"contactId": record["id"], "contactName": name, "matchingField": kind}
            message = "This location does not allow duplicated contacts."
            raise Refusal(400, {"statusCode": 400, "message": message, "meta": meta})


def upsert_target(location: Location, changes: dict[str, Any], *, force_new: bool) -> tuple[Ref | None, dict[str, Any]]:
    """Return the contact that an upsert means, None for a new one, and the changes that are left to make.

    Where e-mail and phone belong to two contacts the first identifier wins and the other field is ignored.
    """
    # facts 7.5 [spec]
    allowed = location.place.allow_duplicates
    if allowed and force_new:
        return None, changes
    # with duplicates allowed by e-mail, then phone, as search/duplicate does (facts 6.8 [spec]); here [guess]
    matches = holders(location, changes, ("email", "phone") if allowed else location.place.unique_identifiers)
    target = next(iter(matches.values()), None)
    if allowed:
        return target, changes
    others = {kind for kind, ref in matches.items() if ref != target}  # facts 7.5 [issue #37]: ignored, no error
    return target, {name: value for name, value in changes.items() if name not in others}


def promoted(record: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with an additional e-mail or phone that became the own one taken off its list.

    The former own one is lost.
    """
    # facts 7.5 [issue #337] for the e-mail of an upsert; for phones and updates [guess]
    for kind, name in (("email", "additionalEmails"), ("phone", "additionalPhones")):
        value = changes.get(kind)
        if isinstance(value, str):
            rest = [one for one in record[name] if one.lower() != value.lower()]
            if len(rest) != len(record[name]):
                changes = changes | {name: rest}
    return changes


def create(call: Call, location: Location, changes: dict[str, Any]) -> Ref:
    """Add a contact of the caller's and return where it is."""
    now = now_iso()
    is_private = call.token.app == "pit"
    author = {  # facts 7.3 [live] for an OAuth call; the channel of a private token is a guess
        "source": "INTEGRATION",
        "channel": "PRIVATE_INTEGRATION" if is_private else "OAUTH",
        "sourceId": call.token.app,
        "timestamp": now,
    }
    # facts 14 [live, one location]: country defaults to the location's, type to lead
    country = changes.get("country") or location.place.country
    return location.add(changes | {"country": country, "createdBy": author, "dateAdded": now, "dateUpdated": now})


def update(location: Location, ref: Ref, changes: dict[str, Any]) -> None:
    """Change a contact; its `dateUpdated` moves, even if nothing else does."""
    location.change(location.id_of(ref), promoted(location.record(ref), changes))


def touch(call: Call, location: Location, ref: Ref) -> None:
    """Take notice of a change beside the profile; whether it moves `dateUpdated` is an option (facts 16.4)."""
    if call.state.rules.children_touch_contact:
        location.change(location.id_of(ref), {})
    else:
        location.touch()

"""Single appointments, blocked slots and free slots (facts 8.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from .calendars import SLOT_MS, free_slots
from .call import EVENTS_SCOPE, EVENTS_WRITE, Call, Operation
from .dictionaries import now_iso
from .events import ends_ms, event_view, expect_zone, local, starts_ms
from .ids import digest, iso, letters
from .refusals import Refusal, bad_request, contact_not_found, unprocessable
from .routes_searches import read_window
from .shapes import END_MS, choice_faults, expect_shape
from .views import full_name
from .writes import touch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .location import Location, Ref
    from .shapes import Shape

__all__ = ["CALENDAR_ROUTES"]

_encode = msgspec.json.Encoder().encode
_STATUSES: Final = ("new", "confirmed", "cancelled", "showed", "noshow", "invalid")
_PLACES: Final = ("custom", "zoom", "gmeet", "phone", "address", "ms_teams", "google")
_UPDATE: Final[Mapping[str, Shape]] = {
    "title": "string", "meetingLocationType": "string", "meetingLocationId": "string",
    "overrideLocationConfig": "boolean", "appointmentStatus": "string", "assignedUserId": "string",
    "description": "string", "address": "string", "ignoreDateRange": "boolean", "toNotify": "boolean",
    "ignoreFreeSlotValidation": "boolean", "rrule": "string", "calendarId": "string", "startTime": "instant",
    "endTime": "instant",
}  # fmt: skip
_CREATE: Final[Mapping[str, Shape]] = {**_UPDATE, "locationId": "string", "contactId": "string"}
_KEPT: Final = ("title", "appointmentStatus", "assignedUserId", "address", "calendarId", "rrule")
_LONGEST_RANGE_MS: Final = 31 * 86_400_000


def _read(call: Call, properties: Mapping[str, Shape], needed: tuple[str, ...] = ()) -> dict[str, Any]:
    call.expect_query(frozenset(), location=False)
    body = call.json()
    more = choice_faults(body, "appointmentStatus", _STATUSES) + choice_faults(body, "meetingLocationType", _PLACES)
    expect_shape(body, properties, needed, more=more)
    return body


def _calendar(location: Location, calendar_id: str) -> int:
    """Return the place of a calendar among those of the location."""
    if calendar_id not in location.children.calendar_ids:
        raise bad_request(f"Calendar with id {calendar_id} not found")  # [guess]
    return location.children.calendar_ids.index(calendar_id)


def _fields(body: Mapping[str, Any], location: Location, held: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a body changes; instants are kept in UTC, whatever offset was sent."""
    fields = {name: body[name] for name in _KEPT if body.get(name) is not None}
    if body.get("description") is not None:
        fields["notes"] = body["description"]  # the contact's own list shows it as notes [guess]
    zone = location.events.zone  # a time without an offset is in the location's zone [guess]
    start_ms = starts_ms(dict(body), zone) if body.get("startTime") else starts_ms(dict(held), zone)
    end_ms = ends_ms(dict(body), zone)
    if start_ms is not None and end_ms is None:
        was = (starts_ms(dict(held), zone), ends_ms(dict(held), zone))
        end_ms = start_ms + (was[1] - was[0] if was[0] is not None and was[1] is not None else SLOT_MS)  # [guess]
    if start_ms is not None and end_ms is not None:
        if end_ms <= start_ms:
            raise unprocessable(["endTime must be after startTime"])  # wording [guess]
        fields |= {"startTime": iso(start_ms), "endTime": iso(end_ms)}
    return fields


def _create(call: Call) -> bytes:
    # 200 [spec], a flat body [live]
    body = _read(call, _CREATE, ("calendarId", "locationId", "contactId", "startTime"))
    location = call.location(body["locationId"], EVENTS_WRITE)
    ref = location.find(body["contactId"])
    if ref is None:
        raise contact_not_found(body["contactId"])
    place = _calendar(location, body["calendarId"])
    # facts 11 [issue #23]: an appointment has an assignee; that it is the calendar's member by default is a guess
    user_id = body.get("assignedUserId") or location.people.user_ids[place]
    now = now_iso()
    record = {
        "status": "booked",  # facts 8.3 [live]
        "title": full_name(location.record(ref)) or "",  # where none is given [guess]
        "locationId": location.id,
        "contactId": body["contactId"],
        "appointmentStatus": "confirmed",  # the calendars here confirm at once [guess]
        **_fields(body, location, {}),
        "assignedUserId": user_id,
        "users": [user_id],
        "dateAdded": now,
        "dateUpdated": now,
        "assignedResources": [],
    }
    record = location.lists.add("appointments", ref, record)
    touch(call, location, ref)
    return _encode(_flat(record, location, v3=call.v3))


def _flat(record: dict[str, Any], location: Location, *, v3: bool) -> dict[str, Any]:
    # facts 8.3 [live]: these keys and no times; v3 promises times and assignee [spec]
    zone = location.events.zone
    event = event_view(record, zone)
    names = ("id", "calendarId", "locationId", "contactId", "title", "appointmentStatus", "appoinmentStatus", "address")
    flat = {name: event[name] for name in names} | {"status": "booked", "isRecurring": bool(record.get("rrule"))}
    flat |= {name: event[name] for name in ("dateAdded", "dateUpdated")}
    if v3:
        flat |= {"startTime": event["startTime"], "endTime": event["endTime"]}
        flat |= {"assignedUserId": record.get("assignedUserId")}
    return {name: value for name, value in flat.items() if value is not None}


def _find(call: Call, scope: str) -> tuple[Location, Ref, dict[str, Any]]:
    call.expect_query(frozenset(), location=False)
    call.need_scope(scope)
    found = call.state.locate_event(call.params[0])
    if found is None:
        raise _not_found(call.params[0])
    call.own(found[0])
    return found


def _not_found(event_id: str) -> Refusal:
    return bad_request(f"Appointment with id {event_id} not found")  # as for contacts, facts 5.2; here [guess]


def _get(call: Call) -> bytes:
    # facts 8.3: the wrapper is {appointment} and a deleted one is still there [live]; the spec says {event}
    location, _, record = _find(call, EVENTS_SCOPE)
    event = event_view(record, location.events.zone)
    if event["deleted"]:
        event["appointmentMeta"] = {"slotType": "default"}  # facts 8.3 [live]: the key, its value [guess]
    return _encode({"appointment": event})


def _update(call: Call) -> bytes:
    # the same fields, all optional, and the same flat body [live]
    body = _read(call, _UPDATE)
    location, ref, held = _find(call, EVENTS_WRITE)
    if held.get("deleted"):  # [guess]
        raise _not_found(held["id"])
    if body.get("calendarId") is not None:
        _calendar(location, body["calendarId"])
    record = held | _fields(body, location, held) | {"dateUpdated": now_iso()}
    if body.get("assignedUserId") is not None:
        record["users"] = [body["assignedUserId"]]
    location.lists.replace("appointments", ref, record["id"], record)
    touch(call, location, ref)
    return _encode(_flat(record, location, v3=call.v3))


def _delete(call: Call) -> bytes:
    # facts 8.3: 200 {succeeded: true}, with or without a body [live]; for blocked slots too, again is fine [guess]
    block = next((one for one in call.state.locations.values() if call.params[0] in one.block_slots), None)
    if block is not None:
        call.location(block.id, EVENTS_WRITE)
        del block.block_slots[call.params[0]]
        return b'{"succeeded":true}'
    location, ref, held = _find(call, EVENTS_WRITE)
    if not held.get("deleted"):
        location.lists.delete_event(ref, held)
        touch(call, location, ref)
    return b'{"succeeded":true}'


_BLOCK: Final[Mapping[str, Shape]] = {
    "title": "string", "calendarId": "string", "assignedUserId": "string", "locationId": "string",
    "startTime": "instant", "endTime": "instant",
}  # fmt: skip


def _read_block(call: Call, *, is_new: bool) -> dict[str, Any]:
    call.expect_query(frozenset(), location=False)
    body = call.json()
    # facts 11 [issue #23]: one of the two, though the spec requires the first; wording [guess]
    owners = sum(bool(body.get(name)) for name in ("calendarId", "assignedUserId"))
    wrong = owners > 1 or (is_new and not owners)
    needed = ("locationId", "startTime", "endTime") if is_new else ("locationId",)  # both times: [guess]
    expect_shape(body, _BLOCK, needed, more=["Either calendarId or assignedUserId is required, not both"] * wrong)
    return body


def _block(body: Mapping[str, Any], location: Location, held: Mapping[str, Any]) -> dict[str, Any]:
    owners = ("calendarId", "assignedUserId")
    block = {name: value for name, value in held.items() if name not in owners or not any(map(body.get, owners))}
    block |= {name: body[name] for name in ("title", *owners) if body.get(name) is not None}
    if body.get("calendarId"):
        _calendar(location, body["calendarId"])
    zone = location.events.zone
    times = {name: body.get(name) or held.get(name) for name in ("startTime", "endTime")}
    start_ms, end_ms = starts_ms(times, zone), ends_ms(times, zone)
    if start_ms is None or end_ms is None or end_ms <= start_ms:
        raise unprocessable(["endTime must be after startTime"])  # wording [guess]
    return block | {"startTime": iso(start_ms), "endTime": iso(end_ms)}


def _shown(block: dict[str, Any], location: Location) -> dict[str, Any]:
    zone = location.events.zone
    return block | {name: local(block[name], zone) for name in ("startTime", "endTime")}


def _create_block(call: Call) -> bytes:
    # 201 and a flat body [spec]
    body = _read_block(call, is_new=True)
    location = call.location(body["locationId"], EVENTS_WRITE)
    now = now_iso()
    block_id = letters(digest(location.id, "block", location.version, size=20))
    block = {"id": block_id, "locationId": location.id, "title": ""} | _block(body, location, {})
    location.block_slots[block_id] = block | {"dateAdded": now, "dateUpdated": now}
    location.touch()
    return _encode(_shown(block, location))


def _update_block(call: Call) -> bytes:
    # 201 here too [spec]
    body = _read_block(call, is_new=False)
    location = call.location(body["locationId"], EVENTS_WRITE)
    held = location.block_slots.get(call.params[0])
    if held is None:
        raise bad_request(f"Event with id {call.params[0]} not found")  # [guess]
    block = location.block_slots[held["id"]] = _block(body, location, held) | {"dateUpdated": now_iso()}
    return _encode(_shown({name: block[name] for name in block if not name.startswith("date")}, location))


def _blocks(call: Call) -> bytes:
    # facts 8.3: like events
    first_ms, last_ms = read_window(call)
    calendar_id, user_id, group_id = (call.query.get(name) for name in ("calendarId", "userId", "groupId"))
    location = call.location(call.query["locationId"], EVENTS_SCOPE)
    found = [
        _shown(block, location)
        for block in location.block_slots.values()
        if first_ms <= (starts_ms(block, location.events.zone) or 0) <= last_ms
        and not group_id  # no calendar here is in a group
        and (not calendar_id or block.get("calendarId") == calendar_id)
        and (not user_id or block.get("assignedUserId") == user_id)
    ]
    return _encode({"events": sorted(found, key=lambda block: (block["startTime"], block["id"]))})


def _free(call: Call) -> bytes:
    # facts 8.3 [spec]: {"YYYY-MM-DD": {slots}}, at most 31 days, in epoch ms; the wording of refusals [guess]
    call.expect_query(frozenset({"startDate", "endDate", "timezone", "userId", "userIds"}), location=False)
    missing = [f"{name} should not be empty" for name in ("startDate", "endDate") if not call.query.get(name)]
    if missing:
        raise unprocessable(missing)
    first_ms, last_ms = (call.whole_number(name, 0, 0, END_MS) for name in ("startDate", "endDate"))
    if not 0 <= last_ms - first_ms <= _LONGEST_RANGE_MS:
        raise bad_request("The date range must not be more than 31 days")
    call.need_scope("calendars.readonly")
    owner = next((one for one in call.state.locations.values() if call.params[0] in one.children.calendar_ids), None)
    if owner is None:
        raise bad_request(f"Calendar with id {call.params[0]} not found")
    call.own(owner)
    zone = owner.events.zone
    if call.query.get("timezone"):
        try:
            expect_zone(call.query["timezone"])
        except ValueError:
            raise unprocessable(["timezone must be a valid time zone"]) from None
        zone = ZoneInfo(call.query["timezone"])
    member = owner.people.user_ids[_calendar(owner, call.params[0])]
    asked = frozenset(call.query.get("userIds", "").split(",")) | {call.query.get("userId") or member}
    return _encode(free_slots(owner, call.params[0], first_ms, last_ms, zone, asked - {""}))


_APPOINTMENTS, _BLOCK_SLOTS = "/calendars/events/appointments", "/calendars/events/block-slots"

CALENDAR_ROUTES: Final = (
    Operation("POST", _APPOINTMENTS, _create, writes=True, creates=True),
    Operation("GET", f"{_APPOINTMENTS}/{{eventId}}", _get),
    Operation("PUT", f"{_APPOINTMENTS}/{{eventId}}", _update, writes=True),
    Operation("POST", _BLOCK_SLOTS, _create_block, status=201, writes=True, creates=True),
    Operation("PUT", f"{_BLOCK_SLOTS}/{{eventId}}", _update_block, status=201, writes=True),
    Operation("DELETE", "/calendars/events/{eventId}", _delete, writes=True),
    Operation("GET", "/calendars/blocked-slots", _blocks),
    Operation("GET", "/calendars/{calendarId}/free-slots", _free),
)

"""The location itself, its calendars and its users."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from . import words
from .call import Call, Operation

__all__ = ["PLACE_ROUTES"]

_encode = msgspec.json.Encoder().encode


def _location(call: Call) -> bytes:
    # facts 8.7 [spec][live]: {location}, with settings.contactUniqueIdentifiers though the spec does not name it
    call.expect_query(frozenset(), location=False)
    location = call.location(call.params[0], "locations.readonly", "either")  # appendix A: L and A
    content: dict[str, Any] = {
        "id": location.id,
        "companyId": location.place.company_id,
        "name": location.place.name,
        "address": "1 Main St",
        "city": "Birmingham",
        "state": "AL",
        "country": location.place.country,
        "postalCode": "35203",
        "website": "https://example.com",
        "timezone": location.people.settings.timezone,
        "email": "office@example.com",
        "phone": "+12055550100",
        "business": {"name": location.place.name, "timezone": location.people.settings.timezone},
        "social": {},
        "settings": {
            "allowDuplicateContact": location.place.allow_duplicates,
            "allowDuplicateOpportunity": False,
            "allowFacebookNameMerge": False,
            "disableContactTimezone": False,
            "contactUniqueIdentifiers": location.place.unique_identifiers,
        },
    }
    return _encode({"location": content})


def _calendars(call: Call) -> bytes:
    # facts 8.7 [spec][live]: {calendars}; appoinmentPerSlot is the API's spelling, with a right one beside it
    call.expect_query(frozenset({"locationId", "groupId", "showDrafted"}))
    location = call.location(call.query["locationId"], "calendars.readonly")
    calendars = [
        {
            "id": calendar_id,
            "locationId": location.id,
            "name": ("Consultation", "Zweittermin", "Group class 🧘")[number],
            "description": "",
            "isActive": number != 1,
            "calendarType": ("round_robin", "personal", "class_booking")[number],
            "slotDuration": 30,
            "slotDurationUnit": "mins",
            "appoinmentPerSlot": 1,
            "appointmentPerSlot": 1,
            "eventColor": "#039be5",
            "teamMembers": [{"userId": location.people.user_ids[number], "priority": 0.5, "isPrimary": True}],
            "autoConfirm": True,
        }
        for number, calendar_id in enumerate(location.children.calendar_ids)
    ]
    return _encode({"calendars": calendars})


def _users(call: Call) -> bytes:
    # facts 8.7 [spec][live]: {users}; roles is an object
    call.expect_query(frozenset({"locationId"}))
    location = call.location(call.query["locationId"], "users.readonly")
    users = []
    for number, user_id in enumerate(location.people.user_ids):
        first, last = words.FIRST_NAMES[number], words.LAST_NAMES[number]
        users.append(
            {
                "id": user_id,
                "name": f"{first} {last}",
                "firstName": first,
                "lastName": last,
                "email": f"user.{number}@example.com",
                "phone": f"+1{5_000_000_000 + number}",
                "extension": "",
                "permissions": {"contactsEnabled": True},
                "scopes": "",
                "roles": {
                    "type": "account",
                    "role": "admin" if number == 0 else "user",
                    "locationIds": [location.id],
                    "restrictSubAccount": False,
                },
                "deleted": False,
            }
        )
    return _encode({"users": users})


PLACE_ROUTES: Final = (
    Operation("GET", "/locations/{locationId}", _location),
    Operation("GET", "/users/", _users),
    Operation("GET", "/calendars/", _calendars),
)

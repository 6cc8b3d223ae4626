"""The location itself and its dictionaries: calendars, tags, custom fields, users."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from . import words
from .call import Call, Operation
from .ids import digest, iso, letters
from .people import FIELD_TYPES, START_MS
from .refusals import unprocessable

__all__ = ["PLACE_ROUTES"]

_encode = msgspec.json.Encoder().encode


def _location(call: Call) -> bytes:
    # facts 8.7 [spec][live]: {location}, with settings.contactUniqueIdentifiers though the spec does not name it
    call.expect_query(frozenset(), location=False)
    location = call.location(call.params[0], "locations.readonly")
    content: dict[str, Any] = {
        "id": location.id,
        "companyId": letters(digest("company", size=20)),
        "name": "Sandbox Dental",
        "address": "1 Main St",
        "city": "Birmingham",
        "state": "AL",
        "country": "US",
        "postalCode": "35203",
        "website": "https://example.com",
        "timezone": location.people.settings.timezone,
        "email": "office@example.com",
        "phone": "+12055550100",
        "business": {"name": "Sandbox Dental", "timezone": location.people.settings.timezone},
        "social": {},
        "settings": {
            "allowDuplicateContact": False,
            "allowDuplicateOpportunity": False,
            "allowFacebookNameMerge": False,
            "disableContactTimezone": False,
            "contactUniqueIdentifiers": ["email", "phone"],
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


def _tags(call: Call) -> bytes:
    # facts 8.7 [spec]: {tags: [{id, name, locationId}]}, all of them
    call.expect_query(frozenset(), location=False)
    location = call.location(call.params[0], "locations/tags.readonly")
    tags = [
        {"id": letters(digest(location.id, "tag", name, size=20)), "name": name, "locationId": location.id}
        for name in location.tags()
    ]
    return _encode({"tags": tags})


_OPTION_LISTS: Final[dict[str, list[Any]]] = {
    "SINGLE_OPTIONS": list(words.TAGS),
    "MULTIPLE_OPTIONS": list(words.TAGS),
    "RADIO": ["Yes", "No", "Maybe ©"],
    "CHECKBOX": ["yes"],
    "TEXTBOX_LIST": [
        {"id": "opt1", "label": "First", "prefillValue": ""},
        {"id": "opt2", "label": "Zweitens", "prefillValue": ""},
    ],
}
_MODELS: Final = ("contact", "opportunity", "all")


def _custom_fields(call: Call) -> bytes:
    # facts 8.7 [spec][live]: {customFields}; picklistOptions only where there are options
    call.expect_query(frozenset({"model"}), location=False)
    model = call.query.get("model", "contact")  # the default is a guess
    if model not in _MODELS:
        raise unprocessable([f"model must be one of the following values: {', '.join(_MODELS)}"])
    location = call.location(call.params[0], "locations/customFields.readonly")
    fields = []
    for place, (field_id, data_type) in enumerate(zip(location.people.field_ids, FIELD_TYPES, strict=True)):
        name = data_type.replace("_", " ").capitalize()
        field: dict[str, Any] = {
            "id": field_id,
            "name": f"{name} – Größe",
            "model": "contact",
            "fieldKey": f"contact.{data_type.lower()}",
            "placeholder": "",
            "dataType": data_type,
            "position": place * 50,
            "documentType": "field",
            "parentId": letters(digest(location.id, "folder", size=20)),
            "locationId": location.id,
            "dateAdded": iso(START_MS),
            "standard": False,
        }
        if data_type in _OPTION_LISTS:
            field["picklistOptions"] = _OPTION_LISTS[data_type]
        fields.append(field)
    return _encode({"customFields": fields if model != "opportunity" else []})


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
    Operation("GET", "/locations/{locationId}/tags", _tags),
    Operation("GET", "/locations/{locationId}/customFields", _custom_fields),
    Operation("GET", "/users/", _users),
    Operation("GET", "/calendars/", _calendars),
)

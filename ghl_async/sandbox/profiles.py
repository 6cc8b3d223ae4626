"""The bodies that create, update and upsert a contact: what they may hold (facts 7.2 [spec]), what is stored of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from .customvalues import item_faults, values_of
from .ids import iso, parse_ms
from .phones import e164
from .refusals import unprocessable
from .shapes import choice_faults, expect_shape, shape_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .location import Location
    from .shapes import Shape

__all__ = ["CREATE", "UPDATE", "UPSERT", "clean_tags", "expect_profile", "stored"]

UPDATE: Final[Mapping[str, Shape]] = {
    "firstName": "string", "lastName": "string", "name": "string", "email": "string", "phone": "string",
    "address1": "string", "city": "string", "state": "string", "postalCode": "string", "country": "string",
    "website": "string", "timezone": "string", "dnd": "boolean", "dndSettings": "object",
    "inboundDndSettings": "object", "tags": "strings", "customFields": "list", "source": "string",
    "dateOfBirth": "string", "assignedTo": "string",
}  # fmt: skip
CREATE: Final[Mapping[str, Shape]] = {"locationId": "string", **UPDATE, "gender": "string", "companyName": "string"}
UPSERT: Final[Mapping[str, Shape]] = {**CREATE, "createNewIfDuplicateAllowed": "boolean"}

_PLAIN: Final = (
    "firstName", "lastName", "email", "address1", "city", "state", "postalCode", "website", "timezone", "source",
    "companyName", "assignedTo",
)  # fmt: skip
_CHANNELS: Final = ("Call", "Email", "SMS", "WhatsApp", "GMB", "FB")
_BY_NAME: Final = {name.lower(): name for name in _CHANNELS}
_SETTING: Final[Mapping[str, Shape]] = {"status": "string", "message": "string", "code": "string"}
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}", re.ASCII)
_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/._](\d{1,2})[-/._](\d{1,2})", re.ASCII)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})[-/._](\d{1,2})[-/._](\d{4})", re.ASCII)


def expect_profile(body: Mapping[str, Any], properties: Mapping[str, Shape], *, v3: bool) -> None:
    """Validate a body, `locationId` where it is one of the properties.

    Raises:
        Refusal: 422 with a list of everything that is wrong.
    """
    more: list[str] = []
    email, country = body.get("email"), body.get("country")
    if isinstance(email, str) and not _EMAIL.fullmatch(email):  # facts 5.2: this wording [guess]
        more.append("email must be an email")
    if country and isinstance(country, str) and not _COUNTRY.fullmatch(country):  # facts 7.2 [spec]; wording [guess]
        more.append("country must be a valid ISO31661 Alpha2 code")
    more += _dnd_faults(body, v3=v3)
    for place, item in enumerate(_list(body, "customFields")):
        more += [f"customFields.{place}.{fault}" for fault in item_faults(item, v3=v3)]
    expect_shape(body, properties, ("locationId",) if "locationId" in properties else (), more=more)


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    return value if isinstance(value, list) else []


def _dnd_faults(body: Mapping[str, Any], *, v3: bool) -> list[str]:
    faults: list[str] = []
    for parent, statuses in (
        ("dndSettings", ("active", "inactive", "permanent")),  # facts 7.2 [spec]
        ("inboundDndSettings", ("active", "inactive")),
    ):
        settings = body.get(parent)
        for name, setting in settings.items() if isinstance(settings, dict) else ():
            if not _is_channel(parent, name, v3=v3):
                faults.append(f"{parent}.property {name} should not exist")
            elif not isinstance(setting, dict):
                faults.append(f"{parent}.{name} must be an object")
            else:
                found = shape_faults(setting, _SETTING, ("status",)) or choice_faults(setting, "status", statuses)
                faults += [f"{parent}.{name}.{fault}" for fault in found]
    return faults


def _is_channel(parent: str, name: str, *, v3: bool) -> bool:
    if parent == "inboundDndSettings":
        return name == "all"
    # facts 13: lower-camel names in v3 [spec]; that it takes the older ones too is a guess
    return name in _CHANNELS or (v3 and name.lower() in _BY_NAME)


def stored(body: Mapping[str, Any], location: Location, held: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
    """Return what a valid body changes in the record `held`; null and an empty phone clear.

    `replace` makes the custom fields of the body all there are. `gender` goes nowhere (facts 7.2 [issue #313]).

    Raises:
        Refusal: 422 for a phone number that is none, or for a custom field that the location does not have.
    """
    changes = {name: body[name] for name in _PLAIN if name in body}
    faults: list[str] = []
    if "phone" in body:
        text = (body["phone"] or "").strip()
        changes["phone"] = e164(text, location.place.country) if text else None
        if text and changes["phone"] is None:
            faults.append("phone must be a valid phone number")  # wording [guess], facts 16.6
    if body.get("customFields") is not None:
        values, wrong = values_of(body["customFields"], location)
        faults += wrong
        kept = [] if replace else [item for item in held["customFields"] if item["id"] not in values]
        given = [{"id": field_id, "value": value} for field_id, value in values.items() if value is not None]
        changes["customFields"] = kept + given
    if faults:
        raise unprocessable(faults)
    changes |= _names(body)
    if "country" in body:
        changes["country"] = body["country"].upper() if body["country"] else None
    if body.get("tags") is not None:  # facts 7.2 [spec]: replaces the whole set
        changes["tags"] = clean_tags(body["tags"])
    if "dateOfBirth" in body:
        changes |= _born(body["dateOfBirth"])
    return changes | _dnd(body, held)


def _names(body: Mapping[str, Any]) -> dict[str, Any]:
    # facts 7.2 [guess]: `name` is split when first and last name are missing
    if not body.get("name") or body.get("firstName") is not None or body.get("lastName") is not None:
        return {}
    first, _, last = body["name"].strip().partition(" ")
    return {"firstName": first or None, "lastName": last.strip() or None}


def _born(text: str | None) -> dict[str, Any]:
    if not text:
        return {"dateOfBirth": None}
    # facts 7.2 [spec]: YYYY-MM-DD and MM-DD-YYYY, with - / . or _
    if found := _YEAR_FIRST.match(text):
        year, month, day = found.groups()
    elif found := _YEAR_LAST.fullmatch(text):
        month, day, year = found.groups()
    else:
        return {}  # dropped in silence, issue 124 of the vendor's repository
    ms = parse_ms(f"{year}-{month:0>2}-{day:0>2}")
    return {} if ms is None else {"dateOfBirth": iso(ms)}


def _dnd(body: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}  # `dndGiven` tells a false that was written from one that was never set, see get_view
    if body.get("dnd") is not None:
        changes |= {"dnd": body["dnd"], "dndGiven": True}
    if body.get("dndSettings") is not None:  # that a channel left out stays as it is: [guess]
        given = {_BY_NAME[name.lower()]: setting for name, setting in body["dndSettings"].items()}
        changes |= {"dndSettings": held["dndSettings"] | given, "dndGiven": True}
    if body.get("inboundDndSettings") is not None:
        changes["inboundDndSettings"] = body["inboundDndSettings"]
    return changes


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Return tags the way they are stored: lower-cased, trimmed, each once."""
    # facts 7.4: lower-cased [live], trimmed [guess]; facts 14: de-duplicated [live]
    return [tag for tag in dict.fromkeys(text.strip().lower() for text in tags) if tag]

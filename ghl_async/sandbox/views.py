"""One contact as each route shows it: absent against null, `address1` against `address`, lower-cased names."""

from __future__ import annotations

from typing import Any, Final

from .ids import parse_ms

__all__ = ["created_view", "full_name", "get_view", "list_view", "search_view"]

_GET_PLAIN: Final = (
    "dateAdded", "dateUpdated", "type", "locationId", "firstName", "lastName", "companyName", "businessId", "email",
    "phone", "address1", "city", "state", "postalCode", "country", "timezone", "website", "source", "assignedTo",
    "dateOfBirth", "createdBy", "tags", "customFields", "additionalEmails", "additionalPhones",
)  # fmt: skip
_SEARCH_PLAIN: Final = (
    "id", "locationId", "firstName", "lastName", "companyName", "businessName", "businessId", "email", "phone",
    "city", "state", "postalCode", "country", "timezone", "website", "source", "type", "assignedTo", "followers",
    "tags", "customFields", "dateAdded", "dateUpdated", "dnd", "dndSettings", "validEmail", "attributionSource",
)  # fmt: skip
_LIST_PLAIN: Final = (
    "id", "locationId", "companyName", "email", "phone", "dnd", "dndSettings", "type", "source", "assignedTo",
    "city", "state", "postalCode", "address1", "dateAdded", "dateUpdated", "dateOfBirth", "businessId", "tags",
    "followers", "country", "website", "timezone", "additionalEmails", "customFields",
)  # fmt: skip


def full_name(record: dict[str, Any]) -> str | None:
    """Return first and last name together, None if there is neither."""
    return " ".join(part for part in (record["firstName"], record["lastName"]) if part) or None


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


_V3_CHANNELS: Final = {  # facts 13 [spec]; that answers have them so is unrecorded
    "Call": "call", "Email": "email", "SMS": "sms", "WhatsApp": "whatsApp", "GMB": "gmb", "FB": "fb",
}  # fmt: skip


def get_view(record: dict[str, Any], *, v3: bool = False) -> dict[str, Any]:
    """Show a contact as `GET /contacts/{id}` does: what was never set is left out."""
    # facts 7.3 [live]: the recorded keys; fields never set are left out, no `name`, no `dnd` when unset
    view: dict[str, Any] = {"id": record["id"]}
    for key in _GET_PLAIN:
        value = record[key]
        if value is not None:
            view[key] = value
    for key in ("firstName", "lastName", "email"):
        if record[key] is not None:
            view[f"{key}LowerCase"] = record[key].lower()
    name = full_name(record)
    if name is not None:
        view["fullNameLowerCase"] = name.lower()
    channels = record["dndSettings"]
    if record["dnd"] or record.get("dndGiven"):  # shown once it was written, even as false [guess]
        view |= {"dnd": record["dnd"], "dndSettings": channels}
        if v3:
            view["dndSettings"] = {_V3_CHANNELS.get(name, name): value for name, value in channels.items()}
    if record["attributionSource"]:
        view["attributionSource"] = record["attributionSource"]
    view.update(record["extra"])
    return view


def created_view(record: dict[str, Any]) -> dict[str, Any]:
    """Show a contact as `POST /contacts/` answers it under a date version."""
    view = get_view(record)
    for name in ("additionalEmails", "additionalPhones", "timezone"):  # facts 7.3 [live], timezone [spec]
        view.pop(name, None)
    view |= {  # facts 7.3 [live]
        "deleted": False,
        "bounceEmail": False,
        "unsubscribeEmail": False,
        "lastUpdatedBy": record["createdBy"],
        "lastSessionActivityAt": record["dateAdded"],
        "validEmail": None,
        "validEmailDate": None,
    }
    born = record["dateOfBirth"]
    if born is not None:  # facts 7.3 [spec]
        view |= {"birthMonth": int(born[5:7]), "birthDay": int(born[8:10])}
    return view


def search_view(record: dict[str, Any], cursor: list[Any]) -> dict[str, Any]:
    """Show a contact as `POST /contacts/search` does: 38 keys, empty ones null; `cursor` becomes `searchAfter`."""
    view = {key: record[key] for key in _SEARCH_PLAIN}  # facts 6.6 [live]
    born = record["dateOfBirth"]
    view |= {
        "contactName": _lower(full_name(record)),  # facts 6.6 [live]: lower-cased full name
        "firstNameLowerCase": _lower(record["firstName"]),
        "lastNameLowerCase": _lower(record["lastName"]),
        "phoneLabel": None,
        "additionalEmails": [{"email": email} for email in record["additionalEmails"]],  # facts 6.6 [live]: objects
        "additionalPhones": [{"phone": phone} for phone in record["additionalPhones"]],
        "address": record["address1"],  # facts 6.6 [live]: the street is `address` here
        "dateOfBirth": parse_ms(born) if born is not None else None,  # facts 12 [issue]: epoch ms in search
        "inboundDndSettings": record.get("inboundDndSettings", {}),
        "lastAttributionSource": {},
        "searchAfter": cursor,
    }
    if record["opportunities"]:  # facts 6.6 [live]: only where there are some
        view["opportunities"] = record["opportunities"]
    view.update(record["extra"])
    return view


def list_view(record: dict[str, Any]) -> dict[str, Any]:
    """Show a contact as `GET /contacts/` does: 31 keys, empty ones null, names lower-cased with `Raw` twins."""
    view = {key: record[key] for key in _LIST_PLAIN}  # facts 6.2 [live CAP]
    source = record["attributionSource"]
    view |= {
        "dndSettings": record["dndSettings"] or None,  # facts 6.2 [live CAP]: empties null
        "contactName": _lower(full_name(record)),
        "firstName": _lower(record["firstName"]),
        "lastName": _lower(record["lastName"]),
        "firstNameRaw": record["firstName"],
        "lastNameRaw": record["lastName"],
        "attributions": [
            {
                "utmSessionSource": "Direct traffic",
                "medium": "form",
                "isFirst": True,
                "isLast": True,  # facts 6.2 [live CAP]: this and what follows for web visits alone
                "url": source["url"],
                "pageUrl": source["url"],
                "fbp": "fb.1.1700000000000.1",
                "gaClientId": "GA1.1.1.1",
                "ip": "203.0.113.7",
                "userAgent": "Mozilla/5.0",
                "mediumId": None,
            }
            if source
            else {"utmSessionSource": "CRM UI", "medium": "manual", "isFirst": True}
        ],
    }
    view.update(record["extra"])
    return view

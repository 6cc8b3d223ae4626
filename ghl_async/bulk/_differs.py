"""What a contact has of what can be written, and whether that is what an update would make of it.

What cannot be told counts as a difference: then the update is sent, which is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from ..models import Contact
from ..models.days import day_of

__all__ = ["SHOWN", "is_as_wanted", "is_same_value", "plain_tags"]

_PLAIN: dict[str, Callable[[Contact], Any]] = {
    "firstName": lambda contact: contact.first_name,
    "lastName": lambda contact: contact.last_name,
    "name": lambda contact: contact.full_name,
    "phone": lambda contact: contact.phone,
    "address1": lambda contact: contact.street,
    "city": lambda contact: contact.city,
    "state": lambda contact: contact.state,
    "postalCode": lambda contact: contact.postal_code,
    "country": lambda contact: contact.country,
    "website": lambda contact: contact.website,
    "timezone": lambda contact: contact.timezone,
    "source": lambda contact: contact.source,
    "assignedTo": lambda contact: contact.assigned_to,
    "dnd": lambda contact: contact.dnd,
    "companyName": lambda contact: contact.company_name,
    "businessId": lambda contact: contact.business_id,
}
SHOWN: dict[str, Callable[[Contact], Any]] = {
    **_PLAIN,
    "email": lambda contact: (contact.email or "").casefold(),
    "dateOfBirth": lambda contact: contact.birth_date,
    "dndSettings": lambda contact: contact.dnd_channels,
    "additionalEmails": lambda contact: contact.other_emails,
    "additionalPhones": lambda contact: contact.other_phones,
}
"""By the API's name of what is sent, beside tags and custom fields: what a contact has of it, whoever shows it."""


def is_as_wanted(body: Mapping[str, Any], contact: Contact) -> bool:
    """Whether each value of the body of an update is what the contact has."""
    return all(_is_same(name, wanted, contact) for name, wanted in body.items())


def plain_tags(tags: Sequence[str]) -> set[str]:
    """Tags as the server stores them."""
    return {tag.strip().lower() for tag in tags}


def _is_same(name: str, wanted: Any, contact: Contact) -> bool:
    if name in _PLAIN:
        return (_PLAIN[name](contact) or None) == (wanted or None)
    if name == "email":
        return (contact.email or "").casefold() == (wanted or "").casefold()
    if name == "dateOfBirth":
        return contact.birth_date == wanted if isinstance(wanted, date) else not contact.date_of_birth
    if name == "tags":
        return plain_tags(wanted) == plain_tags(contact.tags)
    if name == "customFields":
        return all(_is_same_value(item, contact) for item in wanted)
    return False


def _is_same_value(item: Mapping[str, Any], contact: Contact) -> bool:
    stored = {each.id: each.value for each in contact.custom_fields}
    if "id" not in item:
        return False  # named by its key: which one that is was not to be found out
    wanted, there = item.get("field_value", item.get("fieldValue")), stored.get(item["id"])
    return is_same_value(wanted, there) or _is_shown_otherwise(wanted, there)


def _is_shown_otherwise(wanted: Any, there: Any) -> bool:
    """Whether a value is what the API makes of another: epoch milliseconds of a day, a number of the text in a box."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return wanted.keys() == there.keys() and all(
            each == there[name] or (type(there[name]) in {int, float} and each == str(there[name]))
            for name, each in wanted.items()
        )
    if not isinstance(wanted, str) or not isinstance(there, int | float):
        return False
    day = day_of(there)
    return day is not None and day.isoformat() == wanted


def is_same_value(wanted: Any, there: Any) -> bool:
    """Whether a custom field has a value; None and what is empty are the same."""
    if wanted is None:
        wanted = ""
    if wanted in ("", [], {}) or there is None:
        return wanted in ("", [], {}) and there in (None, "", [], {})
    if isinstance(wanted, list) and isinstance(there, list):
        return sorted(map(str, wanted)) == sorted(map(str, there))
    return bool(type(wanted) is type(there) and wanted == there)

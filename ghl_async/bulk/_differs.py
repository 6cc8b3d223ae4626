"""Whether a contact, as a read shows it, is so already as an update would make it.

What cannot be told counts as a difference: then the update is sent, which is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from ..models import Contact

__all__ = ["is_as_wanted", "plain_tags"]

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
}
"""By the API's name of what is sent: what a contact has of it."""


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
    wanted = item.get("field_value", item.get("fieldValue"))
    if "id" not in item:
        return False  # named by its key: which one that is was not to be found out
    there = stored.get(item["id"])
    if wanted in ("", [], {}) or there is None:
        return wanted in ("", [], {}) and there in (None, "", [], {})
    if isinstance(wanted, list) and isinstance(there, list):
        return sorted(map(str, wanted)) == sorted(map(str, there))
    return bool(type(wanted) is type(there) and wanted == there)

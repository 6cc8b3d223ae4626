"""What a contact's own fields are called in files: as the API and the views of a store spell them, and as people do."""

from __future__ import annotations

import re
from types import MappingProxyType

from .contact_draft import ContactDraft

__all__ = ["KEY_BEGINS", "OWN_FIELDS", "SHOWN_ONLY", "folded", "is_own", "is_spelled_out"]

KEY_BEGINS = "contact."
"""So begins the key of a custom field of contacts."""
SHOWN_ONLY = frozenset(
    {
        "contactname",
        "type",
        "businessid",
        "businessname",
        "dndsettings",
        "inbounddndsettings",
        "additionalemails",
        "additionalphones",
        "followers",
        "dateadded",
        "dateupdated",
        "lastactivity",
        "readat",
        "raw",
        "locationid",
        "customfields",
    }
)
"""What an export has and a row cannot change, in folded spelling; custom fields each have a column of their own."""
_OTHER_NAMES = {"contactid": "id", "street": "address1", "address": "address1", "id": "id"}
OWN_FIELDS = MappingProxyType(
    {
        **{
            name.replace("_", ""): name
            for name in ContactDraft.__struct_fields__
            if name.replace("_", "") not in SHOWN_ONLY
        },
        **_OTHER_NAMES,
    }
)
"""By folded spelling: the field of a draft or of changes, or "id"."""
_SPELLED_OUT = re.compile(r"[a-z][A-Za-z0-9_]*")


def folded(name: str) -> str:
    """A name without capitals, spaces and signs: "First name", "firstName" and "first_name" are one."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def is_own(name: str) -> bool:
    """Whether a contact has a field of its own that is called so."""
    return folded(name) in OWN_FIELDS or folded(name) in SHOWN_ONLY


def is_spelled_out(name: str) -> bool:
    """Whether a name is one as the API or a view spells it, and not as people write: "firstName", not "First name"."""
    return _SPELLED_OUT.fullmatch(name) is not None

"""The bodies of contact writes, in the spelling of each generation of the API, and the guards that need no server."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec

from ..errors import UsageError
from ..models import Draft
from ._custom_values import pairs
from ._drafts import shown, written
from ._search import require_bool

__all__ = ["Generation", "contact_body", "refuse_tags"]

Generation: TypeAlias = Literal["v2", "v3"]
"""v2 is spoken under the Version headers that are dates."""

_DND_KEYS: dict[Generation, dict[str, str]] = {
    "v2": {"call": "Call", "email": "Email", "sms": "SMS", "whatsapp": "WhatsApp", "gmb": "GMB", "fb": "FB"},
    "v3": {"call": "call", "email": "email", "sms": "sms", "whatsapp": "whatsApp", "gmb": "gmb", "fb": "fb"},
}
_COUNTRY_LETTERS = 2
_READ_ONLY = "the API shows it and refuses to have it written (vendor issues 59 and 262)"
_NEVER = MappingProxyType({"additional_emails": _READ_ONLY, "additional_phones": _READ_ONLY})
_NOT_IN_UPDATES = MappingProxyType(
    {
        **_NEVER,
        "company_name": "updates answer 422 to it; an upsert takes it",
        # https://github.com/GoHighLevel/highlevel-api-docs/issues/313
        "gender": "updates answer 422 to it (vendor issue 313)",
    }
)


def contact_body(
    operation: str, kind: type[Draft], given: object, generation: Generation, *, send_refused: bool
) -> dict[str, Any]:
    """Make the body of a create, an upsert or an update, as far as that needs no server; the location is not in it.

    Custom fields are pairs of name and value in it: `Reference` settles them, and the phone number.

    Raises:
        UsageError: names the field that is wrong or that the operation refuses.
    """
    require_bool("send_refused", send_refused)
    refused = _NOT_IN_UPDATES if kind.changes else _NEVER
    advice = {name: f"{why}; send_refused=True sends it all the same" for name, why in refused.items()}
    body = written(operation, kind, given, None if send_refused else advice)
    _check_texts(operation, body)
    if "dndSettings" in body:
        sent = msgspec.to_builtins(body["dndSettings"])
        body["dndSettings"] = {_DND_KEYS[generation][channel]: setting for channel, setting in sent.items()}
    if "inboundDndSettings" in body:
        body["inboundDndSettings"] = {"all": msgspec.to_builtins(body["inboundDndSettings"])}
    if "customFields" in body:
        body["customFields"] = pairs(operation, body["customFields"])
    return body


def refuse_tags(operation: str, body: Mapping[str, Any], *, replace_tags: bool) -> None:
    """Refuse tags where they would replace those that the contact has.

    "This field will overwrite all current tags associated with the contact": the vendor's words in the schemas of both
    operations' bodies (apps/contacts.json, UpdateContactDto and UpsertContactDto).

    Raises:
        UsageError: says what to do instead.
    """
    require_bool("replace_tags", replace_tags)
    if "tags" in body and not replace_tags:
        raise UsageError(
            f"tags: {operation} removes every tag of the contact that is not among them; ghl.tags.add and "
            "ghl.tags.remove change single ones, and replace_tags=True says that the whole set is meant"
        )


def _check_texts(operation: str, body: Mapping[str, Any]) -> None:
    email, country = body.get("email"), body.get("country")
    if email is not None and not _is_address(email):
        raise UsageError(f"email: {operation} cannot send {shown(email)}: it is no e-mail address")
    if country and not (len(country) == _COUNTRY_LETTERS and country.isascii() and country.isalpha()):
        raise UsageError(
            f"country: {operation} cannot send {shown(country)}: it has two letters (ISO 3166), such as US"
        )


def _is_address(text: str) -> bool:
    name, at, host = text.rpartition("@")
    return bool(name and at and host) and "@" not in name and not any(letter.isspace() for letter in text)

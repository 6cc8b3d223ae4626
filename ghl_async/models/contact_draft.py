"""What is written of a contact: a new one, changes of one, and what an upsert did.

Which properties each operation takes, and which of them may be null, stands in the published schemas of the bodies
(CreateContactDto, UpsertContactDto, UpdateContactDto in apps/contacts.json of the vendor's docs repository).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from ._draft import Draft
from .contact import Contact, CustomFieldValue

__all__ = [
    "ContactChanges",
    "ContactDraft",
    "DndSetting",
    "DndSettings",
    "DndStatus",
    "InboundDndSetting",
    "Upserted",
]

DndStatus: TypeAlias = Literal["active", "inactive", "permanent"]
"""Active: the contact must not be disturbed on this channel."""


class DndSetting(Draft, frozen=True, kw_only=True):
    """Do not disturb, for one channel."""

    status: DndStatus
    message: str | UnsetType = UNSET
    code: str | UnsetType = UNSET


class DndSettings(Draft, frozen=True, kw_only=True):
    """Do not disturb, by channel. The names are ours; each generation of the API spells its own."""

    call: DndSetting | UnsetType = UNSET
    email: DndSetting | UnsetType = UNSET
    sms: DndSetting | UnsetType = UNSET
    whatsapp: DndSetting | UnsetType = UNSET
    gmb: DndSetting | UnsetType = UNSET
    """Google Business messages."""
    fb: DndSetting | UnsetType = UNSET


class InboundDndSetting(Draft, frozen=True, kw_only=True):
    """Do not disturb, for what comes in. The API knows one setting for all channels."""

    status: Literal["active", "inactive"]
    message: str | UnsetType = UNSET


class _ContactFields(Draft, frozen=True, kw_only=True):
    """What creates, upserts and updates have in common."""

    first_name: str | UnsetType | None = UNSET
    last_name: str | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    """The whole name, where it is not known in parts; the server splits it."""
    email: str | UnsetType | None = UNSET
    """The primary e-mail address."""
    phone: str | UnsetType | None = UNSET
    """The primary phone number. It is sent in E.164 ("+18888888888"), with the location's country where it has none, if
    the extra `phone` is installed; otherwise as it is given."""
    address1: str | UnsetType | None = UNSET
    """The street."""
    city: str | UnsetType | None = UNSET
    state: str | UnsetType | None = UNSET
    postal_code: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    """Two letters, ISO 3166. A new contact gets the location's by default."""
    website: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    """An IANA zone, for example "America/Chihuahua"."""
    date_of_birth: date | UnsetType | None = UNSET
    dnd: bool | UnsetType = UNSET
    dnd_settings: DndSettings | UnsetType = UNSET
    inbound_dnd_settings: InboundDndSetting | UnsetType = UNSET
    tags: Sequence[str] | UnsetType = UNSET
    """The whole set: what is not in it is removed from the contact. `ghl.tags.add` adds."""
    custom_fields: Mapping[str, Any] | Sequence[CustomFieldValue] | UnsetType = UNSET
    """The field's id, key ("contact.pincode" or "pincode") or name, and the value after the field's type: text, number,
    date, list of options, {box: text}, or the API's object for files; None clears. Or values as a contact has them.
    What the server does with fields that are not named is not documented."""
    additional_emails: Sequence[str] | UnsetType = UNSET
    """Refused by the API, though it shows them: https://github.com/GoHighLevel/highlevel-api-docs/issues/262"""
    additional_phones: Sequence[str] | UnsetType = UNSET
    """Refused as well: https://github.com/GoHighLevel/highlevel-api-docs/issues/59"""


class ContactDraft(_ContactFields, frozen=True, kw_only=True):
    """A contact to be created, or to be created or updated by an upsert."""

    company_name: str | UnsetType | None = UNSET
    gender: str | UnsetType = UNSET
    """Never shown by any operation, and dropped in silence where an upsert meets a contact that is there already:
    https://github.com/GoHighLevel/highlevel-api-docs/issues/313"""
    source: str | UnsetType = UNSET
    assigned_to: str | UnsetType = UNSET
    """A user's id."""


class ContactChanges(_ContactFields, frozen=True, kw_only=True):
    """What is to be changed of a contact. UNSET stays as it is, None clears."""

    changes = True

    company_name: str | UnsetType | None = UNSET
    """Refused by updates; an upsert takes it."""
    gender: str | UnsetType = UNSET
    """Refused by updates: https://github.com/GoHighLevel/highlevel-api-docs/issues/313"""
    source: str | UnsetType | None = UNSET
    assigned_to: str | UnsetType | None = UNSET
    """A user's id."""


class Upserted(msgspec.Struct, frozen=True, kw_only=True):
    """What an upsert did."""

    contact: Contact
    new: bool | None = None
    """Whether the contact was created, by the last answer: after a lost one it is False even if it was created then.
    None: the server did not say."""

"""A contact, in every shape the API has for one.

`get` and `find_duplicate` leave out what was never set, `search` and `list_legacy` send null; the street is `address1`
in one and `address` in the other; `list_legacy` sends names in small letters with a twin that keeps the spelling.
One model takes them all.
"""

from datetime import date, datetime
from typing import Any

import msgspec

from ._record import Many, Record, RecordId, Table
from .days import day_of

__all__ = ["Contact", "CustomFieldValue"]


class CustomFieldValue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The value of one custom field."""

    id: str
    """The field's id, not its key: the API sends no keys with contacts."""
    value: Any = None
    """Text, number, list or object, after the field's type."""


class Contact(Record, frozen=True, kw_only=True):
    """One contact."""

    id: RecordId
    location_id: str | None = None

    name: str | None = None
    contact_name: str | None = None
    """The whole name in small letters."""
    first_name: str | None = None
    """In small letters if it comes from `list_legacy`; see `full_name`."""
    last_name: str | None = None
    first_name_raw: str | None = None
    """Only from `list_legacy`: the original spelling."""
    last_name_raw: str | None = None
    first_name_lower_case: str | None = None
    last_name_lower_case: str | None = None
    full_name_lower_case: str | None = None
    company_name: str | None = None
    business_name: str | None = None
    business_id: str | None = None

    email: str | None = None
    email_lower_case: str | None = None
    valid_email: str | bool | None = None
    additional_emails: Many[Any] = ()
    """Texts or objects {"email": ...}, after the operation; see `other_emails`."""
    phone: str | None = None
    """E.164, for example "+18888888888"."""
    phone_label: str | None = None
    additional_phones: Many[Any] = ()
    """Texts or objects {"phone": ...}; see `other_phones`."""

    address: str | None = None
    """The street, as `search` calls it; see `street`."""
    address1: str | None = None
    """The street, as all other operations call it; see `street`."""
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    """Two letters, ISO 3166."""
    timezone: str | None = None
    """An IANA zone, for example "America/Chihuahua"."""
    website: str | None = None

    type: str | None = None
    """Mostly "lead"; open."""
    source: str | None = None
    assigned_to: str | None = None
    """A user's id."""
    followers: Many[str] = ()
    """Users' ids."""
    tags: Many[str] = ()
    """In small letters: the server stores them so."""
    custom_fields: Many[CustomFieldValue] = ()
    opportunities: Many[Any] = ()
    """Only from `search`, and only where there are some."""

    date_added: datetime | None = None
    date_updated: datetime | None = None
    last_activity: datetime | None = None
    date_of_birth: str | int | float | None = None
    """As sent: text in one of several formats, or epoch milliseconds; see `birth_date`."""

    dnd: bool | None = None
    dnd_settings: Table = {}
    """By channel, in whichever letters the server uses ("SMS" or "sms"); see `dnd_channels`."""
    inbound_dnd_settings: Table = {}

    attributions: Any = None
    attribution_source: Any = None
    last_attribution_source: Any = None
    created_by: Any = None
    """{"source", "channel", "sourceId", "timestamp"}."""
    last_updated_by: Any = None
    deleted: bool | None = None
    bounce_email: bool | None = None
    unsubscribe_email: bool | None = None
    search_after: Any = None
    """Only from `search`: the position right behind this contact, mostly [epoch ms, id]."""

    @property
    def full_name(self) -> str | None:
        """First and last name as they were spelled, or what else the server gives as the name."""
        parts = (self.first_name_raw or self.first_name, self.last_name_raw or self.last_name)
        return " ".join(part for part in parts if part) or self.name or self.contact_name

    @property
    def street(self) -> str | None:
        """The street, whichever of its two names the operation used."""
        return self.address1 or self.address

    @property
    def other_emails(self) -> tuple[str, ...]:
        """The additional e-mail addresses as plain text."""
        return _plain(self.additional_emails, "email")

    @property
    def other_phones(self) -> tuple[str, ...]:
        """The additional phone numbers as plain text."""
        return _plain(self.additional_phones, "phone")

    @property
    def dnd_channels(self) -> dict[str, Any]:
        """`dnd_settings` with the channels in small letters: "call", "email", "sms", "whatsapp", "gmb", "fb"."""
        return {channel.lower(): setting for channel, setting in self.dnd_settings.items()}

    @property
    def birth_date(self) -> date | None:
        """The date of birth, where `date_of_birth` is an ISO date, an ISO instant or epoch milliseconds; else None."""
        return day_of(self.date_of_birth)


def _plain(entries: tuple[Any, ...], key: str) -> tuple[str, ...]:
    values = (entry.get(key) if isinstance(entry, dict) else entry for entry in entries)
    return tuple(value for value in values if isinstance(value, str) and value)

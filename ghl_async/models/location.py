"""The location (sub-account) itself."""

import msgspec

from ._record import Record, RecordId

__all__ = ["LocationDetails", "LocationSettings"]


class LocationSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The settings that decide what counts as a duplicate. None: the server does not say."""

    allow_duplicate_contact: bool | None = None
    allow_duplicate_opportunity: bool | None = None
    allow_facebook_name_merge: bool | None = None
    disable_contact_timezone: bool | None = None
    contact_unique_identifiers: tuple[str, ...] | None = None
    """In the order in which they decide, for example ("email", "phone"). Sent, though not in the published schema."""


class LocationDetails(Record, frozen=True, kw_only=True):
    """One location. Business, social and reseller data are in `extra`."""

    id: RecordId
    company_id: str | None = None
    name: str | None = None
    domain: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    """Two letters, ISO 3166. New contacts get it by default."""
    timezone: str | None = None
    """An IANA zone, for example "America/Chicago". Appointment times are in it."""
    website: str | None = None
    logo_url: str | None = None
    settings: LocationSettings | None = None

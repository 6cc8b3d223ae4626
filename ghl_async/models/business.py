"""A business that contacts belong to, and what is written of one."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from ._draft import Draft
from ._record import Record, RecordId

__all__ = ["Business", "BusinessChanges", "BusinessDraft"]


class Business(Record, frozen=True, kw_only=True):
    """One business."""

    id: RecordId
    location_id: str | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    website: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    """A name or two letters: the API's own examples have both."""
    description: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    created_by: Any = None
    updated_by: Any = None


class _BusinessFields(Draft, frozen=True, kw_only=True):
    """What creates and updates have in common."""

    phone: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    website: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    postal_code: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class BusinessDraft(_BusinessFields, frozen=True, kw_only=True):
    """A business to be created."""

    name: str


class BusinessChanges(_BusinessFields, frozen=True, kw_only=True):
    """What is to be changed of a business. UNSET stays as it is; the API takes null nowhere here."""

    changes = True

    name: str | UnsetType = UNSET

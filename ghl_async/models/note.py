"""A note of a contact, and what is written of one."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from ._draft import Draft
from ._record import Many, Record, RecordId

__all__ = ["Note", "NoteChanges", "NoteDraft"]


class Note(Record, frozen=True, kw_only=True):
    """One note."""

    id: RecordId
    title: str | None = None
    body: str | None = None
    """Plain text or HTML."""
    body_text: str | None = None
    """`body` as plain text."""
    color: str | None = None
    pinned: bool | None = None
    user_id: str | None = None
    contact_id: str | None = None
    relations: Many[Any] = ()
    """Objects {"objectKey", "recordId"}: a note may belong to several records."""
    date_added: datetime | None = None
    date_updated: datetime | None = None


class NoteDraft(Draft, frozen=True, kw_only=True):
    """A note to be created."""

    body: str
    """Plain text or HTML."""
    title: str | UnsetType = UNSET
    color: str | UnsetType = UNSET
    """For example "#FFAA00"."""
    pinned: bool | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    """Whose note it is."""


class NoteChanges(Draft, frozen=True, kw_only=True):
    """What is to be changed of a note. UNSET stays as it is; the API takes null nowhere here."""

    changes = True

    body: str | UnsetType = UNSET
    """Plain text or HTML."""
    title: str | UnsetType = UNSET
    color: str | UnsetType = UNSET
    """For example "#FFAA00"."""
    pinned: bool | UnsetType = UNSET
    user_id: str | UnsetType = UNSET

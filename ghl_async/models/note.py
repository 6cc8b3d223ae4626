"""A note of a contact."""

from datetime import datetime
from typing import Any

from ._record import Many, Record, RecordId

__all__ = ["Note"]


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

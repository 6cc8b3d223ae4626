"""A task of a contact."""

from datetime import datetime

from ._record import Record, RecordId

__all__ = ["Task"]


class Task(Record, frozen=True, kw_only=True):
    """One task. The API tells neither when it was added nor when it was changed."""

    id: RecordId
    title: str | None = None
    body: str | None = None
    assigned_to: str | None = None
    """A user's id."""
    due_date: datetime | None = None
    completed: bool | None = None
    contact_id: str | None = None

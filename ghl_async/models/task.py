"""A task of a contact, and what is written of one."""

from datetime import datetime

from msgspec import UNSET, UnsetType

from ._draft import Aware, Draft
from ._record import Record, RecordId

__all__ = ["Task", "TaskChanges", "TaskDraft"]


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


class TaskDraft(Draft, frozen=True, kw_only=True):
    """A task to be created."""

    title: str
    due_date: Aware
    completed: bool = False
    body: str | UnsetType = UNSET
    assigned_to: str | UnsetType = UNSET
    """A user's id."""


class TaskChanges(Draft, frozen=True, kw_only=True):
    """What is to be changed of a task. UNSET stays as it is; the API takes null nowhere here."""

    changes = True

    title: str | UnsetType = UNSET
    due_date: Aware | UnsetType = UNSET
    completed: bool | UnsetType = UNSET
    body: str | UnsetType = UNSET
    assigned_to: str | UnsetType = UNSET
    """A user's id."""

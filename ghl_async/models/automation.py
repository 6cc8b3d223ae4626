"""What contacts can be put into: campaigns and workflows."""

from datetime import datetime

from ._record import Record, RecordId

__all__ = ["Campaign", "Workflow"]


class Campaign(Record, frozen=True, kw_only=True):
    """One campaign."""

    id: RecordId
    name: str | None = None
    status: str | None = None
    """Open; known are published, draft."""
    location_id: str | None = None


class Workflow(Record, frozen=True, kw_only=True):
    """One workflow. What it does cannot be read by the API."""

    id: RecordId
    name: str | None = None
    status: str | None = None
    """Open; known are published, draft."""
    version: float | None = None
    location_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

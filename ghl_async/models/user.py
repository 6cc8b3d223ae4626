"""A user of the location."""

from ._record import Record, RecordId, Table

__all__ = ["User"]


class User(Record, frozen=True, kw_only=True):
    """One user: who tasks and contacts are assigned to. Permissions and scopes are in `extra`."""

    id: RecordId
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    extension: str | None = None
    """Of the phone."""
    roles: Table = {}
    """An object {"type", "role", "locationIds", "restrictSubAccount"}."""
    deleted: bool | None = None

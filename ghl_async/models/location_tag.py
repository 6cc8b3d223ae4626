"""A tag of the location."""

from ._record import Record, RecordId

__all__ = ["LocationTag"]


class LocationTag(Record, frozen=True, kw_only=True):
    """One tag that contacts of the location can have. Contacts carry its name, not its id."""

    id: RecordId
    name: str | None = None
    """In small letters, as the server stores all tags."""
    location_id: str | None = None

"""A calendar of the location."""

from typing import Any

from ._record import Many, Record, RecordId

__all__ = ["Calendar"]


class Calendar(Record, frozen=True, kw_only=True):
    """One calendar. Opening hours, forms and the many booking options are in `extra`."""

    id: RecordId
    location_id: str | None = None
    group_id: str | None = None
    name: str | None = None
    description: str | None = None
    slug: str | None = None
    widget_slug: str | None = None
    widget_type: str | None = None
    calendar_type: str | None = None
    """Open; known are round_robin, event, class_booking, collective, service_booking, personal."""
    event_type: str | None = None
    event_title: str | None = None
    event_color: str | None = None
    """For example "#039be5"."""
    is_active: bool | None = None
    team_members: Many[Any] = ()
    slot_duration: float | None = None
    slot_duration_unit: str | None = None
    """ "mins" or "hours"; so for the two below."""
    slot_interval: float | None = None
    slot_interval_unit: str | None = None
    slot_buffer: float | None = None
    slot_buffer_unit: str | None = None

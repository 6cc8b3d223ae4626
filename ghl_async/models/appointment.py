"""An appointment of a contact."""

from typing import Any

from ._record import Many, Record, RecordId

__all__ = ["Appointment"]


class Appointment(Record, frozen=True, kw_only=True):
    """One appointment.

    All four times are text as sent. The list of a contact's appointments sends "2021-07-16 11:00:00" without a zone
    (presumably the location's), calendar events send ISO 8601 with an offset: only the caller can know which it is.
    """

    id: RecordId
    calendar_id: str | None = None
    contact_id: str | None = None
    location_id: str | None = None
    group_id: str | None = None
    title: str | None = None
    status: str | None = None
    """For example "booked". What happened to the appointment stands in `appointment_status`."""
    appointment_status: str | None = None
    """Open; known are new, confirmed, cancelled, showed, noshow, invalid, completed, active, booked."""
    assigned_user_id: str | None = None
    users: Many[str] = ()
    assigned_resources: Many[Any] = ()
    notes: str | None = None
    description: str | None = None
    address: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    date_added: str | None = None
    date_updated: str | None = None
    is_recurring: bool | None = None
    rrule: str | None = None
    master_event_id: str | None = None
    created_by: Any = None
    deleted: bool | None = None
    """Deleted appointments stay readable."""

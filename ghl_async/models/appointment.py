"""An appointment of a contact, and what is written of one."""

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, UnsetType

from ._draft import Aware, Draft
from ._record import Many, Record, RecordId

__all__ = ["Appointment", "AppointmentChanges", "AppointmentDraft", "AppointmentStatus", "MeetingLocationType"]

AppointmentStatus: TypeAlias = Literal["new", "confirmed", "cancelled", "showed", "noshow", "invalid"]
"""Those that can be written; answers know more."""
MeetingLocationType: TypeAlias = Literal["custom", "zoom", "gmeet", "phone", "address", "ms_teams", "google"]


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


class _AppointmentFields(Draft, frozen=True, kw_only=True):
    """What creates and updates have in common."""

    end_time: Aware | UnsetType = UNSET
    title: str | UnsetType = UNSET
    appointment_status: AppointmentStatus | UnsetType = UNSET
    assigned_user_id: str | UnsetType = UNSET
    """Some calendars demand one: https://github.com/GoHighLevel/highlevel-api-docs/issues/23"""
    description: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    meeting_location_type: MeetingLocationType | UnsetType = UNSET
    meeting_location_id: str | UnsetType = UNSET
    """From the calendar's `locationConfigurations`, for example "custom_0"."""
    override_location_config: bool | UnsetType = UNSET
    """True with `meeting_location_type` alone, False with `meeting_location_id` alone."""
    ignore_date_range: bool | UnsetType = UNSET
    """Whether the shortest notice and the range of dates of the calendar are ignored."""
    ignore_free_slot_validation: bool | UnsetType = UNSET
    """Whether the time may be taken already."""
    to_notify: bool | UnsetType = UNSET
    """False keeps the automations from running."""
    rrule: str | UnsetType = UNSET
    """A recurrence rule of RFC 5545, without DTSTART."""


class AppointmentDraft(_AppointmentFields, frozen=True, kw_only=True):
    """An appointment to be booked."""

    calendar_id: str
    contact_id: str
    start_time: Aware


class AppointmentChanges(_AppointmentFields, frozen=True, kw_only=True):
    """What is to be changed of an appointment. UNSET stays as it is; the API takes null nowhere here."""

    changes = True

    calendar_id: str | UnsetType = UNSET
    start_time: Aware | UnsetType = UNSET

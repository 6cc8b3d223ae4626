"""Appointments: those of a contact and of a calendar, and booking, changing and deleting them."""

from __future__ import annotations

import builtins  # inside the class `list` is the method
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..models import Appointment, AppointmentChanges, AppointmentDraft
from ..wire.request import Request
from ._creation import Creations, Sight, create_once
from ._decode import Envelope, expect_success, flat, whole
from ._drafts import check_times, written
from ._search import require_text
from ._sights import same_instant, same_text, seconds_of, sight_of_dated
from ._since import Since
from ._window import window

if TYPE_CHECKING:
    from ..models import AppointmentId, CalendarId, ContactId, LocationId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Appointments"]

_VERSION = "2021-04-15"
_READ, _WRITE = "calendars/events.readonly", "calendars/events.write"
_AROUND = timedelta(minutes=1)
_LONGEST = timedelta(days=1)


class Appointments:
    """The appointments of one location's contacts."""

    def __init__(self, send: Send, location_id: LocationId, *, creations: Creations | None = None) -> None:
        self._send = send
        self.location_id = location_id
        self._creations = creations or Creations()

    async def list(self, contact_id: ContactId, /) -> list[Appointment]:
        """List all appointments of one contact. Their times carry no zone: see `Appointment`.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape, or one appointment of it; `page` goes on over such a one.

        Cost: 1 request, however many appointments.
        API: GET /contacts/{contactId}/appointments
        """
        return whole(await self.page(contact_id))

    async def page(self, contact_id: ContactId, /) -> Page[Appointment]:
        """List all appointments of one contact; one that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, however many appointments.
        API: GET /contacts/{contactId}/appointments
        """
        request = Request(
            operation="appointments.list",
            method="GET",
            template="/contacts/{contactId}/appointments",
            ids=(contact_id,),
            # Not a calendars scope: https://github.com/GoHighLevel/highlevel-api-docs/issues/172
            scope="contacts.readonly",
        )
        return Envelope(await self._send(request), request.operation).many(Appointment, "events")

    async def in_calendar(
        self, calendar_id: CalendarId, /, *, since: datetime, before: datetime
    ) -> builtins.list[Appointment]:
        """List the appointments of all contacts in one calendar and one window of time.

        Their times carry the offset of the location's zone: see `Appointment`. Appointments of deleted calendars are
        not among those of any calendar; `list` of their contact has them.

        Args:
            since: aware; where the window begins, in whole milliseconds.
            before: aware; where it ends. What the server does with an appointment that only reaches into the window is
                not documented.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing: the token lacks calendars/events.readonly.
            DecodeError: the reply has not the promised shape, or one appointment of it; `page_in_calendar` goes on
                over such a one.

        Cost: 1 request, however many appointments.
        API: GET /calendars/events
        """
        page = await self.page_in_calendar(calendar_id, since=since, before=before)
        page.refuse_quarantined("`page_in_calendar()` gives the other records, and this one's JSON in `quarantined`")
        return [*page.items]

    async def page_in_calendar(
        self, calendar_id: CalendarId, /, *, since: datetime, before: datetime
    ) -> Page[Appointment]:
        """List as `in_calendar` does; an appointment that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing: the token lacks calendars/events.readonly.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, however many appointments.
        API: GET /calendars/events
        """
        require_text("calendar_id", calendar_id)
        times = window(since, before)
        request = Request(
            operation="appointments.in_calendar",
            method="GET",
            template="/calendars/events",
            query=(("locationId", self.location_id), ("calendarId", calendar_id), *times),
            version=_VERSION,
            scope=_READ,
        )
        return Envelope(await self._send(request), request.operation).many(Appointment, "events")

    async def get(self, appointment_id: AppointmentId, /) -> Appointment:
        """Get one appointment. A deleted one is found as well, with `deleted` True.

        Raises:
            NotFound: no appointment has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /calendars/events/appointments/{eventId}
        """
        return await self._one("appointments.get", "GET", appointment_id, None)

    async def create(self, draft: AppointmentDraft, /) -> Appointment:
        """Book one appointment, at `draft.start_time` in the calendar's free time unless the draft says otherwise.

        A create is never repeated blindly. Where its answer is lost, or is a 422, the calendar's appointments around
        that time are listed, four times within 7 s: if there is an equal one of the contact that is new it is returned;
        if not, the appointment is booked again, and the 422 is raised. New is what was added since the call began, by
        the server's clock.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            ErrorReply: the server refused, for example because the time is taken or the calendar wants a user; the
                reasons it gives are in `.messages`.
            OutcomeUnknown: it may or may not have been booked; `.draft` is the draft.

        Cost: 1 request; 1 to 4 more where the answer was lost, and 1 for each time it is booked again.
        API: POST /calendars/events/appointments
        """
        operation = "appointments.create"
        body = {"locationId": self.location_id, **written(operation, AppointmentDraft, draft)}
        check_times(operation, draft.start_time, draft.end_time)
        request = Request(
            operation=operation,
            method="POST",
            template="/calendars/events/appointments",
            body=body,
            version=_VERSION,
            idempotent=False,
            scope=_WRITE,
        )
        whose = (draft.calendar_id, draft.contact_id)
        async with self._creations.turns((whose, second) for second in seconds_of(draft.start_time)):
            since = Since()

            async def make() -> Appointment:
                return flat(await self._send(request), operation, Appointment, "appointment", "event")

            async def look(_to_come: int) -> Appointment | Sight:
                return await self._sight(draft, since)

            appointment = await create_once(operation, draft, make, look)
            self._creations.give(appointment.id)
            return appointment

    async def update(self, appointment_id: AppointmentId, changes: AppointmentChanges, /) -> Appointment:
        """Change one appointment: `AppointmentChanges(appointment_status="showed")` leaves the rest as it is.

        Setting the same values twice is harmless, so this call is retried after a lost answer. Whether the location's
        automations run for each of them is not documented; with `to_notify=False` none do.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            NotFound: no appointment has the id.
            ErrorReply: the server refused, for example because the time is taken.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: PUT /calendars/events/appointments/{eventId}
        """
        body = written("appointments.update", AppointmentChanges, changes)
        check_times("appointments.update", changes.start_time, changes.end_time)
        return await self._one("appointments.update", "PUT", appointment_id, body)

    async def delete(self, appointment_id: AppointmentId, /) -> None:
        """Delete one appointment. `get` still shows it, with `deleted` True.

        It is retried after a lost answer; that it is not found then means that it is done.

        Raises:
            NotFound: no appointment has the id.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /calendars/events/{eventId}
        """
        request = Request(
            operation="appointments.delete",
            method="DELETE",
            template="/calendars/events/{eventId}",
            ids=(appointment_id,),
            body={},  # the published schema demands one, and describes no property of it
            version=_VERSION,
            scope=_WRITE,
        )
        expect_success(await self._send(request), request.operation)

    async def _one(self, operation: str, method: str, appointment_id: str, body: dict[str, Any] | None) -> Appointment:
        request = Request(
            operation=operation,
            method=method,
            template="/calendars/events/appointments/{eventId}",
            ids=(appointment_id,),
            body=body,
            version=_VERSION,
            scope=_READ if body is None else _WRITE,
        )
        # The published schema wraps what is read in `event`; servers were seen to wrap it in `appointment`.
        return flat(await self._send(request), operation, Appointment, "appointment", "event")

    async def _sight(self, draft: AppointmentDraft, since: Since) -> Appointment | Sight:
        start = draft.start_time
        end = draft.end_time if isinstance(draft.end_time, datetime) else start + _LONGEST
        reader = Appointments(since.watch(self._send), self.location_id)
        page = await reader.page_in_calendar(draft.calendar_id, since=start - _AROUND, before=end + _AROUND)
        alike = (
            each
            for each in page.items
            if each.contact_id == draft.contact_id
            and same_instant(start, each.start_time)
            and same_text(draft.title, each.title)
            and not each.deleted
        )
        sight = sight_of_dated(alike, since, self._creations)
        return Sight.UNDECIDED if sight is Sight.ABSENT and page.quarantined else sight

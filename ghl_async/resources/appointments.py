"""The appointments of a contact, and those of a calendar."""

from __future__ import annotations

import builtins  # inside the class `list` is the method
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..models import Appointment
from ..wire.request import Request
from ._decode import Envelope, whole
from ._search import require_aware, require_text

if TYPE_CHECKING:
    from ..models import CalendarId, ContactId, LocationId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Appointments"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Appointments:
    """The appointments of one location's contacts."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

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
        require_aware("since", since)
        require_aware("before", before)
        if since >= before:
            raise UsageError(f"before must be later than since: {before} is not later than {since}")
        request = Request(
            operation="appointments.in_calendar",
            method="GET",
            template="/calendars/events",
            query=(
                ("locationId", self.location_id),
                ("calendarId", calendar_id),
                ("startTime", str((since - _EPOCH) // _MILLISECOND)),
                ("endTime", str(-((_EPOCH - before) // _MILLISECOND))),  # rounded up: the window loses nothing
            ),
            version="2021-04-15",
            scope="calendars/events.readonly",
        )
        return Envelope(await self._send(request), request.operation).many(Appointment, "events")

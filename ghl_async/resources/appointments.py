"""The appointments of a contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import Appointment
from ..wire.request import Request
from ._decode import Envelope, whole

if TYPE_CHECKING:
    from ..models import ContactId, LocationId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Appointments"]


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

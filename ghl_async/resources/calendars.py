"""The calendars of the location."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import Calendar
from ..wire.request import Request
from ._decode import Envelope, whole

if TYPE_CHECKING:
    from ..models import LocationId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Calendars"]


class Calendars:
    """The calendars of one location."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

    async def list(self) -> list[Calendar]:
        """List all calendars of the location, drafts included.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape, or one calendar of it; `page` goes on over such a one.

        Cost: 1 request.
        API: GET /calendars/
        """
        return whole(await self.page())

    async def page(self) -> Page[Calendar]:
        """List all calendars of the location; one that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /calendars/
        """
        request = Request(
            operation="calendars.list",
            method="GET",
            template="/calendars/",
            query=(("locationId", self.location_id),),
            version="2021-04-15",
            scope="calendars.readonly",
        )
        return Envelope(await self._send(request), request.operation).many(Calendar, "calendars")

"""The location itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import LocationDetails
from ..wire.request import Request
from ._decode import unwrap

if TYPE_CHECKING:
    from ..models import LocationId
    from ..wire.request import Send

__all__ = ["Location"]


class Location:
    """The one location a client works for."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

    async def get(self) -> LocationDetails:
        """Get the location: its name, zone and country, and the settings that decide what counts as a duplicate.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /locations/{locationId}
        """
        request = Request(
            operation="location.get",
            method="GET",
            template="/locations/{locationId}",
            ids=(self.location_id,),
            scope="locations.readonly",
        )
        return unwrap(await self._send(request), request.operation, LocationDetails, "location")

"""The tags of the location."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import LocationTag
from ..wire.request import Request
from ._decode import Envelope, whole

if TYPE_CHECKING:
    from ..models import LocationId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["LocationTags"]


class LocationTags:
    """The tags of one location."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

    async def list(self) -> list[LocationTag]:
        """List all tags of the location, used or not.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape, or one tag of it; `page` goes on over such a one.

        Cost: 1 request.
        API: GET /locations/{locationId}/tags
        """
        return whole(await self.page())

    async def page(self) -> Page[LocationTag]:
        """List all tags of the location, used or not; one that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /locations/{locationId}/tags
        """
        request = Request(
            operation="location_tags.list",
            method="GET",
            template="/locations/{locationId}/tags",
            ids=(self.location_id,),
            scope="locations/tags.readonly",
        )
        return Envelope(await self._send(request), request.operation).many(LocationTag, "tags")

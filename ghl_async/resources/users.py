"""The users of the location."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import User
from ..wire.request import Request
from ._decode import Envelope, whole

if TYPE_CHECKING:
    from ..models import LocationId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Users"]


class Users:
    """The users of one location."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

    async def list(self) -> list[User]:
        """List all users of the location.

        The vendor deprecated the operation, and API v3 does not describe it, but it answers still.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape, or one user of it; `page` goes on over such a one.

        Cost: 1 request.
        API: GET /users/
        """
        return whole(await self.page())

    async def page(self) -> Page[User]:
        """List all users of the location; one that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /users/
        """
        request = Request(
            operation="users.list",
            method="GET",
            template="/users/",
            query=(("locationId", self.location_id),),
            scope="users.readonly",
        )
        return Envelope(await self._send(request), request.operation).many(User, "users")

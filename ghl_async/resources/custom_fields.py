"""The custom fields of the location."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from ..models import CustomField
from ..wire.request import Request
from ._decode import Envelope, whole

if TYPE_CHECKING:
    from ..models import CustomFieldModel, LocationId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["CustomFields"]


class CustomFields:
    """The custom fields of one location."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

    async def list(self, *, model: CustomFieldModel = "contact") -> list[CustomField]:
        """List all custom fields of the location.

        Args:
            model: whose fields: "contact", "opportunity" or "all".

        Raises:
            UsageError: `model` is none of the three; nothing was sent.
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape, or one field of it; `page` goes on over such a one.

        Cost: 1 request.
        API: GET /locations/{locationId}/customFields
        """
        return whole(await self.page(model=model))

    async def page(self, *, model: CustomFieldModel = "contact") -> Page[CustomField]:
        """List all custom fields of the location; one that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            UsageError: `model` is none of the three; nothing was sent.
            WrongLocation: the token belongs to another location.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /locations/{locationId}/customFields
        """
        if model not in {"contact", "opportunity", "all"}:
            raise UsageError(f"model must be contact, opportunity or all, not {model!r}")
        request = Request(
            operation="custom_fields.list",
            method="GET",
            template="/locations/{locationId}/customFields",
            ids=(self.location_id,),
            query=(("model", model),),
            scope="locations/customFields.readonly",
        )
        return Envelope(await self._send(request), request.operation).many(CustomField, "customFields")

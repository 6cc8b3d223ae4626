"""The notes of a contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import Note
from ..wire.request import Request
from ._decode import Envelope, unwrap, whole

if TYPE_CHECKING:
    from ..models import ContactId, LocationId, NoteId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Notes"]

_SCOPE = "contacts.readonly"


class Notes:
    """The notes of one location's contacts."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id

    async def list(self, contact_id: ContactId, /) -> list[Note]:
        """List all notes of one contact.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape, or one note of it; `page` goes on over such a note.

        Cost: 1 request, however many notes.
        API: GET /contacts/{contactId}/notes
        """
        return whole(await self.page(contact_id))

    async def page(self, contact_id: ContactId, /) -> Page[Note]:
        """List all notes of one contact; a note that does not decode is in `quarantined`, with its JSON.

        It is the only page: `cursor` is None.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, however many notes.
        API: GET /contacts/{contactId}/notes
        """
        request = Request(
            operation="notes.list",
            method="GET",
            template="/contacts/{contactId}/notes",
            ids=(contact_id,),
            scope=_SCOPE,
        )
        return Envelope(await self._send(request), request.operation).many(Note, "notes")

    async def get(self, contact_id: ContactId, note_id: NoteId, /) -> Note:
        """Get one note.

        Raises:
            NotFound: no contact of this location has the id, or the contact no such note.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /contacts/{contactId}/notes/{id}
        """
        request = Request(
            operation="notes.get",
            method="GET",
            template="/contacts/{contactId}/notes/{id}",
            ids=(contact_id, note_id),
            scope=_SCOPE,
        )
        return unwrap(await self._send(request), request.operation, Note, "note")

"""The notes of a contact: reading and writing them; and those of the whole location."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from .. import pagination
from ..models import Note, NoteChanges, NoteDraft
from ..wire.request import Request, fill
from ._creation import Creations, Sight, create_once, find_created
from ._decode import Envelope, expect_success, unwrap, whole
from ._drafts import written
from ._search import require_between, require_instant, require_list, require_text
from ._sights import sight_of_note
from ._since import Since
from ._skip import PageSize, walk

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ..models import ContactId, LocationId, NoteId
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["Notes"]

_SCOPE = "contacts.readonly"
_WRITE_SCOPE = "contacts.write"


class _NoteSearch(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a note search. Oldest first: what is added comes behind the place of a walk, and moves nothing."""

    location_id: str
    relations: tuple[str, ...] | UnsetType
    query: str | UnsetType
    skip: int = 0
    limit: int = 100
    sort_by: str = "dateAdded"
    sort_order: str = "asc"
    count: bool = True


class Notes:
    """The notes of one location's contacts."""

    def __init__(self, send: Send, location_id: LocationId, *, creations: Creations | None = None) -> None:
        self._send = send
        self.location_id = location_id
        self._page_size = PageSize()
        self._creations = creations or Creations()

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
        return await self._one(request)

    async def create(self, contact_id: ContactId, draft: NoteDraft, /, *, besides: Collection[NoteId] = ()) -> Note:
        """Create one note: `NoteDraft(body="Called, will call back")`.

        A create is never repeated blindly. Where its answer is lost, or is a 422
        (https://github.com/GoHighLevel/highlevel-api-docs/issues/64: created all the same), the contact's notes are
        listed, four times within 7 s: if there is an equal one that is new it is returned; if not, the note is made
        again, and the 422 is raised. New is what was added since the call began, by the server's clock; if somebody
        else added an equal one shortly before, the outcome is left unknown.

        Args:
            besides: notes that other creates have made, of an earlier process for example.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            NotFound: no contact of this location has the id.
            Unprocessable: the server refused a field; see `.messages`.
            OutcomeUnknown: it may or may not have been created; `.draft` is the draft.

        Cost: 1 request; 1 to 4 more where the answer was lost, and 1 for each time it is made again.
        API: POST /contacts/{contactId}/notes
        """
        request = _create(contact_id, draft)
        # One at a time for each contact: a draft that sets less would take the note of one that sets more for its own.
        async with self._creations.turn(("notes", contact_id)):
            since = Since()

            async def make() -> Note:
                return await self._one(request)

            async def look(_to_come: int) -> Note | Sight:
                page = await Notes(since.watch(self._send), self.location_id).page(contact_id)
                return sight_of_note(_without(page, besides), draft, since, self._creations)

            note = await create_once(request.operation, draft, make, look)
            self._creations.give(note.id)
            return note

    def check(self, contact_id: ContactId, draft: NoteDraft, /) -> None:
        """Check what `create` would send, without sending it.

        Raises:
            UsageError: what `create` would raise before it sends.
        """
        _create(contact_id, draft)

    async def find_created(
        self, contact_id: ContactId, draft: NoteDraft, /, *, since: datetime, besides: Collection[NoteId] = ()
    ) -> Note | None:
        """Say what became of a create that an earlier process left open: the note, or None if none was made.

        It is looked for as `create` does it after a lost answer: by its texts, four times within 7 s.

        Args:
            since: when that create began, by this machine's clock (aware). What was added after it is taken for its.
            besides: notes that other creates have made.

        Raises:
            UsageError: a field is wrong.
            NotFound: no contact of this location has the id.
            OutcomeUnknown: there is one like it that may have been there before.

        Cost: 1 request if it is found at once, 4 if none was made.
        API: GET /contacts/{contactId}/notes
        """
        _create(contact_id, draft)
        require_instant("since", since)
        async with self._creations.turn(("notes", contact_id)):
            began = Since(since)
            reader = Notes(began.watch(self._send), self.location_id)

            async def look(_to_come: int) -> Note | Sight:
                page = await reader.page(contact_id)
                # Without what this client itself has made: that may be the very one, whose outcome was never noted.
                return sight_of_note(_without(page, besides), draft, began, Creations())

            note = await find_created("notes.find_created", draft, look)
            if note is not None:
                self._creations.give(note.id)
            return note

    async def update(self, contact_id: ContactId, note_id: NoteId, changes: NoteChanges, /) -> Note:
        """Change one note: `NoteChanges(pinned=True)` leaves the rest as it is.

        Setting the same values twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            NotFound: no contact of this location has the id, or the contact no such note.
            Unprocessable: the server refused a field; see `.messages`.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: PUT /contacts/{contactId}/notes/{id}
        """
        request = Request(
            operation="notes.update",
            method="PUT",
            template="/contacts/{contactId}/notes/{id}",
            ids=(contact_id, note_id),
            body=written("notes.update", NoteChanges, changes),
            scope=_WRITE_SCOPE,
        )
        return await self._one(request)

    async def delete(self, contact_id: ContactId, note_id: NoteId, /) -> None:
        """Delete one note.

        It is retried after a lost answer; that the note is not found then means that it is done.

        Raises:
            NotFound: no contact of this location has the id, or the contact no such note.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /contacts/{contactId}/notes/{id}
        """
        request = Request(
            operation="notes.delete",
            method="DELETE",
            template="/contacts/{contactId}/notes/{id}",
            ids=(contact_id, note_id),
            scope=_WRITE_SCOPE,
        )
        expect_success(await self._send(request), request.operation)

    async def _one(self, request: Request) -> Note:
        return unwrap(await self._send(request), request.operation, Note, "note")

    async def search(
        self, *, relations: Sequence[str] | None = None, text: str | None = None, skip: int = 0, limit: int = 100
    ) -> Page[Note]:
        """Search the notes of all contacts once, and get one page, oldest first. None asks for nothing.

        A note may belong to several records: its `relations` name them. The page's `cursor` is the number of notes up
        to its end: give it as `skip`, with the same conditions, to get the next page. An empty page is the end, a short
        one is not: the server may send fewer than `limit`. While others add and delete notes the pages move against
        each other; `pages` and `iterate` take care of that. `total` is the server's `count` of all hits; it is asked
        for, but may be None: the reply is not documented. A note that does not decode is in `quarantined`, with its
        JSON.

        The operation is young and of API v3 alone, which this call asks for by itself. The vendor promises neither the
        name of its scope nor that private integrations may use it; where it is refused, `list` serves one contact.

        Args:
            relations: notes of any of these records, for example contact ids.
            text: what the server looks for it in is not documented.
            skip: how many notes to leave out.
            limit: at least 1. The largest one is not documented: where the server refuses it, the next smaller of 250,
                100, 50, 20, 10, 5, 2 and 1 is asked for, and so on; what it took is remembered.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing, Forbidden, NotFound: the token may not use the operation, or the server does not have it.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, and 1 for each limit that the server refuses.
        API: POST /notes/search
        """
        require_between("skip", skip, 0)
        require_between("limit", limit, 1)
        body = self._search_body(relations, text)
        return await self._page_size.fetch(limit, partial(self._searched, body, skip))

    def pages(
        self, *, relations: Sequence[str] | None = None, text: str | None = None, page_size: int = 500
    ) -> AsyncIterator[Page[Note]]:
        """Walk all pages of a search, oldest first. The conditions are those of `search`.

        A page holds what no page before held: each note that is there all the time comes exactly once, however many are
        added and deleted meanwhile, as long as the server keeps their order. The requests overlap for that, and the ids
        of the last 10,000 notes are remembered: if about as many are added or deleted between two requests of a longer
        list, the place is lost, and the walk stops with CursorRepeated. Notes that are added during the walk may come
        or not. A note that does not decode is in its page's `quarantined`, with its JSON. `total` is as `search` has
        it: it may be None. `cursor` says how far the walk is; no walk goes on from there, for it would not know the
        place.

        Args:
            page_size: at least 1. A server may refuse so many (see `search`), or give fewer; both are learned.

        Raises:
            UsageError: at the call, before anything is sent; see `search`.
            ScopeMissing, Forbidden, NotFound: the token may not use the operation, or the server does not have it.
            CursorRepeated: the server ignores `skip` or goes in circles, or the place is lost.
            DecodeError: a reply has not the promised shape.

        Cost: 1 request for `page_size` notes (or as many as the server gives) less the overlap of 5. For the end 1 if
            the last page has fewer notes than one before, of this walk or an earlier one, otherwise 2.
        API: POST /notes/search
        """
        require_between("page_size", page_size, 1)
        return walk(partial(self._searched, self._search_body(relations, text)), self._page_size, page_size)

    def iterate(
        self, *, relations: Sequence[str] | None = None, text: str | None = None, page_size: int = 500
    ) -> AsyncIterator[Note]:
        """Walk all notes of a search, oldest first. The conditions are those of `search`; what `pages` says holds.

        Raises:
            UsageError: at the call, before anything is sent; see `search`.
            ScopeMissing, Forbidden, NotFound: the token may not use the operation, or the server does not have it.
            CursorRepeated: the server ignores `skip` or goes in circles, or the place is lost.
            DecodeError: a note does not decode. It is raised behind the good notes of that note's page; `pages` goes on
                over such a note.

        Cost: as `pages`, 1 request for `page_size` notes less the overlap of 5, and 1 or 2 for the end.
        API: POST /notes/search
        """
        return pagination.iterate(self.pages(relations=relations, text=text, page_size=page_size))

    def _search_body(self, relations: Sequence[str] | None, text: str | None) -> _NoteSearch:
        if relations is not None:
            require_list("relations", relations)
        if text is not None:
            require_text("text", text)
        return _NoteSearch(
            location_id=self.location_id,
            relations=UNSET if relations is None else tuple(relations),
            query=UNSET if text is None else text,
        )

    async def _searched(self, body: _NoteSearch, skip: int, limit: int) -> Page[Note]:
        request = Request(
            operation="notes.search",
            method="POST",
            template="/notes/search",
            body=msgspec.structs.replace(body, skip=skip, limit=limit),
            version="v3",
            scope="notes.readonly",
        )
        envelope = Envelope(await self._send(request), request.operation)
        return envelope.many(Note, "notes", lambda raws: skip + len(raws), total=envelope.optional("count", int))


def _without(page: Page[Note], besides: Collection[str]) -> Page[Note]:
    return msgspec.structs.replace(page, items=tuple(note for note in page.items if note.id not in besides))


def _create(contact_id: str, draft: NoteDraft) -> Request:
    request = Request(
        operation="notes.create",
        method="POST",
        template="/contacts/{contactId}/notes",
        ids=(contact_id,),
        body=written("notes.create", NoteDraft, draft),
        idempotent=False,
        scope=_WRITE_SCOPE,
    )
    fill(request.template, request.ids)  # refuses an id that is none
    return request

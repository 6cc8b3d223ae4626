"""Contacts: one by its id, pages of a search, the older list, those of a business or an address, a duplicate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from .. import pagination
from ..errors import DecodeError, UsageError
from ..models import Contact, keys_of
from ..wire.request import Request
from ._contact_reads import SCOPE, contact_by_id, duplicate_of, searched
from ._contact_writes import ContactWrites
from ._decode import Envelope
from ._search import require_between, require_text, search_body
from ._skip import PageSize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ..dictionary import Dictionary
    from ..models import BusinessId, ContactId, ContactQuery, LocationId, SearchBody
    from ..pagination import Page
    from ..wire.request import Send
    from ._contact_body import Generation
    from ._creation import Creations

__all__ = ["Contacts"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEGACY_LARGEST_PAGE = 100
_LOOKUP_LARGEST_PAGE = 20


class _LegacyMeta(msgspec.Struct, rename="camel"):
    total: int | None = None
    start_after: int | None = None
    start_after_id: str | None = None


class Contacts(ContactWrites):
    """The contacts of one location."""

    def __init__(
        self,
        send: Send,
        location_id: LocationId,
        *,
        generation: Generation = "v2",
        dictionary: Dictionary | None = None,
        creations: Creations | None = None,
    ) -> None:
        super().__init__(send, location_id, generation=generation, dictionary=dictionary, creations=creations)
        self._page_size = PageSize()

    async def get(self, contact_id: ContactId, /) -> Contact:
        """Get one contact.

        `contact_id` is for example "sx6wyHhbFdRXh302LLNR". Fields that were never set are None or empty.

        Raises:
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request. For many contacts use `search`, which brings up to 500 a request.
        API: GET /contacts/{contactId}
        """
        return await contact_by_id(self._send, contact_id)

    async def search(
        self,
        query: ContactQuery | None = None,
        /,
        *,
        after: Sequence[Any] | None = None,
        page: int | None = None,
        page_size: int = 100,
    ) -> Page[Contact]:
        """Search once, and get one page.

        The page's `cursor` is the last contact's `searchAfter`, for example (1700000000000, "sx6wyHhbFdRXh302LLNR"):
        give it as `after`, with the same query, to get the next page. `total` is the server's count of all hits. A
        contact that does not decode is in `quarantined`, with its JSON. An empty page is the end, a short one is not.

        Args:
            query: None finds every contact of the location.
            after: a page's cursor. Not together with `page`.
            page: from 1. Reaches the first 10,000 hits only (`page` times `page_size`); `after` reaches all.
            page_size: 1 to 500. Where a server refuses so many, the next smaller of 250, 100, 50, 20, 10, 5, 2 and 1 is
                asked for, and so on, and what it took is remembered; not with `page`, which would be another place.

        Raises:
            UsageError: an argument or a field of `query` is outside the rules; nothing was sent. Or the server does not
                know a custom field that `query` names.
            BadRequest: the server refuses the query.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request, and 1 for each page size that the server refuses.
        API: POST /contacts/search
        """
        body = search_body(self.location_id, query, after=after, page=page, page_size=page_size)
        return await self._searched(body)

    def pages(
        self, query: ContactQuery | None = None, /, *, after: Sequence[Any] | None = None, page_size: int = 100
    ) -> AsyncIterator[Page[Contact]]:
        """Walk all pages of a search, as deep as it goes.

        Yields pages as `search` gives them, up to the last that holds a contact. `after` resumes behind a page whose
        cursor was kept; the query must be the same.

        Raises:
            UsageError: at the call, before anything is sent; see `search`.
            CursorRepeated: the server goes in circles.
            DecodeError: a reply has not the promised shape, or no contact of a page says where the next one begins.

        Cost: 1 request a page, and 1 for the empty page that ends the walk.
        API: POST /contacts/search
        """
        body = search_body(self.location_id, query, after=after, page_size=page_size)

        async def fetch(cursor: tuple[Any, ...] | None) -> Page[Contact]:
            page = await self._searched(msgspec.structs.replace(body, search_after=cursor or msgspec.UNSET))
            if page.cursor is None and not page.is_empty:
                # To take this for the end would drop the rest without a word.
                raise DecodeError("contacts.search: no contact of the page has `searchAfter`", path="$.contacts")
            return page

        return pagination.pages(fetch, None if after is None else tuple(after))

    def iterate(
        self, query: ContactQuery | None = None, /, *, after: Sequence[Any] | None = None, page_size: int = 100
    ) -> AsyncIterator[Contact]:
        """Walk all contacts of a search.

        Raises:
            UsageError: at the call, before anything is sent; see `search`.
            CursorRepeated: the server goes in circles.
            DecodeError: a contact does not decode. It is raised behind the good contacts of that contact's page;
                `pages` goes on over such contacts.

        Cost: 1 request for `page_size` contacts (1 to 500), and 1 for the empty page that ends the walk.
        API: POST /contacts/search
        """
        return pagination.iterate(self.pages(query, after=after, page_size=page_size))

    async def list_legacy(
        self, *, text: str | None = None, after: tuple[int, str] | None = None, limit: int = 100
    ) -> Page[Contact]:
        """List contacts the older way, newest `date_added` first. The vendor deprecated it, but it answers still.

        Names come in small letters; `full_name` has the original spelling. The page's `cursor` is (epoch milliseconds,
        contact id) of the last contact: give it as `after` to get the next page. The last page has a cursor too; an
        empty page is the end. All pages: `pagination.pages(lambda after: ghl.contacts.list_legacy(after=after))`.

        Args:
            text: searched loosely in name, e-mail, phone and company.
            after: a page's cursor.
            limit: 1 to 100.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request. `search` brings five times as many contacts a request.
        API: GET /contacts/
        """
        require_between("limit", limit, 1, _LEGACY_LARGEST_PAGE)
        query = [("locationId", self.location_id), ("limit", str(limit))]
        if text is not None:
            require_text("text", text)
            query.append(("query", text))
        if after is not None:
            query += _legacy_position(after)
        request = Request(
            operation="contacts.list_legacy", method="GET", template="/contacts/", query=tuple(query), scope=SCOPE
        )
        envelope = Envelope(await self._send(request), request.operation)
        meta = envelope.optional("meta", _LegacyMeta) or _LegacyMeta()
        # Never meta.nextPageUrl: it was seen without the location, and it is there on the last page as well.
        return envelope.many(Contact, "contacts", lambda raws: _legacy_cursor(meta, raws), total=meta.total)

    async def list_by_business(self, business_id: BusinessId, /, *, skip: int = 0, limit: int = 25) -> Page[Contact]:
        """List contacts of one business.

        The page's `cursor` is the number of contacts up to its end: give it as `skip` to get the next page. An empty
        page is the end; the server may send fewer than `limit`. `total` is the server's `count`.

        Args:
            business_id: for example "63b7ec34ea409a9a8bd2a4ff".
            skip: how many contacts to leave out.
            limit: at least 1. The largest one is not documented.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /contacts/business/{businessId}
        """
        require_between("skip", skip, 0)
        require_between("limit", limit, 1)
        request = Request(
            operation="contacts.list_by_business",
            method="GET",
            template="/contacts/business/{businessId}",
            ids=(business_id,),
            query=(("locationId", self.location_id), ("limit", str(limit)), ("skip", str(skip))),
            scope=SCOPE,
        )
        envelope = Envelope(await self._send(request), request.operation)
        return envelope.many(Contact, "contacts", lambda raws: skip + len(raws), total=envelope.optional("count", int))

    async def find_duplicate(self, *, email: str | None = None, phone: str | None = None) -> Contact | None:
        """Find the contact that a new one with this e-mail or phone would double.

        With both given, the location's settings decide which counts first. None: there is no such contact.

        Args:
            phone: E.164 with a leading +, for example "+18888888888".

        Raises:
            UsageError: neither is given, or one is blank; nothing was sent.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /contacts/search/duplicate
        """
        return await duplicate_of(self._send, self.location_id, email=email, phone=phone)

    async def lookup(
        self, *, email: str | None = None, phone: str | None = None, limit: int = 20, cursor: str | None = None
    ) -> Page[Contact]:
        """Look up the contacts with one e-mail address or one phone number, the additional ones included.

        The page's `cursor` is the server's: give it with the same address or number to get the next page. All pages:
        `pagination.pages(lambda cursor: ghl.contacts.lookup(email=email, cursor=cursor))`. A contact that does not
        decode is in `quarantined`, with its JSON.

        The operation is of API v3 alone, which this call asks for by itself, and the vendor opens it to OAuth tokens
        alone. Without one, `search` with `email` or `phone` finds the primary ones.

        Args:
            email: either this, in large or small letters,
            phone: or this, E.164 with a leading +, for example "+18888888888".
            limit: 1 to 20.
            cursor: a page's cursor.

        Raises:
            UsageError: both or none are given, or an argument is outside the rules; nothing was sent.
            ErrorReply: the server refuses the token; how it says so is not documented.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /contacts/lookup
        """
        if (email is None) == (phone is None):
            raise UsageError("lookup needs email or phone, and takes only one of them")
        require_between("limit", limit, 1, _LOOKUP_LARGEST_PAGE)
        query = [("locationId", self.location_id), ("limit", str(limit))]
        for argument, value in (("email", email), ("phone", phone), ("cursor", cursor)):
            if value is not None:
                require_text(argument, value)
                query.append(("nextCursor" if argument == "cursor" else argument, value))
        request = Request(
            operation="contacts.lookup",
            method="GET",
            template="/contacts/lookup",
            query=tuple(query),
            version="v3",
            scope=SCOPE,
        )
        envelope = Envelope(await self._send(request), request.operation)
        return envelope.many(Contact, "contacts", lambda _: _lookup_cursor(envelope))

    async def _searched(self, body: SearchBody) -> Page[Contact]:
        if body.page is not msgspec.UNSET:
            return await searched(self._send, body)
        return await self._page_size.fetch(
            body.page_limit,
            lambda page_limit: searched(self._send, msgspec.structs.replace(body, page_limit=page_limit)),
        )


def _legacy_position(after: object) -> list[tuple[str, str]]:
    match after:
        case (int(instant), str(contact_id)) if contact_id:
            return [("startAfter", str(instant)), ("startAfterId", contact_id)]
    raise UsageError(f"after must be the cursor of a page, (epoch milliseconds, contact id), not {after!r}")


def _legacy_cursor(meta: _LegacyMeta, raws: Sequence[bytes]) -> tuple[int, str]:
    if meta.start_after is not None and meta.start_after_id:
        return meta.start_after, meta.start_after_id
    for keys in map(keys_of, reversed(raws)):
        if keys.date_added is not None and keys.id is not None:
            return (keys.date_added - _EPOCH) // timedelta(milliseconds=1), keys.id
    raise DecodeError("contacts.list_legacy: nothing says where the next page begins", path="$.meta")


def _lookup_cursor(envelope: Envelope) -> str | None:
    cursor = envelope.optional("nextCursor", str)
    if cursor is None and not envelope.is_null("nextCursor"):
        # To take this for the end would drop the rest without a word.
        raise DecodeError("contacts.lookup: the cursor of the next page is no text", path="$.nextCursor")
    return cursor or None

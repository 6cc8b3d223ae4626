"""The businesses of the location, and which contacts belong to them."""

from __future__ import annotations

import builtins  # inside the class `list` is the method
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import pagination
from ..models import Business, BusinessChanges, BusinessDraft, ItemResult
from ..wire.request import Request
from ._chunks import Chunks
from ._contact_sight import dialled, same_phone
from ._creation import Creations, Sight, contradicts, create_once, first_new, unless_other
from ._decode import Envelope, expect_success, unwrap
from ._drafts import written
from ._reference import Reference
from ._search import require_between, require_list, require_text
from ._sights import plain, same_text
from ._since import Since

if TYPE_CHECKING:
    from ..dictionary import Dictionary
    from ..models import BusinessId, ContactId, LocationId
    from ..pagination import Page
    from ..wire.request import Reply, Send

__all__ = ["Businesses"]

_READ, _WRITE = "businesses.readonly", "businesses.write"
_LARGEST_CHUNK = 50
"""The published schema: "List of contact Ids to update (maximum 50)" (apps/v3/contacts-v3.json)."""


class Businesses:
    """The businesses of one location. Their contacts: `ghl.contacts.list_by_business`."""

    def __init__(
        self,
        send: Send,
        location_id: LocationId,
        *,
        dictionary: Dictionary | None = None,
        creations: Creations | None = None,
    ) -> None:
        self._send = send
        self.location_id = location_id
        self._creations = creations or Creations()
        self._reference = Reference(dictionary)
        self._chunks = Chunks(_LARGEST_CHUNK)

    async def list(self, *, skip: int = 0, limit: int = 100) -> Page[Business]:
        """List businesses of the location.

        The page's `cursor` is the number of businesses up to its end: give it as `skip` to get the next page. An empty
        page is the end; the server may send fewer than `limit`. All pages:
        `pagination.pages(lambda skip: ghl.businesses.list(skip=skip or 0))`.

        Args:
            skip: how many businesses to leave out.
            limit: at least 1. The largest one is not documented.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            ScopeMissing: the token lacks businesses.readonly.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /businesses/
        """
        require_between("skip", skip, 0)
        require_between("limit", limit, 1)
        request = Request(
            operation="businesses.list",
            method="GET",
            template="/businesses/",
            query=(("locationId", self.location_id), ("limit", str(limit)), ("skip", str(skip))),
            scope=_READ,
        )
        envelope = Envelope(await self._send(request), request.operation)
        return envelope.many(Business, "businesses", lambda raws: skip + len(raws))

    async def get(self, business_id: BusinessId, /) -> Business:
        """Get one business.

        Raises:
            NotFound: no business of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request.
        API: GET /businesses/{businessId}
        """
        request = Request(
            operation="businesses.get",
            method="GET",
            template="/businesses/{businessId}",
            ids=(business_id,),
            scope=_READ,
        )
        return unwrap(await self._send(request), request.operation, Business, "business")

    async def create(self, draft: BusinessDraft, /) -> Business:
        """Create one business: `BusinessDraft(name="Example Ltd")`.

        A create is never repeated blindly. Where its answer is lost, or is a 422, the businesses of the location are
        listed, four times within 7 s: if there is one of this name that is new it is returned; if not, the business is
        made again, and the 422 is raised. A new one of this name with another city, phone or e-mail leaves the outcome
        unknown.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            Unprocessable: the server refused a field; see `.messages`.
            OutcomeUnknown: it may or may not have been created; `.draft` is the draft.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request; what a phone without country needs to know of the location is in `ghl.dictionary`. Where the
            answer was lost 1 to 4 for each 100 businesses and as many for the end, and 1 for
            each time it is made again.
        API: POST /businesses/
        """
        operation = "businesses.create"
        body = {"locationId": self.location_id, **written(operation, BusinessDraft, draft)}
        await self._reference.settle(operation, body)
        request = Request(
            operation=operation, method="POST", template="/businesses/", body=body, idempotent=False, scope=_WRITE
        )
        async with self._creations.turn(("business", plain(draft.name))):
            since = Since()

            async def make() -> Business:
                return _written(await self._send(request), operation)

            async def look(_to_come: int) -> Business | Sight:
                return await self._sight(draft, since)

            business = await create_once(operation, draft, make, look)
            self._creations.give(business.id)
            return business

    async def update(self, business_id: BusinessId, changes: BusinessChanges, /) -> Business:
        """Change one business: `BusinessChanges(phone="+18832327657")` leaves the rest as it is.

        Setting the same values twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: a field is wrong; nothing was sent.
            NotFound: no business of this location has the id.
            ErrorReply: the answer says that it did not succeed.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request. What a phone without country needs to know of the location is in `ghl.dictionary`.
        API: PUT /businesses/{businessId}
        """
        operation = "businesses.update"
        body = written(operation, BusinessChanges, changes)
        await self._reference.settle(operation, body)
        request = Request(
            operation=operation,
            method="PUT",
            template="/businesses/{businessId}",
            ids=(business_id,),
            body=body,
            scope=_WRITE,
        )
        return _written(await self._send(request), request.operation)

    async def delete(self, business_id: BusinessId, /) -> None:
        """Delete one business.

        It is retried after a lost answer; that the business is not found then means that it is done.

        Raises:
            NotFound: no business of this location has the id.
            ErrorReply: the answer says that it did not succeed.

        Cost: 1 request.
        API: DELETE /businesses/{businessId}
        """
        request = Request(
            operation="businesses.delete",
            method="DELETE",
            template="/businesses/{businessId}",
            ids=(business_id,),
            scope=_WRITE,
        )
        expect_success(await self._send(request), request.operation)

    async def assign(
        self, contact_ids: Sequence[ContactId], business_id: BusinessId | None, /
    ) -> builtins.list[ItemResult]:
        """Let contacts belong to a business, or with None to none, and get one result for each contact.

        An id that is given twice is sent once. The contacts of a request that fails after others succeeded, and those
        that were not sent then, say so in their `reason` and in `sent`.

        To do it twice is harmless, so each request is retried after a lost answer.

        Raises:
            UsageError: an argument is outside the rules; nothing was sent.
            GHLError: the first request failed; nothing was changed, as far as the server says.

        Cost: 1 request for 50 contacts.
        API: POST /contacts/bulk/business
        """
        require_list("contact_ids", contact_ids)
        if business_id is not None:
            require_text("business_id", business_id)
        operation = "businesses.assign"

        async def send(chunk: Sequence[str]) -> builtins.list[ItemResult]:
            body = {"locationId": self.location_id, "ids": chunk, "businessId": business_id}
            request = Request(
                operation=operation,
                method="POST",
                template="/contacts/bulk/business",
                body=body,
                scope="contacts.write",
            )
            done = Envelope(await self._send(request), operation).expect_success().value("ids", builtins.list[str])
            return [ItemResult(contact_id=each, ok=True) if each in done else _failed(each) for each in chunk]

        return await self._chunks.run(contact_ids, send, _failed)

    async def _sight(self, draft: BusinessDraft, since: Since) -> Business | Sight:
        reader = Businesses(since.watch(self._send), self.location_id)
        found: builtins.list[Business] = []
        known: set[str] = set()
        async for page in pagination.pages(lambda skip: reader.list(skip=skip or 0)):
            if known.issuperset(each.id for each in page.items):
                break  # a server that ignores `skip` would go on for ever
            known.update(each.id for each in page.items)
            found += page.items
        named = (each for each in found if same_text(draft.name, each.name) and not self._creations.gave(each.id))
        return first_new(
            (each, unless_other(since.is_before(each.created_at), _differs(draft, each))) for each in named
        )


def _differs(draft: BusinessDraft, business: Business) -> bool:
    """Whether the business has another city, phone or e-mail than the draft."""
    if isinstance(draft.phone, str) and business.phone and not same_phone(dialled(draft.phone) or "", business.phone):
        return True
    return contradicts(draft.city, business.city) or contradicts(draft.email, business.email)


def _written(reply: Reply, operation: str) -> Business:
    envelope = Envelope(reply, operation).expect_success()
    # The API's own spelling; the right one is taken as well, should it come.
    return envelope.one(Business, "business" if envelope.is_null("buiseness") else "buiseness")


def _failed(contact_id: str, reason: str = "the answer does not name the contact") -> ItemResult:
    return ItemResult(contact_id=contact_id, ok=False, reason=reason)

"""The reads of contacts that the writes need as well: one by its id, a duplicate, a page of a search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import BadRequest, UsageError
from ..models import Contact, keys_of
from ..wire.request import Request
from ._decode import Envelope, unwrap
from ._search import require_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models import ContactId, LocationId, SearchBody
    from ..pagination import Page
    from ..wire.request import Send

__all__ = ["SCOPE", "contact_by_id", "duplicate_of", "searched"]

SCOPE = "contacts.readonly"
_UNKNOWN_FIELD = re.compile(r"custom_?fields\.(?P<id>[^\s!]+)! check if custom field exists", re.IGNORECASE)


async def contact_by_id(send: Send, contact_id: ContactId) -> Contact:
    """One request; see `Contacts.get`."""
    request = Request(
        operation="contacts.get", method="GET", template="/contacts/{contactId}", ids=(contact_id,), scope=SCOPE
    )
    return unwrap(await send(request), request.operation, Contact, "contact")


async def duplicate_of(
    send: Send, location_id: LocationId, *, email: str | None = None, phone: str | None = None
) -> Contact | None:
    """One request; see `Contacts.find_duplicate`."""
    if email is None and phone is None:
        raise UsageError("find_duplicate needs email or phone")
    query = [("locationId", location_id)]
    for argument, name, value in (("email", "email", email), ("phone", "number", phone)):
        if value is not None:
            require_text(argument, value)
            query.append((name, value))
    request = Request(
        operation="contacts.find_duplicate",
        method="GET",
        template="/contacts/search/duplicate",
        query=tuple(query),
        scope=SCOPE,
    )
    envelope = Envelope(await send(request), request.operation)
    return None if envelope.is_null("contact") else envelope.one(Contact, "contact")


async def searched(send: Send, body: SearchBody) -> Page[Contact]:
    """One request; see `Contacts.search`."""
    request = Request(operation="contacts.search", method="POST", template="/contacts/search", body=body, scope=SCOPE)
    try:
        reply = await send(request)
    except BadRequest as refusal:
        _name_unknown_field(refusal)
        raise
    envelope = Envelope(reply, request.operation)
    return envelope.many(Contact, "contacts", _search_cursor, total=envelope.optional("total", int))


def _name_unknown_field(refusal: BadRequest) -> None:
    """Only the server knows a location's custom fields, but to name one that is not there is the caller's mistake.

    Raises:
        UsageError: the server says that a custom field does not exist (facts 6.5).
    """
    for message in refusal.messages:
        found = _UNKNOWN_FIELD.search(message)
        if found:
            raise UsageError(
                f"where: the location has no custom field {found['id']!r}: it takes the id of one that"
                " custom_fields.list() shows, and not its key"
            ) from None


def _search_cursor(raws: Sequence[bytes]) -> tuple[Any, ...] | None:
    """The position behind the last contact that tells one; it need not decode otherwise."""
    positions = (keys_of(raw).search_after for raw in reversed(raws))
    return next((position for position in positions if position), None)

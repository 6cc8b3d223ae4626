"""The tags of contacts: of one, and of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import UsageError
from ..models import TagResult
from ..wire.request import Request
from ._chunks import Chunks
from ._decode import Envelope, texts
from ._search import require_bool, require_list

if TYPE_CHECKING:
    from ..models import ContactId, LocationId
    from ..wire.request import Send

__all__ = ["Tags"]

_SCOPE = "contacts.write"
_LARGEST_CHUNK = 500
"""What one operator reports; the limit is asked for in https://github.com/GoHighLevel/highlevel-api-docs/issues/315"""
_UNMENTIONED = "the answer does not mention the contact"


class _Item(msgspec.Struct, rename="camel"):
    """What the server says of one contact; the published schema calls it text, its example shows this."""

    contact_id: str
    message: str | None = None
    type: str | None = None
    old_tags: tuple[str, ...] | None = None
    tags_added: tuple[str, ...] | None = None
    tags_removed: tuple[str, ...] | None = None


class Tags:
    """The tags of one location's contacts. The tags that the location has are in `ghl.location_tags`."""

    def __init__(self, send: Send, location_id: LocationId) -> None:
        self._send = send
        self.location_id = location_id
        self._chunks = Chunks(_LARGEST_CHUNK)

    async def add(self, contact_id: ContactId, tags: Sequence[str], /) -> list[str]:
        """Add tags to one contact, and get all that it has then: ["spring", "vip"].

        The server stores them in small letters, and makes those that the location does not have yet.

        Adding a tag twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: `tags` is not a list of at least one text; nothing was sent.
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request. For many contacts use `add_many`, which needs one for 500.
        API: POST /contacts/{contactId}/tags
        """
        return await self._change("tags.add", "POST", contact_id, tags)

    async def remove(self, contact_id: ContactId, tags: Sequence[str], /) -> list[str]:
        """Remove tags from one contact, and get all that it still has.

        Removing a tag twice is harmless, so this call is retried after a lost answer.

        Raises:
            UsageError: `tags` is not a list of at least one text; nothing was sent.
            NotFound: no contact of this location has the id.
            DecodeError: the reply has not the promised shape.

        Cost: 1 request. For many contacts use `remove_many`, which needs one for 500.
        API: DELETE /contacts/{contactId}/tags
        """
        return await self._change("tags.remove", "DELETE", contact_id, tags)

    async def add_many(self, contact_ids: Sequence[ContactId], tags: Sequence[str], /) -> list[TagResult]:
        """Add the same tags to many contacts, and get one result for each, in the order of `contact_ids`.

        An id that is given twice is sent once. A contact that fails does not hinder the others: see its `reason`. So do
        the contacts of a request that fails after others succeeded, and those that were not sent then: see `sent`.

        Adding a tag twice is harmless, so each request is retried after a lost answer.

        Raises:
            UsageError: an argument is not a list of at least one text; nothing was sent.
            GHLError: the first request failed; no tag was changed, as far as the server says.

        Cost: 1 request for 500 contacts. Where the server refuses so many, half of it, and so on; what it took is
            remembered.
        API: POST /contacts/bulk/tags/update/{type}
        """
        require_list("tags", tags)
        return await self._change_many("tags.add_many", "add", contact_ids, {"tags": list(tags)})

    async def remove_many(
        self, contact_ids: Sequence[ContactId], tags: Sequence[str] = (), /, *, all_tags: bool = False
    ) -> list[TagResult]:
        """Remove the same tags from many contacts, and get one result for each, as `add_many` gives them.

        Removing a tag twice is harmless, so each request is retried after a lost answer.

        Args:
            all_tags: removes every tag that the contacts have; then without `tags`.

        Raises:
            UsageError: an argument is not a list of at least one text; nothing was sent.
            GHLError: the first request failed; no tag was changed, as far as the server says.

        Cost: 1 request for 500 contacts; see `add_many`.
        API: POST /contacts/bulk/tags/update/{type}
        """
        require_bool("all_tags", all_tags)
        if not all_tags:
            require_list("tags", tags)
        elif tags or not isinstance(tags, Sequence):
            raise UsageError("tags and all_tags exclude each other: give the one or the other")
        body: dict[str, Any] = {"tags": list(tags)} | ({"removeAllTags": True} if all_tags else {})
        return await self._change_many("tags.remove_many", "remove", contact_ids, body)

    async def _change(self, operation: str, method: str, contact_id: str, tags: Sequence[str]) -> list[str]:
        require_list("tags", tags)
        request = Request(
            operation=operation,
            method=method,
            template="/contacts/{contactId}/tags",
            ids=(contact_id,),
            body={"tags": list(tags)},
            scope=_SCOPE,
        )
        return texts(await self._send(request), operation, "tags")

    async def _change_many(
        self, operation: str, kind: str, contact_ids: Sequence[str], body: dict[str, Any]
    ) -> list[TagResult]:
        require_list("contact_ids", contact_ids)

        async def send(chunk: Sequence[str]) -> list[TagResult]:
            request = Request(
                operation=operation,
                method="POST",
                template="/contacts/bulk/tags/update/{type}",
                ids=(kind,),
                body={"contacts": chunk, "locationId": self.location_id, **body},
                scope=_SCOPE,
            )
            envelope = Envelope(await self._send(request), operation).expect_success()
            said = {item.contact_id: item for item in map(_item, envelope.value("responses", list[Any])) if item}
            return [_result(each, said.get(each)) for each in chunk]

        return await self._chunks.run(contact_ids, send, _failed)


def _item(sent: object) -> _Item | None:
    try:
        return msgspec.convert(sent, _Item)
    except msgspec.ValidationError:
        return None


def _failed(contact_id: str, reason: str) -> TagResult:
    return TagResult(contact_id=contact_id, ok=False, reason=reason)


def _result(contact_id: str, item: _Item | None) -> TagResult:
    if item is None:
        return _failed(contact_id, _UNMENTIONED)
    ok = item.type == "success"
    return TagResult(
        contact_id=contact_id,
        ok=ok,
        reason=None if ok else item.message or "the server gives no reason",
        old_tags=item.old_tags or (),
        tags_added=item.tags_added or (),
        tags_removed=item.tags_removed or (),
    )

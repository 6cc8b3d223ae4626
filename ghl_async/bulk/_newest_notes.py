"""The newest notes of a location, from the end of the one list that holds all of them, oldest first."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import msgspec

from ..client import GHLClient
from ..errors import GHLError, NoReply, ServerError
from ..models import keys_of
from ._doors import ENDS_THE_RUN
from ._rows import Row

__all__ = ["NewNote", "new_notes"]

_PAGE = 100
_OVERLAP = 5
"""Records by which pages overlap, in case some are deleted between two of them."""


class NewNote(msgspec.Struct, frozen=True):
    """A note of one contact, as a page showed it."""

    contact_id: str
    row: Row
    added_at: datetime | None
    """Aware; None where that cannot be read."""


async def new_notes(ghl: GHLClient, since: datetime) -> AsyncGenerator[NewNote, None]:
    """Yield the notes added since an instant, and some that are older, the newest page first.

    One comes for each of its contacts, and also where it does not decode. Nothing comes where the search counts no
    notes, or is refused: then they are left to a pass over everything.

    Raises:
        GHLError: not all of them have come; it may work the next time, unless it would fail for every request.

    Cost: 2 requests, and 1 for each 95 new notes; pages on which nothing says when it was added are passed over.
    """
    search = ghl.background.notes.search
    try:
        first = await search(limit=_PAGE)
    except GHLError as error:
        if isinstance(error, (*ENDS_THE_RUN, NoReply, ServerError)):
            raise
        return
    size = len(first.items) + len(first.quarantined)  # the server may send fewer than are asked for
    skip = first.total or 0
    while skip > 0 and (size > _OVERLAP or skip <= size):
        skip = max(0, skip - size + _OVERLAP) if skip > size else 0
        page = await search(skip=skip, limit=size) if skip else first
        is_past = False
        for raw in (*(each.raw for each in page.items), *(each.raw for each in page.quarantined)):
            keys = keys_of(raw)
            added_at = keys.date_added
            if added_at is not None and added_at.tzinfo is None:
                added_at = added_at.replace(tzinfo=UTC)
            is_past = is_past or (added_at is not None and added_at < since)
            if keys.id is not None:
                for owner in keys.owners:
                    yield NewNote(owner, Row(keys.id, raw), added_at)
        if is_past:
            return

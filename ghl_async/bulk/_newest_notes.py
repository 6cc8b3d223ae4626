"""The newest notes of a location, from the end of the one list that holds all of them, oldest first."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from ..client import GHLClient
from ..errors import GHLError, NoReply, ServerError
from ..models import Note, keys_of
from ..pagination import Page
from ._doors import ENDS_THE_RUN

__all__ = ["owners_of_new_notes"]

_PAGE = 100
_OVERLAP = 5
"""Records by which pages overlap, in case some are deleted between two of them."""


async def owners_of_new_notes(ghl: GHLClient, since: datetime) -> AsyncGenerator[tuple[str, Note], None]:
    """Yield the contacts, each with its note, of the notes added since an instant, the newest page first.

    Nothing comes where the search counts no notes, or is refused: then they are left to a pass over everything.

    Raises:
        GHLError: not all of them have come; it may work the next time, unless it would fail for every request.

    Cost: 2 requests, and 1 for each 95 new notes.
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
        for note in page.items:
            for owner in keys_of(note.raw).owners:
                yield owner, note
        if _reaches(page, since):
            return


def _reaches(page: Page[Note], since: datetime) -> bool:
    """Whether notes older than an instant are on a page, or nothing that would tell."""
    dates = [note.date_added for note in page.items if note.date_added is not None]
    return not dates or min(dates) < since

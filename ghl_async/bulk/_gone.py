"""Contacts that the location has no more: what makes sure of it, and how they are found.

Nobody tells which contacts were deleted (facts 6.7). A search leaves out what is gone, but also what its index does not
show just now, so a contact is taken for deleted only if the server, asked for it by its id, does not know it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from ..client import GHLClient
from ..errors import (
    AuthError,
    ConnectFailed,
    DailyQuotaExhausted,
    Forbidden,
    GHLError,
    NotFound,
    RateLimited,
    Unauthorized,
)
from ..models import ContactQuery, Filter, FilterGroup
from ._cursors import MOST_CALLS, Cursors
from ._frontier import Frontier
from ._rows import ContactRows, Kind
from ._workers import InOrder, stream
from .run import Run, Tally
from .store import Store

__all__ = ["FAILS_FOR_ALL", "Asked", "gone_among", "held_among", "is_alive", "says_gone", "unmet"]

_AT_FIRST, _AT_A_TIME = 20, 200
FAILS_FOR_ALL = (AuthError, ConnectFailed, DailyQuotaExhausted, Forbidden, RateLimited, Unauthorized)
"""What would go wrong for every contact that is asked for by its id, or for its own lists."""


def says_gone(error: NotFound) -> bool:
    """Whether the server speaks of the contact: "Contact with id ... not found" (facts 5.2).

    Any other 404 may come from a route that is refused, or from the edge, and says nothing of the contact.
    """
    words = " ".join(error.messages).lower()
    return "contact" in words and "not found" in words and "cannot get" not in words


async def is_alive(ghl: GHLClient, contact_id: str) -> bool | None:
    """Whether a contact exists; None: it could not be found out.

    Raises:
        GHLError: what would fail for every contact.

    Cost: 1 request.
    """
    try:
        await ghl.background.contacts.get(contact_id)
    except NotFound as error:
        return False if says_gone(error) else None
    except GHLError as error:
        if isinstance(error, FAILS_FOR_ALL):
            raise
        return None
    return True


class Asked(msgspec.Struct):
    """What was found out of contacts that a search has not shown, those apart that are gone."""

    living: list[str] = []
    unsure: int = 0
    """Nothing could be found out of them."""
    unasked: int = 0
    """Nobody asked for them, since those that were asked for first exist: presumably they do too."""

    @property
    def alive(self) -> int:
        """How many exist, as far as is known."""
        return len(self.living) + self.unasked

    @property
    def words(self) -> str:
        """What the search is to be blamed for."""
        if self.unasked:
            return f"the search left out {self.alive} contacts, and the {len(self.living)} asked for are still there"
        return f"the search left out {self.alive} contacts that are still there"


async def gone_among(
    ghl: GHLClient,
    contact_ids: Sequence[str],
    run: Run[Any],
    asked: Asked,
    query: ContactQuery | None = None,
    *,
    were_missed: bool = True,
) -> AsyncGenerator[list[str], None]:
    """Yield those of some contacts that exist no more, part by part, and count the others in `asked`.

    With a `query` also those that exist, but that it does not find any more even if it is asked for them alone.

    Where many `were_missed` by a search, and the first of them all exist, it is the search that is wrong: then nobody
    asks for the others.

    Raises:
        GHLError: what would fail for every contact.

    Cost: 1 request each, and 1 more for each that exists where there is a query; for the first 20 alone, where more
        than 200 were missed and none of these is gone.
    """

    async def ask(contact_id: str) -> tuple[str, bool | None]:
        lives = await is_alive(ghl, contact_id)
        if lives and query is not None:
            alone = FilterGroup("AND", (*((query.where,) if query.where else ()), Filter("id", "eq", contact_id)))
            page = await ghl.background.contacts.search(msgspec.structs.replace(query, where=alone), page_size=1)
            lives = not page.is_empty
        return contact_id, lives

    may_be_wrong = were_missed and len(contact_ids) > _AT_A_TIME
    start, end = 0, _AT_FIRST if may_be_wrong else _AT_A_TIME
    while some := contact_ids[start:end]:
        gone: list[str] = []
        async with InOrder(stream(some), ask, ahead=MOST_CALLS) as answers:
            run.when_stopped(answers.stop)
            async for contact_id, lives in answers:
                asked.unsure += lives is None
                if lives is not None:
                    (asked.living if lives else gone).append(contact_id)
        if gone:
            yield gone
        if run.stopped:
            return
        if not start and may_be_wrong and len(asked.living) == len(some):
            asked.unasked = len(contact_ids) - len(some)
            return
        start, end = end, end + _AT_A_TIME


async def held_among(store: Store, contact_ids: Sequence[str], kinds: Sequence[Kind]) -> list[str]:
    """Those of some contacts of which a store holds anything, if only set apart."""
    rows = [ContactRows(each, None, None, b"", dict.fromkeys(kinds, ())) for each in contact_ids]
    found = await store.compare(rows)
    held = [each.contact_id for each in found if each.what != "missing" or await store.stored(each)]
    return [*dict.fromkeys(held)]


async def unmet(ghl: GHLClient, store: Store, run: Run[Any]) -> list[str] | None:
    """The stored contacts that a search for all contacts does not show. None: it leaves something out.

    Reads the ids of all contacts, since nothing less tells which ones are missing.

    Cost: 1 request for 500 contacts.
    """
    tally = Tally(ghl, "the ids of all contacts")
    query = ContactQuery(sort="date_added", direction="asc")
    cursors = Cursors(ghl, query, Frontier(), tally, lambda: 0, calls_a_page=1, may_split=True)
    is_first = True
    met = 0
    async with aclosing(cursors.chunks()) as chunks:
        async for chunk in chunks:
            ids = [each.id for each in chunk.page.items]
            ids += [each.id for each in chunk.page.quarantined if each.id is not None]
            nameless = sum(each.id is None for each in chunk.page.quarantined)
            met += len(await store.sweep(ids, is_first=is_first)) + nameless  # one that comes twice is one
            is_first = False
            if run.stopped:
                return []
    if is_first or tally.total is None or met < tally.total:
        return None
    return await store.unswept()

"""What makes sure of a difference that would take something away: it is asked for at its own place first.

A reading that is older than what is stored may come from an index that lags, or from a server that has set its date
back: the contact itself tells. A list that does not show a record any more may have left it out, or have been read
while it moved: the list of its contact tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from typing import TypeVar

import msgspec

from ..client import GHLClient
from ..errors import GHLError
from ._gone import ENDS_THE_RUN
from ._rows import Batch, ContactRows, Difference, Kind, Row, iso
from .store import Store

__all__ = ["confirmed"]

T = TypeVar("T")


async def confirmed(
    ghl: GHLClient, store: Store, batch: Batch, read_one_by_one: Collection[str]
) -> tuple[Batch, list[Difference]]:
    """Say in what a batch differs from what is stored, and give the batch as it may be committed.

    Args:
        read_one_by_one: the kinds that come from their contacts' own lists already.

    Raises:
        GHLError: what would fail for every contact.

    Cost: 1 request for each contact of which a reading is older, and for each kind of a contact that has lost records.
    """
    found = await store.compare(batch.contacts)
    doubtful = [
        each for each in found if each.is_older or (each.what == "surplus" and each.part not in {*read_one_by_one})
    ]
    if not doubtful:
        return batch, found
    rows = {row.id: row for row in batch.contacts}
    refuted: set[Difference] = set()
    for contact_id, part in dict.fromkeys((each.contact_id, each.part) for each in doubtful):
        some = [each for each in doubtful if (each.contact_id, each.part) == (contact_id, part)]
        if part == "contacts":
            rows[contact_id], wrong = await _dated(ghl, rows[contact_id], some)
        else:
            rows[contact_id], wrong = await _listed(ghl, store, rows[contact_id], part, some)
        refuted |= wrong
    whole = msgspec.structs.replace(batch, contacts=tuple(rows[row.id] for row in batch.contacts))
    return whole, [each for each in found if each not in refuted]


async def _dated(ghl: GHLClient, row: ContactRows, some: list[Difference]) -> tuple[ContactRows, set[Difference]]:
    """Whether the contact itself has the older date too."""
    contact = await _asked(ghl.background.contacts.get(row.id))
    if contact is None or iso(contact.date_updated) != row.date_updated:
        return row, {*some}
    return msgspec.structs.replace(row, is_confirmed=True), set()


async def _listed(
    ghl: GHLClient, store: Store, row: ContactRows, kind: Kind, some: list[Difference]
) -> tuple[ContactRows, set[Difference]]:
    """Which of a contact's records are in its own list all the same: they stay as they are stored."""
    page = await _asked(getattr(ghl.background, kind).page(row.id))
    there = None if page is None else {each.id for each in (*page.items, *page.quarantined)}
    kept, wrong = [], set()
    for each in some:
        if there is None or each.id in there:
            wrong.add(each)
            raw = await store.stored(each)
            if raw is not None:
                kept.append(Row(each.id, raw))
    children = {**row.children, kind: (*row.children[kind], *kept)}
    return msgspec.structs.replace(row, children=children), wrong


async def _asked(answer: Awaitable[T]) -> T | None:
    """The answer; None: it says nothing."""
    try:
        return await answer
    except GHLError as error:
        if isinstance(error, ENDS_THE_RUN):
            raise
        return None

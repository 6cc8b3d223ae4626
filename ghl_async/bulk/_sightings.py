"""What the search says of contacts that are to be changed, except of those that were written just now.

The search is some seconds behind, so it says nothing of a contact that is being written, or was a minute ago.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from ..client import GHLClient
from ..models import Contact, ContactQuery
from ._verbs import Input, Verb

__all__ = ["Sightings"]

LATE_SECONDS = 60.0
"""So long after a write the search may show what was before it."""
IDS_A_SEARCH = 100


class Sightings:
    """The contacts of one run, as the search shows them."""

    def __init__(self, ghl: GHLClient, verb: Verb) -> None:
        self._ghl = ghl.background
        self._verb = verb
        self._under_way: Counter[str] = Counter()
        self._written: dict[str, float] = {}
        """When the last write of each ended, in seconds since 1970."""

    async def of(self, inputs: Sequence[Input]) -> dict[str, Contact]:
        """The contacts of some inputs, by id; those that the search does not show are left out."""
        named = dict.fromkeys(one.contact_id for one in inputs if one.contact_id)
        ids = [each for each in named if not self._is_late(each)]
        found: dict[str, Contact] = {}
        for start in range(0, len(ids), IDS_A_SEARCH):
            some = ids[start : start + IDS_A_SEARCH]
            shown = 0
            async for page in self._ghl.contacts.pages(ContactQuery(ids=some), page_size=len(some)):
                found.update((contact.id, contact) for contact in page.items)
                shown += len(page.items) + len(page.quarantined)
                if shown >= (len(some) if page.total is None else page.total):
                    break
        return found

    def still(self, contact: Contact | None) -> Contact | None:
        """It, unless it was written since it was read, or so shortly before that it may have been read as it was."""
        return None if contact is None or self._is_late(contact.id) else contact

    def begin(self, one: Input) -> None:
        """Take note that its contact is written, now or when its turn comes."""
        if one.contact_id is not None:
            self._under_way[one.contact_id] += 1

    def end(self, one: Input) -> None:
        """Take note that this is over."""
        if one.contact_id is None:
            return
        self._under_way[one.contact_id] -= 1
        if not self._under_way[one.contact_id]:
            del self._under_way[one.contact_id]
        self.written(one, None)

    def written(self, one: Input, at: float | None) -> None:
        """Take note that its contact was written, and when; None: now."""
        now = time.time()
        written = now if at is None else min(at, now)
        if one.contact_id is None or written < now - LATE_SECONDS:
            return
        self._written[one.contact_id] = max(written, self._written.pop(one.contact_id, written))
        while self._written[oldest := next(iter(self._written))] < now - LATE_SECONDS:
            del self._written[oldest]

    def _is_late(self, contact_id: str) -> bool:
        if contact_id in self._under_way:
            return True
        return self._written.get(contact_id, 0.0) >= time.time() - LATE_SECONDS

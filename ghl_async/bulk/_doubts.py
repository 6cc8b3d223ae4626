"""What has become of a write that an earlier process left in doubt: looked for by reads, and told from the others."""

from __future__ import annotations

import time

from ..errors import OutcomeUnknown
from ._verbs import Done, Input, Single
from .ledger import Entry, Ledger

__all__ = ["sought"]

CLOCK_SECONDS = 5.0
"""A try that lies further ahead says that this machine's clock was set back: then a date tells nothing."""


class _Besides(set[str]):
    """Records that are not what is looked for; it remembers which others the look has met."""

    def __init__(self, known: set[str]) -> None:
        super().__init__(known)
        self.asked: set[str] = set()

    def __contains__(self, record_id: object) -> bool:
        if isinstance(record_id, str):
            self.asked.add(record_id)
        return super().__contains__(record_id)


async def sought(ledger: Ledger, verb: Single, one: Input, doubt: Entry) -> Done | None:
    """What an earlier process has made for this input, and for no other; None: it is to be sent (again).

    Raises:
        OutcomeUnknown: it cannot be told.
        GHLError: it could not be looked for, so it still is in doubt.
    """
    if verb.creates and doubt.intended_at is not None and doubt.intended_at > time.time() + CLOCK_SECONDS:
        raise OutcomeUnknown(
            f"{verb.operation}: it may or may not have been done: this machine's clock was set back since",
            operation=verb.operation,
            draft=one.given,
        )
    besides = _Besides(await ledger.made_for(one.contact_id, one.position))
    while True:
        found, unknown = None, None
        try:
            found = await verb.seek(one, doubt, besides)
        except OutcomeUnknown as error:
            unknown = error
        taken = await ledger.taken(besides.asked - besides, one.position)
        if found is not None and found.made not in taken:
            return found
        if not taken:
            if unknown is not None:
                raise unknown
            return None
        besides |= taken  # what was in the way is another input's: look once more, past it

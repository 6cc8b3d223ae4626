"""What a store is a copy of, and which of it can have changed since it was made."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import msgspec

from ..errors import UsageError
from ..models import ContactQuery, Filter, FilterGroup
from ._rows import Checkpoint, Identity

__all__ = ["WHOLE_EVERY", "canonical", "changed_since", "changes_since"]

WHOLE_EVERY = timedelta(days=7)
"""How long changes alone are read. Whether a tag moves dateUpdated is not documented (facts 6.7)."""
LOOKED_BACK = timedelta(hours=1)
"""How far behind the last reading changes are looked for: the search's index lags by seconds, clocks by minutes."""


def changes_since(checkpoint: Checkpoint, identity: Identity) -> datetime | None:
    """Since when changes must be read where they tell everything; None where all has to be read again.

    They do so for a copy of all contacts alone: a note or task may change without its contact's dateUpdated moving
    (nobody says, facts 6.7), and a contact may leave the search of a query by a change.
    """
    if identity.include or identity.query or checkpoint.counts.quarantined or checkpoint.newest is None:
        return None
    if checkpoint.whole_at is None or not 0 <= time.time() - checkpoint.whole_at < WHOLE_EVERY.total_seconds():
        return None
    # The server's clock as far as it is known, but never later than ours: a date may lie in the future.
    return min(checkpoint.newest, checkpoint.started_at) - LOOKED_BACK


def canonical(query: ContactQuery) -> str:
    """One text for all ways to ask the same; empty for all contacts.

    Raises:
        UsageError: a value that no JSON can carry.
    """
    try:
        given = msgspec.to_builtins(query)
    except TypeError as error:
        raise UsageError(f"the query holds a value that cannot be sent: {error}") from None
    wanted = {name: sorted(value) if isinstance(value, list) else value for name, value in given.items() if value}
    return msgspec.json.encode(wanted, order="sorted").decode() if wanted else ""


def changed_since(since: datetime) -> ContactQuery:
    """What was added or changed since an instant."""
    conditions = [Filter(field, "range", {"gte": since}) for field in ("dateUpdated", "dateAdded")]
    return ContactQuery(where=FilterGroup("OR", conditions))

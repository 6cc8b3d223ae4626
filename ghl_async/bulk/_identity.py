"""What a store is a copy of, and how what changed since then is asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from ..errors import UsageError
from ..models import ContactQuery, Filter, FilterGroup

__all__ = ["LOOKED_BACK", "WHOLE_EVERY", "added_since", "canonical", "changed_since"]

WHOLE_EVERY = timedelta(days=7)
"""How long less than everything is read. Whether a note or task moves dateUpdated is not documented (facts 6.7)."""
LOOKED_BACK = timedelta(hours=1)
"""How far behind the last reading changes are looked for: the search's index lags by seconds, clocks by minutes."""


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


def added_since(since: datetime) -> ContactQuery:
    """What was added since an instant."""
    return ContactQuery(where=Filter("dateAdded", "range", {"gte": since}))


def changed_since(since: datetime) -> ContactQuery:
    """What was added or changed since an instant."""
    conditions = [Filter(field, "range", {"gte": since}) for field in ("dateUpdated", "dateAdded")]
    return ContactQuery(where=FilterGroup("OR", conditions))

"""A window of time, as the calendar routes are asked for it: epoch milliseconds as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..errors import UsageError
from ._search import require_aware

__all__ = ["window"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def window(
    since: datetime,
    before: datetime,
    names: tuple[str, str] = ("startTime", "endTime"),
    *,
    longest: timedelta | None = None,
) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two parameters of a query, `since` rounded down and `before` up, so that the window loses nothing.

    Raises:
        UsageError: one of the two has no zone, they are in the wrong order, or further apart than `longest`.
    """
    require_aware("since", since)
    require_aware("before", before)
    if since >= before:
        raise UsageError(f"before must be later than since: {before} is not later than {since}")
    if longest is not None and before - since > longest:
        raise UsageError(f"before may be {longest.days} days after since, and not more: {before} is later than that")
    start, end = (since - _EPOCH) // _MILLISECOND, -((_EPOCH - before) // _MILLISECOND)
    return (names[0], str(start)), (names[1], str(end))

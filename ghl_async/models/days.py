"""The day that a value of the API means."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

__all__ = ["day_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(sent: object) -> date | None:
    """The day, in UTC, of an ISO date, an ISO instant or epoch milliseconds, as a number or as text; else None."""
    if isinstance(sent, str):
        try:
            return date.fromisoformat(sent[:10])
        except ValueError:
            pass  # a number as text, perhaps
    if isinstance(sent, bool) or not isinstance(sent, str | int | float):
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=float(sent))).date()
    except (ValueError, OverflowError):
        return None

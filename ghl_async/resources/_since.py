"""Whether a record was made after a create began, by the server's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..wire.request import Reply, Request, Send

__all__ = ["Since"]

_ROUNDED = timedelta(seconds=0.05)
"""Dates are in whole milliseconds; the rest is for clocks that are set by the same time."""
_OLD = timedelta(minutes=10)


class Since:
    """The instant at which a create began.

    Records carry the server's time, and our clock may be minutes apart from it. So the replies that are looked at say
    what time it is there: their Date header, less what has passed here since the create began. The header has whole
    seconds and a reply takes its way, so the instant comes out up to that much early, and never late; of several
    replies the latest instant counts. Without the header our own clock is taken for the server's.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """It is now."""
        self._began = time.monotonic()
        self._by_ours = datetime.now(UTC)
        self._by_theirs: datetime | None = None

    @property
    def instant(self) -> datetime:
        """It, as well as it is known so far (aware, UTC)."""
        return self._by_theirs or self._by_ours

    def watch(self, send: Send) -> Send:
        """The same door, and what comes through it tells the server's time."""

        async def watched(request: Request) -> Reply:
            reply = await send(request)
            self._learn(reply)
            return reply

        return watched

    def is_before(self, at: datetime | str | None) -> bool | None:
        """Whether a record dated `at` by the server was made since. None: it cannot be told.

        A record of up to 10 min before is told neither way: it may be somebody else's, or the server's clocks differ.
        """
        if isinstance(at, str):
            try:
                at = datetime.fromisoformat(at)
            except ValueError:
                return None
        if at is None or at.utcoffset() is None:
            return None
        since = self.instant
        if at >= since - _ROUNDED:
            return True
        return None if at >= since - _OLD else False

    def _learn(self, reply: Reply) -> None:
        passed = timedelta(seconds=time.monotonic() - self._began)
        try:
            there = parsedate_to_datetime(reply.date or "")
        except ValueError:
            return
        began = (there if there.tzinfo else there.replace(tzinfo=UTC)) - passed
        self._by_theirs = began if self._by_theirs is None else max(began, self._by_theirs)

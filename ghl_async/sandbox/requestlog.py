"""What the server saw: one cheap tuple a request, and running counts. It is the judge of a client's behaviour."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict, deque
from typing import Any, Final, NamedTuple

__all__ = ["Entry", "RequestLog", "largest_count"]

_BODY: Final = 2000


class Entry(NamedTuple):
    """One request.

    `at` is `time.monotonic()` of the moment it was judged; a `status` of 0 means that the connection was cut.
    """

    at: float
    method: str
    path: str
    template: str | None
    status: int
    app: str | None
    location: str | None
    admitted: bool
    """Counted by the quota and let through."""
    remaining: int | None
    daily_remaining: int | None
    fault: str | None
    answered: int | None = None
    """The status that was decided on, though the answer may have been lost: `status` says what the caller saw."""


class RequestLog:
    """The last requests, at most `kept`, in the order they were judged, and counts of all.

    Of the last `kept_bodies` writes it has the bodies too, cut off at 2,000 bytes.
    """

    def __init__(self, kept: int = 500_000, kept_bodies: int = 20_000) -> None:
        """Start empty."""
        self._kept = kept
        self._bodies: deque[tuple[int, bytes]] = deque(maxlen=kept_bodies)
        self.entries: list[Entry] = []
        self.first_number = 0
        self._clear_counts()

    def _clear_counts(self) -> None:
        self.requests = 0
        self.by_status: Counter[int] = Counter()
        self.by_route: Counter[str | None] = Counter()
        self.first_at: float | None = None
        self.last_at: float | None = None

    def append(self, entry: Entry, body: bytes = b"") -> None:
        """Take one request down, and the body of a write."""
        if body:
            self._bodies.append((self.first_number + len(self.entries), body[:_BODY]))
        self.entries.append(entry)
        self.requests += 1
        self.by_status[entry.status] += 1
        self.by_route[entry.template] += 1
        if self.first_at is None:
            self.first_at = entry.at
        self.last_at = entry.at
        if len(self.entries) > self._kept:
            gone = self._kept // 2
            self.first_number += gone
            del self.entries[:gone]

    def clear(self) -> None:
        """Forget all requests; numbers go on."""
        self.first_number += len(self.entries)
        self.entries.clear()
        self._bodies.clear()
        self._clear_counts()

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return the requests from `number` on, each with its number `n`, kept writes with their `body`."""
        start = max(0, number - self.first_number)
        bodies = {n: {"body": body.decode("utf-8", "replace")} for n, body in self._bodies}
        return [
            {"n": self.first_number + place} | entry._asdict() | bodies.get(self.first_number + place, {})
            for place, entry in enumerate(self.entries[start:], start)
        ]

    def counts(self) -> dict[str, Any]:
        """Return how many requests came, by status and by route; costs nothing per request."""
        return {
            "requests": self.requests,
            "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
            "by_route": {str(route): count for route, count in self.by_route.most_common()},
            "first_at": self.first_at,
            "last_at": self.last_at,
        }

    def between(self, after: float, before: float) -> dict[str, Any]:
        """Return the counts of the requests judged in [after, before), admitted ones apart."""
        times = [entry.at for entry in self.entries]
        chosen = self.entries[bisect_left(times, after) : bisect_left(times, before)]
        return {
            "requests": len(chosen),
            "admitted": sum(entry.admitted for entry in chosen),
            "by_status": {
                str(status): count for status, count in sorted(Counter(entry.status for entry in chosen).items())
            },
            "first_at": chosen[0].at if chosen else None,
            "last_at": chosen[-1].at if chosen else None,
        }

    def largest(self, interval: float) -> int:
        """Return the most admitted requests of one budget in any half-open span of `interval` seconds."""
        times: defaultdict[tuple[str | None, str | None], list[float]] = defaultdict(list)
        for entry in self.entries:
            if entry.admitted:
                times[entry.app, entry.location].append(entry.at)
        return max((largest_count(moments, interval) for moments in times.values()), default=0)


def largest_count(times: list[float], interval: float) -> int:
    """Return the most of the rising `times` that fall into any half-open span of `interval` seconds."""
    return max((place + 1 - bisect_right(times, at - interval) for place, at in enumerate(times)), default=0)

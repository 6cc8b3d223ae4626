"""The quota of the imitated API: pure, with `now` always handed in.

Facts 4 [live]: the burst window is fixed and opened by the first request after the previous window lapsed; the day is
a fixed 24 h window opened by the first request; `Remaining` already counts the present request. A sliding window and
a bucket are here because a client must hold against them too. Counted per (app, location); all private tokens of a
location share one budget.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec

__all__ = [
    "PROFILES",
    "BucketWindow",
    "FixedWindow",
    "Key",
    "LimitSettings",
    "Limits",
    "Reading",
    "SlidingWindow",
    "Window",
]

Key = tuple[str, str]
"""(OAuth app or "pit", location id).

facts 4 [docs]: per marketplace app x resource; private tokens share one bucket of the location [blog].
"""

PROFILES: Final = {"standard": (100, 200_000), "sandbox": (25, 10_000)}
"""Requests an interval and a day. facts 4 [docs]."""


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the server grants; every field can be changed under way."""

    requests: int = 100  # facts 4 [docs]
    interval_seconds: float = 10.0  # facts 4 [docs]; scalable so that tests need not wait
    daily: int = 200_000  # facts 4 [docs]
    day_seconds: float = 86_400.0
    kind: Literal["fixed", "sliding", "bucket"] = "fixed"  # facts 4 [live]: fixed
    headers: bool = True  # facts 4 [docs]; facts 11 [live]: one route lacks them
    retry_after: bool = False  # facts 4: nowhere promised
    count_refused: bool = False  # facts 16.1: unknown


class Reading(NamedTuple):
    """One judgement: what is left after it, and how long to wait if it was a refusal."""

    admitted: bool
    remaining: int
    daily_remaining: int
    daily_reset_seconds: float
    wait_seconds: float


class Window(Protocol):
    """A counter that knows how much of `limit` is left in `interval` seconds."""

    def left(self, limit: int, interval: float, now: float) -> int:
        """Return how many requests would be admitted at `now`."""

    def spend(self, limit: int, interval: float, now: float) -> None:
        """Count one request at `now`."""

    def wait_seconds(self, limit: int, interval: float, now: float) -> float:
        """Return the seconds until one more request is admitted."""


class FixedWindow:
    """Opened by the first request after the previous window lapsed, not aligned to any clock."""

    def __init__(self) -> None:
        """Start closed: nothing was counted yet."""
        self.opened_at: float | None = None
        self.used = 0

    def _open(self, interval: float, now: float) -> bool:
        return self.opened_at is not None and now < self.opened_at + interval

    def left(self, limit: int, interval: float, now: float) -> int:
        """Return how many requests would be admitted at `now`."""
        return max(0, limit - self.used) if self._open(interval, now) else limit

    def spend(self, limit: int, interval: float, now: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Count one request at `now`; it opens a window if none is open."""
        if not self._open(interval, now):
            self.opened_at, self.used = now, 0
        self.used += 1

    def wait_seconds(self, limit: int, interval: float, now: float) -> float:
        """Return the seconds until one more request is admitted."""
        if self.left(limit, interval, now) > 0:
            return 0.0
        return interval if self.opened_at is None else max(0.0, self.opened_at + interval - now)


class SlidingWindow:
    """At most `limit` requests in any half-open span of `interval` seconds."""

    def __init__(self) -> None:
        """Start empty."""
        self.times: deque[float] = deque()

    def _purge(self, interval: float, now: float) -> None:
        while self.times and self.times[0] <= now - interval:
            self.times.popleft()

    def left(self, limit: int, interval: float, now: float) -> int:
        """Return how many requests would be admitted at `now`."""
        self._purge(interval, now)
        return max(0, limit - len(self.times))

    def spend(self, limit: int, interval: float, now: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Count one request at `now`."""
        self.times.append(now)

    def wait_seconds(self, limit: int, interval: float, now: float) -> float:
        """Return the seconds until one more request is admitted."""
        if self.left(limit, interval, now) > 0:
            return 0.0
        return self.times[-limit] + interval - now if limit > 0 else interval


class BucketWindow:
    """A bucket of `limit` tokens that refills evenly, `limit` in `interval` seconds."""

    def __init__(self) -> None:
        """Start full."""
        self.spent = 0.0
        self.at = -math.inf

    def _refill(self, limit: int, interval: float, now: float) -> float:
        if now > self.at:
            refilled = (now - self.at) * limit / interval if self.spent else 0.0
            self.spent, self.at = max(0.0, self.spent - refilled), now
        return limit - self.spent

    def left(self, limit: int, interval: float, now: float) -> int:
        """Return how many requests would be admitted at `now`."""
        return max(0, math.floor(self._refill(limit, interval, now) + 1e-9))

    def spend(self, limit: int, interval: float, now: float) -> None:
        """Take one token; a refused request that counts takes what is left."""
        self._refill(limit, interval, now)
        self.spent = min(float(limit), self.spent + 1.0)

    def wait_seconds(self, limit: int, interval: float, now: float) -> float:
        """Return the seconds until one more request is admitted."""
        tokens = self._refill(limit, interval, now)
        return max(0.0, (1.0 - tokens) * interval / limit) if limit > 0 else interval


_KINDS: Final[dict[str, type[FixedWindow | SlidingWindow | BucketWindow]]] = {
    "fixed": FixedWindow,
    "sliding": SlidingWindow,
    "bucket": BucketWindow,
}


class _Budget:
    __slots__ = ("burst", "day")

    def __init__(self, kind: str) -> None:
        self.burst: Window = _KINDS[kind]()
        self.day = FixedWindow()


class Limits:
    """All budgets of one sandbox under one set of `settings`."""

    def __init__(self, settings: LimitSettings) -> None:
        """Start with every budget full."""
        self.settings = settings
        self._budgets: dict[Key, _Budget] = {}

    def change(self, **changes: Any) -> LimitSettings:
        """Change some settings at once; what was counted stays counted unless `kind` changes.

        Raises:
            ValueError: an unknown name or a wrong type or value (msgspec.ValidationError is one).
        """
        known = {name: getattr(self.settings, name) for name in self.settings.__struct_fields__}
        settings = msgspec.convert(known | changes, LimitSettings)
        if settings.interval_seconds <= 0 or settings.day_seconds <= 0 or settings.requests < 0 or settings.daily < 0:
            message = "intervals must be positive and limits must not be negative"
            raise ValueError(message)
        if settings.kind != self.settings.kind:
            for budget in self._budgets.values():
                budget.burst = _KINDS[settings.kind]()
        self.settings = settings
        return settings

    def judge(self, key: Key, now: float) -> Reading:
        """Admit or refuse one request of `key` at `now` (seconds, any clock that never goes back)."""
        budget, settings = self._budget(key), self.settings
        left = budget.burst.left(settings.requests, settings.interval_seconds, now)
        admitted = left > 0 and budget.day.left(settings.daily, settings.day_seconds, now) > 0
        if admitted or settings.count_refused:
            self.spend(key, now)
        return self.read(key, now, admitted=admitted)

    def read(self, key: Key, now: float, *, admitted: bool = True) -> Reading:
        """Tell what is left without counting anything."""
        budget, settings = self._budget(key), self.settings
        burst, day = (settings.requests, settings.interval_seconds), (settings.daily, settings.day_seconds)
        opened = budget.day.opened_at
        reset = settings.day_seconds if opened is None else max(0.0, opened + settings.day_seconds - now)
        wait = 0.0 if admitted else max(budget.burst.wait_seconds(*burst, now), budget.day.wait_seconds(*day, now))
        return Reading(admitted, budget.burst.left(*burst, now), budget.day.left(*day, now), reset, wait)

    def spend(self, key: Key, now: float, requests: int = 1) -> None:
        """Count `requests` on `key`, as if another program with the same budget had made them."""
        budget, settings = self._budget(key), self.settings
        for _ in range(requests):
            budget.burst.spend(settings.requests, settings.interval_seconds, now)
            budget.day.spend(settings.daily, settings.day_seconds, now)

    def headers(self, reading: Reading) -> dict[str, str]:
        """Return the rate headers that go with `reading`; none when they are switched off."""
        settings = self.settings
        headers: dict[str, str] = {}
        if settings.headers:
            headers = {  # facts 4 [docs], names exactly; on successes too
                "X-RateLimit-Limit-Daily": str(settings.daily),
                "X-RateLimit-Daily-Remaining": str(reading.daily_remaining),
                "X-RateLimit-Interval-Milliseconds": str(round(settings.interval_seconds * 1000)),
                "X-RateLimit-Max": str(settings.requests),
                "X-RateLimit-Remaining": str(reading.remaining),
                # facts 4 [live]: milliseconds until the daily window ends, whole seconds x 1000
                "X-RateLimit-Daily-Reset": str(int(reading.daily_reset_seconds) * 1000),
            }
        if settings.retry_after and not reading.admitted:
            headers["Retry-After"] = str(math.ceil(reading.wait_seconds))
        return headers

    def _budget(self, key: Key) -> _Budget:
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = _Budget(self.settings.kind)
        return budget

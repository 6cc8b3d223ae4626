"""What the headers of replies tell about a budget beyond our own share: what others spend, and how the day stands.

Knows readings and time; decides nothing. `limiter` does.
"""

from __future__ import annotations

import random
from collections import deque
from datetime import UTC, datetime, timedelta

import msgspec

from ..errors import DailyQuotaExhausted

__all__ = ["Day", "Others", "QuotaReading", "QuotaState"]

UNANNOUNCED_DAY_SECONDS = 3600.0


class QuotaReading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one reply's headers said. A field the server did not send is None."""

    requests: int | None = None
    remaining: int | None = None
    interval_seconds: float | None = None
    daily: int | None = None
    daily_remaining: int | None = None
    daily_resets_in_seconds: float | None = None
    retry_after_seconds: float | None = None


class Others:
    """Lower bounds of what others spent in the running interval, and when that lapses."""

    def __init__(self) -> None:
        self._random = random.Random().random
        self._counted_before: deque[tuple[float, int]] = deque()
        self._held: deque[tuple[float, int]] = deque()
        self._counted = 0
        self.turns_at = float("-inf")
        """When the server's window has turned at the latest, if it is a fixed one: an interval after its count fell."""

    def forget(self) -> None:
        """The limits changed: old readings compare with nothing."""
        self._counted_before.clear()
        self._held.clear()
        self._counted = 0

    def observe(self, now: float, interval: float, limit: int, counted: int, own: tuple[int, int, int]) -> None:
        """Take in a reading of how many requests the server counts.

        Args:
            now: on the loop's clock, like all instants here.
            interval: for how long a reading says something, in seconds.
            limit: what the server's window can hold.
            counted: what it holds, by everybody.
            own: of ours, at most in that window; since the beginning, those under way included; and since the
                beginning, surely counted by then, this one included.
        """
        in_window, sent, surely_counted = own
        held = self._held
        # Whoever counts only `counted` in all cannot count more than that of others.
        if held and held[0][1] > counted - 1:
            held.clear()
        if self._counted == 0:
            self.turns_at = now + interval
        elif 2 * counted < self._counted:
            # By half: replies that overtake each other let it seem to fall by a few. What is counted already, but for
            # bursts, was spent since the turn, by at most four at full speed: so much earlier was it.
            self.turns_at = now + interval * (1.0 - max(0.0, counted / limit - 0.1) / 4)
        elif now >= self.turns_at:
            # Still full: look at another moment next time, or we might for ever meet it just when it is used up.
            self.turns_at = now + interval * (1.0 + self._random() / 2)
        self._counted = counted

        before = self._counted_before
        while before and before[0][0] < now - interval:
            before.popleft()
        others = counted - in_window
        if before:
            others = max(others, counted - sent - before[0][1])
        # A monotone queue: its head is always the smallest count of the interval, relative to ours.
        level = counted - surely_counted
        while before and before[-1][1] >= level:
            before.pop()
        before.append((now, level))
        if others > 0:
            while held and held[-1][1] <= others:
                held.pop()
            held.append((now + interval, others))

    def held_back(self, now: float) -> int:
        """How many slots belong to others now."""
        held = self._held
        while held and held[0][0] <= now:
            held.popleft()
        # Two on top where there are others at all: what they have in flight is not counted yet.
        return held[0][1] + 2 if held else 0

    def next_change(self) -> float | None:
        """When `held_back` next falls."""
        return self._held[0][0] if self._held else None


class QuotaState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a budget now (`ghl.quota`)."""

    requests: int
    """How many requests an interval may hold at present."""
    interval_seconds: float
    known: bool
    """Whether a reply has announced the limits; before that they are a cautious guess."""
    free: int
    """Slots an interactive call could take this instant."""
    used_by_others: int
    daily: int | None
    daily_remaining: int | None
    daily_floor: int
    """How many of the day's requests bulk work leaves to interactive calls."""
    daily_resets_at: datetime | None


class Day:
    """The daily allowance, as the headers tell it."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.remaining: int | None = None
        self.resets_at: float | None = None
        self._announced = False

    def observe(self, now: float, reading: QuotaReading, *, uncounted: int) -> None:
        """Take in what a reply said of the day, when so many of our requests may not have been counted yet."""
        if reading.daily is not None:
            self.limit = reading.daily
        if reading.daily_remaining is None:
            return
        self.remaining = max(0, reading.daily_remaining - uncounted)
        self._announced = reading.daily_resets_in_seconds is not None
        # Not announced: believe the reading for an hour, then ask again with one request.
        seconds = reading.daily_resets_in_seconds
        self.resets_at = now + (UNANNOUNCED_DAY_SECONDS if seconds is None else seconds)

    def resets_at_utc(self, now: float) -> datetime | None:
        """When the day ends by the calendar, if the server said so."""
        if self.resets_at is None or not self._announced:
            return None
        return datetime.now(UTC) + timedelta(seconds=self.resets_at - now)

    def floor(self, wished: int | None) -> int:
        """How many requests bulk work leaves: as many as wished, or one percent of the day."""
        return (self.limit or 0) // 100 if wished is None else wished

    def check(self, now: float, floor: int | None) -> None:
        """Refuse bulk work at the floor.

        Raises:
            DailyQuotaExhausted: fewer requests are left than the floor.
        """
        if self.remaining is None or (self.resets_at is not None and now >= self.resets_at):
            return
        floor = self.floor(floor)
        if self.remaining <= floor:
            resets_at = self.resets_at_utc(now)
            when = f" until {resets_at:%Y-%m-%d %H:%M} UTC" if resets_at else ""
            raise DailyQuotaExhausted(
                f"{self.remaining} requests are left for today and {floor} are kept for interactive calls:"
                f" bulk work stops{when}; run it again then, it goes on where it stopped",
                remaining=self.remaining,
                resets_at=resets_at,
            )

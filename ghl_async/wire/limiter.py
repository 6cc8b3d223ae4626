"""Spends, paces and corrects one location's budget of requests.

Knows time and headers already read; knows no HTTP, no models. Time is the event loop's clock, so that a virtual
loop tests it.

The theory, in five laws (their effect is measured by `benchmarks/bench_quota.py`):

*Window.* There are N slots. A slot is free again one interval W after the reply to the request that used it arrived.
The server saw request i-N before that reply left, and sees request i after we send it, so no stretch of length W at the
server holds more than N of ours, whatever the network does and whether it counts in fixed windows, sliding windows or a
bucket of N. Timers and clock rates are given 20 ms and 0.2 %. The price is W/(W + round trip) of the limit.

*Pacing.* Bulk requests drip at N/W (aiolimiter, burst of at most 5) before they meet the window; interactive ones do
not.

*Learning.* Nothing is assumed until a reply speaks: one probe in flight, then the announced limits. The same caution
returns when the last reading is older than an interval, since others may have spent meanwhile.

*Others.* `remaining` shows what others spend on the same budget. Two lower bounds, free of false alarms while replies
come in order: what the server counts now less all of ours that its window can hold; and how far its count rose since
any reading of the last interval, less all of ours in between. That many slots are held back for one interval, or until
a reading shows that the server counts less than that (its window has turned).

*Refusal.* A 429 is a reading too: everything stops until one whole interval (or what the server named) has passed, one
probe goes first, N falls to what was counted and climbs by one, then two, then four while intervals stay clean (by one
alone, a stray 429 at a quiet moment would slow a location for a quarter of an hour).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from ..errors import UsageError
from .reading import Day, Others, QuotaReading, QuotaState
from .request import Lane

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

__all__ = ["Budget", "Quota", "QuotaState", "Slot"]

GRACE_SECONDS = 0.020
GRACE_SHARE = 1.002
SILENT_REQUESTS = 20
"""Per 10 s while no reply has carried the quota headers: the smallest limit measured on a real account (facts 4)."""
SILENT_SECONDS = 10.0
BURST = 5
RESERVE = 3
KEPT_FREE = 3
LOOKS_LEAVE = 2


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may spend of the location's budget. The limits themselves are learned from the replies."""

    requests: int | None = None
    """Use at most this many per interval, even where more is announced. None: all of it."""
    daily_floor: int | None = None
    """Bulk work stops while fewer requests than this are left for the day; interactive calls go on.
    None: one percent of the announced daily limit."""

    def __post_init__(self) -> None:
        if self.requests is not None and self.requests < 1:
            raise UsageError(f"Quota.requests must be at least 1, not {self.requests}")
        if self.daily_floor is not None and self.daily_floor < 0:
            raise UsageError(f"Quota.daily_floor cannot be negative: {self.daily_floor}")


class Slot:
    """One request's place in the budget, from admission until it is given back."""

    __slots__ = ("released_before", "replied_before", "sent_at", "waited_seconds")

    def __init__(self, sent_at: float, replied_before: int, released_before: int, waited_seconds: float) -> None:
        self.sent_at = sent_at
        self.replied_before = replied_before
        """How many of our requests were surely counted when this one left."""
        self.released_before = released_before
        """How many of them had surely left the server's window by then."""
        self.waited_seconds = waited_seconds


class Budget:
    """The budget of one (app, location): admits requests, and is told what became of each."""

    def __init__(self, quota: Quota | None = None, *, assumed: int = SILENT_REQUESTS, probes: int = 1) -> None:
        self._quota = quota or Quota()
        self._announced = assumed
        self._probes = probes
        """How many may be under way while nothing is known."""
        self._set_ceiling()
        self._limit = self._ceiling
        self._set_interval(SILENT_SECONDS)
        self._known = False
        self.announcements = 0
        """How often the server has announced other limits than before."""
        self._probing = True
        self._paused_until = float("-inf")
        self._climb_at = 0.0
        self._climb_by = 1
        self._in_flight = 0
        self._sent = 0
        self._replied = 0
        self._released = 0
        self._cooling: deque[float] = deque()
        self._others = Others()
        self._day = Day()
        self._last_reading_at = float("-inf")
        self._remaining = 0
        self._look_at = 0.0
        self._interactive: deque[float] = deque()
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {"interactive": deque(), "bulk": deque()}
        self._bulk_turn = asyncio.Lock()
        self._pacer: AsyncLimiter | None = None
        self._paced_for = 0
        self._timer: asyncio.TimerHandle | None = None
        self._clock: Callable[[], float] = asyncio.get_running_loop().time

    def admit_now(self, lane: Lane) -> Slot | None:
        """Give an interactive call a slot if it need not wait for one; None sends it, and all bulk work, to `admit`."""
        if lane == "bulk":
            return None
        now = self._clock()
        if self._waiting["interactive"] or not self._is_open(lane, now):
            return None
        self._take(lane, now)
        return Slot(now, self._replied, self._released, 0.0)

    async def admit(self, lane: Lane) -> Slot:
        """Wait for a slot. Interactive calls go first and are never paced.

        Raises:
            DailyQuotaExhausted: bulk lane only, the day's floor is reached.
        """
        started, waited = self._clock(), lane == "bulk" and self._bulk_turn.locked()
        if lane == "bulk":
            # One at a time from the pacer to the window: a closed window must not collect a burst behind it.
            async with self._bulk_turn:
                self._day.check(self._clock(), self._quota.daily_floor)
                if not self._probing:
                    waited = await self._pace() or waited
                waited = await self._enter("bulk") or waited
        else:
            waited = await self._enter("interactive")
        now = self._clock()
        # `_pace` and `_enter` say whether they waited: being short of processor time is no wait for quota.
        return Slot(now, self._replied, self._released, now - started if waited else 0.0)

    async def _pace(self) -> bool:
        # What interactive calls use is not there for bulk work: at N/W both together would use up the window too soon.
        share = max(1, self._limit - self._interactive_lately(self._clock()))
        if self._pacer is None or not self._paced_for * 0.9 <= share <= self._paced_for * 1.1:
            # Here and not above: it takes a fifth of our import time, and only bulk work is paced.
            from aiolimiter import AsyncLimiter

            burst = max(2, min(BURST, self._limit // 20))
            self._pacer, self._paced_for = AsyncLimiter(burst, burst * self._interval / share), share
            # Start as a drip: an opening burst would leave the window empty before its end, and whoever
            # starts then, a restart of ourselves included, would be refused.
            await self._pacer.acquire(burst - 1)
        waits = not self._pacer.has_capacity()
        await self._pacer.acquire()
        return waits

    async def _enter(self, lane: Lane) -> bool:
        queue, now = self._waiting[lane], self._clock()
        if queue or not self._is_open(lane, now):
            gate = asyncio.get_running_loop().create_future()
            queue.append(gate)
            self._wake()
            try:
                await gate
            except asyncio.CancelledError:
                if gate.done() and not gate.cancelled():
                    self._untake()
                else:
                    with suppress(ValueError):
                        queue.remove(gate)
                self._wake()
                raise
            return True
        self._take(lane, now)
        return False

    def _take(self, lane: Lane, now: float) -> None:
        self._in_flight += 1
        self._sent += 1
        self._look_at = now + self._interval / 20
        if lane == "interactive":
            self._interactive.append(now + self._cooling_seconds)
        if self._day.remaining is not None:
            self._day.remaining -= 1

    def answered(self, slot: Slot, reading: QuotaReading, *, refused: bool = False) -> None:
        """A reply's headers arrived; its slot cools for one interval. `refused`: the reply was a 429."""
        now = self._clock()
        if reading.requests != self._announced or reading.interval_seconds != self._interval or not self._known:
            self._adopt(reading)
        self._day.observe(now, reading, uncounted=self._in_flight - 1)
        # The most of ours that the server's window can have held when it answered this one.
        own = self._sent - slot.released_before
        if reading.requests and reading.requests > 0 and reading.remaining is not None:
            self._remaining = reading.remaining
            counts = (own, self._sent, slot.replied_before + 1)
            self._others.observe(
                now, self._cooling_seconds, reading.requests, reading.requests - reading.remaining, counts
            )
        self._last_reading_at = now
        if refused:
            self._refuse(now, own - self._in_flight, reading)
        else:
            if slot.sent_at >= self._paused_until:  # one that left before the refusal tells nothing of the time after
                self._probing = False
            self._replied += 1
        self._cool(now)

    def unanswered(self) -> None:
        """No reply will come (timeout, cut, cancelled). The server may have counted it as late as now."""
        self._cool(self._clock())

    def unsent(self) -> None:
        """Nothing reached the server: the slot is free at once."""
        self._untake()
        self._wake()

    def _untake(self) -> None:
        self._in_flight -= 1
        self._sent -= 1
        if self._day.remaining is not None:
            self._day.remaining += 1

    def state(self) -> QuotaState:
        """What is known now."""
        now = self._clock()
        self._settle(now)
        held = self._others.held_back(now)
        return QuotaState(
            requests=self._limit,
            interval_seconds=self._interval,
            known=self._known,
            free=max(0, self._free(held)),
            used_by_others=held,
            daily=self._day.limit,
            daily_remaining=self._day.remaining,
            daily_floor=self._day.floor(self._quota.daily_floor),
            daily_resets_at=self._day.resets_at_utc(now),
        )

    def heed(self, wishes: Sequence[Quota]) -> None:
        """Keep to the strictest of the wishes of all the clients that share this budget now."""
        before, lowered = self._limit, self._limit < self._ceiling
        requests = [each.requests for each in wishes if each.requests is not None]
        floors = [each.daily_floor for each in wishes if each.daily_floor is not None]
        self._quota = Quota(requests=min(requests, default=None), daily_floor=max(floors, default=None))
        self._set_ceiling()
        # What a refusal had lowered climbs as before, everything else changes at once.
        self._limit = min(self._limit, self._ceiling) if lowered else self._ceiling
        if self._limit != before:
            self._pacer = None

    def is_idle(self) -> bool:
        """Whether dropping this budget would forget nothing: no request under way or cooling, no pause."""
        now = self._clock()
        self._settle(now)
        waiting = any(self._waiting.values())
        return not (self._in_flight or self._cooling or waiting or self._paused_until > now)

    def _set_ceiling(self) -> None:
        self._ceiling = min(self._announced, self._quota.requests or self._announced)

    def _set_interval(self, seconds: float) -> None:
        self._interval = seconds
        self._cooling_seconds = seconds * GRACE_SHARE + GRACE_SECONDS

    def _cool(self, now: float) -> None:
        self._in_flight -= 1
        self._cooling.append(now + self._cooling_seconds)
        if self._timer is not None or self._waiting["interactive"] or self._waiting["bulk"]:
            self._wake()

    def _settle(self, now: float) -> None:
        cooling = self._cooling
        while cooling and cooling[0] <= now:
            cooling.popleft()
            self._released += 1
        if self._limit < self._ceiling and now >= self._climb_at:
            self._limit = min(self._ceiling, self._limit + self._climb_by)
            self._climb_by *= 2
            self._climb_at = now + self._cooling_seconds
            self._pacer = None

    def _interactive_lately(self, now: float) -> int:
        """How many interactive calls began within the last interval."""
        began = self._interactive
        while began and began[0] <= now:
            began.popleft()
        return len(began)

    def _reserve(self, now: float) -> int:
        if self._limit < RESERVE or not self._interactive_lately(now):
            return 0
        return max(1, min(RESERVE, self._limit // 25))

    def _free(self, held: int) -> int:
        return self._limit - self._in_flight - len(self._cooling) - held

    def _is_open(self, lane: Lane, now: float) -> bool:
        self._settle(now)
        if now < self._paused_until:
            return False
        if self._in_flight == 0 and now > self._last_reading_at + self._cooling_seconds:
            self._probing = True
        if self._probing and self._in_flight >= self._probes:
            return False
        held = self._others.held_back(now)
        free = self._free(held)
        if held:
            # Where others draw on the same budget, what the server has left is a brake; as much of theirs may be
            # under way as of ours.
            left = self._remaining - 2 * self._in_flight
            if free <= 0 or left <= KEPT_FREE:
                # One look now and then all the same: only a reading shows when they let go.
                look = left >= LOOKS_LEAVE or now >= self._others.turns_at
                return look and free + held > 0 and now >= self._look_at
        return free > (self._reserve(now) if lane == "bulk" else 0)

    def _wake(self) -> None:
        now = self._clock()
        for lane, queue in self._waiting.items():
            while queue and self._is_open(lane, now):
                gate = queue.popleft()
                if not gate.done():
                    self._take(lane, now)
                    gate.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(self._waiting.values()):
            self._timer = asyncio.get_running_loop().call_at(self._next_change(now), self._wake)

    def _next_change(self, now: float) -> float:
        moments = [self._cooling[0] if self._cooling else None, self._others.next_change(), self._paused_until]
        moments += [self._look_at, self._others.turns_at]
        if self._interactive:
            moments.append(self._interactive[-1])
        if self._limit < self._ceiling:
            moments.append(self._climb_at)
        return min((moment for moment in moments if moment is not None and moment > now), default=now + self._interval)

    def _adopt(self, reading: QuotaReading) -> None:
        if reading.requests is None or reading.requests < 1:
            return
        interval = reading.interval_seconds or self._interval
        if self._known and reading.requests == self._announced and interval == self._interval:
            return
        if reading.requests != self._announced or not self._known:
            self._limit = reading.requests
        self._known = True
        self.announcements += 1
        self._announced = reading.requests
        self._set_ceiling()
        self._limit = min(self._limit, self._ceiling)
        self._set_interval(interval)
        self._others.forget()
        self._pacer = None

    def _refuse(self, now: float, counted: int, reading: QuotaReading) -> None:
        wait = self._cooling_seconds
        if 0.0 <= now - self._paused_until < self._interval:
            # Refused again right behind the pause: others fill each window by then, so come at another moment of it.
            wait *= 1.0 + random.random() / 2
        wait = max(reading.retry_after_seconds or 0.0, wait)
        self._paused_until = max(self._paused_until, now + wait)
        # `counted`: this request was refused, and those beside it are still in flight.
        self._limit = min(self._limit, max(counted, self._announced // 20, 1))
        self._climb_at = self._paused_until + self._cooling_seconds
        self._climb_by = 1
        self._probing = True
        self._pacer = None

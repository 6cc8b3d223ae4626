"""A server's quota in a few lines, and callers that spend it through a `Budget`, all on virtual time.

The second judge of the limiter beside the sandbox: it knows nothing of HTTP and counts whatever reaches it.
"""

import asyncio
import random
from bisect import bisect_right
from typing import NamedTuple

from ghl_async.wire.reading import QuotaReading

from ..clock import VirtualTimeLoop


def virtually(work):
    """Run a coroutine on a virtual clock of its own, for tests that hypothesis repeats."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def now():
    return asyncio.get_running_loop().time()


class Trip(NamedTuple):
    """How long a request is under way there and back, and by which share each half varies."""

    seconds: float = 0.02
    jitter: float = 0.5

    def half(self, rng):
        half = self.seconds / 2
        return rng.uniform(half * (1 - self.jitter), half * (1 + self.jitter))


TRIP = Trip()


class QuotaServer:
    """Counts in a fixed window, a sliding one or a bucket, as `kind` says; `headers` off: never says what it grants."""

    def __init__(self, kind="fixed", requests=100, interval=10.0, *, headers=True):
        self.kind, self.requests, self.interval, self.headers = kind, requests, interval, headers
        self.admitted = []
        self.refused = []
        self.by_caller = {}
        self._opened_at, self._count = float("-inf"), 0
        self._spent, self._spent_at = 0.0, 0.0

    def judge(self, caller="a"):
        """Take one request at this instant; returns whether it is admitted and what the headers say."""
        at = now()
        left = self._left(at)
        admitted = left >= 1
        if admitted:
            left -= 1
            self._count += 1
            self._spent += 1.0
            self.by_caller[caller] = self.by_caller.get(caller, 0) + 1
        (self.admitted if admitted else self.refused).append(at)
        if not self.headers:
            return admitted, QuotaReading()
        return admitted, QuotaReading(
            requests=self.requests, remaining=max(0, int(left)), interval_seconds=self.interval
        )

    def _left(self, at):
        if self.kind == "fixed":
            if at >= self._opened_at + self.interval:
                self._opened_at, self._count = at, 0
            return self.requests - self._count
        if self.kind == "sliding":
            return self.requests - (len(self.admitted) - bisect_right(self.admitted, at - self.interval))
        drained = (at - self._spent_at) * self.requests / self.interval
        self._spent, self._spent_at = max(0.0, self._spent - drained), at
        return self.requests - self._spent + 1e-9

    def used(self, start, end):
        """The share of what was granted between two instants that was used."""
        inside = sum(start <= at < end for at in self.admitted)
        return inside / ((end - start) / self.interval * self.requests)

    def most_in_an_interval(self):
        """The most requests, refused ones included, in any half-open stretch of one interval."""
        times = sorted(self.admitted + self.refused)
        return max((n + 1 - bisect_right(times, at - self.interval) for n, at in enumerate(times)), default=0)


async def one_call(budget, server, lane="bulk", *, trip=TRIP, rng=random, caller="a"):
    """Send one request; returns its slot and whether the server admitted it."""
    slot = await budget.admit(lane)
    await asyncio.sleep(trip.half(rng))
    admitted, reading = server.judge(caller)
    await asyncio.sleep(trip.half(rng))
    budget.answered(slot, reading, refused=not admitted)
    return slot, admitted


async def crowd(budget, server, *, calls=10**9, until=float("inf"), **how):
    """Bulk workers that repeat what is refused, until so many calls are done or that instant has come.

    `how`: `workers`, `seed` of the latencies, and the `trip` and `caller` of each call.
    """
    rng, workers = random.Random(how.pop("seed", 1)), how.pop("workers", 32)
    left = calls

    async def work():
        nonlocal left
        while left > 0 and now() < until:
            left -= 1
            while not (await one_call(budget, server, rng=rng, **how))[1]:
                pass

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


def say(requests=100, remaining=None, interval=10.0, **more):
    """What a reply's headers say; by default that nobody but the caller has spent anything."""
    remaining = requests - 1 if remaining is None else remaining
    return QuotaReading(requests=requests, remaining=remaining, interval_seconds=interval, **more)


async def learned(budget, reading):
    """Let the first request, a probe, be answered so."""
    slot = await budget.admit("interactive")
    budget.answered(slot, reading)
    return budget


def asked(budget, count, lane="interactive"):
    """So many callers at once, each a task that ends with its slot and the instant at which it had it."""

    async def one():
        slot = await budget.admit(lane)
        return slot, now()

    return [asyncio.create_task(one()) for _ in range(count)]


async def settle():
    """Let every task run until it waits for time."""
    for _ in range(20):
        await asyncio.sleep(0)


def admitted_of(tasks):
    """Which of the callers have their slot, as places in the list."""
    return [place for place, task in enumerate(tasks) if task.done() and not task.cancelled()]


async def give_up(tasks):
    """End the callers that still wait."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

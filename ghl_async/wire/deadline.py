"""Bounds whole calls in time, cheaply.

Does what `asyncio.timeout` does, for many calls that share a few bounds: calls with one bound run out in the order they
began, so a queue and one timer for its head serve them all, where `asyncio.timeout` sets a timer for each.
"""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Deadline", "Deadlines"]


class Deadline:
    """The bound of one call, made by the task that it bounds."""

    __slots__ = ("_cancelled", "_cancelling", "_task", "at", "over")

    def __init__(self, at: float, task: asyncio.Task[object]) -> None:
        self.at = at
        self._task = task
        self._cancelling = task.cancelling()
        self._cancelled = False
        self.over = False
        """Set by the call when it has ended."""

    def expire(self, now: float) -> bool:
        """Cancel the task if its time has come; say whether this bound is done with."""
        if not self.over and self.at <= now:
            self._cancelled = True
            self._task.cancel()
        return self.over or self._cancelled

    def passed(self) -> bool:
        """Whether the cancellation that reached the call was this bound's and nobody else's."""
        # As asyncio.timeout does it: what somebody else has asked for besides must go on.
        return self._cancelled and self._task.uncancel() <= self._cancelling


class Deadlines:
    """All the bounds that run now."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running: dict[float, deque[Deadline]] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}

    def begin(self, seconds: float) -> Deadline:
        """Bound the running task from now on.

        Raises:
            RuntimeError: outside of a task.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call needs a task to be awaited in")
        deadline = Deadline(self._loop.time() + seconds, task)
        running = self._running.get(seconds)
        if running is None:
            running = self._running[seconds] = deque()
        while running and running[0].over:
            running.popleft()
        running.append(deadline)
        if seconds not in self._timers:
            self._timers[seconds] = self._loop.call_later(seconds, self._look, seconds)
        return deadline

    def close(self) -> None:
        """Stop the timers; the calls have ended."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _look(self, seconds: float) -> None:
        running, now = self._running[seconds], self._loop.time()
        while running and running[0].expire(now):
            running.popleft()
        del self._timers[seconds]
        if running:
            self._timers[seconds] = self._loop.call_at(running[0].at, self._look, seconds)

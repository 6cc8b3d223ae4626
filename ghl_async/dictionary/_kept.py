"""One value that is asked for often and read seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")


class _Flight(Generic[T]):
    """One read under way, and how many wait for it."""

    task: asyncio.Task[T]
    waiting = 0


class Kept(Generic[T]):
    """The outcome of the last read that succeeded, and the one read under way.

    Whoever asks while a read is under way waits for that one. It has a task of its own: a caller that is cancelled
    leaves the others their read, and the last one to leave ends it. A failure goes to all who wait, and is not kept.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._flight: _Flight[T] | None = None
        self._value: tuple[T, float] | None = None
        """With the instant at which it was asked for, by the clock of the event loop: it may be as old as that."""

    async def get(self, *, younger_than_seconds: float) -> T:
        """Give the value, read anew unless it is younger than this.

        Raises:
            Exception: what the read raises.
        """
        if self._value is not None:
            value, asked_at = self._value
            if _now() - asked_at < younger_than_seconds:
                return value
        flight = self._flight or self._begin()
        flight.waiting += 1
        try:
            await asyncio.wait([flight.task])  # which, unlike `await`, does not cancel it together with the caller
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._leave(flight)
                flight.task.cancel()
        return flight.task.result()

    def forget(self) -> None:
        """Let the next caller read anew.

        Those who wait for a read that began before get what it brings, and it is not kept.
        """
        self._value = self._flight = None

    def peek(self) -> T | None:
        """The value as it was last read, however old."""
        return None if self._value is None else self._value[0]

    def _begin(self) -> _Flight[T]:
        flight = self._flight = _Flight()
        flight.task = asyncio.get_running_loop().create_task(self._fly(flight))
        flight.task.add_done_callback(_seen)
        return flight

    async def _fly(self, flight: _Flight[T]) -> T:
        asked_at = _now()
        try:
            value = await self._read()
            if self._flight is flight:
                self._value = (value, asked_at)
            return value
        finally:
            self._leave(flight)

    def _leave(self, flight: _Flight[T]) -> None:
        if self._flight is flight:
            self._flight = None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _seen(task: asyncio.Task[T]) -> None:
    """Take note of the outcome: where nobody waits any more, asyncio would complain that nobody did."""
    if not task.cancelled():
        task.exception()

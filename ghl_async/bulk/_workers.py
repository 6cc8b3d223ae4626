"""Bounded concurrency over async streams: work side by side, hand out in order.

Knows streams and callables; nothing of contacts. Whatever ends the consumer, normally or not, ends the tasks started
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Generic, Self, TypeVar

__all__ = ["InOrder", "Room", "all_of", "stream"]

T = TypeVar("T")
R = TypeVar("R")


async def all_of(calls: Iterable[Awaitable[R]]) -> list[R]:
    """Await calls side by side; the first failure ends the others and comes out as itself, not as a group."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def stream(items: Iterable[T]) -> AsyncGenerator[T, None]:
    """Make a stream of what is there already."""
    for item in items:
        yield item


class Room:
    """Room for so many calls at once, and how many there are: `async with room: ...` takes one place."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self.under_way = 0

    async def __aenter__(self) -> None:
        """Wait for a place."""
        await self._places.acquire()
        self.under_way += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.under_way -= 1
        self._places.release()


class InOrder(Generic[T, R]):
    """Apply `work` to each item of a stream, up to `ahead` of them at once; results come in the order of the items.

        async with InOrder(items, work, ahead=64) as results:
            async for result in results: ...

    The first failure, of the stream or of the work, comes out at its place: what was done before it comes first.
    """

    def __init__(self, source: AsyncGenerator[T, None], work: Callable[[T], Awaitable[R]], *, ahead: int) -> None:
        self._source = source
        self._work = work
        self._room = asyncio.Semaphore(ahead)
        self._started: asyncio.Queue[asyncio.Future[R] | None] = asyncio.Queue()
        self._tasks: set[asyncio.Future[R]] = set()
        self._stopped = False

    async def __aenter__(self) -> Self:
        """Begin to work."""
        self._feeding = asyncio.create_task(self._feed())
        # Not in `_feed` itself: a task that is cancelled before its first step runs no `finally`.
        self._feeding.add_done_callback(lambda _: self._started.put_nowait(None))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every task that is still under way, and wait until it has ended."""
        self.stop()
        await asyncio.gather(self._feeding, *self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Drop what is under way. The results end behind the last one, in order, that was done by now."""
        self._stopped = True
        self._feeding.cancel()
        for task in self._tasks:
            task.cancel()

    async def __aiter__(self) -> AsyncIterator[R]:
        """Yield the results."""
        while (task := await self._started.get()) is not None:
            await asyncio.wait((task,))
            if task.cancelled():
                return
            self._tasks.discard(task)
            self._room.release()
            yield task.result()
        if not self._stopped:
            await self._feeding

    async def _feed(self) -> None:
        # The stream's own failure is this task's; the results meet it behind the last item.
        async with aclosing(self._source) as source:
            async for item in source:
                await self._room.acquire()
                task = asyncio.ensure_future(self._work(item))
                self._tasks.add(task)
                self._started.put_nowait(task)

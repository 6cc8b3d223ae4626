"""One thread for one store: its disk and keyring work is done there, job after job, and the event loop never waits."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from ..errors import UsageError

__all__ = ["Worker", "outcome"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Worker:
    """Runs jobs on its thread in the order of the calls. `name` is for the message after `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self._pid = 0
        self._closing: Future[None] | None = None
        self._is_closed = False

    def submit(self, job: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Put a job behind the others. It is done even if nobody waits for it.

        Raises:
            UsageError: closed.
        """
        if self._is_closed:
            raise UsageError(f"{self._name} is closed: make a new store")
        # A fork leaves the thread behind, and servers like to load everything first and fork then.
        if self._thread is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ghl-async-tokens")
        return self._thread.submit(job, *args, **kwargs)

    def afterwards(self, job: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Tidy up behind the other jobs, waiting for nothing; after `close` there is nothing left to tidy up."""
        if not self._is_closed:
            self.submit(job, *args, **kwargs)

    async def run(self, job: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Do a job and wait for it. If the waiting task is cancelled, the job is done all the same."""
        return await outcome(self.submit(job, *args, **kwargs))

    async def close(self, last: Callable[[], None]) -> None:
        """Wait for all jobs, do a last one and let the thread end. May be called twice."""
        if not self._is_closed and self._thread is not None:
            self._closing = self.submit(last)
            self._thread.shutdown(wait=False)
        self._is_closed = True
        if self._closing is not None:
            await outcome(self._closing)


async def outcome(future: Future[_T]) -> _T:
    """Wait for a job without owning it: cancelling the waiting task cancels no job, be it running or queued."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def settle() -> None:
        if not done.done():
            done.set_result(None)

    def tell(_: Future[_T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    future.add_done_callback(tell)
    await done
    return future.result()

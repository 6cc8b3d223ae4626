"""Locks that hold among all tasks, stores and processes on one token file, and that die with their process.

They are locks of the operating system on single bytes of an empty file beside the store, `<path>-lock`: one open file
carries a thousand of them, and a file that was left behind locks nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from copy import copy
from pathlib import Path
from typing import TypeAlias

import msgspec

from ..errors import GHLError, StoreBusy, UsageError
from ._place import exists, failures_named
from ._worker import Worker, outcome
from .tokens import Key

if sys.platform == "win32":
    import msvcrt

    _SLOTS = 2**30
    """The C library counts file positions in 32 bits there."""

    def _try(descriptor: int, slot: int) -> None:
        os.lseek(descriptor, slot, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _undo(descriptor: int, slot: int) -> None:
        os.lseek(descriptor, slot, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    _SLOTS = 2**62

    def _try(descriptor: int, slot: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)

    def _undo(descriptor: int, slot: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, slot)


__all__ = ["Locks", "Turns"]

_WHOLE_FILE = 0
_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.03
"""Seconds between two attempts. Attempts, because a thread that waits inside the system could not be cancelled."""
_PAUSE_FOR_EACH = 0.0004
"""So much longer for each lock that is waited for: a thousand of them shall not keep a core busy."""
_BUSY_SECONDS = 30.0
"""How long a write waits for another process's: one takes milliseconds."""
_IDLE_SECONDS = 0.005
"""How often it is looked whether the last lock was given back, before a store closes."""

_Outcome: TypeAlias = tuple[list[int], GHLError | None]


class Turns:
    """One task at a time for each key, in the order of asking."""

    def __init__(self) -> None:
        self._turns: weakref.WeakValueDictionary[tuple[int, int, Key], asyncio.Lock] = weakref.WeakValueDictionary()

    def of(self, key: Key) -> asyncio.Lock:
        """The key's lock; it lives while a task holds it or waits for it.

        Each process and each event loop has its own: a fork copies locks that are held, and a lock knows one loop.
        """
        return self._turns.setdefault((os.getpid(), id(asyncio.get_running_loop()), key), asyncio.Lock())


class _LockFile:
    """All locks of this process on one file.

    The system counts such locks by process, and closing the file anywhere in the process drops all of them
    (fcntl(2)). So a process opens it once for all its stores, and excludes its own threads by itself.
    """

    users = 0
    """How many stores have it. The last one closes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._held: set[int] = set()
        self._descriptor = -1

    def take(self, slot: int) -> bool:
        """Try once; whether it is ours now. Raises OSError where there can be no locks."""
        with self._mutex:
            if slot in self._held:
                return False
            self._open()
            try:
                _try(self._descriptor, slot)
            except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, as the system likes: somebody else's
                return False
            self._held.add(slot)
            return True

    def drop(self, slot: int) -> None:
        with self._mutex:
            if slot in self._held:
                self._held.remove(slot)
                _undo(self._descriptor, slot)

    def _open(self) -> None:
        # If somebody has deleted the file, others lock a new one by now: go there as soon as no lock is held here.
        if self._descriptor >= 0 and (self._held or self._is_the_one_there()):
            return
        self.close()
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _is_the_one_there(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False


_files: dict[tuple[int, Path], _LockFile] = {}
_files_mutex = threading.Lock()


def _join(here: tuple[int, Path]) -> _LockFile:
    """The file of a process for a real path. A forked child has locks of its own, so it gets a file of its own."""
    with _files_mutex:
        file = _files.setdefault(here, _LockFile(here[1]))
        file.users += 1
        return file


def _leave(here: tuple[int, Path]) -> None:
    # Closed under the mutex: a store that came between would lose its locks.
    with _files_mutex:
        file = _files[here]
        file.users -= 1
        if file.users == 0:
            del _files[here]
            file.close()


class _Poll:
    """Tries for all the locks that the tasks of one event loop wait for: together, in one job for each attempt."""

    def __init__(self, worker: Worker, take: Callable[[list[int]], _Outcome], drop: Callable[[int], None]) -> None:
        self.pid = os.getpid()
        self._worker = worker
        self._take = take
        self._drop = drop
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._task: asyncio.Task[None] | None = None
        self._pause = _FIRST_PAUSE

    async def wait_for(self, slot: int) -> None:
        """Return when it was taken. Whoever is cancelled leaves nothing taken."""
        while not await self._result(slot):
            pass  # the task was ended by somebody else: the next one goes on

    async def _result(self, slot: int) -> bool:
        result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[slot] = result
        self._pause = _FIRST_PAUSE
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tried())
        try:
            return await result
        except asyncio.CancelledError:
            if self._waiting.get(slot) is result:
                del self._waiting[slot]
            elif not result.cancelled() and result.exception() is None and result.result():
                self._worker.afterwards(self._drop, slot)
            if not self._waiting:
                self._task.cancel()
            raise

    async def _tried(self) -> None:
        try:
            while self._waiting:
                pause = self._pause + len(self._waiting) * _PAUSE_FOR_EACH
                self._pause = min(self._pause * 2, _LONGEST_PAUSE)
                await asyncio.sleep(random.uniform(pause / 2, pause))
                await self._try_once()
        finally:
            for result in self._waiting.values():
                if not result.done():
                    result.set_result(False)
            self._waiting.clear()

    async def _try_once(self) -> None:
        try:
            attempt = self._worker.submit(self._take, list(self._waiting))
        except UsageError as error:  # the store was closed
            self._fail(error)
            return
        try:
            taken, failure = await outcome(attempt)
        except BaseException:
            # Cancelled: the attempt may succeed all the same, and then nobody would hold what it took.
            self._worker.afterwards(self._drop_taken, attempt)
            raise
        for slot in taken:
            result = self._waiting.pop(slot, None)
            if result is None or result.done():
                self._worker.afterwards(self._drop, slot)
            else:
                result.set_result(True)
        if failure is not None:
            self._fail(failure)

    def _fail(self, failure: GHLError) -> None:
        for result in self._waiting.values():
            if not result.done():
                result.set_exception(copy(failure))
        self._waiting.clear()

    def _drop_taken(self, attempt: Future[_Outcome]) -> None:
        if attempt.exception() is None:
            for slot in attempt.result()[0]:
                self._drop(slot)


class Locks:
    """One store's locks beside the file `path` (a real path). The worker does all that may wait for the disk."""

    def __init__(self, path: Path, worker: Worker) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}-lock")
        self._worker = worker
        self._turns = Turns()
        self._file: _LockFile | None = None
        self._here = (0, self._beside)
        self._taken: set[int] = set()
        self._held: Counter[int] = Counter()
        """How many, by process: what was held at a fork is none of the child's business."""
        self._polls: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Poll] = weakref.WeakKeyDictionary()

    async def idle(self) -> None:
        """Wait until nobody holds a lock of this store, 30 s at most: who holds one has something to save."""
        clock = asyncio.get_running_loop().time
        until = clock() + _BUSY_SECONDS
        while self._held[os.getpid()] and clock() < until:  # noqa: ASYNC110  (they may be held in other event loops)
            await asyncio.sleep(_IDLE_SECONDS)

    @contextlib.asynccontextmanager
    async def hold(self, key: Key) -> AsyncIterator[None]:
        """Hold a key's lock. Tasks of one store get it in the order of asking, processes in any order.

        Raises:
            StoreFailed: the lock file cannot be made.
        """
        slot, pid = _slot(key), os.getpid()
        async with self._turns.of(key):
            await self._take_patiently(slot)
            self._held[pid] += 1
            try:
                yield
            finally:
                self._held[pid] -= 1
                # Not awaited: nothing can come between, and a task that is being destroyed cannot wait.
                self._worker.afterwards(self._drop, slot)

    async def _take_patiently(self, slot: int) -> None:
        attempt = self._worker.submit(self._take, slot)
        try:
            is_ours = await outcome(attempt)
        except BaseException:
            # As in `_Poll`.
            self._worker.afterwards(self._drop_if_taken, attempt, slot)
            raise
        if not is_ours:
            await self._poll().wait_for(slot)

    def _poll(self) -> _Poll:
        loop = asyncio.get_running_loop()
        poll = self._polls.get(loop)
        if poll is None or poll.pid != os.getpid():
            poll = self._polls[loop] = _Poll(self._worker, self._take_each, self._drop)
        return poll

    # Everything below runs on the store's own thread.

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the whole file for a read-and-write of milliseconds.

        Raises:
            StoreBusy: another process does not let go of it.
        """
        until = time.monotonic() + _BUSY_SECONDS
        while not self._take(_WHOLE_FILE):
            if time.monotonic() > until:
                raise StoreBusy(f"another process keeps writing to {self._path}: wait for it, or end it")
            time.sleep(_FIRST_PAUSE)
        try:
            yield
        finally:
            self._drop(_WHOLE_FILE)

    def release(self) -> None:
        """Let go of every lock of this store."""
        for slot in list(self._taken):
            self._drop(slot)
        if self._file is not None and self._here[0] == os.getpid():
            _leave(self._here)
        self._file = None

    def _take(self, slot: int) -> bool:
        # Refused like any other use of the file, before another one appears beside it.
        exists(self._path)
        with failures_named(self._beside):
            is_ours = self._joined().take(slot)
        if is_ours:
            self._taken.add(slot)
        return is_ours

    def _take_each(self, slots: list[int]) -> _Outcome:
        """Try once for each; which are ours now, and why not the rest, where there can be no locks."""
        taken: list[int] = []
        try:
            exists(self._path)
            with failures_named(self._beside):
                file = self._joined()
                for slot in slots:
                    if file.take(slot):
                        taken.append(slot)  # noqa: PERF401  (an error midway must not lose what was taken)
        except GHLError as error:
            return taken, error
        finally:
            self._taken.update(taken)
        return taken, None

    def _joined(self) -> _LockFile:
        here = (os.getpid(), self._beside)
        if self._file is None or self._here != here:
            self._file, self._here, self._taken = _join(here), here, set()
        return self._file

    def _drop(self, slot: int) -> None:
        self._taken.discard(slot)
        if self._file is not None:
            self._file.drop(slot)

    def _drop_if_taken(self, attempt: Future[bool], slot: int) -> None:
        if attempt.exception() is None and attempt.result():
            self._drop(slot)


def _slot(key: Key) -> int:
    """Which byte stands for a key: 0 is the whole file's."""
    digest = hashlib.sha256(msgspec.json.encode(key)).digest()
    return int.from_bytes(digest[:8], "big") % (_SLOTS - 1) + 1

"""Where a bulk run puts what it read: the Store protocol and the embedded SQLite store.

A store keeps raw JSON exactly as it was sent, and the place where the run stands, in one transaction: whatever kills
the process, records and cursor agree. It knows no client, no HTTP and no query language; a cursor is bytes to it.

A *pass* is one reading of the whole location. An interrupted pass goes on at its cursor; a refresh is the next pass,
and only its end may remove what the location no longer has.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Protocol, Self, TypeVar

from ..errors import GHLError, StoreFailed, UsageError
from . import _comparing, _landing, _schema, _spool, _sweeping
from ._rows import (
    KINDS,
    Batch,
    Checkpoint,
    ContactRows,
    Counts,
    Difference,
    Hole,
    Identity,
    Kind,
    Marks,
    QuarantinedRow,
    Row,
    StoredContact,
)
from ._spool import SpooledEvent

__all__ = [
    "Batch",
    "Checkpoint",
    "ContactRows",
    "Counts",
    "Difference",
    "Hole",
    "Identity",
    "Kind",
    "QuarantinedRow",
    "Row",
    "SQLiteStore",
    "SpooledEvent",
    "Store",
    "StoredContact",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Store(Protocol):
    """The contract between a bulk run and the place it fills. One run at a time owns a store.

    Every method but `close` may raise StoreFailed (it cannot be read or written) or StoreBusy.
    """

    async def peek(self, identity: Identity) -> Checkpoint | None:
        """Say where the store stands without taking it or changing anything; None: there is none so far.

        Raises:
            StoreMismatch: it is a copy of something else, of a newer schema, or no store at all.
        """

    async def begin(self, identity: Identity, *, resume: bool = True) -> Checkpoint:
        """Open or create the store, take it for this run and say where it stands.

        With `resume=False` a store that holds something starts a new pass from the beginning; nothing is deleted.

        Raises:
            StoreMismatch: it is a copy of something else, of a newer schema, or no store at all.
            StoreBusy: another run holds it.
            UsageError: the place cannot exist.
        """

    async def next_pass(self) -> Checkpoint:
        """Start the refresh of a finished store: cursor None, nothing read, one pass further."""

    async def commit(self, batch: Batch) -> int:
        """Write one batch in one transaction; returns how many of its contacts this pass had not seen before.

        Those that could only be quarantined count as well, with or without an id.

        Batches are written in the order of the calls. Once called, a batch is written even if the caller is cancelled.
        After a batch has failed all later ones fail too: a cursor never gets past a page that is not there.
        A reading older than what is stored, by `date_updated`, does not overwrite it but counts as seen in this pass.
        """

    async def compare(self, contacts: Sequence[ContactRows]) -> list[Difference]:
        """List in what contacts, as they were just read, differ from what is stored, as far as they were read.

        Another form of the same record is no difference. A contact that was read with an earlier date `is_older`:
        `commit` keeps what is stored, unless that reading `is_confirmed`.
        """

    async def read_young(self, contact_ids: Sequence[str]) -> list[str]:
        """List those of some contacts that had changed only seconds before they were read last, by their own date."""

    async def stored(self, difference: Difference) -> Row | QuarantinedRow | None:
        """The record that is stored where something differs; None: there is none."""

    async def held_twice(self) -> list[str]:
        """List the contacts that hold an appointment which another one holds too: one of them has it no more."""

    async def settle(self, marks: Marks) -> None:
        """Note how far a sync, or a look at all contacts, has come."""

    async def spool(self, events: Sequence[SpooledEvent]) -> None:
        """Keep calendar events until their contacts come, or until `begin`, `next_pass`, `finish` or `settle`.

        One that is there already is replaced. They are no records of the store: nothing counts them.
        """

    async def spooled(self, contact_ids: Sequence[str]) -> dict[str, list[bytes]]:
        """The raw events of some contacts, in the order of their ids; contacts without any are left out."""

    async def clear_spool(self) -> None:
        """Forget all calendar events."""

    async def finish(self, *, prune: bool, again: bool = False) -> int:
        """End the pass; with `again` start the next one at once, since this one has left something out.

        With `prune`, remove contacts not seen in it, with all that belongs to them, and say how many.
        """

    async def unseen(self) -> list[str]:
        """List the contacts that this pass has not met so far: at its end, what `finish` would prune."""

    async def remove(self, contact_ids: Sequence[str]) -> int:
        """Remove contacts that the location has no more, with all that belongs to them; say how many were there."""

    async def sweep(self, contact_ids: Sequence[str], *, is_first: bool) -> list[str]:
        """Note contacts that the location has, and list those of them that were not noted before.

        `is_first` forgets what was.
        """

    async def unswept(self) -> list[str]:
        """List the contacts of which anything is stored and that were not noted since the sweep began."""

    async def doubt(self, kinds: Sequence[Kind], *, suspected: Sequence[Kind] = ()) -> None:
        """Remember, until the store starts over, that the cheaper way to read some kinds leaves records out.

        Those that are `suspected` are remembered up to the next call.
        """

    async def holes(self, limit: int = 1000) -> list[Hole]:
        """List up to `limit` holes, those that wait longest first."""

    async def sample(self, contacts: int) -> list[StoredContact]:
        """Pick up to so many contacts of this pass at random, without holes."""

    async def counts(self) -> Counts:
        """Count what is stored. Reads whole indexes: for the start and the end of a run, not for its progress."""

    async def release(self) -> None:
        """End a run, when every batch is written: the next one may `begin`. What is stored can still be read."""

    async def close(self) -> None:
        """Wait until every batch is written, then let go of the store for good. May be called twice."""


class SQLiteStore:
    """A store in one SQLite file, for one run at a time; anybody may read the file meanwhile.

    The views `contacts`, `contact_tags`, `custom_field_values`, `tasks`, `notes` and `appointments`, and on demand
    `contacts_with_custom_fields`, are for people and their SQL; `_views` says what stands in their columns.
    All work is done on one thread of its own, so the event loop never waits for the disk. A file named `<path>-lock`
    stays beside the store; it is empty, and may be deleted when no run is on.

    A power loss may take the last batches together with their cursor (write-ahead log, synchronous=NORMAL); the death
    of the process takes nothing that was committed.
    """

    def __init__(self, path: str | os.PathLike[str], /) -> None:
        self.path = Path(path)
        # Resolved now: the working directory may change, and one file under two names must be one lock.
        self._file = Path(os.path.realpath(self.path))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ghl-async-store")
        self._database: sqlite3.Connection | None = None
        self._lock: sqlite3.Connection | None = None
        self._kinds: tuple[Kind, ...] = ()
        self._failure: str | None = None
        self._closing: Future[None] | None = None

    @property
    def files(self) -> frozenset[Path]:
        """The file, and those that stand beside it now and then: nobody else may write them."""
        return _schema.files_of(self._file)

    async def __aenter__(self) -> Self:
        """Return itself. The file is opened by `begin`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def peek(self, identity: Identity) -> Checkpoint | None:
        """Look into the file, if it is there; see `Store.peek`."""
        return await self._on_thread(self._peek, identity)

    async def begin(self, identity: Identity, *, resume: bool = True) -> Checkpoint:
        """Open or create the file, lock it and say where it stands; see `Store.begin`."""
        return await self._on_thread(self._begin, identity, resume=resume)

    async def next_pass(self) -> Checkpoint:
        """Start the refresh of a finished store; see `Store.next_pass`."""
        return await self._on_thread(self._next_pass)

    async def commit(self, batch: Batch) -> int:
        """Write one batch in one transaction, behind all earlier ones; see `Store.commit`."""
        return await self._on_thread(self._write, _landing.write, batch, time.time())

    async def compare(self, contacts: Sequence[ContactRows]) -> list[Difference]:
        """List differences; see `Store.compare`."""
        return await self._on_thread(self._read, _comparing.compare, contacts)

    async def read_young(self, contact_ids: Sequence[str]) -> list[str]:
        """List contacts that had just changed; see `Store.read_young`."""
        return await self._on_thread(self._read, _comparing.read_young, contact_ids)

    async def stored(self, difference: Difference) -> Row | QuarantinedRow | None:
        """The record where something differs; see `Store.stored`."""
        return await self._on_thread(self._read, _comparing.stored, difference)

    async def held_twice(self) -> list[str]:
        """List who holds what others hold; see `Store.held_twice`. Reads a whole index."""
        return await self._on_thread(self._read, _comparing.held_twice)

    async def settle(self, marks: Marks) -> None:
        """Note how far a look has come; see `Store.settle`."""
        await self._on_thread(self._write, _comparing.settle, marks)

    async def spool(self, events: Sequence[SpooledEvent]) -> None:
        """Keep calendar events in one transaction; see `Store.spool`."""
        await self._on_thread(self._write, _spool.put, events)

    async def spooled(self, contact_ids: Sequence[str]) -> dict[str, list[bytes]]:
        """The raw events of some contacts; see `Store.spooled`."""
        return await self._on_thread(self._read, _spool.take, contact_ids)

    async def clear_spool(self) -> None:
        """Forget calendar events; see `Store.clear_spool`."""
        await self._on_thread(self._write, _spool.clear)

    async def finish(self, *, prune: bool, again: bool = False) -> int:
        """End the pass, make the indexes and empty the write-ahead log; see `Store.finish`."""
        return await self._on_thread(self._finish, prune=prune, again=again)

    async def unseen(self) -> list[str]:
        """List the contacts that this pass has not met; see `Store.unseen`."""
        return await self._on_thread(self._read, _landing.unseen)

    async def remove(self, contact_ids: Sequence[str]) -> int:
        """Remove contacts; see `Store.remove`."""
        return await self._on_thread(self._write, _landing.remove, contact_ids)

    async def sweep(self, contact_ids: Sequence[str], *, is_first: bool) -> list[str]:
        """Note contacts, outside of the file; see `Store.sweep`."""
        return await self._on_thread(self._read, _sweeping.sweep, contact_ids, is_first=is_first)

    async def unswept(self) -> list[str]:
        """List contacts that were not noted; see `Store.unswept`."""
        return await self._on_thread(self._read, _sweeping.unswept)

    async def doubt(self, kinds: Sequence[Kind], *, suspected: Sequence[Kind] = ()) -> None:
        """Remember what is doubted; see `Store.doubt`."""
        await self._on_thread(self._write, _landing.doubt, kinds, suspected)

    async def holes(self, limit: int = 1000) -> list[Hole]:
        """List up to `limit` holes; see `Store.holes`."""
        return await self._on_thread(self._read, _landing.holes, limit)

    async def sample(self, contacts: int) -> list[StoredContact]:
        """Pick contacts at random; see `Store.sample`."""
        return await self._on_thread(self._sample, contacts)

    async def counts(self) -> Counts:
        """Count what is stored; see `Store.counts`."""
        return await self._on_thread(self._read, _landing.counts)

    async def release(self) -> None:
        """Wait for the writer and release the lock; see `Store.release`."""
        if self._closing is None:
            await self._on_thread(self._unlock)

    async def close(self) -> None:
        """Wait for the writer and release the lock; see `Store.close`."""
        if self._closing is None:
            self._closing = self._thread.submit(self._release)
            self._thread.shutdown(wait=False)
        await _outcome(self._closing)

    async def _on_thread(self, job: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if self._closing is not None:
            raise UsageError(f"{self.path} is closed: make a new SQLiteStore")
        return await _outcome(self._thread.submit(job, *args, **kwargs))

    # Everything below runs on the store's own thread, one job after the other, in the order of the calls above.

    def _peek(self, identity: Identity) -> Checkpoint | None:
        with _schema.failures_named(self._file), _schema.looking(self._file) as database:
            if database is None:
                return None
            _schema.check_identity(database, self._file, identity.facts)
            return _landing.checkpoint(database)

    def _begin(self, identity: Identity, *, resume: bool) -> Checkpoint:
        if self._lock is not None:
            raise UsageError(f"{self.path} is open already: a store is for one run at a time")
        self._release()
        self._failure = None
        facts = identity.facts
        self._kinds = tuple(kind for kind in KINDS if kind in identity.include)
        try:
            with _schema.failures_named(self._file):
                self._database, self._lock = _schema.take(self._file)
                with _schema.transaction(self._database):
                    _schema.create(self._database, facts, _landing.now())
                    _schema.check_identity(self._database, self._file, facts)
                    return _landing.begin(self._database, resume=resume)
        except BaseException:
            self._release()
            raise

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise UsageError(f"{self.path} is not open: call begin() first")
        return self._database

    def _read(self, job: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        database = self._opened()
        with _schema.failures_named(self._file):
            return job(database, *args, **kwargs)

    def _write(self, job: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        database = self._opened()
        if self._lock is None:
            raise UsageError(f"{self.path}: no run holds it any more, so nothing is written: call begin() first")
        if self._failure is not None:
            raise StoreFailed(f"{self.path}: nothing more is written, because an earlier write failed: {self._failure}")
        try:
            with _schema.failures_named(self._file), _schema.transaction(database):
                return job(database, *args, **kwargs)
        except BaseException as error:
            # Only our own messages are known to hold nobody's data.
            self._failure = str(error) if isinstance(error, GHLError) else type(error).__name__
            raise

    def _next_pass(self) -> Checkpoint:
        if self._read(_landing.state) != "finished":
            raise UsageError(f"{self.path}: the pass before is not finished; begin(resume=False) starts over")
        return self._write(_landing.next_pass)

    def _finish(self, *, prune: bool, again: bool) -> int:
        # The indexes first: if there is no room for them the pass is not finished, and the next run comes back here.
        self._write(_schema.index)
        removed = self._write(_landing.finish, prune=prune, again=again)
        self._read(_schema.empty_log)
        return removed

    def _sample(self, contacts: int) -> list[StoredContact]:
        return self._read(_sweeping.sample, self._kinds, contacts)

    def _release(self) -> None:
        database, self._database = self._database, None
        try:
            if database is not None:
                database.close()
        finally:
            self._unlock()  # last: whoever gets the lock must find a closed file

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()


async def _outcome(future: Future[_T]) -> _T:
    """Wait for a job without owning it: if the waiting task is cancelled, the job is done all the same."""
    waiter = asyncio.wrap_future(future)
    waiter.add_done_callback(asyncio.Future.exception)  # an error that nobody waits for any more is not a warning
    await asyncio.wait((waiter,))
    return waiter.result()

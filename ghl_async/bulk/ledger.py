"""Which write was intended, and what became of it: one SQLite file a bulk write.

An intention is on the disk before its request is sent, an outcome before it is told. So whatever kills the process,
a later run of the same input knows what is done, what was never sent, and the few writes in between that are in doubt.

The file knows positions and digests of inputs, ids and reasons; it keeps nothing of what was written. Many writes share
one transaction: those that come while the one before is on its way to the disk.

Where the last of several writes to one contact is what counts, it knows the run in which each was sent last. One that
is done is overtaken when a later run has sent one from before it again: then it has to follow, whenever that may be.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from ..errors import GHLError, StoreFailed, StoreMismatch, UsageError
from ._outcome import Outcome
from ._schema import failures_named, transaction

__all__ = ["Entry", "Intent", "Ledger", "State"]

T = TypeVar("T")

State: TypeAlias = Literal["intended", "ok", "unchanged", "failed", "unknown"]

_APPLICATION_ID = 0x47484C4C
"""The letters GHLL. https://www.sqlite.org/pragma.html#pragma_application_id"""
_SCHEMA_VERSION = 2
_DIGEST_BYTES = 16
_BUSY_SECONDS = 0.2

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE writes (
    position INTEGER PRIMARY KEY, digest BLOB NOT NULL, state TEXT NOT NULL, intended_at REAL,
    contact_id TEXT, record_id TEXT, made TEXT, known TEXT, reason TEXT
);
CREATE INDEX writes_made ON writes (made) WHERE made IS NOT NULL;
CREATE INDEX writes_made_for ON writes (contact_id) WHERE made IS NOT NULL;
"""
_SECOND = """
ALTER TABLE writes ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writes ADD COLUMN at REAL;
CREATE INDEX writes_digest ON writes (digest);
CREATE TABLE keys (key BLOB, position INTEGER, PRIMARY KEY (key, position)) WITHOUT ROWID;
"""
"""What makes version 2 of version 1."""
# A write that is in doubt keeps the time and the ids of its first try: what that one made may be found at any later
# look.
_INTEND = """
INSERT INTO writes (position, digest, state, intended_at, contact_id, record_id, known, run, at)
VALUES (?, ?, 'intended', ?, ?, ?, ?, ?, ?)
ON CONFLICT (position) DO UPDATE SET
    digest = excluded.digest, contact_id = excluded.contact_id, record_id = excluded.record_id,
    intended_at = CASE WHEN state IN ('intended', 'unknown') THEN intended_at ELSE excluded.intended_at END,
    known = CASE WHEN state IN ('intended', 'unknown') THEN known ELSE excluded.known END,
    state = 'intended', reason = NULL, run = excluded.run, at = excluded.at
"""
_RECORD = """
INSERT INTO writes (position, digest, state, contact_id, record_id, made, reason, run, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (position) DO UPDATE SET
    digest = excluded.digest, state = excluded.state, contact_id = excluded.contact_id,
    record_id = excluded.record_id, made = coalesce(excluded.made, made), reason = excluded.reason,
    run = excluded.run, at = excluded.at
"""
_KEY = "INSERT OR IGNORE INTO keys VALUES (?, ?)"
# The last one is enough: those before it have been brought into their order when this one's turn comes.
_BEFORE_IT = """
SELECT run FROM keys JOIN writes USING (position)
WHERE key = ? AND position < ? AND state IN ('ok', 'intended', 'unknown') ORDER BY position DESC LIMIT 1
"""
_WITHDRAW = "DELETE FROM writes WHERE position = ? AND state = 'intended'"

_Statement: TypeAlias = tuple[str, tuple[Any, ...]]


class Entry(msgspec.Struct, frozen=True):
    """What the ledger says of one input."""

    state: State
    intended_at: float | None
    """When it was to be sent first, in seconds since 1970 by this machine's clock."""
    contact_id: str | None
    record_id: str | None
    reason: str | None
    known: tuple[str, ...] | None
    """The ids of the records that were there before; None: nobody looked."""
    made: str | None
    """The id of what it has made."""
    run: int = 0
    """The number of the run in which it was sent last."""
    at: float | None = None
    """When it was, or when its outcome came, in seconds since 1970 by this machine's clock; None: nobody noted it."""
    is_overtaken: bool = False
    """Whether one from before it was sent again since it was done."""

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state in {"ok", "unchanged"}

    @property
    def is_in_doubt(self) -> bool:
        """Whether it may have been done."""
        return self.state in {"intended", "unknown"}


class Intent(msgspec.Struct, frozen=True):
    """A write that is about to be sent."""

    position: int
    digest: bytes
    contact_id: str | None
    record_id: str | None
    known: Sequence[str] | None = None
    keys: Sequence[str] = ()
    """What it has in common with those that must be done in their order, where the last one is what counts."""


class Ledger:
    """One file, for one run at a time; nobody else may open it meanwhile."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = Path(os.path.realpath(self.path))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ghl-async-ledger")
        self._database: sqlite3.Connection | None = None
        self._waiting: list[tuple[list[_Statement], asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._run = 1
        self.known_to = 0
        """One more than the last position that earlier runs know."""

    async def open(self, identity: Mapping[str, str], *, create: bool = True) -> None:
        """Open the file, or make it.

        Args:
            identity: what makes one ledger differ from another: the operation, the location, the options.
            create: False leaves the disk as it is where there is no file; the ledger is empty then. One of an older
                version is upgraded in any case.

        Raises:
            StoreMismatch: it is the ledger of another operation, location or options, or no ledger at all.
            StoreBusy: another run holds it.
            StoreFailed: it cannot be read or written.
            UsageError: the place cannot exist.
        """
        await self._on_thread(self._open, identity, create)

    async def recall(
        self, inputs: Sequence[tuple[int, bytes]], keys: Mapping[int, Sequence[str]] = MappingProxyType({})
    ) -> dict[int, Entry]:
        """Say what is known of some inputs, given as position and digest, by position; of new ones nothing.

        An input that has failed may be another one now, and is new then.

        Args:
            keys: by position, as in an `Intent`.

        Raises:
            StoreMismatch: one of them is not what it was, or was at another place.
        """
        return await self._on_thread(self._recall, inputs, keys)

    async def made_for(self, contact_id: str | None, position: int) -> set[str]:
        """The records that other inputs have made for a contact."""
        return await self._on_thread(self._made_for, contact_id, position)

    async def taken(self, record_ids: Iterable[str], position: int) -> set[str]:
        """Those of some records that other inputs have made."""
        return await self._on_thread(self._taken, record_ids, position)

    async def intend(self, intents: Iterable[Intent]) -> None:
        """Note what is about to be sent; it is on the disk when this returns."""
        now, statements = time.time(), list[_Statement]()
        for each in intents:
            ids = (each.contact_id, each.record_id, _json(each.known))
            statements.append((_INTEND, (each.position, each.digest, now, *ids, self._run, now)))
            statements += [(_KEY, (_digest(key), each.position)) for key in each.keys]
        await self._commit(statements)

    async def record(self, outcomes: Iterable[tuple[Outcome, bytes, str | None]]) -> None:
        """Note what became of some inputs: the outcome, the input's digest, and the id of what it made."""
        now = time.time()
        await self._commit(
            (
                _RECORD,
                (one.position, digest, one.kind, one.contact_id, one.record_id, made, one.reason, self._run, now),
            )
            for one, digest, made in outcomes
        )

    async def withdraw(self, position: int) -> None:
        """Take an intention back: nothing was sent, or all of it was refused."""
        await self._commit([(_WITHDRAW, (position,))])

    async def close(self) -> None:
        """Wait until everything is written, and let go of the file."""
        if self._flushing is not None:
            await asyncio.wait((self._flushing,))
        await self._on_thread(self._close)
        self._thread.shutdown(wait=False)

    async def _on_thread(self, job: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job, *args)

    async def _commit(self, statements: Iterable[_Statement]) -> None:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(([*statements], written))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await written

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                failure: Exception | None = None
                try:
                    await self._on_thread(self._write, [each for statements, _ in batch for each in statements])
                except Exception as error:  # noqa: BLE001 - whatever it is, who waits must hear of it
                    failure = error
                for _, written in batch:
                    if written.done():
                        continue  # who waited for it was cancelled
                    if failure is None:
                        written.set_result(None)
                    else:
                        written.set_exception(failure)
        finally:
            self._flushing = None

    # Everything below runs on the ledger's own thread.

    def _open(self, identity: Mapping[str, str], create: bool) -> None:  # noqa: FBT001 - called by name of the job
        with failures_named(self._file, what="ledger"):
            if self._file.is_dir() or not self._file.parent.is_dir():
                raise UsageError(f"{self.path} is a folder, or its folder does not exist: name a file for the ledger")
            if not create and not (self._file.exists() and self._file.stat().st_size):
                return
            if self._file.exists() and not os.access(self._file, os.W_OK):  # SQLite would call it an error of the disk
                raise StoreFailed(f"{self.path} is read-only: change its permissions, or name another file")
            database = sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._take(database, identity, is_read_only=not create)
            except BaseException:
                database.close()
                raise
        self._database = database

    def _take(self, database: sqlite3.Connection, identity: Mapping[str, str], *, is_read_only: bool) -> None:
        # It goes with the process however that dies; nothing is written before it is known that the file is ours.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        with transaction(database):
            found = int(database.execute("PRAGMA application_id").fetchone()[0])
            objects = int(database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
            version = int(database.execute("PRAGMA user_version").fetchone()[0])
            if found != _APPLICATION_ID and (found or version or objects):
                raise StoreMismatch(f"{self.path} is a database, but not a ledger of ghl-async: name another file")
            if not objects:
                for statement in _TABLES.split(";"):
                    database.execute(statement)
                database.executemany("INSERT INTO meta VALUES (?, ?)", identity.items())
                database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._check(database, identity)
            if version < _SCHEMA_VERSION:
                for statement in _SECOND.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            runs = database.execute("SELECT value FROM meta WHERE key = 'runs'").fetchone()
            self._run = 1 + int(runs[0] if runs else 0)
            if not is_read_only:
                database.execute("INSERT OR REPLACE INTO meta VALUES ('runs', ?)", (str(self._run),))
        self.known_to = int(database.execute("SELECT coalesce(max(position) + 1, 0) FROM writes").fetchone()[0])
        database.execute("PRAGMA journal_mode = WAL")
        # An intention that a power loss takes back would be a write that is done twice.
        database.execute("PRAGMA synchronous = FULL")

    def _check(self, database: sqlite3.Connection, identity: Mapping[str, str]) -> None:
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        if version > _SCHEMA_VERSION:
            raise StoreMismatch(f"{self.path} was written by a newer version of ghl-async: upgrade it")
        stored = dict(database.execute("SELECT key, value FROM meta"))
        differing = [name for name in identity if stored.get(name) != identity[name]]
        if differing:
            raise StoreMismatch(
                f"{self.path} is the ledger of another write (another {' and '.join(differing)}): pass the same again,"
                " or name another file"
            )

    def _recall(self, inputs: Sequence[tuple[int, bytes]], keys: Mapping[int, Sequence[str]]) -> dict[int, Entry]:
        if self._database is None or not inputs:
            return {}
        given, entries = dict(inputs), {}
        with failures_named(self._file, what="ledger"):
            found = self._database.execute(
                "SELECT position, digest, state, intended_at, contact_id, record_id, reason, known, made, run, at FROM"
                " writes WHERE position BETWEEN ? AND ?",
                (inputs[0][0], inputs[-1][0]),
            ).fetchall()
            for position, digest, *columns in found:
                entry = _entry(columns)
                if digest == given.get(position):
                    if entry.is_done and self._is_overtaken(position, entry, keys.get(position, ())):
                        entry = msgspec.structs.replace(entry, is_overtaken=True)
                    entries[position] = entry
                elif entry.state != "failed":
                    raise self._mismatch(position, "is not what it was")
                elif self._stands_elsewhere(given[position], position):
                    # Behind a row that was left out all others move up: what is done there would be done once more.
                    raise self._mismatch(position, "is what stands at another place: leave a failed one where it was")
        return entries

    def _mismatch(self, position: int, how: str) -> StoreMismatch:
        return StoreMismatch(
            f"{self.path} is a ledger of another input: what stands at place {position} (from 0) {how}; pass the same"
            " input again, or name another file to begin anew",
            position=position,
        )

    def _is_overtaken(self, position: int, entry: Entry, keys: Sequence[str]) -> bool:
        if self._database is None:
            return False
        before = (self._database.execute(_BEFORE_IT, (_digest(key), position)).fetchone() for key in keys)
        return any(row is not None and row[0] > entry.run for row in before)

    def _stands_elsewhere(self, digest: bytes, position: int) -> bool:
        sql = "SELECT position FROM writes WHERE digest = ? AND position != ? AND state != 'failed' LIMIT 1"
        return bool(self._ids(sql, digest, position))

    def _made_for(self, contact_id: str | None, position: int) -> set[str]:
        sql = "SELECT made FROM writes WHERE contact_id = ? AND made IS NOT NULL AND position != ?"
        return self._ids(sql, contact_id, position)

    def _taken(self, record_ids: Iterable[str], position: int) -> set[str]:
        sql = "SELECT made FROM writes WHERE made = ? AND position != ?"
        return {made for each in record_ids for made in self._ids(sql, each, position)}

    def _ids(self, sql: str, *values: object) -> set[str]:
        if self._database is None:
            return set()
        with failures_named(self._file, what="ledger"):
            return {row[0] for row in self._database.execute(sql, values)}

    def _write(self, statements: Sequence[_Statement]) -> None:
        if self._database is None:
            return
        if self._failure is not None:
            raise StoreFailed(f"{self.path}: nothing more is written, an earlier write failed: {self._failure}")
        try:
            with failures_named(self._file, what="ledger"), transaction(self._database):
                for sql, values in statements:
                    self._database.execute(sql, values)
        except GHLError as error:
            self._failure = str(error)
            raise

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _digest(key: str) -> bytes:
    return blake2b(key.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).digest()


def _json(ids: Sequence[str] | None) -> str | None:
    return None if ids is None else json.dumps([*ids])


def _entry(columns: Sequence[Any]) -> Entry:
    state, intended_at, contact_id, record_id, reason, known, made, run, at = columns
    ids = None if known is None else tuple(json.loads(known))
    return Entry(state, intended_at, contact_id, record_id, reason, ids, made, run, at)

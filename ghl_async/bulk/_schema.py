"""The embedded store's file: its SQL, how it is opened, locked and recognised, and what its failures mean.

Knows SQLite and this package's errors; knows nothing of asyncio, of records or of the run that fills the store.
The landing tables are lean (ids, dates, raw JSON) because that is what one core can write fast; people read the views.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import GHLError, StoreBusy, StoreFailed, StoreMismatch, UsageError
from . import _spool, _views

__all__ = [
    "SCHEMA_VERSION",
    "check_identity",
    "create",
    "empty_log",
    "failures_named",
    "files_of",
    "index",
    "looking",
    "take",
    "transaction",
]

_BESIDE = ("-wal", "-shm", "-lock", "-journal")
_APPLICATION_ID = 0x47484C41
"""The letters GHLA. https://www.sqlite.org/pragma.html#pragma_application_id"""
_UPGRADES: dict[int, Callable[[sqlite3.Connection], None]] = {
    2: _spool.create,
    3: _views.make,
    4: _views.show_days,
}
"""By version: what makes it of the one before. 1 had no spool; 3 gave the views more columns, and tags a view;
4 shows days as days."""
SCHEMA_VERSION = max(_UPGRADES)
_BUSY_SECONDS = 30.0
"""How long a commit waits while somebody else, a person at the sqlite3 prompt perhaps, writes to the file."""

# `mended` is there only where the raw JSON holds half of a surrogate pair or a NUL, which SQL cannot read as text.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE run (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    state TEXT NOT NULL, cursor BLOB, pass INTEGER NOT NULL, read INTEGER NOT NULL, started_at TEXT NOT NULL
);
CREATE TABLE landing_contacts (
    id TEXT PRIMARY KEY, date_added TEXT, date_updated TEXT, pass INTEGER NOT NULL, read_at REAL NOT NULL,
    raw TEXT NOT NULL, mended TEXT, readable TEXT AS (coalesce(mended, raw))
);
CREATE TABLE landing_tasks (
    contact_id TEXT, id TEXT, raw TEXT NOT NULL, mended TEXT, readable TEXT AS (coalesce(mended, raw)),
    PRIMARY KEY (contact_id, id)
);
CREATE TABLE landing_notes (
    contact_id TEXT, id TEXT, raw TEXT NOT NULL, mended TEXT, readable TEXT AS (coalesce(mended, raw)),
    PRIMARY KEY (contact_id, id)
);
CREATE TABLE landing_appointments (
    contact_id TEXT, id TEXT, raw TEXT NOT NULL, mended TEXT, readable TEXT AS (coalesce(mended, raw)),
    PRIMARY KEY (contact_id, id)
);
CREATE TABLE holes (contact_id TEXT, kind TEXT, reason TEXT NOT NULL, PRIMARY KEY (contact_id, kind));
CREATE TABLE quarantine (
    kind TEXT NOT NULL, contact_id TEXT, id TEXT, reason TEXT NOT NULL, raw BLOB NOT NULL, pass INTEGER NOT NULL
);
CREATE INDEX quarantine_contact_id ON quarantine (contact_id);
"""

_INDEXES = "CREATE INDEX IF NOT EXISTS contacts_date_updated ON landing_contacts (date_updated)"


def files_of(path: Path) -> frozenset[Path]:
    """The store's file, and what SQLite and the lock put beside it: nobody else may write these."""
    file = Path(os.path.realpath(path))
    return frozenset((file, *(file.with_name(f"{file.name}{end}") for end in _BESIDE)))


def take(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Open the store and its lock; the file is made, empty, if there is none.

    Nothing is written before it is known that the file is ours and that no other run holds it.

    Returns:
        The store's connection and the lock's. Closing the second lets other runs in.

    Raises:
        UsageError: the path is a folder, or its folder does not exist.
        StoreMismatch: the file is something else, or of a newer schema.
        StoreBusy: another run holds it.
        StoreFailed: the file cannot be opened or read.
    """
    _check_place(path)
    with failures_named(path), contextlib.ExitStack() as opened:
        database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        opened.callback(database.close)
        _check_ours(database, path)
        lock = _hold(path)
        opened.callback(lock.close)
        # The page size must come first: a file that is in WAL mode or has pages keeps what it has.
        database.execute("PRAGMA page_size = 8192")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        opened.pop_all()
    return database, lock


def _check_place(path: Path) -> None:
    with failures_named(path):
        is_folder, has_place = path.is_dir(), path.parent.is_dir()
    if is_folder:
        raise UsageError(f"{path} is a folder: name a file for the store")
    if not has_place:
        raise UsageError(f"the folder {path.parent} does not exist: create it, or name another file for the store")


@contextlib.contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the store to read in it; None: there is no file, or nothing in it.

    Raises:
        UsageError: the path is a folder, or its folder does not exist.
        StoreMismatch: the file is something else, or of a newer schema.
    """
    _check_place(path)
    if not path.exists():
        yield None
        return
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as database:
        _check_ours(database, path)
        yield database if _single(database, "PRAGMA application_id") == _APPLICATION_ID else None


def _check_ours(database: sqlite3.Connection, path: Path) -> None:
    # In one transaction: another run may be making the store at this very moment.
    database.execute("BEGIN")
    found = _single(database, "PRAGMA application_id")
    version = _single(database, "PRAGMA user_version")
    objects = _single(database, "SELECT count(*) FROM sqlite_master")
    database.execute("COMMIT")
    if found == _APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise StoreMismatch(
                f"{path} was written by a newer version of ghl-async (schema {version}, this one knows "
                f"{SCHEMA_VERSION}): upgrade ghl-async, or name another file"
            )
    elif found or version or objects:
        raise StoreMismatch(f"{path} is a database, but not a store of ghl-async: name another file")


def _single(database: sqlite3.Connection, sql: str) -> int:
    return int(database.execute(sql).fetchone()[0])


def _hold(path: Path) -> sqlite3.Connection:
    """Take SQLite's own lock on an empty file beside the store.

    So it works on every system, excludes a second run in this process too, goes with the process however it dies, and
    leaves the store readable for everybody. A file that was left behind locks nothing.
    """
    beside = path.with_name(f"{path.name}-lock")
    lock = sqlite3.connect(beside, timeout=0, isolation_level=None)
    try:
        lock.execute("PRAGMA journal_mode = MEMORY")  # or there would be a second file beside it
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if _primary_code(error) == sqlite3.SQLITE_BUSY:
            raise StoreBusy(f"another run is filling {path}: wait until it ends, or name another file") from None
        raise _named(error, beside) from error
    return lock


def create(database: sqlite3.Connection, identity: dict[str, str], started_at: str) -> None:
    """Make the tables and views, or what a file of an older version has not of them. Must run inside a transaction.

    `identity` is what `check_identity` compares with at every later opening; `started_at` is an ISO instant.
    """
    if _single(database, "PRAGMA application_id") == _APPLICATION_ID:
        found = _single(database, "PRAGMA user_version")
        for version in range(found + 1, SCHEMA_VERSION + 1):
            _UPGRADES[version](database)
            database.execute(f"PRAGMA user_version = {version}")
        return
    for statement in _TABLES.split(";"):
        database.execute(statement)
    for upgrade in _UPGRADES.values():
        upgrade(database)
    database.executemany("INSERT INTO meta VALUES (?, ?)", identity.items())
    database.execute("INSERT INTO run VALUES (1, 'new', NULL, 1, 0, ?)", (started_at,))
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def check_identity(database: sqlite3.Connection, path: Path, identity: dict[str, str]) -> None:
    """Refuse a store that was filled from another location, by another query or with other kinds of records.

    Raises:
        StoreMismatch: says both sides, but never the query: it may hold people's e-mail addresses.
    """
    stored = dict(database.execute("SELECT key, value FROM meta"))
    advice = "pass the same again, or name another file"
    for key, words in (("location_id", "records of location"), ("include", "contacts with")):
        if stored.get(key) != identity[key]:
            there, here = (side or "nothing else" for side in (stored.get(key), identity[key]))
            raise StoreMismatch(f"{path} holds {words} {there}, this run asks for {here}: {advice}")
    if stored.get("query") != identity["query"]:
        raise StoreMismatch(f"{path} was filled by another query than this run's: {advice}")


def index(database: sqlite3.Connection) -> None:
    """Make the indexes that people's questions need. After the load: they would halve its speed."""
    database.execute(_INDEXES)


def empty_log(database: sqlite3.Connection) -> None:
    """Move the write-ahead log into the file, as far as room and readers allow: what stays in the log is safe there."""
    database.execute("PRAGMA busy_timeout = 0")
    with contextlib.suppress(sqlite3.Error):
        database.execute("PRAGMA wal_checkpoint (TRUNCATE)")
    database.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000:.0f}")


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Write everything or nothing. An exception, a failing COMMIT among them, leaves the file as it was."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some failures, a full disk for one.
        if database.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def failures_named(path: Path, *, what: str = "store") -> Iterator[None]:
    """Turn SQLite's errors into ours: one line each, which names the file and says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _named(error, path, what) from error
    except OSError as error:
        raise StoreFailed(f"{path} cannot be used ({error.strerror}): check the path and its permissions") from error


_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full: make room and run again, it goes on where it stopped",
    sqlite3.SQLITE_IOERR: "the disk refuses (an input/output error, or a limit on file sizes): look after it and run "
    "again, it goes on where it stopped",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only: change the permissions, or name another file",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check the permissions of the file and its folder",
    sqlite3.SQLITE_PERM: "access is refused: check the permissions of the file and its folder",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore it from a backup, or begin again with another file",
}


def _named(error: sqlite3.Error, path: Path, what: str = "store") -> GHLError:
    code = _primary_code(error)
    if code == sqlite3.SQLITE_NOTADB:
        return StoreMismatch(f"{path} is not a {what} of ghl-async, nor any database: name another file")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"another run or program keeps writing to {path}: let it end, and run again")
    return StoreFailed(f"{path}: {_ADVICE.get(code, str(error))}")


def _primary_code(error: sqlite3.Error) -> int:
    """Say SQLite's error without the details in its upper bytes: https://www.sqlite.org/rescode.html ."""
    return int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF

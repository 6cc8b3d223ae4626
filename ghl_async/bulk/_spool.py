"""Where the events of the calendars wait for their contacts, so that memory holds neither all events nor all contacts.

They come by calendar and window of time, contacts come by dateAdded; between the two they lie in a table. A store keeps
that table in its own file, a run without a store in a private temporary one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import msgspec

__all__ = ["Spool", "SpooledEvent", "TemporarySpool", "clear", "create", "put", "take"]

_T = TypeVar("_T")


class SpooledEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of a calendar, as it was sent."""

    contact_id: str
    id: str
    raw: bytes


class Spool(Protocol):
    """A place for events until their contacts come."""

    async def spool(self, events: Sequence[SpooledEvent]) -> None:
        """Keep events. One that is there already is replaced: windows overlap."""

    async def spooled(self, contact_ids: Sequence[str]) -> dict[str, list[bytes]]:
        """The raw events of some contacts, in the order of their ids; contacts without any are left out."""

    async def clear_spool(self) -> None:
        """Forget all events."""


def create(database: sqlite3.Connection) -> None:
    """Make the table, unless it is there."""
    database.execute(
        "CREATE TABLE IF NOT EXISTS spool (contact_id TEXT, id TEXT, raw BLOB NOT NULL, PRIMARY KEY (contact_id, id))"
        " WITHOUT ROWID"
    )


def clear(database: sqlite3.Connection) -> None:
    """Forget all events."""
    database.execute("DELETE FROM spool")


def put(database: sqlite3.Connection, events: Iterable[SpooledEvent]) -> None:
    """Keep events."""
    rows = ((event.contact_id, event.id, event.raw) for event in events)
    database.executemany("INSERT OR REPLACE INTO spool VALUES (?, ?, ?)", rows)


def take(database: sqlite3.Connection, contact_ids: Iterable[str]) -> dict[str, list[bytes]]:
    """Return the events of some contacts. They stay: a reading that is dropped may be done again."""
    found = {}
    for contact_id in contact_ids:
        rows = database.execute("SELECT raw FROM spool WHERE contact_id = ? ORDER BY id", (contact_id,)).fetchall()
        if rows:
            found[contact_id] = [raw for (raw,) in rows]
    return found


class TemporarySpool:
    """A spool of its own, in memory as far as SQLite's cache goes and in a nameless temporary file beyond."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ghl-async-spool")
        self._database: sqlite3.Connection | None = None

    async def spool(self, events: Sequence[SpooledEvent]) -> None:
        """Keep events; see `Spool.spool`."""
        await self._on_thread(lambda database: put(database, events))

    async def spooled(self, contact_ids: Sequence[str]) -> dict[str, list[bytes]]:
        """The raw events of some contacts; see `Spool.spooled`."""
        return await self._on_thread(lambda database: take(database, contact_ids))

    async def clear_spool(self) -> None:
        """Forget all events; see `Spool.clear_spool`."""
        await self._on_thread(clear)

    async def close(self) -> None:
        """Drop everything."""
        if self._database is not None:
            await self._on_thread(lambda database: database.close())
        self._thread.shutdown(wait=False)

    async def _on_thread(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, job)

    def _work(self, job: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._database is None:
            self._database = sqlite3.connect("", isolation_level=None)  # https://www.sqlite.org/inmemorydb.html#temp_db
            self._database.execute("PRAGMA journal_mode = OFF")
            create(self._database)
            self._database.execute("BEGIN")  # never committed: it is dropped in the end
        return job(self._database)

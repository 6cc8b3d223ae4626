"""Tokens in one SQLite file, in plain text: for servers whose disk is trusted, and for many locations."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from ..errors import StoreMismatch
from ._file_store import FileStore, damaged, newer, read_json
from ._place import create, exists, failures_named
from .tokens import Key, Tokens

__all__ = ["SQLiteTokenStore"]

_APPLICATION_ID = 0x47484C54
"""The letters GHLT. https://www.sqlite.org/pragma.html#pragma_application_id"""
_SCHEMA_VERSION = 1
_BUSY_SECONDS = 30.0
"""How long a job waits while somebody else, a person at the sqlite3 prompt perhaps, writes to the file."""
# As bytes: SQLite's own complaint about text that is no text would quote it.
_SELECT = "SELECT CAST(tokens AS BLOB) FROM tokens WHERE app_id = ? AND owner = ? AND owner_id = ?"
_DELETE = "DELETE FROM tokens WHERE app_id = ? AND owner = ? AND owner_id = ?"
_TABLE = """
CREATE TABLE tokens (
    app_id TEXT, owner TEXT, owner_id TEXT, tokens TEXT NOT NULL, PRIMARY KEY (app_id, owner, owner_id)
) WITHOUT ROWID
"""


class SQLiteTokenStore(FileStore):
    """Tokens in one SQLite file, **in plain text**, for its owner alone (mode 600).

    For servers whose disk is trusted and that keep the tokens of many locations: a save touches one row.
    `EncryptedFileStore` is for everybody else. What is replaced or deleted is wiped from the file (secure_delete); a
    power loss takes nothing that was saved (synchronous=EXTRA). The file is opened anew for every call.
    """

    def _load(self, key: Key) -> Tokens | None:
        rows = self._ask(_SELECT, _columns(key))
        if not rows:
            return None
        tokens = read_json(rows[0][0], Tokens)
        if tokens is None:
            raise damaged(self._file, key)
        return tokens

    def _save(self, key: Key, tokens: Tokens) -> None:
        values = (*_columns(key), msgspec.json.encode(tokens).decode("utf-8"))
        self._change("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?)", values, to_fill=True)

    def _delete(self, key: Key) -> bool:
        return self._change(_DELETE, _columns(key), to_fill=False) > 0

    def _keys(self) -> list[Key]:
        return [Key(*row) for row in self._ask("SELECT app_id, owner, owner_id FROM tokens")]

    def _ask(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        if not exists(self._file):
            return []
        with self._connected() as database:
            database.execute("BEGIN")
            return database.execute(sql, values).fetchall() if self._is_filled(database) else []

    def _change(self, sql: str, values: tuple[Any, ...], *, to_fill: bool) -> int:
        """Write in one transaction and say how many rows it was; whatever raises leaves the file as it was."""
        if not exists(self._file):
            if not to_fill:
                return 0
            with failures_named(self._file):
                create(self._file)
        with self._connected() as database:
            database.execute("BEGIN IMMEDIATE")
            if not self._is_filled(database):
                if not to_fill:
                    return 0
                database.execute(_TABLE)
                database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            changed = database.execute(sql, values).rowcount
            database.execute("COMMIT")
            return changed

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        # "rw" makes no file: SQLite would let others read it. A transaction that is open at the end is rolled back.
        address = f"{self._file.as_uri()}?mode=rw"
        with (
            failures_named(self._file),
            contextlib.closing(
                sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as database,
        ):
            database.execute("PRAGMA synchronous = EXTRA")
            database.execute("PRAGMA secure_delete = ON")
            yield database

    def _is_filled(self, database: sqlite3.Connection) -> bool:
        """Say whether there is a table to read; False: the file is empty."""
        found, version, objects = (
            int(database.execute(sql).fetchone()[0])
            for sql in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if found != _APPLICATION_ID:
            if found or version or objects:
                raise StoreMismatch(f"{self._file} is a database, but no token store of ghl-async: name another file")
            return False
        if version > _SCHEMA_VERSION:
            raise newer(self._file, version, _SCHEMA_VERSION)
        return True


def _columns(key: Key) -> tuple[str, str, str]:
    return key.app_id, key.owner, key.owner_id

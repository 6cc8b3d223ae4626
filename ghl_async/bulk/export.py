"""From a store's views to files that other programs read. It costs no request, and changes no row."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from ..errors import StoreFailed, StoreMismatch, UsageError
from ..models import CustomField, well_formed
from ..models.days import day_of
from . import _schema, _views
from ._formats import WRITERS, Field, Format, Writer
from ._views import COLUMNS, CustomColumn, View

__all__ = ["Exported", "export", "spread_custom_fields"]

_SUFFIXES: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_ROWS_AT_ONCE = 5000


class Exported(msgspec.Struct, frozen=True):
    """What was written."""

    rows: int
    columns: tuple[str, ...]
    is_whole: bool
    """Whether the store was a finished copy without holes."""


async def export(
    store: str | os.PathLike[str],
    view: View,
    to: str | os.PathLike[str] | IO[bytes],
    /,
    *,
    format: Format | None = None,  # noqa: A002  (what it is called everywhere)
    custom_fields: Sequence[CustomField] | None = None,
    raw: bool = False,
) -> Exported:
    """Write one view of a store as JSON lines, CSV or Parquet (with the extra `parquet`).

    The rows are those of one instant, in the order of their ids, whatever a run writes meanwhile; the columns are those
    of the view (see `_views`). A file appears under its name when it is complete, in place of an older one.

    Args:
        store: the file of an `SQLiteStore`, of this or an older version; it may be in use.
        to: a file's name, or a file open for bytes.
        format: "jsonl", "csv" or "parquet"; by default what the name ends in says it.
        custom_fields: of contacts: the fields, from `ghl.custom_fields.list()`, that get a column each.
        raw: whether the record as the server sent it comes along, as the last column.

    Raises:
        UsageError: there is no such store, it has no such records, or the file cannot be meant.
        StoreMismatch: the file is no store, or one of a newer version.
        StoreFailed: reading or writing fails.

    Cost: no request.
    """
    path = _existing(store)
    if view not in COLUMNS:
        raise UsageError(f"a store has the views {', '.join(COLUMNS)}, not {view!r}")
    if custom_fields is not None and view != "contacts":
        raise UsageError(f"custom fields are those of contacts: {view} have none")
    chosen = _format(to, format)
    wanted = None if custom_fields is None else _views.custom_columns(custom_fields)
    target = None if hasattr(to, "write") else Path(os.fspath(to))
    home = {field.location_id for field in custom_fields or () if field.location_id}
    return await asyncio.to_thread(_export, path, view, (to, target), chosen, (wanted, raw), home)


async def spread_custom_fields(store: str | os.PathLike[str], fields: Sequence[CustomField], /) -> tuple[str, ...]:
    """Make the view `contacts_with_custom_fields` in a store: `contacts` with a column for each of these custom fields.

    An earlier view of that name goes. The columns are called as the fields are ("Pin code"); lists are JSON text. A
    field that is added to the location later gets its column when this is called again.

    Args:
        fields: from `ghl.custom_fields.list()`.

    Returns:
        The names of the columns, in the order of the fields.

    Raises:
        UsageError: there is no such store.
        StoreMismatch: the file is no store, or one of a newer version.
        StoreBusy: a run is filling it.
        StoreFailed: it cannot be written.

    Cost: no request.
    """
    custom = _views.custom_columns(fields)
    await asyncio.to_thread(_spread, _existing(store), custom)
    return tuple(column.name for column in custom.values())


def _existing(store: str | os.PathLike[str]) -> Path:
    path = Path(store).absolute()
    if not path.is_file():
        raise UsageError(f"there is no store {path}: ghl-async backfill makes one")
    return path


def _format(to: object, named: Format | None) -> Format:
    if named is not None:
        if named not in WRITERS:
            raise UsageError(f"a format is one of {', '.join(WRITERS)}, not {named!r}")
        return named
    suffix = "" if hasattr(to, "write") else Path(os.fspath(to)).suffix.lower()  # type: ignore[call-overload]
    if suffix not in _SUFFIXES:
        raise UsageError(f"name the format, one of {', '.join(WRITERS)}, or a file that ends in {', '.join(_SUFFIXES)}")
    return _SUFFIXES[suffix]


def _spread(path: Path, custom: Mapping[str, CustomColumn]) -> None:
    with _schema.failures_named(path), _schema.looking(path) as found:
        if found is None:
            raise _no_store(path)
    database, lock = _schema.take(path)
    with contextlib.closing(lock), contextlib.closing(database), _schema.failures_named(path):
        with _schema.transaction(database):
            _schema.create(database, {}, "")  # it is there: this brings an older version's up to date
            _views.make_wide(database, custom)
        _schema.empty_log(database)


def _no_store(path: Path) -> StoreMismatch:
    return StoreMismatch(f"{path} is an empty file, not a store: name another file, or fill it by ghl-async backfill")


def _export(
    path: Path,
    view: View,
    to: tuple[Any, Path | None],
    chosen: Format,
    more: tuple[Mapping[str, CustomColumn] | None, bool],
    home: set[str],
) -> Exported:
    custom, raw = more
    fields = [Field(column.name, column.shape) for column in COLUMNS[view]]
    fields += [Field(column.name, "custom") for column in (custom or {}).values()]
    if raw:
        fields.append(Field("raw", "text" if chosen == "csv" else "json"))
    with _database_failures_named(path), _schema.looking(path) as database:
        if database is None:
            raise _no_store(path)
        _check_holds(database, path, view, home)
        with _opened(to[0], to[1], path) as file:
            writer = WRITERS[chosen](fields, file)
            rows = _write(database, view, writer, custom, raw=raw)
            writer.close()
        return Exported(rows, tuple(field.name for field in fields), _is_whole(database))


@contextlib.contextmanager
def _database_failures_named(path: Path) -> Iterator[None]:
    """As for every use of the store; the errors of the file that is written are none of it."""
    try:
        yield
    except sqlite3.Error:
        with _schema.failures_named(path):
            raise


def _check_holds(database: sqlite3.Connection, path: Path, view: View, home: set[str]) -> None:
    """The rows of one instant: a transaction, in which the temporary view is made as well."""
    database.execute("BEGIN")
    facts = dict(database.execute("SELECT key, value FROM meta"))
    if home - {facts["location_id"]}:
        raise UsageError(f"{path} holds location {facts['location_id']}, the custom fields are those of another one")
    kinds = facts["include"]
    if view != "contacts" and view not in kinds.split(", "):
        raise UsageError(f"{path} holds contacts with {kinds or 'nothing else'}: there are no {view} in it")
    _views.make_temporary(database, view)


def _is_whole(database: sqlite3.Connection) -> bool:
    state, holes = database.execute("SELECT state, (SELECT count(*) FROM holes) FROM run").fetchone()
    return state == "finished" and not holes


@contextlib.contextmanager
def _opened(given: Any, target: Path | None, store: Path) -> Iterator[IO[bytes]]:
    """The file to write to; one with a name gets it in the end, so that nobody takes a part for the whole."""
    if target is None:
        yield given
        return
    if target.is_dir() or not target.parent.is_dir():
        raise UsageError(
            f"{target} cannot be written: {'it' if target.is_dir() else 'the folder'} "
            f"{'is a folder' if target.is_dir() else f'{target.parent} does not exist'}"
        )
    real = Path(os.path.realpath(target))  # what a link leads to is replaced, not the link
    if real in _schema.files_of(store):
        raise UsageError(f"{target} belongs to the store itself: name another file")
    part = real.with_name(f"{real.name}.part")
    try:
        if real.exists() and not real.is_file():  # a pipe, a device
            with real.open("wb") as file:
                yield file
            return
        with part.open("wb") as file:
            if real.exists():
                part.chmod(stat.S_IMODE(real.stat().st_mode))  # who may not read the old one, not the new one either
            yield file
        part.replace(real)
    except OSError as error:
        raise StoreFailed(f"{target} cannot be written ({error.strerror}): make room, or name another file") from error
    finally:
        part.unlink(missing_ok=True)


def _write(
    database: sqlite3.Connection,
    view: View,
    writer: Writer,
    custom: Mapping[str, CustomColumn] | None,
    *,
    raw: bool,
) -> int:
    columns = ", ".join((*(column.name for column in COLUMNS[view]), "raw"))
    keys = "id" if view == "contacts" else "contact_id, id"
    # By the primary key, which costs no sorting.
    found = database.execute(f"SELECT {columns} FROM {view} ORDER BY {keys}")  # noqa: S608  (our own names)
    written = 0
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        writer.write([_row(row, custom, raw=raw) for row in rows])
        written += len(rows)
    return written


def _row(row: Sequence[Any], custom: Mapping[str, CustomColumn] | None, *, raw: bool) -> list[Any]:
    *values, sent = row
    if custom is not None:
        found = _custom_values(sent)
        values += [_shown(found.get(field_id), column) for field_id, column in custom.items()]
    return [*values, sent] if raw else values


def _shown(value: Any, column: CustomColumn) -> Any:
    day = day_of(value) if column.is_date else None
    return value if day is None else day.isoformat()


def _custom_values(sent: str) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(well_formed(sent.encode()))
    except msgspec.DecodeError:
        record = json.loads(sent)  # it takes what a server should not send, NaN for one
    listed = record.get("customFields") if isinstance(record, dict) else None
    values = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return {str(each.get("id")): each.get("value") for each in values}

"""The formats a view can be written in: rows in, bytes out. Knows neither stores nor files' names.

A row is a list of values as SQLite gives them, and of custom fields as JSON has them: each column's shape says which.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import IO, Any, Literal, Protocol, TypeAlias

import msgspec

from ..errors import UsageError
from ._views import Shape

__all__ = ["WRITERS", "Field", "Format", "Writer"]

Format: TypeAlias = Literal["jsonl", "csv", "parquet"]


class Field(msgspec.Struct, frozen=True, gc=False):
    """One column of what is written."""

    name: str
    shape: Shape | Literal["custom"]
    """- custom: any JSON value."""


class Writer(Protocol):
    """Writes rows."""

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write some."""

    def close(self) -> None:
        """Write what is left; the file itself stays open."""


class _JsonLines:
    """One object a line; flags are booleans, lists are lists."""

    def __init__(self, fields: Sequence[Field], to: IO[bytes]) -> None:
        self._names = [field.name for field in fields]
        self._read = [_JSON.get(field.shape, _as_it_is) for field in fields]
        self._to = to
        self._encoder = msgspec.json.Encoder()

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write some lines."""
        self._to.write(self._encoder.encode_lines([self._object(row) for row in rows]))

    def _object(self, row: Sequence[Any]) -> dict[str, Any]:
        return {name: read(value) for name, read, value in zip(self._names, self._read, row, strict=True)}

    def close(self) -> None:
        """Nothing is left."""


class _Csv:
    """UTF-8, a header, commas, lines end in CR LF as in RFC 4180; flags are true and false, lists are JSON."""

    def __init__(self, fields: Sequence[Field], to: IO[bytes]) -> None:
        self._fields = fields
        self._to = to
        self._put([[field.name for field in fields]])

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write some lines."""
        self._put([[_cell(value, field) for value, field in zip(row, self._fields, strict=True)] for row in rows])

    def _put(self, rows: Iterable[Sequence[str]]) -> None:
        lines = io.StringIO(newline="")
        csv.writer(lines).writerows(rows)
        self._to.write(lines.getvalue().encode())

    def close(self) -> None:
        """Nothing is left."""


class _Parquet:
    """Flags are booleans, instants are timestamps in UTC, all else is text; lists and objects are JSON."""

    def __init__(self, fields: Sequence[Field], to: IO[bytes]) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise UsageError('Parquet needs pyarrow: pip install "ghl_async[parquet]"') from None
        kinds = {"flag": pa.bool_(), "instant": pa.timestamp("ms", tz="UTC")}
        self._arrow = pa
        self._fields = fields
        self._schema = pa.schema([(field.name, kinds.get(field.shape, pa.string())) for field in fields])
        self._writer = parquet.ParquetWriter(to, self._schema, compression="zstd")

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write a group of rows."""
        columns = [
            self._arrow.array([_typed(row[place], field) for row in rows], type=self._schema.field(place).type)
            for place, field in enumerate(self._fields)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Write the footer, without which nothing can be read."""
        self._writer.close()


def _as_it_is(value: Any) -> Any:
    return value


def _flag(value: Any) -> Any:
    return bool(value) if value in (0, 1) else value


def _embedded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:  # a text where the API promises more
        return value
    # Between the parts of JSON a server may send new lines, which would end ours.
    return msgspec.Raw(value.replace("\n", " ").replace("\r", " ").encode())


_JSON: MappingProxyType[str, Callable[[Any], Any]] = MappingProxyType({"flag": _flag, "json": _embedded})


def _cell(value: Any, field: Field) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    read = _flag(value) if field.shape == "flag" else value
    return msgspec.json.encode(read).decode()


def _typed(value: Any, field: Field) -> Any:
    if value is None:
        return None
    if field.shape == "flag":
        return bool(value)
    return datetime.fromisoformat(value) if field.shape == "instant" else _cell(value, field)


WRITERS: MappingProxyType[Format, Callable[[Sequence[Field], IO[bytes]], Writer]] = MappingProxyType(
    {"jsonl": _JsonLines, "csv": _Csv, "parquet": _Parquet}
)

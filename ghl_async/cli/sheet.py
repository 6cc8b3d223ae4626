"""Rows out of a CSV file or JSON lines, with their line numbers.

Nothing here knows what the columns mean. A file is gone through twice: first for its columns, then for its rows.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from math import isinf
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import StoreFailed, UsageError

__all__ = [
    "DELIMITERS",
    "LINE",
    "OURS",
    "REASON",
    "SUFFIXES",
    "TEXT",
    "Row",
    "Sheet",
    "look",
    "one_object",
    "rows",
    "without_ours",
]

LINE, REASON, TEXT = "failed_line", "failed_reason", "failed_text"
OURS = frozenset({LINE, REASON, TEXT})
"""What a file of failed rows has besides the columns of the file they come from. Fed back, they say nothing."""
SUFFIXES: dict[str, Literal["csv", "jsonl"]] = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = ",;\t"
_SHOWN = 60
_LINES_A_RECORD = 1000
"""A longer cell is taken for a quote that was not closed."""


class Sheet(msgspec.Struct, frozen=True):
    """What the first look at a file shows."""

    path: Path
    kind: Literal["csv", "jsonl"]
    columns: tuple[str, ...]
    """As they are written; of JSON lines every key that some line has."""
    rows: int
    delimiter: str = ","


class Row(msgspec.Struct, frozen=True):
    """One row."""

    line: int
    """Where it begins, from 1."""
    cells: dict[str, Any]
    """By column. Of CSV all are text; JSON lines leave out what they do not say."""
    source: Any
    """As it was read: a list of texts, an object, or the text of a line that is none."""
    fault: str | None = None
    """Why nothing can be made of it."""


def look(path: Path) -> Sheet:
    """Look at a file: its kind, its columns, how many rows.

    Raises:
        UsageError: it is not there, or cannot be such a file.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: a file of changes ends in {', '.join(SUFFIXES)}")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(f"{path} is no regular file, and it is read more than once: write it to a file first")
    try:
        with path.open("rb") as file:
            first = file.readline()
        if first.startswith(_UTF16) or b"\0" in first:
            raise UsageError(f"{path} is not UTF-8 but looks like UTF-16: save it as UTF-8")
        if kind == "csv" and not _is_unicode(first.decode(errors="surrogateescape")):
            raise UsageError(f"{path} is not UTF-8, its first line at least: save it as UTF-8")
        if first.lower().startswith(b"sep="):
            raise UsageError(f"{path}: the first line must name the columns: take out the one that says sep=")
        return _look_at_csv(path) if kind == "csv" else _look_at_lines(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _look_at_csv(path: Path) -> Sheet:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(DELIMITERS, key=lambda each: _likelihood(path, each))
    records = _records(path, delimiter)
    _, header, fault = next(records, (1, [], None))
    columns = () if isinstance(header, str) else tuple(name.strip() for name in header)
    if fault or not any(columns):
        raise UsageError(f"{path}: the first line must name the columns" + (f", but {fault}" if fault else ""))
    if "" in columns:
        raise UsageError(f"{path}: column {columns.index('') + 1} has no name")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise UsageError(f"{path}: more than one column is called {', '.join(twice)}")
    return Sheet(path, "csv", columns, sum(1 for _ in records), delimiter)


def _likelihood(path: Path, delimiter: str) -> tuple[bool, int]:
    """Whether this leaves no quote inside a name of the first line, and how many columns it makes there."""
    _, header, fault = next(_records(path, delimiter), (1, [], None))
    return (False, 0) if fault else (not any('"' in name for name in header), len(header))


def _look_at_lines(path: Path) -> Sheet:
    columns: dict[str, None] = {}
    number, fault = 0, ""
    for row in _objects(path):
        columns.update(dict.fromkeys(row.cells))
        number += 1
        fault = fault or (f"of line {row.line} {row.fault}" if row.fault else "")
    if not columns:
        raise UsageError(f"{path} has no line that is a JSON object" + (f": {fault}" if fault else ", it is empty"))
    return Sheet(path, "jsonl", tuple(columns), number)


def rows(sheet: Sheet) -> Iterator[Row]:
    """Go through the rows, those of which nothing can be made included.

    Raises:
        StoreFailed: the file cannot be read any more.
    """
    try:
        yield from _objects(sheet.path) if sheet.kind == "jsonl" else _cells(sheet)
    except OSError as error:
        raise StoreFailed(f"{sheet.path} cannot be read any more: {error.strerror}") from error


def _cells(sheet: Sheet) -> Iterator[Row]:
    records = _records(sheet.path, sheet.delimiter)
    next(records, None)
    for line, record, fault in records:
        if isinstance(record, str):
            yield Row(line, {}, record, fault)
            continue
        said = None
        if len(record) != len(sheet.columns):
            said = f"it has {len(record)} cells, and the header names {len(sheet.columns)}"
        if said is None and not all(map(_is_unicode, record)):
            said = "it is not UTF-8 text"
        cells = {} if said else without_ours(dict(zip(sheet.columns, record, strict=True)))
        yield Row(line, cells, record, said)


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | str, str | None]]:
    """The records of a CSV file that are not blank: the line where each begins, and its cells.

    Of one that cannot be read it is the text of that line, and why. The next one begins behind that line: a quote that
    is never closed spoils its own line, and not those that it would swallow. One that a later quote closes makes one
    cell of the lines between, which is what CSV means by it.
    """
    # Bytes that are no UTF-8 come through as they are: they spoil their own row, and go into the file of failed ones.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        while first := lines.next():
            taken = [first]
            reader = csv.reader(lines.feed(taken), delimiter=delimiter, strict=True)
            try:
                record = next(reader)
            except csv.Error as error:
                lines.give_back(taken[1:])
                yield first[0], first[1].rstrip("\r\n"), f"it cannot be read: {error}"
            else:
                if any(cell.strip() for cell in record):
                    yield first[0], record, None


class _Lines:
    """The lines of a file with their numbers; some can be given back."""

    def __init__(self, file: Iterable[str]) -> None:
        self._numbered = enumerate(file, 1)
        self._back: deque[tuple[int, str]] = deque()

    def next(self) -> tuple[int, str] | None:
        """The next one; None: there is none."""
        return self._back.popleft() if self._back else next(self._numbered, None)

    def give_back(self, some: Sequence[tuple[int, str]]) -> None:
        """Let these come next."""
        self._back.extendleft(reversed(some))

    def feed(self, taken: list[tuple[int, str]]) -> Iterator[str]:
        """What was taken, and as many more lines as one record may have; they are added to it."""
        yield taken[0][1]
        while len(taken) < _LINES_A_RECORD and (line := self.next()):
            taken.append(line)
            yield line[1]


def _objects(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, sent in enumerate(file, 1):
            text = sent.decode("utf-8-sig" if number == 1 else "utf-8", errors="surrogateescape").strip()
            if text:
                yield one_object(number, text)


def one_object(number: int, text: str) -> Row:
    """Read a line of JSON."""
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        return Row(number, {}, text, f"it is no JSON: {_said(error)}")
    if not isinstance(found, dict):
        return Row(number, {}, text, "it is no JSON object")
    if isinstance(found.get(TEXT), str):
        return one_object(number, found[TEXT])
    if not _is_unicode(text) or not _is_unicode(json.dumps(found, ensure_ascii=False)):
        return Row(number, {}, text, "it is not UTF-8 text")
    return Row(number, without_ours(found), found)


def without_ours(found: dict[str, Any]) -> dict[str, Any]:
    """Cells without what a file of failed rows has besides."""
    return {name: value for name, value in found.items() if name not in OURS}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is none")


def _finite(number: str) -> float:
    found = float(number)
    if isinf(found):
        raise ValueError(f"{number[:_SHOWN]} is beyond all numbers")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _said(error: Exception) -> str:
    return str(error)[:_SHOWN] if isinstance(error, ValueError) else "nested too deep"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

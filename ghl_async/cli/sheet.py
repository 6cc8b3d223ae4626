"""Rows out of a CSV file or JSON lines, with their line numbers, and rows that failed back into such a file.

Nothing here knows what the columns mean. A file is gone through twice: first for its columns, then for its rows.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from filecmp import cmp
from itertools import chain, count
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from ..errors import StoreFailed, UsageError

__all__ = ["FAILED_COLUMNS", "Failures", "Row", "Sheet", "failed_beside", "ledger_beside", "look", "rows"]

_LINE, _REASON, _TEXT = "failed_line", "failed_reason", "failed_text"
FAILED_COLUMNS = frozenset({_LINE, _REASON, _TEXT})
"""What a file of failed rows has besides the columns of the file they come from. Fed back, they say nothing."""
_SUFFIXES: dict[str, Literal["csv", "jsonl"]] = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t"
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
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: a file of changes ends in {', '.join(_SUFFIXES)}")
    try:
        with path.open("rb") as file:
            first = file.readline()
        if first.startswith(_UTF16) or b"\0" in first:
            raise UsageError(f"{path} is not UTF-8 but looks like UTF-16: save it as UTF-8")
        if kind == "csv" and not _is_unicode(first.decode(errors="surrogateescape")):
            raise UsageError(f"{path} is not UTF-8, its first line at least: save it as UTF-8")
        return _look_at_csv(path, first) if kind == "csv" else _look_at_lines(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _look_at_csv(path: Path, first: bytes) -> Sheet:
    shown = first.decode(errors="replace")
    delimiter = max(_DELIMITERS, key=shown.count)
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


def _look_at_lines(path: Path) -> Sheet:
    columns: dict[str, None] = {}
    number = 0
    for row in _objects(path):
        columns.update(dict.fromkeys(row.cells))
        number += 1
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
        cells = {} if said else _without_ours(dict(zip(sheet.columns, record, strict=True)))
        yield Row(line, cells, record, said)


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | str, str | None]]:
    """The records of a CSV file that are not blank: the line where each begins, and its cells.

    Of one that cannot be read it is the text of that line, and why. The next one begins behind that line: a quote that
    is not closed spoils its own line, and not those that it would swallow.
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
                yield _object(number, text)


def _object(number: int, text: str) -> Row:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return Row(number, {}, text, f"it is no JSON: {_said(error)}")
    if not isinstance(found, dict):
        return Row(number, {}, text, "it is no JSON object")
    if isinstance(found.get(_TEXT), str):
        return _object(number, found[_TEXT])
    if not _is_unicode(text) or not _is_unicode(json.dumps(found, ensure_ascii=False)):
        return Row(number, {}, text, "it is not UTF-8 text")
    return Row(number, _without_ours(found), found)


def _without_ours(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in FAILED_COLUMNS}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is none")


def _said(error: Exception) -> str:
    return str(error)[:_SHOWN] if isinstance(error, ValueError) else "nested too deep"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def failed_beside(path: Path) -> Path:
    """Where the rows of a file that failed go, unless a place is named: "changes.csv" gives "changes-failed.csv"."""
    return path.with_name(f"{path.stem}-failed{path.suffix}")


def ledger_beside(path: Path) -> Path:
    """Where the ledger of a file is, unless a place is named: "changes.csv" gives "changes.csv.ledger"."""
    return path.with_name(f"{path.name}.ledger")


class Failures:
    """The rows that failed, with their lines and why, in a file like the one they come from.

    It is made when the first row comes, gets its name at the end, and takes the place of an earlier one. Where no row
    failed, an earlier one goes. Either way an earlier one that was another is kept beside, as NAME.bak, or NAME.bak2
    and so on: somebody may have mended it.
    """

    def __init__(self, sheet: Sheet, path: Path) -> None:
        """Say where.

        Raises:
            UsageError: something else is there.
        """
        self.path = path
        self.count = 0
        self._sheet = sheet
        self._part = path.with_name(f"{path.name}.part")
        self._file: IO[bytes] | None = None
        self._index: list[tuple[int, int, int]] = []
        """Of each row: its line, and where it stands in the file."""
        self._columns = [name for name in sheet.columns if name not in FAILED_COLUMNS]
        self._places = [place for place, name in enumerate(sheet.columns) if name not in FAILED_COLUMNS]
        if _SUFFIXES.get(path.suffix.lower()) != sheet.kind:
            raise UsageError(f"{path}: the file for failed rows must end as {sheet.path} does")
        if not path.parent.is_dir():
            raise UsageError(f"{path}: the folder {path.parent} does not exist")
        if path.exists() and (path.samefile(sheet.path) or not _is_ours(path)):
            raise UsageError(f"{path} is there and holds no failed rows: name another file with --failed")

    def add(self, row: Row, reason: str) -> None:
        """Note a row.

        Raises:
            StoreFailed: it cannot be written.
        """
        self.count += 1
        try:
            file = self._file or self._begin()
            content = self._written(row, reason).encode(errors="surrogateescape")
            self._index.append((row.line, file.tell(), len(content)))
            file.write(content)
        except OSError as error:
            raise StoreFailed(f"{self._part} cannot be written: {error.strerror}") from error

    def _begin(self) -> IO[bytes]:
        self._file = self._part.open("w+b")
        if self._sheet.kind == "csv":
            self._file.write(self._cells([_LINE, _REASON, *self._columns]).encode(errors="surrogateescape"))
        return self._file

    def _written(self, row: Row, reason: str) -> str:
        if self._sheet.kind == "jsonl":
            source = {_TEXT: row.source} if isinstance(row.source, str) else _without_ours(row.source)
            return json.dumps({_LINE: row.line, _REASON: reason, **source}) + "\n"
        if isinstance(row.source, str):  # the text of the line as it is, to be mended in its place
            before = self._cells([str(row.line), reason]).rstrip("\r\n")
            return f"{before}{self._sheet.delimiter}{self._without_ours(row.source)}\r\n"
        cells = [row.source[place] for place in self._places if place < len(row.source)]
        return self._cells([str(row.line), reason, *cells, *row.source[len(self._sheet.columns) :]])

    def _without_ours(self, text: str) -> str:
        """A line without the cells of ours that an earlier run has put before it."""
        ours = len(self._sheet.columns) - len(self._columns)
        if not ours or self._places != list(range(ours, len(self._sheet.columns))):
            return text
        try:
            first = next(csv.reader([text], delimiter=self._sheet.delimiter))[:ours]
        except (csv.Error, StopIteration):
            return text
        before = self._cells(first).rstrip("\r\n") + self._sheet.delimiter
        return text.removeprefix(before)

    def _cells(self, cells: Iterable[str]) -> str:
        written = io.StringIO()
        csv.writer(written, delimiter=self._sheet.delimiter).writerow(cells)
        return written.getvalue()

    def _sorted(self, file: IO[bytes]) -> None:
        """Put the rows in the order of their lines: of rows of one contact the last is to stay the last."""
        order = sorted(self._index)
        if order == self._index:
            return
        file.seek(0)
        head = file.read(self._index[0][1])
        beside = self._part.with_name(f"{self._part.name}2")
        with beside.open("wb") as into:
            into.write(head)
            for _, place, length in order:
                file.seek(place)
                into.write(file.read(length))
        beside.replace(self._part)

    def _keep_earlier(self) -> None:
        # What has been sent of it is told by its ledger, which would refuse the rows that come now.
        ledger = ledger_beside(self.path)
        ends = chain((".bak",), (f".bak{number}" for number in count(2)))
        taken = {each.name for each in self.path.parent.iterdir()}
        end = next(end for end in ends if not taken & {f"{self.path.name}{end}", f"{ledger.name}{end}"})
        self.path.replace(self.path.with_name(f"{self.path.name}{end}"))
        for part in ("", "-wal", "-shm"):  # a run that was killed leaves all three, and they belong together
            with contextlib.suppress(FileNotFoundError):
                ledger.with_name(f"{ledger.name}{part}").replace(ledger.with_name(f"{ledger.name}{end}{part}"))

    def close(self, *, is_whole: bool) -> None:
        """Give the file its name; or, where the whole was gone through and nothing failed, remove an earlier one.

        Raises:
            StoreFailed: it cannot be written.
        """
        try:
            if self._file is not None:
                self._sorted(self._file)
                self._file.close()
                if self.path.exists() and not cmp(self._part, self.path, shallow=False):
                    self._keep_earlier()
                self._part.replace(self.path)
            elif is_whole and self.path.exists():
                self._keep_earlier()
        except OSError as error:
            raise StoreFailed(f"{self.path} cannot be written: {error.strerror}") from error


def _is_ours(path: Path) -> bool:
    """Whether a file is one of failed rows."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = file.readline()
    if _SUFFIXES.get(path.suffix.lower()) == "jsonl":
        found = _object(1, first).source
        return isinstance(found, dict) and {_LINE, _REASON} <= found.keys()
    return any(first.startswith(f"{_LINE}{delimiter}{_REASON}{delimiter}") for delimiter in _DELIMITERS)

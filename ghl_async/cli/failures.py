"""Rows that failed, back into a file like the one they come from."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable
from filecmp import cmp
from itertools import chain, count
from pathlib import Path
from typing import IO

from ..errors import StoreFailed, UsageError
from .sheet import DELIMITERS, LINE, OURS, REASON, SUFFIXES, TEXT, Row, Sheet, one_object, without_ours

__all__ = ["Failures", "failed_beside", "ledger_beside"]


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
        self._columns = [name for name in sheet.columns if name not in OURS]
        self._places = [place for place, name in enumerate(sheet.columns) if name not in OURS]
        if SUFFIXES.get(path.suffix.lower()) != sheet.kind:
            raise UsageError(f"{path}: the file for failed rows must end as {sheet.path} does")
        if not path.parent.is_dir():
            raise UsageError(f"{path}: the folder {path.parent} does not exist")
        if not os.access(path.parent, os.W_OK):  # rows are sent before the first one fails
            raise UsageError(f"{path.parent} cannot be written: name another file for failed rows with --failed")
        try:
            is_another = path.exists() and (path.samefile(sheet.path) or not _is_ours(path))
        except OSError as error:
            raise UsageError(f"{path} cannot be read ({error.strerror}): name another file with --failed") from None
        if is_another:
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
            self._file.write(self._cells([LINE, REASON, *self._columns]).encode(errors="surrogateescape"))
        return self._file

    def _written(self, row: Row, reason: str) -> str:
        if self._sheet.kind == "jsonl":
            source = {TEXT: row.source} if isinstance(row.source, str) else without_ours(row.source)
            return json.dumps({LINE: row.line, REASON: reason, **source}) + "\n"
        if isinstance(row.source, str):  # the text of the line as it is, to be mended in its place
            before = self._cells([str(row.line), reason]).rstrip("\r\n")
            return f"{before}{self._sheet.delimiter}{self._without_cells_of_ours(row.source)}\r\n"
        cells = [row.source[place] for place in self._places if place < len(row.source)]
        return self._cells([str(row.line), reason, *cells, *row.source[len(self._sheet.columns) :]])

    def _without_cells_of_ours(self, text: str) -> str:
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
    if SUFFIXES.get(path.suffix.lower()) == "jsonl":
        found = one_object(1, first).source
        return isinstance(found, dict) and {LINE, REASON} <= found.keys()
    return any(first.startswith(f"{LINE}{delimiter}{REASON}{delimiter}") for delimiter in DELIMITERS)

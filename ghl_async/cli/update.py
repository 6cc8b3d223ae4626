"""What `ghl-async update FILE` does: look at the file, settle its columns, send its rows, keep those that fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from .. import bulk
from ..client import GHLClient
from ..errors import StoreMismatch, UsageError
from .answer import answer
from .columns import Columns, Manner, in_several, map_columns, needs_custom_fields
from .complaint import complain
from .failures import Failures, failed_beside, ledger_beside
from .location import real_location
from .options import UpdateOptions
from .progress import following
from .sheet import OURS, Row, Sheet, look, rows
from .stopping import stopped_by_signals
from .written import Teller, choose_rows_display

__all__ = ["update_contacts"]


async def update_contacts(file: Path, options: UpdateOptions) -> int:
    """Change the contacts as the file says, and return the exit code.

    Raises:
        GHLError: what ended the run, or kept it from beginning.
    """
    if options.diff and options.upsert:
        raise UsageError("--diff needs the ids of the contacts, which --upsert does not know: leave one of them out")
    sheet = look(file)
    failures = Failures(sheet, options.failed or failed_beside(file))
    ledger = options.ledger or ledger_beside(file)
    if any(_is_one_file(ledger, other) for other in (file, failures.path)):
        raise UsageError(f"{ledger} cannot be the ledger as well: name another file with --ledger")
    async with contextlib.AsyncExitStack() as opened:
        ghl = await real_location(options, opened)
        columns = await _settled(ghl, sheet, options)
        display = choose_rows_display(sheet.rows, json=options.json, quiet=options.quiet)
        opened.callback(display.close)
        feed = _Feed(sheet, columns, None if options.dry_run else failures, Teller(display, json=options.json))
        run = _run(ghl, feed, ledger, options)
        opened.callback(feed.close, run)
        with stopped_by_signals(run.stop, display, "Stopping: what was sent comes to its end."):
            async with following(run, display):
                await _followed(run, feed, ledger)
    summary = await run
    if options.json:
        answer(msgspec.json.encode(summary).decode())
    if not options.json and not options.quiet:
        answer(_books(summary, ledger))
    code = summary.exit_code or (4 if feed.failed else 0)
    if code:
        complain(_closing_line(summary, feed, failures))
    return code


async def _settled(ghl: GHLClient, sheet: Sheet, options: UpdateOptions) -> Columns:
    """What the columns mean, by the location's custom fields if there is one that can be nothing else."""
    names = [name for name in sheet.columns if name not in OURS]
    manner = Manner(
        upsert=options.upsert,
        is_text=sheet.kind == "csv",
        empty_clears=options.empty_clears,
        replace_tags=options.replace_tags,
        leave_out=in_several(options.leave_out),
    )
    if not needs_custom_fields(names, manner):
        return map_columns(names, None, manner)
    return await ghl.dictionary.with_custom_fields(lambda fields: map_columns(names, fields, manner))


async def _followed(run: bulk.Run[bulk.Outcome], feed: _Feed, ledger: Path) -> None:
    try:
        async for outcome in run:
            feed.settle(outcome)
    except StoreMismatch as error:
        if error.position is None:
            raise
        raise StoreMismatch(_of_another(ledger, feed.line(error.position))) from None


def _is_one_file(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def _of_another(ledger: Path, line: int) -> str:
    return (
        f"{ledger} is a ledger of another input: line {line} is not what it was when it was sent. Rows may be added "
        "behind, and those that failed may be mended; for other rows name another ledger with --ledger, or delete this "
        "one, and what it knows is sent again"
    )


def _run(ghl: GHLClient, feed: _Feed, ledger: Path, options: UpdateOptions) -> bulk.Run[bulk.Outcome]:
    if options.upsert:
        return bulk.upsert(
            ghl, feed.drafts(), replace_tags=options.replace_tags, ledger=ledger, dry_run=options.dry_run
        )
    return bulk.update(
        ghl,
        feed.changes(),
        replace_tags=options.replace_tags,
        ledger=ledger,
        diff=options.diff,
        dry_run=options.dry_run,
    )


class _Feed:
    """Gives the rows to a run, one after the other, and takes what becomes of them.

    Only those that are under way are remembered.
    """

    def __init__(self, sheet: Sheet, columns: Columns, failures: Failures | None, teller: Teller) -> None:
        self._sheet = sheet
        self._columns = columns
        self._failures = failures
        self._teller = teller
        self._under_way: dict[int, Row] = {}
        self.failed = 0
        """Those that failed or whose outcome is unknown."""

    def changes(self) -> Iterator[Any]:
        """Contact id and changes of each row."""
        return (given if isinstance(given, UsageError) else (given[0] or "", given[1]) for given in self._read())

    def drafts(self) -> Iterator[Any]:
        """The draft of each row."""
        return (given if isinstance(given, UsageError) else given[1] for given in self._read())

    def _read(self) -> Iterator[tuple[str | None, Any] | UsageError]:
        """What each row says, or why nothing can be made of it: so each keeps its place in the ledger."""
        for position, row in enumerate(rows(self._sheet)):
            self._under_way[position] = row
            try:
                yield self._columns.read(_cells(row))
            except UsageError as fault:
                yield fault

    def line(self, position: int) -> int:
        """Where the row at a place begins, one that is under way."""
        return self._under_way[position].line

    def settle(self, outcome: bulk.Outcome) -> None:
        """Take what became of a row."""
        row = self._under_way.pop(outcome.position)
        if outcome.kind in {"failed", "unknown"}:
            reason = outcome.reason or outcome.kind
            self._fail(row, reason if outcome.kind == "failed" else f"it may or may not have been done: {reason}")

    def _fail(self, row: Row, reason: str) -> None:
        self.failed += 1
        self._teller.tell(row.line, reason)
        if self._failures is not None:
            self._failures.add(row, reason)

    def close(self, run: bulk.Run[bulk.Outcome]) -> None:
        """Give the file of failed rows its name."""
        if self._failures is not None:
            self._failures.close(is_whole=run.summary is not None and run.summary.reason == "finished")


def _cells(row: Row) -> dict[str, Any]:
    if row.fault is not None:
        raise UsageError(row.fault)
    return row.cells


def _books(summary: bulk.Summary, ledger: Path) -> str:
    written = summary.written or bulk.Written()
    counts = {
        "done": written.ok,
        "so already": written.unchanged,
        "would be sent": written.planned,
        "failed": written.failed,
        "unknown": written.unknown,
    }
    lines = [f"{name:<14}{count:>12,}" for name, count in counts.items() if count or name == "failed"]
    if written.earlier and written.earlier == written.all:
        lines.append(f"All of them were done by earlier runs, says {ledger}: nothing was sent.")
    elif written.earlier:
        lines.append(f"{written.earlier:,} of them by earlier runs.")
    if written.planned:
        lines.append(f"That would take about {written.requests_planned:,} requests.")
    return "\n".join((*lines, f"requests: {summary.requests:,} in {summary.seconds:.1f} s."))


def _closing_line(summary: bulk.Summary, feed: _Feed, failures: Failures) -> str:
    where = (
        f"; those rows are in {failures.path}, with the reasons, to be mended and fed back" if failures.count else ""
    )
    if summary.reason == "stopped":
        return f"stopped, and all that was sent is noted: the same command goes on from there{where}"
    if summary.reason != "finished":
        return f"{summary.message}{where}"
    return f"{feed.failed:,} {'row' if feed.failed == 1 else 'rows'} failed{where}"

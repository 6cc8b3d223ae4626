"""How far a bulk write is, on stderr, and the rows that failed."""

from __future__ import annotations

import sys

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from ..bulk import Plan, Progress, Written
from .complaint import tell
from .progress import LINES_SECONDS, LIVE_SECONDS, Display, JsonLines, Silence, clock, pace

__all__ = ["Teller", "choose_rows_display"]

_TOLD_AT_MOST = 20


def choose_rows_display(rows: int, *, json: bool, quiet: bool) -> Display:
    """Pick the display for what was asked and for what stderr is."""
    if quiet:
        return Silence()
    if json:
        return JsonLines()
    console = Console(stderr=True)
    return _Live(rows, console) if sys.stderr.isatty() and not console.is_dumb_terminal else _Lines(rows)


class Teller:
    """Tells which rows failed: to people the first few, to programs all of them as JSON lines."""

    def __init__(self, display: Display, *, json: bool) -> None:
        self._display = display
        self._json = json
        self._told = 0

    def tell(self, line: int, reason: str) -> None:
        """Tell one."""
        self._told += 1
        if self._json:
            tell(msgspec.json.encode({"failed": {"line": line, "reason": reason}}).decode())
        elif self._told <= _TOLD_AT_MOST:
            said = f"line {line}: {' '.join(reason.split())}"
            tell(said) if isinstance(self._display, Silence) else self._display.say(said)
        elif self._told == _TOLD_AT_MOST + 1:
            self._display.say("more rows fail, which are not shown here")


class _Lines:
    """Writes a line every few seconds, for logs."""

    seconds = LINES_SECONDS

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def plan(self, plan: Plan) -> None:
        """Show nothing: what a write costs is one request a row."""

    def show(self, progress: Progress) -> None:
        """Write one line."""
        left = clock(_seconds_left(progress, self._rows))
        tell(", ".join((_done(progress, self._rows), *_counts(progress), *pace(progress), f"{left} left")))

    def say(self, line: str) -> None:
        """Write one line."""
        tell(line)

    def close(self) -> None:
        """End."""


class _Live:
    """Two lines that change in place and vanish at the end."""

    seconds = LIVE_SECONDS

    def __init__(self, rows: int, console: Console) -> None:
        self._rows = rows
        self._live = Live(Text("reading"), console=console, auto_refresh=False, transient=True)
        self._live.start(refresh=True)

    def plan(self, plan: Plan) -> None:
        """Show nothing: what a write costs is one request a row."""

    def show(self, progress: Progress) -> None:
        """Draw anew."""
        left = clock(_seconds_left(progress, self._rows))
        bar = ProgressBar(total=self._rows or 1, completed=_all(progress), width=30)
        words = "   ".join((_done(progress, self._rows), *_counts(progress), *pace(progress), f"{left} left"))
        self._live.update(Group(bar, Text(words)), refresh=True)

    def say(self, line: str) -> None:
        """Print a line above."""
        self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Remove the display and give the cursor back."""
        self._live.stop()


def _all(progress: Progress) -> int:
    return (progress.written or Written()).all


def _seconds_left(progress: Progress, rows: int) -> float | None:
    done = _all(progress)
    return progress.seconds / done * max(rows - done, 0) if done else None


def _done(progress: Progress, rows: int) -> str:
    return f"rows {_all(progress):,} of {rows:,}"


def _counts(progress: Progress) -> list[str]:
    written = progress.written or Written()
    counts = {"unchanged": written.unchanged, "failed": written.failed, "unknown": written.unknown}
    return [f"{name} {count:,}" for name, count in counts.items() if count]

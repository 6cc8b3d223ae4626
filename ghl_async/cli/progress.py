"""How far a run is, on stderr: one live display for people, plain lines for logs, JSON lines for programs.

Whoever shows progress asks the run for it now and then, on the event loop: the run itself knows no display.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Protocol

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..bulk import Plan, Progress, Run
from .complaint import tell
from .cost import in_short

__all__ = [
    "LINES_SECONDS",
    "LIVE_SECONDS",
    "Display",
    "JsonLines",
    "LiveDisplay",
    "PlainLines",
    "Silence",
    "choose_display",
    "clock",
    "following",
    "pace",
]

LIVE_SECONDS = 1 / 3
LINES_SECONDS = 5.0
_SLOW = 20
"""Below this many a second a decimal says more."""


class Display(Protocol):
    """Shows progress. `seconds` says how often it wants to."""

    seconds: float

    def plan(self, plan: Plan) -> None:
        """Show what the run will cost."""

    def show(self, progress: Progress) -> None:
        """Show how far the run is now."""

    def say(self, line: str) -> None:
        """Say something besides."""

    def close(self) -> None:
        """End; may be called twice."""


def choose_display(kinds: Sequence[str], *, json: bool, quiet: bool) -> Display:
    """Pick the display for what was asked and for what stderr is."""
    if quiet:
        return Silence()
    if json:
        return JsonLines()
    console = Console(stderr=True)
    if sys.stderr.isatty() and not console.is_dumb_terminal:
        return LiveDisplay(kinds, console)
    return PlainLines(kinds)


@contextlib.asynccontextmanager
async def following(run: Run[Any], display: Display, *, shows_end: bool = True) -> AsyncIterator[None]:
    """Keep the display current while the run goes on in the body; without an error, show where it ended."""

    async def keep_current() -> None:
        while True:
            await asyncio.sleep(display.seconds)
            display.show(run.progress)

    task = asyncio.create_task(keep_current())
    try:
        yield
        if shows_end:
            display.show(run.progress)
    finally:
        task.cancel()
        await asyncio.wait((task,))
        display.close()


class Silence:
    """Shows nothing."""

    seconds = 3600.0

    def plan(self, plan: Plan) -> None:
        """Show nothing."""

    def show(self, progress: Progress) -> None:
        """Show nothing."""

    def say(self, line: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """End."""


class JsonLines:
    """Writes each progress as a line of JSON, the fields of `bulk.Progress`, and before them all {"plan": ...}."""

    seconds = LINES_SECONDS

    def plan(self, plan: Plan) -> None:
        """Write one line: an object whose only key is "plan", with the fields of `bulk.Plan`."""
        tell(msgspec.json.encode({"plan": plan}).decode())

    def show(self, progress: Progress) -> None:
        """Write one line."""
        tell(msgspec.json.encode(progress).decode())

    def say(self, line: str) -> None:
        """Say nothing: every line is an object of a known kind."""

    def close(self) -> None:
        """End."""


class PlainLines:
    """Writes a line every few seconds, for logs."""

    seconds = LINES_SECONDS

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = kinds

    def plan(self, plan: Plan) -> None:
        """Write a few lines."""
        for line in in_short(plan):
            tell(line)

    def show(self, progress: Progress) -> None:
        """Write one line."""
        if _is_waiting(progress):
            tell(_waiting(progress))
            return
        parts = [
            f"contacts {_contacts(progress)}",
            *_children(progress, self._kinds),
            *pace(progress),
            f"{clock(progress.eta_seconds)} left",
        ]
        tell(", ".join(parts))

    def say(self, line: str) -> None:
        """Write one line."""
        tell(line)

    def close(self) -> None:
        """End."""


class LiveDisplay:
    """Two lines that change in place and vanish at the end."""

    seconds = LIVE_SECONDS

    def __init__(self, kinds: Sequence[str], console: Console) -> None:
        self._kinds = kinds
        # No refresh by rich's own thread: what is shown belongs to the event loop.
        self._live = Live(Text("planning"), console=console, auto_refresh=False, transient=True)
        self._live.start(refresh=True)

    def plan(self, plan: Plan) -> None:
        """Print a few lines above."""
        for line in in_short(plan):
            self.say(line)

    def show(self, progress: Progress) -> None:
        """Draw anew."""
        drawn = Text(_waiting(progress)) if _is_waiting(progress) else self._drawn(progress)
        self._live.update(drawn, refresh=True)

    def say(self, line: str) -> None:
        """Print a line above."""
        self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Remove the display and give the cursor back."""
        self._live.stop()

    def _drawn(self, progress: Progress) -> RenderableType:
        total = progress.contacts_total
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            Text("contacts", style="bold"),
            ProgressBar(total=total, completed=progress.contacts_before + progress.contacts, width=30),
            Text(_contacts(progress)),
            Text(f"{clock(progress.eta_seconds)} left", style="cyan"),
        )
        details = [*_children(progress, self._kinds), *pace(progress)]
        return Group(bar, Text("   ".join(details)))


def _is_waiting(progress: Progress) -> bool:
    return progress.contacts_total is None and not progress.contacts


def _waiting(progress: Progress) -> str:
    return f"waiting for the first contacts, requests sent: {progress.requests}"


def _contacts(progress: Progress) -> str:
    done = f"{progress.contacts_before + progress.contacts:,}"
    return done if progress.contacts_total is None else f"{done} of {progress.contacts_total:,}"


def _children(progress: Progress, kinds: Sequence[str]) -> list[str]:
    words = [f"{kind} {getattr(progress, kind):,}" for kind in kinds]
    return [*words, f"failed {progress.failed:,}"] if progress.failed else words


def pace(progress: Progress) -> list[str]:
    """Say how fast requests go, and how much of the day is used."""
    quota = "" if progress.quota_per_second is None else f" of {_rate(progress.quota_per_second)}"
    words = [f"{_rate(progress.requests_per_second)}{quota} requests/s"]
    if progress.day_share is not None:
        words.append(f"day {progress.day_share:.1%}")
    return words


def _rate(a_second: float) -> str:
    return f"{a_second:.1f}".removesuffix(".0") if a_second < _SLOW else f"{a_second:,.0f}"


def clock(seconds: float | None) -> str:
    """A time as a clock shows it."""
    return "?" if seconds is None else str(timedelta(seconds=round(seconds)))

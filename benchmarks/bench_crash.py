"""Whether a backfill that is killed at any moment and run again ends in the sandbox's truth.

A cycle is an empty store, a backfill that another process kills (SIGKILL) once or several times at random moments of a
whole run, then one that may finish; its store is compared with the truth, record by record, as parsed JSON. The client
tells through one byte of shared memory how far it is, so that some kills can be aimed at an open transaction, and
after each kill the byte says where it struck. The server survives all of it.

A run by the cheaper doors is short and has few transactions, so the server gives small pages of contacts: the cycle
passes through several joins, and the events of the calendars are spooled anew by each run.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ghl_async import bulk

from ._harness import BenchmarkFailed, Client, Option, Progress, Report, Sandbox, connect, run
from ._truth import BOTH, EVENTS, KINDS, LISTS, Truth

OPTIONS = (
    Option("doors", "one or more of granted, clamped, refused, midway and slow", "granted", "granted,midway"),
    Option("kills", "how often to kill at a uniformly random moment, for each of them", 100, 2),
    Option("aimed", "share of further kills, which wait for an open transaction", 0.25, 0.5),
    Option("again", "share of the kills after which the resumed run is killed too", 0.3, 0.3),
    Option("contacts", "contacts of the location", 1500, 300),
    Option("contacts_fanned", "the same where doors are shut or clamped", 400, 100),
    Option("contacts_slow", "the same where the server is slow", 2000, 1500),
    Option("poison", "contacts among them that do not decode", 3, 3),
    Option("seed", "of the moments", 1, 1),
)
PLENTY = 1_000_000_000
IN_COMMITS = 20
UNDISTURBED = 3
TIMEOUT_SECONDS = 60.0
LAST_SHUT = {"tasks": 16, "notes": 16, "appointments": 3}
"""Doors that are shut midway let a random number of requests pass, at most so many."""

# What the byte says. 1 to 4 are a run that goes on.
STARTING, OUTSIDE, WRITING, SPOOLING, COMMITTING, ENDED = range(6)
INSIDE = {WRITING, SPOOLING, COMMITTING}


@dataclass(frozen=True)
class Mode:
    """How the server treats the cheaper doors, and what the copy must look like then."""

    options: dict[str, Any] = field(default_factory=dict)
    contacts: str = "contacts"
    """Which of the options says how many."""
    include: Sequence[str] = KINDS
    appointments: Sequence[str] = EVENTS


# Of fewer than four contacts a run asks for each by itself, and where a resumed run begins is a matter of the kill.
MODES = {
    "granted": Mode({"search_clamp": 100}, appointments=BOTH),
    "clamped": Mode(
        {"search_clamp": 100, "tasks_clamp": 50, "notes_clamp": 50}, contacts="contacts_fanned", appointments=BOTH
    ),
    "refused": Mode(contacts="contacts_fanned", appointments=LISTS),
    "midway": Mode({"search_clamp": 50}, contacts="contacts_fanned", appointments=BOTH),
    # Several cursors side by side: only where a page of contacts brings about no other calls are there many.
    "slow": Mode({"search_clamp": 100, "latency_seconds": 0.15}, contacts="contacts_slow", include=()),
}


class _Watched(sqlite3.Connection):
    """Says when it opens a transaction that writes, and when COMMIT itself runs."""

    progress: Progress

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.progress.now in INSIDE:
            self.progress.now = COMMITTING
        try:
            return super().execute(sql, *arguments)
        finally:
            if sql == "BEGIN IMMEDIATE":
                self.progress.now = WRITING
            elif not self.in_transaction and self.progress.now in INSIDE:
                self.progress.now = OUTSIDE

    def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if "INTO spool" in sql and self.progress.now == WRITING:
            self.progress.now = SPOOLING
        return super().executemany(sql, *arguments)


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Run the backfill; return how it ended."""
    with Progress(Path(spec["progress"])) as progress:
        _Watched.progress = progress
        # The store opens its connections by this name; the lock beside it never begins as a writing transaction does.
        vars(sqlite3)["connect"] = partial(sqlite3.connect, factory=_Watched)
        async with connect(spec) as ghl, bulk.SQLiteStore(spec["path"]) as store:
            progress.now = OUTSIDE
            summary = await bulk.backfill(ghl, store, include=spec["include"])
        progress.now = ENDED
    return {"reason": summary.reason, "message": summary.message, "pruned": summary.pruned}


class _Cycles:
    """Starts, kills, compares and counts."""

    def __init__(self, settings: Namespace, doors: str, sandbox: Sandbox, folder: Path) -> None:
        self._settings = settings
        self._doors = doors
        self._mode = MODES[doors]
        self._dice = random.Random(settings.seed)
        self._sandbox = sandbox
        self._truth = Truth(sandbox.truth(), self._mode.include)
        self._store = folder / "store.db"
        self._progress = folder / "progress"
        self._spec = sandbox.spec(path=str(self._store), progress=str(self._progress), include=self._mode.include)
        self.seconds = TIMEOUT_SECONDS
        self.cycles = 0
        self.struck: list[int] = []
        self.random = 0
        """How many of them struck at a uniformly random moment; the others were aimed."""
        self.mismatches: list[str] = []

    @property
    def in_commits(self) -> int:
        """How many kills struck inside a transaction that writes."""
        return sum(place in INSIDE for place in self.struck)

    def time(self) -> float:
        """Measure an undisturbed run, from the opening of the store to the end; the shortest one counts."""
        self._forget()
        with ExitStack() as stack:
            progress, process, started = self._start(stack)
            while progress.now != ENDED and process.is_alive:
                time.sleep(0.0005)
            taken = time.monotonic() - started
            self._finished(process)
        self.seconds = min(self.seconds, taken)
        return taken

    def cycle(self) -> None:
        """Kill once or more, then let it end and compare."""
        self._forget()
        self.cycles += 1
        while self._strike() and self._dice.random() < self._settings.again:
            pass
        with ExitStack() as stack:
            _, process, _ = self._start(stack)
            self._finished(process)

    def _strike(self) -> bool:
        """Start, wait for the moment and kill; return whether it hit a run that was not over."""
        moment = self._dice.uniform(0.0, self.seconds)
        aimed = self._dice.random() < self._settings.aimed
        with ExitStack() as stack:
            progress, process, started = self._start(stack)
            time.sleep(max(0.0, started + moment - time.monotonic()))
            while aimed and progress.now not in {*INSIDE, ENDED} and process.is_alive:
                pass
            if not process.kill() or progress.now == ENDED:
                return False
            self.struck.append(progress.now)
            self.random += not aimed
        return True

    def _start(self, stack: ExitStack) -> tuple[Progress, Client, float]:
        self._progress.write_bytes(bytes([STARTING]))
        progress = stack.enter_context(Progress(self._progress))
        process = stack.enter_context(Client("bench_crash", self._spec))
        give_up = time.monotonic() + TIMEOUT_SECONDS
        # The moments are those of a run: to kill an interpreter that only starts would be too easy.
        while progress.now == STARTING and process.is_alive and time.monotonic() < give_up:
            time.sleep(0.0005)
        return progress, process, time.monotonic()

    def _finished(self, process: Client) -> None:
        found = process.result(TIMEOUT_SECONDS)
        if found["reason"] != "finished" or found["pruned"]:
            self.mismatches.append(f"cycle {self.cycles} ended so: {found}")
        self.mismatches += [
            f"cycle {self.cycles}: {difference}"
            for difference in self._truth.differences(self._store, self._mode.appointments)
        ]

    def _forget(self) -> None:
        """Begin from nothing, the doors included."""
        if self._doors == "refused":
            self._sandbox.shut_doors()
        elif self._doors == "midway":
            self._sandbox.shut_doors({kind: self._dice.randint(0, last) for kind, last in LAST_SHUT.items()})
        for left in self._store.parent.glob("store.db*"):
            left.unlink()


def measure(settings: Namespace, report: Report) -> None:
    """Do it for each way of treating the doors."""
    for doors in settings.doors.split(","):
        _measure(settings, report, doors)


def _measure(settings: Namespace, report: Report, doors: str) -> None:
    """Cycle until enough kills have struck."""
    mode = MODES[doors]
    options = {"contacts": getattr(settings, mode.contacts), "poison": settings.poison} | mode.options
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(requests=PLENTY, interval_seconds=1, daily=PLENTY, **options) as sandbox,
    ):
        cycles = _Cycles(settings, doors, sandbox, Path(folder))
        report.figure(
            f"{doors}: an undisturbed run", [cycles.time() for _ in range(1 if settings.quick else UNDISTURBED)], "s"
        )
        wanted = 0 if settings.quick else IN_COMMITS
        while cycles.random < settings.kills or cycles.in_commits < wanted:
            if cycles.cycles > 3 * settings.kills + 10:
                raise BenchmarkFailed(f"only {cycles.random} random kills in {cycles.cycles} cycles struck a run")
            cycles.cycle()
        by_status = sandbox.ask("GET", "counts")["by_status"]
    struck = cycles.struck
    report.note(
        f"{doors}: {cycles.random} random kills and {len(struck) - cycles.random} aimed ones in {cycles.cycles} cycles,"
        f" each compared with the truth at its end; replies by status {by_status}"
    )
    report.note(
        f"{doors}: struck outside a transaction: {struck.count(OUTSIDE)}, in one: {struck.count(WRITING)}, in one of"
        f" the spool: {struck.count(SPOOLING)}, in COMMIT itself: {struck.count(COMMITTING)}"
    )
    for mismatch in cycles.mismatches[:20]:
        report.note(mismatch)
    report.bar(f"{doors}: kills at random moments", cycles.random, at_least=settings.kills, always=True)
    report.bar(f"{doors}: kills inside a commit", cycles.in_commits, at_least=IN_COMMITS)
    report.bar(f"{doors}: differences from the truth", len(cycles.mismatches), at_most=0, always=True)


if __name__ == "__main__":
    sys.exit(run("bench_crash", __doc__, OPTIONS, measure, client))

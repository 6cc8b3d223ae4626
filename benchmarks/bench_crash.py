"""Whether a backfill that is killed at any moment and run again ends in the sandbox's truth.

A cycle is an empty store, a backfill that another process kills (SIGKILL) once or several times at random moments of a
whole run, then one that may finish; its store is compared with the truth, record by record, as parsed JSON. The client
tells through one byte of shared memory how far it is, so that some kills can be aimed at an open transaction, and
after each kill the byte says where it struck. The server survives all of it.
"""

from __future__ import annotations

import mmap
import random
import sqlite3
import sys
import tempfile
import time
from argparse import Namespace
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Self

import msgspec

from ghl_async import bulk

from ._harness import BenchmarkFailed, Client, Option, Report, Sandbox, connect, run

OPTIONS = (
    Option("kills", "how often to kill at a uniformly random moment", 100, 4),
    Option("aimed", "share of further kills, which wait for an open transaction", 0.25, 0.5),
    Option("again", "share of the kills after which the resumed run is killed too", 0.3, 0.3),
    Option("contacts", "contacts of the location", 400, 150),
    Option("poison", "contacts among them that do not decode", 3, 3),
    Option("seed", "of the moments", 1, 1),
)
PLENTY = 1_000_000_000
IN_COMMITS = 20
UNDISTURBED = 3
TIMEOUT_SECONDS = 60.0
KINDS = ("tasks", "notes", "appointments")

# What the byte says. 1 to 3 are a run that goes on.
STARTING, OUTSIDE, WRITING, COMMITTING, ENDED = range(5)


class Progress:
    """The byte that both processes see; it outlives the one that wrote it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()
        self._file.close()

    @property
    def now(self) -> int:
        """What the client does."""
        return self._map[0]

    @now.setter
    def now(self, what: int) -> None:
        self._map[0] = what


class _Watched(sqlite3.Connection):
    """Says when it opens a transaction that writes, and when COMMIT itself runs."""

    progress: Progress

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.progress.now == WRITING:
            self.progress.now = COMMITTING
        try:
            return super().execute(sql, *arguments)
        finally:
            if sql == "BEGIN IMMEDIATE":
                self.progress.now = WRITING
            elif not self.in_transaction and self.progress.now in {WRITING, COMMITTING}:
                self.progress.now = OUTSIDE


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Run the backfill; return how it ended."""
    with Progress(Path(spec["progress"])) as progress:
        _Watched.progress = progress
        # The store opens its connections by this name; the lock beside it never begins as a writing transaction does.
        vars(sqlite3)["connect"] = partial(sqlite3.connect, factory=_Watched)
        async with connect(spec) as ghl, bulk.SQLiteStore(spec["path"]) as store:
            progress.now = OUTSIDE
            summary = await bulk.backfill(ghl, store)
        progress.now = ENDED
    return {"reason": summary.reason, "message": summary.message, "pruned": summary.pruned}


class _Cycles:
    """Starts, kills, compares and counts."""

    def __init__(self, settings: Namespace, sandbox: Sandbox, folder: Path) -> None:
        self._settings = settings
        self._dice = random.Random(settings.seed)
        self._sandbox = sandbox
        self._truth = _by_contact(sandbox.truth())
        self._store = folder / "store.db"
        self._progress = folder / "progress"
        self._spec = sandbox.spec(path=str(self._store), progress=str(self._progress))
        self.seconds = TIMEOUT_SECONDS
        self.cycles = 0
        self.struck: list[int] = []
        self.random = 0
        """How many of them struck at a uniformly random moment; the others were aimed."""
        self.mismatches: list[str] = []

    @property
    def in_commits(self) -> int:
        """How many kills struck inside a transaction that writes."""
        return self.struck.count(WRITING) + self.struck.count(COMMITTING)

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
            while aimed and progress.now not in {WRITING, COMMITTING, ENDED} and process.is_alive:
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
        self.mismatches += [f"cycle {self.cycles}: {difference}" for difference in self._differences()]

    def _differences(self) -> list[str]:
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as database:
            damage = database.execute("PRAGMA integrity_check").fetchone()[0]
            stored = _stored(database)
        found = [] if damage == "ok" else [f"the file is damaged: {damage}"]
        for contact_id in self._truth.keys() | stored.keys():
            mine, true = stored.get(contact_id), self._truth.get(contact_id)
            if mine is None or true is None:
                found.append(f"contact {contact_id} is {'not stored' if mine is None else 'too much'}")
            else:
                found += [f"{kind} of {contact_id} differ" for kind in true if mine[kind] != true[kind]]
        return found

    def _forget(self) -> None:
        for left in self._store.parent.glob("store.db*"):
            left.unlink()


def _by_contact(truth: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        each["contact"]["id"]: {"contact": _bare(each["contact"])}
        | {kind: {record["id"]: record for record in each[kind]} for kind in KINDS}
        for each in truth
    }


def _stored(database: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """What the tables hold, and of children that do not decode what quarantine holds."""
    found: dict[str, dict[str, Any]] = {
        contact_id: {"contact": _bare(msgspec.json.decode(raw))} | {kind: {} for kind in KINDS}
        for contact_id, raw in database.execute("SELECT id, raw FROM landing_contacts")
    }
    for kind in KINDS:
        for contact_id, child_id, raw in database.execute(f"SELECT contact_id, id, raw FROM landing_{kind}"):  # noqa: S608
            found[contact_id][kind][child_id] = msgspec.json.decode(raw)
    apart = "SELECT kind, contact_id, id, raw FROM quarantine WHERE kind <> 'contacts' AND id IS NOT NULL"
    for kind, contact_id, child_id, raw in database.execute(apart):
        # One that hangs on no contact shows up as a contact too much.
        found.setdefault(contact_id, {each: {} for each in KINDS})[kind][child_id] = msgspec.json.decode(raw)
    return found


def _bare(contact: dict[str, Any]) -> dict[str, Any]:
    """Without the position in a search, which is another one under another order."""
    return {name: value for name, value in contact.items() if name != "searchAfter"}


def measure(settings: Namespace, report: Report) -> None:
    """Cycle until enough kills have struck."""
    options: dict[str, Any] = {"contacts": settings.contacts, "poison": settings.poison}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(requests=PLENTY, interval_seconds=1, daily=PLENTY, **options) as sandbox,
    ):
        cycles = _Cycles(settings, sandbox, Path(folder))
        report.figure("an undisturbed run", [cycles.time() for _ in range(UNDISTURBED)], "s")
        wanted = 0 if settings.quick else IN_COMMITS
        while cycles.random < settings.kills or cycles.in_commits < wanted:
            if cycles.cycles > 3 * settings.kills + 10:
                raise BenchmarkFailed(f"only {cycles.random} random kills in {cycles.cycles} cycles struck a run")
            cycles.cycle()
    struck = cycles.struck
    report.note(
        f"{cycles.random} random kills and {len(struck) - cycles.random} aimed ones in {cycles.cycles} cycles,"
        " each compared with the truth at its end"
    )
    report.note(
        f"struck outside a transaction: {struck.count(OUTSIDE)}, in one: {struck.count(WRITING)},"
        f" in COMMIT itself: {struck.count(COMMITTING)}"
    )
    for mismatch in cycles.mismatches[:20]:
        report.note(mismatch)
    report.bar("kills at random moments", cycles.random, at_least=settings.kills, always=True)
    report.bar("kills inside a commit", cycles.in_commits, at_least=IN_COMMITS)
    report.bar("differences from the truth", len(cycles.mismatches), at_most=0, always=True)


if __name__ == "__main__":
    sys.exit(run("bench_crash", __doc__, OPTIONS, measure, client))

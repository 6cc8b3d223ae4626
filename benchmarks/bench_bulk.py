"""What a backfill by the cheaper doors costs in requests, whether it copies the truth, and whether the plan knew.

Each mode is a server that treats the doors in its own way, and one run into an empty store. The plan is made just
before, by a client of its own that knows only the API; the server's log is emptied between the two, so each is counted
apart. "stopped" is a run that was stopped halfway: plan and count are those of the rest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ghl_async import bulk

from ._harness import BenchmarkFailed, Client, Option, Report, Sandbox, connect, run
from ._truth import BOTH, EVENTS, LISTS, Truth

OPTIONS = (
    Option("contacts", "contacts of a location whose doors are open", 10_000, 600),
    Option("contacts_fanned", "the same where doors are shut: each costs three requests", 2_000, 150),
    Option("tasks", "tasks a contact, on average", 1.0, 1.0),
    Option("notes", "notes a contact, on average", 3.0, 3.0),
    Option("appointments", "appointments a contact, on average", 1.0, 1.0),
    Option(
        "modes",
        "how the server treats the doors",
        "accepts 100,clamps to 100,granted,stopped,refused,refused midway",
        "accepts 100,clamps to 100,stopped,refused,refused midway",
    ),
)
PLENTY = 1_000_000_000
REQUESTS = 600
LOCATION = 10_000
"""The location for which that bar stands."""
PLANNED = (0.9, 1.1)
PASS_MIDWAY = {"tasks": 0.7, "notes": 0.7, "appointments": 0.5}
"""How many requests pass before each door is shut, as a share of about what the run needs of them."""
NEEDS = {"tasks": 0.015, "notes": 0.035, "appointments": 0.0015}
"""About how many requests a contact each door needs, if limits of 100 are accepted."""


@dataclass(frozen=True)
class Mode:
    """A way to treat the doors."""

    pages: dict[str, int] = field(default_factory=dict)
    is_fanned: bool = False
    appointments: Sequence[str] = EVENTS


REFUSES = {"tasks_refuse": 100, "notes_refuse": 100}
MODES = {
    "accepts 100": Mode(REFUSES),
    "clamps to 100": Mode({"tasks_clamp": 100, "notes_clamp": 100}),
    "granted": Mode(),
    # The last page of a resumed run may hold so few contacts that each is asked for by itself.
    "stopped": Mode(REFUSES, appointments=BOTH),
    "refused": Mode(REFUSES, is_fanned=True, appointments=LISTS),
    "refused midway": Mode(REFUSES, is_fanned=True, appointments=BOTH),
}


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Plan or copy, as the spec says."""
    started = time.monotonic()
    async with connect(spec) as ghl, bulk.SQLiteStore(spec["path"]) as store:
        if spec["job"] == "plan":
            plan = await bulk.plan(ghl, store=store)
            ways = {way.kind: way.requests for way in plan.ways}
            return {"requests": plan.requests, "spent": plan.spent, "ways": ways, "sample": plan.sample_requests}
        copying = bulk.backfill(ghl, store)
        async for progress in copying:
            if progress.contacts >= spec["stop_at"] and not copying.stopped:
                copying.stop()
    summary = copying.summary
    if summary is None:
        raise AssertionError("a run ended without a summary")
    return {
        "reason": summary.reason,
        "message": summary.message,
        "contacts": summary.contacts,
        "ways": {way.kind: way.by for way in summary.ways},
        "seconds": time.monotonic() - started,
    }


class _Location:
    """One server in one mode, and the store that is filled from it."""

    def __init__(self, mode: Mode, contacts: int, sandbox: Sandbox, path: Path) -> None:
        self._mode = mode
        self._contacts = contacts
        self._sandbox = sandbox
        self._path = path

    def do(self, job: str, stop_at: int = PLENTY) -> tuple[dict[str, Any], dict[str, Any]]:
        """Have a client plan or copy; return what it said and what the server counted."""
        self._sandbox.ask("DELETE", "log")
        spec = self._sandbox.spec(path=str(self._path), job=job, stop_at=stop_at)
        with Client("bench_bulk", spec) as process:
            said: dict[str, Any] = process.result(60 + self._contacts * 0.05)
        return said, self._sandbox.ask("GET", "counts")

    def differences(self) -> tuple[Truth, list[str]]:
        """Compare the store with the truth."""
        truth = Truth(self._sandbox.truth())
        return truth, truth.differences(self._path, self._mode.appointments)


def measure(settings: Namespace, report: Report) -> None:
    """Go through the modes."""
    for name in settings.modes.split(","):
        mode = MODES[name]
        contacts = settings.contacts_fanned if mode.is_fanned else settings.contacts
        averages = {kind: getattr(settings, kind) for kind in ("tasks", "notes", "appointments")}
        with (
            tempfile.TemporaryDirectory() as folder,
            Sandbox(
                contacts=contacts, requests=PLENTY, interval_seconds=1, daily=PLENTY, **averages, **mode.pages
            ) as sandbox,
        ):
            _measure(name, _Location(mode, contacts, sandbox, Path(folder, "store.db")), sandbox, contacts, report)


def _measure(name: str, location: _Location, sandbox: Sandbox, contacts: int, report: Report) -> None:
    if name == "refused":
        sandbox.shut_doors()
    if name == "stopped":
        stopped, _ = location.do("copy", stop_at=contacts // 2)
        if stopped["reason"] != "stopped":
            raise BenchmarkFailed(f"stopped: the first run ended so: {stopped}")
    plan, planning = location.do("plan")
    if name == "refused midway":
        sandbox.shut_doors({kind: round(NEEDS[kind] * contacts * share) for kind, share in PASS_MIDWAY.items()})
    copied, counts = location.do("copy")
    truth, differences = location.differences()
    _say(name, report, truth, plan, copied | counts)
    report.note(f"{name}: the planning took {planning['requests']} requests, and says {plan['spent']}")
    if copied["reason"] != "finished":
        differences.insert(0, f"the run ended so: {copied['reason']}, {copied['message']}")
    for difference in differences[:10]:
        report.note(f"{name}: {difference}")
    report.bar(f"{name}: differences from the truth", len(differences), at_most=0, always=True)
    if name == "accepts 100" and contacts == LOCATION:
        report.bar(f"{name}: requests for {contacts} contacts", counts["requests"], at_most=REQUESTS - 1)
    ratio = plan["requests"] / counts["requests"]
    if name == "refused midway":
        report.note(f"{name}: planned to counted {ratio:.3f}; no plan knows of a refusal that comes later")
    else:
        report.bar(f"{name}: planned to counted", ratio, at_least=PLANNED[0], at_most=PLANNED[1])


def _say(name: str, report: Report, truth: Truth, plan: dict[str, Any], ran: dict[str, Any]) -> None:
    held = ", ".join(f"{truth.average(kind):.3f} {kind}" for kind in ("tasks", "notes", "appointments", "events"))
    report.note(f"{name}: {len(truth)} contacts, each with {held} (those of living calendars), as the truth has it")
    report.figure(f"{name}: requests as the server counted", [ran["requests"]])
    report.figure(f"{name}: duration of the run", [ran["seconds"]], "s")
    report.note(f"{name}: by status {ran['by_status']}; by route {ran['by_route']}")
    report.note(f"{name}: planned {plan['requests']}: {plan['ways']}, sample {plan['sample']}; ways: {ran['ways']}")


if __name__ == "__main__":
    sys.exit(run("bench_bulk", __doc__, OPTIONS, measure, client))

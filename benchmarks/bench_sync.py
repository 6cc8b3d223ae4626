"""What a nightly sync costs in requests, and whether the store is right after it, judged by the server's own records.

"Night": a location of which some contacts were changed, added and deleted, and of others notes, tasks, tags and
appointments, none of which moves its contact's date. An ordinary night sweeps; a pass over everything comes once a week
and is counted apart: until then the store may differ in tasks and in notes that were edited or deleted, and in nothing
else. "Storm": many contacts of one moment, one that the search's index shows late, some that are deleted while a sync
runs, and one sync that is killed. What is compared never sees the client's watermark. "Quota": a sync whose token opens
none of the cheaper ways, so that it sends some requests for each contact, in windows of the quota, the first left out.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ghl_async import GHLClient, bulk
from ghl_async.models import NoteDraft, TaskDraft

from ._harness import BenchmarkFailed, Client, Option, Report, Sandbox, connect, peak_bytes, run
from ._quota import RoundTrip, judge
from ._truth import BOTH, Truth

OPTIONS = (
    Option("contacts", "contacts of the location that is synced nightly", 100_000, 1_000),
    Option("changed", "share of them that changes in a night", 0.005, 0.02),
    Option("children", "contacts of which a note is new, of others a task, a tag and an appointment", 100, 5),
    Option("deleted", "contacts deleted in a night", 20, 3),
    Option("tied", "contacts of one moment in the storm", 500, 200),
    Option("late_seconds", "how late the index shows one of them", 90.0, 4.0),
    Option("interval", "length of the window of the quota in seconds, W", 2.0, 0.5),
    Option("requests_per_interval", "what the server grants there, N", 600, 100),
    Option("round_trip", "mean round trip there as a share of W", 0.01, 0.01),
    Option("alone", "contacts that are read one by one there", 2_000, 60),
)
PLENTY = 1_000_000_000
STORM_CONTACTS = 2_000
DELETED_MEANWHILE = 10
NAIVE = 4
"""Requests that a naive re-read takes for a contact: itself, its tasks, its notes, its appointments."""
SHARE = 0.01
MEGABYTES = 20.0
"""By how much a sync of the large location may exceed one of the small, in memory."""
MEGABYTE = 1024 * 1024
NEVER, NOW = timedelta(days=3650), timedelta(0)
DEPTHS = {"changes": (NEVER, NEVER), "sweep": (NOW, NEVER), "everything": (NOW, NOW)}
"""How often to sweep, and how often to read everything."""


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Sync, or do what moves no date, as the spec says."""
    trip = RoundTrip()
    async with connect(spec, trip) as ghl:
        if spec["job"] == "disturb":
            await _disturb(ghl, spec["ids"], spec["children"])
            return {}
        started = time.monotonic()
        async with bulk.SQLiteStore(spec["path"]) as store:
            sweep_every, whole_every = DEPTHS[spec["depth"]]
            syncing = bulk.sync(ghl, store, sweep_every=sweep_every, whole_every=whole_every)
            changes = 0
            async for _ in syncing:
                changes += 1
    summary = syncing.summary
    if summary is None:
        raise AssertionError("a run ended without a summary")
    return {
        "reason": summary.reason,
        "message": summary.message,
        "changes": changes,
        "seconds": time.monotonic() - started,
        "peak": peak_bytes(),
        "round_trip": trip.mean,
    }


async def _disturb(ghl: GHLClient, ids: Sequence[str], children: int) -> None:
    """Write a note of each of some contacts, then a task, a tag and an appointment of each of others."""
    due = datetime.now(UTC) + timedelta(days=3)
    for contact_id in ids[:children]:
        await ghl.notes.create(contact_id, NoteDraft(body="Called, will call back"))
    for contact_id in ids[children : 2 * children]:
        await ghl.tasks.create(contact_id, TaskDraft(title="Call back", due_date=due))
    for contact_id in ids[2 * children : 3 * children]:
        await ghl.tags.add(contact_id, ["called"])
    moved = 0
    for contact_id in ids[3 * children :]:
        for appointment in await ghl.appointments.list(contact_id):
            if moved < children and appointment.deleted is not True:
                await ghl.appointments.delete(appointment.id)
                moved += 1
                break
        if moved == children:
            return


class _Copy:
    """One location and the store that is kept in step with it."""

    def __init__(self, sandbox: Sandbox, path: Path, seconds: float) -> None:
        self.sandbox = sandbox
        self._path = path
        self._seconds = seconds

    def start(self, depth: str) -> Client:
        """Begin a sync in a process of its own; the log of requests is empty."""
        self.sandbox.ask("DELETE", "log")
        return Client("bench_sync", self.sandbox.spec(job="sync", path=str(self._path), depth=depth))

    def end(self, process: Client) -> dict[str, Any]:
        """Wait for its end; what it said and what the server counted."""
        said: dict[str, Any] = process.result(self._seconds)
        if said["reason"] != "finished":
            raise BenchmarkFailed(f"a sync ended so: {said['reason']}, {said['message']}")
        return said | self.sandbox.ask("GET", "counts")

    def sync(self, depth: str) -> dict[str, Any]:
        """Sync to the end."""
        with self.start(depth) as process:
            return self.end(process)

    def differences(self) -> list[str]:
        """Hold the store against the server's own records."""
        return Truth(self.sandbox.truth()).differences(self._path, BOTH)


def measure(settings: Namespace, report: Report) -> None:
    """Go through the storm and the night."""
    with tempfile.TemporaryDirectory() as folder:
        averages = {"requests": PLENTY, "interval_seconds": 1, "daily": PLENTY}
        with Sandbox(contacts=STORM_CONTACTS, search_clamp=100, **averages) as sandbox:
            small = _storm(_Copy(sandbox, Path(folder, "storm.db"), 120), settings, report)
        with Sandbox(contacts=settings.contacts, tasks_refuse=100, notes_refuse=100, **averages) as sandbox:
            large = _night(_Copy(sandbox, Path(folder, "night.db"), 120 + settings.contacts * 0.02), settings, report)
        _quota(Path(folder, "quota.db"), settings, report)
    what = f"peak of a sync of {settings.contacts} above one of {STORM_CONTACTS} contacts in MB"
    report.bar(what, (large - small) / MEGABYTE, at_most=MEGABYTES)


def _storm(copy: _Copy, settings: Namespace, report: Report) -> float:
    sandbox = copy.sandbox
    copy.sync("changes")
    ids = [each["contact"]["id"] for each in sandbox.truth()]
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for contact_id in ids[100 : 100 + settings.tied]:
        sandbox.ask("PUT", f"contacts/{contact_id}", {"firstName": "Imported", "dateUpdated": moment})
    sandbox.ask("PUT", "index", {"lag_seconds": settings.late_seconds})
    sandbox.ask("POST", "contacts", {"firstName": "Late", "email": "late@example.com"})
    shown_at = time.monotonic() + settings.late_seconds
    sandbox.ask("PUT", "latency", {"seconds": 0.02})
    with copy.start("changes") as process:
        _wait_for(sandbox, 8)
        killed = process.kill()
    with copy.start("sweep") as process:
        doomed = ids[-1 : -DELETED_MEANWHILE * 50 : -50]
        for number, contact_id in enumerate(doomed):
            _wait_for(sandbox, 4 * (number + 1))
            sandbox.ask("DELETE", f"contacts/{contact_id}")
        during = copy.end(process)
    time.sleep(max(0.0, shown_at - time.monotonic()) + 0.1)
    last = copy.sync("changes")
    differences = copy.differences()
    report.note(
        f"storm: {settings.tied} of one moment, one indexed {settings.late_seconds:.0f} s late, {len(doomed)} deleted"
        f" while the second sync goes on, the first one {'killed' if killed else 'over too soon to be killed'}:"
        f" {during['requests']} requests and {during['changes']} changes, then {last['requests']} and {last['changes']}"
    )
    _tell(report, "storm", differences)
    report.bar("storm: differences from the truth", len(differences), at_most=0, always=True)
    return float(last["peak"])


def _wait_for(sandbox: Sandbox, requests: int) -> None:
    """Wait until the server has counted so many requests, or a while has gone by."""
    ends_at = time.monotonic() + 10
    while sandbox.ask("GET", "counts")["requests"] < requests and time.monotonic() < ends_at:
        time.sleep(0.005)


def _night(copy: _Copy, settings: Namespace, report: Report) -> float:
    sandbox, contacts = copy.sandbox, settings.contacts
    filled = copy.sync("changes")
    report.note(f"night: {contacts} contacts copied by {filled['requests']} requests in {filled['seconds']:.0f} s")
    ids = [each["contact"]["id"] for each in sandbox.ask("GET", "truth", limit=8 * settings.children)["contacts"]]
    sandbox.ask("DELETE", "log")
    with Client("bench_sync", sandbox.spec(job="disturb", ids=ids, children=settings.children)) as process:
        process.result(120)
    _change(sandbox, contacts, settings)
    ordinary = copy.sync("sweep")
    left = copy.differences()
    beyond = [each for each in left if not each.startswith(("tasks of ", "notes of "))]
    idle = copy.sync("changes")
    whole = copy.sync("everything")
    differences = copy.differences()
    for name, ran in (("an ordinary night", ordinary), ("again at once", idle), ("the weekly pass", whole)):
        share = ran["requests"] / (NAIVE * contacts)
        report.note(
            f"night: {name}: {ran['requests']} requests, {share:.3%} of a naive re-read, {ran['changes']} changes,"
            f" {ran['seconds']:.1f} s, {ran['peak'] / MEGABYTE:.0f} MB; by route {ran['by_route']}"
        )
    report.note(f"night: what an ordinary night left to the weekly pass: {len(left)} contacts' tasks or notes")
    _tell(report, "night", [*beyond, *differences])
    report.bar("night: differences that no pass has to find", len(beyond), at_most=0, always=True)
    report.bar("night: differences after the weekly pass", len(differences), at_most=0, always=True)
    share = ordinary["requests"] / (NAIVE * contacts)
    report.bar("night: share of a naive re-read that an ordinary night takes", share, at_most=SHARE)
    return float(ordinary["peak"])


def _quota(path: Path, settings: Namespace, report: Report) -> None:
    interval, granted = settings.interval, settings.requests_per_interval
    trip = settings.round_trip * interval
    window = {"requests": granted, "interval_seconds": interval, "daily": PLENTY, "latency_seconds": trip}
    with Sandbox(contacts=settings.alone, **window) as sandbox:
        sandbox.shut_doors()
        copy = _Copy(sandbox, path, 120)
        ran = copy.sync("everything")
        judge(report, "quota", sandbox, interval=interval, granted=granted, round_trip=ran["round_trip"])
        report.bar("quota: differences from the truth", len(copy.differences()), at_most=0, always=True)


def _change(sandbox: Sandbox, contacts: int, settings: Namespace) -> None:
    """Let people at the location change, add and delete contacts."""
    page = sandbox.ask("GET", "truth", offset=contacts // 2, limit=round(contacts * settings.changed))["contacts"]
    for number, each in enumerate(page):
        sandbox.ask("PUT", f"contacts/{each['contact']['id']}", {"firstName": f"Changed {number}"})
    for each in sandbox.ask("GET", "truth", offset=contacts // 4, limit=settings.deleted)["contacts"]:
        sandbox.ask("DELETE", f"contacts/{each['contact']['id']}")
    for number in range(settings.deleted):
        note = {"body": "Hello", "dateAdded": "2024-01-01T10:00:00.000Z"}
        sandbox.ask("POST", "contacts", {"firstName": "New", "email": f"new{number}@example.com", "notes": [note]})


def _tell(report: Report, name: str, differences: Sequence[str]) -> None:
    for difference in differences[:10]:
        report.note(f"{name}: {difference}")


if __name__ == "__main__":
    sys.exit(run("bench_sync", __doc__, OPTIONS, measure, client))

"""How much memory the process of a backfill needs, for a small location and a large one."""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from ghl_async import bulk

from ._harness import BenchmarkFailed, Client, Option, Report, Sandbox, connect, peak_bytes, run

OPTIONS = (
    Option(
        "doors", "the cheaper ways to a contact's records: granted or refused, or both", "granted,refused", "granted"
    ),
    Option("small", "contacts of the small location", 1000, 200),
    Option("contacts", "contacts of the large location", 100_000, 2000),
    Option("contacts_refused", "the same where the doors are refused: each costs three requests", 30_000, 500),
    Option("include", "what is read with each contact", "tasks,notes,appointments", "tasks,notes,appointments"),
    Option("runs", "runs of the small location", 3, 1),
)
PLENTY = 1_000_000_000
MEGABYTE = 1_000_000
BAR = 20.0


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Copy the location into a store, and say what it took."""
    started, cpu = time.monotonic(), time.process_time()
    async with connect(spec) as ghl, bulk.SQLiteStore(spec["path"]) as store:
        summary = await bulk.backfill(ghl, store, include=spec["include"])
    return {
        "reason": summary.reason,
        "contacts": summary.contacts,
        "seconds": time.monotonic() - started,
        "cpu": time.process_time() - cpu,
        "peak": peak_bytes(),
    }


def _backfill(contacts: int, include: list[str], doors: str) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(contacts=contacts, requests=PLENTY, interval_seconds=1, daily=PLENTY) as sandbox,
    ):
        if doors == "refused":
            sandbox.shut_doors()
        with Client("bench_memory", sandbox.spec(path=str(Path(folder, "store.db")), include=include)) as process:
            found: dict[str, Any] = process.result(120 + contacts * 0.05)
        requests = sandbox.ask("GET", "counts")["requests"]
    if found["reason"] != "finished" or found["contacts"] != contacts:
        raise BenchmarkFailed(f"a backfill of {contacts} contacts ended so: {found}")
    return found | {"requests": requests}


def measure(settings: Namespace, report: Report) -> None:
    """Run the small ones, then the large one; each has a server and a client of its own."""
    include = [kind for kind in settings.include.split(",") if kind]
    for doors in settings.doors.split(","):
        if doors not in {"granted", "refused"}:
            raise BenchmarkFailed(f"doors are granted or refused, not {doors}")
        largest = settings.contacts if doors == "granted" else settings.contacts_refused
        peaks = []
        for contacts, runs in ((settings.small, settings.runs), (largest, 1)):
            found = [_backfill(contacts, include, doors) for _ in range(runs)]
            peaks.append(_say(report, f"{contacts} contacts, doors {doors}", contacts, found))
        report.bar(f"doors {doors}: peak of the large one above the small in MB", peaks[1] - peaks[0], at_most=BAR)


def _say(report: Report, name: str, contacts: int, found: list[dict[str, Any]]) -> float:
    """Show what the runs of one location took; return the peak of memory."""
    peak = report.figure(f"{name}: peak", [each["peak"] / MEGABYTE for each in found], "MB")
    report.figure(f"{name}: requests", [each["requests"] for each in found])
    report.figure(f"{name}: speed", [contacts / each["seconds"] for each in found], "contacts/s")
    per_contact = [each["cpu"] / contacts * 1e6 for each in found]
    report.figure(f"{name}: CPU of the client, store included", per_contact, "us a contact")
    per_request = [each["cpu"] / each["requests"] * 1e6 for each in found]
    report.figure(f"{name}: CPU of the client, store included", per_request, "us a request")
    return peak


if __name__ == "__main__":
    sys.exit(run("bench_memory", __doc__, OPTIONS, measure, client))

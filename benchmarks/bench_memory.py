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
    Option("small", "contacts of the small location", 1000, 200),
    Option("contacts", "contacts of the large location", 100_000, 2000),
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


def _backfill(contacts: int, include: list[str]) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(contacts=contacts, requests=PLENTY, interval_seconds=1, daily=PLENTY) as sandbox,
        Client("bench_memory", sandbox.spec(path=str(Path(folder, "store.db")), include=include)) as process,
    ):
        found: dict[str, Any] = process.result(120 + contacts * 0.05)
        requests = sandbox.ask("GET", "counts")["requests"]
    if found["reason"] != "finished" or found["contacts"] != contacts:
        raise BenchmarkFailed(f"a backfill of {contacts} contacts ended so: {found}")
    return found | {"requests": requests}


def measure(settings: Namespace, report: Report) -> None:
    """Run the small ones, then the large one; each has a server and a client of its own."""
    include = [kind for kind in settings.include.split(",") if kind]
    small = [_backfill(settings.small, include) for _ in range(settings.runs)]
    large = [_backfill(settings.contacts, include)]
    peaks = []
    for contacts, found in ((settings.small, small), (settings.contacts, large)):
        peaks.append(report.figure(f"{contacts} contacts: peak", [each["peak"] / MEGABYTE for each in found], "MB"))
        report.figure(f"{contacts} contacts: speed", [contacts / each["seconds"] for each in found], "contacts/s")
        per_second = [each["requests"] / each["seconds"] for each in found]
        report.figure(f"{contacts} contacts: speed", per_second, "requests/s")
        per_request = [each["cpu"] / each["requests"] * 1e6 for each in found]
        report.figure(f"{contacts} contacts: CPU of the client, store included", per_request, "us a request")
    report.bar("peak of the large one above the small one in MB", peaks[1] - peaks[0], at_most=BAR)


if __name__ == "__main__":
    sys.exit(run("bench_memory", __doc__, OPTIONS, measure, client))

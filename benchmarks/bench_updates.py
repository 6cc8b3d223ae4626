"""How much of the quota a bulk write uses, and how much memory it needs for few inputs and for many.

One change for each input, from a generator without end, with a ledger and without; the run is stopped when so many are
done. The windows of the quota are judged from the second one on.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from ghl_async import bulk
from ghl_async.models import ContactChanges

from ._harness import BenchmarkFailed, Client, Option, Report, Sandbox, connect, peak_bytes, run
from ._quota import RoundTrip, judge

OPTIONS = (
    Option("interval", "length of the window in seconds, W", 2.0, 0.5),
    Option("requests_per_interval", "what the server grants, N", 600, 100),
    Option("round_trip", "mean round trip as a share of W", 0.01, 0.01),
    Option("contacts", "contacts that are changed, one after the other", 1000, 100),
    Option("small", "inputs of the small run", 2000, 300),
    Option("inputs", "inputs of the large run", 24_000, 600),
    Option("ledgers", "with a ledger or without, or both", "with,without", "with,without"),
)
PLENTY = 1_000_000_000
MEGABYTE = 1_000_000
GROWTH = 20.0


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Send the changes, and say how it ended and what it took."""
    trip = RoundTrip()
    async with connect(spec, trip) as ghl:
        ledger = Path(spec["folder"], "x.ledger") if spec["ledger"] == "with" else None
        run_, told = bulk.update(ghl, _changes(spec["ids"]), ledger=ledger), 0
        async for _ in run_:
            told += 1
            if told == spec["inputs"]:
                run_.stop()
        summary = await run_
    return {
        "reason": summary.reason,
        "written": msgspec.structs.asdict(summary.written or bulk.Written()),
        "round_trip": trip.mean,
        "peak": peak_bytes(),
    }


def _changes(ids: list[str]) -> Iterator[tuple[str, ContactChanges]]:
    return ((ids[number % len(ids)], ContactChanges(city=f"city {number}")) for number in count())


def measure(settings: Namespace, report: Report) -> None:
    """Write few, then many; each has a server and a client of its own."""
    for ledger in settings.ledgers.split(","):
        if ledger not in {"with", "without"}:
            raise BenchmarkFailed(f"it goes with or without a ledger, not {ledger}")
        small = _written(settings, report, settings.small, ledger)
        large = _written(settings, report, settings.inputs, ledger)
        report.bar(
            f"{ledger} ledger: peak with {settings.inputs} inputs above that with {settings.small} in MB",
            (large["peak"] - small["peak"]) / MEGABYTE,
            at_most=GROWTH,
        )


def _written(settings: Namespace, report: Report, inputs: int, ledger: str) -> dict[str, Any]:
    interval, granted = settings.interval, settings.requests_per_interval
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(
            contacts=settings.contacts,
            requests=granted,
            interval_seconds=interval,
            daily=PLENTY,
            latency_seconds=settings.round_trip * interval,
        ) as sandbox,
    ):
        spec = sandbox.spec(ids=sandbox.ids(settings.contacts), inputs=inputs, folder=folder, ledger=ledger)
        with Client("bench_updates", spec) as process:
            found: dict[str, Any] = process.result(60 + 3 * inputs / granted * interval)
        changed = found["written"]["ok"]
        if found["reason"] != "stopped" or changed < inputs or sum(found["written"].values()) != changed:
            raise BenchmarkFailed(f"{inputs} changes ended so: {found}")
        name = f"{ledger} ledger, {inputs} inputs"
        round_trip = found["round_trip"]
        admitted = judge(report, name, sandbox, interval=interval, granted=granted, round_trip=round_trip)
    report.figure(f"{name}: peak", [found["peak"] / MEGABYTE], "MB")
    report.bar(f"{name}: requests beside the changes", len(admitted) - changed, at_most=0, always=True)
    return found


if __name__ == "__main__":
    sys.exit(run("bench_updates", __doc__, OPTIONS, measure, client))

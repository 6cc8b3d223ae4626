"""What a backfill makes of a server that takes seconds for an answer, and whether its cursors lose or repeat anything.

A location far too large to be finished is read until the run is stopped; the server's log says how many requests it
admitted from the second window on. Then a smaller one is stopped several times in the middle of its cursors' work, each
time by a process of its own, and finished by one more from a server that has become fast.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from ghl_async import bulk
from ghl_async.hooks import Event, RequestFinished

from ._harness import BenchmarkFailed, Client, Option, Report, Sandbox, children_cpu, connect, run, spans
from ._truth import count_ids

OPTIONS = (
    Option("interval", "length of the window in seconds, W", 10.0, 1.0),
    Option("requests_per_interval", "what the server grants, N", 100, 15),
    Option("latency", "mean round trip in seconds, r", 2.0, 0.2),
    Option("jitter", "how much it varies, in seconds", 0.1, 0.01),
    Option("contacts", "contacts of the location that is not finished", 1_000_000, 1_000_000),
    Option("windows", "whole windows behind the first", 9, 2),
    Option("children", "windows behind the first with tasks, notes and appointments too; 0: leave that out", 9, 0),
    Option("contacts_children", "contacts of the location for that", 60_000, 1000),
    Option("contacts_stopped", "contacts of the location that is stopped and finished", 30_000, 5_000),
    Option("stops", "how often it is stopped", 3, 2),
    Option("seed", "of the moments", 1, 1),
)
PLENTY = 1_000_000_000
USED = 0.9
KINDS = ("tasks", "notes", "appointments")


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Copy for so many seconds, or to the end; say how it went and when it was stopped."""
    trips: list[float] = []
    stopped_at: list[float] = []

    def watch(event: Event) -> None:
        if isinstance(event, RequestFinished):
            trips.append(event.seconds)

    def stop() -> None:
        stopped_at.append(time.monotonic())
        copying.stop()

    async with connect(spec, watch) as ghl, bulk.SQLiteStore(spec["path"]) as store:
        copying = bulk.backfill(ghl, store, include=spec["include"])
        if spec["seconds"] is not None:
            asyncio.get_running_loop().call_later(spec["seconds"], stop)
        summary = await copying
    return {
        "reason": summary.reason,
        "message": summary.message,
        "contacts": summary.contacts,
        "found": summary.found,
        "total": summary.server_total,
        # The clock is that of the whole machine, so the server's log has the same.
        "stopped_at": stopped_at[0] if stopped_at else None,
        "round_trip": sum(trips) / len(trips),
    }


def _sandbox(settings: Namespace, contacts: int) -> Sandbox:
    return Sandbox(
        contacts=contacts,
        requests=settings.requests_per_interval,
        interval_seconds=settings.interval,
        daily=PLENTY,
        latency_seconds=settings.latency,
        jitter_seconds=settings.jitter,
    )


def measure(settings: Namespace, report: Report) -> None:
    """Measure the pace, then the correctness."""
    report.note(f"one cursor alone: 1/r = {1 / settings.latency:.3g} requests a second (computed)")
    _pace(settings, report, "contacts alone", settings.contacts, settings.windows)
    if settings.children:
        _pace(settings, report, "with all kinds", settings.contacts_children, settings.children)
    _stop_and_finish(settings, report)


def _pace(settings: Namespace, report: Report, name: str, contacts: int, windows: int) -> None:
    is_judged = name == "contacts alone"
    seconds = (windows + 1.5) * settings.interval + settings.latency
    cpu = children_cpu()
    with tempfile.TemporaryDirectory() as folder, _sandbox(settings, contacts) as sandbox:
        include = () if is_judged else KINDS
        spec = sandbox.spec(path=str(Path(folder, "store.db")), seconds=seconds, include=include)
        with Client("bench_slow", spec) as process:
            found = process.result(120 + 2 * seconds)
        client_cpu = children_cpu() - cpu
        if found["stopped_at"] is None or found["reason"] != "stopped":
            raise BenchmarkFailed(f"{name}: the run was to be stopped, but ended so: {found}")
        log, refused = sandbox.log(), sandbox.refused()
        took = time.monotonic() - log[0]["at"]
    server_cpu = children_cpu() - cpu - client_cpu
    _judge(settings, report, name, log, found)
    report.note(
        f"{name}: CPU of the client {client_cpu / took:.0%} of a core, of the server {server_cpu / took:.0%};"
        f" {found['contacts']} contacts in {took:.0f} s"
    )
    if is_judged:
        report.bar(f"{name}: replies 429", refused, at_most=0)
    else:
        report.note(f"{name}: {refused} of {len(log)} replies 429")


def _judge(settings: Namespace, report: Report, name: str, log: list[dict[str, Any]], found: dict[str, Any]) -> None:
    interval, granted = settings.interval, settings.requests_per_interval
    times = [entry["at"] for entry in log if entry["admitted"]]
    start, end = times[0] + interval, found["stopped_at"]
    steady = [at for at in times if start <= at < end]
    used = len(steady) / granted / ((end - start) / interval)
    possible = interval / (interval + found["round_trip"])
    shares = [count / granted for count in spans([*(at for at in times if at < end), end], times[0], interval)]
    report.note(f"{name}: share of the quota used, window by window: {', '.join(f'{share:.2f}' for share in shares)}")
    report.note(
        f"{name}: {len(steady)} requests in {end - start:.1f} s, {len(steady) / (end - start):.2f} a second of"
        f" {granted / interval:g}; round trip {found['round_trip']:.3f} s measured; W/(W+r) {possible:.4f}"
    )
    if name == "contacts alone":
        report.bar(f"{name}: share of the quota used", used, at_least=USED * possible)
    else:
        report.figure(f"{name}: share of the quota used", [used])
        report.note(f"{name}: that is {used / possible:.3f} of W/(W+r)")


def _stop_and_finish(settings: Namespace, report: Report) -> None:
    """Stop in the middle of several cursors' work, go on, and at last let it end; compare the ids with the truth."""
    dice, contacts = random.Random(settings.seed), settings.contacts_stopped
    read: list[int] = []
    with tempfile.TemporaryDirectory() as folder, _sandbox(settings, contacts) as sandbox:
        path = Path(folder, "store.db")
        for turn in range(settings.stops + 1):
            seconds: float | None = settings.latency * dice.uniform(2.5, 3.5)
            if turn == settings.stops:
                sandbox.ask("PUT", "latency", {"seconds": 0.0, "jitter_seconds": 0.0})
                sandbox.ask("PUT", "limits", {"requests": PLENTY})
                seconds = None
            with Client("bench_slow", sandbox.spec(path=str(path), seconds=seconds, include=())) as process:
                found = process.result(120)
            read.append(found["contacts"])
        rows, ids = count_ids(path)
        true = {each["contact"]["id"] for each in sandbox.truth()}
        refused = sandbox.refused()
    report.note(
        f"{contacts} contacts, stopped {settings.stops} times: read {', '.join(map(str, read))}; the last run ended"
        f" so: {found['reason']}, {found['message']}; {refused} replies 429"
    )
    ended_well = found["reason"] == "finished" and found["found"] == found["total"] == contacts
    report.bar("stopped runs: not finished", int(not ended_well), at_most=0, always=True)
    report.bar("stopped runs: contacts missing or too much", len(true ^ ids), at_most=0, always=True)
    report.bar(
        "stopped runs: contacts stored or read twice", rows - len(ids) + sum(read) - len(ids), at_most=0, always=True
    )
    report.bar(
        "stopped runs: parts in which the work was done", sum(count > 0 for count in read), at_least=settings.stops
    )


if __name__ == "__main__":
    sys.exit(run("bench_slow", __doc__, OPTIONS, measure, client))

"""How long an interactive call waits for its place beside a fan-out at full speed.

About one interactive call a second; its wait is what the client's own event says (no event: it did not wait), since no
server can see it. The quota used by both lanes is counted by the server. The first window is left out.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from argparse import Namespace
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

from ghl_async.hooks import Event, QuotaWaited

from ._harness import Client, Option, Report, Sandbox, connect, fan_out, percentile, run, spans

OPTIONS = (
    Option("interval", "length of the window in seconds, W", 10.0, 0.8),
    Option("requests_per_interval", "what the server grants, N", 100, 100),
    Option("windows", "windows after the first", 14, 4),
    Option("every", "interactive calls come about every so many tenths of W", 1.0, 1.0),
    Option("round_trip", "mean round trip as a share of W", 0.01, 0.01),
    Option("kinds", "how the server counts", "fixed,sliding,bucket", "fixed,sliding,bucket"),
)
WORKERS = 32
WAIT_SECONDS = 0.050
USED = 0.95

_waited: ContextVar[list[float]] = ContextVar("waited")


def _watch(event: Event) -> None:
    if isinstance(event, QuotaWaited) and event.lane == "interactive":
        _waited.get().append(event.seconds)


async def client(spec: dict[str, Any]) -> list[float]:
    """Fill the bulk lane and call now and then; return the wait of each interactive call behind the first window."""
    waits: list[float] = []
    began = time.monotonic()

    async def call(contact_id: str) -> None:
        at = time.monotonic()
        mine: list[float] = []
        _waited.set(mine)
        await ghl.contacts.get(contact_id)
        if at > began + spec["interval"]:
            waits.append(sum(mine))

    async def now_and_then() -> None:
        async with asyncio.TaskGroup() as calls:
            while time.monotonic() < began + spec["seconds"]:
                # Not in step with the window, or each run would see only a few of its moments.
                await asyncio.sleep(spec["every"] * random.uniform(0.5, 1.5))
                calls.create_task(call(random.choice(spec["ids"])))

    async with connect(spec, _watch) as ghl:
        _waited.set([])
        filling = fan_out(ghl.background.contacts.get, spec["ids"], workers=WORKERS, seconds=spec["seconds"])
        await asyncio.gather(filling, now_and_then())
    return waits


def measure(settings: Namespace, report: Report) -> None:
    """Run all kinds of server side by side and judge each."""
    interval, granted, trip = settings.interval, settings.requests_per_interval, settings.round_trip * settings.interval
    seconds = (settings.windows + 1.2) * interval
    with ExitStack() as stack:
        running = {}
        for kind in settings.kinds.split(","):
            sandbox = stack.enter_context(
                Sandbox(
                    contacts=100,
                    kind=kind,
                    requests=granted,
                    interval_seconds=interval,
                    latency_seconds=trip,
                    jitter_seconds=trip / 2,
                )
            )
            spec = sandbox.spec(
                ids=sandbox.ids(100), interval=interval, every=settings.every * interval / 10, seconds=seconds
            )
            running[kind] = sandbox, stack.enter_context(Client("bench_lanes", spec))
        for kind, (sandbox, process) in running.items():
            _judge(settings, report, kind, sandbox, process.result(60 + 2 * seconds))


def _judge(settings: Namespace, report: Report, kind: str, sandbox: Sandbox, waits: list[float]) -> None:
    interval, granted = settings.interval, settings.requests_per_interval
    log = sandbox.log()
    times = [entry["at"] for entry in log if entry["admitted"]]
    steady = spans(times, times[0] + interval, interval)
    report.figure(f"{kind}: wait of an interactive call", [wait * 1000 for wait in waits], "ms")
    report.figure(f"{kind}: share of the quota used by both lanes, by windows", [each / granted for each in steady])
    report.bar(f"{kind}: p99 of that wait in seconds", percentile(waits, 0.99), at_most=WAIT_SECONDS)
    report.bar(f"{kind}: share of the quota used", sum(steady) / len(steady) / granted, at_least=USED)
    report.bar(f"{kind}: replies 429", sandbox.refused(), at_most=0)


if __name__ == "__main__":
    sys.exit(run("bench_lanes", __doc__, OPTIONS, measure, client))

"""How much of the quota a steady fan-out uses, for each way a server may count.

One client process a server kind, the kinds side by side (they mostly wait). Bulk lane alone, the first window left out.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import ExitStack
from typing import Any

from ._harness import Client, Option, Report, Sandbox, connect, fan_out, run
from ._quota import USED, RoundTrip, judge

OPTIONS = (
    Option("interval", "length of the window in seconds, W", 10.0, 0.5),
    Option("requests_per_interval", "what the server grants, N", 100, 50),
    Option("steady", "requests after the first window", 3000, 250),
    Option("round_trip", "mean round trip as a share of W", 0.01, 0.01),
    Option("jitter", "how much the round trip varies, as a share of itself", 0.5, 0.5),
    Option("workers", "calls that wait side by side", 16, 16),
    Option("kinds", "how the server counts", "fixed,sliding,bucket", "fixed,sliding,bucket"),
)


async def client(spec: dict[str, Any]) -> dict[str, float]:
    """Make the calls and say how long the mean round trip was."""
    trip = RoundTrip()
    async with connect(spec, trip) as ghl:
        await fan_out(ghl.background.contacts.get, spec["ids"], workers=spec["workers"], calls=spec["calls"])
    return {"round_trip": trip.mean}


def measure(settings: Namespace, report: Report) -> None:
    """Run all kinds side by side and judge each."""
    interval, granted = settings.interval, settings.requests_per_interval
    calls = settings.steady + granted
    trip = settings.round_trip * interval
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
                    jitter_seconds=trip * settings.jitter,
                )
            )
            spec = sandbox.spec(ids=sandbox.ids(100), workers=settings.workers, calls=calls)
            running[kind] = sandbox, stack.enter_context(Client("bench_quota", spec))
        for kind, (sandbox, process) in running.items():
            measured = process.result(60 + 3 * calls / granted * interval)["round_trip"]
            _judge(settings, report, kind, sandbox, measured)


def _judge(settings: Namespace, report: Report, kind: str, sandbox: Sandbox, measured: float) -> None:
    interval = settings.interval
    judge(report, kind, sandbox, interval=interval, granted=settings.requests_per_interval, round_trip=measured)
    nominal = settings.round_trip * interval
    report.note(
        f"{kind}: a round trip of {nominal * 1000:.1f} ms was asked of the server, which makes the bar"
        f" {USED * interval / (interval + nominal):.4f}"
    )


if __name__ == "__main__":
    sys.exit(run("bench_quota", __doc__, OPTIONS, measure, client))

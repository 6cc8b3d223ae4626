"""Limits that nobody told the client: a small one from the start, with and without headers, and changes under way.

Each scenario has a server and a client of its own; all run side by side. The client calls at full speed in the bulk
lane and starts with a burst of interactive calls, before it can know anything.
"""

from __future__ import annotations

import asyncio
import random
import sys
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from ._harness import Client, Option, Report, Sandbox, connect, fan_out, play, run

OPTIONS = (
    Option("interval", "length of the window in seconds, W", 10.0, 0.8),
    Option("runs", "runs of each scenario, side by side", 3, 1),
    Option("windows", "windows between two changes, and behind the last", 2.5, 2.0),
    Option("burst", "interactive calls at the start", 40, 40),
    Option("round_trip", "mean round trip as a share of W: what is under way meets the new limit", 0.001, 0.001),
    Option("seed", "of the moments of change", 1, 1),
)
WORKERS = 16


@dataclass(frozen=True)
class Scenario:
    """What the server grants in turn, and how many 429 that may cost."""

    name: str
    granted: tuple[int, ...]
    headers: bool
    may_refuse: int


SCENARIOS = (
    Scenario("25 from the start, in the headers", (25,), headers=True, may_refuse=0),
    Scenario("25 from the start, no headers", (25,), headers=False, may_refuse=0),
    Scenario("100, then 25", (100, 25), headers=True, may_refuse=1),
    Scenario("100, then 25, then 100, then 40", (100, 25, 100, 40), headers=True, may_refuse=2),
)


async def client(spec: dict[str, Any]) -> int:
    """Call in both lanes until the time is over; return how many bulk calls were answered."""
    ids = spec["ids"]
    async with connect(spec) as ghl:
        burst = [asyncio.create_task(ghl.contacts.get(each)) for each in ids[: spec["burst"]]]
        made = await fan_out(ghl.background.contacts.get, ids, workers=WORKERS, seconds=spec["seconds"])
        for task in burst:
            task.cancel()
        await asyncio.gather(*burst, return_exceptions=True)
    return made


def measure(settings: Namespace, report: Report) -> None:
    """Run all scenarios side by side, change the limits at random moments of a window, and judge."""
    dice = random.Random(settings.seed)
    interval, trip = settings.interval, settings.round_trip * settings.interval
    longest = max(len(scenario.granted) for scenario in SCENARIOS) * (settings.windows + 1) * interval
    with ExitStack() as stack:
        sandboxes = [
            (scenario, stack.enter_context(_sandbox(scenario, interval, trip)))
            for scenario in SCENARIOS
            for _ in range(settings.runs)
        ]
        events, running = [], []
        for scenario, sandbox in sandboxes:
            at = 0.0
            for granted in scenario.granted[1:]:
                at += interval * (settings.windows + dice.random())
                events.append((at, partial(sandbox.ask, "PUT", "limits", {"requests": granted})))
            seconds = at + interval * settings.windows
            spec = sandbox.spec(ids=sandbox.ids(100), burst=settings.burst, seconds=seconds)
            running.append(stack.enter_context(Client("bench_limits", spec)))
        play(events)
        for process in running:
            process.result(60 + longest)
        for scenario in SCENARIOS:
            _judge(report, scenario, [sandbox for each, sandbox in sandboxes if each is scenario])


def _sandbox(scenario: Scenario, interval: float, trip: float) -> Sandbox:
    return Sandbox(
        contacts=100,
        requests=scenario.granted[0],
        interval_seconds=interval,
        latency_seconds=trip,
        jitter_seconds=trip / 2,
        **({} if scenario.headers else {"no_headers": None}),
    )


def _judge(report: Report, scenario: Scenario, sandboxes: list[Sandbox]) -> None:
    refused = [sandbox.refused() for sandbox in sandboxes]
    requests = [sandbox.ask("GET", "counts")["requests"] for sandbox in sandboxes]
    report.figure(f"{scenario.name}: requests", requests)
    report.figure(f"{scenario.name}: replies 429", refused)
    report.bar(f"{scenario.name}: replies 429 in the worst run", max(refused), at_most=scenario.may_refuse)


if __name__ == "__main__":
    sys.exit(run("bench_limits", __doc__, OPTIONS, measure, client))

"""Several processes on one location: killed ones that start again at once, and two side by side.

Killed: SIGKILL at random moments, then a new process without any memory of the old one. Side by side: the second
starts later, and both fill the bulk lane. Several servers at a time, each with clients of its own.
"""

from __future__ import annotations

import random
import sys
from argparse import Namespace
from contextlib import ExitStack
from functools import partial
from typing import Any

from ._harness import Client, Option, Report, Sandbox, connect, fan_out, play, run, spans

OPTIONS = (
    Option("interval", "length of the window in seconds, W", 10.0, 0.8),
    Option("requests_per_interval", "what the server grants, N", 100, 50),
    Option("kills", "how often each client is killed", 6, 2),
    Option("windows", "windows that two processes share", 18, 5),
    Option("round_trip", "mean round trip as a share of W", 0.01, 0.01),
    Option("killed_kinds", "servers whose client is killed", "fixed,fixed,sliding,bucket", "fixed,sliding"),
    Option("shared_kinds", "servers that two processes share", "fixed,fixed", "fixed"),
    Option("seed", "of the moments", 1, 1),
)
WORKERS = 16
USED = 0.90
REFUSED = 0.01


async def client(spec: dict[str, Any]) -> int:
    """Fill the bulk lane for a while."""
    async with connect(spec) as ghl:
        return await fan_out(ghl.background.contacts.get, spec["ids"], workers=WORKERS, seconds=spec["seconds"])


def _sandbox(settings: Namespace, kind: str) -> Sandbox:
    trip = settings.round_trip * settings.interval
    return Sandbox(
        contacts=100,
        kind=kind,
        requests=settings.requests_per_interval,
        interval_seconds=settings.interval,
        latency_seconds=trip,
        jitter_seconds=trip / 2,
    )


class _Restarted:
    """A server whose one client is killed and started again."""

    def __init__(self, stack: ExitStack, sandbox: Sandbox, seconds: float) -> None:
        self.sandbox = sandbox
        self._stack = stack
        self._spec = sandbox.spec(ids=sandbox.ids(100), seconds=seconds)
        self._client: Client | None = None

    def restart(self) -> None:
        """Kill, and start the next one at once."""
        self.end()
        self._client = self._stack.enter_context(Client("bench_processes", self._spec))

    def end(self) -> None:
        """Kill."""
        if self._client is not None:
            self._client.kill()


def measure(settings: Namespace, report: Report) -> None:
    """Do the one, then the other."""
    dice = random.Random(settings.seed)
    _kill(settings, report, dice)
    _share(settings, report, dice)


def _kill(settings: Namespace, report: Report, dice: random.Random) -> None:
    kinds = settings.killed_kinds.split(",")
    with ExitStack() as stack:
        events, restarted = [], []
        for kind in kinds:
            sandbox = stack.enter_context(_sandbox(settings, kind))
            place = _Restarted(stack, sandbox, settings.kills * settings.interval * 3)
            restarted.append(place)
            at = 0.0
            for _ in range(settings.kills + 1):
                events.append((at, place.restart))
                at += settings.interval * dice.uniform(0.4, 2.2)
            events.append((at, place.end))
        play(events)
        counts = [place.sandbox.ask("GET", "counts") for place in restarted]
        refused = [place.sandbox.refused() for place in restarted]
    used = [
        each["requests"] / settings.requests_per_interval * settings.interval / (each["last_at"] - each["first_at"])
        for each in counts
    ]
    report.note(f"killed {settings.kills} times each: {', '.join(kinds)}: {refused} replies 429")
    report.figure("killed: share of the quota used, restarts included", used)
    report.figure("killed: replies 429", refused)
    report.bar("killed: replies 429, all runs", sum(refused), at_most=0)


def _share(settings: Namespace, report: Report, dice: random.Random) -> None:
    interval, kinds = settings.interval, settings.shared_kinds.split(",")
    seconds = settings.windows * interval
    with ExitStack() as stack:
        events: list[tuple[float, Any]] = []
        processes: list[Client] = []
        sandboxes = [stack.enter_context(_sandbox(settings, kind)) for kind in kinds]
        for sandbox in sandboxes:
            later = interval * dice.uniform(0.2, 1.2)
            for at, left in ((0.0, seconds + later), (later, seconds)):
                spec = sandbox.spec(ids=sandbox.ids(100), seconds=left)
                events.append((at, partial(_start, stack, processes, spec)))
        play(events)
        for process in processes:
            process.result(60 + 2 * seconds)
        for kind, sandbox in zip(kinds, sandboxes, strict=True):
            _judge(settings, report, kind, sandbox)


def _start(stack: ExitStack, processes: list[Client], spec: dict[str, Any]) -> None:
    processes.append(stack.enter_context(Client("bench_processes", spec)))


def _judge(settings: Namespace, report: Report, kind: str, sandbox: Sandbox) -> None:
    interval, granted = settings.interval, settings.requests_per_interval
    log = sandbox.log()
    # Both run from the second window on at the latest; behind it the sharing has to work.
    start = log[0]["at"] + 2 * interval
    shares = [each / granted for each in spans([entry["at"] for entry in log if entry["admitted"]], start, interval)]
    refused = sandbox.refused()
    report.figure(f"two processes, {kind}: share of the quota used together, by windows", shares)
    report.bar(f"two processes, {kind}: share used together", sum(shares) / len(shares), at_least=USED)
    report.note(f"two processes, {kind}: {refused} of {len(log)} replies 429")
    report.bar(f"two processes, {kind}: share of replies 429", refused / len(log), at_most=REFUSED)


if __name__ == "__main__":
    sys.exit(run("bench_processes", __doc__, OPTIONS, measure, client))

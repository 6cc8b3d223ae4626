"""Whether bulk writes that meet lost answers, 5xx, bursts of 429 and SIGKILL are each done once, and say so.

All kinds of bulk writes go side by side in one process, each with its ledger; the process is killed again and again and
started anew with the same inputs, until it comes to its end. Then the ledgers are held against the plan and against the
server's records: what a ledger calls done and is not there is lost, what is there more often than a ledger says is
doubled. Left unknown may be what no read can decide: a contact without e-mail and phone. One run more must then send
nothing but what is unknown still. Apart from that, one tag is added to many contacts.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from ghl_async import GHLClient, bulk
from ghl_async.models import ContactChanges, ContactDraft, NoteDraft, TaskDraft

from ._harness import BenchmarkFailed, Client, Option, Report, Sandbox, connect, run
from ._rewrites import OPERATIONS, TAG, Judge, plan

OPTIONS = (
    Option("writes", "inputs in all", 10_000, 500),
    Option("kills", "how often the process is killed", 5, 1),
    Option("lost", "share of the writes whose answer is lost after they were applied", 0.05, 0.05),
    Option("errors", "share of the requests that are answered 5xx, and not applied", 0.02, 0.02),
    Option("errors_of_posts", "most of them that strike a POST: a create that failed costs 7 s of looking", 10**9, 1),
    Option("bursts", "bursts of 429", 12, 1),
    Option("burst", "requests in a row that a burst refuses", 20, 10),
    Option("contacts", "contacts that were there before", 4000, 300),
    Option("index_lag_seconds", "how long the contact search misses a new contact", 1.0, 0.3),
    Option("requests_per_interval", "what the server grants, N", 400, 400),
    Option("interval", "length of the window in seconds, W", 0.25, 0.25),
    Option("tagged", "contacts that get one tag", 10_000, 2000),
    Option("seed", "of the writes and the moments", 1, 1),
)
PLENTY = 1_000_000_000
TIMEOUT_SECONDS = 600.0
METHODS = ("POST", "PUT", "DELETE")
SHOWN = 20
MOST_REQUESTS = 25
"""For one tag added to 10,000 contacts."""


def _task(sent: dict[str, str]) -> TaskDraft:
    return TaskDraft(title=sent["title"], due_date=datetime.fromisoformat(sent["due_date"]))


INPUTS: dict[str, Callable[[Any], Any]] = {
    "create": lambda sent: ContactDraft(**sent),
    "upsert": lambda sent: ContactDraft(**sent),
    "update": lambda sent: (sent[0], ContactChanges(**sent[1])),
    "create_tasks": lambda sent: (sent[0], _task(sent[1])),
    "create_notes": lambda sent: (sent[0], NoteDraft(**sent[1])),
}


async def client(spec: dict[str, Any]) -> dict[str, Any]:
    """Do what is planned, all operations at once; return how each ended."""
    folder = Path(spec["folder"])
    planned = _planned(folder)
    async with connect(spec) as ghl:
        if spec.get("only") == "tag":
            summary = await bulk.tag(ghl, planned, add=[TAG])
            return {"tag": [summary.reason, msgspec.structs.asdict(summary.written or bulk.Written())]}
        summaries = await asyncio.gather(*(_run(ghl, name, planned[name], folder) for name in OPERATIONS))
    return {
        name: [summary.reason, msgspec.structs.asdict(summary.written or bulk.Written())]
        for name, summary in zip(OPERATIONS, summaries, strict=True)
    }


def _planned(folder: Path) -> Any:
    return msgspec.json.decode((folder / "plan").read_bytes())


def _run(ghl: GHLClient, name: str, planned: list[Any], folder: Path) -> bulk.Run[bulk.Outcome]:
    options: dict[str, Any] = {"ledger": folder / f"{name}.ledger"}
    if name == "tag":
        options["add"] = [TAG]
    if name == "upsert":
        options["check"] = False
    write: Callable[..., bulk.Run[bulk.Outcome]] = getattr(bulk, name)
    return write(ghl, map(INPUTS.get(name, _as_it_is), planned), **options)


def _as_it_is(sent: Any) -> Any:
    return sent


def measure(settings: Namespace, report: Report) -> None:
    """Write and kill, and compare; then tag."""
    with tempfile.TemporaryDirectory() as folder:
        _rewrite(settings, report, Path(folder))
        _tag(settings, report, Path(folder))


def _rewrite(settings: Namespace, report: Report, folder: Path) -> None:
    with Sandbox(
        contacts=settings.contacts,
        lost=0.0,
        index_lag_seconds=settings.index_lag_seconds,
        requests=settings.requests_per_interval,
        interval_seconds=settings.interval,
        daily=PLENTY,
    ) as sandbox:
        before = sandbox.truth()
        planned = plan(settings.seed, settings.writes, before)
        (folder / "plan").write_bytes(msgspec.json.encode(planned))
        _break(settings, sandbox)
        struck = _killed(settings, sandbox, folder)
        with Client("bench_rewrites", sandbox.spec(folder=str(folder))) as process:
            ended = process.result(TIMEOUT_SECONDS)
        sandbox.ask("DELETE", "faults")
        judge = Judge(planned, before)
        judge.compare(folder, sandbox.truth())
        log = sandbox.log()
        with Client("bench_rewrites", sandbox.spec(folder=str(folder))) as process:
            again = process.result(TIMEOUT_SECONDS)
    _tell(report, log, ended, struck)
    _judge(report, judge, planned, struck, settings)
    sent_again = sum(counts["ok"] - counts["earlier"] for _, counts in again.values())
    report.bar("writes of a run more, beside those that were unknown", max(0, sent_again - judge.outcomes["unknown"]),
               at_most=0, always=True)  # fmt: skip


def _killed(settings: Namespace, sandbox: Sandbox, folder: Path) -> int:
    """Start it and kill it, at moments that are spread over the requests that all of it takes; return how often."""
    dice, struck = random.Random(settings.seed), 0
    for number in range(settings.kills):
        at = settings.writes * (number + dice.random()) / settings.kills
        with Client("bench_rewrites", sandbox.spec(folder=str(folder))) as process:
            give_up = time.monotonic() + TIMEOUT_SECONDS
            while sandbox.ask("GET", "counts")["requests"] < at and process.is_alive:
                if time.monotonic() > give_up:
                    raise BenchmarkFailed("the client makes no progress")
                time.sleep(0.005)
            struck += process.kill()
    return struck


def _break(settings: Namespace, sandbox: Sandbox) -> None:
    """Script the faults. Of those that match the first one strikes, so the rare ones come first."""
    for number in range(settings.bursts):
        after = (number + 1) * settings.writes // (settings.bursts + 1)
        sandbox.ask("POST", "faults", {"kind": "too_many_requests", "after": after, "times": settings.burst})
    for method in (*METHODS, "GET"):
        kind = "server_error" if method in {"POST", "DELETE"} else "edge_error"
        most = settings.errors_of_posts if method == "POST" else PLENTY
        sandbox.ask("POST", "faults", {"kind": kind, "method": method, "rate": settings.errors, "times": most})
    for method in METHODS:
        for headers in (True, False):
            fault = {"kind": "cut_after", "method": method, "rate": settings.lost / 2, "headers": headers}
            sandbox.ask("POST", "faults", fault)


def _tell(report: Report, log: list[dict[str, Any]], ended: dict[str, Any], struck: int) -> None:
    refused = sum(entry["status"] == HTTPStatus.TOO_MANY_REQUESTS and entry["fault"] is None for entry in log)
    report.note(f"{len(log)} requests in {log[-1]['at'] - log[0]['at']:.0f} s, killed {struck} times")
    report.note(f"requests over the quota, beside those that a burst refused: {refused}")
    for name, (reason, counts) in ended.items():
        if reason != "finished":
            report.note(f"{name} ended {reason}: {counts}")
    writes = [entry for entry in log if entry["method"] in METHODS and not entry["path"].endswith("/search")]
    lost = sum(entry["fault"] == "cut_after" for entry in writes)
    report.bar("share of the writes whose answer was lost", lost / len(writes), at_least=0.04)


def _judge(report: Report, judge: Judge, planned: dict[str, list[Any]], struck: int, settings: Namespace) -> None:
    inputs = sum(map(len, planned.values()))
    report.note(f"{inputs} inputs: " + ", ".join(f"{state} {count}" for state, count in judge.outcomes.most_common()))
    left = {name: count for name, count in judge.unknown.items() if count}
    report.note(f"unknown: {left or 'none'}")
    for reason, count in judge.reasons.most_common(SHOWN):
        report.note(f"{count} for: {reason}")
    for what, lines in (("lost", judge.lost), ("doubled", judge.doubled), ("other", judge.other)):
        for line in lines[:SHOWN]:
            report.note(f"{what}: {line}")
    report.bar("kills that struck a run", struck, at_least=settings.kills)
    report.bar("inputs accounted for", sum(judge.outcomes.values()), at_least=inputs, always=True)
    report.bar("writes doubled", len(judge.doubled), at_most=0, always=True)
    report.bar("writes lost", len(judge.lost), at_most=0, always=True)
    report.bar("other differences between ledgers and records", len(judge.other), at_most=0, always=True)
    report.bar("outcomes left unknown though a read can decide", judge.undecided, at_most=0, always=True)


def _tag(settings: Namespace, report: Report, folder: Path) -> None:
    options = {"contacts": settings.tagged, "tasks": 0, "notes": 0, "appointments": 0}
    with Sandbox(requests=PLENTY, interval_seconds=1, daily=PLENTY, **options) as sandbox:
        (folder / "plan").write_bytes(msgspec.json.encode([each["contact"]["id"] for each in sandbox.truth()]))
        with Client("bench_rewrites", sandbox.spec(folder=str(folder), only="tag")) as process:
            _, counts = process.result(TIMEOUT_SECONDS)["tag"]
        requests = sandbox.ask("GET", "counts")["requests"]
        tagged = sum(TAG in each["contact"]["tags"] for each in sandbox.truth())
    report.bar("contacts that have the tag", tagged, at_least=settings.tagged, always=True)
    report.bar("contacts that the run calls done", counts["ok"], at_least=settings.tagged, always=True)
    report.bar("requests for it", requests, at_most=MOST_REQUESTS, always=True)


if __name__ == "__main__":
    sys.exit(run("bench_rewrites", __doc__, OPTIONS, measure, client))

"""Whether random writes that meet lost answers, 5xx and bursts of 429 are each done once, and say so.

Many workers at once create, change and delete contacts, tags, tasks, notes and appointments through the public client,
which knows nothing of the faults. What every call said goes into a plain model, and the model is held against the
server's records: a record that the model knows and the server has not is lost, one that only the server has is doubled,
unless a call left its outcome unknown. That may be so only where no read can decide: a contact without e-mail and
phone, a task that was made with `look_first=False`, to which an equal one is found.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from itertools import starmap
from typing import Any, TypeAlias

from ghl_async import GHLClient
from ghl_async.errors import DuplicateContact, GHLError
from ghl_async.models import (
    AppointmentChanges,
    AppointmentDraft,
    ContactChanges,
    ContactDraft,
    NoteChanges,
    NoteDraft,
    TaskChanges,
    TaskDraft,
    Upserted,
)

from ._harness import Client, Option, Report, Sandbox, connect, run
from ._writes import DONE, DUPLICATE, SKIPPED, UNKNOWN, Differences, Model, Outcome, Step, plan

OPTIONS = (
    Option("writes", "creates, updates and deletes", 10_000, 600),
    Option("workers", "how many are under way at once", 200, 100),
    Option("lost", "share of the writes whose answer is lost after they were applied", 0.05, 0.05),
    Option("errors", "share of the requests that are answered 5xx, and not applied", 0.02, 0.02),
    Option("errors_of_posts", "most of them that strike a POST: a create that failed costs 7 s of looking", 10**9, 1),
    Option("bursts", "bursts of 429", 12, 2),
    Option("burst", "requests in a row that a burst refuses", 20, 10),
    Option("contacts", "contacts that were there before", 200, 100),
    Option("index_lag_seconds", "how long the contact search misses a new contact", 1.0, 0.5),
    Option("requests_per_interval", "what the server grants, N", 400, 400),
    Option("interval", "length of the window in seconds, W", 0.25, 0.25),
    Option("seed", "of the writes", 1, 1),
)
PLENTY = 1_000_000_000
TIMEOUT_SECONDS = 600.0
METHODS = ("POST", "PUT", "DELETE")
SHOWN = 20

Call: TypeAlias = Callable[[GHLClient, list[str], dict[str, Any]], Awaitable[Any]]


def _task(ghl: GHLClient, on: list[str], sent: dict[str, Any]) -> Awaitable[Any]:
    look_first = sent.pop("look_first", True)
    return ghl.tasks.create(on[0], TaskDraft(**sent), look_first=look_first)


CALLS: dict[str, Call] = {
    "contacts.create": lambda ghl, _, sent: ghl.contacts.create(ContactDraft(**sent)),
    "contacts.upsert": lambda ghl, _, sent: ghl.contacts.upsert(ContactDraft(**sent)),
    "contacts.update": lambda ghl, on, sent: ghl.contacts.update(on[0], ContactChanges(**sent), replace_tags=True),
    "contacts.delete": lambda ghl, on, _: ghl.contacts.delete(on[0]),
    "tags.add": lambda ghl, on, sent: ghl.tags.add(on[0], sent["tags"]),
    "tags.remove": lambda ghl, on, sent: ghl.tags.remove(on[0], sent["tags"]),
    "tasks.create": _task,
    "tasks.update": lambda ghl, on, sent: ghl.tasks.update(on[0], on[1], TaskChanges(**sent)),
    "tasks.complete": lambda ghl, on, _: ghl.tasks.complete(on[0], on[1]),
    "tasks.reopen": lambda ghl, on, _: ghl.tasks.reopen(on[0], on[1]),
    "tasks.delete": lambda ghl, on, _: ghl.tasks.delete(on[0], on[1]),
    "notes.create": lambda ghl, on, sent: ghl.notes.create(on[0], NoteDraft(**sent)),
    "notes.update": lambda ghl, on, sent: ghl.notes.update(on[0], on[1], NoteChanges(**sent)),
    "notes.delete": lambda ghl, on, _: ghl.notes.delete(on[0], on[1]),
    "appointments.create": lambda ghl, on, sent: ghl.appointments.create(AppointmentDraft(contact_id=on[0], **sent)),
    "appointments.update": lambda ghl, on, sent: ghl.appointments.update(on[1], AppointmentChanges(**sent)),
    "appointments.delete": lambda ghl, on, _: ghl.appointments.delete(on[1]),
}


async def client(spec: dict[str, Any]) -> list[list[list[Outcome]]]:
    """Do what is planned, all workers at once; return by worker and step what became of its calls."""
    async with connect(spec) as ghl:
        working = (_work(ghl, spec["calendars"], steps) for steps in starmap(plan, spec["plans"]))
        return await asyncio.gather(*working)


async def _work(ghl: GHLClient, calendars: list[str], steps: list[Step]) -> list[list[Outcome]]:
    ids: dict[int, str] = {}
    said: list[list[Outcome]] = []
    for step in steps:
        if any(slot not in ids for slot in step.on):
            said.append([(SKIPPED, None)] * step.calls)  # what it is about was left unknown
            continue
        on = [ids[slot] for slot in step.on]
        ended = await asyncio.gather(*(_once(ghl, calendars, step, on) for _ in range(step.calls)))
        ids.update((slot, id_) for slot, (word, id_) in zip(step.makes, ended, strict=False) if word == DONE)
        said.append(ended)
    return said


async def _once(ghl: GHLClient, calendars: list[str], step: Step, on: list[str]) -> Outcome:
    sent = dict(step.sent)
    for name in ("due_date", "start_time"):
        if name in sent:
            sent[name] = datetime.fromisoformat(sent[name])
    if "calendar" in sent:
        sent["calendar_id"] = calendars[sent.pop("calendar")]
    try:
        result = await CALLS[step.verb](ghl, on, sent)
    except DuplicateContact as duplicate:
        return DUPLICATE, duplicate.contact_id
    except GHLError as error:
        return type(error).__name__, None
    if isinstance(result, Upserted):
        result = result.contact
    return DONE, result.id if step.makes else None


def measure(settings: Namespace, report: Report) -> None:
    """Let the client write, and compare."""
    share, more = divmod(settings.writes, settings.workers)
    plans = [(settings.seed, worker, share + (worker < more)) for worker in range(settings.workers)]
    with Sandbox(
        contacts=settings.contacts,
        lost=0.0,
        index_lag_seconds=settings.index_lag_seconds,
        requests=settings.requests_per_interval,
        interval_seconds=settings.interval,
        daily=PLENTY,
    ) as sandbox:
        before = {each["contact"]["id"]: each for each in sandbox.truth()}
        calendars = sorted({event["calendarId"] for each in before.values() for event in each["events"]})
        _break(settings, sandbox)
        with Client("bench_writes", sandbox.spec(plans=plans, calendars=calendars)) as process:
            outcomes = process.result(TIMEOUT_SECONDS)
        truth = sandbox.truth()
        faults, log = sandbox.ask("GET", "faults")["faults"], sandbox.log()
    model = Model(calendars)
    for planned, ended in zip(starmap(plan, plans), outcomes, strict=True):
        model.replay(planned, ended)
    found = model.compare([each for each in truth if each["contact"]["id"] not in before])
    after = {each["contact"]["id"]: each for each in truth}
    found.other += [f"the contact {id_} was touched" for id_, each in before.items() if after.get(id_) != each]
    _tell(report, log, faults)
    _judge(settings, report, model, found)


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


def _tell(report: Report, log: list[dict[str, Any]], faults: list[dict[str, Any]]) -> None:
    struck: Counter[str] = Counter()
    for fault in faults:
        struck[fault["kind"]] += fault["struck"]
    said = ", ".join(f"{kind} {count}" for kind, count in sorted(struck.items()))
    report.note(f"{len(log)} requests in {log[-1]['at'] - log[0]['at']:.0f} s; faults: {said}")
    refused = sum(entry["status"] == HTTPStatus.TOO_MANY_REQUESTS and entry["fault"] is None for entry in log)
    report.note(f"requests over the quota, beside those that a burst refused: {refused}")
    writes = [entry for entry in log if entry["method"] in METHODS and not entry["path"].endswith("/search")]
    lost = sum(entry["fault"] == "cut_after" for entry in writes)
    report.bar("share of the writes whose answer was lost", lost / len(writes), at_least=0.04)


def _judge(settings: Namespace, report: Report, model: Model, found: Differences) -> None:
    report.note("outcomes: " + ", ".join(f"{word} {count}" for word, count in model.outcomes.most_common()))
    report.note(
        f"of the {model.outcomes[UNKNOWN]} unknown ones {found.unknown_there} are there once,"
        f" {found.unknown_not_there} are not, {found.unknown_gone} went with their contact;"
        f" {model.outcomes[SKIPPED]} calls were about them, and not made"
    )
    for what, lines in (("lost", found.lost), ("doubled", found.doubled), ("other", found.other)):
        for line in lines[:SHOWN]:
            report.note(f"{what}: {line}")
    report.bar("calls accounted for", sum(model.outcomes.values()), at_least=settings.writes, always=True)
    report.bar("records doubled", len(found.doubled), at_most=0, always=True)
    report.bar("records lost", len(found.lost), at_most=0, always=True)
    report.bar("other differences", len(found.other), at_most=0, always=True)
    report.bar("outcomes left unknown though a read can decide", model.undecided, at_most=0, always=True)


if __name__ == "__main__":
    sys.exit(run("bench_writes", __doc__, OPTIONS, measure, client))

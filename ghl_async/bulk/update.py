"""Many writes: any iterable in, one Outcome each out, and a ledger that lets the same call be made again.

    run = bulk.update(ghl, [(contact_id, ContactChanges(city="Bern")), ...], ledger="city.ledger")
    async for outcome in run:
        if outcome.kind != "ok":
            print(outcome.position, outcome.kind, outcome.reason)
    print(run.summary.written)

Inputs are an iterable or an async iterable, which may be endless. They are taken in chunks of 500, or fewer where the
source is slow (an async one lets other tasks run while it waits); a chunk is checked as a whole before its first
write, and an input that is wrong fails alone. Outcomes come as they are done, with the place of their input; writes to
one contact keep their order, others go side by side. All requests go in the bulk lane. `run.stop()`, and leaving the
loop, let what was sent come to its end.

With a `ledger`, the path of a file, the same call with the same input may be made again after any end, SIGKILL too: it
sends what is not confirmed. What was under way when the process died is in doubt; what waited for quota is not. Writes
that may be repeated are; of creates it is looked for by a read, as after a lost answer, and where no read can tell the
outcome is unknown. Where an update or upsert is sent again, those behind it that change the same contact follow again.

A ledger belongs to one operation, location, set of options and input; more inputs may follow behind those that it
knows. One that has failed may be mended in its place; it may not be left out, for all others would stand elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import TypeAlias, TypeVar

import msgspec

from ..client import GHLClient
from ..errors import UsageError
from ..models import (
    BusinessId,
    ContactChanges,
    ContactDraft,
    ContactId,
    NoteDraft,
    NoteId,
    TaskDraft,
    TaskId,
)
from ._child_verbs import Assign, CompleteTask, CreateNote, CreateTask, DeleteNote, DeleteTask, Tag
from ._inputs import checked_source
from ._outcome import Outcome, Written
from ._verbs import Create, Delete, Update, Upsert, Verb, checked_id
from ._writing import Writing
from .ledger import Ledger
from .run import Run, Tally

__all__ = [
    "assign",
    "complete_tasks",
    "create",
    "create_notes",
    "create_tasks",
    "delete",
    "delete_notes",
    "delete_tasks",
    "tag",
    "update",
    "upsert",
]

T = TypeVar("T")
Several: TypeAlias = Iterable[T] | AsyncIterable[T]
Place: TypeAlias = str | os.PathLike[str]


def update(
    ghl: GHLClient,
    changes: Several[tuple[ContactId, ContactChanges]],
    /,
    *,
    replace_tags: bool = False,
    ledger: Place | None = None,
    diff: bool = False,
    dry_run: bool = False,
) -> Run[Outcome]:
    """Change contacts. Items: `Outcome`.

    Args:
        changes: (contact id, changes) each.
        replace_tags: lets `tags` through, which replaces the whole set; `tag` adds and removes single ones.
        ledger: the path of a file; see the module.
        diff: reads first, by the search, and leaves out what is so already. The search is some seconds behind; what
            this run has written before is sent in any case.
        dry_run: sends no write and leaves the ledger as it is: says what would be sent (`planned`), and what it costs
            (`run.summary.written.requests_planned`).

    Raises (from the run):
        StoreMismatch: the ledger is one of another write or another input, or one that failed was left out. Nothing was
            sent of the chunk that differs.
        StoreBusy: another run holds the ledger. StoreFailed: it cannot be written; what it does not know is not sent.
        DailyQuotaExhausted never: the run ends, resumable if there is a ledger.
        Unauthorized, ScopeMissing, ConnectFailed: what would fail for every input; so is whatever says nothing of the
            input itself and comes 25 times in a row.

    Cost: 1 request each; with `diff` 1 for 100, and 1 for each that differs.
    """
    verb = Update(ghl, replace_tags=replace_tags)
    return _run(ghl, verb, changes, ledger=ledger, diff=diff, dry_run=dry_run)


def create(
    ghl: GHLClient, drafts: Several[ContactDraft], /, *, ledger: Place | None = None, dry_run: bool = False
) -> Run[Outcome]:
    """Create contacts. Items: `Outcome`, with the new contact's id; a duplicate is a failure whose error names it.

    A draft without e-mail and phone cannot be looked for: its outcome stays unknown where the answer was lost.

    Args and errors are those of `update`.

    Cost: 1 request each; see `ghl.contacts.create` for lost answers.
    """
    return _run(ghl, Create(ghl), drafts, ledger=ledger, dry_run=dry_run)


def upsert(
    ghl: GHLClient,
    drafts: Several[ContactDraft],
    /,
    *,
    replace_tags: bool = False,
    check: bool = True,
    ledger: Place | None = None,
    dry_run: bool = False,
) -> Run[Outcome]:
    """Create contacts, or change those that the location recognises. Items: `Outcome`, with the contact's id.

    Args:
        replace_tags: as for `update`.
        check: asks first whom e-mail and phone belong to; see `ghl.contacts.upsert`.
        ledger: as for `update`, and so is `dry_run`.

    Cost: 1 request each, and with `check` 1 for the e-mail and 1 for the phone.
    """
    verb = Upsert(ghl, replace_tags=replace_tags, check=check)
    return _run(ghl, verb, drafts, ledger=ledger, dry_run=dry_run)


def delete(
    ghl: GHLClient, contact_ids: Several[ContactId], /, *, ledger: Place | None = None, dry_run: bool = False
) -> Run[Outcome]:
    """Delete contacts, with their tasks, notes and appointments. Items: `Outcome`.

    One that is not there fails, unless a run with the same ledger was deleting it.

    Args and errors are those of `update`.

    Cost: 1 request each.
    """
    return _run(ghl, Delete(ghl), contact_ids, ledger=ledger, dry_run=dry_run)


def tag(
    ghl: GHLClient,
    contact_ids: Several[ContactId],
    /,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    ledger: Place | None = None,
    diff: bool = False,
    dry_run: bool = False,
) -> Run[Outcome]:
    """Add the same tags to contacts, and remove others. Items: `Outcome`.

    Args:
        add: at least one tag here or in `remove`.
        diff: as for `update`. It costs more than it saves, unless the tags must not be touched needlessly.
        ledger: as for `update`, and so is `dry_run`.

    Raises:
        UsageError: no tag at all, or one that is to be added and removed.

    Cost: 1 request for 500 contacts to add, and 1 to remove; more where the server takes fewer at once. With `diff` 1
        more for 100.
    """
    for name, tags in (("add", add), ("remove", remove)):
        is_list = isinstance(tags, Collection) and not isinstance(tags, str | bytes | Mapping)
        if not is_list or not all(isinstance(each, str) and each.strip() for each in tags):
            raise UsageError(f"{name} takes a list of tags, none of them empty")
    if not (add or remove):
        raise UsageError("tag needs tags: add=[...], remove=[...] or both")
    if both := {each.strip().lower() for each in add} & {each.strip().lower() for each in remove}:
        raise UsageError(f"tag cannot both add and remove {', '.join(sorted(both))}")
    verb = Tag(ghl, add=add, remove=remove)
    return _run(ghl, verb, contact_ids, ledger=ledger, diff=diff, dry_run=dry_run)


def assign(
    ghl: GHLClient,
    contact_ids: Several[ContactId],
    business_id: BusinessId | None,
    /,
    *,
    ledger: Place | None = None,
    diff: bool = False,
    dry_run: bool = False,
) -> Run[Outcome]:
    """Let contacts belong to a business, or with None to none. Items: `Outcome`.

    Args and errors are those of `update`.

    Cost: 1 request for 50 contacts; with `diff` 1 more for 100.
    """
    if business_id is not None:
        checked_id(business_id, "business")
    verb = Assign(ghl, business_id=business_id)
    return _run(ghl, verb, contact_ids, ledger=ledger, diff=diff, dry_run=dry_run)


def create_tasks(
    ghl: GHLClient,
    drafts: Several[tuple[ContactId, TaskDraft]],
    /,
    *,
    ledger: Place | None = None,
    dry_run: bool = False,
) -> Run[Outcome]:
    """Create tasks, from (contact id, draft) each. Items: `Outcome`, with the new task's id as `record_id`.

    Args and errors are those of `update`.

    Cost: 2 requests each: tasks carry no date, so the ids of the contact's tasks are read before.
    """
    return _run(ghl, CreateTask(ghl), drafts, ledger=ledger, dry_run=dry_run)


def complete_tasks(
    ghl: GHLClient, tasks: Several[tuple[ContactId, TaskId]], /, *, ledger: Place | None = None, dry_run: bool = False
) -> Run[Outcome]:
    """Mark tasks as done, from (contact id, task id) each. Items: `Outcome`.

    Args and errors are those of `update`.

    Cost: 1 request each.
    """
    return _run(ghl, CompleteTask(ghl), tasks, ledger=ledger, dry_run=dry_run)


def delete_tasks(
    ghl: GHLClient, tasks: Several[tuple[ContactId, TaskId]], /, *, ledger: Place | None = None, dry_run: bool = False
) -> Run[Outcome]:
    """Delete tasks, from (contact id, task id) each. Items: `Outcome`.

    Args and errors are those of `update`.

    Cost: 1 request each.
    """
    return _run(ghl, DeleteTask(ghl), tasks, ledger=ledger, dry_run=dry_run)


def create_notes(
    ghl: GHLClient,
    drafts: Several[tuple[ContactId, NoteDraft]],
    /,
    *,
    ledger: Place | None = None,
    dry_run: bool = False,
) -> Run[Outcome]:
    """Create notes, from (contact id, draft) each. Items: `Outcome`, with the new note's id as `record_id`.

    Args and errors are those of `update`.

    Cost: 1 request each.
    """
    return _run(ghl, CreateNote(ghl), drafts, ledger=ledger, dry_run=dry_run)


def delete_notes(
    ghl: GHLClient, notes: Several[tuple[ContactId, NoteId]], /, *, ledger: Place | None = None, dry_run: bool = False
) -> Run[Outcome]:
    """Delete notes, from (contact id, note id) each. Items: `Outcome`.

    Args and errors are those of `update`.

    Cost: 1 request each.
    """
    return _run(ghl, DeleteNote(ghl), notes, ledger=ledger, dry_run=dry_run)


def _run(
    ghl: GHLClient,
    verb: Verb,
    inputs: Several[T],
    *,
    ledger: Place | None,
    dry_run: bool,
    diff: bool = False,
) -> Run[Outcome]:
    source = checked_source(inputs)
    tally = Tally(ghl, verb.asked)
    tally.written = Written()
    tally.is_resumable = ledger is not None and not dry_run
    options = msgspec.json.encode(verb.options, order="sorted").decode()
    identity = {"operation": verb.operation, "location": ghl.location_id, "options": options}

    async def produce(run: Run[Outcome]) -> AsyncIterator[Outcome]:
        book = None if ledger is None else Ledger(ledger)
        try:
            if book is not None:
                await book.open(identity, create=not dry_run)
            writing = Writing(ghl, verb, book, tally, diff=diff)
            async with aclosing(writing.outcomes(source, run, dry_run=dry_run)) as outcomes:
                async for outcome in outcomes:
                    yield outcome
        finally:
            if book is not None:
                await book.close()
        if not run.stopped:
            written = tally.written or Written()
            again = tally.is_resumable and bool(written.failed or written.unknown)
            run.summary = tally.summary("finished", _in_words(ghl, written, again=again), resumable=again)

    return Run(tally, produce)


def _in_words(ghl: GHLClient, written: Written, *, again: bool) -> str:
    counts = {
        "done": written.ok,
        "so already": written.unchanged,
        "failed": written.failed,
        "unknown": written.unknown,
        "would be sent": written.planned,
    }
    said = ", ".join(f"{count} {words}" for words, count in counts.items() if count) or "there was no input"
    if written.earlier:
        said += f"; {written.earlier} of them in earlier runs"
    if written.planned:
        said += f"; that takes {written.requests_planned} requests{_pace(ghl, written.requests_planned)}"
    return f"{said}; the same call tries what failed or is unknown again" if again else said


def _pace(ghl: GHLClient, requests: int) -> str:
    """How long that takes, where the quota is known."""
    try:
        quota = ghl.quota
    except UsageError:
        return ""
    if not quota.known:
        return ""
    day = f", {requests / quota.daily:.2%} of a day's quota" if quota.daily else ""
    return f", {requests * quota.interval_seconds / quota.requests:.0f} s at the full quota{day}"

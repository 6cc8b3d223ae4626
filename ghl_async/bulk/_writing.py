"""How a bulk write goes: inputs in chunks, checked, compared with the ledger, sent side by side, each told as it ends.

    chunk    read, checked, looked up in the ledger, and with `diff` compared with what the server has
    turns    inputs that touch the same contact are sent one after the other, in their order
    sending  the intention goes to the ledger, the request to the server, the outcome to the ledger and then to the
             caller; a write that an earlier process left in doubt is looked for before it is sent again

Memory is bounded by the inputs that are under way or not yet taken by the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing

from ..client import GHLClient
from ..errors import (
    AuthError,
    ConnectFailed,
    DailyQuotaExhausted,
    DeadlineExceeded,
    DecodeError,
    DuplicateContact,
    Forbidden,
    GHLError,
    NoReply,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ScopeMissing,
    ServerError,
    Unauthorized,
    UsageError,
    WrongLocation,
)
from ..models import Contact, ContactQuery, ItemResult
from ._doubts import sought
from ._inputs import CHUNK, Inputs, chunks, read
from ._outcome import Outcome, OutcomeKind, Written
from ._verbs import Context, Done, Input, Many, Single, Verb
from .ledger import Entry, Intent, Ledger
from .run import Failure, Run, Tally

__all__ = ["Writing"]

AT_ONCE = 64
"""Writes under way, so many at most are in doubt when the process dies."""
BATCHES_AT_ONCE = 4
FIRST_SECONDS = 2.0
"""How long the others wait for the first write: where it is refused, so would they be."""
WAITING = 4 * CHUNK
"""Inputs that were taken and whose outcome was not."""
TOUCHED = 10_000
IDS_A_SEARCH = 100
IN_A_ROW = 25
"""Failures that say nothing of the input itself, one after the other, after which the rest would fail as well."""
_ENDS_THE_WRITES = (AuthError, ConnectFailed, DailyQuotaExhausted, RateLimited, ScopeMissing, Unauthorized)
"""What would go wrong for every input; none of them leaves a create half done."""
MAYBE_DONE = (OutcomeUnknown, NoReply, ServerError, DecodeError, DeadlineExceeded)
"""After these nobody knows whether the server has done it."""


class Writing:
    """One run's work."""

    def __init__(self, ghl: GHLClient, verb: Verb, ledger: Ledger | None, tally: Tally, *, diff: bool) -> None:
        self._ghl = ghl
        self._verb = verb
        self._ledger = ledger
        self._tally = tally
        self._diff = diff
        self._counts = dict.fromkeys(Written.__struct_fields__, 0)
        self._is_dry = False
        self._cost = 0
        self._batch: list[Input] = []
        self._doubts: dict[int, Entry] = {}
        self._last: dict[str, asyncio.Task[None]] = {}
        self._first: asyncio.Task[None] | None = None
        """It shows whether writes are granted at all, and how many contacts one request may name."""
        self._touched: dict[str, None] = {}
        self._sent_again: set[str] = set()
        """What has inputs in common that this run sends although later ones may be done already."""
        self._jobs: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(BATCHES_AT_ONCE if isinstance(verb, Many) else AT_ONCE)
        self._room = asyncio.Semaphore(WAITING)
        self._told: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self._failures_in_a_row = 0
        self._failure: BaseException | None = None
        self._is_ending = False

    async def outcomes(self, source: Inputs, run: Run[Outcome], *, dry_run: bool) -> AsyncGenerator[Outcome, None]:
        """Write, and yield what became of each input as it ends.

        Raises:
            GHLError: what ends the run; behind the outcomes that are there.
        """
        self._is_dry = dry_run
        feeding = asyncio.create_task(self._feed(source))

        def end() -> None:
            self._is_ending = True
            feeding.cancel()

        run.when_stopped(end)
        working = asyncio.create_task(self._until_done(feeding))
        try:
            while (outcome := await self._told.get()) is not None:
                self._room.release()
                yield outcome
        except GeneratorExit:
            end()
            await working  # what was sent comes to its end, and into the ledger
            raise
        finally:
            for task in (feeding, working, *self._jobs):
                task.cancel()
            await asyncio.gather(feeding, working, *self._jobs, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def _until_done(self, feeding: asyncio.Task[None]) -> None:
        await asyncio.wait((feeding,))
        if not feeding.cancelled():
            if (error := feeding.exception()) is not None:
                self._end(error)
        elif not self._is_ending:
            self._end(UsageError("what gives the inputs was cancelled in the middle; what came before it is done"))
        while self._jobs:
            await asyncio.wait(self._jobs)
        self._told.put_nowait(None)

    def _end(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._is_ending = True

    async def _feed(self, source: Inputs) -> None:
        position = 0
        async with aclosing(chunks(source)) as several:
            async for chunk in several:
                inputs = [await read(self._verb, position + place, item) for place, item in enumerate(chunk)]
                position += len(inputs)
                await self._take(inputs)
                if len(chunk) < CHUNK and isinstance(source, AsyncIterable):
                    self._launch()  # who knows when the next one comes
                if self._is_ending:
                    return
        self._launch()

    async def _take(self, inputs: list[Input]) -> None:
        entries = {}
        if self._ledger is not None:
            entries = await self._ledger.recall([(one.position, one.digest) for one in inputs])
        contacts = await self._as_they_are([one for one in inputs if one.fault is None and one.position not in entries])
        settled = []
        for one in inputs:
            if self._is_ending:
                break
            await self._room.acquire()
            entry = entries.get(one.position)
            if (outcome := self._settle(one, entry, contacts)) is None:
                self._touch(one)
                self._start(one, entry)
                continue
            if outcome.earlier or outcome.kind == "planned":
                self._touch(one)
            if outcome.earlier or self._ledger is None or self._is_dry:
                self._tell(outcome)
            else:
                settled.append((outcome, one.digest, None))
        if settled:
            await self._record(settled)

    def _settle(self, one: Input, entry: Entry | None, contacts: dict[str, Contact]) -> Outcome | None:
        """The outcome where it is known without sending."""
        if entry is not None and entry.is_done and not self._is_overtaken(one):
            if entry.state == "unchanged":
                return one.outcome("unchanged", earlier=True)
            return self._done(one, Done(entry.contact_id, entry.record_id, entry.made), earlier=True)
        if one.fault is not None:
            is_in_doubt = entry is not None and entry.is_in_doubt
            said = "an earlier run may have done it, and it cannot be looked for: " if is_in_doubt else ""
            kind: OutcomeKind = "unknown" if is_in_doubt else "failed"
            return one.outcome(kind, reason=f"{said}{one.fault}", error=one.fault)
        contact = None if one.contact_id in self._touched else contacts.get(one.contact_id or "")
        if one.asks_nothing or (contact is not None and self._verb.is_so(one, contact)):
            return one.outcome("unchanged")
        if self._is_dry:
            self._cost += self._verb.cost(one)
            return one.outcome("planned", reason=self._verb.said(one))
        return None

    async def _as_they_are(self, inputs: Sequence[Input]) -> dict[str, Contact]:
        """The contacts of some inputs, as the search shows them; those that it does not show are left out."""
        if not (self._diff and self._verb.can_differ):
            return {}
        ids = [
            *dict.fromkeys(one.contact_id for one in inputs if one.contact_id and one.contact_id not in self._touched)
        ]
        found: dict[str, Contact] = {}
        for start in range(0, len(ids), IDS_A_SEARCH):
            some = ids[start : start + IDS_A_SEARCH]
            missing = set(some)
            async for page in self._ghl.background.contacts.pages(ContactQuery(ids=some), page_size=len(some)):
                found.update((contact.id, contact) for contact in page.items)
                missing -= {contact.id for contact in page.items}
                if not missing:
                    break
        return found

    def _touch(self, one: Input) -> None:
        """Remember what is written: the search shows it late, so it says nothing of this contact any more."""
        if self._diff and one.contact_id is not None:
            self._touched.pop(one.contact_id, None)  # so that it becomes the youngest
            self._touched[one.contact_id] = None
            if len(self._touched) > TOUCHED:
                del self._touched[next(iter(self._touched))]

    def _start(self, one: Input, entry: Entry | None) -> None:
        if entry is not None and entry.is_in_doubt:
            self._doubts[one.position] = entry
        if self._ledger is not None and self._verb.overwrites and one.position < self._ledger.known_to:
            self._sent_again.update(self._verb.keys(one))
        self._batch.append(one)
        if len(self._batch) >= self._verb.batch:
            self._launch()

    def _launch(self) -> None:
        """Let a batch go, behind whatever was to be done before it."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        keys = self._verb.keys(batch[0])
        before = {self._last[key] for key in keys if key in self._last}
        job = asyncio.create_task(self._job(batch, before))
        self._first = self._first or job
        self._jobs.add(job)
        self._last.update(dict.fromkeys(keys, job))

        def forget(done: asyncio.Task[None]) -> None:
            self._jobs.discard(done)
            for key in keys:
                if self._last.get(key) is done:
                    del self._last[key]

        job.add_done_callback(forget)

    async def _job(self, batch: list[Input], before: set[asyncio.Task[None]]) -> None:
        if self._first is not None and self._first is not asyncio.current_task():
            await asyncio.wait((self._first,), timeout=FIRST_SECONDS)
        if before:
            await asyncio.wait(before)
        async with self._places:
            if self._is_ending:
                return
            try:
                if isinstance(self._verb, Many):
                    await self._write_many(self._verb, batch)
                elif isinstance(self._verb, Single):
                    await self._write(self._verb, batch[0])
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run and is raised there
                self._end(error)
            finally:
                for one in batch:
                    self._doubts.pop(one.position, None)

    async def _write(self, verb: Single, one: Input) -> None:
        doubt = self._doubts.get(one.position)
        is_in_doubt = doubt is not None
        try:
            done = None if doubt is None or self._ledger is None else await sought(self._ledger, verb, one, doubt)
            is_in_doubt = False
            if done is None:
                done = await self._sent(verb, one, doubt)
        except _ENDS_THE_WRITES:
            # Of creates these say that nothing was made. The others may be sent again in any case.
            if verb.creates and doubt is None and self._ledger is not None:
                await self._ledger.withdraw(one.position)
            raise
        except GHLError as error:
            if isinstance(error, UsageError) and self._is_closed():
                raise
            await self._failed([one], error, is_in_doubt=is_in_doubt)
        else:
            self._failures_in_a_row = 0
            await self._record([(self._done(one, done), one.digest, done.made)])

    async def _sent(self, verb: Single, one: Input, doubt: Entry | None) -> Done:
        context = Context()
        if self._ledger is not None:
            besides = await self._ledger.made_for(one.contact_id, one.position) if verb.creates else ()
            context = Context(await verb.known(one), besides)
            await self._intend([one], context.known)
        try:
            return await verb.send(one, context)
        except NotFound:
            if verb.removes and doubt is not None:
                return Done(one.contact_id, one.record_id)  # the earlier try has done it
            raise
        except DuplicateContact:
            # The one in the way may be what the earlier try has made, seen late by the searches.
            if verb.creates and doubt is not None and self._ledger is not None:
                late = await sought(self._ledger, verb, one, doubt)
                if late is not None:
                    return late
            raise

    async def _write_many(self, verb: Many, batch: list[Input]) -> None:
        await self._intend(batch, None)
        ids = list(dict.fromkeys(one.contact_id or "" for one in batch))
        try:
            results = {each.contact_id: each for each in await verb.send_many(ids)}
        except _ENDS_THE_WRITES:
            raise
        except GHLError as error:
            await self._failed(batch, error)
            return
        self._failures_in_a_row = 0
        ending = next((each.error for each in results.values() if isinstance(each.error, _ENDS_THE_WRITES)), None)
        outcomes = []
        for one in batch:
            result = results.get(one.contact_id or "")
            if result is not None and result.ok:
                outcome = self._done(one, Done(one.contact_id))
            elif result is None:
                outcome = one.outcome("failed", reason="the answer does not mention it")
            elif ending is not None:
                continue  # it was not sent, or refused whatever it says: the next run sends it
            else:
                outcome = _refused(one, result)
            outcomes.append((outcome, one.digest, None))
        await self._record(outcomes)
        if ending is not None:
            raise ending

    async def _failed(self, batch: list[Input], error: GHLError, *, is_in_doubt: bool = False) -> None:
        kind: OutcomeKind = "unknown" if is_in_doubt or isinstance(error, MAYBE_DONE) else "failed"
        if not (is_in_doubt and isinstance(error, OutcomeUnknown)):  # that no look can tell says nothing of the rest
            says_nothing_of_it = isinstance(error, (Forbidden, *MAYBE_DONE))
            self._failures_in_a_row = self._failures_in_a_row + 1 if says_nothing_of_it else 0
        outcomes = [one.outcome(kind, reason=str(error), error=error) for one in batch]
        await self._record([(outcome, one.digest, None) for outcome, one in zip(outcomes, batch, strict=True)])
        if self._failures_in_a_row < IN_A_ROW:
            return
        if isinstance(error, WrongLocation):
            # Are so many contacts somebody else's, or is the token? The latter refuses this too.
            self._failures_in_a_row = 0
            await self._ghl.background.contacts.search(page_size=1)
            return
        raise error

    def _is_closed(self) -> bool:
        try:
            _ = self._ghl.quota
        except UsageError:
            return True
        return False

    def _is_overtaken(self, one: Input) -> bool:
        """Whether an earlier input of the same contact is sent by this run: then this one has to follow it again."""
        return bool(self._sent_again) and not self._sent_again.isdisjoint(self._verb.keys(one))

    async def _intend(self, batch: list[Input], known: Sequence[str] | None) -> None:
        if self._ledger is not None:
            await self._ledger.intend(
                Intent(one.position, one.digest, one.contact_id, one.record_id, known) for one in batch
            )

    async def _record(self, outcomes: Sequence[tuple[Outcome, bytes, str | None]]) -> None:
        if self._ledger is not None:
            await self._ledger.record(outcomes)
        for outcome, _, _ in outcomes:
            self._tell(outcome)

    def _done(self, one: Input, done: Done, *, earlier: bool = False) -> Outcome:
        return Outcome(
            position=one.position,
            kind="ok",
            contact_id=done.contact_id,
            record_id=done.record_id,
            record=done.record,
            what="removed" if self._verb.removes else "added" if done.made else "changed",
            sent=self._verb.sent(one),
            earlier=earlier,
        )

    def _tell(self, outcome: Outcome) -> None:
        self._counts[outcome.kind] += 1
        self._counts["earlier"] += outcome.earlier
        self._counts["requests_planned"] = self._verb.requests(self._counts["planned"], self._cost)
        self._tally.written = Written(**self._counts)
        if outcome.kind == "failed":
            said = f"input {outcome.position}: {outcome.reason}"
            self._tally.fail(Failure(outcome.contact_id or "", self._verb.operation, said))
        self._told.put_nowait(outcome)


def _refused(one: Input, result: ItemResult) -> Outcome:
    error = result.error if isinstance(result.error, GHLError) else None
    return one.outcome("unknown" if isinstance(error, MAYBE_DONE) else "failed", reason=result.reason, error=error)

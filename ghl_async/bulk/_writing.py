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

from ..client import GHLClient, before_creates
from ..errors import DuplicateContact, GHLError, NotFound, OutcomeUnknown, UsageError, WrongLocation
from ..models import Contact, ItemResult
from ._batches import sent_to_all
from ._doubts import sought
from ._fates import ENDS_THE_WRITES, SAYS_NOTHING_OF_IT, fate
from ._inputs import CHUNK, PATIENCE_SECONDS, Inputs, chunks, read
from ._outcome import Outcome, OutcomeKind, Written
from ._sightings import Sightings
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
IN_A_ROW = 25
"""Failures that say nothing of the input itself, one after the other, after which the rest would fail as well."""


class Writing:
    """One run's work."""

    def __init__(self, ghl: GHLClient, verb: Verb, ledger: Ledger | None, tally: Tally, *, diff: bool) -> None:
        self._ghl = ghl
        self._verb = verb
        self._ledger = ledger
        self._tally = tally
        self._counts = dict.fromkeys(Written.__struct_fields__, 0)
        self._is_dry = False
        self._cost = 0
        self._batch: list[Input] = []
        self._entries: dict[int, Entry] = {}
        """What the ledger says of those that were started."""
        self._last: dict[str, asyncio.Task[None]] = {}
        self._first: asyncio.Task[None] | None = None
        """It shows whether writes are granted at all, and how many contacts one request may name."""
        self._sightings = Sightings(ghl, verb) if diff and verb.can_differ else None
        self._sent_again: set[str] = set()
        """What inputs have in common that are sent again, and did not end before the ledger was last asked."""
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
        later: asyncio.TimerHandle | None = None
        try:
            async with aclosing(chunks(source)) as several:
                async for chunk in several:
                    if later is not None:
                        later.cancel()
                    inputs = [await read(self._verb, position + place, item) for place, item in enumerate(chunk)]
                    position += len(inputs)
                    await self._take(inputs)
                    if isinstance(source, AsyncIterable):  # who knows when the next one comes
                        patience = PATIENCE_SECONDS if len(chunk) == CHUNK else 0.0
                        later = asyncio.get_running_loop().call_later(patience, self._launch)
                    if self._is_ending:
                        return
            self._launch()
        finally:
            if later is not None:
                later.cancel()

    async def _take(self, inputs: list[Input]) -> None:
        entries = {}
        if self._ledger is not None:
            if not self._is_dry:
                self._sent_again.intersection_update(self._last)
            keys = {one.position: self._order_of(one) for one in inputs}
            entries = await self._ledger.recall([(one.position, one.digest) for one in inputs], keys)
        contacts: dict[str, Contact] = {}
        if self._sightings is not None:
            new = [one for one in inputs if one.fault is None and one.position not in entries]
            contacts = await self._sightings.of(new)
        settled = []
        for one in inputs:
            if self._is_ending:
                break
            await self._room.acquire()
            entry = entries.get(one.position)
            if (outcome := self._settle(one, entry, contacts)) is None:
                self._start(one, entry)
                continue
            if self._sightings is not None and (outcome.earlier or outcome.kind == "planned"):
                self._sightings.written(one, entry.at if entry is not None and outcome.earlier else None)
            if outcome.earlier or self._ledger is None or self._is_dry:
                self._tell(outcome)
            else:
                settled.append((outcome, one.digest, None))
        if settled:
            await self._record(settled)

    def _settle(self, one: Input, entry: Entry | None, contacts: dict[str, Contact]) -> Outcome | None:
        """The outcome where it is known without sending."""
        if entry is not None and entry.is_done and not self._may_be_overtaken(one, entry):
            return self._earlier(one, entry)
        if one.fault is not None:
            is_in_doubt = entry is not None and entry.is_in_doubt
            said = "an earlier run may have done it, and it cannot be looked for: " if is_in_doubt else ""
            kind: OutcomeKind = "unknown" if is_in_doubt else "failed"
            return one.outcome(kind, reason=f"{said}{one.fault}", error=one.fault)
        contact = None if self._sightings is None else self._sightings.still(contacts.get(one.contact_id or ""))
        if one.asks_nothing or (contact is not None and self._verb.is_so(one, contact)):
            return one.outcome("unchanged")
        if self._is_dry:
            self._followed_by_others(one)
            self._cost += self._verb.cost(one)
            return one.outcome("planned", reason=self._verb.said(one))
        return None

    def _start(self, one: Input, entry: Entry | None) -> None:
        if entry is not None:
            self._entries[one.position] = entry
        self._followed_by_others(one)
        if self._sightings is not None:
            self._sightings.begin(one)
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
                    self._entries.pop(one.position, None)
                    if self._sightings is not None:
                        self._sightings.end(one)

    async def _write(self, verb: Single, one: Input) -> None:
        entry = self._entries.get(one.position)
        if entry is not None and entry.is_done and self._ledger is not None:
            # It is its turn: now the ledger knows whether one from before it was sent again.
            known = await self._ledger.recall([(one.position, one.digest)], {one.position: self._order_of(one)})
            if not (entry := known[one.position]).is_overtaken:
                self._tell(self._earlier(one, entry))
                return
        doubt = entry if entry is not None and entry.is_in_doubt else None
        is_in_doubt = doubt is not None
        try:
            done = None if doubt is None or self._ledger is None else await sought(self._ledger, verb, one, doubt)
            is_in_doubt = False
            if done is None:
                done = await self._sent(verb, one, doubt)
        except ENDS_THE_WRITES:
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
            besides = await self._ledger.made_for(one.contact_id, one.position) if verb.tells_by_others else ()
            context = Context(await verb.known(one), besides)
        is_noted = False

        async def note() -> None:
            nonlocal is_noted
            if not is_noted:
                await self._intend([one], context.known)
                is_noted = True

        try:
            if not verb.creates:
                await note()
                return await verb.send(one, context)
            with before_creates(note):  # one that only waits for quota is in no doubt
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
        try:
            results, ending = await sent_to_all(verb, [one.contact_id or "" for one in batch])
        except ENDS_THE_WRITES:
            raise
        except GHLError as error:
            await self._failed(batch, error)
            return
        self._failures_in_a_row = 0
        outcomes = []
        for one in batch:
            result = results.get(one.contact_id or "")
            if result is not None and result.ok:
                outcome = self._done(one, Done(one.contact_id))
            elif result is None:
                outcome = one.outcome("failed", reason="the answer does not mention it")
            elif ending is not None and (not result.sent or isinstance(result.error, ENDS_THE_WRITES)):
                continue  # the next run sends it
            else:
                outcome = _refused(one, result)
            outcomes.append((outcome, one.digest, None))
        await self._record(outcomes)
        if ending is not None:
            raise ending

    async def _failed(self, batch: list[Input], error: GHLError, *, is_in_doubt: bool = False) -> None:
        creates = isinstance(self._verb, Single) and self._verb.creates
        kind: OutcomeKind = "unknown" if is_in_doubt else fate(error, creates=creates)
        if not (is_in_doubt and isinstance(error, OutcomeUnknown)):  # that no look can tell says nothing of the rest
            says_nothing = isinstance(error, SAYS_NOTHING_OF_IT)
            self._failures_in_a_row = self._failures_in_a_row + 1 if says_nothing else 0
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

    def _order_of(self, one: Input) -> Sequence[str]:
        """What it has in common with others of which the last one counts."""
        return self._verb.keys(one) if self._verb.overwrites else ()

    def _followed_by_others(self, one: Input) -> None:
        """Take note that it is sent, and that what the ledger knows of those behind it may be out of date."""
        if self._ledger is not None and one.position < self._ledger.known_to:
            self._sent_again.update(self._order_of(one))

    def _may_be_overtaken(self, one: Input, entry: Entry) -> bool:
        """Whether an input from before it was sent again, or is by this run: then it may have to follow again."""
        return entry.is_overtaken or not self._sent_again.isdisjoint(self._order_of(one))

    async def _intend(self, batch: list[Input], known: Sequence[str] | None) -> None:
        if self._ledger is not None:
            await self._ledger.intend(
                Intent(one.position, one.digest, one.contact_id, one.record_id, known, self._order_of(one))
                for one in batch
            )

    async def _record(self, outcomes: Sequence[tuple[Outcome, bytes, str | None]]) -> None:
        if self._ledger is not None:
            await self._ledger.record(outcomes)
        for outcome, _, _ in outcomes:
            self._tell(outcome)

    def _earlier(self, one: Input, entry: Entry) -> Outcome:
        if entry.state == "unchanged":
            return one.outcome("unchanged", earlier=True)
        return self._done(one, Done(entry.contact_id, entry.record_id, entry.made), earlier=True)

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
    return one.outcome(fate(error, creates=False), reason=result.reason, error=error)

"""Keep a store in step with its location, night after night, for a hundredth of the requests of a new copy.

The theory. Nobody promises that a task, a note, a tag or an appointment moves its contact's `dateUpdated`, or tells of
deletions (facts 6.7), so there are three depths:

- *Changes*, by every sync: contacts added or changed since the last one began, an hour of overlap included, since the
  search's index lags and clocks differ. They are read in the order (dateAdded, id), which no change moves, so that
  neither a tie nor a change under way can hide one.
- *A sweep*, once in `sweep_every` and whenever the counts disagree: every contact is compared, and every appointment as
  the calendars show it; the newest notes are looked at from their end. What the search does not show is asked for.
- *Everything*, once in `whole_every`: a pass as a backfill makes it, which alone sees a changed task or old note. It
  is also the cheapest where much differs.

Looking never writes. Whatever differs is read again, with all that belongs to it, announced, and only then committed:
what a run that was killed has announced is announced again by the next one, and nothing is ever kept back. What the
server itself leaves out, or counts and does not show, is believed when two looks at all contacts have found as much: it
is said each time, but brings about no third one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

import msgspec

from ..client import GHLClient
from ..errors import GHLError
from ..models import ContactQuery
from ._confirming import confirmed
from ._copying import Copying
from ._cursors import calls_wanted
from ._depth import SWEEP_EVERY, Depth, Rhythm, behind_a_pass, changed_from, depth_of, is_much, noted_from
from ._doors import ENDS_THE_RUN, TOO_FEW
from ._findings import Change, Changes
from ._frontier import Frontier
from ._gone import Asked, held_among
from ._identity import WHOLE_EVERY, changed_since
from ._newest_notes import NewNote, new_notes
from ._own import Own, OwnWrites
from ._rows import Batch, Checkpoint, ContactRows, Difference, Identity, Kind, Marks, Part, Row
from .fetch import SLOW_SECONDS, ContactBundle, Step, included
from .run import Run, Tally
from .store import Store

__all__ = ["sync"]

ROUNDS = 3
"""Looks of one run: at what moved, and twice at everything, where the counts disagree."""
_PARTS: tuple[Part, ...] = ("contacts", "tasks", "notes", "appointments")


def sync(
    ghl: GHLClient,
    store: Store,
    /,
    *,
    include: Sequence[str] = ("tasks", "notes", "appointments"),
    own: OwnWrites | Iterable[Own] = (),
    sweep_every: timedelta = SWEEP_EVERY,
    whole_every: timedelta = WHOLE_EVERY,
) -> Run[Change]:
    """Bring a store of all contacts up to date. Items: a `Change` for each contact of which something was new.

    A change is handed out before it is in the store: whatever ends the loop, the next run hands it out again unless it
    is stored. A store that is new is filled first: every contact is a change then. An unfinished one is gone on with:
    what is in it already is a change only if it has changed since. Where much differs, everything is read. Appointments
    in calendars that the location does not list any more stay as they were: `verify` finds what has changed of them.

    Args:
        include: any of "tasks", "notes", "appointments", the same as when the store was filled.
        own: what this program wrote itself since the last sync began, and in the hour before that, since the search
            may show it late: the outcomes of bulk writes, or records as the replies to other writes showed them, in
            the order of the writes; `OwnWrites` keeps them small. They go into the store, but are no change, unless
            somebody else has changed the same record before or behind them. A contact given without an outcome is
            known by its `date_updated` alone: what came between the last sync and that write is not told apart.
            Writes of a process that is gone: make the same call again with its ledger, which sends nothing and tells
            the outcomes.
        sweep_every: how long deletions, and changes that move no date, may go unseen. 0: look now.
        whole_every: how long a changed task, or an old note that was changed, may go unseen. 0: read everything now.

    Raises (from the run):
        UsageError: an unknown kind, or an interval that is none; nothing was sent.
        StoreMismatch: the store holds something else, such as the contacts of a query: `backfill` refreshes those.
        StoreBusy: another run uses it. StoreFailed: it cannot be written.
        Unauthorized, ScopeMissing, WrongLocation, ConnectFailed: what would fail for every contact.

    Cost: 1 request for 500 changed contacts and 1 more; for each 100 that differ 2, and what `fetch` takes for what
        belongs to them; 1 to count. A sweep takes 1 for 500 contacts, those for the calendars' events, 2 or more for
        the newest notes, and 1 for each contact that is gone; a whole pass what a backfill takes. `bulk.plan` with
        `sync=True` says what it comes to.
    """
    kinds = included(include)
    rhythm = Rhythm(sweep_every=sweep_every, whole_every=whole_every)
    tally = Tally(ghl, "what changed of contacts" + (f" with {', '.join(kinds)}" if kinds else ""))
    work = _Sync(ghl, store, ContactQuery(), Identity(ghl.location_id, "", kinds), tally, store)
    work.prepare(own if isinstance(own, OwnWrites) else OwnWrites(own), rhythm)
    return Run(tally, work.run)


class _Sync(Copying[Change]):
    """One run of a sync."""

    def prepare(self, own: OwnWrites, rhythm: Rhythm) -> None:
        """Say what is not a change, and how often to look deeper."""
        self._own, self._rhythm = own, rhythm
        self._counts = {"added": 0, "changed": 0, "removed": 0, "own": 0}
        self._began = time.time()
        self._looks_at: str | None = None
        """"changes" or "sweep" while it looks; None while it reads what differs."""
        self._met = 0
        self._differing: dict[str, None] = {}
        self._young: dict[str, None] = {}
        """Contacts of which a search may have shown tasks and notes late; they are read behind what differs."""
        self._vanished: list[str] = []
        self._came: set[str] = set()
        self._amiss: str | None = None
        """What this run could not find out, in words: then it notes no sweep."""
        self._stays_amiss: str | None = None
        """What no run finds out, since the time before it was the same."""
        self._left_out: int | None = None
        self._unshown: set[str] = set()
        """Contacts that live, but are not in the search."""
        self._noted_at: float | None = None
        self._saw_appointments = False
        self._unswept: str | None = None
        """Why a sweep has not seen the appointments."""

    async def _copy(self, run: Run[Change], checkpoint: Checkpoint) -> AsyncGenerator[Change, None]:
        depth = depth_of(checkpoint, self._kinds, self._began, self._rhythm)
        if depth != "everything" and checkpoint.counts.holes:
            async with aclosing(self._fill_holes(run)) as filling:
                async for change in filling:
                    yield change
        if run.stopped:
            return
        self._note(read=depth)
        is_whole, sweeps = depth == "everything", depth == "sweep"
        looking = self._look_and_read(run, checkpoint, depth, sweeps=sweeps)
        work = self._read_all(run, checkpoint) if is_whole else looking
        async with aclosing(work) as changes:
            async for change in changes:
                yield change
        if is_whole and checkpoint.state == "running" and run.summary is not None and run.summary.reason == "finished":
            await self._doors.empty_spool()
            sweeps = behind_a_pass(checkpoint, self._began, self._rhythm) == "sweep"
            async with aclosing(self._look_and_read(run, checkpoint, depth, sweeps=sweeps)) as changes:
                async for change in changes:
                    yield change

    async def _look_and_read(
        self, run: Run[Change], checkpoint: Checkpoint, depth: Depth, *, sweeps: bool
    ) -> AsyncGenerator[Change, None]:
        since = changed_from(checkpoint)
        excess: int | None = None
        marks, expected = Marks(synced_at=self._began), checkpoint.apart
        for _ in range(ROUNDS):
            looked_at = time.time()
            async with aclosing(self._look(run, None if sweeps else since, checkpoint)) as removing:
                async for change in removing:
                    yield change
            may_read_all = self._amiss is None and depth != "everything"
            is_all = may_read_all and is_much(len(self._differing), checkpoint.counts.contacts)
            self._note(read="everything" if is_all or depth == "everything" else "sweep" if sweeps else "changes")
            async with aclosing(self._read_all(run, checkpoint) if is_all else self._read_differing(run)) as reading:
                async for change in reading:
                    yield change
            if run.stopped or is_all:
                return
            if self._amiss is not None:
                await self._store.settle(Marks(left_out=self._left_out))
                self._tally.stored = await self._store.counts()
                run.summary = self._tally.summary("incomplete", self._amiss, resumable=True)
                return
            if sweeps:
                marks = msgspec.structs.replace(
                    marks, swept_at=looked_at, noted_at=self._noted_at, left_out=self._left_out
                )
            excess = await self._excess()
            # What stays between the counts is believed when two sweeps have found the same.
            if excess is None or excess == expected or (sweeps and not excess):
                marks = msgspec.structs.replace(marks, apart=excess or 0)
                break
            expected = excess if sweeps else expected
            sweeps = True
        await self._store.settle(marks)
        self._end(run, excess)

    async def _look(
        self, run: Run[Change], since: datetime | None, checkpoint: Checkpoint
    ) -> AsyncGenerator[Change, None]:
        """Compare contacts; a sweep, without `since`, also removes those that the server does not know any more."""
        self._tally.begin()
        self._met = 0
        self._looks_at = "sweep" if since is None else "changes"
        if since is None:
            await self._store.sweep((), is_first=True)
        query = ContactQuery() if since is None else changed_since(since)
        kinds = await self._kinds_of_a_sweep(checkpoint) if since is None else ()
        async with aclosing(self._read(run, query, kinds, Frontier(), moves=False)) as looking:
            async for _ in looking:
                pass
        self._looks_at = None
        if since is not None or run.stopped:
            return
        total = self._tally.total
        gap = 0 if total is None else max(0, total - self._met)
        self._left_out = gap
        said = f"the server counts {total} contacts but showed {self._met}"
        # What is left out is believed as far as the last look at everything was shown as little.
        if gap > checkpoint.left_out:
            advice = "nothing was removed; run it again, and if the gap stays, report it to the vendor"
            self._amiss = f"{said}: {advice}"
            return
        self._stays_amiss = f"{said}, as the time before: report it to the vendor" if gap else None
        asked = Asked()
        unmet = [] if self._met == 0 and total is None else await self._store.unswept()
        unshown = self._unshown.intersection(unmet)  # the round before has asked for them
        async with aclosing(self._ask_for(run, [each for each in unmet if each not in unshown], asked)) as removing:
            async for change in removing:
                yield change
        self._unshown = unshown.union(asked.living)
        # Who is counted and not shown is among them, if known here.
        self._left_out = max(gap, len(self._unshown) + asked.unasked)
        if asked.unasked:
            self._amiss = f"{asked.words}: run it again, and if that stays, report it to the vendor"
        elif asked.unsure:
            self._amiss = f"of {asked.unsure} contacts it could not be found out whether they still exist: run it again"
        await self._look_at_new_notes(checkpoint)

    async def _kinds_of_a_sweep(self, checkpoint: Checkpoint) -> tuple[Kind, ...]:
        """Appointments, where the calendars show them all at once, or there are too few contacts for that to pay."""
        if "appointments" not in self._kinds or self._saw_appointments:
            return ()
        await self._doors.empty_spool()
        stats = self._ghl.stats
        round_trip = stats.attempt_seconds / max(1, stats.requests)
        idle = calls_wanted(self._ghl, round_trip) - 1 if round_trip >= SLOW_SECONDS else 0
        await self._doors.join((), ("appointments",), contacts=checkpoint.counts.contacts, idle=idle)
        why = self._doors.shut.get("appointments")
        self._saw_appointments = why is None or why == TOO_FEW
        if self._saw_appointments:
            return ("appointments",)
        if "appointments" in self._doors.failed:
            self._amiss = f"the calendars could not be read ({why}), nor what has changed in them: run it again"
        self._unswept = why
        return ()

    async def _look_at_new_notes(self, checkpoint: Checkpoint) -> None:
        if "notes" not in self._doors.open:
            return
        try:
            async with aclosing(new_notes(self._ghl, noted_from(checkpoint))) as notes:
                async for note in notes:
                    await self._note_new(note)
        except GHLError as error:
            if isinstance(error, ENDS_THE_RUN):
                raise
            self._amiss = f"the newest notes could not be looked at ({error}): run it again"

    async def _note_new(self, note: NewNote) -> None:
        if note.added_at is not None:  # never later than our clock says: one in the future would hide all others
            self._noted_at = max(self._noted_at or 0.0, min(note.added_at.timestamp(), self._began))
        contact_id = note.contact_id
        found = await self._store.compare([ContactRows(contact_id, None, None, b"", {"notes": (note.row,)})])
        is_known = contact_id not in self._unshown and all(
            each.what != "missing" for each in found if each.part == "contacts"
        )
        if is_known and any(each.part == "notes" and each.what != "surplus" for each in found):
            self._differing[contact_id] = None

    async def _read_differing(self, run: Run[Change]) -> AsyncGenerator[Change, None]:
        """Read what differs, whole, and find out what has become of those that do not come."""
        if run.stopped:
            return
        differing, young = list(self._differing), [each for each in self._young if each not in self._differing]
        self._differing, self._young, self._vanished, self._came = {}, {}, [], set()
        wanted = differing + young
        self._tally.begin()
        searched = tuple(kind for kind in self._kinds if kind != "appointments")
        for some, kinds in ((differing, self._kinds), (young, searched)):
            async with aclosing(self._read_some(run, some, kinds)) as reading:
                async for change in reading:
                    yield change
        async with aclosing(self._read_held_twice(run)) as reading:
            async for change in reading:
                yield change
        asked = Asked()
        left = [*self._vanished, *(each for each in wanted if each not in self._came)]
        async with aclosing(self._ask_for(run, left if not run.stopped else (), asked)) as removing:
            async for change in removing:
                yield change
        if asked.alive or asked.unsure:
            self._amiss = (
                f"the server did not show {asked.alive + asked.unsure} contacts that differ when it was"
                " asked for them: run it again"
            )

    async def _write(self, batch: Batch, part: Sequence[ContactBundle]) -> AsyncGenerator[Change, None]:
        if self._looks_at is not None:
            await self._note_looked_at(batch, part, await self._store.compare(batch.contacts))
            return
        confirmation = await confirmed(self._ghl, self._store, batch, self._one_by_one)
        batch, found = confirmation.batch, confirmation.found
        self._came.update(bundle.id for bundle in part if bundle.id is not None)
        self._vanished += [bundle.id for bundle in part if bundle.vanished and bundle.id is not None]
        async with aclosing(self._changes(batch, found)) as changes:
            async for change in changes:
                yield change
        await self._keep(batch, part)

    async def _note_looked_at(self, batch: Batch, part: Sequence[ContactBundle], found: list[Difference]) -> None:
        self._differing |= dict.fromkeys(each.contact_id for each in found)
        if self._looks_at == "changes" and {"tasks", "notes"}.intersection(self._kinds):
            self._young |= dict.fromkeys(await self._store.read_young([row.id for row in batch.contacts]))
        nameless = tuple(row for row in batch.quarantined if row.id is None)
        if nameless:  # they cannot be asked for
            await self._store.commit(Batch((), nameless))
        if self._looks_at == "sweep":
            ids = [bundle.id for bundle in part if bundle.id is not None]
            self._met += len(await self._store.sweep(ids, is_first=False)) + len(part) - len(ids)
        self._tally.contacts += len(part)

    async def _changes(self, batch: Batch, found: list[Difference]) -> AsyncGenerator[Change, None]:
        rows = {row.id: row for row in batch.contacts}
        by_contact: dict[str, list[Difference]] = {}
        for each in found:
            by_contact.setdefault(each.contact_id, []).append(each)
        for contact_id, differences in by_contact.items():
            foreign = [each for each in differences if not await self._is_own(each, rows[contact_id])]
            parts = {each.part for each in foreign}
            is_new = any(each.part == "contacts" and each.what == "missing" for each in foreign)
            what = "own" if not parts else "added" if is_new else "changed"
            self._counts[what] += 1
            self._note()
            if parts:
                named = tuple(part for part in _PARTS if part in parts)
                yield Change(contact_id, "added" if is_new else "changed", named)

    async def _is_own(self, difference: Difference, row: ContactRows) -> bool:
        """Whether a record differs by what this program wrote, and by nothing else."""
        if not self._own.knows(difference.id):
            return False
        if difference.part == "contacts":
            sent: bytes | None = row.raw
        else:
            sent = next((each.raw for each in row.children[difference.part] if each.id == difference.id), None)
        stored = await self._store.stored(difference) if difference.what == "stale" else None
        return self._own.explains(difference, stored.raw if isinstance(stored, Row) else None, sent)

    async def _remove(self, contact_ids: Sequence[str]) -> AsyncGenerator[Change, None]:
        # The search may still show one of which the store holds nothing any more.
        for contact_id in await held_among(self._store, contact_ids, self._kinds):
            is_own = self._own.has_removed(contact_id)
            self._counts["own" if is_own else "removed"] += 1
            self._note()
            if not is_own:
                yield Change(contact_id, "removed", ())
        self._tally.pruned += await self._store.remove(contact_ids)

    async def _finish_early(self, part: Sequence[Step], frontier: Frontier | None) -> None:
        """What nobody was told of stays unwritten: the next run finds it again."""

    async def _excess(self) -> int | None:
        """How many contacts more the server counts than are stored; None: it does not count."""
        self._tally.total = (await self._ghl.background.contacts.search(page_size=1)).total
        self._tally.stored = await self._store.counts()
        return None if self._tally.total is None else self._tally.total - self._tally.stored.contacts

    def _note(self, **more: str) -> None:
        read = more.get("read") or (self._tally.changes.read if self._tally.changes else "changes")
        self._tally.changes = Changes(**self._counts, read=read)  # type: ignore[arg-type]  # one of the three

    def _end(self, run: Run[Change], excess: int | None) -> None:
        tally = self._tally
        said = "{added} contacts were added, {changed} changed and {removed} removed".format(**self._counts)
        if excess:
            said += f"; the server counts {tally.total}, the store holds {tally.total - excess}" if tally.total else ""
        if self._unshown:
            said += f"; {len(self._unshown)} live that the search does not show: what changes of them is not seen"
        if self._unswept is not None:
            said += f"; appointments that move no date are left to the next pass over everything ({self._unswept})"
        if tally.stored is not None and tally.stored.holes:
            said += f"; {tally.stored.holes} items could not be read: the next sync reads these again"
        if self._stays_amiss is not None:
            run.summary = tally.summary("incomplete", f"{said}; {self._stays_amiss}", resumable=False)
            return
        run.summary = tally.summary("finished", said, resumable=bool(tally.stored and tally.stored.holes))

"""A pass over a location into a store: what a backfill and a sync have in common.

The theory. A *pass* reads every matching contact once, in the order (dateAdded, id) ascending, which does not change
while one reads: what is added meanwhile comes at the end. Contacts are committed in parts, each in one transaction with
the frontier behind its last contact (one position, or one for each cursor that reads side by side), so that whatever
kills the process, the store holds what its frontier says. Only a pass that saw at least as many contacts as the server
counts at its end may remove what it did not see, and only what the server, asked for it, does not know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any, Generic, TypeVar

from ..client import GHLClient
from ..errors import Forbidden, Unauthorized
from ..hooks import PageCommitted, emit
from ..models import ContactQuery
from ._cursors import MOST_CALLS
from ._doors import Doors
from ._frontier import Frontier
from ._gone import Asked, gone_among, unmet
from ._identity import LOOKED_BACK, added_since
from ._rows import KINDS, Batch, Checkpoint, ContactRows, Identity, Kind, Marks, QuarantinedRow, Row, iso
from ._sample import check_sample
from ._spool import Spool
from ._workers import Room
from .fetch import ContactBundle, Reading, Step, count
from .run import Run, SampleCheck, Tally
from .store import Store

__all__ = ["ALL_HOLES", "HOLES_AT_ONCE", "Copying"]

PART = 10
"""Contacts in one transaction where some of their records are read contact by contact."""
PART_JOINED = 100
"""The same where whole pages come at once."""
HOLES_AT_ONCE = 100
ALL_HOLES = 1_000_000

Item = TypeVar("Item")


class Copying(ABC, Generic[Item]):
    """One run that fills a store, as a stream of items.

    Args:
        query: which contacts.
        identity: what the store is a copy of.
        spool: where events wait; None: appointments are read contact by contact.
    """

    def __init__(
        self, ghl: GHLClient, store: Store, query: ContactQuery, identity: Identity, tally: Tally, spool: Spool | None
    ) -> None:
        self._ghl = ghl
        self._store = store
        self._query = query
        self._identity = identity
        self._kinds = tuple(kind for kind in KINDS if kind in identity.include)
        self._tally = tally
        self._asked = Asked()
        self._suspected: tuple[Kind, ...] = ()
        self._stays = False
        """Whether the search has left out no more than at the last look at everything: another pass would not help."""
        self._room = Room(MOST_CALLS)
        self._one_by_one: frozenset[Kind] = frozenset()
        """Kinds that have come from their contacts' own lists since the present reading began."""
        self._doors = Doors(ghl, self._kinds, spool, self._room)
        tally.ways = self._doors.ways

    async def run(self, run: Run[Item], *, resume: bool = True) -> AsyncGenerator[Item, None]:
        """Do it: begin, read and commit, finish, check."""
        checkpoint = await self._store.begin(self._identity, resume=resume)
        try:
            self._doors.doubt(checkpoint.doubted)
            self._suspected = checkpoint.suspected
            async with aclosing(self._copy(run, checkpoint)) as running:
                async for item in running:
                    yield item
        finally:
            await self._doors.close()
            await self._store.release()

    @abstractmethod
    def _copy(self, run: Run[Item], checkpoint: Checkpoint) -> AsyncGenerator[Item, None]:
        """What this kind of run does with the opened store."""

    @abstractmethod
    def _write(self, batch: Batch, part: Sequence[ContactBundle]) -> AsyncGenerator[Item, None]:
        """Commit a batch, which holds a part of the contacts, and yield what there is to say of it."""

    @abstractmethod
    def _remove(self, contact_ids: Sequence[str]) -> AsyncGenerator[Item, None]:
        """Remove contacts that exist no more, and yield what there is to say of it."""

    @abstractmethod
    async def _finish_early(self, part: Sequence[Step], frontier: Frontier | None) -> None:
        """Keep what came, in order, before that which ended the reading, or leave it to the next run."""

    async def _read_all(self, run: Run[Item], checkpoint: Checkpoint) -> AsyncGenerator[Item, None]:
        """Read every contact once, or what an interrupted pass has left of them, and close the books."""
        tally = self._tally
        if checkpoint.state == "finished":
            checkpoint = await self._store.next_pass()
            await self._doors.empty_spool()
        tally.begin(checkpoint.read)
        frontier = Frontier(checkpoint.cursor)
        async with aclosing(self._read(run, self._query, self._kinds, frontier)) as reading:
            async for item in reading:
                yield item
        total = tally.total
        if total is not None and tally.found < total and not run.stopped and not self._identity.query:
            # The index may have shown some of them when the walk was past their place.
            late = added_since(checkpoint.started_at - LOOKED_BACK)
            async with aclosing(self._read(run, late, self._kinds, Frontier(), moves=False)) as reading:
                async for item in reading:
                    yield item
            # The greater count: one that was deleted, or added, meanwhile must not hide one that was left out.
            total = max(total, (await self._ghl.background.contacts.search(page_size=1)).total or 0)
        async with aclosing(self._read_held_twice(run)) as reading:
            async for item in reading:
                yield item
        tally.total = total
        left_out = 0 if tally.total is None else max(0, tally.total - tally.found)
        # What is left out is believed as far as the last look at everything was shown as little.
        if left_out <= checkpoint.left_out and not run.stopped:
            async with aclosing(self._remove_gone(run)) as removing:
                async for item in removing:
                    yield item
        if run.stopped:
            tally.stored = await self._store.counts()
            return
        left_out = max(left_out, self._asked.alive)  # who is counted and not shown is among them, if known here
        is_whole = not left_out and not self._asked.unsure
        self._stays = 0 < left_out <= checkpoint.left_out and not self._asked.unsure
        await self._store.finish(prune=is_whole, again=not is_whole and not self._stays)
        apart = (await self._store.counts()).contacts_apart if is_whole else None
        await self._store.settle(Marks(left_out=left_out, apart=apart))
        await self._close_books(run, "every contact was read and is in the store", is_whole=is_whole)

    async def _remove_gone(self, run: Run[Item]) -> AsyncGenerator[Item, None]:
        """Ask for each contact that this pass has not met: counts may agree although a living one was left out."""
        tally = self._tally
        query = self._query if self._identity.query else None
        async with aclosing(self._ask_for(run, await self._store.unseen(), self._asked, query)) as removing:
            async for item in removing:
                yield item
        deleted = 0 if tally.total is None else tally.found - tally.vanished - tally.total
        # Only of a copy of everything is it sure that a contact which left the search has left the location.
        if deleted > 0 and not self._identity.query and not run.stopped and not self._asked.alive:
            missing = await unmet(self._ghl, self._store, run)
            if missing is None:
                self._asked.unsure += deleted  # of so many it is not known which ones they are
                return
            asked = Asked()  # those that live have been read by this pass
            async with aclosing(self._ask_for(run, missing, asked)) as removing:
                async for item in removing:
                    yield item
            self._asked.unsure += asked.unsure + asked.unasked

    async def _ask_for(
        self,
        run: Run[Item],
        contact_ids: Sequence[str],
        asked: Asked,
        query: ContactQuery | None = None,
        *,
        were_missed: bool = True,
    ) -> AsyncGenerator[Item, None]:
        """Ask for contacts that were not met, and remove those that are gone."""
        asking = gone_among(self._ghl, contact_ids, run, asked, query, were_missed=were_missed)
        async with aclosing(asking) as parts:
            async for gone in parts:
                async with aclosing(self._remove(gone)) as removing:
                    async for item in removing:
                        yield item

    async def _read(
        self,
        run: Run[Item],
        query: ContactQuery,
        kinds: tuple[Kind, ...],
        frontier: Frontier,
        *,
        moves: bool = True,
    ) -> AsyncGenerator[Item, None]:
        kept = frontier if moves else None
        self._one_by_one = frozenset(self._doors.shut)
        async with aclosing(self._parts(run, query, kinds, frontier, kept)) as parts:
            async for part in parts:
                async with aclosing(self._commit(part, kept)) as items:
                    async for item in items:
                        yield item

    async def _parts(
        self, run: Run[Item], query: ContactQuery, kinds: tuple[Kind, ...], frontier: Frontier, kept: Frontier | None
    ) -> AsyncGenerator[list[Step], None]:
        """Read, and hand out what makes one transaction at a time."""
        reading = Reading(self._ghl, query, kinds, self._tally, self._doors, self._room, frontier)
        part: list[Step] = []
        try:
            async with reading.steps() as results:
                run.when_stopped(results.stop)
                async for step in results:
                    part.append(step)
                    is_slow = any(kind in self._doors.shut for kind in kinds)
                    if len(part) >= (PART if is_slow else PART_JOINED):
                        whole, part = part, []
                        yield whole
            whole, part = part, []
            if whole:
                yield whole
        finally:
            if part:
                await self._finish_early(part, kept)

    async def _commit(self, steps: Sequence[Step], frontier: Frontier | None) -> AsyncGenerator[Item, None]:
        if frontier is not None:
            for step in steps:
                if step.bundle.cursor is not None:
                    frontier.note_committed(step.span, step.bundle.cursor)
        part = [step.bundle for step in steps]
        batch = Batch(
            contacts=tuple(_rows(bundle) for bundle in part if bundle.id is not None and not bundle.vanished),
            quarantined=tuple(_apart(each) for bundle in part for each in bundle.quarantined if each.kind == "contact"),
            cursor=None if frontier is None else frontier.encode(),
        )
        async with aclosing(self._write(batch, part)) as items:
            async for item in items:
                yield item

    async def _keep(self, batch: Batch, part: Sequence[ContactBundle]) -> None:
        """Commit a batch and enter it into the books."""
        tally = self._tally
        # The server may send a contact twice, and a resumed pass meets quarantined ones again.
        nameless = sum(row.id is None for row in batch.quarantined)
        tally.repeated += len(batch.contacts) + nameless - await self._store.commit(batch)
        before = dict(tally.children)
        contacts = tally.contacts
        for bundle in part:
            count(tally, bundle)
        emit(
            self._ghl.hooks,
            PageCommitted(
                contacts=tally.contacts - contacts,
                **{kind: tally.children[kind] - before[kind] for kind in KINDS},
                contacts_so_far=tally.found,
            ),
        )

    async def _fill_holes(self, run: Run[Item]) -> AsyncGenerator[Item, None]:
        """Read again what could not be read."""
        holes: dict[str, tuple[Kind, ...]] = {}
        for hole in await self._store.holes(limit=ALL_HOLES):
            holes[hole.contact_id] = (*holes.get(hole.contact_id, ()), hole.kind)
        for kinds in set(holes.values()):
            ids = [contact_id for contact_id, missed in holes.items() if missed == kinds]
            # Refused lists of contacts leave them holes. A token that serves nothing at all ends the run further on.
            with suppress(Forbidden, Unauthorized):
                async with aclosing(self._read_some(run, ids, kinds)) as reading:
                    async for item in reading:
                        yield item
            if run.stopped:
                return
        # A hole of a contact that is no more can never be filled. The search lags behind, so ask for the contact.
        left = {hole.contact_id for hole in await self._store.holes(limit=ALL_HOLES)}
        left_over = [each for each in holes if each in left]
        async with aclosing(self._ask_for(run, left_over, Asked(), were_missed=False)) as removing:
            async for item in removing:
                yield item

    async def _read_some(
        self, run: Run[Item], contact_ids: Sequence[str], kinds: tuple[Kind, ...]
    ) -> AsyncGenerator[Item, None]:
        """Read some contacts by their ids."""
        for start in range(0, len(contact_ids), HOLES_AT_ONCE):
            query = ContactQuery(ids=contact_ids[start : start + HOLES_AT_ONCE])
            async with aclosing(self._read(run, query, kinds, Frontier(), moves=False)) as reading:
                async for item in reading:
                    yield item
            self._tally.total = None  # the server's number was that of the few contacts asked for
            if run.stopped:
                return

    async def _read_held_twice(self, run: Run[Item]) -> AsyncGenerator[Item, None]:
        """Read contacts of which one has lost an appointment to another, each by itself.

        It was met at both while it moved, or a run that ended in between has stored it at the new one alone.
        """
        if "appointments" not in self._kinds:
            return
        read: set[str] = set()
        shut = dict(self._doors.shut)
        self._doors.shut["appointments"] = "the calendars may have been read before an appointment was moved"
        try:
            while not run.stopped and (several := {*await self._store.held_twice()} - read):
                read |= several
                async with aclosing(self._read_some(run, sorted(several), ("appointments",))) as reading:
                    async for item in reading:
                        yield item
        finally:
            self._doors.shut = shut

    async def _close_books(self, run: Run[Any], done: str, *, is_whole: bool = True) -> None:
        tally = self._tally
        if is_whole:
            tally.sample = await check_sample(self._ghl, self._store, self._kinds, run, self._doors)
        tally.stored = await self._store.counts()
        amiss = self._what_was_left_out() if not is_whole else ""
        if is_whole and tally.sample is not None and not run.stopped:
            amiss = await self._what_the_sample_shows(tally.sample)
            if amiss:
                # Else the next run would take the pass for a finished one, and perhaps read its failed items alone.
                await self._store.next_pass()
        if amiss:
            run.summary = tally.summary("incomplete", amiss, resumable=not self._stays)
        elif tally.stored.holes:
            again = f"{tally.stored.holes} items could not be read: the same call reads just these again"
            run.summary = tally.summary("finished", f"{done}, but {again}", resumable=True)
        else:
            run.summary = tally.summary("finished", done + self._remarks(), resumable=False)

    def _what_was_left_out(self) -> str:
        tally = self._tally
        stays = ", as the time before: report it to the vendor"
        if tally.total is not None and tally.found < tally.total:
            advice = ": nothing was removed; run it again, and if the gap stays, report it to the vendor"
            return f"the server counts {tally.total} contacts but sent {tally.found}{stays if self._stays else advice}"
        if self._asked.alive:
            advice = stays if self._stays else ": run it again"
            return f"{self._asked.words}{advice}"
        return f"of {self._asked.unsure} contacts it could not be found out whether they still exist: run it again"

    async def _what_the_sample_shows(self, sample: SampleCheck) -> str:
        """What is amiss, in words; also remembers which ways are not to be trusted."""
        missed = {failure.kind for failure in sample.missing}
        by_doors = [kind for kind in self._kinds if kind in missed and kind not in self._doors.shut]
        doubted = [kind for kind in by_doors if kind in sample.left_out_by or kind in self._suspected]
        if by_doors or self._suspected:
            await self._store.doubt(doubted, suspected=[kind for kind in by_doors if kind not in doubted])
        if doubted:
            kinds = ", ".join(doubted)
            return (
                f"the cheaper way to read {kinds} leaves some out that their contacts have, as a sample shows: run it"
                f" again, {kinds} will be read contact by contact"
            )
        if not sample.missing:
            return ""
        first = sample.missing[0]
        return (
            f"{len(sample.missing)} records of {sample.contacts} sampled contacts are not in the store (lost, or made"
            f" while it ran), the first of contact {first.contact_id} ({first.kind}): run it again to read everything"
            " anew"
        )

    def _remarks(self) -> str:
        """What a finished run has to add."""
        sample, words = self._tally.sample, ""
        if self._tally.total is None:
            words += "; the server counts no contacts, so their number could not be held against it"
        if sample is not None and sample.wanted and not sample.contacts:
            words += "; the sample could not be read, so nothing was compared"
        if sample is not None and sample.other_calendars:
            words += (
                f"; {sample.other_calendars} appointments of {sample.contacts} sampled contacts lie in calendars that"
                " the location does not list: a backfill with deleted_calendars=True (--deleted-calendars) reads those"
            )
        return words


def _apart(each: Any) -> QuarantinedRow:
    return QuarantinedRow(f"{each.kind}s", each.id, each.reason, each.raw)


def _rows(bundle: ContactBundle) -> ContactRows:
    contact = bundle.contact
    children: dict[Kind, tuple[Row, ...]] = {
        kind: tuple(Row(record.id, record.raw) for record in getattr(bundle, kind)) for kind in bundle.complete
    }
    return ContactRows(
        id=bundle.id or "",
        date_added=iso(contact.date_added) if contact else None,
        date_updated=iso(contact.date_updated) if contact else None,
        # One that does not decode is kept all the same, beside its entry in quarantine: its children hang on it.
        raw=contact.raw if contact else bundle.quarantined[0].raw,
        children=children,
        holes={failure.kind: failure.reason for failure in bundle.failures},  # type: ignore[misc]  # kinds by making
        quarantined=tuple(_apart(each) for each in bundle.quarantined if each.kind != "contact"),
        calendars=bundle.calendar_ids,
        read_at=bundle.read_at,
    )

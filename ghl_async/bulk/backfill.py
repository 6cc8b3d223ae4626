"""Copy a whole location into a store, resumable anywhere.

The theory. A *pass* reads every matching contact once, in the order (dateAdded, id) ascending, which does not change
while one reads: what is added meanwhile comes at the end. Contacts are committed in parts, each in one transaction with
the frontier behind its last contact (one position, or one for each cursor that reads side by side), so that whatever
kills the process, the store holds what its frontier says. Only a pass that saw at least as many contacts as the server
counts at its end may remove what it did not see, and only what the server, asked for it, does not know.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from ..client import GHLClient
from ..errors import UsageError
from ..hooks import PageCommitted, emit
from ..models import ContactQuery
from ._cursors import MOST_CALLS
from ._doors import Doors
from ._frontier import Frontier
from ._gone import is_alive, remove_deleted, remove_gone
from ._identity import WHOLE_EVERY, canonical, changed_since, changes_since
from ._rows import KINDS, Batch, Checkpoint, ContactRows, Identity, Kind, QuarantinedRow, Row
from ._sample import check_sample
from ._workers import Room
from .fetch import ContactBundle, Reading, Step, checked, count, included
from .run import Progress, Run, SampleCheck, Tally
from .store import Store

__all__ = ["HOLES_AT_ONCE", "backfill"]

PART = 10
"""Contacts in one transaction where some of their records are read contact by contact."""
PART_JOINED = 100
"""The same where whole pages come at once."""
HOLES_AT_ONCE = 100
ALL_HOLES = 1_000_000


def backfill(
    ghl: GHLClient,
    store: Store,
    query: ContactQuery | None = None,
    /,
    *,
    include: Sequence[str] = KINDS,
    deleted_calendars: bool = False,
    resume: bool = True,
) -> Run[Progress]:
    """Copy contacts with their tasks, notes and appointments into a store. Items: a `Progress` after each commit.

    A store that is new is filled; an unfinished one is gone on with; of a finished one the failed items are read again
    or, if there are none, everything: that is a refresh, and what the location has no more is removed at its end.

    Args:
        query: which contacts; None means all. Its order is this function's business: it may not name a sort.
        include: any of "tasks", "notes", "appointments".
        deleted_calendars: whether to read appointments of deleted calendars too, for 1 request a contact.
        resume: False starts over from the beginning; nothing is removed before the end.

    Raises (from the run):
        UsageError: an unknown kind, or a query outside the rules; nothing was sent.
        StoreMismatch: the store holds something else. StoreBusy: another run uses it.
        StoreFailed: it cannot be written.
        Unauthorized, ScopeMissing, WrongLocation, ConnectFailed: what would fail for every contact.

    Cost: that of `fetch`, up to 60 for the check of a sample at the end, and 1 for each contact that a refresh
        removes: none is removed before the server says that it is gone. `bulk.plan` says what it comes to.
    """
    kinds, query = included(include), checked(query)
    if query.sort is not None or query.direction is not None:
        raise UsageError("backfill reads in the order of date_added: leave sort and direction out of the query")
    words = "a copy of contacts with " + ", ".join(kinds) if kinds else "a copy of contacts alone"
    tally = Tally(ghl, words)
    work = _Backfill(ghl, store, query, kinds, tally)
    work.open_doors(deleted_calendars=deleted_calendars)
    return Run(tally, lambda run: work.run(run, resume=resume))


class _Backfill:
    """One run of a backfill."""

    def __init__(
        self, ghl: GHLClient, store: Store, query: ContactQuery, kinds: tuple[Kind, ...], tally: Tally
    ) -> None:
        self._ghl = ghl
        self._store = store
        self._query = query
        self._identity = Identity(ghl.location_id, canonical(query), kinds)
        self._kinds = kinds
        self._tally = tally
        self._waiting: list[Step] = []
        self._left_out = self._unsure = 0
        self._suspected: tuple[Kind, ...] = ()

    def open_doors(self, *, deleted_calendars: bool) -> None:
        """Say by which ways to read."""
        self._room = Room(MOST_CALLS)
        self._doors = Doors(self._ghl, self._kinds, None if deleted_calendars else self._store, self._room)
        self._tally.ways = self._doors.ways

    async def run(self, run: Run[Progress], *, resume: bool) -> AsyncGenerator[Progress, None]:
        """Do it: begin, read and commit, finish, check."""
        try:
            async with aclosing(self._run(run, resume=resume)) as running:
                async for progress in running:
                    yield progress
        finally:
            await self._doors.close()

    async def _run(self, run: Run[Progress], *, resume: bool) -> AsyncGenerator[Progress, None]:
        checkpoint = await self._store.begin(self._identity, resume=resume)
        self._doors.doubt(checkpoint.doubted)
        self._suspected = checkpoint.suspected
        if checkpoint.state == "finished" and checkpoint.counts.holes:
            self._tally.begin(checkpoint.read)
            async with aclosing(self._fill_holes(run)) as filling:
                async for progress in filling:
                    yield progress
            if not run.stopped and (await self._store.counts()).holes < checkpoint.counts.holes:
                await self._close_books(run, "the failed items were read again and are in the store")
                return
            self._tally.stored = await self._store.counts()
        # Where none of them can be read, they must not keep everything else from being refreshed.
        if not run.stopped:
            async with aclosing(self._pass(run, checkpoint)) as whole:
                async for progress in whole:
                    yield progress

    async def _pass(self, run: Run[Progress], checkpoint: Checkpoint) -> AsyncGenerator[Progress, None]:
        """Read every contact once, or what an interrupted pass has left of them."""
        tally = self._tally
        if checkpoint.state == "finished":
            since = changes_since(checkpoint, self._identity)
            checkpoint = await self._store.next_pass()
            await self._doors.empty_spool()
            if since is not None:
                async with aclosing(self._read_changes(run, since)) as changes:
                    async for progress in changes:
                        yield progress
                if run.summary is not None or run.stopped:
                    return
                checkpoint = msgspec.structs.replace(checkpoint, read=tally.found)
        tally.begin(checkpoint.read)
        frontier = Frontier(checkpoint.cursor)
        async with aclosing(self._read(run, self._query, self._kinds, frontier)) as reading:
            async for progress in reading:
                yield progress
        if run.stopped:
            tally.stored = await self._store.counts()
            return
        is_whole = tally.total is None or tally.found >= tally.total
        if is_whole and not await self._remove_gone(run):
            tally.stored = await self._store.counts()
            return
        is_whole = is_whole and not self._left_out and not self._unsure
        await self._store.finish(prune=is_whole, again=not is_whole)
        await self._close_books(run, "every contact was read and is in the store", is_whole=is_whole)

    async def _read_changes(self, run: Run[Progress], since: datetime) -> AsyncGenerator[Progress, None]:
        """Read what was added or changed. That nothing was deleted is known where the counts agree afterwards."""
        self._tally.begin()
        query = changed_since(since)
        async with aclosing(self._read(run, query, (), Frontier(), moves=False)) as reading:
            async for progress in reading:
                yield progress
        if run.stopped:
            return
        changed, stored = self._tally.contacts, (await self._store.counts()).contacts
        whole = self._tally.found == self._tally.total
        self._tally.total = (await self._ghl.background.contacts.search(page_size=1)).total
        if whole and stored == self._tally.total:
            self._tally.found_before = stored - self._tally.found
            await self._store.finish(prune=False)
            await self._close_books(
                run,
                f"{changed} contacts were added or changed and are in the store (of others a tag may have changed:"
                f" all are read again every {WHOLE_EVERY.days} days)",
            )

    async def _remove_gone(self, run: Run[Progress]) -> bool:
        """Ask for each contact that this pass has not met: counts may agree although a living one was left out.

        Returns whether it came to an end.
        """
        tally = self._tally
        query = self._query if self._identity.query else None
        removed = await remove_gone(self._ghl, self._store, await self._store.unseen(), run, query)
        tally.pruned += removed.gone
        self._left_out, self._unsure = removed.alive, removed.unsure
        deleted = 0 if tally.total is None else tally.found - tally.vanished - tally.total
        # Only of a copy of everything is it sure that a contact which left the search has left the location.
        if deleted > 0 and not self._identity.query and not run.stopped and not self._left_out:
            removed = await remove_deleted(self._ghl, self._store, run, deleted)
            tally.pruned += removed.gone
            self._unsure += removed.unsure
        return not run.stopped

    async def _read(
        self,
        run: Run[Progress],
        query: ContactQuery,
        kinds: tuple[Kind, ...],
        frontier: Frontier,
        *,
        moves: bool = True,
    ) -> AsyncGenerator[Progress, None]:
        kept = frontier if moves else None
        reading = Reading(self._ghl, query, kinds, self._tally, self._doors, self._room, frontier)
        try:
            async with reading.steps() as results:
                run.when_stopped(results.stop)
                async for step in results:
                    self._waiting.append(step)
                    is_slow = any(kind in self._doors.shut for kind in kinds)
                    if len(self._waiting) >= (PART if is_slow else PART_JOINED):
                        yield await self._commit(kept)
            if self._waiting:
                yield await self._commit(kept)
        finally:
            # Whatever ended the reading, what came before it in order is kept.
            if self._waiting:
                await self._commit(kept)

    async def _commit(self, frontier: Frontier | None) -> Progress:
        steps, self._waiting = self._waiting, []
        part = [step.bundle for step in steps]
        if frontier is not None:
            for step in steps:
                if step.bundle.cursor is not None:
                    frontier.note_committed(step.span, step.bundle.cursor)
        batch = Batch(
            contacts=tuple(_rows(bundle) for bundle in part if bundle.id is not None and not bundle.vanished),
            quarantined=tuple(_apart(each) for bundle in part for each in bundle.quarantined if each.kind == "contact"),
            cursor=None if frontier is None else frontier.encode(),
        )
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
        return tally.progress()

    async def _fill_holes(self, run: Run[Progress]) -> AsyncGenerator[Progress, None]:
        holes: dict[str, tuple[Kind, ...]] = {}
        for hole in await self._store.holes(limit=ALL_HOLES):
            holes[hole.contact_id] = (*holes.get(hole.contact_id, ()), hole.kind)
        for kinds in set(holes.values()):
            ids = [contact_id for contact_id, missed in holes.items() if missed == kinds]
            for start in range(0, len(ids), HOLES_AT_ONCE):
                query = ContactQuery(ids=ids[start : start + HOLES_AT_ONCE])
                async with aclosing(self._read(run, query, kinds, Frontier(), moves=False)) as reading:
                    async for progress in reading:
                        yield progress
                self._tally.total = None  # the server's number was that of the few contacts asked for
                if run.stopped:
                    return
        await self._remove_vanished(list(holes))

    async def _remove_vanished(self, ids: list[str]) -> None:
        """A hole of a contact that is no more can never be filled. The search lags behind, so ask for the contact."""
        left = {hole.contact_id for hole in await self._store.holes(limit=ALL_HOLES)}
        for contact_id in (each for each in ids if each in left):
            if await is_alive(self._ghl, contact_id) is False:
                self._tally.pruned += await self._store.remove((contact_id,))

    async def _close_books(self, run: Run[Progress], done: str, *, is_whole: bool = True) -> None:
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
            run.summary = tally.summary("incomplete", amiss, resumable=True)
        elif tally.stored.holes:
            again = f"{tally.stored.holes} items could not be read: the same call reads just these again"
            run.summary = tally.summary("finished", f"{done}, but {again}", resumable=True)
        else:
            run.summary = tally.summary("finished", done + self._remarks(), resumable=False)

    def _what_was_left_out(self) -> str:
        tally = self._tally
        if tally.total is not None and tally.found < tally.total:
            return (
                f"the server counts {tally.total} contacts but sent {tally.found}: nothing was removed; run it again,"
                " and if the gap stays, report it to the vendor"
            )
        if self._left_out:
            return f"the search left out {self._left_out} contacts that are still there: run it again"
        return f"of {self._unsure} contacts it could not be found out whether they still exist: run it again"

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
                " the location does not list: deleted_calendars=True (--deleted-calendars) reads those"
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
        date_added=_iso(contact.date_added) if contact else None,
        date_updated=_iso(contact.date_updated) if contact else None,
        # One that does not decode is kept all the same, beside its entry in quarantine: its children hang on it.
        raw=contact.raw if contact else bundle.quarantined[0].raw,
        children=children,
        holes={failure.kind: failure.reason for failure in bundle.failures},  # type: ignore[misc]  # kinds by making
        quarantined=tuple(_apart(each) for each in bundle.quarantined if each.kind != "contact"),
        calendars=bundle.calendar_ids,
        read_at=bundle.read_at,
    )


def _iso(at: datetime | None) -> str | None:
    """ISO 8601 with milliseconds and Z, as the API writes it, so that texts compare like instants."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

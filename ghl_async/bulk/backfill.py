"""Copy a whole location into a store, resumable anywhere.

The theory. A *pass* reads every matching contact once, in the order (dateAdded, id) ascending, which does not change
while one reads: what is added meanwhile comes at the end. Contacts are committed in parts, each in one transaction with
the search position behind its last contact, so that whatever kills the process, the store is a prefix of the pass
and its cursor says where the prefix ends. Only a pass that saw at least as many contacts as the server counts at its
end may remove what it did not see, and only what the server, asked for it, does not know.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from ..client import GHLClient
from ..errors import DailyQuotaExhausted, GHLError, NotFound, UsageError
from ..hooks import PageCommitted, emit
from ..models import ContactQuery
from ._rows import KINDS, Batch, Checkpoint, ContactRows, Identity, Kind, QuarantinedRow, Row, StoredContact
from ._workers import InOrder
from .fetch import WORKERS, ContactBundle, bundles, checked, count, included
from .run import Failure, Progress, Run, SampleCheck, Tally
from .store import Store

__all__ = ["backfill"]

PART = 10
"""Contacts in one transaction where each costs further requests."""
PART_ALONE = 100
"""The same where contacts are read alone."""
HOLES_AT_ONCE = 100
ALL_HOLES = 1_000_000
SAMPLE = 20
CLOCKS_DIFFER_SECONDS = 60.0


def backfill(
    ghl: GHLClient,
    store: Store,
    query: ContactQuery | None = None,
    /,
    *,
    include: Sequence[str] = KINDS,
    resume: bool = True,
) -> Run[Progress]:
    """Copy contacts with their tasks, notes and appointments into a store. Items: a `Progress` after each commit.

    A store that is new is filled; an unfinished one is gone on with; of a finished one the failed items are read again
    or, if there are none, everything: that is a refresh, and what the location has no more is removed at its end.

    Args:
        query: which contacts; None means all. Its order is this function's business: it may not name a sort.
        include: any of "tasks", "notes", "appointments".
        resume: False starts over from the beginning; nothing is removed before the end.

    Raises (from the run):
        UsageError: an unknown kind, or a query outside the rules; nothing was sent.
        StoreMismatch: the store holds something else. StoreBusy: another run uses it.
        StoreFailed: it cannot be written.
        Unauthorized, ScopeMissing, WrongLocation, ConnectFailed: what would fail for every contact.

    Cost: 1 request for 500 contacts, 1 for each contact and kind, up to 60 for the check of a sample at the end, and
        1 for each contact that a refresh removes: none is removed before the server says that it is gone.
    """
    kinds, query = included(include), checked(query)
    if query.sort is not None or query.direction is not None:
        raise UsageError("backfill reads in the order of date_added: leave sort and direction out of the query")
    words = "a copy of contacts with " + ", ".join(kinds) if kinds else "a copy of contacts alone"
    tally = Tally(ghl, words)
    work = _Backfill(ghl, store, query, kinds, tally)
    return Run(tally, lambda run: work.run(run, resume=resume))


class _Backfill:
    """One run of a backfill."""

    def __init__(
        self, ghl: GHLClient, store: Store, query: ContactQuery, kinds: tuple[Kind, ...], tally: Tally
    ) -> None:
        self._ghl = ghl
        self._store = store
        self._query = msgspec.structs.replace(query, sort="date_added", direction="asc")
        self._identity = Identity(ghl.location_id, _canonical(query), kinds)
        self._kinds = kinds
        self._tally = tally
        self._waiting: list[ContactBundle] = []
        self._left_out = 0

    async def run(self, run: Run[Progress], *, resume: bool) -> AsyncGenerator[Progress, None]:
        """Do it: begin, read and commit, finish, check."""
        checkpoint = await self._store.begin(self._identity, resume=resume)
        if checkpoint.state == "finished" and checkpoint.counts.holes:
            self._tally.begin(checkpoint.read)
            async with aclosing(self._fill_holes(run)) as filling:
                async for progress in filling:
                    yield progress
            if not run.stopped and (await self._store.counts()).holes < checkpoint.counts.holes:
                await self._close_books(run, "the failed items were read again")
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
            checkpoint = await self._store.next_pass()
        tally.begin(checkpoint.read)
        async with aclosing(self._read(run, self._query, self._kinds, _cursor(checkpoint))) as reading:
            async for progress in reading:
                yield progress
        if run.stopped:
            tally.stored = await self._store.counts()
            return
        whole = tally.total is not None and tally.found >= tally.total and await self._are_gone()
        tally.pruned = await self._store.finish(prune=whole)
        await self._close_books(run, "every contact was read")

    async def _are_gone(self) -> bool:
        """Ask for each contact that this pass has not met: counts may agree although a living one was left out."""
        gone = True
        async with InOrder(_stream(await self._store.unseen()), self._is_alive, ahead=WORKERS) as answers:
            async for alive in answers:
                self._left_out += alive is True
                gone = gone and alive is False
        return gone

    async def _is_alive(self, contact_id: str) -> bool | None:
        """None: it could not be found out."""
        try:
            await self._ghl.background.contacts.get(contact_id)
        except NotFound:
            return False
        except GHLError:
            return None
        return True

    async def _read(
        self,
        run: Run[Progress],
        query: ContactQuery,
        kinds: tuple[Kind, ...],
        after: Sequence[Any] | None,
        *,
        moves: bool = True,
    ) -> AsyncGenerator[Progress, None]:
        size = PART if kinds else PART_ALONE
        try:
            async with bundles(self._ghl, query, kinds, self._tally, after=after) as results:
                run.when_stopped(results.stop)
                async for bundle in results:
                    self._waiting.append(bundle)
                    if len(self._waiting) >= size:
                        yield await self._commit(moves=moves)
        finally:
            # Whatever ended the reading, what came before it in order is kept.
            if self._waiting:
                await self._commit(moves=moves)

    async def _commit(self, *, moves: bool) -> Progress:
        part, self._waiting = self._waiting, []
        cursor = next((bundle.cursor for bundle in reversed(part) if bundle.cursor is not None), None)
        batch = Batch(
            contacts=tuple(_rows(bundle) for bundle in part if bundle.id is not None and not bundle.vanished),
            quarantined=tuple(_apart(each) for bundle in part for each in bundle.quarantined if each.kind == "contact"),
            cursor=msgspec.json.encode(cursor) if moves and cursor is not None else None,
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
                query = ContactQuery(ids=ids[start : start + HOLES_AT_ONCE], sort="date_added", direction="asc")
                async with aclosing(self._read(run, query, kinds, None, moves=False)) as reading:
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
            if await self._is_alive(contact_id) is False:
                self._tally.pruned += await self._store.remove((contact_id,))

    async def _close_books(self, run: Run[Progress], done: str) -> None:
        tally = self._tally
        tally.sample = await self._check_sample(run)
        tally.stored = await self._store.counts()
        if tally.total is not None and tally.found < tally.total:
            run.summary = tally.summary(
                "incomplete",
                f"the server counts {tally.total} contacts but sent {tally.found}: nothing was removed; run it again,"
                " and if the gap stays, report it to the vendor",
                resumable=True,
            )
        elif self._left_out:
            run.summary = tally.summary(
                "incomplete",
                f"the search left out {self._left_out} contacts that are still there: nothing was removed; run it"
                " again",
                resumable=True,
            )
        elif tally.sample.missing:
            first = tally.sample.missing[0]
            run.summary = tally.summary(
                "incomplete",
                f"{len(tally.sample.missing)} records of {tally.sample.contacts} sampled contacts are not in the store"
                f" (lost, or made while it ran), the first of contact {first.contact_id} ({first.kind}): run it again"
                " to read everything anew",
                resumable=True,
            )
        elif tally.stored.holes:
            run.summary = tally.summary(
                "finished",
                f"{done}, but {tally.stored.holes} items could not be read: the same call reads just these again",
                resumable=True,
            )
        else:
            run.summary = tally.summary("finished", f"{done} and is in the store", resumable=False)
        if run.summary.reason == "incomplete":
            # Else the next run would take the pass for a finished one, and perhaps read its failed items alone.
            await self._store.next_pass()

    async def _check_sample(self, run: Run[Progress]) -> SampleCheck:
        """Read some contacts' children again. A record is missing if the server has had it since before our reading."""
        compared = children = 0
        missing: list[Failure] = []
        wanted = min(SAMPLE, 3 + self._tally.found // 100) if self._kinds else 0
        for stored in await self._store.sample(wanted):
            if run.stopped:
                break
            for kind in self._kinds:
                try:
                    page = await getattr(self._ghl.background, kind).page(stored.id)
                except DailyQuotaExhausted:
                    return SampleCheck(compared, children, tuple(missing))
                except GHLError:  # the copy is finished: what cannot be compared does not undo it
                    break
                children += len(page.items)
                missing += [
                    Failure(stored.id, kind, f"{record.id} is not in the store")
                    for record in page.items
                    if record.id not in stored.children.get(kind, frozenset()) and not _is_newer(record, stored)
                ]
            else:
                compared += 1
        return SampleCheck(compared, children, tuple(missing))


async def _stream(ids: Sequence[str]) -> AsyncIterator[str]:
    for contact_id in ids:
        yield contact_id


def _canonical(query: ContactQuery) -> str:
    """One text for all ways to ask the same; empty for all contacts.

    Raises:
        UsageError: a value that no JSON can carry.
    """
    try:
        given = msgspec.to_builtins(query)
    except TypeError as error:
        raise UsageError(f"the query holds a value that cannot be sent: {error}") from None
    wanted = {name: sorted(value) if isinstance(value, list) else value for name, value in given.items() if value}
    return msgspec.json.encode(wanted, order="sorted").decode() if wanted else ""


def _cursor(checkpoint: Checkpoint) -> tuple[Any, ...] | None:
    return None if checkpoint.cursor is None else tuple(msgspec.json.decode(checkpoint.cursor))


def _is_newer(record: object, stored: StoredContact) -> bool:
    added = getattr(record, "date_added", None)
    if isinstance(added, str):
        try:
            added = datetime.fromisoformat(added)
        except ValueError:
            return False
    # Tasks carry no date (facts 7.4), and one without a zone says little: what is new cannot be told from what was lost
    # then, and losing is the worse error.
    return (
        isinstance(added, datetime)
        and added.tzinfo is not None
        and added.timestamp() > stored.read_at - CLOCKS_DIFFER_SECONDS
    )


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
    )


def _iso(at: datetime | None) -> str | None:
    """ISO 8601 with milliseconds and Z, as the API writes it, so that texts compare like instants."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

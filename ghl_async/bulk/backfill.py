"""Copy a whole location into a store, resumable anywhere. How a pass is made is told in `_copying`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ..client import GHLClient
from ..errors import UsageError
from ..models import ContactQuery
from ._copying import Copying
from ._frontier import Frontier
from ._identity import canonical
from ._rows import KINDS, Batch, Checkpoint, Identity
from .fetch import ContactBundle, Step, checked, included
from .run import Progress, Run, Tally
from .store import Store

__all__ = ["backfill"]


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
    `sync` keeps a store of all contacts in step for a hundredth of the requests.

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
    identity = Identity(ghl.location_id, canonical(query), kinds)
    work = _Backfill(ghl, store, query, identity, tally, None if deleted_calendars else store)
    return Run(tally, lambda run: work.run(run, resume=resume))


class _Backfill(Copying[Progress]):
    """One run of a backfill. Items: how far it is, after each commit."""

    async def _copy(self, run: Run[Progress], checkpoint: Checkpoint) -> AsyncGenerator[Progress, None]:
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
            async with aclosing(self._read_all(run, checkpoint)) as whole:
                async for progress in whole:
                    yield progress

    async def _write(self, batch: Batch, part: Sequence[ContactBundle]) -> AsyncGenerator[Progress, None]:
        await self._keep(batch, part)
        yield self._tally.progress()

    async def _remove(self, contact_ids: Sequence[str]) -> AsyncGenerator[Progress, None]:
        self._tally.pruned += await self._store.remove(contact_ids)
        yield self._tally.progress()

    async def _finish_early(self, part: Sequence[Step], frontier: Frontier | None) -> None:
        async with aclosing(self._commit(part, frontier)) as items:
            async for _ in items:
                pass

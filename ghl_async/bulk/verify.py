"""Hold a store against its location, record by record, and mend it where that is wanted.

In full, every contact is read again by the cheaper ways and compared by content; what the search does not show is asked
for. By sample, some stored contacts are read one by one, the dearer way: an independent witness of the cheaper ones.
Comparing never writes. What differs is mended by reading those contacts once more, whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from ..client import GHLClient
from ..errors import GHLError, UsageError
from ..models import ContactQuery
from ._amiss import Amiss
from ._calendar import list_calendars
from ._confirming import NOT_MADE_SURE, confirmed
from ._content import said
from ._copying import ALL_HOLES, Copying
from ._doors import ENDS_THE_RUN
from ._findings import Verified
from ._frontier import Frontier
from ._gone import Asked
from ._landing import calendar_of
from ._rows import KINDS, Batch, Checkpoint, ContactRows, Counts, Difference, Identity, Part
from ._verdict import Verdict
from .fetch import ContactBundle, Step, included
from .run import Run, Tally
from .store import Store

__all__ = ["verify"]

ONE_BY_ONE = "a sample is read contact by contact, so that what a search leaves out is found"
BY_ITSELF = "what the cheaper ways do not show again is read from its contact"


def verify(
    ghl: GHLClient,
    store: Store,
    /,
    *,
    include: Sequence[str] = KINDS,
    sample: int | None = None,
    repair: bool = False,
) -> Run[Difference]:
    """Compare a store of all contacts with the server. Items: a `Difference` for each record that is not the same.

    What changed at the server since the store was filled differs as well: bring it up to date with `sync` first. The
    Summary's `verified` holds the counts of both sides, and how much is missing, stale, surplus or could not be read;
    `failures` names what could not be read and is not mended. `exit_code` is 1 while anything is amiss that was not
    mended, and mended is only what the mending has seen again. Appointments in calendars that the location does not
    list are compared where the store holds them; `unlisted` says how many of those that were met it does not hold.

    Args:
        include: any of "tasks", "notes", "appointments", the same as when the store was filled.
        sample: how many stored contacts, picked at random, to compare. None compares all, and finds those that the
            store does not have; a sample only says that the server counts more, or fewer.
        repair: whether to read again what differs or could not be read, and remove what the server does not have.

    Raises (from the run):
        UsageError: an unknown kind, a sample below 1, or there is no finished store; nothing was sent.
        StoreMismatch: the store holds something else. StoreBusy: another run uses it.
        StoreFailed: it cannot be written.
        Unauthorized, ScopeMissing, WrongLocation, ConnectFailed: what would fail for every contact.

    Cost: in full what `fetch` takes, 1 request for each stored contact that the search does not show, and 1 for each
        contact with stored appointments that no calendar shows any more, or shows otherwise than its own list did. By
        sample 1 for each kind of each contact, 2 for 100 contacts. 1 for the calendars, where appointments are read
        contact by contact and the store lacks some. 1 to count. Mending takes what reading the contacts that differ
        does, after a sample one by one as before; what that does not show again is read one by one.
    """
    kinds = included(include)
    if sample is not None and sample < 1:
        raise UsageError(f"sample must be at least 1, or None for all contacts, not {sample}")
    tally = Tally(ghl, "a comparison with the server" + ("" if sample is None else f", of {sample} contacts"))
    tally.is_resumable = False
    work = _Verification(ghl, store, ContactQuery(), Identity(ghl.location_id, "", kinds), tally, store)
    work.prepare(sample, repair=repair)
    return Run(tally, work.run)


class _Verification(Copying[Difference]):
    """One run of a verification."""

    def prepare(self, sample: int | None, *, repair: bool) -> None:
        """Say how much to compare, and whether to mend."""
        self._sample, self._repair = sample, repair
        self._compares = True
        self._calendars: frozenset[str] | GHLError | None = None
        """Those that the location lists, or why it does not; None: nobody has asked."""
        self._unlisted = 0
        """Appointments that no calendar shows, so that a store need not hold them, and that this one does not."""
        self._met: set[str] = set()
        self._was_met = self._compared = self._nameless = 0
        self._found: Counter[str] = Counter()
        self._records = self._apart = self._left_out = 0
        self._amiss = Amiss()
        self._denied: dict[str, None] = {}
        """Contacts of which a list of their own says that they are not there."""
        self._gap: str | None = None
        """Why the reading proves nothing."""

    async def run(self, run: Run[Difference], *, resume: bool = True) -> AsyncGenerator[Difference, None]:
        """Look before the store is taken: that would make it."""
        checkpoint = await self._store.peek(self._identity)
        if checkpoint is None or checkpoint.state != "finished":
            raise UsageError("there is no finished store to verify: fill it with backfill or sync first")
        async with aclosing(super().run(run, resume=resume)) as found:
            async for difference in found:
                yield difference

    async def _copy(self, run: Run[Difference], checkpoint: Checkpoint) -> AsyncGenerator[Difference, None]:
        self._tally.begin()
        self._apart, self._left_out = checkpoint.apart, checkpoint.left_out
        self._note(checkpoint.counts.contacts)
        await self._store.sweep((), is_first=True)
        reading = self._compare_all(run) if self._sample is None else self._compare_some(run, self._sample)
        async with aclosing(reading) as found:
            async for difference in found:
                yield difference
        async with aclosing(self._ask_for(run, [*self._denied], Asked())) as removing:
            async for difference in removing:
                yield difference
        if run.stopped:
            return
        await self._note_holes()
        if self._repair and self._gap is None:
            await self._mend(run)
            await self._note_holes()
        await self._store.clear_spool()
        await self._close(run)

    async def _note_holes(self) -> None:
        for hole in await self._store.holes(limit=ALL_HOLES):
            self._amiss.unread(hole.contact_id, hole.kind, hole.reason)

    async def _compare_all(self, run: Run[Difference]) -> AsyncGenerator[Difference, None]:
        async with aclosing(self._read(run, self._query, self._kinds, Frontier(), moves=False)) as reading:
            async for difference in reading:
                yield difference
        if run.stopped:
            return
        total = self._tally.total
        if total is not None and self._was_met < total:
            self._gap = f"the server counts {total} contacts but showed {self._was_met}: run it again"
            return
        if total is None and not self._was_met:
            self._gap = "the server shows no contacts, and does not count them: run it again"
            return
        gone = 0
        async with aclosing(self._ask_for_hidden(run, await self._store.unswept())) as removing:
            async for difference in removing:
                gone += 1
                yield difference
        # One that was met, and deleted before the end, must not hide another one that was left out.
        if self._was_met + gone < (counted := self._tally.most_counted):
            self._gap = f"the server counted {counted} contacts at first, and showed {self._was_met}: run it again"

    async def _ask_for_hidden(
        self, run: Run[Difference], contact_ids: Sequence[str]
    ) -> AsyncGenerator[Difference, None]:
        gone: set[str] = set()
        async with aclosing(self._ask_for(run, contact_ids, Asked())) as removing:
            async for difference in removing:
                gone.add(difference.contact_id)
                yield difference
        for contact_id in contact_ids if not run.stopped else ():
            if contact_id not in gone:
                self._amiss.hidden(contact_id)

    async def _compare_some(self, run: Run[Difference], sample: int) -> AsyncGenerator[Difference, None]:
        for kind in self._kinds:
            self._doors.shut.setdefault(kind, ONE_BY_ONE)
        wanted = [each.id for each in await self._store.sample(sample)]
        async with aclosing(self._read_some(run, wanted, self._kinds)) as reading:
            async for difference in reading:
                yield difference
        unmet = [] if run.stopped else [each for each in wanted if each not in self._met]
        async with aclosing(self._ask_for_hidden(run, unmet)) as removing:
            async for difference in removing:
                yield difference

    async def _write(self, batch: Batch, part: Sequence[ContactBundle]) -> AsyncGenerator[Difference, None]:
        if not self._compares:
            await self._write_again(batch, part)
            return
        fresh = await self._note_met(part)
        self._nameless += sum(each.id is None for each in batch.quarantined)
        sent = [row for row in {row.id: row for row in batch.contacts}.values() if row.id in fresh]
        self._tally.contacts += len(sent)
        self._compared += len(sent)
        self._records += sum(len(each) for row in sent for each in row.children.values())
        whole = msgspec.structs.replace(batch, contacts=tuple(sent))
        looked = await confirmed(self._ghl, self._store, whole, self._one_by_one, beyond_calendars=True)
        for each in looked.unsure:
            self._amiss.unread(each.contact_id, each.part, NOT_MADE_SURE)
        self._denied |= dict.fromkeys(looked.gone)
        for difference in await self._expected(looked.found, sent):
            self._amiss.found(difference)
            self._found[difference.what] += 1
            self._note()
            yield difference

    async def _write_again(self, batch: Batch, part: Sequence[ContactBundle]) -> None:
        """Write what differs: mended is only what was seen to differ here too, or could be read here."""
        looked = await confirmed(self._ghl, self._store, batch, self._one_by_one)
        await self._keep(looked.batch, part)
        unsure = {(each.contact_id, each.part) for each in looked.unsure}
        seen: dict[str, list[Difference]] = {}
        for each in looked.found:
            seen.setdefault(each.contact_id, []).append(each)
        for row in looked.batch.contacts:
            parts: set[Part] = {"contacts", *row.children}
            if row.calendars is not None:  # what these do not show may be what could not be read
                parts.discard("appointments")
            read = (each for each in parts if each not in row.holes and (row.id, each) not in unsure)
            self._amiss.written(row.id, seen.get(row.id, ()), read)
        for contact_id, kind in unsure:
            self._amiss.unread(contact_id, kind, NOT_MADE_SURE)

    async def _note_met(self, part: Sequence[ContactBundle]) -> set[str]:
        """Count the contacts of a part, and return those that come for the first time."""
        ids = [bundle.id for bundle in part if bundle.id is not None and not bundle.vanished]
        # One that comes twice is one: it must not stand for another that was left out.
        fresh = {*await self._store.sweep(ids, is_first=False)}
        self._was_met += len(fresh) + len(part) - len(ids)
        if self._sample is not None:
            self._met.update(ids)
        for failure in (failure for bundle in part for failure in bundle.failures):
            self._amiss.unread(failure.contact_id, failure.kind, failure.reason)
        return fresh

    async def _expected(self, found: Sequence[Difference], rows: Sequence[ContactRows]) -> list[Difference]:
        """Leave out what a store filled by the calendars need not hold: what only a contact's own list shows."""
        by_contact = {row.id: row for row in rows}
        expected = []
        for each in found:
            if each.part == "appointments":
                row = by_contact[each.contact_id]
                read = {one.id: one.raw for one in row.children.get("appointments", ())}
                raw = {one.id: one.raw for one in row.quarantined}.get(each.id, read.get(each.id))
                is_alone = each.what == "missing" and row.calendars is None
                if is_alone and raw is not None and not await self._is_listed(raw):
                    self._unlisted += 1
                    self._records -= each.id in read
                    continue
            expected.append(each)
        return expected

    async def _is_listed(self, appointment: bytes) -> bool:
        """Whether a calendar shows an appointment of a contact's own list, as far as can be told."""
        if self._calendars is None:
            try:
                self._calendars = frozenset(await list_calendars(self._ghl))
            except GHLError as error:
                if isinstance(error, ENDS_THE_RUN):
                    raise
                self._calendars = error
        if isinstance(self._calendars, GHLError):
            return True
        return calendar_of(appointment) in self._calendars and (said(appointment) or {}).get("deleted") is not True

    async def _remove(self, contact_ids: Sequence[str]) -> AsyncGenerator[Difference, None]:
        for contact_id in contact_ids:
            self._amiss.gone(contact_id)
            self._found["surplus"] += 1
            self._note()
            yield Difference(contact_id, "contacts", contact_id, "surplus")
        if self._repair:
            self._tally.pruned += await self._store.remove(contact_ids)

    async def _mend(self, run: Run[Difference]) -> None:
        self._compares = False
        await self._read_again(run, self._amiss.contact_ids())
        # What one way has found, another one may not show: read again, as far as it can be, from each contact's lists.
        shut, opened = self._doors.shut, self._doors.open
        self._doors.shut = {**dict.fromkeys(self._kinds, BY_ITSELF), **shut}
        await self._read_again(run, self._amiss.contact_ids(opened))
        self._doors.shut = shut

    async def _read_again(self, run: Run[Difference], contact_ids: Sequence[str]) -> None:
        async with aclosing(self._read_some(run, contact_ids, self._kinds)) as reading:
            async for _ in reading:
                pass

    async def _finish_early(self, part: Sequence[Step], frontier: Frontier | None) -> None:
        """Nothing is written while records are compared, and what is mended may be mended again."""

    def _note(self, stored: int | None = None, **more: Any) -> None:
        before = self._tally.verified or Verified(stored_contacts=stored or 0)
        self._tally.verified = msgspec.structs.replace(
            before,
            contacts=self._compared,
            records=self._records,
            **{what: self._found[what] for what in ("missing", "stale", "surplus")},
            **more,
        )

    def _agree(self, total: int | None, stored: Counts) -> bool:
        """Whether as many are stored as the server counts, but for those it does not show and those set apart."""
        # What a sweep has come to tells nothing any more where what is set apart has become less or more since.
        is_known = abs(self._apart - stored.contacts_apart) <= self._left_out
        expected = {stored.contacts_apart} | ({self._apart} if is_known else set())
        return total is None or total - stored.contacts in expected

    def _remarks(self) -> str:
        words = ""
        if self._unlisted:
            lie = "1 appointment lies" if self._unlisted == 1 else f"{self._unlisted} appointments lie"
            words += (
                f"; {lie} in calendars that the location does not list, and not in the store: a backfill with"
                " deleted_calendars=True (--deleted-calendars) reads those"
            )
        if isinstance(self._calendars, GHLError):
            words += f"; the calendars were not listed ({self._calendars}): what is missing may be of deleted ones"
        return words

    async def _close(self, run: Run[Difference]) -> None:
        tally = self._tally
        tally.total = (await self._ghl.background.contacts.search(page_size=1)).total
        tally.stored = await self._store.counts()
        tally.failures, tally.failed = [], 0
        for failure in self._amiss.failures():
            tally.fail(failure)
        holes = self._amiss.holes
        is_whole = self._gap is None and not run.stopped and self._amiss.is_mended
        is_mended = self._repair and is_whole and bool(holes + self._found.total())
        self._note(holes=holes, unlisted=self._unlisted, server_contacts=tally.total, mended=is_mended)
        if run.stopped or tally.verified is None:
            return
        if not tally.verified.contacts and not tally.verified.all and tally.stored.contacts:
            self._gap = f"none of the {tally.stored.contacts} stored contacts was compared: compare all of them"
        if self._sample is None and self._nameless != tally.stored.contacts_nameless:
            self._gap = self._gap or (
                f"of contacts without a readable id {self._nameless} were sent, and"
                f" {tally.stored.contacts_nameless} are stored: a backfill reads them all anew"
            )
        run.summary = Verdict(
            gap=self._gap,
            hidden=self._amiss.hidden_contacts,
            # In full each contact tells for itself. A sample says nothing of those that the store lacks.
            is_even=self._sample is None or self._agree(tally.total, tally.stored),
            repairs=self._repair,
            remarks=self._remarks(),
        ).of(tally)

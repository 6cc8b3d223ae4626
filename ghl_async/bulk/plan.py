"""What a run will cost, and the cheapest way to do it, before it begins.

Nothing is assumed of the location: the search says how many contacts there are, the note search counts notes, the
number of tasks is found by leaving out more and more of them, and each cheaper way is tried once, so that it is known
which are refused. The formulas are those by which `fetch` and `backfill` read.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil, inf
from typing import Any, Literal

import msgspec

from ..client import GHLClient
from ..errors import GHLError, UsageError
from ..models import ContactQuery
from ..pagination import Page
from ._calendar import first_step, list_calendars
from ._copying import HOLES_AT_ONCE
from ._costs import averaged, count_by_leaving_out, pages_of, walk_of
from ._cursors import PAGE_SIZE, calls_wanted
from ._depth import Depth, Rhythm, behind_a_pass, changed_from, depth_of, is_much, synced_before
from ._doors import DOORS, EACH_CONTACT, ENDS_THE_RUN, FEWEST_CONTACTS, FEWEST_IDS, TOO_FEW, why_doubted
from ._identity import canonical, changed_since
from ._rows import KINDS, Checkpoint, Identity, Kind
from ._sample import sample_size
from .fetch import CALLS_A_PAGE, SLOW_SECONDS, by_date, checked, included, most_chunks
from .store import Store

__all__ = ["Plan", "PlannedWay", "plan"]

SELDOM_DIVIDED, OFTEN_DIVIDED = 4, 12
"""Calls wanted under way. The slower a server, the more of them, and the more often the search for a page of contacts
is divided to use the quota: up to the first number that happens to the first pages alone, from the second on to nearly
each, in halves as a rule (measured at round trips of 0.2 to 3 s)."""
_BY = "contact search"


class PlannedWay(msgspec.Struct, frozen=True):
    """How one kind of records will be read."""

    kind: Literal["contacts", "tasks", "notes", "appointments"]
    by: str
    """"contact search", "task search", "note search", "calendar events" or "each contact"."""
    why: str
    records: int | None
    """About how many there are; None: nothing tells before they are read."""
    requests: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run will cost, as far as the API tells."""

    contacts: int
    """Contacts that are to be read. Where only failed items are, how many of those."""
    ways: tuple[PlannedWay, ...]
    sample_requests: int
    """For the check of a sample at the end."""
    requests: int
    """In all."""
    seconds: float
    """At the full quota."""
    day_share: float | None
    """Of the whole day's quota, 0 to 1; None where the server does not announce one."""
    day_left: int | None
    """What bulk work may spend today still, down to the day's floor."""
    spent: int
    """What the planning itself took, in requests."""

    @property
    def breaks_floor(self) -> bool:
        """Whether the run would have to stop, resumably, because the day's quota does not hold so much."""
        return self.day_left is not None and self.requests > self.day_left


async def plan(
    ghl: GHLClient,
    query: ContactQuery | None = None,
    /,
    *,
    include: Sequence[str] = KINDS,
    deleted_calendars: bool = False,
    resume: bool = True,
    sync: bool | Rhythm = False,
    store: Store | None = None,
) -> Plan:
    """Say what `backfill` with the same client and arguments would cost; without a store, what `fetch` would.

    With `sync=True` what the next `bulk.sync` of the store would cost, if every contact that moved is new to it.

    Of a query that finds part of the location it is taken that its contacts have as many tasks and notes as others.

    Args:
        query: which contacts; None means all.
        include: any of "tasks", "notes", "appointments".
        deleted_calendars: whether appointments of deleted calendars are wanted too.
        resume: whether what the store holds is gone on with; False: all is read.
        sync: whether the store is to be synced, not backfilled; it then is a copy of all contacts. A `Rhythm` means
            a sync with other intervals than the usual ones.
        store: the one to be filled. It is looked at without being taken: what an interrupted run has read already is
            not counted again.

    Raises:
        UsageError: an unknown kind, a query outside the rules, or `sync` without a store; nothing was sent.
        StoreMismatch: the store holds something else.
        Unauthorized, ScopeMissing, WrongLocation, ConnectFailed: what would fail for the run as well.

    Cost: 1 request for the contacts, 1 for the notes, about 8 for the tasks, 2 for the calendars.
    """
    kinds, query = included(include), checked(query)
    planner = _Planner(ghl, query, kinds)
    checkpoint = None
    if store is not None:
        checkpoint = await store.peek(planner.identity)
    if sync is not False:
        if store is None or canonical(query) or deleted_calendars or not resume:
            raise UsageError("a sync takes a store of all contacts: leave query, deleted_calendars and resume out")
        return await planner.plan_sync(checkpoint, Rhythm() if sync is True else sync)
    if checkpoint is not None and not resume:
        checkpoint = msgspec.structs.replace(checkpoint, state="new", doubted=())
    return await planner.plan(checkpoint, is_stored=store is not None, deleted_calendars=deleted_calendars)


class _Planner:
    """Asks what a run needs to know, and adds up."""

    def __init__(self, ghl: GHLClient, query: ContactQuery, kinds: tuple[Kind, ...]) -> None:
        self._ghl = ghl
        self._query = query
        self._kinds = kinds
        self.identity = Identity(ghl.location_id, canonical(query), kinds)
        self._spent_before = ghl.stats.requests
        self._seconds_before = ghl.stats.attempt_seconds
        self._everybody = 0

    async def plan(self, checkpoint: Checkpoint | None, *, is_stored: bool, deleted_calendars: bool) -> Plan:
        page = await self._ghl.background.contacts.search(by_date(self._query), page_size=PAGE_SIZE)
        sent = max(1, len(page.items) + len(page.quarantined))
        total = sent if page.total is None else page.total
        fills_holes = checkpoint is not None and checkpoint.state == "finished" and checkpoint.counts.holes > 0
        if checkpoint is not None and fills_holes:
            contacts, sent = max(checkpoint.holes.values()), min(sent, HOLES_AT_ONCE)
            why = "only those with items that could not be read"
            way = PlannedWay("contacts", _BY, why, contacts, ceil(contacts / sent) + ceil(contacts / HOLES_AT_ONCE))
        else:
            contacts, way = await self._contacts(total, sent, checkpoint, is_uncounted=page.total is None)
        self._everybody = await self._count_everybody(total) if contacts and self._kinds else total
        doubted = () if checkpoint is None else checkpoint.doubted
        pages = ceil(contacts / sent)
        ways = [way] if contacts else []
        for kind in self._kinds if contacts else ():
            wanted = checkpoint.holes.get(kind, 0) if checkpoint is not None and fills_holes else contacts
            if wanted:
                of_kind = await self._way(kind, wanted, ceil(wanted / sent), doubted, deleted=deleted_calendars)
                ways.append(of_kind)
        ways = ways or [way]
        sample = min(total, sample_size(total, sum(way.requests for way in ways))) if is_stored else 0
        return self._added_up(contacts, pages, tuple(ways), sample * len(self._kinds))

    async def plan_sync(self, checkpoint: Checkpoint | None, rhythm: Rhythm) -> Plan:
        """The plan of a sync: of contacts that moved and of a sweep, or of everything."""
        if checkpoint is None or (depth := depth_of(checkpoint, self._kinds, time.time(), rhythm)) == "everything":
            whole = None if checkpoint is None else _without_holes(checkpoint)
            everything = await self.plan(whole, is_stored=True, deleted_calendars=False)
            if checkpoint is None or checkpoint.state != "running":
                return everything
            return await self._with_a_look_behind(everything, behind_a_pass(checkpoint, time.time(), rhythm))
        search = self._ghl.background.contacts.search
        first = await search(by_date(self._query), page_size=PAGE_SIZE)
        sent = max(1, len(first.items) + len(first.quarantined))
        total = first.total or sent
        looked_at = (await search(changed_since(changed_from(checkpoint)), page_size=1)).total or 0
        moved = (await search(changed_since(synced_before(checkpoint)), page_size=1)).total or 0
        if is_much(moved, total):
            everything = await self.plan(_without_holes(checkpoint), is_stored=True, deleted_calendars=False)
            return self._with_a_look(everything, ceil(looked_at / sent) + 1, "so many moved that everything is read")
        # Fewer than are stored: some are gone, and only a sweep tells which.
        gone = max(0, checkpoint.counts.contacts + checkpoint.apart - total)
        requests, words = 1, "only what was added or changed"  # 1: to count
        if depth == "changes":
            requests += ceil(looked_at / sent) + 1
        if depth == "sweep" or gone:
            requests += pages_of(total, sent, self._cursors(total, sent)) + gone
            words = f"a sweep of all {total:,}" + (f", {gone:,} of which are here no more" if gone else "")
        again = max(moved, 0, *checkpoint.holes.values())
        pages = ceil(again / min(sent, HOLES_AT_ONCE))
        requests += pages + ceil(again / HOLES_AT_ONCE)
        way = PlannedWay("contacts", _BY, f"{words}; those that moved are read again", again, requests)
        self._everybody = total
        swept = total if "sweep" in words else 0
        ways = [await self._way_of_sync(kind, again, pages, checkpoint, swept) for kind in self._kinds]
        return self._added_up(again, max(1, pages), (way, *ways), 0)

    async def _with_a_look_behind(self, whole: Plan, depth: Depth) -> Plan:
        """The plan of a pass that is gone on with, and of the look behind it."""
        if depth != "sweep":
            return self._with_a_look(whole, 2, "gone on with, and what changed meanwhile is looked for")  # 1: to count
        first = await self._ghl.background.contacts.search(by_date(self._query), page_size=PAGE_SIZE)
        sent = max(1, len(first.items) + len(first.quarantined))
        total = first.total or sent
        requests = 1 + pages_of(total, sent, self._cursors(total, sent)) + 2 * ("notes" in self._kinds)
        requests += sum(way.requests for way in whole.ways if way.by == DOORS["appointments"])
        return self._with_a_look(whole, requests, f"gone on with, and a sweep of all {total:,} behind it")

    def _with_a_look(self, whole: Plan, requests: int, words: str) -> Plan:
        """The plan of a pass over everything, and of a look that takes so many requests."""
        first = whole.ways[0]
        first = msgspec.structs.replace(first, why=f"{words}; {first.why}", requests=first.requests + requests)
        pages = max(1, ceil(whole.contacts / PAGE_SIZE))
        return self._added_up(whole.contacts, pages, (first, *whole.ways[1:]), whole.sample_requests)

    async def _way_of_sync(self, kind: Kind, again: int, pages: int, checkpoint: Checkpoint, swept: int) -> PlannedWay:
        """How one kind is read of contacts that moved; of all that are `swept`, if the calendars or new notes are."""
        if kind == "appointments" and swept and kind not in checkpoint.doubted:
            way = await self._appointments(swept)
            if way.why == TOO_FEW:  # each is read by the sweep, and those that differ once more
                return msgspec.structs.replace(way, requests=way.requests + again)
            if way.by == EACH_CONTACT:  # refused: one request has shown it, if not two
                why = f"{way.why}; of contacts that differ alone, a sweep looks at no others"
                return msgspec.structs.replace(way, why=why, requests=again + 1)
            return way
        way = PlannedWay(kind, EACH_CONTACT, "no contact moved", 0, 0)
        if again and kind != "appointments":
            way = await self._way(kind, again, pages, checkpoint.doubted, deleted=False)
        elif again:
            # Each part of them decides for itself; the first refusal holds for the others.
            way = await self._way(kind, min(again, HOLES_AT_ONCE), 1, checkpoint.doubted, deleted=False)
            if way.by == EACH_CONTACT:
                way = msgspec.structs.replace(way, requests=again + way.requests - min(again, HOLES_AT_ONCE))
        if kind == "notes" and swept and kind not in checkpoint.doubted:
            way = msgspec.structs.replace(way, requests=way.requests + 2, why=f"{way.why}; and the newest ones")
        return way

    async def _way(
        self, kind: Kind, contacts: int, pages: int, doubted: Sequence[Kind], *, deleted: bool
    ) -> PlannedWay:
        if kind in doubted:
            why = why_doubted(kind)
        elif contacts < FEWEST_CONTACTS:
            why = "there are so few contacts"
        elif kind != "appointments":
            return await self._searched(kind, contacts, pages)
        elif not deleted:
            return await self._appointments(contacts)
        else:
            why = "no calendar shows those of deleted calendars"
        return PlannedWay(kind, EACH_CONTACT, why, None, contacts)

    @property
    def _round_trip(self) -> float:
        """How long an answer takes on average, without waiting for quota."""
        stats = self._ghl.stats
        return (stats.attempt_seconds - self._seconds_before) / max(1, stats.requests - self._spent_before)

    async def _count_everybody(self, total: int) -> int:
        """How many contacts the location has: the searches of tasks and notes know no other query."""
        if not canonical(self._query):
            return total
        page = await self._ghl.background.contacts.search(page_size=1)
        return max(1, page.total or total)

    async def _contacts(
        self, total: int, sent: int, checkpoint: Checkpoint | None, *, is_uncounted: bool
    ) -> tuple[int, PlannedWay]:
        """How many contacts must be read, and how."""
        contacts, gone, words = total, 0, ""
        if checkpoint is not None:
            gone = max(0, checkpoint.counts.contacts - total)
            if gone:
                words = f"; {gone:,} in the store are here no more and are asked for one by one"
            if checkpoint.state == "running":
                contacts = max(0, total - checkpoint.read)
        cursors = self._cursors(contacts, sent)
        requests = gone + pages_of(contacts, sent, cursors)
        why = "one page" if contacts <= sent else f"pages of {sent}"
        if is_uncounted:
            why += "; the server does not count them, so there may be more"
        if cursors > 1:
            why += f", by {cursors} cursors side by side, since one takes {self._round_trip:.1f} s"
        return contacts, PlannedWay("contacts", _BY, why + words, contacts, requests)

    def _cursors(self, contacts: int, sent: int) -> int:
        """Into how many parts the reader cuts what is left behind its first page."""
        if self._query.sort is not None:
            return 1
        # The one that reads the first page is under way already.
        idle = calls_wanted(self._ghl, self._round_trip) - 1
        wanted = idle // (CALLS_A_PAGE if self._kinds else 1)
        return 1 + min(wanted, max(0, contacts - sent) // PAGE_SIZE)

    async def _searched(self, kind: Kind, contacts: int, pages: int) -> PlannedWay:
        search: Callable[..., Awaitable[Page[Any]]] = getattr(self._ghl.background, kind).search
        try:
            first = await search(limit=PAGE_SIZE)
            sent = len(first.items) + len(first.quarantined)
            records = first.total
            if records is None:
                records = await count_by_leaving_out(lambda skip: search(skip=skip, limit=1), sent, self._everybody)
        except GHLError as error:
            if isinstance(error, ENDS_THE_RUN):
                raise
            return PlannedWay(kind, EACH_CONTACT, f"the cheaper way is refused: {error}", None, contacts)
        wanted = round(records * contacts / max(1, self._everybody))
        walk = partial(walk_of, size=sent if records > sent else inf)
        requests = self._searches(wanted / max(1, pages), ceil(contacts / max(1, pages)), pages, walk)
        if 0 < wanted == records == sent and pages == 1:
            requests += 1  # all there is comes in one page, and a page as large as any before may be full
        if requests >= contacts:
            # The run finds that out by itself only where a page holds next to nothing.
            return PlannedWay(kind, DOORS[kind], f"{records:,} in the location", wanted, requests)
        return PlannedWay(kind, DOORS[kind], f"{requests:,} requests instead of {contacts:,}", wanted, requests)

    def _searches(self, records: float, ids: int, pages: int, walk: Callable[[float], float]) -> int:
        """How many requests it takes to search so many records each for so many pages of contacts."""

        def divided(parts: int) -> float:
            return parts * averaged(walk, records / parts)

        calls = calls_wanted(self._ghl, self._round_trip) if self._round_trip >= SLOW_SECONDS else 1
        most = max(1, ids // FEWEST_IDS)
        often = min(1.0, max(0.0, (calls - SELDOM_DIVIDED) / (OFTEN_DIVIDED - SELDOM_DIVIDED)))
        halved = divided(1) * (1 - often) + divided(min(2, most)) * often
        # Nothing else is under way yet when the first page comes, and all of its searches when the second does.
        first = min(1 + (calls - 1) // 2, most)
        searches = sum(kind != "appointments" for kind in self._kinds)
        second = min(1 + max(0, calls - 1 - searches * first) // 2, most)
        return round(divided(first) + (pages > 1) * divided(second) + max(0, pages - 2) * halved)

    async def _appointments(self, contacts: int) -> PlannedWay:
        kind: Kind = "appointments"
        now = datetime.now(UTC)
        try:
            calendars = await list_calendars(self._ghl)
            step = await first_step(self._ghl, len(calendars), is_slow=self._round_trip >= SLOW_SECONDS)
            if calendars:
                page = self._ghl.background.appointments.page_in_calendar
                await page(calendars[0], since=now, before=now + timedelta(days=1))
        except GHLError as error:
            if isinstance(error, ENDS_THE_RUN):
                raise
            return PlannedWay(kind, EACH_CONTACT, f"the cheaper way is refused: {error}", None, contacts)
        if len(calendars) >= contacts:
            return PlannedWay(kind, EACH_CONTACT, TOO_FEW, None, contacts + 1)
        if step.windows * len(calendars) >= contacts:
            return PlannedWay(kind, EACH_CONTACT, TOO_FEW, None, contacts + 2)
        why = f"{len(calendars)} calendars; what deleted calendars held is left out"
        return PlannedWay(kind, DOORS[kind], why, None, 2 + step.windows * len(calendars))

    def _added_up(self, contacts: int, pages: int, ways: tuple[PlannedWay, ...], sample: int) -> Plan:
        quota = self._ghl.quota
        requests = sum(way.requests for way in ways) + sample
        # A page of contacts is searched page by page, so on a slow server round trips may outlast the quota.
        searches = [way.requests / max(1, pages) for way in ways if way.by in (DOORS["tasks"], DOORS["notes"])]
        longest = max(searches, default=0.0)
        at_once = most_chunks(calls_wanted(self._ghl, self._round_trip), len(searches))
        cursors = self._cursors(contacts, ceil(contacts / max(1, pages)))
        # Several cursors begin when the first page and the newest contact are known, and a walk comes behind them.
        walked = pages + 1 if cursors == 1 else pages / cursors + 3
        round_trips = max(walked, ceil(pages / at_once) * longest) + longest
        left = None if quota.daily_remaining is None else max(0, quota.daily_remaining - quota.daily_floor)
        return Plan(
            contacts=contacts,
            ways=ways,
            sample_requests=sample,
            requests=requests,
            seconds=max(
                requests * (quota.interval_seconds + self._round_trip) / quota.requests,
                round_trips * self._round_trip,
            ),
            day_share=requests / quota.daily if quota.daily else None,
            day_left=left,
            spent=self._ghl.stats.requests - self._spent_before,
        )


def _without_holes(checkpoint: Checkpoint) -> Checkpoint:
    """A sync reads everything where a backfill would read its holes alone."""
    counts = msgspec.structs.replace(checkpoint.counts, holes=0)
    return msgspec.structs.replace(checkpoint, counts=counts, holes={})

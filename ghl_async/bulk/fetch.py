"""Contacts with their tasks, notes and appointments, as a stream in the order of the search.

Memory is bounded by the contacts under way (64, or 600 without children), not by the location. One child that
cannot be read is a hole in its bundle, and the others go on; only what would go wrong for every contact ends the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from .. import pagination
from ..client import GHLClient
from ..errors import (
    AuthError,
    ConnectFailed,
    DailyQuotaExhausted,
    DecodeError,
    Forbidden,
    GHLError,
    NotFound,
    Unauthorized,
    UsageError,
)
from ..hooks import RecordQuarantined, emit
from ..models import Appointment, Contact, ContactQuery, Note, Task
from ..pagination import Page, SetApart
from ._rows import KINDS, Kind
from ._workers import InOrder
from .run import Failure, Run, Tally

__all__ = ["WORKERS", "ContactBundle", "bundles", "checked", "count", "fetch", "included"]

WORKERS = 32
"""Requests under way at once: enough for the full quota (10 a second) at round trips of 3 s."""
AHEAD = 64
AHEAD_ALONE = 600
PAGE_SIZE = 500
"""The largest that contact search takes (facts 6.3)."""
FAILURES_IN_A_ROW = 25
_ENDS_THE_RUN = (AuthError, ConnectFailed, DailyQuotaExhausted, Forbidden, Unauthorized)


class ContactBundle(msgspec.Struct, frozen=True, kw_only=True):
    """One contact and what belongs to it."""

    id: str | None
    """None only for a quarantined contact without a readable id."""
    contact: Contact | None
    """None: it does not decode; its JSON is in `quarantined`."""
    tasks: tuple[Task, ...] = ()
    notes: tuple[Note, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    complete: tuple[Kind, ...] = ()
    """The kinds that were read completely."""
    failures: tuple[Failure, ...] = ()
    """The kinds that could not be read."""
    quarantined: tuple[SetApart, ...] = ()
    """The contact itself or children of it that do not decode."""
    vanished: bool = False
    """The contact was deleted between the search and the reading of its children."""
    cursor: tuple[Any, ...] | None = None
    """The position of the search behind this contact."""


def included(include: Sequence[str]) -> tuple[Kind, ...]:
    """Check and order the kinds to read with each contact.

    Raises:
        UsageError: a kind that does not exist.
    """
    if isinstance(include, str):
        raise UsageError(f"include takes several kinds, for example ({include!r},)")
    unknown = [kind for kind in include if kind not in KINDS]
    if unknown:
        raise UsageError(f"include does not know {', '.join(map(repr, unknown))}: it takes {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in include)


def checked(query: ContactQuery | None) -> ContactQuery:
    """The query, or that for all contacts.

    Raises:
        UsageError: it is something else.
    """
    if query is not None and not isinstance(query, ContactQuery):
        raise UsageError(f"the query must be a ContactQuery, not {type(query).__name__}")
    return query or ContactQuery()


def fetch(
    ghl: GHLClient,
    query: ContactQuery | None = None,
    /,
    *,
    include: Sequence[str] = KINDS,
) -> Run[ContactBundle]:
    """Read contacts with their tasks, notes and appointments. Items: `ContactBundle`, in the order of the search.

    Args:
        query: which contacts; None means all.
        include: any of "tasks", "notes", "appointments"; empty reads contacts alone.

    Raises (from the run):
        UsageError: an unknown kind, or a query outside the rules; nothing was sent.
        Unauthorized, ScopeMissing, WrongLocation, ConnectFailed: what would fail for every contact.

    Cost: 1 request for 500 contacts and 1 for each contact and kind, in the bulk lane.
    """
    kinds, query = included(include), checked(query)
    tally = Tally(ghl, _in_words(kinds))

    async def produce(run: Run[ContactBundle]) -> AsyncIterator[ContactBundle]:
        source = bundles(ghl, query, kinds, tally)
        async with source as results:
            run.when_stopped(results.stop)
            async for bundle in results:
                if run.stopped:
                    break
                count(tally, bundle)
                yield bundle
        if run.stopped:
            return
        if tally.total is not None and tally.found < tally.total:
            said = f"the server counts {tally.total} contacts but sent {tally.found}: run it again"
            run.summary = tally.summary("incomplete", said, resumable=False)
        else:
            run.summary = tally.summary("finished", "every contact of the search was read", resumable=False)

    return Run(tally, produce)


def bundles(
    ghl: GHLClient,
    query: ContactQuery,
    kinds: tuple[Kind, ...],
    tally: Tally,
    *,
    after: Sequence[Any] | None = None,
) -> InOrder[ContactBundle, ContactBundle]:
    """Make the stream of bundles behind a position of the search."""
    reader = _Reader(ghl, kinds)

    async def page_behind(cursor: Sequence[Any] | None) -> Page[Contact]:
        page = await ghl.background.contacts.search(query, after=cursor, page_size=PAGE_SIZE)
        tally.total = page.total
        if page.cursor is None and not page.is_empty:
            raise DecodeError(
                "contacts.search: no contact of the page says where the next one begins", path="$.contacts"
            )
        return page

    async def contacts() -> AsyncIterator[ContactBundle]:
        async for page in pagination.pages(page_behind, after):
            apart = [ContactBundle(id=each.id, contact=None, quarantined=(each,)) for each in page.quarantined]
            found = [ContactBundle(id=each.id, contact=each, cursor=_position(each)) for each in page.items]
            *others, last = (*apart, *found)
            for bundle in others:
                yield bundle
            # Behind the last one the page's own cursor counts: it is right even where that contact did not decode.
            yield msgspec.structs.replace(last, cursor=tuple(page.cursor))

    return InOrder(contacts(), reader.complete, ahead=AHEAD if kinds else AHEAD_ALONE)


def count(tally: Tally, bundle: ContactBundle) -> None:
    """Enter a bundle into the books."""
    if bundle.vanished:
        tally.vanished += 1
        return
    tally.contacts += 1
    tally.quarantined += len(bundle.quarantined)
    tally.children["tasks"] += len(bundle.tasks)
    tally.children["notes"] += len(bundle.notes)
    tally.children["appointments"] += len(bundle.appointments)
    for failure in bundle.failures:
        tally.fail(failure)
    for apart in bundle.quarantined:
        emit(tally.ghl.hooks, RecordQuarantined(apart.kind, apart.reason))


def _in_words(kinds: tuple[Kind, ...]) -> str:
    return f"contacts with {', '.join(kinds)}" if kinds else "contacts alone"


def _position(contact: Contact) -> tuple[Any, ...] | None:
    return tuple(contact.search_after) if isinstance(contact.search_after, list | tuple) else None


class _Reader:
    """Completes contacts with their children, with bounded requests under way."""

    def __init__(self, ghl: GHLClient, kinds: tuple[Kind, ...]) -> None:
        self._kinds = kinds
        self._room = asyncio.Semaphore(WORKERS)
        self._pages: dict[Kind, Callable[[str], Any]] = {
            "tasks": ghl.background.tasks.page,
            "notes": ghl.background.notes.page,
            "appointments": ghl.background.appointments.page,
        }
        self._contact = ghl.background.contacts.get
        self._failures_in_a_row = dict.fromkeys(kinds, 0)

    async def complete(self, bundle: ContactBundle) -> ContactBundle:
        """Read the children of one contact.

        Raises:
            GHLError: what would fail for every contact.
        """
        if bundle.id is None or not self._kinds:
            return bundle
        results = await _all(partial(self._read, kind, bundle.id) for kind in self._kinds)
        if any(isinstance(result, NotFound) for result in results):
            if await self._is_gone(bundle.id):
                return msgspec.structs.replace(bundle, vanished=True)
            for kind, result in zip(self._kinds, results, strict=True):
                if isinstance(result, NotFound):
                    self._note_failure(kind, result)
        read: dict[str, Any] = {}
        failures, quarantined = [], list(bundle.quarantined)
        for kind, result in zip(self._kinds, results, strict=True):
            if isinstance(result, GHLError):
                failures.append(Failure(bundle.id, kind, str(result)))
            else:
                read[kind] = result.items
                quarantined += result.quarantined
        return msgspec.structs.replace(
            bundle, complete=tuple(read), failures=tuple(failures), quarantined=tuple(quarantined), **read
        )

    async def _is_gone(self, contact_id: str) -> bool:
        """Ask for the contact itself: a 404 may also come from a route that is refused, or from the edge."""
        async with self._room:
            try:
                await self._contact(contact_id)
            except NotFound:
                return True
            except GHLError as error:
                if isinstance(error, _ENDS_THE_RUN):
                    raise
        return False

    def _note_failure(self, kind: Kind, error: GHLError) -> None:
        self._failures_in_a_row[kind] += 1
        if isinstance(error, _ENDS_THE_RUN) or self._failures_in_a_row[kind] >= FAILURES_IN_A_ROW:
            raise error

    async def _read(self, kind: Kind, contact_id: str) -> Page[Any] | GHLError:
        async with self._room:
            try:
                page: Page[Any] = await self._pages[kind](contact_id)
            except NotFound as error:
                return error
            except GHLError as error:
                self._note_failure(kind, error)
                return error
        self._failures_in_a_row[kind] = 0
        return page


async def _all(jobs: Any) -> list[Any]:
    """Run jobs side by side; the first failure ends the others and comes out as itself, not as a group."""
    tasks = [asyncio.ensure_future(job()) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()

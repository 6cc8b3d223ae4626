"""Run: awaitable and iterable at once. Summary: how one run ended. Progress: how far it is.

Nothing is cut short silently: every run ends in a Summary that says what was asked, found and stored, what the server
counts, and why it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from time import monotonic
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from ..client import GHLClient, QuotaState
from ..errors import DailyQuotaExhausted, RateLimited, UsageError
from ._doors import Way
from ._findings import Changes, Verified
from ._outcome import Written
from ._rows import Counts, Kind

__all__ = ["Failure", "Progress", "Reason", "Run", "SampleCheck", "Summary", "Tally"]

Item = TypeVar("Item")

Reason: TypeAlias = Literal["finished", "stopped", "daily quota", "incomplete", "failed"]
KEPT_FAILURES = 1000


class Failure(msgspec.Struct, frozen=True):
    """One thing that could not be read, although the run went on."""

    contact_id: str
    kind: str
    """"tasks", "notes" or "appointments"; "contacts" where it is the contact itself."""
    reason: str


class SampleCheck(msgspec.Struct, frozen=True):
    """Some contacts' tasks, notes and appointments, read again after the run and compared with the store."""

    contacts: int
    """How many contacts were compared."""
    children: int
    """How many records the server named."""
    missing: tuple[Failure, ...] = ()
    """Records that the server has had all along and the store has not."""
    left_out_by: tuple[Kind, ...] = ()
    """Kinds of which the cheaper way did not show some of these records even when it was asked for them alone."""
    other_calendars: int = 0
    """Appointments of these contacts in calendars that the location does not list: the cheaper way cannot show them."""
    wanted: int = 0
    """How many contacts were to be compared."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is. All counts are of this run."""

    contacts: int
    tasks: int
    notes: int
    appointments: int
    failed: int
    contacts_total: int | None
    """The server's number of matching contacts."""
    contacts_before: int
    """Contacts that an interrupted run had stored already."""
    requests: int
    seconds: float
    requests_per_second: float
    """Over the last ten seconds or so."""
    quota_per_second: float | None
    """What the server's limit allows."""
    day_share: float | None
    """How much of the day's quota is used, 0 to 1, by everybody."""
    eta_seconds: float | None
    written: Written | None = None
    """What became of the inputs of a bulk write; None of other runs."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    asked: str
    """What it was to do, in words."""
    reason: Reason
    """Why it stopped."""
    message: str
    """The same in a sentence, with what to do next."""
    resumable: bool
    """Whether the same call goes on where this one stopped."""
    found: int
    """Contacts that the server sent in this pass."""
    server_total: int | None
    """Contacts that the server counted at the end."""
    contacts: int
    tasks: int
    notes: int
    appointments: int
    """What this run read and handed on, or stored."""
    vanished: int
    """Contacts that were deleted while the run went on."""
    pruned: int
    """Contacts removed from the store, because the location has them no more."""
    quarantined: int
    failed: int
    failures: tuple[Failure, ...]
    """The first thousand of `failed`."""
    stored: Counts | None
    """What the whole store holds now; None where there is no store."""
    sample: SampleCheck | None
    ways: tuple[Way, ...]
    """How each kind was read, in the end."""
    requests: int
    seconds: float
    written: Written | None = None
    """What became of the inputs of a bulk write; None of other runs."""
    changes: Changes | None = None
    """What a sync found; None of other runs."""
    verified: Verified | None = None
    """What a verification found; None of other runs."""

    @property
    def exit_code(self) -> int:
        """0 done, 1 something is missing, 3 stopped and resumable, 4 finished with failed items."""
        if self.reason in {"stopped", "daily quota"}:
            return 3
        if self.reason != "finished":
            return 1
        is_unchecked = self.sample is not None and self.sample.wanted and not self.sample.contacts
        is_undecided = self.written is not None and self.written.unknown > 0
        has_holes = self.stored is not None and self.stored.holes > 0
        return 4 if self.failed or is_undecided or is_unchecked or has_holes else 0


class Tally:
    """What a run counts while it goes on."""

    def __init__(self, ghl: GHLClient, asked: str) -> None:
        self.ghl = ghl
        self.asked = asked
        self.started = monotonic()
        self.requests_before = ghl.stats.requests
        self.begin()
        self.pruned = 0
        self.stored: Counts | None = None
        self.sample: SampleCheck | None = None
        self.written: Written | None = None
        self.changes: Changes | None = None
        self.verified: Verified | None = None
        self.is_resumable = True
        """Whether the same call goes on where an unfinished run stopped."""
        self.ways: Callable[[], tuple[Way, ...]] = tuple
        self._pace = (self.started, 0, 0.0)

    def begin(self, found_before: int = 0) -> None:
        """Count anew what is read; requests and time go on."""
        self.contacts = self.vanished = self.repeated = self.quarantined = self.failed = 0
        self.children = {"tasks": 0, "notes": 0, "appointments": 0}
        self.failures: list[Failure] = []
        self.found_before = found_before
        self.most_counted = 0
        """The greatest `total` so far: a deletion meanwhile lowers it."""
        self.total = None

    @property
    def total(self) -> int | None:
        """How many contacts the server counts; None: it does not."""
        return self._total

    @total.setter
    def total(self, counted: int | None) -> None:
        self._total = counted
        self.most_counted = max(self.most_counted, counted or 0)

    @property
    def requests(self) -> int:
        """Attempts made on behalf of this run (and of whatever else used the client meanwhile)."""
        return self.ghl.stats.requests - self.requests_before

    @property
    def found(self) -> int:
        """Contacts seen in this pass, those of interrupted runs included, each counted once."""
        return self.found_before + self.contacts + self.vanished - self.repeated

    def fail(self, failure: Failure) -> None:
        """Count a failure and keep the first thousand."""
        self.failed += 1
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(failure)

    def requests_per_second(self) -> float:
        """The pace of the last ten seconds or so."""
        since, at_since, pace = self._pace
        elapsed = monotonic() - since
        if elapsed >= 1.0:
            now = (self.requests - at_since) / elapsed
            pace = now if not at_since else pace + (now - pace) * min(1.0, elapsed / 5.0)
            self._pace = (monotonic(), self.requests, pace)
        return pace or (self.requests / max(elapsed, 0.001) if not at_since else 0.0)

    def _quota(self) -> QuotaState | None:
        try:
            return self.ghl.quota
        except UsageError:  # before the first call, or behind the last one
            return None

    def progress(self) -> Progress:
        """Say how far the run is."""
        seconds = monotonic() - self.started
        quota = self._quota()
        known = quota is not None and quota.known
        done = self.contacts + self.vanished
        left = None if self.total is None else max(0, self.total - self.found_before - done)
        return Progress(
            contacts=self.contacts,
            tasks=self.children["tasks"],
            notes=self.children["notes"],
            appointments=self.children["appointments"],
            failed=self.failed,
            contacts_total=self.total,
            contacts_before=self.found_before,
            requests=self.requests,
            seconds=seconds,
            requests_per_second=self.requests_per_second(),
            quota_per_second=quota.requests / quota.interval_seconds if quota and known else None,
            day_share=(
                1 - quota.daily_remaining / quota.daily
                if quota and quota.daily and quota.daily_remaining is not None
                else None
            ),
            eta_seconds=seconds / done * left if left is not None and done else None,
            written=self.written,
        )

    def summary(self, reason: Reason, message: str, *, resumable: bool) -> Summary:
        """Close the books."""
        return Summary(
            asked=self.asked,
            reason=reason,
            message=message,
            resumable=resumable,
            found=self.found,
            server_total=self.total,
            contacts=self.contacts,
            tasks=self.children["tasks"],
            notes=self.children["notes"],
            appointments=self.children["appointments"],
            vanished=self.vanished,
            pruned=self.pruned,
            quarantined=self.quarantined,
            failed=self.failed,
            failures=tuple(self.failures),
            stored=self.stored,
            sample=self.sample,
            ways=self.ways(),
            requests=self.requests,
            seconds=monotonic() - self.started,
            written=self.written,
            changes=self.changes,
            verified=self.verified,
        )


class Run(Generic[Item]):
    """One bulk operation. It starts when it is awaited or iterated, and can be used once.

        summary = await bulk.backfill(ghl, store)

        run = bulk.fetch(ghl)
        async for bundle in run:
            ...
        print(run.summary)

    Leaving the loop early stops the run and keeps what is done; awaiting the run inside its own loop would wait for
    ever. Errors that end a run (a refused token, a store that
    cannot be written) are raised; items that fail are counted in the Summary instead.
    """

    def __init__(self, tally: Tally, produce: Callable[[Run[Item]], AsyncIterator[Item]]) -> None:
        self._tally = tally
        self._produce = produce
        self._started = False
        self._ended = asyncio.Event()
        self._stopping: Callable[[], object] | None = None
        self.stopped = False
        """Whether `stop` was called."""
        self.summary: Summary | None = None
        """How it ended; None while it goes on."""

    @property
    def progress(self) -> Progress:
        """How far it is, at any time."""
        return self._tally.progress()

    def stop(self) -> None:
        """End the run as soon as possible; what is done is kept. Reads under way are dropped, writes come to their end.

        May be called from a signal handler of the event loop.
        """
        self.stopped = True
        if self._stopping is not None:
            self._stopping()

    def when_stopped(self, act: Callable[[], object]) -> None:
        """Have the producer told of `stop`. For the rooms of bulk."""
        self._stopping = act
        if self.stopped:
            act()

    def __await__(self) -> Generator[Any, None, Summary]:
        """Run to the end and return the Summary."""
        return self._drain().__await__()

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        """Run and yield the items as they are done, in order."""
        if self._started:
            raise UsageError("a run can be used once: make a new one")
        self._started = True
        source = self._produce(self)
        again = ": the same call goes on where it stopped" if self._tally.is_resumable else ""
        ending: tuple[Reason, str] | None = None
        try:
            async for item in source:
                yield item
        except DailyQuotaExhausted as error:
            ending = "daily quota", str(error)
        except RateLimited as error:
            ending = "stopped", f"the server grants no requests any more ({error}){again}"
        except BaseException as error:
            left = {GeneratorExit: "the loop was left early", asyncio.CancelledError: "cancelled"}.get(type(error))
            ending = "stopped" if left else "failed", left or str(error)
            raise
        finally:
            try:
                await source.aclose()  # type: ignore[attr-defined]  # an async generator
            finally:
                # Behind the closing, in which writes that were sent come to their end.
                if ending is None and self.summary is None:
                    ending = "stopped", f"stopped{again}"
                if ending is not None:
                    self.summary = self._tally.summary(*ending, resumable=self._tally.is_resumable)
                self._ended.set()

    async def _drain(self) -> Summary:
        if not self._started:
            async for _ in self:
                pass
        # Someone else iterates it, or a loop that was left is still being closed.
        await self._ended.wait()
        if self.summary is None:
            raise AssertionError("a run ended without a summary")
        return self.summary

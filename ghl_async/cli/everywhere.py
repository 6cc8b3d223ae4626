"""What `--all-locations` does: every location of an agency, many side by side, each into its file.

Each location has its own token, quota and store. What fails in one is told in a line and does not concern the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec

from .. import bulk
from ..auth import Agency, InstalledLocation
from ..client import GHLClient
from ..errors import DailyQuotaExhausted, GHLError, UsageError
from .answer import answer
from .complaint import complain
from .cost import refusal
from .credentials import find_agency
from .options import AgencyOptions
from .progress import Display, JsonLines, PlainLines, Silence
from .settings import api_version
from .stopping import stopped_by_signals

__all__ = ["Work", "copy_all_locations"]

AT_ONCE = 20
"""Locations side by side. Each waits for its own quota most of the time; one that hangs must not hold up the rest."""
_WORST_FIRST = (1, 3, 2, 4, 0)


class Work(Protocol):
    """What is done with each location."""

    def plan(self, ghl: GHLClient, store: bulk.SQLiteStore) -> Coroutine[Any, Any, bulk.Plan]:
        """Say what it will cost."""

    def run(self, ghl: GHLClient, store: bulk.SQLiteStore) -> bulk.Run[Any]:
        """Make the run."""

    def ended(self, summary: bulk.Summary, path: Path) -> tuple[str, str]:
        """How it went, in a line for a list, and what is amiss, if something is."""


async def copy_all_locations(options: AgencyOptions, work: Work) -> int:
    """Do it with all locations that have the app installed, and return the worst exit code of all.

    Raises:
        GHLError: the agency's token or the list of its locations could not be had, or nothing was begun.
    """
    _check(options)
    display = _display(options)
    async with contextlib.AsyncExitStack() as opened:
        agency = await find_agency(options, options.company_id, opened)
        journey = _Journey(agency, options, work, display)
        with stopped_by_signals(journey.stop, display, "Stopping: what has been read is being stored."):
            codes = await journey.run()
    return next(code for code in _WORST_FIRST if code in codes or not code)


def _check(options: AgencyOptions) -> None:
    if options.location_id:
        raise UsageError("--all-locations means all: leave out --location-id")
    if options.store is not None and not options.store.is_dir():
        raise UsageError(f"with --all-locations --store names a folder, and {options.store} is none: create it")


def _display(options: AgencyOptions) -> Display:
    if options.quiet:
        return Silence()
    return JsonLines() if options.json else PlainLines(options.kinds)


class _Journey:
    """One run over all locations."""

    def __init__(self, agency: Agency, options: AgencyOptions, work: Work, display: Display) -> None:
        self._agency = agency
        self._options = options
        self._of_each = work
        self._display = display
        self._stops: set[Callable[[], object]] = set()
        self._is_stopping = False
        self._codes: list[int] = []
        self._places: asyncio.Queue[InstalledLocation | None] = asyncio.Queue(maxsize=AT_ONCE)

    def stop(self) -> None:
        """Begin no further location, and let those under way keep what they have."""
        self._is_stopping = True
        for stop in self._stops:
            stop()

    async def run(self) -> list[int]:
        """Copy them; the exit code of each, and of the whole if it did not get to its end.

        Raises:
            GHLError: nothing was begun.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work())
            failure = await self._list()
        if not self._codes and failure is not None:
            raise failure
        if not self._codes and not self._is_stopping:
            raise UsageError(f"no location of the agency {self._agency.company_id} has installed the app")
        self._display.say(f"{len(self._codes):,} locations; {self._codes.count(0):,} of them are complete.")
        if failure is not None:
            complain(f"there may be more locations, their list broke off: {failure}")
            return [*self._codes, 1]
        return [*self._codes, 3] if self._is_stopping else self._codes

    async def _list(self) -> GHLError | None:
        """Hand out the locations; why that broke off, if it did. Those that were handed out are copied all the same."""
        failure = None
        try:
            async for place in self._agency.locations():
                if self._is_stopping:
                    break
                await self._places.put(place)
        except GHLError as error:
            failure = error
        for _ in range(AT_ONCE):
            await self._places.put(None)
        return failure

    async def _work(self) -> None:
        while (place := await self._places.get()) is not None:
            if not self._is_stopping:
                self._codes.append(await self._told(place))

    async def _told(self, place: InstalledLocation) -> int:
        """Copy one and say how it ended."""
        name = f"{place.id} ({place.name})" if place.name else place.id
        try:
            return await self._copied(place.id, name)
        except GHLError as error:
            complain(f"{name}: {error}")
            return 3 if isinstance(error, DailyQuotaExhausted) else 1

    async def _copied(self, location_id: str, name: str) -> int:
        options = self._options
        path = (options.store or Path()) / f"ghl-{location_id}.db"
        async with (
            GHLClient.of(self._agency, location_id, api_version=api_version()) as ghl,
            bulk.SQLiteStore(path) as store,
        ):
            if not options.force:
                plan = await self._of_each.plan(ghl, store)
                if plan.breaks_floor:
                    complain(f"{name}: {refusal(plan, ghl.quota)}")
                    return 2
            summary = await self._finished(self._of_each.run(ghl, store))
        if options.json:
            answer(msgspec.json.encode({"location_id": location_id, "summary": summary}).decode())
        words, line = self._of_each.ended(summary, path)
        if line:
            complain(f"{name}: {line}")
        else:
            self._display.say(f"{name}: {words}")
        return summary.exit_code

    async def _finished(self, run: bulk.Run[Any]) -> bulk.Summary:
        self._stops.add(run.stop)
        try:
            if self._is_stopping:
                run.stop()
            return await run
        finally:
            self._stops.discard(run.stop)

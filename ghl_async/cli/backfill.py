"""What `ghl-async backfill` does: find the location and the store, run, stop on signals, show how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from typing import Any

import msgspec

from .. import bulk
from ..client import GHLClient
from ..errors import UsageError
from ..hooks import DoorShut, Event, TokenTrouble
from .complaint import complain
from .cost import refusal
from .ending import closing_line, hints, table
from .location import about_the_sandbox, open_location, store_path
from .options import BackfillOptions
from .progress import Display, choose_display, following
from .stopping import stopped_by_signals

__all__ = ["copy_location"]


async def copy_location(options: BackfillOptions) -> int:
    """Copy one location, a made-up one with `options.sandbox`, and return the exit code.

    Raises:
        GHLError: what ended the run, or kept it from beginning.
    """
    if options.company_id:
        raise UsageError("--company-id goes with --all-locations")
    display = choose_display(options.kinds, json=options.json, quiet=options.quiet)
    doors = _Doors(display)
    async with contextlib.AsyncExitStack() as opened:
        opened.callback(display.close)
        ghl = await open_location(options, opened, hooks=(doors.tell,))
        path = store_path(options, ghl)
        store = await opened.enter_async_context(bulk.SQLiteStore(path))
        if options.sandbox:
            display.say(about_the_sandbox(options))
        plan = await _planned(_plan(ghl, store, options), display)
        if plan is None:
            complain("stopped before anything was read: the same command begins again")
            return 3
        doors.expect(plan)
        if plan.breaks_floor and not options.force:
            display.close()
            complain(refusal(plan, ghl.quota))
            return 2
        run = bulk.backfill(
            ghl,
            store,
            include=options.kinds,
            deleted_calendars=options.deleted_calendars,
            resume=not options.fresh,
        )
        try:
            with stopped_by_signals(run.stop, display, "Stopping: what has been read is being stored."):
                async with following(run, display):
                    summary = await run
        finally:
            if options.json and run.summary is not None:
                _write(msgspec.json.encode(run.summary).decode())
    if not options.json and not options.quiet:
        _write(table(summary, options.kinds))
        if summary.reason == "finished":
            display.say(hints(path, options.kinds, is_sandbox=options.sandbox))
    line = closing_line(summary, path, fresh=options.fresh)
    if line:
        complain(line)
    return summary.exit_code


class _Doors:
    """Tells when a cheaper way to read fails, unless the plan has said so before; and of trouble with the token."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._expected: set[str] = set()

    def expect(self, plan: bulk.Plan) -> None:
        """Note what the plan tells."""
        self._expected = {way.kind for way in plan.ways if way.by == "each contact"}

    def tell(self, event: Event) -> None:
        """A hook."""
        if isinstance(event, DoorShut) and event.kind not in self._expected:
            self._display.say(f"From here on {event.kind} are read contact by contact: {event.reason}")
        elif isinstance(event, TokenTrouble):
            self._display.say(f"Trouble with the token of {event.owner} {event.owner_id}: {event.reason}")


def _plan(ghl: GHLClient, store: bulk.SQLiteStore, options: BackfillOptions) -> Coroutine[Any, Any, bulk.Plan]:
    return bulk.plan(
        ghl,
        include=options.kinds,
        deleted_calendars=options.deleted_calendars,
        resume=not options.fresh,
        store=store,
    )


async def _planned(planning: Coroutine[Any, Any, bulk.Plan], display: Display) -> bulk.Plan | None:
    """Make the plan and show it; None: a signal came before it was made."""
    task = asyncio.create_task(planning)
    try:
        with stopped_by_signals(task.cancel, display, "Stopping."):
            await asyncio.wait((task,))
    finally:
        task.cancel()
    if task.cancelled():
        return None
    display.plan(task.result())
    return task.result()


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

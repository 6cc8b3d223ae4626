"""What `ghl-async backfill` does: find the location and the store, run, stop on signals, show how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from .. import bulk
from ..client import GHLClient
from ..errors import UsageError
from .answer import answer
from .complaint import complain
from .ending import closing_line, hints, table
from .everywhere import copy_all_locations
from .location import about_the_sandbox, open_location, store_path
from .options import BackfillOptions
from .progress import choose_display
from .running import Narrator, may_begin, to_its_end

__all__ = ["copy"]


async def copy(options: BackfillOptions) -> int:
    """Copy one location, a made-up one with `options.sandbox`, or all of an agency; return the exit code.

    Raises:
        GHLError: what ended the run, or kept it from beginning.
    """
    if not options.all_locations:
        return await _copy_one(options)
    if options.sandbox or options.contacts is not None:
        raise UsageError("--all-locations needs an agency: leave out --sandbox and --contacts")
    return await copy_all_locations(options, _Backfill(options))


class _Backfill:
    """What is done with each location."""

    def __init__(self, options: BackfillOptions) -> None:
        self._options = options

    def plan(self, ghl: GHLClient, store: bulk.SQLiteStore) -> Coroutine[Any, Any, bulk.Plan]:
        """Say what it will cost."""
        return bulk.plan(
            ghl,
            include=self._options.kinds,
            deleted_calendars=self._options.deleted_calendars,
            resume=not self._options.fresh,
            store=store,
        )

    def run(self, ghl: GHLClient, store: bulk.SQLiteStore) -> bulk.Run[bulk.Progress]:
        """Make the run."""
        return bulk.backfill(
            ghl,
            store,
            include=self._options.kinds,
            deleted_calendars=self._options.deleted_calendars,
            resume=not self._options.fresh,
        )

    def ended(self, summary: bulk.Summary, path: Path) -> tuple[str, str]:
        """How it went, in a line for a list, and what is amiss, if something is."""
        counts = ", ".join(f"{getattr(summary, kind):,} {kind}" for kind in ("contacts", *self._options.kinds))
        words = f"{counts} read in {summary.seconds:.0f} s, all in {path}"
        return words, closing_line(summary, path, fresh=self._options.fresh)


async def _copy_one(options: BackfillOptions) -> int:
    if options.company_id:
        raise UsageError("--company-id goes with --all-locations")
    work = _Backfill(options)
    display = choose_display(options.kinds, json=options.json, quiet=options.quiet)
    narrator = Narrator(display)
    async with contextlib.AsyncExitStack() as opened:
        opened.callback(display.close)
        ghl = await open_location(options, opened, hooks=(narrator.tell,))
        path = store_path(options, ghl)
        store = await opened.enter_async_context(bulk.SQLiteStore(path))
        if options.sandbox:
            display.say(about_the_sandbox(options))
        code = await may_begin(work.plan(ghl, store), ghl, narrator, force=options.force)
        if code:
            return code
        run = work.run(ghl, store)
        try:
            summary = await to_its_end(run, display, "Stopping: what has been read is being stored.")
        finally:
            if options.json and run.summary is not None:
                answer(msgspec.json.encode(run.summary).decode())
    if not options.json and not options.quiet:
        answer(table(summary, options.kinds))
        if summary.reason == "finished":
            display.say(hints(path, options.kinds, is_sandbox=options.sandbox))
    _, line = work.ended(summary, path)
    if line:
        complain(line)
    return summary.exit_code

"""What `ghl-async plan` does: find the location and the store, look at both, show what a copy will cost."""

from __future__ import annotations

import contextlib

import msgspec

from .. import bulk
from ..errors import UsageError
from .answer import answer
from .cost import table
from .location import open_location, store_path
from .options import PlanOptions

__all__ = ["show_plan"]


async def show_plan(options: PlanOptions) -> int:
    """Show what `ghl-async backfill` or `sync` with the same options would cost; it changes neither location nor store.

    Raises:
        GHLError: what would keep the copy from beginning.
    """
    if options.sync and options.deleted_calendars:
        raise UsageError("a sync does not read deleted calendars: leave out --deleted-calendars")
    async with contextlib.AsyncExitStack() as opened:
        ghl = await open_location(options, opened)
        store = await opened.enter_async_context(bulk.SQLiteStore(store_path(options, ghl)))
        plan = await bulk.plan(
            ghl, include=options.kinds, deleted_calendars=options.deleted_calendars, sync=options.sync, store=store
        )
        command = "sync" if options.sync else "backfill"
        text = msgspec.json.encode(plan).decode() if options.json else table(plan, ghl.quota, command)
    answer(text)
    return 0

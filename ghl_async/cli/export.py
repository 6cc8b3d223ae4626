"""What `ghl-async export` does: find the store, ask for the custom fields' names where they are wanted, write."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from .. import bulk
from ..errors import StoreFailed, UsageError
from ..models import CustomField
from .complaint import complain
from .location import named_location, real_location
from .options import ExportOptions

__all__ = ["export_view"]


async def export_view(view: Literal["contacts", "tasks", "notes", "appointments"], options: ExportOptions) -> int:
    """Write one view, and return the exit code.

    Raises:
        GHLError: what kept it from being written.
    """
    store = options.store or Path(f"ghl-{named_location(options)}.db")
    if options.view and not options.custom_fields:
        raise UsageError("--view goes with --custom-fields: it has a column for each")
    if options.to is None and options.format == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is nothing to read on a screen: name a file with --to")
    if options.custom_fields and view != "contacts":
        raise UsageError(f"--custom-fields goes with contacts: {view} have none")
    if options.custom_fields and not await asyncio.to_thread(store.is_file):  # said before anything is asked
        raise UsageError(f"there is no store {store}: ghl-async backfill makes one")
    fields = await _custom_fields(options) if options.custom_fields else None
    to, format_ = options.to or sys.stdout.buffer, options.format or (None if options.to else "jsonl")
    try:
        done = await bulk.export(store, view, to, format=format_, custom_fields=fields, raw=options.raw)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough. https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StoreFailed(f"the {view} cannot be written ({error.strerror}): make room, or name a file") from error
    if options.view and fields is not None:
        await bulk.spread_custom_fields(store, fields)
    if options.to is not None:
        sys.stderr.write(f"{done.rows:,} {view} are in {options.to}.\n")
    if not done.is_whole:
        complain(f"{store} is no finished copy without gaps, and so is this: ghl-async backfill goes on with it")
    return 0


async def _custom_fields(options: ExportOptions) -> Sequence[CustomField]:
    """What the location calls them."""
    async with contextlib.AsyncExitStack() as opened:
        ghl = await real_location(options, opened)
        return await ghl.custom_fields.list()

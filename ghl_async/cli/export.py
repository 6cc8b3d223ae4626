"""What `ghl-async export` does: find the store, ask for the custom fields' names where they are wanted, write."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from .. import bulk
from ..errors import StoreFailed, UsageError
from ..models import CustomField
from .answer import standard_output
from .complaint import complain, tell
from .location import named_location, real_location
from .options import ExportOptions

__all__ = ["export_view"]

View: TypeAlias = Literal["contacts", "tasks", "notes", "appointments"]


async def export_view(view: View, options: ExportOptions) -> int:
    """Write one view, and return the exit code.

    Raises:
        GHLError: what kept it from being written.
    """
    store = options.store or Path(f"ghl-{await named_location(options)}.db")
    if options.view and not options.custom_fields:
        raise UsageError("--view goes with --custom-fields: it has a column for each")
    if options.to is None and options.format == "parquet" and getattr(sys.stdout, "isatty", bool)():
        raise UsageError("Parquet is nothing to read on a screen: name a file with --to")
    if options.custom_fields and view != "contacts":
        raise UsageError(f"--custom-fields goes with contacts: {view} have none")
    if options.custom_fields and not await asyncio.to_thread(store.is_file):  # said before anything is asked
        raise UsageError(f"there is no store {store}: ghl-async backfill makes one")
    fields = await _custom_fields(options) if options.custom_fields else None
    done = await _written(view, store, fields, options)
    if done is None:
        return 0
    if options.to is not None:
        tell(f"{done.rows:,} {view} are in {options.to}.")
    if options.view and fields is not None:
        await bulk.spread_custom_fields(store, fields)
    if not done.is_whole:
        complain(f"{store} is no finished copy without gaps, and so is this: ghl-async backfill goes on with it")
    return 0


async def _written(
    view: View, store: Path, fields: Sequence[CustomField] | None, options: ExportOptions
) -> bulk.Exported | None:
    """Write it. None: whoever read it has seen enough."""
    if options.to is None:
        done: bulk.Exported | None = None
        format_ = options.format or "jsonl"
        with standard_output(f"the {view}") as output:
            done = await bulk.export(store, view, output.buffer, format=format_, custom_fields=fields, raw=options.raw)
        return done  # noqa: RET504 - a pipe that nobody reads ends the block above early
    try:
        return await bulk.export(store, view, options.to, format=options.format, custom_fields=fields, raw=options.raw)
    except OSError as error:
        advice = "make room" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "name another file"
        raise StoreFailed(f"{options.to} cannot be written ({error.strerror}): {advice}") from error


async def _custom_fields(options: ExportOptions) -> Sequence[CustomField]:
    """What the location calls them."""
    async with contextlib.AsyncExitStack() as opened:
        ghl = await real_location(options, opened)
        return await ghl.custom_fields.list()

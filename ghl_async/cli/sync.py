"""What `ghl-async sync` does: find the location and the store, look for changes, hand them on, show what they were."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from .. import bulk
from ..client import GHLClient
from ..errors import StoreFailed, UsageError
from .answer import answer, standard_output
from .complaint import complain
from .ending import table_of_sync
from .everywhere import copy_all_locations
from .location import real_location, store_path
from .options import SyncOptions
from .progress import choose_display
from .running import Narrator, may_begin, to_its_end

__all__ = ["keep_current"]

_STDOUT = "-"


async def keep_current(options: SyncOptions) -> int:
    """Sync one location, or all of an agency, and return the exit code.

    Raises:
        GHLError: what ended the run, or kept it from beginning.
    """
    work = _Sync(options)
    if not options.all_locations:
        return await _sync_one(options, work)
    if options.changes is not None:
        raise UsageError("--changes is of one location: leave out --all-locations")
    return await copy_all_locations(options, work)


class _Sync:
    """What is done with each location."""

    def __init__(self, options: SyncOptions) -> None:
        self._kinds = options.kinds
        self._rhythm = bulk.Rhythm(
            sweep_every=_time("--sweep-every", hours=options.sweep_every),
            whole_every=_time("--whole-every", days=options.whole_every),
        )

    def plan(self, ghl: GHLClient, store: bulk.SQLiteStore) -> Coroutine[Any, Any, bulk.Plan]:
        """Say what it will cost."""
        return bulk.plan(ghl, include=self._kinds, sync=self._rhythm, store=store)

    def run(self, ghl: GHLClient, store: bulk.SQLiteStore) -> bulk.Run[bulk.Change]:
        """Make the run."""
        every = msgspec.structs.asdict(self._rhythm)
        return bulk.sync(ghl, store, include=self._kinds, **every)

    def ended(self, summary: bulk.Summary, path: Path) -> tuple[str, str]:
        """How it went, in a line for a list, and what is amiss, if something is."""
        found = summary.changes or bulk.Changes()
        words = f"{found.added:,} added, {found.changed:,} changed, {found.removed:,} removed, all in {path}"
        if not summary.exit_code:
            return words, ""
        if summary.reason != "stopped":
            return words, summary.message
        return words, f"stopped, and what it had read is safe in {path}: the same command finds the rest"


async def _sync_one(options: SyncOptions, work: _Sync) -> int:
    if options.company_id:
        raise UsageError("--company-id goes with --all-locations")
    if options.changes == _STDOUT and options.json:
        raise UsageError("--changes - and --json would both write to stdout: name a file for the changes")
    if options.changes is not None and options.changes != _STDOUT and options.changes.startswith("-"):
        raise UsageError("--changes takes a file, or - for stdout")
    display = choose_display(options.kinds, json=options.json, quiet=options.quiet)
    narrator = Narrator(display)
    async with contextlib.AsyncExitStack() as opened:
        opened.callback(display.close)
        ghl = await real_location(options, opened, hooks=(narrator.tell,))
        path = store_path(options, ghl)
        store = await opened.enter_async_context(bulk.SQLiteStore(path))
        listener = None if options.changes is None else opened.enter_context(_Listener(options.changes, store))
        code = await may_begin(work.plan(ghl, store), ghl, narrator, force=options.force)
        if code:
            return code
        run = work.run(ghl, store)
        try:
            stopping = "Stopping: what has been read is being stored."
            hear = None if listener is None else listener.hear
            summary = await to_its_end(run, display, stopping, hear, shows_end=False)
        finally:
            if options.json and run.summary is not None:
                answer(msgspec.json.encode(run.summary).decode())
    if not options.json and not options.quiet:
        show = display.say if options.changes == _STDOUT else answer
        show(table_of_sync(summary))
    _, line = work.ended(summary, path)
    if line:
        complain(line)
    return summary.exit_code


def _time(option: str, **amount: float) -> timedelta:
    try:
        return timedelta(**amount)
    except (OverflowError, ValueError):
        ((unit, number),) = amount.items()
        raise UsageError(f"{option} takes a number of {unit}, not {number}") from None


class _Listener:
    """Takes changes as lines of JSON. Each is out of our hands before the next one is asked for, and so is stored."""

    def __init__(self, place: str, store: bulk.SQLiteStore) -> None:
        if place != _STDOUT and Path(os.path.realpath(place)) in store.files:
            raise UsageError(f"--changes {place} belongs to the store itself: name another file")
        self._place = place
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            # What was added by a run that was stopped must stay: it is stored, and no run finds it again.
            self._file = _stdout() if self._place == _STDOUT else _to_add_to(Path(self._place))
        except OSError as error:
            raise UsageError(f"the changes cannot be written to {self._place}: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None and self._place != _STDOUT:
            self._file.close()

    async def hear(self, change: bulk.Change) -> None:
        """Write it. On a thread of its own, since whoever reads a pipe may take their time."""
        try:
            await asyncio.to_thread(self._write, msgspec.json.encode(change) + b"\n")
        except OSError as error:
            raise StoreFailed(
                f"the changes cannot be written to {self._place} any more: {error.strerror}; what was not written is"
                " not stored either, and the same command finds it again"
            ) from None

    def _write(self, line: bytes) -> None:
        if self._file is None:
            raise UsageError("the file of changes is not open")
        # Past the buffer, which would try what failed once more when it is closed.
        file, done = self._file.fileno(), 0
        try:
            while done < len(line):
                done += os.write(file, line[done:])
        except OSError:
            if done:  # half a line, which the next run would go on with
                with contextlib.suppress(OSError):  # a pipe keeps it
                    os.ftruncate(file, os.fstat(file).st_size - done)
            raise


def _stdout() -> BinaryIO:
    with standard_output() as output:
        return output.buffer


def _to_add_to(path: Path) -> BinaryIO:
    """Open a file at its end, unless it holds anything but lines of JSON: a slip must not spoil it."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(1) not in {b"", b"{"}:
                raise UsageError(f"--changes {path} holds something else than changes: name another file")
    return path.open("ab")

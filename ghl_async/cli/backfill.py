"""What `ghl-async backfill` does: find the location and the store, run, stop on signals, show how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .. import bulk
from ..client import BASE_URL, GHLClient
from ..errors import UsageError
from .complaint import complain
from .ending import closing_line, hints, table
from .options import BackfillOptions
from .progress import Display, choose_display, following

__all__ = ["copy_location"]

_CONTACTS = 1000
_REQUESTS, _INTERVAL_SECONDS, _TIMES_FASTER = 100, 0.25, 40
"""The sandbox keeps the real quota, 100 requests in 10 s, but time runs faster in it: a newcomer should not wait."""


async def copy_location(options: BackfillOptions) -> int:
    """Copy one location, a made-up one with `options.sandbox`, and return the exit code.

    Raises:
        GHLError: what ended the run, or kept it from beginning.
    """
    kinds = () if options.include == "none" else tuple(kind.strip() for kind in options.include.split(","))
    async with contextlib.AsyncExitStack() as opened:
        ghl = await opened.enter_async_context(
            await _sandbox(options, opened) if options.sandbox else _real_location(options)
        )
        path = options.store or Path("ghl-sandbox.db" if options.sandbox else f"ghl-{ghl.location_id}.db")
        store = await opened.enter_async_context(bulk.SQLiteStore(path))
        run = bulk.backfill(ghl, store, include=kinds, resume=not options.fresh)
        display = choose_display(kinds, json=options.json, quiet=options.quiet)
        opened.callback(display.close)
        if options.sandbox:
            display.say(
                f"A made-up location of {_contacts(options):,} contacts. Its quota is the real one, {_TIMES_FASTER} "
                f"times faster: {_REQUESTS} requests in {_INTERVAL_SECONDS} s."
            )
        try:
            with _stopped_by_signals(run, display):
                async with following(run, display):
                    summary = await run
        finally:
            if options.json and run.summary is not None:
                _write(msgspec.json.encode(run.summary).decode())
    if not options.json and not options.quiet:
        _write(table(summary, kinds))
        if summary.reason == "finished":
            display.say(hints(path, kinds, is_sandbox=options.sandbox))
    line = closing_line(summary, path, fresh=options.fresh)
    if line:
        complain(line)
    return summary.exit_code


def _contacts(options: BackfillOptions) -> int:
    return _CONTACTS if options.contacts is None else options.contacts


async def _sandbox(options: BackfillOptions, opened: contextlib.AsyncExitStack) -> GHLClient:
    """Start a sandbox in this process, which ends with `opened`, and make a client of it."""
    if options.location_id or options.base_url:
        raise UsageError("--sandbox brings its own location: leave out --location-id and --base-url")
    from ..sandbox import Sandbox

    sandbox = await opened.enter_async_context(
        Sandbox(contacts=_contacts(options), requests=_REQUESTS, interval_seconds=_INTERVAL_SECONDS)
    )
    return GHLClient(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url)


def _real_location(options: BackfillOptions) -> GHLClient:
    if options.contacts is not None:
        raise UsageError("--contacts goes with --sandbox: a real location has the contacts it has")
    token = os.environ.get("GHL_TOKEN", "")
    location_id = options.location_id or os.environ.get("GHL_LOCATION_ID", "")
    if not token:
        raise UsageError(
            "GHL_TOKEN is not set: put a private integration token of the location there, or try --sandbox first"
        )
    if not location_id:
        raise UsageError("no location is named: set GHL_LOCATION_ID or pass --location-id")
    return GHLClient(
        token,
        location_id=location_id,
        base_url=options.base_url or os.environ.get("GHL_BASE_URL") or BASE_URL,
        api_version=os.environ.get("GHL_API_VERSION") or None,
    )


@contextlib.contextmanager
def _stopped_by_signals(run: bulk.Run[bulk.Progress], display: Display) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM stop the run resumably, and a second one end the process at once."""
    loop = asyncio.get_running_loop()

    def act(number: signal.Signals) -> None:
        if run.stopped:
            display.close()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        display.say("Stopping: what has been read is being stored. Once more ends at once.")
        run.stop()

    # Windows has no such handlers; there Ctrl-C cancels the run, which keeps what is committed all the same.
    numbers = () if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, act, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

"""What `ghl-async verify` does: find the location and the store, compare them, list what is not the same."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from .. import bulk
from ..bulk.fetch import included
from ..bulk.store import Identity
from ..client import GHLClient
from ..errors import UsageError
from .answer import answer
from .complaint import complain
from .ending import table_of_verification
from .location import real_location, store_path
from .options import VerifyOptions
from .progress import choose_display
from .running import Narrator, may_begin, to_its_end

__all__ = ["compare"]

_LISTED_AT_MOST = 20


async def compare(options: VerifyOptions) -> int:
    """Compare a store with its location, and return the exit code.

    Raises:
        GHLError: what ended the run, or kept it from beginning.
    """
    display = choose_display((), json=options.json, quiet=options.quiet)
    narrator = Narrator(display)
    found = _List(is_json=options.json)
    async with contextlib.AsyncExitStack() as opened:
        opened.callback(display.close)
        ghl = await real_location(options, opened, hooks=(narrator.tell,))
        store = await opened.enter_async_context(bulk.SQLiteStore(store_path(options, ghl)))
        await _see_that_it_is_whole(store, ghl, options.kinds)
        if options.sample is None:
            planning = bulk.plan(ghl, include=options.kinds)
            code = await may_begin(planning, ghl, narrator, instead="compare some contacts with --sample")
            if code:
                return code
        run = bulk.verify(ghl, store, include=options.kinds, sample=options.sample, repair=options.repair)
        try:
            summary = await to_its_end(run, display, "Stopping.", found.take, shows_end=False)
        finally:
            if options.json and run.summary is not None:
                answer(msgspec.json.encode({"summary": run.summary}).decode())
    if not options.json and not options.quiet:
        answer("\n".join((*found.lines(), *_unread(summary), table_of_verification(summary))))
    if summary.exit_code:
        is_stopped = summary.reason == "stopped"
        complain("stopped before all was compared: the same command begins again" if is_stopped else summary.message)
    return summary.exit_code


async def _see_that_it_is_whole(store: bulk.SQLiteStore, ghl: GHLClient, kinds: Sequence[str]) -> None:
    """Look into the store before the plan asks the location."""
    checkpoint = await store.peek(Identity(ghl.location_id, "", included(kinds)))
    if checkpoint is None:
        raise UsageError(f"there is no store {store.path}: ghl-async backfill makes one")
    if checkpoint.state != "finished":
        raise UsageError(f"{store.path} is no finished copy: ghl-async backfill goes on with it")


class _List:
    """The differences: for programs each as it is found, for people the first few at the end."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self._first: list[bulk.Difference] = []
        self._count = 0

    async def take(self, difference: bulk.Difference) -> None:
        """Take one."""
        if self._is_json:
            answer(msgspec.json.encode(difference).decode())
            return
        self._count += 1
        if len(self._first) < _LISTED_AT_MOST:
            self._first.append(difference)

    def lines(self) -> list[str]:
        """One line each, and one for all that are not listed."""
        lines = [_line(each) for each in self._first]
        if self._count > _LISTED_AT_MOST:
            lines.append(f"{self._count - _LISTED_AT_MOST:,} more are not listed here: --json lists them all")
        return lines


def _unread(summary: bulk.Summary) -> list[str]:
    """One line for each of the first that could not be read, and one for all others."""
    lines = [_line_of_failure(each) for each in summary.failures[:_LISTED_AT_MOST]]
    if summary.failed > _LISTED_AT_MOST:
        lines.append(f"{summary.failed - _LISTED_AT_MOST:,} more could not be read: --json names the first thousand")
    return lines


def _line_of_failure(each: bulk.Failure) -> str:
    what = "" if each.kind == "contacts" else f"{each.kind} of "
    return f"not read {what}contact {each.contact_id}: {each.reason}"


def _line(each: bulk.Difference) -> str:
    if each.part == "contacts":
        return f"{each.what:<8} contact {each.id}"
    return f"{each.what:<8} {each.part.removesuffix('s')} {each.id} of contact {each.contact_id}"

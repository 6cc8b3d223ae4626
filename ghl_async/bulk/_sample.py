"""The check of a sample: some contacts' children are read again, one by one, and compared with the store.

It takes the other way than the run did, as a rule, so a door that leaves something out is found by it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from ..client import GHLClient
from ..errors import DailyQuotaExhausted, GHLError
from ._doors import Doors
from ._rows import Kind, StoredContact
from ._workers import InOrder, stream
from .run import Failure, Run, SampleCheck
from .store import Store

__all__ = ["check_sample", "sample_size"]

_MOST = 20
_AT_ONCE = 10
_CLOCKS_DIFFER_SECONDS = 60.0
_ZONES_DIFFER_SECONDS = 14 * 3600.0


def sample_size(contacts: int, requests: int) -> int:
    """How many contacts are worth reading again after a run of so many contacts and requests: a few percent of it."""
    return min(_MOST, 3 + contacts // 100, 3 + requests // 100)


async def check_sample(
    ghl: GHLClient, store: Store, kinds: tuple[Kind, ...], run: Run[Any], doors: Doors
) -> SampleCheck:
    """Compare. A record is missing if the server has had it since before our reading.

    Cost: 1 request for each contact of the sample and kind, and up to 3 for a record that is missing.
    """
    progress = run.progress
    wanted = sample_size(progress.contacts_before + progress.contacts, progress.requests) if kinds else 0

    async def compare(stored: StoredContact) -> tuple[int, list[Failure]] | None:
        if run.stopped:
            return None
        try:
            pages = await asyncio.gather(*(getattr(ghl.background, kind).page(stored.id) for kind in kinds))
        except DailyQuotaExhausted:
            raise
        except GHLError:  # the copy is finished: what cannot be compared does not undo it
            return None
        read = [(kind, record) for kind, page in zip(kinds, pages, strict=True) for record in page.items]
        shown = [(kind, record) for kind, record in read if kind != "appointments" or _is_shown(record, doors)]
        unshown.append(len(read) - len(shown))
        missing = [
            (kind, record)
            for kind, record in shown
            if record.id not in stored.children.get(kind, frozenset()) and not _is_newer(record, stored)
        ]
        for kind, record in missing:
            if kind not in left_out and await doors.leaves_out(kind, stored.id, record):
                left_out.add(kind)
        return len(shown), [Failure(stored.id, kind, f"{record.id} is not in the store") for kind, record in missing]

    left_out: set[Kind] = set()
    unshown: list[int] = []
    compared = children = 0
    missing: list[Failure] = []
    picked = await store.sample(wanted)
    async with InOrder(stream(picked), compare, ahead=_AT_ONCE) as results:
        async for result in results:
            if result is not None:
                compared += 1
                children += result[0]
                missing += result[1]
    return SampleCheck(
        contacts=compared,
        children=children,
        missing=tuple(missing),
        left_out_by=tuple(sorted(left_out)),
        other_calendars=sum(unshown),
        wanted=0 if run.stopped else len(picked),
    )


def _is_shown(appointment: Any, doors: Doors) -> bool:
    """Whether the way that was taken can show an appointment: those of deleted calendars are in no calendar."""
    return "appointments" in doors.shut or (
        appointment.calendar_id in doors.calendar_ids and appointment.deleted is not True
    )


def _is_newer(record: object, stored: StoredContact) -> bool:
    """Whether a record may have been made after the reading. Tasks carry no date (facts 7.4): it is not known of them.

    What is new cannot be told from what was lost where there is no date, and losing is the worse error.
    """
    added = getattr(record, "date_added", None)
    since = stored.read_at - _CLOCKS_DIFFER_SECONDS
    if isinstance(added, str):
        try:
            added = datetime.fromisoformat(added)
        except ValueError:
            return False
        if added.tzinfo is None:  # an appointment's, presumably in the location's zone
            added, since = added.replace(tzinfo=UTC), since - _ZONES_DIFFER_SECONDS
    return isinstance(added, datetime) and added.tzinfo is not None and added.timestamp() > since

"""The events of all calendars, read by windows of time into a spool.

One reply holds a whole window and has no pages, so a window must be small enough for memory and large enough to be
worth a request: its length follows the number of events in the window before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil

import msgspec

from ..client import GHLClient
from ..errors import DecodeError
from ..models import Appointment, ContactQuery, keys_of
from ..pagination import Page
from ._spool import Spool, SpooledEvent
from ._workers import InOrder, Room, stream

__all__ = ["EVENTS_A_WINDOW", "first_step", "list_calendars", "spool_events"]

EVENTS_A_WINDOW = 500
"""About a quarter of a megabyte of JSON."""
_SLOW_TIMES = 4
"""So many times as many where the server is slow: there a request costs more than memory does."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2100, 1, 1, tzinfo=UTC)
"""Both were accepted in a recorded call (facts 8.3)."""
_OVERLAP = timedelta(days=7)
"""What the server does with an event that only reaches into a window is not documented."""
_SHORTEST = timedelta(days=1)
_FAR_AHEAD = timedelta(days=366)


class Step(msgspec.Struct, frozen=True):
    """How the windows of a calendar begin."""

    oldest: datetime
    """When the location's first contact was added: there the events begin to be many."""
    length: timedelta | None
    """None: one window for all."""
    windows: int
    """About how many it will be."""
    events: int | None = None
    """How many events a window should hold. None: as many as usual."""


async def list_calendars(ghl: GHLClient) -> list[str]:
    """The ids of all living calendars.

    Raises:
        DecodeError: the id of one cannot be read, so its events cannot be asked for.

    Cost: 1 request.
    """
    page = await ghl.background.calendars.page()
    apart = [each.id for each in page.quarantined if each.id is not None]
    if len(apart) < len(page.quarantined):
        raise DecodeError("calendars.list: a calendar without a readable id", path="$.calendars")
    return [*(calendar.id for calendar in page.items), *apart]


async def first_step(ghl: GHLClient, calendars: int, *, is_slow: bool = False) -> Step:
    """How long a window may be, if there is about one event a contact of the location, spread evenly over its life.

    Cost: 1 request.
    """
    page = await ghl.background.contacts.search(ContactQuery(sort="date_added"), page_size=1)
    oldest = page.items[0].date_added if page.items else None
    now = datetime.now(UTC)
    events = EVENTS_A_WINDOW * (_SLOW_TIMES if is_slow else 1)
    windows = ceil((page.total or 0) / (events * calendars)) if calendars else 1
    if windows < 2 or oldest is None or oldest >= now:  # noqa: PLR2004  (one is no division)
        return Step(_BEGINNING, None, 1)
    return Step(oldest, max(_SHORTEST, (now - oldest) / windows), windows + 1, events)


async def spool_events(
    ghl: GHLClient, calendar_ids: Sequence[str], spool: Spool, room: Room, step: Step, *, at_once: int
) -> None:
    """Read the events of calendars into the spool, by so many calls at once.

    Raises:
        DecodeError: an event says neither its contact nor that it has none.
        GHLError: a window cannot be read.

    Cost: 1 request for each calendar and window.
    """
    stretches = _stretches(step, ceil(at_once / max(1, len(calendar_ids))))
    wanted = step.events or EVENTS_A_WINDOW
    far_ahead = datetime.now(UTC) + _FAR_AHEAD

    async def read(stretch: tuple[str, datetime, datetime]) -> None:
        calendar_id, since, until = stretch
        length = step.length
        while since < until:
            before = until if length is None else max(since, step.oldest) + length
            if before > min(until, far_ahead):
                before = until
            async with room:
                page = await ghl.background.appointments.page_in_calendar(
                    calendar_id, since=max(_BEGINNING, since - _OVERLAP), before=before
                )
            await spool.spool([*_events(page)])
            since = before
            if length is not None:
                found = len(page.items) + len(page.quarantined)
                # It grows slowly: what was sparse may become dense, and one reply is one piece of memory.
                length = max(_SHORTEST, length * min(1.5, max(0.125, wanted / max(1, found))))

    jobs = ((calendar_id, *stretch) for calendar_id in calendar_ids for stretch in stretches)
    async with InOrder(stream(jobs), read, ahead=at_once) as done:
        async for _ in done:
            pass


def _stretches(step: Step, parts: int) -> list[tuple[datetime, datetime]]:
    """The whole of time, in parts that can be read side by side."""
    if step.length is None:
        return [(_BEGINNING, _END)]
    parts = min(parts, step.windows)
    life = datetime.now(UTC) - step.oldest
    edges = [_BEGINNING, *(step.oldest + life * part / parts for part in range(1, parts)), _END]
    return [*pairwise(edges)]


def _events(page: Page[Appointment]) -> Iterable[SpooledEvent]:
    """The events of contacts; others, such as a user's own, belong to nobody here."""
    for event in page.items:
        if event.contact_id:
            yield SpooledEvent(event.contact_id, event.id, event.raw)
        elif b'"contactId"' not in event.raw:  # every recorded event names its contact, or null (facts 8.3)
            raise DecodeError("appointments.in_calendar: an event does not say whose it is", path="$.events")
    for apart in page.quarantined:
        owners = keys_of(apart.raw).owners
        if not owners:
            raise DecodeError("appointments.in_calendar: an event does not say whose it is", path="$.events")
        for owner in owners:
            # One without an id of its own is told from others by its bytes.
            yield SpooledEvent(owner, apart.id or f"?{hash(apart.raw)}", apart.raw)

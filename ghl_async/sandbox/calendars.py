"""When a calendar is free: working hours in the location's zone, without what is booked and what is blocked."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from .events import ends_ms, starts_ms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from .location import Location

__all__ = ["SLOT_MS", "free_slots"]

SLOT_MS: Final = 30 * 60_000
"""The slot duration of all calendars here."""

_DAY: Final = timedelta(days=1)
_FIRST, _LAST = time(9), time(17)  # working hours [guess]
_WORKING_DAYS: Final = 5
_LONGEST_MS: Final = 86_400_000
_FREED: Final = frozenset({"cancelled", "noshow", "invalid"})  # appointments that hold no slot [guess]


def free_slots(
    location: Location, calendar_id: str, first_ms: int, last_ms: int, zone: ZoneInfo, user_ids: frozenset[str]
) -> dict[str, dict[str, list[str]]]:
    """Return the free slots that start in [first, last], by day in `zone`; days without any are left out [guess]."""
    taken = list(_taken(location, calendar_id, first_ms, last_ms, user_ids))
    days: dict[str, dict[str, list[str]]] = {}
    for start_ms in _slots(location.events.zone, first_ms, last_ms):
        if not any(start_ms < to_ms and from_ms < start_ms + SLOT_MS for from_ms, to_ms in taken):
            start = datetime.fromtimestamp(start_ms // 1000, UTC).astimezone(zone)
            day = days.setdefault(start.date().isoformat(), {"slots": []})
            day["slots"].append(start.isoformat(timespec="seconds"))
    return days


def _slots(zone: ZoneInfo, first_ms: int, last_ms: int) -> Iterator[int]:
    """Give the starts of all slots within working hours."""
    day = datetime.fromtimestamp(first_ms // 1000, zone).date()
    last = datetime.fromtimestamp(last_ms // 1000, zone).date()
    while day <= last:
        if day.weekday() < _WORKING_DAYS:
            opened, closed = (int(datetime.combine(day, at, zone).timestamp()) * 1000 for at in (_FIRST, _LAST))
            yield from (ms for ms in range(opened, closed, SLOT_MS) if first_ms <= ms <= last_ms)
        day += _DAY


def _taken(
    location: Location, calendar_id: str, first_ms: int, last_ms: int, user_ids: frozenset[str]
) -> Iterator[tuple[int, int]]:
    zone = location.events.zone
    held: list[dict[str, Any]] = location.calendar_events([calendar_id], first_ms - _LONGEST_MS, last_ms)
    for one in held:
        if one.get("appointmentStatus") not in _FREED:
            from_ms, to_ms = starts_ms(one, zone), ends_ms(one, zone)
            if from_ms is not None:
                yield from_ms, from_ms + SLOT_MS if to_ms is None else to_ms
    for block in location.block_slots.values():
        if block.get("calendarId") == calendar_id or block.get("assignedUserId") in user_ids:
            yield starts_ms(block, zone) or 0, ends_ms(block, zone) or 0

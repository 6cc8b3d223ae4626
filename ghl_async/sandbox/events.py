"""Appointments as the calendars show them, found by calendar and window.

Where an appointment starts follows from when its contact was added, so a window asks a stretch of the contacts; the
stretch is looked through once, in blocks, and its starts are kept.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .children import LATEST_START_MS
from .ids import iso
from .people import DEFAULT_ZONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .children import Children
    from .people import People

__all__ = ["Events", "contact_view", "ends_ms", "event_view", "expect_zone", "local", "starts_ms"]

_BLOCK: Final = 2048
_ZONES_APART_MS: Final = 86_400_000  # more than any zone is from UTC

_Starts = dict[str, list[tuple[int, int, int]]]


def expect_zone(name: str) -> None:
    """Check that there is such a time zone; the default is taken at its word, as the machine may have no zones at all.

    Raises:
        ValueError: there is none.
    """
    if name == DEFAULT_ZONE:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"unknown time zone {name!r}: name one like America/Chicago"
        raise ValueError(message) from None


class Events:
    """The appointments of the made-up contacts by calendar and start; who is deleted is for the caller to know."""

    def __init__(self, people: People, children: Children) -> None:
        """Look at nothing yet; the zone is loaded when it is first needed."""
        self._people = people
        self._children = children
        self._blocks: dict[int, _Starts] = {}
        self._zone: ZoneInfo | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The location's time zone."""
        if self._zone is None:
            self._zone = ZoneInfo(self._people.settings.timezone)
        return self._zone

    def starting(self, calendar_ids: Sequence[str], first_ms: int, last_ms: int) -> Iterator[tuple[int, int, int]]:
        """Give (start in epoch ms, contact, place) of what starts from `first_ms` to `last_ms`, both included."""
        for number in range(-(-self._people.count // _BLOCK)):
            contacts = range(number * _BLOCK, min((number + 1) * _BLOCK, self._people.count))
            if self._people.added_ms(contacts[0]) - _ZONES_APART_MS > last_ms:
                return
            if self._people.added_ms(contacts[-1]) + LATEST_START_MS + _ZONES_APART_MS < first_ms:
                continue
            starts = self._block(number, contacts)
            for calendar_id in calendar_ids:
                found = starts.get(calendar_id, [])
                yield from found[bisect_left(found, (first_ms,)) : bisect_right(found, (last_ms + 1,))]

    def _block(self, number: int, contacts: range) -> _Starts:
        kept = self._blocks.get(number)
        if kept is None:
            kept = self._blocks[number] = {}
            for index in contacts:
                for place, (calendar_id, wall_ms) in enumerate(self._children.slots(index)):
                    kept.setdefault(calendar_id, []).append((_instant_ms(wall_ms, self.zone), index, place))
            for found in kept.values():
                found.sort()
        return kept


def _instant_ms(wall_ms: int, zone: ZoneInfo) -> int:
    """Return the instant at which clocks of the zone show what UTC clocks show at `wall_ms`."""
    return int(datetime.fromtimestamp(wall_ms // 1000, UTC).replace(tzinfo=zone).timestamp()) * 1000


def starts_ms(appointment: dict[str, Any], zone: ZoneInfo) -> int | None:
    """Return when an appointment as a contact shows it starts, None if it does not say."""
    moment = _moment(appointment.get("startTime"), zone)
    return None if moment is None else int(moment.timestamp() * 1000)


def ends_ms(appointment: dict[str, Any], zone: ZoneInfo) -> int | None:
    """Return when an appointment ends, None if it does not say."""
    moment = _moment(appointment.get("endTime"), zone)
    return None if moment is None else int(moment.timestamp() * 1000)


def local(text: object, zone: ZoneInfo) -> str | None:
    """Return an instant as the calendars write it: ISO with the offset of the zone (facts 8.3 [live])."""
    moment = _moment(text, zone)
    return None if moment is None else moment.isoformat(timespec="seconds")


def _moment(text: object, zone: ZoneInfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    # facts 7.4 [guess]: a time without a zone is in the location's
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def contact_view(appointment: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Show a written appointment as its contact's own list does: in the location's time, without a zone."""
    # facts 7.4 [spec]: "2021-07-16 11:00:00"; that the zone is the location's is a guess
    shown = {name: value for name, value in appointment.items() if value is not None}
    for name in ("startTime", "endTime", "dateAdded", "dateUpdated"):
        moment = _moment(appointment.get(name), zone)
        if moment is not None:
            shown[name] = moment.strftime("%Y-%m-%d %H:%M:%S")
    return shown


def event_view(appointment: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Show an appointment as `GET /calendars/events` does, from what the contact's own list shows."""
    # facts 8.3 [live]: exactly these keys; groupId, users and assignedUserId were absent, one key is misspelt
    plain = ("id", "locationId", "calendarId", "contactId", "title", "address")
    event = {name: appointment.get(name) for name in plain}
    event |= dict.fromkeys(("appointmentStatus", "appoinmentStatus"), appointment.get("appointmentStatus"))
    for name in ("startTime", "endTime"):  # facts 8.3 [live]: ISO with the location's offset
        event[name] = local(appointment.get(name), zone)
    for name in ("dateAdded", "dateUpdated"):  # facts 7.4 [live]: UTC and Z
        moment = _moment(appointment.get(name), zone)
        event[name] = None if moment is None else iso(round(moment.timestamp() * 1000))
    return event | {
        "isRecurring": False,
        "assignedResources": appointment.get("assignedResources", []),
        "createdBy": {"source": "third_party", "userId": None},
        "deleted": appointment.get("deleted", False),
    }

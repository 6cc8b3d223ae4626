"""Whether two texts of one record say the same, whichever way each of them came.

One record looks different from two sides: a search names a contact's position, a calendar shows an appointment with its
zone and by other names than its contact does (facts 8.3), and some replies say null where others say nothing.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ._rows import Part

__all__ = ["came_alike", "differing", "is_as_left", "is_same", "said"]

_OWN_WORDS: dict[Part, frozenset[str]] = {
    "tasks": frozenset({"title", "body", "assignedTo", "dueDate", "completed"}),
    "notes": frozenset({"title", "body", "bodyText", "userId", "pinned", "color"}),
    "appointments": frozenset({"address", "calendarId", "title", "startTime", "endTime", "appointmentStatus"}),
}
"""What a record of a kind says of itself, whichever way it comes."""
_IN_ANOTHER_ZONE = frozenset({"dateAdded", "dateUpdated", "status"})
"""Names whose values differ between a calendar's appointment and a contact's: two zones, and another `status`."""
_TO_THE_SECOND = 19
_CLOCKS_ARE_SET_BY = (0.0, 1800.0, 3600.0)
"""By how many seconds the difference of two zones may change from one date to another."""


def is_same(part: Part, one: str | bytes, other: str | bytes) -> bool:
    """Whether two texts of a record say the same. What cannot be read as an object is the same only byte by byte."""
    if _bytes(one) == _bytes(other):
        return True
    first, second = _named(one), _named(other)
    if first is None or second is None:
        return False
    names = first.keys() | second.keys()
    if part in _OWN_WORDS and not _came_alike(part, first, second):
        if part == "appointments":
            if _were_changed_alike(first, second) is False:
                return False
            first, second = _by_the_wall_clock(first), _by_the_wall_clock(second)
        # A name that only one of them has, even if it is null there, may belong to the way.
        names = (first.keys() & second.keys()) | _OWN_WORDS[part]
    return all(_equal(first.get(name), second.get(name)) for name in names)


def is_as_left(part: Part, reply: str | bytes, there: str | bytes) -> bool:
    """Whether a record is as the reply to a write showed it.

    To the write of an appointment that is less than the record: neither its times nor always its address (facts 8.3).
    There the date of the last change has to be the same as well.
    """
    if is_same(part, reply, there):
        return True
    left, found = said(reply), said(there)
    if part != "appointments" or left is None or found is None or not _were_changed_alike(left, found):
        return False
    left, found = _by_the_wall_clock(left), _by_the_wall_clock(found)
    return all(_equal(left[name], found.get(name)) for name in left.keys() & _OWN_WORDS[part])


def came_alike(one: str | bytes, other: str | bytes) -> bool:
    """Whether two texts of an appointment surely came the same way, so that every name of theirs can be compared."""
    first, second = _named(one), _named(other)
    return first is not None and second is not None and _came_alike("appointments", first, second)


def differing(one: str | bytes, other: str | bytes) -> set[str] | None:
    """The names whose values differ between two texts of a record; None: one of them cannot be read as an object."""
    first, second = said(one), said(other)
    if first is None or second is None:
        return None
    return {name for name in first.keys() | second.keys() if not _equal(first.get(name), second.get(name))}


def _equal(one: Any, other: Any) -> bool:
    """Whether two values of JSON are the same. To Python true is 1 as well; here 1.0 alone is."""
    pairs = [(one, other)]  # no recursion: a record may be nested as deeply as its text can be read
    while pairs:
        first, second = pairs.pop()
        if isinstance(first, dict) and isinstance(second, dict):
            if first.keys() != second.keys():
                return False
            pairs += [(value, second[name]) for name, value in first.items()]
        elif isinstance(first, list) and isinstance(second, list):
            if len(first) != len(second):
                return False
            pairs += zip(first, second, strict=True)
        elif isinstance(first, bool) is not isinstance(second, bool) or first != second:
            return False
    return True


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def said(text: str | bytes) -> dict[str, Any] | None:
    """What a text says, without what is null; None: it is no object, or cannot be read."""
    named = _named(text)
    return None if named is None else {name: value for name, value in named.items() if value is not None}


def _named(text: str | bytes) -> dict[str, Any] | None:
    """Every name of a text but that of its place in a search, with what it says."""
    try:
        # The standard parser, because it also takes what msgspec refuses (lone surrogates, NaN).
        found = json.loads(_bytes(text).decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {name: value for name, value in found.items() if name != "searchAfter"}


def _came_alike(part: Part, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two texts surely came the same way: only an appointment's times tell."""
    ways = {_has_zone(one), _has_zone(other)}
    return part == "appointments" and ways in ({True}, {False})


def _has_zone(said: dict[str, Any]) -> bool | None:
    for name in ("startTime", "endTime", "dateAdded"):
        text = said.get(name)
        if isinstance(text, str) and len(text) >= _TO_THE_SECOND:
            return len(text) > _TO_THE_SECOND
    return None


def _were_changed_alike(one: dict[str, Any], other: dict[str, Any]) -> bool | None:
    """Whether two texts of an appointment show the same change as the last one; None: their dates do not tell.

    A calendar does not show all that can change of an appointment, nor does the reply to a write, but the date. Two
    zones lie as far apart for `dateUpdated` as for `dateAdded`, give or take what clocks are set by in spring.
    """
    added, updated = [_seconds_between(one, other, name) for name in ("dateAdded", "dateUpdated")]
    if added is None or updated is None:
        return None
    apart = abs(added - updated)
    if _has_zone(one) is _has_zone(other):
        return apart == 0.0
    return any(abs(apart - step) <= 1.0 for step in _CLOCKS_ARE_SET_BY)  # one of them may be cut to the second


def _seconds_between(one: dict[str, Any], other: dict[str, Any], name: str) -> float | None:
    try:
        first, second = (datetime.fromisoformat(each[name]) for each in (one, other))
    except (KeyError, TypeError, ValueError):
        return None
    return (_in_utc(first) - _in_utc(second)).total_seconds()


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _by_the_wall_clock(said: dict[str, Any]) -> dict[str, Any]:
    """An appointment as both ways show it: its times are those of the location's clocks."""
    plain = {name: value for name, value in said.items() if name not in _IN_ANOTHER_ZONE}
    for name in ("startTime", "endTime"):
        if isinstance(plain.get(name), str):
            plain[name] = plain[name][:_TO_THE_SECOND].replace("T", " ")
    return plain

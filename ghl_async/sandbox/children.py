"""Tasks, notes and appointments of the made-up contacts, on demand from (seed, contact index).

Counts vary round a configured average; four of ten contacts have none, one of twenty has six times the average, and
one of 500 has fifty more. A note may belong to two contacts: then it stands, the same, in the lists of both.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from . import words
from .ids import digest, encode_index, iso, letters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .people import People

__all__ = ["LATEST_START_MS", "Averages", "Children"]

_FACTORS: Final = (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 6, 0)  # twenty, with a mean of one
_CROWDED_EVERY, _CROWDED_AT, _CROWD = 500, 11, 50
_SHARED_EVERY, _SHARED_AT = 20, 3
_DAY_MS: Final = 86_400_000
LATEST_START_MS: Final = 129 * _DAY_MS
"""How long after its contact was added an appointment starts at the latest."""


class Averages(msgspec.Struct, frozen=True, kw_only=True):
    """How many children a contact has on average."""

    tasks: float = 1.0
    notes: float = 3.0
    appointments: float = 1.0
    lost: float = 0.02
    """The share of the appointments whose calendar was deleted."""


class Children:
    """The children of the contacts that `people` makes."""

    def __init__(self, people: People, averages: Averages) -> None:
        """Prepare ids of calendars; no child is made."""
        self._people = people
        self._averages = averages
        self._prefix = f"{people.settings.seed}|{people.settings.location_id}"
        self.calendar_ids = tuple(letters(digest(self._prefix, "calendar", number, size=20)) for number in range(3))
        self.lost_calendar_id = letters(digest(self._prefix, "calendar", "deleted", size=20))
        self._all_notes: int | None = None

    def tasks(self, index: int) -> list[dict[str, Any]]:
        """Return the tasks of contact `index` as the API shows them."""
        tasks = [self._task(index, turn) for turn in range(self._many("tasks", index, self._averages.tasks))]
        if index in self._people.poisoned:
            tasks = tasks or [self._task(index, 0)]
            tasks[0]["title"] = {"text": ["not", "a", "string"]}
        return tasks

    def notes(self, index: int) -> list[dict[str, Any]]:
        """Return the notes of contact `index` as the API shows them, shared ones included."""
        if self._averages.notes <= 0:
            return []
        notes = [self._note(index, turn) for turn in range(self._many("notes", index, self._averages.notes))]
        notes += [self._shared_note(first) for first in (index, index - 1) if self.shares_a_note(first)]
        return notes

    def appointments(self, index: int) -> list[dict[str, Any]]:
        """Return the appointments of contact `index` as the API shows them."""
        return [self._appointment(index, turn, dice) for turn, dice in self._visits(index)]

    def slots(self, index: int) -> Iterator[tuple[str, int]]:
        """Give the calendar and the start of each of these appointments, the start as in `_starts`."""
        for _, dice in self._visits(index):
            yield self._calendar(dice), self._starts(index, dice)

    def count_notes(self, index: int) -> int:
        """Return how many notes of contact `index` are its own alone, without making them."""
        return self._many("notes", index, self._averages.notes)

    def shares_a_note(self, index: int) -> bool:
        """Tell whether contact `index` and the next have a note together."""
        return self._averages.notes > 0 and index % _SHARED_EVERY == _SHARED_AT and index + 1 < self._people.count

    def count_all_notes(self) -> int:
        """Return how many notes there are, shared ones once; counted when first asked for."""
        if self._all_notes is None:
            everyone = range(self._people.count)
            self._all_notes = sum(self.count_notes(index) + self.shares_a_note(index) for index in everyone)
        return self._all_notes

    def _many(self, kind: str, index: int, average: float) -> int:
        if average <= 0:
            return 0
        dice = digest(self._prefix, kind, index, size=3)
        wanted = average * _FACTORS[dice[0] % len(_FACTORS)]
        many = int(wanted) + (dice[1] / 256 < wanted % 1)
        return many + (_CROWD if index % _CROWDED_EVERY == _CROWDED_AT else 0)

    def _task(self, index: int, turn: int) -> dict[str, Any]:
        dice = digest(self._prefix, "task", index, turn, size=28)
        # facts 7.4 [live]: dueDate normalised to ...:00.000Z, no dateAdded or dateUpdated anywhere
        due_ms = (self._people.added_ms(index) + dice[20] * _DAY_MS) // 60_000 * 60_000
        task = {
            "id": letters(dice[:20]),
            "title": words.TASK_TITLES[dice[21] % len(words.TASK_TITLES)],
            "dueDate": iso(due_ms),
            "completed": dice[22] < 128,
            "contactId": self._people.contact_id(index),
        }
        if dice[23] < 128:  # facts 7.4 [live]: body and assignedTo left out when unset
            task["body"] = words.SENTENCES[dice[23] % len(words.SENTENCES)]
        if dice[24] < 128:
            task["assignedTo"] = self._people.user_ids[dice[24] % 5]
        return task

    def _note(self, index: int, turn: int) -> dict[str, Any]:
        dice = digest(self._prefix, "note", index, turn, size=28)
        text = words.SENTENCES[dice[20] % len(words.SENTENCES)]
        if index % 101 == 7 and turn == 0:  # a pasted mail thread: tens of kilobytes
            text = "\n".join((text, words.SENTENCES[3])) * (300 + dice[21])
        is_html = dice[22] < 80
        note = {
            "id": letters(dice[:20]),
            "body": f"<p>{text}</p><ul><li>1 &lt; 2</li></ul>" if is_html else text,
            # facts 7.4 [live]: bodyText is the plain-text form of a possibly HTML body
            "bodyText": f"{text}\n1 < 2" if is_html else text,
            "userId": self._people.user_ids[dice[23] % 5] if dice[23] < 128 else None,
            "dateAdded": iso(self._people.added_ms(index) + dice[24] * _DAY_MS + dice[25] * 1009),
            "contactId": self._people.contact_id(index),
            "pinned": dice[26] < 10,
            # facts 8.4 [docs]: {objectKey, recordId}
            "relations": [{"objectKey": "contact", "recordId": self._people.contact_id(index)}],
        }
        if dice[26] < 50:  # facts 7.4 [live]: title and color left out when unset
            note |= {"title": f"Call {turn + 1}", "color": "#FFAA00"}
        return note

    def _shared_note(self, index: int) -> dict[str, Any]:
        # architecture of the data: a note may belong to several contacts, facts 8.4 [docs] relations
        note = self._note(index, -1)
        note["relations"].append({"objectKey": "contact", "recordId": self._people.contact_id(index + 1)})
        return note

    def _visits(self, index: int) -> Iterator[tuple[int, bytes]]:
        for turn in range(self._many("appointments", index, self._averages.appointments)):
            yield turn, digest(self._prefix, "appointment", index, turn, size=30)

    def _calendar(self, dice: bytes) -> str:
        if dice[28] < self._averages.lost * 256:
            return self.lost_calendar_id
        return self.calendar_ids[dice[23] % len(self.calendar_ids)]

    def _starts(self, index: int, dice: bytes) -> int:
        """Return what the clocks of the location show, as epoch ms of a UTC clock that shows the same."""
        added_ms = self._people.added_ms(index) + dice[20] * 60_000
        return (added_ms + dice[21] * _DAY_MS // 2) // 1_800_000 * 1_800_000

    def _appointment(self, index: int, turn: int, dice: bytes) -> dict[str, Any]:
        added_ms = self._people.added_ms(index) + dice[20] * 60_000
        start_ms = self._starts(index, dice)
        users = [self._people.user_ids[dice[22] % 5]] if dice[22] < 200 else []
        appointment = {  # facts 7.4 [spec]
            # like a contact's id it leads back to the contact, so that an appointment is found without a table
            "id": encode_index(index) + letters(dice[:15]),
            "calendarId": self._calendar(dice),
            "status": "booked",  # facts 7.4 [spec]: both status and appointmentStatus exist
            "title": f"Visit {turn + 1} – {words.TASK_TITLES[dice[24] % len(words.TASK_TITLES)]}",
            "startTime": _zoneless(start_ms),
            "endTime": _zoneless(start_ms + 1_800_000),
            "locationId": self._people.settings.location_id,
            "contactId": self._people.contact_id(index),
            "appointmentStatus": ("confirmed", "cancelled", "showed", "noshow", "new")[dice[25] % 5],
            "users": users,
            "dateAdded": _zoneless(added_ms),
            "dateUpdated": _zoneless(added_ms + dice[26] * 3_600_000),
            "assignedResources": [],
        }
        if users:
            appointment["assignedUserId"] = users[0]
        if dice[27] < 90:
            appointment |= {"notes": words.SENTENCES[dice[27] % len(words.SENTENCES)], "address": "Zoom"}
        return appointment


def _zoneless(ms: int) -> str:
    # facts 7.4 [spec]: "2021-07-16 11:00:00", no zone, the location's presumed [guess]
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

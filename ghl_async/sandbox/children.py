"""Tasks, notes and appointments of the made-up contacts, on demand from (seed, contact index).

Counts vary round a configured average; four of ten contacts have none, one of twenty has six times the average, and
one of 500 has fifty more. A note may belong to two contacts: then it stands, the same, in the lists of both.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from . import words
from .ids import digest, iso, letters

if TYPE_CHECKING:
    from .people import People

__all__ = ["Averages", "Children"]

_FACTORS: Final = (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 6, 0)  # twenty, with a mean of one
_CROWDED_EVERY, _CROWDED_AT, _CROWD = 500, 11, 50
_SHARED_EVERY, _SHARED_AT = 20, 3
_DAY_MS: Final = 86_400_000


class Averages(msgspec.Struct, frozen=True, kw_only=True):
    """How many children a contact has on average."""

    tasks: float = 1.0
    notes: float = 3.0
    appointments: float = 1.0


class Children:
    """The children of the contacts that `people` makes."""

    def __init__(self, people: People, averages: Averages) -> None:
        """Prepare ids of calendars; no child is made."""
        self._people = people
        self._averages = averages
        self._prefix = f"{people.settings.seed}|{people.settings.location_id}"
        self.calendar_ids = tuple(letters(digest(self._prefix, "calendar", number, size=20)) for number in range(3))

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
        if index % _SHARED_EVERY == _SHARED_AT and index + 1 < self._people.count:
            notes.append(self._shared_note(index))
        if index % _SHARED_EVERY == _SHARED_AT + 1:
            notes.append(self._shared_note(index - 1))
        return notes

    def appointments(self, index: int) -> list[dict[str, Any]]:
        """Return the appointments of contact `index` as the API shows them."""
        many = self._many("appointments", index, self._averages.appointments)
        return [self._appointment(index, turn) for turn in range(many)]

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

    def _appointment(self, index: int, turn: int) -> dict[str, Any]:
        dice = digest(self._prefix, "appointment", index, turn, size=30)
        added_ms = self._people.added_ms(index) + dice[20] * 60_000
        start_ms = (added_ms + dice[21] * _DAY_MS // 2) // 1_800_000 * 1_800_000
        users = [self._people.user_ids[dice[22] % 5]] if dice[22] < 200 else []
        appointment = {  # facts 7.4 [spec]
            "id": letters(dice[:20]),
            "calendarId": self.calendar_ids[dice[23] % len(self.calendar_ids)],
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

"""One location: the made-up contacts with what was changed, deleted and added since, in a total order.

The order is (dateAdded, id). Reading a page of it, or of a window of it, costs the page, not the location: the
positions of cursors and windows are found by bisection over computed keys. Everything else (filters, other sorts)
scans and keeps the last few results until something changes.
"""

from __future__ import annotations

import heapq
import time
from bisect import bisect_left, bisect_right, insort
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from .childlists import KINDS, ChildLists
from .children import Averages, Children
from .dictionaries import Dictionaries
from .events import Events, event_view, expect_zone
from .ids import digest, iso, letters, parse_ms
from .people import People, PeopleSettings
from .records import Holders, Ref, blank_record
from .settings import LocationSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["ALWAYS", "Location", "Ref", "Window"]


class Window(NamedTuple):
    """From when to when contacts were added, in epoch ms, both included."""

    first_ms: int
    last_ms: int


ALWAYS: Final = Window(-(10**18), 10**18)


class Location:
    """All contacts of one location and their children."""

    def __init__(self, settings: PeopleSettings, averages: Averages, place: LocationSettings | None = None) -> None:
        """Prepare a location; costs nothing per contact."""
        self.id = settings.location_id
        self.people = People(settings)
        self.children = Children(self.people, averages)
        self.place = place or LocationSettings()
        self.lists = ChildLists(self.people, self.children, self.find)
        self.dictionaries = Dictionaries(self.people)
        self.block_slots: dict[str, dict[str, Any]] = {}
        self.version = 0
        """Rises with every change, so that kept search results can be told to be stale."""
        self.search_results: dict[str, tuple[int, Any]] = {}
        self.encoded: dict[tuple[Ref, bool], bytes] = {}
        """Answers of `GET /contacts/{id}` made already, those of v3 apart; both memories are emptied by each change."""
        self.marks: dict[str, list[tuple[int, tuple[int, str] | None]]] = {}
        """Places in streams of children, see streams.py; forgotten with every change too."""
        self.lag_seconds = 0.0
        """How long an added contact is missing from search and list, though it can be got by its id."""
        self._unseen: dict[str, float] = {}
        self._deleted: set[int] = set()
        self._deleted_order: list[int] = []
        self._changed: dict[int, dict[str, Any]] = {}
        self._added: dict[str, dict[str, Any]] = {}
        self._gone: set[str] = set()
        self._holders = Holders()
        self._added_order: list[tuple[int, str]] = []

    @property
    def events(self) -> Events:
        """The appointments of the made-up contacts by start, and the location's time zone."""
        return self.lists.events

    def set_timezone(self, name: str) -> None:
        """Move to another time zone: made-up appointments stay at their times of day, written ones at their instants.

        Raises:
            ValueError: there is no such zone.
        """
        expect_zone(name)
        self.people.settings = msgspec.structs.replace(self.people.settings, timezone=name)
        self.lists.events = Events(self.people, self.children)
        self.touch()

    def __len__(self) -> int:
        """Return how many contacts there are now."""
        return self.people.count - len(self._deleted) + len(self._added)

    def find(self, contact_id: str) -> Ref | None:
        """Return where the contact is, None if there is none (any more)."""
        if contact_id in self._added:
            return contact_id
        index = self.people.index_of(contact_id)
        return None if index is None or index in self._deleted else index

    def has(self, some_id: str) -> bool:
        """Tell whether this is the id of a calendar, an appointment, a blocked slot or a business of the location."""
        held = (self.children.calendar_ids, self.block_slots, self.dictionaries.businesses.by_id)
        return any(some_id in ids for ids in held) or self.lists.find_event(some_id) is not None

    def find_by(self, kind: str, value: str) -> Ref | None:
        """Return the oldest contact whose own "email" (whatever its case) or "phone" this is, None if none has it."""
        return next((ref for ref in self.find_all(kind, value) if self._has(ref, kind, value)), None)

    def find_all(self, kind: str, value: str) -> list[Ref]:
        """Return the contacts that have this "email" or "phone", as their own or as an additional one, oldest first."""
        made = [index for index in self.people.indexes_of(kind, value) if index not in self._deleted]
        refs = dict.fromkeys([*self._holders.get(kind, value), *made])
        names = (kind, f"additional{kind.title()}s")
        found = [ref for ref in refs if any(self._has(ref, name, value) for name in names)]
        return sorted(found, key=lambda ref: (self.added_ms(ref), self.id_of(ref)))

    def _has(self, ref: Ref, name: str, value: str) -> bool:
        held = self.record(ref)[name]
        return value.lower() in [item.lower() for item in (held if isinstance(held, list) else [held]) if item]

    def record(self, ref: Ref) -> dict[str, Any]:
        """Return everything about one contact; treat it as read-only."""
        if isinstance(ref, str):
            return self.dictionaries.applied(self._added[ref])
        record = self.people.record(ref)
        return self.dictionaries.applied(record | self._changed[ref] if ref in self._changed else record)

    def id_of(self, ref: Ref) -> str:
        """Return the contact's id."""
        return ref if isinstance(ref, str) else self.people.contact_id(ref)

    def added_ms(self, ref: Ref) -> int:
        """Return when the contact was added, in epoch milliseconds."""
        return self.people.added_ms(ref) if isinstance(ref, int) else parse_ms(self._added[ref]["dateAdded"]) or 0

    def updated_ms(self, ref: Ref) -> int:
        """Return when the contact was last updated, in epoch milliseconds."""
        if isinstance(ref, int) and ref not in self._changed:
            return self.people.updated_ms(ref)
        return parse_ms(self.record(ref)["dateUpdated"]) or 0

    def tasks(self, ref: Ref) -> list[dict[str, Any]]:
        """Return the contact's tasks."""
        return self.lists.of("tasks", ref)

    def notes(self, ref: Ref) -> list[dict[str, Any]]:
        """Return the contact's notes."""
        return self.lists.of("notes", ref)

    def appointments(self, ref: Ref) -> list[dict[str, Any]]:
        """Return the contact's appointments."""
        return self.lists.of("appointments", ref)

    def count(self, window: Window = ALWAYS, *, unseen: bool = True) -> int:
        """Return how many contacts were added in a window; without the `unseen` it is what search counts."""
        made = self._made_in(window)
        gone = bisect_left(self._deleted_order, made.stop) - bisect_left(self._deleted_order, made.start)
        added = self._added_in(window)
        hidden = 0 if unseen else sum(contact_id in self._unseen for _, contact_id in added)
        return len(made) - gone + len(added) - hidden

    def walk(
        self,
        *,
        descending: bool,
        after: tuple[int, str] | None = None,
        skip: int = 0,
        window: Window = ALWAYS,
        unseen: bool = True,
    ) -> Iterable[Ref]:
        """Go through the contacts by (dateAdded, id).

        Starts behind the key `after`, or at the end of the window that `descending` names, and leaves out the first
        `skip`. Without the `unseen` it is what search shows.
        """
        indexes = self._indexes(self._made_in(window), descending=descending, after=after)
        if not self._deleted and not self._added:
            return indexes[skip:]
        kept: Iterable[int] = (index for index in indexes if index not in self._deleted)
        if not self._added:
            return islice(kept, skip, None)
        made = ((self.people.added_ms(index), self.people.contact_id(index), index) for index in kept)
        added = self._added_keys(self._added_in(window), descending=descending, after=after)
        merged: Iterable[tuple[int, str, Ref]] = heapq.merge(made, added, reverse=descending)
        hidden = () if unseen else self._unseen
        return islice((ref for _, _, ref in merged if ref not in hidden), skip, None)

    def settle(self) -> None:
        """Let search see the added contacts whose time has come."""
        if not self._unseen:
            return
        latest = time.monotonic() - self.lag_seconds
        due = [contact_id for contact_id, added_at in self._unseen.items() if added_at <= latest]
        for contact_id in due:
            del self._unseen[contact_id]
        if due:
            self.touch()

    def calendar_events(self, calendar_ids: Sequence[str], first_ms: int, last_ms: int) -> list[dict[str, Any]]:
        """Return the appointments that start in a window, as their contacts show them, by start."""
        return self.lists.starting(calendar_ids, first_ms, last_ms, self._deleted)

    def events_of(self, ref: Ref) -> list[dict[str, Any]]:
        """Return the contact's appointments as the calendars show them; those of deleted calendars they do not."""
        return [
            event_view(appointment, self.events.zone)
            for appointment in self.appointments(ref)
            if appointment.get("calendarId") in self.children.calendar_ids
        ]

    def count_notes(self) -> int:
        """Return how many notes there are, one of several contacts once."""
        return self.lists.count_notes(self._deleted)

    def add(self, fields: dict[str, Any]) -> str:
        """Add a contact and return its id.

        `fields` are names as in `People.record`; `tasks`, `notes`, `appointments` may hold lists of children. Unless
        given, the contact is added now.
        """
        number = self.version
        now = iso(int(time.time() * 1000))
        given = {key: value for key, value in fields.items() if key not in KINDS}
        record = blank_record() | {"locationId": self.id, "type": "lead", "dnd": False, "dateAdded": now} | given
        record.setdefault("dateUpdated", record["dateAdded"])
        record["dateUpdated"] = record["dateUpdated"] or record["dateAdded"]
        contact_id = record["id"] = given.get("id") or letters(digest(self.id, "added", number, size=20))
        if self.find(contact_id) is not None:
            message = f"there is a contact with id {contact_id} already"
            raise ValueError(message)
        self._added[contact_id] = record
        self.lists.seed(contact_id, contact_id, fields)
        self._taken_down(contact_id, record)
        insort(self._added_order, (self.added_ms(contact_id), contact_id))
        if self.lag_seconds > 0:  # facts 6.3 [docs]: newly written contacts appear after a few seconds
            self._unseen[contact_id] = time.monotonic()
        self.touch()
        return contact_id

    def change(self, contact_id: str, changes: dict[str, Any]) -> None:
        """Change fields of a contact (names as in `People.record`) and move its `dateUpdated` to now unless given.

        Raises:
            KeyError: there is no such contact.
        """
        ref = self.find(contact_id)
        if ref is None:
            raise KeyError(contact_id)
        changes = {"dateUpdated": iso(int(time.time() * 1000))} | changes
        for fixed in ("id", "dateAdded", "locationId"):  # these never move in the API
            changes.pop(fixed, None)
        if isinstance(ref, str):
            self._added[ref] = self._added[ref] | changes
        else:
            self._changed[ref] = self._changed.get(ref, {}) | changes
        self._taken_down(ref, self.record(ref))
        self.touch()

    def _taken_down(self, ref: Ref, record: dict[str, Any]) -> None:
        self._holders.put(ref, record)
        self.dictionaries.tags.use(record["tags"])  # facts 7.4 [blog]: a tag is created when a contact gets it

    def delete(self, contact_id: str) -> None:
        """Delete a contact with its children.

        Raises:
            KeyError: there is no such contact.
        """
        # facts 6.7 [docs]: deleted contacts simply vanish
        ref = self.find(contact_id)
        if ref is None:
            raise KeyError(contact_id)
        if isinstance(ref, str):
            del self._added_order[bisect_left(self._added_order, (self.added_ms(ref), ref))]
            del self._added[ref]
            self._unseen.pop(ref, None)
            self._gone.add(ref)
        else:
            self._deleted.add(ref)
            insort(self._deleted_order, ref)
            self._changed.pop(ref, None)
        self.lists.drop(ref)
        self._holders.drop(ref)
        self.touch()

    def was_deleted(self, contact_id: str) -> bool:
        """Tell whether there was a contact with this id."""
        index = self.people.index_of(contact_id)
        return contact_id in self._gone or index in self._deleted

    def touch(self) -> None:
        """Forget what was kept for reading, as something changed."""
        self.version += 1
        self.search_results.clear()
        self.encoded.clear()
        self.marks.clear()

    def _key(self, index: int) -> tuple[int, str]:
        return self.people.added_ms(index), self.people.contact_id(index)

    def _made_in(self, window: Window) -> range:
        everyone = range(self.people.count)
        if window == ALWAYS:
            return everyone
        first = bisect_left(everyone, window.first_ms, key=self.people.added_ms)
        return range(first, max(first, bisect_right(everyone, window.last_ms, key=self.people.added_ms)))

    def _added_in(self, window: Window) -> list[tuple[int, str]]:
        keys = self._added_order
        return keys[bisect_left(keys, (window.first_ms, "")) : bisect_left(keys, (window.last_ms + 1, ""))]

    def _indexes(self, indexes: range, *, descending: bool, after: tuple[int, str] | None) -> range:
        if descending:
            return (indexes if after is None else indexes[: bisect_left(indexes, after, key=self._key)])[::-1]
        return indexes if after is None else indexes[bisect_right(indexes, after, key=self._key) :]

    def _added_keys(
        self, keys: list[tuple[int, str]], *, descending: bool, after: tuple[int, str] | None
    ) -> Iterator[tuple[int, str, Ref]]:
        if descending:
            chosen = (keys if after is None else keys[: bisect_left(keys, after)])[::-1]
        else:
            chosen = keys if after is None else keys[bisect_right(keys, after) :]
        return ((ms, contact_id, contact_id) for ms, contact_id in chosen)

"""One location: the made-up contacts with what was changed, deleted and added since, in a total order.

The order is (dateAdded, id). Reading a page of it costs the page, not the location: the position of a cursor is found
by bisection over computed keys. Everything else (filters, other sorts) scans and keeps the last few results until
something changes.
"""

from __future__ import annotations

import heapq
import time
from bisect import bisect_left, bisect_right, insort
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from .children import Averages, Children
from .ids import digest, iso, letters, parse_ms
from .people import People, PeopleSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Location", "Ref"]

Ref = int | str
"""Where a contact is: the index of a made-up one, the id of an added one."""

_KINDS: Final = ("tasks", "notes", "appointments")


class Location:
    """All contacts of one location and their children."""

    def __init__(self, settings: PeopleSettings, averages: Averages) -> None:
        """Prepare a location; costs nothing per contact."""
        self.id = settings.location_id
        self.people = People(settings)
        self.children = Children(self.people, averages)
        self.version = 0
        """Rises with every change, so that kept search results can be told to be stale."""
        self.search_results: dict[str, tuple[int, Any]] = {}
        self.encoded: dict[Ref, bytes] = {}
        """Answers of `GET /contacts/{id}` made already; both memories are emptied by every change."""
        self._deleted: set[int] = set()
        self._changed: dict[int, dict[str, Any]] = {}
        self._added: dict[str, dict[str, Any]] = {}
        self._added_children: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._added_order: list[tuple[int, str]] = []

    def __len__(self) -> int:
        """Return how many contacts there are now."""
        return self.people.count - len(self._deleted) + len(self._added)

    def find(self, contact_id: str) -> Ref | None:
        """Return where the contact is, None if there is none (any more)."""
        if contact_id in self._added:
            return contact_id
        index = self.people.index_of(contact_id)
        return None if index is None or index in self._deleted else index

    def find_by_email(self, email: str) -> Ref | None:
        """Return the contact with this address, whatever its case."""
        wanted = email.lower()
        for ref in self._touched():
            if str(self.record(ref)["email"]).lower() == wanted:
                return ref
        index = self.people.index_by_email(email)
        return None if index is None or index in self._deleted or index in self._changed else index

    def find_by_phone(self, phone: str) -> Ref | None:
        """Return the contact with this number."""
        for ref in self._touched():
            if self.record(ref)["phone"] == phone:
                return ref
        index = self.people.index_by_phone(phone)
        return None if index is None or index in self._deleted or index in self._changed else index

    def record(self, ref: Ref) -> dict[str, Any]:
        """Return everything about one contact; treat it as read-only."""
        if isinstance(ref, str):
            return self._added[ref]
        record = self.people.record(ref)
        return record | self._changed[ref] if ref in self._changed else record

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
        return self.children.tasks(ref) if isinstance(ref, int) else self._added_children[ref]["tasks"]

    def notes(self, ref: Ref) -> list[dict[str, Any]]:
        """Return the contact's notes."""
        return self.children.notes(ref) if isinstance(ref, int) else self._added_children[ref]["notes"]

    def appointments(self, ref: Ref) -> list[dict[str, Any]]:
        """Return the contact's appointments."""
        return self.children.appointments(ref) if isinstance(ref, int) else self._added_children[ref]["appointments"]

    def walk(self, *, descending: bool, after: tuple[int, str] | None = None, skip: int = 0) -> Iterable[Ref]:
        """Go through the contacts by (dateAdded, id).

        Starts behind the key `after`, or at the end that `descending` names, and leaves out the first `skip`.
        """
        indexes = self._indexes(descending=descending, after=after)
        if not self._deleted and not self._added:
            return indexes[skip:]
        kept: Iterable[int] = (index for index in indexes if index not in self._deleted)
        if not self._added:
            return islice(kept, skip, None)
        made = ((self.people.added_ms(index), self.people.contact_id(index), index) for index in kept)
        merged = heapq.merge(made, self._added_keys(descending=descending, after=after), reverse=descending)
        return islice((ref for _, _, ref in merged), skip, None)

    def add(self, fields: dict[str, Any]) -> str:
        """Add a contact and return its id.

        `fields` are names as in `People.record`; `tasks`, `notes`, `appointments` may hold lists of children. Unless
        given, the contact is added now.
        """
        number = self.version
        now = iso(int(time.time() * 1000))
        blank = _blank()
        given = {key: value for key, value in fields.items() if key not in _KINDS}
        record = blank | {"locationId": self.id, "type": "lead", "dnd": False, "dateAdded": now} | given
        record.setdefault("dateUpdated", record["dateAdded"])
        record["dateUpdated"] = record["dateUpdated"] or record["dateAdded"]
        contact_id = record["id"] = given.get("id") or letters(digest(self.id, "added", number, size=20))
        if self.find(contact_id) is not None:
            message = f"there is a contact with id {contact_id} already"
            raise ValueError(message)
        self._added[contact_id] = record
        self._added_children[contact_id] = {
            kind: [
                {"id": letters(digest(contact_id, kind, place, size=20)), "contactId": contact_id} | child
                for place, child in enumerate(fields.get(kind) or [])
            ]
            for kind in _KINDS
        }
        insort(self._added_order, (self.added_ms(contact_id), contact_id))
        self._touch()
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
        self._touch()

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
            self._added_order.remove((self.added_ms(ref), ref))
            del self._added[ref], self._added_children[ref]
        else:
            self._deleted.add(ref)
        self._touch()

    def _touched(self) -> list[Ref]:
        return [*self._added, *(index for index in self._changed if index not in self._deleted)]

    def _touch(self) -> None:
        self.version += 1
        self.search_results.clear()
        self.encoded.clear()

    def _key(self, index: int) -> tuple[int, str]:
        return self.people.added_ms(index), self.people.contact_id(index)

    def _indexes(self, *, descending: bool, after: tuple[int, str] | None) -> range:
        everyone = range(self.people.count)
        if descending:
            last = len(everyone) if after is None else bisect_left(everyone, after, key=self._key)
            return range(last - 1, -1, -1)
        return everyone if after is None else range(bisect_right(everyone, after, key=self._key), len(everyone))

    def _added_keys(self, *, descending: bool, after: tuple[int, str] | None) -> Iterator[tuple[int, str, Ref]]:
        keys = self._added_order
        if descending:
            last = len(keys) if after is None else bisect_left(keys, after)
            chosen = keys[:last][::-1]
        else:
            chosen = keys if after is None else keys[bisect_right(keys, after) :]
        return ((ms, contact_id, contact_id) for ms, contact_id in chosen)


def _blank() -> dict[str, Any]:
    """Return a record with every field of `People.record` unset."""
    made = People(PeopleSettings(location_id="", count=1)).record(0)
    return {key: type(value)() if isinstance(value, list | dict) else None for key, value in made.items()}

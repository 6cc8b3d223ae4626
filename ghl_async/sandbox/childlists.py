"""Tasks, notes and appointments of every contact: the made-up ones, and in their place what was written since.

A list is made real when it is first written to; all others stay what (seed, contact) says. Records are replaced, never
changed, so that a list once given out stays as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from .events import Events, contact_view, starts_ms
from .ids import decode_index, digest, letters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .children import Children
    from .people import People
    from .records import Ref

__all__ = ["KINDS", "ChildLists", "Kind"]

Kind = Literal["tasks", "notes", "appointments"]
KINDS: Final[tuple[Kind, ...]] = ("tasks", "notes", "appointments")


class ChildLists:
    """The children of one location."""

    def __init__(self, people: People, made: Children, find: Callable[[str], Ref | None]) -> None:
        """Take the made-up ones; `find` leads from a contact's id to its place, None for one that is gone."""
        self._people = people
        self._made = made
        self._find = find
        self.events = Events(people, made)
        self._lists: dict[Kind, dict[Ref, list[dict[str, Any]]]] = {kind: {} for kind in KINDS}
        self._event_refs: dict[str, Ref] = {}
        self._gone_events: dict[str, tuple[Ref, dict[str, Any]]] = {}
        self._written = 0

    def of(self, kind: Kind, ref: Ref) -> list[dict[str, Any]]:
        """Return the children of a contact as the API shows them; treat them as read-only."""
        children = self._lists[kind].get(ref)
        if children is None:
            children = self._made_up(kind, ref)
        elif kind == "appointments":
            children = [contact_view(one, self.events.zone) for one in children]
        return children

    def _made_up(self, kind: Kind, ref: Ref) -> list[dict[str, Any]]:
        if isinstance(ref, str):
            return []
        if kind == "tasks":
            return self._made.tasks(ref)
        return self._made.notes(ref) if kind == "notes" else self._made.appointments(ref)

    def seed(self, ref: Ref, contact_id: str, fields: dict[str, Any]) -> None:
        """Give an added contact its first children."""
        for kind in KINDS:
            self._lists[kind][ref] = [
                {"id": letters(digest(contact_id, kind, place, size=20)), "contactId": contact_id} | child
                for place, child in enumerate(fields.get(kind) or [])
            ]
        self._event_refs.update((one["id"], ref) for one in self._lists["appointments"][ref])

    def add(self, kind: Kind, ref: Ref, child: dict[str, Any]) -> dict[str, Any]:
        """Add a child, with an id of its own, and return it."""
        self._written += 1
        child_id = letters(digest(self._people.settings.location_id, "written", kind, self._written, size=20))
        child = {"id": child_id} | child
        self._lists[kind][ref] = [*self._real(kind, ref), child]
        if kind == "appointments":
            self._event_refs[child_id] = ref
        return child

    def replace(self, kind: Kind, ref: Ref, child_id: str, child: dict[str, Any] | None) -> None:
        """Put another record in the place of one, or None to delete it; a shared note changes with all its contacts."""
        refs = {ref: None}
        if kind == "notes":
            self._real(kind, ref)
            old = next(one for one in self._lists[kind][ref] if one["id"] == child_id)
            others = (self._find(relation["recordId"]) for relation in old.get("relations", ()))
            refs |= dict.fromkeys(other for other in others if other is not None)
        for one in refs:
            new = ((child if row["id"] == child_id else row) for row in self._real(kind, one))
            self._lists[kind][one] = [row for row in new if row is not None]

    def _real(self, kind: Kind, ref: Ref) -> list[dict[str, Any]]:
        """Return the list of a contact for writing, made real with that of the contact it shares a note with."""
        lists = self._lists[kind]
        if ref not in lists:
            lists[ref] = self._made_up(kind, ref)
            if kind == "notes" and isinstance(ref, int):
                partners = [first + 1 if first == ref else first for first in (ref, ref - 1) if self._shares(first)]
                for partner in partners:
                    if partner not in lists and self._find(self._people.contact_id(partner)) is not None:
                        lists[partner] = self._made_up(kind, partner)
        return lists[ref]

    def _shares(self, first: int) -> bool:
        return first >= 0 and self._made.shares_a_note(first)

    def drop(self, ref: Ref) -> None:
        """Forget the children of a contact that is deleted."""
        for one in self._lists["appointments"].get(ref, ()):
            self._event_refs.pop(one["id"], None)
        for lists in self._lists.values():
            lists.pop(ref, None)
        self._gone_events = {key: held for key, held in self._gone_events.items() if held[0] != ref}

    def find_event(self, event_id: str) -> tuple[Ref, dict[str, Any]] | None:
        """Return the contact and the appointment of this id, with `deleted` true for one that was deleted."""
        gone = self._gone_events.get(event_id)
        if gone is not None:
            return gone
        ref = self._event_refs.get(event_id)
        if ref is None:
            index = decode_index(event_id) if len(event_id) == 20 else None
            if index is None or index >= self._people.count or self._find(self._people.contact_id(index)) is None:
                return None
            ref = index
        held = self._lists["appointments"].get(ref)
        rows = self._made_up("appointments", ref) if held is None else held
        return next(((ref, one) for one in rows if one["id"] == event_id), None)

    def delete_event(self, ref: Ref, event: dict[str, Any]) -> None:
        """Take an appointment out of all lists; it stays readable by its id."""
        self.replace("appointments", ref, event["id"], None)
        self._gone_events[event["id"]] = (ref, event | {"deleted": True})

    def starting(
        self, calendar_ids: Sequence[str], first_ms: int, last_ms: int, deleted: set[int]
    ) -> list[dict[str, Any]]:
        """Return the appointments that start in a window, by start; `deleted` are made-up contacts that are gone."""
        found: list[tuple[int, str, dict[str, Any]]] = []
        shown: dict[int, list[dict[str, Any]]] = {}
        real = self._lists["appointments"]
        for start_ms, index, place in self.events.starting(calendar_ids, first_ms, last_ms):
            if index in deleted or index in real:
                continue
            if index not in shown:
                shown[index] = self._made.appointments(index)
            found.append((start_ms, shown[index][place]["id"], shown[index][place]))
        for rows in real.values():
            for one in rows:
                start = starts_ms(one, self.events.zone)
                if start is not None and first_ms <= start <= last_ms and one.get("calendarId") in calendar_ids:
                    found.append((start, one["id"], one))
        return [one for _, _, one in sorted(found, key=lambda item: item[:2])]

    def count_notes(self, deleted: set[int]) -> int:
        """Return how many notes there are, one of several contacts once."""
        real = self._lists["notes"]
        apart = deleted | {ref for ref in real if isinstance(ref, int)}
        total = self._made.count_all_notes()
        for index in apart:
            total -= self._made.count_notes(index)
            # a shared note goes with the last of the two contacts that have it, or is counted with those made real
            total -= self._made.shares_a_note(index) and index + 1 in apart
        return total + len({note["id"] for notes in real.values() for note in notes})

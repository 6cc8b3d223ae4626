"""What is to be written in bulk, and what the records and the ledgers must look like then.

It knows no line of the client or of the sandbox. Many records are alike on purpose: it is by their content that creates
which were under way when the process died are found again.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["OPERATIONS", "Judge", "plan"]

Truth: TypeAlias = Sequence[Mapping[str, Any]]
Row: TypeAlias = tuple[int, str, str | None, str | None]
"""Of a ledger: position, state, id of what was made, reason."""

WEIGHTS = {
    "create": 25, "upsert": 5, "update": 25, "delete": 5, "tag": 10, "create_tasks": 12, "complete_tasks": 4,
    "delete_tasks": 2, "create_notes": 10, "delete_notes": 2,
}  # fmt: skip
OPERATIONS = tuple(WEIGHTS)
WORDS = ("Ann", "Bob", "Cleo")
CITIES = ("Bern", "Chur", "Basel", "Thun")
TAG = "spring"
DUE = "2030-07-01T09:00:00-05:00"


def plan(seed: int, writes: int, truth: Truth) -> dict[str, list[Any]]:
    """The inputs of each operation. No two operations touch the same record."""
    dice = random.Random(seed)
    many = {name: writes * weight // 100 for name, weight in WEIGHTS.items()}
    ids = [each["contact"]["id"] for each in truth]
    deleted, rest = ids[: many["delete"]], truth[many["delete"] :]
    half = len(rest) // 2
    known = [each["contact"] for each in rest[:half] if each["contact"]["email"]]
    changed = [each["contact"]["id"] for each in rest[half:]]
    tasks = [(each["contact"]["id"], task["id"]) for each in rest for task in each["tasks"] if not task["completed"]]
    # A note may belong to several contacts.
    owners = {note["id"]: each["contact"]["id"] for each in rest for note in each["notes"]}
    notes = [(owner, note_id) for note_id, owner in owners.items()]
    few = changed[: max(1, many["update"] // 2)]
    new = [{"email": f"u{number}@example.com"} for number in range(many["upsert"] // 2)]
    old = [{"email": each["email"]} for each in known[: many["upsert"] - len(new)]]
    busy = ids[many["delete"] :][: max(1, many["create_notes"] // 4)]
    return {
        "create": [_contact(dice, number) for number in range(many["create"])],
        "upsert": [each | {"city": dice.choice(CITIES)} for each in (*new, *old)],
        "update": [[dice.choice(few), {"city": dice.choice(CITIES)}] for _ in range(many["update"])],
        "delete": deleted,
        "tag": changed[: many["tag"]],
        "create_tasks": [
            [dice.choice(busy), {"title": f"Call {dice.choice(WORDS)}", "due_date": DUE}]
            for _ in range(many["create_tasks"])
        ],
        "complete_tasks": tasks[: many["complete_tasks"]],
        "delete_tasks": tasks[many["complete_tasks"] :][: many["delete_tasks"]],
        "create_notes": [
            [dice.choice(busy), {"body": f"Called {dice.choice(WORDS)}"}] for _ in range(many["create_notes"])
        ],
        "delete_notes": notes[: many["delete_notes"]],
    }


def _contact(dice: random.Random, number: int) -> dict[str, str]:
    sent = {"first_name": dice.choice(WORDS), "last_name": f"c{number}"}
    kind = dice.choices(["neither", "email", "phone", "both"], [5, 50, 15, 30])[0]
    if kind in {"email", "both"}:
        sent["email"] = f"c{number}@example.com"
    if kind in {"phone", "both"}:
        sent["phone"] = f"+1415{2_000_000 + number}"
    return sent


@dataclass
class Judge:
    """Holds ledgers and records against the plan."""

    planned: Mapping[str, list[Any]]
    before: Truth
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    """Where ledger and records differ otherwise."""
    outcomes: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    undecided: int = 0
    """Outcomes that were left unknown though a read can decide."""

    def compare(self, folder: Path, truth: Truth) -> None:
        """Fill the lists."""
        contacts = {each["contact"]["id"]: each for each in truth}
        rows = {name: self._rows(folder / f"{name}.ledger", name) for name in OPERATIONS}
        self._created(rows["create"], contacts)
        self._upserted(rows["upsert"], contacts)
        self._expect("update", rows, self._cities(contacts))
        self._expect("delete", rows, [each not in contacts for each in self.planned["delete"]])
        self._expect("tag", rows, [TAG in contacts[each]["contact"]["tags"] for each in self.planned["tag"]])
        for kind, title in (("tasks", "title"), ("notes", "body")):
            self._children(kind, title, rows[f"create_{kind}"], contacts)
            there = {(owner, child["id"]) for owner, each in contacts.items() for child in each[kind]}
            gone = [tuple(each) not in there for each in self.planned[f"delete_{kind}"]]
            self._expect(f"delete_{kind}", rows, gone)
        done = {task["id"] for each in truth for task in each["tasks"] if task["completed"]}
        self._expect("complete_tasks", rows, [task_id in done for _, task_id in self.planned["complete_tasks"]])

    def _rows(self, path: Path, name: str) -> list[Row]:
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute("SELECT position, state, made, reason FROM writes ORDER BY position").fetchall()
        if [row[0] for row in rows] != [*range(len(self.planned[name]))]:
            self.other.append(f"{name}: the ledger has {len(rows)} inputs of {len(self.planned[name])}")
        for _, state, _, reason in rows:
            self.outcomes[state] += 1
            self.unknown[name] += state == "unknown"
            if state in {"failed", "unknown"}:
                self.reasons[reason or ""] += 1
        return rows

    def _expect(self, name: str, rows: Mapping[str, list[Row]], is_done: Sequence[bool]) -> None:
        for (position, state, _, _), done in zip(rows[name], is_done, strict=False):
            if state != "ok":
                self.other.append(f"{name} {position} ended {state}")
            elif not done:
                self.lost.append(f"{name} {position}")

    def _cities(self, contacts: Mapping[str, Any]) -> list[bool]:
        last = {contact_id: changes["city"] for contact_id, changes in self.planned["update"]}
        return [contacts[contact_id]["contact"]["city"] == last[contact_id] for contact_id, _ in self.planned["update"]]

    def _created(self, rows: list[Row], contacts: Mapping[str, Any]) -> None:
        by_name = _grouped(contacts.values(), lambda each: each["contact"]["lastName"], lambda e: e["contact"]["id"])
        for (position, state, made, _), draft in zip(rows, self.planned["create"], strict=False):
            found = by_name.get(draft["last_name"], [])
            self._judge(f"create {position}", state, [made] if made else [], found)
            self.undecided += state == "unknown" and ("email" in draft or "phone" in draft)

    def _upserted(self, rows: list[Row], contacts: Mapping[str, Any]) -> None:
        by_email = _grouped(contacts.values(), lambda e: (e["contact"]["email"] or "").lower(), lambda e: e["contact"])
        for (position, state, _, _), draft in zip(rows, self.planned["upsert"], strict=False):
            found = by_email.get(draft["email"].lower(), [])
            if state == "ok" and not any(each["city"] == draft["city"] for each in found):
                self.lost.append(f"upsert {position}")
            if len(found) > 1:
                self.doubled.append(f"upsert {position}")
            if state != "ok":
                self.other.append(f"upsert {position} ended {state}")

    def _children(self, kind: str, title: str, rows: list[Row], contacts: Mapping[str, Any]) -> None:
        before = {child["id"] for each in self.before for child in each[kind]}
        found: dict[Any, list[str]] = {}
        for owner, each in contacts.items():
            for child in each[kind]:
                if child["id"] not in before:
                    found.setdefault((owner, child[title]), []).append(child["id"])
        made: dict[Any, list[str]] = {}
        unknown: Counter[Any] = Counter()
        for (position, state, id_, _), (owner, draft) in zip(rows, self.planned[f"create_{kind}"], strict=False):
            key = (owner, draft[title])
            if state == "ok" and id_:
                made.setdefault(key, []).append(id_)
            elif state == "unknown":
                unknown[key] += 1
                self.undecided += 1
            else:
                self.other.append(f"create_{kind} {position} ended {state}")
        for key in {*found, *made}:
            told, there = made.get(key, []), found.get(key, [])
            if len({*told}) < len(told) or {*told} - {*there}:
                self.lost.append(f"create_{kind} {key}: the ledger has {told}, there is {there}")
            if len({*there} - {*told}) > unknown[key]:
                self.doubled.append(f"create_{kind} {key}: the ledger has {told}, there is {there}")

    def _judge(self, what: str, state: str, told: list[str], found: list[str]) -> None:
        if len(found) > 1:
            self.doubled.append(f"{what}: {found}")
        elif state == "ok" and told != found:
            self.lost.append(f"{what}: the ledger has {told}, there is {found}")
        elif state == "failed":
            self.other.append(f"{what} failed, and there is {found}")


def _grouped(items: Any, key: Callable[[Any], Any], value: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(value(item))
    return groups

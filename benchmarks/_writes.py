"""Random writes, and a plain model of what they must leave behind; it knows no line of the client or of the sandbox.

A plan is made before anything is sent: its steps name records by slots, and a slot gets its id when the record is made.
Each worker has contacts of its own, so that the order of the writes of one contact is known. Many records are alike on
purpose: it is by their content that lost creates are found again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

__all__ = ["DONE", "DUPLICATE", "SKIPPED", "UNKNOWN", "Differences", "Model", "Outcome", "Step", "plan"]

Outcome: TypeAlias = Sequence[Any]
"""What became of one call: one of the four words below or the name of an error, and an id."""
DONE, DUPLICATE, UNKNOWN, SKIPPED = "done", "DuplicateContact", "OutcomeUnknown", "skipped"

KINDS = ("tasks", "notes", "appointments")
_WEIGHTS = {
    "contacts.create": 22, "contacts.upsert": 5, "contacts.update": 12, "contacts.delete": 4, "tags.add": 8,
    "tags.remove": 5, "tasks.create": 12, "tasks.update": 5, "tasks.complete": 3, "tasks.reopen": 2, "tasks.delete": 3,
    "notes.create": 8, "notes.update": 3, "notes.delete": 2, "appointments.create": 6, "appointments.update": 3,
    "appointments.delete": 2,
}  # fmt: skip
_FLAVOURS = {"neither": 8, "taken": 8, "email": 44, "phone": 10, "both": 30}
"""What contacts are made with; `taken` is an e-mail that another one has."""
_BEGIN = datetime.fromisoformat("2030-07-01T09:00:00-05:00")
_WORDS = ("Ann", "Bob", "Cleo")
_TAGS = ("VIP", "vip", "spring", "Late", "new lead", "é")


@dataclass(frozen=True)
class Step:
    """One call, or several equal ones that are made at once."""

    verb: str
    on: tuple[int, ...] = ()
    """The slots of the contact and of its child that it is about."""
    sent: dict[str, Any] = field(default_factory=dict)
    """Fields by the names of the client's drafts; times as ISO 8601."""
    makes: tuple[int, ...] = ()
    """The slots that its calls fill, one each."""

    @property
    def calls(self) -> int:
        """How many calls it is."""
        return len(self.makes) or 1

    @property
    def is_decidable(self) -> bool:
        """Whether a read can tell what became of it."""
        if self.verb == "contacts.create":
            return "email" in self.sent or "phone" in self.sent
        return self.sent.get("look_first", True) is True


def plan(seed: int, worker: int, calls: int) -> list[Step]:
    """What one worker does: so many calls."""
    planner, steps = _Planner(random.Random(f"{seed} {worker}"), worker), []
    while calls > 0:
        step = planner.step(calls)
        steps.append(step)
        calls -= step.calls
    return steps


class _Planner:
    """Draws steps, and knows which slots are in use."""

    def __init__(self, dice: random.Random, worker: int) -> None:
        self._dice = dice
        self._worker = worker
        self._slots = 0
        self._emails: dict[int, str] = {}
        """Of the contacts that have one; those that cannot be found again are left alone."""
        self._children: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}

    def step(self, most: int) -> Step:
        """Draw the next step, of at most so many calls."""
        verb = self._dice.choices([*_WEIGHTS], [*_WEIGHTS.values()])[0]
        noun, action = verb.split(".")
        if not self._emails or verb == "contacts.create":
            return self._create()
        if verb == "contacts.upsert":
            return self._upsert()
        if noun in KINDS:
            return self._child(noun, action, most)
        contact = self._dice.choice([*self._emails])
        if verb == "contacts.update":
            return Step(verb, (contact,), self._changes(contact))
        if noun == "tags":
            return Step(verb, (contact,), {"tags": self._tags()})
        del self._emails[contact]
        for kind, held in self._children.items():
            self._children[kind] = {slot: owner for slot, owner in held.items() if owner != contact}
        return Step(verb, (contact,))

    def _slot(self) -> int:
        self._slots += 1
        return self._slots

    def _tags(self) -> list[str]:
        return self._dice.sample(_TAGS, self._dice.randint(1, 3))

    def _create(self) -> Step:
        slot = self._slot()
        sent: dict[str, Any] = {"first_name": self._dice.choice(_WORDS), "city": "Bern"}
        flavour = self._dice.choices([*_FLAVOURS], [*_FLAVOURS.values()])[0] if self._emails else "both"
        if flavour == "neither":
            sent["last_name"] = f"{self._worker} {slot}"
        elif flavour == "taken":
            sent |= {"last_name": "a second one", "email": self._dice.choice([*self._emails.values()])}
        else:
            self._emails[slot] = f"{self._worker}.{slot}@example.com"
            if flavour != "phone":
                sent["email"] = self._emails[slot]
            if flavour != "email":
                sent["phone"] = f"+1415{2_000_000 + 10_000 * self._worker + slot}"
            if self._dice.choice([True, False]):
                sent["tags"] = self._tags()
        return Step("contacts.create", (), sent, (slot,))

    def _upsert(self) -> Step:
        if self._dice.choice([True, False]):
            email = self._dice.choice([*self._emails.values()])
            return Step("contacts.upsert", (), {"email": email.upper(), "city": "Basel"}, (self._slot(),))
        slot = self._slot()
        self._emails[slot] = f"{self._worker}.{slot}@example.com"
        sent = {"email": self._emails[slot], "last_name": self._dice.choice(_WORDS)}
        return Step("contacts.upsert", (), sent, (slot,))

    def _changes(self, contact: int) -> dict[str, Any]:
        what = self._dice.choice(["email", "tags", "names", "names", "names"])
        if what == "email":
            self._emails[contact] = f"{self._worker}.{contact}.{self._slot()}@example.com"
            return {"email": self._emails[contact]}
        if what == "tags":
            return {"tags": self._tags()}
        return {"last_name": self._dice.choice([*_WORDS, None]), "city": self._dice.choice(["Bern", "Chur", None])}

    def _child(self, kind: str, action: str, most: int) -> Step:
        held = self._children[kind]
        if action == "create" or not held:
            contact = self._dice.choice([*self._emails])
            sent = self._fields(kind)
            if kind == "tasks":
                sent["look_first"] = self._dice.choice([True, True, True, True, True, False])
            times = min(most, self._dice.choice([1, 1, 1, 1, 2, 3]))
            makes = tuple(self._slot() for _ in range(times))
            held.update(dict.fromkeys(makes, contact))
            return Step(f"{kind}.create", (contact,), sent, makes)
        child = self._dice.choice([*held])
        step = Step(f"{kind}.{action}", (held[child], child), self._child_changes(kind) if action == "update" else {})
        if action == "delete":
            del held[child]
        return step

    def _moment(self) -> str:
        return (_BEGIN + timedelta(hours=self._dice.randrange(5))).isoformat()

    def _fields(self, kind: str) -> dict[str, Any]:
        word = self._dice.choice(_WORDS)
        if kind == "tasks":
            return {"title": f"Call {word}", "due_date": self._moment()}
        if kind == "notes":
            return {"body": self._dice.choice([f"Called {word}", f"<p>Called {word} &amp; son</p>"])}
        return {"title": f"Visit {word}", "start_time": self._moment(), "calendar": self._dice.randrange(3)}

    def _child_changes(self, kind: str) -> dict[str, Any]:
        fields = self._fields(kind)
        fields.pop("calendar", None)
        name = self._dice.choice([*fields])
        return {name: fields[name]}


@dataclass
class Differences:
    """Where the records differ from the model, in words."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    """Records that no call can have made."""
    other: list[str] = field(default_factory=list)
    """Fields that differ, and outcomes that cannot be."""
    unknown_there: int = 0
    unknown_not_there: int = 0
    unknown_gone: int = 0
    """Those of contacts that were deleted afterwards."""


@dataclass
class _Record:
    kind: str
    owner: str | None
    """The contact of a child."""
    fields: dict[str, Any]


class Model:
    """What the calls must have left behind, by what was sent and what became of it."""

    def __init__(self, calendars: Sequence[str]) -> None:
        self._calendars = calendars
        self._all: dict[str, _Record] = {}
        self._records: dict[str, _Record] = {}
        """Of the worker whose steps are replayed."""
        self._maybe: list[_Record] = []
        self.found = Differences()
        self.outcomes: Counter[str] = Counter()
        self.undecided = 0
        """Outcomes that were left unknown though a read could have told."""

    def replay(self, steps: Sequence[Step], outcomes: Sequence[Sequence[Outcome]]) -> None:
        """Do one worker's steps again, in order, each as it ended."""
        ids: dict[int, str] = {}
        self._records = {}
        for step, ended in zip(steps, outcomes, strict=True):
            for place, (word, id_) in enumerate(ended):
                self.outcomes[word] += 1
                if word == DONE and step.makes:
                    ids[step.makes[place]] = id_
                if word != SKIPPED:
                    self._apply(step, [ids[slot] for slot in step.on], word, id_)
        self.found.lost += [f"two workers got {id_}" for id_ in self._records.keys() & self._all.keys()]
        self._all |= self._records

    def compare(self, truth: Sequence[dict[str, Any]]) -> Differences:
        """Hold the records that there are, without those that were there before, against the model."""
        there: dict[str, _Record] = {}
        for entry in truth:
            owner = entry["contact"]["id"]
            there[owner] = _Record("contacts", None, _shown_contact(entry["contact"]))
            for kind, shown in _SHOWN.items():
                rows = entry["events" if kind == "appointments" else kind]
                there |= {row["id"]: _Record(kind, owner, shown(row)) for row in rows}
        for id_, record in self._all.items():
            if id_ not in there:
                self.found.lost.append(f"{record.kind} {id_}: {record.fields}")
            elif there[id_] != record:
                self.found.other.append(f"{id_} should be {record}, and is {there[id_]}")
        for id_ in there.keys() - self._all.keys():
            if there[id_] in self._maybe:
                self._maybe.remove(there[id_])
                self.found.unknown_there += 1
            else:
                self.found.doubled.append(f"{there[id_].kind} {id_}: {there[id_].fields}")
        self.found.unknown_not_there = len(self._maybe)
        return self.found

    def _apply(self, step: Step, on: list[str], word: str, id_: str | None) -> None:
        noun, action = step.verb.split(".")
        if word == UNKNOWN and action == "create":
            self._maybe.append(_Record(noun, on[0] if on else None, self._made(noun, step.sent)))
            self.undecided += step.is_decidable
        elif noun == "contacts" and action in {"create", "upsert"}:
            self._meet(action, step.sent, word, id_)
        elif word != DONE:
            self.found.other.append(f"{step.verb} ended with {word}")
        elif action == "create":
            self._add(id_, _Record(noun, on[0], self._made(noun, step.sent)))
        elif action == "delete":
            self._records = {key: each for key, each in self._records.items() if key != on[-1] and each.owner != on[-1]}
            left = [each for each in self._maybe if each.owner != on[-1]]
            self.found.unknown_gone += len(self._maybe) - len(left)
            self._maybe = left
        else:
            self._change(self._records[on[-1]].fields, noun, action, step.sent)

    def _meet(self, action: str, sent: dict[str, Any], word: str, id_: str | None) -> None:
        """A contact whose e-mail may be there already."""
        email = sent.get("email", "").lower()
        there = next((k for k, each in self._records.items() if email and each.fields.get("email") == email), None)
        expected = (DONE, id_) if there is None else (DUPLICATE if action == "create" else DONE, there)
        if (word, id_) != expected:
            self.found.other.append(f"contacts.{action} ended with {word} {id_}, and not with {expected}")
        elif there is None:
            self._add(id_, _Record("contacts", None, self._made("contacts", sent)))
        elif action == "upsert":
            self._records[there].fields |= {name: value for name, value in sent.items() if name != "email"}

    def _add(self, id_: str | None, record: _Record) -> None:
        if id_ is None or id_ in self._records:
            self.found.lost.append(f"two calls got {id_}: {record.fields}")
        else:
            self._records[id_] = record

    def _made(self, kind: str, sent: dict[str, Any]) -> dict[str, Any]:
        """The fields that are compared, of a record as it was made."""
        made: dict[str, Any]
        if kind == "contacts":
            made = dict.fromkeys(("first_name", "last_name", "email", "phone", "city")) | sent
            made["email"] = made["email"] and made["email"].lower()
            made["tags"] = {tag.lower() for tag in sent.get("tags", ())}
        elif kind == "tasks":
            made = {"completed": False} | sent
            made.pop("look_first", None)
        elif kind == "notes":
            made = dict(sent)
        else:
            made = {"appointment_status": "confirmed"} | sent
            made["calendar"] = self._calendars[sent["calendar"]]
        return made | {name: datetime.fromisoformat(made[name]) for name in ("due_date", "start_time") if name in made}

    def _change(self, fields: dict[str, Any], noun: str, action: str, sent: dict[str, Any]) -> None:
        tags = {tag.lower() for tag in sent.get("tags", ())}
        if noun == "tags":
            fields["tags"] = fields["tags"] | tags if action == "add" else fields["tags"] - tags
        elif action in {"complete", "reopen"}:
            fields["completed"] = action == "complete"
        else:
            fields |= sent | ({"tags": tags} if tags else {})
            fields |= {name: datetime.fromisoformat(sent[name]) for name in ("due_date", "start_time") if name in sent}


def _shown_contact(row: dict[str, Any]) -> dict[str, Any]:
    names = {"first_name": "firstName", "last_name": "lastName", "email": "email", "phone": "phone", "city": "city"}
    shown = {ours: row[theirs] for ours, theirs in names.items()}
    return shown | {"email": row["email"] and row["email"].lower(), "tags": set(row["tags"])}


_SHOWN: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "tasks": lambda row: {
        "title": row["title"],
        "due_date": datetime.fromisoformat(row["dueDate"]),
        "completed": row["completed"],
    },
    "notes": lambda row: {"body": row["body"]},
    "appointments": lambda row: {
        "title": row["title"],
        "start_time": datetime.fromisoformat(row["startTime"]),
        "calendar": row["calendarId"],
        "appointment_status": row["appointmentStatus"],
    },
}

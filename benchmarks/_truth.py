"""Whether a store holds what the sandbox holds, record by record, as parsed JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["BOTH", "EVENTS", "KINDS", "LISTS", "Truth", "count_ids"]

KINDS = ("tasks", "notes", "appointments")

EVENTS = ("events",)
"""Appointments as the calendars show them: without those of deleted calendars."""
LISTS = ("appointments",)
"""Appointments as each contact's own list shows them."""
BOTH = (*EVENTS, *LISTS)
"""Some contacts by the one way, some by the other, each by one of them alone."""


class Truth:
    """What `Sandbox.truth` told, ready to be compared with stores of contacts and these kinds."""

    def __init__(self, told: list[dict[str, Any]], kinds: Sequence[str] = KINDS) -> None:
        self._kinds = kinds
        self._told = {
            each["contact"]["id"]: {"contact": _bare(each["contact"])}
            | {kind: {record["id"]: record for record in each[kind]} for kind in (*KINDS, "events")}
            for each in told
        }

    def __len__(self) -> int:
        """How many contacts there are."""
        return len(self._told)

    def average(self, kind: str) -> float:
        """How many records of a kind a contact has."""
        return sum(len(each[kind]) for each in self._told.values()) / max(1, len(self._told))

    def differences(self, path: Path, appointments: Sequence[str]) -> list[str]:
        """Say in what a store differs.

        Args:
            path: its file.
            appointments: in which form they may be: `EVENTS`, `LISTS` or `BOTH`.
        """
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            damage = database.execute("PRAGMA integrity_check").fetchone()[0]
            stored = _stored(database)
        found = [] if damage == "ok" else [f"the file is damaged: {damage}"]
        for contact_id in self._told.keys() | stored.keys():
            mine, true = stored.get(contact_id), self._told.get(contact_id)
            if mine is None or true is None:
                found.append(f"contact {contact_id} is {'not stored' if mine is None else 'too much'}")
                continue
            for kind in ("contact", *self._kinds):
                forms = appointments if kind == "appointments" else (kind,)
                if all(mine[kind] != true[form] for form in forms):
                    found.append(f"{kind} of {contact_id} differ")
        return found


def count_ids(path: Path) -> tuple[int, set[str]]:
    """How many rows of contacts a store has, and which contacts these are."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = [contact_id for (contact_id,) in database.execute("SELECT id FROM landing_contacts")]
    return len(rows), set(rows)


def _stored(database: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """What the tables hold, and of children that do not decode what quarantine holds."""
    found: dict[str, dict[str, Any]] = {
        contact_id: {"contact": _bare(msgspec.json.decode(raw))} | {kind: {} for kind in KINDS}
        for contact_id, raw in database.execute("SELECT id, raw FROM landing_contacts")
    }
    for kind in KINDS:
        for contact_id, child_id, raw in database.execute(f"SELECT contact_id, id, raw FROM landing_{kind}"):  # noqa: S608
            # One that hangs on no contact shows up as a contact too much.
            of_contact = found.setdefault(contact_id, {"contact": None} | {each: {} for each in KINDS})
            of_contact[kind][child_id] = msgspec.json.decode(raw)
    apart = "SELECT kind, contact_id, id, raw FROM quarantine WHERE kind <> 'contacts' AND id IS NOT NULL"
    for kind, contact_id, child_id, raw in database.execute(apart):
        of_contact = found.setdefault(contact_id, {"contact": None} | {each: {} for each in KINDS})
        of_contact[kind][child_id] = msgspec.json.decode(raw)
    return found


def _bare(contact: dict[str, Any]) -> dict[str, Any]:
    """Without the position in a search, which is another one under another order."""
    return {name: value for name, value in contact.items() if name != "searchAfter"}

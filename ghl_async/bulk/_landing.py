"""What the embedded store writes and reads, in SQL, on an open connection and mostly inside the caller's transaction.

Knows the tables that `_schema` makes and the structs; knows neither threads nor how the file was opened.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime

from ..models import well_formed
from . import _spool
from ._rows import KINDS, Batch, Checkpoint, ContactRows, Counts, Hole, Kind, QuarantinedRow, Row

__all__ = [
    "OWNERS",
    "begin",
    "calendar_of",
    "counts",
    "finish",
    "holes",
    "instant",
    "is_older",
    "next_pass",
    "now",
    "remove",
    "state",
    "unseen",
    "write",
]

_NOT_UTF8 = "not valid UTF-8"


def _for_each_kind(sql: str) -> dict[Kind, str]:
    return {kind: sql.replace("{kind}", kind) for kind in KINDS}


_SELECT = _for_each_kind("SELECT id, raw FROM landing_{kind} WHERE contact_id = ?")
_UPSERT = _for_each_kind("INSERT OR REPLACE INTO landing_{kind} VALUES (?, ?, ?, ?)")
_DELETE = _for_each_kind("DELETE FROM landing_{kind} WHERE contact_id = ? AND id = ?")
_PRUNE = _for_each_kind("DELETE FROM landing_{kind} WHERE contact_id IN (SELECT id FROM gone)")


def now() -> str:
    """Say the present instant as ISO text in UTC."""
    return datetime.now(UTC).isoformat()


def begin(database: sqlite3.Connection, *, resume: bool) -> Checkpoint:
    """Say where the store stands, after starting over if that is wanted."""
    # A write that changes nothing: a file that cannot be written has to say so now, not when the first page was read.
    database.execute("UPDATE run SET state = state")
    if not resume and state(database) != "new":
        database.execute("DELETE FROM meta WHERE key IN ('doubted', 'suspected')")
        return next_pass(database)
    _spool.clear(database)  # what a killed run has left is not of this one
    return checkpoint(database)


def state(database: sqlite3.Connection) -> str:
    """Say "new", "running" or "finished"."""
    return str(database.execute("SELECT state FROM run").fetchone()[0])


def next_pass(database: sqlite3.Connection) -> Checkpoint:
    """Start the pass after this one, from the beginning."""
    _spool.clear(database)
    database.execute(
        "UPDATE run SET state = 'running', cursor = NULL, pass = pass + 1, read = 0, started_at = ?", (now(),)
    )
    return checkpoint(database)


def checkpoint(database: sqlite3.Connection) -> Checkpoint:
    """Say where the store stands."""
    row = database.execute("SELECT state, cursor, pass, read, started_at FROM run").fetchone()
    return Checkpoint(
        state=row[0],
        cursor=row[1],
        pass_number=row[2],
        counts=counts(database),
        read=row[3],
        started_at=datetime.fromisoformat(row[4]),
        holes=dict(database.execute("SELECT kind, count(*) FROM holes GROUP BY kind")),
        doubted=_kinds(database, "doubted"),
        suspected=_kinds(database, "suspected"),
        whole_at=_number(database, "whole_at"),
        synced_at=_number(database, "synced_at"),
        swept_at=_number(database, "swept_at"),
        apart=int(_meta(database, "apart") or 0),
        left_out=int(_meta(database, "left_out") or 0),
        noted_at=_number(database, "noted_at"),
        newest=_newest(database),
    )


def _meta(database: sqlite3.Connection, key: str) -> str | None:
    row = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _kinds(database: sqlite3.Connection, key: str) -> tuple[Kind, ...]:
    names = (_meta(database, key) or "").split(", ")
    return tuple(kind for kind in KINDS if kind in names)


def _number(database: sqlite3.Connection, key: str) -> float | None:
    text = _meta(database, key)
    return None if text is None else float(text)


def doubt(database: sqlite3.Connection, kinds: Iterable[Kind], suspected: Iterable[Kind]) -> None:
    """Remember kinds beside those that are doubted already, and those that are suspected now."""
    doubted = {*_kinds(database, "doubted"), *kinds}
    for key, names in (("doubted", doubted), ("suspected", suspected)):
        database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, ", ".join(sorted(names))))


def _newest(database: sqlite3.Connection) -> datetime | None:
    """All instants are written alike (UTC, milliseconds), so that the greatest text is the latest instant."""
    # By the index from its end on. What is later than its own reading says nothing of the server's clock.
    text = database.execute(
        "SELECT max(date_updated) FROM landing_contacts"
        " WHERE date_updated <= strftime('%Y-%m-%dT%H:%M:%fZ', read_at, 'unixepoch')"
    ).fetchone()[0]
    try:
        return None if text is None else instant(text)
    except ValueError:
        return None


def write(database: sqlite3.Connection, batch: Batch, read_at: float) -> int:
    """Put one batch and the cursor behind it into the tables."""
    pass_number = _pass_number(database)
    fresh = sum(
        _write_contact(database, contact, pass_number, contact.read_at or read_at) for contact in batch.contacts
    )
    # Deleted first: a resumed pass reads some of them again, and two equal ones in one batch are two all the same.
    for row in batch.quarantined:
        if row.id is not None:
            database.execute("DELETE FROM quarantine WHERE contact_id = ? AND kind = ?", (row.id, row.kind))
        else:
            again = database.execute(
                "DELETE FROM quarantine WHERE contact_id IS NULL AND kind = ? AND raw = ? AND pass = ?",
                (row.kind, row.raw, pass_number),
            )
            fresh += again.rowcount == 0
    for row in batch.quarantined:
        _quarantine(database, row.id, [row], pass_number)
    # A cursor behind a finished pass means that the pass goes on; a repaired hole does not.
    database.execute(
        "UPDATE run SET read = read + :fresh, cursor = coalesce(:cursor, cursor),"
        " state = CASE WHEN state = 'new' OR :cursor IS NOT NULL THEN 'running' ELSE state END",
        {"fresh": fresh, "cursor": batch.cursor},
    )
    return fresh


def _pass_number(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT pass FROM run").fetchone()[0])


def _write_contact(database: sqlite3.Connection, contact: ContactRows, pass_number: int, read_at: float) -> bool:
    """Return whether this pass had not seen the contact before."""
    known = database.execute("SELECT date_updated, pass FROM landing_contacts WHERE id = ?", (contact.id,)).fetchone()
    raw = _text(contact.raw)
    broken = list(contact.quarantined)
    if raw is None:
        broken.append(QuarantinedRow("contacts", contact.id, _NOT_UTF8, contact.raw))
    is_late = known is not None and not contact.is_confirmed and is_older(contact.date_updated, known[0])
    if raw is None or is_late:
        database.execute(
            "UPDATE landing_contacts SET pass = ?, read_at = ? WHERE id = ?", (pass_number, read_at, contact.id)
        )
    else:
        database.execute(
            "INSERT INTO landing_contacts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " date_added = excluded.date_added, date_updated = excluded.date_updated,"
            " pass = excluded.pass, read_at = excluded.read_at, raw = excluded.raw, mended = excluded.mended",
            (contact.id, contact.date_added, contact.date_updated, pass_number, read_at, raw, _mended(raw)),
        )
    for kind, rows in contact.children.items():
        calendars = contact.calendars if kind == "appointments" else None
        broken += _replace_children(database, contact.id, kind, rows, calendars)
    _replace_holes(database, contact)
    _replace_quarantine(database, contact, broken, pass_number)
    return known is None or known[1] != pass_number


def _text(raw: bytes) -> str | None:
    """SQLite's JSON functions want text. Not every server's bytes are: msgspec skips unnamed fields unread."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _mended(raw: str) -> str | None:
    r"""The record as SQL can read it, where that differs: it refuses half of an emoji, and ends a text at a \u0000."""
    if "\\u" not in raw:
        return None
    readable = re.sub(r"(?<!\\)((?:\\\\)*)\\u0000", r"\1\\ufffd", well_formed(raw.encode()).decode())
    return None if readable == raw else readable


def is_older(sent: str | None, stored: str | None) -> bool:
    """Whether a date says so; where one is missing or unreadable, the later reading is the better one."""
    if sent is None or stored is None or sent == stored:
        return False
    try:
        return instant(sent) < instant(stored)
    except ValueError:
        return False


def instant(text: str) -> datetime:
    """A date as it was sent, aware.

    Raises:
        ValueError: it cannot be read.
    """
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _replace_children(
    database: sqlite3.Connection, contact_id: str, kind: Kind, rows: Iterable[Row], calendars: frozenset[str] | None
) -> list[QuarantinedRow]:
    """Make the stored set equal to `rows`, touching only what differs; return those that cannot be stored.

    Where `rows` are what some calendars show, what is stored of other calendars is not touched.
    """
    stored: dict[str, str] = dict(database.execute(_SELECT[kind], (contact_id,)))
    wanted: dict[str, str] = {}
    broken = []
    for row in rows:
        raw = _text(row.raw)
        if raw is None:
            broken.append(QuarantinedRow(kind, row.id, _NOT_UTF8, row.raw))
        else:
            wanted[row.id] = raw
    outdated = stored.keys() - wanted.keys()
    if calendars is not None:
        outdated = {id_ for id_ in outdated if calendar_of(stored[id_]) in calendars}
    database.executemany(_DELETE[kind], [(contact_id, id_) for id_ in outdated])
    changed = [(contact_id, id_, raw, _mended(raw)) for id_, raw in wanted.items() if stored.get(id_) != raw]
    database.executemany(_UPSERT[kind], changed)
    return broken


def calendar_of(raw: str | bytes) -> str | None:
    """The calendar of an appointment; None where that cannot be read."""
    try:
        found = json.loads(raw if isinstance(raw, str) else raw.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    calendar_id = found.get("calendarId") if isinstance(found, dict) else None
    return calendar_id if isinstance(calendar_id, str) else None


def _replace_holes(database: sqlite3.Connection, contact: ContactRows) -> None:
    read = [(contact.id, kind) for kind in contact.children]
    database.executemany("DELETE FROM holes WHERE contact_id = ? AND kind = ?", read)
    # Replacing gives a new rowid, so a hole that was tried again goes to the end of the line.
    missed = [(contact.id, kind, reason) for kind, reason in contact.holes.items()]
    database.executemany("INSERT OR REPLACE INTO holes VALUES (?, ?, ?)", missed)


def _replace_quarantine(
    database: sqlite3.Connection, contact: ContactRows, broken: list[QuarantinedRow], pass_number: int
) -> None:
    """Forget the contact's quarantined records, except those of kinds and calendars that were not read this time."""
    unread = set(KINDS) - contact.children.keys() - {row.kind for row in broken}
    again = {(row.kind, row.id or row.raw) for row in broken}

    def stays(kind: str, id_: str | None, raw: bytes) -> bool:
        is_shown = kind != "appointments" or contact.calendars is None or calendar_of(raw) in contact.calendars
        return kind in unread or not (is_shown or (kind, id_ or raw) in again)

    sql = "SELECT rowid, kind, id, raw FROM quarantine WHERE contact_id = ?"
    outdated = [(row[0],) for row in database.execute(sql, (contact.id,)).fetchall() if not stays(*row[1:])]
    database.executemany("DELETE FROM quarantine WHERE rowid = ?", outdated)
    _quarantine(database, contact.id, broken, pass_number)


def _quarantine(
    database: sqlite3.Connection, contact_id: str | None, rows: Iterable[QuarantinedRow], pass_number: int
) -> None:
    values = [(row.kind, contact_id, row.id, row.reason, row.raw, pass_number) for row in rows]
    database.executemany("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", values)


def finish(database: sqlite3.Connection, *, prune: bool, again: bool) -> int:
    """Mark the pass as finished; with `prune`, remove what it has not seen and return how many contacts that were.

    `again` starts the next pass at once: this one has left something out.
    """
    _spool.clear(database)
    database.execute("UPDATE run SET state = 'finished', cursor = NULL")
    removed = _prune(database, _pass_number(database)) if prune else 0
    if again:
        next_pass(database)
    else:
        # Its beginning: whatever it has read may have changed since.
        started = datetime.fromisoformat(database.execute("SELECT started_at FROM run").fetchone()[0]).timestamp()
        database.execute("INSERT OR REPLACE INTO meta VALUES ('whole_at', ?)", (str(started),))
    return removed


OWNERS = (
    "SELECT contact_id FROM holes UNION SELECT contact_id FROM landing_tasks"
    " UNION SELECT contact_id FROM landing_notes UNION SELECT contact_id FROM landing_appointments"
)
"""Contacts to which anything belongs that is stored, whether they are there themselves or not."""
# A contact that this pass could only quarantine is still there: its older, readable version stays. What belongs to no
# contact that is there, which no run of ours leaves, is of one that was not seen.
_UNSEEN = (
    "SELECT id FROM landing_contacts WHERE pass < :pass"  # noqa: S608  (fixed names)
    " UNION SELECT contact_id FROM quarantine WHERE pass < :pass AND contact_id IS NOT NULL"
    f" UNION {OWNERS}"
    " EXCEPT SELECT id FROM landing_contacts WHERE pass = :pass"
    " EXCEPT SELECT contact_id FROM quarantine WHERE pass = :pass"
)


def unseen(database: sqlite3.Connection) -> list[str]:
    """List the contacts that the present pass has not met so far."""
    return [id_ for (id_,) in database.execute(_UNSEEN, {"pass": _pass_number(database)}) if id_ is not None]


def _prune(database: sqlite3.Connection, pass_number: int) -> int:
    database.execute("CREATE TEMP TABLE gone (id TEXT PRIMARY KEY)")
    database.execute(f"INSERT INTO gone {_UNSEEN}", {"pass": pass_number})
    database.execute("DELETE FROM quarantine WHERE contact_id IS NULL AND pass < ?", (pass_number,))
    return _remove_gone(database)


def remove(database: sqlite3.Connection, contact_ids: Iterable[str]) -> int:
    """Remove contacts with all that belongs to them and return how many there were."""
    database.execute("CREATE TEMP TABLE gone (id TEXT PRIMARY KEY)")
    database.executemany("INSERT OR IGNORE INTO gone VALUES (?)", [(id_,) for id_ in contact_ids])
    return _remove_gone(database)


def _remove_gone(database: sqlite3.Connection) -> int:
    removed = database.execute("DELETE FROM landing_contacts WHERE id IN (SELECT id FROM gone)").rowcount
    for sql in _PRUNE.values():
        database.execute(sql)
    database.execute("DELETE FROM holes WHERE contact_id IN (SELECT id FROM gone)")
    database.execute("DELETE FROM quarantine WHERE contact_id IN (SELECT id FROM gone)")
    database.execute("DROP TABLE gone")
    return removed


def holes(database: sqlite3.Connection, limit: int) -> list[Hole]:
    """List holes, the oldest attempts first."""
    found = database.execute("SELECT contact_id, kind, reason FROM holes ORDER BY rowid LIMIT ?", (limit,))
    return [Hole(*row) for row in found]


def counts(database: sqlite3.Connection) -> Counts:
    """Count the tables' rows."""
    row = database.execute(
        "SELECT (SELECT count(*) FROM landing_contacts), (SELECT count(*) FROM landing_tasks),"
        " (SELECT count(*) FROM landing_notes), (SELECT count(*) FROM landing_appointments),"
        " (SELECT count(*) FROM quarantine WHERE contact_id IS NOT NULL OR pass = (SELECT pass FROM run)),"
        " (SELECT count(*) FROM holes),"
        " (SELECT count(*) FROM quarantine WHERE kind = 'contacts' AND CASE WHEN contact_id IS NULL"
        " THEN pass = (SELECT pass FROM run) ELSE contact_id NOT IN (SELECT id FROM landing_contacts) END),"
        " (SELECT count(*) FROM quarantine WHERE contact_id IS NULL AND pass = (SELECT pass FROM run))"
    ).fetchone()
    return Counts(*row)

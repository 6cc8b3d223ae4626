"""How what was read differs from what the embedded store holds, in SQL, on an open connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from . import _spool
from ._content import is_same
from ._landing import calendar_of, instant, is_older
from ._rows import KINDS, ContactRows, Difference, Kind, Marks, Part, QuarantinedRow, Row

__all__ = ["compare", "held_twice", "read_young", "settle", "stored"]

YOUNG_SECONDS = 30.0
"""So long after a contact has changed, a search may not show all that belongs to it: new records appear there late."""
_STORED: dict[Kind, str] = {
    kind: f"SELECT id, raw FROM landing_{kind} WHERE contact_id = :contact UNION ALL"  # noqa: S608  (fixed names)
    f" SELECT id, raw FROM quarantine WHERE contact_id = :contact AND kind = '{kind}' AND id IS NOT NULL"
    for kind in KINDS
}
_ONE: dict[Part, str] = {
    "contacts": "SELECT raw FROM landing_contacts WHERE id = :id",
    **{kind: f"SELECT raw FROM landing_{kind} WHERE contact_id = :contact AND id = :id" for kind in KINDS},  # noqa: S608  (fixed names)
}
_ONE_APART = "SELECT kind, id, reason, raw FROM quarantine WHERE contact_id = :contact AND kind = :kind AND id = :id"
_NAMELESS = "SELECT raw FROM quarantine WHERE contact_id = ? AND kind = ? AND id IS NULL"
_HELD_TWICE = (
    "WITH held AS (SELECT id, contact_id FROM landing_appointments UNION ALL"
    " SELECT id, contact_id FROM quarantine WHERE kind = 'appointments' AND id IS NOT NULL AND contact_id IS NOT NULL)"
    " SELECT DISTINCT contact_id FROM held WHERE id IN"
    " (SELECT id FROM held GROUP BY id HAVING min(contact_id) < max(contact_id)) ORDER BY contact_id"
)


def compare(database: sqlite3.Connection, contacts: Iterable[ContactRows]) -> list[Difference]:
    """List the differences between contacts as they were read and as they are stored, contact by contact."""
    return [difference for contact in contacts for difference in _differences(database, contact)]


def _differences(database: sqlite3.Connection, contact: ContactRows) -> Iterator[Difference]:
    row = database.execute("SELECT date_updated, raw FROM landing_contacts WHERE id = ?", (contact.id,)).fetchone()
    if row is None:
        if not _is_apart(database, contact):
            yield Difference(contact.id, "contacts", contact.id, "missing")
    elif not is_same("contacts", row[1], contact.raw) and not _is_apart(database, contact):
        # An older reading does not replace a newer one by itself: the search's index may lag behind.
        yield Difference(contact.id, "contacts", contact.id, "stale", is_older(contact.date_updated, row[0]))
    for kind in contact.children:
        yield from _differences_of(database, contact, kind)


def _differences_of(database: sqlite3.Connection, contact: ContactRows, kind: Kind) -> Iterator[Difference]:
    calendars = contact.calendars if kind == "appointments" else None

    def is_shown(raw: str | bytes) -> bool:
        return calendars is None or calendar_of(raw) in calendars

    apart = [each for each in contact.quarantined if each.kind == kind]
    stored: dict[str, str | bytes] = dict(database.execute(_STORED[kind], {"contact": contact.id}))
    sent = {each.id: each.raw for each in contact.children[kind]}
    sent |= {each.id: each.raw for each in apart if each.id is not None}
    for id_, raw in sent.items():
        if id_ not in stored:
            yield Difference(contact.id, kind, id_, "missing")
        elif not is_same(kind, stored[id_], raw):
            yield Difference(contact.id, kind, id_, "stale")
    for id_ in stored.keys() - sent.keys():
        if is_shown(stored[id_]):
            yield Difference(contact.id, kind, id_, "surplus")
    # Without ids nothing tells which is which, but how many there are.
    nameless = database.execute(_NAMELESS, (contact.id, kind)).fetchall()
    if sum(is_shown(raw) for (raw,) in nameless) != sum(each.id is None for each in apart):
        yield Difference(contact.id, kind, "", "stale")


def _is_apart(database: sqlite3.Connection, contact: ContactRows) -> bool:
    """Whether it is in quarantine just as it was read, and cannot be anywhere else: it is no text."""
    try:
        contact.raw.decode()
    except UnicodeDecodeError:
        apart = "SELECT 1 FROM quarantine WHERE contact_id = ? AND kind = 'contacts' AND raw = ?"
        return database.execute(apart, (contact.id, contact.raw)).fetchone() is not None
    return False


def stored(database: sqlite3.Connection, difference: Difference) -> Row | QuarantinedRow | None:
    """The record that is stored where something differs."""
    names = {"contact": difference.contact_id, "kind": difference.part, "id": difference.id}
    row = database.execute(_ONE[difference.part], names).fetchone()
    if row is not None:
        return Row(difference.id, row[0].encode())
    apart = database.execute(_ONE_APART, names).fetchone()
    return None if apart is None else QuarantinedRow(*apart)


def read_young(database: sqlite3.Connection, contact_ids: Iterable[str]) -> list[str]:
    """The contacts whose own date is that of seconds before or behind their last reading."""
    sql = "SELECT date_updated, read_at FROM landing_contacts WHERE id = ?"
    known = ((id_, database.execute(sql, (id_,)).fetchone()) for id_ in contact_ids)
    return [id_ for id_, row in known if row is not None and _is_near(*row)]


def _is_near(date: str | None, read_at: float) -> bool:
    try:
        return date is not None and abs(read_at - instant(date).timestamp()) < YOUNG_SECONDS
    except (ValueError, OverflowError):
        return False


def held_twice(database: sqlite3.Connection) -> list[str]:
    """The contacts that hold an appointment which another one holds too."""
    return [id_ for (id_,) in database.execute(_HELD_TWICE)]


def settle(database: sqlite3.Connection, marks: Marks) -> None:
    """Note how far a look has come; None leaves what was noted before."""
    _spool.clear(database)
    rows = [(key, str(value)) for key, value in msgspec.structs.asdict(marks).items() if value is not None]
    database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

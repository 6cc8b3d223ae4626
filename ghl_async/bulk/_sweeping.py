"""Which stored contacts a reading has met, and a few of them at random, in SQL, on an open connection."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator

from ._landing import OWNERS
from ._rows import KINDS, Kind, StoredContact

__all__ = ["sample", "sweep", "unswept"]

_PICKS_PER_CONTACT = 20
"""How many row numbers to draw for one sampled contact; most rows exist, so the first few hits are enough."""
_IDS: dict[Kind, str] = {
    kind: f"SELECT id FROM landing_{kind} WHERE contact_id = :contact UNION"  # noqa: S608  (fixed names)
    f" SELECT id FROM quarantine WHERE contact_id = :contact AND kind = '{kind}' AND id IS NOT NULL"
    for kind in KINDS
}
# What was set apart, or belongs to a contact that is not there itself, is held of that contact all the same.
_UNSWEPT = (
    "SELECT id FROM landing_contacts UNION SELECT contact_id FROM quarantine"  # noqa: S608  (fixed names)
    " WHERE contact_id IS NOT NULL"
    f" UNION {OWNERS}"
    " EXCEPT SELECT id FROM swept"
)


def sweep(database: sqlite3.Connection, contact_ids: Iterable[str], *, is_first: bool) -> list[str]:
    """Note contacts that the location has; return those that were not noted before."""
    if is_first:
        database.execute("DROP TABLE IF EXISTS swept")
        database.execute("CREATE TEMP TABLE swept (id TEXT PRIMARY KEY) WITHOUT ROWID")
    note = "INSERT OR IGNORE INTO swept VALUES (?)"
    return [id_ for id_ in contact_ids if database.execute(note, (id_,)).rowcount]


def unswept(database: sqlite3.Connection) -> list[str]:
    """List the contacts of which anything is stored and that were not noted since the sweep began."""
    return [id_ for (id_,) in database.execute(_UNSWEPT)]


def sample(database: sqlite3.Connection, kinds: Iterable[Kind], contacts: int) -> list[StoredContact]:
    """Pick contacts of the present pass without holes."""
    found: list[StoredContact] = []
    for rowid in _row_numbers(database, contacts):
        if len(found) == contacts:
            break
        row = database.execute(
            "SELECT id, read_at FROM landing_contacts WHERE rowid = ? AND pass = (SELECT pass FROM run)"
            " AND NOT EXISTS (SELECT 1 FROM holes WHERE contact_id = landing_contacts.id)",
            (rowid,),
        ).fetchone()
        if row is not None:
            children = {kind: _child_ids(database, kind, row[0]) for kind in kinds}
            found.append(StoredContact(id=row[0], read_at=row[1], children=children))
    return found


def _row_numbers(database: sqlite3.Connection, contacts: int) -> Iterator[int]:
    """Drawn instead of sorted, so that the cost does not grow with the store; where few are hit, all of them follow."""
    low, high = database.execute(
        "SELECT (SELECT min(rowid) FROM landing_contacts), (SELECT max(rowid) FROM landing_contacts)"
    ).fetchone()
    if low is None:
        return
    numbers = range(low, high + 1)
    picks = random.sample(numbers, min(len(numbers), contacts * _PICKS_PER_CONTACT))
    yield from picks
    if len(picks) < len(numbers):
        drawn = {*picks}
        for (rowid,) in database.execute("SELECT rowid FROM landing_contacts ORDER BY random()").fetchall():
            if rowid not in drawn:
                yield rowid


def _child_ids(database: sqlite3.Connection, kind: Kind, contact_id: str) -> frozenset[str]:
    return frozenset(id_ for (id_,) in database.execute(_IDS[kind], {"contact": contact_id}))

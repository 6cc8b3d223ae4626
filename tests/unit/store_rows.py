"""Made-up records for the tests of the store, and a look into its file."""

import sqlite3
from contextlib import closing

from ghl_async.bulk.store import Batch, ContactRows, Identity, Row

KINDS = ("tasks", "notes", "appointments")
EVERYTHING = Identity(location_id="loc1", query="", include=KINDS)


def rows(*ids, text="x"):
    return tuple(Row(id_, f'{{"id":"{id_}","title":"{text}"}}'.encode()) for id_ in ids)


def contact(id_, *, raw=None, updated=None, holes=None, quarantined=(), **children):
    raw = f'{{"id":"{id_}"}}'.encode() if raw is None else raw
    return ContactRows(
        id=id_,
        date_added="2024-01-01T00:00:00.000Z",
        date_updated=updated,
        raw=raw,
        children=children,
        holes=holes or {},
        quarantined=quarantined,
    )


def batch(*contacts, cursor=None, quarantined=()):
    return Batch(contacts=contacts, quarantined=quarantined, cursor=cursor)


def ask(path, sql, *values):
    """What a person would get at the sqlite3 prompt."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql, values).fetchall()

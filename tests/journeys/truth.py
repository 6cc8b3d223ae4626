"""What a store must hold: the sandbox's own records, compared as parsed JSON; and how to copy and pick them."""

from __future__ import annotations

import contextlib
import json
import sqlite3

from ghl_async import bulk
from ghl_async.sandbox.admin import truth

KINDS = ("tasks", "notes", "appointments")


async def backfill(ghl, path, *query, **options):
    """Copy into the store at `path`, and close it."""
    async with bulk.SQLiteStore(path) as store:
        return await bulk.backfill(ghl, store, *query, **options)


def oldest(sandbox, position=0):
    """The id of a contact, by its position from the oldest on."""
    return sandbox.state.main.id_of(list(sandbox.state.main.walk(descending=False))[position])


def true_records(sandbox, kinds=KINDS):
    """The sandbox's records, keyed like those of a store."""
    everything = truth(sandbox.state.main, 0, 10**9)["contacts"]
    records = {("contacts", entry["contact"]["id"]): _plain(entry["contact"]) for entry in everything}
    for entry in everything:
        for kind in kinds:
            for child in entry[kind]:
                records[kind, entry["contact"]["id"], child["id"]] = child
    return records


def stored_records(path):
    """The records of a store, read as anybody may read them, and whatever it set apart beside them."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT id, raw FROM landing_contacts")
        records = {("contacts", id_): _plain(json.loads(raw)) for id_, raw in rows}
        for kind in KINDS:
            rows = database.execute(f"SELECT contact_id, id, raw FROM landing_{kind}")  # noqa: S608 - a fixed name
            records |= {(kind, contact_id, id_): json.loads(raw) for contact_id, id_, raw in rows}
        rows = database.execute("SELECT kind, contact_id, id, raw FROM quarantine WHERE kind != 'contacts'")
        records |= {(kind, contact_id, id_): json.loads(raw) for kind, contact_id, id_, raw in rows}
    return records


def _plain(contact):
    # The position in a search belongs to the search, not to the contact.
    return {name: value for name, value in contact.items() if name != "searchAfter"}

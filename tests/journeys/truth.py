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


def true_records(sandbox, kinds=KINDS, *, like=None):
    """The sandbox's records, keyed like those of a store.

    A calendar shows an appointment otherwise than its contact does, and one of a deleted calendar not at all. Given the
    records of a store as `like`, each contact's appointments are what its store took them from: one way or the other.
    """
    records = {}
    for entry in truth(sandbox.state.main, 0, 10**9)["contacts"]:
        contact_id = entry["contact"]["id"]
        records["contacts", contact_id] = _plain(entry["contact"])
        for kind in kinds:
            shown = {(kind, contact_id, child["id"]): child for child in entry[kind]}
            if kind == "appointments" and like is not None:
                by_calendar = {(kind, contact_id, event["id"]): event for event in entry["events"]}
                if all(like.get(key) == event for key, event in by_calendar.items()) and not any(
                    key in like for key in shown.keys() - by_calendar.keys()
                ):
                    shown = by_calendar
            records |= shown
    return records


def assert_whole(path, sandbox, doors):
    """A store holds every record of the sandbox and nothing else, in whichever of the four modes it was read."""
    stored = stored_records(path)
    assert stored == true_records(sandbox, like=stored if doors in {"granted", "clamped"} else None)


async def act_at(run, contacts, act):
    """Go through a run, and act once, when so many contacts are committed."""
    is_due = True
    async for progress in run:
        if is_due and progress.contacts >= contacts:
            is_due = False
            act()


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

"""bulk.sync: the newest notes of a location, also those that do not decode."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .test_sync import NOW, is_whole, sync
from .test_sync_doubts import add_note
from .truth import backfill, oldest


def add_new_note(sandbox, position, **fields):
    """Add a note of now that may say anything."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    add_note(sandbox, position, at)
    main = sandbox.state.main
    ref = main.find(contact_id := oldest(sandbox, position))
    note = main.notes(ref)[-1]
    main.lists.replace("notes", ref, note["id"], note | fields)
    main.touch()
    return contact_id


@pytest.mark.parametrize("fields", [{"body": 5}, {"body": 5, "dateAdded": "yesterday"}])
async def test_a_new_note_that_does_not_decode_is_found_by_a_sweep(sandbox, ghl, copied, fields):
    noted = add_new_note(sandbox, 3, **fields)
    changes, summary = await sync(ghl, copied, sweep_every=NOW)
    assert ([(each.contact_id, each.parts) for each in changes], summary.exit_code) == ([(noted, ("notes",))], 0)
    assert is_whole(copied, sandbox)
    assert (await sync(ghl, copied, sweep_every=NOW))[0] == []


async def test_a_page_of_notes_without_a_readable_date_hides_no_new_ones_before_it(path):
    async with Sandbox(contacts=150, notes=0.0, requests=1_000_000, daily=10**9) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path)
        for position in range(20):
            add_new_note(sandbox, position)
        for position in range(20, 150):
            add_new_note(sandbox, position, dateAdded="yesterday")
        changes, _ = await sync(ghl, path, sweep_every=NOW)
        assert len(changes) == 150
        assert is_whole(path, sandbox)

"""The searches for many contacts against a server that is not to be trusted: nothing is lost, nothing goes on for ever.

Where a search shows what cannot be right, its contacts are read one by one.
"""

from __future__ import annotations

import asyncio

import pytest

from ghl_async.errors import CursorRepeated
from ghl_async.hooks import DoorShut

from .bent import Bent
from .conftest import client_of
from .truth import assert_whole, backfill


def answering(change):
    """Bend every answer."""
    return lambda _: change


def takes_away(kind, *names):
    """Leave fields out of the fourth record of each page."""

    def change(said):
        for record in said[kind][3:4]:
            for name in names:
                record.pop(name)

    return answering(change)


def shrinking():
    """Give smaller pages each time, down to one record."""
    sizes = [64, 32, 16, 8, 4, 2]

    def bend(asked):
        asked["pageLimit"] = sizes.pop(0) if sizes else 1

    return bend


LIES = {
    "tasks that say not whose they are": {"tasks_search": takes_away("tasks", "contactId")},
    "notes that say not whose they are": {"notes_search": takes_away("notes", "contactId", "relations")},
    "task search ignores which contacts were asked for": {
        "tasks_search": lambda asked: asked.pop("contactId") and None
    },
    "note search ignores which contacts were asked for": {
        "notes_search": lambda asked: asked.pop("relations") and None
    },
    "task search ignores skip": {"tasks_search": lambda asked: asked.update(skip=0)},
    "note search ignores skip": {"notes_search": lambda asked: asked.update(skip=0)},
    "one note more is counted than sent": {
        "notes_search": answering(lambda said: said.update(count=said["count"] + 1)),
    },
    "notes are counted and none is sent": {"notes_search": answering(lambda said: said.update(notes=[]))},
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("page", [120, 40])
async def test_what_cannot_be_right_is_read_contact_by_contact(sandbox, path, lie, page):
    sandbox.state.pages.change(search_clamp=page)
    async with Bent(sandbox, **LIES[lie]) as bent, client_of(bent) as ghl, asyncio.timeout(30):
        summary = await backfill(ghl, path)
    assert (summary.reason, summary.exit_code, summary.failed) == ("finished", 0, 0)
    assert_whole(path, sandbox, "granted")


async def test_a_door_that_is_wrong_again_and_again_is_shut_once(sandbox, path):
    sandbox.state.pages.change(search_clamp=20)
    told = []
    lie = LIES["one note more is counted than sent"]
    async with Bent(sandbox, **lie) as bent, client_of(bent, hooks=[told.append]) as ghl:
        summary = await backfill(ghl, path)
    assert [(event.kind, event.way) for event in told if isinstance(event, DoorShut)] == [("notes", "note search")]
    assert [way.by for way in summary.ways] == ["task search", "each contact", "calendar events"]
    assert "counts" in summary.ways[1].why
    assert sandbox.log.counts()["by_route"]["POST /notes/search"] < 15


async def test_contact_pages_that_shrink_lose_nobody(sandbox, path):
    async with Bent(sandbox, contacts_search=shrinking()) as bent, client_of(bent) as ghl, asyncio.timeout(30):
        summary = await backfill(ghl, path)
    assert (summary.found, summary.exit_code) == (120, 0)
    assert_whole(path, sandbox, "granted")


async def test_a_contact_search_that_stands_still_ends_the_run(sandbox, path):
    stands_still = {"contacts_search": lambda asked: asked.pop("searchAfter", None) and None}
    async with Bent(sandbox, **stands_still) as bent, client_of(bent) as ghl, asyncio.timeout(30):
        with pytest.raises(CursorRepeated):
            await backfill(ghl, path)

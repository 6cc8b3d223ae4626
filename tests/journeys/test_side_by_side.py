"""Where one cursor is too slow to use the quota, several read side by side; each contact comes once all the same.

The sandbox answers after 0.3 s and admits 40 requests a second: one cursor would use a twelfth of that.
"""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ghl_async import ContactQuery, bulk
from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .truth import act_at, backfill, oldest, stored_records, true_records

LATENCY_SECONDS = 0.3
SEARCH = "POST /contacts/search"


def slow(contacts, **options):
    chosen = {"poison": 3, "requests": 20, "interval_seconds": 0.5, "latency_seconds": LATENCY_SECONDS, **options}
    return Sandbox(contacts=contacts, daily=1_000_000, **chosen)


def under_way_at_once(sandbox):
    """The most searches for contacts that were being answered at one moment."""
    began = [entry.at for entry in sandbox.log.entries if entry.template == SEARCH]
    return max(sum(at - 0.9 * LATENCY_SECONDS < other <= at for other in began) for at in began)


def assert_whole(path, sandbox, kinds=()):
    stored = stored_records(path)
    assert stored == true_records(sandbox, kinds, like=stored)


def ask(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


async def test_every_contact_comes_once_and_several_searches_are_under_way_at_once(path):
    async with slow(6000) as sandbox, client_of(sandbox) as ghl:
        summary = await backfill(ghl, path, include=())
        assert_whole(path, sandbox)
        assert under_way_at_once(sandbox) >= 4
        assert summary.requests == sandbox.log.counts()["requests"] <= 45
        assert "429" not in sandbox.log.counts()["by_status"]
    assert (summary.reason, summary.exit_code, summary.quarantined) == ("finished", 0, 3)
    assert summary.found == summary.server_total == summary.contacts == 6000, "none was read twice"


async def test_a_stream_shows_each_contact_once():
    async with slow(3000) as sandbox, client_of(sandbox) as ghl:
        ids = [bundle.id async for bundle in bulk.fetch(ghl, include=())]
        assert under_way_at_once(sandbox) >= 3
        assert sorted(ids) == sorted(contact_id for _, contact_id in true_records(sandbox, ()))


async def test_a_query_with_an_order_of_its_own_is_read_by_one_cursor():
    async with slow(1200, poison=0) as sandbox, client_of(sandbox) as ghl:
        query = ContactQuery(sort="date_added", direction="desc")
        ids = [bundle.id async for bundle in bulk.fetch(ghl, query, include=())]
        assert ids == [oldest(sandbox, place) for place in reversed(range(1200))]
        assert under_way_at_once(sandbox) <= 2


async def test_stopped_among_its_cursors_it_goes_on_with_each(path):
    async with slow(4500) as sandbox, client_of(sandbox) as ghl:
        kept = 0
        for at in (900, 1500, 500):
            async with bulk.SQLiteStore(path) as store:
                run = bulk.backfill(ghl, store, include=())
                await act_at(run, at, run.stop)
            assert run.summary.exit_code == 3
            kept += run.summary.contacts
            assert kept == run.summary.stored.contacts
        assert b"spans" in ask(path, "SELECT cursor FROM run")[0][0], "it was stopped among several cursors"
        summary = await backfill(ghl, path, include=())
        assert_whole(path, sandbox)
    assert (summary.exit_code, summary.found, summary.contacts) == (0, 4500, 4500 - kept)


async def test_contacts_added_and_deleted_under_way(path):
    async with slow(3500, poison=0) as sandbox, client_of(sandbox) as ghl:
        location = sandbox.state.main
        doomed = [oldest(sandbox, place) for place in (5, 499, 500, 1700, 2600, 3490, 3499)]

        def change():
            for contact_id in doomed:
                location.delete(contact_id)
            for number in range(7):
                location.add({"email": f"late.{number}@example.com"})

        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store, include=())
            await act_at(run, 1000, change)
        assert under_way_at_once(sandbox) >= 4
        assert run.summary.reason == "finished"
        summary = await backfill(ghl, path, include=())
        assert summary.exit_code == 0
        assert_whole(path, sandbox)


async def test_many_contacts_of_one_instant_stay_whole(path):
    """An import: three pages of them, and whatever was cut where."""
    async with slow(3000, poison=0) as sandbox, client_of(sandbox) as ghl:
        location = sandbox.state.main
        instant = location.record(location.find(oldest(sandbox, 1700)))["dateAdded"]
        for number in range(1300):
            location.add({"email": f"import.{number}@example.com", "dateAdded": instant})
        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store, include=())
            await act_at(run, 1500, run.stop)
        summary = await backfill(ghl, path, include=())
        assert_whole(path, sandbox)
        assert under_way_at_once(sandbox) >= 3
    assert (summary.exit_code, summary.found) == (0, 4300)


async def test_all_contacts_of_one_instant_are_read_by_one_cursor(path):
    async with slow(0) as sandbox, client_of(sandbox) as ghl:
        for number in range(1600):
            sandbox.state.main.add({"email": f"{number}@example.com", "dateAdded": "2024-01-01T00:00:00.000Z"})
        summary = await backfill(ghl, path, include=())
        assert_whole(path, sandbox)
    assert (summary.exit_code, summary.found, summary.contacts) == (0, 1600, 1600)


async def test_with_tasks_notes_and_appointments(path):
    async with slow(2500, requests=50, notes=1.0) as sandbox, client_of(sandbox) as ghl:
        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            await act_at(run, 1200, run.stop)
        assert run.summary.exit_code == 3
        summary = await backfill(ghl, path)
        assert (summary.exit_code, summary.found) == (0, 2500)
        assert summary.contacts == 2500 - run.summary.contacts
        assert_whole(path, sandbox, ("tasks", "notes", "appointments"))
        assert "429" not in sandbox.log.counts()["by_status"]


async def test_a_page_that_cannot_be_had_ends_the_run_and_the_next_goes_on(path):
    async with slow(3000) as sandbox, client_of(sandbox) as ghl:
        sandbox.faults.add(kind="server_error", status=400, path_contains="/contacts/search", after=6, times=1)
        with pytest.raises(Exception, match="400"):
            await backfill(ghl, path, include=())
        kept = ask(path, "SELECT count(*) FROM contacts")[0][0]
        summary = await backfill(ghl, path, include=())
        assert (summary.exit_code, summary.found, summary.contacts) == (0, 3000, 3000 - kept)
        assert_whole(path, sandbox)

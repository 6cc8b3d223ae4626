"""The refresh of a finished store: everything is read again. `test_sync` has the cheaper way."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ghl_async import ContactQuery, bulk
from ghl_async.sandbox import Sandbox

from .bent import Bent
from .conftest import client_of
from .truth import act_at, backfill, oldest, stored_records, true_records

SEARCH = "POST /contacts/search"


@pytest.fixture
async def copied(sandbox, ghl, path):
    """The path of a finished store of contacts alone; the log of requests is empty. 120 contacts in pages of 10."""
    sandbox.state.pages.change(search_clamp=10)
    assert (await backfill(ghl, path, include=())).exit_code == 0
    sandbox.log.clear()
    return path


@pytest.fixture
async def large():
    """400 contacts in pages of 20, so that a page is far from being read while others are committed."""
    async with Sandbox(contacts=400, requests=1_000_000, interval_seconds=1.0, search_clamp=20) as sandbox:
        yield sandbox


@pytest.fixture
async def reader(large):
    """A client of it."""
    async with client_of(large) as client:
        yield client


def is_whole(path, sandbox):
    return stored_records(path) == true_records(sandbox, ())


def read_whole(summary):
    """Whether a refresh read every contact."""
    return summary.message.startswith("every contact")


def ask(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


async def test_an_addition_does_not_hide_a_deletion(sandbox, ghl, copied):
    """The server counts as many as before."""
    sandbox.state.main.delete(oldest(sandbox, 3))
    sandbox.state.main.add({"firstName": "New", "email": "new@example.com"})
    summary = await backfill(ghl, copied, include=())
    assert (summary.exit_code, summary.pruned, read_whole(summary)) == (0, 1, True)
    assert is_whole(copied, sandbox)


async def test_a_refresh_that_was_stopped_is_gone_on_with(sandbox, ghl, copied):
    for position in range(70):
        sandbox.state.main.change(oldest(sandbox, position), {"firstName": "Renamed"})
    async with bulk.SQLiteStore(copied) as store:
        run = bulk.backfill(ghl, store, include=())
        await act_at(run, 1, run.stop)
    assert run.summary.exit_code == 3
    sandbox.state.main.delete(oldest(sandbox, 100))
    summary = await backfill(ghl, copied, include=())
    assert (summary.exit_code, summary.pruned, read_whole(summary)) == (0, 1, True)
    assert is_whole(copied, sandbox)


async def test_a_refresh_that_was_cut_off_is_made_up_for(sandbox, ghl, copied):
    for position in range(70):
        sandbox.state.main.change(oldest(sandbox, position), {"firstName": "Renamed"})
    sandbox.faults.add(kind="server_error", status=400, path_contains="/contacts/search", after=1, times=1)
    with pytest.raises(Exception, match="400"):
        await backfill(ghl, copied, include=())
    assert (await backfill(ghl, copied, include=())).exit_code == 0
    assert is_whole(copied, sandbox)


async def test_starting_over_reads_everything(sandbox, ghl, copied):
    summary = await backfill(ghl, copied, include=(), resume=False)
    assert (summary.contacts, read_whole(summary)) == (120, True)
    assert is_whole(copied, sandbox)


async def test_a_store_with_quarantined_contacts_is_read_anew(path):
    """Nobody knows when those were changed."""
    async with Sandbox(contacts=60, poison=2, requests=1_000_000, interval_seconds=1.0) as sandbox:
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path, include=())
            summary = await backfill(ghl, path, include=())
        assert (summary.exit_code, summary.contacts, summary.quarantined, read_whole(summary)) == (0, 60, 2, True)
        assert is_whole(path, sandbox)


async def test_a_copy_of_a_query_is_read_anew(sandbox, ghl, path):
    """A contact may leave the search by a change."""
    query = ContactQuery(tags=["vip"])
    ids = [contact.id async for contact in ghl.contacts.iterate(query)]
    await backfill(ghl, path, query, include=())
    sandbox.state.main.change(ids[0], {"tags": []})
    summary = await backfill(ghl, path, query, include=())
    assert summary.contacts == len(ids) - 1
    assert "added or changed" not in summary.message


@pytest.mark.parametrize("include", [("notes",), ("tasks", "notes", "appointments")])
async def test_a_store_with_tasks_notes_or_appointments_is_read_anew(sandbox, ghl, path, include):
    """They may change while their contact's date stays."""
    await backfill(ghl, path, include=include)
    sandbox.state.main.delete(oldest(sandbox, 4))
    sandbox.state.main.add({
        "email": "new@example.com",
        "notes": [{"body": "Hello", "dateAdded": "2024-01-01T10:00:00.000Z"}],
    })  # fmt: skip
    summary = await backfill(ghl, path, include=include)
    assert (summary.exit_code, summary.contacts, summary.pruned, read_whole(summary)) == (0, 120, 1, True)
    stored = stored_records(path)
    assert stored == true_records(sandbox, include, like=stored)


@pytest.mark.parametrize("include", [(), ("tasks", "notes")])
async def test_contacts_deleted_behind_the_run_are_removed_at_its_end(large, reader, path, include):

    def delete():
        for position in (20, 3):
            large.state.main.delete(oldest(large, position))

    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(reader, store, include=include)
        await act_at(run, 100, delete)
    summary = run.summary
    assert (summary.reason, summary.exit_code, summary.pruned, summary.stored.contacts) == ("finished", 0, 2, 398)
    assert stored_records(path) == true_records(large, include)


async def test_a_contact_added_and_one_deleted_behind_the_run_are_both_right_in_the_end(large, reader, path):
    """The number found equals the number counted then; the next refresh has to notice."""

    def change():
        large.state.main.delete(oldest(large, 3))
        large.state.main.add({"firstName": "New", "email": "new@example.com"})

    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(reader, store, include=())
        await act_at(run, 100, change)
    assert run.summary.exit_code == 0
    assert (await backfill(reader, path, include=())).exit_code == 0
    assert is_whole(path, large)


async def test_nothing_is_removed_on_the_word_of_a_search_that_leaves_something_out(large, reader, path):
    gone = oldest(large, 3)

    def delete():
        large.state.main.delete(gone)
        # Behind the last pages of this pass come those of the sweep that looks for who is missing.
        asked = large.log.counts()["by_route"][SEARCH]
        large.faults.add(kind="drop_item", path_contains="/contacts/search", after=21 - asked, times=1)

    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(reader, store, include=())
        await act_at(run, 100, delete)
    assert (run.summary.reason, run.summary.exit_code) == ("incomplete", 1)
    assert (run.summary.found, run.summary.pruned, run.summary.stored.contacts) == (400, 0, 400)
    assert stored_records(path).keys() - true_records(large, ()).keys() == {("contacts", gone)}
    summary = await backfill(reader, path, include=())
    assert (summary.exit_code, summary.pruned) == (0, 1)
    assert is_whole(path, large)


async def test_a_contact_that_left_the_search_but_lives_is_not_removed(large, path):
    """The sweep does not show two; asked for by their ids, one of them is there."""
    hidden, gone = oldest(large, 3), oldest(large, 4)
    is_hidden = False

    def bend(_):
        def change(said):
            if is_hidden:
                said["contacts"] = [each for each in said["contacts"] if each["id"] != hidden]
                said["total"] -= 1

        return change

    def hide():
        nonlocal is_hidden
        is_hidden = True
        large.state.main.delete(gone)

    async with Bent(large, contacts_search=bend) as bent, client_of(bent) as reader, bulk.SQLiteStore(path) as store:
        run = bulk.backfill(reader, store, include=())
        await act_at(run, 100, hide)
    assert (run.summary.exit_code, run.summary.pruned) == (0, 1)
    assert is_whole(path, large)

"""bulk.verify: every record that differs is named, nothing that is right is, and what is mended is right."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ghl_async import bulk
from ghl_async.bulk import Difference
from ghl_async.errors import UsageError
from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .truth import KINDS, backfill, oldest, stored_records, true_records


async def verify(ghl, path, **options):
    """Verify the store at `path`: what differs, and the summary."""
    async with bulk.SQLiteStore(path) as store:
        run = bulk.verify(ghl, store, **options)
        found = [difference async for difference in run]
    return found, run.summary


def is_whole(path, sandbox):
    stored = stored_records(path)
    return stored == true_records(sandbox, like=stored)


def spoil(path, sql, *values):
    """Change a store as no run of ours does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        return database.execute(sql, values).fetchall()


@pytest.fixture
def spoiled(copied, sandbox):
    """A store in which each kind of record is wrong in each way; and what a verification must name."""
    lost, added = oldest(sandbox, 7), "0000nobody0000nobody"
    spoil(copied, "DELETE FROM landing_contacts WHERE id = ?", lost)
    spoil(copied, "INSERT INTO landing_contacts SELECT ?, date_added, date_updated, pass, read_at, raw, mended FROM"
          " landing_contacts LIMIT 1", added)  # fmt: skip
    stale = oldest(sandbox, 9)
    spoil(copied, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?", stale)
    wanted = {
        Difference(lost, "contacts", lost, "missing"),
        Difference(added, "contacts", added, "surplus"),
        Difference(stale, "contacts", stale, "stale"),
    }
    for kind in KINDS:
        gone, old, *_ = spoil(copied, f"SELECT rowid, contact_id, id FROM landing_{kind} WHERE contact_id > ?", stale)  # noqa: S608
        spoil(copied, f"DELETE FROM landing_{kind} WHERE rowid = ?", gone[0])  # noqa: S608
        spoil(copied, f"UPDATE landing_{kind} SET raw = json_set(raw, '$.title', 'Old') WHERE rowid = ?", old[0])  # noqa: S608
        spoil(copied, f"INSERT INTO landing_{kind} SELECT contact_id, 'extra', raw, mended FROM landing_{kind}"  # noqa: S608
              " WHERE rowid = ?", old[0])  # fmt: skip
        wanted |= {
            Difference(gone[1], kind, gone[2], "missing"),
            Difference(old[1], kind, old[2], "stale"),
            Difference(old[1], kind, "extra", "surplus"),
        }
        wanted |= {
            Difference(lost, kind, child, "missing")
            for (child,) in spoil(copied, f"SELECT id FROM landing_{kind} WHERE contact_id = ?", lost)  # noqa: S608
            if spoil(copied, f"DELETE FROM landing_{kind} WHERE contact_id = ? AND id = ?", lost, child) == []  # noqa: S608
        }
    return copied, wanted


async def test_a_right_store_is_said_to_be_right(sandbox, ghl, copied):
    before = copied.read_bytes()
    found, summary = await verify(ghl, copied)
    assert (found, summary.exit_code, summary.verified.all) == ([], 0, 0)
    verified = summary.verified
    assert (verified.contacts, verified.server_contacts, verified.stored_contacts) == (120, 120, 120)
    stored = summary.stored
    assert verified.records == stored.tasks + stored.notes + stored.appointments
    assert copied.stat().st_size == len(before)
    assert is_whole(copied, sandbox)


async def test_everything_that_is_wrong_is_named_and_nothing_else(ghl, spoiled):
    path, wanted = spoiled
    before = stored_records(path)
    found, summary = await verify(ghl, path)
    assert (set(found), len(found)) == (wanted, len(wanted))
    verified = summary.verified
    assert verified.all == len(wanted) == verified.missing + verified.stale + verified.surplus
    assert (summary.reason, summary.exit_code, verified.mended) == ("incomplete", 1, False)
    assert stored_records(path) == before, "nothing is written unless it is asked for"


async def test_what_is_wrong_is_mended(sandbox, ghl, spoiled):
    path, wanted = spoiled
    found, summary = await verify(ghl, path, repair=True)
    assert set(found) == wanted
    assert (summary.exit_code, summary.verified.mended, summary.pruned) == (0, True, 1)
    assert is_whole(path, sandbox)
    assert (await verify(ghl, path))[0] == []


async def test_a_sample_of_a_right_store_is_right_although_it_is_read_the_other_way(sandbox, ghl, copied):
    before = sandbox.log.counts()["by_route"].get("POST /notes/search", 0)
    found, summary = await verify(ghl, copied, sample=40)
    assert (found, summary.exit_code, summary.verified.contacts) == ([], 0, 40)
    assert sandbox.log.counts()["by_route"]["POST /notes/search"] == before
    assert 120 <= summary.requests <= 125
    assert is_whole(copied, sandbox)


async def test_a_sample_says_that_the_server_counts_more_or_fewer(ghl, copied):
    with contextlib.closing(sqlite3.connect(copied, isolation_level=None)) as database:
        database.execute("DELETE FROM landing_contacts WHERE id = (SELECT max(id) FROM landing_contacts)")
    found, summary = await verify(ghl, copied, sample=5)
    assert (found, summary.exit_code, summary.resumable) == ([], 1, False)
    assert "the server counts 120 contacts, the store holds 119: 0 records are missing" in summary.message


async def test_a_sample_names_what_is_wrong_with_its_contacts(sandbox, ghl, spoiled):
    path, wanted = spoiled
    found, summary = await verify(ghl, path, sample=500)
    lost = oldest(sandbox, 7)
    assert set(found) == {each for each in wanted if each.contact_id != lost}, "none can be found that is not stored"
    assert summary.exit_code == 1
    found, summary = await verify(ghl, path, sample=500, repair=True)
    assert (summary.exit_code, summary.verified.mended) == (1, True), "the server still counts one more"
    assert {each.contact_id for each in (await verify(ghl, path))[0]} == {lost}


async def test_what_could_not_be_read_is_listed_and_mended(sandbox, ghl, path):
    for part in ("/tasks/search", "/notes/search"):
        sandbox.faults.add(kind="refused", path_contains=part, status=403)
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{oldest(sandbox, 4)}/notes")
    await backfill(ghl, path)
    found, summary = await verify(ghl, path)
    assert summary.verified.holes > 0
    assert summary.exit_code == 1
    sandbox.faults.clear()
    found, summary = await verify(ghl, path, repair=True)
    assert (summary.exit_code, summary.stored.holes, summary.verified.mended) == (0, 0, True)
    assert {each.part for each in found} == {"notes"}
    assert is_whole(path, sandbox)


async def test_a_search_that_leaves_something_out_proves_nothing(sandbox, ghl, copied):
    sandbox.state.main.delete(oldest(sandbox, 3))
    sandbox.faults.add(kind="drop_item", path_contains="/contacts/search", times=1)
    found, summary = await verify(ghl, copied, repair=True)
    assert (found, summary.reason, summary.exit_code) == ([], "incomplete", 1)
    assert summary.stored.contacts == 120


async def test_only_a_finished_store_is_verified_and_none_is_made(ghl, sandbox, path):
    before = sandbox.log.requests
    async with bulk.SQLiteStore(path) as store:
        with pytest.raises(UsageError, match="no finished store"):
            await bulk.verify(ghl, store)
        with pytest.raises(UsageError, match="sample"):
            await bulk.verify(ghl, store, sample=0)
    assert not path.exists()
    assert sandbox.log.requests == before


async def test_records_that_do_not_decode_are_compared_too(path):
    async with (
        Sandbox(contacts=60, poison=4, requests=1_000_000, interval_seconds=1.0) as sandbox,
        client_of(sandbox) as ghl,
    ):
        await backfill(ghl, path)
        assert (await verify(ghl, path))[0] == []
        assert is_whole(path, sandbox)

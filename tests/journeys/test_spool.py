"""Events wait in the store until their contacts come; a run that is stopped or killed meanwhile loses none of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3

import pytest

from ghl_async import RetryPolicy, bulk
from ghl_async.bulk import _calendar
from ghl_async.sandbox import Sandbox

from .command import until
from .conftest import client_of, set_doors
from .test_resume import start
from .truth import act_at, assert_whole, backfill, oldest, stored_records, true_records

QUICK = RetryPolicy(attempts=1, base_seconds=0.0)
EVENTS = "GET /calendars/events"


def ask(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def routes(sandbox):
    return sandbox.log.counts()["by_route"]


@pytest.fixture
async def large():
    """400 contacts in pages of 20."""
    async with Sandbox(contacts=400, requests=1_000_000, interval_seconds=1.0, search_clamp=20, lost=0.0) as sandbox:
        yield sandbox


async def test_a_stopped_run_reads_the_events_again_and_ends_whole(large, path):
    async with client_of(large) as ghl:
        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            await act_at(run, 100, run.stop)
        assert run.summary.exit_code == 3
        assert ask(path, "SELECT count(*) > 50 FROM spool") == [(1,)], "it was left with its events"
        for place in (399, 395, 390):
            large.state.main.delete(oldest(large, place))
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.found) == (0, 397)
    assert_whole(path, large, "granted")
    assert ask(path, "SELECT count(*) FROM spool") == [(0,)]


async def test_events_added_and_moved_between_two_runs_are_as_they_are_now(large, path):
    visit = {"calendarId": large.state.main.children.calendar_ids[0], "startTime": "2024-02-01 10:00:00",
             "endTime": "2024-02-01 11:00:00", "dateAdded": "2024-01-01 10:00:00"}  # fmt: skip
    owner = large.state.main.add({"email": "a@example.com", "appointments": [visit]})
    async with client_of(large) as ghl:
        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            await act_at(run, 100, run.stop)
        (made,) = large.state.main.lists.of("appointments", owner)
        moved = made | {"startTime": "2024-03-01 10:00:00"}
        large.state.main.lists.replace("appointments", owner, made["id"], moved)
        large.state.main.delete(oldest(large))  # the sandbox remembers nothing behind a change
        assert (await backfill(ghl, path)).exit_code == 0
    moved = [value for key, value in stored_records(path).items() if key[:2] == ("appointments", owner)]
    assert [event["startTime"] for event in moved] == ["2024-03-01T10:00:00-06:00"]


@pytest.mark.parametrize("moment", ["while events are spooled", "among the contacts"])
async def test_killed_with_a_spool_it_goes_on_and_ends_whole(tmp_path, moment):
    path, moments = tmp_path / "location.db", random.Random(moment)
    options = {"requests": 400, "interval_seconds": 0.3, "daily": 1_000_000, "lost": 0.0, "poison": 2}
    async with Sandbox(contacts=700, search_clamp=70, **options) as sandbox:
        for _ in range(2):
            child = await start(sandbox, path)
            if moment == "among the contacts":
                await child.stdout.readline()
            else:
                before = routes(sandbox).get(EVENTS, 0)
                await until(lambda before=before: routes(sandbox).get(EVENTS, 0) > before)
            await asyncio.sleep(moments.uniform(0.0, 0.1))
            with contextlib.suppress(ProcessLookupError):  # it was done already
                child.kill()
            await child.communicate()
        child = await start(sandbox, path)
        out, _ = await child.communicate()
        assert out.decode().splitlines()[-1] == "0 700"
        assert_whole(path, sandbox, "granted")
    assert ask(path, "SELECT count(*) FROM spool") == [(0,)]


async def test_events_that_cannot_be_read_to_their_end_are_not_taken_for_all(large, path, monkeypatch):
    """The third window fails for good: what is spooled by then is a part, and every contact is asked instead."""
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 20)
    large.faults.add(kind="server_error", path_contains="/calendars/events", after=5)
    async with client_of(large, retry=QUICK) as ghl:
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.ways[2].by) == (0, "each contact")
    assert stored_records(path) == true_records(large)


async def test_a_store_filled_by_events_goes_on_contact_by_contact_and_back(large, path):
    async with client_of(large) as ghl:
        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            await act_at(run, 100, run.stop)
        by_events = {key for key in stored_records(path) if key[0] == "contacts"}
        set_doors(large, "refused")
        assert (await backfill(ghl, path)).exit_code == 0
        stored, events, each = stored_records(path), 0, 0
        plain, shown = true_records(large), true_records(large, like=stored)
        assert stored.keys() == plain.keys() == shown.keys()
        for key, record in stored.items():
            if key[0] == "appointments":
                events += ("contacts", key[1]) in by_events and "isRecurring" in record
                each += ("contacts", key[1]) not in by_events and record == plain[key]
        assert events > 20
        assert events + each == sum(key[0] == "appointments" for key in plain)
        large.faults.clear()
        assert (await backfill(ghl, path)).exit_code == 0
        assert_whole(path, large, "granted")


@pytest.fixture
async def holed(sandbox, path):
    """A finished store whose first six contacts lack notes and appointments."""
    victims = [oldest(sandbox, place) for place in range(6)]
    set_doors(sandbox, "refused")
    for victim in victims:
        for kind in ("notes", "appointments"):
            sandbox.faults.add(kind="server_error", path_contains=f"{victim}/{kind}")
    async with client_of(sandbox, retry=QUICK) as ghl:
        assert (await backfill(ghl, path)).stored.holes == 12
    sandbox.faults.clear()
    sandbox.log.clear()


@pytest.mark.usefixtures("holed")
async def test_failed_items_are_made_up_for_by_the_searches(sandbox, path):
    async with client_of(sandbox) as ghl:
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.contacts, summary.stored.holes) == (0, 6, 0)
    assert routes(sandbox)["GET /contacts/{contactId}/notes"] == summary.sample.contacts
    assert routes(sandbox)[EVENTS] == 3
    assert stored_records(path).keys() == true_records(sandbox).keys()


async def test_a_refresh_that_is_stopped_while_it_spools_can_be_gone_on_with(large, path):
    async with client_of(large) as ghl:
        await backfill(ghl, path)
        for _ in range(2):
            async with bulk.SQLiteStore(path) as store:
                run = bulk.backfill(ghl, store)
                asked = routes(large)[EVENTS]

                async def stop_when_asked(run=run, asked=asked):
                    await until(lambda: routes(large)[EVENTS] > asked)
                    run.stop()

                stopping = asyncio.create_task(stop_when_asked())
                await run
                await stopping
            assert run.summary.exit_code == 3
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.found, summary.pruned) == (0, 400, 0)
    assert_whole(path, large, "granted")

"""bulk.sync: how often it looks deeper, and from when on."""

from __future__ import annotations

import sys
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ghl_async import bulk
from ghl_async.errors import UsageError
from ghl_async.models import TaskDraft
from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .test_sync import change, change_unseen, is_whole, set_back, sync
from .test_sync_doubts import a_night_passes
from .test_verify import spoil
from .truth import backfill, oldest


@pytest.mark.parametrize("wrong", [20, None, timedelta(seconds=-1)])
@pytest.mark.parametrize("name", ["sweep_every", "whole_every"])
async def test_an_interval_that_is_none_is_refused_before_anything_is_sent(sandbox, ghl, path, name, wrong):
    async with bulk.SQLiteStore(path) as store:
        with pytest.raises(UsageError, match=f"{name} must be a timedelta of 0 or more"):
            bulk.sync(ghl, store, **{name: wrong})
    with pytest.raises(UsageError, match=name):
        bulk.Rhythm(**{name: wrong})
    assert not path.exists()
    assert sandbox.log.requests == 0


async def interrupted(ghl, path, age, contacts=200):
    """A pass that was interrupted, as if it had begun so long ago."""
    async with bulk.SQLiteStore(path) as store:
        async for progress in bulk.backfill(ghl, store):
            if progress.contacts >= contacts:
                break
    spoil(path, "UPDATE run SET started_at = ?", (datetime.now(UTC) - age).isoformat())


@pytest.fixture
async def paged():
    """400 contacts in pages of 50."""
    async with Sandbox(contacts=400, search_clamp=50, requests=1_000_000, daily=10**9) as sandbox:
        yield sandbox


@pytest.mark.parametrize("days", [0.1, 6])
async def test_behind_a_pass_that_was_interrupted_long_ago_all_contacts_are_looked_at(paged, path, days):
    async with client_of(paged) as ghl:
        await interrupted(ghl, path, timedelta(days=days))
        tagged = change_unseen(paged, 3, tags=["vip"])
        async with bulk.SQLiteStore(path) as store:
            plan = await bulk.plan(ghl, store=store, sync=True)
        before = paged.log.requests
        changes, summary = await sync(ghl, path)
        assert paged.log.requests - before == pytest.approx(plan.requests, rel=0.15, abs=3)
        assert (summary.exit_code, summary.changes.read) == (0, "everything")
        assert (tagged in {each.contact_id for each in changes}) is (days > 1)
        assert (await sync(ghl, path))[1].changes.read == "changes"
        assert is_whole(path, paged) is (days > 1)


async def test_a_pass_is_as_old_as_its_beginning(paged, path):
    async with client_of(paged) as ghl:
        await interrupted(ghl, path, timedelta(days=6))
        await ghl.tasks.create(oldest(paged, 4), TaskDraft(title="Call", due_date=datetime(2026, 1, 1, tzinfo=UTC)))
        await sync(ghl, path)
        a_night_passes(path)
        assert (await sync(ghl, path))[1].changes.read == "everything", "7 days after what it has read first"
        assert is_whole(path, paged)


async def test_where_nothing_moved_for_days_an_import_of_before_is_not_looked_at_each_time(path):
    async with Sandbox(contacts=600, search_clamp=100, requests=1_000_000, daily=10**9) as sandbox:
        imported = (datetime.now(UTC) - timedelta(days=5)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for position in range(500):
            change(sandbox, position, dateUpdated=imported)
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
            assert (await sync(ghl, path))[1].requests == 2


async def test_a_date_in_the_future_and_a_clock_that_is_ahead_hide_no_change(sandbox, ghl, path, monkeypatch):
    change(sandbox, 5, dateUpdated="2091-01-01T00:00:00.000Z")
    await backfill(ghl, path)
    rarely = {"sweep_every": timedelta(days=30), "whole_every": timedelta(days=30)}
    ahead = SimpleNamespace(time=lambda: time.time() + 3 * 3600)
    monkeypatch.setattr(sys.modules["ghl_async.bulk.sync"], "time", ahead)  # the sandbox has the other clock
    await sync(ghl, path, **rarely)
    renamed = change(sandbox, 9, firstName="Renamed")
    changes, summary = await sync(ghl, path, **rarely)
    assert ([each.contact_id for each in changes], summary.changes.read) == ([renamed], "changes")


@asynccontextmanager
async def due_to_be_swept(path, contacts):
    """A store whose next sync is a sweep, with two contacts that differ."""
    async with Sandbox(contacts=contacts, requests=1_000_000, daily=10**9, search_clamp=50) as sandbox:
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        set_back(path, timedelta(days=2))
        for position in range(2):
            change(sandbox, position, firstName="Renamed")
        yield sandbox


async def planned(ghl, path):
    async with bulk.SQLiteStore(path) as store:
        return await bulk.plan(ghl, store=store, sync=True)


async def test_the_plan_of_a_sweep_counts_no_request_a_contact_where_the_calendars_are_refused(path):
    async with due_to_be_swept(path, 400) as sandbox, client_of(sandbox) as ghl:
        sandbox.faults.add(kind="refused", path_contains="/calendars/events", status=404)
        plan = await planned(ghl, path)
        before = sandbox.log.requests
        _, summary = await sync(ghl, path)
        assert (summary.changes.read, summary.exit_code) == ("sweep", 0)
        assert sandbox.log.requests - before == pytest.approx(plan.requests, rel=0.15, abs=3)
    way = plan.ways[-1]
    assert (way.kind, way.by) == ("appointments", "each contact")
    assert "a sweep looks at no others" in way.why


async def test_the_plan_of_a_sweep_counts_few_contacts_one_by_one_and_what_differs_once_more(path):
    async with due_to_be_swept(path, 3) as sandbox, client_of(sandbox) as ghl:
        way = (await planned(ghl, path)).ways[-1]
    assert (way.by, way.requests) == ("each contact", 1 + 3 + 2)

"""bulk.plan against what the server then counts: what it says a run will cost is what the run costs, within a tenth."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ghl_async import ContactQuery, bulk
from ghl_async.errors import DailyQuotaExhausted, StoreMismatch, Unauthorized, UsageError
from ghl_async.sandbox import Sandbox

from .conftest import client_of, set_doors
from .truth import KINDS, act_at, backfill, oldest

SMALL_PAGES = 50
"""Contacts in a page: answers are quick then, even on a busy machine. How a slow server is read is another matter."""
MOST_SPENT = 20


def location(contacts, **options):
    """A sandbox with a quota nobody reaches."""
    return Sandbox(
        **{"contacts": contacts, "requests": 1_000_000, "daily": 10**9, "search_clamp": SMALL_PAGES, **options}
    )


async def planned_and_counted(sandbox, path, *query, token=None, **options):
    """Plan a backfill and then run it: the plan, what the server counted of the run, and its summary."""
    async with client_of(sandbox, token=token or sandbox.token) as ghl:
        before = sandbox.log.requests
        async with bulk.SQLiteStore(path) as store:
            plan = await bulk.plan(ghl, *query, store=store, **options)
        planned = sandbox.log.requests
        assert plan.spent == planned - before <= MOST_SPENT
        summary = await backfill(ghl, path, *query, **options)
    return plan, sandbox.log.requests - planned, summary


def assert_right(plan, counted, summary):
    """A tenth up or down, and the sum of its parts."""
    assert summary.reason == "finished"
    assert plan.requests == pytest.approx(counted, rel=0.1)
    assert plan.requests == sum(way.requests for way in plan.ways) + plan.sample_requests


def ways(plan):
    return {way.kind: way.by for way in plan.ways}


DOORS = {
    "granted": ({}, ()),
    "no task search": ({}, ("/tasks/search",)),
    "no note search": ({}, ("/notes/search",)),
    "no calendars": ({}, ("/calendars/",)),
    "no events": ({}, ("/calendars/events",)),
    "nothing but contacts": ({}, ("/tasks/search", "/notes/search", "/calendars/")),
    "clamped": ({"tasks_clamp": 20, "notes_clamp": 50}, ()),
    "limits": ({"tasks_refuse": 100, "notes_refuse": 20}, ()),
}


@pytest.mark.parametrize(("limits", "refused"), DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("contacts", [100, 1000])
async def test_a_plan_knows_which_doors_are_open_and_how_far(path, contacts, limits, refused):
    async with location(contacts, **limits) as sandbox:
        for number, part in enumerate(refused):
            sandbox.faults.add(kind="refused", path_contains=part, status=(401, 403, 404)[number])
        plan, counted, summary = await planned_and_counted(sandbox, path)
    assert_right(plan, counted, summary)
    assert plan.contacts == contacts
    assert {kind: by for kind, by in ways(plan).items() if kind != "contacts"} == {
        way.kind: way.by for way in summary.ways
    }


@pytest.mark.parametrize("size", [37, SMALL_PAGES])
async def test_a_plan_of_three_thousand_contacts(path, size):
    async with location(3000, search_clamp=size) as sandbox:
        assert_right(*await planned_and_counted(sandbox, path))


@pytest.mark.parametrize("include", [(), ("tasks",), ("notes",), ("appointments",), ("notes", "tasks")])
async def test_a_plan_counts_only_what_is_included(path, include):
    async with location(400) as sandbox:
        plan, counted, summary = await planned_and_counted(sandbox, path, include=include)
    assert_right(plan, counted, summary)
    assert ways(plan).keys() == {"contacts", *include}
    assert plan.sample_requests % max(1, len(include)) == 0


@pytest.mark.parametrize(
    "average",
    [{"tasks": 0.0, "notes": 0.0, "appointments": 0.0}, {"tasks": 0.1, "notes": 0.05}, {"tasks": 6.0, "notes": 12.0}],
    ids=["none", "few", "many"],
)
async def test_a_plan_finds_out_how_many_records_there_are(path, average):
    async with location(600, **average) as sandbox:
        plan, counted, summary = await planned_and_counted(sandbox, path)
    assert_right(plan, counted, summary)
    records = {way.kind: way.records for way in plan.ways}
    assert records["tasks"] == pytest.approx(summary.tasks, rel=0.05)
    # A note of several contacts is one record there, and in the store one with each.
    assert summary.notes - 40 <= records["notes"] <= summary.notes
    assert records["appointments"] is None


@pytest.mark.parametrize("contacts", [0, 1, 2, 3, 4, 5, 10, 40])
@pytest.mark.parametrize("include", [KINDS, ()], ids=["all", "alone"])
async def test_a_plan_of_few_contacts_is_exact(path, contacts, include):
    async with location(contacts) as sandbox:
        plan, counted, summary = await planned_and_counted(sandbox, path, include=include)
    assert_right(plan, counted, summary)
    assert plan.requests == counted


async def test_a_plan_of_a_query_that_finds_a_part(path):
    async with location(1000) as sandbox:
        ids = [oldest(sandbox, position) for position in range(0, 1000, 5)]
        plan, counted, summary = await planned_and_counted(sandbox, path, ContactQuery(ids=ids))
        assert_right(plan, counted, summary)
        assert plan.contacts == 200
        nobody, counted, summary = await planned_and_counted(
            sandbox, path.with_suffix(".none"), ContactQuery(text="nobody")
        )
        assert_right(nobody, counted, summary)
        assert nobody.requests == 1


async def test_appointments_of_deleted_calendars_cost_a_request_a_contact(path):
    async with location(300) as sandbox:
        plan, counted, summary = await planned_and_counted(sandbox, path, deleted_calendars=True)
    assert_right(plan, counted, summary)
    assert plan.ways[-1].by == "each contact"
    assert plan.ways[-1].requests == 300


async def test_a_plan_of_a_half_done_store_counts_what_is_left(path):
    async with location(1000) as sandbox:
        async with client_of(sandbox) as ghl, bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            await act_at(run, 500, run.stop)
        plan, counted, summary = await planned_and_counted(sandbox, path)
        assert plan.contacts == summary.contacts < 600
        assert_right(plan, counted, summary)


async def test_a_plan_of_a_finished_store_is_that_of_a_refresh(path):
    async with location(400) as sandbox:
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        plan, counted, summary = await planned_and_counted(sandbox, path)
        assert_right(plan, counted, summary)
        assert plan.contacts == 400

        for position in range(0, 60, 2):
            sandbox.state.main.delete(oldest(sandbox, position))
        plan, counted, summary = await planned_and_counted(sandbox, path)
        assert_right(plan, counted, summary)
        assert summary.pruned == 30
        assert "30 in the store are here no more" in plan.ways[0].why


async def test_a_plan_to_start_over_counts_everything(path):
    async with location(300) as sandbox, client_of(sandbox) as ghl:
        await backfill(ghl, path, include=())
        async with bulk.SQLiteStore(path) as store:
            anew = await bulk.plan(ghl, include=(), store=store, resume=False)
        before = sandbox.log.requests
        await backfill(ghl, path, include=(), resume=False)
    assert anew.requests == sandbox.log.requests - before


@pytest.mark.parametrize("doors", ["granted", "refused"])
@pytest.mark.parametrize("holes", [2, 150])
async def test_a_plan_of_a_store_with_holes_counts_only_these(path, holes, doors):
    async with location(400) as sandbox:
        set_doors(sandbox, "refused")
        for position in range(holes):
            sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{oldest(sandbox, 2 * position)}/notes")
        async with client_of(sandbox) as ghl:
            assert (await backfill(ghl, path)).stored.holes == holes
        sandbox.faults.active.clear()
        set_doors(sandbox, doors)
        plan, counted, summary = await planned_and_counted(sandbox, path)
    assert_right(plan, counted, summary)
    assert plan.contacts == holes


async def test_a_plan_knows_of_a_door_that_an_earlier_run_found_to_leave_records_out(path):
    async with location(300) as sandbox:
        async with client_of(sandbox) as ghl:
            await backfill(ghl, path)
        async with bulk.SQLiteStore(path) as store:
            await store.begin(bulk.store.Identity(sandbox.location_id, "", KINDS))
            await store.doubt(("notes",))
        plan, counted, summary = await planned_and_counted(sandbox, path)
    assert_right(plan, counted, summary)
    assert ways(plan)["notes"] == "each contact"
    assert "leaves records out" in plan.ways[2].why


@pytest.mark.parametrize(
    ("contacts", "include", "size"), [(5000, (), 500), (600, KINDS, 100)], ids=["contacts alone", "everything"]
)
async def test_a_plan_knows_how_a_slow_server_is_read(path, contacts, include, size):
    async with location(contacts, latency_seconds=0.6, search_clamp=size) as sandbox:
        plan, counted, summary = await planned_and_counted(sandbox, path, include=include)
    assert_right(plan, counted, summary)
    assert ("side by side" in plan.ways[0].why) is not bool(include)
    assert 1.2 < plan.seconds < summary.seconds * 2


async def test_planning_changes_nothing_in_a_store(path):
    async with location(60) as sandbox, client_of(sandbox) as ghl:
        async with bulk.SQLiteStore(path) as store:
            await bulk.plan(ghl, store=store)
        assert not list(path.parent.iterdir())
        await backfill(ghl, path)
        before = path.read_bytes()
        async with bulk.SQLiteStore(path) as store:
            await bulk.plan(ghl, store=store)
            assert path.read_bytes() == before
            assert (await bulk.backfill(ghl, store)).exit_code == 0, "the one that was peeked into can be filled"


async def test_a_store_can_be_planned_while_it_is_filled(path):
    async with location(400) as sandbox, client_of(sandbox) as ghl:
        plans = []

        async def plan_meanwhile():
            async with bulk.SQLiteStore(path) as other:
                plans.append(await bulk.plan(ghl, store=other))

        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            tasks = []
            await act_at(run, 200, lambda: tasks.append(asyncio.create_task(plan_meanwhile())))
            await asyncio.gather(*tasks)
        assert run.summary.exit_code == 0
        assert plans[0].requests > 0


async def test_a_plan_without_a_store_is_that_of_a_fetch(sandbox, ghl):
    plan = await bulk.plan(ghl)
    before = sandbox.log.requests
    await bulk.fetch(ghl)
    assert plan.requests == pytest.approx(sandbox.log.requests - before, rel=0.1)
    assert plan.sample_requests == 0


async def test_a_plan_says_whether_the_day_holds_the_run():
    async with location(120, requests=100_000, daily=1000) as sandbox, client_of(sandbox) as ghl:
        plan = await bulk.plan(ghl)
        assert not plan.breaks_floor
        assert plan.day_left == 1000 - plan.spent - 10
        assert plan.day_share == plan.requests / 1000
        set_doors(sandbox, "refused")
        sandbox.limits.change(daily=300)
        plan = await bulk.plan(ghl)
        assert plan.breaks_floor
        assert plan.day_share > 1
        assert ghl.quota.daily_resets_at > datetime.now(UTC) + timedelta(hours=1)
        sandbox.limits.change(daily=sandbox.log.requests + 2)
        with pytest.raises(DailyQuotaExhausted):
            await bulk.plan(ghl)


async def test_a_server_without_quota_headers_leaves_the_day_open():
    async with location(10, headers=False) as sandbox, client_of(sandbox) as ghl:
        plan = await bulk.plan(ghl, include=())
    assert (plan.day_share, plan.day_left, plan.breaks_floor) == (None, None, False)


async def test_what_would_keep_the_run_from_beginning_keeps_the_plan_from_being_made(sandbox, ghl, path):
    before = sandbox.log.requests
    for wrong in ({"include": "notes"}, {"include": ("notse",)}):
        with pytest.raises(UsageError):
            await bulk.plan(ghl, **wrong)
    with pytest.raises(UsageError):
        await bulk.plan(ghl, "vip")
    assert sandbox.log.requests == before
    await backfill(ghl, path, include=())
    async with bulk.SQLiteStore(path) as store:
        with pytest.raises(StoreMismatch):
            await bulk.plan(ghl, store=store)
    async with client_of(sandbox, token="pit-00000000-0000-0000-0000-000000000000") as stranger:
        with pytest.raises(Unauthorized):
            await bulk.plan(stranger)

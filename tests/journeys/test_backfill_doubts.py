"""bulk against a server and a consumer that behave badly: nothing is removed on a doubt, and nothing hangs."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ghl_async import ContactQuery, GHLError, RetryPolicy, bulk
from ghl_async.errors import UsageError
from ghl_async.models import Filter

from .conftest import client_of
from .truth import act_at, assert_whole, backfill, oldest, stored_records, true_records

QUICK = RetryPolicy(attempts=1, base_seconds=0.0)


@pytest.mark.usefixtures("refused")
async def test_a_404_of_a_child_route_does_not_make_the_contact_vanish(sandbox, ghl, path):
    """Some 404s come from the edge: the contact itself is asked for before it is believed to be gone."""
    await backfill(ghl, path)
    sandbox.faults.add(kind="server_error", status=404, path_contains="/appointments", times=3)
    summary = await backfill(ghl, path)
    assert (summary.vanished, summary.pruned, summary.failed, summary.exit_code) == (0, 0, 3, 4)
    assert stored_records(path) == true_records(sandbox)


@pytest.mark.usefixtures("refused")
async def test_a_route_that_is_gone_for_all_ends_the_run_and_removes_nothing(sandbox, ghl, path):
    await backfill(ghl, path)
    sandbox.faults.add(kind="server_error", status=404, path_contains="/appointments")
    with pytest.raises(GHLError, match="404"):
        await backfill(ghl, path)
    assert stored_records(path) == true_records(sandbox)


async def test_a_contact_sent_twice_does_not_stand_for_one_that_was_left_out(sandbox, ghl, path, doors):
    await backfill(ghl, path)

    class Doubling:
        """A store never mind: the double comes from the search. One page shows its first contact twice."""

        def __init__(self, contacts):
            self._search = contacts.search
            self._contacts = contacts

        def __getattr__(self, name):
            return getattr(self._contacts, name)

        async def search(self, *args, **options):
            page = await self._search(*args, **options)
            return msgspec.structs.replace(page, items=(page.items[0], *page.items[:-1])) if page.items else page

    ghl.background.contacts = Doubling(ghl.background.contacts)
    summary = await backfill(ghl, path)
    assert (summary.reason, summary.pruned, summary.exit_code) == ("incomplete", 0, 1)
    assert_whole(path, sandbox, doors)


async def test_fetch_says_so_when_the_server_sends_fewer_than_it_counts(sandbox, ghl):
    sandbox.faults.add(kind="drop_item", path_contains="/contacts/search", times=1)
    summary = await bulk.fetch(ghl, include=())
    assert (summary.reason, summary.exit_code) == ("incomplete", 1)
    assert "119" in summary.message


@pytest.mark.usefixtures("refused")
async def test_an_item_that_can_never_be_read_does_not_keep_the_rest_from_being_refreshed(sandbox, path):
    sandbox.faults.add(kind="server_error", path_contains=f"{oldest(sandbox)}/notes")
    async with client_of(sandbox, retry=QUICK) as ghl:
        assert (await backfill(ghl, path)).exit_code == 4
        sandbox.state.main.add({"firstName": "New", "email": "new@example.com"})
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.stored.contacts, summary.found) == (4, 121, 121)


@pytest.mark.usefixtures("refused")
async def test_filling_a_hole_asks_only_for_what_is_missing(sandbox, path):
    sandbox.faults.add(kind="server_error", path_contains=f"{oldest(sandbox)}/notes", times=1)
    async with client_of(sandbox, retry=QUICK) as ghl:
        assert (await backfill(ghl, path)).exit_code == 4
        sandbox.log.clear()
        summary = await backfill(ghl, path)
    asked = sandbox.log.counts()["by_route"]
    assert asked["GET /contacts/{contactId}/notes"] == 1 + summary.sample.contacts
    assert asked["GET /contacts/{contactId}/tasks"] == summary.sample.contacts


@pytest.mark.usefixtures("refused")
async def test_a_vanished_contact_is_no_gap(sandbox, ghl, path):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        async for progress in run:
            if progress.contacts == 20:
                sandbox.state.main.delete(oldest(sandbox, 119))
    assert (run.summary.reason, run.summary.vanished, run.summary.exit_code) == ("finished", 1, 0)


@pytest.mark.usefixtures("refused")
async def test_a_sample_that_cannot_be_read_leaves_the_copy_finished(sandbox, path):
    async with client_of(sandbox, retry=QUICK) as ghl, bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        async for progress in run:
            if progress.contacts == 120:
                sandbox.faults.add(kind="server_error")
    assert (run.summary.reason, run.summary.sample.contacts, run.summary.exit_code) == ("finished", 0, 4)
    assert "nothing was compared" in run.summary.message


@pytest.mark.parametrize("when", ["before", "at once"])
async def test_stopping_before_anything_was_read_ends_the_run(sandbox, ghl, path, when, doors):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        if when == "before":
            run.stop()
        else:
            asyncio.get_running_loop().call_soon(run.stop)
        async with asyncio.timeout(5):
            summary = await run
    assert (summary.reason, summary.exit_code) == ("stopped", 3)
    assert (await backfill(ghl, path)).exit_code == 0
    assert_whole(path, sandbox, doors)


@pytest.mark.usefixtures("doors")
async def test_nothing_runs_on_behind_a_run_that_was_left(ghl, path):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        async for _ in run:
            break
        await run
        for _ in range(3):
            await asyncio.sleep(0)  # asyncio closes a generator that was left in a task of its own
        coroutines = [task.get_coro() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        left = {getattr(each, "__qualname__", type(each).__name__) for each in coroutines}
        assert {name for name in left if not name.startswith("RequestHandler")} == set(), "only the sandbox goes on"


async def test_a_cancelled_run_is_stopped_and_resumable(sandbox, ghl, path, doors):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)

        async def drive():
            async for progress in run:
                if progress.contacts >= 30:
                    reached.set()

        reached = asyncio.Event()
        task = asyncio.create_task(drive())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (run.summary.reason, run.summary.resumable, run.summary.exit_code) == ("stopped", True, 3)
    assert (await backfill(ghl, path)).exit_code == 0
    assert_whole(path, sandbox, doors)


async def test_a_query_in_other_words_is_the_same_query(sandbox, ghl, path):
    first, second = oldest(sandbox, 1), oldest(sandbox, 2)
    await backfill(ghl, path, ContactQuery(ids=[first, second]), include=())
    assert (await backfill(ghl, path, ContactQuery(ids=[second, first]), include=())).exit_code == 0


async def test_a_query_of_another_kind_is_refused(ghl, path):
    async with bulk.SQLiteStore(path) as store:
        with pytest.raises(UsageError, match="ContactQuery"):
            bulk.backfill(ghl, store, {"tags": ["vip"]})
    with pytest.raises(UsageError, match="ContactQuery"):
        bulk.fetch(ghl, "vip")


async def test_progress_can_be_read_when_all_is_over(sandbox, path):
    async with client_of(sandbox) as ghl, bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        await run
    assert run.progress.contacts == 120


async def test_a_client_that_was_left_makes_no_more_calls(sandbox):
    async with client_of(sandbox) as ghl:
        await ghl.contacts.search(page_size=1)
    with pytest.raises(UsageError, match="closed"):
        await ghl.contacts.search(page_size=1)
    async with ghl:
        await ghl.contacts.search(page_size=1)


async def test_a_query_that_cannot_be_sent_is_refused_at_once(ghl, path):
    async with bulk.SQLiteStore(path) as store:
        with pytest.raises(UsageError, match="cannot be sent"):
            bulk.backfill(ghl, store, ContactQuery(where=Filter("city", "eq", object())))


@pytest.mark.parametrize("deleted", [0, 119], ids=["after it was read", "before its children were read"])
async def test_a_deletion_does_not_hide_a_contact_that_the_search_left_out(sandbox, ghl, path, deleted, doors):
    """The counts agree then: one too many against one too few."""
    await backfill(ghl, path)
    gone = oldest(sandbox, deleted)
    sandbox.faults.add(kind="drop_item", path_contains="/contacts/search", times=1)
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        await act_at(run, 30, lambda: sandbox.state.main.delete(gone))
    assert (run.summary.exit_code, run.summary.pruned) == (1, 0)
    summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.pruned) == (0, 1)
    assert_whole(path, sandbox, doors)


@pytest.mark.usefixtures("refused")
async def test_an_incomplete_pass_with_a_failed_item_is_read_anew_and_not_just_its_item(sandbox, path):
    sandbox.faults.add(kind="drop_item", path_contains="/contacts/search", times=1)
    sandbox.faults.add(kind="server_error", path_contains=f"{oldest(sandbox)}/notes", times=1)
    async with client_of(sandbox, retry=QUICK) as ghl:
        assert (await backfill(ghl, path)).reason == "incomplete"
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.found, summary.contacts) == (0, 120, 120)
    assert stored_records(path) == true_records(sandbox)


@pytest.mark.usefixtures("refused")
async def test_a_failed_item_of_an_earlier_part_of_the_pass_still_shows_in_the_exit_code(sandbox, path):
    sandbox.faults.add(kind="server_error", path_contains=f"{oldest(sandbox)}/notes")
    async with client_of(sandbox, retry=QUICK) as ghl:
        async with bulk.SQLiteStore(path) as store:
            run = bulk.backfill(ghl, store)
            await act_at(run, 20, run.stop)
        summary = await backfill(ghl, path)
    assert (summary.reason, summary.failed, summary.stored.holes, summary.exit_code) == ("finished", 0, 1, 4)


@pytest.mark.usefixtures("refused")
async def test_filled_holes_leave_the_number_of_contacts_found_as_it_was(sandbox, path):
    sandbox.faults.add(kind="server_error", path_contains=f"{oldest(sandbox)}/notes", times=1)
    async with client_of(sandbox, retry=QUICK) as ghl:
        await backfill(ghl, path)
        summary = await backfill(ghl, path)
    assert (summary.found, summary.contacts, summary.exit_code) == (120, 1, 0)

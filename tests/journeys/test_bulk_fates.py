"""What is said of a create that failed: whether it may have been made, in this run and after one that was killed."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest

from ghl_async import Quota, RetryPolicy, bulk
from ghl_async.models import ContactDraft, NoteDraft, TaskDraft
from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .test_bulk_doubts import HALF_DONE, dies
from .test_bulk_ledger import CHILD, rows
from .test_bulk_update import children, contacts, ids, requests, writes

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
ONCE = RetryPolicy(attempts=1)


@pytest.fixture
async def narrow():
    """A sandbox that takes five requests a second."""
    async with Sandbox(contacts=60, requests=5, interval_seconds=1.0, daily=100_000) as sandbox:
        yield sandbox


def states(ledger):
    return Counter(state for _, state, *_ in rows(ledger))


@pytest.mark.parametrize("with_ledger", [True, False])
async def test_a_task_whose_contact_could_not_be_read_before_has_failed(sandbox, ghl, ledger, with_ledger):
    """An equal one that is there already does not make it unknown for good."""
    inputs = [(ids(sandbox)[0], TaskDraft(title="Call", due_date=AT))]
    book = ledger if with_ledger else None
    await bulk.create_tasks(ghl, inputs)
    before = len(children(sandbox, "tasks"))
    async with client_of(sandbox, retry=ONCE) as client:
        sandbox.faults.add(kind="server_error", method="GET", path_contains="/tasks", times=1)
        assert (await bulk.create_tasks(client, inputs, ledger=book)).written == bulk.Written(failed=1)
        assert (await bulk.create_tasks(client, inputs, ledger=book)).written == bulk.Written(ok=1)
    assert len(children(sandbox, "tasks")) == before + 1


async def test_an_upsert_whose_check_failed_has_failed(sandbox, ledger):
    async with client_of(sandbox, retry=ONCE) as client:
        sandbox.faults.add(kind="server_error", method="GET", path_contains="/duplicate", times=1)
        run = bulk.upsert(client, [ContactDraft(email="ann@example.com")], ledger=ledger)
        assert (await run).written == bulk.Written(failed=1)
    assert writes(sandbox) == 0


async def test_an_upsert_whose_answer_cannot_be_read_is_looked_for(sandbox, ghl):
    sandbox.faults.add(kind="truncated", method="POST", path_contains="/contacts/upsert", times=1)
    before = len(ids(sandbox))
    run = bulk.upsert(ghl, [ContactDraft(email="ann@example.com")], check=False)
    assert (await run).written == bulk.Written(ok=1)
    assert len(ids(sandbox)) - before == 1


async def test_creates_that_only_waited_for_quota_have_failed_and_are_made_by_the_next_run(narrow, ledger):
    inputs = [ContactDraft(last_name=f"n{number}") for number in range(20)]
    async with client_of(narrow, deadline_seconds=1.5) as client:
        run = bulk.create(client, inputs, ledger=ledger)
        assert (await run).written.unknown == 0
        assert run.summary.written.failed
    narrow.limits.change(requests=1000, interval_seconds=1.0)
    async with client_of(narrow) as client:
        assert (await bulk.create(client, inputs, ledger=ledger)).written.ok == 20
    assert len(ids(narrow)) == 80


@pytest.mark.parametrize("end", ["cancel", "close", "kill"])
async def test_creates_that_wait_for_quota_are_in_no_doubt_whatever_ends_the_process(narrow, ledger, end):
    """Nothing can be looked for: a contact without e-mail and phone would be unknown for good."""
    some, inputs = ids(narrow), [ContactDraft(last_name=f"n{number}") for number in range(60)]
    if end == "kill":
        nameless = CHILD.replace(', email=f"n{number}@example.com"', "")
        environment = {
            "GHL_TOKEN": narrow.token,
            "GHL_LOCATION_ID": narrow.location_id,
            "GHL_BASE_URL": narrow.base_url,
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", nameless, "create", str(ledger), *some, env=environment,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        for _ in range(7):
            await child.stdout.readline()
        child.kill()
        await child.communicate()
    else:
        async with client_of(narrow) as client:
            run = aiter(bulk.create(client, inputs, ledger=ledger))
            for _ in range(7):
                await anext(run)
            if end == "cancel":
                waiting = asyncio.create_task(run.aclose())
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        if end == "close":
            waiting = asyncio.create_task(run.aclose())
            await asyncio.gather(waiting, return_exceptions=True)
    assert states(ledger)["intended"] <= 2, "those that were on their way"
    narrow.limits.change(requests=1000, interval_seconds=1.0)
    async with client_of(narrow) as client:
        written = (await bulk.create(client, inputs, ledger=ledger)).written
    assert written.unknown <= 2
    assert len(ids(narrow)) == 120


async def test_a_create_is_noted_when_it_is_under_way_and_not_before(narrow, ledger):
    """What stands in the file at any moment is what was answered and the few that are not yet."""
    inputs = [(each, NoteDraft(body="Called")) for each in ids(narrow)]
    async with client_of(narrow) as client:
        async for outcome in (run := bulk.create_notes(client, inputs, ledger=ledger)):
            if outcome.position == 6:
                run.stop()
    assert {*states(ledger)} == {"ok"}


async def test_a_refused_create_that_the_end_of_the_quota_keeps_from_being_looked_for_is_in_doubt(ledger):
    """It was made all the same: the next run finds it."""
    async with Sandbox(contacts=5, requests=100_000, interval_seconds=1.0, daily=12) as sandbox:
        contact_id, before = ids(sandbox)[0], len(children(sandbox, "notes"))
        inputs = [(contact_id, NoteDraft(body=f"n{number}")) for number in range(8)]
        sandbox.faults.add(kind="created_but_422", method="POST", path_contains="/notes")
        async with client_of(sandbox, quota=Quota(daily_floor=1)) as client:
            await bulk.create_notes(client, inputs, ledger=ledger)
        assert states(ledger)["failed"] == 0
        sandbox.faults.clear()
        sandbox.limits.change(daily=10_000)
        async with client_of(sandbox) as client:
            assert (await bulk.create_notes(client, inputs, ledger=ledger)).written.ok == 8
        assert len(children(sandbox, "notes")) == before + 8


async def test_an_upsert_in_doubt_that_the_location_recognises_is_sent_again_at_once(sandbox, ledger):
    old = next(each for each in contacts(sandbox).values() if each["email"])
    drafts = [ContactDraft(email=old["email"], city="Bern")]
    sandbox.faults.add(**HALF_DONE, method="POST", path_contains="/upsert")
    async with client_of(sandbox) as client:
        await dies(bulk.upsert(client, drafts, check=False, ledger=ledger), sandbox, 0)
    before = requests(sandbox)
    async with client_of(sandbox) as client:
        assert (await bulk.upsert(client, drafts, check=False, ledger=ledger)).written == bulk.Written(ok=1)
    assert requests(sandbox) - before == 2

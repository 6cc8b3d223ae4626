"""Writes that an earlier process left in doubt: looked for, and made again only where they surely were not made."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime

import pytest

from ghl_async import RetryPolicy, bulk
from ghl_async.errors import ScopeMissing, UsageError
from ghl_async.models import ContactChanges, ContactDraft, NoteDraft, TaskDraft

from .command import until
from .conftest import client_of
from .test_bulk_ledger import rows
from .test_bulk_update import children, collected, contacts, ids, kinds, requests

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
ONCE = RetryPolicy(attempts=1)
HALF_DONE = {"kind": "slow", "seconds": 1.0, "times": 1}
"""Processed at once, answered when nobody waits for it any more."""


async def dies(run, sandbox, told):
    """Consume a run, and drop it where it stands when so many outcomes are told and one write is half done."""
    outcomes = []

    async def consume():
        async for outcome in run:
            outcomes.append(outcome)  # noqa: PERF401  (they are watched while they come)

    consuming = asyncio.create_task(consume())
    await until(lambda: len(outcomes) == told and sandbox.faults.active[0].struck == 1)
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    sandbox.faults.clear()


async def test_a_create_in_doubt_is_found_and_not_made_again(sandbox, ledger):
    inputs = [ContactDraft(last_name=f"n{number}", phone=f"+1202555{number:04}") for number in range(20)]
    sandbox.faults.add(**HALF_DONE, method="POST", path_contains="/contacts/", after=3)
    async with client_of(sandbox) as ghl:
        await dies(bulk.create(ghl, inputs, ledger=ledger), sandbox, 19)
    assert [state for _, state, *_ in rows(ledger)].count("intended") == 1
    async with client_of(sandbox) as ghl:
        outcomes = await collected(bulk.create(ghl, inputs, ledger=ledger))
    assert kinds(outcomes) == {"ok": 20}
    assert sum(outcome.earlier for outcome in outcomes) == 19
    assert len({outcome.contact_id for outcome in outcomes}) == 20
    assert len(ids(sandbox)) == 140


@pytest.mark.parametrize("is_done", [True, False], ids=["it was made", "it was not made"])
@pytest.mark.parametrize("kind", ["tasks", "notes"])
async def test_of_equal_children_the_one_in_doubt_is_told_from_the_others(sandbox, ledger, kind, is_done):
    """Three equal ones: the first is confirmed, the second in doubt, the third not sent."""
    one = ids(sandbox)[0]
    draft = TaskDraft(title="Call", due_date=AT) if kind == "tasks" else NoteDraft(body="Called")
    write, inputs = getattr(bulk, f"create_{kind}"), [(one, draft)] * 3
    before = children(sandbox, kind)
    sandbox.faults.add(**HALF_DONE, method="POST", path_contains=kind, after=1)
    async with client_of(sandbox) as ghl:
        await dies(write(ghl, inputs, ledger=ledger), sandbox, 1)
    assert [state for _, state, *_ in rows(ledger)] == ["ok", "intended"]
    if not is_done:
        (first, *_), made = rows(ledger), children(sandbox, kind).keys() - before.keys()
        async with client_of(sandbox) as ghl:
            for contact_id, record_id in made - {(one, first[3])}:
                await getattr(ghl, kind).delete(contact_id, record_id)
    async with client_of(sandbox) as ghl:
        outcomes = await collected(write(ghl, inputs, ledger=ledger))
    assert kinds(outcomes) == {"ok": 3}
    assert len({outcome.record_id for outcome in outcomes}) == 3
    made = {(outcome.contact_id, outcome.record_id) for outcome in outcomes}
    assert children(sandbox, kind).keys() == before.keys() | made


async def test_what_no_read_can_decide_stays_unknown_and_is_counted_apart(sandbox, ledger):
    sandbox.faults.add(**HALF_DONE, method="POST", path_contains="/contacts/", after=3)
    inputs = [ContactDraft(last_name=f"nobody {number}") for number in range(5)]
    async with client_of(sandbox) as ghl:
        await dies(bulk.create(ghl, inputs, ledger=ledger), sandbox, 4)
    async with client_of(sandbox) as ghl:
        run = bulk.create(ghl, inputs, ledger=ledger)
        outcomes = await collected(run)
    assert kinds(outcomes) == {"ok": 4, "unknown": 1}
    assert run.summary.written.unknown == 1
    assert run.summary.exit_code == 4
    assert len(ids(sandbox)) == 125


async def test_a_delete_in_doubt_that_is_not_found_is_done(sandbox, ledger):
    some = ids(sandbox)[:5]
    sandbox.faults.add(**HALF_DONE, method="DELETE", after=3)
    async with client_of(sandbox) as ghl:
        await dies(bulk.delete(ghl, some, ledger=ledger), sandbox, 4)
    async with client_of(sandbox) as ghl:
        assert (await bulk.delete(ghl, some, ledger=ledger)).written == bulk.Written(ok=5, earlier=4)
    assert len(ids(sandbox)) == 115


@pytest.mark.parametrize("is_new", [True, False], ids=["a new contact", "one that is there"])
async def test_an_upsert_in_doubt_makes_no_second_contact(sandbox, ledger, is_new):
    old = next(each for each in contacts(sandbox).values() if each["email"])
    drafts = [ContactDraft(email="ann@example.com" if is_new else old["email"], city="Bern")]
    sandbox.faults.add(**HALF_DONE, method="POST", path_contains="/upsert")
    async with client_of(sandbox) as ghl:
        await dies(bulk.upsert(ghl, drafts, check=False, ledger=ledger), sandbox, 0)
    async with client_of(sandbox) as ghl:
        outcomes = await collected(bulk.upsert(ghl, drafts, check=False, ledger=ledger))
    assert kinds(outcomes) == {"ok": 1}
    assert contacts(sandbox)[outcomes[0].contact_id]["city"] == "Bern"
    assert len(ids(sandbox)) == 120 + is_new


async def test_a_create_in_doubt_that_the_search_shows_late_is_taken_from_the_refusal(sandbox, ledger):
    sandbox.faults.add(**HALF_DONE, method="POST", path_contains="/contacts/")
    inputs = [ContactDraft(last_name="Lee", email="lee@example.com")]
    async with client_of(sandbox) as ghl:
        await dies(bulk.create(ghl, inputs, ledger=ledger), sandbox, 0)
    assert [state for _, state, *_ in rows(ledger)] == ["intended"]
    sandbox.state.set_index_lag(9.0)
    async with client_of(sandbox) as ghl:
        outcomes = await collected(bulk.create(ghl, inputs, ledger=ledger))
    assert kinds(outcomes) == {"ok": 1}
    assert len(ids(sandbox)) == 121


async def test_a_token_that_is_refused_leaves_no_create_in_doubt(sandbox, ledger):
    inputs = [ContactDraft(last_name=f"nobody {number}") for number in range(100)]
    async with client_of(sandbox, token="pit-00000000-0000-0000-0000-000000000000") as ghl:
        with contextlib.suppress(Exception):
            await bulk.create(ghl, inputs, ledger=ledger)
    assert rows(ledger) == []
    async with client_of(sandbox) as ghl:
        assert (await bulk.create(ghl, inputs, ledger=ledger)).written == bulk.Written(ok=100)


async def test_an_update_whose_outcome_is_unknown_is_sent_again(sandbox, ledger):
    inputs = [(each, ContactChanges(city="Bern")) for each in ids(sandbox)]
    sandbox.faults.add(kind="server_error", method="PUT", times=3)
    async with client_of(sandbox, retry=ONCE) as ghl:
        assert (await bulk.update(ghl, inputs, ledger=ledger)).written == bulk.Written(ok=117, unknown=3)
        assert (await bulk.update(ghl, inputs, ledger=ledger)).written == bulk.Written(ok=120, earlier=117)


async def test_tags_are_added_once_more_where_a_batch_was_in_doubt(sandbox, ledger):
    sandbox.faults.add(**HALF_DONE, method="POST", path_contains="/bulk/tags")
    some = ids(sandbox)
    async with client_of(sandbox) as ghl:
        await dies(bulk.tag(ghl, some, add=["vip"], ledger=ledger), sandbox, 0)
    assert {state for _, state, *_ in rows(ledger)} == {"intended"}
    async with client_of(sandbox) as ghl:
        assert (await bulk.tag(ghl, some, add=["vip"], ledger=ledger)).written == bulk.Written(ok=120)
        assert (await bulk.tag(ghl, some, add=["vip"], ledger=ledger)).written == bulk.Written(ok=120, earlier=120)
    assert requests(sandbox) == 2


async def test_what_stays_in_doubt_because_a_look_failed_is_looked_for_again(sandbox, ledger):
    contact_id, before = ids(sandbox)[0], len(children(sandbox, "notes"))
    inputs = [(contact_id, NoteDraft(body="Called"))]
    async with client_of(sandbox, retry=ONCE) as ghl:
        sandbox.faults.add(**HALF_DONE, method="POST", path_contains="/notes")
        await dies(bulk.create_notes(ghl, inputs, ledger=ledger), sandbox, 0)
        sandbox.faults.add(kind="refused", status=403, method="GET", path_contains="/notes", times=4)
        (outcome,) = await collected(bulk.create_notes(ghl, inputs, ledger=ledger))
        assert outcome.kind == "unknown"
        sandbox.faults.clear()
        (outcome,) = await collected(bulk.create_notes(ghl, inputs, ledger=ledger))
    assert outcome.kind == "ok"
    assert len(children(sandbox, "notes")) == before + 1


async def test_a_client_that_is_closed_leaves_nothing_failed(sandbox, ledger):
    inputs = [(each, NoteDraft(body="Called")) for each in ids(sandbox)]
    before = len(children(sandbox, "notes"))
    sandbox.limits.change(requests=20, interval_seconds=1.0)
    run = None
    async with client_of(sandbox) as ghl:
        run = aiter(bulk.create_notes(ghl, inputs, ledger=ledger))
        await anext(run)
    with contextlib.suppress(UsageError):
        async for _ in run:
            pass
    assert "failed" not in {state for _, state, *_ in rows(ledger)}
    sandbox.limits.change(requests=10_000, interval_seconds=1.0)
    async with client_of(sandbox) as ghl:
        assert (await bulk.create_notes(ghl, inputs, ledger=ledger)).written.ok == 120
    assert len(children(sandbox, "notes")) == before + 120


@pytest.mark.parametrize(
    ("fault", "goes_on"),
    [
        ({"kind": "refused", "status": 401}, False),
        ({"kind": "server_error", "times": 1}, True),
    ],
)
async def test_a_part_of_a_batch_that_is_refused_or_in_doubt_is_called_so(sandbox, ledger, fault, goes_on):
    """The server takes 40 contacts a request, which the first refusal teaches: the second of two fails."""
    sandbox.state.rules.change(bulk_tags_refuse=40)
    sandbox.faults.add(**fault, method="POST", path_contains="/bulk/tags", after=2)
    some = ids(sandbox)[:80]
    async with client_of(sandbox, retry=ONCE) as ghl:
        if goes_on:
            assert (await bulk.tag(ghl, some, add=["vip"], ledger=ledger)).written == bulk.Written(ok=40, unknown=40)
        else:
            with pytest.raises(ScopeMissing):
                await bulk.tag(ghl, some, add=["vip"], ledger=ledger)
        sandbox.faults.clear()
        assert {state for _, state, *_ in rows(ledger)} == {"ok", "unknown" if goes_on else "intended"}
        again = await bulk.tag(ghl, some, add=["vip"], ledger=ledger)
    assert again.written == bulk.Written(ok=80, earlier=40)


async def test_a_slow_source_is_written_as_it_comes_and_lets_others_run(sandbox):
    """It blocks for a while before each input, and is no async one."""
    some = ids(sandbox)[:30]

    def slow():
        for each in some:
            time.sleep(0.04)
            yield each, ContactChanges(city="Bern")

    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with client_of(sandbox) as ghl:
        beside = asyncio.create_task(others())
        run = aiter(bulk.update(ghl, slow()))
        await anext(run)
        sent = requests(sandbox)
        assert [outcome.kind async for outcome in run] == ["ok"] * 29
        beside.cancel()
        assert (turns > 30, sent < 30) == (True, True)
        before = requests(sandbox)
        tagged = await bulk.tag(ghl, (each for each, _ in slow()), add=["vip"])
        assert (tagged.written.ok, requests(sandbox) - before) == (30, 1), "a batch waits for the rest of it"

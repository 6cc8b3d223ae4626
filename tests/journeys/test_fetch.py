"""bulk.fetch against the sandbox: everything once, in order, and what fails stands beside what did not.

Tests with `doors` run four times: with the searches for many contacts granted, refused, refused midway and clamped.
"""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ghl_async import ContactQuery, RetryPolicy, bulk
from ghl_async.errors import Unauthorized, UsageError
from ghl_async.hooks import RecordQuarantined
from ghl_async.sandbox import Sandbox

from .conftest import DOORS, client_of, set_doors
from .truth import KINDS, true_records

QUICK = RetryPolicy(attempts=2, base_seconds=0.0)


async def test_fetch_yields_every_contact_once_with_all_that_belongs_to_it(sandbox, ghl, doors):
    seen = []
    run = bulk.fetch(ghl)
    async for bundle in run:
        seen.append((("contacts", bundle.id), bundle.contact))
        assert bundle.complete == ("tasks", "notes", "appointments")
        for kind in bundle.complete:
            seen += [((kind, bundle.id, child.id), child) for child in getattr(bundle, kind)]
    records = {key: msgspec.json.decode(record.raw) for key, record in seen}
    for key, record in records.items():
        if key[0] == "contacts":
            del record["searchAfter"]  # it belongs to the search, not to the contact
    assert len(records) == len(seen), "none came twice"
    assert records == true_records(sandbox, like=records if doors in {"granted", "clamped"} else None)
    assert run.summary.reason == "finished"
    assert run.summary.exit_code == 0
    assert (run.summary.found, run.summary.server_total, run.summary.contacts) == (120, 120, 120)


@pytest.mark.usefixtures("refused")
async def test_contact_by_contact_a_contact_costs_a_request_for_each_kind(sandbox, ghl):
    summary = await bulk.fetch(ghl)
    by_route = sandbox.log.counts()["by_route"]
    assert [by_route.pop(f"GET /contacts/{{contactId}}/{kind}") for kind in KINDS] == [120] * 3
    assert by_route.pop("POST /contacts/search") <= 3  # a page, the empty page behind it, and where the events begin
    assert by_route == {
        "POST /locations/{locationId}/tasks/search": 1,
        "POST /notes/search": 1,
        "GET /calendars/": 1,
        "GET /calendars/events": 1,
    }
    assert summary.requests == sandbox.log.counts()["requests"]


@pytest.mark.usefixtures("doors")
async def test_fetch_keeps_the_order_of_the_search(ghl):
    ids = [bundle.id async for bundle in bulk.fetch(ghl, ContactQuery(sort="date_added"), include=("tasks",))]
    assert ids == [contact.id async for contact in ghl.contacts.iterate(ContactQuery(sort="date_added"))]


async def test_fetch_reads_only_what_is_included(sandbox, ghl, doors):
    run = bulk.fetch(ghl, include=("notes",))
    assert {bundle.complete async for bundle in run} == {("notes",)}
    asked = {"POST /contacts/search", "POST /notes/search"}
    if doors in {"refused", "midway"}:
        asked.add("GET /contacts/{contactId}/notes")
    assert set(sandbox.log.counts()["by_route"]) == asked


async def test_fetch_of_contacts_alone_costs_a_request_for_five_hundred(ghl):
    summary = await bulk.fetch(ghl, include=())
    assert (summary.contacts, summary.requests) == (120, 2)


@pytest.mark.usefixtures("refused")
async def test_a_child_that_cannot_be_read_is_a_failure_of_its_own(sandbox):
    victim = sandbox.state.main.id_of(next(iter(sandbox.state.main.walk(descending=False))))
    sandbox.faults.add(kind="server_error", path_contains=f"{victim}/notes")
    async with client_of(sandbox, retry=QUICK) as ghl:
        run = bulk.fetch(ghl)
        bundles = {bundle.id: bundle async for bundle in run}
    assert len(bundles) == 120
    assert bundles[victim].complete == ("tasks", "appointments")
    assert [(failure.contact_id, failure.kind) for failure in run.summary.failures] == [(victim, "notes")]
    assert "500" in run.summary.failures[0].reason
    assert run.summary.exit_code == 4


@pytest.mark.usefixtures("doors")
async def test_a_server_that_fails_for_every_contact_ends_the_run(sandbox):
    sandbox.faults.add(kind="server_error", method="GET", path_contains="/notes")
    sandbox.faults.add(kind="server_error", path_contains="/notes/search")
    async with client_of(sandbox, retry=QUICK) as ghl:
        run = bulk.fetch(ghl)
        with pytest.raises(Exception, match=r"notes.list: 500"):
            await run
    assert run.summary.reason == "failed"
    assert run.summary.exit_code == 1


@pytest.mark.usefixtures("refused")
async def test_a_contact_deleted_meanwhile_is_said_to_have_vanished(sandbox, ghl):
    gone = None
    run = bulk.fetch(ghl, ContactQuery(sort="date_added"))
    async for _ in run:
        if gone is None:
            gone = sandbox.state.main.id_of(list(sandbox.state.main.walk(descending=False))[-1])
            sandbox.state.main.delete(gone)
    assert run.summary.vanished == 1
    assert run.summary.contacts == 119
    assert run.summary.exit_code == 0


@pytest.mark.parametrize("doors", DOORS)
async def test_records_that_do_not_decode_are_quarantined_and_told(doors):
    told = []
    async with (
        Sandbox(contacts=60, poison=3, requests=1_000_000, interval_seconds=1.0) as sandbox,
        client_of(sandbox, hooks=[told.append]) as ghl,
    ):
        set_doors(sandbox, doors)
        run = bulk.fetch(ghl)
        bundles = [bundle async for bundle in run]
    broken = [bundle for bundle in bundles if bundle.contact is None]
    assert len(bundles) == 60
    assert {apart.kind for bundle in bundles for apart in bundle.quarantined} == {"contact", "task"}
    assert len(broken) == 3
    assert all(bundle.complete == ("tasks", "notes", "appointments") for bundle in broken)
    assert run.summary.quarantined == len([event for event in told if isinstance(event, RecordQuarantined)]) > 3


@pytest.mark.usefixtures("doors")
async def test_leaving_the_loop_early_stops_the_run(sandbox, ghl):
    run = bulk.fetch(ghl)
    async for _ in run:
        break
    await asyncio.sleep(0)
    summary = await run
    assert summary.reason == "stopped"
    assert summary.contacts == 1
    assert summary.exit_code == 3
    assert sandbox.log.counts()["requests"] < 300


@pytest.mark.usefixtures("doors")
async def test_stop_ends_the_stream(ghl):
    run = bulk.fetch(ghl)
    count = 0
    async for _ in run:
        count += 1
        if count == 10:
            run.stop()
    assert count == 10
    assert run.summary.reason == "stopped"


async def test_a_run_is_used_once(ghl):
    run = bulk.fetch(ghl, include=())
    await run
    with pytest.raises(UsageError, match="once"):
        async for _ in run:
            pass
    assert (await run).contacts == 120  # its summary stays


async def test_progress_tells_how_far_it_is(ghl):
    run = bulk.fetch(ghl)
    async for _ in run:
        progress = run.progress
    assert (progress.contacts, progress.contacts_total) == (120, 120)
    assert progress.requests == run.summary.requests
    assert progress.quota_per_second == 1_000_000
    assert progress.eta_seconds == 0


@pytest.mark.parametrize("include", [("taks",), "tasks", ("tasks", "calls")])
async def test_an_unknown_kind_is_refused_before_anything_is_sent(sandbox, ghl, include):
    with pytest.raises(UsageError, match="include"):
        bulk.fetch(ghl, include=include)
    assert sandbox.log.counts()["requests"] == 0


async def test_a_wrong_token_ends_the_run_with_one_request(sandbox):
    async with client_of(sandbox, token="pit-00000000-0000-0000-0000-000000000000") as ghl:
        with pytest.raises(Unauthorized, match="Invalid Private Integration token"):
            await bulk.fetch(ghl)
    assert sandbox.log.counts()["requests"] == 1


@pytest.mark.usefixtures("refused")
async def test_memory_is_bounded_by_the_contacts_under_way(sandbox, ghl):
    """A consumer that stops taking stops the reading."""
    run = bulk.fetch(ghl)
    async for _ in run:
        await asyncio.sleep(0.2)
        break
    assert sandbox.log.counts()["by_route"]["GET /contacts/{contactId}/tasks"] <= 64 + 2

"""Bulk writes: any iterable in, one Outcome for each input, and the location as it was asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from ghl_async import Quota, RetryPolicy, bulk
from ghl_async.bulk import _inputs, _writing
from ghl_async.errors import DuplicateContact, NotFound, OutcomeUnknown, ServerError, Unauthorized, UsageError
from ghl_async.models import BusinessDraft, ContactChanges, ContactDraft, NoteDraft, TaskDraft
from ghl_async.sandbox import Sandbox
from ghl_async.sandbox.admin import truth

from .conftest import client_of

AT = datetime(2030, 7, 17, 15, 30, tzinfo=UTC)
WRITES = {"POST", "PUT", "DELETE"}


def everything(sandbox):
    """Every contact with its children, as the API shows them."""
    return truth(sandbox.state.main, 0, 10**9)["contacts"]


def contacts(sandbox):
    return {each["contact"]["id"]: each["contact"] for each in everything(sandbox)}


def ids(sandbox):
    return sorted(contacts(sandbox))


def children(sandbox, kind):
    return {(each["contact"]["id"], child["id"]): child for each in everything(sandbox) for child in each[kind]}


def requests(sandbox):
    return sandbox.log.counts()["requests"]


def writes(sandbox):
    """How many requests have changed something."""
    routes = sandbox.log.counts()["by_route"]
    return sum(count for route, count in routes.items() if route.split()[0] in WRITES and "search" not in route)


async def collected(run):
    """All outcomes in the order of the inputs, each input once."""
    outcomes = [outcome async for outcome in run]
    outcomes.sort(key=lambda outcome: outcome.position)
    assert [outcome.position for outcome in outcomes] == [*range(len(outcomes))]
    return outcomes


def kinds(outcomes):
    return Counter(outcome.kind for outcome in outcomes)


async def test_contacts_are_changed_and_each_input_has_one_outcome(sandbox, ghl):
    run = bulk.update(ghl, ((each, ContactChanges(city="Bern")) for each in ids(sandbox)))
    outcomes = await collected(run)
    assert kinds(outcomes) == {"ok": 120}
    assert [outcome.contact_id for outcome in outcomes] == ids(sandbox)
    assert {each["city"] for each in contacts(sandbox).values()} == {"Bern"}
    assert requests(sandbox) == 120
    assert run.summary.reason == "finished"
    assert run.summary.exit_code == 0
    assert run.summary.written == bulk.Written(ok=120)
    assert not run.summary.resumable


async def test_a_bad_input_fails_with_its_place_and_the_others_go_on(sandbox, ghl):
    first, second, *_ = ids(sandbox)
    inputs = [
        (first, ContactChanges(city="Bern")),
        (first, ContactChanges(email="no address")),
        ("a/b", ContactChanges(city="Bern")),
        ("0" * 20, ContactChanges(city="Bern")),
        (second, ContactChanges(tags=["vip"])),
        (second, ContactDraft(city="Bern")),
        "something else",
        (second, ContactChanges(city="Chur")),
    ]
    run = bulk.update(ghl, inputs)
    outcomes = await collected(run)
    assert [outcome.kind for outcome in outcomes] == ["ok", *["failed"] * 6, "ok"]
    assert "email" in outcomes[1].reason
    assert isinstance(outcomes[3].error, NotFound)
    assert all(isinstance(outcomes[place].error, UsageError) for place in (1, 2, 4, 5, 6))
    assert contacts(sandbox)[second]["city"] == "Chur"
    assert writes(sandbox) == 3, "a bad input is not sent"
    assert run.summary.exit_code == 4
    assert run.summary.failed == 6
    assert "input 1:" in run.summary.failures[0].reason


async def test_an_input_that_breaks_its_check_spoils_no_other(sandbox, ghl):
    first, second, *_ = ids(sandbox)
    beyond = {"contact.pincode": 10**5000}  # which Python does not even show
    inputs = [(first, ContactChanges(custom_fields=beyond)), (second, ContactChanges(city="Chur"))]
    outcomes = await collected(bulk.update(ghl, inputs))
    assert [outcome.kind for outcome in outcomes] == ["failed", "ok"]
    assert outcomes[0].reason.startswith("it cannot be checked: ValueError: ")


async def test_inputs_come_from_an_async_source_as_they_come(sandbox, ghl):
    some, done = ids(sandbox)[:3], asyncio.Queue()

    async def slowly():
        for each in some:
            yield each, ContactChanges(city="Bern")
            assert (await done.get()).contact_id == each  # the next one comes only when this one is done

    async for outcome in bulk.update(ghl, slowly()):
        done.put_nowait(outcome)
    assert writes(sandbox) == 3


async def test_an_endless_source_is_taken_only_as_far_as_its_outcomes_are(sandbox, ghl):
    taken, one = 0, ids(sandbox)[0]

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield one, ContactChanges(email="no address")

    run, told = bulk.update(ghl, endless()), 0
    async for _ in run:
        told += 1
        if told == 100:
            await asyncio.sleep(0.05)  # time to take more than is allowed
            assert taken <= 100 + _writing.WAITING + _inputs.CHUNK
        if told == 20_000:
            run.stop()
            break
    assert taken <= 20_000 + _writing.WAITING + _inputs.CHUNK


async def test_changes_of_one_contact_keep_their_order(sandbox, ghl):
    sandbox.faults.add(kind="slow", seconds=0.05, method="PUT", rate=0.2)
    some = ids(sandbox)[:10]
    inputs = [(each, ContactChanges(city=f"city {turn}")) for turn in range(12) for each in some]
    outcomes = await collected(bulk.update(ghl, inputs))
    assert kinds(outcomes) == {"ok": 120}
    assert {contacts(sandbox)[each]["city"] for each in some} == {"city 11"}


async def test_diff_reads_by_pages_and_sends_only_what_differs(sandbox, ghl):
    some = ids(sandbox)
    await bulk.update(ghl, [(each, ContactChanges(city="Bern", last_name=None)) for each in some[:100]])
    before = requests(sandbox)
    changes = ContactChanges(city="Bern", last_name=None)
    outcomes = await collected(bulk.update(ghl, [(each, changes) for each in some], diff=True))
    assert kinds(outcomes) == {"unchanged": 100, "ok": 20}
    assert requests(sandbox) - before == 2 + 20


async def test_diff_does_not_compare_with_what_this_run_has_written(sandbox, ghl):
    """The search shows a contact as it was before: the second change would seem superfluous."""
    one = ids(sandbox)[0]
    city = contacts(sandbox)[one]["city"]
    inputs = [(one, ContactChanges(city="Elsewhere")), (one, ContactChanges(city=city))]
    outcomes = await collected(bulk.update(ghl, inputs, diff=True))
    assert kinds(outcomes) == {"ok": 2}
    assert contacts(sandbox)[one]["city"] == city


async def test_a_dry_run_sends_nothing_and_says_what_it_would_cost(sandbox, ghl):
    some = ids(sandbox)
    run = bulk.update(ghl, [(each, ContactChanges(city="Bern")) for each in some], dry_run=True)
    outcomes = await collected(run)
    assert kinds(outcomes) == {"planned": 120}
    assert outcomes[0].reason == "contacts.update: city"
    assert requests(sandbox) == 0
    assert run.summary.written.requests_planned == 120
    tagging = bulk.tag(ghl, some, add=["vip"], remove=["old"], dry_run=True)
    assert (await tagging).written.requests_planned == 2
    at_once = bulk.create_tasks(ghl, [(some[0], TaskDraft(title="Call", due_date=AT))], dry_run=True)
    assert (await at_once).written.requests_planned == 2
    upserting = bulk.upsert(ghl, [ContactDraft(email="a@example.com", phone="+12025550147")], dry_run=True)
    assert (await upserting).written.requests_planned == 3
    assert requests(sandbox) == 0


async def test_contacts_are_created_and_a_duplicate_names_the_one_that_is_there(sandbox, ghl):
    drafts = [ContactDraft(first_name="Ann", email=f"a{number}@example.com") for number in range(30)]
    run = bulk.create(ghl, [*drafts, drafts[0], "no draft"])
    outcomes = await collected(run)
    assert kinds(outcomes) == {"ok": 30, "failed": 2}
    there = contacts(sandbox)
    assert len(there) == 150
    assert {there[outcome.contact_id]["email"] for outcome in outcomes[:30]} == {draft.email for draft in drafts}
    assert isinstance(outcomes[30].error, DuplicateContact)
    assert outcomes[30].error.contact_id == outcomes[0].contact_id


async def test_upserts_of_one_address_keep_their_order(sandbox, ghl):
    drafts = [ContactDraft(email="ann@example.com", city=f"city {turn}") for turn in range(5)]
    outcomes = await collected(bulk.upsert(ghl, drafts))
    assert kinds(outcomes) == {"ok": 5}
    (one,) = {outcome.contact_id for outcome in outcomes}
    assert contacts(sandbox)[one]["city"] == "city 4"


async def test_contacts_are_deleted_and_one_that_is_not_there_fails(sandbox, ghl):
    some = ids(sandbox)
    outcomes = await collected(bulk.delete(ghl, [*some[:50], some[0]]))
    assert kinds(outcomes) == {"ok": 50, "failed": 1}
    assert ids(sandbox) == some[50:]


async def test_tags_go_by_hundreds_and_each_contact_has_its_outcome(sandbox, ghl):
    some = ids(sandbox)
    sandbox.state.rules.change(bulk_tags_refuse=50)
    run = bulk.tag(ghl, [*some, "0" * 20, some[0]], add=["VIP"])
    outcomes = await collected(run)
    assert kinds(outcomes) == {"ok": 121, "failed": 1}
    assert outcomes[120].reason == "contact does not belong to location"
    assert all("vip" in each["tags"] for each in contacts(sandbox).values())
    assert requests(sandbox) == 7, "121 and 60 are refused, and 30 at once are taken"
    changed = await bulk.tag(ghl, some, add=["new"], remove=["vip"], diff=True)
    assert changed.written == bulk.Written(ok=120)
    assert (await bulk.tag(ghl, some, add=["new"], remove=["vip"], diff=True)).written == bulk.Written(unchanged=120)


@pytest.mark.parametrize(
    "options", [{}, {"add": "vip"}, {"add": [" "]}, {"add": ["a"], "remove": ["A"]}, {"remove": [1]}]
)
async def test_tags_that_make_no_sense_are_refused_at_once(sandbox, ghl, options):
    with pytest.raises(UsageError):
        bulk.tag(ghl, ids(sandbox), **options)


async def test_contacts_are_moved_to_a_business_and_out_of_it(sandbox, ghl):
    business = await ghl.businesses.create(BusinessDraft(name="Example Ltd"))
    some, before = ids(sandbox), requests(sandbox)
    assert (await bulk.assign(ghl, some, business.id)).written == bulk.Written(ok=120)
    assert requests(sandbox) - before == 3
    assert {each["businessId"] for each in contacts(sandbox).values()} == {business.id}
    again = await bulk.assign(ghl, [*some, "0" * 20], business.id, diff=True)
    assert again.written == bulk.Written(unchanged=120, failed=1)
    await bulk.assign(ghl, some, None)
    assert {each["businessId"] for each in contacts(sandbox).values()} == {None}
    with pytest.raises(UsageError):
        bulk.assign(ghl, some, "a/b")


async def test_tasks_are_created_completed_and_deleted(sandbox, ghl):
    before, some = children(sandbox, "tasks"), ids(sandbox)[:40]
    draft = TaskDraft(title="Call", due_date=AT)
    outcomes = await collected(bulk.create_tasks(ghl, [(each, draft) for each in some * 2]))
    made = [(outcome.contact_id, outcome.record_id) for outcome in outcomes]
    assert children(sandbox, "tasks").keys() == before.keys() | {*made}
    assert len({*made}) == 80
    assert (await bulk.complete_tasks(ghl, made)).written.ok == 80
    assert all(children(sandbox, "tasks")[each]["completed"] for each in made)
    assert (await bulk.delete_tasks(ghl, made)).written.ok == 80
    assert children(sandbox, "tasks") == before


async def test_notes_are_created_and_deleted(sandbox, ghl):
    before, some = children(sandbox, "notes"), ids(sandbox)[:40]
    inputs = [*((each, NoteDraft(body="Called")) for each in some), (some[0], NoteDraft(body=" ")), (some[0], "?")]
    outcomes = await collected(bulk.create_notes(ghl, inputs))
    assert kinds(outcomes) == {"ok": 40, "failed": 2}
    made = [(outcome.contact_id, outcome.record_id) for outcome in outcomes[:40]]
    assert children(sandbox, "notes").keys() == before.keys() | {*made}
    assert (await bulk.delete_notes(ghl, made)).written.ok == 40
    assert children(sandbox, "notes") == before


@pytest.mark.parametrize("inputs", ["0" * 20, {"id": ContactChanges(city="Bern")}, 3, None])
async def test_what_is_no_source_is_refused_at_once(ghl, inputs):
    with pytest.raises(UsageError, match="iterable"):
        bulk.update(ghl, inputs)


async def test_a_source_that_breaks_ends_the_run_behind_what_is_done(sandbox, ghl):
    def broken():
        yield from ids(sandbox)[:3]
        raise LookupError("the file ends here")

    run = bulk.delete(ghl, broken())
    with pytest.raises(LookupError):
        await run
    assert run.summary.reason == "failed"
    assert len(ids(sandbox)) == 120, "the chunk was not complete"


async def test_a_token_that_is_refused_ends_the_run(sandbox):
    async with client_of(sandbox, token="pit-00000000-0000-0000-0000-000000000000") as ghl:
        run = bulk.delete(ghl, ids(sandbox))
        with pytest.raises(Unauthorized):
            await run
    assert run.summary.reason == "failed"
    assert run.summary.written.failed == 0


async def test_a_server_that_is_down_ends_the_run_before_all_inputs_have_failed(sandbox):
    sandbox.faults.add(kind="server_error", method="PUT")
    async with client_of(sandbox, retry=RetryPolicy(attempts=1)) as ghl:
        run = bulk.update(ghl, [(each, ContactChanges(city="Bern")) for each in ids(sandbox)])
        with pytest.raises(ServerError):
            await run
    assert 25 <= run.summary.written.unknown < 120, "nobody knows of a 500 whether it was applied"


async def test_the_day_s_quota_ends_the_run_in_peace():
    async with Sandbox(contacts=60, requests=100_000, interval_seconds=1.0, daily=40) as sandbox:
        async with client_of(sandbox, quota=Quota(daily_floor=10)) as ghl:
            run = bulk.update(ghl, [(each, ContactChanges(city="Bern")) for each in ids(sandbox)])
            summary = await run
        assert summary.reason == "daily quota"
        assert not summary.resumable, "there is no ledger"
        assert 0 < summary.written.ok <= 40


async def test_a_run_that_is_stopped_ends_what_it_has_sent(sandbox, ghl):
    run = bulk.update(ghl, [(each, ContactChanges(city="Bern")) for each in ids(sandbox)])
    told = 0
    async for _ in run:
        told += 1
        run.stop()
    assert run.summary.reason == "stopped"
    assert told == run.summary.written.ok == writes(sandbox)
    assert told < 120


async def test_an_outcome_shows_what_was_sent_and_what_became_of_it(sandbox, ghl):
    contact_id = ids(sandbox)[0]
    (changed,) = await collected(bulk.update(ghl, [(contact_id, ContactChanges(city="Bern"))]))
    assert (changed.record.id, changed.record.city, dict(changed.sent)) == (contact_id, "Bern", {"city": "Bern"})
    (made,) = await collected(bulk.create(ghl, [ContactDraft(last_name="Byron", email="ada@example.com")]))
    assert (made.record.id, made.what, changed.what) == (made.contact_id, "added", "changed")
    (noted,) = await collected(bulk.create_notes(ghl, [(contact_id, NoteDraft(body="Called"))]))
    assert (noted.record.id, noted.record.body, noted.what) == (noted.record_id, "Called", "added")
    (tagged,) = await collected(bulk.tag(ghl, [contact_id], add=["vip"]))
    assert (tagged.record, tagged.what, tagged.sent["addTags"]) == (None, "changed", ["vip"])


async def test_a_source_that_is_cancelled_does_not_pass_for_one_that_has_ended(sandbox, ghl):
    async def source():
        yield ids(sandbox)[0], ContactChanges(city="Bern")
        raise asyncio.CancelledError

    run = bulk.update(ghl, source())
    with pytest.raises(UsageError, match="cancelled in the middle"):
        await run
    assert run.summary.reason == "failed"


async def test_creates_end_when_the_server_is_down(sandbox, ghl):
    sandbox.faults.add(kind="server_error", method="POST", path_contains="/notes")
    inputs = [(each, NoteDraft(body="Called")) for each in ids(sandbox)] * 4
    run = bulk.create_notes(ghl, inputs)
    with pytest.raises(OutcomeUnknown):
        await run
    assert run.summary.written.all < 200


async def test_contacts_of_somebody_else_fail_alone_however_many_come_first(sandbox, ghl):
    foreign = [(f"{each[:-4]}zzzz", ContactChanges(city="Bern")) for each in ids(sandbox)]
    own = [(each, ContactChanges(city="Bern")) for each in ids(sandbox)]
    outcomes = await collected(bulk.update(ghl, foreign + own))
    assert kinds(outcomes) == {"failed": 120, "ok": 120}


async def test_the_summary_counts_what_was_sent_when_the_loop_is_left(sandbox, ghl):
    run = bulk.update(ghl, [(each, ContactChanges(city="Bern")) for each in ids(sandbox)])
    items = aiter(run)
    await anext(items)
    await items.aclose()
    assert run.summary.written.ok == sum(each["city"] == "Bern" for each in contacts(sandbox).values())


async def test_an_input_that_could_not_be_made_fails_with_its_own_reason(sandbox, ghl):
    inputs = [UsageError("line 2: no date"), (ids(sandbox)[0], ContactChanges(city="Bern"))]
    first, second = sorted(await collected(bulk.update(ghl, inputs)), key=lambda each: each.position)
    assert (first.kind, first.reason, second.kind) == ("failed", "line 2: no date", "ok")

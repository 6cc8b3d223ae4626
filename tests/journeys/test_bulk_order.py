"""Writes to one contact end as the last input says, and every input is done once, however often the run was ended."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ghl_async import bulk
from ghl_async.bulk import _sightings
from ghl_async.errors import StoreMismatch
from ghl_async.models import ContactChanges, ContactDraft, NoteDraft

from .test_bulk_ledger import rows
from .test_bulk_update import children, collected, contacts, ids, requests


def first_fails(sandbox, contact_id, times=1):
    sandbox.faults.add(kind="refused", status=404, method="PUT", path_contains=contact_id, times=times)


@pytest.fixture
def two(sandbox):
    """Two changes of one contact, of which the first will fail."""
    contact_id = ids(sandbox)[0]
    first_fails(sandbox, contact_id)
    return [(contact_id, ContactChanges(city="First")), (contact_id, ContactChanges(city="Last"))]


async def stopped_behind_the_first_it_sends(run):
    async for outcome in run:
        if not outcome.earlier:
            run.stop()


@pytest.mark.parametrize("between", [0, 714], ids=["at once", "a chunk away"])
async def test_a_run_that_ends_between_a_change_and_its_followers_leaves_them_to_the_next(
    sandbox, ghl, ledger, two, between
):
    others = [(each, ContactChanges(city="x")) for each in ids(sandbox)[1:]] * (between // 119)
    inputs = [two[0], *others, two[1]]
    assert (await bulk.update(ghl, inputs, ledger=ledger)).written.failed == 1
    await stopped_behind_the_first_it_sends(bulk.update(ghl, inputs, ledger=ledger))
    before = requests(sandbox)
    assert (await bulk.update(ghl, inputs, ledger=ledger)).written.ok == len(inputs)
    assert contacts(sandbox)[two[0][0]]["city"] == "Last"
    assert requests(sandbox) - before <= 1
    again = await bulk.update(ghl, inputs, ledger=ledger)
    assert again.written == bulk.Written(ok=len(inputs), earlier=len(inputs))


async def test_so_it_is_with_upserts_that_have_the_phone_or_the_email_in_common(sandbox, ghl, ledger):
    email, phone = "ada@example.com", "+12025550147"
    inputs = [
        ContactDraft(first_name="Old", email=email, phone=phone),
        ContactDraft(first_name="New", phone=phone),
        ContactDraft(last_name="Newest", email=email),
    ]
    sandbox.faults.add(kind="refused", status=404, path_contains="/contacts/upsert", times=1)
    assert (await bulk.upsert(ghl, inputs, check=False, ledger=ledger)).written.failed == 1
    await stopped_behind_the_first_it_sends(bulk.upsert(ghl, inputs, check=False, ledger=ledger))
    await bulk.upsert(ghl, inputs, check=False, ledger=ledger)
    last = await bulk.upsert(ghl, inputs, check=False, ledger=ledger)
    assert last.written == bulk.Written(ok=3, earlier=3)
    with contextlib.closing(sqlite3.connect(ledger)) as database:
        assert database.execute("SELECT run FROM writes ORDER BY position").fetchall() != [(1,), (1,), (1,)]
    made = [each for each in contacts(sandbox).values() if each.get("phone") == phone]
    assert [each["firstName"].casefold() for each in made] == ["new"]
    assert {each.contact_id for each in await collected(bulk.upsert(ghl, inputs, check=False, ledger=ledger))} >= {
        made[0]["id"]
    }


async def test_a_change_that_fails_for_ever_lets_its_followers_be(sandbox, ghl, ledger, two):
    inputs = [two[0], *[(two[0][0], ContactChanges(city=f"c{number}")) for number in range(30)]]
    assert (await bulk.update(ghl, inputs, ledger=ledger)).written == bulk.Written(ok=30, failed=1)
    for _ in range(2):
        first_fails(sandbox, two[0][0])
        before = requests(sandbox)
        again = await bulk.update(ghl, inputs, ledger=ledger)
        assert again.written == bulk.Written(ok=30, failed=1, earlier=30)
        assert requests(sandbox) - before == 1
    assert contacts(sandbox)[two[0][0]]["city"] == "c29"


async def test_one_that_follows_and_fails_does_not_keep_those_behind_it_from_following(sandbox, ghl, ledger, two):
    inputs = [two[0], (two[0][0], ContactChanges(website="https://a.example.com")), two[1]]
    assert (await bulk.update(ghl, inputs, ledger=ledger)).written == bulk.Written(ok=2, failed=1)
    sandbox.faults.add(kind="refused", status=404, method="PUT", path_contains=two[0][0], after=1, times=1)
    assert (await bulk.update(ghl, inputs, ledger=ledger)).written == bulk.Written(ok=2, failed=1)
    assert contacts(sandbox)[two[0][0]]["city"] == "Last"


async def test_a_dry_run_counts_those_that_would_follow(sandbox, ghl, ledger, two):
    await bulk.update(ghl, two, ledger=ledger)
    planned = (await bulk.update(ghl, two, ledger=ledger, dry_run=True)).written
    before = requests(sandbox)
    assert (await bulk.update(ghl, two, ledger=ledger)).written == bulk.Written(ok=2)
    assert (planned.planned, planned.requests_planned) == (2, requests(sandbox) - before)


async def test_a_ledger_of_the_first_version_goes_on_and_keeps_the_order(sandbox, ghl, ledger, two):
    await bulk.update(ghl, two, ledger=ledger)
    with contextlib.closing(sqlite3.connect(ledger)) as database, database:
        database.execute("DROP TABLE keys")
        database.execute("DROP INDEX writes_digest")
        database.execute("ALTER TABLE writes DROP COLUMN run")
        database.execute("ALTER TABLE writes DROP COLUMN at")
        database.execute("DELETE FROM meta WHERE key = 'runs'")
        database.execute("PRAGMA user_version = 1")
    assert (await bulk.update(ghl, two, ledger=ledger, dry_run=True)).written.planned == 2
    await stopped_behind_the_first_it_sends(bulk.update(ghl, two, ledger=ledger))
    assert (await bulk.update(ghl, two, ledger=ledger)).written.ok == 2
    assert contacts(sandbox)[two[0][0]]["city"] == "Last"
    with contextlib.closing(sqlite3.connect(ledger)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)


@pytest.mark.parametrize("at", [0, 490], ids=["in the first place", "at a chunk's edge"])
async def test_without_its_failed_rows_an_input_is_refused_before_anything_is_doubled(sandbox, ghl, ledger, at):
    some, before = ids(sandbox), len(children(sandbox, "notes"))
    good = [(some[number % 120], NoteDraft(body=f"n{number}")) for number in range(505)]
    bad = [(some[0], NoteDraft(body=" "))] * 10
    await bulk.create_notes(ghl, [*good[:at], *bad, *good[at:]], ledger=ledger)
    sent = requests(sandbox)
    with pytest.raises(StoreMismatch, match="leave a failed one where it was"):
        await bulk.create_notes(ghl, good, ledger=ledger)
    assert requests(sandbox) == sent
    assert len(children(sandbox, "notes")) == before + 505
    mended = [(some[0], NoteDraft(body=f"mended {number}")) for number in range(10)]
    written = (await bulk.create_notes(ghl, [*good[:at], *mended, *good[at:]], ledger=ledger)).written
    assert written == bulk.Written(ok=515, earlier=505)
    assert {state for _, state, *_ in rows(ledger)} == {"ok"}


async def test_what_was_written_is_forgotten_after_a_minute_and_not_while_it_is_under_way(monkeypatch):
    class Client:
        background = None

    class One:
        contact_id = "a"

    now = 1000.0
    monkeypatch.setattr(_sightings.time, "time", lambda: now)
    seen = _sightings.Sightings(Client(), None)
    seen.begin(One)
    seen.begin(One)
    now += 1000
    seen.end(One)
    now += 1000
    assert seen.still(type("Contact", (), {"id": "a"})) is None
    seen.end(One)
    now += 59
    assert seen.still(type("Contact", (), {"id": "a"})) is None
    now += 2
    assert seen.still(type("Contact", (), {"id": "a"})) is not None


async def test_one_that_is_missing_costs_no_second_search(sandbox, ghl):
    some = ids(sandbox)[:99]
    await bulk.tag(ghl, some, add=["fresh"])
    before = requests(sandbox)
    written = (await bulk.tag(ghl, [*some, "0" * 20], add=["fresh"], diff=True)).written
    assert (written.unchanged, requests(sandbox) - before) == (99, 2), "a search, and the one that it does not show"

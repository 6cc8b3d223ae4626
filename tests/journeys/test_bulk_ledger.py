"""A bulk write that is made again with its ledger sends what is not confirmed, whatever ended the run before."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import sys

import pytest

from ghl_async import bulk
from ghl_async.errors import StoreBusy, StoreMismatch, UsageError
from ghl_async.models import ContactChanges, ContactDraft
from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .test_bulk_update import children, collected, contacts, ids, kinds, requests, writes

CHILD = """
import asyncio, sys
from ghl_async import GHLClient, bulk
from ghl_async.models import ContactChanges, ContactDraft, NoteDraft

MAKE = {
    "update": lambda number, id_: (id_, ContactChanges(city=f"city {number}")),
    "create": lambda number, id_: ContactDraft(last_name=f"n{number}", email=f"n{number}@example.com"),
    "create_notes": lambda number, id_: (id_, NoteDraft(body="Called")),
}

async def main():
    name, ledger, *ids = sys.argv[1:]
    inputs = [MAKE[name](number, id_) for number, id_ in enumerate(ids)]
    async with GHLClient.from_env() as ghl:
        run = getattr(bulk, name)(ghl, inputs, ledger=ledger)
        async for outcome in run:
            print(outcome.position, flush=True)
        print("ended", run.summary.written.ok, flush=True)

asyncio.run(main())
"""


def rows(ledger):
    with contextlib.closing(sqlite3.connect(ledger)) as database:
        return database.execute(
            "SELECT position, state, contact_id, record_id FROM writes ORDER BY position"
        ).fetchall()


@pytest.mark.parametrize("name", ["update", "create", "create_notes"])
async def test_killed_at_random_moments_nothing_is_lost_or_doubled(tmp_path, name):
    moments, path = random.Random(name), tmp_path / "killed.ledger"
    async with Sandbox(contacts=150, requests=60, interval_seconds=0.2, daily=1_000_000, lost=0.0) as sandbox:
        some, notes = ids(sandbox), children(sandbox, "notes")
        environment = {
            "GHL_TOKEN": sandbox.token,
            "GHL_LOCATION_ID": sandbox.location_id,
            "GHL_BASE_URL": sandbox.base_url,
        }
        for turn in range(4):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", CHILD, name, str(path), *some, env=environment, stdout=asyncio.subprocess.PIPE
            )
            if turn < 3:
                await child.stdout.readline()
                await asyncio.sleep(moments.uniform(0.0, 0.15))
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
            out, _ = await child.communicate()
        assert out.decode().splitlines()[-1] == "ended 150"
        assert [(position, state) for position, state, *_ in rows(path)] == [(each, "ok") for each in range(150)]
        if name == "update":
            assert [contacts(sandbox)[each]["city"] for each in some] == [f"city {number}" for number in range(150)]
        elif name == "create":
            made = sorted(contact_id for *_, contact_id, _ in rows(path))
            assert made == sorted({*ids(sandbox)} - {*some})
        else:
            made = {(contact_id, note_id) for *_, contact_id, note_id in rows(path)}
            assert children(sandbox, "notes").keys() - notes.keys() == made


async def test_on_a_full_disk_nothing_is_sent_that_is_not_noted_and_nothing_is_doubled(tmp_path):
    pytest.importorskip("resource", reason="this system has no limits on file sizes")
    path = tmp_path / "full.ledger"
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))\n" + CHILD
    async with Sandbox(contacts=150, interval_seconds=0.2, requests=1000, daily=1_000_000, lost=0.0) as sandbox:
        before = children(sandbox, "notes").keys()
        before, some = {*before}, ids(sandbox) * 4
        environment = {
            "GHL_TOKEN": sandbox.token,
            "GHL_LOCATION_ID": sandbox.location_id,
            "GHL_BASE_URL": sandbox.base_url,
        }
        said = []
        for program in (limited, CHILD):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", program, "create_notes", str(path), *some, env=environment,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            said.append(await child.communicate())
        assert b"StoreFailed" in said[0][1]
        assert b"the disk" in said[0][1]
        assert said[1][0].decode().splitlines()[-1] == "ended 600"
        made = children(sandbox, "notes").keys() - before
        assert len(made) == 600
        assert made == {(contact_id, note_id) for *_, contact_id, note_id in rows(path)}


@pytest.mark.parametrize("name", ["create", "create_notes"])
async def test_made_again_by_the_same_client_when_there_is_room_nothing_is_doubled(tmp_path, name):
    pytest.importorskip("resource", reason="this system has no limits on file sizes")
    once = CHILD.index("        run = ")
    twice = (
        "import resource\nfrom ghl_async.errors import StoreFailed\n"
        + CHILD[:once]
        + "        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))\n"
        "        try:\n"
        "            await getattr(bulk, name)(ghl, inputs, ledger=ledger)\n"
        "        except StoreFailed:\n"
        "            print('full', flush=True)\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        + CHILD[once:]
    )
    async with Sandbox(contacts=150, interval_seconds=0.2, requests=1000, daily=1_000_000, lost=0.0) as sandbox:
        before = len(ids(sandbox)) + len(children(sandbox, "notes"))
        environment = {
            "GHL_TOKEN": sandbox.token,
            "GHL_LOCATION_ID": sandbox.location_id,
            "GHL_BASE_URL": sandbox.base_url,
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", twice, name, str(tmp_path / "full.ledger"), *ids(sandbox) * 2, env=environment,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said = (await child.communicate())[0].decode().splitlines()
        assert (said[0], said[-1]) == ("full", "ended 300")
        assert len(ids(sandbox)) + len(children(sandbox, "notes")) - before == 300


async def test_a_run_that_is_made_again_sends_what_has_failed_and_no_more(sandbox, ghl, ledger):
    inputs = [(each, ContactChanges(city="Bern")) for each in ids(sandbox)]
    sandbox.faults.add(kind="refused", status=404, method="PUT", times=7)
    first = bulk.update(ghl, inputs, ledger=ledger)
    outcomes = await collected(first)
    assert kinds(outcomes) == {"ok": 113, "failed": 7}
    assert first.summary.resumable
    before = requests(sandbox)
    again = await collected(bulk.update(ghl, iter(inputs), ledger=ledger))
    assert kinds(again) == {"ok": 120}
    assert sum(outcome.earlier for outcome in again) == 113
    assert requests(sandbox) - before == 7
    last = bulk.update(ghl, inputs, ledger=str(ledger))
    assert (await last).written == bulk.Written(ok=120, earlier=120)
    assert not last.summary.resumable
    assert requests(sandbox) - before == 7


async def test_a_ledger_of_another_input_is_refused_before_anything_is_sent(sandbox, ghl, ledger):
    some = ids(sandbox)
    inputs = [(each, ContactChanges(city="Bern")) for each in some]
    await bulk.update(ghl, inputs, ledger=ledger)
    before = requests(sandbox)
    other = [*inputs[:-1], (some[-1], ContactChanges(city="Chur"))]
    for run, words in (
        (bulk.update(ghl, other, ledger=ledger), "another input"),
        (bulk.update(ghl, inputs[1:], ledger=ledger), "another input"),
        (bulk.update(ghl, inputs, replace_tags=True, ledger=ledger), "another write"),
        (bulk.delete(ghl, some, ledger=ledger), "another write"),
    ):
        with pytest.raises(StoreMismatch, match=words):
            await run
        assert run.summary.reason == "failed"
    assert requests(sandbox) == before
    longer = await bulk.update(ghl, [*inputs, (some[0], ContactChanges(city="Chur"))], ledger=ledger)
    assert longer.written == bulk.Written(ok=121, earlier=120)


async def test_what_is_no_ledger_is_refused(sandbox, ghl, tmp_path, ledger):
    inputs = [(ids(sandbox)[0], ContactChanges(city="Bern"))]
    with pytest.raises(UsageError):
        await bulk.update(ghl, inputs, ledger=tmp_path)
    with pytest.raises(UsageError):
        await bulk.update(ghl, inputs, ledger=tmp_path / "nowhere" / "x")
    ledger.write_text("these are not the pages of a database, and there are enough of them " * 100)
    with pytest.raises(StoreMismatch):
        await bulk.update(ghl, inputs, ledger=ledger)
    ledger.unlink()
    with contextlib.closing(sqlite3.connect(ledger)) as database:
        database.execute("CREATE TABLE somebody (id)")
    with pytest.raises(StoreMismatch, match="not a ledger"):
        await bulk.update(ghl, inputs, ledger=ledger)
    newer = tmp_path / "newer.ledger"
    await bulk.update(ghl, inputs, ledger=newer)
    with contextlib.closing(sqlite3.connect(newer)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreMismatch, match="newer version"):
        await bulk.update(ghl, inputs, ledger=newer)
    assert writes(sandbox) == 1


async def test_two_runs_cannot_share_a_ledger(sandbox, ghl, ledger):
    inputs = [(each, ContactChanges(city="Bern")) for each in ids(sandbox)]
    first = aiter(bulk.update(ghl, inputs, ledger=ledger))
    await anext(first)
    with pytest.raises(StoreBusy):
        await bulk.update(ghl, inputs, ledger=ledger)
    await first.aclose()
    assert (await bulk.update(ghl, inputs, ledger=ledger)).written.ok == 120


async def test_a_dry_run_leaves_the_ledger_as_it_is(sandbox, ghl, ledger):
    inputs = [(each, ContactChanges(city="Bern")) for each in ids(sandbox)]
    assert (await bulk.update(ghl, inputs, ledger=ledger, dry_run=True)).written.planned == 120
    assert not ledger.exists()
    await bulk.update(ghl, inputs[:20], ledger=ledger)
    before = rows(ledger)
    assert (await bulk.update(ghl, inputs, ledger=ledger, dry_run=True)).written == bulk.Written(
        ok=20, earlier=20, planned=100, requests_planned=100
    )
    assert rows(ledger) == before


async def test_a_stopped_run_goes_on_and_an_intention_that_was_not_sent_is_not_in_doubt(sandbox, ghl, ledger):
    inputs = [ContactDraft(last_name=f"nobody {number}") for number in range(150)]
    async for _ in (run := bulk.create(ghl, inputs, ledger=ledger)):
        run.stop()
    assert run.summary.resumable
    assert len(rows(ledger)) == run.summary.written.ok == len(ids(sandbox)) - 120
    assert (await bulk.create(ghl, inputs, ledger=ledger)).written.ok == 150
    assert len(ids(sandbox)) == 270


async def test_an_input_that_was_wrong_and_is_right_now_is_sent(sandbox, ledger):
    inputs = [(each, ContactChanges(custom_fields={"Shoe size": "43"})) for each in ids(sandbox)[:3]]
    async with client_of(sandbox) as ghl:
        assert (await bulk.update(ghl, inputs, ledger=ledger)).written == bulk.Written(failed=3)
        sandbox.state.main.dictionaries.fields.create("Shoe size", "contact", {"dataType": "TEXT"})
        ghl.dictionary.forget("custom_fields")
        assert (await bulk.update(ghl, inputs, ledger=ledger)).written == bulk.Written(ok=3)


async def test_a_change_that_is_made_again_is_followed_by_the_later_ones_of_its_contact(sandbox, ghl, ledger):
    contact_id, other = ids(sandbox)[:2]
    inputs = [
        (contact_id, ContactChanges(city="First", website="https://a.example.com")),
        (other, ContactChanges(city="Bern")),
        (contact_id, ContactChanges(city="Last")),
    ]
    sandbox.faults.add(kind="refused", status=404, method="PUT", path_contains=contact_id, times=1)
    assert kinds(await collected(bulk.update(ghl, inputs, ledger=ledger))) == {"ok": 2, "failed": 1}
    again = await collected(bulk.update(ghl, inputs, ledger=ledger))
    assert [(each.position, each.earlier) for each in sorted(again, key=lambda each: each.position)] == [
        (0, False),
        (1, True),
        (2, False),
    ]
    assert contacts(sandbox)[contact_id]["city"] == "Last"
    assert contacts(sandbox)[contact_id]["website"] == "https://a.example.com"


async def test_upserts_that_are_made_again_keep_their_order(sandbox, ghl, ledger):
    inputs = [ContactDraft(first_name=name, email="ada@example.com") for name in ("Old", "New")]
    sandbox.faults.add(kind="refused", status=404, path_contains="/contacts/upsert", times=1)
    assert kinds(await collected(bulk.upsert(ghl, inputs, check=False, ledger=ledger))) == {"ok": 1, "failed": 1}
    await bulk.upsert(ghl, inputs, check=False, ledger=ledger)
    (made,) = [each for each in contacts(sandbox).values() if each.get("email") == "ada@example.com"]
    assert made["firstName"].casefold() == "new"


async def test_what_has_failed_may_be_mended_in_its_place(sandbox, ghl, ledger):
    contact_id = ids(sandbox)[0]
    wrong = [("no id", ContactChanges(city="Bern")), (contact_id, ContactChanges(city="Bern"))]
    assert (await bulk.update(ghl, wrong, ledger=ledger)).written == bulk.Written(ok=1, failed=1)
    right = [(ids(sandbox)[1], ContactChanges(city="Bern")), wrong[1]]
    assert (await bulk.update(ghl, right, ledger=ledger)).written == bulk.Written(ok=2, earlier=1)


async def test_a_contact_that_the_ledger_has_written_is_not_compared_with_a_search_that_is_late(sandbox, ghl, ledger):
    contact_id = ids(sandbox)[0]
    was = contacts(sandbox)[contact_id]["city"]
    there, back = (contact_id, ContactChanges(city="Zurich")), (contact_id, ContactChanges(city=was or "Bern"))
    await bulk.update(ghl, [there], ledger=ledger, diff=True)
    before = requests(sandbox)
    assert (await bulk.update(ghl, [there, back], ledger=ledger, diff=True)).written.unchanged == 0
    assert requests(sandbox) - before <= 2
    assert contacts(sandbox)[contact_id]["city"] == (was or "Bern")

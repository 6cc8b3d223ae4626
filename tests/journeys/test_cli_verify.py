"""`ghl-async verify` from outside: what is wrong with a copy is listed and mended, what is right is left in peace."""

from __future__ import annotations

import contextlib
import re
import signal
import sqlite3

import msgspec
import pytest

from .command import Command, until
from .conftest import set_doors
from .test_cli_plan import leave_of_the_day
from .test_cli_refusals import refused
from .truth import assert_whole, oldest


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


@pytest.fixture
async def copied(ghl_async, tmp_path):
    """The path of a store that holds all 120 contacts."""
    assert (await ghl_async("backfill", "--store", "x.db", "--quiet")).code == 0
    return tmp_path / "x.db"


def spoil(path, sql, *values):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        return database.execute(sql, values).fetchall()


@pytest.fixture
def spoiled(copied, sandbox):
    """A store that lacks a note, holds an old contact, and one too many; and the lines that must say so."""
    ((contact_id, note),) = spoil(copied, "SELECT contact_id, id FROM landing_notes LIMIT 1")
    spoil(copied, "DELETE FROM landing_notes WHERE id = ?", note)
    old, extra = oldest(sandbox, 9), "0000nobody0000nobody"
    spoil(copied, "UPDATE landing_contacts SET raw = json_set(raw, '$.city', 'Nowhere') WHERE id = ?", old)
    spoil(copied, "INSERT INTO landing_contacts SELECT ?, date_added, date_updated, pass, read_at, raw, mended FROM"
          " landing_contacts LIMIT 1", extra)  # fmt: skip
    return copied, {
        f"missing  note {note} of contact {contact_id}",
        f"stale    contact {old}",
        f"surplus  contact {extra}",
    }


def rows_of(text):
    return dict(re.findall(r"^(\w[\w ]*?) {2,}([\d,]+)$", text, re.MULTILINE))


async def test_a_right_copy_is_said_to_be_right_and_stays_as_it_is(ghl_async, copied):
    before = spoil(copied, "SELECT * FROM landing_contacts")
    ended = await ghl_async("verify", "--store", "x.db")
    assert ended.code == 0
    assert rows_of(ended.out) == {
        "missing": "0",
        "stale": "0",
        "surplus": "0",
        "not read": "0",
        "contacts in the store": "120",
        "the server says": "120",
    }
    assert re.search(r"^compared: 120 contacts and \d+ of their records\.$", ended.out, re.MULTILINE)
    assert ended.err.startswith("The plan: about ")
    assert spoil(copied, "SELECT * FROM landing_contacts") == before
    assert await ghl_async("verify", "--store", "x.db", "--quiet") == (0, "", "")


async def test_what_differs_is_listed_and_mended(ghl_async, sandbox, spoiled):
    path, wanted = spoiled
    ended = await ghl_async("verify", "--store", "x.db")
    assert ended.code == 1
    assert set(ended.out.splitlines()[:3]) == wanted
    assert {name: count for name, count in rows_of(ended.out).items() if name in {"missing", "stale", "surplus"}} == (
        dict.fromkeys(("missing", "stale", "surplus"), "1")
    )
    assert ended.err.splitlines()[-1].endswith("(--repair) mends it")
    quiet = await ghl_async("verify", "--store", "x.db", "--quiet")
    assert (quiet.code, quiet.out, len(quiet.err.splitlines())) == (1, "", 1)

    mended = await ghl_async("verify", "--store", "x.db", "--repair")
    assert mended.code == 0
    assert set(mended.out.splitlines()[:3]) == wanted
    assert "All of it was mended." in mended.out
    assert_whole(path, sandbox, "granted")
    assert (await ghl_async("verify", "--store", "x.db")).code == 0


@pytest.mark.usefixtures("copied")
async def test_programs_get_every_difference_as_json_and_people_the_first(ghl_async, sandbox):
    changed = {oldest(sandbox, position) for position in range(30)}
    for contact_id in changed:
        sandbox.state.main.change(contact_id, {"companyName": "Changed meanwhile"})
    ended = await ghl_async("verify", "--store", "x.db", "--json")
    assert ended.code == 1
    *found, last = [msgspec.json.decode(line) for line in ended.out.splitlines()]
    assert {each["contact_id"] for each in found} == changed
    assert all(
        each == {"contact_id": each["id"], "part": "contacts", "id": each["id"], "what": "stale", "is_older": False}
        for each in found
    )
    assert last.keys() == {"summary"}
    assert last["summary"]["verified"] == {
        **dict.fromkeys(("contacts", "server_contacts", "stored_contacts"), 120),
        **dict.fromkeys(("missing", "surplus", "holes", "unlisted"), 0),
        "stale": 30,
        "mended": False,
        "records": last["summary"]["verified"]["records"],
    }
    ended = await ghl_async("verify", "--store", "x.db")
    assert len(re.findall(r"^stale +contact \w{20}$", ended.out, re.MULTILINE)) == 20
    assert "\n10 more are not listed here: --json lists them all\n" in ended.out


async def test_who_reads_only_the_first_line_does_not_keep_it_from_mending(ghl_async, sandbox, spoiled):
    path, _ = spoiled
    async with ghl_async.running("verify", "--store", "x.db", "--json", "--repair") as process:
        process.stdout._transport.close()
        await process.wait()
        assert b"Traceback" not in await process.stderr.read()
    assert process.returncode == 0
    assert_whole(path, sandbox, "granted")


async def test_a_sample_is_read_contact_by_contact_without_a_plan(ghl_async, sandbox, spoiled):
    _, wanted = spoiled
    seen = sandbox.log.requests
    right = await ghl_async("verify", "--store", "x.db", "--sample", 2, "--json")
    assert sandbox.log.requests - seen <= 12
    assert msgspec.json.decode(right.out.splitlines()[-1])["summary"]["verified"]["contacts"] <= 2
    assert '"plan"' not in right.err
    ended = await ghl_async("verify", "--store", "x.db", "--sample", 500)
    assert ended.code == 1
    assert wanted == set(ended.out.splitlines()[:3])


@pytest.mark.usefixtures("copied")
async def test_a_day_that_does_not_hold_it_is_told_before_anything_is_read(ghl_async, sandbox):
    set_doors(sandbox, "refused")
    leave_of_the_day(sandbox, 200)
    words = "so nothing was read: wait until .* UTC, or compare some contacts with --sample"
    ended = await ghl_async("verify", "--store", "x.db", "--quiet")
    assert (ended.code, ended.out) == (2, "")
    assert re.search(words, ended.err)
    assert (await ghl_async("verify", "--store", "x.db", "--sample", 5)).code == 0


@pytest.mark.usefixtures("copied", "refused")
async def test_a_signal_stops_it(ghl_async, sandbox):
    sandbox.limits.change(requests=20, interval_seconds=0.5)
    seen = sandbox.log.requests
    async with ghl_async.running("verify", "--store", "x.db", "--json") as process:
        await until(lambda: sandbox.log.requests > seen + 60)
        process.send_signal(signal.SIGTERM)
        ended = await ghl_async.end(process)
    assert ended.code == 3
    assert msgspec.json.decode(ended.out.splitlines()[-1])["summary"]["reason"] == "stopped"
    assert ended.err.splitlines()[-1].endswith("stopped before all was compared: the same command begins again")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "there is no store ghl-"),
        ("--store nowhere.db", "there is no store nowhere.db: ghl-async backfill makes one"),
        ("--sample 0", "--sample"),
        ("--sample x", "--sample"),
        ("--include tasks,nots", "does not know 'nots'"),
        ("--force", "Unknown option"),
        ("--all-locations", "Unknown option"),
        ("stray", "more words than the command takes"),
    ],
)
async def test_wrong_usage(ghl_async, sandbox, tmp_path, arguments, words):
    await refused(ghl_async, 2, words, "verify", *arguments.split())
    assert sandbox.log.requests == 0
    assert not list(tmp_path.iterdir())


async def test_an_unfinished_copy_is_not_compared(ghl_async, sandbox, copied):
    spoil(copied, "UPDATE run SET state = 'running'")
    seen = sandbox.log.requests
    await refused(
        ghl_async, 2, "x.db is no finished copy: ghl-async backfill goes on with it", "verify", "--store", "x.db"
    )
    assert sandbox.log.requests == seen


@pytest.mark.usefixtures("refused")
async def test_what_could_not_be_read_is_named(ghl_async, sandbox, copied):
    contact_id = oldest(sandbox, 4)
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{contact_id}/notes")
    ended = await ghl_async("verify", "--store", copied)
    assert ended.code == 1
    assert re.search(rf"^not read notes of contact {contact_id}: ", ended.out, re.MULTILINE)
    spoil(copied, "INSERT INTO holes SELECT id, 'tasks', 'of old' FROM landing_contacts ORDER BY id LIMIT 30")
    ended = await ghl_async("verify", "--store", copied)
    assert len(re.findall(r"^not read \w+ of contact \w{20}: ", ended.out, re.MULTILINE)) == 20
    assert "\n11 more could not be read: --json names the first thousand\n" in ended.out
    last = msgspec.json.decode((await ghl_async("verify", "--store", copied, "--json")).out.splitlines()[-1])
    assert len(last["summary"]["failures"]) == last["summary"]["failed"] == 31

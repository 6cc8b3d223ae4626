"""`ghl-async sync` from outside: night after night the copy is right, and others can follow what has changed."""

from __future__ import annotations

import contextlib
import re
import signal
import sqlite3
import sys

import msgspec
import pytest

from ghl_async.sandbox import Sandbox

from .command import Command, until
from .conftest import set_doors
from .consent import app_settings, log_in
from .test_cli_plan import leave_of_the_day
from .test_cli_refusals import refused
from .truth import assert_whole, oldest, stored_records, true_records


@pytest.fixture
async def sandbox():
    """120 contacts and a quota nobody reaches."""
    async with Sandbox(contacts=120, requests=100_000, interval_seconds=0.5) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


@pytest.fixture
async def copied(ghl_async, tmp_path):
    """The path of a store that holds all of them."""
    assert (await ghl_async("backfill", "--store", "x.db", "--quiet")).code == 0
    return tmp_path / "x.db"


def of_one_day(sandbox):
    """Change two contacts, delete one, add one; returns what a sync must say of it."""
    main = sandbox.state.main
    changed, gone = {oldest(sandbox, 5), oldest(sandbox, 70)}, oldest(sandbox, 3)
    for contact_id in changed:
        main.change(contact_id, {"companyName": "Changed meanwhile"})
    main.delete(gone)
    added = main.add(
        {"email": "new@example.com", "notes": [{"body": "Hello", "dateAdded": "2024-01-01T10:00:00.000Z"}]}
    )
    return (
        dict.fromkeys(changed, ("changed", ("contacts",)))
        | {gone: ("removed", ())}
        | {added: ("added", ("contacts", "notes"))}
    )


def changes_in(text, *, twice=0):
    """The lines of a file of changes, of which so many come twice."""
    lines = [msgspec.json.decode(line) for line in text.splitlines()]
    assert all(line.keys() == {"contact_id", "what", "parts"} for line in lines)
    found = {line["contact_id"]: (line["what"], tuple(line["parts"])) for line in lines}
    assert len(found) == len(lines) - twice
    return found


def rows_of(text):
    return dict(re.findall(r"^(\w[\w ]*?) {2,}([\d,]+)$", text, re.MULTILINE))


async def test_a_night_brings_the_copy_up_to_date_and_says_what_it_was(ghl_async, sandbox, copied):
    of_one_day(sandbox)
    ended = await ghl_async("sync", "--store", "x.db")
    assert ended.code == 0
    assert rows_of(ended.out) == {
        "added": "1",
        "changed": "2",
        "removed": "1",
        "contacts in the store": "120",
        "the server says": "120",
    }
    assert "looked at: every contact, what the calendars show, and the newest notes." in ended.out
    assert ended.err.startswith("The plan: about ")
    assert_whole(copied, sandbox, "granted")

    again = await ghl_async("sync", "--store", "x.db")
    assert (again.code, rows_of(again.out)["changed"]) == (0, "0")
    assert "looked at: contacts that were added or whose date has moved." in again.out
    assert await ghl_async("sync", "--store", "x.db", "--quiet") == (0, "", "")


async def test_a_new_file_is_filled_and_the_depth_can_be_chosen(ghl_async, sandbox, tmp_path):
    ended = await ghl_async("sync")
    assert (ended.code, rows_of(ended.out)["added"]) == (0, "120")
    path = tmp_path / f"ghl-{sandbox.location_id}.db"
    assert_whole(path, sandbox, "granted")
    for option, depth in (("--sweep-every", "sweep"), ("--whole-every", "everything")):
        assert_depth(await ghl_async("sync", "--json", option, 0), depth)
    assert_depth(await ghl_async("sync", "--json"), "changes")


def assert_depth(ended, depth):
    assert ended.code == 0
    (plan,) = [msgspec.json.decode(line) for line in ended.err.splitlines() if line.startswith('{"plan"')]
    summary = msgspec.json.decode(ended.out)
    assert summary["changes"] == {"added": 0, "changed": 0, "removed": 0, "own": 0, "read": depth}
    assert plan["plan"]["requests"] == pytest.approx(summary["requests"], rel=0.15, abs=2)


async def test_contacts_alone_are_kept_current_too(ghl_async, sandbox, tmp_path):
    options = ("--include", "none", "--store", "x.db")
    assert (await ghl_async("sync", *options)).code == 0
    of_one_day(sandbox)
    assert (await ghl_async("sync", *options)).code == 0
    assert stored_records(tmp_path / "x.db") == true_records(sandbox, ())


@pytest.mark.usefixtures("copied")
async def test_every_change_is_added_to_a_file(ghl_async, sandbox, tmp_path):
    (tmp_path / "changes.jsonl").write_text('{"contact_id":"of yesterday","what":"removed","parts":[]}\n')
    wanted = of_one_day(sandbox)
    ended = await ghl_async("sync", "--store", "x.db", "--changes", "changes.jsonl", "--json")
    assert ended.code == 0
    text = (tmp_path / "changes.jsonl").read_text()
    assert changes_in(text) == wanted | {"of yesterday": ("removed", ())}
    assert (await ghl_async("sync", "--store", "x.db", "--changes", "changes.jsonl")).code == 0
    assert (tmp_path / "changes.jsonl").read_text() == text


@pytest.mark.usefixtures("copied")
async def test_changes_can_go_to_another_program(ghl_async, sandbox):
    wanted = of_one_day(sandbox)
    ended = await ghl_async("sync", "--store", "x.db", "--changes", "-")
    assert ended.code == 0
    assert changes_in(ended.out) == wanted
    assert rows_of(ended.err)["changed"] == "2"


async def test_a_program_that_reads_no_more_loses_nothing(ghl_async, sandbox, copied):
    wanted = of_one_day(sandbox)
    async with ghl_async.running("sync", "--store", "x.db", "--changes", "-", "--quiet") as process:
        process.stdout._transport.close()
        await process.wait()
        said = (await process.stderr.read()).decode()
    assert process.returncode == 1
    assert "what was not written is not stored either" in said
    assert "Traceback" not in said
    assert changes_in((await ghl_async("sync", "--store", "x.db", "--changes", "-")).out) == wanted
    assert_whole(copied, sandbox, "granted")


async def test_a_disk_without_room_for_changes_loses_nothing(ghl_async, sandbox, copied, tmp_path):
    resource = pytest.importorskip("resource", reason="this system has no limits on file sizes")
    wanted = of_one_day(sandbox)
    full = tmp_path / "changes.jsonl"
    filler = '{"contact_id":"of yesterday","what":"removed","parts":[]}\n' * 10_000
    full.write_text(filler)
    room = len(filler) + 100
    assert room > sum(path.stat().st_size for path in tmp_path.glob("x.db-*"))
    limited = (
        f"import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {resource.RLIM_INFINITY}));"
        "runpy.run_module('ghl_async', run_name='__main__')"
    )
    program = (sys.executable, "-c", limited)
    arguments = ("sync", "--store", "x.db", "--changes", full, "--quiet")
    ended = await ghl_async.end(await ghl_async.start(*arguments, program=program))
    assert ended.code == 1
    assert "cannot be written to" in ended.err
    (told,) = changes_in(full.read_text().removeprefix(filler)).items()
    assert told in wanted.items()
    assert (await ghl_async(*arguments)).code == 0
    assert changes_in(full.read_text().removeprefix(filler), twice=1) == wanted
    assert_whole(copied, sandbox, "granted")


@pytest.mark.usefixtures("refused")
async def test_a_signal_stops_it_and_the_next_run_hands_on_the_rest(ghl_async, sandbox, copied, tmp_path):
    changed = {oldest(sandbox, position) for position in range(60)}
    for contact_id in changed:
        sandbox.state.main.change(contact_id, {"companyName": "Changed meanwhile"})
    sandbox.limits.change(requests=20)
    arguments = ("sync", "--store", "x.db", "--changes", "changes.jsonl")
    seen = sandbox.log.requests
    async with ghl_async.running(*arguments) as process:
        await until(lambda: sandbox.log.requests > seen + 100)
        process.send_signal(signal.SIGINT)
        ended = await ghl_async.end(process)
    assert ended.code == 3
    assert ended.err.splitlines()[-1].endswith("safe in x.db: the same command finds the rest")
    first = changes_in((tmp_path / "changes.jsonl").read_text())
    assert 0 < len(first) < 60

    sandbox.limits.change(requests=100_000)
    assert (await ghl_async(*arguments)).code == 0
    lines = (tmp_path / "changes.jsonl").read_text().splitlines()
    assert {msgspec.json.decode(line)["contact_id"] for line in lines} == changed
    assert_whole(copied, sandbox, "refused")


async def test_a_plan_says_what_it_will_cost(ghl_async, sandbox, copied):
    before = copied.read_bytes()
    ended = await ghl_async("plan", "--sync", "--store", "x.db")
    assert ended.code == 0
    assert "contact search: only what was added or changed" in ended.out
    planned = int(re.search(r"^in all +(\d+)$", ended.out, re.MULTILINE)[1])
    assert copied.read_bytes() == before
    assert planned == msgspec.json.decode((await ghl_async("sync", "--store", "x.db", "--json")).out)["requests"] == 2
    set_doors(sandbox, "refused")
    leave_of_the_day(sandbox, 200)
    assert "ghl-async sync --force begins now" in (await ghl_async("plan", "--sync", "--store", "new.db")).out
    await refused(ghl_async, 2, "leave out --deleted-calendars", "plan", "--sync", "--deleted-calendars")


async def test_a_run_that_the_day_does_not_hold_is_refused_unless_forced(ghl_async, sandbox, copied):
    set_doors(sandbox, "refused")
    for position in range(100):
        sandbox.state.main.change(oldest(sandbox, position), {"companyName": "Changed meanwhile"})
    leave_of_the_day(sandbox, 200)
    await refused(ghl_async, 2, "so nothing was read: wait until", "sync", "--store", "x.db", "--quiet")
    await refused(ghl_async, 3, "run it again then", "sync", "--store", "x.db", "--quiet", "--force")
    sandbox.limits.change(daily=200_000)
    assert (await ghl_async("sync", "--store", "x.db")).code == 0
    stored = stored_records(copied)
    assert stored == true_records(sandbox, like=stored)


@pytest.mark.usefixtures("copied", "refused")
async def test_what_cannot_be_read_is_told_and_read_by_the_next_run(ghl_async, sandbox):
    sandbox.state.main.change(contact_id := oldest(sandbox, 5), {"companyName": "Changed meanwhile"})
    sandbox.faults.add(kind="truncated", method="GET", path_contains=f"{contact_id}/notes")
    ended = await ghl_async("sync", "--store", "x.db")
    assert ended.code == 4
    assert rows_of(ended.out)["failed"] == "1"
    assert ended.err.splitlines()[-1].endswith("1 items could not be read: the next sync reads these again")
    sandbox.faults.clear()
    assert (await ghl_async("sync", "--store", "x.db")).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("stray", "more words than the command takes"),
        ("--include tasks,nots", "does not know 'nots'"),
        ("--sandbox", "Unknown option"),
        ("--fresh", "Unknown option"),
        ("--sweep-every -1", "--sweep-every"),
        ("--sweep-every nan", "Invalid value"),
        ("--whole-every 1e300", "--whole-every takes a number of days, not 1e+300"),
        ("--sweep-every inf", "--sweep-every takes a number of hours, not inf"),
        ("--company-id x", "--company-id goes with --all-locations"),
        ("--changes - --json", "name a file for the changes"),
        ("--changes --quiet", "--changes takes a file, or - for stdout"),
        ("--changes nowhere/x --quiet", "cannot be written to nowhere/x: No such file"),
        ("--store x.db --changes x.db", "--changes x.db belongs to the store itself"),
        ("--store x.db --changes ./x.db-wal", "belongs to the store itself"),
        ("--changes table.csv --quiet", "--changes table.csv holds something else than changes"),
        ("--all-locations --changes x", "--changes is of one location"),
        ("--all-locations --location-id x", "leave out --location-id"),
    ],
)
async def test_wrong_usage(ghl_async, sandbox, tmp_path, arguments, words):
    (tmp_path / "table.csv").write_text("id,city\n")
    await refused(ghl_async, 2, words, "sync", *arguments.split())
    assert sandbox.log.requests == 0
    assert [each.name for each in tmp_path.iterdir() if each.suffix != ".log"] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "id,city\n"


async def test_a_missing_setting_is_named(ghl_async):
    await refused(ghl_async, 2, "GHL_TOKEN is not set", "sync", GHL_TOKEN=None)
    await refused(ghl_async, 2, "set GHL_LOCATION_ID or pass --location-id", "sync", GHL_LOCATION_ID=None)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("location_id", "elsewhere", "location elsewhere"), ("include", "tasks", "holds contacts with tasks"),
     ("query", "{}", "filled by another query")],
)  # fmt: skip
async def test_a_store_of_something_else_stays_as_it_is(ghl_async, sandbox, copied, key, value, words):
    with contextlib.closing(sqlite3.connect(copied)) as database, database:
        database.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
    before, seen = copied.read_bytes(), sandbox.log.requests
    for command in (("sync",), ("plan", "--sync"), ("verify",)):
        await refused(ghl_async, 2, words, *command, "--store", "x.db")
    assert copied.read_bytes() == before
    assert sandbox.log.requests == seen


async def test_every_location_of_an_agency_is_kept_current(tmp_path):
    async with Sandbox(contacts=30, requests=100_000) as sandbox:
        sandbox.oauth.rules.change(consent_for=sandbox.company_id)
        sandbox.add_location(12, company_id=sandbox.company_id)
        ghl_async = Command(tmp_path, sandbox)
        assert (await log_in(ghl_async, sandbox, "--agency")).code == 0
        settings = app_settings(sandbox)
        assert (await ghl_async("backfill", "--all-locations", "--quiet", **settings)).code == 0
        of_one_day_of_few(sandbox)
        ended = await ghl_async("sync", "--all-locations", "--json", **settings)
        assert (ended.code, ended.err) == (0, "")
        told = {
            each["location_id"]: each["summary"]["changes"] for each in map(msgspec.json.decode, ended.out.splitlines())
        }
        assert len(told) == len(sandbox.oauth.locations_of(sandbox.company_id))
        assert told.pop(sandbox.location_id)["changed"] == 1
        assert not any(each["changed"] for each in told.values())
        again = await ghl_async("sync", "--all-locations", **settings)
        assert again.code == 0
        assert f"): 0 added, 0 changed, 0 removed, all in ghl-{sandbox.location_id}.db" in again.err


def of_one_day_of_few(sandbox):
    sandbox.state.main.change(oldest(sandbox, 2), {"companyName": "Changed meanwhile"})

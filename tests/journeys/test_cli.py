"""The command line from outside: what it does, what it shows, how it ends."""

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sqlite3
import sys

import msgspec
import pytest

from ghl_async.sandbox import Sandbox

from .command import Command, until
from .truth import assert_whole, oldest, stored_records, true_records

SOON = 100
"""Requests after which a run is well under way and far from its end."""


@pytest.fixture
async def sandbox():
    """120 contacts at 100 requests a second."""
    async with Sandbox(contacts=120, requests=50, interval_seconds=0.5) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


def of_kind(kind, path):
    """What a store holds of one kind."""
    return {key: record for key, record in stored_records(path).items() if key[0] == kind}


def open_the_quota(sandbox):
    sandbox.limits.change(requests=100_000)


async def test_a_newcomer_sees_the_main_job_in_under_20_seconds(tmp_path):
    ended = await Command(tmp_path)("backfill", "--sandbox", "--json")
    summary = msgspec.json.decode(ended.out)
    planned, *progress = [msgspec.json.decode(line) for line in ended.err.splitlines()]
    assert ended.code == 0
    assert summary["reason"] == "finished"
    assert summary["found"] == summary["server_total"] == summary["stored"]["contacts"] == 1000
    assert summary["seconds"] < 20
    assert summary["sample"]["missing"] == []
    assert planned.keys() == {"plan"}
    assert planned["plan"]["requests"] == pytest.approx(summary["requests"], rel=0.1)
    assert len(progress) >= 1
    assert progress[-1]["contacts"] == progress[-1]["contacts_total"] == 1000
    assert progress[-1]["quota_per_second"] == 400


async def test_a_newcomer_is_told_how_to_look_into_the_database_and_how_to_go_on(tmp_path):
    command = Command(tmp_path)
    ended = await command("backfill", "--sandbox", "--contacts", 60)
    assert ended.code == 0
    table = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert table["contacts"] == ["60", "60", "60"]
    assert table["notes"][0] == table["notes"][1]
    assert table["failed"] == ["0", "0"]
    assert "GHL_TOKEN" in ended.err
    assert "GHL_LOCATION_ID" in ended.err
    (look,) = [line for line in ended.err.splitlines() if line.startswith("  python3 -c ")]
    name, flag, code = shlex.split(look)
    assert (name, flag) == ("python3", "-c")
    seen = await command.end(await command.start(flag, code, program=(sys.executable,)))
    assert len(seen.out.splitlines()) == 5
    (sql,) = [line for line in ended.err.splitlines() if line.startswith("  sqlite3 ")]
    _, path, query = shlex.split(sql)
    with contextlib.closing(sqlite3.connect(tmp_path / path)) as database:
        assert len(database.execute(query).fetchall()) == 5

    again = await command("backfill", "--sandbox", "--contacts", 50)
    assert again.code == 0
    assert re.search(r"^removed +10$", again.out, re.MULTILINE)


async def test_a_store_equals_the_location_and_a_second_run_refreshes_it(ghl_async, sandbox, tmp_path):
    open_the_quota(sandbox)
    assert (await ghl_async("backfill")).code == 0
    store = tmp_path / f"ghl-{sandbox.location_id}.db"
    assert_whole(store, sandbox, "granted")

    gone, changed = oldest(sandbox, 3), oldest(sandbox, 5)
    sandbox.state.main.delete(gone)
    sandbox.state.main.change(changed, {"companyName": "Changed meanwhile"})
    assert (await ghl_async("backfill")).code == 0
    assert_whole(store, sandbox, "granted")


async def test_only_the_included_kinds_are_read(ghl_async, sandbox, tmp_path):
    open_the_quota(sandbox)
    ended = await ghl_async("backfill", "--include", "none", "--store", "alone.db")
    assert ended.code == 0
    assert "notes" not in ended.out
    assert stored_records(tmp_path / "alone.db") == true_records(sandbox, ())
    assert (await ghl_async("backfill", "--include", "notes, tasks", "--store", "two.db")).code == 0
    assert {entry.path.rpartition("/")[2] for entry in sandbox.log.entries} == {"search", "notes", "tasks"}


async def test_appointments_of_deleted_calendars_come_on_demand(tmp_path):
    async with Sandbox(contacts=40, lost=0.5, appointments=8.0, requests=100_000) as sandbox:
        main = sandbox.state.main
        for ref in [*main.walk(descending=False)]:  # whatever the sample picks is to have some
            if all(each["calendarId"] in main.children.calendar_ids for each in main.appointments(ref)):
                main.delete(main.id_of(ref))
        ghl_async = Command(tmp_path, sandbox)
        ended = await ghl_async("backfill", "--store", "x.db")
        assert ended.code == 0
        assert "calendars that the location does not list: backfill --deleted-calendars reads those." in ended.out
        ended = await ghl_async("verify", "--store", "x.db", "--sample", "40")
        assert ended.code == 0
        assert re.search(r"^\d+ appointments that the store lacks lie in calendars", ended.out, re.MULTILINE)
        assert_whole(tmp_path / "x.db", sandbox, "granted")
        seen = len(of_kind("appointments", tmp_path / "x.db"))
        ended = await ghl_async("backfill", "--store", "x.db", "--deleted-calendars")
        assert ended.code == 0
        assert_whole(tmp_path / "x.db", sandbox, "refused")
        assert seen < len(of_kind("appointments", tmp_path / "x.db"))
    assert re.search(r"^appointments were read contact by contact: .*deleted calendars", ended.out, re.MULTILINE)
    assert re.search(r"^  appointments contact by contact: .*deleted calendars", ended.err, re.MULTILINE)


async def test_progress_is_plain_lines_where_stderr_is_no_terminal(ghl_async, sandbox):
    open_the_quota(sandbox)
    ended = await ghl_async("backfill")
    assert "\x1b" not in ended.err + ended.out
    assert re.search(
        r"^contacts 120 of 120, tasks \d+, notes \d+, appointments \d+, [\d,.]+ of 200,000 requests/s, day \d+\.\d%, "
        r"0:00:00 left$",
        ended.err,
        re.MULTILINE,
    )


async def test_quiet_says_nothing_when_all_is_well(ghl_async, sandbox):
    open_the_quota(sandbox)
    assert await ghl_async("backfill", "--quiet") == (0, "", "")


@pytest.mark.parametrize("no_color", [None, "1"])
async def test_a_terminal_gets_one_live_display_that_leaves_nothing_behind(ghl_async, sandbox, no_color):
    pty = pytest.importorskip("pty", reason="this system has no terminals of that kind")
    open_the_quota(sandbox)
    ours, theirs = pty.openpty()
    environment = ghl_async.environment | {"TERM": "xterm", "COLUMNS": "100"}
    if no_color:
        environment["NO_COLOR"] = no_color
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ghl_async", "backfill", "--store", "tty.db"),
        cwd=ghl_async.folder,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = await asyncio.to_thread(_read_terminal, ours)
    assert await process.wait() == 0
    assert "contacts" in shown
    assert "120 of 120" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor is hidden once and given back"
    assert bool(re.search(r"\x1b\[[0-9;]*(3|9)[0-7]m", shown)) is not bool(no_color), "colours, unless NO_COLOR"


def _read_terminal(descriptor):
    parts = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(descriptor)
    return b"".join(parts).decode()


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_run_and_the_same_command_goes_on(ghl_async, sandbox, tmp_path, number):
    async with ghl_async.running("backfill", "--store", "x.db") as process:
        await until(lambda: sandbox.log.requests > SOON)
        process.send_signal(number)
        ended = await ghl_async.end(process)
    assert ended.code == 3
    line = ended.err.splitlines()[-1]
    told = (
        r"ghl-async: stopped at (\d+) of 120 contacts, all of them safe in x\.db: the same command goes on from there"
    )
    before = int(re.fullmatch(told, line)[1])
    assert 0 < before < 120
    assert len(of_kind("contacts", tmp_path / "x.db")) == before

    open_the_quota(sandbox)
    resumed = await ghl_async("backfill", "--store", "x.db", "--json")
    assert resumed.code == 0
    assert msgspec.json.decode(resumed.out)["contacts"] == 120 - before
    assert_whole(tmp_path / "x.db", sandbox, "refused")


@pytest.mark.usefixtures("refused")
async def test_a_stopped_fresh_start_goes_on_without_the_option(ghl_async, sandbox):
    async with ghl_async.running("backfill", "--fresh", "--quiet") as process:
        await until(lambda: sandbox.log.requests > SOON)
        process.send_signal(signal.SIGINT)
        ended = await ghl_async.end(process)
    assert ended.code == 3
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.endswith("the same command without --fresh goes on from there")


@pytest.mark.usefixtures("refused")
async def test_a_second_signal_ends_at_once_and_loses_nothing(ghl_async, sandbox, tmp_path):
    async with ghl_async.running("backfill", "--store", "x.db") as process:
        await until(lambda: sandbox.log.requests > SOON)
        # Somebody else writes to the store, so that the run cannot end before it has waited for them.
        somebody = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        somebody.execute("BEGIN IMMEDIATE")
        seen = sandbox.log.requests
        await until(lambda: sandbox.log.requests > seen + SOON)
        process.send_signal(signal.SIGINT)
        while not (await process.stderr.readline()).startswith(b"Stopping"):
            pass
        process.send_signal(signal.SIGINT)
        assert (await ghl_async.end(process)).code == -signal.SIGINT
        somebody.close()
    open_the_quota(sandbox)
    assert (await ghl_async("backfill", "--store", "x.db")).code == 0
    assert_whole(tmp_path / "x.db", sandbox, "refused")


@pytest.mark.usefixtures("refused")
async def test_items_that_cannot_be_read_are_told_and_read_by_the_next_run(ghl_async, sandbox, tmp_path):
    open_the_quota(sandbox)
    sandbox.faults.add(kind="truncated", method="GET", path_contains="/notes", times=3)
    ended = await ghl_async("backfill", "--store", "x.db")
    assert ended.code == 4
    assert re.search(r"^failed +3 +3$", ended.out, re.MULTILINE)
    assert ended.err.splitlines()[-1].endswith("3 items could not be read: the same call reads just these again")

    sandbox.log.clear()
    assert (await ghl_async("backfill", "--store", "x.db")).code == 0
    assert sandbox.log.requests < 100
    assert_whole(tmp_path / "x.db", sandbox, "refused")


async def test_the_sandbox_prints_what_points_a_backfill_at_it_and_ends_on_a_signal(tmp_path):
    command = Command(tmp_path)
    async with command.running("sandbox", "--contacts", 20, "--requests", 1000) as process:
        lines = [(await process.stdout.readline()).decode() for _ in range(8)]
        place = dict(re.fullmatch(r"export (GHL_\w+)=(.+)\n", line).groups() for line in lines)
        names = "BASE_URL TOKEN LOCATION_ID COMPANY_ID CLIENT_ID CLIENT_SECRET REDIRECT_URI MARKETPLACE"
        assert place.keys() == {f"GHL_{name}" for name in names.split()}
        ended = await command("backfill", "--json", **place)
        assert msgspec.json.decode(ended.out)["contacts"] == 20
        process.send_signal(signal.SIGTERM)
        assert (await command.end(process)).code == 0


async def test_help_and_version_answer_at_once(tmp_path):
    command = Command(tmp_path)
    for arguments in (
        ("--help",),
        ("backfill", "--help"),
        ("export", "--help"),
        ("plan", "--help"),
        ("sync", "--help"),
        ("update", "--help"),
        ("verify", "--help"),
        ("sandbox", "--help"),
        ("login", "--help"),
        ("logout", "--help"),
        ("tokens", "--help"),
        ("doctor", "--help"),
        ("--version",),
        (),
    ):
        ended = await command(*arguments)
        assert ended.code == 0
        assert ended.out
        assert not ended.err
    code = "import sys; from ghl_async.cli import app; print([n for n in ('aiohttp', 'sqlite3') if n in sys.modules])"
    loaded = await command.end(await command.start("-c", code, program=(sys.executable,)))
    assert loaded.out == "[]\n"

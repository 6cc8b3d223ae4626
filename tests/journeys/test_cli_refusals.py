"""What a user can do wrong: one clear line that says what to do, a right exit code, no traceback, nothing lost."""

import os
import re
import socket
import sqlite3
import subprocess
import sys

import pytest

from ghl_async.sandbox import Sandbox

from .command import Command, until
from .conftest import set_doors
from .truth import assert_whole, stored_records


@pytest.fixture
async def sandbox():
    async with Sandbox(contacts=40, requests=100_000) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


async def refused(command, code, words, *arguments, **environment):
    """Run it and check that it says so in one line."""
    ended = await command(*arguments, **environment)
    (line,) = ended.err.splitlines()
    assert line.startswith("ghl-async: ")
    assert words in line
    assert ended.out == ""
    assert ended.code == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("nonsense", "Available commands: backfill, doctor, export, "),
        ("backfill --nonsense", "Unknown option"),
        ("backfill stray", "more words than the command takes"),
        ("backfill --token pit-secret", "Unknown option"),
        ("backfill --store", "--store"),
        ("backfill --include tasks,nots", "does not know 'nots': it takes tasks, notes, appointments"),
        ("backfill --contacts 5", "--contacts goes with --sandbox"),
        ("backfill --sandbox --contacts -1", "--contacts"),
        ("backfill --sandbox --location-id x", "leave out --location-id"),
        ("backfill --location-id ../x", "location_id is no location id"),
        ("backfill --base-url nonsense", "base_url must look like"),
        ("plan --nonsense", "Unknown option"),
        ("plan --force", "Unknown option"),
        ("plan --include tasks,nots", "does not know 'nots'"),
        ("plan --contacts 5", "--contacts goes with --sandbox"),
        ("plan --sandbox --base-url x", "leave out --location-id"),
        ("plan --base-url nonsense", "base_url must look like"),
        ("sandbox --profile big", "--profile"),
        ("sandbox --port 99999", "--port"),
        ("sandbox --redirect-uri http://app.example.com/", "must be https or on loopback"),
        ("backfill --sandbox --tokens x", "leave out --location-id"),
        ("backfill --company-id x", "--company-id goes with --all-locations"),
    ],
)
async def test_wrong_usage(ghl_async, arguments, words):
    await refused(ghl_async, 2, words, *arguments.split())


async def test_a_missing_setting_is_named(ghl_async):
    await refused(ghl_async, 2, "GHL_TOKEN is not set", "backfill", GHL_TOKEN=None)
    await refused(ghl_async, 2, "set GHL_LOCATION_ID or pass --location-id", "backfill", GHL_LOCATION_ID=None)


async def test_a_wrong_token(ghl_async):
    await refused(ghl_async, 1, "Private Integrations", "backfill", GHL_TOKEN="pit-wrong")
    await refused(ghl_async, 1, "Private Integrations", "plan", GHL_TOKEN="pit-wrong")
    await refused(ghl_async, 2, "was something else pasted?", "backfill", GHL_TOKEN="two words")


async def test_a_token_of_another_location(ghl_async, sandbox):
    elsewhere = sandbox.state.other.id
    await refused(ghl_async, 1, "check the location id", "backfill", "--location-id", elsewhere)


async def test_a_missing_scope_is_named(ghl_async, sandbox):
    token = sandbox.state.add_token(scopes=["locations.readonly"]).text
    await refused(ghl_async, 1, "add the scope contacts.readonly", "backfill", GHL_TOKEN=token)


async def test_an_unreachable_host(ghl_async):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: nobody answers here, and nobody else gets the port
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        await refused(
            ghl_async, 1, "is the address right and the network up?", "backfill", "--quiet", GHL_BASE_URL=address
        )


async def test_a_port_that_is_taken(ghl_async, sandbox):
    await refused(ghl_async, 2, "choose another --port", "sandbox", "--port", sandbox.port)


def _text(path):
    path.write_text("Dear diary, this is not a database.\n" * 100)


def _foreign(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()


def _altered(sql):
    def alter(path):
        with sqlite3.connect(path) as database:
            database.execute(sql)
        database.close()

    return alter


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_text, "is not a store of ghl-async, nor any database: name another file"),
        (_foreign, "is a database, but not a store of ghl-async: name another file"),
        (_altered("PRAGMA user_version = 99"), "upgrade ghl-async, or name another file"),
        (_altered("UPDATE meta SET value = 'elsewhere' WHERE key = 'location_id'"), "location elsewhere"),
        (_altered("UPDATE meta SET value = 'tasks' WHERE key = 'include'"), "holds contacts with tasks, this run asks"),
        (_altered("UPDATE meta SET value = '{}' WHERE key = 'query'"), "filled by another query"),
    ],
)
async def test_a_store_that_is_something_else_stays_as_it_is(ghl_async, sandbox, tmp_path, make, words):
    path = tmp_path / "x.db"
    if make not in {_text, _foreign}:
        assert (await ghl_async("backfill", "--store", path)).code == 0
    make(path)
    before, seen = path.read_bytes(), sandbox.log.requests
    for command in ("plan", "backfill"):
        await refused(ghl_async, 2, words, command, "--store", path)
    assert path.read_bytes() == before
    assert sandbox.log.requests == seen


async def test_a_place_where_no_store_can_be(ghl_async, tmp_path):
    await refused(ghl_async, 2, "is a folder: name a file", "backfill", "--quiet", "--store", tmp_path)
    nowhere = tmp_path / "nowhere" / "x.db"
    await refused(ghl_async, 2, "does not exist: create it", "backfill", "--quiet", "--store", nowhere)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_permission(ghl_async, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o555)
    await refused(ghl_async, 1, "check the permissions", "backfill", "--quiet", "--store", folder / "x.db")


async def test_a_disk_without_room_keeps_what_is_stored(ghl_async, sandbox, tmp_path):
    pytest.importorskip("resource", reason="this system has no limits on file sizes")
    set_doors(sandbox, "refused")
    limited = (
        "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000));"
        "runpy.run_module('ghl_async', run_name='__main__')"
    )
    program = (sys.executable, "-c", limited)
    ended = await ghl_async.end(await ghl_async.start("backfill", "--store", "x.db", "--quiet", program=program))
    assert ended.code == 1
    assert ended.out == ""
    assert re.fullmatch(r"ghl-async: .*x\.db: the disk .* run again, it goes on where it stopped\n", ended.err)
    assert stored_records(tmp_path / "x.db")

    assert (await ghl_async("backfill", "--store", "x.db")).code == 0
    assert_whole(tmp_path / "x.db", sandbox, "refused")


async def test_a_second_backfill_of_one_store_says_so_and_the_first_goes_on(ghl_async, sandbox, tmp_path):
    set_doors(sandbox, "refused")
    sandbox.limits.change(requests=20, interval_seconds=0.5)
    async with ghl_async.running("backfill", "--store", "x.db") as first:
        await until((tmp_path / "x.db-lock").exists)
        await refused(ghl_async, 1, "another run is filling", "backfill", "--store", "x.db", "--quiet")
        sandbox.limits.change(requests=100_000)
        assert (await ghl_async.end(first)).code == 0
    assert_whole(tmp_path / "x.db", sandbox, "refused")


@pytest.mark.parametrize(
    ("missing", "code", "words"),
    [
        (
            "cyclopts",
            2,
            "ghl-async: the command line needs cyclopts, which is not installed: pip install 'ghl_async[cli]'",
        ),
        ("ghl_async.cli.options", 1, "Traceback"),
    ],
)
def test_a_missing_extra_is_one_line_and_a_missing_part_of_ours_is_loud(missing, code, words):
    program = f"import sys; sys.modules[{missing!r}] = None; from ghl_async.cli import main; sys.exit(main())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert ended.stderr.startswith(words)
    assert code == 1 or ended.stderr.count("\n") == 1

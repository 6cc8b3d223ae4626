"""A ledger that cannot be used says why in one line, leaves the file as it is, and lets nothing be sent."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ghl_async import GHLClient, bulk
from ghl_async.bulk.ledger import Intent, Ledger
from ghl_async.bulk.store import Identity, SQLiteStore
from ghl_async.errors import GHLError, StoreBusy, StoreFailed, StoreMismatch, UsageError
from ghl_async.models import ContactChanges
from ghl_async.sandbox import Sandbox

from .store_rows import ask

IDENTITY = {"operation": "contacts.update", "location": "loc1", "options": "{}"}
DIGEST = b"0" * 16

HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA locking_mode = EXCLUSIVE")
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "changes.ledger"


@pytest.fixture
async def kept(path):
    """The path of a ledger that knows one intention."""
    ledger = Ledger(path)
    await ledger.open(IDENTITY)
    await ledger.intend([Intent(0, DIGEST, "a", None)])
    await ledger.close()
    return path


async def refusal(path, identity=IDENTITY):
    """The error of opening a ledger; it is one line and names the file or its folder."""
    ledger = Ledger(path)
    try:
        with pytest.raises(GHLError) as caught:
            await ledger.open(identity)
    finally:
        await ledger.close()
    assert "\n" not in str(caught.value)
    assert Path(path).name in str(caught.value)
    return caught.value


@pytest.mark.parametrize("content", [b"hello", b"id,email\n" * 2000], ids=["short", "long"])
async def test_a_file_that_is_no_database_is_left_alone(path, content):
    path.write_bytes(content)
    error = await refusal(path)
    assert type(error) is StoreMismatch
    assert str(error) == f"{path} is not a ledger of ghl-async, nor any database: name another file"
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("sql", ["CREATE TABLE mine (x)", "PRAGMA user_version = 3", "PRAGMA application_id = 7"])
async def test_somebody_elses_database_is_left_alone(path, sql):
    ask(path, sql)
    content = path.read_bytes()
    error = await refusal(path)
    assert type(error) is StoreMismatch
    assert str(error) == f"{path} is a database, but not a ledger of ghl-async: name another file"
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


async def test_a_store_is_no_ledger_and_a_ledger_no_store(kept, tmp_path):
    async with SQLiteStore(tmp_path / "store.db") as store:
        await store.begin(Identity("loc1", "", ()))
    assert type(await refusal(tmp_path / "store.db")) is StoreMismatch
    async with SQLiteStore(kept) as store:
        with pytest.raises(StoreMismatch, match="not a store"):
            await store.begin(Identity("loc1", "", ()))
    assert ask(kept, "SELECT position, state FROM writes") == [(0, "intended")]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"location": "loc2"}, "another location"),
        ({"operation": "contacts.delete", "options": "[]"}, "another operation and options"),
    ],
)
async def test_a_ledger_of_another_write_is_refused_and_left_alone(kept, other, words):
    error = await refusal(kept, IDENTITY | other)
    assert type(error) is StoreMismatch
    assert words in str(error)
    assert ask(kept, "SELECT position, state FROM writes") == [(0, "intended")]


async def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(kept):
    ask(kept, "PRAGMA user_version = 3")
    error = await refusal(kept)
    assert type(error) is StoreMismatch
    assert "newer version of ghl-async" in str(error)
    assert ask(kept, "PRAGMA user_version") == [(3,)]


async def test_an_input_that_is_another_one_is_refused(kept):
    ledger = Ledger(kept)
    await ledger.open(IDENTITY)
    assert (await ledger.recall([(0, DIGEST)]))[0].is_in_doubt
    with pytest.raises(StoreMismatch, match="place 0"):
        await ledger.recall([(0, b"1" * 16)])
    await ledger.close()


async def test_a_damaged_ledger_is_named_as_such(kept):
    content = bytearray(kept.read_bytes())
    content[200:] = b"\xa5" * (len(content) - 200)
    kept.write_bytes(content)
    error = await refusal(kept)
    assert type(error) is StoreFailed
    assert "damaged" in str(error)


async def test_a_ledger_that_another_process_holds_is_busy_until_that_dies(kept):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(kept), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"held\n"
    assert type(await refusal(kept)) is StoreBusy
    process.kill()
    await process.communicate()
    ledger = Ledger(kept)
    await ledger.open(IDENTITY)
    await ledger.close()


async def test_a_folder_and_a_missing_folder_are_named(tmp_path):
    assert type(await refusal(tmp_path)) is UsageError
    assert type(await refusal(tmp_path / "no" / "changes.ledger")) is UsageError


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc, where nobody can make a file")
async def test_a_place_where_no_file_can_be_made_is_named():
    error = await refusal("/proc/changes.ledger")
    assert type(error) is StoreFailed
    assert "permissions" in str(error)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_missing_permission_is_named(kept, what):
    target = kept if what == "file" else kept.parent
    mode = target.stat().st_mode
    target.chmod(0o500 if what == "folder" else 0o400)
    error = await refusal(kept)
    target.chmod(mode)
    assert type(error) is StoreFailed
    assert "permissions" in str(error)


async def test_where_the_intention_cannot_be_written_nothing_is_sent(path):
    """A trigger refuses each write, as a disk does that has no room."""
    async with Sandbox(contacts=20, requests=1_000_000, interval_seconds=1.0, daily=1_000_000) as sandbox:
        location = sandbox.state.main
        some = [location.id_of(each) for each in location.walk(descending=False)]
        inputs = [(each, ContactChanges(city="Bern")) for each in some]
        async with GHLClient(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url) as ghl:
            await bulk.update(ghl, inputs[:5], ledger=path)
            with closing(sqlite3.connect(path)) as database:
                database.execute(
                    "CREATE TRIGGER full BEFORE INSERT ON writes WHEN NEW.position > 9"
                    " BEGIN SELECT RAISE(ABORT, 'no room'); END"
                )
            before = sandbox.log.requests
            run = bulk.update(ghl, inputs, ledger=path)
            with pytest.raises(StoreFailed):
                await run
    assert run.summary.reason == "failed"
    assert sandbox.log.requests - before <= 5, "those whose intention is written, and no other"
    known = ask(path, "SELECT position, state FROM writes ORDER BY position")
    assert [position for position, _ in known] == [*range(len(known))]
    assert sandbox.log.requests - before <= len(known) - 5


async def test_whoever_waits_for_the_disk_hears_of_whatever_goes_wrong(path):
    ledger = Ledger(path)
    await ledger.open(IDENTITY)
    with pytest.raises(OverflowError):
        await asyncio.wait_for(ledger.withdraw(2**70), 5)
    await ledger.intend([Intent(0, DIGEST, "c", None)])
    assert (await ledger.recall([(0, DIGEST)]))[0].is_in_doubt
    await ledger.close()


async def test_a_dry_run_leaves_an_empty_file_empty(path):
    path.touch()
    ledger = Ledger(path)
    await ledger.open(IDENTITY, create=False)
    assert await ledger.recall([(0, DIGEST)]) == {}
    await ledger.close()
    assert (path.stat().st_size, list(path.parent.iterdir())) == (0, [path])

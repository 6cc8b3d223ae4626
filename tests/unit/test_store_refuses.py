"""The embedded store when it must not be used: wrong files, wrong owners, and two runs at once. One line each."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import ghl_async
from ghl_async.bulk._schema import SCHEMA_VERSION
from ghl_async.bulk.store import Identity, SQLiteStore
from ghl_async.errors import GHLError, StoreBusy, StoreFailed, StoreMismatch, UsageError

from .store_rows import EVERYTHING, KINDS, ask, batch, contact

ROOT = Path(ghl_async.__file__).parents[1]

HOLDER = """
import asyncio, sys
from ghl_async.bulk.store import SQLiteStore
from ghl_async.errors import StoreBusy
from tests.unit.store_rows import EVERYTHING

async def hold():
    async with SQLiteStore(sys.argv[1]) as store:
        try:
            await store.begin(EVERYTHING)
            print("held", flush=True)
        except StoreBusy:
            print("busy", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


def holder(path):
    """A process that holds the store until it is killed or its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


async def refusal(path, identity=EVERYTHING):
    """The error of opening a store; it is one line and names the file or its folder."""
    async with SQLiteStore(path) as store:
        with pytest.raises(GHLError) as caught:
            await store.begin(identity)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def filled(path):
    """The path of a store that holds one contact and is closed."""
    async with SQLiteStore(path) as store:
        await store.begin(Identity("loc1", '{"email":"ann@example.com"}', ("tasks", "notes")))
        await store.commit(batch(contact("a"), cursor=b"[1]"))
    return path


async def test_a_folder_is_no_store(tmp_path):
    error = await refusal(tmp_path)
    assert type(error) is UsageError
    assert str(error) == f"{tmp_path} is a folder: name a file for the store"


async def test_a_missing_folder_is_named(tmp_path):
    error = await refusal(tmp_path / "no" / "store.db")
    assert type(error) is UsageError
    assert str(error).startswith(f"the folder {tmp_path / 'no'} does not exist")


@pytest.mark.parametrize("content", [b"hello", b"id,email\n" * 2000], ids=["short", "long"])
async def test_a_file_that_is_no_database_is_left_alone(path, content):
    path.write_bytes(content)
    error = await refusal(path)
    assert type(error) is StoreMismatch
    assert str(error) == f"{path} is not a store of ghl-async, nor any database: name another file"
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("sql", ["CREATE TABLE mine (x)", "PRAGMA user_version = 3", "PRAGMA application_id = 7"])
async def test_somebody_elses_database_is_left_alone(path, sql):
    ask(path, sql)
    content = path.read_bytes()
    error = await refusal(path)
    assert type(error) is StoreMismatch
    assert str(error) == f"{path} is a database, but not a store of ghl-async: name another file"
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


async def test_an_empty_file_becomes_a_store(path):
    path.touch()
    async with SQLiteStore(path) as store:
        assert (await store.begin(EVERYTHING)).state == "new"


async def test_a_store_of_a_newer_schema_is_left_alone(filled):
    ask(filled, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    error = await refusal(filled)
    assert type(error) is StoreMismatch
    newer = f"schema {SCHEMA_VERSION + 1}, this one knows {SCHEMA_VERSION}"
    assert f"newer version of ghl-async ({newer}): upgrade" in str(error)


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        (Identity("loc2", '{"email":"ann@example.com"}', ("notes", "tasks")), "location loc1, this run asks for loc2"),
        (
            Identity("loc1", '{"email":"ann@example.com"}', ("notes",)),
            "contacts with notes, tasks, this run asks for n",
        ),
        (Identity("loc1", '{"email":"ann@example.com"}', ()), "this run asks for nothing else"),
        (Identity("loc1", '{"email":"bob@example.com"}', ("notes", "tasks")), "another query"),
        (Identity("loc1", "", ("notes", "tasks")), "another query"),
    ],
)
async def test_a_copy_of_something_else_is_refused_and_left_alone(filled, identity, words):
    before = ask(filled, "SELECT * FROM run"), ask(filled, "SELECT * FROM meta")
    error = await refusal(filled, identity)
    assert type(error) is StoreMismatch
    assert words in str(error)
    assert "@" not in str(error)
    assert before == (ask(filled, "SELECT * FROM run"), ask(filled, "SELECT * FROM meta"))


async def test_a_damaged_store_is_named_as_such(filled):
    content = bytearray(filled.read_bytes())
    content[200:] = b"\xa5" * (len(content) - 200)
    filled.write_bytes(content)
    error = await refusal(filled)
    assert type(error) is StoreFailed
    assert str(error) == f"{filled}: the file is damaged: restore it from a backup, or begin again with another file"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc, where nobody can make a file")
async def test_a_place_where_no_file_can_be_made_is_named():
    error = await refusal("/proc/store.db")
    assert type(error) is StoreFailed
    assert str(error) == "/proc/store.db: it cannot be opened: check the permissions of the file and its folder"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_missing_permission_is_named(filled, what):
    target = filled if what == "file" else filled.parent
    mode = target.stat().st_mode
    target.chmod(0o500 if what == "folder" else 0o400)
    error = await refusal(filled, Identity("loc1", '{"email":"ann@example.com"}', ("tasks", "notes")))
    target.chmod(mode)
    assert type(error) is StoreFailed
    assert "permissions" in str(error)


async def test_a_second_run_in_this_process_is_refused_until_the_first_ends(path, tmp_path):
    alias = tmp_path / "alias.db"
    alias.symlink_to(path)
    second = SQLiteStore(alias)
    async with SQLiteStore(path) as first:
        await first.begin(EVERYTHING)
        for _ in range(2):
            with pytest.raises(StoreBusy, match=r"another run is filling .*store.db: wait until it ends"):
                await second.begin(EVERYTHING)
        await first.commit(batch(contact("a")))
    assert (await second.begin(EVERYTHING)).counts.contacts == 1
    await second.close()


async def test_a_second_run_in_another_process_is_refused_until_the_first_is_killed(path):
    with holder(path) as process:
        assert process.stdout.readline() == "held\n"
        assert type(await refusal(path)) is StoreBusy
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.with_name("store.db-lock").exists()
    async with SQLiteStore(path) as store:
        assert (await store.begin(EVERYTHING)).state == "new"


async def test_of_many_that_start_at_once_exactly_one_gets_the_store(path):
    processes = [holder(path) for _ in range(4)]
    said = sorted(process.stdout.readline() for process in processes)
    for process in processes:
        process.communicate()
    assert said == ["busy\n"] * 3 + ["held\n"]


async def test_anybody_may_read_while_a_run_writes(path):
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
        await store.commit(batch(contact("a")))
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM contacts").fetchone() == (1,)
            await store.commit(batch(contact("b")))
            await store.finish(prune=True)
            assert reader.execute("SELECT count(*) FROM contacts").fetchone() == (1,)
        assert ask(path, "SELECT count(*) FROM contacts") == [(2,)]


async def test_the_lock_is_one_empty_file_beside_the_store(path):
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
        lock = path.with_name("store.db-lock")
        assert lock.stat().st_size == 0
        assert not path.with_name("store.db-lock-journal").exists()
    assert {file.name for file in path.parent.iterdir()} == {"store.db", "store.db-lock"}


async def test_a_store_must_be_begun_once_before_it_is_used(path):
    async with SQLiteStore(path) as store:
        for job in (store.counts(), store.commit(batch(contact("a"))), store.next_pass(), store.finish(prune=True)):
            with pytest.raises(UsageError, match="call begin"):
                await job
        await store.begin(EVERYTHING)
        with pytest.raises(UsageError, match="open already"):
            await store.begin(EVERYTHING)
        await store.commit(batch(contact("a")))
    await SQLiteStore(path).close()


async def test_a_store_stays_with_its_file_when_the_working_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore("store.db")
    monkeypatch.chdir("/")
    await store.begin(Identity("loc1", "", KINDS))
    await store.close()
    assert (tmp_path / "store.db").exists()


async def test_a_beginning_whose_caller_was_cancelled_is_undone_by_close(path):
    store = SQLiteStore(path)
    task = asyncio.create_task(store.begin(EVERYTHING))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.close()
    async with SQLiteStore(path) as again:
        await again.begin(EVERYTHING)

"""Looking into a store without taking it, and a store of an older schema."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import ghl_async
from ghl_async.bulk._schema import SCHEMA_VERSION
from ghl_async.bulk.store import Counts, Identity, SpooledEvent, SQLiteStore
from ghl_async.errors import GHLError, StoreFailed, StoreMismatch, UsageError

from .store_rows import EVERYTHING, KINDS, ask, batch, contact, rows

ROOT = Path(ghl_async.__file__).parents[1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def filled(path):
    """The path of a running store that holds one contact and is closed."""
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
        await store.commit(batch(contact("a", tasks=rows("t"), updated="2024-05-01T10:00:00.000Z"), cursor=b"[1]"))
    return path


async def peek(path, identity=EVERYTHING):
    async with SQLiteStore(path) as store:
        return await store.peek(identity)


def files(path):
    """What is in the folder of a store, but for the two empty helpers that any reader of it may leave behind."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith(("-wal", "-shm"))}


async def test_where_no_store_is_there_is_nothing_to_see_and_none_is_made(path):
    assert await peek(path) is None
    assert files(path) == {}


async def test_a_place_that_cannot_hold_a_store_is_named(path):
    with pytest.raises(UsageError, match="does not exist"):
        await peek(path.parent / "no" / "store.db")
    with pytest.raises(UsageError, match="is a folder"):
        await peek(path.parent)


async def test_an_empty_file_is_no_store_yet(path):
    path.touch()
    assert await peek(path) is None
    assert files(path) == {"store.db": b""}


@pytest.mark.parametrize("finished", [False, True])
async def test_a_look_says_what_the_next_run_will_find_and_changes_nothing(filled, finished):
    async with SQLiteStore(filled) as store:
        await store.begin(EVERYTHING)
        await store.doubt(["notes"])
        if finished:
            await store.finish(prune=True)
    before = files(filled)
    seen = await peek(filled)
    assert files(filled) == before
    async with SQLiteStore(filled) as store:
        assert await store.begin(EVERYTHING) == seen
    assert seen.state == ("finished" if finished else "running")
    assert seen.counts == Counts(contacts=1, tasks=1, notes=0, appointments=0, quarantined=0, holes=0)
    assert (seen.doubted, seen.read, seen.pass_number) == (("notes",), 1, 1)
    assert seen.newest.isoformat() == "2024-05-01T10:00:00+00:00"


async def test_while_a_run_holds_the_store_others_may_look(filled):
    async with SQLiteStore(filled) as store:
        await store.begin(EVERYTHING)
        await store.spool([SpooledEvent("a", "e1", b"{}")])
        await store.commit(batch(contact("b"), cursor=b"[2]"))
        seen = await peek(filled)
        assert (seen.state, seen.cursor, seen.counts.contacts) == ("running", b"[2]", 2)
        assert await store.peek(EVERYTHING) == seen, "the run itself too"
        assert await store.spooled(["a"]) == {"a": [b"{}"]}, "nothing was forgotten"
        await store.commit(batch(contact("c"), cursor=b"[3]"))
    assert (await peek(filled)).counts.contacts == 3


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        (Identity("loc2", "", KINDS), "location loc1, this run asks for loc2"),
        (Identity("loc1", "", ("notes",)), "this run asks for notes"),
        (Identity("loc1", '{"email":"bob@example.com"}', KINDS), "another query"),
    ],
)
async def test_a_copy_of_something_else_is_refused(filled, identity, words):
    before = files(filled)
    with pytest.raises(StoreMismatch, match=words) as caught:
        await peek(filled, identity)
    assert "@" not in str(caught.value)
    assert files(filled) == before


@pytest.mark.parametrize(
    ("content", "words"), [(b"hello", "nor any database"), (b"id,email\n" * 2000, "nor any database")]
)
async def test_a_file_that_is_no_database_is_refused(path, content, words):
    path.write_bytes(content)
    with pytest.raises(StoreMismatch, match=words):
        await peek(path)
    assert files(path) == {"store.db": content}


async def test_somebody_elses_database_and_a_newer_schema_are_refused(path, filled):
    ask(filled, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreMismatch, match="newer version"):
        await peek(filled)
    ask(other := path.with_name("other.db"), "CREATE TABLE mine (x)")
    with pytest.raises(StoreMismatch, match="not a store of ghl-async"):
        await peek(other)


async def test_a_damaged_store_is_named_as_such(filled):
    content = bytearray(filled.read_bytes())
    content[200:] = b"\xa5" * (len(content) - 200)
    filled.write_bytes(content)
    with pytest.raises(StoreFailed, match="damaged"):
        await peek(filled)


PEEK = """
import asyncio, os, sys
from ghl_async.bulk.store import SQLiteStore
from ghl_async.errors import GHLError
from tests.unit.store_rows import EVERYTHING

if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere

async def peek():
    async with SQLiteStore(sys.argv[1]) as store:
        try:
            print((await store.peek(EVERYTHING)).counts.contacts)
        except GHLError as error:
            print(type(error).__name__, error)

asyncio.run(peek())
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_store_in_a_folder_that_may_only_be_read_is_named_as_such(filled):
    """SQLite cannot read a file in WAL mode that it may not write beside: https://www.sqlite.org/wal.html#readonly ."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are open to their owner alone
        folder = Path(name)
        copy = Path(shutil.copy(filled, folder))
        copy.chmod(0o444)
        folder.chmod(0o555)
        ran = subprocess.run(
            [sys.executable, "-c", PEEK, str(copy)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        folder.chmod(0o755)
    said = "the file or its folder is read-only: change the permissions, or name another file"
    assert (ran.stdout, ran.stderr) == (f"StoreFailed {copy}: {said}\n", "")


def make_old(path):
    """Make of a store one of schema 1, which had no spool."""
    ask(path, "DROP TABLE spool")
    ask(path, "PRAGMA user_version = 1")


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("finished", [False, True])
async def test_a_store_of_the_first_schema_opens_and_is_upgraded(filled, finished, resume):
    async with SQLiteStore(filled) as store:
        await store.begin(EVERYTHING)
        if finished:
            await store.finish(prune=True)
    make_old(filled)
    async with SQLiteStore(filled) as store:
        checkpoint = await store.begin(EVERYTHING, resume=resume)
        assert checkpoint.counts.tasks == 1
        await store.spool([SpooledEvent("a", "e1", b"{}")])
        assert await store.spooled(["a"]) == {"a": [b"{}"]}
        await store.finish(prune=False)
    assert ask(filled, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert ask(filled, "SELECT id FROM contacts") == [("a",)]


async def test_a_store_of_the_first_schema_can_be_looked_into_and_stays_as_it_is(filled):
    make_old(filled)
    before = files(filled)
    assert (await peek(filled)).counts.contacts == 1
    assert files(filled) == before


async def test_a_store_of_the_first_schema_that_is_a_copy_of_something_else_stays_as_it_is(filled):
    make_old(filled)
    async with SQLiteStore(filled) as store:
        with pytest.raises(GHLError):
            await store.begin(Identity("loc2", "", KINDS))
    assert ask(filled, "PRAGMA user_version") == [(1,)]
    assert ask(filled, "SELECT count(*) FROM sqlite_master WHERE name = 'spool'") == [(0,)]

"""The embedded store against kills, full disks, cancelled callers and any history: all of a batch, or nothing of it."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ghl_async
from ghl_async.bulk.store import Row, SQLiteStore
from ghl_async.errors import StoreFailed, UsageError

from .store_rows import EVERYTHING, KINDS, ask, batch, contact, rows

ROOT = Path(ghl_async.__file__).parents[1]

WRITER = """
import asyncio, itertools, resource, sys, threading
from ghl_async.bulk.store import Batch, SQLiteStore
from ghl_async.errors import StoreFailed
from tests.unit.store_rows import EVERYTHING, batch, contact, rows

def page(number):
    pad = b'{"pad":"' + b"x" * 2000 + b'"}'
    whole = [contact(f"{number}-{i}", raw=pad, tasks=rows("t1", "t2")) for i in range(50)]
    return batch(*whole, cursor=b"%d" % (number + 1))

async def write():
    async with SQLiteStore(sys.argv[1]) as store:
        checkpoint = await store.begin(EVERYTHING)
        await work(store, int(checkpoint.cursor or b"0"))
"""

PAGE_AFTER_PAGE = """
async def work(store, start):
    for number in itertools.count(start):
        await store.commit(page(number))
        print(number, flush=True)
"""

INSIDE_A_TRANSACTION = """
def endless():
    # More than SQLite's cache holds, so a part of it is in the write-ahead log already.
    for number in range(1, 100):
        yield from page(number).contacts
    print("inside", flush=True)
    threading.Event().wait()

async def work(store, start):
    await store.commit(page(0))
    await store.commit(Batch(contacts=endless(), cursor=b"100"))
"""

UP_TO_A_LIMIT = """
async def work(store, start):
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
    try:
        for number in itertools.count(start):
            await store.commit(page(number))
            print(number, flush=True)
    except StoreFailed as error:
        print(error, flush=True)
"""


def child(path, work):
    program = f"{WRITER}{work}\nasyncio.run(write())"
    return subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


async def check_whole_pages(path):
    """Open what a killed writer left, and return how many pages it holds: every one of them whole."""
    async with SQLiteStore(path) as store:
        checkpoint = await store.begin(EVERYTHING)
    pages = int(checkpoint.cursor or b"0")
    assert (checkpoint.counts.contacts, checkpoint.counts.tasks, checkpoint.read) == (
        pages * 50,
        pages * 100,
        pages * 50,
    )
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    return pages


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def store(path):
    async with SQLiteStore(path) as opened:
        await opened.begin(EVERYTHING)
        yield opened


def on_database(store, sql):
    return store._on_thread(store._read, lambda database: database.execute(sql).fetchall())


async def test_a_kill_inside_a_transaction_leaves_nothing_of_it(path):
    with child(path, INSIDE_A_TRANSACTION) as process:
        assert process.stdout.readline() == "inside\n"
        kill(process)
    assert path.with_name("store.db-wal").stat().st_size > 1_000_000
    assert await check_whole_pages(path) == 1


async def test_kills_at_any_moment_leave_whole_pages_and_every_page_that_was_confirmed(path):
    confirmed = -1
    for _ in range(6):
        with child(path, PAGE_AFTER_PAGE) as process:
            for _ in range(random.randint(1, 30)):
                confirmed = int(process.stdout.readline())
            kill(process)
        assert await check_whole_pages(path) > confirmed


async def test_a_limit_on_the_file_stops_the_run_and_a_later_one_goes_on(path):
    with child(path, UP_TO_A_LIMIT) as process:
        *confirmed, message = process.communicate()[0].splitlines()
    assert process.returncode == 0
    assert message.startswith(f"{path}: the disk refuses")
    assert await check_whole_pages(path) == len(confirmed) > 3
    async with SQLiteStore(path) as store:
        await store.begin(EVERYTHING)
        await store.commit(batch(contact("more")))


async def test_a_full_disk_fails_that_batch_and_all_later_ones_and_the_store_is_usable_later(store, path):
    await store.commit(batch(contact("a"), cursor=b"[1]"))
    (pages,) = (await on_database(store, "PRAGMA page_count"))[0]
    await on_database(store, f"PRAGMA max_page_count = {pages + 3}")
    large = contact("b", raw=b'{"pad":"' + b"x" * 90_000 + b'"}')
    with pytest.raises(StoreFailed, match=r"store.db: the disk is full: make room"):
        await store.commit(batch(large, cursor=b"[2]"))
    for later in (store.commit(batch(contact("c"), cursor=b"[3]")), store.finish(prune=True)):
        with pytest.raises(StoreFailed, match=r"earlier write failed: .*the disk is full"):
            await later
    assert (await store.counts()).contacts == 1
    await store.close()
    async with SQLiteStore(path) as again:
        checkpoint = await again.begin(EVERYTHING)
        assert (checkpoint.cursor, checkpoint.counts.contacts) == (b"[1]", 1)
        await again.commit(batch(large, cursor=b"[2]"))


async def test_a_batch_that_fails_takes_the_queued_ones_behind_it_along(store, path):
    first = asyncio.create_task(store.commit(batch(contact("a"), cursor=b"[1]")))
    broken = asyncio.create_task(
        store.commit(batch(contact("b", tasks=rows("t")), contact("\ud800", raw=b"{}"), cursor=b"[2]"))
    )
    behind = asyncio.create_task(store.commit(batch(contact("c"), cursor=b"[3]")))
    outcomes = await asyncio.gather(first, broken, behind, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, UnicodeEncodeError, StoreFailed]
    assert "\ud800" not in str(outcomes[2])
    await store.close()
    assert ask(path, "SELECT id FROM contacts") == [("a",)]
    assert ask(path, "SELECT cursor FROM run") == [(b"[1]",)]


async def test_a_failure_that_nobody_waited_for_still_stops_what_comes_later(store):
    task = asyncio.create_task(store.commit(batch(contact("\ud800", raw=b"{}"))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(StoreFailed, match="UnicodeEncodeError"):
        await store.commit(batch(contact("a")))


async def test_a_cancelled_commit_is_written_all_the_same_and_in_its_place(store, path):
    tasks = [asyncio.create_task(store.commit(batch(contact(f"{n:02}"), cursor=b"%d" % n))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [True, False] * 10
    await store.close()
    assert ask(path, "SELECT id FROM landing_contacts ORDER BY rowid") == [(f"{n:02}",) for n in range(20)]
    assert ask(path, "SELECT cursor FROM run") == [(b"19",)]


async def test_the_event_loop_goes_on_while_a_commit_waits_for_the_file_and_close_waits_for_the_commit(store, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        commit = asyncio.create_task(store.commit(batch(contact("a"))))
        await asyncio.sleep(0)
        closer = asyncio.create_task(store.close())
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not commit.done()
        assert not closer.done()
        other.execute("ROLLBACK")
    await closer
    assert commit.done()
    assert ask(path, "SELECT id FROM contacts") == [("a",)]


async def test_a_closed_store_says_so(store):
    await store.close()
    await store.close()
    with pytest.raises(UsageError, match="is closed"):
        await store.commit(batch(contact("a")))


ids = st.sampled_from("abcde")
children = st.dictionaries(
    st.sampled_from(KINDS), st.dictionaries(ids, st.integers(0, 2), max_size=3).map(lambda found: tuple(found.items()))
)
readings = st.tuples(ids, st.integers(0, 3), children, st.sets(st.sampled_from(KINDS)))
batches = st.lists(st.tuples(st.lists(readings, max_size=4), st.booleans()), max_size=8)


async def replay(path, history):
    """Write a history, opening the store anew where it says so, and the same into plain dicts."""
    contacts, kept, holes = {}, {}, {}
    store = SQLiteStore(path)
    await store.begin(EVERYTHING)
    for number, (read, reopen) in enumerate(history):
        written = []
        for id_, version, found, missed in read:
            updated = f"2024-01-01T00:00:0{version}Z"
            lost = dict.fromkeys(missed - found.keys(), "500")
            whole = {kind: tuple(Row(i, b"%d" % v) for i, v in values) for kind, values in found.items()}
            written.append(contact(id_, raw=b"%d" % version, updated=updated, holes=lost, **whole))
            contacts[id_] = max(version, contacts.get(id_, 0))
            for kind, values in found.items():
                kept[id_, kind] = dict(values)
                holes.pop((id_, kind), None)
            holes.update({(id_, kind): "500" for kind in lost})
        await store.commit(batch(*written, cursor=b"%d" % number))
        if reopen:
            await store.close()
            store = SQLiteStore(path)
            assert (await store.begin(EVERYTHING)).cursor == b"%d" % number
    await store.close()
    expected = {(kind, id_, child, str(v)) for (id_, kind), found in kept.items() for child, v in found.items()}
    return contacts, expected, holes


@settings(max_examples=40, deadline=None)
@given(batches)
def test_any_sequence_of_batches_equals_plain_dicts(history):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        contacts, children, holes = asyncio.run(replay(path, history))
        assert dict(ask(path, "SELECT id, CAST(raw AS INTEGER) FROM landing_contacts")) == contacts
        stored = {
            (kind, *row)
            for kind in KINDS
            for row in ask(path, f"SELECT contact_id, id, raw FROM landing_{kind}")  # noqa: S608
        }
        assert stored == children
        assert {(id_, kind): why for id_, kind, why in ask(path, "SELECT * FROM holes")} == holes

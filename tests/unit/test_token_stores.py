"""The token stores as everyone uses them: what goes in comes out, for each key, by one owner of a lock at a time."""

import asyncio
import contextlib
import os
import random
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from ghl_async.auth import _locks
from ghl_async.auth.stores import EncryptedFileStore, MemoryStore, SQLiteTokenStore
from ghl_async.auth.tokens import Key
from ghl_async.errors import UsageError

from .token_rows import FULL, KEY, OTHER, SEALING_KEY, ran, tokens

TRY_TO_ENTER = """
async def enter():
    async with the_store() as store:
        try:
            async with asyncio.timeout(0.3), store.lock(KEY):
                print("entered")
        except TimeoutError:
            print("busy")

asyncio.run(enter())
"""


def open_store(kind, folder):
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return SQLiteTokenStore(folder / "tokens.db")
    return EncryptedFileStore(folder / "tokens", key=SEALING_KEY)


@pytest.fixture(params=["memory", "sqlite", "encrypted"])
async def store(request, tmp_path):
    async with open_store(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "encrypted"])
async def in_file(request, tmp_path):
    async with open_store(request.param, tmp_path) as opened:
        yield opened


def again(store):
    """A second store on the same file."""
    return open_store("sqlite" if isinstance(store, SQLiteTokenStore) else "encrypted", store.path.parent)


async def test_what_was_saved_is_loaded_field_by_field(store):
    await store.save(KEY, FULL)
    assert await store.load(KEY) == FULL


async def test_nothing_is_kept_at_first(store):
    assert await store.load(KEY) is None
    assert await store.keys() == []
    assert await store.delete(KEY) is False


async def test_asking_makes_no_file(in_file):
    await in_file.load(KEY)
    await in_file.keys()
    await in_file.delete(KEY)
    assert list(in_file.path.parent.iterdir()) == []


async def test_each_key_has_its_own_tokens(store):
    await store.save(KEY, tokens(1))
    await store.save(OTHER, tokens(2))
    await store.save(KEY, tokens(3))
    assert await store.load(KEY) == tokens(3)
    assert await store.load(OTHER) == tokens(2)
    assert await store.keys() == sorted([KEY, OTHER])


async def test_what_was_deleted_is_gone_alone(store):
    await store.save(KEY, tokens(1))
    await store.save(OTHER, tokens(2))
    assert await store.delete(KEY) is True
    assert await store.delete(KEY) is False
    assert await store.load(KEY) is None
    assert await store.keys() == [OTHER]


async def test_a_second_store_sees_what_the_first_one_saved(in_file):
    async with again(in_file) as second:
        for number in range(3):
            await in_file.save(KEY, tokens(number))
            assert await second.load(KEY) == tokens(number)
            await second.save(OTHER, tokens(number))
            assert await in_file.load(OTHER) == tokens(number)


async def test_the_files_are_for_their_owner_alone_whatever_the_umask(in_file):
    before = os.umask(0)
    try:
        await in_file.save(KEY, FULL)
        async with in_file.lock(KEY):
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in in_file.path.parent.iterdir()}
    finally:
        os.umask(before)
    name = in_file.path.name
    assert modes == {name: 0o600, f"{name}-lock": 0o600}


async def test_an_empty_private_file_is_filled(in_file):
    in_file.path.touch(0o600)
    assert await in_file.load(KEY) is None
    assert await in_file.delete(KEY) is False
    await in_file.save(KEY, FULL)
    assert await in_file.load(KEY) == FULL


async def test_a_link_is_followed_and_kept(in_file):
    link = in_file.path.with_name("link.db" if in_file.path.suffix else "link")
    link.symlink_to(in_file.path)
    async with type(in_file)(link) if in_file.path.suffix else EncryptedFileStore(link, key=SEALING_KEY) as linked:
        await linked.save(KEY, FULL)
    assert link.is_symlink()
    assert await in_file.load(KEY) == FULL


async def test_one_task_at_a_time_holds_a_key_in_the_order_of_asking(store):
    said = []

    async def work(name):
        async with store.lock(KEY):
            said.append(f"{name} in")
            await store.save(KEY, tokens(name))
            assert await store.load(KEY) == tokens(name)
            said.append(f"{name} out")

    async with asyncio.TaskGroup() as group:
        for name in "abcde":
            group.create_task(work(name))
    assert said == [f"{name} {way}" for name in "abcde" for way in ("in", "out")]


async def test_other_keys_are_free_meanwhile(store):
    async with asyncio.timeout(10), store.lock(KEY), store.lock(OTHER):
        await store.save(KEY, FULL)


async def test_a_lock_is_free_after_an_error_inside(store):
    with pytest.raises(ZeroDivisionError):
        async with store.lock(KEY):
            raise ZeroDivisionError
    async with asyncio.timeout(10), store.lock(KEY):
        assert await store.load(KEY) is None


async def test_a_second_store_in_the_same_process_waits_for_the_first(in_file):
    async with again(in_file) as second:
        async with in_file.lock(KEY):
            waiting = asyncio.create_task(enter_and_leave(second))
            await tried_in_vain(second)
            assert not waiting.done()
        async with asyncio.timeout(10):
            await waiting


async def enter_and_leave(store, key=KEY):
    async with store.lock(key):
        pass


async def tried_in_vain(store):
    """Until the store's thread has done what was asked of it so far, a few times over."""
    for _ in range(20):
        await store.load(OTHER)


async def test_closing_one_store_drops_no_lock_of_another_in_the_same_process(in_file):
    async with again(in_file) as second:
        await enter_and_leave(second)
        async with in_file.lock(KEY):
            await second.close()
            assert await asyncio.to_thread(ran, in_file.path, TRY_TO_ENTER) == "busy\n"
    assert await asyncio.to_thread(ran, in_file.path, TRY_TO_ENTER) == "entered\n"


async def test_a_waiter_that_was_cancelled_leaves_no_lock_behind(in_file):
    chance = random.Random(5)
    async with again(in_file) as second:
        for _ in range(60):
            waiters = [asyncio.create_task(enter_and_leave(store)) for store in (in_file, second, in_file, second)]
            for waiter in waiters:
                for _ in range(chance.randrange(4)):
                    await in_file.load(OTHER)
                waiter.cancel()
            await asyncio.gather(*waiters, return_exceptions=True)
        async with asyncio.timeout(10):
            await enter_and_leave(second)
            await enter_and_leave(in_file)


MANY = [Key("app1", "location", f"loc{number}") for number in range(200)]


async def enter_many(store):
    await asyncio.gather(*(enter_and_leave(store, key) for key in MANY))


async def test_many_locks_that_are_waited_for_are_tried_together(in_file, monkeypatch):
    jobs, submit = [], in_file._worker.submit

    def counted(job, *args):
        jobs.append(job)
        return submit(job, *args)

    monkeypatch.setattr(in_file._worker, "submit", counted)
    async with again(in_file) as second:
        async with contextlib.AsyncExitStack() as held:
            for key in MANY:
                await held.enter_async_context(second.lock(key))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await enter_many(in_file)
            assert len(jobs) < len(MANY) + 50  # one first attempt for each
            waiting = asyncio.create_task(enter_many(in_file))
            await tried_in_vain(in_file)
        async with asyncio.timeout(30):
            await waiting
            await enter_many(second)


async def test_when_the_attempts_are_ended_by_somebody_else_nobody_waits_for_ever(in_file):
    async with again(in_file) as second:
        async with second.lock(KEY):
            waiting = asyncio.create_task(enter_and_leave(in_file))
            for _ in range(3):
                await tried_in_vain(in_file)
                others = asyncio.all_tasks() - {asyncio.current_task(), waiting}
                assert len(others) == 1
                others.pop().cancel()
        async with asyncio.timeout(10):
            await waiting
        assert not asyncio.all_tasks() - {asyncio.current_task()}


async def test_a_store_that_is_closed_says_so_to_those_who_wait(in_file):
    async with again(in_file) as second, second.lock(KEY):
        waiting = asyncio.create_task(enter_and_leave(in_file))
        await tried_in_vain(in_file)
        await in_file.close()
        with pytest.raises(UsageError, match="is closed"):
            await waiting


async def test_a_save_whose_caller_was_cancelled_is_done_all_the_same(in_file):
    saving = asyncio.create_task(in_file.save(KEY, FULL))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert await in_file.load(KEY) == FULL


async def test_closing_finishes_what_was_begun_and_lets_go_of_locks(in_file, monkeypatch):
    monkeypatch.setattr(_locks, "_BUSY_SECONDS", 0.1)
    held = in_file.lock(KEY)
    await held.__aenter__()
    saving = asyncio.create_task(in_file.save(KEY, FULL))
    await asyncio.sleep(0)
    await in_file.close()
    await in_file.close()
    await saving
    async with asyncio.timeout(10), again(in_file) as second, second.lock(KEY):
        assert await second.load(KEY) == FULL
    await held.__aexit__(None, None, None)


async def test_a_closed_store_says_so(in_file):
    await in_file.close()
    with pytest.raises(UsageError, match=r"tokens.* is closed: make a new store"):
        await in_file.load(KEY)
    with pytest.raises(UsageError, match="is closed"):
        await enter_and_leave(in_file)


async def test_memory_is_forgotten_when_it_is_closed():
    store = MemoryStore()
    await store.save(KEY, FULL)
    await store.close()
    await store.close()
    assert await store.load(KEY) is None


async def test_a_thousand_locks_need_few_open_files(in_file):
    async def hold(number):
        async with in_file.lock(Key("app1", "location", f"loc{number}")):
            entered.append(number)
            if len(entered) == 1000:
                all_in.set()
            await all_in.wait()

    entered, all_in = [], asyncio.Event()
    before = open_files()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(1000):
            group.create_task(hold(number))
        await all_in.wait()
        assert open_files() - before < 10


def open_files():
    """How many there are; where the system does not say, none."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    except FileNotFoundError:
        return 0


async def test_the_loop_runs_on_while_the_file_is_busy(tmp_path):
    async with SQLiteTokenStore(tmp_path / "tokens.db") as store:
        await store.save(KEY, tokens(1))
        with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as somebody:
            somebody.execute("BEGIN EXCLUSIVE")
            saving = asyncio.create_task(store.save(KEY, tokens(2)))
            for _ in range(1000):
                await asyncio.sleep(0)
            assert not saving.done()
            somebody.execute("ROLLBACK")
        async with asyncio.timeout(30):
            await saving
        assert await store.load(KEY) == tokens(2)


async def test_a_lock_file_that_was_deleted_is_made_again(in_file):
    await enter_and_leave(in_file)
    lock = in_file.path.with_name(f"{in_file.path.name}-lock")
    lock.unlink()
    async with asyncio.timeout(10), in_file.lock(KEY):
        assert lock.exists()


def test_one_store_serves_several_event_loops_at_once(tmp_path):
    async def work(number):
        for _ in range(20):
            async with store.lock(KEY):
                so_far = await store.load(KEY)
                await store.save(KEY, tokens(user_id=str(int(so_far.user_id) + 1)))
        return number

    async def close_while_held():
        held = store.lock(KEY)
        await held.__aenter__()
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        await held.__aexit__(None, None, None)
        await closing

    store = SQLiteTokenStore(tmp_path / "tokens.db")
    asyncio.run(store.save(KEY, tokens(user_id="0")))
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda number: asyncio.run(work(number)), range(3)))
    assert done == [0, 1, 2]
    assert asyncio.run(store.load(KEY)).user_id == "60"
    asyncio.run(close_while_held())


def test_one_store_serves_one_event_loop_after_the_other(tmp_path):
    async def work(number):
        async with store.lock(KEY):
            await store.save(KEY, tokens(number))
            return await store.load(KEY)

    store = SQLiteTokenStore(tmp_path / "tokens.db")
    for number in range(2):
        assert asyncio.run(work(number)) == tokens(number)
    asyncio.run(store.close())

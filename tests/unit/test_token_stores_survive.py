"""The token stores among processes: one holder at a time, and a kill takes neither a lock nor a token with it."""

import asyncio
import os
import signal
import sys

import pytest

from ghl_async.auth.stores import EncryptedFileStore, SQLiteTokenStore
from ghl_async.errors import StoreFailed

from .token_rows import FULL, KEY, OTHER, SEALING_KEY, program, ran, tokens

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

COUNT = """
async def count():
    async with the_store() as store:
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(10):
            async with store.lock(KEY):
                so_far = await store.load(KEY)
                await store.save(KEY, tokens(user_id=str(int(so_far.user_id) + 1)))

asyncio.run(count())
"""
HOLD = """
async def hold():
    async with the_store() as store, store.lock(KEY):
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""
SAVE_WITHOUT_END = """
async def save():
    async with the_store() as store:
        number = int((await store.load(KEY)).user_id)
        while True:
            number += 1
            await store.save(KEY, tokens(number, user_id=str(number)))
            print(number, flush=True)

asyncio.run(save())
"""
DIE_BEFORE_THE_RENAME = """
from pathlib import Path
Path.replace = lambda *_: os.kill(os.getpid(), 9)

async def save():
    async with the_store() as store:
        await store.save(KEY, tokens(2))

asyncio.run(save())
"""
FILL_THE_DISK = """
import resource

async def save():
    async with the_store() as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            await store.save(KEY, tokens(2, user_id="x" * 100_000))
        except GHLError as error:
            print(type(error).__name__, error)

asyncio.run(save())
"""
FORK_WHILE_HELD = """
async def child(store):
    if await store.load(KEY) is None:
        return 1
    try:
        async with asyncio.timeout(0.3), store.lock(KEY):
            return 2
    except TimeoutError:
        pass
    async with store.lock(OTHER):
        pass
    async with asyncio.timeout(10):
        await store.close()  # what the parent holds is not waited for
    return 0

def main():
    store, loop = the_store(), asyncio.new_event_loop()
    loop.run_until_complete(store.save(KEY, FULL))
    held = store.lock(KEY)
    loop.run_until_complete(held.__aenter__())
    pid = os.fork()
    if pid == 0:
        os._exit(asyncio.run(child(store)))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    loop.run_until_complete(held.__aexit__(None, None, None))
    loop.run_until_complete(store.close())
    loop.close()

main()
"""


@pytest.fixture(params=["tokens.db", "tokens"])
async def store(request, tmp_path):
    path = tmp_path / request.param
    async with SQLiteTokenStore(path) if path.suffix else EncryptedFileStore(path, key=SEALING_KEY) as opened:
        yield opened


async def said(process):
    """The next line of a process, without the event loop waiting for it."""
    return (await asyncio.to_thread(process.stdout.readline)).strip()


async def kill(process):
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.communicate)


async def test_what_many_processes_do_under_the_lock_is_done_one_after_the_other(store):
    await store.save(KEY, tokens(user_id="0"))
    processes = [program(store.path, COUNT) for _ in range(4)]
    try:
        for process in processes:
            assert await said(process) == "ready"
        outputs = await asyncio.wait_for(
            asyncio.gather(*(asyncio.to_thread(process.communicate, "go\n") for process in processes)), 60
        )
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [err for _, err in outputs] == [""] * 4
    assert (await store.load(KEY)).user_id == "40"


async def test_a_killed_process_lets_go_of_its_lock(store):
    with program(store.path, HOLD) as process:
        assert await said(process) == "held"
        waiting = asyncio.create_task(enter(store))
        for _ in range(20):
            await store.load(KEY)
        assert not waiting.done()
        async with asyncio.timeout(10), store.lock(OTHER):
            await kill(process)
        async with asyncio.timeout(10):
            await waiting


async def enter(store):
    async with store.lock(KEY):
        return await store.load(KEY)


async def test_waiting_for_another_process_can_be_cancelled_and_leaves_nothing_held(store):
    with program(store.path, HOLD) as process:
        assert await said(process) == "held"
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02), store.lock(KEY):
                    pass
        await kill(process)
    assert await asyncio.to_thread(ran, store.path, HOLD) == "held\n"


async def test_a_kill_at_any_moment_leaves_the_old_or_the_new_tokens_whole(store):
    await store.save(OTHER, FULL)
    await store.save(KEY, tokens(0, user_id="0"))
    last = 0
    for round_ in range(8):
        with program(store.path, SAVE_WITHOUT_END) as process:
            for _ in range(1 + round_ % 3):
                last = int(await said(process))
            await kill(process)
        found = await store.load(KEY)
        number = int(found.user_id)
        assert number >= last  # what was said to be saved is there
        assert found == tokens(number, user_id=str(number))
        assert await store.load(OTHER) == FULL
        await store.save(KEY, found)


async def test_a_kill_before_the_new_file_takes_its_place_leaves_the_old_one(tmp_path):
    async with EncryptedFileStore(tmp_path / "tokens", key=SEALING_KEY) as store:
        await store.save(KEY, tokens(1))
        await asyncio.to_thread(ran, store.path, DIE_BEFORE_THE_RENAME)
        left = tmp_path / "tokens-new"
        assert left.stat().st_mode & 0o777 == 0o600
        assert b"secret" not in left.read_bytes()
        assert await store.load(KEY) == tokens(1)
        left.chmod(0o666)
        await store.save(KEY, tokens(3))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["tokens", "tokens-lock"]
        assert store.path.stat().st_mode & 0o777 == 0o600


async def test_a_full_disk_leaves_the_old_tokens(store):
    await store.save(KEY, tokens(1))
    output = await asyncio.to_thread(ran, store.path, FILL_THE_DISK)
    assert output.startswith(f"{StoreFailed.__name__} {store.path}")
    assert output.endswith("what was kept is as it was\n")
    assert output.count("\n") == 1
    assert await store.load(KEY) == tokens(1)
    await store.save(KEY, tokens(3))
    assert await store.load(KEY) == tokens(3)
    assert not store.path.with_name(f"{store.path.name}-new").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_a_store_that_was_used_before_a_fork_works_in_the_child_and_holds_no_lock_there(store):
    # Python 3.12 and later also warn of threads at the fork.
    assert "0" in (await asyncio.to_thread(ran, store.path, FORK_WHILE_HELD)).splitlines()

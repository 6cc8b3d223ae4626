"""Processes that share a store: one refresh among all of them, and no token that dies with a process."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import pytest

from ghl_async.auth import EncryptedFileStore, Key, SQLiteTokenStore, Tokens

from ..house.source import ROOT
from .authority import CLIENT_ID, CLIENT_SECRET, LOCATION, Authority

KEY = Key(CLIENT_ID, "location", LOCATION)


class Shared:
    """A store with an expired token, and child processes that use it."""

    def __init__(self, path, seal, authority):
        self.path, self.seal, self.authority = path, seal, authority

    def store(self):
        return EncryptedFileStore(self.path, key=self.seal) if self.seal else SQLiteTokenStore(self.path)

    async def keep(self, **more):
        async with self.store() as store:
            kept = {"access_token": "secret-a-0", "refresh_token": "secret-r-0", "expires_at": time.time() - 1} | more
            await store.save(KEY, Tokens(**kept))

    async def kept(self):
        async with self.store() as store:
            return await store.load(KEY)

    async def child(self, **more):
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error::ResourceWarning", "-m", "tests.journeys.token_child",
            cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe,
        )  # fmt: skip
        task = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "base_url": self.authority.base_url,
            "location_id": LOCATION,
            "path": str(self.path),
            "key": self.seal,
            "tasks": 50,
        } | more
        process.stdin.write(json.dumps(task).encode() + b"\n")
        assert await process.stdout.readline() == b"ready\n"
        return process

    async def said(self, process):
        """What its tasks were given; None if it was killed."""
        out, err = await asyncio.wait_for(process.communicate(b"go\n"), 60)
        assert b"secret" not in err
        return json.loads(out) if out else None


@pytest.fixture(params=["encrypted", "sqlite"])
async def shared(request, tmp_path):
    async with Authority() as authority:
        shared = Shared(tmp_path / "tokens", EncryptedFileStore.new_key() if request.param == "encrypted" else "",
                        authority)  # fmt: skip
        await shared.keep()
        yield shared


async def test_eight_processes_at_the_instant_of_expiry_make_one_refresh(shared):
    children = await asyncio.gather(*(shared.child() for _ in range(8)))
    given = await asyncio.gather(*(shared.said(child) for child in children))
    assert given == [["secret-a-1"]] * 8
    assert shared.authority.refreshes == 1
    kept = await shared.kept()
    assert (kept.access_token, kept.refresh_token, kept.refresh_began_at) == ("secret-a-1", "secret-r-1", None)


@pytest.mark.parametrize("moment", ["after mark", "before save", "after save"])
async def test_a_process_killed_around_its_refresh_leaves_a_token_that_recovers(shared, moment):
    dying = await shared.child(die=moment)
    assert await shared.said(dying) is None
    marked = moment != "after save"
    assert (await shared.kept()).refresh_began_at is not None if marked else True
    assert await shared.said(await shared.child()) == ["secret-a-1"]
    assert (await shared.kept()).refresh_token == "secret-r-1"
    assert shared.authority.refreshes == (2 if moment == "before save" else 1)


async def test_others_go_on_when_the_one_that_holds_the_lock_is_killed(shared):
    shared.authority.gate = asyncio.Event()
    holder, others = await shared.child(), [await shared.child() for _ in range(3)]
    holder.stdin.write(b"go\n")
    await shared.authority.arrived.wait()
    waiting = [asyncio.create_task(shared.said(other)) for other in others]
    holder.kill()
    await holder.communicate()
    shared.authority.gate.set()
    assert await asyncio.gather(*waiting) == [["secret-a-1"]] * 3
    assert (await shared.kept()).refresh_token == "secret-r-1"


async def test_a_crash_that_nobody_could_recover_in_time_says_what_to_do(shared):
    shared.authority.grace_seconds = 0.0
    assert await shared.said(await shared.child(die="before save")) is None
    (said,) = await shared.said(await shared.child())
    assert said.startswith(f"InvalidGrant: location {LOCATION}: ")
    assert "log in again: ghl-async login" in said
    assert "secret" not in said

"""A backfill killed at any moment goes on where it was. `benchmarks/bench_crash.py` does this a hundred times."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys

import pytest

from ghl_async.sandbox import Sandbox

from .conftest import set_doors
from .truth import assert_whole

CHILD = """
import asyncio, os, sys
from ghl_async import GHLClient, bulk

async def main():
    async with GHLClient.from_env() as ghl, bulk.SQLiteStore(sys.argv[1]) as store:
        run = bulk.backfill(ghl, store)
        async for progress in run:
            print(progress.contacts_before + progress.contacts, flush=True)
        print(run.summary.exit_code, run.summary.found, flush=True)

asyncio.run(main())
"""


async def start(sandbox, path):
    environment = {"GHL_TOKEN": sandbox.token, "GHL_LOCATION_ID": sandbox.location_id, "GHL_BASE_URL": sandbox.base_url}
    # The one warning that is allowed, as in pyproject.toml: backoff on Python 3.14.
    strict = ("-W", "error", "-W", "ignore:'asyncio.iscoroutinefunction' is deprecated:DeprecationWarning")
    return await asyncio.create_subprocess_exec(
        sys.executable, *strict, "-c", CHILD, str(path), env=environment, stdout=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("doors", "contacts"), [("granted", 1200), ("refused", 150), ("midway", 150), ("clamped", 450)]
)
async def test_killed_at_random_moments_the_store_ends_equal_to_the_truth(tmp_path, doors, contacts):
    path, moments = tmp_path / "location.db", random.Random(contacts)
    async with Sandbox(contacts=contacts, poison=2, requests=400, interval_seconds=0.3, daily=1_000_000) as sandbox:
        set_doors(sandbox, doors)
        for _ in range(3):
            child = await start(sandbox, path)
            await child.stdout.readline()  # it has begun to commit
            with_luck_inside_a_commit = asyncio.sleep(moments.uniform(0.0, 0.15))
            await with_luck_inside_a_commit
            with contextlib.suppress(ProcessLookupError):  # it was done already
                child.kill()
            await child.communicate()
        child = await start(sandbox, path)
        out, _ = await child.communicate()
        assert out.decode().splitlines()[-1] == f"0 {contacts}"
        assert_whole(path, sandbox, doors)
        assert "429" not in sandbox.log.counts()["by_status"], "at any restart"

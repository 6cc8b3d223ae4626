"""One store object serves one run after the other."""

from __future__ import annotations

import pytest

from ghl_async import bulk
from ghl_async.errors import UsageError

from .test_sync import change, is_whole


async def test_one_store_serves_one_run_after_the_other(sandbox, ghl, path):
    async with bulk.SQLiteStore(path) as store:
        await bulk.backfill(ghl, store)
        for position in (3, 4):
            change(sandbox, position, firstName="Renamed")
            assert (await bulk.sync(ghl, store)).changes.changed == 1
        assert (await bulk.verify(ghl, store)).exit_code == 0
        assert ((await store.counts()).contacts, await store.holes()) == (120, [])
        with pytest.raises(UsageError, match="no run holds it any more"):
            await store.remove(["x"])
    assert is_whole(path, sandbox)


async def test_a_run_beside_another_one_is_refused_and_does_not_disturb_it(sandbox, ghl, path):
    async with bulk.SQLiteStore(path) as store:
        run, refused = bulk.sync(ghl, store), 0
        async for _ in run:
            if not refused:
                with pytest.raises(UsageError, match="one run at a time"):
                    await bulk.sync(ghl, store)
                refused += 1
        assert (run.summary.exit_code, refused) == (0, 1)
    assert is_whole(path, sandbox)


async def test_behind_a_run_that_was_stopped_another_one_begins_where_it_stood(sandbox, ghl, path):
    async with bulk.SQLiteStore(path) as store:
        run = bulk.backfill(ghl, store)
        async for _ in run:
            run.stop()
        assert run.summary.exit_code == 3
        assert (await bulk.backfill(ghl, store)).exit_code == 0
    assert is_whole(path, sandbox)

"""bulk.sync: how often it looks deeper, and from when on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ghl_async import bulk
from ghl_async.errors import UsageError


@pytest.mark.parametrize("wrong", [20, None, timedelta(seconds=-1)])
@pytest.mark.parametrize("name", ["sweep_every", "whole_every"])
async def test_an_interval_that_is_none_is_refused_before_anything_is_sent(sandbox, ghl, path, name, wrong):
    async with bulk.SQLiteStore(path) as store:
        with pytest.raises(UsageError, match=f"{name} must be a timedelta of 0 or more"):
            bulk.sync(ghl, store, **{name: wrong})
    with pytest.raises(UsageError, match=name):
        bulk.Rhythm(**{name: wrong})
    assert not path.exists()
    assert sandbox.log.requests == 0

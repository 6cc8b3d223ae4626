"""A sandbox with room to run, and clients of it."""

from __future__ import annotations

import pytest

from ghl_async import GHLClient
from ghl_async.sandbox import Sandbox


@pytest.fixture
async def sandbox():
    """120 contacts, a quota nobody reaches."""
    async with Sandbox(contacts=120, requests=1_000_000, interval_seconds=1.0, daily=1_000_000_000) as sandbox:
        yield sandbox


@pytest.fixture
async def ghl(sandbox):
    """A client of the sandbox."""
    async with client_of(sandbox) as client:
        yield client


@pytest.fixture
def path(tmp_path):
    """Where a store may be made."""
    return tmp_path / "location.db"


def client_of(sandbox, **options):
    """Make a client of a sandbox."""
    return GHLClient(
        options.pop("token", sandbox.token),
        location_id=options.pop("location_id", sandbox.location_id),
        base_url=sandbox.base_url,
        **options,
    )

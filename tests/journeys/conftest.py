"""A sandbox with room to run, and clients of it."""

from __future__ import annotations

import pytest

from ghl_async import GHLClient
from ghl_async.sandbox import Sandbox

pytest.register_assert_rewrite("tests.journeys.truth")  # its assertions are to say what differs
from .truth import backfill  # noqa: E402  (only now)

DOORS = ("granted", "refused", "midway", "clamped")
"""How a server takes the searches that serve many contacts at once."""
_REFUSED = (("/tasks/search", 401, 4), ("/notes/search", 403, 5), ("/calendars/events", 404, 2))
"""Where, with which status, and after how many requests midway."""


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


@pytest.fixture(params=DOORS)
def doors(request, sandbox):
    """The sandbox in four modes, one after the other."""
    set_doors(sandbox, request.param)
    return request.param


@pytest.fixture
def refused(sandbox):
    """The sandbox refuses all searches but that of contacts: everything is read contact by contact."""
    set_doors(sandbox, "refused")


@pytest.fixture
def path(tmp_path):
    """Where a store may be made."""
    return tmp_path / "location.db"


@pytest.fixture
async def copied(ghl, path):
    """The path of a store that holds all 120 contacts with what belongs to them."""
    assert (await backfill(ghl, path)).exit_code == 0
    return path


@pytest.fixture
def ledger(tmp_path):
    """Where a ledger may be made."""
    return tmp_path / "changes.ledger"


def client_of(sandbox, **options):
    """Make a client of a sandbox."""
    return GHLClient(
        options.pop("token", sandbox.token),
        location_id=options.pop("location_id", sandbox.location_id),
        base_url=sandbox.base_url,
        **options,
    )


def set_doors(sandbox, mode):
    """Have a sandbox grant its searches, refuse them from the beginning or midway, or give and accept odd sizes."""
    pages = sandbox.state.pages
    if mode == "clamped":
        pages.change(tasks_clamp=17, tasks_refuse=333, notes_clamp=13, notes_refuse=77, search_clamp=37)
    if mode == "midway":
        pages.change(tasks_clamp=15, notes_clamp=40, search_clamp=40)
    if mode in {"refused", "midway"}:
        for path, status, after in _REFUSED:
            passed = after if mode == "midway" else 0
            sandbox.faults.add(kind="refused", path_contains=path, status=status, after=passed)

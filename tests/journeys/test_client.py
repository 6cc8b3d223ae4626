"""The client itself: what it is made of, how it opens and closes, what it says of itself."""

import asyncio
import gc
import os

import pytest

from ghl_async import ContactQuery, GHLClient, Quota, RetryPolicy, bulk
from ghl_async.client import BASE_URL
from ghl_async.errors import GHLError, NoToken, Unauthorized, UsageError
from ghl_async.hooks import QuotaWaited, RequestFinished, RetryScheduled, Stats
from ghl_async.models import Filter
from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .scripted import LOCATION, TOKEN, Scripted, answer, client_for, says, send


@pytest.fixture
def environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("GHL_"):
            monkeypatch.delenv(name)
    return monkeypatch.setenv


async def test_from_env_takes_all_four_names(environment):
    async with Scripted() as server:
        environment("GHL_TOKEN", f"  {TOKEN}\n")
        environment("GHL_LOCATION_ID", LOCATION)
        environment("GHL_BASE_URL", server.base_url)
        environment("GHL_API_VERSION", "v3")
        told = []
        async with GHLClient.from_env(hooks=[told.append]) as ghl:
            await send(ghl)
            assert ghl.location_id == LOCATION
        assert told
        assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert server.seen[0].headers["version"] == "v3"


@pytest.mark.parametrize("missing", ["GHL_BASE_URL", "GHL_API_VERSION"])
def test_from_env_does_without_the_optional_names(environment, missing):
    environment("GHL_TOKEN", TOKEN)
    environment("GHL_LOCATION_ID", LOCATION)
    environment(missing, "")
    assert GHLClient.from_env()._dialect._base == BASE_URL


def test_from_env_says_which_name_is_missing(environment):
    with pytest.raises(NoToken, match="GHL_TOKEN is not set"):
        GHLClient.from_env()
    environment("GHL_TOKEN", "   ")
    with pytest.raises(GHLError):
        GHLClient.from_env()
    environment("GHL_TOKEN", TOKEN)
    with pytest.raises(UsageError, match="GHL_LOCATION_ID is not set"):
        GHLClient.from_env()


@pytest.mark.parametrize("token", [TOKEN, f" {TOKEN}", f"{TOKEN}\r\n", f"\t{TOKEN} "])
async def test_whitespace_around_a_token_is_stripped(token):
    async with Scripted() as server, client_for(server, token=token) as ghl:
        await send(ghl)
        assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "services.example"},
        {"base_url": "ftp://services.example"},
        {"base_url": ""},
        {"base_url": "https://"},
        {"base_url": None},
        {"location_id": ""},
        {"location_id": "a/b"},
        {"location_id": "a b"},
        {"location_id": None},
        {"location_id": 7},
        {"deadline_seconds": 0},
        {"deadline_seconds": -1.0},
        {"deadline_seconds": float("nan")},
        {"api_version": "v3\r\nX-Evil: 1"},
    ],
    ids=str,
)
def test_arguments_that_make_no_sense_are_usage_errors(wrong):
    with pytest.raises(UsageError):
        GHLClient(TOKEN, **({"location_id": LOCATION} | wrong))


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "smile\u263a", None, 7, b"pit-bytes"])
def test_what_cannot_be_a_token_is_told_without_repeating_it(token):
    with pytest.raises((NoToken, UsageError)) as caught:
        GHLClient(token, location_id=LOCATION)
    if token and str(token).strip():
        assert str(token).strip() not in str(caught.value)


def test_making_a_client_needs_no_event_loop_and_opens_nothing():
    ghl = GHLClient(TOKEN, location_id=LOCATION)
    assert repr(ghl) == f"<GHLClient of location {LOCATION}>"
    assert ghl.stats == Stats()
    with pytest.raises(UsageError, match="before the first call"):
        _ = ghl.quota


async def test_closing_is_harmless_before_the_first_call_and_twice():
    ghl = GHLClient(TOKEN, location_id=LOCATION)
    await ghl.close()
    async with Scripted() as server, client_for(server) as other:
        await send(other)
        await other.close()
        await other.close()
        with pytest.raises(UsageError):
            _ = other.quota


async def test_a_call_after_closing_opens_again_and_stats_go_on():
    async with Scripted() as server, client_for(server) as ghl:
        await send(ghl)
        await ghl.close()
        await send(ghl)
        assert server.connections == 2
        assert ghl.stats.requests == 2
        assert not ghl.quota.known


async def test_closing_while_another_task_opens_again_leaves_the_client_whole():
    async with Scripted() as server, client_for(server) as ghl:
        await send(ghl)
        closing = asyncio.create_task(ghl.close())
        await asyncio.sleep(0)
        await send(ghl)
        await closing
        assert ghl.quota.free >= 0
        await send(ghl)
        assert server.connections == 2


async def test_leaving_the_block_closes_the_connections_even_after_an_error():
    async with Scripted(says(400, "bad")) as server:
        with pytest.raises(GHLError):
            async with client_for(server) as ghl:
                await send(ghl)
        for _ in range(50):
            await asyncio.sleep(0)
        assert server.open == 0


def test_one_client_serves_several_event_loops_one_after_the_other():
    """Warnings are errors here: an unclosed session or a loop that is closed would fail."""
    clients = []

    async def work():
        async with Scripted() as server:
            if not clients:
                clients.append(client_for(server))
            ghl = clients[0]
            ghl._dialect._base = server.base_url
            async with ghl:
                await send(ghl)
                await send(ghl, lane="bulk")

    for _ in range(3):
        asyncio.run(work())
        gc.collect()
    assert clients[0].stats.requests == 6


async def test_stats_count_attempts_and_both_lanes():
    async with (
        Scripted(says(500, "x"), answer()) as server,
        client_for(server, retry=RetryPolicy(base_seconds=0.0)) as ghl,
    ):
        await send(ghl)
        await send(ghl, lane="bulk")
        stats = ghl.stats
        assert (stats.requests, stats.retries, stats.by_status) == (3, 1, {500: 1, 200: 2})
        assert stats.by_operation == {"contacts.get": 3}


async def test_hooks_are_told_of_each_lane_and_a_broken_one_disturbs_nothing(caplog):
    told = []

    def broken(_event):
        raise ValueError("broken hook")

    async with Scripted() as server, client_for(server, hooks=[broken, told.append]) as ghl:
        reply = await send(ghl, lane="bulk")
        assert reply.status == 200
    finished = [event for event in told if isinstance(event, RequestFinished)]
    assert [(e.operation, e.method, e.template, e.status, e.attempt) for e in finished] == [
        ("contacts.get", "GET", "/contacts/{contactId}", 200, 1)
    ]
    assert 0 < finished[0].seconds < 5
    assert not any(isinstance(event, RetryScheduled | QuotaWaited) for event in told)
    assert "broken hook" in caplog.text


async def test_the_background_lane_has_the_same_resources_and_is_paced():
    async with Sandbox(contacts=3, requests=1000, interval_seconds=1.0) as sandbox, client_of(sandbox) as ghl:
        for name in ("contacts", "tasks", "notes", "appointments", "calendars", "location"):
            assert type(getattr(ghl, name)) is type(getattr(ghl.background, name))
            assert getattr(ghl, name) is not getattr(ghl.background, name)
        assert (await ghl.background.location.get()).id == sandbox.location_id
        assert ghl.quota.requests == 1000


async def test_quota_tells_what_the_server_announced():
    async with (
        Sandbox(contacts=3, requests=40, interval_seconds=1.0, daily=900) as sandbox,
        client_of(sandbox, quota=Quota(requests=30)) as ghl,
    ):
        await ghl.location.get()
        quota = ghl.quota
        assert (quota.requests, quota.interval_seconds, quota.known, quota.free) == (30, 1.0, True, 29)
        assert (quota.daily, quota.daily_remaining, quota.used_by_others) == (900, 899, 0)
        assert quota.daily_resets_at.tzinfo is not None


async def test_a_revoked_token_is_told_with_what_to_do():
    async with Sandbox(contacts=3) as sandbox, client_of(sandbox, token="pit-revoked") as ghl:
        with pytest.raises(Unauthorized, match="Settings > Private Integrations"):
            await ghl.location.get()


async def test_a_filter_on_a_custom_field_that_does_not_exist_is_named(ghl):
    query = ContactQuery(where=Filter("customFields.3sv6UEo51C9Bmpo1cKTq", "eq", "x"))
    with pytest.raises(UsageError, match=r"no custom field '3sv6UEo51C9Bmpo1cKTq'.*custom_fields.list\(\)"):
        await ghl.contacts.search(query)
    with pytest.raises(UsageError, match="no custom field"):
        await bulk.fetch(ghl, query)

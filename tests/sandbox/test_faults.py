"""Each fault does what its line in `Fault` says, as often as asked."""

from __future__ import annotations

import time

import aiohttp
import pytest

from ghl_async.sandbox.faults import Faults


async def strike(start, **fault):
    api = await start(contacts=20, requests=100)
    assert (await api("POST", "/_sandbox/faults", fault)).status == 200
    return api, f"/locations/{api.sandbox.location_id}"


def counted(api):
    return sum(entry.admitted for entry in api.sandbox.log.entries)


@pytest.mark.parametrize("headers", [True, False])
async def test_429_comes_as_a_burst_with_or_without_headers(start, headers):
    api, path = await strike(start, kind="too_many_requests", times=2, headers=headers)
    replies = [await api("GET", path) for _ in range(3)]
    assert [reply.status for reply in replies] == [429, 429, 200]
    assert replies[0].headers.get("X-RateLimit-Remaining") == ("0" if headers else None)
    assert replies[0].content["message"] == "Too Many Requests"
    assert replies[2].headers["X-RateLimit-Remaining"] == "99"


async def test_server_errors_are_json_with_status_and_name_and_count(start):
    api, path = await strike(start, kind="server_error", times=1)
    reply = await api("GET", path)
    assert reply.status == reply.content["status"] == 500
    assert reply.content["name"] == "HttpException"
    assert "statusCode" not in reply.content
    assert counted(api) == 1


async def test_edge_errors_are_html_and_do_not_count(start):
    api, path = await strike(start, kind="edge_error", status=504, times=1)
    reply = await api("GET", path)
    assert reply.status == 504
    assert reply.headers["Content-Type"].startswith("text/html")
    assert b"504" in reply.content
    assert counted(api) == 0


async def test_slow_answers_are_processed_at_once(start):
    api, path = await strike(start, kind="slow", seconds=0.15, times=1)
    began = time.monotonic()
    assert (await api("GET", path)).status == 200
    assert time.monotonic() - began >= 0.15
    assert api.sandbox.log.entries[0].at - began < 0.1


async def test_cut_before_is_neither_processed_nor_counted(start):
    api, path = await strike(start, kind="cut_before", times=1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api("POST", path)  # a POST, because aiohttp's client silently repeats an idempotent request
    assert counted(api) == 0
    assert api.sandbox.log.entries[0].status == 0


async def test_cut_after_is_processed_and_counted_and_breaks_off_in_the_body(start):
    api, path = await strike(start, kind="cut_after", times=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await api("GET", path)
    assert counted(api) == 1
    assert (await api("GET", path)).headers["X-RateLimit-Remaining"] == "98"


async def test_truncated_answers_are_complete_http_with_broken_json(start):
    api, path = await strike(start, kind="truncated", times=1)
    with pytest.raises(ValueError, match="truncated"):
        await api("GET", path)
    assert (await api("GET", path)).status == 200


async def test_empty_answers_have_no_body(start):
    api, path = await strike(start, kind="empty", times=1)
    reply = await api("GET", path)
    assert (reply.status, reply.content) == (200, b"")


async def test_an_expired_token_speaks_of_the_token_and_does_not_count(start):
    api, path = await strike(start, kind="expired_token", times=1)
    reply = await api("GET", path)
    assert (reply.status, reply.content["message"]) == (401, "Invalid Private Integration token")
    assert counted(api) == 0
    assert (await api("GET", path)).status == 200


async def test_drop_item_leaves_one_out_and_says_nothing(start):
    api, _ = await strike(start, kind="drop_item", match={"path_contains": "/search", "method": "POST"}, times=1)
    first = (await api.search(pageLimit=10)).content
    assert (len(first["contacts"]), first["total"]) == (9, 20)
    assert len((await api.search(pageLimit=10)).content["contacts"]) == 10


async def test_faults_strike_only_what_they_match_and_after_so_many(start):
    api, path = await strike(start, kind="server_error", path_contains="/locations/", method="GET", after=2, times=1)
    await api.search()
    assert [(await api("GET", path)).status for _ in range(4)] == [200, 200, 500, 200]
    listed = (await api("GET", "/_sandbox/faults")).content["faults"]
    assert (listed[0]["matched"], listed[0]["struck"]) == (4, 1)


async def test_faults_end_when_cleared_and_unknown_ones_are_refused(start):
    api, path = await strike(start, kind="server_error")
    assert (await api("GET", path)).status == 500
    await api("DELETE", "/_sandbox/faults")
    assert (await api("GET", path)).status == 200
    assert (await api("POST", "/_sandbox/faults", {"kind": "flood"})).status == 400


def test_rates_are_kept_and_reproducible():
    def struck(seed):
        faults = Faults(seed)
        faults.add(kind="slow", rate=0.3)
        return [faults.pick("GET", "/") is not None for _ in range(1000)]

    assert struck(1) == struck(1) != struck(2)
    assert 240 < sum(struck(1)) < 360


async def test_latency_lies_half_before_and_half_after_the_judgement(start):
    api = await start(contacts=1, latency_seconds=0.2)
    began = time.monotonic()
    await api("GET", f"/locations/{api.sandbox.location_id}")
    ended, judged = time.monotonic(), api.sandbox.log.entries[0].at
    assert judged - began >= 0.1
    assert ended - judged >= 0.1
    changed = await api("PUT", "/_sandbox/latency", {"seconds": 0.0, "jitter_seconds": 0.01})
    assert changed.content == {"seconds": 0.0, "jitter_seconds": 0.01}
    assert api.sandbox.latency.jitter_seconds == 0.01

"""The quota and the faults as a stranger meets them: plain curl, nothing of the package imported (see stranger.py)."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from .stranger import Stranger

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

RATE_HEADERS = {
    "x-ratelimit-limit-daily",
    "x-ratelimit-daily-remaining",
    "x-ratelimit-interval-milliseconds",
    "x-ratelimit-max",
    "x-ratelimit-remaining",
    "x-ratelimit-daily-reset",
}


@pytest.fixture
def fresh():
    """Start processes of one's own: `fresh("--requests", "3")`."""
    started = []

    def starter(*options):
        started.append(Stranger("--contacts", "30", *options))
        return started[-1]

    yield starter
    for stranger in started:
        stranger.end()


def here(ghl, *arguments):
    return ghl.get(f"/locations/{ghl.location_id}", *arguments)


def remaining(answer):
    return int(answer.headers["x-ratelimit-remaining"])


def test_the_window_is_opened_by_its_first_request_and_does_not_slide_4(fresh):
    ghl = fresh("--requests", "3", "--interval-seconds", "3")
    time.sleep(1)  # nothing opens a window but a request
    opened = time.monotonic()
    assert remaining(here(ghl)) == 2
    time.sleep(2)
    assert [remaining(here(ghl)) for _ in range(2)] == [1, 0]
    assert here(ghl).status == 429
    time.sleep(max(0.0, opened + 3.2 - time.monotonic()))
    assert [remaining(here(ghl)) for _ in range(3)] == [2, 1, 0]  # a sliding window would hold two of them yet


def test_a_sliding_window_and_a_bucket_can_be_had(fresh):
    ghl = fresh("--requests", "2", "--interval-seconds", "3", "--kind", "sliding")
    opened = time.monotonic()
    here(ghl)
    time.sleep(2)
    here(ghl)
    time.sleep(max(0.0, opened + 3.2 - time.monotonic()))
    assert [here(ghl).status for _ in range(2)] == [200, 429]
    bucket = fresh("--requests", "2", "--interval-seconds", "4", "--kind", "bucket")
    assert [here(bucket).status for _ in range(3)] == [200, 200, 429]
    time.sleep(2.1)
    assert [here(bucket).status for _ in range(2)] == [200, 429]


def test_a_day_that_is_used_up_4(fresh):
    ghl = fresh("--daily", "2", "--day-seconds", "3")
    opened = time.monotonic()
    assert [here(ghl).headers["x-ratelimit-daily-remaining"] for _ in range(2)] == ["1", "0"]
    refused = here(ghl)
    assert refused.status == 429
    assert refused.headers["x-ratelimit-daily-remaining"] == refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers.keys() >= RATE_HEADERS
    assert int(refused.headers["x-ratelimit-daily-reset"]) in {0, 1000, 2000}
    time.sleep(max(0.0, opened + 3.3 - time.monotonic()))
    assert here(ghl).headers["x-ratelimit-daily-remaining"] == "1"


def test_refusals_after_the_token_count_and_carry_the_headers_4(fresh):
    ghl = fresh()
    answers = [ghl.get("/contacts/x"), ghl.get("/nope"), ghl.get("/contacts/x", version=None), ghl.search(limit=1)]
    assert [answer.status for answer in answers] == [400, 404, 401, 422]
    assert [remaining(answer) for answer in answers] == [99, 98, 97, 96]
    unknown = ghl.get("/contacts/x", token="pit-unknown")
    assert not unknown.headers.keys() & RATE_HEADERS


def test_apps_and_locations_have_budgets_of_their_own_4(fresh):
    ghl = fresh()
    app = ghl.door("POST", "tokens", {"token": "eyJ.app.one", "app": "client-1"})["token"]
    private = ghl.door("POST", "tokens", {"token": "pit-second"})["token"]
    path = f"/locations/{ghl.location_id}"
    assert [remaining(ghl.get(path, token=token)) for token in (None, private, app)] == [99, 98, 99]


def test_retry_after_can_be_switched_on_16(fresh):
    ghl = fresh("--requests", "1", "--retry-after")
    assert "retry-after" not in here(ghl).headers
    assert 1 <= int(here(ghl).headers["retry-after"]) <= 10


def test_a_burst_of_429_an_error_of_the_edge_and_an_expired_token(fresh):
    faults = [{"kind": "too_many_requests", "times": 2}, {"kind": "edge_error", "status": 503, "times": 1}]
    ghl = fresh(*(part for fault in faults for part in ("--fault", json.dumps(fault))))
    assert [here(ghl).status for _ in range(2)] == [429, 429]
    edge = here(ghl)
    assert (edge.status, edge.headers["content-type"][:9]) == (503, "text/html")
    ghl.door("POST", "faults", {"kind": "expired_token", "times": 1})
    assert (here(ghl).status, here(ghl).status) == (401, 200)
    old = ghl.door("POST", "tokens", {"token": "eyJ.old", "app": "client-1", "expired": True})["token"]
    assert ghl.get("/contacts/x", token=old).json["message"] == "Invalid token: access token is invalid"


def test_cut_slow_and_truncated_answers(fresh):
    ghl = fresh()
    path = f"/locations/{ghl.location_id}"
    for kind, code, counted in (("cut_before", 52, 0), ("cut_after", 18, 1)):  # curl: empty reply, partial file
        before = remaining(here(ghl))
        ghl.door("POST", "faults", {"kind": kind, "times": 1})
        assert ghl.cut(path) == code
        assert remaining(here(ghl)) == before - counted - 1
    ghl.door("POST", "faults", {"kind": "truncated", "times": 1})
    torn = here(ghl)
    assert torn.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn.text)
    ghl.door("POST", "faults", {"kind": "slow", "seconds": 0.5, "times": 1})
    began = time.monotonic()
    assert here(ghl).status == 200
    assert time.monotonic() - began >= 0.5

"""The three ways of counting, as laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghl_async.sandbox.limits import Limits, LimitSettings
from ghl_async.sandbox.requestlog import largest_count

KEY = ("pit", "here")
gaps = st.lists(st.sampled_from([0.0, 0.01, 0.3, 1.0, 4.0, 9.99, 10.0, 11.0]), min_size=1, max_size=120)
limits_ = st.integers(min_value=1, max_value=12)


def make(**settings):
    return Limits(LimitSettings(**({"requests": 5, "interval_seconds": 10.0, "daily": 1000} | settings)))


def drive(limits, waits):
    """Judge one request after each wait; return (moment, reading) pairs."""
    now, judged = 1000.0, []
    for wait in waits:
        now += wait
        judged.append((now, limits.judge(KEY, now)))
    return judged


@given(gaps, limits_)
def test_fixed_window_opens_with_the_first_request_after_the_last_one_lapsed(waits, most):
    opened, used = None, 0
    for now, reading in drive(make(requests=most), waits):
        if opened is None or now >= opened + 10.0:
            opened, used = now, 0
        assert reading.admitted == (used < most)
        used += reading.admitted
        assert reading.remaining == most - used


@given(gaps, limits_)
def test_sliding_window_never_holds_more_than_the_limit_and_refuses_only_when_full(waits, most):
    admitted = []
    for now, reading in drive(make(requests=most, kind="sliding"), waits):
        recent = [at for at in admitted if at > now - 10.0]
        assert reading.admitted == (len(recent) < most)
        if reading.admitted:
            admitted.append(now)
        assert reading.remaining == most - len([at for at in admitted if at > now - 10.0])
    assert largest_count(admitted, 10.0) <= most


@given(gaps, limits_)
def test_bucket_admits_its_size_plus_the_refill_and_no_more(waits, most):
    judged = drive(make(requests=most, kind="bucket"), waits)
    moments = [now for now, reading in judged if reading.admitted]
    for first, start in enumerate(moments):
        for last in range(first, len(moments)):
            assert last - first + 1 <= most + (moments[last] - start) * most / 10.0 + 1e-6


@given(gaps, limits_, st.sampled_from(["fixed", "sliding", "bucket"]))
def test_after_the_named_wait_a_request_is_admitted(waits, most, kind):
    limits = make(requests=most, kind=kind)
    judged = drive(limits, waits)
    assert all((reading.wait_seconds == 0) == reading.admitted for _, reading in judged)
    now, reading = judged[-1]
    if not reading.admitted:
        assert limits.judge(KEY, now + reading.wait_seconds + 1e-6).admitted


@given(gaps, st.sampled_from(["fixed", "sliding", "bucket"]))
def test_a_client_within_any_sliding_interval_is_never_refused(waits, kind):
    limits, admitted, now = make(requests=4, kind=kind), [], 0.0
    for wait in waits:
        now += wait
        if len([at for at in admitted if at > now - 10.0]) < 4:
            assert limits.judge(KEY, now).admitted
            admitted.append(now)


@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
def test_refused_requests_do_not_count_unless_so_set(kind):
    for counted, admitted_later in ((False, True), (True, kind == "fixed")):
        limits = make(requests=1, kind=kind, count_refused=counted)
        readings = drive(limits, [0, 5.0, 5.0])
        assert [reading.admitted for _, reading in readings] == [True, False, admitted_later]


def test_remaining_counts_the_present_request():
    assert [reading.remaining for _, reading in drive(make(), [0] * 6)] == [4, 3, 2, 1, 0, 0]


def test_the_day_is_a_fixed_window_opened_by_the_first_request():
    limits = make(requests=100, daily=2, day_seconds=86_400.0)
    first, second, third = drive(limits, [0, 3600, 3600])
    assert [reading.daily_remaining for _, reading in (first, second, third)] == [1, 0, 0]
    assert not third[1].admitted
    assert third[1].wait_seconds == 86_400 - 7200
    assert limits.judge(KEY, 1000.0 + 86_400).admitted


def test_headers_have_the_names_and_units_of_the_api():
    limits = make()
    (_, first), (_, second) = drive(limits, [0, 12.7])
    assert first.admitted
    assert limits.headers(second) == {
        "X-RateLimit-Limit-Daily": "1000",
        "X-RateLimit-Daily-Remaining": "998",
        "X-RateLimit-Interval-Milliseconds": "10000",
        "X-RateLimit-Max": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Daily-Reset": "86387000",
    }


def test_headers_and_retry_after_can_be_switched():
    limits = make(requests=1, headers=False, retry_after=True)
    (_, admitted), (_, refused) = drive(limits, [0, 2.5])
    assert limits.headers(admitted) == {}
    assert limits.headers(refused) == {"Retry-After": "8"}


def test_changes_take_effect_at_once():
    limits = make(requests=3)
    drive(limits, [0, 0, 0])
    assert not limits.judge(KEY, 1000.0).admitted
    limits.change(requests=5)
    assert [limits.judge(KEY, 1001.0).admitted for _ in range(3)] == [True, True, False]
    limits.change(kind="bucket")
    assert limits.judge(KEY, 1001.0).remaining == 4


@pytest.mark.parametrize("changes", [{"requests": "many"}, {"interval_seconds": 0}, {"kind": "leaky"}, {"burst": 3}])
def test_senseless_changes_are_refused_and_leave_the_settings(changes):
    limits = make()
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec words it
        limits.change(**changes)
    assert limits.settings.requests == 5


def test_budgets_are_apart_and_spending_of_others_counts():
    limits = make(requests=3)
    limits.spend(KEY, 0.0, 2)
    assert limits.judge(KEY, 0.0).remaining == 0
    assert limits.judge(("pit", "elsewhere"), 0.0).remaining == 2


def test_largest_count_looks_at_half_open_spans():
    assert largest_count([0.0, 1.0, 10.0, 10.5], 10.0) == 3
    assert largest_count([], 10.0) == 0

"""What readings tell of others and of the day: bounds that never blame others for our own requests."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghl_async.errors import DailyQuotaExhausted
from ghl_async.wire.reading import Day, Others, QuotaReading

INTERVAL = 10.0


def own(in_window=0, sent=0, surely_counted=0):
    return in_window, sent, surely_counted


def test_what_the_server_counts_beyond_all_of_ours_is_others():
    others = Others()
    others.observe(0.0, INTERVAL, 100, 30, own(in_window=10, sent=10, surely_counted=10))
    assert others.held_back(0.0) == 22  # and two on top for what they have under way


def test_a_count_that_our_own_requests_explain_holds_nothing_back():
    others = Others()
    others.observe(0.0, INTERVAL, 100, 10, own(in_window=10, sent=10, surely_counted=10))
    assert others.held_back(0.0) == 0
    assert others.next_change() is None


def test_a_rise_beyond_what_we_sent_in_between_is_others_although_the_window_would_explain_it():
    others = Others()
    others.observe(0.0, INTERVAL, 100, 1, own(in_window=50, sent=100, surely_counted=100))
    others.observe(1.0, INTERVAL, 100, 31, own(in_window=50, sent=110, surely_counted=110))
    assert others.held_back(1.0) == 22


def test_a_holding_lapses_after_one_interval():
    others = Others()
    others.observe(0.0, INTERVAL, 100, 30, own(in_window=10, sent=10, surely_counted=10))
    assert others.next_change() == INTERVAL
    assert others.held_back(INTERVAL - 0.01) == 22
    assert others.held_back(INTERVAL) == 0


def test_a_smaller_count_than_what_is_held_ends_the_holding_at_once():
    others = Others()
    others.observe(0.0, INTERVAL, 100, 60, own(in_window=10, sent=10, surely_counted=10))
    others.observe(1.0, INTERVAL, 100, 2, own(in_window=11, sent=11, surely_counted=11))
    assert others.held_back(1.0) == 0


def test_when_the_limits_change_old_readings_compare_with_nothing():
    others = Others()
    others.observe(0.0, INTERVAL, 100, 60, own(in_window=10, sent=10, surely_counted=10))
    others.forget()
    assert others.held_back(0.0) == 0
    others.observe(1.0, INTERVAL, 100, 11, own(in_window=11, sent=11, surely_counted=11))
    assert others.held_back(1.0) == 0


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 5.0)), min_size=1, max_size=40), st.floats(0.0, 5.0))
def test_whoever_is_alone_never_sees_others_in_a_fixed_window(trips, back):
    """Requests are counted in any order; the answers arrive in the order in which they were counted."""
    left = 0.0
    requests = []
    for wait, there in trips:
        left += wait
        requests.append((left, left + there, left + there + back))
    counted, opened_at, count = {}, float("-inf"), 0
    for n, (_, at, _) in sorted(enumerate(requests), key=lambda each: each[1][1]):
        if at >= opened_at + INTERVAL:
            opened_at, count = at, 0
        count += 1
        counted[n] = count
    others = Others()
    for n, (sent, _, replied) in sorted(enumerate(requests), key=lambda each: each[1][1]):
        answered = sum(each[2] <= sent for each in requests if each[0] < sent)
        mine = own(
            in_window=sum(each[0] <= replied and each[2] >= sent - INTERVAL for each in requests),
            sent=sum(each[0] <= replied for each in requests),
            surely_counted=answered + 1,
        )
        others.observe(replied, INTERVAL, 100, counted[n], mine)
        assert others.held_back(replied) == 0


def test_a_day_of_which_nothing_is_known_stops_nobody():
    Day().check(0.0, None)
    Day().check(0.0, 1000)


def test_the_reset_is_told_as_an_instant_in_utc():
    day = Day()
    day.observe(100.0, QuotaReading(daily=1000, daily_remaining=3, daily_resets_in_seconds=7200.0), uncounted=0)
    assert abs(day.resets_at_utc(100.0) - (datetime.now(UTC) + timedelta(hours=2))) < timedelta(seconds=5)
    with pytest.raises(DailyQuotaExhausted, match="UTC; run it again then"):
        day.check(7299.0, None)
    day.check(7300.0, None)


def test_without_an_announced_floor_one_percent_of_the_day_is_kept():
    day = Day()
    day.observe(0.0, QuotaReading(daily=1000, daily_remaining=11, daily_resets_in_seconds=60.0), uncounted=0)
    day.check(0.0, None)
    day.observe(0.0, QuotaReading(daily=1000, daily_remaining=10, daily_resets_in_seconds=60.0), uncounted=0)
    with pytest.raises(DailyQuotaExhausted, match="10 requests are left for today and 10 are kept"):
        day.check(0.0, None)


def test_a_reply_that_says_nothing_of_the_day_leaves_it_as_it_was():
    day = Day()
    day.observe(0.0, QuotaReading(daily=1000, daily_remaining=0, daily_resets_in_seconds=60.0), uncounted=0)
    day.observe(1.0, QuotaReading(requests=100, remaining=5), uncounted=0)
    assert (day.limit, day.remaining, day.resets_at) == (1000, 0, 60.0)

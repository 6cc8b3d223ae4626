"""What cursors that read side by side agree on: how many there are to be, and where one ends and the next begins."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ghl_async import ContactQuery, GHLClient
from ghl_async.bulk._cursors import MOST_CALLS, _below, _within, calls_wanted
from ghl_async.bulk._frontier import Span
from ghl_async.models import Contact, Filter, Quarantined, decode_record
from ghl_async.pagination import Page


def client(requests, interval_seconds):
    """As much of a client as is asked: its quota."""
    return SimpleNamespace(quota=SimpleNamespace(requests=requests, interval_seconds=interval_seconds))


@pytest.mark.parametrize(
    ("requests", "interval_seconds", "round_trip_seconds", "wanted"),
    [
        (100, 10.0, 0.01, 1),
        (100, 10.0, 0.25, 3),
        (100, 10.0, 2.0, 24),
        (100, 10.0, 30.0, MOST_CALLS),
        (1_000_000, 1.0, 0.1, 2),  # nobody is granted so many: that of a test server
        (1, 10.0, 2.0, 1),
    ],
)
def test_so_many_calls_are_wanted_as_use_the_quota(requests, interval_seconds, round_trip_seconds, wanted):
    assert calls_wanted(client(requests, interval_seconds), round_trip_seconds) == wanted


def test_before_the_first_call_one_is_wanted():
    assert calls_wanted(GHLClient("pit-0", location_id="L" * 20), 2.0) == 1


@pytest.mark.parametrize(
    ("since", "before", "bounds"),
    [
        (1000, 61_000, {"gte": "1970-01-01T00:00:01+00:00", "lt": "1970-01-01T00:01:01+00:00"}),
        (None, 1, {"lt": "1970-01-01T00:00:00.001000+00:00"}),
    ],
)
def test_a_span_bounds_the_query_by_whole_milliseconds(since, before, bounds):
    bounded = _within(ContactQuery(), Span(since, before)).where
    (condition,) = bounded.filters
    assert bounded.group == "AND"
    assert (condition.field, condition.operator) == ("dateAdded", "range")
    assert {name: at.isoformat() for name, at in condition.value.items()} == bounds


def test_a_span_leaves_the_conditions_of_the_query_in_force():
    given = Filter("city", "eq", "Ulm")
    bounded = _within(ContactQuery(tags=["vip"], where=given), Span(0, 5))
    assert bounded.tags == ["vip"]
    assert bounded.where.filters[0] == given
    assert bounded.where.filters[1].field == "dateAdded"


def page_of(*positions):
    contacts = [decode_record(Contact, b'{"id":"c%d","searchAfter":[%d,"c%d"]}' % (at, at, at)) for at in positions]
    return Page(items=tuple(contacts), cursor=(positions[-1], f"c{positions[-1]}"), total=9)


def test_what_lies_behind_the_end_of_a_span_is_left_to_the_next():
    page = page_of(1, 2, 3, 4)
    assert _below(page, None) is page
    assert _below(page, 5) is page
    kept = _below(page, 3)
    assert [contact.id for contact in kept.items] == ["c1", "c2"]
    assert (tuple(kept.cursor), kept.total) == ((2, "c2"), 9)
    assert _below(page, 1).is_empty


def test_a_record_without_a_readable_position_is_handed_on_and_others_are_judged():
    apart = tuple(
        Quarantined("contact", raw, "broken", None) for raw in (b'{"searchAfter":[9,"x"]}', b'{"searchAfter":7}', b"{}")
    )
    page = page_of(1, 9)
    kept = _below(Page(items=page.items, quarantined=apart, cursor=page.cursor, total=5), 5)
    assert [contact.id for contact in kept.items] == ["c1"]
    assert [each.raw for each in kept.quarantined] == [b'{"searchAfter":7}', b"{}"]

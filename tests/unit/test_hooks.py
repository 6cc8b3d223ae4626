"""Events, and the two hooks that come with the package."""

import logging

import pytest

from ghl_async.hooks import (
    LimitsLearned,
    LoggingHook,
    PageCommitted,
    QuotaWaited,
    RecordQuarantined,
    RequestFinished,
    RetryScheduled,
    Stats,
    StatsHook,
    emit,
)

EVENTS = [
    RequestFinished("contacts.get", "GET", "/contacts/{contactId}", 200, 0.25, 1),
    RequestFinished("contacts.get", "GET", "/contacts/{contactId}", 429, 0.01, 1),
    RequestFinished("tasks.list", "GET", "/contacts/{contactId}/tasks", 0, 60.0, 2, "TimedOut"),
    RetryScheduled("contacts.get", 1, 10.0, "RateLimited"),
    QuotaWaited("contacts.get", "bulk", 0.5),
    QuotaWaited("contacts.get", "interactive", 0.25),
    LimitsLearned(25, 10.0, 10_000),
    PageCommitted(100, 50, 40, 30, 1100),
    RecordQuarantined("task", "Expected `str`, got `int` - at `$.id`"),
]


def test_every_hook_is_told_every_event_in_order():
    first, second = [], []
    for event in EVENTS:
        emit([first.append, second.append], event)
    assert first == second == EVENTS


def test_a_hook_that_raises_disturbs_neither_the_call_nor_the_other_hooks(caplog):
    def broken(_event):
        raise RuntimeError("broken hook")

    told = []
    emit([broken, told.append], EVENTS[0])
    assert told == [EVENTS[0]]
    assert "a hook failed on RequestFinished" in caplog.text
    assert "broken hook" in caplog.text


def test_the_counting_hook_counts_attempts():
    hook = StatsHook()
    for event in EVENTS:
        hook(event)
    assert hook.stats == Stats(
        requests=3,
        retries=1,
        rate_limited=1,
        failures=1,
        quarantined=1,
        quota_waited_seconds=0.75,
        attempt_seconds=60.26,
        by_operation={"contacts.get": 2, "tasks.list": 1},
        by_status={200: 1, 429: 1, 0: 1},
    )


def test_two_counting_hooks_share_nothing():
    one, other = StatsHook(), StatsHook()
    one(EVENTS[0])
    assert other.stats == Stats()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_retries_and_quarantined_records_are_warnings_and_all_else_is_debug(event, caplog):
    caplog.set_level(logging.DEBUG, "ghl_async")
    LoggingHook()(event)
    (record,) = caplog.records
    loud = isinstance(event, RetryScheduled | RecordQuarantined)
    assert record.levelno == (logging.WARNING if loud else logging.DEBUG)
    assert record.name == "ghl_async"
    assert record.getMessage().startswith(type(event).__name__ + " ")
    for name in event.__struct_fields__:
        assert record.ghl[name] == getattr(event, name)
        assert f"{name}={getattr(event, name)}" in record.getMessage()


def test_at_the_level_of_warnings_a_finished_request_costs_no_record(caplog):
    caplog.set_level(logging.WARNING, "ghl_async")
    LoggingHook()(EVENTS[0])
    assert not caplog.records


def test_the_package_adds_no_handler_but_the_null_one():
    handlers = logging.getLogger("ghl_async").handlers
    assert [type(handler) for handler in handlers if not type(handler).__module__.startswith("_pytest")] == [
        logging.NullHandler
    ]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_cannot_be_changed_by_a_hook(event):
    with pytest.raises(AttributeError):
        setattr(event, event.__struct_fields__[0], "other")

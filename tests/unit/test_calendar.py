"""The windows in which the events of calendars are read: how they begin, how they grow, that nothing falls between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghl_async import GHLClient
from ghl_async.bulk import _calendar
from ghl_async.bulk._calendar import EVENTS_A_WINDOW, Step, first_step, list_calendars, spool_events
from ghl_async.bulk._spool import TemporarySpool
from ghl_async.bulk._workers import Room
from ghl_async.sandbox import Sandbox
from ghl_async.sandbox.people import START_MS

DAY = timedelta(days=1)
BEGAN = datetime.fromtimestamp(START_MS / 1000, UTC)


@pytest.fixture
async def sandbox():
    """A thousand contacts, of whom every appointment is in a living calendar."""
    async with Sandbox(contacts=1000, lost=0.0, requests=1_000_000, interval_seconds=1.0) as sandbox:
        yield sandbox


@pytest.fixture
async def ghl(sandbox):
    async with GHLClient(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url) as client:
        yield client


@pytest.fixture
async def spool():
    place = TemporarySpool()
    yield place
    await place.close()


def true_events(sandbox):
    """The ids of each contact's events, in order."""
    location = sandbox.state.main
    found = {
        location.id_of(ref): sorted(event["id"] for event in location.events_of(ref))
        for ref in location.walk(descending=False)
    }
    return {contact_id: ids for contact_id, ids in found.items() if ids}


async def spooled_events(sandbox, spool):
    ids = [sandbox.state.main.id_of(ref) for ref in sandbox.state.main.walk(descending=False)]
    found = await spool.spooled(ids)
    return {
        contact_id: [raw.partition(b'"id":"')[2][:20].decode() for raw in raws] for contact_id, raws in found.items()
    }


def windows(sandbox):
    """How often events were asked for."""
    return sandbox.log.counts()["by_route"]["GET /calendars/events"]


async def test_the_calendars_are_those_that_live(sandbox, ghl):
    assert set(await list_calendars(ghl)) == set(sandbox.state.main.children.calendar_ids)


@pytest.mark.parametrize("contacts", [0, 1, 3 * EVENTS_A_WINDOW])
async def test_where_few_events_are_to_be_expected_one_window_holds_all(contacts):
    async with (
        Sandbox(contacts=contacts) as sandbox,
        GHLClient(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url) as ghl,
    ):
        assert (await first_step(ghl, 3)).windows == 1
        assert (await first_step(ghl, 3)).length is None
        assert sandbox.log.counts()["requests"] == 2


async def test_windows_begin_so_long_that_each_holds_about_as_many_events_as_are_wanted(monkeypatch, ghl):
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 50)
    step = await first_step(ghl, 4)  # 1000 contacts, an event each, make 250 a calendar
    assert step.windows == 5 + 1
    assert abs(step.oldest - BEGAN) < DAY
    assert abs(step.length - (datetime.now(UTC) - step.oldest) / 5) < DAY


async def test_no_window_is_shorter_than_a_day_in_the_beginning(monkeypatch, ghl):
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 0.001)
    assert (await first_step(ghl, 1)).length == DAY


async def test_a_location_whose_contacts_come_from_the_future_has_one_window(monkeypatch):
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 1)
    async with (
        Sandbox(contacts=0) as sandbox,
        GHLClient(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url) as ghl,
    ):
        for number in range(5):
            sandbox.state.main.add({"email": f"{number}@example.com", "dateAdded": "2091-01-01T00:00:00.000Z"})
        assert (await first_step(ghl, 1)).length is None


async def test_without_calendars_a_window_is_still_a_window(ghl):
    assert (await first_step(ghl, 0)).windows == 1


@pytest.mark.parametrize("at_once", [1, 12])
@pytest.mark.parametrize("wanted", [15, 5000])
@pytest.mark.parametrize("length", [None, timedelta(days=1), timedelta(days=400)])
async def test_every_event_is_spooled_once_whatever_the_windows(
    monkeypatch, sandbox, ghl, spool, wanted, length, at_once
):
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", wanted)
    calendars = await list_calendars(ghl)
    await spool_events(ghl, calendars, spool, Room(8), Step(BEGAN, length, 4), at_once=at_once)
    assert await spooled_events(sandbox, spool) == true_events(sandbox)
    assert windows(sandbox) >= len(calendars)
    if length is None:
        assert windows(sandbox) == len(calendars)
    elif wanted == 5000:
        assert windows(sandbox) < 60 * len(calendars), "windows that are nearly empty grow"


@pytest.mark.parametrize("at_once", [1, 12])
async def test_events_before_the_first_contact_and_in_a_far_future_are_found(monkeypatch, sandbox, ghl, spool, at_once):
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 20)
    calendar_id = sandbox.state.main.children.calendar_ids[0]
    starts = ["1999-12-31 23:59:00", "2022-12-31 12:00:00", "2031-06-01 12:00:00", "2099-01-01 00:00:00"]
    visits = [{"calendarId": calendar_id, "startTime": start, "endTime": start} for start in starts]
    owner = sandbox.state.main.add({"email": "a@example.com", "appointments": visits})
    await spool_events(ghl, [calendar_id], spool, Room(8), await first_step(ghl, 1), at_once=at_once)
    assert len((await spool.spooled([owner]))[owner]) == len(starts)


@pytest.mark.parametrize("at_once", [1, 12])
async def test_events_at_the_very_edge_of_windows_are_found(monkeypatch, sandbox, ghl, spool, at_once):
    """Windows touch, and overlap by days; nothing says whether their ends belong to them."""
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 10**9)
    calendar_id = sandbox.state.main.children.calendar_ids[0]
    edges = [BEGAN + timedelta(days=10) * number for number in range(1, 4)]
    moments = [edge + timedelta(milliseconds=shift) for edge in edges for shift in (-1000, 0, 1000)]
    visits = [
        {"calendarId": calendar_id, "startTime": moment.isoformat(), "endTime": moment.isoformat()}
        for moment in moments
    ]
    owner = sandbox.state.main.add({"email": "a@example.com", "appointments": visits})
    await spool_events(ghl, [calendar_id], spool, Room(8), Step(BEGAN, timedelta(days=10), 4), at_once=at_once)
    assert len((await spool.spooled([owner]))[owner]) == len(moments)


async def test_never_more_calls_are_under_way_than_there_is_room(monkeypatch, sandbox, ghl, spool):
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 20)
    most = 0

    class Watched(Room):
        async def __aenter__(self):
            nonlocal most
            await super().__aenter__()
            most = max(most, self.under_way)

    room = Watched(2)
    await spool_events(ghl, await list_calendars(ghl), spool, room, await first_step(ghl, 3), at_once=12)
    assert (most, room.under_way) == (2, 0)
    assert await spooled_events(sandbox, spool) == true_events(sandbox)


async def test_a_few_calendars_are_read_by_as_many_calls_as_are_wanted(monkeypatch, sandbox, ghl, spool):
    """A calendar's windows come one after the other, so its time is divided."""
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", 20)
    most, room = 0, Room(32)

    class Watched(TemporarySpool):
        async def spool(self, events):
            nonlocal most
            most = max(most, 1 + room.under_way)
            await super().spool(events)

    place = Watched()
    sandbox.latency.seconds = 0.02
    (one, *_) = await list_calendars(ghl)
    await spool_events(ghl, [one], place, room, await first_step(ghl, 1), at_once=6)
    await spool_events(ghl, [one], spool, Room(1), await first_step(ghl, 1), at_once=1)
    assert most == 6
    assert await spooled_events(sandbox, place) == await spooled_events(sandbox, spool)
    await place.close()

"""The reads beside the writes: free times, block slots, businesses, campaigns and workflows."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from ghl_async.client import GHLClient, Resources
from ghl_async.errors import DecodeError

from .recording import TRACE, Recording

SINCE = datetime(2026, 7, 17, tzinfo=UTC)
BEFORE = datetime(2026, 7, 18, tzinfo=UTC)
WINDOW = ("1784246400000", "1784332800000")


async def test_free_times_come_by_day_and_aware():
    send = Recording({"2026-07-17": {"slots": ["2026-07-17T10:00:00-05:00"]}, "2026-07-18": {"slots": []}, **TRACE})
    free = await Resources(send, "L1").calendars.free_slots(
        "K1", since=SINCE, before=BEFORE, timezone="America/Chicago", user_id="U1"
    )
    ten = datetime(2026, 7, 17, 10, tzinfo=timezone(timedelta(hours=-5)))
    assert free == {date(2026, 7, 17): [ten], date(2026, 7, 18): []}
    request = send.request
    assert (request.operation, request.template) == ("calendars.free_slots", "/calendars/{calendarId}/free-slots")
    assert (request.version, request.scope, request.ids) == ("2021-04-15", "calendars.readonly", ("K1",))
    assert request.query == (
        ("startDate", WINDOW[0]),
        ("endDate", WINDOW[1]),
        ("timezone", "America/Chicago"),
        ("userId", "U1"),
    )


async def test_a_day_of_another_shape_is_a_decode_error():
    send = Recording({"2026-07-17": {"slots": ["ten"]}})
    with pytest.raises(DecodeError, match="2026-07-17"):
        await Resources(send, "L1").calendars.free_slots("K1", since=SINCE, before=BEFORE)


@pytest.mark.parametrize(
    ("owner", "name"), [("calendar_id", "calendarId"), ("user_id", "userId"), ("group_id", "groupId")]
)
async def test_block_slots_are_listed_of_one_owner(owner, name):
    slot = {"id": "S1", "startTime": "2026-07-17T12:00:00+02:00", "title": "Lunch"}
    send = Recording({"events": [slot, {"id": ""}], **TRACE})
    slots = Resources(send, "L1").block_slots
    page = await slots.page(since=SINCE, before=BEFORE, **{owner: "X1"})
    assert [each.title for each in page.items] == ["Lunch"]
    assert len(page.quarantined) == 1
    request = send.request
    assert (request.operation, request.template) == ("block_slots.list", "/calendars/blocked-slots")
    assert request.query == (("locationId", "L1"), (name, "X1"), ("startTime", WINDOW[0]), ("endTime", WINDOW[1]))
    assert (request.version, request.scope) == ("2021-04-15", "calendars/events.readonly")
    with pytest.raises(DecodeError, match=r"^blockslot .*`page\(\)`"):
        await slots.list(since=SINCE, before=BEFORE, **{owner: "X1"})


async def test_businesses_are_listed_by_pages_and_got_by_id():
    send = Recording({"businesses": [{"id": "B1", "name": "Example Ltd"}, {"id": "B2"}], **TRACE})
    page = await Resources(send, "L1").businesses.list(skip=4, limit=2)
    assert [each.id for each in page.items] == ["B1", "B2"]
    assert page.cursor == 6
    request = send.request
    assert request.query == (("locationId", "L1"), ("limit", "2"), ("skip", "4"))
    assert (request.operation, request.template, request.scope) == (
        "businesses.list",
        "/businesses/",
        "businesses.readonly",
    )
    send = Recording({"business": {"id": "B1", "createdAt": "2026-07-17T10:00:00.000Z"}})
    assert (await Resources(send, "L1").businesses.get("B1")).created_at == datetime(2026, 7, 17, 10, tzinfo=UTC)
    assert (send.request.template, send.request.ids) == ("/businesses/{businessId}", ("B1",))


async def test_campaigns_and_workflows_are_listed():
    send = Recording({"campaigns": [{"id": "P1", "name": "Spring", "status": "published"}]})
    (campaign,) = await Resources(send, "L1").automations.campaigns(status="published")
    assert campaign.name == "Spring"
    assert send.request.query == (("locationId", "L1"), ("status", "published"))
    assert (send.request.operation, send.request.scope) == ("automations.campaigns", "campaigns.readonly")
    send = Recording({"workflows": [{"id": "W1", "version": 2, "createdAt": "2021-05-26T11:33:49.000Z"}]})
    (workflow,) = await Resources(send, "L1").automations.workflows()
    assert workflow.created_at == datetime(2021, 5, 26, 11, 33, 49, tzinfo=UTC)
    assert (send.request.operation, send.request.scope) == ("automations.workflows", "workflows.readonly")
    assert send.request.query == (("locationId", "L1"),)


@pytest.mark.parametrize(("version", "generation"), [(None, "v2"), ("2021-07-28", "v2"), ("v3", "v3")])
def test_the_version_of_a_client_decides_the_spelling_of_its_bodies_and_paths(version, generation):
    ghl = GHLClient("token", location_id="L1", api_version=version)
    for lane in (ghl, ghl.background):
        assert lane.contacts._generation == lane.automations._generation == generation

"""Tasks and notes of all contacts, appointments of a calendar, a look-up by address: requests, pages, refusals."""

from datetime import UTC, datetime

import pytest

from ghl_async import pagination
from ghl_async.errors import BadRequest, CursorRepeated, DecodeError, Unprocessable, UsageError
from ghl_async.models import Appointment, Note, Task
from ghl_async.resources import Appointments, Contacts, Notes, Tasks

from .recording import TRACE, Recording

LOCATION = "LLLLLLLLLLLLLLLLLLLL"
SINCE, BEFORE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def refused(message="limit must not be greater than 50", status=422, kind=Unprocessable):
    return kind(message, operation="x", status=status, messages=[message])


def records(key, *ids):
    return {key: [{"id": one} for one in ids], **TRACE}


@pytest.fixture(params=[(Tasks, "tasks"), (Notes, "notes")], ids=["tasks", "notes"])
def searched(request):
    resource, key = request.param

    def make(*bodies):
        send = Recording(*bodies)
        return resource(send, LOCATION), send, key

    return make


async def test_tasks_are_searched_in_the_whole_location():
    send = Recording({"tasks": [{"id": "T1", "contactId": "C1"}, {"id": 2}], **TRACE})
    page = await Tasks(send, LOCATION).search(
        contact_ids=["C1", "C2"], completed=False, assigned_to=["U1"], text="call", skip=40, limit=20
    )
    assert (page.cursor, page.total, len(page.items), len(page.quarantined)) == (42, None, 1, 1)
    assert isinstance(page.items[0], Task)
    request = send.request
    assert (request.operation, request.method) == ("tasks.search", "POST")
    assert (request.template, request.ids) == ("/locations/{locationId}/tasks/search", (LOCATION,))
    assert (request.scope, request.idempotent) == ("locations/tasks.readonly", True)
    assert send.sent_bodies == [
        {
            "contactId": ["C1", "C2"],
            "completed": False,
            "assignedTo": ["U1"],
            "query": "call",
            "skip": 40,
            "limit": 20,
        }
    ]


async def test_notes_are_searched_oldest_first_and_under_v3():
    send = Recording({"notes": [{"id": "N1", "relations": [{"objectKey": "contact", "recordId": "C1"}]}], **TRACE})
    page = await Notes(send, LOCATION).search(relations=("C1",), text="hello")
    assert (page.cursor, page.total) == (1, None)
    assert isinstance(page.items[0], Note)
    request = send.request
    assert (request.operation, request.method, request.template) == ("notes.search", "POST", "/notes/search")
    assert (request.version, request.scope, request.idempotent) == ("v3", "notes.readonly", True)
    assert send.sent_bodies == [
        {
            "locationId": LOCATION,
            "relations": ["C1"],
            "query": "hello",
            "skip": 0,
            "limit": 100,
            "sortBy": "dateAdded",
            "sortOrder": "asc",
            "count": True,
        }
    ]


@pytest.mark.parametrize(("count", "total"), [(7, 7), ("7", 7), (None, None), ({}, None)])
async def test_the_count_of_a_note_search_is_the_total_if_it_can_be_read(count, total):
    notes = Notes(Recording({"notes": [{"id": "N1"}], "count": count}, {"notes": []}), LOCATION)
    assert [page.total async for page in notes.pages(relations=["C1"])] == [total]
    assert (await Notes(Recording({"notes": [{"id": "N1"}], "count": count}), LOCATION).search()).total == total


async def test_a_search_for_nothing_in_particular_sends_no_condition(searched):
    resource, send, key = searched({"tasks": [], "notes": []})
    page = await resource.search()
    assert page.is_empty
    assert page.cursor is None
    conditions = send.sent_bodies[0].keys() - {"skip", "limit", "locationId", "sortBy", "sortOrder", "count"}
    assert not conditions, key


@pytest.mark.parametrize(
    "options",
    [{"skip": -1}, {"skip": None}, {"limit": 0}, {"limit": "100"}, {"text": " "}],
)
async def test_a_wrong_search_is_refused_before_anything_is_sent(searched, options):
    resource, send, _ = searched(TRACE)
    with pytest.raises(UsageError, match=f"^{next(iter(options))} "):
        await resource.search(**options)
    assert send.requests == []


@pytest.mark.parametrize(
    ("resource", "options"),
    [
        (Tasks, {"contact_ids": []}),
        (Tasks, {"contact_ids": "C1"}),
        (Tasks, {"assigned_to": [""]}),
        (Tasks, {"completed": "no"}),
        (Tasks, {"completed": 1}),
        (Notes, {"relations": ()}),
        (Notes, {"relations": [None]}),
    ],
)
async def test_a_wrong_condition_is_refused_by_search_and_at_the_call_of_a_walk(resource, options):
    send = Recording(TRACE)
    things = resource(send, LOCATION)
    with pytest.raises(UsageError, match=f"^{next(iter(options))} "):
        await things.search(**options)
    for walk in (things.pages, things.iterate):
        with pytest.raises(UsageError, match=f"^{next(iter(options))} "):
            walk(**options)
        with pytest.raises(UsageError, match=r"^page_size "):
            walk(page_size=0)
    assert send.requests == []


@pytest.mark.parametrize(("kind", "status"), [(Unprocessable, 422), (BadRequest, 400)])
async def test_a_refused_limit_goes_down_the_ladder_and_what_was_taken_is_remembered(searched, kind, status):
    bodies = [refused(status=status, kind=kind), refused(status=status, kind=kind), {"tasks": [], "notes": []}]
    resource, send, _ = searched(*bodies)
    await resource.search(limit=100)
    await resource.search(limit=100)
    await resource.search(limit=10)
    assert [page async for page in resource.pages()] == []
    assert [body["limit"] for body in send.sent_bodies] == [100, 50, 20, 20, 10, 20]


async def test_a_walk_asks_for_the_largest_page_that_any_search_is_said_to_give(searched):
    resource, send, _ = searched({"tasks": [], "notes": []})
    assert [page async for page in resource.pages()] == [one async for one in resource.iterate()]
    await resource.search()
    assert [body["limit"] for body in send.sent_bodies] == [500, 500, 100]


async def test_a_limit_of_one_that_is_refused_is_an_error(searched):
    resource, send, _ = searched(refused())
    with pytest.raises(Unprocessable):
        await resource.search(limit=5)
    assert [body["limit"] for body in send.sent_bodies] == [5, 2, 1]


async def test_another_refusal_is_not_taken_for_a_limit(searched):
    resource, send, _ = searched(refused("property relations should not exist"))
    with pytest.raises(Unprocessable):
        await resource.search()
    assert len(send.requests) == 1


async def test_iterate_walks_with_an_overlap_to_the_empty_page(searched):
    _, _, key = searched(TRACE)
    ids = [f"X{n}" for n in range(23)]
    bodies = [records(key, *ids[0:10]), records(key, *ids[5:15]), records(key, *ids[10:20]), records(key, *ids[15:23])]
    resource, send, _ = searched(*bodies, records(key), records(key, *ids[:3]), records(key))
    assert [one.id async for one in resource.iterate(page_size=10)] == ids
    assert [body["skip"] for body in send.sent_bodies] == [0, 5, 10, 15, 23]
    assert {body["limit"] for body in send.sent_bodies} == {10}
    # By now the size of a full page is known: a shorter one is the last, and one request proves it.
    assert [[one.id for one in page.items] async for page in resource.pages()] == [ids[:3]]
    assert [body["skip"] for body in send.sent_bodies[5:]] == [0, 3]


async def test_iterate_of_an_empty_list_is_one_request(searched):
    resource, send, key = searched(records("tasks"), records("notes"))
    if key == "notes":
        send.bodies.pop(0)
    assert [one async for one in resource.iterate()] == []
    assert len(send.requests) == 1


async def test_iterate_does_not_go_round_with_a_server_that_ignores_skip(searched):
    _, _, key = searched(TRACE)
    resource, send, _ = searched(records(key, "X1", "X2", "X3"))
    read = []
    with pytest.raises(CursorRepeated, match="the same records again"):
        async for one in resource.iterate():
            read.append(one.id)  # noqa: PERF401 - what was read before the error counts too
    assert read == ["X1", "X2", "X3"]
    assert len(send.requests) < 20


async def test_iterate_names_the_record_that_does_not_decode_behind_the_good_ones(searched):
    _, _, key = searched(TRACE)
    resource, _, _ = searched({key: [{"id": "X1"}, {"id": "X2", "title": []}, {"id": "X3"}], **TRACE})
    read = []
    with pytest.raises(DecodeError, match=rf"^{key[:-1]} X2 does not decode.*`pages\(\)`"):
        async for one in resource.iterate():
            read.append(one.id)  # noqa: PERF401 - what was read before the error counts too
    assert read == ["X1", "X3"]


async def test_pages_go_on_over_a_record_that_does_not_decode_and_hand_it_out_once(searched):
    _, _, key = searched(TRACE)
    bad, unnamed = {"id": "X2", "title": []}, {"title": "no id"}
    bodies = [
        {key: [{"id": "X1"}, bad, unnamed, {"id": "X3"}]},
        {key: [unnamed, {"id": "X3"}, {"id": "X4"}]},
        {key: []},
    ]
    resource, send, _ = searched(*bodies)
    pages = [page async for page in resource.pages(page_size=4)]
    assert [[one.id for one in page.items] for page in pages] == [["X1", "X3"], ["X4"]]
    assert [[one.id for one in page.quarantined] for page in pages] == [["X2", None], []]
    assert [body["skip"] for body in send.sent_bodies] == [0, 2, 5]


async def test_appointments_of_a_calendar_are_one_request_for_a_window():
    send = Recording({"events": [{"id": "A1", "startTime": "2026-01-05T11:00:00+01:00"}], **TRACE})
    late = BEFORE.replace(microsecond=1)
    (appointment,) = await Appointments(send, LOCATION).in_calendar(
        "K1", since=SINCE.replace(microsecond=1), before=late
    )
    assert isinstance(appointment, Appointment)
    assert appointment.start_time == "2026-01-05T11:00:00+01:00"
    request = send.request
    assert (request.operation, request.method) == ("appointments.in_calendar", "GET")
    assert (request.template, request.ids) == ("/calendars/events", ())
    assert request.query == (
        ("locationId", LOCATION),
        ("calendarId", "K1"),
        ("startTime", "1767225600000"),
        ("endTime", "1769904000001"),
    )
    assert (request.version, request.scope) == ("2021-04-15", "calendars/events.readonly")


async def test_one_bad_appointment_fails_the_list_by_name_and_the_page_goes_on():
    appointments = Appointments(Recording({"events": [{"id": "A1"}, {"id": "A2", "title": {}}]}), LOCATION)
    with pytest.raises(DecodeError, match=r"^appointment A2 does not decode.*`page_in_calendar\(\)`"):
        await appointments.in_calendar("K1", since=SINCE, before=BEFORE)
    page = await appointments.page_in_calendar("K1", since=SINCE, before=BEFORE)
    assert ([one.id for one in page.items], [one.id for one in page.quarantined]) == (["A1"], ["A2"])
    assert page.cursor is None


@pytest.mark.parametrize(
    ("calendar", "since", "before", "named"),
    [
        ("", SINCE, BEFORE, "calendar_id"),
        ("K1", SINCE.replace(tzinfo=None), BEFORE, "since"),
        ("K1", SINCE, "2026-02-01", "before"),
        ("K1", SINCE, SINCE, "before"),
    ],
)
async def test_a_wrong_window_is_refused_before_anything_is_sent(calendar, since, before, named):
    send = Recording({"events": []})
    with pytest.raises(UsageError, match=f"^{named} "):
        await Appointments(send, LOCATION).in_calendar(calendar, since=since, before=before)
    assert send.requests == []


async def test_a_look_up_asks_v3_by_one_address_and_follows_the_servers_cursor():
    bodies = {"contacts": [{"id": "C1"}], "nextCursor": "n2"}, {"contacts": [{"id": "C2"}], **TRACE}
    send = Recording(*bodies)
    contacts = Contacts(send, LOCATION)
    walk = pagination.pages(lambda cursor: contacts.lookup(email="ann+x@example.com", cursor=cursor))
    assert [one.id async for one in pagination.iterate(walk)] == ["C1", "C2"]
    first, second = send.requests
    assert (first.operation, first.method, first.template) == ("contacts.lookup", "GET", "/contacts/lookup")
    assert (first.version, first.scope) == ("v3", "contacts.readonly")
    assert first.query == (("locationId", LOCATION), ("limit", "20"), ("email", "ann+x@example.com"))
    assert second.query == (*first.query, ("nextCursor", "n2"))


@pytest.mark.parametrize("cursor", [None, ""])
async def test_a_look_up_without_a_next_cursor_is_the_last_page(cursor):
    send = Recording({"contacts": [{"id": "C1"}], "nextCursor": cursor})
    assert (await Contacts(send, LOCATION).lookup(phone="+15550001111", limit=1)).cursor is None
    assert send.request.query[2] == ("phone", "+15550001111")


async def test_a_look_up_with_a_cursor_that_nobody_can_send_is_an_error_and_not_the_end():
    with pytest.raises(DecodeError, match=r"^contacts\.lookup"):
        await Contacts(Recording({"contacts": [{"id": "C1"}], "nextCursor": {}}), LOCATION).lookup(
            email="a@example.com"
        )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"email": "a@example.com", "phone": "+15550001111"},
        {"email": " "},
        {"phone": ""},
        {"email": "a@example.com", "limit": 21},
        {"email": "a@example.com", "limit": 0},
        {"email": "a@example.com", "cursor": 7},
    ],
)
async def test_a_wrong_look_up_is_refused_before_anything_is_sent(options):
    send = Recording({"contacts": []})
    with pytest.raises(UsageError):
        await Contacts(send, LOCATION).lookup(**options)
    assert send.requests == []

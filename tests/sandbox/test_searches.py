"""Tasks and notes of many contacts at once: what is found, in pages, and what is refused."""

from __future__ import annotations

import pytest


async def truth_of(api):
    return (await api("GET", "/_sandbox/truth?limit=1000")).content["contacts"]


async def tasks(api, **body):
    return await api("POST", f"/locations/{api.sandbox.location_id}/tasks/search", body)


async def notes(api, **body):
    return await api("POST", "/notes/search", {"locationId": api.sandbox.location_id} | body, Version="v3")


async def walk(ask, kind, api, limit, **body):
    found = []
    while page := (await ask(api, limit=limit, skip=len(found), **body)).content[kind]:
        found += page
    return found


def ids_of(records):
    return [record["id"] for record in records]


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_tasks_of_some_contacts_are_theirs_in_pages_by_skip(start, limit):
    api = await start(contacts=60)
    some = (await truth_of(api))[5:40]
    wanted = [task for one in some for task in one["tasks"]]
    ids = [one["contact"]["id"] for one in reversed(some)]
    found = await walk(tasks, "tasks", api, limit, contactId=[*ids, ids[0], "A" * 20])
    assert found == wanted
    assert {task["contactId"] for task in found} <= set(ids)


async def test_tasks_of_the_location_come_in_pages_of_25_unless_asked_otherwise(start):
    api = await start(contacts=400)
    wanted = ids_of(task for one in await truth_of(api) for task in one["tasks"])
    first = (await tasks(api)).content
    assert set(first) == {"tasks", "traceId"}
    assert ids_of(first["tasks"]) == wanted[:25]
    assert ids_of(await walk(tasks, "tasks", api, 50)) == wanted
    assert ids_of((await tasks(api, skip=300, limit=10)).content["tasks"]) == wanted[300:310]


async def test_tasks_are_picked_by_completed_assigned_and_words(start):
    api = await start(contacts=200)
    everything = [task for one in await truth_of(api) for task in one["tasks"]]
    users = api.sandbox.state.main.people.user_ids[:2]
    done = await walk(tasks, "tasks", api, 100, completed=True)
    assert done == [task for task in everything if task["completed"]]
    assigned = await walk(tasks, "tasks", api, 100, assignedTo=list(users))
    assert assigned == [task for task in everything if task.get("assignedTo") in users]
    quoted = await walk(tasks, "tasks", api, 100, query="QUOTE")
    assert ids_of(quoted)
    assert all("quote" in task["title"].lower() for task in quoted)
    business = next(one["contact"] for one in await truth_of(api) if one["contact"]["businessId"] and one["tasks"])
    of_business = (await tasks(api, businessId=business["businessId"], limit=100)).content["tasks"]
    assert business["id"] in {task["contactId"] for task in of_business}


async def test_a_deleted_contact_moves_everything_behind_it_by_its_tasks(start):
    api = await start(contacts=400)
    everything = [task for one in await truth_of(api) for task in one["tasks"]]
    gone = everything[10]["contactId"]
    lost = sum(task["contactId"] == gone for task in everything)
    before = (await tasks(api, skip=250, limit=10)).content["tasks"]
    await api("DELETE", f"/_sandbox/contacts/{gone}")
    assert ids_of((await tasks(api, skip=250 - lost, limit=10)).content["tasks"]) == ids_of(before)
    added = {"firstName": "Old", "dateAdded": "2022-01-01T00:00:00.000Z", "tasks": [{"title": "First"}]}
    await api("POST", "/_sandbox/contacts", added)
    assert ids_of((await tasks(api, skip=251 - lost, limit=10)).content["tasks"]) == ids_of(before)
    assert (await tasks(api, limit=1)).content["tasks"][0]["title"] == "First"


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"contactId": "x"}, ["contactId must be an array"]),
        ({"contactId": [1]}, ["each value in contactId must be a string"]),
        ({"completed": "true"}, ["completed must be a boolean value"]),
        ({"limit": "100"}, ["limit must be a number conforming to the specified constraints"]),
        ({"limit": 0}, ["limit must not be less than 1"]),
        ({"skip": -1}, ["skip must not be less than 0"]),
        ({"page": 1, "query": 3}, ["property page should not exist", "query must be a string"]),
    ],
)
async def test_task_searches_of_a_wrong_shape_are_a_422(start, body, messages):
    api = await start(contacts=1)
    reply = await tasks(api, **body)
    assert (reply.status, reply.content["message"]) == (422, messages)


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_notes_of_some_contacts_come_once_each_though_two_share_them(start, limit):
    api = await start(contacts=60)
    some = (await truth_of(api))[:30]
    wanted = {note["id"]: note for one in some for note in one["notes"]}
    ids = [one["contact"]["id"] for one in some]
    found = await walk(notes, "notes", api, limit, relations=ids)
    assert ids_of(found) == list(wanted)
    assert found == list(wanted.values())
    shared = [note for note in found if len(note["relations"]) == 2]
    assert len(shared) == 2
    only_second = (await notes(api, relations=[shared[0]["relations"][1]["recordId"]], limit=100)).content["notes"]
    assert shared[0] in only_second


async def test_notes_of_the_location_come_once_each_with_their_count(start):
    api = await start(contacts=130)
    wanted = list(dict.fromkeys(note["id"] for one in await truth_of(api) for note in one["notes"]))
    found = await walk(notes, "notes", api, 60)
    assert ids_of(found) == wanted
    first = (await notes(api, count=True)).content
    assert (set(first), len(first["notes"])) == ({"notes", "count", "traceId"}, 25)
    assert first["count"] == len(wanted)
    assert "count" not in (await notes(api)).content


async def test_a_shared_note_outlives_the_first_of_its_contacts_but_not_both(start):
    api = await start(contacts=30, notes=2)
    main = api.sandbox.state.main
    shared = next(note["id"] for note in main.notes(3) if len(note["relations"]) == 2)
    for index, stays in ((3, True), (4, False)):
        await api("DELETE", f"/_sandbox/contacts/{main.id_of(index)}")
        found = ids_of(await walk(notes, "notes", api, 100))
        assert (shared in found) is stays
        assert (await notes(api, count=True)).content["count"] == len(found) == len(set(found))
    await api("POST", "/_sandbox/contacts", {"notes": [{"body": "new"}]})
    assert (await notes(api, count=True)).content["count"] == len(found) + 1


async def test_notes_are_picked_by_words_author_and_source_and_sorted_by_date(start):
    api = await start(contacts=100)
    everything = {note["id"]: note for one in await truth_of(api) for note in one["notes"]}.values()
    author = api.sandbox.state.main.people.user_ids[0]
    for body, fits in (
        ({"query": "voicemail"}, lambda note: "voicemail" in note["bodyText"]),
        ({"createdByUserId": author}, lambda note: note["userId"] == author),
        ({"sources": ["WORKFLOW"]}, lambda note: note["userId"] is None),
        ({"sources": ["WEB_USER", "WORKFLOW"]}, lambda _: True),
    ):
        picked = (await notes(api, limit=1000, count=True, **body)).content
        assert set(ids_of(picked["notes"])) == {note["id"] for note in everything if fits(note)}
        assert picked["count"] == len(picked["notes"]) > 0
    for order in ("asc", "desc"):
        page = await walk(notes, "notes", api, 90, sortBy="dateAdded", sortOrder=order)
        dates = [note["dateAdded"] for note in page]
        assert dates == sorted(dates, reverse=order == "desc")
        assert set(ids_of(page)) == {note["id"] for note in everything}


async def test_note_search_exists_under_v3_alone(start):
    api = await start(contacts=1)
    body = {"locationId": api.sandbox.location_id}
    reply = await api("POST", "/notes/search", body, Version="2021-07-28")
    assert (reply.status, reply.content["message"]) == (404, "Cannot POST /notes/search")


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"locationId": ""}, ["locationId should not be empty"]),
        ({"locationId": None}, ["locationId must be a string"]),
        ({"contactId": "x"}, ["property contactId should not exist"]),
        ({"sortBy": "body"}, ["sortBy must be one of the following values: dateAdded"]),
        ({"sortOrder": "up"}, ["sortOrder must be one of the following values: asc, desc"]),
    ],
)
async def test_note_searches_of_a_wrong_shape_are_a_422(start, body, messages):
    api = await start(contacts=1)
    reply = await notes(api, **body)
    assert (reply.status, reply.content["message"]) == (422, messages)


@pytest.mark.parametrize(
    ("ask", "scope"), [(tasks, "locations/tasks.readonly"), (notes, "notes.readonly")], ids=["tasks", "notes"]
)
async def test_each_search_has_a_scope_of_its_own(start, ask, scope):
    api = await start(contacts=1)
    scopes = (await api("POST", "/_sandbox/tokens", {"token": "pit-all"})).content["scopes"]
    assert scope in scopes
    await api(
        "POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": [one for one in scopes if one != scope]}
    )
    reply = await ask(api)
    assert (reply.status, reply.content["message"]) == (401, "The token is not authorized for this scope.")
    await api("POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": [scope]})
    assert (await ask(api)).status == 200

"""Writing tasks and notes: request, reply, status, what is refused, and what reads them afterwards."""

from __future__ import annotations

import pytest

UNKNOWN = "A" * 20
CALL = {"title": "Call", "dueDate": "2030-01-01T10:30:15+02:00", "completed": False}


@pytest.fixture
async def api(start):
    return await start(contacts=60)


async def contact_of(api):
    return (await api.search(pageLimit=1)).content["contacts"][0]["id"]


async def tasks_of(api, contact_id):
    body = {"contactId": [contact_id], "limit": 100}
    found = (await api("POST", f"/locations/{api.sandbox.location_id}/tasks/search", body)).content["tasks"]
    assert found == (await api("GET", f"/contacts/{contact_id}/tasks")).content["tasks"]
    return found


async def notes_of(api, contact_id):
    body = {"locationId": api.sandbox.location_id, "relations": [contact_id], "limit": 100}
    found = (await api("POST", "/notes/search", body, Version="v3")).content["notes"]
    assert found == (await api("GET", f"/contacts/{contact_id}/notes")).content["notes"]
    return found


async def test_a_task_is_made_changed_completed_and_deleted(api):
    contact_id = await contact_of(api)
    before = await tasks_of(api, contact_id)
    path = f"/contacts/{contact_id}/tasks"
    reply = await api("POST", path, CALL | {"body": "now"})
    task = reply.content["task"]
    assert (reply.status, set(reply.content)) == (201, {"task", "traceId"})
    assert set(task) == {"id", "title", "body", "dueDate", "completed", "contactId"}
    assert (task["dueDate"], task["contactId"]) == ("2030-01-01T08:30:15.000Z", contact_id)
    assert await tasks_of(api, contact_id) == [*before, task]
    assert (await api("GET", f"{path}/{task['id']}")).content["task"] == task
    changed = await api("PUT", f"{path}/{task['id']}", {"body": None, "assignedTo": "u1", "title": None})
    assert (changed.status, set(changed.content)) == (200, {"task", "traceId"})
    assert set(changed.content["task"]) == {"id", "title", "assignedTo", "dueDate", "completed", "contactId"}
    done = await api("PUT", f"{path}/{task['id']}/completed", {"completed": True})
    assert (done.status, done.content["task"]) == (200, changed.content["task"] | {"completed": True})
    gone = await api("DELETE", f"{path}/{task['id']}")
    assert (gone.status, gone.content["succeded"], gone.content["succeeded"]) == (200, True, True)
    assert await tasks_of(api, contact_id) == before
    for again in (("DELETE", None), ("PUT", {}), ("GET", None)):
        reply = await api(again[0], f"{path}/{task['id']}", again[1])
        assert (reply.status, reply.content["message"]) == (400, f"Task with id {task['id']} not found")


@pytest.mark.parametrize(
    ("method", "rest", "body", "messages"),
    [
        (
            "POST",
            "",
            {},
            [
                "title must be a string",
                "dueDate must be a valid ISO 8601 date string",
                "completed must be a boolean value",
            ],
        ),
        ("POST", "", CALL | {"title": ""}, ["title should not be empty"]),
        ("POST", "", CALL | {"dueDate": "1893456000000"}, ["dueDate must be a valid ISO 8601 date string"]),
        ("POST", "", CALL | {"contactId": "x"}, ["property contactId should not exist"]),
        ("POST", "", CALL | {"completed": "no"}, ["completed must be a boolean value"]),
        ("PUT", "/x", {"dueDate": "tomorrow"}, ["dueDate must be a valid ISO 8601 date string"]),
        ("PUT", "/x", {"status": "done"}, ["property status should not exist"]),
        ("PUT", "/x/completed", {}, ["completed must be a boolean value"]),
        ("PUT", "/x/completed", {"completed": True, "title": "x"}, ["property title should not exist"]),
    ],
)
async def test_tasks_of_a_wrong_shape_are_a_422(api, method, rest, body, messages):
    reply = await api(method, f"/contacts/{await contact_of(api)}/tasks{rest}", body)
    assert (reply.status, reply.content["message"]) == (422, messages)


async def test_a_note_is_made_changed_and_deleted(api):
    contact_id = await contact_of(api)
    before = await notes_of(api, contact_id)
    path = f"/contacts/{contact_id}/notes"
    reply = await api("POST", path, {"body": "<p>Hello &amp; bye</p><ul><li>one</li></ul>", "pinned": True})
    note = reply.content["note"]
    assert (reply.status, set(reply.content)) == (201, {"note", "traceId"})
    assert set(note) == {"id", "body", "bodyText", "userId", "dateAdded", "contactId", "pinned", "relations"}
    assert (note["bodyText"], note["userId"], note["pinned"]) == ("Hello & bye\none", None, True)
    assert note["relations"] == [{"objectKey": "contact", "recordId": contact_id}]
    assert await notes_of(api, contact_id) == [*before, note]
    assert (await api("GET", f"{path}/{note['id']}")).content["note"] == note
    body = {"body": "plain < text", "title": "T", "color": "#FFAA00", "userId": "u1", "pinned": None}
    changed = await api("PUT", f"{path}/{note['id']}", body)
    wanted = note | body | {"bodyText": "plain < text", "pinned": True}
    assert (changed.status, changed.content["note"]) == (200, wanted)
    bare = await api("PUT", f"{path}/{note['id']}", {"title": None, "userId": None, "body": None})
    assert bare.content["note"] == {name: value for name, value in wanted.items() if name != "title"} | {"userId": None}
    assert (await api("DELETE", f"{path}/{note['id']}")).content["succeded"] is True
    assert await notes_of(api, contact_id) == before
    reply = await api("DELETE", f"{path}/{note['id']}")
    assert (reply.status, reply.content["message"]) == (400, f"Note with id {note['id']} not found")


@pytest.mark.parametrize(
    ("method", "rest", "body", "messages"),
    [
        ("POST", "", {}, ["body must be a string"]),
        ("POST", "", {"body": ""}, ["body should not be empty"]),
        ("POST", "", {"body": "x", "relations": []}, ["property relations should not exist"]),
        ("PUT", "/x", {"body": ""}, ["body should not be empty"]),
        ("PUT", "/x", {"pinned": "yes"}, ["pinned must be a boolean value"]),
    ],
)
async def test_notes_of_a_wrong_shape_are_a_422(api, method, rest, body, messages):
    reply = await api(method, f"/contacts/{await contact_of(api)}/notes{rest}", body)
    assert (reply.status, reply.content["message"]) == (422, messages)


@pytest.mark.parametrize("by", [0, 1])
async def test_a_note_of_two_contacts_changes_and_goes_for_both(api, by):
    oldest = [one["contact"]["id"] for one in (await api("GET", "/_sandbox/truth?limit=5")).content["contacts"]][3:5]
    counted = {"locationId": api.sandbox.location_id, "count": True, "limit": 1}
    before = (await api("POST", "/notes/search", counted, Version="v3")).content["count"]
    shared = next(note for note in await notes_of(api, oldest[0]) if len(note["relations"]) == 2)
    path = f"/contacts/{oldest[by]}/notes/{shared['id']}"
    changed = (await api("PUT", path, {"body": "for both"})).content["note"]
    for contact_id in oldest:
        assert changed in await notes_of(api, contact_id)
    assert (await api("POST", "/notes/search", counted, Version="v3")).content["count"] == before
    await api("DELETE", path)
    for contact_id in oldest:
        assert changed["id"] not in {note["id"] for note in await notes_of(api, contact_id)}
    assert (await api("POST", "/notes/search", counted, Version="v3")).content["count"] == before - 1


async def test_a_note_of_two_contacts_stays_with_the_one_that_is_left(api):
    first, second = [one["contact"]["id"] for one in (await api("GET", "/_sandbox/truth?limit=5")).content["contacts"]][
        3:5
    ]
    await api("POST", f"/contacts/{second}/notes", {"body": "x"})
    await api("DELETE", f"/contacts/{first}")
    assert [len(note["relations"]) for note in await notes_of(api, second)].count(2) == 1
    await api("POST", f"/contacts/{second}/notes", {"body": "y"})
    counted = {"locationId": api.sandbox.location_id, "count": True, "limit": 1000}
    found = (await api("POST", "/notes/search", counted, Version="v3")).content
    assert found["count"] == len(found["notes"])


async def test_children_of_a_deleted_contact_are_gone(api):
    contact_id = await contact_of(api)
    task = (await api("POST", f"/contacts/{contact_id}/tasks", CALL)).content["task"]["id"]
    await api("DELETE", f"/contacts/{contact_id}")
    found = (await api("POST", f"/locations/{api.sandbox.location_id}/tasks/search", {"limit": 1000})).content["tasks"]
    assert task not in {one["id"] for one in found}
    reply = await api("GET", f"/contacts/{contact_id}/tasks/{task}")
    assert reply.content["message"] == f"Contact with id {contact_id} not found"


async def test_the_task_of_one_contact_is_not_found_at_another(api):
    one, two = [contact["id"] for contact in (await api.search(pageLimit=2)).content["contacts"]]
    task = (await api("POST", f"/contacts/{one}/tasks", CALL)).content["task"]["id"]
    assert (await api("PUT", f"/contacts/{two}/tasks/{task}", {"title": "x"})).status == 400
    assert (await api("PUT", f"/contacts/{UNKNOWN}/tasks/{task}", {"title": "x"})).status == 400

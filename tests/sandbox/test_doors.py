"""Smaller pages, shut doors and the index lag, chosen at the start and while it runs."""

from __future__ import annotations

import pytest


async def ask(api, route, limit):
    location = api.sandbox.location_id
    paths = {
        "tasks": (f"/locations/{location}/tasks/search", {"limit": limit}),
        "notes": ("/notes/search", {"locationId": location, "limit": limit}),
        "search": ("/contacts/search", {"locationId": location, "pageLimit": limit}),
    }
    path, body = paths[route]
    reply = await api("POST", path, body, Version="v3")
    return reply.status, len(reply.content.get("contacts" if route == "search" else route, ())), reply.content


@pytest.mark.parametrize("route", ["tasks", "notes", "search"])
async def test_a_clamp_gives_a_smaller_page_and_says_nothing(start, route):
    api = await start(contacts=300, **{f"{route}_clamp": 20})
    others = {"tasks", "notes", "search"} - {route}
    assert (await ask(api, route, 100))[:2] == (200, 20)
    assert (await ask(api, route, 7))[:2] == (200, 7)
    for other in others:
        assert (await ask(api, other, 100))[:2] == (200, 100)
    await api("PUT", "/_sandbox/pages", {f"{route}_clamp": None})
    assert (await ask(api, route, 100))[:2] == (200, 100)


@pytest.mark.parametrize("route", ["tasks", "notes", "search"])
async def test_a_refusal_is_a_422_that_names_the_largest_page(start, route):
    api = await start(contacts=300, **{f"{route}_refuse": 50})
    name = "pageLimit" if route == "search" else "limit"
    status, _, content = await ask(api, route, 51)
    assert (status, content["message"]) == (422, [f"{name} must not be greater than 50"])
    assert (await ask(api, route, 50))[:2] == (200, 50)
    shown = await api("PUT", "/_sandbox/pages", {f"{route}_refuse": 10})
    assert shown.content[f"{route}_refuse"] == 10
    assert (await ask(api, route, 50))[0] == 422


async def test_a_clamped_contact_search_still_walks_everyone_by_cursor_and_by_page(start):
    api = await start(contacts=130, search_clamp=40)
    assert len(await api.walk(pageLimit=100)) == 130
    second = (await api.search(pageLimit=100, page=2)).content["contacts"]
    assert second == (await api.walk(pageLimit=100))[40:80]


@pytest.mark.parametrize("wrong", [{"tasks_clamp": 0}, {"pages": 3}, {"notes_refuse": "x"}])
async def test_senseless_page_sizes_are_refused_and_change_nothing(start, wrong):
    api = await start(contacts=1)
    before = (await api("GET", "/_sandbox/pages")).content
    assert (await api("PUT", "/_sandbox/pages", wrong)).status == 400
    assert (await api("GET", "/_sandbox/pages")).content == before


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (None, "The token is not authorized for this scope."),
        (401, "The token is not authorized for this scope."),
        (403, "This route is not yet supported by the IAM Service. Please update your IAM config."),
        (404, "Cannot POST /notes/search"),
    ],
)
async def test_a_door_is_refused_midway_in_the_words_of_the_api_and_counted(start, status, message):
    fault = {"kind": "refused", "path_contains": "/notes/search", "status": status, "after": 2}
    api = await start(contacts=50, requests=100, fault=[fault])
    replies = [await ask(api, "notes", 5) for _ in range(4)]
    assert [reply[0] for reply in replies] == [200, 200, status or 401, status or 401]
    assert replies[-1][2]["message"] == message
    assert sum(entry.admitted for entry in api.sandbox.log.entries) == 4
    assert (await ask(api, "tasks", 5))[0] == 200
    await api("DELETE", "/_sandbox/faults")
    assert (await ask(api, "notes", 5))[0] == 200


async def test_a_shut_door_validates_before_it_refuses(start):
    api = await start(contacts=1, fault=[{"kind": "refused", "path_contains": "/tasks/search"}])
    assert (await ask(api, "tasks", 0))[0] == 422
    assert (await ask(api, "tasks", 1))[0] == 401
    assert (await api("POST", "/_sandbox/faults", {"kind": "refused", "status": 500})).status == 400


@pytest.mark.parametrize("path", ["/contacts/{}", "/contacts/{}/notes", "/contacts/{}/appointments"])
async def test_any_door_can_be_shut(start, path):
    api = await start(contacts=3, fault=[{"kind": "refused", "method": "GET", "status": 403}])
    contact = (await api.search()).content["contacts"][0]["id"]
    assert (await api("GET", path.format(contact))).status == 403


async def test_search_and_list_miss_an_added_contact_until_the_lag_is_over(start):
    api = await start(contacts=10, index_lag_seconds=3600)
    added = (await api("POST", "/_sandbox/contacts", {"firstName": "New"})).content["id"]
    ranged = [{"field": "dateAdded", "operator": "range", "value": {"gte": "2020-01-01"}}]
    named = [{"field": "firstNameLowerCase", "operator": "eq", "value": "new"}]

    async def totals():
        listed = await api("GET", f"/contacts/?locationId={api.sandbox.location_id}")
        assert len(listed.content["contacts"]) == listed.content["meta"]["total"]
        found = [(await api.search(filters=filters)).content for filters in ([], ranged, named)]
        assert all(len(page["contacts"]) == page["total"] for page in found)
        return [listed.content["meta"]["total"], *(page["total"] for page in found)]

    assert await totals() == [10, 10, 10, 0]
    assert (await api("GET", f"/contacts/{added}")).status == 200
    assert (await api("GET", "/_sandbox/truth")).content["total"] == 11
    assert (await api("PUT", "/_sandbox/index", {"lag_seconds": 0})).content == {"lag_seconds": 0.0}
    assert await totals() == [11, 11, 11, 1]
    assert (await api("PUT", "/_sandbox/index", {"lag_seconds": -1})).status == 400


async def test_contacts_deleted_and_added_while_pages_are_read_shift_pages_by_number_but_not_by_cursor(start):
    api = await start(contacts=100)
    everyone = [contact["id"] for contact in await api.walk(pageLimit=100)]
    first = (await api.search(pageLimit=10, page=1)).content["contacts"]
    await api("DELETE", f"/_sandbox/contacts/{everyone[0]}")
    second = [contact["id"] for contact in (await api.search(pageLimit=10, page=2)).content["contacts"]]
    assert second == everyone[11:21]
    after = (await api.search(pageLimit=10, searchAfter=first[-1]["searchAfter"])).content["contacts"]
    assert [contact["id"] for contact in after] == everyone[10:20]
    for _ in range(2):
        await api("POST", "/_sandbox/contacts", {})
    second = [contact["id"] for contact in (await api.search(pageLimit=10, page=2)).content["contacts"]]
    assert second == everyone[9:19]

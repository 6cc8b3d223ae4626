"""The other reading routes over a socket, and the shapes they answer with."""

from __future__ import annotations

import asyncio

UNKNOWN = "A" * 20


async def first_contact(api):
    return (await api.search(pageLimit=1)).content["contacts"][0]


async def test_get_answers_the_contact_and_a_trace_id(start):
    api = await start(contacts=5)
    found = await first_contact(api)
    reply = await api("GET", f"/contacts/{found['id']}")
    assert reply.status == 200
    assert set(reply.content) == {"contact", "traceId"}
    assert reply.content["contact"]["id"] == found["id"]
    assert reply.headers["Server"] == "cloudflare"
    assert "__cf_bm=" in reply.headers["Set-Cookie"]
    again = await api("GET", f"/contacts/{found['id']}", Cookie="__cf_bm=sandbox")
    assert "Set-Cookie" not in again.headers
    assert reply.headers["ETag"].startswith('W/"')
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_unknown_malformed_and_deleted_contacts_are_a_400(start):
    api = await start(contacts=5)
    gone = (await first_contact(api))["id"]
    assert (await api("DELETE", f"/_sandbox/contacts/{gone}")).content == {"id": gone, "total": 4}
    for contact_id in (UNKNOWN, "x", "lookup", gone):
        for rest in ("", "/tasks", "/notes", "/appointments"):
            reply = await api("GET", f"/contacts/{contact_id}{rest}")
            assert (reply.status, reply.content["message"]) == (400, f"Contact with id {contact_id} not found")


async def test_children_come_in_their_wrappers_and_singly(start):
    api = await start(contacts=60, tasks=2)
    truth = (await api("GET", "/_sandbox/truth?limit=60")).content["contacts"]
    assert len(truth) == 60
    for one in truth:
        path = f"/contacts/{one['contact']['id']}"
        assert (await api("GET", f"{path}/tasks")).content["tasks"] == one["tasks"]
        assert (await api("GET", f"{path}/notes/")).content["notes"] == one["notes"]
        assert (await api("GET", f"{path}/appointments")).content["events"] == one["appointments"]
    rich = next(one for one in truth if one["tasks"] and one["notes"])
    path = f"/contacts/{rich['contact']['id']}"
    assert (await api("GET", f"{path}/tasks/{rich['tasks'][0]['id']}")).content["task"] == rich["tasks"][0]
    assert (await api("GET", f"{path}/notes/{rich['notes'][0]['id']}")).content["note"] == rich["notes"][0]
    assert (await api("GET", f"{path}/tasks/{UNKNOWN}")).status == 400


async def test_children_have_the_recorded_shapes(start):
    api = await start(contacts=200)
    truth = (await api("GET", "/_sandbox/truth?limit=200")).content["contacts"]
    for one in truth:
        for task in one["tasks"]:
            assert task["dueDate"].endswith(":00.000Z")
            assert None not in task.values()
        for note in one["notes"]:
            keys = {"id", "body", "bodyText", "userId", "dateAdded", "contactId", "pinned", "relations"}
            assert keys <= set(note) <= keys | {"title", "color"}
        for event in one["appointments"]:
            assert len(event["startTime"]) == len("2021-07-16 11:00:00")
            assert {"status", "appointmentStatus", "calendarId", "assignedResources"} <= set(event)


async def test_the_list_walks_by_keyset_and_ends_on_an_empty_page(start):
    api = await start(contacts=230)
    path, seen, sizes = f"/contacts/?locationId={api.sandbox.location_id}&limit=100", [], []
    more = ""
    while True:
        content = (await api("GET", path + more)).content
        meta, contacts = content["meta"], content["contacts"]
        if not contacts:
            break
        assert (meta["total"], meta["currentPage"], meta["nextPage"]) == (230, 1, 2)
        assert meta["startAfterId"] == contacts[-1]["id"]
        assert "nextPageUrl" in meta
        seen += [contact["id"] for contact in contacts]
        sizes.append(len(contacts))
        more = f"&startAfter={meta['startAfter']}&startAfterId={meta['startAfterId']}"
    assert sizes == [100, 100, 30]
    assert len(set(seen)) == 230
    assert (meta["nextPageUrl"], meta["startAfter"]) == (None, None)


async def test_the_list_defaults_to_twenty_refuses_more_than_a_hundred_and_searches(start):
    api = await start(contacts=230)
    path = f"/contacts?locationId={api.sandbox.location_id}"
    assert len((await api("GET", path)).content["contacts"]) == 20
    assert (await api("GET", f"{path}&limit=101")).status == 422
    assert (await api("GET", f"{path}&startAfter={'9' * 5000}")).status == 422
    assert (await api("GET", f"{path}&pageLimit=1")).content["message"] == ["property pageLimit should not exist"]
    first = (await api("GET", f"{path}&query=ada&limit=1")).content
    assert "ada" in first["contacts"][0]["contactName"]
    meta = first["meta"]
    more = f"&startAfter={meta['startAfter']}&startAfterId={meta['startAfterId']}"
    rest = (await api("GET", f"{path}&query=ada&limit=100{more}")).content["contacts"]
    assert len(rest) == meta["total"] - 1
    assert first["contacts"][0]["id"] not in {contact["id"] for contact in rest}


async def test_by_business_takes_skip_and_limit_as_strings(start):
    api = await start(contacts=410)
    business_id = next(c["businessId"] for c in await api.walk(pageLimit=500) if c["businessId"])
    path = f"/contacts/business/{business_id}?locationId={api.sandbox.location_id}"
    everyone = (await api("GET", path)).content
    assert everyone["count"] == len(everyone["contacts"]) >= 2
    assert {contact["businessId"] for contact in everyone["contacts"]} == {business_id}
    second = (await api("GET", f"{path}&limit=1&skip=1")).content["contacts"]
    assert second == everyone["contacts"][1:2]


async def test_duplicates_are_found_by_email_then_phone(start):
    api = await start(contacts=50)
    contact = next(c for c in await api.walk(pageLimit=50) if c["email"] and c["phone"])
    path = f"/contacts/search/duplicate?locationId={api.sandbox.location_id}"
    by_email = await api("GET", f"{path}&email={contact['email'].upper()}")
    assert by_email.content["contact"]["id"] == contact["id"]
    assert by_email.content["matchingField"] == "contactId"
    by_phone = await api("GET", f"{path}&number={contact['phone'].replace('+', '%2B')}")
    assert by_phone.content["contact"]["id"] == contact["id"]
    for unknown in ("email=nobody@example.com", f"email=a.{'9' * 5000}@example.com", f"number={'9' * 5000}"):
        assert (await api("GET", f"{path}&{unknown}")).content["contact"] is None


async def test_lookup_exists_under_v3_for_oauth_tokens_alone(start):
    api = await start(contacts=50)
    email = next(c["email"] for c in await api.walk(pageLimit=50) if c["email"])
    path = f"/contacts/lookup?locationId={api.sandbox.location_id}&email={email}"
    assert (await api("GET", path)).content["message"] == "Contact with id lookup not found"
    assert (await api("GET", path, Version="v3")).status == 401
    oauth = (await api("POST", "/_sandbox/tokens", {"token": "eyJ.x.y", "app": "client-1"})).content["token"]
    reply = await api("GET", path, Version="v3", Authorization=f"Bearer {oauth}")
    assert [contact["email"] for contact in reply.content["contacts"]] == [email]


async def test_location_and_calendars_answer(start):
    api = await start(contacts=1)
    location_id = api.sandbox.location_id
    location = (await api("GET", f"/locations/{location_id}")).content["location"]
    assert location["settings"]["contactUniqueIdentifiers"] == ["email", "phone"]
    calendars = (await api("GET", f"/calendars/?locationId={location_id}", Version="2021-04-15")).content["calendars"]
    assert {"id", "locationId", "name", "appoinmentPerSlot"} <= set(calendars[0])


async def test_many_at_once_are_answered(start):
    api = await start(contacts=30)
    ids = [contact["id"] for contact in await api.walk(pageLimit=50)]
    replies = await asyncio.gather(*(api("GET", f"/contacts/{one}/notes") for one in ids * 5))
    assert {reply.status for reply in replies} == {200}

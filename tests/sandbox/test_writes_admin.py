"""Writes that go wrong on purpose, what the log keeps of them, and the admin door's locations, rules and reset."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec
import pytest

from ghl_async.sandbox.requestlog import Entry, RequestLog


async def create(api, **body):
    return await api("POST", "/contacts/", {"locationId": api.sandbox.location_id} | body)


async def struck(api, *arguments, **fault):
    """Make one request that a fault may cut off; returns its reply, None if there was none."""
    await api("POST", "/_sandbox/faults", {"times": 1, **fault})
    try:
        return await asyncio.wait_for(api(*arguments), 5)
    except (aiohttp.ClientError, msgspec.DecodeError):
        return None
    finally:
        await api("DELETE", "/_sandbox/faults")


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        ({"kind": "cut_before"}, False),
        ({"kind": "server_error"}, False),
        ({"kind": "too_many_requests"}, False),
        ({"kind": "cut_after"}, True),
        ({"kind": "cut_after", "headers": False}, True),
        ({"kind": "truncated"}, True),
        ({"kind": "empty"}, True),
        ({"kind": "created_but_422"}, True),
    ],
)
async def test_whether_a_struck_create_was_applied(start, fault, applied):
    api = await start(contacts=1)
    body = {"locationId": api.sandbox.location_id, "email": "ada@example.com"}
    reply = await struck(
        api, "POST", "/contacts/", body, match={"method": "POST", "path_contains": "/contacts/"}, **fault
    )
    twin = f"/contacts/search/duplicate?locationId={api.sandbox.location_id}&email=ada@example.com"
    assert ((await api("GET", twin)).content["contact"] is not None) is applied
    entry = next(one for one in (await api("GET", "/_sandbox/log")).content["requests"] if one["method"] == "POST")
    assert entry["fault"] == fault["kind"]
    if fault["kind"] == "cut_after":
        assert (reply, entry["status"], entry["answered"]) == (None, 0, 201)
    if fault["kind"] == "created_but_422":
        assert (reply.status, reply.content["error"], entry["status"]) == (422, "Unprocessable Entity", 422)
        assert "contact" not in reply.content


@pytest.mark.parametrize("headers", [True, False])
async def test_nothing_of_the_body_of_a_lost_write_gets_through(start, headers):
    api = await start(contacts=1)
    api.sandbox.faults.add(kind="cut_after", headers=headers)
    reader, writer = await asyncio.open_connection(api.sandbox.host, api.sandbox.port)
    contact_id = api.sandbox.state.main.id_of(0)
    head = f"DELETE /contacts/{contact_id} HTTP/1.1\r\nHost: x\r\nVersion: 2021-07-28\r\nConnection: close\r\n"
    writer.write(f"{head}Authorization: Bearer {api.sandbox.token}\r\n\r\n".encode())
    raw = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert (raw.startswith(b"HTTP/1.1 200 OK"), raw.endswith(b"\r\n\r\n")) == (headers, headers)
    assert len(api.sandbox.state.main) == 0


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("PUT", "", {"firstName": "x"}), ("POST", "/tags", {"tags": ["a"]}), ("GET", "", None), ("DELETE", "", None)],
)
async def test_created_but_422_spares_what_creates_nothing(start, method, rest, body):
    api = await start(contacts=1)
    contact_id = (await api.search()).content["contacts"][0]["id"]
    reply = await struck(api, method, f"/contacts/{contact_id}{rest}", body, kind="created_but_422")
    assert reply.status < 300


async def test_created_but_422_leaves_a_real_refusal_alone(start):
    api = await start(contacts=0)
    body = {"locationId": api.sandbox.location_id, "email": "ada"}
    reply = await struck(api, "POST", "/contacts/", body, kind="created_but_422")
    assert reply.content["message"] == ["email must be an email"]
    assert (await api.search()).content["total"] == 0


@pytest.mark.parametrize("kind", ["tasks", "notes"])
async def test_children_can_be_created_but_422_too(start, kind):
    api = await start(contacts=1, tasks=0, notes=0)
    path = f"/contacts/{(await api.search()).content['contacts'][0]['id']}/{kind}"
    body = {"body": "x"} if kind == "notes" else {"title": "x", "dueDate": "2030-01-01T00:00:00Z", "completed": False}
    assert (await struck(api, "POST", path, body, kind="created_but_422")).status == 422
    assert len((await api("GET", path)).content[kind]) == 1


async def test_the_log_keeps_the_bodies_of_writes_and_of_nothing_else(start):
    api = await start(contacts=1)
    await api.search()
    await create(api, firstName="Ada", lastName="x" * 3000)
    search, write = (await api("GET", "/_sandbox/log")).content["requests"]
    assert "body" not in search
    assert write["body"].startswith('{"locationId":')
    assert (len(write["body"]), write["status"], write["answered"]) == (2000, 201, 201)
    await api("DELETE", "/_sandbox/log")
    assert (await api("GET", "/_sandbox/log")).content["requests"] == []


def test_the_bodies_kept_are_the_last_ones():
    log = RequestLog(kept=100, kept_bodies=2)
    for number in range(4):
        log.append(Entry(float(number), "PUT", "/x", None, 200, "pit", "here", True, 1, 1, None), b"%d" % number)
    assert [entry.get("body") for entry in log.since(0)] == [None, None, "2", "3"]


async def test_a_location_is_added_with_settings_of_its_own_and_written_to(start):
    api = await start(contacts=1)
    body = {
        "contacts": 5,
        "seed": 7,
        "timezone": "Europe/Zurich",
        "country": "CH",
        "allow_duplicates": True,
        "name": "Zwei",
    }
    added = (await api("POST", "/_sandbox/locations", body | {"unique_identifiers": ["phone"]})).content
    assert (added["contacts"], added["country"], added["unique_identifiers"]) == (5, "CH", ["phone"])
    await api("POST", "/_sandbox/tokens", {"token": "pit-two", "locations": [added["id"], api.sandbox.location_id]})
    two = {"Authorization": "Bearer pit-two"}
    shown = (await api("GET", f"/locations/{added['id']}", **two)).content["location"]
    assert (shown["name"], shown["country"], shown["timezone"]) == ("Zwei", "CH", "Europe/Zurich")
    assert shown["settings"]["allowDuplicateContact"] is True
    assert shown["settings"]["contactUniqueIdentifiers"] == ["phone"]
    contact = {"locationId": added["id"], "phone": "044 555 01 00"}
    for _ in range(2):
        reply = await api("POST", "/contacts/", contact, **two)
        assert (reply.status, reply.content["contact"]["phone"]) == (201, "+41445550100")
    assert (await create(api, phone="044 555 01 00")).status == 422
    contact_id = reply.content["contact"]["id"]
    assert (await api("PUT", f"/contacts/{contact_id}", {"city": "Bern"})).status == 403
    assert (await api("PUT", f"/contacts/{contact_id}", {"city": "Bern"}, **two)).status == 200
    log = (await api("GET", "/_sandbox/log")).content["requests"]
    assert log[-1]["location"] == added["id"]


async def test_the_settings_of_a_location_change_at_once(start):
    api = await start(contacts=0)
    assert (await create(api, email="a@example.com")).status == 201
    assert (await create(api, email="a@example.com")).status == 400
    door = f"/_sandbox/locations/{api.sandbox.location_id}"
    assert (await api("PUT", door, {"allow_duplicates": True})).content["allow_duplicates"] is True
    assert (await create(api, email="a@example.com")).status == 201
    for wrong in ({"country": "XX"}, {"unique_identifiers": ["name"]}, {"timezone": "Mars/Olympus"}, {"colour": 1}):
        assert (await api("PUT", door, wrong)).status == 400
    assert (await api("PUT", "/_sandbox/locations/nope", {})).status == 404
    assert (await api("POST", "/_sandbox/locations", {"location_id": api.sandbox.location_id})).status == 400
    assert (await api("PUT", "/_sandbox/rules", {"bulk_tags_refuse": 0})).status == 400


async def test_a_reset_undoes_everything_that_was_written_and_keeps_the_rest(start):
    api = await start(contacts=10)
    added = (await api("POST", "/_sandbox/locations", {"contacts": 2})).content["id"]
    before = (await api("GET", "/_sandbox/truth")).content
    tags = (await api("GET", f"/locations/{api.sandbox.location_id}/tags")).content["tags"]
    ids = [contact["id"] for contact in await api.walk()]
    await create(api, firstName="Ada", tags=["new"])
    await api("PUT", f"/contacts/{ids[0]}", {"firstName": "Neu"})
    await api("DELETE", f"/contacts/{ids[1]}")
    await api("POST", f"/contacts/{ids[2]}/notes", {"body": "x"})
    await api("PUT", f"/_sandbox/locations/{api.sandbox.location_id}", {"allow_duplicates": True, "timezone": "UTC"})
    await api("PUT", "/_sandbox/index", {"lag_seconds": 0.5})
    reset = (await api("POST", "/_sandbox/reset")).content["locations"]
    assert {one["id"]: one["contacts"] for one in reset}[added] == 2
    assert reset[0]["allow_duplicates"] is False
    assert (await api("GET", "/_sandbox/truth")).content == before
    assert (await api("GET", f"/locations/{api.sandbox.location_id}/tags")).content["tags"] == tags
    assert (await api("GET", "/_sandbox/index")).content == {"lag_seconds": 0.5}
    await create(api, firstName="Ada")
    assert (await api.search()).content["total"] == 10
    assert api.sandbox.log.requests > 5


async def test_a_million_contacts_are_written_to_as_fast_as_ten(start):
    api = await start(contacts=1_000_000)
    oldest = api.sandbox.state.main.id_of(3)
    assert (await api("PUT", f"/contacts/{oldest}", {"email": "moved@example.com"})).status == 200
    assert (
        await api("POST", f"/contacts/{oldest}/tasks", {"title": "x", "dueDate": "2030-01-01", "completed": False})
    ).status == 201
    assert (await create(api, email="MOVED@example.com")).status == 400
    assert (await create(api, email="new@example.com")).status == 201
    assert (await api.search(pageLimit=1)).content["total"] == 1_000_001
    assert len(api.sandbox.state.main.encoded) == 0

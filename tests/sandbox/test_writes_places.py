"""Businesses, tags and custom fields of a location, and what contacts see of a change."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
async def api(start):
    return await start(contacts=60)


@pytest.fixture
def place(api):
    return f"/locations/{api.sandbox.location_id}"


async def test_a_business_is_made_read_changed_and_deleted(api):
    where = {"locationId": api.sandbox.location_id}
    reply = await api("POST", "/businesses/", where | {"name": "Löv & Co", "city": "Bern", "phone": None})
    assert (reply.status, set(reply.content), reply.content["success"]) == (
        201,
        {"success", "buiseness", "traceId"},
        True,
    )
    business = reply.content["buiseness"]
    assert re.fullmatch("[0-9a-f]{24}", business["id"])
    assert set(business) == {"id", "name", "city", "locationId", "createdBy", "updatedBy", "createdAt", "updatedAt"}
    path = f"/businesses/{business['id']}"
    assert (await api("GET", path)).content["business"] == business
    listed = (await api("GET", f"/businesses/?locationId={api.sandbox.location_id}")).content["businesses"]
    assert (len(listed), listed[-1]) == (11, business)
    changed = await api("PUT", path, {"name": "Löv", "city": None})
    assert (changed.status, changed.content["buiseness"]["name"]) == (200, "Löv")
    assert changed.content["buiseness"]["city"] == "Bern"
    gone = await api("DELETE", path)
    assert (gone.status, set(gone.content), gone.content["success"]) == (200, {"success", "traceId"}, True)
    reply = await api("GET", path)
    assert (reply.status, reply.content["message"]) == (400, f"Business with id {business['id']} not found")


@pytest.mark.parametrize(
    ("method", "rest", "body", "messages"),
    [
        ("POST", "", {}, ["name must be a string", "locationId must be a string"]),
        ("POST", "", {"name": "", "locationId": "x"}, ["name should not be empty"]),
        ("PUT", "x", {"name": ""}, ["name should not be empty"]),
        ("PUT", "x", {"locationId": "x"}, ["property locationId should not exist"]),
    ],
)
async def test_businesses_of_a_wrong_shape_are_a_422(api, method, rest, body, messages):
    reply = await api(method, f"/businesses/{rest}", body)
    assert (reply.status, reply.content["message"]) == (422, messages)


async def test_contacts_see_the_new_name_of_their_business_and_lose_a_deleted_one(api):
    contact = next(one for one in await api.walk() if one["businessId"])
    path = f"/businesses/{contact['businessId']}"
    await api("PUT", path, {"name": "Renamed"})
    by_name = [{"field": "businessName", "operator": "eq", "value": "Renamed"}]
    assert contact["id"] in {one["id"] for one in await api.walk(filters=by_name)}
    await api("DELETE", path)
    assert "businessId" not in (await api("GET", f"/contacts/{contact['id']}")).content["contact"]
    assert await api.walk(filters=by_name) == []


async def test_the_businesses_of_another_location_are_closed(api):
    other = api.sandbox.state.other.dictionaries.businesses.by_id
    assert (await api("GET", f"/businesses/{next(iter(other))}")).status == 403
    await api("POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": ["businesses.readonly"]})
    assert (await api("DELETE", f"/businesses/{next(iter(other))}")).status == 401


async def test_a_tag_is_made_read_renamed_and_deleted(api, place):
    reply = await api("POST", f"{place}/tags", {"name": " Größe "})
    assert (reply.status, set(reply.content)) == (200, {"tag", "traceId"})
    tag = reply.content["tag"]
    assert tag == {"id": tag["id"], "name": "größe", "locationId": api.sandbox.location_id}
    path = f"{place}/tags/{tag['id']}"
    assert (await api("GET", path)).content["tag"] == tag
    assert (await api("PUT", path, {"name": "Weite"})).content["tag"] == tag | {"name": "weite"}
    assert (await api("POST", f"{place}/tags", {"name": "WEITE"})).status == 400
    assert (await api("PUT", path, {"name": "vip"})).content["message"] == "The tag name is already exist."
    gone = await api("DELETE", path)
    assert (gone.status, gone.content["succeded"]) == (200, True)
    assert (await api("GET", path)).status == 404
    assert "weite" not in {one["name"] for one in (await api("GET", f"{place}/tags")).content["tags"]}


async def test_a_tag_keeps_its_id_and_comes_back_when_a_contact_gets_it(api, place):
    tags = {tag["name"]: tag["id"] for tag in (await api("GET", f"{place}/tags")).content["tags"]}
    await api("DELETE", f"{place}/tags/{tags['vip']}")
    contact_id = (await api.search(pageLimit=1)).content["contacts"][0]["id"]
    await api("PUT", f"/contacts/{contact_id}", {"tags": ["vip", "spring"]})
    after = {tag["name"]: tag["id"] for tag in (await api("GET", f"{place}/tags")).content["tags"]}
    assert (after["spring"], after["vip"] == tags["vip"]) == (tags["spring"], False)


@pytest.mark.parametrize("body", [{}, {"name": " "}, {"name": "x", "color": "red"}])
async def test_tags_of_a_wrong_shape_are_a_422(api, place, body):
    assert (await api("POST", f"{place}/tags", body)).status == 422


async def test_a_custom_field_is_made_written_searched_and_deleted_with_its_values(api, place):
    body = {"name": "Shoe Size", "dataType": "NUMERICAL", "placeholder": "43", "position": 0, "model": "contact"}
    reply = await api("POST", f"{place}/customFields", body)
    assert (reply.status, set(reply.content)) == (201, {"customField", "traceId"})
    field = reply.content["customField"]
    assert (field["fieldKey"], field["dataType"], field["position"]) == ("contact.shoe_size", "NUMERICAL", 0)
    path = f"{place}/customFields/{field['id']}"
    contact_id = (await api.search(pageLimit=1)).content["contacts"][0]["id"]
    value = {"customFields": [{"key": "shoe_size", "field_value": 43}]}
    assert (await api("PUT", f"/contacts/{contact_id}", value)).status == 200
    large = [{"field": f"customFields.{field['id']}", "operator": "range", "value": {"gte": 40}}]
    assert [one["id"] for one in await api.walk(filters=large)] == [contact_id]
    assert (await api("GET", path)).content["customField"] == field
    renamed = await api("PUT", path, {"name": "Size"})
    assert (renamed.status, renamed.content["customField"]) == (200, field | {"name": "Size"})
    gone = await api("DELETE", path)
    assert (gone.status, gone.content["succeded"]) == (200, True)
    shown = (await api("GET", f"/contacts/{contact_id}")).content["contact"]["customFields"]
    assert field["id"] not in {item["id"] for item in shown}
    assert (await api("DELETE", path)).content["message"] == "The custom field id is invalid."
    assert (await api("PUT", f"/contacts/{contact_id}", value)).status == 422
    assert (await api.search(filters=large)).status == 400


async def test_options_and_a_second_field_of_one_name(api, place):
    body = {"name": "Größe", "dataType": "RADIO", "textBoxListOptions": ["S", "M"], "isMultipleFile": False}
    first, second = [(await api("POST", f"{place}/customFields", body)).content["customField"] for _ in range(2)]
    assert (first["picklistOptions"], first["isMultiFileAllowed"]) == (["S", "M"], False)
    assert first["fieldKey"] != second["fieldKey"]
    deal = {"name": "Größe", "dataType": "TEXT", "model": "opportunity"}
    await api("POST", f"{place}/customFields", deal)
    for model, many in (("contact", 14), ("opportunity", 1), ("all", 15)):
        assert len((await api("GET", f"{place}/customFields?model={model}")).content["customFields"]) == many


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({}, ["name must be a string", "dataType must be a string"]),
        (
            {"name": "x", "dataType": "TEXT", "model": "task"},
            ["model must be one of the following values: contact, opportunity"],
        ),
        ({"name": "x", "dataType": "TEXT", "fieldKey": "x"}, ["property fieldKey should not exist"]),
        ({"name": "x", "dataType": "TEXT", "position": -1}, ["position must not be less than 0"]),
    ],
)
async def test_custom_fields_of_a_wrong_shape_are_a_422(api, place, body, messages):
    reply = await api("POST", f"{place}/customFields", body)
    assert (reply.status, reply.content["message"]) == (422, messages)


@pytest.mark.parametrize("path", ["tags", "customFields"])
async def test_dictionaries_have_scopes_for_writing(api, place, path):
    scopes = ["locations/tags.readonly", "locations/customFields.readonly"]
    await api("POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": scopes})
    assert (await api("GET", f"{place}/{path}")).status == 200
    assert (
        await api("POST", f"{place}/{path}", {"name": "x", **({"dataType": "TEXT"} if path != "tags" else {})})
    ).status == 401

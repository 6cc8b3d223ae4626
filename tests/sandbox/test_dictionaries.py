"""Tags, custom fields, users, and the lookup of a contact by its address."""

from __future__ import annotations

import pytest


async def test_tags_are_all_that_contacts_carry_and_grow_with_them(start):
    api = await start(contacts=200)
    path = f"/locations/{api.sandbox.location_id}/tags"
    before = (await api("GET", path)).content["tags"]
    assert set(before[0]) == {"id", "name", "locationId"}
    carried = {tag for contact in await api.walk(pageLimit=500) for tag in contact["tags"]}
    assert carried <= {tag["name"] for tag in before}
    await api("POST", "/_sandbox/contacts", {"tags": ["brand new"]})
    assert (await api("GET", path)).content["tags"][:-1] == before


@pytest.mark.parametrize(
    ("model", "many"), [("", 12), ("?model=contact", 12), ("?model=all", 12), ("?model=opportunity", 0)]
)
async def test_custom_fields_have_the_ids_that_contacts_use(start, model, many):
    api = await start(contacts=200)
    fields = (await api("GET", f"/locations/{api.sandbox.location_id}/customFields{model}")).content["customFields"]
    assert len(fields) == many
    if many:
        used = {item["id"] for contact in await api.walk(pageLimit=500) for item in contact["customFields"]}
        assert used <= {field["id"] for field in fields}
        assert {"fieldKey", "dataType", "position", "parentId", "standard"} <= set(fields[0])
        assert {field["dataType"] for field in fields if "picklistOptions" in field} == {
            "SINGLE_OPTIONS", "MULTIPLE_OPTIONS", "RADIO", "CHECKBOX", "TEXTBOX_LIST",
        }  # fmt: skip


async def test_an_unknown_model_is_a_422(start):
    api = await start(contacts=1)
    reply = await api("GET", f"/locations/{api.sandbox.location_id}/customFields?model=task")
    assert reply.content["message"] == ["model must be one of the following values: contact, opportunity, all"]


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_users_are_those_whom_contacts_are_assigned_to(start, version):
    api = await start(contacts=200)
    users = (await api("GET", f"/users/?locationId={api.sandbox.location_id}", Version=version)).content["users"]
    assigned = {contact["assignedTo"] for contact in await api.walk(pageLimit=500)} - {None}
    assert assigned <= {user["id"] for user in users}
    assert users[0]["roles"]["locationIds"] == [api.sandbox.location_id]


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/locations/{}/tags", "locations/tags.readonly"),
        ("/locations/{}/customFields", "locations/customFields.readonly"),
        ("/users/?locationId={}", "users.readonly"),
    ],
)
async def test_each_dictionary_has_a_scope_of_its_own(start, path, scope):
    api = await start(contacts=1)
    for scopes, status in (["contacts.readonly", "locations.readonly"], 401), ([scope], 200):
        await api("POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": scopes})
        assert (await api("GET", path.format(api.sandbox.location_id))).status == status


async def lookup(api, query):
    token = (await api("POST", "/_sandbox/tokens", {"token": "eyJ.x.y", "app": "client-1"})).content["token"]
    path = f"/contacts/lookup?locationId={api.sandbox.location_id}&{query}"
    return await api("GET", path, Version="v3", Authorization=f"Bearer {token}")


async def test_lookup_finds_own_and_additional_addresses_whatever_their_case(start):
    api = await start(contacts=200)
    everyone = await api.walk(pageLimit=500)
    for value, kind in (("email", "additionalEmails"), ("phone", "additionalPhones")):
        own = next(contact for contact in everyone if contact[value])
        more = next(contact for contact in everyone if contact[kind])
        for contact, address in ((own, own[value]), (more, more[kind][0][value])):
            found = (await lookup(api, f"{value}={address.upper().replace('+', '%2B')}")).content
            assert [one["id"] for one in found["contacts"]] == [contact["id"]]
            assert "nextCursor" not in found
    assert (await lookup(api, "email=nobody@example.com")).content["contacts"] == []


async def test_lookup_pages_by_cursor(start):
    api = await start(contacts=5)
    same = {"email": "Same@example.com"}
    wanted = [(await api("POST", "/_sandbox/contacts", same)).content["id"] for _ in range(5)]
    found, cursor = [], ""
    while True:
        page = (await lookup(api, f"email=same@example.com&limit=2{cursor}")).content
        found += [contact["id"] for contact in page["contacts"]]
        if "nextCursor" not in page:
            break
        cursor = f"&nextCursor={page['nextCursor']}"
    assert sorted(found) == sorted(wanted)
    assert (await lookup(api, "email=same@example.com&nextCursor=x")).status == 400


@pytest.mark.parametrize("query", ["", "email=a@example.com&phone=%2B1", "email=a@example.com&limit=21", "name=x"])
async def test_lookups_of_a_wrong_shape_are_a_422(start, query):
    assert (await lookup(await start(contacts=1), query)).status == 422

"""Creating, updating and deleting contacts: request, reply, status, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

UNKNOWN = "A" * 20
CREATED = {
    "id", "dateAdded", "dateUpdated", "type", "locationId", "firstName", "firstNameLowerCase", "lastName",
    "lastNameLowerCase", "fullNameLowerCase", "email", "emailLowerCase", "phone", "country", "createdBy", "tags",
    "customFields", "deleted", "bounceEmail", "unsubscribeEmail", "lastUpdatedBy", "lastSessionActivityAt",
    "validEmail", "validEmailDate",
}  # fmt: skip
GOT = (CREATED - {
    "deleted", "bounceEmail", "unsubscribeEmail", "lastUpdatedBy", "lastSessionActivityAt", "validEmail",
    "validEmailDate",
}) | {"additionalEmails", "additionalPhones"}  # fmt: skip
ADA = {"firstName": "Ada", "lastName": "Löv", "email": "Ada@Example.com", "phone": "(205) 555-0100"}


async def create(api, version="2021-07-28", **body):
    return await api("POST", "/contacts/", {"locationId": api.sandbox.location_id} | body, Version=version)


async def made(api, **body):
    reply = await create(api, **body)
    assert reply.status == 201, reply.content
    return reply.content["contact"]


async def got(api, contact_id, version="2021-07-28"):
    return (await api("GET", f"/contacts/{contact_id}", Version=version)).content["contact"]


async def test_a_created_contact_is_answered_with_201_and_the_recorded_keys(start):
    api = await start(contacts=3)
    reply = await create(api, **ADA)
    assert (reply.status, set(reply.content)) == (201, {"contact", "traceId"})
    contact = reply.content["contact"]
    assert set(contact) == CREATED
    assert (contact["email"], contact["emailLowerCase"]) == ("Ada@Example.com", "ada@example.com")
    assert (contact["phone"], contact["country"], contact["type"]) == ("+12055550100", "US", "lead")
    assert (contact["deleted"], contact["validEmail"]) == (False, None)
    assert contact["dateAdded"] == contact["dateUpdated"] == contact["createdBy"]["timestamp"]
    assert set(await got(api, contact["id"])) == GOT


async def test_v3_answers_a_create_as_it_answers_a_get(start):
    api = await start(contacts=0)
    reply = await create(api, "v3", **ADA)
    assert (reply.status, set(reply.content["contact"])) == (201, GOT)


async def test_a_created_contact_is_seen_by_every_reading_route(start):
    api = await start(contacts=30)
    place = api.sandbox.location_id
    contact = await made(api, **ADA, tags=["Brand New"])
    assert (await api.search(pageLimit=1)).content["contacts"][0]["id"] == contact["id"]
    assert (await api.search(pageLimit=1)).content["total"] == 31
    listed = (await api("GET", f"/contacts/?locationId={place}&limit=1")).content
    assert (listed["contacts"][0]["id"], listed["meta"]["total"]) == (contact["id"], 31)
    by_tag = [{"field": "tags", "operator": "eq", "value": ["brand new"]}]
    assert [one["id"] for one in await api.walk(filters=by_tag)] == [contact["id"]]
    twin = f"/contacts/search/duplicate?locationId={place}"
    assert (await api("GET", f"{twin}&email=ada%40example.com")).content["contact"]["id"] == contact["id"]
    assert (await api("GET", f"{twin}&number=%2B12055550100")).content["contact"]["id"] == contact["id"]
    await api("POST", "/_sandbox/tokens", {"token": "eyJ.x.y", "app": "client-1"})
    look = f"/contacts/lookup?locationId={place}&phone=%2B12055550100"
    found = await api("GET", look, Version="v3", Authorization="Bearer eyJ.x.y")
    assert [one["id"] for one in found.content["contacts"]] == [contact["id"]]
    truth = (await api("GET", "/_sandbox/truth?offset=30")).content["contacts"]
    assert truth[0]["contact"]["id"] == contact["id"]
    tags = (await api("GET", f"/locations/{place}/tags")).content["tags"]
    assert "brand new" in {tag["name"] for tag in tags}


async def test_search_and_list_miss_a_created_contact_for_the_lag_and_get_does_not(start):
    api = await start(contacts=3, index_lag_seconds=0.2)
    contact = await made(api, **ADA)
    listed = f"/contacts/?locationId={api.sandbox.location_id}"
    assert (await api.search()).content["total"] == 3
    assert (await api("GET", listed)).content["meta"]["total"] == 3
    assert (await got(api, contact["id"]))["firstName"] == "Ada"
    twin = f"/contacts/search/duplicate?locationId={api.sandbox.location_id}&email=ada%40example.com"
    assert (await api("GET", twin)).content["contact"]["id"] == contact["id"]
    await asyncio.sleep(0.25)
    assert (await api.search()).content["total"] == 4


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        ({"name": "Ada Maria Löv"}, {"firstName": "Ada", "lastName": "Maria Löv"}),
        ({"name": "Ada Löv", "lastName": "Xu"}, {"firstName": None, "lastName": "Xu"}),
        ({"name": "Cher"}, {"firstName": "Cher", "lastName": None}),
        ({"tags": [" VIP", "vip", "", "Größe "]}, {"tags": ["vip", "größe"]}),
        ({"tags": None}, {"tags": []}),
        ({"phone": "205 555 0100"}, {"phone": "+12055550100"}),
        ({"phone": "1.205.555.0100"}, {"phone": "+12055550100"}),
        ({"phone": "+41 (44) 555-01-00"}, {"phone": "+41445550100"}),
        ({"phone": "0041445550100"}, {"phone": "+41445550100"}),
        ({"phone": None}, {"phone": None}),
        ({"phone": ""}, {"phone": None}),
        ({"dateOfBirth": "1990-02-03"}, {"dateOfBirth": "1990-02-03T00:00:00.000Z"}),
        ({"dateOfBirth": "02.03.1990"}, {"dateOfBirth": "1990-02-03T00:00:00.000Z"}),
        ({"dateOfBirth": "1990_2_3"}, {"dateOfBirth": "1990-02-03T00:00:00.000Z"}),
        ({"dateOfBirth": "3 February"}, {"dateOfBirth": None}),
        ({"dateOfBirth": "1990-13-45"}, {"dateOfBirth": None}),
        ({"country": "ch"}, {"country": "CH"}),
        ({"gender": "female", "firstName": "Ada"}, {"gender": None, "firstName": "Ada"}),
        ({"companyName": "Löv & Co", "address1": "1 Main St"}, {"companyName": "Löv & Co", "address1": "1 Main St"}),
        ({"dnd": False}, {"dnd": False}),
        ({}, {"dnd": None, "dndSettings": None}),
    ],
)
async def test_what_is_stored_of_a_created_contact(start, body, stored):
    api = await start(contacts=0)
    shown = await got(api, (await made(api, **body))["id"])
    assert {name: shown.get(name) for name in stored} == stored


@pytest.mark.parametrize(
    ("country", "phone", "stored"),
    [
        ("CH", "044 555 01 00", "+41445550100"),
        ("GB", "020 7946 0958", "+442079460958"),
        ("IT", "06 1234567", "+39061234567"),
    ],
)
async def test_a_number_without_a_country_is_one_of_the_location(start, country, phone, stored):
    api = await start(contacts=0, country=country)
    contact = await made(api, phone=phone)
    assert (contact["phone"], contact["country"]) == (stored, country)


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (
            {"foo": 1, "additionalEmails": []},
            ["property foo should not exist", "property additionalEmails should not exist"],
        ),
        ({"businessId": "x"}, ["property businessId should not exist"]),
        ({"locationId": None}, ["locationId must be a string"]),
        ({"locationId": ""}, ["locationId should not be empty"]),
        ({"firstName": 5}, ["firstName must be a string"]),
        ({"email": "ada"}, ["email must be an email"]),
        ({"country": "Switzerland"}, ["country must be a valid ISO31661 Alpha2 code"]),
        ({"tags": "vip"}, ["tags must be an array"]),
        ({"tags": [1]}, ["each value in tags must be a string"]),
        ({"dnd": "yes"}, ["dnd must be a boolean value"]),
        ({"phone": "call me"}, ["phone must be a valid phone number"]),
        ({"phone": "555-0100"}, ["phone must be a valid phone number"]),
        ({"dndSettings": []}, ["dndSettings must be an object"]),
        ({"dndSettings": {"Fax": {"status": "active"}}}, ["dndSettings.property Fax should not exist"]),
        ({"dndSettings": {"SMS": True}}, ["dndSettings.SMS must be an object"]),
        ({"dndSettings": {"SMS": {}}}, ["dndSettings.SMS.status must be a string"]),
        (
            {"inboundDndSettings": {"all": {"status": "permanent"}}},
            ["inboundDndSettings.all.status must be one of the following values: active, inactive"],
        ),
        ({"customFields": [1]}, ["customFields.0.must be an object"]),
        ({"customFields": [{"field_value": "x"}]}, ["customFields.0.id should not be empty"]),
        ({"customFields": [{"id": 1, "key": "text"}]}, ["customFields.0.id must be a string"]),
        (
            {"customFields": [{"key": "text", "fieldValue": "x"}]},
            ["customFields.0.property fieldValue should not exist"],
        ),
        ({"customFields": [{"key": "nope"}]}, ["customFields.0.key must be a custom field of the location"]),
        ({"customFields": [{"id": UNKNOWN}]}, ["customFields.0.id must be a custom field of the location"]),
        ({"customFields": [{"key": "text", "field_value": 5}]}, ["customFields.0.field_value must be a string"]),
        (
            {"customFields": [{"key": "numerical", "field_value": "5"}]},
            ["customFields.0.field_value must be a number conforming to the specified constraints"],
        ),
        (
            {"customFields": [{"key": "checkbox", "field_value": "yes"}]},
            ["customFields.0.field_value must be an array of strings"],
        ),
        (
            {"customFields": [{"key": "file_upload", "field_value": "x"}]},
            ["customFields.0.field_value must be an object"],
        ),
    ],
)
async def test_a_body_of_the_wrong_shape_is_a_422_and_makes_nothing(start, body, messages):
    api = await start(contacts=1)
    reply = await create(api, **body)
    assert (reply.status, reply.content["message"]) == (422, messages)
    assert reply.content["error"] == "Unprocessable Entity"
    assert (await api.search()).content["total"] == 1


async def test_an_update_answers_both_flags_and_the_followers(start):
    api = await start(contacts=30)
    contact = (await api.search(pageLimit=1)).content["contacts"][0]
    reply = await api("PUT", f"/contacts/{contact['id']}", {"firstName": "Neu", "city": "Bern"})
    assert (reply.status, set(reply.content)) == (200, {"succeded", "succeeded", "contact", "traceId"})
    assert reply.content["contact"]["followers"] == contact["followers"]
    assert (reply.content["contact"]["firstName"], reply.content["contact"]["city"]) == ("Neu", "Bern")
    assert reply.content["contact"]["dateAdded"] == contact["dateAdded"]
    assert reply.content["contact"]["dateUpdated"] > contact["dateUpdated"]
    recent = [{"field": "dateUpdated", "direction": "desc"}]
    assert (await api.search(pageLimit=1, sort=recent)).content["contacts"][0]["id"] == contact["id"]
    v3 = await api("PUT", f"/contacts/{contact['id']}", {"firstName": "Neuer"}, Version="v3")
    assert set(v3.content) == {"succeeded", "contact", "traceId"}


async def test_null_clears_and_what_is_not_named_stays(start):
    api = await start(contacts=0)
    contact = await made(api, **ADA, city="Bern", source="web", tags=["a"])
    cleared = {"lastName": None, "city": None, "email": None, "source": None, "country": None, "dateOfBirth": None}
    await api("PUT", f"/contacts/{contact['id']}", cleared)
    shown = await got(api, contact["id"])
    assert not set(cleared) & set(shown)
    assert (shown["firstName"], shown["phone"], shown["tags"]) == ("Ada", "+12055550100", ["a"])
    assert "emailLowerCase" not in shown
    await api("PUT", f"/contacts/{contact['id']}", {})
    assert (await got(api, contact["id"])) | {"dateUpdated": ""} == shown | {"dateUpdated": ""}


async def test_tags_of_an_update_replace_the_whole_set(start):
    api = await start(contacts=0)
    contact = await made(api, tags=["a", "b"])
    reply = await api("PUT", f"/contacts/{contact['id']}", {"tags": ["C "]})
    assert reply.content["contact"]["tags"] == ["c"]
    assert (await api("PUT", f"/contacts/{contact['id']}", {"tags": []})).content["contact"]["tags"] == []


@pytest.mark.parametrize("name", ["locationId", "gender", "companyName", "createNewIfDuplicateAllowed"])
async def test_what_an_update_does_not_take(start, name):
    api = await start(contacts=1)
    contact = (await api.search()).content["contacts"][0]
    reply = await api("PUT", f"/contacts/{contact['id']}", {name: "x"})
    assert (reply.status, reply.content["message"]) == (422, [f"property {name} should not exist"])
    query = await api("PUT", f"/contacts/{contact['id']}?locationId={api.sandbox.location_id}", {"firstName": "x"})
    assert (query.status, query.content["message"]) == (422, ["property locationId should not exist"])


@pytest.mark.parametrize("replace", [False, True])
async def test_custom_fields_of_an_update_are_merged_unless_the_rule_is_to_replace(start, replace):
    api = await start(contacts=0, custom_fields_replace=replace)
    first = [{"key": "contact.text", "field_value": "a"}, {"key": "numerical", "field_value": 1.5}]
    contact = await made(api, customFields=first)
    fields = {field["fieldKey"]: field["id"] for field in await custom_fields(api)}
    text, number, choice = (fields[f"contact.{key}"] for key in ("text", "numerical", "checkbox"))
    assert contact["customFields"] == [{"id": text, "value": "a"}, {"id": number, "value": 1.5}]
    body = {"customFields": [{"id": text, "field_value": ""}, {"id": choice, "field_value": ["yes"]}]}
    shown = (await api("PUT", f"/contacts/{contact['id']}", body)).content["contact"]["customFields"]
    kept = [] if replace else [{"id": number, "value": 1.5}]
    assert shown == [*kept, {"id": choice, "value": ["yes"]}]


async def custom_fields(api):
    return (await api("GET", f"/locations/{api.sandbox.location_id}/customFields")).content["customFields"]


async def test_v3_takes_both_names_of_a_field_value_and_lower_camel_channels(start):
    api = await start(contacts=0)
    fields = [{"key": "text", "fieldValue": "a"}, {"key": "large_text", "field_value": "b"}]
    settings = {"whatsApp": {"status": "active"}, "SMS": {"status": "permanent", "message": "STOP", "code": "94"}}
    reply = await create(api, "v3", customFields=fields, dndSettings=settings, dnd=True)
    contact = reply.content["contact"]
    assert [item["value"] for item in contact["customFields"]] == ["a", "b"]
    assert set(contact["dndSettings"]) == {"whatsApp", "sms"}
    assert set((await got(api, contact["id"]))["dndSettings"]) == {"WhatsApp", "SMS"}
    assert set((await got(api, contact["id"], "v3"))["dndSettings"]) == {"whatsApp", "sms"}
    body = {"dndSettings": {"SMS": {"status": "inactive"}}, "inboundDndSettings": {"all": {"status": "active"}}}
    kept = (await api("PUT", f"/contacts/{contact['id']}", body)).content["contact"]["dndSettings"]
    assert kept == {"WhatsApp": {"status": "active"}, "SMS": {"status": "inactive"}}
    assert (await api.search()).content["contacts"][0]["inboundDndSettings"] == body["inboundDndSettings"]


async def test_a_deleted_contact_is_gone_from_everywhere_and_cannot_be_deleted_twice(start):
    api = await start(contacts=30)
    for contact_id in ((await api.search(pageLimit=1)).content["contacts"][0]["id"], (await made(api, **ADA))["id"]):
        reply = await api("DELETE", f"/contacts/{contact_id}")
        assert (reply.status, reply.content["succeded"], reply.content["succeeded"]) == (200, True, True)
        again = await api("DELETE", f"/contacts/{contact_id}")
        assert (again.status, again.content["message"]) == (400, f"Contact with id {contact_id} not found")
    assert (await api.search()).content["total"] == 29
    assert (await create(api, **ADA)).status == 201


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", ""), ("DELETE", ""), ("POST", "/tags"), ("POST", "/notes"), ("POST", "/tasks")]
)
async def test_writing_to_an_unknown_contact_or_one_of_another_location(start, method, path):
    api = await start(contacts=1)
    body = {
        "/tags": {"tags": ["a"]},
        "/notes": {"body": "x"},
        "/tasks": {"title": "x", "dueDate": "2030-01-01T00:00:00Z", "completed": False},
    }.get(path, {})
    reply = await api(method, f"/contacts/{UNKNOWN}{path}", body)
    assert (reply.status, reply.content["message"]) == (400, f"Contact with id {UNKNOWN} not found")
    other = api.sandbox.state.other.id
    theirs = (await api("GET", f"/_sandbox/truth?location={other}&limit=1")).content["contacts"][0]["contact"]["id"]
    assert (await api(method, f"/contacts/{theirs}{path}", body)).status == 403


async def test_the_shape_is_judged_before_the_scope_and_the_scope_before_the_contact(start):
    api = await start(contacts=1)
    await api("POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": ["contacts.readonly"]})
    path = f"/contacts/{UNKNOWN}"
    assert (await api("PUT", path, {"foo": 1})).status == 422
    reply = await api("PUT", path, {"firstName": "x"})
    assert (reply.status, reply.content["message"]) == (401, "The token is not authorized for this scope.")
    assert (await create(api, locationId=api.sandbox.state.other.id)).status == 401

"""Tags, followers, campaigns and workflows of a contact, and tags and business links of many at once."""

from __future__ import annotations

import pytest

UNKNOWN = "A" * 20


async def contact_of(api, **body):
    return (await api("POST", "/_sandbox/contacts", {"firstName": "Ada", "tags": [], "followers": []} | body)).content[
        "id"
    ]


async def shown(api, contact_id):
    contacts = await api.walk(pageLimit=500)
    return next(contact for contact in contacts if contact["id"] == contact_id)


@pytest.mark.parametrize(
    ("name", "held", "given", "added", "after"),
    [
        ("tags", ["a"], [" A", "B ", "b"], ["b"], ["a", "b"]),
        ("tags", ["a"], [], [], ["a"]),
        ("followers", ["u1"], ["u2", "u1", "u2"], ["u2"], ["u1", "u2"]),
    ],
)
async def test_giving_answers_201_the_full_set_and_what_is_new(start, name, held, given, added, after):
    api = await start(contacts=0)
    contact_id = await contact_of(api, **{name: held})
    reply = await api("POST", f"/contacts/{contact_id}/{name}", {name: given})
    assert (reply.status, set(reply.content)) == (201, {name, f"{name}Added", "traceId"})
    assert (reply.content[name], reply.content[f"{name}Added"]) == (after, added)
    assert (await shown(api, contact_id))[name] == after


@pytest.mark.parametrize(
    ("name", "held", "given", "removed", "after"),
    [
        ("tags", ["a", "b"], ["A ", "x"], ["a"], ["b"]),
        ("followers", ["u1"], ["u1"], ["u1"], []),
        ("followers", ["u1"], ["u2"], [], ["u1"]),
    ],
)
async def test_taking_needs_a_body_and_answers_what_went(start, name, held, given, removed, after):
    api = await start(contacts=0)
    contact_id = await contact_of(api, **{name: held})
    bare = await api("DELETE", f"/contacts/{contact_id}/{name}")
    assert (bare.status, bare.content["message"]) == (422, [f"{name} must be an array"])
    reply = await api("DELETE", f"/contacts/{contact_id}/{name}", {name: given})
    assert (reply.status, set(reply.content)) == (200, {name, f"{name}Removed", "traceId"})
    assert (reply.content[name], reply.content[f"{name}Removed"]) == (after, removed)
    assert (await shown(api, contact_id))[name] == after


@pytest.mark.parametrize("touches", [False, True])
async def test_tags_move_date_updated_only_where_the_rule_says_so(start, touches):
    api = await start(contacts=0, children_touch_contact=touches)
    contact_id = await contact_of(api, dateAdded="2024-01-01T00:00:00.000Z")
    path, body = f"/contacts/{contact_id}", {"locationId": api.sandbox.location_id, "contacts": [contact_id]}
    for change in (
        ("POST", f"{path}/tags", {"tags": ["a"]}),
        ("POST", f"{path}/notes", {"body": "x"}),
        ("POST", "/contacts/bulk/tags/update/add", body | {"tags": ["b"]}),
    ):
        assert (await api(*change)).status == 201
    assert ((await shown(api, contact_id))["dateUpdated"] > "2024-01-02") is touches
    await api("PUT", path, {})
    assert (await shown(api, contact_id))["dateUpdated"] > "2024-01-02"


async def held_by(api, contact_id):
    truth = (await api("GET", "/_sandbox/truth?limit=500")).content["contacts"]
    return next(one for one in truth if one["contact"]["id"] == contact_id)


@pytest.mark.parametrize(("kind", "word", "status"), [("campaigns", "campaigns", 201), ("workflows", "workflow", 200)])
async def test_a_contact_goes_into_a_campaign_or_a_workflow_and_out_again(start, kind, word, status):
    api = await start(contacts=0)
    contact_id = await contact_of(api)
    listed = (await api("GET", f"/{kind}/?locationId={api.sandbox.location_id}")).content[kind]
    assert {"id", "name", "status", "locationId"} <= set(listed[0])
    path = f"/contacts/{contact_id}/{word}/{listed[0]['id']}"
    for body in ({}, None):
        reply = await api("POST", path, body)
        assert (reply.status, reply.content["succeded"], reply.content["succeeded"]) == (status, True, True)
    assert (await held_by(api, contact_id))[kind] == [listed[0]["id"]]
    reply = await api("DELETE", path)
    assert (reply.status, reply.content["succeeded"]) == (200, True)
    assert (await held_by(api, contact_id))[kind] == []
    assert (await api("POST", f"/contacts/{contact_id}/{word}/nope", {})).status == 400
    assert (await api("POST", path, {"x": 1})).content["message"] == ["property x should not exist"]


async def test_a_workflow_may_be_told_when_its_event_starts(start):
    api = await start(contacts=0)
    contact_id = await contact_of(api)
    workflow = (await api("GET", f"/workflows/?locationId={api.sandbox.location_id}")).content["workflows"][0]["id"]
    path = f"/contacts/{contact_id}/workflow/{workflow}"
    assert (await api("POST", path, {"eventStartTime": "2030-01-01T10:00:00+01:00"})).status == 200
    wrong = await api("POST", path, {"eventStartTime": "soon"})
    assert (wrong.status, wrong.content["message"]) == (422, ["eventStartTime must be a valid ISO 8601 date string"])


@pytest.mark.parametrize(
    ("version", "word", "other"), [("2021-07-28", "removeAll", "remove-all"), ("v3", "remove-all", "removeAll")]
)
async def test_out_of_all_campaigns_has_a_path_for_each_generation(start, version, word, other):
    api = await start(contacts=0)
    contact_id = await contact_of(api)
    for campaign in (await api("GET", f"/campaigns/?locationId={api.sandbox.location_id}")).content["campaigns"]:
        await api("POST", f"/contacts/{contact_id}/campaigns/{campaign['id']}", {})
    assert len((await held_by(api, contact_id))["campaigns"]) == 2
    wrong = await api("DELETE", f"/contacts/{contact_id}/campaigns/{other}", Version=version)
    assert (wrong.status, wrong.content["message"]) == (400, f"Campaign with id {other} not found")
    assert (await api("DELETE", f"/contacts/{contact_id}/campaigns/{word}", Version=version)).status == 200
    assert (await held_by(api, contact_id))["campaigns"] == []


async def bulk(api, kind, **body):
    return await api("POST", f"/contacts/bulk/tags/update/{kind}", {"locationId": api.sandbox.location_id} | body)


async def test_bulk_tags_answer_201_and_a_result_for_each_contact(start):
    api = await start(contacts=20)
    contact_id, gone, made_up = await contact_of(api, tags=["a"]), await contact_of(api), (await api.search()).content
    made_up = next(one for one in made_up["contacts"] if "a" not in one["tags"] and one["id"] not in (contact_id, gone))
    await api("DELETE", f"/contacts/{gone}")
    other = (await api("GET", f"/_sandbox/truth?location={api.sandbox.state.other.id}")).content["contacts"][0]
    ids = [contact_id, made_up["id"], contact_id, "bad", gone, other["contact"]["id"], UNKNOWN]
    reply = await bulk(api, "add", contacts=ids, tags=["A", " Neu"])
    assert reply.status == 201
    assert set(reply.content) == {"succeded", "succeeded", "errorCount", "responses", "traceId"}
    assert (reply.content["succeded"], reply.content["errorCount"]) == (True, 4)
    first, second, again, *errors = reply.content["responses"]
    assert first == {
        "contactId": contact_id,
        "message": "Tags updated",
        "type": "success",
        "oldTags": ["a"],
        "tagsAdded": ["neu"],
        "tagsRemoved": [],
    }
    assert (second["oldTags"], second["tagsAdded"]) == (made_up["tags"], ["a", "neu"])
    assert (again["oldTags"], again["tagsAdded"]) == (["a", "neu"], [])
    assert errors == [
        {"contactId": "bad", "message": "contact id is not a valid firebase id", "type": "error"},
        {"contactId": gone, "message": "contact is deleted", "type": "error"},
        {"contactId": ids[5], "message": "contact does not belong to location", "type": "error"},
        {"contactId": UNKNOWN, "message": "contact does not belong to location", "type": "error"},
    ]
    assert "neu" in {tag["name"] for tag in (await location_tags(api))}


async def location_tags(api):
    return (await api("GET", f"/locations/{api.sandbox.location_id}/tags")).content["tags"]


async def test_bulk_tags_remove_some_or_all(start):
    api = await start(contacts=0)
    contact_id = await contact_of(api, tags=["a", "b", "c"])
    some = (await bulk(api, "remove", contacts=[contact_id], tags=["B", "x"])).content["responses"][0]
    assert (some["oldTags"], some["tagsRemoved"]) == (["a", "b", "c"], ["b"])
    rest = (await bulk(api, "remove", contacts=[contact_id], tags=[], removeAllTags=True)).content["responses"][0]
    assert rest["tagsRemoved"] == ["a", "c"]
    assert (await shown(api, contact_id))["tags"] == []


@pytest.mark.parametrize(
    ("kind", "body", "messages"),
    [
        ("swap", {}, ["type must be one of the following values: add, remove"]),
        ("add", {"tags": ["a"]}, ["contacts must be an array"]),
        ("add", {"contacts": ["a"], "tags": None}, ["tags must be an array"]),
        ("add", {"contacts": ["a"], "tags": ["a"], "locationId": ""}, ["locationId should not be empty"]),
        ("add", {"contacts": ["a"], "tags": ["a"], "ids": []}, ["property ids should not exist"]),
        (
            "add",
            {"contacts": [], "tags": [], "removeAllTags": True},
            ["removeAllTags is allowed with the type remove only"],
        ),
        ("add", {"contacts": ["a"] * 501, "tags": ["a"]}, ["contacts must contain no more than 500 elements"]),
    ],
)
async def test_bulk_tags_of_a_wrong_shape_are_a_422(start, kind, body, messages):
    api = await start(contacts=0)
    reply = await bulk(api, kind, **body)
    assert (reply.status, reply.content["message"]) == (422, messages)


async def test_how_many_contacts_one_bulk_request_takes_is_a_rule(start):
    api = await start(contacts=0, bulk_tags_refuse=2)
    assert (await bulk(api, "add", contacts=["a", "b"], tags=["a"])).status == 201
    refused = await bulk(api, "add", contacts=["a", "b", "c"], tags=["a"])
    assert (refused.status, refused.content["message"]) == (422, ["contacts must contain no more than 2 elements"])
    assert (await api("PUT", "/_sandbox/rules", {"bulk_tags_refuse": 3})).content["bulk_tags_refuse"] == 3
    assert (await bulk(api, "add", contacts=["a", "b", "c"], tags=["a"])).status == 201


async def test_bulk_tags_ask_for_the_scope_and_the_location(start):
    api = await start(contacts=0)
    assert (await bulk(api, "add", contacts=["a"], tags=["a"], locationId=api.sandbox.state.other.id)).status == 403
    await api("POST", "/_sandbox/tokens", {"token": api.sandbox.token, "scopes": ["contacts.readonly"]})
    assert (await bulk(api, "add", contacts=["a"], tags=["a"])).status == 401


async def test_contacts_are_linked_to_a_business_and_unlinked(start):
    api = await start(contacts=3)
    place = api.sandbox.location_id
    business = (await api("GET", f"/businesses/?locationId={place}&limit=1&skip=3")).content["businesses"][0]
    ids = [contact["id"] for contact in await api.walk()]
    body = {"locationId": place, "ids": [*ids, UNKNOWN], "businessId": business["id"]}
    reply = await api("POST", "/contacts/bulk/business", body)
    assert (reply.status, reply.content["success"], reply.content["ids"]) == (200, True, ids)
    by = (await api("GET", f"/contacts/business/{business['id']}?locationId={place}")).content
    assert (by["count"], {one["businessId"] for one in by["contacts"]}) == (3, {business["id"]})
    assert {one["businessName"] for one in await api.walk()} == {business["name"]}
    await api("POST", "/contacts/bulk/business", {"locationId": place, "ids": ids[:1], "businessId": None})
    assert "businessId" not in (await api("GET", f"/contacts/{ids[0]}")).content["contact"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"ids": []}, 422, ["businessId should not be empty"]),
        ({"businessId": None}, 422, ["ids must be an array"]),
        ({"ids": ["x"] * 51, "businessId": None}, 422, ["ids must contain no more than 50 elements"]),
        ({"ids": [], "businessId": "x"}, 400, "Business with id x not found"),
    ],
)
async def test_links_that_cannot_be_made(start, body, status, message):
    api = await start(contacts=0)
    reply = await api("POST", "/contacts/bulk/business", {"locationId": api.sandbox.location_id} | body)
    assert (reply.status, reply.content["message"]) == (status, message)

"""When two contacts may not be the same: create, update and upsert by the settings of the location."""

from __future__ import annotations

import pytest

MESSAGE = "This location does not allow duplicated contacts."
PHONES = {"p1": "+12055550101", "p2": "+12055550102", "p3": "+12055550103"}


def told(body):
    """`{"email": "e1", "phone": "p1"}` as the API wants it."""
    told = {"email": f"{body['email']}@example.com"} if body.get("email") else {}
    return told | ({"phone": PHONES[body["phone"]]} if body.get("phone") else {})


async def seeded(api, **people):
    """Seed contacts: `anna={"email": "e1", "more": "e9"}`; returns their ids by name."""
    ids = {}
    for name, held in people.items():
        more = {"additionalEmails": [f"{held['more']}@example.com"]} if "more" in held else {}
        body = {"firstName": name} | told(held) | more
        ids[name] = (await api("POST", "/_sandbox/contacts", body)).content["id"]
    return ids


ANNA, BERT = {"email": "e1", "phone": "p1"}, {"email": "e2", "phone": "p2", "more": "e9"}
EMAIL, PHONE, BOTH, TURNED = "email", "phone", "email,phone", "phone,email"


@pytest.mark.parametrize(
    ("order", "allowed", "body", "matched"),
    [
        (BOTH, False, {"email": "e1"}, ("anna", "email")),
        (BOTH, False, {"phone": "p2"}, ("bert", "phone")),
        (BOTH, False, {"email": "e2", "phone": "p1"}, ("bert", "email")),
        (TURNED, False, {"email": "e2", "phone": "p1"}, ("anna", "phone")),
        (BOTH, False, {"email": "e3", "phone": "p1"}, ("anna", "phone")),
        (BOTH, False, {"email": "e9"}, ("bert", "email")),
        (EMAIL, False, {"email": "e3", "phone": "p1"}, None),
        (PHONE, False, {"email": "e1", "phone": "p3"}, None),
        (BOTH, False, {"email": "e3", "phone": "p3"}, None),
        (BOTH, False, {}, None),
        ("", False, {"email": "e1", "phone": "p1"}, None),
        (BOTH, True, {"email": "e1", "phone": "p1"}, None),
    ],
)
async def test_a_create_that_doubles_a_contact_is_a_400_with_the_other_one(start, order, allowed, body, matched):
    api = await start(contacts=0, unique_identifiers=order, allow_duplicates=allowed)
    ids = await seeded(api, anna=ANNA, bert=BERT)
    reply = await api("POST", "/contacts/", {"locationId": api.sandbox.location_id, "lastName": "Neu"} | told(body))
    if matched is None:
        assert reply.status == 201
    else:
        name, field = matched
        assert (reply.status, reply.content["message"]) == (400, MESSAGE)
        assert set(reply.content) == {"statusCode", "message", "meta", "traceId"}
        assert reply.content["meta"] == {"contactId": ids[name], "contactName": name, "matchingField": field}
    assert (await api.search()).content["total"] == 2 + (matched is None)


@pytest.mark.parametrize(
    ("allowed", "body", "matched"),
    [
        (False, {"email": "e2"}, ("bert", "email")),
        (False, {"phone": "p2"}, ("bert", "phone")),
        (False, {"email": "e1", "phone": "p1"}, None),
        (False, {"email": "e3"}, None),
        (True, {"email": "e2", "phone": "p2"}, None),
    ],
)
async def test_an_update_may_not_take_what_another_contact_holds(start, allowed, body, matched):
    api = await start(contacts=0, allow_duplicates=allowed)
    ids = await seeded(api, anna=ANNA, bert=BERT)
    reply = await api("PUT", f"/contacts/{ids['anna']}", told(body) | {"city": "Bern"})
    shown = (await api("GET", f"/contacts/{ids['anna']}")).content["contact"]
    if matched is None:
        assert reply.status == 200
        assert {name: shown[name] for name in told(body)} == told(body)
    else:
        assert (reply.status, reply.content["message"]) == (400, MESSAGE)
        assert (reply.content["meta"]["contactId"], reply.content["meta"]["matchingField"]) == (ids["bert"], matched[1])
        assert "city" not in shown


@pytest.mark.parametrize(
    ("order", "body", "updated", "left"),
    [
        (BOTH, {"email": "e1"}, "anna", {"email": "e1", "phone": "p1"}),
        (BOTH, {"phone": "p2"}, "bert", {"email": "e2", "phone": "p2"}),
        (BOTH, {"email": "e1", "phone": "p3"}, "anna", {"email": "e1", "phone": "p3"}),
        (BOTH, {"email": "e3", "phone": "p1"}, "anna", {"email": "e3", "phone": "p1"}),
        (BOTH, {"email": "e1", "phone": "p2"}, "anna", {"email": "e1", "phone": "p1"}),
        (TURNED, {"email": "e1", "phone": "p2"}, "bert", {"email": "e2", "phone": "p2"}),
        (EMAIL, {"email": "e1", "phone": "p2"}, "anna", {"email": "e1", "phone": "p2"}),
        (BOTH, {"email": "e9"}, "bert", {"email": "e9", "phone": "p2"}),
        (BOTH, {"email": "e3", "phone": "p3"}, None, {"email": "e3", "phone": "p3"}),
        (BOTH, {}, None, {}),
        (EMAIL, {"phone": "p1"}, None, {"phone": "p1"}),
    ],
)
async def test_an_upsert_updates_whom_the_first_identifier_finds(start, order, body, updated, left):
    api = await start(contacts=0, unique_identifiers=order)
    ids = await seeded(api, anna=ANNA, bert=BERT)
    reply = await api("POST", "/contacts/upsert", {"locationId": api.sandbox.location_id, "city": "Bern"} | told(body))
    assert (reply.status, reply.content["new"]) == (200, updated is None)
    assert set(reply.content) == {"new", "succeded", "succeeded", "contact", "traceId"}
    shown = reply.content["contact"]
    assert shown["id"] == ids.get(updated, shown["id"])
    assert {name: shown[name] for name in ("email", "phone") if name in shown} == told(left)
    assert shown["city"] == "Bern"
    assert (await api.search()).content["total"] == 2 + (updated is None)


async def test_a_second_address_that_becomes_the_first_costs_the_former_first_one(start):
    api = await start(contacts=0)
    ids = await seeded(api, bert=BERT)
    body = {"locationId": api.sandbox.location_id, "email": "E9@example.com"}
    shown = (await api("POST", "/contacts/upsert", body)).content["contact"]
    assert (shown["id"], shown["email"], shown["additionalEmails"]) == (ids["bert"], "E9@example.com", [])
    twin = f"/contacts/search/duplicate?locationId={api.sandbox.location_id}&email=e2@example.com"
    assert (await api("GET", twin)).content["contact"] is None


@pytest.mark.parametrize(
    ("allowed", "force", "is_new"), [(True, True, True), (True, False, False), (False, True, False)]
)
async def test_an_upsert_can_force_a_new_contact_where_duplicates_are_allowed(start, allowed, force, is_new):
    api = await start(contacts=0, allow_duplicates=allowed)
    await seeded(api, anna=ANNA)
    body = {"locationId": api.sandbox.location_id, "createNewIfDuplicateAllowed": force} | told(ANNA)
    assert (await api("POST", "/contacts/upsert", body)).content["new"] is is_new
    assert (await api.search()).content["total"] == 1 + is_new


async def test_an_upsert_of_a_contact_overwrites_its_tags_and_drops_the_gender(start):
    api = await start(contacts=0)
    await seeded(api, anna=ANNA)
    body = {"locationId": api.sandbox.location_id, "tags": ["New"], "gender": "female"} | told(ANNA)
    shown = (await api("POST", "/contacts/upsert", body)).content["contact"]
    assert (shown["tags"], "gender" in shown) == (["new"], False)


async def test_an_upsert_of_the_wrong_shape_is_a_422(start):
    api = await start(contacts=0)
    reply = await api("POST", "/contacts/upsert", {"email": "x", "createNewIfDuplicateAllowed": "no"})
    assert reply.status == 422
    assert reply.content["message"] == [
        "locationId must be a string",
        "createNewIfDuplicateAllowed must be a boolean value",
        "email must be an email",
    ]


async def test_an_own_address_goes_before_an_additional_one_and_the_oldest_before_the_rest(start):
    api = await start(contacts=0)
    ids = await seeded(api, more={"more": "e5"}, own={"email": "e5"}, later={"email": "e5"})
    reply = await api("POST", "/contacts/", {"locationId": api.sandbox.location_id, "email": "e5@example.com"})
    assert reply.content["meta"]["contactId"] == ids["own"]


@pytest.mark.parametrize("changed", [True, False])
async def test_made_up_contacts_are_found_by_what_they_hold_now(start, changed):
    api = await start(contacts=50)
    contact = next(one for one in await api.walk() if one["email"] and one["phone"])
    if changed:
        body = {"email": "moved@example.com", "phone": PHONES["p1"]}
        assert (await api("PUT", f"/contacts/{contact['id']}", body)).status == 200
    body = {"locationId": api.sandbox.location_id, "email": contact["email"].upper()}
    assert (await api("POST", "/contacts/", body)).status == (201 if changed else 400)
    body["email"] = "MOVED@example.com"
    assert (await api("POST", "/contacts/", body)).status == (400 if changed else 201)
    await api("DELETE", f"/contacts/{contact['id']}")
    body = {"locationId": api.sandbox.location_id, "phone": PHONES["p1"]}
    assert (await api("POST", "/contacts/", body)).status == 201


@pytest.mark.parametrize(
    ("order", "allowed", "query", "found"),
    [
        (BOTH, False, "email=e1@example.com&number=%2B12055550102", "anna"),
        (TURNED, False, "email=e1@example.com&number=%2B12055550102", "bert"),
        (TURNED, True, "email=e1@example.com&number=%2B12055550102", "anna"),
        (BOTH, False, "number=205-555-0102", "bert"),
        (EMAIL, False, "number=%2B12055550102", None),
        (BOTH, False, "email=E9@example.com", "bert"),
        (BOTH, True, "email=e9@example.com", "bert"),
        (PHONE, False, "email=e9@example.com", None),
    ],
)
async def test_the_search_for_a_duplicate_goes_by_the_identifiers_of_the_location(start, order, allowed, query, found):
    api = await start(contacts=0, unique_identifiers=order, allow_duplicates=allowed)
    ids = await seeded(api, anna=ANNA, bert=BERT)
    content = (await api("GET", f"/contacts/search/duplicate?locationId={api.sandbox.location_id}&{query}")).content
    assert (content["contact"] or {}).get("id") == ids.get(found)

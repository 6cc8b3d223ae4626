"""Contact search over a socket: pages, cursors, sorts, filters and their refusals."""

from __future__ import annotations

import time

import pytest

from ghl_async.sandbox.people import FIELD_TYPES


@pytest.mark.parametrize("size", [1, 7, 500])
async def test_search_walks_every_contact_once_newest_first(start, size):
    api = await start(contacts=120)
    contacts = await api.walk(pageLimit=size)
    keys = [tuple(contact["searchAfter"]) for contact in contacts]
    assert len({contact["id"] for contact in contacts}) == 120
    assert keys == sorted(keys, reverse=True)


async def test_search_pages_by_number_up_to_ten_thousand(start):
    api = await start(contacts=10_100)
    page = await api.search(pageLimit=500, page=20)
    assert len(page.content["contacts"]) == 500
    assert page.content["total"] == 10_100
    beyond = await api.search(pageLimit=500, page=21)
    assert beyond.status == 400
    assert beyond.content["error"] == "Bad Request"
    assert (await api.search(page=1, searchAfter=[1, "x"])).status == 400


@pytest.mark.parametrize(
    ("field", "direction"),
    [
        (field, direction)
        for field in (
            "firstNameLowerCase",
            "lastNameLowerCase",
            "businessName",
            "dateAdded",
            "dateUpdated",
            "email",
            "dnd",
            "source",
        )
        for direction in ("asc", "desc")
    ],
)
async def test_search_sorts_and_walks_by_the_sort(start, field, direction):
    api = await start(contacts=150)
    sort = [{"field": field, "direction": direction}]
    contacts = await api.walk(pageLimit=40, sort=sort)
    assert len({contact["id"] for contact in contacts}) == 150
    held = [contact[field] for contact in contacts if contact[field] is not None]
    assert held == sorted(held, reverse=direction == "desc")
    assert all(contact[field] is None for contact in contacts[len(held) :])
    assert all(len(contact["searchAfter"]) == 2 for contact in contacts)


async def test_two_sort_keys_make_a_cursor_of_three(start):
    api = await start(contacts=90)
    sort = [{"field": "source", "direction": "asc"}, {"field": "dateUpdated", "direction": "desc"}]
    contacts = await api.walk(pageLimit=25, sort=sort)
    assert len({contact["id"] for contact in contacts}) == 90
    assert len(contacts[0]["searchAfter"]) == 3


FILTERS = [
    ({"field": "tags", "operator": "eq", "value": "VIP"}, lambda c: "vip" in c["tags"]),
    ({"field": "tags", "operator": "eq", "value": ["vip", "spring"]}, lambda c: {"vip", "spring"} & set(c["tags"])),
    ({"field": "tags", "operator": "not_eq", "value": "vip"}, lambda c: "vip" not in c["tags"]),
    ({"field": "email", "operator": "not_exists"}, lambda c: c["email"] is None),
    ({"field": "phone", "operator": "exists"}, lambda c: c["phone"] is not None),
    ({"field": "phone", "operator": "contains", "value": "0017"}, lambda c: "0017" in (c["phone"] or "")),
    ({"field": "city", "operator": "not_contains", "value": "aust"}, lambda c: c["city"] != "Austin"),
    ({"field": "dnd", "operator": "eq", "value": True}, lambda c: c["dnd"]),
    ({"field": "country", "operator": "eq", "value": ["CH", "BR"]}, lambda c: c["country"] in {"CH", "BR"}),
    ({"field": "type", "operator": "not_eq", "value": "lead"}, lambda c: c["type"] == "customer"),
    ({"field": "assignedTo", "operator": "exists"}, lambda c: c["assignedTo"]),
    ({"field": "address", "operator": "exists"}, lambda c: c["address"]),
    ({"field": "contactName", "operator": "eq", "value": "ada abbott"}, lambda c: c["contactName"] == "ada abbott"),
    ({"field": "opportunities", "operator": "nested", "value": []}, lambda c: "opportunities" in c),
    (
        {
            "field": "opportunities",
            "operator": "nested",
            "value": [
                {"field": "status", "operator": "not_eq", "value": "lost"},
                {"field": "pipelineId", "operator": "exists"},
            ],
        },
        lambda c: any(deal["status"] != "lost" for deal in c.get("opportunities", ())),
    ),
]


@pytest.mark.parametrize(("leaf", "expected"), FILTERS)
async def test_filters_pick_what_they_say(start, leaf, expected):
    api = await start(contacts=300)
    everyone = await api.walk(pageLimit=500)
    picked = await api.walk(pageLimit=50, filters=[leaf])
    assert [contact["id"] for contact in picked] == [contact["id"] for contact in everyone if expected(contact)]


async def test_filters_by_id_date_custom_field_and_group(start):
    api = await start(contacts=300)
    everyone = await api.walk(pageLimit=500)
    some = [everyone[5]["id"], everyone[200]["id"]]
    ids = {"field": "id", "operator": "eq", "value": some}
    assert [contact["id"] for contact in await api.walk(filters=[ids])] == some
    since, until = everyone[100]["dateAdded"], everyone[50]["searchAfter"][0]
    dates = {"field": "dateAdded", "operator": "range", "value": {"gte": since, "lt": until}}
    expected = [c["id"] for c in everyone if since <= c["dateAdded"] and c["searchAfter"][0] < until]
    assert [contact["id"] for contact in await api.walk(filters=[dates])] == expected
    either = {"group": "OR", "filters": [ids, {"group": "AND", "filters": [dates, ids]}]}
    assert [contact["id"] for contact in await api.walk(filters=[either])] == some
    field_id, value = next(
        (item["id"], item["value"])
        for c in everyone
        for item in c["customFields"]
        if str(item["value"]).startswith("Text")
    )
    custom = {"field": f"customFields.{field_id}", "operator": "eq", "value": value}
    assert len(await api.walk(filters=[custom])) == 1


def dated(**bounds):
    return {"field": "dateAdded", "operator": "range", "value": bounds}


@pytest.mark.parametrize(
    ("low", "high"), [("gte", "lt"), ("gt", "lte"), ("gt", "lt"), ("gte", "lte")], ids=lambda bound: bound
)
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_windows_of_date_added_are_exact_whatever_was_deleted_or_added(start, low, high, direction):
    api = await start(contacts=700)
    everyone = await api.walk(pageLimit=500)
    for contact in everyone[100:130]:
        await api("DELETE", f"/_sandbox/contacts/{contact['id']}")
    for contact in everyone[200:205]:
        await api("POST", "/_sandbox/contacts", {"dateAdded": contact["dateAdded"]})
    everyone = await api.walk(pageLimit=500)
    oldest, newest = everyone[640]["dateAdded"], everyone[40]["searchAfter"][0]
    keys = {contact["id"]: tuple(contact["searchAfter"]) for contact in everyone}
    first = everyone[640]["searchAfter"][0] + (low == "gt")
    wanted = [one for one, (ms, _) in keys.items() if first <= ms <= newest - (high == "lt")]
    filters = [dated(**{low: oldest}), {"group": "AND", "filters": [dated(**{high: newest})]}]
    sort = [{"field": "dateAdded", "direction": direction}]
    for size in (37, 500):
        found = [contact["id"] for contact in await api.walk(pageLimit=size, filters=filters, sort=sort)]
        assert found == sorted(wanted, key=keys.__getitem__, reverse=direction == "desc")
    assert (await api.search(filters=filters, sort=sort)).content["total"] == len(wanted)
    page = (await api.search(filters=filters, sort=sort, page=2, pageLimit=50)).content["contacts"]
    assert [contact["id"] for contact in page] == found[50:100]


async def test_a_window_narrows_other_filters_sorts_and_words_too(start):
    api = await start(contacts=400)
    everyone = await api.walk(pageLimit=500)
    since = everyone[250]["dateAdded"]
    within = [contact for contact in everyone if contact["dateAdded"] >= since]
    tagged = {"field": "tags", "operator": "eq", "value": "vip"}
    found = await api.walk(filters=[tagged, dated(gte=since)])
    assert [c["id"] for c in found] == [c["id"] for c in within if "vip" in c["tags"]]
    sort = [{"field": "dateUpdated", "direction": "desc"}]
    assert {c["id"] for c in await api.walk(filters=[dated(gte=since)], sort=sort)} == {c["id"] for c in within}
    either = {"group": "OR", "filters": [tagged, dated(gte=since)]}
    found = {contact["id"] for contact in await api.walk(filters=[either])}
    assert found == {c["id"] for c in everyone if "vip" in c["tags"] or c["dateAdded"] >= since}
    nothing = (await api.search(filters=[dated(gte=since), dated(lt=since)])).content
    assert (nothing["contacts"], nothing["total"]) == ([], 0)


async def test_a_million_contacts_are_searched_by_the_page(start):
    began = time.perf_counter()
    api = await start(contacts=1_000_000)
    window = [dated(gte="2024-01-01", lt="2024-07-01T00:00:00.000Z")]
    sort = [{"field": "dateAdded", "direction": "asc"}]
    page = (await api.search(filters=window, sort=sort, pageLimit=100)).content
    ids = [contact["id"] for contact in page["contacts"]]
    more = (await api.search(filters=window, sort=sort, searchAfter=page["contacts"][-1]["searchAfter"])).content
    assert page["total"] == more["total"] > 100_000
    path = f"/locations/{api.sandbox.location_id}/tasks/search"
    tasks = (await api("POST", path, {"contactId": ids, "limit": 100})).content["tasks"]
    body = {"locationId": api.sandbox.location_id, "relations": ids, "limit": 100}
    notes = (await api("POST", "/notes/search", body, Version="v3")).content["notes"]
    assert {task["contactId"] for task in tasks} <= set(ids)
    assert len(notes) == 100
    assert time.perf_counter() - began < 1


TEXTS = (
    "address", "businessName", "city", "companyName", "firstNameLowerCase", "lastNameLowerCase", "postalCode",
    "source", "state", "tags", "phone",
)  # fmt: skip
PLAIN = (
    "email", "website", "assignedTo", "country", "dnd", "followers", "isValidWhatsapp", "timezone", "type",
    "validEmail", "activeWorkflows", "finishedWorkflows",
)  # fmt: skip
DATES = (
    "dateAdded", "dateUpdated", "dateOfBirth", "lastEmailClickedDate", "lastEmailOpenedDate", "lastAppointment",
)  # fmt: skip


async def test_every_field_takes_the_operators_of_the_table_and_no_other(start):
    api = await start(contacts=30)
    everything = {"eq": "abc", "not_eq": ["abc", 1, True], "contains": "abc", "not_contains": "abc", "exists": None,
                  "not_exists": None, "range": {"gte": 1}, "nested": [], "wildcard": "abc"}  # fmt: skip
    equal, part, there, span = {"eq", "not_eq"}, {"contains", "not_contains"}, {"exists", "not_exists"}, {"range"}
    ids = dict(zip(FIELD_TYPES, api.sandbox.state.main.people.field_ids, strict=True))
    table = {"id": equal, "contactName": equal | there, "opportunities": {"nested"}}
    table |= dict.fromkeys(TEXTS, equal | part | there)
    table |= dict.fromkeys(PLAIN, equal | there)
    table |= dict.fromkeys(DATES, there | span)
    for types, operators in (
        (("TEXT", "LARGE_TEXT", "SINGLE_OPTIONS", "RADIO", "PHONE"), equal | part | there),
        (("CHECKBOX", "MULTIPLE_OPTIONS"), equal | there),
        (("NUMERICAL", "MONETORY"), equal | there | span),
        (("DATE",), there | span),
    ):
        table |= {f"customFields.{ids[name]}": operators for name in types}
    table[f"customFields.{ids['TEXTBOX_LIST']}.opt1"] = equal | part | there
    for field, operators in table.items():
        for operator, value in everything.items():
            leaf = {"field": field, "operator": operator} | ({} if value is None else {"value": value})
            reply = await api.search(filters=[leaf])
            assert reply.status == (200 if operator in operators else 400), leaf
            if operator not in operators:
                assert reply.content["message"] == f"Invalid Operator ({operator}) passed for field {field}"


async def test_lists_of_text_boxes_are_asked_by_option_and_nothing_else_is(start):
    api = await start(contacts=300)
    ids = dict(zip(FIELD_TYPES, api.sandbox.state.main.people.field_ids, strict=True))
    boxes = f"customFields.{ids['TEXTBOX_LIST']}"
    held = [
        c["id"] for c in await api.walk(pageLimit=500) if any(i["id"] == ids["TEXTBOX_LIST"] for i in c["customFields"])
    ]
    found = await api.walk(filters=[{"field": f"{boxes}.opt1", "operator": "contains", "value": "firs"}])
    assert [contact["id"] for contact in found] == held
    for field in (boxes, f"customFields.{ids['TEXT']}.opt1"):
        reply = await api.search(filters=[{"field": field, "operator": "exists"}])
        assert (reply.status, reply.content["message"]) == (400, f"Invalid field {field}")


async def test_ranges_of_numbers_compare_numbers_even_those_kept_as_text(start):
    api = await start(contacts=300)
    everyone = await api.walk(pageLimit=500)
    field_id = api.sandbox.state.main.people.field_ids[1]
    held = {c["id"]: i["value"] for c in everyone for i in c["customFields"] if i["id"] == field_id}
    assert {type(value) for value in held.values()} == {str, float}
    middle = next(value for value in held.values() if isinstance(value, float) and value % 1)
    leaf = {"field": f"customFields.{field_id}", "operator": "range", "value": {"gt": middle}}
    picked = {contact["id"] for contact in await api.walk(filters=[leaf])}
    assert picked == {contact_id for contact_id, value in held.items() if float(value) > middle}


async def test_search_by_words_and_its_total(start):
    api = await start(contacts=300)
    reply = await api.search(query="zhang", pageLimit=500)
    names = [contact["contactName"] for contact in reply.content["contacts"]]
    assert names
    assert all("zhang" in name for name in names)
    assert reply.content["total"] == len(names)


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        ({"field": "contact_name", "operator": "eq", "value": "x"}, "Invalid field contact_name"),
        ({"field": "id", "operator": "exists"}, "Invalid Operator (exists) passed for field id"),
        ({"field": "email"}, "Invalid Operator (undefined) passed for field email"),
        ("x", "Invalid field undefined"),
        ({"group": ["AND"], "filters": []}, "Invalid group ['AND']"),
        *(
            (
                {"field": name, "operator": "contains", "value": "exam"},
                f"Invalid Operator (contains) passed for field {name}",
            )
            for name in ("email", "website")
        ),
        *(
            (
                {"field": "dateAdded", "operator": "range", "value": {"gte": bound}},
                "Invalid value for 'range' operator for 'dateAdded' field",
            )
            for bound in ("--5", "\u00b2", None, "9" * 5000)
        ),
        (
            {"field": "opportunities", "operator": "nested", "value": 3},
            "Invalid value for 'nested' operator for 'opportunities' field",
        ),
        (
            {"field": "opportunities", "operator": "nested", "value": [{"field": "name", "operator": "exists"}]},
            "Invalid field name",
        ),
        ({"field": "tags", "operator": "eq", "value": {}}, "Invalid value for 'eq' operator for 'tags' field"),
        (
            {"field": "dateAdded", "operator": "range", "value": {"ge": 1}},
            "Invalid value for 'range' operator for 'dateAdded' field",
        ),
        *(
            (
                {"field": "city", "operator": operator, "value": "x" * 76},
                f"Invalid value for '{operator}' operator for 'city' field",
            )
            for operator in ("eq", "not_eq", "contains", "not_contains")
        ),
        (
            {"field": "city", "operator": "contains", "value": "ab"},
            "Min. 3 characters required for applying contains filter",
        ),
        (
            {"field": "customFields.nope", "operator": "eq", "value": "x"},
            "Invalid Filter field type - custom_fields.nope! Check if custom field exists",
        ),
    ],
)
async def test_bad_filters_are_a_400_in_the_words_of_the_api(start, leaf, message):
    api = await start(contacts=3)
    reply = await api.search(filters=[leaf])
    assert (reply.status, reply.content["message"]) == (400, message)


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"limit": 5, "locationId": "x", "pageLimit": 1}, ["property limit should not exist"]),
        ({"pageLimit": 1}, ["locationId must be a string"]),
        ({"locationId": "x"}, ["pageLimit must be a number conforming to the specified constraints"]),
        ({"locationId": "x", "pageLimit": 501}, ["pageLimit must not be greater than 500"]),
        (
            {"locationId": "x", "pageLimit": "10"},
            ["pageLimit must be a number conforming to the specified constraints"],
        ),
        (
            {"locationId": "x", "pageLimit": 1, "sort": [{"field": "email", "order": "asc"}]},
            ["sort.property order should not exist"],
        ),
        (
            {"locationId": "x", "pageLimit": 1, "sort": [{"field": "email", "direction": []}]},
            ["direction must be one of the following values: asc, desc"],
        ),
        ({"locationId": "x", "pageLimit": 1, "sort": ["email"]}, ["each value in sort must be an object"]),
        ({"locationId": "x", "pageLimit": 0}, ["pageLimit must not be less than 1"]),
        (
            {"locationId": "x", "pageLimit": 1, "query": "x" * 76},
            ["query must be shorter than or equal to 75 characters"],
        ),
    ],
)
async def test_shapes_are_validated_before_authorisation(start, body, messages):
    api = await start(contacts=3)
    reply = await api("POST", "/contacts/search", body)
    assert (reply.status, reply.content["message"], reply.content["error"]) == (422, messages, "Unprocessable Entity")


async def test_changes_end_kept_search_results(start):
    api = await start(contacts=40)
    query = {"sort": [{"field": "dateUpdated", "direction": "desc"}], "pageLimit": 1}
    last = (await api.search(**query)).content["contacts"][0]["id"]
    await api("DELETE", f"/_sandbox/contacts/{last}")
    reply = (await api.search(**query)).content
    assert reply["contacts"][0]["id"] != last
    assert reply["total"] == 39


@pytest.mark.parametrize("sort", [None, "dateUpdated", "email", "dnd"])
@pytest.mark.parametrize("cursor", [[], [1], [1, "x", 2], [[1], "x"], [1, 2], [{}, "x"], [1.5, "x"]])
async def test_cursors_of_a_wrong_length_or_type_are_a_400(start, sort, cursor):
    api = await start(contacts=20)
    body = {} if sort is None else {"sort": [{"field": sort, "direction": "asc"}]}
    reply = await api.search(**body, searchAfter=cursor)
    assert (reply.status, reply.content["message"]) == (400, "Invalid searchAfter")


async def test_a_cursor_has_the_type_of_its_sort(start):
    api = await start(contacts=20)
    for field, wrong in (("dateAdded", True), ("dateUpdated", "1"), ("dateUpdated", None), ("email", 1), ("dnd", "x")):
        sort = [{"field": field, "direction": "desc"}]
        assert (await api.search(sort=sort, searchAfter=[wrong, "x"])).status == 400
    assert (await api.search(pageLimit=2.0, page=1.0)).status == 200

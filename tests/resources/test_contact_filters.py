"""The grammar of contact search: what each condition becomes on the wire, and what is refused before that."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from ghl_async.bulk._identity import canonical
from ghl_async.errors import UsageError
from ghl_async.models import FILTER_FIELDS, NESTED_FIELDS, ContactQuery, Filter, FilterGroup
from ghl_async.resources import Contacts
from ghl_async.wire.dialect import GHLDialect

from .recording import TRACE, Recording

LOCATION = "LLLLLLLLLLLLLLLLLLLL"
CUSTOM = "customFields.3sv6UEo51C9Bmpo1cKTq"
OPTION = f"{CUSTOM}.0a1b2c3d-0000-4000-8000-000000000000"
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what a caller gets wrong
GOOD = {
    "eq": "Berlin",
    "not_eq": ["Berlin", "Paris"],
    "contains": "ber",
    "not_contains": "ber lin 12",
    "exists": msgspec.UNSET,
    "not_exists": msgspec.UNSET,
    "range": {"gte": "2026-01-01"},
    "nested": [Filter("status", "eq", "open")],
}
FORMS = {"customFields.<fieldId>": CUSTOM, "customFields.<fieldId>.<optionId>": OPTION}


async def sent(**query):
    send = Recording({"contacts": [], "total": 0, **TRACE})
    await Contacts(send, LOCATION).search(ContactQuery(**query))
    (body,) = send.sent_bodies
    return body


async def refusal(**query):
    send = Recording({"contacts": [], "total": 0, **TRACE})
    with pytest.raises(UsageError) as caught:
        await Contacts(send, LOCATION).search(ContactQuery(**query))
    assert send.requests == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "operator"), [(field, operator) for field, operators in FILTER_FIELDS.items() for operator in operators]
)
async def test_every_field_takes_every_operator_of_its_row(field, operator):
    name = FORMS.get(field, field)
    (condition,) = (await sent(where=Filter(name, operator, GOOD[operator])))["filters"]
    assert (condition["field"], condition["operator"]) == (name, operator)
    assert ("value" in condition) == (operator not in {"exists", "not_exists"})


@pytest.mark.parametrize("field", FILTER_FIELDS)
async def test_a_field_refuses_every_other_operator_and_names_its_own(field):
    name, operators = FORMS.get(field, field), FILTER_FIELDS[field]
    for operator in [*(GOOD.keys() - set(operators)), "wildcard", "EQ", None, ["eq"]]:
        message = await refusal(where=Filter(name, operator, GOOD.get(operator) if isinstance(operator, str) else 1))
        assert message == f"where: {name} does not take the operator {operator!r}; it takes {', '.join(operators)}"


@pytest.mark.parametrize("field", NESTED_FIELDS)
@pytest.mark.parametrize("operator", ["eq", "not_eq", "exists", "not_exists"])
async def test_opportunities_are_asked_by_nested_filters(field, operator):
    value = "abc" if operator.endswith("eq") else msgspec.UNSET
    body = await sent(where=Filter("opportunities", "nested", (Filter(field, operator, value),)))
    inner = {"field": field, "operator": operator} | ({"value": "abc"} if operator.endswith("eq") else {})
    assert body["filters"] == [{"field": "opportunities", "operator": "nested", "value": [inner]}]


async def test_a_list_is_an_and_beside_the_other_conditions_of_the_query():
    conditions = [Filter("city", "eq", "Berlin"), FilterGroup("OR", [Filter("email", "exists")])]
    body = await sent(tags=["vip"], where=conditions)
    assert body["filters"] == [
        {"field": "tags", "operator": "eq", "value": ["vip"]},
        {"field": "city", "operator": "eq", "value": "Berlin"},
        {"group": "OR", "filters": [{"field": "email", "operator": "exists"}]},
    ]
    assert body == await sent(tags=["vip"], where=FilterGroup("AND", conditions))


async def test_groups_hold_groups():
    small = FilterGroup("AND", [Filter("city", "eq", "Berlin"), Filter("dnd", "eq", value=False)])
    body = await sent(where=FilterGroup("OR", (small, FilterGroup("OR", [Filter("type", "not_eq", "lead")]))))
    assert body["filters"] == [
        {
            "group": "OR",
            "filters": [
                {
                    "group": "AND",
                    "filters": [
                        {"field": "city", "operator": "eq", "value": "Berlin"},
                        {"field": "dnd", "operator": "eq", "value": False},
                    ],
                },
                {"group": "OR", "filters": [{"field": "type", "operator": "not_eq", "value": "lead"}]},
            ],
        }
    ]


async def test_instants_are_sent_in_whole_milliseconds_that_keep_each_bound_exact():
    at = datetime(2026, 1, 1, 2, 0, 0, 1500, tzinfo=timezone(timedelta(hours=2)))
    body = await sent(where=Filter("dateAdded", "range", {"gte": at, "gt": at, "lte": at, "lt": at}))
    up, down = "2026-01-01T00:00:00.002Z", "2026-01-01T00:00:00.001Z"
    assert body["filters"][0]["value"] == {"gte": up, "gt": down, "lte": down, "lt": up}


@pytest.mark.parametrize(
    "bound", [1767225600000, -1, "2026-01-01", "2026-01-01T00:00:00.000Z", "1990-12-31T10:00+02:00"]
)
async def test_other_dates_are_sent_as_they_are(bound):
    assert (await sent(where=Filter("dateOfBirth", "range", {"lt": bound})))["filters"][0]["value"] == {"lt": bound}


async def test_a_custom_field_is_compared_with_any_number():
    assert (await sent(where=Filter(CUSTOM, "range", {"gt": 1.5})))["filters"][0]["value"] == {"gt": 1.5}


async def test_tags_are_asked_for_as_the_server_stores_them():
    conditions = [Filter("tags", "eq", [" VIP ", "b"]), Filter("tags", "contains", "VIP"), Filter("city", "eq", "B")]
    assert [each["value"] for each in (await sent(where=conditions))["filters"]] == [["vip", "b"], "vip", "B"]


async def test_what_is_changed_after_the_query_was_made_changes_nothing():
    conditions, bodies = [Filter("city", "eq", "Berlin")], []
    query = ContactQuery(where=conditions)
    conditions.append(Filter("email", "exists"))
    for _ in range(2):
        send = Recording({"contacts": []})
        await Contacts(send, LOCATION).search(query)
        bodies += send.sent_bodies
    assert bodies[0] == bodies[1]
    assert len(bodies[0]["filters"]) == 1


@pytest.mark.parametrize(
    ("field", "proposed"),
    [
        ("citty", "did you mean city?"),
        ("contact_name", "did you mean contactName"),
        ("address1", "did you mean address?"),
        ("date_updated", "did you mean dateUpdated"),
        ("Email", "did you mean email"),
        ("zzz", "it must be one of id, address,"),
        (None, "it must be one of id, address,"),
        (["city"], "it must be one of id, address,"),
        ("customFields.<fieldId>", "names no custom field"),
        ("customFields", "20 letters and digits"),
        ("customFields.shoe_size", "custom_fields.list"),
        ("custom_fields.contact.shoe_size", "customFields.<fieldId>"),
        ("customFields.3sv6UEo51C9Bmpo1cKT", "names no custom field"),
        (f"{CUSTOM}.", "names no custom field"),
        (f"{CUSTOM}\n", "names no custom field"),
    ],
)
async def test_an_unknown_field_is_named_with_its_nearest_neighbours(field, proposed):
    message = await refusal(where=Filter(field, "eq", "x"))
    assert repr(field) in message
    assert proposed in message


async def test_a_nested_filter_has_fields_of_its_own():
    assert "did you mean pipelineId" in await refusal(
        where=Filter("opportunities", "nested", [Filter("pipeline_id", "eq", "x")])
    )
    assert "pipelineId, pipelineStageId, status" in await refusal(
        where=Filter("opportunities", "nested", [Filter(CUSTOM, "eq", "x")])
    )
    assert "status does not take the operator 'contains'" in await refusal(
        where=Filter("opportunities", "nested", [Filter("status", "contains", "open")])
    )


@pytest.mark.parametrize(
    ("operator", "value", "allowed"),
    [
        *(("eq", value, "1 to 75 characters") for value in ["x" * 76, "", " ", None, [], ["ok", "x" * 76], {"a": 1}]),
        *(("eq", value, "a list of at least one") for value in [float("nan"), NAIVE, [["a"]], {"a"}, msgspec.UNSET]),
        *(("not_eq", value, "not_eq of city takes") for value in [None, [None]]),
        *(
            ("contains", value, "3 to 75 letters, digits and spaces")
            for value in ["ab", " ab ", "x" * 76, 123, ["abc"]]
        ),
        *(
            ("not_contains", value, "letters, digits and spaces")
            for value in ["a*b", "a_b", "a-b", "a@b.c", "a\tb", None]
        ),
        ("exists", True, "exists of city takes no value, not True"),
        ("not_exists", None, "not_exists of city takes no value, not None"),
    ],
)
async def test_a_wrong_value_is_refused_by_field_operator_and_what_is_allowed(operator, value, allowed):
    message = await refusal(where=Filter("city", operator, value))
    assert message.startswith(f"where: {operator} of city takes ")
    assert allowed in message


@pytest.mark.parametrize("text", ["abc", "x" * 75, "Grüße 12", "नमस्ते", "東京都"])
async def test_contains_takes_letters_of_every_script(text):
    assert (await sent(where=Filter("city", "contains", text)))["filters"][0]["value"] == text


@pytest.mark.parametrize(
    "value",
    [
        msgspec.UNSET,
        None,
        {},
        [],
        "2026-01-01",
        {"from": JANUARY},
        {"gte": JANUARY, "before": JANUARY},
        {"gte": NAIVE},
        {"gte": "2026-01-01T00:00:00"},
        {"gte": "2026-02-30"},
        {"gte": "yesterday"},
        {"gte": None},
        {"gte": True},
        {"gte": 1.5},
    ],
)
async def test_a_wrong_range_of_dates_is_refused(value):
    message = await refusal(where=Filter("dateAdded", "range", value))
    assert message.startswith("where: range of dateAdded takes a dict of one or more of gte, gt, lte, lt, whose values")


@pytest.mark.parametrize(
    "value", [[], None, Filter("status", "eq", "x"), [{"field": "status"}], [FilterGroup("OR", [])]]
)
async def test_a_wrong_nested_value_is_refused(value):
    message = await refusal(where=Filter("opportunities", "nested", value))
    assert message.startswith("where: nested of opportunities takes a list of at least one Filter on pipelineId,")


@pytest.mark.parametrize(
    "where",
    [
        [],
        (),
        {},
        "city",
        [None],
        [{"field": "city", "operator": "eq", "value": "Berlin"}],
        FilterGroup("AND", []),
        FilterGroup("OR", ()),
        FilterGroup("OR", None),
        FilterGroup("NOT", [Filter("email", "exists")]),
        FilterGroup("OR", [FilterGroup("and", [Filter("email", "exists")])]),
    ],
)
async def test_what_is_no_condition_is_refused(where):
    assert (await refusal(where=where)).startswith("where")


@pytest.mark.parametrize("name", ["text", "email", "phone", "assigned_to"])
async def test_no_text_may_have_more_than_75_characters(name):
    assert await refusal(**{name: "x" * 76}) == f"{name} may have 75 characters, not 76"


@pytest.mark.parametrize("name", ["ids", "tags"])
async def test_no_text_of_a_list_may_have_more_than_75_characters(name):
    assert await refusal(**{name: ["ok", "x" * 76]}) == f"{name} may have 75 characters, not 76"


@pytest.mark.parametrize(
    ("sort", "direction", "directions"),
    [
        ("email", None, ["asc"]),
        (["last_name_lower_case", "first_name_lower_case"], None, ["asc", "asc"]),
        (("date_updated", "email"), "desc", ["desc", "desc"]),
        (["dnd", "source"], ("desc", "asc"), ["desc", "asc"]),
    ],
)
async def test_one_or_two_keys_sort(sort, direction, directions):
    keys = (await sent(sort=sort, direction=direction))["sort"]
    assert [key["direction"] for key in keys] == directions
    assert len({key["field"] for key in keys}) == len(directions)


@pytest.mark.parametrize(
    ("sort", "direction", "named"),
    [
        ([], None, "sort"),
        (["email", "dnd", "source"], None, "sort"),
        (["email", "email"], None, "sort"),
        (["email", ["dnd"]], None, "sort"),
        (["email", "dateAdded"], None, "sort"),
        (["email", "dnd"], ["asc"], "direction"),
        ("email", ["asc", "desc"], "direction"),
        (["email", "dnd"], ["asc", "up"], "direction"),
        (None, ["asc"], "direction"),
    ],
)
async def test_a_wrong_order_is_refused(sort, direction, named):
    assert (await refusal(sort=sort, direction=direction)).startswith(f"{named} ")


async def test_a_custom_field_that_the_location_does_not_have_is_named_in_the_servers_stead():
    said = f"Invalid Filter field type - custom_{CUSTOM}! Check if custom field exists"

    async def send(request):
        body = msgspec.json.encode({"message": said, "statusCode": 400, **TRACE})
        raise GHLDialect("https://api.example").error(request, 400, {}, body)

    with pytest.raises(UsageError, match="no custom field"):
        await Contacts(send, LOCATION).search(ContactQuery(where=Filter(CUSTOM, "exists")))


def test_a_backfill_knows_a_query_again_however_its_conditions_were_listed():
    condition = Filter("dateAdded", "range", {"gte": JANUARY})
    forms = [[condition], (condition,), FilterGroup("AND", [condition])]
    texts = {canonical(ContactQuery(where=where, ids=["b", "a"])) for where in forms}
    assert len(texts) == 1
    assert canonical(ContactQuery(where=Filter("city", "eq", "B"))) != canonical(
        ContactQuery(where=Filter("city", "eq", "C"))
    )
    assert canonical(ContactQuery(where=Filter("city", "exists"), sort=["email", "dnd"]))

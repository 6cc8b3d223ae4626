"""Getting and searching contacts: which request goes out, and what becomes of the answer."""

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ghl_async.errors import BadRequest, CursorRepeated, DecodeError, Unprocessable, UsageError
from ghl_async.models import ContactQuery
from ghl_async.resources import Contacts

from .recording import TRACE, Recording

LOCATION = "LLLLLLLLLLLLLLLLLLLL"


def found(number, **more):
    return {"id": f"C{number}", "searchAfter": [1700000000000 - number, f"C{number}"], **more}


def search_reply(*contacts, total=7):
    return {"contacts": list(contacts), "total": total, **TRACE}


def contacts_with(*bodies):
    send = Recording(*bodies)
    return Contacts(send, LOCATION), send


async def test_get_asks_for_one_contact_and_takes_it_out_of_its_envelope():
    contacts, send = contacts_with({"contact": {"id": "C1", "firstName": "Ann", "newField": 1}, **TRACE})
    contact = await contacts.get("C1")
    assert (contact.id, contact.first_name, contact.extra) == ("C1", "Ann", {"newField": 1})
    assert contact.raw == b'{"id":"C1","firstName":"Ann","newField":1}'
    request = send.request
    assert (request.operation, request.method, request.template) == ("contacts.get", "GET", "/contacts/{contactId}")
    assert (request.ids, request.query, request.body) == (("C1",), (), None)
    assert (request.version, request.idempotent, request.scope) == ("2021-07-28", True, "contacts.readonly")


async def test_a_body_nested_beyond_reason_is_read_or_refused_and_nothing_else():
    """How deep is too deep depends on the Python: 3.14 asks the stack, earlier ones count."""
    contacts, _ = contacts_with(b'{"contact":{"id":"C1","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}")
    with contextlib.suppress(DecodeError):
        assert (await contacts.get("C1")).id == "C1"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"<html>Error 1010</html>", "$"),
        (b"[]", "$"),
        (b"null", "$"),
        (b'{"contact":{"id":"C1"}', "$"),
        (b"{}", "$"),
        (b'{"contact":null}', "$.contact"),
        (b'{"contact":[]}', "$.contact"),
        (b'{"contact":{"firstName":"Ann"}}', "$.contact"),
        (b'{"contact":{"id":7}}', "$.contact.id"),
        (b'{"contact":{"id":"C1","dateAdded":[]}}', "$.contact.dateAdded"),
        (b'{"contact":{"id":"C1","customFields":[{"id":"F1"},{}]}}', "$.contact.customFields[1]"),
        (b'{"contact":{"id":"C1","firstName":"\xff"}}', "$.contact"),
    ],
)
async def test_a_success_with_another_body_is_a_decode_error_that_says_where(body, path):
    contacts, _ = contacts_with(body)
    with pytest.raises(DecodeError, match=r"^contacts\.get: ") as caught:
        await contacts.get("C1")
    assert caught.value.path == path
    assert len(caught.value.excerpt) <= 200
    assert body[:20].decode(errors="replace") in caught.value.excerpt


async def test_half_an_emoji_does_not_keep_a_contact_from_being_read():
    contacts, _ = contacts_with(b'{"contact":{"id":"C1","firstName":"A\\ud83d"},"traceId":"x"}')
    contact = await contacts.get("C1")
    assert contact.first_name == "A\ufffd"
    assert contact.raw == b'{"id":"C1","firstName":"A\\ud83d"}'


async def test_search_without_a_query_asks_for_everything():
    contacts, send = contacts_with(search_reply(found(1), found(2)))
    page = await contacts.search()
    assert [contact.id for contact in page.items] == ["C1", "C2"]
    assert (page.cursor, page.total, page.quarantined) == ((1699999999998, "C2"), 7, ())
    assert send.sent_bodies == [{"locationId": LOCATION, "pageLimit": 100}]
    request = send.request
    assert (request.operation, request.method, request.template) == ("contacts.search", "POST", "/contacts/search")
    assert (request.idempotent, request.scope, request.version) == (True, "contacts.readonly", "2021-07-28")


async def test_a_full_query_becomes_filters_a_text_and_a_sort_key():
    contacts, send = contacts_with(search_reply())
    query = ContactQuery(
        text="ann",
        ids=["C1", "C2"],
        email="ann@example.com",
        phone="+15550001111",
        tags=[" VIP "],
        assigned_to="U1",
        added_since=datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        added_before=datetime(2026, 2, 1, tzinfo=UTC),
        updated_since=datetime(2026, 1, 5, tzinfo=UTC),
        sort="date_updated",
    )
    await contacts.search(query, after=[1, "C0"], page_size=500)
    assert send.sent_bodies == [
        {
            "locationId": LOCATION,
            "pageLimit": 500,
            "searchAfter": [1, "C0"],
            "query": "ann",
            "filters": [
                {"field": "id", "operator": "eq", "value": ["C1", "C2"]},
                {"field": "tags", "operator": "eq", "value": ["vip"]},
                {"field": "email", "operator": "eq", "value": "ann@example.com"},
                {"field": "phone", "operator": "eq", "value": "+15550001111"},
                {"field": "assignedTo", "operator": "eq", "value": "U1"},
                {
                    "field": "dateAdded",
                    "operator": "range",
                    "value": {"gte": "2026-01-01T00:00:00.000Z", "lt": "2026-02-01T00:00:00.000Z"},
                },
                {"field": "dateUpdated", "operator": "range", "value": {"gte": "2026-01-05T00:00:00.000Z"}},
            ],
            "sort": [{"field": "dateUpdated", "direction": "asc"}],
        }
    ]


async def test_search_can_name_a_page_by_its_number():
    contacts, send = contacts_with(search_reply())
    page = await contacts.search(ContactQuery(sort="email", direction="desc"), page=20, page_size=500)
    assert page.is_empty
    assert page.cursor is None
    assert send.sent_bodies == [
        {
            "locationId": LOCATION,
            "pageLimit": 500,
            "page": 20,
            "sort": [{"field": "email", "direction": "desc"}],
        }
    ]


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what a caller gets wrong


@pytest.mark.parametrize(
    ("query", "options", "named"),
    [
        (None, {"page": 1, "after": [1, "C1"]}, "page and after"),
        (None, {"page": 0}, "page"),
        (None, {"page": "1"}, "page"),
        (None, {"page": 101}, "page 101"),
        (None, {"page": 21, "page_size": 500}, "page 21"),
        (None, {"page_size": 0}, "page_size"),
        (None, {"page_size": 501}, "page_size"),
        (None, {"page_size": True}, "page_size"),
        (None, {"page_size": 10.0}, "page_size"),
        (None, {"after": []}, "after"),
        (None, {"after": "C1"}, "after"),
        (None, {"after": 5}, "after"),
        ("ann", {}, "query"),
        (ContactQuery(text="x" * 76), {}, "text"),
        (ContactQuery(text=" "), {}, "text"),
        (ContactQuery(email=""), {}, "email"),
        (ContactQuery(phone=15550001111), {}, "phone"),
        (ContactQuery(assigned_to=""), {}, "assigned_to"),
        (ContactQuery(ids=[]), {}, "ids"),
        (ContactQuery(ids="C1"), {}, "ids"),
        (ContactQuery(ids=[""]), {}, "ids"),
        (ContactQuery(tags=()), {}, "tags"),
        (ContactQuery(tags=[None]), {}, "tags"),
        (ContactQuery(tags={"vip"}), {}, "tags"),
        (ContactQuery(added_since=NAIVE), {}, "added_since"),
        (ContactQuery(added_before=NAIVE), {}, "added_before"),
        (ContactQuery(updated_since=NAIVE), {}, "updated_since"),
        (ContactQuery(updated_before="2026-01-01"), {}, "updated_before"),
        (ContactQuery(sort="dateAdded"), {}, "sort"),
        (ContactQuery(sort="email", direction="down"), {}, "direction"),
        (ContactQuery(direction="desc"), {}, "direction"),
    ],
)
async def test_a_wrong_search_is_refused_before_anything_is_sent(query, options, named):
    contacts, send = contacts_with(search_reply())
    with pytest.raises(UsageError, match=rf"^{named}|{named} "):
        await contacts.search(query, **options)
    if "page" not in options:
        with pytest.raises(UsageError):
            contacts.pages(query, **options)
        with pytest.raises(UsageError):
            contacts.iterate(query, **options)
    assert send.requests == []


async def test_a_text_of_75_characters_is_just_allowed():
    contacts, send = contacts_with(search_reply())
    await contacts.search(ContactQuery(text="x" * 75))
    assert len(send.requests) == 1


async def test_one_bad_contact_does_not_take_its_page_along():
    bad = found(2, tags={"not": "a list"})
    contacts, _ = contacts_with(search_reply(found(1), bad, found(3)))
    page = await contacts.search()
    assert [contact.id for contact in page.items] == ["C1", "C3"]
    (set_apart,) = page.quarantined
    assert (set_apart.kind, set_apart.id) == ("contact", "C2")
    assert json.loads(set_apart.raw) == bad
    assert "$.tags" in set_apart.reason


async def test_a_page_of_bad_contacts_alone_has_a_cursor_still():
    contacts, _ = contacts_with(search_reply(found(1, tags=1), found(2, tags=1)))
    page = await contacts.search()
    assert page.items == ()
    assert not page.is_empty
    assert page.cursor == (1699999999998, "C2")


async def test_the_cursor_comes_from_the_last_contact_that_tells_one():
    contacts, _ = contacts_with(search_reply(found(1), found(2, searchAfter=None)))
    assert (await contacts.search()).cursor == (1699999999999, "C1")


async def test_half_an_emoji_in_one_contact_leaves_every_byte_of_the_page_as_sent():
    records = [b'{"id":"C1"}', b'{ "id":"C2","city":"\\ud83d \\ude00" }', b'{"id":"C3","city":"\\ud83d\\ude00"}']
    contacts, _ = contacts_with(b'{"note":"\\udc00","contacts":[' + b" , ".join(records) + b"]}")
    page = await contacts.search()
    assert [contact.raw for contact in page.items] == records
    assert [contact.city for contact in page.items] == [None, "\ufffd \ufffd", "\U0001f600"]


@pytest.mark.parametrize("contacts", [None, {}, "x"])
async def test_a_search_reply_without_its_list_is_an_error_and_not_an_empty_page(contacts):
    resource, _ = contacts_with({"contacts": contacts, "total": 3})
    with pytest.raises(DecodeError, match=r"^contacts\.search") as caught:
        await resource.search()
    assert caught.value.path == "$.contacts"


@pytest.mark.parametrize(("total", "read"), [("12", 12), (None, None), ({}, None), (3, 3)])
async def test_an_odd_total_does_not_cost_the_page(total, read):
    contacts, _ = contacts_with(search_reply(found(1), total=total))
    assert (await contacts.search()).total == read


async def test_pages_follow_the_cursor_to_the_empty_page_with_the_query_they_began_with():
    contacts, send = contacts_with(search_reply(found(1), found(2)), search_reply(found(3)), search_reply())
    tags = ["vip"]
    walk = contacts.pages(ContactQuery(tags=tags), page_size=2)
    tags.append("late")
    assert [[contact.id for contact in page.items] async for page in walk] == [["C1", "C2"], ["C3"]]
    assert [body.get("searchAfter") for body in send.sent_bodies] == [
        None,
        [1699999999998, "C2"],
        [1699999999997, "C3"],
    ]
    assert {json.dumps(body["filters"]) for body in send.sent_bodies} == {
        '[{"field": "tags", "operator": "eq", "value": ["vip"]}]'
    }


async def test_pages_resume_behind_a_cursor_read_back_from_json():
    contacts, send = contacts_with(search_reply(found(6)), search_reply())
    assert [contact.id async for contact in contacts.iterate(after=[5, "C5"], page_size=1)] == ["C6"]
    assert [body["searchAfter"] for body in send.sent_bodies] == [[5, "C5"], [1699999999994, "C6"]]


async def test_pages_refuse_to_go_in_circles():
    contacts, _ = contacts_with(search_reply(found(1)))
    with pytest.raises(CursorRepeated):
        _ = [page async for page in contacts.pages()]


async def test_a_page_that_says_no_way_on_is_an_error_and_not_the_end():
    contacts, _ = contacts_with(search_reply({"id": "C1"}))
    with pytest.raises(DecodeError, match="searchAfter"):
        _ = [page async for page in contacts.pages()]


async def test_iterate_names_the_contact_that_does_not_decode_and_pages_go_on():
    bodies = search_reply(found(1), found(2, tags=1)), search_reply(found(3)), search_reply()
    contacts, _ = contacts_with(*bodies)
    with pytest.raises(DecodeError, match="contact C2 does not decode"):
        _ = [contact async for contact in contacts.iterate()]
    contacts, _ = contacts_with(*bodies)
    assert [len(page.items) + len(page.quarantined) async for page in contacts.pages()] == [2, 1]


def refused(kind, message):
    return kind(message, operation="contacts.search", status=422, messages=[message])


async def test_a_refused_page_size_goes_down_the_ladder_and_the_walk_goes_on_with_what_was_taken():
    too_many = refused(Unprocessable, "pageLimit must not be greater than 100")
    contacts, send = contacts_with(too_many, too_many, search_reply(found(1)), search_reply(found(2)), search_reply())
    assert [contact.id async for contact in contacts.iterate(page_size=500)] == ["C1", "C2"]
    await contacts.search(page_size=200)
    await contacts.search(page_size=20)
    assert [body["pageLimit"] for body in send.sent_bodies] == [500, 250, 100, 100, 100, 100, 20]
    assert [body.get("searchAfter") for body in send.sent_bodies[:4]] == [None, None, None, [1699999999999, "C1"]]


async def test_a_page_named_by_its_number_keeps_its_size_since_another_one_would_be_another_place():
    too_many = refused(BadRequest, "Page Limit is too large")
    contacts, send = contacts_with(too_many, search_reply(), too_many)
    await contacts.search(page_size=500)
    with pytest.raises(BadRequest):
        await contacts.search(page=2, page_size=500)
    assert [body["pageLimit"] for body in send.sent_bodies] == [500, 250, 500]

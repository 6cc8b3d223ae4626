"""The older list of contacts, those of a business, and a possible duplicate."""

import pytest

from ghl_async import pagination
from ghl_async.errors import DecodeError, UsageError
from ghl_async.models import Contact
from ghl_async.resources import Contacts

from .recording import TRACE, Recording

LOCATION = "LLLLLLLLLLLLLLLLLLLL"


def contacts_with(*bodies):
    send = Recording(*bodies)
    return Contacts(send, LOCATION), send


def legacy_reply(*contacts, **meta):
    return {"contacts": list(contacts), "meta": {"total": 53, "currentPage": 1, "nextPage": 2, **meta}, **TRACE}


async def test_list_legacy_builds_the_cursor_itself_and_ignores_the_next_url():
    item = {"id": "C1", "firstName": "ann", "firstNameRaw": "Ann", "dateAdded": "2025-08-01T00:00:00.123Z"}
    url = "http://localhost:5058/contacts/?startAfter=9&startAfterId=X"
    contacts, send = contacts_with(legacy_reply(item, startAfter=1754006400123, startAfterId="C1", nextPageUrl=url))
    page = await contacts.list_legacy(text="ann", after=(9, "C9"), limit=50)
    assert (page.cursor, page.total) == ((1754006400123, "C1"), 53)
    assert page.items[0].full_name == "Ann"
    request = send.request
    assert (request.operation, request.method, request.template) == ("contacts.list_legacy", "GET", "/contacts/")
    assert request.query == (
        ("locationId", LOCATION),
        ("limit", "50"),
        ("query", "ann"),
        ("startAfter", "9"),
        ("startAfterId", "C9"),
    )


@pytest.mark.parametrize("meta", [{}, {"startAfter": None, "startAfterId": None}, {"startAfter": {}}])
async def test_list_legacy_without_a_cursor_takes_it_from_the_last_contact(meta):
    items = {"id": "C1", "dateAdded": "2025-08-01T00:00:00.123Z", "tags": 1}, {"id": "C2", "dateAdded": None}
    contacts, _ = contacts_with(legacy_reply(*items, **meta))
    assert (await contacts.list_legacy()).cursor == (1754006400123, "C1")


async def test_list_legacy_without_any_position_is_an_error_and_not_the_end():
    contacts, _ = contacts_with(legacy_reply({"id": "C1"}))
    with pytest.raises(DecodeError, match=r"list_legacy.*next page"):
        await contacts.list_legacy()


async def test_list_legacy_can_be_walked_to_its_empty_page():
    first = legacy_reply({"id": "C1"}, startAfter=2, startAfterId="C1")
    last = legacy_reply({"id": "C2"}, startAfter=1, startAfterId="C2")
    end = legacy_reply(startAfter=1, startAfterId="C2")
    contacts, send = contacts_with(first, last, end)
    walk = pagination.pages(lambda after: contacts.list_legacy(after=after))
    assert [contact.id async for contact in pagination.iterate(walk)] == ["C1", "C2"]
    assert len(send.requests) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": 101},
        {"text": ""},
        {"after": (1, "")},
        {"after": ("1", "C1")},
        {"after": 7},
        {"after": ()},
    ],
)
async def test_a_wrong_list_legacy_is_refused_before_anything_is_sent(options):
    contacts, send = contacts_with(legacy_reply())
    with pytest.raises(UsageError, match=f"^{next(iter(options))} "):
        await contacts.list_legacy(**options)
    assert send.requests == []


async def test_list_by_business_counts_on_from_what_the_server_sent():
    contacts, send = contacts_with({"contacts": [{"id": "C1"}, {"id": 2}], "count": 9, **TRACE})
    page = await contacts.list_by_business("63b7ec34ea409a9a8bd2a4ff", skip=40, limit=20)
    assert (page.cursor, page.total, len(page.items), len(page.quarantined)) == (42, 9, 1, 1)
    request = send.request
    assert request.operation == "contacts.list_by_business"
    assert (request.template, request.ids) == ("/contacts/business/{businessId}", ("63b7ec34ea409a9a8bd2a4ff",))
    assert request.query == (("locationId", LOCATION), ("limit", "20"), ("skip", "40"))


@pytest.mark.parametrize("options", [{"skip": -1}, {"limit": 0}, {"limit": None}])
async def test_a_wrong_list_by_business_is_refused_before_anything_is_sent(options):
    contacts, send = contacts_with({"contacts": []})
    with pytest.raises(UsageError, match=f"^{next(iter(options))} "):
        await contacts.list_by_business("B1", **options)
    assert send.requests == []


async def test_find_duplicate_asks_with_what_it_has():
    contacts, send = contacts_with({"contact": {"id": "C1"}, "matchingField": "contactId", **TRACE})
    duplicate = await contacts.find_duplicate(email="ann+x@example.com", phone="+15550001111")
    assert isinstance(duplicate, Contact)
    request = send.request
    assert (request.operation, request.template) == ("contacts.find_duplicate", "/contacts/search/duplicate")
    assert request.query == (("locationId", LOCATION), ("email", "ann+x@example.com"), ("number", "+15550001111"))


@pytest.mark.parametrize("body", [{"contact": None, **TRACE}, TRACE])
async def test_no_duplicate_is_none_whether_null_or_missing(body):
    contacts, _ = contacts_with(body)
    assert await contacts.find_duplicate(phone="+15550001111") is None


async def test_a_duplicate_that_does_not_decode_is_not_taken_for_none():
    contacts, _ = contacts_with({"contact": {}})
    with pytest.raises(DecodeError):
        await contacts.find_duplicate(email="ann@example.com")


@pytest.mark.parametrize("options", [{}, {"email": ""}, {"phone": " "}, {"email": "a@example.com", "phone": ""}])
async def test_find_duplicate_by_nothing_is_refused_before_anything_is_sent(options):
    contacts, send = contacts_with(TRACE)
    with pytest.raises(UsageError):
        await contacts.find_duplicate(**options)
    assert send.requests == []

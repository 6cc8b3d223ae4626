"""Creates of contacts whose answer was lost: found by a read, made again, or named unknown; never doubled."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ghl_async.client import Resources
from ghl_async.errors import BadRequest, DuplicateContact, OutcomeUnknown, ScopeMissing, Unprocessable
from ghl_async.models import ContactDraft
from ghl_async.wire.request import Reply

from .recording import TRACE, Scripted

pytestmark = pytest.mark.virtual

DRAFT = ContactDraft(first_name="Ann", last_name="Lee", email="Ann@Example.com", phone="+1 555-000-1111")
LOST = OutcomeUnknown("contacts.create: the answer was cut off", operation="contacts.create", draft={})
REFUSED = Unprocessable("contacts.create: 422 no", operation="contacts.create", status=422, messages=["no"])
NOBODY = {"contact": None, **TRACE}
EMPTY = {"contacts": [], "total": 0, **TRACE}
ALL_LOOKS = [*(4 * ["contacts.find_duplicate"]), "contacts.search"]


def contact(contact_id="C1", *, seconds=-1.0, **more):
    """A contact as the server stored the draft, so many seconds before now."""
    added = datetime.now(UTC) - timedelta(seconds=seconds)
    stored = {"firstName": "Ann", "lastName": "Lee", "email": "ann@example.com", "phone": "+15550001111"}
    return {"id": contact_id, "dateAdded": added.isoformat(), **stored, **more}


def one(**more):
    return {"contact": contact(**more), **TRACE}


def duplicate(contact_id):
    error = DuplicateContact("contacts.create: 400 dup", operation="contacts.create", status=400)
    error.contact_id = contact_id
    return error


def script(*creates, duplicates=(NOBODY,), searches=(EMPTY,), **more):
    return Scripted(contacts__create=creates, contacts__find_duplicate=duplicates, contacts__search=searches, **more)


async def create(send, draft=DRAFT):
    return await Resources(send, "L1").contacts.create(draft)


async def test_a_lost_create_that_was_applied_is_found_and_confirmed():
    send = script(LOST, duplicates=[one()])
    assert (await create(send)).id == "C1"
    assert send.operations == ["contacts.create", "contacts.find_duplicate"]
    assert send.requests[1].query == (("locationId", "L1"), ("email", "Ann@Example.com"), ("number", "+15550001111"))


async def test_a_lost_create_is_looked_for_until_the_index_shows_it():
    send = script(LOST, duplicates=[NOBODY, NOBODY, one()])
    began = asyncio.get_running_loop().time()
    assert (await create(send)).id == "C1"
    assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.1)
    assert send.operations == ["contacts.create", *(3 * ["contacts.find_duplicate"])]


async def test_a_create_that_was_not_applied_is_made_again():
    send = script(LOST, one())
    assert (await create(send)).id == "C1"
    assert send.operations == ["contacts.create", *ALL_LOOKS, "contacts.create"]


async def test_a_contact_that_was_there_before_is_not_taken_for_the_new_one():
    send = script(
        LOST, duplicate("C0"), duplicates=[one(contact_id="C0", seconds=3600)], contacts__get=[one(seconds=3600)]
    )
    with pytest.raises(DuplicateContact) as caught:
        await create(send)
    assert caught.value.contact_id == "C0"
    assert send.operations.count("contacts.create") == 2


async def test_where_duplicates_are_allowed_the_search_shows_the_new_one_beside_the_old():
    old = contact(contact_id="C0", seconds=3600)
    found = {"contacts": [old, contact()], "total": 2, **TRACE}
    send = script(LOST, duplicates=[{"contact": old}], searches=[found])
    assert (await create(send)).id == "C1"
    (filters,) = [body["filters"] for body in send.sent_bodies if body and "filters" in body]
    assert filters[0] == {"field": "email", "operator": "eq", "value": "Ann@Example.com"}


@pytest.mark.parametrize(
    "other",
    [{"firstName": "Eve"}, {"email": "eve@example.com"}, {"phone": "+15550002222"}, {"email": None}, {"city": "Bonn"},
     {"address1": "Am Ring 1"}, {"postalCode": "1"}, {"source": "web"}, {"companyName": "Other Ltd"}],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
async def test_a_new_contact_that_contradicts_the_draft_is_neither_ours_nor_nobodys(other):
    draft = msgspec.structs.replace(
        DRAFT, city="Rome", address1="Via 1", postal_code="00100", source="import", company_name="Example Ltd"
    )
    with pytest.raises(OutcomeUnknown):
        await create(script(LOST, duplicates=[one(contact_id="X", **other)]), draft)
    send = script(LOST, one(), duplicates=[one(contact_id="X", seconds=300, **other)])
    assert (await create(send, draft)).id == "C1"
    assert send.operations.count("contacts.create") == 2


async def test_a_new_contact_with_neither_our_email_nor_our_phone_is_not_ours():
    other = one(contact_id="X", email="eve@example.com", phone="+15550002222")
    assert (await create(script(LOST, one(), duplicates=[other]))).id == "C1"


async def test_a_contact_of_a_second_before_the_create_may_be_somebody_elses():
    with pytest.raises(OutcomeUnknown):
        await create(script(LOST, duplicates=[one(seconds=1)]))


@pytest.mark.parametrize(
    "second",
    [ContactDraft(email="ann@example.com"), ContactDraft(phone="+15550001111", city="Rome"),
     ContactDraft(phone="5550001111"), ContactDraft(email="eve@example.com", phone="+1 (555) 000 1111")],
)  # fmt: skip
async def test_creates_that_share_an_email_or_a_phone_take_turns(second):
    busy = []

    async def send(request):
        busy.append(request)
        assert len(busy) == 1
        await asyncio.sleep(1)
        busy.clear()
        return Reply(status=201, body=msgspec.json.encode(one()))

    contacts = Resources(send, "L1").contacts
    await asyncio.gather(contacts.create(DRAFT), contacts.create(second), contacts.upsert(second, check=False))


@pytest.mark.parametrize("added", [{"seconds": 300}, {"dateAdded": None}, {"dateAdded": "2026-07-17T10:00:00"}])
async def test_an_equal_contact_of_doubtful_age_leaves_the_outcome_unknown(added):
    send = script(LOST, duplicates=[one(**added)])
    with pytest.raises(OutcomeUnknown, match="may have been there before") as caught:
        await create(send)
    assert caught.value.draft is DRAFT
    assert send.operations.count("contacts.create") == 1


async def test_a_contact_with_nothing_to_look_by_is_named_unknown_at_once():
    draft = ContactDraft(first_name="Ann")
    send = script(LOST)
    with pytest.raises(OutcomeUnknown, match="neither e-mail nor phone") as caught:
        await create(send, draft)
    assert (caught.value.draft, caught.value.operation) == (draft, "contacts.create")
    assert send.operations == ["contacts.create"]


async def test_a_phone_without_its_country_can_confirm_and_not_deny():
    draft = ContactDraft(first_name="Ann", last_name="Lee", phone="(0)5550001111")
    assert (await create(script(LOST, duplicates=[one()]), draft)).id == "C1"
    with pytest.raises(OutcomeUnknown):
        await create(script(LOST, one()), draft)


async def test_a_look_that_fails_leaves_the_outcome_unknown():
    missing = ScopeMissing("contacts.find_duplicate: 401", operation="contacts.find_duplicate", status=401)
    with pytest.raises(OutcomeUnknown, match="could not be looked for") as caught:
        await create(script(LOST, duplicates=[missing]))
    assert caught.value.draft is DRAFT


async def test_a_record_that_does_not_decode_may_be_ours():
    unread = {"contacts": [{"id": "C9", "dateAdded": []}], "total": 1}
    with pytest.raises(OutcomeUnknown):
        await create(script(LOST, one(), searches=[unread]))


async def test_refused_with_422_and_created_all_the_same():
    """https://github.com/GoHighLevel/highlevel-api-docs/issues/64"""
    assert (await create(script(REFUSED, duplicates=[one()]))).id == "C1"


async def test_a_422_that_is_one_comes_through_and_is_not_sent_again():
    send = script(REFUSED)
    with pytest.raises(Unprocessable) as caught:
        await create(send)
    assert caught.value is REFUSED
    assert send.operations.count("contacts.create") == 1
    with pytest.raises(Unprocessable):
        await create(script(REFUSED), ContactDraft(first_name="Ann"))


async def test_a_422_that_cannot_be_looked_into_comes_through_with_a_note():
    refusal = Unprocessable("no", operation="contacts.create", status=422)
    with pytest.raises(Unprocessable) as caught:
        await create(script(refusal, duplicates=[BadRequest("no", operation="x", status=400)]))
    assert caught.value.__notes__ == ["whether it was created all the same could not be looked for (BadRequest)"]


async def test_a_success_without_a_readable_body_is_looked_for_and_never_made_again():
    assert (await create(script(b"", duplicates=[one()]))).id == "C1"
    send = script(b'{"contact": {"id"')
    with pytest.raises(OutcomeUnknown, match="the answer said yes"):
        await create(send)
    assert send.operations.count("contacts.create") == 1


async def test_a_create_is_made_four_times_at_most():
    send = script(LOST)
    with pytest.raises(OutcomeUnknown, match="4 tries"):
        await create(send)
    assert send.operations.count("contacts.create") == 4


async def test_the_refusal_of_a_duplicate_shows_the_one_an_earlier_try_made():
    send = script(LOST, duplicate("C1"), contacts__get=[one()])
    assert (await create(send)).id == "C1"
    assert send.requests[-1].ids == ("C1",)


async def test_a_duplicate_that_cannot_be_read_or_has_no_id_stays_a_refusal():
    gone = BadRequest("no", operation="contacts.get", status=400)
    for refusal in (duplicate("C1"), duplicate(None)):
        with pytest.raises(DuplicateContact):
            await create(script(LOST, refusal, contacts__get=[gone]))
    with pytest.raises(DuplicateContact):
        await create(script(duplicate("C1"), contacts__get=[one()]))  # the first try made nothing


async def test_two_equal_creates_do_not_take_one_contact_for_both():
    """The first is confirmed by the read; the second meets that contact, knows it, and is made again."""
    contacts = Resources(script(LOST, LOST, one(contact_id="C2"), duplicates=[one()]), "L1").contacts
    made = await asyncio.gather(contacts.create(DRAFT), contacts.create(DRAFT))
    assert sorted(each.id for each in made) == ["C1", "C2"]


async def test_an_upsert_that_may_make_a_new_contact_is_resolved_like_a_create():
    send = Scripted(contacts__upsert=[LOST], contacts__find_duplicate=[one()])
    upserted = await Resources(send, "L1").contacts.upsert(DRAFT, new_if_allowed=True)
    assert (upserted.contact.id, upserted.new) == ("C1", True)

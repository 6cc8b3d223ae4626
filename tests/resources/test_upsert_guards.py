"""What an upsert would lose in silence is refused before it is written, and each guard has its switch."""

import pytest

from ghl_async.client import Resources
from ghl_async.errors import BadRequest, NotFound, ScopeMissing, Unauthorized, Unprocessable, UsageError
from ghl_async.models import ContactDraft

from .recording import TRACE, Scripted

ANN = {"id": "A", "email": "ann@example.com", "phone": "+15550001111"}
BOB = {"id": "B", "email": "bob@example.com", "phone": "+15550002222"}
NOBODY = {"contact": None, **TRACE}
NO_ONE = {"contacts": [], **TRACE}


def one(contact):
    return {"contact": contact, **TRACE}


def script(*found, looked_up=(NO_ONE,)):
    return Scripted(
        contacts__find_duplicate=found,
        contacts__lookup=looked_up,
        contacts__upsert=[{"new": False, "contact": ANN, "succeded": True, **TRACE}],
    )


BOTH = ContactDraft(email="Ann@example.com", phone="+1 555 000 2222")


@pytest.mark.parametrize(
    ("draft", "found", "said"),
    [
        (BOTH, [one(ANN), one(BOB)], r"^phone: .* A .* B.*issue 37.*check=False"),
        (ContactDraft(email="old@example.com"), [one(ANN)], r"^email: .*additional one of the contact A.*issue 337"),
        (ContactDraft(phone="+15559999999"), [one(ANN)], r"^phone: .*additional one of the contact A"),
        (ContactDraft(email="ann@example.com", gender="f"), [one(ANN)], r"^gender: .*drop it in silence.*issue 313"),
    ],
    ids=["two contacts", "secondary e-mail", "secondary phone", "gender"],
)
async def test_an_upsert_that_loses_data_is_refused_and_nothing_is_written(draft, found, said):
    send = script(*found)
    with pytest.raises(UsageError, match=said):
        await Resources(send, "L1").contacts.upsert(draft)
    assert set(send.operations) == {"contacts.find_duplicate"}
    send = script(*found)
    await Resources(send, "L1").contacts.upsert(draft, check=False)
    assert send.operations == ["contacts.upsert"]


@pytest.mark.parametrize(
    ("draft", "found"),
    [
        (BOTH, [NOBODY, NOBODY]),
        (BOTH, [one(ANN), NOBODY]),
        (BOTH, [one(ANN), one(ANN)]),
        (ContactDraft(phone="555 000 1111"), [one(ANN)]),
        (ContactDraft(email="ann@example.com"), [one({"id": "A"})]),
        (ContactDraft(email="new@example.com", gender="f"), [NOBODY]),
    ],
)
async def test_an_upsert_that_loses_nothing_costs_one_read_for_each_identifier(draft, found):
    send = script(*found)
    upserted = await Resources(send, "L1").contacts.upsert(draft)
    assert (upserted.new, upserted.contact.id) == (False, "A")
    reads = [name for name in send.operations[:-1] if name != "contacts.lookup"]
    assert reads == ["contacts.find_duplicate"] * len(found)
    assert send.operations.count("contacts.lookup") == (found[0] is NOBODY)


async def test_the_check_asks_for_the_phone_as_it_is_dialled():
    send = script(NOBODY)
    await Resources(send, "L1").contacts.upsert(BOTH)
    assert [request.query for request in send.requests if request.operation == "contacts.find_duplicate"] == [
        (("locationId", "L1"), ("email", "Ann@example.com")),
        (("locationId", "L1"), ("number", "+15550002222")),
    ]


async def test_an_additional_email_that_the_duplicate_search_does_not_know_is_looked_up():
    send = script(NOBODY, looked_up=[{"contacts": [ANN]}])
    with pytest.raises(UsageError, match="issue 337"):
        await Resources(send, "L1").contacts.upsert(ContactDraft(email="old@example.com"))
    request = send.requests[-1]
    assert (request.operation, request.version) == ("contacts.lookup", "v3")
    assert request.query == (("locationId", "L1"), ("limit", "1"), ("email", "old@example.com"))


@pytest.mark.parametrize("refusal", [ScopeMissing, Unauthorized, NotFound])
async def test_a_token_that_may_not_look_up_is_asked_once(refusal):
    send = script(NOBODY, looked_up=[refusal("no", operation="contacts.lookup", status=401)])
    contacts = Resources(send, "L1").contacts
    for _ in range(2):
        await contacts.upsert(ContactDraft(email="new@example.com"))
    assert send.operations.count("contacts.lookup") == 1


@pytest.mark.parametrize("refusal", [BadRequest, Unprocessable])
async def test_an_email_that_the_lookup_refuses_does_not_end_the_looking_up(refusal):
    send = script(NOBODY, looked_up=[refusal("no", operation="contacts.lookup", status=422), {"contacts": [ANN]}])
    contacts = Resources(send, "L1").contacts
    await contacts.upsert(ContactDraft(email="new@example.com"))
    with pytest.raises(UsageError, match="issue 337"):
        await contacts.upsert(ContactDraft(email="old@example.com"))

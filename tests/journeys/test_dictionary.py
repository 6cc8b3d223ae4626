"""Custom fields by name, phones by the country, and what the client knows of a location, over real sockets."""

import asyncio
from datetime import date

import pytest

from ghl_async.errors import OutcomeUnknown, ScopeMissing, Unauthorized, Unprocessable, UsageError
from ghl_async.models import BusinessChanges, BusinessDraft, ContactChanges, ContactDraft, CustomFieldValue
from ghl_async.sandbox import Sandbox

from .conftest import client_of
from .truth import oldest

pytestmark = pytest.mark.virtual


@pytest.fixture
async def sandbox():
    """A location in Germany."""
    async with Sandbox(contacts=120, country="DE", requests=1_000_000, interval_seconds=1.0) as sandbox:
        yield sandbox


@pytest.fixture(params=[None, "v3"], ids=["v2", "v3"])
async def ghl(request, sandbox):
    """A client of each generation."""
    async with client_of(sandbox, api_version=request.param) as client:
        yield client


def asked(sandbox):
    """How often each kind of reference data was read."""
    reads = [entry.path.rpartition("/")[2] for entry in sandbox.log.entries if entry.method == "GET"]
    return {kind: reads.count(kind) for kind in ("customFields", "tags", sandbox.location_id) if kind in reads}


def writes(sandbox):
    return [entry for entry in sandbox.log.entries if entry.method in {"POST", "PUT", "DELETE"}]


VALUES = {
    "text": "hello",
    "contact.large_text": "a\nb",
    "Numerical – Größe": 3.5,
    "monetory": 12,
    "date": date(2026, 7, 17),
    "checkbox": ["yes"],
    "radio": "Maybe ©",
    "phone": "030 123456",
    "textbox_list": {"First": "one", "opt2": "two"},
    "file_upload": {"1a2b": {"meta": {"size": 3}, "url": "https://example.com/f.pdf", "documentId": "d"}},
}


async def test_custom_fields_of_every_type_are_written_by_name_and_read_back(ghl, sandbox):
    made = await ghl.contacts.create(ContactDraft(first_name="Ann", phone="030 654321", custom_fields=VALUES))
    read = await ghl.contacts.get(made.id)
    assert read.phone == "+4930654321"
    assert await ghl.dictionary.named(read) == {
        "text": "hello",
        "large_text": "a\nb",
        "numerical": 3.5,
        "monetory": 12,
        "date": "2026-07-17",
        "checkbox": ["yes"],
        "radio": "Maybe ©",
        "phone": "+4930123456",
        "textbox_list": {"opt1": "one", "opt2": "two"},
        "file_upload": VALUES["file_upload"],
    }
    assert asked(sandbox) == {"customFields": 1, sandbox.location_id: 1}


async def test_the_phone_of_a_business_is_dialled_from_the_locations_country(ghl):
    made = await ghl.businesses.create(BusinessDraft(name="Beispiel GmbH", phone="030 123456"))
    assert made.phone == "+4930123456"
    assert (await ghl.businesses.update(made.id, BusinessChanges(phone="030 654321"))).phone == "+4930654321"
    with pytest.raises(UsageError, match=r"phone: businesses\.update .*too short"):
        await ghl.businesses.update(made.id, BusinessChanges(phone="12"))
    assert (await ghl.businesses.get(made.id)).phone == "+4930654321"


async def test_none_clears_a_custom_field_of_every_type(ghl):
    made = await ghl.contacts.create(ContactDraft(first_name="Ann", custom_fields=VALUES))
    await ghl.contacts.update(made.id, ContactChanges(custom_fields=dict.fromkeys(VALUES)))
    assert (await ghl.contacts.get(made.id)).custom_fields == ()


async def test_values_of_one_contact_are_written_to_another_as_they_are(ghl):
    one = await ghl.contacts.create(ContactDraft(first_name="Ann", custom_fields={"text": "hello", "numerical": 1}))
    values = (await ghl.contacts.get(one.id)).custom_fields
    assert all(isinstance(value, CustomFieldValue) for value in values)
    two = await ghl.contacts.upsert(ContactDraft(email="bob@example.com", custom_fields=values))
    assert (await ghl.contacts.get(two.contact.id)).custom_fields == values


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"custom_fields": {"radio": "Perhaps"}}, "has no option 'Perhaps': they are 'Yes', 'No', 'Maybe ©'"),
        ({"custom_fields": {"numerical": "3"}}, "takes a finite number"),
        ({"custom_fields": {"nmerical": 3}}, 'near to it: "Numerical – Größe" .contact.numerical'),
        ({"custom_fields": {"phone": "12"}}, "too short"),
        ({"phone": "+49 12"}, "phone: .*too short"),
        ({"phone": "12"}, "phone: .*too short"),
    ],
)
async def test_what_is_wrong_is_said_before_anything_is_written(ghl, sandbox, fields, said):
    with pytest.raises(UsageError, match=said):
        await ghl.contacts.create(ContactDraft(first_name="Ann", **fields))
    with pytest.raises(UsageError, match=said):
        await ghl.contacts.upsert(ContactDraft(email="ann@example.com", **fields))
    with pytest.raises(UsageError, match=said):
        await ghl.contacts.update(oldest(sandbox), ContactChanges(**fields))
    assert writes(sandbox) == []


async def test_twenty_writers_in_both_lanes_read_the_custom_fields_once(ghl, sandbox):
    lanes = [ghl.contacts, ghl.background.contacts]
    made = await asyncio.gather(
        *(
            lanes[n % 2].create(ContactDraft(email=f"ann{n}@example.com", custom_fields={"text": str(n)}))
            for n in range(20)
        )
    )
    assert len({contact.id for contact in made}) == 20
    assert asked(sandbox) == {"customFields": 1}


async def test_a_tag_that_a_write_makes_is_known_at_once_and_a_known_one_costs_nothing(ghl, sandbox):
    contact_id = oldest(sandbox)

    async def names():
        return {tag.name for tag in await ghl.dictionary.tags()}

    known = await names()
    await ghl.tags.add(contact_id, [min(known).upper()])
    assert await names() == known
    assert asked(sandbox) == {"tags": 1}
    await ghl.background.tags.add(contact_id, ["Brand New"])
    assert await names() == known | {"brand new"}
    await ghl.contacts.update(contact_id, ContactChanges(tags=["newer"]), replace_tags=True)
    await ghl.contacts.create(ContactDraft(first_name="Ann", tags=["newest"]))
    await ghl.tags.add_many([contact_id], ["last"])
    assert await names() == known | {"brand new", "newer", "newest", "last"}
    assert asked(sandbox) == {"tags": 3}


async def test_a_tag_of_a_write_whose_outcome_is_unknown_is_known_all_the_same(ghl, sandbox):
    await ghl.dictionary.tags()
    sandbox.faults.add(kind="cut_after", method="POST", times=1)
    with pytest.raises(OutcomeUnknown):
        await ghl.contacts.create(ContactDraft(first_name="Ann", tags=["brand new"]))
    assert (await ghl.dictionary.tag("Brand New")).name == "brand new"


async def test_a_custom_field_made_elsewhere_is_found_half_a_minute_later_and_by_hand_at_once(ghl, sandbox):
    await ghl.dictionary.custom_fields()
    sandbox.state.main.dictionaries.fields.create("Shoe size", "contact", {"dataType": "NUMERICAL"})
    with pytest.raises(UsageError, match="no custom field 'shoe_size'"):
        await ghl.dictionary.custom_field("shoe_size")
    await asyncio.sleep(31)
    assert (await ghl.dictionary.custom_field("shoe_size")).name == "Shoe size"
    sandbox.state.main.dictionaries.fields.create("Hat size", "contact", {"dataType": "NUMERICAL"})
    ghl.dictionary.forget("custom_fields")
    assert (await ghl.dictionary.custom_field("Hat size")).data_type == "NUMERICAL"


async def test_a_token_for_contacts_alone_writes_by_id_or_key_and_as_given(sandbox):
    token = sandbox.state.add_token(scopes=["contacts.write", "contacts.readonly"])
    async with client_of(sandbox, token=token.text) as ghl:
        for n in range(3):
            made = await ghl.contacts.create(
                ContactDraft(first_name=f"Ann {n}", phone=f"030 65432{n}", custom_fields={"contact.numerical": 3})
            )
            assert made.phone == f"+493065432{n}"  # the server's own reading
        assert asked(sandbox) == {"customFields": 1, sandbox.location_id: 1}
        with pytest.raises(Unprocessable):  # nobody here knows the type
            await ghl.contacts.update(made.id, ContactChanges(custom_fields={"numerical": "3"}))
        with pytest.raises(UsageError, match="name it by its id or its key"):
            await ghl.contacts.update(made.id, ContactChanges(custom_fields={"Numerical – Größe": 3}))
        with pytest.raises(ScopeMissing):
            await ghl.dictionary.custom_fields()


async def test_what_a_location_consists_of_is_found_by_name(ghl):
    assert (await ghl.dictionary.location()).country == "DE"
    user, calendar = (await ghl.dictionary.users())[0], (await ghl.dictionary.calendars())[0]
    assert (await ghl.dictionary.user(user.email)).id == user.id
    assert (await ghl.dictionary.calendar(calendar.name)).id == calendar.id


async def test_a_failed_read_is_not_kept(ghl, sandbox):
    sandbox.faults.add(kind="expired_token", path_contains="/tags", times=1)
    with pytest.raises(Unauthorized):
        await ghl.dictionary.tags()
    assert await ghl.dictionary.tags()

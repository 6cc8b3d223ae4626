"""What the location's reference data settle in a body, and what goes as given where they cannot be read."""

import asyncio

import pytest

from ghl_async.dictionary import Dictionary
from ghl_async.errors import ScopeMissing, ServerError, UsageError
from ghl_async.models import CustomField, LocationDetails
from ghl_async.resources._reference import Reference

pytestmark = pytest.mark.virtual

FIELDS = [
    CustomField(id="F1", name="Pin code", field_key="contact.pincode", data_type="TEXT"),
    CustomField(id="F2", name="Visits", field_key="contact.visits", data_type="NUMERICAL"),
    CustomField(id="F3", name="Second phone", field_key="contact.second_phone", data_type="PHONE"),
]
NO_SCOPE = ScopeMissing("the token lacks a scope", operation="custom_fields.list", status=401)
DOWN = ServerError("down", operation="custom_fields.list", status=500)


class Place:
    """A location that counts what is asked of it."""

    def __init__(self, *, country="US", fields=FIELDS, failure=None):
        self.asked = []
        self.fields = list(fields)
        self.failure = failure
        self.country = country
        self.dictionary = Dictionary(
            custom_fields=self._custom_fields, tags=None, users=None, calendars=None, location=self._location
        )

    def _ask(self, kind):
        self.asked.append(kind)
        if self.failure is not None:
            raise self.failure

    async def _custom_fields(self):
        self._ask("custom_fields")
        return list(self.fields)

    async def _location(self):
        self._ask("location")
        return LocationDetails(id="L1", country=self.country)

    def reference(self, generation="v2"):
        return Reference(self.dictionary, generation)


async def settled(reference, **body):
    await reference.settle("contacts.update", body)
    return body


async def test_what_needs_no_reference_data_costs_no_request():
    place = Place()
    body = await settled(place.reference(), email="ann@example.com", phone="+1 202-555-0123", postalCode=None)
    assert body == {"email": "ann@example.com", "phone": "+12025550123", "postalCode": None}
    assert await settled(place.reference(), phone=None) == {"phone": None}
    assert place.asked == []


async def test_a_phone_without_country_gets_the_locations_and_the_location_is_read_once():
    place = Place(country="DE")
    reference = place.reference()
    assert await settled(reference, phone="030 123456") == {"phone": "+4930123456"}
    assert await settled(reference, phone="030 654321") == {"phone": "+4930654321"}
    assert place.asked == ["location"]
    with pytest.raises(UsageError, match=r"phone: contacts\.update cannot send a number of the form '###'"):
        await settled(reference, phone="110")


@pytest.mark.parametrize(("generation", "word"), [("v2", "field_value"), ("v3", "fieldValue")])
async def test_custom_fields_are_written_by_name_and_read_once(generation, word):
    place = Place()
    reference = place.reference(generation)
    body = await settled(reference, customFields=[("Pin code", "35061"), ("visits", 3)])
    assert body == {"customFields": [{"id": "F1", word: "35061"}, {"id": "F2", word: 3}]}
    await settled(reference, customFields=[("F1", None)])
    assert place.asked == ["custom_fields"]


async def test_a_phone_in_a_custom_field_gets_the_country_too():
    place = Place()
    body = await settled(place.reference(), customFields=[("Second phone", "(202) 555-0123"), ("Visits", 1)])
    assert [item["field_value"] for item in body["customFields"]] == ["+12025550123", 1]
    assert place.asked == ["custom_fields", "location"]


async def test_a_field_that_was_made_a_moment_ago_is_found_and_so_is_a_new_option():
    place = Place()
    reference = place.reference()
    colour = CustomField(id="F4", name="Colour", data_type="RADIO", picklist_options=("red",))
    place.fields.append(colour)
    await settled(reference, customFields=[("Colour", "red")])
    await asyncio.sleep(60)
    place.fields[-1] = CustomField(id="F4", name="Colour", data_type="RADIO", picklist_options=("red", "blue"))
    assert await settled(reference, customFields=[("Colour", "blue")]) == {
        "customFields": [{"id": "F4", "field_value": "blue"}]
    }
    assert place.asked == ["custom_fields", "custom_fields"]


async def test_a_token_that_may_not_read_them_writes_unchecked_by_id_or_key_and_is_not_refused_each_time():
    place = Place(failure=NO_SCOPE)
    reference = place.reference()
    body = {"phone": "(202) 555-0123", "customFields": [("3sv6UEo51C9Bmpo1cKTq", "x"), ("contact.visits", "3")]}
    for _ in range(3):
        assert await settled(reference, **body) == {
            "phone": "(202) 555-0123",
            "customFields": [
                {"id": "3sv6UEo51C9Bmpo1cKTq", "field_value": "x"},
                {"key": "contact.visits", "field_value": "3"},
            ],
        }
    assert place.asked == ["location", "custom_fields"]
    with pytest.raises(UsageError, match="Pin code: the location's custom fields are not known here: name it by its"):
        await settled(reference, customFields=[("Pin code", "35061")])
    await asyncio.sleep(901)
    place.failure = None
    assert await settled(reference, phone="(202) 555-0123") == {"phone": "+12025550123"}


async def test_other_failures_are_the_callers_and_nothing_is_written():
    place = Place(failure=DOWN)
    with pytest.raises(ServerError):
        await settled(place.reference(), customFields=[("pincode", "35061")])
    with pytest.raises(ServerError):
        await settled(place.reference(), phone="(202) 555-0123")


async def test_a_location_without_a_country_leaves_local_numbers_as_they_are():
    place = Place(country=None)
    body = await settled(place.reference(), phone="(202) 555-0123", customFields=[("Second phone", "202 555 0123")])
    assert body["phone"] == "(202) 555-0123"
    assert body["customFields"] == [{"id": "F3", "field_value": "202 555 0123"}]


async def test_without_a_dictionary_fields_go_by_id_or_key_and_phones_without_country_as_given():
    reference = Reference(None, "v3")
    body = await settled(reference, phone="(202) 555-0123", customFields=[("pincode", ["a"])])
    assert body == {"phone": "(202) 555-0123", "customFields": [{"key": "pincode", "fieldValue": ["a"]}]}
    assert await settled(reference, phone="+1 (202) 555-0123") == {"phone": "+12025550123"}
    with pytest.raises(UsageError, match="None for pincode, whose type is not known here: an empty text clears it"):
        await settled(reference, customFields=[("pincode", None)])
    with pytest.raises(UsageError, match="takes text, a finite number"):
        await settled(reference, customFields=[("pincode", float("nan"))])

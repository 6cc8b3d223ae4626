"""Values of custom fields are written by id, key or name, checked against the field's type, and read back by name."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ghl_async.dictionary import custom_fields_by_name, named
from ghl_async.errors import UsageError
from ghl_async.models import CustomField, CustomFieldValue
from ghl_async.resources._custom_values import custom_items, has_local_phone, pairs


def field(field_id, name, data_type="TEXT", key=None, **more):
    return CustomField(
        id=field_id, name=name, field_key=key or f"contact.{data_type.lower()}", data_type=data_type, **more
    )


BOXES = [{"id": "opt1", "label": "First", "prefillValue": ""}, {"id": "opt2", "label": "Second", "prefillValue": ""}]
FIELDS = custom_fields_by_name(
    [
        field("3sv6UEo51C9Bmpo1cKTq", "Pin code", key="contact.pincode"),
        field("F-LARGE", "Story", "LARGE_TEXT"),
        field("F-SINGLE", "Colour", "SINGLE_OPTIONS", picklist_options=("Red", "Blue ©")),
        field("F-RADIO", "Answer", "RADIO", picklist_options=({"key": "yes", "label": "Yes"},)),
        field("F-OPEN", "Source", "RADIO", "contact.open", picklist_options=("Web",), is_allowed_custom_option=True),
        field("F-NO-LIST", "Anything", "SINGLE_OPTIONS", "contact.no_list"),
        field("F-PHONE", "Second phone", "PHONE"),
        field("F-NUMBER", "Visits", "NUMERICAL"),
        field("F-MONEY", "Balance", "MONETORY"),
        field("F-CHECK", "Consents", "CHECKBOX", picklist_options=("mail", "phone")),
        field("F-MANY", "Pets", "MULTIPLE_OPTIONS", picklist_options=("cat", "dog")),
        field("F-DATE", "Renewal", "DATE"),
        field("F-BOXES", "Lines", "TEXTBOX_LIST", picklist_options=tuple(BOXES)),
        field("F-FILE", "Contract", "FILE_UPLOAD"),
        field("F-NEW", "Feeling", "SMILEY"),
        CustomField(id="F-BARE", name="No type"),
        field("F-SIZE-1", "Size", key="contact.size"),
        field("F-SIZE-2", "Size", key="contact.size_of_shoe"),
        field("F-SIZE-3", "pincode_2", key="contact.other"),
        field("F-SIZE-4", "Something", key="contact.pincode_2"),
    ]
)
FILE = {"1a2b": {"meta": {"size": 3}, "url": "https://example.com/f.pdf", "documentId": "d"}}


def items(given, **options):
    return custom_items("contacts.update", pairs("contacts.update", given), FIELDS, **options)


def sent(name, value, **options):
    ((_, written),) = (tuple(item.values()) for item in items({name: value}, **options))
    return written


@pytest.mark.parametrize(
    "name",
    ["3sv6UEo51C9Bmpo1cKTq", "contact.pincode", "pincode", "Pin code", "PIN  CODE", " pincode ", "Contact.Pincode"],
)
def test_a_field_is_found_by_id_key_or_name(name):
    assert items({name: "35061"}) == [{"id": "3sv6UEo51C9Bmpo1cKTq", "field_value": "35061"}]


def test_each_generation_has_its_own_word_for_the_value():
    assert items({"pincode": "35061"}, generation="v3") == [{"id": "3sv6UEo51C9Bmpo1cKTq", "fieldValue": "35061"}]


def test_values_as_a_contact_has_them_can_be_given_as_well():
    assert items([CustomFieldValue(id="F-NUMBER", value=3), CustomFieldValue(id="pincode", value="1")]) == [
        {"id": "F-NUMBER", "field_value": 3},
        {"id": "3sv6UEo51C9Bmpo1cKTq", "field_value": "1"},
    ]


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("pincode", "35061", "35061"),
        ("Story", "long\nlonger", "long\nlonger"),
        ("Colour", "Blue ©", "Blue ©"),
        ("Answer", "Yes", "Yes"),
        ("Answer", "yes", "yes"),
        ("Source", "a friend", "a friend"),
        ("Anything", "goes", "goes"),
        ("Visits", 3, 3),
        ("Visits", 0, 0),
        ("Visits", -2.5, -2.5),
        ("Balance", Decimal("12.50"), 12.5),
        ("Balance", Decimal("12.00"), 12),
        ("Consents", ["mail", "phone"], ["mail", "phone"]),
        ("Pets", ("dog",), ["dog"]),
        ("Renewal", date(2026, 7, 17), "2026-07-17"),
        ("Renewal", "2026-07-17", "2026-07-17"),
        ("Lines", {"First": "a", "opt2": "b"}, {"opt1": "a", "opt2": "b"}),
        ("Contract", FILE, FILE),
        ("Feeling", {"face": [1]}, {"face": [1]}),
        ("Feeling", True, True),
        ("No type", 3.5, 3.5),
    ],
)
def test_a_value_that_fits_its_type_is_sent(name, value, written):
    got = sent(name, value)
    assert (got, type(got)) == (written, type(written))


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        ("pincode", ""),
        ("Colour", ""),
        ("Second phone", ""),
        ("Visits", ""),
        ("Renewal", ""),
        ("Consents", []),
        ("Pets", []),
        ("Lines", {}),
        ("Contract", {}),
        ("Feeling", ""),
        ("No type", ""),
    ],
)
@pytest.mark.parametrize("given", [None, "", [], {}], ids=repr)
def test_none_and_what_is_empty_clear(name, empty, given):
    assert sent(name, given) == empty


WRONG = [
    ("pincode", 35061, r'"Pin code" \(contact.pincode, 3sv6UEo51C9Bmpo1cKTq\) takes text, not 35061 \(int\)'),
    ("Story", b"x", "takes text"),
    ("Story", date(2026, 7, 17), "takes text"),
    ("Colour", "blue ©", r"\"Colour\" .*has no option 'blue ©': they are 'Red', 'Blue ©'$"),
    ("Colour", ["Red"], "takes the text of one option"),
    ("Answer", "Maybe", "they are 'Yes', 'yes'"),
    ("Source", 1, "takes the text of one option"),
    ("Second phone", 2025550123, "takes a phone number as text"),
    ("Visits", "3", "takes a finite number, not '3'"),
    ("Visits", True, r"takes a finite number, not True \(bool\)"),
    ("Visits", float("nan"), "takes a finite number"),
    ("Balance", float("inf"), "takes a finite number"),
    ("Balance", Decimal("NaN"), "takes a finite number"),
    ("Balance", 2**53, "up to 9007199254740991"),
    ("Balance", 10**400, "up to 9007199254740991"),
    ("Consents", "mail", "takes a list of texts"),
    ("Consents", ["mail", "fax"], "has no option 'fax': they are 'mail', 'phone'"),
    ("Pets", [1], "takes a list of texts"),
    ("Pets", {"cat"}, "takes a list of texts"),
    ("Renewal", "17.7.2026", 'takes a date, or one as text, "2026-07-17"'),
    ("Renewal", datetime(2026, 7, 17, tzinfo=UTC), "takes a date without a time"),
    ("Renewal", 20260717, "takes a date without a time"),
    ("Lines", {"Third": "c"}, "has no option 'Third': they are 'First', 'Second'"),
    ("Lines", {"First": "a", "opt1": "b"}, "takes one text for each box"),
    ("Lines", {"First": 1}, "takes a mapping"),
    ("Lines", ["a"], "takes a mapping"),
    ("Contract", "https://example.com/f.pdf", "takes the API's object for files"),
    ("Contract", {"1a2b": "https://example.com/f.pdf"}, "takes the API's object for files"),
    ("Feeling", float("nan"), "takes text, a finite number"),
    ("Feeling", object(), "takes text, a finite number"),
    ("Feeling", datetime(2026, 7, 17, tzinfo=UTC), "takes text, a finite number"),
    ("pin code 2", "x", "no custom field 'pin code 2'; near to it: \"Pin code\" .contact.pincode"),
    ("Size", "x", r'2 custom fields: "Size" \(contact.size, F-SIZE-1\), "Size" \(contact.size_of_shoe, F-SIZE-2\)'),
    ("SIZE", "x", "2 custom fields"),
    ("pincode_2", "x", r'2 custom fields: "pincode_2" .*"Something"'),
    ("zzz", "x", "has no custom field 'zzz'$"),
    ("", "x", "a field has no name"),
    (3, "x", "cannot send 3: a field has no name"),
    ("pincode", list(range(10_000)), r"not \[0, 1, 2.{0,60}\.\.\. \(list\)$"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG, ids=[f"{name} {said[:30]}" for name, _, said in WRONG])
def test_a_wrong_value_is_refused_by_the_name_of_its_field(name, value, said):
    with pytest.raises(UsageError, match=said) as caught:
        items({name: value})
    assert str(caught.value).startswith("custom_fields: contacts.update")


def test_the_key_with_its_model_decides_where_the_bare_one_is_also_a_name():
    assert items({"contact.size": "a", "contact.pincode_2": "b"}) == [
        {"id": "F-SIZE-1", "field_value": "a"},
        {"id": "F-SIZE-4", "field_value": "b"},
    ]


def test_two_values_for_one_field_are_refused():
    with pytest.raises(UsageError, match=r"two values for \"Pin code\""):
        items({"pincode": "1", "Pin code": "2"})


@pytest.mark.parametrize("given", ["pincode", ["pincode"], 3, {"pincode"}])
def test_values_come_as_a_mapping_or_as_a_list_of_values(given):
    with pytest.raises(UsageError, match="takes a mapping from id, key or name to value"):
        items(given)


def test_phone_numbers_are_written_in_e164_by_the_locations_country():
    assert sent("Second phone", "(202) 555-0123", country="US") == "+12025550123"
    assert sent("Second phone", "030 123456", country="DE") == "+4930123456"
    with pytest.raises(UsageError, match=r"\"Second phone\" .* of the form '###': too short"):
        sent("Second phone", "123", country="US")


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"Second phone": "(202) 555-0123"}, True),
        ({"Second phone": "+12025550123"}, False),
        ({"Second phone": None}, False),
        ({"pincode": "2025550123"}, False),
        ({}, False),
    ],
)
def test_the_country_is_needed_for_phone_numbers_without_one(given, answer):
    assert has_local_phone(pairs("contacts.update", given), FIELDS) is answer


def value(field_id, content):
    return CustomFieldValue(id=field_id, value=content)


def test_values_are_read_back_by_key_or_by_name():
    values = [value("3sv6UEo51C9Bmpo1cKTq", "35061"), value("F-MANY", ["cat"]), value("F-BARE", 1), value("gone", 2)]
    assert named(values, FIELDS.records) == {"pincode": "35061", "multiple_options": ["cat"], "F-BARE": 1, "gone": 2}
    assert named(values, FIELDS.records, by="name") == {"Pin code": "35061", "Pets": ["cat"], "No type": 1, "gone": 2}


def test_fields_of_one_name_are_read_back_by_their_keys_and_none_is_lost():
    values = [value("F-SIZE-1", "a"), value("F-SIZE-2", "b")]
    assert named(values, FIELDS.records, by="name") == {"contact.size": "a", "contact.size_of_shoe": "b"}
    assert named(values, FIELDS.records) == {"size": "a", "size_of_shoe": "b"}
    twins = [field("F1", "x", key="contact.a"), field("F2", "y", key="contact.a"), field("F3", None, key="odd")]
    assert named([value(one.id, one.id) for one in twins], twins) == {"contact.a": "F1", "F2": "F2", "odd": "F3"}


def test_what_is_read_by_key_can_be_written_by_key():
    values = {"pincode": "35061", "multiple_options": ["cat"], "numerical": 3}
    written = items(values)
    assert named([value(item["id"], item["field_value"]) for item in written], FIELDS.records) == values

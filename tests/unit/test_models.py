"""Records in every shape real servers send them."""

import json
import pickle
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghl_async.models import (
    Appointment,
    Calendar,
    Contact,
    ContactQuery,
    KeyRecord,
    LocationDetails,
    Note,
    Record,
    Task,
    decode_record,
    keys_of,
    well_formed,
)

KINDS = [Contact, Task, Note, Appointment, Calendar, LocationDetails]


def read(kind, record):
    return decode_record(kind, json.dumps(record).encode())


FROM_GET = {
    "id": "C1",
    "dateAdded": "2026-07-17T09:33:56.123Z",
    "type": "lead",
    "locationId": "L1",
    "firstName": "Ann",
    "lastName": "Bee",
    "address1": "1 Main St",
    "email": "Ann@Example.com",
    "createdBy": {"source": "INTEGRATION", "channel": "OAUTH", "sourceId": "x", "timestamp": "2026-07-17T09:33:56Z"},
    "tags": ["vip"],
    "customFields": [{"id": "F1", "value": ["a", "b"]}, {"id": "F2", "value": {"k": 1}}, {"id": "F3"}],
    "additionalEmails": ["two@example.com"],
}
FROM_SEARCH = {
    "id": "C1",
    "firstName": "Ann",
    "lastName": "Bee",
    "contactName": "ann bee",
    "address": "1 Main St",
    "additionalEmails": [{"email": "two@example.com"}],
    "additionalPhones": [{"phone": "+15550001111", "phoneLabel": None}],
    "customFields": [],
    "dndSettings": {"SMS": {"status": "active"}},
    "searchAfter": [1700000000000, "C1"],
    "tags": [],
    "phone": None,
}
FROM_LIST = {"id": "C1", "contactName": "ann bee", "firstName": "ann", "firstNameRaw": "Ann", "lastNameRaw": "Bee"}


@pytest.mark.parametrize("record", [FROM_GET, FROM_SEARCH, FROM_LIST], ids=["get", "search", "list_legacy"])
def test_one_contact_model_reads_all_three_shapes(record):
    assert read(Contact, record).full_name == "Ann Bee"


def test_the_street_has_one_name_here_whatever_the_operation_calls_it():
    assert read(Contact, FROM_GET).street == read(Contact, FROM_SEARCH).street == "1 Main St"


def test_additional_addresses_are_texts_or_objects():
    assert read(Contact, FROM_GET).other_emails == read(Contact, FROM_SEARCH).other_emails == ("two@example.com",)
    assert read(Contact, FROM_SEARCH).other_phones == ("+15550001111",)


def test_custom_values_keep_their_type():
    values = {field.id: field.value for field in read(Contact, FROM_GET).custom_fields}
    assert values == {"F1": ["a", "b"], "F2": {"k": 1}, "F3": None}


def test_dnd_channels_do_not_depend_on_the_case_of_letters():
    old = read(Contact, {"id": "C1", "dndSettings": {"SMS": {"status": "active"}, "WhatsApp": {}}})
    new = read(Contact, {"id": "C1", "dndSettings": {"sms": {"status": "active"}, "whatsApp": {}}})
    assert old.dnd_channels == new.dnd_channels == {"sms": {"status": "active"}, "whatsapp": {}}


def test_the_name_falls_back_to_what_else_the_server_gives():
    assert read(Contact, {"id": "C1", "contactName": "ann"}).full_name == "ann"
    assert read(Contact, {"id": "C1"}).full_name is None


@pytest.mark.parametrize("kind", KINDS)
def test_null_and_absent_read_alike_in_every_field(kind):
    names = [name for name in kind.__struct_encode_fields__ if name not in {"id", "$raw"}]
    nulls = read(kind, {"id": "X", **dict.fromkeys(names)})
    absent = read(kind, {"id": "X"})
    assert msgspec.structs.replace(nulls, raw=b"") == msgspec.structs.replace(absent, raw=b"")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("record", [{}, {"id": None}, {"id": ""}, {"id": 7}, [], None, "text"])
def test_a_record_without_its_id_does_not_decode(kind, record):
    with pytest.raises(msgspec.DecodeError):
        read(kind, record)


@pytest.mark.parametrize(
    ("record", "name", "value"),
    [
        ({"postalCode": 35061}, "postal_code", "35061"),
        ({"postalCode": ""}, "postal_code", ""),
        ({"firstName": 12.5}, "first_name", "12.5"),
        ({"firstName": "null"}, "first_name", "null"),
        ({"dateUpdated": ""}, "date_updated", None),
        ({"dnd": "true"}, "dnd", True),
        ({"tags": ""}, "tags", ()),
        ({"dndSettings": ""}, "dnd_settings", {}),
        ({"firstName": "cut \ud83d"}, "first_name", "cut \ufffd"),
        ({"firstName": "\U0001f600 \\ud83d"}, "first_name", "\U0001f600 \\ud83d"),
    ],
)
def test_odd_values_have_one_reading_and_raw_keeps_what_was_sent(record, name, value):
    sent = json.dumps({"id": "C1", **record}).encode()
    contact = decode_record(Contact, sent)
    assert getattr(contact, name) == value
    assert contact.raw == sent


@pytest.mark.parametrize("record", [{"dateAdded": {}}, {"tags": {"a": 1}}, {"firstName": []}, {"firstName": True}])
def test_a_value_without_an_obvious_reading_does_not_decode(record):
    with pytest.raises(msgspec.ValidationError):
        read(Contact, {"id": "C1", **record})


@pytest.mark.parametrize(
    ("sent", "meaning"),
    [
        ("1990-02-03", date(1990, 2, 3)),
        ("1990-02-03T00:00:00.000Z", date(1990, 2, 3)),
        (633916800000, date(1990, 2, 2)),
        ("633916800000", date(1990, 2, 2)),
        (-86400000, date(1969, 12, 31)),
        ("03/02/1990", None),
        ("", None),
        (None, None),
        (10**30, None),
    ],
)
def test_birth_dates_come_as_text_or_epoch_milliseconds(sent, meaning):
    contact = read(Contact, {"id": "C1", "dateOfBirth": sent})
    assert contact.birth_date == meaning
    assert contact.date_of_birth == sent


def test_raw_is_a_copy_and_has_every_byte_as_sent():
    sent = b'{ "id":"C1" ,"unknown" : {"deep":[1,2.50, null]},"firstName":"\\u0041nn"  }'
    page = msgspec.json.decode(b"[" + sent + b"]", type=list[msgspec.Raw])
    contact = decode_record(Contact, page[0])
    assert type(contact.raw) is bytes
    assert contact.raw == sent
    assert contact.first_name == "Ann"
    assert contact.extra == {"unknown": {"deep": [1, 2.5, None]}}


def test_extra_is_empty_for_a_record_that_was_never_on_the_wire():
    assert Contact(id="C1").extra == {}


def test_a_repr_shows_the_set_fields_once():
    assert repr(read(Task, {"id": "T1", "title": "call", "completed": False})) == (
        "Task(id='T1', title='call', completed=False)"
    )


def test_records_pickle_with_their_json():
    contact = read(Contact, FROM_GET)
    assert pickle.loads(pickle.dumps(contact)) == contact  # noqa: S301


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(kind=st.sampled_from(KINDS), more=st.dictionaries(st.text(), JSON, max_size=6))
def test_unknown_fields_never_break_a_record_and_are_never_lost(kind: type[Record], more):
    more = {name: value for name, value in more.items() if name not in kind.__struct_encode_fields__}
    sent = json.dumps({**more, "id": "X"}).encode()
    record = decode_record(kind, sent)
    assert record.raw == sent
    assert record.extra == json.loads(json.dumps(more).encode().decode())


@given(st.lists(st.sampled_from([b"\\ud83d", b"\\ude00", b"\\uD83D", b"\\\\", b"\\u0041", b"a", b'\\"', b"\\\\ud83d"])))
def test_mending_surrogates_moves_nothing_and_makes_the_text_readable(parts):
    text = b'"' + b"".join(parts) + b'"'
    mended = well_formed(text)
    assert len(mended) == len(text)
    expected = json.loads(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert msgspec.json.decode(mended).replace("\ufffd", "") == expected.replace("\ufffd", "")


def test_keys_are_readable_where_the_record_is_not():
    raw = json.dumps(
        {"id": "C1", "dateAdded": "2026-01-02T03:04:05Z", "dateUpdated": {}, "searchAfter": [1, "C1"], "tags": 1}
    ).encode()
    assert keys_of(raw) == KeyRecord(
        id="C1", date_added=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), search_after=(1, "C1")
    )


@pytest.mark.parametrize(
    ("record", "owners"),
    [
        ({"contactId": "C1"}, ("C1",)),
        ({"relations": [{"objectKey": "contact", "recordId": "C2"}, {"recordId": "C1"}]}, ("C2", "C1")),
        ({"contactId": "C1", "relations": [{"recordId": "C2"}, {"recordId": "C1"}, {"recordId": "C2"}]}, ("C1", "C2")),
        ({"contactId": 7, "relations": [None, "C2", {}, {"recordId": ["C3"]}, {"recordId": ""}]}, ()),
        ({"contactId": {}, "relations": {"recordId": "C1"}}, ()),
        ({"contactId": None, "relations": None}, ()),
    ],
)
def test_the_owners_of_a_record_are_its_contact_and_its_relations(record, owners):
    assert keys_of(json.dumps(record).encode()) == KeyRecord(owners=owners)


@given(JSON, JSON)
def test_owners_are_texts_each_once_whatever_is_sent(contact, relations):
    owners = keys_of(json.dumps({"contactId": contact, "relations": relations}).encode()).owners
    assert all(isinstance(owner, str) and owner for owner in owners)
    assert len(owners) == len(set(owners))


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"id":5,"dateAdded":"x","searchAfter":[]}']
)
def test_keys_of_anything_are_none_instead_of_an_error(raw):
    assert keys_of(raw) == KeyRecord()


def test_settings_of_a_location_say_what_counts_as_a_duplicate():
    location = read(
        LocationDetails,
        {
            "id": "L1",
            "timezone": "Europe/Zurich",
            "country": "CH",
            "settings": {"allowDuplicateContact": False, "contactUniqueIdentifiers": ["email", "phone"], "new": 1},
            "business": {"name": "x"},
        },
    )
    assert location.settings.contact_unique_identifiers == ("email", "phone")
    assert location.settings.allow_duplicate_opportunity is None
    assert location.extra == {"business": {"name": "x"}}


def test_times_of_an_appointment_stay_text_because_they_may_lack_a_zone():
    appointment = read(
        Appointment,
        {"id": "A1", "startTime": "2021-07-16 11:00:00", "status": "booked", "appointmentStatus": "confirmed"},
    )
    assert appointment.start_time == "2021-07-16 11:00:00"
    assert (appointment.status, appointment.appointment_status) == ("booked", "confirmed")


def test_a_note_keeps_its_relations():
    relations = [{"objectKey": "contact", "recordId": "C1"}]
    note = read(Note, {"id": "N1", "body": "<p>x</p>", "bodyText": "x", "userId": None, "relations": relations})
    assert note.relations == tuple(relations)


def test_a_bound_between_two_milliseconds_is_rounded_up():
    since = datetime(2026, 1, 1, 0, 0, 0, 999_001, tzinfo=UTC)
    (condition,) = ContactQuery(added_since=since).filters
    assert condition.value == {"gte": "2026-01-01T00:00:01.000Z"}

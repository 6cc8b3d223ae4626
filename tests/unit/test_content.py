"""Whether two texts of one record say the same."""

import json

import pytest

from ghl_async.bulk._content import differing, is_same

EVENT = {
    "id": "e",
    "calendarId": "c",
    "title": "Visit",
    "appointmentStatus": "new",
    "startTime": "2023-01-10T05:30:00-06:00",
    "endTime": "2023-01-10T06:00:00-06:00",
    "dateAdded": "2023-01-08T23:52:03.000Z",
    "deleted": False,
}
LISTED = {
    "id": "e",
    "calendarId": "c",
    "title": "Visit",
    "appointmentStatus": "new",
    "status": "booked",
    "startTime": "2023-01-10 05:30:00",
    "endTime": "2023-01-10 06:00:00",
    "dateAdded": "2023-01-08 17:52:03",
    "users": [],
}
NOTE = {"id": "n", "body": "Called", "pinned": False}


def same(part, one, other):
    there = is_same(part, json.dumps(one), json.dumps(other).encode())
    assert there == is_same(part, json.dumps(other), json.dumps(one))
    return there


@pytest.mark.parametrize(
    ("part", "one", "other"),
    [
        ("contacts", {"id": "a", "city": "Bonn"}, {"city": "Bonn", "id": "a"}),
        ("contacts", {"id": "a", "searchAfter": [1, "a"]}, {"id": "a", "searchAfter": [2, "a"], "city": None}),
        ("appointments", EVENT, LISTED),
        ("appointments", EVENT | {"address": None}, LISTED | {"assignedUserId": "u", "notes": "Ring twice"}),
        ("appointments", LISTED, LISTED | {"assignedUserId": None}),
        ("appointments", EVENT | {"startTime": None}, LISTED | {"startTime": None}),
        ("appointments", EVENT | {"startTime": "2023-01-10"}, LISTED | {"startTime": "2023-01-10"}),
        ("appointments", {"id": "e", "deleted": False}, {"id": "e", "status": "booked"}),
        ("notes", NOTE, NOTE | {"relations": [{"recordId": "a"}], "title": None}),
        (
            "contacts",
            {"customFields": [{"id": "f", "value": [1, None]}]},
            {"customFields": [{"value": [1.0, None], "id": "f"}]},
        ),
    ],
)
def test_one_record_from_two_sides_is_the_same(part, one, other):
    assert same(part, one, other)


@pytest.mark.parametrize(
    ("part", "one", "other"),
    [
        ("contacts", {"id": "a", "city": "Bonn"}, {"id": "a", "city": "Ulm"}),
        ("contacts", {"id": "a"}, {"id": "a", "tags": []}),
        ("appointments", EVENT, LISTED | {"startTime": "2023-01-10 05:45:00"}),
        ("appointments", EVENT, LISTED | {"title": None}),
        ("appointments", EVENT, EVENT | {"dateUpdated": "2023-01-09T00:00:00.000Z", "deleted": True}),
        ("notes", NOTE, NOTE | {"title": "Monday"}),
        ("contacts", {"id": "a", "dnd": 1}, {"id": "a", "dnd": True}),
        ("contacts", {"customFields": [{"id": "f", "value": [0]}]}, {"customFields": [{"id": "f", "value": [False]}]}),
        ("contacts", {"customFields": [{"id": "f", "value": {"a": 1}}]}, {"customFields": [{"id": "f", "value": {}}]}),
        ("contacts", {"tags": ["a"]}, {"tags": ["a", "b"]}),
        ("tasks", {"id": "t", "completed": False}, {"id": "t", "completed": True}),
        # Both came the same way: then a name that only one of them has says something.
        ("appointments", LISTED, LISTED | {"assignedUserId": "u"}),
        ("appointments", LISTED | {"notes": None}, LISTED | {"notes": "Ring twice"}),
        ("appointments", EVENT, {name: value for name, value in EVENT.items() if name != "deleted"}),
        ("appointments", EVENT | {"createdBy": None}, LISTED | {"createdBy": {"source": "api"}}),
        ("notes", NOTE | {"relations": None}, NOTE | {"relations": [{"recordId": "a"}]}),
    ],
)
def test_a_record_that_says_something_else_is_another(part, one, other):
    assert not same(part, one, other)


def test_what_cannot_be_read_is_the_same_byte_by_byte():
    assert is_same("notes", b"\xff", b"\xff")
    assert not is_same("notes", b"\xff", b"\xfe")
    assert not is_same("notes", b"[1]", b"[ 1]")


def test_however_deeply_it_is_nested():
    deep, other = ('{"a": ' + "[" * 900 + value + "]" * 900 + "}" for value in ("1", "true"))
    assert is_same("contacts", deep, deep + " ")
    assert not is_same("contacts", deep, other)


def test_what_differs_is_named_where_true_stands_for_one():
    assert differing('{"a": 1, "b": [1], "c": 1}', '{"a": true, "b": [true], "c": 1.0}') == {"a", "b"}

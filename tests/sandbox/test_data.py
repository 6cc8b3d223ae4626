"""The made-up records: reproducible, ordered, odd where real ones are odd."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghl_async.sandbox.children import Averages
from ghl_async.sandbox.ids import decode_index, encode_index, iso, parse_ms
from ghl_async.sandbox.location import Location
from ghl_async.sandbox.people import People, PeopleSettings
from ghl_async.sandbox.views import get_view, list_view, search_view


def make(count=1000, **settings):
    return Location(PeopleSettings(location_id="L" * 20, count=count, **settings), Averages())


@given(st.integers(min_value=0, max_value=62**5 - 1), st.integers(min_value=0, max_value=62**5 - 1))
def test_encoded_indexes_sort_like_numbers_and_come_back(one, other):
    assert (encode_index(one) < encode_index(other)) == (one < other)
    assert decode_index(encode_index(one)) == one


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_instants_survive_being_written(ms):
    assert parse_ms(iso(ms)) == ms


def test_a_million_contacts_cost_nothing_until_they_are_looked_at():
    began = time.perf_counter()
    location = make(1_000_000)
    page = list(location.walk(descending=True, skip=9_500))[:500]
    assert location.record(page[0])["id"] == location.id_of(page[0])
    assert time.perf_counter() - began < 1


def test_the_same_seed_makes_the_same_records_and_another_seed_others():
    assert [make().record(index) for index in range(50)] == [make().record(index) for index in range(50)]
    assert make().record(3)["id"] != make(seed=2).record(3)["id"]
    assert make().tasks(11) == make().tasks(11)


def test_ids_lead_back_to_their_contact_and_guessed_ones_do_not_exist():
    people = make().people
    for index in range(0, 1000, 37):
        contact_id = people.contact_id(index)
        assert len(contact_id) == 20
        assert contact_id.isalnum()
        assert people.index_of(contact_id) == index
        assert people.index_of(contact_id[:-1] + ("a" if contact_id[-1] != "a" else "b")) is None
    for unknown in ("", "lookup", "!" * 20, "z" * 20, "é" * 20):
        assert people.index_of(unknown) is None


def test_contacts_rise_by_date_then_id_and_sixty_share_one_instant():
    people = make().people
    keys = [(people.added_ms(index), people.contact_id(index)) for index in range(1000)]
    assert keys == sorted(keys)
    instants = [ms for ms, _ in keys]
    assert max(instants.count(ms) for ms in set(instants)) == 60
    assert all(people.updated_ms(index) >= people.added_ms(index) for index in range(1000))


def test_a_thousand_contacts_show_every_oddity_of_real_ones():
    records = [make().record(index) for index in range(1000)]
    values = [item["value"] for record in records for item in record["customFields"]]
    assert {type(value) for value in values} >= {str, float, int, list, dict, type(None)}
    assert {type(record["postalCode"]) for record in records} == {str, int, type(None)}
    assert any(record["email"] is None for record in records)
    assert any(record["phone"] is None for record in records)
    assert any(record["lastName"] == "" for record in records)
    assert any(record["firstName"] is None and record["lastName"] is None for record in records)
    assert any(record["extra"] for record in records)
    assert any(record["opportunities"] for record in records)
    names = "".join(record["firstName"] or "" for record in records)
    assert "🎉" in names
    assert "محمد" in names
    assert "e\u0308" in names


def test_children_vary_round_the_averages_with_none_and_many():
    location = make()
    for kind, average in (("tasks", 1), ("notes", 3), ("appointments", 1)):
        counts = [len(getattr(location, kind)(index)) for index in range(1000)]
        assert average * 0.7 < sum(counts) / 1000 < average * 1.4
        assert min(counts) == 0
        assert max(counts) >= 50
    notes = [note for index in range(1000) for note in location.notes(index)]
    assert max(len(note["body"]) for note in notes) > 20_000
    assert any(note["body"].startswith("<p>") and "<" not in note["bodyText"][:1] for note in notes)


def test_some_notes_belong_to_two_contacts_and_read_the_same_from_both():
    location = make()
    shared = [note for note in location.notes(3) if len(note["relations"]) == 2]
    assert len(shared) == 1
    assert shared[0] in location.notes(4)
    assert {relation["recordId"] for relation in shared[0]["relations"]} == {location.id_of(3), location.id_of(4)}


def test_child_ids_are_unique_apart_from_shared_notes():
    location = make()
    for kind in ("tasks", "appointments"):
        ids = [child["id"] for index in range(1000) for child in getattr(location, kind)(index)]
        assert len(ids) == len(set(ids))


def test_averages_of_zero_leave_no_children():
    settings = PeopleSettings(location_id="L" * 20, count=50)
    location = Location(settings, Averages(tasks=0, notes=0, appointments=0))
    assert not any(
        location.tasks(index) or location.notes(index) or location.appointments(index) for index in range(50)
    )


def test_poisoned_contacts_keep_their_id_and_break_a_type():
    location = make(count=100, poison=2)
    poisoned = [index for index in range(100) if isinstance(location.record(index)["dateAdded"], list)]
    assert poisoned == [25, 75]
    assert all(location.record(index)["id"] == location.id_of(index) for index in poisoned)
    assert isinstance(location.tasks(25)[0]["title"], dict)


def test_search_shows_38_keys_and_the_list_31_with_empties_null():
    plain = next(
        record for record in map(make().record, range(1000)) if not record["extra"] and not record["opportunities"]
    )
    shown = search_view(plain, [1, "x"])
    assert len(shown) == 38
    assert "address1" not in shown
    listed = list_view(plain)
    assert len(listed) == 31
    assert listed["firstNameRaw"].lower() == listed["firstName"]


def test_get_leaves_out_what_was_never_set():
    for index in range(1000):
        record = make().record(index)
        shown = get_view(record)
        assert None not in shown.values()
        assert "address" not in shown
        assert ("email" in shown) == (record["email"] is not None)
        assert ("dnd" in shown) == record["dnd"]


def test_email_and_phone_lead_to_the_contact():
    location = make()
    record = location.record(500)
    assert location.find_by("email", record["email"].upper()) == 500
    assert location.find_by("phone", record["phone"]) == 500
    assert location.find_by("email", "nobody@example.com") is None
    assert location.find_by("phone", "+19") is None


@st.composite
def edits(draw):
    """A small location with some contacts deleted and some added in between."""
    count = draw(st.integers(min_value=0, max_value=12))
    gone = draw(st.sets(st.integers(min_value=0, max_value=max(0, count - 1)), max_size=count)) if count else set()
    added = draw(st.lists(st.integers(min_value=0, max_value=14), max_size=5))
    location = make(count)
    for index in gone:
        location.delete(location.id_of(index))
    start = location.people.added_ms(0)
    for place in added:
        location.add({"dateAdded": iso(start + place * 6 * 3_600_000)})
    return location


@given(edits(), st.booleans(), st.integers(min_value=1, max_value=4), st.integers(min_value=0, max_value=20))
def test_cursors_and_offsets_agree_whatever_was_deleted_or_added(location, descending, size, skip):
    def key(ref):
        return location.added_ms(ref), location.id_of(ref)

    everyone = list(location.walk(descending=descending))
    assert len(everyone) == len(location)
    assert [key(ref) for ref in everyone] == sorted(map(key, everyone), reverse=descending)
    assert list(location.walk(descending=descending, skip=skip)) == everyone[skip:]
    walked, after = [], None
    while page := list(location.walk(descending=descending, after=after))[:size]:
        walked += page
        after = key(page[-1])
    assert walked == everyone


def test_changes_show_while_id_and_date_added_stay():
    location = make(10)
    contact_id = location.id_of(4)
    before = location.record(4)
    location.change(contact_id, {"firstName": "New", "dateAdded": "1999-01-01T00:00:00.000Z"})
    after = location.record(4)
    assert (after["firstName"], after["dateAdded"], after["id"]) == ("New", before["dateAdded"], contact_id)
    assert location.updated_ms(4) > location.added_ms(4)


def test_deleted_and_unknown_contacts_cannot_be_deleted():
    location = make(10)
    contact_id = location.id_of(4)
    location.delete(contact_id)
    assert location.find(contact_id) is None
    for gone in (contact_id, "x" * 20):
        with pytest.raises(KeyError):
            location.delete(gone)
        with pytest.raises(KeyError):
            location.change(gone, {})


def test_added_contacts_carry_children_and_cannot_take_a_taken_id():
    location = make(3)
    added = location.add({"firstName": "Ada", "tasks": [{"title": "Call"}]})
    assert location.tasks(added)[0]["title"] == "Call"
    assert location.tasks(added)[0]["contactId"] == added
    with pytest.raises(ValueError, match="already"):
        location.add({"id": added})
    location.delete(added)
    assert len(location) == 3


def test_an_empty_location_is_possible():
    assert list(People(PeopleSettings(location_id="L", count=0)).poisoned) == []
    assert list(make(0).walk(descending=True)) == []

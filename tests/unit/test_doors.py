"""Doors: what is open, what is shut and why, and to whom the records of a search are handed out."""

from __future__ import annotations

import pytest

from ghl_async import GHLClient
from ghl_async.bulk._doors import Doors, _gather
from ghl_async.bulk._rows import KINDS
from ghl_async.bulk._spool import TemporarySpool
from ghl_async.bulk._workers import Room, stream
from ghl_async.errors import DecodeError
from ghl_async.models import Note, Quarantined, Task, decode_record
from ghl_async.pagination import Page
from ghl_async.sandbox import Sandbox


@pytest.fixture
async def spool():
    place = TemporarySpool()
    yield place
    await place.close()


def doors_of(spool, kinds=KINDS):
    return Doors(GHLClient("pit-0", location_id="L" * 20), kinds, spool, Room(2))


async def test_all_doors_are_open_in_the_beginning(spool):
    doors = doors_of(spool)
    assert doors.open == KINDS
    assert [(way.kind, way.by) for way in doors.ways()] == [
        ("tasks", "task search"),
        ("notes", "note search"),
        ("appointments", "calendar events"),
    ]
    await doors.close()


async def test_kinds_that_are_not_wanted_have_no_way(spool):
    assert [way.kind for way in doors_of(spool, ("notes",)).ways()] == ["notes"]
    assert doors_of(spool, ()).ways() == ()


def test_without_a_spool_appointments_are_read_contact_by_contact():
    doors = doors_of(None)
    assert doors.open == ("tasks", "notes")
    assert doors.ways()[2].by == "each contact"
    assert "deleted calendars" in doors.ways()[2].why


def test_a_doubted_door_is_shut_and_keeps_an_earlier_reason():
    doors = doors_of(None)
    doors.doubt(("notes", "appointments"))
    assert doors.open == ("tasks",)
    assert doors.shut["notes"] == "an earlier run found that the note search leaves records out"
    assert "deleted calendars" in doors.shut["appointments"]


async def test_nothing_is_asked_for_too_few_contacts_or_no_kind(spool):
    """It could not be: the client was never entered."""
    assert await doors_of(spool).join(["a", "b"], KINDS, contacts=2) == {}
    assert await doors_of(spool, ()).join(["a"] * 500, (), contacts=500) == {}


async def test_an_emptied_spool_is_filled_anew(spool):
    async with (
        Sandbox(contacts=8, lost=0.0) as sandbox,
        GHLClient(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url) as ghl,
    ):
        location = sandbox.state.main
        visit = {"calendarId": location.children.calendar_ids[0], "startTime": "2024-02-01 10:00:00"}
        owner = location.add({"email": "a@example.com", "appointments": [visit]})
        doors = Doors(ghl, KINDS, spool, Room(8))

        async def seen():
            joined = await doors.join([owner], ("appointments",), contacts=9)
            assert joined.keys() == {"appointments"}
            return [event.start_time[:10] for event in joined["appointments"][owner].items]

        assert await seen() == ["2024-02-01"]
        visit["startTime"] = "2024-03-01 10:00:00"
        (made,) = location.lists.of("appointments", owner)
        location.lists.replace("appointments", owner, made["id"], made | visit)
        assert await seen() == ["2024-02-01"], "it is read once"
        await doors.empty_spool()
        assert await seen() == ["2024-03-01"]
        assert sandbox.log.counts()["by_route"]["GET /calendars/events"] == 2 * 3
        await doors.close()


def task(id_, owner):
    return decode_record(Task, b'{"id":"%s","contactId":"%s"}' % (id_.encode(), owner.encode()))


def note(id_, *owners):
    related = ",".join(f'{{"objectKey":"contact","recordId":"{owner}"}}' for owner in owners)
    return decode_record(Note, f'{{"id":"{id_}","contactId":"{owners[0]}","relations":[{related}]}}'.encode())


def page(*items, total=None, apart=()):
    return Page(items=items, cursor=None, total=total, quarantined=apart)


async def gathered(contact_ids, *pages):
    found = await _gather(stream(pages), contact_ids)
    return {contact_id: [record.id for record in children.items] for contact_id, children in found.items()}


async def test_records_go_to_their_contacts_and_every_contact_has_its_list():
    pages = page(task("1", "a"), task("2", "c")), page(task("3", "a"))
    assert await gathered(["a", "b", "c"], *pages) == {"a": ["1", "3"], "b": [], "c": ["2"]}


async def test_a_note_goes_to_each_contact_that_was_asked_for_and_once_to_each():
    assert await gathered(["a", "b"], page(note("1", "a", "b"), note("2", "x", "b"), note("3", "a"))) == {
        "a": ["1", "3"],
        "b": ["1", "2"],
    }


async def test_what_does_not_decode_goes_to_its_contacts_too():
    apart = Quarantined("note", b'{"id":"1","relations":[{"recordId":"b"},{"recordId":"a"}]}', "broken", "1")
    found = await _gather(stream([page(apart=(apart,))]), ["a", "b", "c"])
    assert [found[contact_id].quarantined for contact_id in "abc"] == [[apart], [apart], []]


@pytest.mark.parametrize(
    "wrong",
    [
        page(task("1", "somebody else")),
        page(apart=(Quarantined("task", b'{"id":"1"}', "broken", "1"),)),
        page(task("1", "a"), total=2),
    ],
    ids=["another's", "nobody's", "fewer than counted"],
)
async def test_what_cannot_be_right_is_no_answer(wrong):
    with pytest.raises(DecodeError, match="search"):
        await gathered(["a"], wrong)


async def test_more_than_were_counted_are_believed():
    """Something was added meanwhile."""
    assert await gathered(["a"], page(task("1", "a"), task("2", "a"), total=1)) == {"a": ["1", "2"]}

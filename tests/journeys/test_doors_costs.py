"""What the searches for many contacts cost and show: few requests, and each record with every contact it is of."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ghl_async import ContactQuery, bulk
from ghl_async.bulk import _calendar
from ghl_async.sandbox import Sandbox

from .bent import Bent
from .conftest import DOORS, client_of, set_doors
from .truth import KINDS, backfill, oldest, stored_records, true_records

BY_EACH = {f"GET /contacts/{{contactId}}/{kind}" for kind in KINDS}


def wide(contacts, **options):
    """A sandbox with a quota nobody reaches."""
    return Sandbox(contacts=contacts, requests=1_000_000, interval_seconds=1.0, daily=1_000_000_000, **options)


def routes(sandbox):
    return sandbox.log.counts()["by_route"]


def ask(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("limits", "fewer_than"), [({"tasks_clamp": 100, "notes_clamp": 100}, 70), ({}, 35)], ids=["of 100", "none"]
)
async def test_a_thousand_contacts_cost_a_few_dozen_requests(path, limits, fewer_than):
    async with wide(1000, **limits) as sandbox, client_of(sandbox) as ghl:
        summary = await backfill(ghl, path)
        assert summary.requests == sandbox.log.counts()["requests"] < fewer_than
        stored = stored_records(path)
        assert stored == true_records(sandbox, like=stored)
    assert summary.exit_code == 0


@pytest.mark.parametrize("doors", DOORS)
async def test_a_note_of_several_contacts_is_stored_with_each(path, doors):
    async with wide(60, appointments=0.0, tasks=0.0) as sandbox, client_of(sandbox) as ghl:
        set_doors(sandbox, doors)
        sandbox.state.pages.change(search_clamp=4)  # so that some of them come in two pages of contacts
        await backfill(ghl, path, include=("notes",))
        stored = stored_records(path)
        assert stored == true_records(sandbox, ("notes",))
    owners = {}
    for kind, contact_id, *child in stored:
        if kind == "notes":
            owners.setdefault(child[0], set()).add(contact_id)
    assert [len(found) for found in owners.values() if len(found) > 1] == [2, 2, 2]


async def test_appointments_of_deleted_calendars_come_only_when_they_are_asked_for(path):
    async with wide(120, lost=0.3) as sandbox, client_of(sandbox) as ghl:
        lost_id = sandbox.state.main.children.lost_calendar_id

        def lost():
            return [each for each in stored_records(path).values() if each.get("calendarId") == lost_id]

        summary = await backfill(ghl, path)
        assert (summary.exit_code, summary.ways[2].by, lost()) == (0, "calendar events", [])
        sandbox.log.clear()
        summary = await backfill(ghl, path, deleted_calendars=True)
        assert stored_records(path) == true_records(sandbox)
        assert len(lost()) > 10
        assert (summary.exit_code, summary.ways[2].by) == (0, "each contact")
        assert "deleted calendars" in summary.ways[2].why
        assert "GET /calendars/events" not in routes(sandbox)
        assert routes(sandbox)["GET /contacts/{contactId}/appointments"] == 120 + summary.sample.contacts
        bundles = [bundle async for bundle in bulk.fetch(ghl, deleted_calendars=True)]
        assert sum(each.calendar_id == lost_id for bundle in bundles for each in bundle.appointments) == len(lost())


@pytest.mark.parametrize("doors", DOORS)
@pytest.mark.parametrize("include", [("tasks", "notes"), ("tasks", "appointments"), ("notes", "appointments")])
async def test_two_kinds_alone(path, doors, include):
    async with wide(60) as sandbox, client_of(sandbox) as ghl:
        set_doors(sandbox, doors)
        summary = await backfill(ghl, path, include=include)
        stored = stored_records(path)
        assert stored == true_records(sandbox, include, like=stored)
        (left_out,) = set(KINDS) - set(include)
        assert [way.kind for way in summary.ways] == list(include)
        assert not any(left_out in path for path in routes(sandbox))
        assert ("GET /calendars/" in routes(sandbox)) == (left_out != "appointments")
    assert summary.exit_code == 0


@pytest.mark.parametrize("doors", DOORS)
async def test_a_filtered_query_copies_what_it_finds_with_all_that_belongs_to_it(path, doors):
    query = ContactQuery(tags=["vip"])
    async with wide(300) as sandbox, client_of(sandbox) as ghl:
        wanted = {contact.id async for contact in ghl.contacts.iterate(query)}
        set_doors(sandbox, doors)
        for _ in range(2):
            summary = await backfill(ghl, path, query)
            stored = stored_records(path)
            truth = true_records(sandbox, like=stored)
            assert stored == {key: record for key, record in truth.items() if key[1] in wanted}
            assert (summary.exit_code, summary.found, summary.pruned) == (0, len(wanted), 0)
    assert 20 < len(wanted) < 150


@pytest.mark.parametrize("events", [4, 40])
async def test_events_over_many_windows_come_once(path, monkeypatch, events):
    monkeypatch.setattr(_calendar, "EVENTS_A_WINDOW", events)
    async with wide(250, tasks=0.0, notes=0.0) as sandbox, client_of(sandbox) as ghl:
        summary = await backfill(ghl, path, include=("appointments",))
        stored = stored_records(path)
        assert stored == true_records(sandbox, ("appointments",), like=stored)
        assert routes(sandbox)["GET /calendars/events"] > 3 * 2
    assert (summary.exit_code, summary.appointments) == (0, summary.stored.appointments)
    assert summary.appointments == len(stored) - 250


def poisoned(said):
    for event in said["events"]:
        event["startTime"] = {"neither": "text"}


async def test_events_that_do_not_decode_are_quarantined_under_their_contact(path):
    bend = {"calendars_events": lambda _: poisoned}
    async with wide(120) as sandbox, Bent(sandbox, **bend) as bent, client_of(bent) as ghl:
        summary = await backfill(ghl, path)
        expected = {key[1:] for key in true_records(sandbox, like=stored_records(path)) if key[0] == "appointments"}
        shown = {
            (location.id_of(ref), event["id"])
            for location in (sandbox.state.main,)
            for ref in location.walk(descending=False)
            for event in location.events_of(ref)
        }
    found = ask(path, "SELECT contact_id, id, kind, reason FROM quarantine")
    assert {(contact_id, id_) for contact_id, id_, _, _ in found} == shown
    assert shown < expected, "the truth knows those of deleted calendars too"
    assert len(found) == len(shown) == summary.quarantined == summary.stored.quarantined
    assert {kind for _, _, kind, _ in found} == {"appointments"}
    assert all("startTime" in reason for *_, reason in found)
    assert (summary.reason, summary.sample.missing, summary.stored.appointments) == ("finished", (), 0)


async def test_events_without_a_readable_id_are_kept_apart_each_for_itself(path):
    def nameless(said):
        for event in said["events"]:
            del event["id"]

    async with (
        wide(40) as sandbox,
        Bent(sandbox, calendars_events=lambda _: nameless) as bent,
        client_of(bent) as ghl,
    ):
        summary = await backfill(ghl, path)
        many = sum(len(sandbox.state.main.events_of(ref)) for ref in sandbox.state.main.walk(descending=False))
    assert ask(path, "SELECT count(*), count(contact_id), count(id) FROM quarantine") == [(many, many, 0)]
    assert summary.quarantined == many > 20


async def test_a_last_page_of_one_contact_takes_its_appointments_from_the_spool(path):
    async with wide(13, search_clamp=6, lost=0.0) as sandbox, client_of(sandbox) as ghl:
        last = oldest(sandbox, 12)
        summary = await backfill(ghl, path)
        stored = stored_records(path)
        assert stored == true_records(sandbox, like=stored)
        asked = [(entry.path.split("/")[2], entry.path.split("/")[3]) for entry in sandbox.log.entries
                 if entry.template in BY_EACH]  # fmt: skip
    sampled = summary.sample.contacts
    assert [kind for _, kind in asked].count("appointments") == sampled
    assert [kind for _, kind in asked].count("tasks") == [kind for _, kind in asked].count("notes") == sampled + 1
    assert asked.count((last, "tasks")) >= 1, "two searches for one contact are more than a request"
    assert [way.by for way in summary.ways] == ["task search", "note search", "calendar events"]


async def test_where_calendars_outnumber_the_contacts_each_contact_is_asked(path):
    async with wide(3, lost=0.0) as sandbox, client_of(sandbox) as ghl:
        summary = await backfill(ghl, path)
        assert stored_records(path) == true_records(sandbox)
        assert "GET /calendars/events" not in routes(sandbox)
    assert "no more contacts" in summary.ways[2].why

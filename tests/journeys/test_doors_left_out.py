"""A search that leaves records out: the run says so, and a door that does it for good is not used a second time."""

from __future__ import annotations

import pytest

from ghl_async.sandbox import Sandbox

from .bent import Bent
from .conftest import client_of
from .truth import backfill, oldest, stored_records, true_records

DOORS = {"tasks": "tasks_search", "notes": "notes_search", "appointments": "calendars_events"}
PATHS = {"tasks": "/tasks/search", "notes": "/notes/search", "appointments": "/calendars/events"}


@pytest.fixture
async def crowd():
    """Eight contacts; each has nine tasks, two notes and an event in each of the three calendars."""
    async with Sandbox(contacts=0, requests=1_000_000, interval_seconds=1.0) as sandbox:
        location = sandbox.state.main
        for number in range(8):
            visits = [
                {"calendarId": calendar, "startTime": f"2024-02-0{1 + (number + place) % 4} 1{number}:00:00",
                 "endTime": "2024-02-10 12:00:00", "dateAdded": "2024-01-02 10:00:00"}
                for place, calendar in enumerate(location.children.calendar_ids)
            ]  # fmt: skip
            location.add({
                "email": f"{number}@example.com",
                "dateAdded": f"2024-01-01T00:00:0{number}.000Z",
                "tasks": [{"title": "Call", "dueDate": "2024-02-01T00:00:00.000Z", "completed": False}] * 9,
                "notes": [{"body": "Hello", "bodyText": "Hello", "dateAdded": "2024-01-01T10:00:00.000Z"}] * 2,
                "appointments": visits,
            })  # fmt: skip
        yield sandbox


def hiding(sandbox, kind):
    """A door that never shows one record of each contact, and counts as if there were none."""
    shown = {key[1:] for key in true_records(sandbox) if key[0] == kind}
    hidden = dict(sorted(shown))

    def bend(asked):
        def change(said):
            records = said["events" if kind == "appointments" else kind]
            kept = [each for each in records if hidden[each["contactId"]] != each["id"]]
            if "count" in said:
                named = asked.get("relations")
                said["count"] -= len(hidden) if named is None else len(hidden.keys() & set(named))
            records[:] = kept

        return change

    return {DOORS[kind]: bend}


def is_whole(path, sandbox):
    stored = stored_records(path)
    return stored == true_records(sandbox, like=stored)


def ways(summary):
    return {way.kind: way.by for way in summary.ways}


@pytest.mark.parametrize("kind", DOORS)
async def test_a_door_that_leaves_something_out_for_good_is_found_and_used_no_more(crowd, path, kind):
    async with Bent(crowd, **hiding(crowd, kind)) as bent, client_of(bent) as ghl:
        first = await backfill(ghl, path)
        assert (first.reason, first.exit_code, first.resumable, first.pruned) == ("incomplete", 1, True, 0)
        assert first.sample.left_out_by == (kind,)
        assert {failure.kind for failure in first.sample.missing} == {kind}
        assert f"{kind} will be read contact by contact" in first.message
        assert ways(first)[kind] != "each contact"

        second = await backfill(ghl, path)
        assert (second.reason, second.exit_code, second.found) == ("finished", 0, 8)
        assert [other for other, by in ways(second).items() if by == "each contact"] == [kind]
        assert "an earlier run" in next(way.why for way in second.ways if way.kind == kind)
        assert is_whole(path, crowd)

        refresh = await backfill(ghl, path)  # it stays so
        assert (refresh.exit_code, ways(refresh)[kind]) == (0, "each contact")
        assert is_whole(path, crowd)


async def test_two_doors_may_be_doubted_one_after_the_other(crowd, path):
    tasks = hiding(crowd, "tasks")
    async with Bent(crowd, **tasks) as bent, client_of(bent) as ghl:
        assert (await backfill(ghl, path)).sample.left_out_by == ("tasks",)
    async with Bent(crowd, **tasks, **hiding(crowd, "appointments")) as bent, client_of(bent) as ghl:
        assert (await backfill(ghl, path)).sample.left_out_by == ("appointments",)
        summary = await backfill(ghl, path)
        assert (summary.exit_code, [*ways(summary).values()]) == (0, ["each contact", "note search", "each contact"])
    assert is_whole(path, crowd)


async def test_two_doors_may_be_doubted_at_once(crowd, path):
    async with (
        Bent(crowd, **hiding(crowd, "notes"), **hiding(crowd, "appointments")) as bent,
        client_of(bent) as ghl,
    ):
        assert (await backfill(ghl, path)).sample.left_out_by == ("appointments", "notes")
        assert (await backfill(ghl, path)).exit_code == 0
    assert is_whole(path, crowd)


async def test_starting_over_trusts_the_door_again(crowd, path):
    async with Bent(crowd, **hiding(crowd, "tasks")) as bent, client_of(bent) as ghl:
        await backfill(ghl, path)
        assert (await backfill(ghl, path)).exit_code == 0
    async with client_of(crowd) as ghl:
        assert ways(await backfill(ghl, path))["tasks"] == "each contact"
        summary = await backfill(ghl, path, resume=False)
    assert (summary.exit_code, ways(summary)["tasks"]) == (0, "task search")
    assert is_whole(path, crowd)


async def test_a_doubt_is_kept_by_a_run_that_was_stopped(crowd, path):
    async with Bent(crowd, **hiding(crowd, "tasks")) as bent, client_of(bent) as ghl:
        await backfill(ghl, path)
        crowd.faults.add(kind="server_error", status=400, path_contains="/contacts/search", times=1)
        with pytest.raises(Exception, match="400"):
            await backfill(ghl, path)
        summary = await backfill(ghl, path)
    assert (summary.exit_code, ways(summary)["tasks"]) == (0, "each contact")
    assert is_whole(path, crowd)


@pytest.mark.parametrize(
    ("kind", "contacts", "times"),
    [("tasks", 3, 1), ("appointments", 4, 3)],  # three are compared, and each calendar loses that of another contact
)
async def test_an_item_lost_once_makes_the_run_incomplete_and_the_next_one_whole(crowd, path, kind, contacts, times):
    for place in reversed(range(contacts, 8)):
        crowd.state.main.delete(oldest(crowd, place))
    crowd.faults.add(kind="drop_item", path_contains=PATHS[kind], times=times)
    async with client_of(crowd) as ghl:
        first = await backfill(ghl, path)
        assert (first.reason, first.exit_code) == ("incomplete", 1)
        assert {failure.kind for failure in first.sample.missing} == {kind}
        assert first.sample.left_out_by == (), "asked again, the door shows it"
        assert "run it again" in first.message
        second = await backfill(ghl, path)
    assert (second.exit_code, second.contacts) == (0, contacts)
    assert ways(second)["tasks"] == "task search"
    assert is_whole(path, crowd)


async def test_a_lost_note_shows_in_the_servers_own_count(crowd, path):
    crowd.faults.add(kind="drop_item", path_contains=PATHS["notes"])
    async with client_of(crowd) as ghl:
        summary = await backfill(ghl, path)
    assert (summary.exit_code, summary.sample.missing) == (0, ())
    assert is_whole(path, crowd)
    route = crowd.log.counts()["by_route"]["GET /contacts/{contactId}/notes"]
    assert route == 8 + summary.sample.contacts

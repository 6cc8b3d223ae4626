"""The command line about costs: the plan, the day that does not hold it, and the cheaper ways that fail."""

import re
import signal
import time

import msgspec
import pytest

from ghl_async.sandbox import Sandbox

from .command import Command, until
from .conftest import set_doors
from .truth import assert_whole, stored_records


@pytest.fixture
async def sandbox():
    """120 contacts and a quota nobody reaches."""
    async with Sandbox(contacts=120, requests=100_000, interval_seconds=0.5) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


async def test_plan_shows_what_a_copy_costs_and_changes_nothing(ghl_async, sandbox, tmp_path):
    ended = await ghl_async("plan")
    assert (ended.code, ended.err) == (0, "")
    assert not list(tmp_path.iterdir())
    asked = sandbox.log.requests
    assert asked <= 20
    rows = {line.split("  ")[0]: line.split() for line in ended.out.splitlines() if line[0] != " "}
    assert rows["contacts"] == ["contacts", "120", "2", "contact", "search:", "one", "page"]
    assert rows["tasks"][3:5] == ["task", "search:"]
    assert rows["notes"][3:5] == ["note", "search:"]
    assert rows["appointments"][1:5] == ["?", "5", "calendar", "events:"]
    assert rows["check"][1] == "9"
    parts = [
        int(rows[name][1 if name == "check" else 2]) for name in ("contacts", "tasks", "notes", "appointments", "check")
    ]
    planned = int(rows["in all"][2])
    assert planned == sum(parts)
    assert "time: less than 1 s at the full quota, 100,000 requests in 0.5 s" in ended.out
    assert "share of the day: 0.01% of 200,000 requests" in ended.out
    assert f"left today for bulk work: {198_000 - asked:,} requests; 2,000 more are kept" in ended.out

    assert (await ghl_async("backfill", "--quiet")).code == 0
    assert sandbox.log.requests - 2 * asked == pytest.approx(planned, rel=0.1)
    again = await ghl_async("plan", "--json")
    plan = msgspec.json.decode(again.out)
    assert {"contacts", "ways", "requests", "seconds", "day_share", "day_left", "spent"} <= plan.keys()
    assert sum(way["requests"] for way in plan["ways"]) + plan["sample_requests"] == plan["requests"] == planned
    assert again.err == ""


@pytest.mark.usefixtures("refused")
async def test_plan_says_where_the_dear_way_is_taken_and_that_the_day_does_not_hold_it(ghl_async, sandbox):
    leave_of_the_day(sandbox, 200)
    ended = await ghl_async("plan")
    assert ended.code == 0
    assert re.search(r"^notes +\? +120 +each contact: the cheaper way is refused: ", ended.out, re.MULTILINE)
    assert re.search(r"^That is too little: wait until .* UTC, or ghl-async backfill --force ", ended.out, re.MULTILINE)


async def test_a_location_too_large_for_any_day_is_copied_from_day_to_day(tmp_path):
    async with Sandbox(contacts=120, requests=100_000, daily=300) as sandbox:
        set_doors(sandbox, "refused")
        command = Command(tmp_path, sandbox)
        assert "no day holds so much; ghl-async backfill --force begins now" in (await command("plan")).out
        refusal = await command("backfill", "--quiet")
        assert (refusal.code, refusal.out) == (2, "")
        assert "so nothing was read: no day holds so much; --force begins now" in refusal.err
        assert (await command("backfill", "--force", "--store", "x.db")).code == 3
    assert stored_records(tmp_path / "x.db")


async def test_plan_needs_no_account(tmp_path):
    ended = await Command(tmp_path)("plan", "--sandbox", "--contacts", 30, "--include", "none")
    assert ended.code == 0
    assert re.search(r"^contacts +30 +2 +contact search: one page\nin all +2$", ended.out, re.MULTILINE)
    assert not list(tmp_path.iterdir())


async def test_an_empty_location_is_planned_and_copied(tmp_path):
    command = Command(tmp_path)
    for arguments in (("plan",), ("backfill",), ("plan",), ("backfill",)):
        ended = await command(*arguments, "--sandbox", "--contacts", 0)
        assert ended.code == 0
    assert "The plan: about 1 request, less than 1 s at the full quota" in ended.err


async def test_a_cheaper_way_that_fails_midway_is_told_once(ghl_async, sandbox, tmp_path):
    # One request of the plan and one of the run pass.
    sandbox.faults.add(kind="refused", path_contains="/notes/search", after=2)
    ended = await ghl_async("backfill", "--store", "x.db")
    assert ended.code == 0
    said = [line for line in ended.err.splitlines() if "contact by contact" in line]
    (told,) = said
    assert told.startswith("From here on notes are read contact by contact: ")
    assert "scope" in told
    assert re.search(r"^notes were read contact by contact: .*scope", ended.out, re.MULTILINE)
    assert_whole(tmp_path / "x.db", sandbox, "granted")


@pytest.mark.usefixtures("refused")
async def test_what_the_plan_said_is_not_told_again(ghl_async):
    ended = await ghl_async("backfill")
    assert ended.code == 0
    for kind in ("tasks", "notes", "appointments"):
        assert len(re.findall(rf"\b{kind}\b.* contact by contact: ", ended.err)) == 1
        assert f"{kind} were read contact by contact: " in ended.out


def leave_of_the_day(sandbox, left):
    """Have others spend all but so many of the day's 5,000 requests, of which 50 are kept for single calls."""
    sandbox.limits.change(daily=5000)
    sandbox.limits.spend(("pit", sandbox.location_id), time.monotonic(), 5000 - left)


@pytest.mark.usefixtures("refused")
async def test_a_run_that_the_day_does_not_hold_is_refused_unless_forced(ghl_async, sandbox, tmp_path):
    leave_of_the_day(sandbox, 200)
    ended = await ghl_async("backfill", "--store", "x.db", "--quiet")
    assert ended.code == 2
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert re.fullmatch(
        r"ghl-async: about 3\d\d requests are needed and 1\d\d are left today for bulk work, so nothing was read: "
        r"wait until \d{4}-\d\d-\d\d \d\d:\d\d UTC, or --force begins now, .*",
        line,
    )
    assert not (tmp_path / "x.db").exists()
    assert sandbox.log.requests < 20

    ended = await ghl_async("backfill", "--store", "x.db", "--quiet", "--force")
    assert ended.code == 3
    (line,) = ended.err.splitlines()
    assert "run it again then, it goes on where it stopped" in line
    assert sandbox.log.by_status[429] == 0
    assert stored_records(tmp_path / "x.db")

    sandbox.limits.change(daily=200_000)
    assert (await ghl_async("backfill", "--store", "x.db")).code == 0
    assert_whole(tmp_path / "x.db", sandbox, "refused")


async def test_a_day_at_its_floor_stops_even_the_plan(ghl_async, sandbox, tmp_path):
    leave_of_the_day(sandbox, 40)
    for command in ("plan", "backfill"):
        ended = await ghl_async(command)
        assert ended.code == 3
        assert "are kept for interactive calls" in ended.err
        assert not list(tmp_path.iterdir())


async def test_a_signal_while_it_is_planned_stops_before_anything_is_read(ghl_async, sandbox, tmp_path):
    sandbox.faults.add(kind="slow", path_contains="/notes/search", seconds=30.0)
    async with ghl_async.running("backfill", "--store", "x.db") as process:
        await until(lambda: sandbox.log.requests > 1)
        process.send_signal(signal.SIGTERM)
        ended = await ghl_async.end(process)
    assert ended.code == 3
    assert ended.err.splitlines()[-1].startswith("ghl-async: stopped before anything was read")
    assert not (tmp_path / "x.db").exists()

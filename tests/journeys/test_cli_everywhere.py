"""`backfill --all-locations`: each location into its own file, and trouble in one is no trouble of the others."""

from __future__ import annotations

import signal

import msgspec
import pytest

from ghl_async.sandbox import Sandbox

from .command import Command, until
from .consent import app_settings, log_in
from .test_cli_refusals import refused
from .truth import stored_records


@pytest.fixture
async def sandbox():
    async with Sandbox(contacts=30, requests=100_000) as running:
        running.oauth.rules.change(consent_for=running.company_id)
        for _ in range(2):
            running.add_location(12, company_id=running.company_id)
        yield running


@pytest.fixture
async def ghl_async(sandbox, tmp_path):
    command = Command(tmp_path, sandbox)
    assert (await log_in(command, sandbox, "--agency")).code == 0
    return command


def places_of(sandbox):
    return {location.id: location for location in sandbox.oauth.locations_of(sandbox.company_id)}


def contacts_in(path):
    return sum(kind == "contacts" for kind, *_ in stored_records(path))


async def test_every_location_is_copied_into_its_own_file(ghl_async, sandbox, tmp_path):
    settings, places = app_settings(sandbox), places_of(sandbox)
    (tmp_path / "copies").mkdir()
    ended = await ghl_async("backfill", "--all-locations", "--store", "copies", "--json", **settings)
    assert ended.code == 0
    assert ended.err == ""
    told = {each["location_id"]: each["summary"] for each in map(msgspec.json.decode, ended.out.splitlines())}
    assert told.keys() == places.keys()
    for location_id in places:
        assert told[location_id]["server_total"] == told[location_id]["stored"]["contacts"]
        assert contacts_in(tmp_path / "copies" / f"ghl-{location_id}.db") == told[location_id]["contacts"]
    assert sandbox.oauth.counts["location_token"] == len(places)

    again = await ghl_async("backfill", "--all-locations", "--store", "copies", **settings)
    assert (again.code, again.out) == (0, "")
    assert again.err.splitlines()[-1] == f"{len(places)} locations; {len(places)} of them are complete."
    assert sandbox.oauth.counts["location_token"] == len(places)


async def test_a_paused_location_and_one_without_the_app_are_no_trouble_of_the_others(ghl_async, sandbox, tmp_path):
    paused, gone, *others = places_of(sandbox)
    sandbox.state.locations[paused].place.change(active=False)
    sandbox.oauth.uninstall(sandbox.app, location_id=gone)
    ended = await ghl_async("backfill", "--all-locations", "--quiet", **app_settings(sandbox))
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert line.startswith(f"ghl-async: {paused} (")
    assert "the account is paused: keep the token and wait" in line
    assert {path.name for path in tmp_path.glob("*.db")} == {f"ghl-{place}.db" for place in others}


async def test_a_day_that_does_not_hold_a_location_is_told_and_the_others_go_on(ghl_async, sandbox):
    sandbox.limits.change(daily=14)
    ended = await ghl_async("backfill", "--all-locations", "--quiet", **app_settings(sandbox))
    assert ended.code in {2, 3}
    assert "left today for bulk work" in ended.err
    assert ended.out == ""


async def test_a_signal_stops_all_of_them_and_the_same_command_goes_on(ghl_async, sandbox, tmp_path):
    settings = app_settings(sandbox)
    sandbox.limits.change(requests=10, interval_seconds=1.0)
    async with ghl_async.running("backfill", "--all-locations", **settings) as process:
        seen = sandbox.log.requests
        await until(lambda: sandbox.log.requests > seen + 60)
        process.send_signal(signal.SIGINT)
        ended = await ghl_async.end(process)
    assert ended.code == 3
    assert "Stopping: what has been read is being stored." in ended.err
    sandbox.limits.change(requests=100_000)
    resumed = await ghl_async("backfill", "--all-locations", "--json", **settings)
    assert resumed.code == 0
    for each in map(msgspec.json.decode, resumed.out.splitlines()):
        assert contacts_in(tmp_path / f"ghl-{each['location_id']}.db") == each["summary"]["server_total"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--sandbox", "leave out --sandbox"),
        ("--contacts 5", "leave out --sandbox and --contacts"),
        ("--location-id x", "leave out --location-id"),
        ("--store nowhere", "--store names a folder, and nowhere is none"),
        ("--company-id X", "no token of the agency X is stored"),
        ("--tokens nothing", "no agency's token is stored in nothing: ghl-async login --oauth --agency"),
    ],
)
async def test_wrong_usage(ghl_async, sandbox, arguments, words):
    settings = app_settings(sandbox)
    await refused(ghl_async, 2, words, "backfill", "--all-locations", *arguments.split(), **settings)


async def test_an_agency_without_locations_says_so(ghl_async, sandbox):
    for place in places_of(sandbox):
        sandbox.oauth.uninstall(sandbox.app, location_id=place)
    await refused(ghl_async, 2, "no location of the agency", "backfill", "--all-locations", **app_settings(sandbox))


async def test_a_list_that_is_refused_is_one_line(ghl_async, sandbox):
    sandbox.faults.add(kind="refused", path_contains="/oauth/installed", status=401)
    await refused(ghl_async, 1, "scope oauth.readonly", "backfill", "--all-locations", **app_settings(sandbox))

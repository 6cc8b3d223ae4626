"""Logging in, what is then stored, and commands that live on it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
import sys

import pytest

from ghl_async.auth import PRIVATE, EncryptedFileStore, Key
from ghl_async.sandbox import Sandbox

from .command import KEY, Command, until
from .consent import REDIRECT, address_of, app_settings, led_to, log_in, seen_at

ALONE = {"GHL_TOKEN": None, "GHL_LOCATION_ID": None}
"""No settings: what is stored must do."""


@pytest.fixture
async def sandbox():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = f"{REDIRECT},http://localhost:{port}/callback,http://127.0.0.1:{port}/"
    async with Sandbox(contacts=30, requests=100_000, redirect_uri=places) as running:
        running.loopback_port = port
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


async def stored(tmp_path, key):
    async with EncryptedFileStore(tmp_path / "tokens", key=KEY) as store:
        return await store.load(key)


async def test_a_private_token_is_tried_kept_and_used_by_all_commands(ghl_async, sandbox, tmp_path):
    ended = await ghl_async("login", said=f"  {sandbox.token}\n", GHL_TOKEN=None)
    assert (ended.code, ended.out) == (0, "")
    assert f"The token of location {sandbox.location_id} is kept in {tmp_path / 'tokens'}." in ended.err
    assert sandbox.log.requests == 1
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o600

    shown = await ghl_async("tokens", **ALONE)
    assert re.fullmatch(
        rf"location {sandbox.location_id} +private token +stored since \d{{4}}-\d\d-\d\d, does not expire\n", shown.out
    )
    for command in ("plan", "backfill", "doctor"):
        assert (await ghl_async(command, **ALONE)).code == 0
    forgotten = await ghl_async("logout", **ALONE)
    assert f"Forgotten: location {sandbox.location_id}, private token\n" in forgotten.err
    assert (await ghl_async("tokens", **ALONE)).out == ""


async def test_a_second_token_stands_beside_the_first_and_takes_over(ghl_async, sandbox, tmp_path):
    first, second, third = sandbox.token, sandbox.state.add_token().text, sandbox.state.add_token().text
    key = Key(PRIVATE, "location", sandbox.location_id)
    for token in (first, first, second):
        ended = await ghl_async("login", said=f"{token}\n", GHL_TOKEN=None)
    assert "beside the one before" in ended.err
    assert "a new one beside it" in (await ghl_async("tokens", **ALONE)).out
    tokens = await stored(tmp_path, key)
    assert (tokens.access_token, tokens.next_token) == (first, second)

    del sandbox.state.tokens[first]
    assert (await ghl_async("plan", **ALONE)).code == 0
    await ghl_async("login", said=f"{third}\n", GHL_TOKEN=None)
    tokens = await stored(tmp_path, key)
    assert (tokens.access_token, tokens.next_token) == (second, third)
    del sandbox.state.tokens[third]
    assert (await ghl_async("plan", **ALONE)).code == 0
    assert (await stored(tmp_path, key)).next_token is None


async def test_a_token_without_the_scope_is_not_kept_and_the_scope_is_named(ghl_async, sandbox):
    token = sandbox.state.add_token(scopes=["locations.readonly"]).text
    ended = await ghl_async("login", said=token, GHL_TOKEN=None)
    assert ended.code == 1
    assert re.search(r"^ghl-async: .*add the scope contacts.readonly", ended.err, re.MULTILINE)
    assert (await ghl_async("tokens", **ALONE)).out == ""


async def test_a_token_of_the_environment_goes_first_and_login_says_so(ghl_async, sandbox):
    ended = await ghl_async("login", said=sandbox.token)
    assert "GHL_TOKEN is set and goes before what is stored: unset it." in ended.err
    assert (await ghl_async("plan", GHL_TOKEN="pit-wrong")).code == 1


async def test_at_a_terminal_the_token_is_not_echoed(ghl_async, sandbox, tmp_path):
    pty = pytest.importorskip("pty", reason="this system has no terminals of that kind")
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ghl_async", "login"),
        cwd=ghl_async.folder,
        env={name: value for name, value in ghl_async.environment.items() if name != "GHL_TOKEN"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # so that this is its terminal, or it has none
    )
    os.close(theirs)
    shown = b""
    async with asyncio.timeout(30):
        while b"not shown" not in shown:
            shown += await asyncio.to_thread(os.read, ours, 65536)
    os.write(ours, sandbox.token.encode() + b"\n")
    shown += await asyncio.to_thread(_read_terminal, ours)
    assert await process.wait() == 0
    assert sandbox.token.encode() not in shown
    assert b"is kept in" in shown
    assert await stored(tmp_path, Key(PRIVATE, "location", sandbox.location_id))


def _read_terminal(descriptor):
    parts = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(descriptor)
    return b"".join(parts)


@pytest.mark.parametrize("version", [None, "v3"])
async def test_a_login_by_the_consent_page_is_kept_and_renewed_and_used(ghl_async, sandbox, tmp_path, version):
    ended = await log_in(ghl_async, sandbox, GHL_API_VERSION=version)
    assert (ended.code, ended.out) == (0, "")
    assert f"The tokens of location {sandbox.location_id} for the app {sandbox.client_id} are kept in" in ended.err
    assert "Not granted" not in ended.err

    settings = app_settings(sandbox, GHL_API_VERSION=version)
    assert re.fullmatch(
        rf"location {sandbox.location_id} +{sandbox.client_id} +until .+ UTC; renewed when used\n",
        (await ghl_async("tokens", **settings)).out,
    )
    key = Key(sandbox.client_id, "location", sandbox.location_id)
    first = await stored(tmp_path, key)
    sandbox.oauth.state.tokens.pop(first.access_token)
    assert (await ghl_async("backfill", "--quiet", **settings)).code == 0
    assert sandbox.oauth.counts["refresh_token"] == 1
    assert (await stored(tmp_path, key)).refresh_token != first.refresh_token


async def test_scopes_that_were_not_granted_are_named(ghl_async, sandbox):
    async def bent(address):
        code = sandbox.oauth.authorize(sandbox.app, location_id=sandbox.location_id, scopes=["contacts.readonly"])
        return re.sub(r"code=\w+", f"code={code}", address)

    ended = await log_in(ghl_async, sandbox, "--scopes", "contacts.readonly, notes.readonly", bent=bent)
    assert ended.code == 0
    assert "Not granted: notes.readonly." in ended.err


async def test_the_apps_secret_is_asked_for_where_it_is_not_set(ghl_async, sandbox):
    process = await ghl_async.start("login", "--paste", **app_settings(sandbox, GHL_CLIENT_SECRET=None))
    process.stdin.write(f"{sandbox.client_secret}\n".encode())
    ended = await ghl_async.end(process, f"{await led_to(await address_of(process))}\n")
    assert ended.code == 0


@pytest.mark.parametrize("place", ["http://localhost:{}/callback", "http://127.0.0.1:{}/"])
async def test_a_listener_catches_the_browser_where_the_app_allows_it(ghl_async, sandbox, place):
    port = sandbox.loopback_port
    settings = app_settings(sandbox, GHL_REDIRECT_URI=place.format(port))
    async with ghl_async.running("login", "--listen", port, **settings) as process:
        back = await led_to(await address_of(process))
        status, _ = await seen_at(f"http://127.0.0.1:{port}/favicon.ico")
        assert status == 404
        status, page = await seen_at(back.replace("localhost", "127.0.0.1"))
        assert status == 200
        assert "Done. You may close this page" in page
        ended = await ghl_async.end(process)
    assert ended.code == 0
    assert "are kept in" in ended.err


async def test_a_denied_consent_ends_the_listener_with_one_line(ghl_async, sandbox):
    sandbox.oauth.rules.change(consent="deny")
    port = sandbox.loopback_port
    settings = app_settings(sandbox, GHL_REDIRECT_URI=f"http://127.0.0.1:{port}/")
    async with ghl_async.running("login", "--listen", port, **settings) as process:
        status, page = await seen_at(await led_to(await address_of(process)))
        assert status == 400
        assert "The terminal says why" in page
        ended = await ghl_async.end(process)
    assert ended.code == 1
    assert re.fullmatch(r"\nWaiting .*\nghl-async: the consent page answered access_denied: .*\n", ended.err)


async def test_an_agency_logs_in_once_and_its_locations_need_no_login(ghl_async, sandbox):
    sandbox.oauth.rules.change(consent_for=sandbox.company_id)
    ended = await log_in(ghl_async, sandbox, "--agency")
    assert ended.code == 0
    assert f"The tokens of the agency {sandbox.company_id} for the app" in ended.err
    settings = app_settings(sandbox, GHL_LOCATION_ID=sandbox.location_id)
    assert (await ghl_async("plan", **settings)).code == 0
    assert (await ghl_async("plan", **settings)).code == 0
    assert sandbox.oauth.counts["location_token"] == 1
    lines = (await ghl_async("tokens", **settings)).out.splitlines()
    assert re.fullmatch(rf"agency +{sandbox.company_id} .*renewed when used", lines[0])
    assert re.fullmatch(rf"location +{sandbox.location_id} .*from the agency {sandbox.company_id}, .*", lines[1])

    ended = await ghl_async("logout", "--company-id", sandbox.company_id, **settings)
    assert ended.err.count("Forgotten: ") == 2
    assert (await ghl_async("tokens", **settings)).out == ""


async def test_logout_of_all_forgets_all(ghl_async, sandbox):
    await ghl_async("login", said=sandbox.token, GHL_TOKEN=None)
    await log_in(ghl_async, sandbox)
    ended = await ghl_async("logout", "--all")
    assert ended.err.count("Forgotten: ") == 2
    assert (await ghl_async("tokens")).err.startswith("Nothing is stored in ")


async def test_without_a_name_the_store_is_a_private_folder_of_the_user(ghl_async, sandbox, tmp_path):
    home = {"GHL_ASYNC_TOKENS": None, "XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)}
    assert (await ghl_async("login", said=sandbox.token, GHL_TOKEN=None, **home)).code == 0
    (file,) = tmp_path.rglob("tokens")
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (await ghl_async("plan", **ALONE, **home)).code == 0


async def test_a_name_that_ends_in_db_makes_a_plain_database(ghl_async, sandbox, tmp_path):
    options = ("--tokens", tmp_path / "tokens.db")
    assert (await ghl_async("login", *options, said=sandbox.token, GHL_TOKEN=None)).code == 0
    assert (tmp_path / "tokens.db").read_bytes().startswith(b"SQLite format 3")
    ended = await ghl_async("doctor", *options, **ALONE)
    assert ended.code == 0
    assert "in plain text, for you alone" in ended.out


async def test_a_running_backfill_changes_to_a_new_token_by_itself(ghl_async, sandbox):
    await ghl_async("login", said=sandbox.token, GHL_TOKEN=None)
    second = sandbox.state.add_token().text
    sandbox.limits.change(requests=20, interval_seconds=0.5)
    async with ghl_async.running("backfill", "--quiet", **ALONE) as process:
        seen = sandbox.log.requests
        await until(lambda: sandbox.log.requests > seen + 20)
        assert (await ghl_async("login", said=second, GHL_TOKEN=None)).code == 0
        sandbox.state.tokens.pop(sandbox.token)
        assert (await ghl_async.end(process)).code == 0


async def test_a_misspelt_scope_is_pointed_out(ghl_async, sandbox):
    scopes = "contacts.readonyl, workflows.readonly, contacts.write"
    ended = await ghl_async.end(
        await ghl_async.start("login", "--oauth", "--scopes", scopes, **app_settings(sandbox)), "\n"
    )
    assert "contacts.readonyl is no scope that ghl-async knows: was contacts.readonly meant?" in ended.err
    assert "contacts.write is no scope" not in ended.err

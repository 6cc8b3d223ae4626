"""What can go wrong with credentials: one clear line, an exit code, nothing overwritten, no secret shown."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from ghl_async.auth import EncryptedFileStore, Key, Tokens
from ghl_async.sandbox import Sandbox

from ..house.source import ROOT
from .command import KEY, Command
from .consent import address_of, app_settings, holds, keep, led_to, log_in, tokens_of
from .test_cli_refusals import refused

ALONE = {"GHL_TOKEN": None, "GHL_LOCATION_ID": None}


@pytest.fixture
async def sandbox():
    async with Sandbox(contacts=3, requests=100_000) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


@pytest.fixture
async def kept(ghl_async, sandbox):
    """The token file, with a private token in it."""
    return await keep(ghl_async.folder / "tokens", sandbox)


def last_line(ended):
    """The complaint behind what was asked."""
    assert ended.out == ""
    assert ended.err.count("ghl-async: ") == 1
    return ended.err.splitlines()[-1].removeprefix("ghl-async: ")


async def test_a_wrong_state_stores_nothing(ghl_async, sandbox, kept):
    before = await holds(kept)

    async def bent(address):
        return re.sub(r"state=[^&]+", "state=somebody-elses", address)

    ended = await log_in(ghl_async, sandbox, bent=bent)
    assert ended.code == 1
    assert last_line(ended).startswith("the state in this address is not the one of this login")
    assert await holds(kept) == before
    assert sandbox.oauth.counts == {}


async def test_an_address_of_an_earlier_login_is_not_taken_again(ghl_async, sandbox, kept):
    seen = []

    async def remembered(address):
        seen.append(address)
        return address

    async def again(_address):
        return seen[0]

    assert (await log_in(ghl_async, sandbox, bent=remembered)).code == 0
    before = await holds(kept)
    ended = await log_in(ghl_async, sandbox, bent=again)
    assert ended.code == 1
    assert "the state in this address" in last_line(ended)
    assert await holds(kept) == before


async def test_a_code_that_was_used_stores_nothing(ghl_async, sandbox, kept):
    before, codes = await holds(kept), []

    async def used(address):
        codes.append(re.search(r"code=(\w+)", address)[1])
        await tokens_of(sandbox, codes[0])
        return address

    ended = await log_in(ghl_async, sandbox, bent=used)
    assert ended.code == 1
    line = last_line(ended)
    assert "unknown, expired or used already: log in again: ghl-async login --oauth" in line
    assert codes[0] not in ended.err
    assert await holds(kept) == before


async def test_a_denied_consent_stores_nothing(ghl_async, sandbox, kept):
    before = await holds(kept)
    sandbox.oauth.rules.change(consent="deny")
    ended = await log_in(ghl_async, sandbox)
    assert ended.code == 1
    assert last_line(ended).startswith("the consent page answered access_denied: nothing was allowed")
    assert await holds(kept) == before


@pytest.mark.parametrize(
    ("bent", "words"),
    [
        ("nonsense", "paste all of what stands in the browser's address bar"),
        ("https://app.example.com/callback", "the state in this address is not the one"),
        ("", "nothing was given, and nothing is stored"),
    ],
)
async def test_an_address_that_is_none(ghl_async, sandbox, bent, words):
    async def made(_address):
        return bent

    ended = await log_in(ghl_async, sandbox, bent=made)
    assert ended.code in {1, 2}
    assert words in last_line(ended)


@pytest.mark.parametrize(
    "address", ["http://app.example.com/callback", "ftp://localhost/x", "myapp://callback", "https://x.example/#y"]
)
async def test_a_redirect_neither_https_nor_loopback(ghl_async, sandbox, address):
    settings = app_settings(sandbox, GHL_REDIRECT_URI=address)
    await refused(
        ghl_async, 2, "redirect_uri must be an https address, or http on this", "login", "--oauth", **settings
    )
    assert not (ghl_async.folder / "tokens").exists()


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        ("--oauth", {"GHL_CLIENT_ID": None}, "GHL_CLIENT_ID is not set"),
        ("--oauth", {"GHL_REDIRECT_URI": None}, "pass --redirect-uri or set GHL_REDIRECT_URI"),
        ("--oauth --listen 8765", {}, "--listen is for redirect addresses on this machine"),
        ("--listen 1234", {"GHL_REDIRECT_URI": "http://localhost:8765/"}, "leads to port 8765"),
        ("--paste --listen 1234", {}, "leave one out"),
        ("--oauth --location-id x", {}, "--location-id goes with a private token"),
        ("--oauth --marketplace nonsense", {}, "marketplace is"),
        ("--agency", {}, "--agency goes with --oauth"),
        ("--scopes x", {}, "--scopes goes with --oauth"),
        ("", {}, "pass --location-id or set GHL_LOCATION_ID"),
        ("--location-id ../x", {}, "location_id is no location id"),
        ("--token pit-x", {}, "Unknown option"),
        ("--client-secret x", {}, "Unknown option"),
    ],
)
async def test_wrong_usage_of_login(ghl_async, sandbox, arguments, settings, words):
    settings = app_settings(sandbox) | settings
    await refused(ghl_async, 2, words, "login", *arguments.split(), **settings)
    assert not (ghl_async.folder / "tokens").exists()


async def test_a_port_of_the_listener_that_is_taken(ghl_async, sandbox):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = app_settings(sandbox, GHL_REDIRECT_URI=f"http://127.0.0.1:{port}/")
        await refused(ghl_async, 2, f"cannot listen on port {port}", "login", "--listen", port, **settings)


async def test_a_wrong_client_secret_speaks_of_the_app(ghl_async, sandbox):
    ended = await log_in(ghl_async, sandbox, GHL_CLIENT_SECRET="wrong-secret-of-the-app")
    assert ended.code == 1
    assert "the app was refused" in last_line(ended)
    assert "wrong-secret" not in ended.err


@pytest.mark.parametrize(
    ("token", "code", "words"),
    [
        ("", 2, "nothing was given, and nothing is stored"),
        ("pit-unknown-0000", 1, "401 Invalid Private Integration token"),
        ("two words", 2, "was something else pasted?"),
        ("tökén", 2, "was something else pasted?"),
    ],
)
async def test_a_private_token_that_is_not_good_is_not_kept(ghl_async, kept, token, code, words):
    before = await holds(kept)
    ended = await ghl_async("login", said=token, GHL_TOKEN=None)
    assert ended.code == code
    assert words in last_line(ended)
    assert not token or token not in ended.err
    assert await holds(kept) == before


async def test_a_token_of_another_location_is_not_kept(ghl_async, sandbox):
    other = sandbox.state.other.id
    ended = await ghl_async("login", "--location-id", other, said=sandbox.token, GHL_TOKEN=None)
    assert ended.code == 1
    assert "the token belongs to another location" in last_line(ended)
    assert await holds(ghl_async.folder / "tokens") == {}


async def test_an_interrupt_at_the_prompt_ends_it(ghl_async, sandbox, kept):
    before = kept.read_bytes()
    async with ghl_async.running("login", "--oauth", **app_settings(sandbox)) as process:
        await address_of(process)
        before = kept.read_bytes()
        process.send_signal(signal.SIGINT)
        ended = await ghl_async.end(process)
    assert ended.code not in {0, -signal.SIGKILL}
    assert kept.read_bytes() == before


@pytest.mark.parametrize("missing", ["cryptography", "keyring"])
async def test_without_the_extra_nothing_is_kept_in_plain_text(ghl_async, sandbox, missing):
    program = f"import sys; sys.modules[{missing!r}] = None; from ghl_async.cli import main; sys.exit(main())"
    process = await ghl_async.start(
        "login", program=(sys.executable, "-c", program), GHL_TOKEN=None, GHL_ASYNC_KEY=None
    )
    ended = await ghl_async.end(process, sandbox.token)
    assert ended.code == 2
    assert f"that needs {missing}: run `pip install 'ghl_async[secure]'`" in last_line(ended)
    assert not (ghl_async.folder / "tokens").exists()


def test_without_platformdirs_one_line_says_what_to_install(tmp_path):
    program = "import sys; sys.modules['platformdirs'] = None; from ghl_async.cli import main; sys.exit(main())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GHL_")}
    ended = subprocess.run(
        [sys.executable, "-c", program, "tokens"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "ghl-async: the command line needs platformdirs, which is not installed: pip install"
    )
    assert ended.stderr.count("\n") == 1


async def test_several_are_chosen_among_by_name(ghl_async, sandbox, kept):
    async with EncryptedFileStore(kept, key=KEY) as store:
        for app in ("app1-x", "app2-x"):
            await store.save(Key(app, "location", "B" * 20), Tokens(access_token="a", refresh_token="r"))
            await store.save(Key(app, "company", "C" * 20), Tokens(access_token="a", refresh_token="r"))
    await refused(ghl_async, 2, "2 locations have a token in", "plan", **ALONE)
    other = ALONE | {"GHL_LOCATION_ID": "B" * 20}
    await refused(ghl_async, 2, f"several apps for location {'B' * 20}: set GHL_CLIENT_ID", "plan", **other)
    await refused(ghl_async, 2, "renewing them takes its secret", "plan", GHL_CLIENT_ID="app1-x", **other)
    await refused(ghl_async, 2, "several apps for the agency", "backfill", "--all-locations", **ALONE)
    await refused(ghl_async, 2, "no token of the agency D", "backfill", "--all-locations", "--company-id", "D", **ALONE)
    await refused(ghl_async, 2, "there are several: pass --location-id", "logout", **ALONE)
    await refused(ghl_async, 2, "nothing of that is stored", "logout", "--location-id", "D" * 20, **ALONE)
    await refused(ghl_async, 2, "--all forgets everything", "logout", "--all", "--location-id", "D" * 20, **ALONE)
    before = await holds(kept)
    wrong = app_settings(sandbox, GHL_LOCATION_ID="B" * 20, GHL_CLIENT_ID="app3-x")
    await refused(ghl_async, 2, "several apps", "plan", **wrong)
    assert await holds(kept) == before


async def test_another_app_than_that_of_the_tokens_is_named(ghl_async, sandbox):
    assert (await log_in(ghl_async, sandbox)).code == 0
    wrong = app_settings(sandbox, GHL_CLIENT_ID="other-app")
    await refused(
        ghl_async, 2, f"belong to the app {sandbox.client_id}, and GHL_CLIENT_ID names other-app", "plan", **wrong
    )
    await refused(ghl_async, 2, "set GHL_CLIENT_SECRET", "plan", **app_settings(sandbox, GHL_CLIENT_SECRET=None))


async def test_a_refresh_token_that_died_says_to_log_in_again(ghl_async, sandbox):
    assert (await log_in(ghl_async, sandbox)).code == 0
    sandbox.oauth.uninstall(sandbox.app, location_id=sandbox.location_id)
    ended = await ghl_async("plan", **app_settings(sandbox))
    assert ended.code == 1
    assert "log in again: ghl-async login --oauth" in last_line(ended)


async def test_a_backup_of_older_tokens_says_to_log_in_again(ghl_async, sandbox, kept):
    assert (await log_in(ghl_async, sandbox)).code == 0
    await ghl_async("logout", "--location-id", sandbox.location_id)
    assert (await log_in(ghl_async, sandbox)).code == 0
    backup = kept.read_bytes()
    sandbox.oauth.rules.change(refresh_grace_seconds=0)
    for code in (0, 1):
        sandbox.state.tokens.clear()
        kept.write_bytes(backup)
        ended = await ghl_async("plan", **app_settings(sandbox))
        assert ended.code == code
    assert "log in again: ghl-async login --oauth" in last_line(ended)


async def test_the_browser_that_comes_with_a_wrong_state_ends_the_login(ghl_async, sandbox):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = app_settings(sandbox, GHL_REDIRECT_URI=f"http://127.0.0.1:{port}/")
    sandbox.oauth.add_app(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, redirect_uris=[f"http://127.0.0.1:{port}/"]
    )
    async with ghl_async.running("login", "--listen", port, **settings) as process:
        back = await led_to(await address_of(process))
        _, idle = await asyncio.open_connection("127.0.0.1", port)  # as browsers do ahead of time
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {re.sub('state=[^&]+', 'state=x', back.partition(str(port))[2])} HTTP/1.1\r\n\r\n".encode())
        assert b"400 Bad Request" in await reader.read()
        writer.close()
        ended = await ghl_async.end(process)
        idle.close()
    assert ended.code == 1
    assert "the state in this address is not the one of this login" in ended.err

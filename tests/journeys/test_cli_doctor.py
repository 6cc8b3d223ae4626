"""`doctor` finds what is wrong, says in one line each what to do, and shows no secret."""

from __future__ import annotations

import asyncio
import re
import socket
from email.utils import formatdate
from time import time

import msgspec
import pytest

from ghl_async.auth import PRIVATE, EncryptedFileStore, Key
from ghl_async.cli.scopes import NEEDS, WRITE_SCOPES
from ghl_async.sandbox import Sandbox

from .command import KEY, Command
from .consent import app_settings, log_in

ALONE = {"GHL_TOKEN": None, "GHL_LOCATION_ID": None}
SCOPES = [need.scope for need in NEEDS]
OF_ONE_LOCATION = [scope for scope in SCOPES if not scope.startswith("oauth.")]


@pytest.fixture
async def sandbox():
    async with Sandbox(contacts=3) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


def lines_of(ended):
    """What each line is about, with its mark and its text."""
    assert ended.err == ""
    parsed = [
        re.fullmatch(r"(ok|note|FAIL) +((?:scope |location )?\S+) +(.+)", line) for line in ended.out.splitlines()
    ]
    assert all(parsed), ended.out
    return {found[2]: (found[1], found[3]) for found in parsed}


async def test_where_all_is_well_each_line_says_so(ghl_async, sandbox):
    ended = await ghl_async("doctor")
    lines = lines_of(ended)
    assert ended.code == 0
    assert lines.keys() == {
        *("store", "token", "quota", "clock", "version", f"location {sandbox.location_id}"),
        *(f"scope {scope}" for scope in OF_ONE_LOCATION if scope != "locations.readonly"),
    }
    assert {name for name, (mark, _) in lines.items() if mark != "ok"} == {"store"}
    assert lines["token"] == ("ok", "the one of GHL_TOKEN")
    assert "100 requests in 10 s, 200,000 a day (the standard quota); 199,99" in lines["quota"][1]
    assert sandbox.log.requests <= 10
    assert not sandbox.state.main.find("doctor00000000000000")


@pytest.mark.parametrize("scope", OF_ONE_LOCATION)
async def test_a_missing_scope_is_named_with_what_it_costs(ghl_async, sandbox, scope):
    token = sandbox.state.add_token(scopes=set(OF_ONE_LOCATION) - {scope}).text
    ended = await ghl_async("doctor", GHL_TOKEN=token)
    lines = lines_of(ended)
    need = next(need for need in NEEDS if need.scope == scope)
    missing = lines[f"location {sandbox.location_id}" if scope == "locations.readonly" else f"scope {scope}"]
    assert missing[0] == ("FAIL" if need.is_needed else "note")
    assert need.without in missing[1]
    assert ("whoever only copies is better off without" in missing[1]) == (scope in WRITE_SCOPES)
    assert ended.code == (1 if need.is_needed else 0)
    assert lines["token"][0] == "ok"


async def test_a_token_that_is_refused_ends_the_matter(ghl_async, sandbox):
    lines = lines_of(ended := await ghl_async("doctor", GHL_TOKEN="pit-unknown-00000"))
    assert ended.code == 1
    assert lines["token"][0] == "FAIL"
    assert "Private Integrations" in lines["token"][1]
    assert lines.keys() == {"store", "token", "clock", "version"}
    lines = lines_of(await ghl_async("doctor", GHL_LOCATION_ID=sandbox.state.other.id))
    assert lines["token"][0] == "ok"
    assert lines[f"location {sandbox.state.other.id}"][0] == "FAIL"


async def test_without_a_token_it_says_how_to_get_one(ghl_async):
    lines = lines_of(ended := await ghl_async("doctor", **ALONE))
    assert ended.code == 1
    assert lines["token"][0] == "FAIL"
    assert "ghl-async login" in lines["token"][1]
    lines = lines_of(await ghl_async("doctor", GHL_LOCATION_ID=None))
    assert "set GHL_LOCATION_ID or pass --location-id" in lines["token"][1]


async def test_a_server_that_nobody_is_at(ghl_async):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        lines = lines_of(ended := await ghl_async("doctor", GHL_BASE_URL=address))
    assert ended.code == 1
    assert "it could not be tried" in lines["token"][1]
    assert lines["clock"][0] == "note"


async def test_a_day_that_is_used_up_is_told(ghl_async, sandbox):
    sandbox.limits.change(daily=6)
    lines = lines_of(ended := await ghl_async("doctor"))
    assert ended.code == 1
    assert re.search(r"only \d are left today: go on at \d{4}-", lines["quota"][1])


@pytest.mark.parametrize(("behind", "words"), [(500, "s behind the server's"), (-500, "s ahead of the server's")])
async def test_a_clock_that_is_wrong_is_told(ghl_async, behind, words):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        date = formatdate(time() + behind, usegmt=True)
        writer.write(
            f"HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        lines = lines_of(ended := await ghl_async("doctor", GHL_BASE_URL=address))
    assert ended.code == 1
    assert lines["clock"][0] == "FAIL"
    assert words in lines["clock"][1]


@pytest.mark.parametrize("missing", [None, "oauth.readonly", "oauth.write"])
async def test_an_agency_is_examined_too(ghl_async, sandbox, missing):
    sandbox.oauth.rules.change(consent_for=sandbox.company_id)
    scopes = ",".join(scope for scope in SCOPES if scope != missing)
    assert (await log_in(ghl_async, sandbox, "--agency", "--scopes", scopes)).code == 0
    lines = lines_of(ended := await ghl_async("doctor", **app_settings(sandbox)))
    assert ended.code == (0 if missing is None else 1)
    assert lines["store"][0] == "ok"
    assert "token" not in lines
    if missing is not None:
        assert lines[f"scope {missing}"][0] == "FAIL"
    else:
        lines = lines_of(await ghl_async("doctor", **app_settings(sandbox, GHL_LOCATION_ID=sandbox.location_id)))
        assert f"from the token of the agency {sandbox.company_id}" in lines["token"][1]


async def test_a_store_that_cannot_be_read_is_told_and_the_rest_goes_on(ghl_async, sandbox):
    assert (await ghl_async("login", said=sandbox.token, GHL_TOKEN=None)).code == 0
    (ghl_async.folder / "tokens").chmod(0o644)
    lines = lines_of(ended := await ghl_async("doctor"))
    assert ended.code == 1
    assert "chmod 600" in lines["store"][1]
    assert lines["token"][0] == lines["scope notes.readonly"][0] == "ok"


async def test_a_private_token_of_ninety_days_is_to_be_rotated(ghl_async, sandbox):
    assert (await ghl_async("login", said=sandbox.token, GHL_TOKEN=None)).code == 0
    key = Key(PRIVATE, "location", sandbox.location_id)
    async with EncryptedFileStore(ghl_async.folder / "tokens", key=KEY) as store:
        tokens = await store.load(key)
        await store.save(key, msgspec.structs.replace(tokens, issued_at=tokens.issued_at - 91 * 86400))
    assert "91 days old: rotate it" in lines_of(await ghl_async("doctor", **ALONE))["token"][1]
    assert "91 days old: rotate it" in (await ghl_async("tokens", **ALONE)).out

"""Refresh tokens, codes, client secrets and tokens show nowhere, whatever the server answers and however it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import traceback
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

import ghl_async
from ghl_async import GHLClient
from ghl_async.auth import Agency, App, Key, MemoryStore, OAuthClient, PrivateToken, StoredToken, Tokens
from ghl_async.errors import GHLError, UsageError
from ghl_async.wire.transport import FixedToken

from .scripted import CUT, STALL, Scripted, answer, half, says
from .test_secrets import linked, texts_of

CLIENT_ID = "0123-lclient0"
CLIENT_SECRET = "00000000-cccc-cccc-cccc-00000s3cret-1"
REFRESH = "s3cret-r/2+="
ACCESS = "s3cret-a-3"
CODE = "s3cret-code/4"
NEXT_ACCESS, NEXT_REFRESH = "s3cret-a-5", "s3cret-r-6"
PLACE, COMPANY = "L" * 20, "C" * 20

SENT = {
    "refresh": f"{CLIENT_SECRET} {REFRESH} {quote(REFRESH, safe='')} {ACCESS}",
    "exchange": f"{CLIENT_SECRET} {CODE} {quote(CODE, safe='')}",
    "mint": ACCESS,
}
"""What the server knows in each case, and may say again."""
PAIR = {"access_token": NEXT_ACCESS, "refresh_token": NEXT_REFRESH, "expires_in": 86399, "locationId": PLACE}


def steps(echo):
    return {
        "echoed with a 400": says(400, f"Invalid grant: {echo}"),
        "echoed with a 401": answer(401, {"error": "UnAuthorized!", "error_description": echo}),
        "echoed in a list": answer(422, {"message": [echo, echo]}),
        "echoed with a 429": says(429, echo, Retry_After="0"),
        "echoed with a 500": says(500, echo),
        "echoed in a page": answer(403, f"<html>{echo}</html>".encode(), Content_Type="text/html"),
        "echoed in a header": says(400, "no", X_RateLimit_Max="100", Location=f"https://x.example/?t={echo}"),
        "paused": says(400, f"Location is not active {echo}"),
        "cut": CUT,
        "half": half(answer(200, PAIR)),
        "silence": STALL,
        "no HTTP": f"HTTP/1.1 {echo}\r\n\r\n".encode(),
        "bad length": f"HTTP/1.1 200 OK\r\nContent-Length: {echo}\r\n\r\n".encode(),
        "bad encoding": answer(200, echo.encode(), Content_Encoding="gzip"),
        "no JSON": answer(200, echo.encode()),
        "no pair": answer(200, {"accessToken": 5, "refreshToken": NEXT_REFRESH}),
        "half a pair": answer(200, {"refresh_token": NEXT_REFRESH, "access_token": ""}),
        "good": answer(200, PAIR),
    }


def expect_no_secret(texts):
    for text in texts:
        assert "s3cret" not in text


def world(base_url, hooks):
    app = App(CLIENT_ID, CLIENT_SECRET, redirect_uri="https://a.example/", scopes=["x"], base_url=base_url)
    return app, OAuthClient(app, hooks=hooks), MemoryStore()


@pytest.mark.virtual
@pytest.mark.parametrize("name", steps(""))
@pytest.mark.parametrize("way", ["refresh", "exchange", "mint"])
async def test_a_request_for_a_token_shows_nothing(name, way, caplog):
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    told = []

    def raising(event):
        told.append(event)
        raise RuntimeError("a hook that fails")

    async with Scripted(steps(SENT[way])[name]) as server:
        app, oauth, store = world(server.base_url, [raising])
        await store.save(Key(CLIENT_ID, "location", PLACE), Tokens(access_token=ACCESS, refresh_token=REFRESH,
                                                                   expires_at=1.0))  # fmt: skip
        await store.save(Key(CLIENT_ID, "company", COMPANY), Tokens(access_token=ACCESS, refresh_token=REFRESH))
        agency = Agency(app, COMPANY, store, hooks=[raising])
        source = StoredToken(store, Key(CLIENT_ID, "location", PLACE), oauth, hooks=[raising])
        calls = {"refresh": source.token, "exchange": lambda: oauth.exchange(CODE),
                 "mint": agency.source(PLACE).token}  # fmt: skip
        failures = []
        async with oauth, agency:
            call = asyncio.create_task(_nothing(calls[way], failures))
            await asyncio.wait((call,), timeout=0.01)
            for task in asyncio.all_tasks():
                expect_no_secret([repr(task), repr(task.get_coro()), repr(task.get_stack())])
            await call
            things = [app, oauth, agency, source, agency.source(PLACE), store, agency.company, source._task]
            expect_no_secret(repr(thing) + str(thing) for thing in things)
            expect_no_secret(repr(vars(thing)) for thing in (oauth, agency))
    assert bool(failures) == (name != "good")
    for failure in failures:
        expect_no_secret(texts_of(failure))
        assert not [each for each in linked(failure) if isinstance(each, aiohttp.ClientError)]
    expect_no_secret([caplog.text, repr(told), *(repr(vars(record)) for record in caplog.records)])
    assert told


async def _nothing(call, failures):
    """Call, and return nothing that a task's repr would show."""
    try:
        await call()
    except GHLError as error:
        failures.append(error)


@pytest.mark.virtual
async def test_where_nobody_listens_nothing_shows(caplog):
    caplog.set_level(logging.DEBUG)
    async with Scripted() as server:
        pass
    _app, oauth, _store = world(server.base_url, [])
    async with oauth:
        with pytest.raises(GHLError) as caught:
            await asyncio.wait_for(oauth.exchange(CODE), 60)
    expect_no_secret([*texts_of(caught.value), caplog.text])


async def test_a_client_of_a_stored_token_shows_nothing(caplog):
    caplog.set_level(logging.DEBUG)
    async with Scripted(says(401, f"Invalid JWT {ACCESS}"), answer(200, PAIR), says(401, f"{NEXT_ACCESS}")) as server:
        _app, oauth, store = world(server.base_url, [])
        key = Key(CLIENT_ID, "location", PLACE)
        await store.save(key, Tokens(access_token=ACCESS, refresh_token=REFRESH))
        source = StoredToken(store, key, oauth)
        async with oauth, GHLClient(source, location_id=PLACE, base_url=server.base_url) as ghl:
            with pytest.raises(GHLError) as caught:
                await ghl.contacts.get("A" * 20)
            expect_no_secret([*texts_of(caught.value), repr(ghl), repr(source), repr(ghl._dialect)])
    expect_no_secret([caplog.text])


async def test_variables_in_a_traceback_show_nothing():
    refusals = [says(401, "Invalid JWT"), says(400, "no"), says(400, "no")]
    async with Scripted(*refusals) as server:
        _app, oauth, store = world(server.base_url, [])
        key = Key(CLIENT_ID, "location", PLACE)
        kept = Tokens(access_token=ACCESS, refresh_token=REFRESH, expires_at=1.0)
        await store.save(key, kept)

        async def broken(_key, _tokens):
            raise ZeroDivisionError

        async with oauth, GHLClient(ACCESS, location_id=PLACE, base_url=server.base_url) as ghl:
            source = StoredToken(store, key, oauth)
            for call in (lambda: ghl.contacts.get("A" * 20), lambda: oauth.exchange(CODE), source.token):
                with pytest.raises(GHLError) as caught:
                    await call()
                expect_no_secret(variables_of(caught.value))
            await store.save(key, kept)
            store.save = broken
            with pytest.raises(ZeroDivisionError) as caught:
                await StoredToken(store, key, oauth).token()
            expect_no_secret(variables_of(caught.value))


def variables_of(error):
    for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
        if Path(frame.filename).is_relative_to(Path(ghl_async.__file__).parent):
            yield from (frame.locals or {}).values()


@pytest.mark.parametrize("secret", [FixedToken(ACCESS), Tokens(access_token=ACCESS), PrivateToken(ACCESS)], ids=type)
def test_what_holds_a_secret_is_not_pickled(secret):
    with pytest.raises(UsageError, match="not pickled") as caught:
        pickle.dumps(secret)
    expect_no_secret([str(caught.value)])


async def test_a_cancelled_refresh_shows_nothing(caplog):
    caplog.set_level(logging.DEBUG)
    async with Scripted(STALL) as server:
        _app, oauth, store = world(server.base_url, [])
        key = Key(CLIENT_ID, "location", PLACE)
        await store.save(key, Tokens(access_token=ACCESS, refresh_token=REFRESH, expires_at=1.0))
        source = StoredToken(store, key, oauth)
        caller = asyncio.create_task(source.token())
        await server.until(1)
        source._task.cancel()
        caller.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await caller
        with contextlib.suppress(asyncio.CancelledError):
            await source._task
        await oauth.close()
    expect_no_secret([caplog.text, repr(caller)])


async def test_a_rotation_shows_nothing(caplog):
    caplog.set_level(logging.DEBUG)
    told = []
    source = PrivateToken("s3cret-1", next_token="s3cret-2", hooks=[told.append])
    await source.reject("s3cret-2")

    async def probe(_token):
        raise GHLError("no")

    with pytest.raises(GHLError) as caught:
        await source.rotate(NEXT_ACCESS, probe)
    expect_no_secret([repr(source), repr(told), caplog.text, *texts_of(caught.value)])
    expect_no_secret(["".join(traceback.format_exception(caught.value))])

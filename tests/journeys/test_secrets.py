"""The token shows nowhere: not in errors and what hangs on them, not in logs, events or the text of any object."""

import asyncio
import contextlib
import logging
import pickle
import traceback

import aiohttp
import pytest

from ghl_async.errors import GHLError
from ghl_async.sandbox import Sandbox
from ghl_async.wire.retry import RetryPolicy

from .scripted import CREATE, CUT, GET, STALL, TOKEN, Rotating, Scripted, answer, client_for, half, says, send

PARTS = (TOKEN, "secret0")
PERSON = "abc"  # the id in GET's path

STEPS = {
    "echoed by the server": says(401, f"Invalid JWT: Bearer {TOKEN}"),
    "echoed in a page": answer(403, f"<html>{TOKEN}</html>".encode(), Content_Type="text/html"),
    "echoed in a header": says(
        400, "bad", X_RateLimit_Max="100", X_Echo=TOKEN, Location=f"https://x.example/?t={TOKEN}"
    ),
    "echoed at the cut of the excerpt": answer(400, b"x" * 190 + TOKEN.encode()),
    "echoed with a 500": says(500, TOKEN),
    "echoed with a 429": says(429, TOKEN, Retry_After="0"),
    "cut": CUT,
    "half": half(answer(200, {"contact": TOKEN})),
    "silence": STALL,
    "no HTTP": f"HTTP/1.1 {TOKEN}\r\n\r\n".encode(),
    "bad length": f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n".encode(),
    "bad header": f"HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n".encode(),
    "bad encoding": answer(200, TOKEN.encode(), Content_Encoding="gzip"),
    "redirect": answer(302, b"", Location=f"/login?token={TOKEN}"),
}


def linked(error):
    """The error and all that hangs on it by cause and context."""
    seen, waiting = [], [error]
    while waiting:
        current = waiting.pop()
        if current is not None and current not in seen:
            seen.append(current)
            waiting += [current.__cause__, current.__context__]
    return seen


def texts_of(error):
    for each in linked(error):
        yield str(each)
        yield repr(each)
        yield repr(each.args)
        yield repr(vars(each))
        yield repr(getattr(each, "__notes__", []))
    yield "".join(traceback.format_exception(error))
    yield "".join(traceback.format_exception(error, chain=True, limit=None))
    yield repr(pickle.dumps(error))


def texts_of_client(ghl):
    parts = [ghl, ghl._tokens, ghl._dialect, ghl._transport, ghl._share, ghl.background, ghl.contacts, ghl.stats]
    transport = ghl._transport
    parts += [transport._budget, transport._session, ghl._share.budget.state()]
    for part in parts:
        yield repr(part)
        yield str(part)


def expect_no_secret(texts):
    for text in texts:
        for part in PARTS:
            assert part not in text


@pytest.mark.virtual
@pytest.mark.parametrize("request_", [GET, CREATE], ids=["get", "create"])
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("source", [str, Rotating], ids=["text", "source"])
async def test_a_call_that_fails_shows_the_token_nowhere(name, request_, source, caplog):
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    told = []

    def raising(event):
        told.append(event)
        raise RuntimeError("a hook that fails")

    retry = RetryPolicy(attempts=2, base_seconds=0.0)
    async with Scripted(STEPS[name]) as server:
        async with client_for(server, token=source(TOKEN), hooks=[raising], retry=retry, deadline_seconds=300) as ghl:
            with pytest.raises(GHLError) as caught:
                await send(ghl, request_)
            expect_no_secret(texts_of(caught.value))
            expect_no_secret(texts_of_client(ghl))
            expect_no_secret(repr(event) for event in told)
            assert not [each for each in linked(caught.value) if isinstance(each, aiohttp.ClientError)]
        assert f"Bearer {TOKEN}" in {seen.headers["authorization"] for seen in server.seen}
    expect_no_secret([caplog.text, *(repr(vars(record)) for record in caplog.records)])
    assert told


@pytest.mark.virtual
async def test_logs_and_events_name_no_person(caplog):
    caplog.set_level(logging.DEBUG)
    told = []
    steps = [says(500, "Contact ABCperson broken"), says(429, "ABCperson"), CUT, answer(200, {"name": "ABCperson"})]
    request = GET.__class__(
        operation="contacts.get", method="GET", template="/contacts/{contactId}", ids=("ABCperson",),
        query=(("email", "ABCperson@y.example"),), body={"name": "ABCperson"},
    )  # fmt: skip
    async with Scripted(*steps) as server, client_for(server, hooks=[told.append]) as ghl:
        await send(ghl, request)
        assert len(server.seen) == 4
    assert len(told) >= 7
    assert "RetryScheduled" in caplog.text
    for text in [caplog.text, repr(told), *(repr(vars(record)) for record in caplog.records)]:
        assert "ABCperson" not in text


async def test_the_sandbox_refuses_in_every_way_and_the_token_shows_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    faults = [
        "too_many_requests",
        "server_error",
        "edge_error",
        "cut_before",
        "cut_after",
        "truncated",
        "expired_token",
    ]
    async with Sandbox(contacts=3, token=TOKEN, interval_seconds=0.01) as sandbox:
        for kind in faults:
            sandbox.faults.clear()
            sandbox.faults.add(kind=kind)
            policy = RetryPolicy(attempts=2, base_seconds=0.0)
            async with client_for(sandbox, retry=policy) as ghl:
                with pytest.raises(GHLError) as caught:
                    await ghl.contacts.get("A" * 20)
                expect_no_secret(texts_of(caught.value))
                expect_no_secret(texts_of_client(ghl))
    expect_no_secret([caplog.text])


async def test_where_nobody_listens_the_token_shows_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    async with Scripted() as server:
        pass
    async with client_for(server, retry=RetryPolicy(attempts=2, base_seconds=0.0)) as ghl:
        with pytest.raises(GHLError) as caught:
            await send(ghl)
        expect_no_secret(texts_of(caught.value))
        assert not [each for each in linked(caught.value) if isinstance(each, aiohttp.ClientError)]
    expect_no_secret([caplog.text])


@pytest.mark.virtual
async def test_a_cancelled_call_shows_the_token_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    async with Scripted(STALL) as server, client_for(server) as ghl:
        task = asyncio.create_task(send(ghl))
        await server.until(1)
        expect_no_secret([repr(task), repr(task.get_coro()), repr(task.get_stack())])
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    expect_no_secret([caplog.text])

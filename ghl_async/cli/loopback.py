"""Catches the browser behind the consent page, where an app's redirect address is on this machine (RFC 8252, 7.3)."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs, urlsplit

from ..auth import App
from ..errors import ConsentDenied, GHLError, UsageError

__all__ = ["caught_code", "expect_port"]

_PATIENCE_SECONDS = 600.0
_REQUEST_SECONDS = 10.0
_LAST_PAGE_SECONDS = 1.0
_DONE = "Done. You may close this page and go back to the terminal."
_FAILED = "This did not work. The terminal says why."
_HTTP_PORT = 80


def expect_port(redirect_uri: str, port: int) -> None:
    """See that a browser which follows the redirect address finds us.

    Raises:
        UsageError: it does not; says what to do.
    """
    parts = urlsplit(redirect_uri)
    if parts.scheme != "http":
        raise UsageError("--listen is for redirect addresses on this machine, http://localhost:PORT/...: use --paste")
    if (parts.port or _HTTP_PORT) != port:
        raise UsageError(f"the redirect address leads to port {parts.port or _HTTP_PORT}: --listen must be the same")


async def caught_code(port: int, app: App, state: str, *, when_ready: Callable[[], None]) -> str:
    """Wait for the browser to come with the code, and return that. `when_ready` is called once it may come.

    Raises:
        ConsentDenied: the user said no, or the state is not ours.
        UsageError: the port cannot be had, or the address holds no code.
    """
    caught: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with _listening(port, app, state, caught):
        when_ready()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await caught
        except TimeoutError:
            raise ConsentDenied(f"no browser came within {_PATIENCE_SECONDS / 60:g} minutes: log in again") from None


@contextlib.asynccontextmanager
async def _listening(port: int, app: App, state: str, caught: asyncio.Future[str]) -> AsyncIterator[None]:
    redirect = urlsplit(app.redirect_uri or "")
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        # Cancelled: a browser that opened a connection ahead of time, and never used it.
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, text = _judged(head, app, state, caught)
                writer.write(_page(status, text))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    # A browser may take "localhost" for either; the second may not exist on this machine.
    hosts = ["127.0.0.1", "::1"] if redirect.hostname == "localhost" else [redirect.hostname or ""]
    servers: list[asyncio.Server] = []
    for host in hosts:
        try:
            servers.append(await asyncio.start_server(serve, host, port))
        except OSError as error:
            if not servers:
                raise UsageError(f"cannot listen on port {port} ({error.strerror}): use --paste") from None
    try:
        yield
    finally:
        # The browser is to get its page before the door closes.
        if under_way:
            await asyncio.wait(under_way, timeout=_LAST_PAGE_SECONDS)
        for server in servers:
            server.close()
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)


def _judged(head: bytes, app: App, state: str, caught: asyncio.Future[str]) -> tuple[str, str]:
    """Take the code out of a request, or the reason why there is none; what to answer the browser."""
    method, _, rest = head.partition(b" ")
    target = rest.partition(b" ")[0].decode("ascii", "replace")
    redirect = urlsplit(app.redirect_uri or "")
    if method != b"GET" or target.partition("?")[0] != (redirect.path or "/") or caught.done():
        return "404 Not Found", "There is nothing here."
    if not _answers(target, state):
        return "400 Bad Request", _FAILED  # any page of the web may send the browser here; ours is yet to come
    try:
        code = app.redeem(f"http://{redirect.netloc}{target}", state)
    except GHLError as error:
        caught.set_exception(error)
        return "400 Bad Request", _FAILED
    caught.set_result(code)
    return "200 OK", _DONE


def _answers(target: str, state: str) -> bool:
    """Whether this may be the consent page's answer: a code, whatever its state, or a no with our state."""
    said = parse_qs(urlsplit(target).query)
    return "code" in said or hmac.compare_digest(said.get("state", [""])[0].encode(), state.encode())


def _page(status: str, text: str) -> bytes:
    body = f"<!DOCTYPE html><title>ghl-async</title><p>{text}</p>".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        "Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body

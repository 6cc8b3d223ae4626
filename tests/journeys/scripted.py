"""A server on loopback that does what it is told, request by request: also what no HTTP library would send."""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

import msgspec

from ghl_async import GHLClient
from ghl_async.wire.request import Request

TOKEN = "pit-00000000-0000-0000-0000-00000secret0"
LOCATION = "L" * 20

CUT = "cut"
"""Close the connection instead of an answer."""
STALL = "stall"
"""Never answer."""


class Seen(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


def answer(status=200, content=b"{}", **headers):
    """The bytes of an answer; `content` that is no bytes goes out as JSON."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    named = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} So\r\n{lines}\r\n".encode() + body


def says(status, message, **headers):
    """An answer that says no, in GHL's envelope."""
    return answer(status, {"statusCode": status, "message": message}, **headers)


def half(whole):
    """An answer that breaks off within its body."""
    return whole[: -(len(whole.partition(b"\r\n\r\n")[2]) // 2 or 1)], CUT


class Scripted:
    """Gives each request the next step of its script, and the last one again and again."""

    def __init__(self, *steps):
        self.steps = list(steps) or [answer()]
        self.seen: list[Seen] = []
        self.connections = 0
        self.open = 0
        self._server = None
        self._arrived = asyncio.Event()

    async def __aenter__(self):
        self._tasks = set()
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def until(self, requests):
        """Wait until so many requests have arrived."""
        while len(self.seen) < requests:
            self._arrived.clear()
            await self._arrived.wait()

    async def _talk(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._serve(reader, writer, number):
                    pass
        finally:
            self.open -= 1
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader, writer, number):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        self.seen.append(Seen(method, target, headers, body, number))
        self._arrived.set()
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        for part in step if isinstance(step, tuple) else (step,):
            if part == STALL:
                await asyncio.Event().wait()
            if part == CUT:
                return False
            writer.write(part)
            await writer.drain()
        return True


def client_for(server, **options):
    """A client of a scripted server."""
    return GHLClient(options.pop("token", TOKEN), location_id=LOCATION, base_url=server.base_url, **options)


GET = Request(operation="contacts.get", method="GET", template="/contacts/{contactId}", ids=("abc",), scope="a.scope")
CREATE = Request(
    operation="contacts.create", method="POST", template="/contacts/", body={"email": "x@y.example"}, idempotent=False
)
DELETE = Request(operation="contacts.delete", method="DELETE", template="/contacts/{contactId}", ids=("abc",))


def send(ghl, request=GET, lane="interactive"):
    """Send any request the way the resources do."""
    return ghl._send(lane, request)


class Rotating:
    """A token source that gives the next token once the last was refused."""

    def __init__(self, *tokens):
        self.tokens = list(tokens)
        self.rejected = []

    async def token(self):
        return self.tokens[0]

    async def reject(self, token, *, is_good=False):
        if is_good:
            return
        self.rejected.append(token)
        if len(self.tokens) > 1 and self.tokens[0] == token:
            del self.tokens[0]

"""A plain aiohttp caller of a sandbox: what goes out stands in the test, nothing of the SDK helps."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest

from ghl_async.sandbox import Sandbox

from .desk import Desk


class Reply(NamedTuple):
    status: int
    headers: Any
    content: Any


class Api:
    """Calls one sandbox; `await api("GET", "/contacts/x")`."""

    def __init__(self, sandbox, session):
        self.sandbox = sandbox
        self.session = session

    async def __call__(self, method, path, body=None, **headers):
        sent = {"Authorization": f"Bearer {self.sandbox.token}", "Version": "2021-07-28"} | headers
        sent = {name.replace("_", "-"): value for name, value in sent.items() if value is not None}
        data = None if body is None else msgspec.json.encode(body)
        url = self.sandbox.base_url + path if isinstance(path, str) else path
        async with self.session.request(method, url, data=data, headers=sent) as answer:
            raw = await answer.read()
            is_json = answer.content_type == "application/json" and raw
            return Reply(answer.status, answer.headers, msgspec.json.decode(raw) if is_json else raw)

    async def search(self, **body):
        body = {"locationId": self.sandbox.location_id, "pageLimit": 20} | body
        return await self("POST", "/contacts/search", body)

    async def walk(self, **body):
        """Read all pages by `searchAfter` and return the contacts."""
        contacts = []
        while True:
            page = (await self.search(**body)).content["contacts"]
            if not page:
                return contacts
            contacts += page
            body["searchAfter"] = page[-1]["searchAfter"]


@pytest.fixture
async def start():
    """Start sandboxes: `api = await start(contacts=5)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def starter(**options):
            sandbox = await stack.enter_async_context(Sandbox(**({"requests": 100_000} | options)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Api(sandbox, session)

        yield starter


@pytest.fixture
def desk(start):
    """Start a sandbox to be called as its OAuth app: `desk = await desk(consent="deny")`."""

    async def make(**options):
        return Desk(await start(contacts=3, **options))

    return make

"""A sandbox seen through a server that bends what it is asked and what it answers: what no sandbox would do."""

from __future__ import annotations

import aiohttp
import msgspec
from aiohttp import web


class Bent:
    """Forwards every request to a sandbox.

    `bends` are by a part of the path: each is called with the JSON of the request, changes it if it likes, and returns
    None or a function that changes the JSON of the answer. `seen` counts the requests of each.
    """

    def __init__(self, sandbox, **bends):
        self.sandbox = sandbox
        self.token, self.location_id = sandbox.token, sandbox.location_id
        self._bends = {f"/{part.replace('_', '/')}": bend for part, bend in bends.items()}

    async def __aenter__(self):
        self._session = aiohttp.ClientSession()
        self._runner = web.ServerRunner(web.Server(self._forward, access_log=None), shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()
        await self._session.close()

    async def _forward(self, request):
        body, then = await request.read(), None
        for part, bend in self._bends.items():
            if part in request.path:
                asked = msgspec.json.decode(body or b"{}")
                then = bend(asked)
                body = msgspec.json.encode(asked) if body else body
        kept = {name: request.headers[name] for name in ("Authorization", "Version", "Content-Type", "User-Agent")
                if name in request.headers}  # fmt: skip
        url = f"{self.sandbox.base_url}{request.path_qs}"
        async with self._session.request(request.method, url, data=body or None, headers=kept) as answer:
            content = await answer.read()
            if then is not None and answer.status == 200:
                said = msgspec.json.decode(content)
                then(said)
                content = msgspec.json.encode(said)
            headers = {name: value for name, value in answer.headers.items() if name.startswith("X-RateLimit")}
            return web.Response(
                status=answer.status, body=content, headers={**headers, "Content-Type": "application/json"}
            )


def showing_as_long_ago(contact_id):
    """A contact search that shows one as an index does that has missed what came since."""

    def bend(_asked):
        def alter(said):
            for each in said["contacts"]:
                if each["id"] == contact_id:
                    each |= {"dateUpdated": "2001-01-01T00:00:00.000Z", "firstName": "Long ago"}

        return alter

    return bend

"""An OAuth server of our own on loopback: single-use refresh tokens, the grace, and faults by the piece."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from urllib.parse import parse_qsl

from aiohttp import web

from ghl_async.auth import App

CLIENT_ID = "0123456789abcdef01234567-lclient0"
CLIENT_SECRET = "00000000-cccc-cccc-cccc-00000secret1"
LOCATION = "L" * 20
COMPANY = "C" * 20
CODE = "0000code0secret2"
_TYPES = {"authorization_code": "code", "refresh_token": "refresh"}


class Authority:
    """Gives token pairs named secret-a-1, secret-r-1, secret-a-2, ...; knows who may come with what."""

    def __init__(self, *, is_v3=False, grace_seconds=30.0, expires_in=86399):
        self.is_v3 = is_v3
        self.grace_seconds = grace_seconds
        self.expires_in = expires_in
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.refresh_tokens = {"secret-r-0"}
        self.good = {"secret-a-0"}
        self.used: dict[str, tuple[float, dict]] = {}
        self.faults: list[object] = []
        """What to do instead of, or with, the next answers to /oauth/token: a status with a body, "drop" (act, then
        close the connection), "stall" (act, then never answer)."""
        self.arrived = asyncio.Event()
        """Set by each request to /oauth/token."""
        self.gate: asyncio.Event | None = None
        """Where set, answers to /oauth/token wait for it."""
        self.locations: list[dict] = []
        self.inactive: set[str] = set()
        self.unfit: dict[str, tuple[int, str]] = {}
        """Access tokens that are good, but not for contacts: with which status and words they are refused."""
        self._issued = 0

    async def __aenter__(self):
        app = web.Application()
        add = app.router.add_route
        add("POST", "/oauth/token", self._token)
        add("POST", "/oauth/location-token" if self.is_v3 else "/oauth/locationToken", self._location_token)
        add("GET", "/oauth/installed-locations" if self.is_v3 else "/oauth/installedLocations", self._installed)
        add("*", "/contacts/{id}", self._contact)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    def app(self, **options):
        options.setdefault("base_url", self.base_url)
        return App(
            CLIENT_ID,
            CLIENT_SECRET,
            redirect_uri="https://app.example/back",
            scopes=["contacts.readonly", "oauth.write"],
            dialect="v3" if self.is_v3 else "v2",
            **options,
        )

    @property
    def refreshes(self):
        return self.counts["refresh"]

    def pair(self, **more):
        self._issued += 1
        access, refresh = f"secret-a-{self._issued}", f"secret-r-{self._issued}"
        self.good.add(access)
        self.refresh_tokens.add(refresh)
        names = ("accessToken", "refreshToken", "expiresIn") if self.is_v3 else (
            "access_token", "refresh_token", "expires_in")  # fmt: skip
        said = dict(zip(names, (access, refresh, self.expires_in), strict=True))
        return said | {"scope": "contacts.readonly oauth.write", "userId": "U" * 20, "companyId": COMPANY} | more

    async def _token(self, request):
        form = dict(parse_qsl(await request.text()))
        self.headers.append(dict(request.headers))
        self.asked.append(form)
        self.arrived.set()
        get = (lambda name: form.get(_camel(name))) if self.is_v3 else form.get
        kind = _TYPES.get(get("grant_type"), "other")
        self.counts[kind] += 1
        fault = self.faults.pop(0) if self.faults else None
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(fault, tuple):
            return web.json_response(fault[1], status=fault[0])
        answer = self._exchanged(get) if kind == "code" else self._refreshed(get)
        if fault == "stall":
            await asyncio.sleep(1000)
        if fault == "drop":
            request.transport.abort()
        return answer

    def _exchanged(self, get):
        if get("client_id") != CLIENT_ID or get("client_secret") != CLIENT_SECRET or get("code") != CODE:
            return web.json_response(
                {"error": "UnAuthorized!", "error_description": f"Authorization code not found {get('code')}"},
                status=401,
            )
        company = get("user_type") == "Company"
        more = {"userType": "Company"} if company else {"userType": "Location", "locationId": LOCATION}
        return web.json_response(self.pair(**more))

    def _refreshed(self, get):
        token, now = get("refresh_token"), time.monotonic()
        if get("client_secret") != CLIENT_SECRET:
            return web.json_response({"error": "UnAuthorized!", "error_description": "Invalid client"}, status=401)
        if token in self.used and now - self.used[token][0] < self.grace_seconds:
            return web.json_response(self.used[token][1])
        if token not in self.refresh_tokens:
            said = {"error": "invalid_grant", "error_description": f"Invalid grant: refresh token is invalid {token}"}
            return web.json_response(said, status=400)
        self.refresh_tokens.discard(token)
        self.used[token] = now, self.pair()
        return web.json_response(self.used[token][1])

    async def _location_token(self, request):
        form = dict(parse_qsl(await request.text()))
        self.asked.append(form)
        self.headers.append(dict(request.headers))
        self.counts["mint"] += 1
        if request.headers["Authorization"].removeprefix("Bearer ") not in self.good:
            return web.json_response({"statusCode": 401, "message": "Invalid JWT"}, status=401)
        if form.get("locationId") in self.inactive:
            return web.json_response({"statusCode": 400, "message": "Location is not active"}, status=400)
        return web.json_response(self.pair(locationId=form["locationId"]), status=201)

    async def _installed(self, request):
        self.counts["installed"] += 1
        query = request.query
        if self.is_v3:
            start, size = int(query.get("pageToken", "0")), int(query["pageSize"])
            page = self.locations[start : start + size]
            more = {"nextPageToken": str(start + size)} if start + size < len(self.locations) else {}
            return web.json_response({"items": page, "pagination": {"hasNextPage": bool(more), **more}})
        skip, limit = int(query["skip"]), int(query["limit"])
        return web.json_response({"locations": self.locations[skip : skip + limit], "count": len(self.locations)})

    async def _contact(self, request):
        self.counts["contact"] += 1
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token not in self.good:
            return web.json_response({"statusCode": 401, "message": "Invalid JWT"}, status=401)
        if token in self.unfit:
            status, message = self.unfit[token]
            return web.json_response({"statusCode": status, "message": message}, status=status)
        limits = {"X-RateLimit-Max": "100000", "X-RateLimit-Remaining": "99999"}
        return web.json_response({"contact": {"id": request.match_info["id"]}}, headers=limits)


def _camel(name):
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)

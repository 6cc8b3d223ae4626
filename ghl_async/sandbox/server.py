"""The pipeline of a request: half the latency, judging and processing in one instant, half the latency.

Nothing pauses between the two waits, so the log has the requests in the order in which they were judged.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from aiohttp import web

from .call import Call
from .faults import without_one_item
from .refusals import (
    EDGE_ERROR_PAGE,
    EDGE_FORBIDDEN_PAGE,
    Page,
    Refusal,
    bad_request,
    invalid_token,
    route_not_opened,
    scope_missing,
    too_many_requests,
    unauthorized,
    unknown_route,
    unprocessable,
)
from .requestlog import Entry, RequestLog
from .router import OPEN_ROUTES, find_operation
from .state import Token

if TYPE_CHECKING:
    from .faults import Fault, Faults
    from .limits import Limits, Reading
    from .oauth import OAuth

__all__ = ["Answer", "Latency", "Server"]

_DATED_VERSIONS: Final = frozenset({"2021-04-15", "2021-07-28", "2023-02-21"})  # facts 3 [docs]
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_JSON: Final = "application/json; charset=utf-8"
_HEADERS: Final = {  # facts 3 [live]
    "Server": "cloudflare",
    "cf-cache-status": "DYNAMIC",
    "Vary": "Accept-Encoding",
    "access-control-max-age": "31536000",
    "x-envoy-upstream-service-time": "9",
}
_EDGE_COOKIE: Final = "__cf_bm=sandbox; path=/; domain=.leadconnectorhq.com; HttpOnly; Secure; SameSite=None"
_NOBODY: Final = Token(text="", scopes=frozenset(), locations=(), app="")
_encode = msgspec.json.Encoder().encode


class Latency(msgspec.Struct):
    """How long an answer takes: `seconds`, plus or minus up to `jitter_seconds`.

    Half of it passes before the request is judged.
    """

    seconds: float = 0.0
    jitter_seconds: float = 0.0


class Answer(NamedTuple):
    """What goes out, and what the log says about it."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str]
    """The rate headers, or those of a page."""
    entry: Entry
    kept: bytes | None
    """The body of a write, for the log; None if it was none."""


class _Verdict:
    """What is known of a request so far; filled while it passes the checks."""

    __slots__ = ("app", "kept", "location", "reading", "status", "template")

    def __init__(self) -> None:
        self.app: str | None = None
        self.location: str | None = None
        self.reading: Reading | None = None
        self.template: str | None = None
        self.status = 200
        self.kept: bytes | None = None
        """The body of a write, for the log; None if it is none."""


class Server:
    """Answers requests from the parts it is given; owns the log and the latency."""

    def __init__(self, oauth: OAuth, limits: Limits, faults: Faults, seed: int) -> None:
        """Put the parts together; `seed` is that of the jitter and the trace ids."""
        self.oauth = oauth
        self.state = oauth.state
        self.limits = limits
        self.faults = faults
        self.log = RequestLog()
        self.latency = Latency()
        self.wrong_location_status = 403  # facts 14 [blog x2]; 401 is seen too, facts 16.14
        self._dice = random.Random(seed)
        self._served = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; the whole body is read before anything is judged."""
        path = request.path
        body = await request.read() if request.can_read_body else b""
        fault = self.faults.pick(request.method, path) if self.faults.active else None
        if fault is not None and fault.kind == "cut_before":
            self.log.append(self._entry(request, time.monotonic(), 0, _Verdict(), fault))
            return _cut(request, b"")
        half = self._half_latency()
        if half:
            await asyncio.sleep(half)
        answer = self._answer(request, body, fault)
        self.log.append(answer.entry, answer.kept or b"")
        wait = half + (fault.seconds if fault is not None and fault.kind == "slow" else 0.0)
        if wait:
            await asyncio.sleep(wait)
        return self._send(request, answer, fault)

    def _half_latency(self) -> float:
        latency = self.latency
        if not latency.seconds and not latency.jitter_seconds:
            return 0.0
        return max(0.0, latency.seconds + latency.jitter_seconds * self._dice.uniform(-1.0, 1.0)) / 2

    def _answer(self, request: web.BaseRequest, body: bytes, fault: Fault | None) -> Answer:
        verdict = _Verdict()
        now = time.monotonic()
        content_type, headers = _JSON, {}
        try:
            content = self._checked(request, body, fault, verdict, now)
            status = verdict.status
        except Page as page:
            status, content, content_type = page.status, page.page, "text/html; charset=UTF-8"
            headers = page.headers
        except Refusal as refusal:
            status, content = refusal.status, _encode(refusal.body)
        if content_type is _JSON:  # facts 5.1 [live]: a traceId in every body
            comma = b"" if content == b"{}" else b","
            content = b'%b%b"traceId":"%b"}' % (content[:-1], comma, self._trace_id())
        reading = verdict.reading
        if reading is not None and not (
            status == 429 and fault is not None and fault.kind == "too_many_requests" and not fault.headers
        ):
            headers = self.limits.headers(reading)
        seen = 0 if fault is not None and fault.kind == "cut_after" else status
        entry = self._entry(request, now, seen, verdict, fault)._replace(answered=status)
        return Answer(status, content, content_type, headers, entry, verdict.kept)

    def _checked(
        self, request: web.BaseRequest, body: bytes, fault: Fault | None, verdict: _Verdict, now: float
    ) -> bytes:
        """Pass the checks in the observed order and return the body of a success."""
        if request.headers.get("User-Agent", "").startswith("Python-urllib/"):  # facts 1 [blog x2]
            raise Page(403, EDGE_FORBIDDEN_PAGE)
        kind = None if fault is None else fault.kind
        if kind == "edge_error" and fault is not None:
            code = fault.status or 502
            raise Page(code, EDGE_ERROR_PAGE % (code, code))
        if (request.method, request.path) in OPEN_ROUTES:
            if kind == "too_many_requests":
                raise too_many_requests()
            call = Call(self.oauth, _NOBODY, request.query, body)
        else:
            call = self._counted(request, body, fault, verdict, now)
        if kind == "server_error" and fault is not None:
            code = fault.status or 500  # facts 5.1 [issue]: `status` and `name`, not `statusCode`
            raise Refusal(code, {"status": code, "message": "Internal Server Error", "name": "HttpException"})
        # facts 3 [spec]: POST /oauth/token declares no version in v2
        call.version = "" if call.token is _NOBODY and "Version" not in request.headers else _version(request)
        call.is_form = request.content_type == "application/x-www-form-urlencoded"
        return self._processed(request, call, fault, verdict)

    def _counted(
        self, request: web.BaseRequest, body: bytes, fault: Fault | None, verdict: _Verdict, now: float
    ) -> Call:
        """Ask for the token, then the quota."""
        kind = None if fault is None else fault.kind
        token = self._token(request, now, expired=kind == "expired_token")
        verdict.app = token.app
        call = Call(self.oauth, token, request.query, body)
        verdict.location = _budget_location(call, request.path)
        key = (token.app, verdict.location)
        if kind == "too_many_requests":
            verdict.reading = self.limits.read(key, now, admitted=False)._replace(remaining=0)
            raise too_many_requests()
        verdict.reading = self.limits.judge(key, now)
        if not verdict.reading.admitted:
            verdict.reading = verdict.reading._replace(remaining=0)  # facts 4: six headers with Remaining 0 [guess]
            raise too_many_requests()
        return call

    def _processed(self, request: web.BaseRequest, call: Call, fault: Fault | None, verdict: _Verdict) -> bytes:
        """Find the operation and let it answer."""
        kind = None if fault is None else fault.kind
        found = find_operation(request.method, request.rel_url.raw_path, call.version)
        shut = fault.status or 401 if kind == "refused" and fault is not None else None
        if found is None or shut == 404:
            raise unknown_route(request.method, request.path)
        operation, call.params = found
        verdict.template = f"{operation.method} {operation.template}"
        call.wrong_location_status = self.wrong_location_status
        call.refusal = None if shut is None else scope_missing() if shut == 401 else route_not_opened()
        if operation.writes or operation.secret:
            verdict.kept = b"" if operation.secret else call.body
        verdict.status = operation.status
        try:
            content = operation.answer(call)
        finally:
            if operation.is_open:
                verdict.app, verdict.location = call.on_behalf
        if kind == "created_but_422" and operation.creates:  # facts 5.2 [issue #64]; wording [guess]
            raise unprocessable(["contact could not be processed"])
        return content

    def _token(self, request: web.BaseRequest, now: float, *, expired: bool) -> Token:
        scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        text = text.strip()  # facts 1 [blog]: whitespace around the bearer value is trimmed
        token = self.state.tokens.get(text) if scheme.lower() == "bearer" else None
        if token is None:
            raise invalid_token(text)
        if expired or token.expired or token.expires_at <= now:
            if token.app == "pit":
                raise invalid_token(text)
            raise unauthorized("Invalid token: access token is invalid")  # facts 2.4 [spec]
        return token

    def _trace_id(self) -> bytes:
        digits = f"{self._dice.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}".encode()

    def _entry(self, request: web.BaseRequest, at: float, status: int, verdict: _Verdict, fault: Fault | None) -> Entry:
        reading, template = verdict.reading, verdict.template
        if template is None:  # refused before the route was looked up
            found = find_operation(request.method, request.rel_url.raw_path, "")
            template = None if found is None else f"{found[0].method} {found[0].template}"
        return Entry(
            at=at,
            method=request.method,
            path=request.path,
            template=template,
            status=status,
            app=verdict.app,
            location=verdict.location,
            admitted=reading is not None and reading.admitted,
            remaining=None if reading is None else reading.remaining,
            daily_remaining=None if reading is None else reading.daily_remaining,
            fault=None if fault is None else fault.kind,
        )

    def _send(self, request: web.BaseRequest, answer: Answer, fault: Fault | None) -> web.StreamResponse:
        body, kind = answer.body, None if fault is None else fault.kind
        if kind == "drop_item" and answer.status == 200:
            body = without_one_item(body)
        self._served += 1
        headers = {
            **_HEADERS,
            "Content-Type": answer.content_type,
            "ETag": f'W/"{len(body):x}-{zlib.crc32(body):08x}"',
            "cf-ray": f"{self._served:016x}-IAD",
            **answer.headers,
        }
        if "__cf_bm=" not in request.headers.get("Cookie", ""):  # facts 3 [live]: a cookie of the edge
            headers["Set-Cookie"] = _EDGE_COOKIE
        if kind == "cut_after" and fault is not None:
            if not fault.headers:
                return _cut(request, b"")
            lines = "".join(
                f"{name}: {value}\r\n" for name, value in (headers | {"Content-Length": str(len(body))}).items()
            )
            head = f"HTTP/1.1 {answer.status} OK\r\n{lines}\r\n".encode()
            # of the answer to a write nothing gets through that could tell what became of it
            return _cut(request, head + (body[: len(body) // 2] if answer.kept is None else b""))
        if kind == "truncated":
            body = body[: len(body) // 2]
        elif kind == "empty":
            body = b""
        return web.Response(status=answer.status, body=body, headers=headers)


def _cut(request: web.BaseRequest, sent: bytes) -> web.StreamResponse:
    """Write `sent` and close the connection; what is returned cannot be sent any more."""
    transport = request.transport
    if transport is not None:
        if sent:
            transport.write(sent)
        transport.close()
    return web.Response()


def _version(request: web.BaseRequest) -> str:
    # facts 3 [blog]: missing -> 401, an unpublished date -> 401, nonsense -> 400
    version = request.headers.get("Version", "")
    if not version:
        raise unauthorized("version header was not found.")
    if version == "v3" or version in _DATED_VERSIONS:
        return version
    if _DATE.fullmatch(version):
        raise unauthorized("version header is invalid")
    raise bad_request(f"Invalid API version segment '{version}' at position 0")


def _budget_location(call: Call, path: str) -> str:
    """Return the location or company whose budget the request draws on.

    It is the location the request names, if the token may read it, else the token's first.
    """
    # facts 4 [docs]: counted per app x resource, and the resource is one location or one company
    if call.token.company_id:
        return call.token.company_id
    locations = call.token.locations
    if len(locations) == 1:
        return locations[0]
    named: Any = call.query.get("locationId")
    if named is None and call.body:
        try:
            named = call.json().get("locationId")
        except Refusal:
            named = None
    if named is None:
        named = next((one for part in path.split("/")[2:] if (one := call.state.owner_of(part)) is not None), None)
    return named if named in locations else next(iter(locations), "")

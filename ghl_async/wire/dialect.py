"""How one API speaks: URL, headers, body, what an error means, what the quota headers say. Pure functions of data.

`Dialect` is the protocol the transport needs; `GHLDialect` is GoHighLevel's. Another API is another class in
its own room and no change in the pipeline: Workiz, for one, signs its bodies with a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from time import time
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from .._version import __version__
from ..errors import (
    BadRequest,
    DuplicateContact,
    ErrorReply,
    Forbidden,
    NotFound,
    NoToken,
    RateLimited,
    ScopeMissing,
    ServerError,
    Unauthorized,
    Unprocessable,
    UsageError,
    WrongLocation,
)
from .reading import QuotaReading
from .request import Request, fill

__all__ = ["Dialect", "GHLDialect"]

EXCERPT = 200
USER_AGENT = f"ghl_async/{__version__}"
_NOTHING_READ = QuotaReading()


class Dialect(Protocol):
    """What the transport asks of an API's way of speaking."""

    def url(self, request: Request) -> str:
        """The whole address, quoted."""
        ...

    def headers(self, request: Request, token: str) -> Mapping[str, str]:
        """Everything the request carries beside its body."""
        ...

    def sign(self, body: object, token: str) -> bytes | None:
        """The body's bytes, with a secret inside where the API wants one; None for no body."""
        ...

    def secrets(self, request: Request, token: str) -> tuple[str, ...]:
        """What was sent and must show in no error, should the server repeat it."""
        ...

    def reading(self, headers: Mapping[str, str]) -> QuotaReading:
        """What the quota headers of a reply say."""
        ...

    def error(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> ErrorReply:
        """What a reply that is no success means."""
        ...


class _ErrorBody(msgspec.Struct):
    """Facts 5.1: `message` is a string or a list; OAuth uses `error_description`; `error` may be an object in v3."""

    message: Any = None
    error: Any = None
    error_description: Any = None
    meta: Any = None
    traceId: Any = None  # noqa: N815  (the API's spelling)


_decode_error = msgspec.json.Decoder(_ErrorBody).decode


class GHLDialect:
    """GoHighLevel's way of speaking (facts 1 to 5)."""

    def __init__(self, base_url: str, api_version: str | None = None) -> None:
        self._base = base_url.rstrip("/")
        self._version = api_version
        self._token = ""
        self._headers: dict[tuple[str, bool], dict[str, str]] = {}

    def url(self, request: Request) -> str:
        """Base address, path with quoted ids, query."""
        address = self._base + fill(request.template, request.ids)
        if not request.query:
            return address
        try:
            return f"{address}?{urlencode(request.query, quote_via=quote)}"
        except UnicodeEncodeError:
            raise UsageError(f"{request.operation}: the query holds text that cannot be sent") from None

    def headers(self, request: Request, token: str) -> Mapping[str, str]:
        """Token, Version and our own User-Agent: the edge refuses some default ones (facts 1)."""
        if token != self._token:
            if not (isinstance(token, str) and token.isascii() and token.isprintable()):
                raise NoToken("the token source gave something that no token can be")
            self._token, self._headers = token, {}
        key = (self._version or request.version, request.body is None)
        headers = self._headers.get(key)
        if headers is None:
            headers = self._headers[key] = {
                "Authorization": f"Bearer {token}",
                "Version": key[0],
                "Accept": "application/json",
                "User-Agent": USER_AGENT,
            }
            if request.body is not None:
                headers["Content-Type"] = "application/json"
        return headers

    def sign(self, body: object, token: str) -> bytes | None:  # noqa: ARG002  (GHL's bodies carry no secret)
        """JSON."""
        if body is None:
            return None
        try:
            return msgspec.json.encode(body)
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise UsageError(f"the body cannot be sent as JSON: {error}") from None

    def secrets(self, request: Request, token: str) -> tuple[str, ...]:  # noqa: ARG002  (no other one is sent)
        """The token."""
        return (token,)

    def reading(self, headers: Mapping[str, str]) -> QuotaReading:
        """The six X-RateLimit headers and Retry-After, each of which may be missing (facts 4)."""
        get = headers.get
        requests, retry_after = get("X-RateLimit-Max"), get("Retry-After")
        if requests is None and retry_after is None and get("X-RateLimit-Daily-Remaining") is None:
            return _NOTHING_READ
        interval = _number(get("X-RateLimit-Interval-Milliseconds"))
        resets = _number(get("X-RateLimit-Daily-Reset"))
        return QuotaReading(
            requests=_number(requests),
            remaining=_number(get("X-RateLimit-Remaining")),
            interval_seconds=interval / 1000 if interval else None,
            daily=_number(get("X-RateLimit-Limit-Daily")),
            daily_remaining=_number(get("X-RateLimit-Daily-Remaining")),
            daily_resets_in_seconds=None if resets is None else resets / 1000,
            retry_after_seconds=None if retry_after is None else _retry_after(retry_after),
        )

    def error(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> ErrorReply:
        """Classify by operation, status and message: GHL's statuses alone mislead (facts 2.4, 5.2)."""
        messages, parsed = _words(body)
        said = "; ".join(messages) or ("an HTML page" if body.lstrip()[:1] == b"<" else "no reason given")
        kind, advice = _meaning(status, said)
        if status == 403 and not messages:  # noqa: PLR2004
            kind, advice = Forbidden, "the edge in front of the API refused the call, not the API itself"
        if kind is ScopeMissing and request.scope:
            advice = f"add the scope {request.scope} to the token"
        elif kind is DuplicateContact and (contact_id := _duplicate_of(parsed)):
            advice = f"the contact {contact_id} is there already"
        trace = parsed.traceId if isinstance(parsed.traceId, str) else None
        text = f"{request.operation}: {status} {said}" + (f" ({advice})" if advice else "")
        error = kind(
            text,
            operation=request.operation,
            status=status,
            messages=messages,
            request_id=trace,
            headers={name.lower(): value for name, value in headers.items() if _is_kept(name)},
            excerpt=body[:EXCERPT].decode("utf-8", "replace"),
        )
        error.retry_after_seconds = _retry_after(headers.get("Retry-After"))
        self._particulars(error, request, headers, parsed)
        return error

    def _particulars(self, error: ErrorReply, request: Request, headers: Mapping[str, str], parsed: _ErrorBody) -> None:
        if isinstance(error, DuplicateContact) and isinstance(parsed.meta, dict):
            field = parsed.meta.get("matchingField")
            error.contact_id = _duplicate_of(parsed)
            error.field = field if isinstance(field, str) else None
        elif isinstance(error, ScopeMissing):
            error.scope = request.scope
            error.renewable = True
        elif isinstance(error, WrongLocation):
            error.renewable = True
        elif isinstance(error, RateLimited):
            reading = self.reading(headers)
            error.interval_seconds = reading.interval_seconds or error.interval_seconds
            error.is_daily = reading.daily_remaining == 0
        elif isinstance(error, Unauthorized):
            error.is_about_token = error.renewable = _speaks_of_the_token(" ".join(error.messages))


def _duplicate_of(parsed: _ErrorBody) -> str | None:
    contact_id = parsed.meta.get("contactId") if isinstance(parsed.meta, dict) else None
    return contact_id if isinstance(contact_id, str) else None


_LARGEST = 10**12
"""Milliseconds of thirty years: what is beyond is nonsense, and would overflow."""


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        return None
    return number if 0 <= number <= _LARGEST else None


def _retry_after(text: str | None) -> float | None:
    """Seconds, or an HTTP date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if isfinite(seconds) else None
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, TypeError):
        return None


def _is_kept(name: str) -> bool:
    lowered = name.lower()
    return lowered.startswith("x-ratelimit-") or lowered in {"retry-after", "cf-ray", "content-type"}


def _words(body: bytes) -> tuple[list[str], _ErrorBody]:
    try:
        parsed = _decode_error(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [], _ErrorBody()
    for said in (parsed.message, parsed.error_description, parsed.error):
        if isinstance(said, dict):
            said = said.get("message")  # noqa: PLW2901  (v3's error envelope, facts 5.1)
        if isinstance(said, list):
            return [str(each) for each in said], parsed
        if said:
            return [str(said)], parsed
    return [], parsed


def _any_of(*parts: str) -> Callable[[str], bool]:
    return lambda said: any(part in said for part in parts)


def _speaks_of_the_token(said: str) -> bool:
    lowered = said.lower()
    return "token" in lowered or "jwt" in lowered


_ANOTHER_MATTER = (
    "the answer does not speak of the token, so another one would not help: try again later, and if it stays, look at"
    " the scopes"
)
_ROTATE = (
    "is it complete, and not expired or revoked? Private integration tokens are made in Settings > Private Integrations"
)
# By message first: facts 2.4 and 5.2 show the same meaning under several statuses.
_BY_MESSAGE: tuple[tuple[Callable[[str], bool], type[ErrorReply], str], ...] = (
    (_any_of("not authorized for this scope", "not allowed to access this scope"), ScopeMissing, "a scope is missing"),
    (
        _any_of("not accessible from this token", "does not have access to this location"),
        WrongLocation,
        "the token belongs to another location: check the location id",
    ),
    (_any_of("not yet supported by the iam service", "user type mismatch"), Forbidden, "not for this kind of token"),
    (_any_of("does not allow duplicated contacts"), DuplicateContact, "the contact is there already"),
    (_any_of("cannot get /", "cannot post /"), NotFound, "no such route there: is the base address right?"),
    (_any_of("version header", "api version segment"), BadRequest, "check api_version"),
)
_BY_STATUS: dict[int, tuple[type[ErrorReply], str]] = {
    400: (BadRequest, ""),
    401: (Unauthorized, _ROTATE),
    403: (Forbidden, ""),
    404: (NotFound, ""),
    422: (Unprocessable, ""),
    429: (RateLimited, ""),
}
_NO_SUCH_RECORD = re.compile(r"[a-z][a-z -]* with id .* not found")
"""Facts 5.2 show it of contacts. Every noun counts, or a DELETE that is repeated after a lost answer would fail."""
_SERVER_ERROR = 500


def _meaning(status: int, said: str) -> tuple[type[ErrorReply], str]:
    lowered = said.lower()
    if status < _SERVER_ERROR and status != 429:  # noqa: PLR2004
        for matches, kind, advice in _BY_MESSAGE:
            if matches(lowered):
                return kind, advice
        if status == 400 and _NO_SUCH_RECORD.match(lowered):  # noqa: PLR2004
            return NotFound, ""
    if status >= _SERVER_ERROR:
        return ServerError, ""
    if status == 401 and not _speaks_of_the_token(lowered):  # noqa: PLR2004
        return Unauthorized, _ANOTHER_MATTER
    return _BY_STATUS.get(status, (ErrorReply, ""))

"""How the API speaks about tokens: forms instead of JSON, the client's secret in the body, two spellings of everything.

The client's secret is the "token" of the requests to /oauth/token: the wire puts it in where `sign` says, and hides it
in whatever goes wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import msgspec

from ..errors import ErrorReply, GHLError, InvalidGrant, LocationInactive, RefreshFailed, ServerError
from ..wire.dialect import GHLDialect
from ..wire.limiter import Budget, Slot
from ..wire.reading import QuotaReading
from ..wire.request import Lane, Request
from .tokens import Tokens

__all__ = ["TOKEN", "Form", "NoQuota", "OAuthDialect", "failure_of", "tokens_of"]

TOKEN = "/oauth/token"  # noqa: S105  (a path)
_DAY_SECONDS = 86_399.0
_LONGEST_SECONDS = 10**9
_SAID = 400


class Form:
    """What a request says, names in the v2 spelling. Its repr shows no value."""

    __slots__ = ("_fields", "_is_v3", "_signed_as", "secrets")

    def __init__(
        self,
        fields: Mapping[str, str | None],
        *,
        is_v3: bool,
        signed_as: str | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._fields = fields
        # A server that repeats one may do so in any spelling; the longest is looked for first.
        spellings = {spelling for each in secrets for spelling in (each, quote(each, safe=""), quote_plus(each))}
        self.secrets = tuple(sorted(spellings - {""}, key=len, reverse=True))
        """What must show nowhere, besides the client's secret."""
        self._is_v3 = is_v3
        self._signed_as = signed_as

    def __repr__(self) -> str:
        return "<a form>"

    def encoded(self, secret: str) -> bytes:
        """The body's bytes, with the client's secret where it belongs."""
        fields = {name: value for name, value in self._fields.items() if value is not None}
        if self._signed_as is not None:
            fields[self._signed_as] = secret
        if self._is_v3:
            fields = {_camel(name): value for name, value in fields.items()}
        return urlencode(fields).encode()


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


class OAuthDialect(GHLDialect):
    """GoHighLevel's way of speaking about tokens (facts 9.2, 9.4)."""

    def __init__(self, base_url: str, *, is_v3: bool) -> None:
        super().__init__(base_url, "v3" if is_v3 else None)
        self._is_v3 = is_v3

    def headers(self, request: Request, token: str) -> Mapping[str, str]:
        """A form's content type; for /oauth/token neither a token nor, in v2, a version."""
        headers = dict(super().headers(request, token))
        if request.body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if request.template == TOKEN:
            del headers["Authorization"]
            if not self._is_v3:
                del headers["Version"]
        return headers

    def sign(self, body: object, token: str) -> bytes | None:
        """The form's bytes."""
        return body.encoded(token) if isinstance(body, Form) else None

    def secrets(self, request: Request, token: str) -> tuple[str, ...]:
        """The token, or the client's secret that stands in its place, and what the form holds."""
        return (token, *(request.body.secrets if isinstance(request.body, Form) else ()))


class NoQuota(Budget):
    """No location's quota counts the requests to /oauth/token: there is nothing to wait for, and nothing to learn."""

    def admit_now(self, lane: Lane) -> Slot | None:  # noqa: ARG002  (the budget's form)
        """Give a slot at once."""
        return Slot(asyncio.get_running_loop().time(), 0, 0, 0.0)

    async def admit(self, lane: Lane) -> Slot:  # noqa: ARG002
        """Give a slot at once."""
        return Slot(asyncio.get_running_loop().time(), 0, 0, 0.0)

    def answered(self, slot: Slot, reading: QuotaReading, *, refused: bool = False) -> None:
        """Nothing is counted."""

    def unanswered(self) -> None:
        """Nothing is counted."""

    def unsent(self) -> None:
        """Nothing is counted."""


def decoded(body: bytes) -> dict[str, Any]:
    """The reply as a dict; an empty one if it is none. What stands in it must not get into an error."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def text_of(said: Mapping[str, Any], name: str) -> str | None:
    """The text of that name, in either spelling; None if it is missing, empty or no text."""
    for spelling in (name, _camel(name)):
        value = said.get(spelling)
        if isinstance(value, str) and value:
            return value
    return None


def _seconds_of(said: Mapping[str, Any]) -> float:
    value = said.get("expires_in", said.get("expiresIn"))
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return _DAY_SECONDS  # every documented token lives for a day
    return seconds if 0 <= seconds <= _LONGEST_SECONDS else _DAY_SECONDS


def tokens_of(said: Mapping[str, Any], asked_at: float, before: Tokens | None = None) -> Tokens | None:
    """The tokens of a reply, `asked_at` by our clock; None if it holds none."""
    access_token = text_of(said, "access_token")
    if access_token is None or not access_token.isascii() or not access_token.isprintable():
        return None
    scopes = text_of(said, "scope")
    return Tokens(
        access_token=access_token,
        refresh_token=text_of(said, "refresh_token") or (before.refresh_token if before else None),
        expires_at=asked_at + _seconds_of(said),
        scopes=tuple(scopes.split()) if scopes else (before.scopes if before else ()),
        company_id=text_of(said, "company_id") or (before.company_id if before else None),
        user_id=text_of(said, "user_id") or (before.user_id if before else None),
        issued_at=asked_at,
        granted_at=before.granted_at if before else asked_at,
    )


_LOG_IN = "log in again: ghl-async login --oauth"
_REQUEST_TIMEOUT = 408


def failure_of(caught: GHLError, operation: str, key_text: str) -> RefreshFailed:
    """What a failed request for a token means, and what to do (facts 9.2)."""
    # The server's words: what the wire advises is about calls of the API, and would contradict.
    said = (
        f"{caught.operation}: {caught.status} {'; '.join(caught.messages)}"
        if isinstance(caught, ErrorReply)
        else str(caught)
    )
    said = said if len(said) <= _SAID else f"{said[:_SAID]}..."
    is_lost = not isinstance(caught, ErrorReply) or isinstance(caught, ServerError)
    if is_lost or not isinstance(caught, ErrorReply) or caught.status == _REQUEST_TIMEOUT:
        text = f"{key_text}: no answer that could be used, try again later ({said})"
        return RefreshFailed(text, key_text=key_text, operation=operation)
    kind, advice = _meaning(caught, is_grant=operation == "oauth.token")
    text = f"{key_text}: {advice} ({said})"
    # Any other no may come from the edge, or after an answer that was lost: the new pair may be there all the same.
    return kind(text, key_text=key_text, operation=operation, was_answered=kind is not RefreshFailed)


def _meaning(caught: ErrorReply, *, is_grant: bool) -> tuple[type[RefreshFailed], str]:
    words = " ".join([*caught.messages, caught.excerpt]).lower()
    if "not active" in words:
        return LocationInactive, "the account is paused: keep the token and wait, it works again once that is active"
    if not is_grant:
        return RefreshFailed, "no token was given for it: is the app installed there?"
    if any(part in words for part in ("invalid grant", "invalid_grant", "refresh token", "authorization code")):
        return InvalidGrant, f"the refresh token or code is unknown, expired or used already: {_LOG_IN}"
    if caught.status == 401 or any(part in words for part in ("client_", "_client", "clientid", "clientsecret")):  # noqa: PLR2004
        return RefreshFailed, (
            "the app was refused, not the token: check its client id and secret; the refresh token is as good as before"
        )
    return RefreshFailed, "refused; the refresh token is as good as before"

"""Everything that can go wrong, as plain data.

    GHLError                              everything this package raises
    ├── UsageError (also ValueError)      the call is wrong; raised before anything is written
    │   └── StoreMismatch                 the store belongs to another location, query or schema
    ├── StoreBusy                         another run holds the store
    ├── StoreFailed                       the store cannot write: disk full, no permission, damaged file
    ├── DeadlineExceeded                  our own bound, waiting for quota included
    ├── OutcomeUnknown                    a write that may or may not have been applied
    ├── CursorRepeated                    the server answered with a cursor it had given before
    ├── NoReply                           no complete answer
    │   ├── ConnectFailed                 nothing was sent: always safe to retry
    │   └── TimedOut                      may or may not have been processed
    ├── ErrorReply                        an answer that says no
    │   ├── BadRequest                    400
    │   │   └── DuplicateContact          400 by status, a duplicate by meaning
    │   ├── NotFound                      by meaning: GHL says 400 for an unknown id
    │   ├── Unauthorized                  401 that speaks of the token
    │   ├── Forbidden                     403, the edge's HTML page included
    │   │   ├── ScopeMissing              by meaning: GHL says 401
    │   │   └── WrongLocation             by meaning: GHL says 401 or 403
    │   ├── Unprocessable                 422
    │   ├── RateLimited                   429
    │   └── ServerError                   5xx
    ├── DecodeError                       2xx, but the body has not the promised shape
    ├── DailyQuotaExhausted               refused by us, not sent
    └── AuthError                         no usable credential
        ├── NoToken                       none was given
        ├── RefreshFailed                 it could not be renewed, for a reason that may pass
        │   ├── InvalidGrant              the refresh token or code is unknown, expired or used: log in again
        │   └── LocationInactive          the account is paused: wait; the same refresh token works again
        └── ConsentDenied                 the user said no, or the answer was not to our question

Two trunks matter most: `NoReply` (did it happen? unknown) and `ErrorReply` (the server said no). No error holds a live
response, a URL or a token; every error pickles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

__all__ = [
    "AuthError",
    "BadRequest",
    "ConnectFailed",
    "ConsentDenied",
    "CursorRepeated",
    "DailyQuotaExhausted",
    "DeadlineExceeded",
    "DecodeError",
    "DuplicateContact",
    "ErrorReply",
    "Forbidden",
    "GHLError",
    "InvalidGrant",
    "LocationInactive",
    "NoReply",
    "NoToken",
    "NotFound",
    "OutcomeUnknown",
    "RateLimited",
    "RefreshFailed",
    "ScopeMissing",
    "ServerError",
    "StoreBusy",
    "StoreFailed",
    "StoreMismatch",
    "TimedOut",
    "Unauthorized",
    "Unprocessable",
    "UsageError",
    "WrongLocation",
]


def _rebuild(kind: type[GHLError], args: tuple[Any, ...], state: dict[str, Any]) -> GHLError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class GHLError(Exception):
    """The root: catches everything this package raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by data, because the constructors below take keywords."""
        return _rebuild, (type(self), self.args, self.__dict__.copy())


class UsageError(GHLError, ValueError):
    """The call is wrong. Raised before anything is written; before anything is sent, but for guards that read first."""


class StoreMismatch(UsageError):
    """The store or ledger belongs to another location, query or schema.

    `position` is the place of the first input that is not what a ledger knows, from 0; None elsewhere.
    """

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class StoreBusy(GHLError):
    """Another run holds the store. Wait for it, or use another file."""


class StoreFailed(GHLError):
    """The store cannot be read or written: disk full, no permission, damaged file. What was committed stays."""


class DeadlineExceeded(GHLError):
    """The call's own bound passed, waiting for quota and retries included."""

    def __init__(self, message: str, *, operation: str, deadline_seconds: float) -> None:
        super().__init__(message)
        self.operation = operation
        self.deadline_seconds = deadline_seconds


class OutcomeUnknown(GHLError):
    """A write that may or may not have been applied, and that cannot be repeated without risk of doubling it."""

    def __init__(self, message: str, *, operation: str, draft: object = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.draft = draft


class CursorRepeated(GHLError):
    """The server answered a page with a cursor it had given before. Going on would never end."""


class NoReply(GHLError):
    """No complete answer arrived. The cause is kept as type and text only."""

    def __init__(self, message: str, *, operation: str) -> None:
        super().__init__(message)
        self.operation = operation


class ConnectFailed(NoReply):
    """No connection: nothing was sent, so repeating is safe."""


class TimedOut(NoReply):
    """The answer did not come in time. The request may or may not have been processed."""


class ErrorReply(GHLError):
    """The server answered, and the answer says no."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        status: int,
        messages: Sequence[str] = (),
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        excerpt: str = "",
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status
        self.messages = list(messages)
        """The server's own words, one or many: GHL sends a string with 400 and a list with 422."""
        self.request_id = request_id
        """The body's `traceId`; quote it when asking the vendor."""
        self.headers = dict(headers or {})
        """The quota headers and Retry-After, lower-cased names; nothing else is kept."""
        self.excerpt = excerpt
        """The first bytes of the body, as text."""
        self.retry_after_seconds: float | None = None
        """What the server asked for, if it did."""

    renewable = False
    """Whether another token from the same source may do: the answer is about the token, and none was tried yet."""


class BadRequest(ErrorReply):
    """400 without a more precise meaning."""


class DuplicateContact(BadRequest):
    """The location does not allow a second contact with this e-mail or phone."""

    contact_id: str | None = None
    """The contact that is already there."""
    field: str | None = None
    """What collided: "email" or "phone"."""


class NotFound(ErrorReply):
    """The record does not exist. GHL answers 400 with "Contact with id ... not found", or 404."""


class Unauthorized(ErrorReply):
    """The token is not accepted."""

    is_about_token = False
    """Whether the message speaks of the token. If not, the reason is another one, and the token may be good."""


class Forbidden(ErrorReply):
    """The token is good, but not for this."""


class ScopeMissing(Forbidden):
    """The token lacks a scope."""

    scope: str | None = None
    """The scope this operation needs, where it is known."""


class WrongLocation(Forbidden):
    """The token belongs to another location."""


class Unprocessable(ErrorReply):
    """422: the server's validation refused the request; see `messages`."""


class RateLimited(ErrorReply):
    """429. Raised only after the last retry."""

    interval_seconds = 10.0
    """The quota's interval: waiting less than this is useless."""
    is_daily = False
    """Whether the day's quota is used up: waiting an interval is useless too."""


class ServerError(ErrorReply):
    """5xx. Raised only after the last retry, or at once where a repeat could double a write."""


class DecodeError(GHLError):
    """A success status, but the body has not the promised shape."""

    def __init__(self, message: str, *, path: str = "", excerpt: str = "") -> None:
        super().__init__(message)
        self.path = path
        """Where in the body, for example "$.contact.dateAdded"."""
        self.excerpt = excerpt


class DailyQuotaExhausted(GHLError):
    """Not sent: the day's quota is at its floor, or used up."""

    def __init__(self, message: str, *, remaining: int, resets_at: datetime | None = None) -> None:
        super().__init__(message)
        self.remaining = remaining
        self.resets_at = resets_at
        """When the day's window ends (aware, UTC), if the server said so."""


class AuthError(GHLError):
    """No usable credential."""


class NoToken(AuthError):
    """No token was given, or the token source has none."""


class RefreshFailed(AuthError):
    """The token could not be renewed, for a reason that may pass; trying again later is right."""

    def __init__(self, message: str, *, key_text: str, operation: str, was_answered: bool = False) -> None:
        super().__init__(message)
        self.key_text = key_text
        """Whose token: "location ve9EPM428h8vShlRW1KT"."""
        self.operation = operation
        self.was_answered = was_answered
        """Whether the server said no, so that the refresh token was surely not used up by this request."""


class InvalidGrant(RefreshFailed):
    """The refresh token or the code is unknown, expired or was used already. Log in again: nothing else helps."""


class LocationInactive(RefreshFailed):
    """The location is paused. Wait until it is active again and keep the token: the same one works then."""


class ConsentDenied(AuthError):
    """The user did not agree, or the address that came back does not answer the question that was asked."""

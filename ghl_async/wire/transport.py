"""The one client room that opens a socket, and the order of things on one screen: `_attempt`.

wait for quota, then fetch the token (it must be fresh), then send, then learn from the headers, then read all bytes,
then judge. A reply is closed before anything waits, so a retry holds no connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ..errors import (
    ConnectFailed,
    DailyQuotaExhausted,
    DeadlineExceeded,
    ErrorReply,
    GHLError,
    NoReply,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    TimedOut,
    Unauthorized,
    UsageError,
)
from ..hooks import Hook, LimitsLearned, QuotaWaited, RequestFinished, RetryScheduled, emit
from .deadline import Deadline, Deadlines
from .dialect import Dialect
from .limiter import Budget, Slot
from .request import Before, Lane, Reply, Request
from .retry import RetryPolicy, is_final, is_unknown, retrying

__all__ = ["Connections", "FixedToken", "TokenSource", "Transport"]

CONNECT_SECONDS = 10.0
ATTEMPT_SECONDS = 60.0
"""From the first byte sent to the last one read; writes of tasks were seen to take 2 s, searches 1 s (facts 4)."""
TOO_MANY = 429
WAITED_SECONDS = 0.001
"""Below this a wait for quota is not worth an event."""


# In these the connection never stood.
_NOTHING_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def _no_reply(request: Request, caught: Exception, secrets: Sequence[str]) -> NoReply:
    """Say what went wrong below, as type and text only."""
    text = str(caught)
    if isinstance(caught, aiohttp.ClientResponseError):
        text = caught.message
    elif isinstance(caught, aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        text = ""  # theirs is the address, with ids and query
    said = f"{type(caught).__name__}: {text}".rstrip(": ")
    for secret in secrets:
        said = said.replace(secret, "***")
    if isinstance(caught, _NOTHING_SENT):
        return ConnectFailed(
            f"{request.operation}: no connection, nothing was sent: is the address right and the network up? ({said})",
            operation=request.operation,
        )
    if isinstance(caught, TimeoutError):
        return TimedOut(f"{request.operation}: no answer in time ({said})", operation=request.operation)
    return NoReply(f"{request.operation}: the answer was cut off ({said})", operation=request.operation)


class TokenSource(Protocol):
    """Whoever knows the token. Asked before every attempt, after the wait for quota."""

    async def token(self) -> str:
        """Return a token that is good now."""
        ...

    async def reject(self, token: str, *, is_good: bool = False) -> None:
        """Take note that the server refused this one; the next `token()` should be another that may do, if any.

        `is_good`: it is not over, but lacks a scope or belongs to another location.
        """
        ...


class FixedToken:
    """A token that was given as text: there is no other one, and nothing to wait for. Its repr does not show it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "<a token>"

    def __reduce__(self) -> str:
        raise UsageError("a client's token is not pickled: make the client where it is needed")


class Connections:
    """One pool of connections, for one client or for many of one event loop. Whoever made it closes it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def session(self) -> aiohttp.ClientSession:
        """The open pool; one that was closed is opened anew.

        Raises:
            UsageError: it is open in another event loop.
        """
        session, loop = self._session, asyncio.get_running_loop()
        if session is not None and not session.closed and loop is not self._loop:
            raise UsageError("these connections belong to another event loop: make one pool for each loop")
        if session is None or session.closed:
            self._loop = loop
            # Waiting for quota happens before the pool, so the pool needs no limit; `_exchange` bounds each attempt.
            session = self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            # aiohttp resends idempotent requests by itself on a stale connection: a request that no slot has counted.
            session._retry_connection = False  # noqa: SLF001  (guarded by a test; there is no public switch)
        return session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


class _Call:
    """What one call knows across its attempts.

    Here the token is, with all that holds it, and not in variables: a traceback that shows those shows `<_Call ...>`.
    """

    __slots__ = (
        "attempt",
        "attempt_seconds",
        "before",
        "bound",
        "content",
        "first_failure",
        "headers",
        "lane",
        "request",
        "token",
        "token_rejected",
        "unknown",
        "url",
    )

    def __init__(self, request: Request, url: str, lane: Lane, attempt_seconds: float) -> None:
        self.request = request
        self.url = URL(url, encoded=True)
        self.lane: Lane = lane
        self.attempt = 0
        self.attempt_seconds = attempt_seconds
        self.before: Before | None = None
        self.bound: Deadline
        """Of the attempt that runs now, the wait for its token included."""
        self.token: str
        self.headers: CIMultiDict[str]
        self.content: bytes | None
        self.first_failure: NoReply | ErrorReply | None = None
        self.token_rejected = False
        self.unknown = False
        """Whether an attempt may have been applied without our knowing."""


class Transport:
    """Sends requests of one location: quota, token, socket, meaning, retries, deadline."""

    def __init__(
        self,
        dialect: Dialect,
        tokens: TokenSource | FixedToken,
        budget: Budget,
        *,
        retry: RetryPolicy,
        hooks: Sequence[Hook],
        connections: Connections | None = None,
        attempt_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._dialect = dialect
        self._tokens = tokens
        self._budget = budget
        self._hooks = hooks
        self._repeat = retrying(self._again, retry, partial(is_final, idempotent=True), self._announce)
        self._repeat_create = retrying(self._again, retry, partial(is_final, idempotent=False), self._announce)
        self._announcements = 0
        self._clock = asyncio.get_running_loop().time
        self._deadlines = Deadlines()
        self._headers: Mapping[str, str] = {}
        self._multidict: CIMultiDict[str] = CIMultiDict()
        self._attempt_seconds = attempt_seconds
        pool = connections or Connections()
        self._own = None if connections else pool
        self._session = pool.session()

    async def close(self) -> None:
        """Close the connections, unless they are shared."""
        self._deadlines.close()
        if self._own is not None:
            await self._own.close()

    async def send(
        self, request: Request, *, lane: Lane, deadline_seconds: float | None, before: Before | None = None
    ) -> Reply:
        """Send one request, repeated where that is safe, and return its success reply.

        `before` is awaited when an attempt waits for nothing any more; where that fails it is not sent.

        Raises:
            GHLError: the family in `errors`; nothing else leaves this room.
        """
        call = _Call(request, self._dialect.url(request), lane, self._attempt_seconds)
        call.before = before
        started = self._clock()
        slot = self._budget.admit_now(lane)
        if slot is not None:
            # Most calls need neither a wait nor a second attempt, and pay for neither.
            if deadline_seconds is not None and deadline_seconds < self._attempt_seconds:
                call.attempt_seconds = deadline_seconds
            try:
                return await self._attempt(call, slot)
            except (NoReply, ErrorReply) as error:
                call.first_failure = error
        if deadline_seconds is None:
            return await self._judged(call)
        try:
            async with asyncio.timeout(deadline_seconds - (self._clock() - started)):
                return await self._judged(call)
        except TimeoutError:
            if call.unknown and not request.idempotent:
                raise self._outcome_unknown(call, "no answer before the deadline") from None
            raise DeadlineExceeded(
                f"{request.operation}: not done within {deadline_seconds:g} s, waiting for quota and retries included",
                operation=request.operation,
                deadline_seconds=deadline_seconds,
            ) from None

    async def _judged(self, call: _Call) -> Reply:
        try:
            return await (self._repeat if call.request.idempotent else self._repeat_create)(call)
        except GHLError as error:
            if is_unknown(error) and not call.request.idempotent:
                raise self._outcome_unknown(call, str(error)) from None
            if isinstance(error, NotFound) and call.unknown and call.request.method == "DELETE":
                return Reply(status=error.status, body=b"")  # the attempt whose answer was lost had deleted it
            if isinstance(error, RateLimited) and error.is_daily:
                resets_at = self._budget.state().daily_resets_at
                when = f"until {resets_at:%Y-%m-%d %H:%M} UTC" if resets_at else "until it is renewed"
                raise DailyQuotaExhausted(
                    f"{call.request.operation}: the day's quota is used up {when}; run it again then",
                    remaining=0,
                    resets_at=resets_at,
                ) from None
            raise

    async def _again(self, call: _Call) -> Reply:
        if call.first_failure is not None:
            failure, call.first_failure = call.first_failure, None
            raise failure
        slot = await self._budget.admit(call.lane)
        if slot.waited_seconds > WAITED_SECONDS:
            emit(self._hooks, QuotaWaited(call.request.operation, call.lane, slot.waited_seconds))
        return await self._attempt(call, slot)

    async def _attempt(self, call: _Call, slot: Slot) -> Reply:
        call.attempt += 1
        bound = call.bound = self._deadlines.begin(call.attempt_seconds)
        try:
            tokens = self._tokens
            call.token = tokens.text if isinstance(tokens, FixedToken) else await tokens.token()
            call.content = self._dialect.sign(call.request.body, call.token)
            call.headers = self._prepared(call.request, call.token)
            if call.before is not None and not self._session.closed:  # a closed one sends nothing
                await call.before()
        except BaseException as caught:
            bound.over = True
            self._budget.unsent()
            if isinstance(caught, asyncio.CancelledError) and bound.passed():
                raise ConnectFailed(
                    f"{call.request.operation}: the token source gave no token within {call.attempt_seconds:g} s",
                    operation=call.request.operation,
                ) from None
            raise
        status, headers, body = await self._exchange(call, slot)
        if 200 <= status < 300:  # noqa: PLR2004
            return Reply(status=status, body=body, date=headers.get("Date"))
        error = self._dialect.error(call.request, status, headers, self._masked(call, body))
        if error.renewable:
            error.renewable = not call.token_rejected and await self._renewed(call, error)
            call.token_rejected = True
        call.unknown = call.unknown or is_unknown(error)
        raise error

    def _masked(self, call: _Call, body: bytes) -> bytes:
        for secret in self._dialect.secrets(call.request, call.token):
            body = body.replace(secret.encode(), b"***")
        return body

    def _prepared(self, request: Request, token: str) -> CIMultiDict[str]:
        """The request's headers as aiohttp wants them; it would make them anew each time."""
        headers = self._dialect.headers(request, token)
        if headers is not self._headers:
            self._headers, self._multidict = headers, CIMultiDict(headers)
        return self._multidict

    async def _exchange(self, call: _Call, slot: Slot) -> tuple[int, Mapping[str, str], bytes]:
        """Put the request on the wire and read the whole answer. The slot is given back whatever happens."""
        status, failure, was_unknown = 0, "CancelledError", call.unknown
        error: NoReply | None = None
        call.unknown = True
        try:
            response = await self._session.request(
                call.request.method, call.url, data=call.content, headers=call.headers, allow_redirects=False
            )
            try:
                status, reading = response.status, self._dialect.reading(response.headers)
                self._budget.answered(slot, reading, refused=status == TOO_MANY)
                body = await response.read()
            finally:
                response.close()  # once all is read the connection is back in the pool, and this does nothing
            failure = ""
        except (aiohttp.ClientError, TimeoutError, OSError) as caught:
            failure = type(caught).__name__
            error = _no_reply(call.request, caught, self._dialect.secrets(call.request, call.token))
        except RuntimeError as caught:
            if not self._session.closed:
                raise
            failure = type(caught).__name__
            raise UsageError(f"{call.request.operation}: the client was closed while this call went on") from None
        except asyncio.CancelledError:
            if not call.bound.passed():
                raise
            failure = "TimeoutError"
            error = _no_reply(call.request, TimeoutError(f"within {call.attempt_seconds:g} s"), ())
        finally:
            call.bound.over = True
            self._account(call, slot, status, failure, unsent=isinstance(error, ConnectFailed))
        if error is not None:
            call.unknown = was_unknown or not isinstance(error, ConnectFailed)
            raise error  # here, where no exception of aiohttp is its context: those carry headers with the token
        call.unknown = was_unknown
        return status, response.headers, body

    def _account(self, call: _Call, slot: Slot, status: int, failure: str, *, unsent: bool) -> None:
        if unsent:
            self._budget.unsent()
        elif not status:
            self._budget.unanswered()
        request, seconds = call.request, self._clock() - slot.sent_at
        event = RequestFinished(
            request.operation,
            request.method,
            request.template,
            0 if failure else status,
            seconds,
            call.attempt,
            failure or None,
        )
        emit(self._hooks, event)
        if self._budget.announcements != self._announcements:
            self._announcements = self._budget.announcements
            limits = self._budget.state()
            emit(self._hooks, LimitsLearned(limits.requests, limits.interval_seconds, limits.daily))

    async def _renewed(self, call: _Call, refusal: ErrorReply) -> bool:
        if isinstance(self._tokens, FixedToken):
            return False  # there is no other one
        try:
            async with asyncio.timeout(call.attempt_seconds):
                await self._tokens.reject(call.token, is_good=not isinstance(refusal, Unauthorized))
                return await self._tokens.token() != call.token
        except TimeoutError:
            return False

    def _outcome_unknown(self, call: _Call, said: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{call.request.operation}: it may or may not have been applied, so it was not repeated; look before you"
            f" send it again ({said})",
            operation=call.request.operation,
            draft=call.request.body,
        )

    def _announce(self, details: Any) -> None:
        call: _Call = details["args"][0]
        failure = type(details["exception"]).__name__
        emit(self._hooks, RetryScheduled(call.request.operation, details["tries"], details["wait"], failure))

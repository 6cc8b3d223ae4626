"""Decides whether a failed attempt is repeated, and how long to wait before.

The decision table (architecture of the package, law "Retry"):

    what failed                     idempotent request      create
    nothing was sent, 429           again                   again
    timeout, cut answer, 408, 5xx   again                   OutcomeUnknown
    401 that speaks of the token,   once, with another token (both), if the source has one
      wrong location, scope missing
    every other answer              never                   never

Waits: what the server named, or a whole quota interval after a 429, is never shortened; everything else is exponential
with full jitter. backoff does the looping; its own jitter is off, because it would shorten a wait that was named.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeAlias, TypeVar

import msgspec

from ..errors import ConnectFailed, ErrorReply, NoReply, RateLimited, ServerError, UsageError

__all__ = ["RetryPolicy", "is_final", "is_unknown", "retrying", "waits"]

T = TypeVar("T")
Attempt: TypeAlias = Callable[..., Awaitable[T]]

_REQUEST_TIMEOUT = 408


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How stubborn a client is. All times in seconds."""

    attempts: int = 6
    """Tries of one call, the first included."""
    base_seconds: float = 0.5
    """The n-th wait is drawn from 0 to base * 2**(n-1)."""
    cap_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UsageError(f"RetryPolicy.attempts must be at least 1, not {self.attempts}")
        if self.base_seconds < 0 or self.cap_seconds < 0:
            raise UsageError("RetryPolicy waits cannot be negative")


def is_unknown(error: Exception) -> bool:
    """Whether the request may have been applied although this error came back."""
    timed_out = isinstance(error, ErrorReply) and error.status == _REQUEST_TIMEOUT
    return (
        timed_out
        or isinstance(error, ServerError)
        or (isinstance(error, NoReply) and not isinstance(error, ConnectFailed))
    )


def is_final(error: Exception, *, idempotent: bool) -> bool:
    """Whether trying again is useless or unsafe."""
    if isinstance(error, RateLimited):
        return error.is_daily
    if isinstance(error, ConnectFailed):
        return False
    if isinstance(error, ErrorReply) and error.renewable:
        return False
    return not (idempotent and is_unknown(error))


def waits(policy: RetryPolicy, draw: Callable[[float, float], float] = random.uniform) -> Generator[float, Any, None]:
    """Yield how long to wait, being sent the error each time (backoff's protocol: primed with one `next`)."""
    ceiling = policy.base_seconds
    error = yield 0.0
    while True:
        if isinstance(error, RateLimited):
            named = max(error.retry_after_seconds or 0.0, error.interval_seconds)
            wait = named + draw(0.0, 0.05 * named)
        elif isinstance(error, ErrorReply) and error.renewable:
            wait = 0.0
        else:
            wait = draw(0.0, min(ceiling, policy.cap_seconds))
            ceiling = min(2 * ceiling, policy.cap_seconds)
            if isinstance(error, ErrorReply):
                wait = max(wait, error.retry_after_seconds or 0.0)
        error = yield wait


def retrying(
    attempt: Attempt[T], policy: RetryPolicy, giveup: Callable[[Exception], bool], announce: Callable[[Any], None]
) -> Attempt[T]:
    """Wrap one attempt into the retry loop. `announce` is told of each wait before it begins."""
    # Here and not above: importing the package must cost little more than importing aiohttp.
    import backoff

    decorate: Callable[[Attempt[T]], Attempt[T]] = backoff.on_exception(
        waits,
        (NoReply, ErrorReply),
        policy=policy,
        max_tries=policy.attempts,
        giveup=giveup,
        jitter=None,  # a wait that the server named must not be shortened
        on_backoff=announce,
        logger=None,
    )
    return decorate(attempt)

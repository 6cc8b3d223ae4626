"""What an error says of a write: whether it may have been done, and whether all others would meet the same."""

from __future__ import annotations

from ..errors import (
    AuthError,
    ConnectFailed,
    DailyQuotaExhausted,
    DeadlineExceeded,
    DecodeError,
    Forbidden,
    NoReply,
    OutcomeUnknown,
    RateLimited,
    ScopeMissing,
    ServerError,
    Unauthorized,
)
from ._outcome import OutcomeKind

__all__ = ["ENDS_THE_WRITES", "SAYS_NOTHING_OF_IT", "fate"]

ENDS_THE_WRITES = (AuthError, ConnectFailed, DailyQuotaExhausted, RateLimited, ScopeMissing, Unauthorized)
"""What would go wrong for every input; none of them leaves a create half done."""
_MAYBE_DONE = (OutcomeUnknown, NoReply, ServerError, DecodeError, DeadlineExceeded)
"""After these nobody knows whether the server has done a write that may be repeated."""
SAYS_NOTHING_OF_IT = (Forbidden, *_MAYBE_DONE)
"""The input is not what is wrong."""


def fate(error: Exception | None, *, creates: bool) -> OutcomeKind:
    """What has become of a write that failed with this.

    A create that may have been made is an `OutcomeUnknown`, whatever was lost: anything else has come before it, from a
    read or while it waited for quota.
    """
    return "unknown" if isinstance(error, OutcomeUnknown if creates else _MAYBE_DONE) else "failed"

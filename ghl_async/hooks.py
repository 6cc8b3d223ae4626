"""What just happened: event structs, the Hook protocol, a logging hook and a counting hook.

This room knows no other. Events carry operation names and path templates, never ids of people, tokens or bodies.
A hook is any callable that takes one event; it runs inside the event loop, so it must not block.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

__all__ = [
    "DoorShut",
    "Event",
    "Hook",
    "LimitsLearned",
    "LoggingHook",
    "PageCommitted",
    "QuotaWaited",
    "RecordQuarantined",
    "RequestFinished",
    "RetryScheduled",
    "Stats",
    "StatsHook",
    "TokenRenewed",
    "TokenTrouble",
    "emit",
    "logger",
]

logger = logging.getLogger("ghl_async")
logger.addHandler(logging.NullHandler())


class RequestFinished(msgspec.Struct, frozen=True, gc=False):
    """One attempt ended: with a status, or without an answer (`status` 0 and `failure` names why)."""

    operation: str
    method: str
    template: str
    status: int
    seconds: float
    attempt: int
    failure: str | None = None


class RetryScheduled(msgspec.Struct, frozen=True, gc=False):
    """An attempt failed and another one follows after `wait_seconds`."""

    operation: str
    attempt: int
    wait_seconds: float
    failure: str


class QuotaWaited(msgspec.Struct, frozen=True, gc=False):
    """A request waited for its slot."""

    operation: str
    lane: str
    seconds: float


class LimitsLearned(msgspec.Struct, frozen=True, gc=False):
    """The server announced limits that differ from what was assumed."""

    requests: int
    interval_seconds: float
    daily: int | None


class PageCommitted(msgspec.Struct, frozen=True, gc=False):
    """A page of contacts and what belongs to them is safely in the store."""

    contacts: int
    tasks: int
    notes: int
    appointments: int
    contacts_so_far: int


class RecordQuarantined(msgspec.Struct, frozen=True, gc=False):
    """One record had not the promised shape. Its raw bytes were kept; the rest of the page goes on."""

    kind: str
    reason: str


class DoorShut(msgspec.Struct, frozen=True, gc=False):
    """A cheaper way to read one kind of records fails; from here on each contact is asked for its own."""

    kind: str
    """"tasks", "notes" or "appointments"."""
    way: str
    """Which way: "task search", "note search" or "calendar events"."""
    reason: str


class TokenRenewed(msgspec.Struct, frozen=True, gc=False):
    """A new token is in use, and saved where a store keeps it."""

    owner: str
    """"location" or "company"."""
    owner_id: str
    """Empty where a private token is used without a store."""
    how: str
    """"renewed" by ourselves, "found" in the store where another process had put it, or "swapped" for a private one."""


class TokenTrouble(msgspec.Struct, frozen=True, gc=False):
    """A token could not be renewed or swapped."""

    owner: str
    owner_id: str
    reason: str
    seconds_left: float | None
    """How long the old token is still used; None: as long as it works. Zero: calls fail from here on."""


Event: TypeAlias = (
    RequestFinished
    | RetryScheduled
    | QuotaWaited
    | LimitsLearned
    | PageCommitted
    | RecordQuarantined
    | DoorShut
    | TokenRenewed
    | TokenTrouble
)
Hook: TypeAlias = Callable[[Event], None]


def emit(hooks: Sequence[Hook], event: Event) -> None:
    """Hand one event to every hook. A hook that raises is logged and does not disturb the call it observes."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            logger.exception("a hook failed on %s", type(event).__name__)


_REFUSED = 429
_LOUD = (RetryScheduled, RecordQuarantined, DoorShut, TokenTrouble)


class LoggingHook:
    """Say events on the logger `ghl_async`: requests at DEBUG, retries and quarantined records at WARNING."""

    def __call__(self, event: Event) -> None:
        """Log one event, its fields as `extra` under the key `ghl`."""
        level = logging.WARNING if isinstance(event, _LOUD) else logging.DEBUG
        if logger.isEnabledFor(level):
            fields = msgspec.structs.asdict(event)
            text = " ".join(f"{name}={value}" for name, value in fields.items())
            logger.log(level, "%s %s", type(event).__name__, text, extra={"ghl": fields})


class Stats(msgspec.Struct, kw_only=True):
    """What one client has done so far. Counts are of attempts, not of calls."""

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    failures: int = 0
    """Attempts without a complete answer."""
    quarantined: int = 0
    quota_waited_seconds: float = 0.0
    attempt_seconds: float = 0.0
    """How long all attempts took together, without waiting for quota."""
    by_operation: dict[str, int] = {}
    by_status: dict[int, int] = {}


class StatsHook:
    """Count events into `stats`."""

    def __init__(self) -> None:
        self.stats = Stats()

    def __call__(self, event: Event) -> None:
        """Count one event."""
        stats = self.stats
        if type(event) is RequestFinished:
            status = event.status
            stats.requests += 1
            stats.attempt_seconds += event.seconds
            stats.by_operation[event.operation] = stats.by_operation.get(event.operation, 0) + 1
            stats.by_status[status] = stats.by_status.get(status, 0) + 1
            if status == _REFUSED:
                stats.rate_limited += 1
            elif not status:
                stats.failures += 1
        elif type(event) is RetryScheduled:
            stats.retries += 1
        elif type(event) is QuotaWaited:
            stats.quota_waited_seconds += event.seconds
        elif type(event) is RecordQuarantined:
            stats.quarantined += 1

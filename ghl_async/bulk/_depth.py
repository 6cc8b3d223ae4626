"""How deep the next sync has to look, and from where on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from ..errors import UsageError
from ._identity import LOOKED_BACK, WHOLE_EVERY
from ._rows import Checkpoint, Kind

__all__ = [
    "SWEEP_EVERY",
    "Depth",
    "Rhythm",
    "behind_a_pass",
    "changed_from",
    "depth_of",
    "is_much",
    "noted_from",
    "swept_before",
    "synced_before",
]

SWEEP_EVERY = timedelta(hours=20)
"""Less than a day, so that a nightly run that begins a little earlier than the last one sweeps too."""

MUCH = 0.4
"""The share of all contacts from which a pass over everything takes fewer requests than pieces of a hundred do."""
FEW = 100
"""So many come in one piece."""

CLOCKS_DIFFER = timedelta(days=1)
"""By how much our clock may be ahead of the server's, where nothing that the server dated tells more."""

Depth: TypeAlias = Literal["changes", "sweep", "everything"]


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How often a sync looks deeper than at what moved; its fields are arguments of `bulk.sync`."""

    sweep_every: timedelta = SWEEP_EVERY
    whole_every: timedelta = WHOLE_EVERY

    def __post_init__(self) -> None:
        """Check.

        Raises:
            UsageError: one of them is no length of time.
        """
        for name, every in msgspec.structs.asdict(self).items():
            if not isinstance(every, timedelta) or every < timedelta(0):
                raise UsageError(f"{name} must be a timedelta of 0 or more, not {every!r}")


def depth_of(checkpoint: Checkpoint, kinds: Sequence[Kind], now: float, rhythm: Rhythm) -> Depth:
    """How deep to look, `now` in seconds since 1970."""
    if checkpoint.state != "finished":
        return "everything"
    if checkpoint.whole_at is None or not rhythm.whole_every:
        return "everything"
    # Of contacts a sweep sees everything; of appointments too, but not where the calendars cannot be read.
    if kinds and _is_due(checkpoint.whole_at, now, rhythm.whole_every):
        return "everything"
    return "sweep" if _is_due(swept_before(checkpoint), now, rhythm.sweep_every) else "changes"


def behind_a_pass(checkpoint: Checkpoint, now: float, rhythm: Rhythm) -> Depth:
    """How deep to look behind a pass that was gone on with: what it had read before may have changed since."""
    return "sweep" if _is_due(checkpoint.started_at.timestamp(), now, rhythm.sweep_every) else "changes"


def _is_due(last: float, now: float, every: timedelta) -> bool:
    return not 0 <= now - last < every.total_seconds()


def is_much(differing: int, contacts: int) -> bool:
    """Whether so many of all contacts differ that everything is read rather than those alone."""
    return differing > max(FEW, MUCH * contacts)


def swept_before(checkpoint: Checkpoint) -> float:
    """From when on all contacts were last looked at, in seconds since 1970."""
    return max(checkpoint.swept_at or 0.0, checkpoint.whole_at or 0.0)


def synced_before(checkpoint: Checkpoint) -> datetime:
    """When the last sync or pass began."""
    return datetime.fromtimestamp(max(checkpoint.started_at.timestamp(), checkpoint.synced_at or 0.0), UTC)


def noted_from(checkpoint: Checkpoint) -> datetime:
    """From when on new notes are looked for: behind the newest one known, or what the last pass has surely seen."""
    passed = checkpoint.started_at.timestamp() - CLOCKS_DIFFER.total_seconds()
    return datetime.fromtimestamp(max(checkpoint.noted_at or 0.0, passed), UTC) - LOOKED_BACK


def changed_from(checkpoint: Checkpoint) -> datetime:
    """From when on changes are looked for: an hour before the last sync or pass began, by the server's clock."""
    since = synced_before(checkpoint)
    # What the server has dated shows how far its clock was at least, and where nothing moves for long, shows nothing.
    earliest = since - CLOCKS_DIFFER
    return max(min(checkpoint.newest or earliest, since), earliest) - LOOKED_BACK

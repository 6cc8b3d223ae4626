"""What became of one input of a bulk write, and of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from ..errors import GHLError
from ..models import Contact, Note, Task

__all__ = ["Outcome", "OutcomeKind", "Written"]

OutcomeKind: TypeAlias = Literal["ok", "unchanged", "failed", "unknown", "planned"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one input."""

    position: int
    """The input's place, from 0."""
    kind: OutcomeKind
    """- ok: it is done.
    - unchanged: it was so already, and nothing was sent.
    - failed: it was not done, and `reason` says why.
    - unknown: it may or may not have been done.
    - planned: a dry run would have sent it; `reason` says what.
    """
    contact_id: str | None = None
    """None where the input names none, and none was made."""
    record_id: str | None = None
    """The task or note."""
    reason: str | None = None
    """None where it is ok or unchanged."""
    error: GHLError | None = None
    """Only in the run that met it: a ledger keeps the reason alone."""
    record: Contact | Task | Note | None = None
    """What was written, as the server's answer showed it; None where it shows nothing, as for tags."""
    what: Literal["added", "changed", "removed"] | None = None
    """Only where it is ok: what became of the contact, task or note."""
    sent: Mapping[str, Any] = {}
    """Only where it is ok: what was sent of a contact, by the API's names; "addTags" and "removeTags" of tags,
    "completed" of a task. With `record` it tells `bulk.sync` what is our own."""
    earlier: bool = False
    """Whether an earlier run with the same ledger has done it, so that nothing was sent now."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """How many inputs became what."""

    ok: int = 0
    unchanged: int = 0
    failed: int = 0
    unknown: int = 0
    planned: int = 0
    earlier: int = 0
    """Those of `ok` and `unchanged` that an earlier run with the same ledger had done."""
    requests_planned: int = 0
    """What those that are planned would cost."""

    @property
    def all(self) -> int:
        """How many inputs that is."""
        return self.ok + self.unchanged + self.failed + self.unknown + self.planned

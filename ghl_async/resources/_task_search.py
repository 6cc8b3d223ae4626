"""What a search of tasks is asked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from ..errors import UsageError
from ._search import require_list, require_text

__all__ = ["TaskSearch", "task_search"]


class TaskSearch(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a task search; `contactId` takes a list, in spite of its name."""

    contact_id: tuple[str, ...] | UnsetType
    completed: bool | UnsetType
    assigned_to: tuple[str, ...] | UnsetType
    query: str | UnsetType
    skip: int = 0
    limit: int = 100


def task_search(
    *,
    contact_ids: Sequence[str] | None,
    completed: bool | None,
    assigned_to: Sequence[str] | None,
    text: str | None,
) -> TaskSearch:
    """Make the body, without its place.

    Raises:
        UsageError: a condition is outside the rules.
    """
    for name, values in (("contact_ids", contact_ids), ("assigned_to", assigned_to)):
        if values is not None:
            require_list(name, values)
    if completed is not None and not isinstance(completed, bool):
        raise UsageError(f"completed must be True, False or None, not {completed!r}")
    if text is not None:
        require_text("text", text)
    return TaskSearch(
        contact_id=UNSET if contact_ids is None else tuple(contact_ids),
        completed=UNSET if completed is None else completed,
        assigned_to=UNSET if assigned_to is None else tuple(assigned_to),
        query=UNSET if text is None else text,
    )

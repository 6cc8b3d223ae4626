"""Whether a task, note, appointment or block slot that is found is the one that a lost create made.

Compared is what the draft sets, in the way the server may have stored it: times to the second, bodies as plain text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from ._creation import Creations, Sight, first_new

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from msgspec import UnsetType

    from ..models import Note, NoteDraft, Task, TaskDraft
    from ..pagination import Page
    from ._since import Since

__all__ = [
    "Dated",
    "plain",
    "same_instant",
    "same_text",
    "seconds_of",
    "sight_of_dated",
    "sight_of_note",
    "sight_of_task",
]

_A_SECOND = timedelta(seconds=1)
_TAG = re.compile(r"<[^<>]*>")


class Dated(Protocol):
    """A record that says when it was added."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def date_added(self) -> datetime | str | None:
        """When it was added, by the server's clock."""


D = TypeVar("D", bound=Dated)


def sight_of_task(page: Page[Task], draft: TaskDraft, before: AbstractSet[str] | None) -> Task | Sight:
    """Of a contact's tasks the one that the draft made.

    Args:
        before: the ids of the tasks before the create; None if nobody looked.
    """
    known: AbstractSet[str] = frozenset() if before is None else before
    alike = [task for task in page.items if task.id not in known and _is_like(task, draft)]
    sight = first_new((task, None if before is None else True) for task in alike)
    unread = any(each.id is None or each.id not in known for each in page.quarantined)
    return Sight.UNDECIDED if sight is Sight.ABSENT and unread else sight


def sight_of_note(page: Page[Note], draft: NoteDraft, since: Since, creations: Creations) -> Note | Sight:
    """Of a contact's notes the one that the draft made, since the create began."""
    alike = [
        note
        for note in page.items
        if same_text(draft.body, note.body)
        and same_text(draft.title, note.title)
        and _same_id(draft.user_id, note.user_id)
    ]
    sight = sight_of_dated(alike, since, creations)
    return Sight.UNDECIDED if sight is Sight.ABSENT and page.quarantined else sight


def sight_of_dated(alike: Iterable[D], since: Since, creations: Creations) -> D | Sight:
    """Of records that look like the draft the one that was added since the create began, and given to nobody else."""
    return first_new((each, since.is_before(each.date_added)) for each in alike if not creations.gave(each.id))


def plain(text: str) -> str:
    """The text without markup, however it was spaced: two that are the same one to `same_text` have it in common."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def same_text(given: str | UnsetType | None, stored: str | None) -> bool:
    """Whether the server may have stored `given` as `stored`: without markup, and however it is spaced."""
    return not isinstance(given, str) or plain(given) == plain(stored or "")


def same_instant(given: datetime | UnsetType, stored: datetime | str | None) -> bool:
    """Whether the server may have stored `given` as `stored`, to the second. A time without a zone may be any."""
    if not isinstance(given, datetime) or stored is None:
        return not isinstance(given, datetime)
    if isinstance(stored, str):
        try:
            stored = datetime.fromisoformat(stored)
        except ValueError:
            return False
    return stored.utcoffset() is None or abs(stored - given) < _A_SECOND


def seconds_of(start: datetime) -> tuple[int, int]:
    """Two seconds, the smaller first as turns are taken: all starts that are `same_instant` have one in common."""
    second = int(start.timestamp() // 1)
    return second, second + 1


def _is_like(task: Task, draft: TaskDraft) -> bool:
    return (
        same_text(draft.title, task.title)
        and same_text(draft.body, task.body)
        and same_instant(draft.due_date, task.due_date)
        and _same_id(draft.assigned_to, task.assigned_to)
        and bool(task.completed) == draft.completed
    )


def _same_id(given: str | UnsetType, stored: str | None) -> bool:
    return not isinstance(given, str) or given == stored

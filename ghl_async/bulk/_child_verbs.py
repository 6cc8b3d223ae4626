"""The bulk writes of tasks, notes, tags and businesses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from ..client import GHLClient
from ..errors import GHLError, UsageError
from ..models import Contact, ItemResult, NoteDraft, Task, TaskDraft
from ._differs import plain_tags
from ._fates import ENDS_THE_WRITES
from ._verbs import Context, Done, Input, Many, Single, checked_id, pair, since
from .ledger import Entry

__all__ = ["Assign", "CompleteTask", "CreateNote", "CreateTask", "DeleteNote", "DeleteTask", "Tag"]


class CreateTask(Single):
    """New tasks."""

    operation, asked = "tasks.create", "create tasks"
    creates = True

    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read (contact id, TaskDraft)."""
        contact_id, draft = pair(item, "TaskDraft")
        if not isinstance(draft, TaskDraft):
            raise UsageError(f"{self.operation} takes (contact id, TaskDraft), not {type(draft).__name__}")
        return checked_id(contact_id), None, draft

    async def check(self, contact_id: str | None, given: Any) -> dict[str, Any] | None:
        """Check the draft."""
        self.ghl.tasks.check(contact_id or "", given)
        return None

    def cost(self, _one: Input) -> int:
        """Two: tasks carry no date, so their ids are read before."""
        return 2

    async def known(self, one: Input) -> tuple[str, ...] | None:
        """The ids of the contact's tasks."""
        return tuple(await self.ghl.tasks.ids(one.contact_id or ""))

    async def send(self, one: Input, context: Context) -> Done:
        """Create the task."""
        task = await self.ghl.tasks.create(one.contact_id or "", one.given, known=context.known)
        return Done(one.contact_id, task.id, task.id, task)

    async def seek(self, one: Input, entry: Entry, besides: Collection[str]) -> Done | None:
        """Look for the task."""
        known = None if entry.known is None else {*entry.known, *besides}
        task = await self.ghl.tasks.find_created(one.contact_id or "", one.given, known=known)
        return None if task is None else Done(one.contact_id, task.id, task.id, task)


class CreateNote(Single):
    """New notes."""

    operation, asked = "notes.create", "create notes"
    creates = tells_by_others = True

    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read (contact id, NoteDraft)."""
        contact_id, draft = pair(item, "NoteDraft")
        if not isinstance(draft, NoteDraft):
            raise UsageError(f"{self.operation} takes (contact id, NoteDraft), not {type(draft).__name__}")
        return checked_id(contact_id), None, draft

    async def check(self, contact_id: str | None, given: Any) -> dict[str, Any] | None:
        """Check the draft."""
        self.ghl.notes.check(contact_id or "", given)
        return None

    async def send(self, one: Input, context: Context) -> Done:
        """Create the note."""
        note = await self.ghl.notes.create(one.contact_id or "", one.given, besides=context.besides)
        return Done(one.contact_id, note.id, note.id, note)

    async def seek(self, one: Input, entry: Entry, besides: Collection[str]) -> Done | None:
        """Look for the note."""
        contact_id = one.contact_id or ""
        note = await self.ghl.notes.find_created(contact_id, one.given, since=since(entry), besides=besides)
        return None if note is None else Done(one.contact_id, note.id, note.id, note)


class _OfOne(Single):
    """What is done to one task or note: no more is given than its contact and its id."""

    what: ClassVar[str]

    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read (contact id, id)."""
        contact_id, record_id = pair(item, f"{self.what} id")
        return checked_id(contact_id), checked_id(record_id, self.what), None

    async def send(self, one: Input, _context: Context) -> Done:
        """Do it."""
        record = await self.do(one.contact_id or "", one.record_id or "")
        return Done(one.contact_id, one.record_id, record=record)

    @abstractmethod
    async def do(self, contact_id: str, record_id: str) -> Task | None:
        """Send it, and give what the answer shows."""


class CompleteTask(_OfOne):
    """Tasks that are done."""

    operation, asked, what = "tasks.complete", "complete tasks", "task"

    def sent(self, _one: Input) -> Mapping[str, Any]:
        """That it is done."""
        return {"completed": True}

    async def do(self, contact_id: str, record_id: str) -> Task | None:
        """Mark the task as done."""
        return await self.ghl.tasks.complete(contact_id, record_id)


class DeleteTask(_OfOne):
    """Tasks that are to go."""

    operation, asked, what = "tasks.delete", "delete tasks", "task"
    removes = True

    async def do(self, contact_id: str, record_id: str) -> None:
        """Delete the task."""
        await self.ghl.tasks.delete(contact_id, record_id)


class DeleteNote(_OfOne):
    """Notes that are to go."""

    operation, asked, what = "notes.delete", "delete notes", "note"
    removes = True

    async def do(self, contact_id: str, record_id: str) -> None:
        """Delete the note."""
        await self.ghl.notes.delete(contact_id, record_id)


class Tag(Many):
    """Tags that many contacts get or lose."""

    operation, asked, can_differ = "contacts.tag", "tag contacts", True
    batch = 500
    """What one operator reports; where the server takes fewer, `add_many` learns it."""

    def __init__(self, ghl: GHLClient, *, add: Sequence[str], remove: Sequence[str]) -> None:
        super().__init__(ghl)
        self._add, self._remove = [*add], [*remove]
        self.calls = bool(add) + bool(remove)

    @property
    def options(self) -> dict[str, Any]:
        """The tags."""
        return {"add": sorted(plain_tags(self._add)), "remove": sorted(plain_tags(self._remove))}

    def sent(self, _one: Input) -> Mapping[str, Any]:
        """The tags."""
        return {"addTags": self._add, "removeTags": self._remove}

    def said(self, _one: Input) -> str:
        """How many tags."""
        return f"{self.operation}: add {len(self._add)}, remove {len(self._remove)}"

    def is_so(self, _one: Input, contact: Contact) -> bool:
        """Whether it has all that it shall have, and none of the others."""
        has = plain_tags(contact.tags)
        return plain_tags(self._add) <= has and not plain_tags(self._remove) & has

    async def send_many(self, contact_ids: Sequence[str]) -> Sequence[ItemResult]:
        """Add, then remove where adding went well; nothing is removed after what ends the run."""
        added = await self.ghl.tags.add_many(contact_ids, self._add) if self._add else []
        failed = {each.contact_id: each for each in added if not each.ok}
        left = [each for each in contact_ids if each not in failed]
        if not (self._remove and left):
            return added
        if not self._add:
            return await self.ghl.tags.remove_many(left, self._remove)
        fault: Exception | None = next((each.error for each in added if isinstance(each.error, ENDS_THE_WRITES)), None)
        removed: Sequence[ItemResult] = ()
        if fault is None:
            try:
                removed = await self.ghl.tags.remove_many(left, self._remove)
            except GHLError as error:
                fault = error
        if fault is not None:
            removed = [ItemResult(contact_id=each, ok=False, reason=str(fault), error=fault) for each in left]
        return [*failed.values(), *(each if each.ok else _half_done(each) for each in removed)]


def _half_done(result: ItemResult) -> ItemResult:
    return msgspec.structs.replace(result, reason=f"tags were added, and removing others failed: {result.reason}")


class Assign(Many):
    """Contacts that are moved to a business, or out of it."""

    operation, asked, can_differ = "contacts.assign", "assign contacts to a business", True
    batch = 50
    """The published schema: "List of contact Ids to update (maximum 50)" (apps/v3/contacts-v3.json)."""

    def __init__(self, ghl: GHLClient, *, business_id: str | None) -> None:
        super().__init__(ghl)
        self._business_id = business_id

    @property
    def options(self) -> dict[str, Any]:
        """The business."""
        return {"business_id": self._business_id}

    def sent(self, _one: Input) -> Mapping[str, Any]:
        """The business."""
        return {"businessId": self._business_id}

    def is_so(self, _one: Input, contact: Contact) -> bool:
        """Whether it is there already."""
        return (contact.business_id or None) == self._business_id

    async def send_many(self, contact_ids: Sequence[str]) -> Sequence[ItemResult]:
        """Move them."""
        return await self.ghl.businesses.assign(contact_ids, self._business_id)

"""The writes that a bulk run can do, one class each: how an input is read, checked, sent, and looked for again.

A verb knows one input at a time, or one batch; nothing of the order, the ledger or the run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any, ClassVar

import msgspec

from ..client import GHLClient
from ..errors import OutcomeUnknown, UsageError
from ..models import Contact, ContactChanges, ContactDraft, ItemResult, Note, Task
from ._differs import is_as_wanted
from ._outcome import Outcome, OutcomeKind
from .ledger import Entry

__all__ = [
    "Context",
    "Create",
    "Delete",
    "Done",
    "Input",
    "Many",
    "Single",
    "Update",
    "Upsert",
    "Verb",
    "checked_id",
    "pair",
    "since",
]


LONGEST_ID = 75
"""A search takes no longer text (facts 6.2)."""


class Done(msgspec.Struct, frozen=True):
    """A write that was done."""

    contact_id: str | None
    record_id: str | None = None
    made: str | None = None
    """The id of the record that was created."""
    record: Contact | Task | Note | None = None
    """It, as the answer showed it."""


class Context(msgspec.Struct, frozen=True):
    """What is known of the records that a create must not be taken for."""

    known: Sequence[str] | None = None
    """The ids of those that were there before; None: nobody looked."""
    besides: Collection[str] = ()
    """The ids of those that other inputs have made for the same contact."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One input, read and checked."""

    position: int
    digest: bytes
    contact_id: str | None = None
    record_id: str | None = None
    given: Any = None
    """A draft or changes."""
    body: dict[str, Any] | None = None
    """What would be sent, where that is known before."""
    fault: UsageError | None = None
    """Why it cannot be sent."""

    @property
    def asks_nothing(self) -> bool:
        """Whether it is changes that are none, as those of a row of empty cells are."""
        return isinstance(self.given, ContactChanges) and self.body == {}

    def outcome(self, kind: OutcomeKind, **more: Any) -> Outcome:
        """What has become of it."""
        return Outcome(position=self.position, kind=kind, contact_id=self.contact_id, record_id=self.record_id, **more)


class Verb(ABC):
    """One kind of write."""

    operation: ClassVar[str]
    """Its name in the ledger, and in the failures."""
    asked: ClassVar[str]
    """What a run of it is to do, in words."""
    batch: ClassVar[int] = 1
    """How many inputs one request takes."""
    removes: ClassVar[bool] = False
    """Whether that it is not found, the second time, means that it is done."""
    overwrites: ClassVar[bool] = False
    """Whether the last of several writes to one contact is what counts."""
    can_differ: ClassVar[bool] = False
    """Whether a contact shows if it is so already."""

    def __init__(self, ghl: GHLClient) -> None:
        self.ghl = ghl.background

    @property
    def options(self) -> dict[str, Any]:
        """What else decides what is sent."""
        return {}

    @abstractmethod
    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read one input: the contact, the record, the draft or changes.

        Raises:
            UsageError: it is none.
        """

    async def check(self, _contact_id: str | None, _given: Any) -> dict[str, Any] | None:
        """Check one input as far as that needs no server, and give what would be sent where it shows that.

        Raises:
            UsageError: what is wrong.
        """
        return None

    def keys(self, one: Input, /) -> Sequence[str]:
        """What inputs have in common that must be done in their order."""
        return () if one.contact_id is None else (one.contact_id,)

    def cost(self, _one: Input) -> int:
        """How many requests this input takes by itself."""
        return 1

    def requests(self, _inputs: int, cost: int) -> int:
        """How many requests so many inputs take, whose `cost` is known together."""
        return cost

    def sent(self, one: Input) -> Mapping[str, Any]:
        """What it writes of a record that is there, or of a contact, by the API's names."""
        return one.body or {}

    def said(self, one: Input) -> str:
        """What would be sent, for a dry run; no values."""
        return f"{self.operation}: {', '.join(one.body)}" if one.body else self.operation

    def is_so(self, _one: Input, _contact: Contact) -> bool:
        """Whether there is nothing to do for this contact; only where `can_differ`."""
        return False


class Single(Verb):
    """A write of one request for each input."""

    creates: ClassVar[bool] = False
    """Whether to send it twice would double something."""
    tells_by_others: ClassVar[bool] = False
    """Whether a lost create is told from others by what those have made for the same contact."""

    async def known(self, _one: Input) -> tuple[str, ...] | None:
        """The ids of what is there before, where they are needed to tell what a lost create has made."""
        return None

    @abstractmethod
    async def send(self, one: Input, context: Context) -> Done:
        """Do it.

        Raises:
            GHLError: it was not done, or nobody knows.
        """

    async def seek(self, _one: Input, _entry: Entry, _besides: Collection[str]) -> Done | None:
        """Find what an earlier process has left in doubt; None: it is to be sent (again).

        Args:
            besides: ids of records that other inputs have made.

        Raises:
            OutcomeUnknown: it cannot be told.
        """
        return None


class Many(Verb):
    """A write of many contacts in one request, by the server; it does not matter how often."""

    calls: int = 1
    """How many requests a batch takes."""

    def requests(self, inputs: int, _cost: int) -> int:
        """So many for each batch."""
        return self.calls * ceil(inputs / self.batch)

    def keys(self, _one: Input, /) -> Sequence[str]:
        """Nothing: all inputs ask for the same."""
        return ()

    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read a contact's id."""
        return checked_id(item), None, None

    @abstractmethod
    async def send_many(self, contact_ids: Sequence[str]) -> Sequence[ItemResult]:
        """Do it; one result for each different contact."""


class Update(Single):
    """Changes of contacts."""

    operation, asked, can_differ, overwrites = "contacts.update", "update contacts", True, True

    def __init__(self, ghl: GHLClient, *, replace_tags: bool) -> None:
        super().__init__(ghl)
        self._replace_tags = replace_tags

    @property
    def options(self) -> dict[str, Any]:
        """Whether tags are replaced."""
        return {"replace_tags": self._replace_tags}

    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read (contact id, ContactChanges)."""
        contact_id, changes = pair(item, "ContactChanges")
        if not isinstance(changes, ContactChanges):
            raise UsageError(f"{self.operation} takes (contact id, ContactChanges), not {type(changes).__name__}")
        return checked_id(contact_id), None, changes

    async def check(self, _contact_id: str | None, given: Any) -> dict[str, Any] | None:
        """Check the changes; none at all are right, and nothing is sent."""
        if given == ContactChanges():
            return {}
        return await self.ghl.contacts.check(given, replace_tags=self._replace_tags)

    async def send(self, one: Input, _context: Context) -> Done:
        """Change the contact."""
        contact = await self.ghl.contacts.update(one.contact_id or "", one.given, replace_tags=self._replace_tags)
        return Done(one.contact_id, record=contact)

    def is_so(self, one: Input, contact: Contact) -> bool:
        """Whether the contact has all of these values."""
        return one.body is not None and is_as_wanted(one.body, contact)


class Create(Single):
    """New contacts."""

    operation, asked = "contacts.create", "create contacts"
    creates = True

    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read a ContactDraft."""
        if not isinstance(item, ContactDraft):
            raise UsageError(f"{self.operation} takes ContactDraft, not {type(item).__name__}")
        return None, None, item

    async def check(self, _contact_id: str | None, given: Any) -> dict[str, Any] | None:
        """Check the draft."""
        return await self.ghl.contacts.check(given)

    def keys(self, one: Input, /) -> Sequence[str]:
        """The e-mail and the phone."""
        body = one.body or {}
        return [f"{name} {str(body[name]).strip().casefold()}" for name in ("email", "phone") if body.get(name)]

    async def send(self, one: Input, _context: Context) -> Done:
        """Create the contact."""
        contact = await self.ghl.contacts.create(one.given)
        return Done(contact.id, made=contact.id, record=contact)

    async def seek(self, one: Input, entry: Entry, besides: Collection[str]) -> Done | None:
        """Look for the contact."""
        found = await self.ghl.contacts.find_created(one.given, since=since(entry), besides=besides)
        return None if found is None else Done(found.id, made=found.id, record=found)


class Upsert(Create):
    """New contacts, or changes of those that the location recognises."""

    operation, asked, overwrites = "contacts.upsert", "upsert contacts", True

    def __init__(self, ghl: GHLClient, *, replace_tags: bool, check: bool) -> None:
        super().__init__(ghl)
        self._replace_tags = replace_tags
        self._check = check

    @property
    def options(self) -> dict[str, Any]:
        """Whether tags are replaced. Whether it is checked whose e-mail it is does not change what is sent."""
        return {"replace_tags": self._replace_tags}

    async def check(self, _contact_id: str | None, given: Any) -> dict[str, Any] | None:
        """Check the draft."""
        return await self.ghl.contacts.check(given, upsert=True, replace_tags=self._replace_tags)

    def cost(self, one: Input) -> int:
        """One, and one for each of e-mail and phone that is checked."""
        return 1 + len(self.keys(one)) * self._check

    async def send(self, one: Input, _context: Context) -> Done:
        """Upsert the contact."""
        done = await self.ghl.contacts.upsert(one.given, replace_tags=self._replace_tags, check=self._check)
        return Done(done.contact.id, made=done.contact.id if done.new else None, record=done.contact)

    async def seek(self, one: Input, entry: Entry, besides: Collection[str]) -> Done | None:
        """Look for the contact. One that the location recognises is upserted again: it may not have these values."""
        body = one.body or {}
        if await self._recognised(body):
            return None
        try:
            found = await super().seek(one, entry, besides)
        except OutcomeUnknown:
            if await self._recognised(body):
                return None
            raise
        return None if found is not None and await self._recognised(body) else found

    async def _recognised(self, body: Mapping[str, Any]) -> bool:
        email, phone = body.get("email"), body.get("phone")
        return await self.ghl.contacts.find_duplicate(email=email, phone=phone) is not None


class Delete(Single):
    """Contacts that are to go."""

    operation, asked = "contacts.delete", "delete contacts"
    removes = True

    def take(self, item: Any) -> tuple[str | None, str | None, Any]:
        """Read a contact's id."""
        return checked_id(item), None, None

    async def send(self, one: Input, _context: Context) -> Done:
        """Delete the contact."""
        await self.ghl.contacts.delete(one.contact_id or "")
        return Done(one.contact_id)


def pair(item: object, second: str) -> tuple[Any, Any]:
    """Read an input of two.

    Raises:
        UsageError: it is none.
    """
    if isinstance(item, tuple | list) and len(item) == 2:  # noqa: PLR2004
        return item[0], item[1]
    raise UsageError(f"an input must be (contact id, {second}), not {type(item).__name__}")


def checked_id(given: object, what: str = "contact") -> str:
    """An id, as far as can be told before it is sent.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(given, str):
        raise UsageError(f"the id of a {what} must be text, not {type(given).__name__}")
    if not (given.isascii() and given.isprintable() and given.strip() == given) or given in {"", ".", ".."}:
        raise UsageError(f"{given[:40]!r} is not the id of a {what}")
    if len(given) > LONGEST_ID or any(mark in given for mark in "/\\ "):
        raise UsageError(f"{given[:40]!r} is not the id of a {what}")
    return str.__str__(given)  # the text itself: one of another class is told apart and sent as such


def since(entry: Entry) -> datetime:
    """When a write that is in doubt began."""
    return datetime.fromtimestamp(entry.intended_at or 0.0, UTC)

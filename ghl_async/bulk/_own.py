"""What a program wrote itself, and whether it is all that a record has changed by.

An outcome says what was sent, so content tells: a contact is as we left it where all that we wrote still stands there,
and nothing else differs from what is stored. Thus a change by somebody else is seen, whether it came before our write
or behind it. A record without an outcome says only how it was behind the write, and is held against that alone.

What cannot be told is not our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from ..errors import UsageError
from ..models import Appointment, Contact, Note, Task, decode_record
from ._content import differing, is_as_left
from ._differs import SHOWN, is_as_wanted, is_same_value, plain_tags
from ._outcome import Outcome
from ._rows import Difference

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Own", "OwnWrites"]

Own: TypeAlias = Outcome | Contact | Task | Note | Appointment

_NAMES = frozenset({"contactName", "fullNameLowerCase", "name"})
_FIRST = frozenset({"firstName", "firstNameLowerCase", "firstNameRaw"})
_LAST = frozenset({"lastName", "lastNameLowerCase", "lastNameRaw"})
_MOVED: dict[str, frozenset[str]] = {
    "firstName": _FIRST | _NAMES,
    "lastName": _LAST | _NAMES,
    "name": _FIRST | _LAST | _NAMES,
    "email": frozenset({"email", "emailLowerCase", "validEmail"}),
    "phone": frozenset({"phone", "phoneLabel"}),
    "address1": frozenset({"address", "address1"}),
    "dateOfBirth": frozenset({"birthDay", "birthMonth", "dateOfBirth"}),
    "companyName": frozenset({"businessName", "companyName"}),
    "businessId": frozenset({"businessId", "businessName", "companyName"}),
}
"""By the name of what is sent: under which names a contact shows it, where that is not the same one alone."""
_ASIDE = frozenset({"dateUpdated", "lastUpdatedBy"})
"""What every write moves."""


class OwnWrites:
    """What a program wrote itself, kept small: to be given to `sync`.

    own = bulk.OwnWrites()
    async for outcome in bulk.update(ghl, changes):
        own.add(outcome)
    async for change in bulk.sync(ghl, store, own=own):
        ...
    """

    def __init__(self, written: Iterable[Own] = (), /) -> None:
        self._contacts: dict[str, _Contact] = {}
        self._dates: dict[str, set[datetime]] = {}
        self._others: dict[str, list[tuple[bytes, frozenset[str] | None]]] = {}
        """Of tasks, notes and appointments: how they were left; and what alone was written, where that is known."""
        self._removed: set[str] = set()
        for each in written:
            self.add(each)

    def add(self, written: Own, /) -> None:
        """Take an outcome of a bulk write, or a record as a reply showed it, in the order of the writes.

        An outcome that is not ok says nothing; nor does that of a create that the ledger knew as done: it is a change.

        Raises:
            UsageError: it is neither.
        """
        if isinstance(written, Outcome):
            self._add(written)
        elif isinstance(written, Contact):
            if written.date_updated is not None:
                self._dates.setdefault(written.id, set()).add(written.date_updated)
        elif isinstance(written, Task | Note | Appointment):
            self._others.setdefault(written.id, []).append((written.raw, None))
        else:
            raise UsageError(
                f"own takes outcomes, contacts, tasks, notes and appointments, not {type(written).__name__}"
            )

    def _add(self, outcome: Outcome) -> None:
        id_ = outcome.record_id or outcome.contact_id
        if outcome.kind != "ok" or id_ is None:
            return
        if outcome.what == "removed":
            self._removed.add(id_)
        elif outcome.record_id is None:
            self._contacts.setdefault(id_, _Contact()).add(outcome)
        elif outcome.record is not None:
            names = frozenset(outcome.sent) if outcome.what == "changed" else None
            self._others.setdefault(id_, []).append((outcome.record.raw, names))

    def knows(self, record_id: str) -> bool:
        """Whether anything was written of a record."""
        return any(record_id in known for known in (self._contacts, self._dates, self._others, self._removed))

    def has_removed(self, record_id: str) -> bool:
        """Whether a record was deleted."""
        return record_id in self._removed

    def explains(self, difference: Difference, stored: bytes | None, sent: bytes | None) -> bool:
        """Whether a record differs from what is stored by what was written, and by nothing else."""
        if difference.what == "surplus":
            return self.has_removed(difference.id)
        if sent is None or (difference.what == "stale" and stored is None):
            return False
        if difference.part == "contacts":
            return self._explains_contact(difference.id, stored, sent)
        for left, names in self._others.get(difference.id, ()):
            is_all = names is None or (stored is not None and _differs_by(stored, sent, names))
            if is_all and is_as_left(difference.part, left, sent):
                return True
        return False

    def _explains_contact(self, contact_id: str, stored: bytes | None, sent: bytes) -> bool:
        try:
            is_now = decode_record(Contact, sent)
            was = None if stored is None else decode_record(Contact, stored)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if is_now.date_updated in self._dates.get(contact_id, ()):
            return True
        ours = self._contacts.get(contact_id)
        return ours is not None and ours.explains(was, is_now)


class _Value(NamedTuple):
    """What was written under one name: what a contact showed of it afterwards, or else what was sent."""

    value: Any
    is_shown: bool


class _Contact:
    """What was written of one contact, all in all."""

    __slots__ = ("_added", "_custom", "_left_at", "_made", "_removed", "_replaced", "_values")

    def __init__(self) -> None:
        self._values: dict[str, _Value] = {}
        self._custom: dict[str, Any] = {}
        self._replaced: frozenset[str] | None = None
        """All its tags, where these were replaced; those that were added or removed come behind that."""
        self._added: frozenset[str] = frozenset()
        self._removed: frozenset[str] = frozenset()
        self._made: Contact | None = None
        self._left_at: datetime | None = None
        """The last date that a reply showed."""

    def add(self, outcome: Outcome) -> None:
        """Take one outcome more."""
        record = outcome.record if isinstance(outcome.record, Contact) else None
        self._left_at = None if record is None else record.date_updated
        if outcome.what == "added":
            self._made = record
        for name, value in outcome.sent.items():
            if name in SHOWN:
                self._values[name] = _Value(
                    value if record is None else SHOWN[name](record), is_shown=record is not None
                )
        if "tags" in outcome.sent:
            self._replaced, self._added, self._removed = frozenset(plain_tags(outcome.sent["tags"])), _NONE, _NONE
        added = frozenset(plain_tags(outcome.sent.get("addTags", ())))
        removed = frozenset(plain_tags(outcome.sent.get("removeTags", ())))
        self._added, self._removed = (self._added - removed) | added, (self._removed - added) | removed
        custom = None if record is None else _custom(record)
        for item in outcome.sent.get("customFields", ()):
            if "id" in item:
                sent = item.get("field_value", item.get("fieldValue"))
                self._custom[item["id"]] = sent if custom is None else custom.get(item["id"])

    def explains(self, was: Contact | None, is_now: Contact) -> bool:
        """Whether a contact is as it was stored, or as it was made, but for what was written of it."""
        before = was or self._made
        if before is None or not self._is_left(before, is_now):
            return False
        if not self._are_custom_fields_left(_custom(before), _custom(is_now)):
            return False
        if was is None:
            return self._is_as_made(before, is_now)
        names = {"customFields", "tags"}.union(*(_MOVED.get(name, {name}) for name in self._values))
        return _differs_by(was.raw, is_now.raw, names)

    def _is_left(self, before: Contact, is_now: Contact) -> bool:
        for name, (value, is_shown) in self._values.items():
            same = _same(value, SHOWN[name](is_now)) if is_shown else is_as_wanted({name: value}, is_now)
            if not same:
                return False
        tags = plain_tags(before.tags) if self._replaced is None else self._replaced
        return (tags - self._removed) | self._added == plain_tags(is_now.tags)

    def _are_custom_fields_left(self, before: Mapping[str, Any], is_now: Mapping[str, Any]) -> bool:
        wanted = {**before, **self._custom}
        return all(is_same_value(wanted.get(id_), is_now.get(id_)) for id_ in {*wanted, *is_now})

    def _is_as_made(self, made: Contact, is_now: Contact) -> bool:
        """What the reply to a create left out may have been there: the date says whether anything has come since."""
        is_untouched = is_now.date_updated is not None and is_now.date_updated == self._left_at
        others = SHOWN.keys() - self._values.keys()
        return all(
            _same(SHOWN[name](made), SHOWN[name](is_now)) or (is_untouched and not SHOWN[name](made)) for name in others
        )


_NONE: frozenset[str] = frozenset()


def _differs_by(stored: bytes, sent: bytes, names: Iterable[str]) -> bool:
    found = differing(stored, sent)
    return found is not None and found - _ASIDE <= {*names}


def _same(one: Any, other: Any) -> bool:
    """What is empty is the same as what is not there."""
    return (one or None) == (other or None)


def _custom(contact: Contact) -> dict[str, Any]:
    return {each.id: each.value for each in contact.custom_fields}

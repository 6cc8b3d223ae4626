"""What makes sure of a difference that would take something away: it is asked for at its own place first.

A reading that is older than what is stored may come from an index that lags, or from a server that has set its date
back: the contact itself tells. A list that does not show a record any more may have left it out, or have been read
while it moved: the list of its contact tells. So it does where an appointment that came from there differs from what a
calendar shows, by other names and without who it is assigned to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from typing import Any, TypeVar

import msgspec

from ..client import GHLClient
from ..errors import GHLError, NotFound
from ..models import Contact, decode_record
from ..pagination import Page
from ._content import came_alike, differing, is_same, said
from ._cursors import MOST_CALLS
from ._doors import ENDS_THE_RUN
from ._gone import FAILS_FOR_ALL, says_gone
from ._rows import Batch, ContactRows, Difference, Kind, Part, QuarantinedRow, Row, iso
from ._workers import InOrder, stream
from .store import Store

__all__ = ["NOT_MADE_SURE", "Confirmed", "confirmed"]

NOT_MADE_SURE = "it could not be found out whether what is stored and was not sent still exists"
_IN_BOTH = frozenset(
    {"assignedTo", "city", "companyName", "email", "firstName", "lastName", "phone", "postalCode", "source", "state"}
)
"""Names that a contact itself, and a search, leave out or set to null only where there is nothing (facts 6.6, 7.3)."""
_SHOWN_OTHERWISE = frozenset({"additionalEmails", "additionalPhones", "dateOfBirth"})
"""Names under which a contact itself says the same in another form than in a search."""
T = TypeVar("T")


class Confirmed(msgspec.Struct, frozen=True):
    """What has come of a batch."""

    batch: Batch
    """As it may be committed."""
    found: list[Difference]
    """In what it differs from what is stored."""
    unsure: list[Difference] = []
    """In what it perhaps does: nothing could be found out, and what is stored stays."""
    gone: list[str] = []
    """Contacts of which a list of their own says that they are not there: ask for these themselves."""


class _Answer(msgspec.Struct, frozen=True):
    """What a contact itself, or one of its lists, says of some differences."""

    row: ContactRows
    refuted: list[Difference] = []
    stale: list[Difference] = []
    """What is found instead."""
    unsure: list[Difference] = []
    is_gone: bool = False
    """Whether it says that there is no such contact."""


async def confirmed(
    ghl: GHLClient, store: Store, batch: Batch, read_one_by_one: Collection[Kind], *, beyond_calendars: bool = False
) -> Confirmed:
    """Say in what a batch differs from what is stored, and make sure of what would take something away.

    Args:
        read_one_by_one: the kinds that come from their contacts' own lists already. Appointments tell that themselves.
        beyond_calendars: whether what is stored of calendars that were not read is held against the server too.

    Raises:
        GHLError: what would fail for every contact.

    Cost: 1 request for each contact of which a reading is older, and for each kind of a contact that has lost records.
    """
    rows = {row.id: row for row in batch.contacts}
    compared = batch.contacts
    if beyond_calendars:
        compared = tuple(msgspec.structs.replace(row, calendars=None) for row in compared)
    found = await store.compare(compared)

    doubtful = [each for each in found if await _is_doubtful(store, rows[each.contact_id], each, read_one_by_one)]
    if not doubtful:
        return Confirmed(batch, found)
    by_contact: dict[str, dict[Part, list[Difference]]] = {}
    for each in doubtful:
        by_contact.setdefault(each.contact_id, {}).setdefault(each.part, []).append(each)

    async def ask(contact_id: str) -> list[_Answer]:
        answers = [_Answer(rows[contact_id])]
        for part, some in by_contact[contact_id].items():
            row = answers[-1].row
            asking = _dated(ghl, store, row, some) if part == "contacts" else _listed(ghl, store, row, part, some)
            answers.append(await asking)
        return answers

    wrong: set[Difference] = set()
    stale: list[Difference] = []
    unsure: list[Difference] = []
    gone: list[str] = []
    async with InOrder(stream(by_contact), ask, ahead=MOST_CALLS) as asked:
        async for answers in asked:
            for answer in answers:
                rows[answer.row.id] = answer.row
                wrong |= {*answer.refuted, *answer.unsure}
                stale += answer.stale
                unsure += answer.unsure
            gone += [answers[0].row.id] if any(answer.is_gone for answer in answers) else []
    whole = msgspec.structs.replace(batch, contacts=tuple(rows[row.id] for row in batch.contacts))
    return Confirmed(whole, [*(each for each in found if each not in wrong), *stale], unsure, gone)


async def _is_doubtful(store: Store, row: ContactRows, each: Difference, read_one_by_one: Collection[Kind]) -> bool:
    if each.is_older or each.part == "contacts":
        return each.is_older
    if row.calendars is None if each.part == "appointments" else each.part in read_one_by_one:
        return False  # it comes from the contact's own list
    if each.part == "appointments" and each.what == "stale":
        kept, sent = await store.stored(each), _record(row, each.part, each.id)
        return kept is not None and sent is not None and not came_alike(kept.raw, sent.raw)
    return each.what == "surplus"


async def _dated(ghl: GHLClient, store: Store, row: ContactRows, some: list[Difference]) -> _Answer:
    """Whether the contact itself has the older date too, or that of what is stored."""
    contact = await _asked(ghl.background.contacts.get(row.id), FAILS_FOR_ALL)
    if isinstance(contact, GHLError):
        return _Answer(row, unsure=some, is_gone=_is_gone(contact))
    date = iso(contact.date_updated)
    if date == row.date_updated:
        return _Answer(msgspec.structs.replace(row, is_confirmed=True))
    kept = await store.stored(some[0])
    # Where it has changed since, the search will show that later.
    is_current = kept is not None and date == _date_of(kept.raw) and _agree(contact.raw, kept.raw)
    return _Answer(row, refuted=some) if is_current else _Answer(row, unsure=some)


def _agree(one: bytes, other: bytes) -> bool:
    """Whether a contact and what a search shows of it say the same, by every name that means the same in both."""
    first, second = said(one), said(other)
    if first is None or second is None:
        return False
    shown_by_both = ((first.keys() & second.keys()) | _IN_BOTH) - _SHOWN_OTHERWISE
    return not (differing(one, other) or set()) & shown_by_both


def _date_of(contact: bytes) -> str | None:
    try:
        return iso(decode_record(Contact, contact).date_updated)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def _listed(ghl: GHLClient, store: Store, row: ContactRows, kind: Kind, some: list[Difference]) -> _Answer:
    """Which of a contact's records are in its own list all the same, and which of these say something else there."""
    page: Page[Any] | GHLError = await _asked(getattr(ghl.background, kind).page(row.id), ENDS_THE_RUN)
    if isinstance(page, GHLError):
        for each in some:
            row = _with(row, kind, await store.stored(each))
        # What stays for want of an answer is looked at again by the next run, as what could not be read.
        row = msgspec.structs.replace(row, holes={**row.holes, kind: NOT_MADE_SURE})
        return _Answer(row, unsure=some, is_gone=_is_gone(page))
    there: dict[str | None, Row | QuarantinedRow] = {each.id: Row(each.id, each.raw) for each in page.items}
    there |= {each.id: QuarantinedRow(kind, each.id, each.reason, each.raw) for each in page.quarantined}
    refuted = [each for each in some if each.id in there]
    stale = []
    for each in refuted:
        kept, sent = await store.stored(each), there[each.id]
        if kept is None or not is_same(kind, kept.raw, sent.raw):
            stale.append(msgspec.structs.replace(each, what="stale"))
            row = _with(row, kind, sent)
        elif each.what == "surplus":
            row = _with(row, kind, kept)
        # Else the calendar's text is as right, and is what the calendar will be held against.
    return _Answer(row, refuted, stale)


def _record(row: ContactRows, kind: Kind, id_: str) -> Row | QuarantinedRow | None:
    apart = [each for each in row.quarantined if (each.kind, each.id) == (kind, id_)]
    return apart[0] if apart else next((each for each in row.children[kind] if each.id == id_), None)


def _with(row: ContactRows, kind: Kind, record: Row | QuarantinedRow | None) -> ContactRows:
    """A row with one record more, or in the place of the one with its id."""
    if record is None:
        return row
    apart = tuple(each for each in row.quarantined if (each.kind, each.id) != (kind, record.id))
    others = tuple(each for each in row.children[kind] if each.id != record.id)
    if isinstance(record, QuarantinedRow):
        apart = (*apart, record)
    else:
        others = (*others, record)
    return msgspec.structs.replace(row, children={**row.children, kind: others}, quarantined=apart)


async def _asked(answer: Awaitable[T], ends_the_run: tuple[type[GHLError], ...]) -> T | GHLError:
    """The answer, or what came in its place."""
    try:
        return await answer
    except GHLError as error:
        if isinstance(error, ends_the_run):
            raise
        return error


def _is_gone(error: GHLError) -> bool:
    return isinstance(error, NotFound) and says_gone(error)

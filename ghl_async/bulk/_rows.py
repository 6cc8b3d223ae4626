"""The structs that go into a store and come out of it. They know nothing of how a store keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias, get_args

import msgspec

__all__ = [
    "KINDS",
    "Batch",
    "Checkpoint",
    "ContactRows",
    "Counts",
    "Difference",
    "Hole",
    "Identity",
    "Kind",
    "Marks",
    "Part",
    "QuarantinedRow",
    "Row",
    "StoredContact",
    "iso",
]

Kind: TypeAlias = Literal["tasks", "notes", "appointments"]
"""What belongs to a contact."""

Part: TypeAlias = Literal["contacts", "tasks", "notes", "appointments"]
"""A contact itself, or what belongs to it."""

KINDS: tuple[Kind, ...] = get_args(Kind)


def iso(at: datetime | None) -> str | None:
    """ISO 8601 with milliseconds and Z, as the API writes it, so that texts compare like instants."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Identity(msgspec.Struct, frozen=True):
    """What a store is a copy of. A store never mixes two of them."""

    location_id: str
    query: str
    """The query's canonical JSON; "" means all contacts. May hold personal data, so no message shows it."""
    include: tuple[str, ...]
    """The kinds that are read with each contact; their order does not matter."""

    @property
    def facts(self) -> dict[str, str]:
        """What makes one store's content differ from another's, as the file keeps it."""
        include = ", ".join(sorted(set(self.include)))
        return {"location_id": self.location_id, "query": self.query, "include": include}


class Row(msgspec.Struct, frozen=True, gc=False):
    """One task, note or appointment."""

    id: str
    raw: bytes


class QuarantinedRow(msgspec.Struct, frozen=True, gc=False):
    """A record that could not be decoded, kept as it came."""

    kind: str
    id: str | None
    """None: the record has no readable id."""
    reason: str
    raw: bytes


class ContactRows(msgspec.Struct, frozen=True):
    """One contact and what was read of it."""

    id: str
    date_added: str | None
    """An ISO instant as sent, like all dates here."""
    date_updated: str | None
    raw: bytes
    children: dict[Kind, tuple[Row, ...]]
    """The kinds that were read completely: each replaces what the store holds of that kind for this contact."""
    holes: dict[Kind, str] = {}
    """The kinds that could not be read, and why."""
    quarantined: tuple[QuarantinedRow, ...] = ()
    """Children that did not decode."""
    calendars: frozenset[str] | None = None
    """The calendars of which `children` holds all appointments: what is stored of others stays. None: all of them."""
    read_at: float = 0.0
    """When their reading began, in seconds since 1970. 0: when the batch is handed over."""
    is_confirmed: bool = False
    """Whether it replaces what is stored even if that has a later date: the server itself has gone back."""


class Batch(msgspec.Struct, frozen=True):
    """What one transaction writes."""

    contacts: tuple[ContactRows, ...]
    quarantined: tuple[QuarantinedRow, ...] = ()
    """Contacts that did not decode; their `id`, if any, is the contact's."""
    cursor: bytes | None = None
    """Where to go on behind this batch. None leaves the stored cursor alone, for readings out of turn."""


class Counts(msgspec.Struct, frozen=True, gc=False):
    """How many records the whole store holds."""

    contacts: int
    tasks: int
    notes: int
    appointments: int
    quarantined: int
    """Records without a readable id count in the pass that saw them only: no later pass can tell them apart."""
    holes: int
    contacts_apart: int = 0
    """Quarantined contacts of which no readable version is among `contacts`."""
    contacts_nameless: int = 0
    """Those of them that have no readable id."""


class Checkpoint(msgspec.Struct, frozen=True):
    """Where a store stands."""

    state: Literal["new", "running", "finished"]
    cursor: bytes | None
    pass_number: int
    counts: Counts
    read: int
    """Contacts committed in this pass, each counted once however often it was read."""
    started_at: datetime
    """When this pass began, in UTC."""
    holes: dict[Kind, int] = {}
    """How many there are of each kind."""
    doubted: tuple[Kind, ...] = ()
    """Kinds whose cheaper way has been found to leave records out."""
    suspected: tuple[Kind, ...] = ()
    """Kinds of which the last sample found records missing that the cheaper way does show."""
    whole_at: float | None = None
    """When the last pass over all contacts that came to its end began, in seconds since 1970."""
    synced_at: float | None = None
    """When the last sync that came to its end began, in seconds since 1970."""
    swept_at: float | None = None
    """When a sync last compared all contacts."""
    apart: int = 0
    """How many contacts more than are stored the server counts, as far as the last sweep could not lessen it."""
    left_out: int = 0
    """How many contacts the last look at all of them was not shown, although the server counts them or knows them."""
    noted_at: float | None = None
    """When the newest note was added that the last look at new notes has met, by the server's clock."""
    newest: datetime | None = None
    """The latest `date_updated` in the store that is not later than its own reading, aware; None: there is none."""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """How far a look has come, each as in the `Checkpoint`; None leaves what was noted before."""

    synced_at: float | None = None
    swept_at: float | None = None
    noted_at: float | None = None
    apart: int | None = None
    left_out: int | None = None


class Difference(msgspec.Struct, frozen=True, gc=False):
    """One record of which the server says something else than the store."""

    contact_id: str
    part: Part
    id: str
    """The record's; of the contact itself the same as `contact_id`. "": more or fewer have no readable id."""
    what: Literal["missing", "stale", "surplus"]
    """- missing: the server has it, the store has not.
    - stale: the store has it otherwise.
    - surplus: the store has it, the server has not.
    """
    is_older: bool = False
    """Whether what was read of a contact has an earlier date than what is stored."""


class Hole(msgspec.Struct, frozen=True, gc=False):
    """A kind of one contact that could not be read so far."""

    contact_id: str
    kind: Kind
    reason: str


class StoredContact(msgspec.Struct, frozen=True):
    """What the store holds of one contact, for a comparison with the server."""

    id: str
    read_at: float
    """When its latest reading began, in seconds since 1970: what is older and not here was missed."""
    children: dict[Kind, frozenset[str]]
    """The ids held of each included kind, quarantined ones among them."""

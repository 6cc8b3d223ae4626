"""What a sync and a verification have to say: their items, and what the Summary holds of them."""

from __future__ import annotations

from typing import Literal

import msgspec

from ._rows import Part

__all__ = ["Change", "Changes", "Verified"]


class Change(msgspec.Struct, frozen=True):
    """What has become of one contact at the server since the store knew it."""

    contact_id: str
    what: Literal["added", "changed", "removed"]
    parts: tuple[Part, ...]
    """What differs: "contacts" is the contact itself, the others are what belongs to it. All of one that is removed."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync found."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    own: int = 0
    """Contacts of which nothing but what this program wrote itself was new."""
    read: Literal["changes", "sweep", "everything"] = "changes"
    """How far it looked: at contacts that moved, at every contact, or at every record."""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found."""

    contacts: int = 0
    """How many contacts were compared."""
    records: int = 0
    """How many tasks, notes and appointments of them."""
    missing: int = 0
    stale: int = 0
    surplus: int = 0
    holes: int = 0
    """Kinds of a contact that could not be read, by whichever run."""
    unlisted: int = 0
    """Appointments that the store lacks and need not hold: in calendars that the location does not list."""
    server_contacts: int | None = None
    """How many contacts the server counts."""
    stored_contacts: int = 0
    mended: bool = False
    """Whether what was found has been mended."""

    @property
    def all(self) -> int:
        """How many things are amiss."""
        return self.missing + self.stale + self.surplus + self.holes

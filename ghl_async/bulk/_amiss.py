"""The books of a verification: what is wrong with each contact of a store, until it has been seen again and written."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ._rows import Difference, Kind, Part
from .run import Failure

__all__ = ["Amiss"]

_UNREAD = "unread"
_Mark = tuple[str, str, str]
"""Part, id, and what is wrong with it; the id is empty where a whole part could not be read."""


class Amiss:
    """What was found and is not mended."""

    def __init__(self) -> None:
        self._left: dict[str, set[_Mark]] = {}
        self._unread: dict[tuple[str, str], str] = {}
        self._gone: set[str] = set()
        self._hidden: set[str] = set()

    def found(self, difference: Difference) -> None:
        """Take a difference."""
        self._left.setdefault(difference.contact_id, set()).add(_mark(difference))

    def unread(self, contact_id: str, part: Part | str, reason: str) -> None:
        """Take what could not be read, or be made sure of: once, whoever says it."""
        if contact_id not in self._gone:
            self._unread.setdefault((contact_id, part), reason)
            self._left.setdefault(contact_id, set()).add((part, "", _UNREAD))

    def hidden(self, contact_id: str) -> None:
        """Take a contact that the search does not show, though it is not known to be gone."""
        self._hidden.add(contact_id)

    def gone(self, contact_id: str) -> None:
        """Forget a contact that the server has no more."""
        self._gone.add(contact_id)
        self._left.pop(contact_id, None)
        for key in [key for key in self._unread if key[0] == contact_id]:
            del self._unread[key]

    def written(self, contact_id: str, seen: Iterable[Difference], read: Iterable[Part]) -> None:
        """Strike out what was seen again, and what could be read, of a contact that was written: nothing else."""
        left = self._left.get(contact_id)
        if left is not None:
            left -= {_mark(each) for each in seen}
            left -= {(part, "", _UNREAD) for part in read}
            if not left:
                del self._left[contact_id]

    def contact_ids(self, parts: Collection[Kind] | None = None) -> list[str]:
        """Those with anything left, or with anything left of some parts."""
        return [id_ for id_, marks in self._left.items() if parts is None or any(each[0] in parts for each in marks)]

    @property
    def is_mended(self) -> bool:
        """Whether nothing is left, and nothing was hidden."""
        return not self._left and not self._hidden

    @property
    def hidden_contacts(self) -> int:
        """How many contacts the search does not show."""
        return len(self._hidden)

    @property
    def holes(self) -> int:
        """How many parts of a contact could not be read, whether they have been mended since or not."""
        return len(self._unread) + len(self._hidden)

    def failures(self) -> list[Failure]:
        """What could not be read, as far as it is left."""
        unread = [
            Failure(contact_id, part, reason)
            for (contact_id, part), reason in self._unread.items()
            if (part, "", _UNREAD) in self._left.get(contact_id, ())
        ]
        said = "the search does not show it, though it is not known to be gone"
        return [*unread, *(Failure(contact_id, "contacts", said) for contact_id in sorted(self._hidden))]


def _mark(difference: Difference) -> _Mark:
    return difference.part, difference.id, difference.what

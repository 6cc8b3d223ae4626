"""Records of one kind, and the one that somebody means by a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeAlias, TypeVar

from ..errors import UsageError

__all__ = ["Index", "Names"]

R = TypeVar("R")
Names: TypeAlias = Callable[[R], Iterable[str | None]]

_MOST_SHOWN = 5


class Index(Generic[R]):
    """Records by what people call them.

    Three looks, each only if the one before finds nothing: by what is unique (ids), by the names as they are written,
    by the names without regard to capitals and spaces. A look that finds several does not choose among them.
    """

    def __init__(self, records: Sequence[R], *, noun: str, unique: Names[R], names: Names[R]) -> None:
        """Sort the records.

        Args:
            noun: what one of them is, for people: "custom field".
            unique: the ids of a record; also a key, where it has one.
            names: what else it is called; the first one is how people know it.
        """
        self.records = tuple(records)
        self._noun = noun
        self._unique = unique
        self._names = names
        self._looks = (
            _sorted(self.records, unique),
            _sorted(self.records, names),
            _sorted(self.records, lambda record: map(_folded, filter(None, (*unique(record), *names(record))))),
        )

    def find(self, wanted: str) -> R:
        """The one record that is called so.

        Raises:
            UsageError: none is, or several are; it names those that are near.
        """
        if not isinstance(wanted, str) or not wanted.strip():
            raise UsageError(f"a {self._noun} is named by a text, not {wanted!r}")
        found = self._found(wanted)
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{wanted!r} is the name of {len(found)} {self._noun}s: {self._shown(found)}")
        near = self._near(wanted)
        advice = f"; near to it: {self._shown(near)}" if near else ""
        raise UsageError(f"the location has no {self._noun} {wanted!r}{advice}")

    def has(self, wanted: str) -> bool:
        """Whether at least one record is called so."""
        return bool(self._found(wanted))

    def show(self, record: R) -> str:
        """A record as people know it, with what identifies it: "Pin code" (contact.pincode, 3sv6UEo51C9Bmpo1cKTq)."""
        name = next(filter(None, self._names(record)), None)
        unique = ", ".join(filter(None, self._unique(record)))
        return f'"{name}" ({unique})' if name else unique

    def _found(self, wanted: str) -> Sequence[R]:
        for look, key in zip(self._looks, (wanted, wanted, _folded(wanted)), strict=True):
            if key in look:
                return look[key]
        return ()

    def _near(self, wanted: str) -> list[R]:
        import difflib

        near = difflib.get_close_matches(_folded(wanted), self._looks[-1], n=_MOST_SHOWN)
        found = {id(record): record for name in near for record in self._looks[-1][name]}
        return list(found.values())

    def _shown(self, records: Sequence[R]) -> str:
        shown = ", ".join(map(self.show, records[:_MOST_SHOWN]))
        return shown + (f" and {len(records) - _MOST_SHOWN} more" if len(records) > _MOST_SHOWN else "")


def _sorted(records: Iterable[R], names: Names[R]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = {}
    for record in records:
        for name in {name for name in names(record) if name}:
            found.setdefault(name, []).append(record)
    return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())

"""An empty contact, and which contacts hold an e-mail address or a phone number."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from .people import People, PeopleSettings

__all__ = ["Holders", "Ref", "blank_record"]

Ref = int | str
"""Where a contact is: the index of a made-up one, the id of an added one."""


@cache
def _blank() -> dict[str, Any]:
    made = People(PeopleSettings(location_id="", count=1)).record(0)
    return {key: type(value)() if isinstance(value, list | dict) else None for key, value in made.items()}


def blank_record() -> dict[str, Any]:
    """Return a record with every field of `People.record` unset."""
    return deepcopy(_blank())


class Holders:
    """The added and changed contacts by what they hold, so that looking for a duplicate costs nothing per contact."""

    def __init__(self) -> None:
        """Start empty."""
        self._refs: dict[tuple[str, str], dict[Ref, None]] = {}
        self._keys: dict[Ref, list[tuple[str, str]]] = {}

    def put(self, ref: Ref, record: dict[str, Any]) -> None:
        """Take down what a contact holds now, in place of what it held."""
        self.drop(ref)
        keys = self._keys[ref] = [
            (kind, value.lower())
            for kind in ("email", "phone")
            for value in [record[kind], *record[f"additional{kind.title()}s"]]
            if isinstance(value, str)
        ]
        for key in keys:
            self._refs.setdefault(key, {})[ref] = None

    def drop(self, ref: Ref) -> None:
        """Forget a contact."""
        for key in self._keys.pop(ref, ()):
            refs = self._refs[key]
            refs.pop(ref, None)
            if not refs:
                del self._refs[key]

    def get(self, kind: str, value: str) -> list[Ref]:
        """Return the added and changed contacts that hold this "email" or "phone"."""
        return list(self._refs.get((kind, value.lower()), ()))

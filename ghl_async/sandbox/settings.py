"""What can be chosen for one location, and the rules of writing that the facts leave open."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from .words import DIAL_CODES

__all__ = ["LocationSettings", "WriteRules"]

Identifier = Literal["email", "phone"]
_S = TypeVar("_S", bound=msgspec.Struct)


def _changed(settings: _S, changes: dict[str, Any]) -> None:
    """Set some fields at once, or none where one does not fit."""
    changed = msgspec.convert(msgspec.structs.asdict(settings) | changes, type(settings))
    for name in settings.__struct_fields__:
        setattr(settings, name, getattr(changed, name))


class LocationSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A location as its owner has set it up; the time zone is apart, with the people's settings."""

    name: str = "Sandbox Dental"
    country: str = "US"
    """ISO 3166, two letters: the default country of new contacts, and that of phone numbers without a `+`."""
    allow_duplicates: bool = False
    """`settings.allowDuplicateContact` (facts 5.3 [spec])."""
    unique_identifiers: tuple[Identifier, ...] = ("email", "phone")
    """`settings.contactUniqueIdentifiers`, the first one first (facts 7.5 [live])."""

    def __post_init__(self) -> None:
        """Check the country.

        Raises:
            ValueError: its numbers are not known here.
        """
        if self.country not in DIAL_CODES:
            message = f"country must be one of {', '.join(DIAL_CODES)}, not {self.country!r}"
            raise ValueError(message)

    def change(self, **changes: Any) -> None:
        """Change some of them, at once.

        Raises:
            ValueError: an unknown name or a wrong value; nothing is changed then.
        """
        _changed(self, changes)


class WriteRules(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is unknown of the real service's writes (facts 16), for all locations."""

    bulk_tags_refuse: int = 500
    """Most contacts of one bulk tags request; more are a 422 (facts 7.6 [blog], 16.9)."""
    children_touch_contact: bool = False
    """Whether tasks, notes, appointments, tags and followers move the contact's `dateUpdated` (facts 16.4)."""
    custom_fields_replace: bool = False
    """Whether `customFields` of an update are all there is afterwards, instead of merged by field (facts 16.5)."""

    def __post_init__(self) -> None:
        """Check the limit.

        Raises:
            ValueError: it is less than 1.
        """
        if self.bulk_tags_refuse < 1:
            message = f"bulk_tags_refuse must be at least 1, not {self.bulk_tags_refuse}"
            raise ValueError(message)

    def change(self, **changes: Any) -> WriteRules:
        """Change some of them, at once, and return all.

        Raises:
            ValueError: an unknown name or a wrong value; nothing is changed then.
        """
        _changed(self, changes)
        return self

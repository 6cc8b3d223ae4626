"""What can be chosen for one company and one location, and the rules that the facts leave open."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar

import msgspec

from .ids import digest, letters
from .words import DIAL_CODES

__all__ = ["DEFAULT_COMPANY", "Company", "LocationSettings", "OAuthRules", "WriteRules"]

Identifier = Literal["email", "phone"]
DEFAULT_COMPANY: Final = letters(digest("company", size=20))
"""The company of every location that names no other."""
_S = TypeVar("_S", bound=msgspec.Struct)


def _changed(settings: _S, changes: dict[str, Any]) -> None:
    """Set some fields at once, or none where one does not fit."""
    changed = msgspec.convert(msgspec.structs.asdict(settings) | changes, type(settings))
    for name in settings.__struct_fields__:
        setattr(settings, name, getattr(changed, name))


class Company(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An agency; its locations name it in their settings."""

    id: str
    name: str
    active: bool = True
    """An inactive agency's locations are not active either (facts 9.2 [spec])."""

    def change(self, **changes: Any) -> Company:
        """Change some of it, at once, and return it.

        Raises:
            ValueError: an unknown name or a wrong value; nothing is changed then.
        """
        _changed(self, changes)
        return self


class LocationSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A location as its owner has set it up; the time zone is apart, with the people's settings."""

    name: str = "Sandbox Dental"
    country: str = "US"
    """ISO 3166, two letters: the default country of new contacts, and that of phone numbers without a `+`."""
    allow_duplicates: bool = False
    """`settings.allowDuplicateContact` (facts 5.3 [spec])."""
    unique_identifiers: tuple[Identifier, ...] = ("email", "phone")
    """`settings.contactUniqueIdentifiers`, the first one first (facts 7.5 [live])."""
    company_id: str = DEFAULT_COMPANY
    """The agency that it belongs to."""
    active: bool = True
    """A paused location gets no new tokens (facts 9.2 [spec]); those it has go on [guess]."""

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


class OAuthRules(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the OAuth server behaves; the durations are seconds."""

    access_token_seconds: float = 86_399.0
    """`expires_in` of what is issued from now on (facts 9.2 [spec])."""
    refresh_token_seconds: float = 31_536_000.0
    """One year (facts 9.3 [docs])."""
    refresh_grace_seconds: float = 30.0
    """How long a used refresh token still brings the pair that it brought (facts 9.3 [docs])."""
    location_refresh_token: bool = True
    """Whether a location token made from a company's has a refresh token in v2 too: [docs] yes, [spec] no (9.4)."""
    auth_class_status: Literal[401, 403] = 401
    """The answer to a token of the wrong class (facts 2.4: both are seen)."""
    consent: Literal["approve", "ask", "deny"] = "approve"
    """What the consent page does by itself."""
    consent_for: str = ""
    """The location or company that it approves by itself; empty: the main location."""

    def __post_init__(self) -> None:
        """Check the durations.

        Raises:
            ValueError: one is negative.
        """
        if min(self.access_token_seconds, self.refresh_token_seconds, self.refresh_grace_seconds) < 0:
            message = "durations must not be negative"
            raise ValueError(message)

    def change(self, **changes: Any) -> OAuthRules:
        """Change some of them, at once, and return all.

        Raises:
            ValueError: an unknown name or a wrong value; nothing is changed then.
        """
        _changed(self, changes)
        return self

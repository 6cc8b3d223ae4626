"""What the server knows: locations with their contacts, and tokens with their scopes and locations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from .ids import digest, letters
from .location import Location, Ref
from .pages import PageSizes
from .people import PeopleSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .children import Averages

__all__ = ["ALL_SCOPES", "State", "Token"]

ALL_SCOPES: Final = frozenset({  # facts 9.6 [docs]
    "contacts.readonly", "contacts.write", "locations.readonly", "locations/tasks.readonly", "locations/tags.readonly",
    "locations/customFields.readonly", "calendars.readonly", "calendars/events.readonly", "users.readonly",
    "notes.readonly",  # facts 8.4 [guess]
})  # fmt: skip
_OTHER_CONTACTS: Final = 50


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One bearer token. A private one starts with `pit-` and belongs to the app "pit"."""

    text: str
    scopes: frozenset[str]
    locations: tuple[str, ...]
    app: str = "pit"
    expired: bool = False

    def __repr__(self) -> str:
        """Show everything but the secret."""
        return f"Token(app={self.app!r}, locations={self.locations!r}, expired={self.expired!r})"


class State:
    """Two locations at the start: the main one, and a small one that the default token may not read."""

    def __init__(self, settings: PeopleSettings, averages: Averages) -> None:
        """Make both locations; an empty `settings.location_id` is made from the seed."""
        self._seed = settings.seed
        self._averages = averages
        self.locations: dict[str, Location] = {}
        self.tokens: dict[str, Token] = {}
        self.pages = PageSizes()
        main_id = settings.location_id or letters(digest(settings.seed, "location", 0, size=20))
        self.main = self._add_location(msgspec.structs.replace(settings, location_id=main_id))
        self.other = self.add_location(_OTHER_CONTACTS)

    def add_location(self, contacts: int) -> Location:
        """Add a location with `contacts` made-up contacts."""
        location_id = letters(digest(self._seed, "location", len(self.locations), size=20))
        return self._add_location(PeopleSettings(location_id=location_id, seed=self._seed, count=contacts))

    def _add_location(self, settings: PeopleSettings) -> Location:
        location = Location(settings, self._averages)
        self.locations[location.id] = location
        return location

    def set_index_lag(self, seconds: float) -> None:
        """Let search and list miss an added contact for so long; at once, for those added already too.

        Raises:
            ValueError: it is negative.
        """
        if seconds < 0:
            message = f"the lag must not be negative: {seconds}"
            raise ValueError(message)
        for location in self.locations.values():
            location.lag_seconds = seconds

    def add_token(
        self,
        text: str | None = None,
        *,
        scopes: Iterable[str] = ALL_SCOPES,
        locations: Iterable[str] | None = None,
        app: str = "pit",
        expired: bool = False,
    ) -> Token:
        """Add a token, or replace the one of the same text; without a text a private one is made."""
        # facts 1 [blog]: pit- and a UUID; facts 2.1: an OAuth token is a JWT
        text = text or f"pit-{UUID(bytes=digest(self._seed, 'token', len(self.tokens), size=16), version=4)}"
        allowed = (self.main.id,) if locations is None else tuple(locations)
        token = Token(text=text, scopes=frozenset(scopes), locations=allowed, app=app, expired=expired)
        self.tokens[text] = token
        return token

    def locate(self, contact_id: str) -> tuple[Location, Ref] | None:
        """Return the location and place of a contact, None if no location has it."""
        for location in self.locations.values():
            ref = location.find(contact_id)
            if ref is not None:
                return location, ref
        return None

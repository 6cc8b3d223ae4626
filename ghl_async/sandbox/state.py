"""What the server knows: companies, their locations with their contacts, and tokens with their scopes."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from .events import expect_zone
from .ids import digest, letters
from .location import Location, Ref
from .pages import PageSizes
from .people import DEFAULT_ZONE, PeopleSettings
from .settings import DEFAULT_COMPANY, Company, LocationSettings, WriteRules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .children import Averages

__all__ = ["ALL_SCOPES", "State", "Token"]

ALL_SCOPES: Final = frozenset({  # facts 9.6 [docs]
    "contacts.readonly", "contacts.write", "locations.readonly", "locations/tasks.readonly", "locations/tags.readonly",
    "locations/customFields.readonly", "calendars.readonly", "calendars/events.readonly", "users.readonly",
    "notes.readonly",  # facts 8.4 [guess]
    "calendars/events.write", "locations/tags.write", "locations/customFields.write", "businesses.readonly",
    "businesses.write", "campaigns.readonly", "workflows.readonly",
})  # fmt: skip
_OTHER_CONTACTS: Final = 50


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One bearer token. A private one starts with `pit-` and belongs to the app "pit"."""

    text: str
    scopes: frozenset[str]
    locations: tuple[str, ...]
    app: str = "pit"
    expired: bool = False
    company_id: str = ""
    """The agency that it speaks for; then its class is "Company", and it is of no location (facts 2.1)."""
    expires_at: float = math.inf
    """By `time.monotonic()`."""

    def __repr__(self) -> str:
        """Show everything but the secret."""
        whose = f"company_id={self.company_id!r}" if self.company_id else f"locations={self.locations!r}"
        return f"Token(app={self.app!r}, {whose}, expired={self.expired!r})"


class State:
    """Two locations at the start: the main one, and a small one that the default token may not read."""

    def __init__(self, settings: PeopleSettings, averages: Averages, place: LocationSettings | None = None) -> None:
        """Make both locations; an empty `settings.location_id` is made from the seed."""
        self._seed = settings.seed
        self._averages = averages
        self._place = place or LocationSettings()
        self._lag_seconds = 0.0
        self._seeds: dict[str, tuple[PeopleSettings, LocationSettings]] = {}
        self.companies = {DEFAULT_COMPANY: Company(id=DEFAULT_COMPANY, name="Sandbox Agency")}
        self.locations: dict[str, Location] = {}
        self.tokens: dict[str, Token] = {}
        self.pages = PageSizes()
        self.rules = WriteRules()
        main_id = settings.location_id or letters(digest(settings.seed, "location", 0, size=20))
        self._main_id = self._add(msgspec.structs.replace(settings, location_id=main_id), self._place).id
        self.other = self.add_location(_OTHER_CONTACTS)

    @property
    def main(self) -> Location:
        """The main location, as it is now."""
        return self.locations[self._main_id]

    def add_location(
        self,
        contacts: int,
        *,
        location_id: str = "",
        seed: int | None = None,
        timezone: str = DEFAULT_ZONE,
        **settings: Any,
    ) -> Location:
        """Add a location with `contacts` made-up contacts; `settings` are fields of LocationSettings.

        Raises:
            ValueError: there is one with this id, there is no such zone, no such company, or a setting is wrong.
        """
        location_id = location_id or letters(digest(self._seed, "location", len(self.locations), size=20))
        if location_id in self.locations:
            message = f"there is a location with id {location_id} already"
            raise ValueError(message)
        expect_zone(timezone)
        place = msgspec.structs.replace(self._place)
        place.change(**settings)
        self.expect_company(place.company_id)
        seed = self._seed if seed is None else seed
        people = PeopleSettings(location_id=location_id, seed=seed, count=contacts, timezone=timezone)
        return self._add(people, place)

    def add_company(self, company_id: str = "", *, name: str = "Another Agency", active: bool = True) -> Company:
        """Add an agency; without an id one is made.

        Raises:
            ValueError: there is one with this id.
        """
        company_id = company_id or letters(digest(self._seed, "company", len(self.companies), size=20))
        if company_id in self.companies:
            message = f"there is a company with id {company_id} already"
            raise ValueError(message)
        company = self.companies[company_id] = Company(id=company_id, name=name, active=active)
        return company

    def expect_company(self, company_id: str) -> None:
        """Check the id of a company.

        Raises:
            ValueError: there is none with it.
        """
        if company_id not in self.companies:
            message = f"there is no company with id {company_id}"
            raise ValueError(message)

    def _add(self, settings: PeopleSettings, place: LocationSettings) -> Location:
        location = Location(settings, self._averages, msgspec.structs.replace(place))
        location.lag_seconds = self._lag_seconds
        self._seeds[location.id] = (settings, place)
        self.locations[location.id] = location
        return location

    def reset(self) -> None:
        """Make every location what it was when it was added: what was written, deleted and set since is undone."""
        for settings, place in list(self._seeds.values()):
            self._add(settings, place)
        self.other = self.locations[self.other.id]

    def set_index_lag(self, seconds: float) -> None:
        """Let search and list miss an added contact for so long; at once, for those added already too.

        Raises:
            ValueError: it is negative.
        """
        if seconds < 0:
            message = f"the lag must not be negative: {seconds}"
            raise ValueError(message)
        self._lag_seconds = seconds
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
        company_id: str = "",
    ) -> Token:
        """Add a token, or replace the one of the same text; without a text a private one is made.

        With a `company_id` it is an agency's, and of no location.
        """
        # facts 1 [blog]: pit- and a UUID; facts 2.1: an OAuth token is a JWT
        text = text or f"pit-{UUID(bytes=digest(self._seed, 'token', len(self.tokens), size=16), version=4)}"
        allowed = (self.main.id,) if locations is None else tuple(locations)
        if company_id:
            self.expect_company(company_id)
            allowed = ()
        token = Token(
            text=text, scopes=frozenset(scopes), locations=allowed, app=app, expired=expired, company_id=company_id
        )
        self.tokens[text] = token
        return token

    def locate(self, contact_id: str, first: tuple[str, ...] = ()) -> tuple[Location, Ref] | None:
        """Return the location and place of a contact, None if no location has it; looks into `first` first."""
        likely = (self.locations[one] for one in first if one in self.locations)
        for location in chain(likely, self.locations.values()):
            ref = location.find(contact_id)
            if ref is not None:
                return location, ref
        return None

    def locate_event(self, event_id: str) -> tuple[Location, Ref, dict[str, Any]] | None:
        """Return location, contact and record of an appointment, None if no location has it."""
        for location in self.locations.values():
            found = location.lists.find_event(event_id)
            if found is not None:
                return location, *found
        return None

    def owner_of(self, some_id: str) -> str | None:
        """Return the location that an id leads to, whatever it is the id of."""
        if some_id in self.locations:
            return some_id
        for location in self.locations.values():
            if location.find(some_id) is not None or location.has(some_id):
                return location.id
        return None

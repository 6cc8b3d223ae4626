"""In which locations of an agency an app is installed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from .ids import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .location import Location

__all__ = ["BulkInstallation", "Installations"]


class BulkInstallation(msgspec.Struct, kw_only=True):
    """What was approved when an app was installed from the agency's view (facts 9.2 [spec], 9.5)."""

    approved: tuple[str, ...]
    everywhere: bool
    to_future: bool
    known: set[str]
    """The company's locations that are no future ones: those there were, and those the app was removed from."""


class Installations:
    """Which app is installed in which location since when, and what companies have approved."""

    def __init__(self) -> None:
        """Start with nothing installed."""
        self._since: dict[tuple[str, str], str] = {}
        self._bulk: dict[tuple[str, str], BulkInstallation] = {}

    def add(self, client_id: str, location_ids: Iterable[str]) -> None:
        """Install an app in locations; where it is installed already it stays as it is."""
        now = iso(int(time.time() * 1000))
        for location_id in location_ids:
            self._since.setdefault((client_id, location_id), now)

    def add_bulk(self, client_id: str, company_id: str, bulk: BulkInstallation) -> None:
        """Install an app from the agency's view, in the approved locations and perhaps in future ones."""
        self._bulk[client_id, company_id] = bulk
        self.add(client_id, bulk.approved)

    def bulk(self, client_id: str, company_id: str) -> BulkInstallation | None:
        """Return what the company has approved, None if it has not installed the app."""
        return self._bulk.get((client_id, company_id))

    def since(self, client_id: str, location: Location) -> str | None:
        """Return when the app was installed in the location, None if it is not."""
        bulk = self.bulk(client_id, location.place.company_id)
        if bulk is not None and bulk.to_future and location.id not in bulk.known:
            bulk.known.add(location.id)
            self.add(client_id, [location.id])  # facts 9.5 [docs]: "install to future locations"
        return self._since.get((client_id, location.id))

    def remove(self, client_id: str, location: Location) -> None:
        """Uninstall an app from a location, for good."""
        self._since.pop((client_id, location.id), None)
        bulk = self.bulk(client_id, location.place.company_id)
        if bulk is not None:
            bulk.known.add(location.id)
            bulk.approved = tuple(one for one in bulk.approved if one != location.id)

    def remove_bulk(self, client_id: str, company_id: str) -> None:
        """Forget what the company has approved."""
        self._bulk.pop((client_id, company_id), None)

"""Contact by contact: what belongs to one contact and came through no cheaper door.

One child that cannot be read is a hole in its bundle, and the others go on; only what would go wrong for every contact
is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..client import GHLClient
from ..errors import GHLError, NotFound
from ..models import Appointment, Contact, Note, Task
from ..pagination import Page, SetApart
from ._gone import FAILS_FOR_ALL, is_alive
from ._rows import Kind
from ._workers import Room, all_of
from .run import Failure

__all__ = ["ContactBundle", "Reader"]

FAILURES_IN_A_ROW = 25


class ContactBundle(msgspec.Struct, frozen=True, kw_only=True):
    """One contact and what belongs to it."""

    id: str | None
    """None only for a quarantined contact without a readable id."""
    contact: Contact | None
    """None: it does not decode; its JSON is in `quarantined`."""
    tasks: tuple[Task, ...] = ()
    notes: tuple[Note, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    complete: tuple[Kind, ...] = ()
    """The kinds that were read completely."""
    failures: tuple[Failure, ...] = ()
    """The kinds that could not be read."""
    quarantined: tuple[SetApart, ...] = ()
    """The contact itself or children of it that do not decode."""
    vanished: bool = False
    """The contact was deleted between the search and the reading of its children."""
    cursor: tuple[Any, ...] | None = None
    """The position of the search behind this contact."""
    calendar_ids: frozenset[str] | None = None
    """The calendars whose events `appointments` are. None: they come from the contact itself, whatever the calendar."""
    read_at: float = 0.0
    """When the reading of what belongs to it began, in seconds since 1970."""


class Reader:
    """Completes bundles with what no door showed, contact by contact."""

    def __init__(self, ghl: GHLClient, kinds: tuple[Kind, ...], room: Room) -> None:
        self._ghl = ghl
        self._kinds = kinds
        self._room = room
        self._pages: dict[Kind, Callable[[str], Any]] = {
            "tasks": ghl.background.tasks.page,
            "notes": ghl.background.notes.page,
            "appointments": ghl.background.appointments.page,
        }
        self._failures_in_a_row = dict.fromkeys(kinds, 0)

    async def complete(self, bundle: ContactBundle) -> ContactBundle:
        """Read the children of one contact that are not there yet.

        Raises:
            GHLError: what would fail for every contact.
        """
        kinds = [kind for kind in self._kinds if kind not in bundle.complete]
        if bundle.id is None or not kinds:
            return bundle
        results = await all_of(self._read(kind, bundle.id) for kind in kinds)
        if any(isinstance(result, NotFound) for result in results):
            if await self._is_gone(bundle.id):
                return msgspec.structs.replace(bundle, vanished=True)
            for kind, result in zip(kinds, results, strict=True):
                if isinstance(result, NotFound):
                    self._note_failure(kind, result)
        read: dict[str, Any] = {}
        failures, quarantined = [], list(bundle.quarantined)
        for kind, result in zip(kinds, results, strict=True):
            if isinstance(result, GHLError):
                failures.append(Failure(bundle.id, kind, str(result)))
            else:
                read[kind] = result.items
                quarantined += result.quarantined
        complete = (*bundle.complete, *read)
        return msgspec.structs.replace(
            bundle,
            complete=tuple(kind for kind in self._kinds if kind in complete),
            failures=tuple(failures),
            quarantined=tuple(quarantined),
            **read,
        )

    async def _is_gone(self, contact_id: str) -> bool:
        """Ask for the contact itself: a 404 may also come from a route that is refused, or from the edge."""
        async with self._room:
            return await is_alive(self._ghl, contact_id) is False

    def _note_failure(self, kind: Kind, error: GHLError) -> None:
        self._failures_in_a_row[kind] += 1
        if isinstance(error, FAILS_FOR_ALL) or self._failures_in_a_row[kind] >= FAILURES_IN_A_ROW:
            raise error

    async def _read(self, kind: Kind, contact_id: str) -> Page[Any] | GHLError:
        async with self._room:
            try:
                page: Page[Any] = await self._pages[kind](contact_id)
            except NotFound as error:
                return error
            except GHLError as error:
                self._note_failure(kind, error)
                return error
        self._failures_in_a_row[kind] = 0
        return page

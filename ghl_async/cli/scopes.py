"""What a token must be allowed: each scope that the commands need, and what happens without it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AGENCY_SCOPES", "CHEAP_SCOPES", "NEEDS", "Need"]


class Need(NamedTuple):
    """One scope."""

    scope: str
    commands: tuple[str, ...]
    without: str
    """What happens without it."""
    is_needed: bool = False
    """Whether the commands cannot do without."""


_COPY = ("backfill", "plan")
_ALL = ("backfill --all-locations",)

NEEDS = (
    Need("contacts.readonly", (*_COPY, "login"), "nothing can be read", is_needed=True),
    Need("locations/tasks.readonly", _COPY, "tasks are read contact by contact"),
    Need("notes.readonly", _COPY, "notes are read contact by contact"),
    Need("calendars.readonly", _COPY, "appointments are read contact by contact"),
    Need("calendars/events.readonly", _COPY, "appointments are read contact by contact"),
    Need("locations.readonly", ("doctor",), "the location's name is not shown"),
    Need("oauth.readonly", _ALL, "an agency's locations cannot be listed", is_needed=True),
    Need("oauth.write", _ALL, "an agency's locations get no tokens", is_needed=True),
)

AGENCY_SCOPES = tuple(need.scope for need in NEEDS if need.commands == _ALL)
CHEAP_SCOPES = tuple(need.scope for need in NEEDS if need.commands == _COPY)
"""Without them everything is read all the same, contact by contact."""

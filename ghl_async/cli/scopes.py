"""What a token must be allowed: each scope that the commands need, and what happens without it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AGENCY_SCOPES", "CHEAP_SCOPES", "NEEDS", "WRITE_SCOPES", "Need"]


class Need(NamedTuple):
    """One scope."""

    scope: str
    commands: tuple[str, ...]
    without: str
    """What happens without it."""
    is_needed: bool = False
    """Whether the commands cannot do without."""


_COPY = ("backfill", "sync", "verify", "plan")
_WRITE = ("update",)
_ALL = ("backfill --all-locations", "sync --all-locations")

NEEDS = (
    Need(
        "contacts.readonly",
        (*_COPY, "login", "update --diff", "update --upsert"),
        "nothing can be read",
        is_needed=True,
    ),
    Need("locations/tasks.readonly", _COPY, "tasks are read contact by contact"),
    Need("notes.readonly", _COPY, "notes are read contact by contact"),
    Need("calendars.readonly", _COPY, "appointments are read contact by contact"),
    Need("calendars/events.readonly", _COPY, "appointments are read contact by contact"),
    Need(
        "locations/customFields.readonly",
        ("update", "export --custom-fields"),
        "custom fields cannot be told by name",
    ),
    Need("contacts.write", _WRITE, "nothing can be changed"),
    Need("locations.readonly", ("doctor",), "the location's name is not shown"),
    Need("oauth.readonly", _ALL, "an agency's locations cannot be listed", is_needed=True),
    Need("oauth.write", _ALL, "an agency's locations get no tokens", is_needed=True),
)

WRITE_SCOPES = tuple(need.scope for need in NEEDS if need.commands == _WRITE)
"""Whoever only copies should not have them."""
AGENCY_SCOPES = tuple(need.scope for need in NEEDS if need.commands == _ALL)
CHEAP_SCOPES = tuple(need.scope for need in NEEDS if need.commands == _COPY)
"""Without them everything is read all the same, contact by contact."""

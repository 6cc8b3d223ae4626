"""Tries a private token before it is kept or takes over: one request, for one contact."""

from __future__ import annotations

from functools import partial

from ..auth import PrivateToken, Probe
from ..client import GHLClient
from .options import PlaceOptions
from .settings import api_version, base_url

__all__ = ["probe_for", "trial_client"]

_SECONDS = 30.0


class _Candidate(PrivateToken):
    # A budget of its own: the call that waits for the outcome may hold the only place in the location's.
    app_id = "pit on trial"


def trial_client(options: PlaceOptions, location_id: str, token: str) -> GHLClient:
    """A client with a token that is not known to be good.

    Raises:
        NoToken, UsageError: the token, the location's id or the address cannot be.
    """
    return GHLClient(
        _Candidate(token),
        location_id=location_id,
        base_url=base_url(options),
        api_version=api_version(),
        deadline_seconds=_SECONDS,
    )


def probe_for(options: PlaceOptions, location_id: str) -> Probe:
    """What tries a token for a location; it raises if the token is not good for that."""
    return partial(_try, options, location_id)


async def _try(options: PlaceOptions, location_id: str, token: str) -> None:
    async with trial_client(options, location_id, token) as ghl:
        await ghl.contacts.search(page_size=1)

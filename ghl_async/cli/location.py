"""Which location a command is about: a real one, or a made-up one served by the command itself."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ..client import GHLClient, checked_location_id
from ..errors import NoToken, UsageError
from ..hooks import Hook
from .credentials import find_credential
from .options import CopyOptions, PlaceOptions, StoreOptions
from .settings import setting

__all__ = ["about_the_sandbox", "named_location", "open_location", "real_location", "store_path"]

_CONTACTS = 1000
_REQUESTS, _INTERVAL_SECONDS, _TIMES_FASTER = 100, 0.25, 40
"""The sandbox keeps the real quota, 100 requests in 10 s, but time runs faster in it: a newcomer should not wait."""


async def open_location(
    options: CopyOptions, opened: contextlib.AsyncExitStack, hooks: Sequence[Hook] = ()
) -> GHLClient:
    """Make a client of the location that the options and the environment name; it closes with `opened`.

    Raises:
        NoToken: no token is set or stored.
        UsageError: a setting is missing, or does not go with another.
        StoreFailed, StoreMismatch: the store of tokens cannot be read.
    """
    if options.sandbox:
        return await opened.enter_async_context(await _sandbox(options, opened, hooks))
    if options.contacts is not None:
        raise UsageError("--contacts goes with --sandbox: a real location has the contacts it has")
    return await real_location(options, opened, hooks)


def store_path(options: StoreOptions, ghl: GHLClient) -> Path:
    """The store's file."""
    is_made_up = isinstance(options, CopyOptions) and options.sandbox
    return options.store or Path("ghl-sandbox.db" if is_made_up else f"ghl-{ghl.location_id}.db")


def about_the_sandbox(options: CopyOptions) -> str:
    """Say what a made-up location is like."""
    return (
        f"A made-up location of {_contacts(options):,} contacts. Its quota is the real one, {_TIMES_FASTER} times "
        f"faster: {_REQUESTS} requests in {_INTERVAL_SECONDS} s."
    )


def _contacts(options: CopyOptions) -> int:
    return _CONTACTS if options.contacts is None else options.contacts


async def _sandbox(options: CopyOptions, opened: contextlib.AsyncExitStack, hooks: Sequence[Hook]) -> GHLClient:
    """Start a sandbox in this process, which ends with `opened`, and make a client of it."""
    if options.location_id or options.base_url or options.tokens:
        raise UsageError("--sandbox brings its own location: leave out --location-id, --base-url and --tokens")
    from ..sandbox import Sandbox

    sandbox = await opened.enter_async_context(
        Sandbox(contacts=_contacts(options), requests=_REQUESTS, interval_seconds=_INTERVAL_SECONDS)
    )
    return GHLClient(sandbox.token, location_id=sandbox.location_id, base_url=sandbox.base_url, hooks=hooks)


async def named_location(options: PlaceOptions) -> str:
    """The id of the location that the options or the environment name, or of the only one that has a stored token.

    Raises:
        UsageError: nothing names one, or it is none.
        StoreFailed, StoreMismatch: the store of tokens cannot be read.
    """
    location_id = setting(options.location_id, "GHL_LOCATION_ID")
    if not location_id:
        try:
            async with contextlib.AsyncExitStack() as opened:
                location_id = (await find_credential(options, opened)).location_id
        except NoToken:
            raise UsageError(
                "no location is named: set GHL_LOCATION_ID or pass --location-id, or name the file with --store"
            ) from None
    return checked_location_id(location_id)


async def real_location(
    options: PlaceOptions, opened: contextlib.AsyncExitStack, hooks: Sequence[Hook] = ()
) -> GHLClient:
    """Make a client of a location of the vendor's; it closes with `opened`.

    Raises:
        NoToken: no token is set or stored.
        UsageError: a setting is missing.
        StoreFailed, StoreMismatch: the store of tokens cannot be read.
    """
    credential = await find_credential(options, opened, hooks)
    return await opened.enter_async_context(credential.client(options, hooks))

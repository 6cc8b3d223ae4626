"""Whose token a command uses: that of GHL_TOKEN, else the stored one of the location, else one from its agency."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..auth import PRIVATE, Agency, Key, OAuthClient, PrivateToken, StoredToken, Tokens
from ..client import GHLClient
from ..errors import NoToken, UsageError
from ..hooks import Hook
from .options import PlaceOptions
from .probe import probe_for
from .settings import api_version, app_of, base_url, setting
from .token_file import FileStore, is_there, open_store, token_path

__all__ = ["Credential", "find_agency", "find_credential"]


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A token for one location, and where it is from. Its repr shows no secret."""

    location_id: str
    source: PrivateToken | StoredToken
    origin: str
    """In words."""
    tokens: Tokens | None = None
    """As the store keeps them; None for GHL_TOKEN and where an agency has yet to give one."""
    agency: Agency | None = None
    """Where the token comes from, if it does."""

    def client(self, options: PlaceOptions, hooks: Sequence[Hook] = (), **more: Any) -> GHLClient:
        """Make a client of the location."""
        return GHLClient(
            self.source,
            location_id=self.location_id,
            base_url=base_url(options),
            api_version=api_version(),
            hooks=hooks,
            **more,
        )


async def find_credential(
    options: PlaceOptions, opened: contextlib.AsyncExitStack, hooks: Sequence[Hook] = ()
) -> Credential:
    """Find the token that the options, the environment and the store name. What it needs closes with `opened`.

    Nothing is sent.

    Raises:
        NoToken: there is none; says how to get one.
        UsageError: a setting is missing, or there are several to choose from.
        StoreFailed, StoreMismatch: the store cannot be read.
    """
    location_id = setting(options.location_id, "GHL_LOCATION_ID")
    if os.environ.get("GHL_TOKEN", "").strip():
        if not location_id:
            raise UsageError("no location is named: set GHL_LOCATION_ID or pass --location-id")
        source = PrivateToken.from_env(hooks=hooks)
        return Credential(location_id=location_id, source=source, origin="the one of GHL_TOKEN")
    path = token_path(options)
    if not is_there(path):
        raise NoToken(
            f"GHL_TOKEN is not set, and no token is stored in {path}: ghl-async login, or set GHL_TOKEN to a private "
            "integration token of the location, or try `ghl-async backfill --sandbox` first"
        )
    store = await open_store(path, opened)
    keys = await store.keys()
    location_id = location_id or _only_location(keys, path)
    return await _stored(location_id, keys, store, _Context(options, opened, hooks, path))


async def find_agency(
    options: PlaceOptions, company_id: str | None, opened: contextlib.AsyncExitStack, hooks: Sequence[Hook] = ()
) -> Agency:
    """Find the agency whose tokens are stored. It closes with `opened`. Nothing is sent.

    Raises:
        NoToken, UsageError, StoreFailed, StoreMismatch: as `find_credential`.
    """
    path = token_path(options)
    if not is_there(path):
        raise NoToken(f"no agency's token is stored in {path}: ghl-async login --oauth --agency")
    store = await open_store(path, opened)
    key = _agency_key(await store.keys(), setting(company_id, "GHL_COMPANY_ID"), path)
    return await _open_agency(key, store, _Context(options, opened, hooks, path))


@dataclass(frozen=True)
class _Context:
    options: PlaceOptions
    opened: contextlib.AsyncExitStack
    hooks: Sequence[Hook]
    path: Path


async def _stored(location_id: str, keys: list[Key], store: FileStore, context: _Context) -> Credential:
    own = [key for key in keys if key.owner == "location" and key.owner_id == location_id]
    tokens = None
    if any(key.app_id == PRIVATE for key in own):
        probe = probe_for(context.options, location_id)
        source = await PrivateToken.load(store, location_id, probe=probe, hooks=context.hooks)
        tokens = await store.load(Key(PRIVATE, "location", location_id))
        return Credential(
            location_id=location_id, source=source, origin=f"a private one from {context.path}", tokens=tokens
        )
    if own:
        key = _of_one_app(own, f"location {location_id}", context.path)
        tokens = await store.load(key)
        if tokens is not None and tokens.refresh_token is not None:
            oauth = await context.opened.enter_async_context(
                OAuthClient(app_of(key.app_id, context.options), hooks=context.hooks)
            )
            return Credential(
                location_id=location_id,
                source=StoredToken(store, key, oauth, hooks=context.hooks),
                origin=f"that of the app {key.app_id} from {context.path}",
                tokens=tokens,
            )
    company_id = setting(None, "GHL_COMPANY_ID") or ("" if tokens is None else tokens.company_id or "")
    if not any(key.owner == "company" for key in keys):
        raise NoToken(
            f"no token is stored for location {location_id} in {context.path}: ghl-async login --location-id "
            f"{location_id}"
        )
    agency = await _open_agency(_agency_key(keys, company_id, context.path), store, context)
    return Credential(
        location_id=location_id,
        source=agency.source(location_id),
        origin=f"from the token of the agency {agency.company_id}, app {agency.app.client_id}, from {context.path}",
        tokens=tokens,
        agency=agency,
    )


async def _open_agency(key: Key, store: FileStore, context: _Context) -> Agency:
    agency = Agency(app_of(key.app_id, context.options), key.owner_id, store, hooks=context.hooks)
    return await context.opened.enter_async_context(agency)


def _only_location(keys: list[Key], path: Path) -> str:
    ids = sorted({key.owner_id for key in keys if key.owner == "location"})
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise UsageError(
            f"{len(ids)} locations have a token in {path}: set GHL_LOCATION_ID or pass --location-id (ghl-async tokens)"
        )
    if keys:
        raise UsageError("no location is named: set GHL_LOCATION_ID or pass --location-id")
    raise NoToken(f"GHL_TOKEN is not set, and {path} keeps no tokens: ghl-async login")


def _agency_key(keys: list[Key], company_id: str, path: Path) -> Key:
    agencies = [key for key in keys if key.owner == "company" and company_id in {"", key.owner_id}]
    if not agencies:
        whose = f"the agency {company_id}" if company_id else "an agency"
        raise NoToken(f"no token of {whose} is stored in {path}: ghl-async login --oauth --agency")
    if len({key.owner_id for key in agencies}) > 1:
        raise UsageError(f"several agencies have a token in {path}: set GHL_COMPANY_ID (ghl-async tokens)")
    return _of_one_app(agencies, f"the agency {agencies[0].owner_id}", path)


def _of_one_app(keys: list[Key], whose: str, path: Path) -> Key:
    named = setting(None, "GHL_CLIENT_ID")
    chosen = [key for key in keys if key.app_id == named] or keys
    if len(chosen) > 1:
        raise UsageError(f"{path} keeps tokens of several apps for {whose}: set GHL_CLIENT_ID (ghl-async tokens)")
    return chosen[0]

"""What `ghl-async tokens` and `ghl-async logout` do: show what is stored, never a secret, and forget it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from time import time

from ..auth import PRIVATE, Key, Tokens
from ..errors import NoToken, UsageError
from .answer import answer
from .complaint import tell
from .options import LogoutOptions, TokensOptions
from .settings import setting
from .token_file import FileStore, is_there, open_store, token_path

__all__ = ["ROTATE_DAYS", "age_advice", "forget", "named", "show"]

ROTATE_DAYS = 90
"""The vendor's advice for private tokens (facts 2.2)."""
_DAY_SECONDS = 86_400.0


async def show(options: TokensOptions) -> int:
    """Show what is stored, for whom, until when.

    Raises:
        GHLError: the store cannot be read.
    """
    path = token_path(options)
    async with contextlib.AsyncExitStack() as opened:
        rows = []
        if is_there(path):
            store = await open_store(path, opened)
            rows = [(key, tokens) for key in await store.keys() if (tokens := await store.load(key)) is not None]
    if rows:
        answer("\n".join(_row(key, tokens) for key, tokens in rows))
    else:
        tell(f"Nothing is stored in {path}: ghl-async login")
    return 0


async def forget(options: LogoutOptions) -> int:
    """Forget one location's tokens, an agency's or all.

    Raises:
        NoToken: nothing is stored for it.
        UsageError: it is not clear whose.
        GHLError: the store cannot be read or written.
    """
    path = token_path(options)
    async with contextlib.AsyncExitStack() as opened:
        gone: list[Key] = []
        if is_there(path):
            store = await open_store(path, opened)
            gone = await _chosen(store, options)
        for key in gone:
            # Behind a renewal that is under way: it would put the tokens back.
            async with store.lock(key):
                await store.delete(key)
    if not gone:
        raise NoToken(f"nothing of that is stored in {path}: see ghl-async tokens")
    for key in gone:
        tell(f"Forgotten: {named(key)}")
    tell(
        "The vendor still takes them: revoke a private token in Settings > Private Integrations, and uninstall an app "
        "where it is installed."
    )
    return 0


async def _chosen(store: FileStore, options: LogoutOptions) -> list[Key]:
    keys = await store.keys()
    if options.all:
        if options.company_id or options.location_id:
            raise UsageError("--all forgets everything: leave out --location-id and --company-id")
        return keys
    if options.company_id:
        if options.location_id:
            raise UsageError("forget one after the other: leave out --location-id or --company-id")
        return [key for key in keys if await _is_of_agency(key, options.company_id, store)]
    location_id = setting(options.location_id, "GHL_LOCATION_ID")
    if location_id:
        return [key for key in keys if (key.owner, key.owner_id) == ("location", location_id)]
    if len({(key.owner, key.owner_id) for key in keys}) > 1:
        raise UsageError("there are several: pass --location-id, --company-id or --all (ghl-async tokens shows them)")
    return keys


async def _is_of_agency(key: Key, company_id: str, store: FileStore) -> bool:
    if key.owner == "company":
        return key.owner_id == company_id
    tokens = await store.load(key)
    # Those with a refresh token of their own come from a login of their own.
    return tokens is not None and tokens.company_id == company_id and tokens.refresh_token is None


def named(key: Key) -> str:
    """For whom, in words."""
    whose = "agency" if key.owner == "company" else "location"
    what = "private token" if key.app_id == PRIVATE else f"app {key.app_id}"
    return f"{whose} {key.owner_id}, {what}"


def age_advice(tokens: Tokens) -> str:
    """What a private token's age calls for; nothing if it is young."""
    days = 0.0 if tokens.issued_at is None else (time() - tokens.issued_at) / _DAY_SECONDS
    return f"{days:.0f} days old: rotate it" if days >= ROTATE_DAYS else ""


def _row(key: Key, tokens: Tokens) -> str:
    whose = "agency" if key.owner == "company" else "location"
    what = "private token" if key.app_id == PRIVATE else key.app_id
    return f"{whose:<9}{key.owner_id:<22}{what:<35}{'; '.join(_terms(key, tokens))}"


def _terms(key: Key, tokens: Tokens) -> list[str]:
    words = []
    if key.app_id == PRIVATE:
        since = "" if tokens.issued_at is None else f" since {_day(tokens.issued_at)}"
        words.append(f"stored{since}, does not expire")
        words += ["a new one beside it"] if tokens.next_token else []
        advice = age_advice(tokens)
        return [*words, advice] if advice else words
    if tokens.expires_at is not None:
        over = tokens.expires_at <= time()
        words.append(f"{'expired' if over else 'until'} {_minute(tokens.expires_at)}")
    if tokens.refresh_token is not None:
        words.append("renewed when used")
    elif key.owner == "location":
        words.append(f"from the agency {tokens.company_id}, asked for again when used")
    if tokens.refresh_began_at is not None:
        words.append("a renewal was begun and not ended: the next use ends it")
    return words


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _minute(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"

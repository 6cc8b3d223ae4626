"""What `ghl-async login` does: ask, check, keep. Nothing is asked before it is sure that the store takes what comes.

What waits for a person is done outside of the event loop, where Ctrl-C ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import time

import msgspec

from ..auth import PRIVATE, App, Authorization, Grant, Key, OAuthClient, Scope, Tokens
from ..errors import NoToken, UsageError
from .complaint import tell
from .loopback import caught_code, expect_port
from .options import LoginOptions
from .probe import probe_for, trial_client
from .scopes import AGENCY_SCOPES, NEEDS, WRITE_SCOPES
from .settings import base_url, client_secret, dialect, setting
from .stored import ROTATE_DAYS
from .token_file import FileStore, open_for_login, token_path

__all__ = ["log_in"]


def log_in(options: LoginOptions) -> int:
    """Log in, with an app or a private token, and return the exit code.

    Raises:
        GHLError: why nothing was stored.
    """
    path = token_path(options)
    if options.oauth or options.paste or options.listen is not None:
        _log_in_with_app(options, path)
    else:
        _log_in_privately(options, path)
    return 0


def _log_in_privately(options: LoginOptions, path: Path) -> None:
    for name in ("redirect_uri", "scopes", "agency", "marketplace", "version_id"):
        if getattr(options, name):
            raise UsageError(f"--{name.replace('_', '-')} goes with --oauth")
    location_id = setting(options.location_id, "GHL_LOCATION_ID")
    if not location_id:
        raise UsageError("a private token is one location's: pass --location-id or set GHL_LOCATION_ID")
    # With a token that is none: a wrong id or address is told before anybody pastes anything.
    trial_client(options, location_id, "none")
    asyncio.run(_see_that_it_takes_tokens(path))
    token = _asked_in_secret(f"Private integration token of location {location_id} (it is not shown): ")
    asyncio.run(_check_and_keep(token, options, location_id, path))


async def _see_that_it_takes_tokens(path: Path) -> None:
    async with contextlib.AsyncExitStack() as opened:
        await open_for_login(path, opened)


async def _check_and_keep(token: str, options: LoginOptions, location_id: str, path: Path) -> None:
    async with contextlib.AsyncExitStack() as opened:
        # Raises what is wrong with it; `PrivateToken` would drop it for the same reasons.
        await probe_for(options, location_id)(token)
        store = await open_for_login(path, opened)
        beside = await _put(store, Key(PRIVATE, "location", location_id), token.strip())
        told = ", beside the one before, which stays until it is refused" if beside else ""
        _say(f"The token of location {location_id} is kept in {path}{told}.")
        _say(f"Rotate it every {ROTATE_DAYS} days, at the vendor and with this command again. Next: ghl-async doctor")
        _mention_the_environment()


async def _put(store: FileStore, key: Key, token: str) -> bool:
    """Keep a private token that was found good; whether there is another one beside it."""
    async with store.lock(key):
        stored = await store.load(key)
        if stored is None or token in {stored.access_token, stored.next_token}:
            # Again the same one: then it is the one to go on with.
            await store.save(key, Tokens(access_token=token, issued_at=time()))
            return False
        # What stood beside was checked like this one, and is younger than the one it stood beside.
        before = stored.next_token or stored.access_token
        both = msgspec.structs.replace(stored, access_token=before, next_token=token, issued_at=time())
        await store.save(key, both)
        return True


def _log_in_with_app(options: LoginOptions, path: Path) -> None:
    if options.location_id:
        raise UsageError("--location-id goes with a private token: with --oauth the consent page asks for the location")
    if options.paste and options.listen is not None:
        raise UsageError("--paste and --listen are two ways to do the same: leave one out")
    client_id = setting(None, "GHL_CLIENT_ID")
    if not client_id:
        raise UsageError("GHL_CLIENT_ID is not set: it stands on the app's page in the marketplace")
    if not setting(options.redirect_uri, "GHL_REDIRECT_URI"):
        raise UsageError(
            "no redirect address: pass --redirect-uri or set GHL_REDIRECT_URI to one of those on the app's page"
        )
    secret = client_secret()
    app = _app(options, client_id, secret or "none")
    if options.listen is not None:
        expect_port(app.redirect_uri or "", options.listen)
    asyncio.run(_see_that_it_takes_tokens(path))
    if not secret:
        app = _app(options, client_id, _asked_in_secret(f"Client secret of the app {client_id} (it is not shown): "))
    begun = app.authorize_url(version_id=options.version_id)
    code = _code(options, app, begun)
    grant = asyncio.run(_exchange_and_keep(code, options, app, path))
    _tell(grant, app, path)


def _app(options: LoginOptions, client_id: str, secret: str) -> App:
    given = options.scopes.replace(",", " ").split() if options.scopes else []
    for scope in given:
        if scope not in set(Scope):  # an app may have scopes that nothing here needs
            near = difflib.get_close_matches(scope, list(Scope), n=1)
            _say(f"{scope} is no scope that ghl-async knows{f': was {near[0]} meant?' if near else '.'}")
    unasked = WRITE_SCOPES if options.agency else (*WRITE_SCOPES, *AGENCY_SCOPES)
    least = [need.scope for need in NEEDS if need.scope not in unasked]
    return App(
        client_id,
        secret,
        redirect_uri=setting(options.redirect_uri, "GHL_REDIRECT_URI"),
        scopes=given or least,
        base_url=base_url(options),
        dialect=dialect(),
        marketplace=setting(options.marketplace, "GHL_MARKETPLACE") or "gohighlevel",
    )


def _code(options: LoginOptions, app: App, begun: Authorization) -> str:
    shown = ("Open this address in a browser, choose and allow:", "", f"  {begun.url}", "")
    if options.listen is None:
        _say(*shown, "Then paste the whole address that the browser was sent to (the page itself may be missing):")
        return app.redeem(_line(sys.stdin.readline()), begun.state)
    waiting = f"Waiting for the browser on port {options.listen}; Ctrl-C ends it."
    return asyncio.run(caught_code(options.listen, app, begun.state, when_ready=lambda: _say(*shown, waiting)))


async def _exchange_and_keep(code: str, options: LoginOptions, app: App, path: Path) -> Grant:
    async with contextlib.AsyncExitStack() as opened:
        store = await open_for_login(path, opened)
        oauth = await opened.enter_async_context(OAuthClient(app))
        grant = await oauth.exchange(code, user_type="Company" if options.agency else None)
        async with store.lock(grant.key):
            await store.save(grant.key, grant.tokens)
        return grant


def _tell(grant: Grant, app: App, path: Path) -> None:
    whose = "the agency" if grant.key.owner == "company" else "location"
    _say(f"The tokens of {whose} {grant.key.owner_id} for the app {app.client_id} are kept in {path}.")
    if grant.tokens.expires_at is not None:
        until = datetime.fromtimestamp(grant.tokens.expires_at, UTC)
        _say(f"They last until {until:%Y-%m-%d %H:%M} UTC and are renewed whenever they are used (GHL_CLIENT_SECRET).")
    missing = sorted(set(app.scopes) - set(grant.tokens.scopes)) if grant.tokens.scopes else []
    if missing:
        _say(f"Not granted: {', '.join(missing)}. Does the app have these scopes at the marketplace?")
    every = " --all-locations" if grant.key.owner == "company" else ""
    _say(f"Next: ghl-async doctor, ghl-async backfill{every}")
    _mention_the_environment()


def _mention_the_environment() -> None:
    if os.environ.get("GHL_TOKEN", "").strip():
        _say("GHL_TOKEN is set and goes before what is stored: unset it.")


def _asked_in_secret(prompt: str) -> str:
    """What a person types without an echo, or the next line of a pipe."""
    said = getpass.getpass(prompt, stream=sys.stderr) if sys.stdin.isatty() else _line(sys.stdin.readline())
    if not said.strip():
        raise NoToken("nothing was given, and nothing is stored")
    return said


def _line(said: str) -> str:
    if not said.strip():
        raise NoToken("nothing was given, and nothing is stored")
    return said.strip()


def _say(*lines: str) -> None:
    tell("\n".join(lines))

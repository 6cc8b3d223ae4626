"""A person with a browser: goes through the sandbox's consent page and brings back where it led."""

from __future__ import annotations

import asyncio
import re
from time import time

import aiohttp

from ghl_async.auth import PRIVATE, EncryptedFileStore, Key, SQLiteTokenStore, Tokens

from .command import KEY

REDIRECT = "https://app.example.com/callback"


def app_settings(sandbox, **more):
    """The environment of somebody who logs in with the sandbox's app."""
    return {
        "GHL_TOKEN": None,
        "GHL_LOCATION_ID": None,
        "GHL_CLIENT_ID": sandbox.client_id,
        "GHL_CLIENT_SECRET": sandbox.client_secret,
        "GHL_REDIRECT_URI": REDIRECT,
        "GHL_MARKETPLACE": sandbox.base_url,
        **more,
    }


async def address_of(process):
    """The address that `login` asks to open."""
    async with asyncio.timeout(30):
        while line := (await process.stderr.readline()).decode():
            if found := re.fullmatch(r"  (http\S+)\n", line):
                return found[1]
    raise AssertionError("no address was shown")


async def led_to(address):
    """Where the consent page sends the browser."""
    async with aiohttp.ClientSession() as browser, browser.get(address, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        return answer.headers["Location"]


async def seen_at(address):
    """The page that the browser ends on: status and text."""
    async with aiohttp.ClientSession() as browser, browser.get(address) as answer:
        return answer.status, await answer.text()


async def log_in(command, sandbox, *arguments, bent=None, **settings):
    """Run `login --oauth`, consent, and paste the address, as it came or `bent`."""
    process = await command.start("login", "--oauth", *arguments, **app_settings(sandbox, **settings))
    address = await led_to(await address_of(process))
    return await command.end(process, f"{address if bent is None else await bent(address)}\n")


async def keep(path, sandbox):
    """Make a token file that holds the sandbox's private token, as `login` would."""
    kind = SQLiteTokenStore(path) if path.suffix == ".db" else EncryptedFileStore(path, key=KEY)
    async with kind as store:
        key = Key(PRIVATE, "location", sandbox.location_id)
        await store.save(key, Tokens(access_token=sandbox.token, issued_at=time()))
    return path


async def holds(path):
    """What a store keeps; two seals of the same are different bytes."""
    async with EncryptedFileStore(path, key=KEY) as store:
        return {key: await store.load(key) for key in await store.keys()}


async def tokens_of(sandbox, code):
    """Redeem a code as another program would; nothing is kept."""
    app = sandbox.app
    return sandbox.oauth.redeem(code, app.client_id, app.client_secret, "")

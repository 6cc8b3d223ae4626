"""A token file that cannot be used: every command says so in one line, and the file stays as it is."""

from __future__ import annotations

import os
import sqlite3

import pytest

from ghl_async.sandbox import Sandbox

from .command import KEY, Command
from .consent import app_settings, holds, keep
from .test_cli_refusals import refused

OTHER_KEY = "YW5vdGhlciBrZXksIHdoaWNoIG9wZW5zIG5vdGhpbmc="
ALONE = {"GHL_TOKEN": None, "GHL_LOCATION_ID": None}


@pytest.fixture
async def sandbox():
    async with Sandbox(contacts=3, requests=100_000) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


@pytest.fixture
async def kept(ghl_async, sandbox):
    """The token file, with a private token in it."""
    return await keep(ghl_async.folder / "tokens", sandbox)


def _open_to_others(path):
    path.chmod(0o644)


def _newer_schema(path):
    heading, rest = path.read_bytes().split(b" ", 1)
    path.write_bytes(heading + b" 99" + rest[1:])


def _damaged(path):
    path.write_bytes(path.read_bytes()[:-30])


def _foreign(path):
    path.write_text("Dear diary, this holds no tokens.\n")


COMMANDS = {
    "login": ("login", {"GHL_TOKEN": None}),
    "login --oauth": ("login --oauth", None),
    "tokens": ("tokens", ALONE),
    "logout": ("logout", ALONE),
    "logout --all": ("logout --all", ALONE),
    "plan": ("plan", ALONE),
    "backfill": ("backfill --quiet", ALONE),
    "backfill --all-locations": ("backfill --all-locations", ALONE),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("spoil", "key", "ending"),
    [
        (None, OTHER_KEY, (1, "was encrypted with another key than the one given")),
        (None, "nonsense", (2, "is not a key of 32 bytes")),
        (None, None, (1, "the system keyring, which is to hold its key, cannot be used (NoKeyringError)")),
        (_open_to_others, KEY, (1, "is open to other users (mode 644) and is not used: run `chmod 600 ")),
        (_newer_schema, KEY, (2, "was written by a newer version of ghl-async (schema 99")),
        (_damaged, KEY, (1, "the file is damaged")),
        (_foreign, KEY, (2, "is not a token store of ghl-async")),
    ],
)
async def test_a_token_file_that_cannot_be_used_stays_as_it_is(ghl_async, sandbox, kept, command, spoil, key, ending):
    if spoil is not None:
        spoil(kept)
    before, mode, seen = kept.read_bytes(), kept.stat().st_mode, sandbox.log.requests
    arguments, settings = COMMANDS[command]
    settings = app_settings(sandbox) if settings is None else settings
    await refused(ghl_async, *ending, *arguments.split(), GHL_ASYNC_KEY=key, **settings)
    assert (kept.read_bytes(), kept.stat().st_mode) == (before, mode)
    assert sandbox.log.requests == seen


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [("PRAGMA user_version = 99", 2, "newer version of ghl-async (schema 99"), (None, 1, "is open to other users")],
)
async def test_a_plain_store_that_cannot_be_used_stays_as_it_is(ghl_async, sandbox, command, sql, code, words):
    path = ghl_async.folder / "tokens.db"
    ghl_async.environment["GHL_ASYNC_TOKENS"] = str(path)
    await keep(path, sandbox)
    if sql is None:
        path.chmod(0o640)
    else:
        with sqlite3.connect(path) as database:
            database.execute(sql)
        database.close()
    before = path.read_bytes()
    arguments, settings = COMMANDS[command]
    settings = app_settings(sandbox) if settings is None else settings
    await refused(ghl_async, code, words, *arguments.split(), **settings)
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["login", "login --oauth"])
async def test_where_no_store_can_be_nothing_is_asked(ghl_async, sandbox, tmp_path, command):
    settings = app_settings(sandbox, GHL_LOCATION_ID=sandbox.location_id)
    nowhere = tmp_path / "nowhere" / "tokens"
    await refused(ghl_async, 2, "does not exist: create it", *command.split(), "--tokens", nowhere, **settings)
    await refused(ghl_async, 2, "is a folder: name a file", *command.split(), "--tokens", tmp_path, **settings)
    no_key = settings | {"GHL_ASYNC_KEY": None}
    await refused(ghl_async, 1, "the system keyring, which is to hold its key", *command.split(), **no_key)
    assert sandbox.log.requests == 0
    assert not (tmp_path / "tokens").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_nobody_may_write_is_told_before_anything_is_asked(ghl_async, kept):
    kept.parent.chmod(0o500)
    try:
        await refused(ghl_async, 1, "check the", "login", GHL_TOKEN=None)
    finally:
        kept.parent.chmod(0o700)
    assert await holds(kept)

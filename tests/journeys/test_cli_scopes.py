"""The scopes that the README and `doctor` name are enough, and no others are wanted."""

from __future__ import annotations

import re

import pytest

from ghl_async.auth import Scope
from ghl_async.cli.scopes import AGENCY_SCOPES, CHEAP_SCOPES, NEEDS
from ghl_async.sandbox import Sandbox

from ..house.source import ROOT
from .command import Command
from .consent import app_settings, log_in


@pytest.fixture
async def sandbox():
    async with Sandbox(contacts=40, requests=100_000) as running:
        yield running


@pytest.fixture
def ghl_async(sandbox, tmp_path):
    return Command(tmp_path, sandbox)


def test_the_table_of_the_readme_is_that_of_the_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\S+)` \| (`.+`) \| ([^|]+) \|$", text, re.MULTILINE)
    assert rows == [(need.scope, ", ".join(f"`{each}`" for each in need.commands), need.without) for need in NEEDS]


def test_each_is_a_scope_of_the_vendors():
    assert {need.scope for need in NEEDS} <= set(Scope)


async def test_the_needed_scope_alone_copies_everything_contact_by_contact(ghl_async, sandbox):
    token = sandbox.state.add_token(scopes=["contacts.readonly"]).text
    ended = await ghl_async("backfill", GHL_TOKEN=token)
    assert ended.code == 0
    assert {kind for kind in ("tasks", "notes", "appointments") if f"{kind} were read contact by contact" in ended.out}


async def test_the_cheap_scopes_copy_everything_by_the_page(ghl_async, sandbox):
    token = sandbox.state.add_token(scopes=["contacts.readonly", *CHEAP_SCOPES]).text
    for command in ("login", "plan", "backfill"):
        ended = await ghl_async(command, said=token, GHL_TOKEN=None if command == "login" else token)
        assert ended.code == 0
        assert "contact by contact" not in ended.out + ended.err


async def test_what_login_asks_for_by_itself_is_enough_for_an_agency(ghl_async, sandbox):
    sandbox.oauth.rules.change(consent_for=sandbox.company_id)
    assert (await log_in(ghl_async, sandbox, "--agency")).code == 0
    token = next(token for token in sandbox.state.tokens.values() if token.company_id)
    assert token.scopes == {need.scope for need in NEEDS}
    assert token.scopes >= set(AGENCY_SCOPES)
    ended = await ghl_async("backfill", "--all-locations", **app_settings(sandbox))
    assert ended.code == 0
    assert "contact by contact" not in ended.err
    assert (await ghl_async("doctor", **app_settings(sandbox))).code == 0

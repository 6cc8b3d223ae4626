"""The scopes that the README and `doctor` name are enough, and no others are wanted."""

from __future__ import annotations

import json
import re

import pytest

from ghl_async.auth import Scope
from ghl_async.cli.scopes import AGENCY_SCOPES, CHEAP_SCOPES, NEEDS, WRITE_SCOPES
from ghl_async.sandbox import Sandbox

from ..house.source import ROOT
from .command import Command
from .consent import app_settings, log_in
from .truth import oldest


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
    for command in ("login", "plan", "backfill", "sync", "verify"):
        ended = await ghl_async(command, said=token, GHL_TOKEN=None if command == "login" else token)
        assert ended.code == 0
        assert "contact by contact" not in ended.out + ended.err


async def test_an_update_needs_to_write_and_the_names_of_custom_fields_only_where_there_are_some(
    ghl_async, sandbox, tmp_path
):
    fields = sandbox.state.main.dictionaries.fields.by_id.values()
    field = next(field["name"] for field in fields if field["dataType"] == "TEXT")
    for column, scopes in (("city", WRITE_SCOPES), (field, (*WRITE_SCOPES, "locations/customFields.readonly"))):
        (tmp_path / "x.jsonl").write_text(json.dumps({"id": oldest(sandbox, 3), column: "Bern"}) + "\n")
        token = sandbox.state.add_token(scopes=scopes).text
        assert (await ghl_async("update", "x.jsonl", "--ledger", f"{len(scopes)}.db", GHL_TOKEN=token)).code == 0
    token = sandbox.state.add_token(scopes=WRITE_SCOPES).text
    ended = await ghl_async("update", "x.jsonl", "--ledger", "3.db", GHL_TOKEN=token)
    assert ended.code == 1
    assert "add the scope locations/customFields.readonly" in ended.err


async def test_what_login_asks_for_by_itself_is_enough_for_an_agency(ghl_async, sandbox):
    sandbox.oauth.rules.change(consent_for=sandbox.company_id)
    assert (await log_in(ghl_async, sandbox, "--agency")).code == 0
    token = next(token for token in sandbox.state.tokens.values() if token.company_id)
    assert token.scopes == {need.scope for need in NEEDS} - set(WRITE_SCOPES), "whoever only copies needs no more"
    assert token.scopes >= set(AGENCY_SCOPES)
    ended = await ghl_async("backfill", "--all-locations", **app_settings(sandbox))
    assert ended.code == 0
    assert "contact by contact" not in ended.err
    assert (await ghl_async("doctor", **app_settings(sandbox))).code == 0

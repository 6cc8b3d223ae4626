"""`ghl-async export` from outside: what it writes, what it asks, how it ends."""

import asyncio
import csv
import io
import json
import os
import pathlib
import sqlite3
import stat
import sys
from contextlib import closing

import pytest

from .command import Command
from .truth import stored_records


@pytest.fixture
async def ghl_async(sandbox, tmp_path):
    """The command, beside a finished copy of the location."""
    command = Command(tmp_path, sandbox)
    assert (await command("backfill", "--quiet")).code == 0
    sandbox.log.clear()
    return command


async def test_records_come_as_json_lines_without_a_token_or_a_request(ghl_async, sandbox, tmp_path):
    stored = stored_records(next(tmp_path.glob("ghl-*.db")))
    for view in ("contacts", "tasks", "notes", "appointments"):
        ended = await ghl_async("export", view, "--raw", GHL_TOKEN=None)
        assert (ended.code, ended.err) == (0, "")
        rows = [json.loads(line) for line in ended.out.splitlines()]
        keys = ("id",) if view == "contacts" else ("contact_id", "id")
        sent = {(view, *(row[key] for key in keys)): row["raw"] for row in rows}
        assert len(sent) == len(rows)
        for record in sent.values():
            record.pop("searchAfter", None)
        assert sent == {key: record for key, record in stored.items() if key[0] == view}
    assert not sandbox.log.entries


async def test_contacts_get_their_custom_fields_as_columns_and_a_view_of_it(ghl_async, sandbox, tmp_path):
    ended = await ghl_async("export", "contacts", "--custom-fields", "--view", "--to", "c.csv")
    assert (ended.code, ended.out, ended.err) == (0, "", "120 contacts are in c.csv.\n")
    assert [entry.path.rpartition("/")[2] for entry in sandbox.log.entries] == ["customFields"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "c.csv").read_bytes().decode(), newline="")))
    names = {field["name"] for field in sandbox.state.main.dictionaries.fields.by_id.values()}
    assert names <= rows[0].keys()
    store = next(tmp_path.glob("ghl-*.db"))
    with closing(sqlite3.connect(store)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(contacts_with_custom_fields)")]
    assert names <= set(columns)


async def test_a_reader_that_has_seen_enough_ends_it_quietly(ghl_async, tmp_path):
    pipe = '"$0" -m ghl_async "$@" 2>err.txt | head -1'
    program = ("sh", "-c", pipe, sys.executable)
    ended = await ghl_async.end(await ghl_async.start("export", "contacts", "--raw", program=program))
    assert len(ended.out.splitlines()) == 1
    assert (tmp_path / "err.txt").read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("people",), "people"),
        (("contacts", "--store", "none.db"), "there is no store"),
        (("contacts", "--store", "none.db", "--custom-fields"), "there is no store"),
        (("tasks", "--custom-fields"), "tasks have none"),
        (("contacts", "--view"), "--view goes with --custom-fields"),
        (("contacts", "--to", "x.xlsx"), "name the format"),
        (("contacts", "--to", "none/x.csv"), "does not exist"),
    ],
)
async def test_what_cannot_be_meant_is_one_line_and_asks_nothing(ghl_async, sandbox, arguments, words):
    ended = await ghl_async("export", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not sandbox.log.entries


async def test_a_copy_that_is_not_finished_is_said_to_be_none(ghl_async, tmp_path):
    store = next(tmp_path.glob("ghl-*.db"))
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("UPDATE run SET state = 'running'")
    ended = await ghl_async("export", "contacts")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 120
    assert "no finished copy" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
async def test_it_writes_to_what_a_link_leads_to_and_keeps_its_mode_and_into_pipes(ghl_async, tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("old")
    kept.chmod(0o600)
    (tmp_path / "link.csv").symlink_to(kept)
    assert (await ghl_async("export", "contacts", "--to", "link.csv")).code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert kept.read_text().startswith("id,")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    os.mkfifo(tmp_path / "pipe.csv")
    process = await ghl_async.start("export", "contacts", "--to", "pipe.csv")
    content = await asyncio.to_thread((tmp_path / "pipe.csv").read_bytes)
    assert (await ghl_async.end(process)).code == 0
    assert content == kept.read_bytes()
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").stat().st_mode)


async def test_what_belongs_to_the_store_is_not_overwritten(ghl_async, tmp_path):
    store = next(tmp_path.glob("ghl-*.db"))
    before = store.read_bytes()
    for end in ("", "-wal", "-shm", "-lock"):
        ended = await ghl_async("export", "contacts", "--to", f"{store.name}{end}", "--format", "csv")
        assert (ended.code, "belongs to the store itself" in ended.err) == (2, True)
    assert store.read_bytes() == before


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs a device that is always full")
async def test_an_output_without_room_is_one_line(ghl_async, tmp_path):
    program = ("sh", "-c", '"$0" -m ghl_async "$@" 2>err.txt >/dev/full', sys.executable)
    ended = await ghl_async.end(await ghl_async.start("export", "contacts", "--raw", program=program))
    assert ended.code == 1
    (line,) = (tmp_path / "err.txt").read_text().splitlines()
    assert "the contacts cannot be written (No space left on device)" in line


async def test_texts_where_lists_were_promised_make_no_invalid_json(ghl_async, tmp_path):
    store = next(tmp_path.glob("ghl-*.db"))
    with closing(sqlite3.connect(store, isolation_level=None)) as database:
        database.execute("UPDATE landing_contacts SET raw = json_set(raw, '$.dndSettings', 'off', '$.followers', 'u1')")
    ended = await ghl_async("export", "contacts")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert len(rows) == 120
    assert rows[0]["followers"] == "u1"

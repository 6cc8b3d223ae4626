"""Where the commands write: a stdout that is full or closed, a stderr that is, and places that cannot take a file."""

from __future__ import annotations

import os
import sys

import pytest

from .command import Command
from .truth import oldest

FULL = "/dev/full"


@pytest.fixture
async def ghl_async(sandbox, tmp_path):
    """The command, beside a finished copy of the location."""
    command = Command(tmp_path, sandbox)
    assert (await command("backfill", "--quiet")).code == 0
    return command


async def in_a_shell(ghl_async, line):
    program = ("sh", "-c", f'"$0" -m ghl_async {line}', sys.executable)
    return await ghl_async.end(await ghl_async.start(program=program))


def changes(sandbox, tmp_path):
    text = f"id,city\n{oldest(sandbox, 1)},Bern\nnobody,Basel\n"
    (tmp_path / "changes.csv").write_text(text)
    return sandbox.state.main.record(sandbox.state.main.find(oldest(sandbox, 1)))


@pytest.mark.skipif(not os.path.exists(FULL), reason="this system has no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("line", ["export contacts", "plan", "verify", "update changes.csv", "--help"])
async def test_a_full_disk_behind_stdout_is_one_line(ghl_async, sandbox, tmp_path, line):
    changes(sandbox, tmp_path)
    ended = await in_a_shell(ghl_async, f"{line} >{FULL}")
    assert (ended.code, ended.out) == (1, "")
    assert "cannot be written (No space left on device)" in ended.err.splitlines()[-1]


@pytest.mark.parametrize("line", ["export contacts", "plan", "verify", "update changes.csv", "sync --changes -"])
async def test_a_closed_stdout_is_one_line(ghl_async, sandbox, tmp_path, line):
    changes(sandbox, tmp_path)
    ended = await in_a_shell(ghl_async, f"{line} >&-")
    assert (ended.code, ended.out) == (1, "")
    assert "stdout is closed" in ended.err.splitlines()[-1]


@pytest.mark.parametrize("errors", ["2>&-", f"2>{FULL}"])
async def test_what_nobody_can_be_told_is_no_reason_to_end(ghl_async, sandbox, tmp_path, errors):
    changed = changes(sandbox, tmp_path)
    ended = await in_a_shell(ghl_async, f"update changes.csv {errors}")
    assert ended.code == 4
    assert sandbox.state.main.record(sandbox.state.main.find(changed["id"]))["city"] == "Bern"
    assert "nobody" in (tmp_path / "changes-failed.csv").read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
async def test_a_pipe_is_refused_since_it_can_be_read_only_once(ghl_async, tmp_path):
    os.mkfifo(tmp_path / "changes.csv")
    ended = await ghl_async("update", "changes.csv")
    assert (ended.code, ended.out) == (2, "")
    assert "changes.csv is no regular file" in ended.err


async def test_an_excel_file_that_names_its_delimiter_is_told_what_to_do(ghl_async, tmp_path):
    (tmp_path / "changes.csv").write_text("sep=;\nid;city\nx;Bern\n")
    ended = await ghl_async("update", "changes.csv")
    assert (ended.code, "take out the one that says sep=" in ended.err) == (2, True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_takes_no_failed_rows_is_named_before_anything_is_sent(ghl_async, sandbox, tmp_path):
    changes(sandbox, tmp_path)
    sandbox.log.clear()
    (tmp_path / "closed").mkdir(mode=0o555)
    ended = await ghl_async("update", "changes.csv", "--failed", "closed/failed.csv")
    assert (ended.code, "--failed" in ended.err, sandbox.log.entries) == (2, True, [])


async def test_a_token_in_the_place_of_the_location_is_not_shown(ghl_async, sandbox):
    ended = await ghl_async("export", "tasks", GHL_LOCATION_ID=sandbox.token)
    assert (ended.code, "is the token in its place?" in ended.err) == (2, True)


async def test_an_export_finds_the_only_location_that_has_a_token(ghl_async, sandbox):
    said = f"{sandbox.token}\n"
    assert (await ghl_async("login", "--location-id", sandbox.location_id, said=said, GHL_TOKEN=None)).code == 0
    ended = await ghl_async("export", "tasks", GHL_TOKEN=None, GHL_LOCATION_ID=None)
    assert (ended.code, ended.err, bool(ended.out)) == (0, "", True)
    ended = await ghl_async("export", "tasks", GHL_TOKEN=None, GHL_LOCATION_ID=None, GHL_ASYNC_TOKENS="none")
    assert (ended.code, "or name the file with --store" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.jsonl", "", "it is empty"),
        ("x.jsonl", '[{"id": "a"}]\n', "of line 1 it is no JSON object"),
        ("x.jsonl", "id,city\n", "of line 1 it is no JSON"),
    ],
)
async def test_a_file_of_lines_without_an_object_is_told_as_what_it_is(ghl_async, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    ended = await ghl_async("update", name)
    assert (ended.code, said in ended.err) == (2, True)

"""What the README says can be done is done here: its example runs, its commands are those that CI runs."""

import re
import subprocess
import sys
import tomllib

import pytest

from ..house.source import PACKAGE, ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
EXAMPLES = [code for language, code in BLOCKS if language == "python"]
COMMANDS = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
INSTALL = "python3 -m venv .venv && . .venv/bin/activate && pip install "


def test_there_is_an_example_and_it_is_short():
    (example,) = EXAMPLES
    statements = [line for line in example.splitlines() if line]
    assert len(statements) <= 15


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_runs_as_it_stands(example, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert re.fullmatch(r".+ has \d+ notes\n50 contacts and \d+ notes: finished\n", ended.stdout)
    assert (tmp_path / "example.db").exists()


@pytest.mark.parametrize(
    "command", [f"{INSTALL}'.[cli]' && ghl-async backfill --sandbox", f"{INSTALL}-e '.[dev]' && poe check"]
)
def test_each_of_the_two_commands_stands_there_once(command):
    assert COMMANDS.count(command) == 1
    assert TEXT.count(command) == 1


def test_ci_finds_each_command_that_it_runs():
    ends = re.findall(r'^ *readme_command \S+ "(.+)"$', (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(ends) == 2
    for end in ends:
        assert len(re.findall(rf"^python3 .*{re.escape(end)}$", TEXT, re.MULTILINE)) == 1


def test_the_extras_that_the_commands_install_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {name for command in COMMANDS for name in re.findall(r"'\.\[(\w+)\]'", command)}
    assert named == {"cli", "dev"}
    assert named <= extras.keys()


def test_the_floors_show_the_rooms_that_there_are():
    (floors,) = [code for language, code in BLOCKS if not language]
    rooms = {path.stem for path in (ROOT / PACKAGE).iterdir() if not path.name.startswith((".", "_"))}
    rooms = {name for name in rooms if (ROOT / PACKAGE / f"{name}.py").is_file() or (ROOT / PACKAGE / name).is_dir()}
    assert set(floors.split()) == rooms

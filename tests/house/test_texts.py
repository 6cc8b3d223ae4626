"""The tree speaks of the project alone, and holds nothing unfinished."""

import re

import pytest

from .source import PACKAGE, ROOT, expect_none, files_of_the_tree

PATTERNS = {
    "a path of somebody's machine": re.compile(
        r"(?<![\w.~$}])/(?:home|root|tmp|work|mnt|opt|srv|media|Users|Volumes)/(?=\w)|\b[A-Z]:\\+Users\b"
    ),
    "an address in somebody's network": re.compile(
        r"(?<![\d.])(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+(?![\d.])"
    ),
    "an open end": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|NotImplemented" + "Error"),
    "a test that cannot fail": re.compile(r"\bassert" + r" True\b"),
    "a test switched off": re.compile(r"pytest\.mark\.(?:xfail|skip\b)"),
    "a token that could be a real one": re.compile(r"\bpit-[0-9a-f]{8}-(?!0000)[0-9a-f]{4}-|\beyJ[\w-]{20,}\."),
}


def complaints(name, text):
    return [
        f"{name}:{number}: {what}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in PATTERNS.items()
        if pattern.search(line)
    ]


def texts():
    here = "tests/house/test_texts.py"  # its examples below are what it looks for
    for path in files_of_the_tree():
        name = path.relative_to(ROOT).as_posix()
        if name != here:
            yield name, path.read_text(encoding="utf-8")


def test_no_line_speaks_of_a_machine_or_stays_open():
    expect_none([line for name, text in texts() for line in complaints(name, text)])


def test_the_top_level_holds_these_and_no_others():
    expected = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", PACKAGE, "tests", "benchmarks", ".ci"}
    found = {path.relative_to(ROOT).parts[0] for path in files_of_the_tree()}
    assert found - {".gitignore", ".gitattributes", ".editorconfig"} == expected


@pytest.mark.parametrize(
    "line",
    [
        "open('/home/somebody/store.db')",
        "see /tmp/notes.txt",
        r"C:\Users\somebody",
        "http://192.168.1.7:8080/",
        "http://10.0.0.5/",
        "# TODO: later",
        "raise NotImplementedError",
        "    assert True",
        "@pytest.mark.skip",
        "token = 'pit-1b2c3d4e-aaaa-bbbb-cccc-ddddeeeeffff'",
    ],
)
def test_a_line_that_does_not_belong_is_found(line):
    assert len(complaints("f.py", line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "#!/usr/bin/env bash",
        "https://host.example/home/page",
        "~/tmp/x and $HOME/y",
        "GET /users/ and GET /locations/{locationId}",
        "127.0.0.1, 0.0.0.0 and version 10.2",
        "@pytest.mark.skipif(shutil.which('curl') is None, reason='curl is missing')",
    ],
)
def test_an_ordinary_line_passes(line):
    assert not complaints("f.py", line)

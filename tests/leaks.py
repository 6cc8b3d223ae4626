"""Looks for secrets in all that a test says and leaves behind, and fails the test that shows one.

What it looks at, for every test: every event, as the client hands each one to its LoggingHook; log records of all other
loggers at DEBUG whatever level is set, with their arguments and tracebacks, and those of ours as set; what was written
to stdout and stderr, by programs that were waited for too; every error of ours as it was made, and what `pytest.raises`
caught with all that hangs on it; the reports of tests that fail; the files that it leaves in its folder.
`SQLiteTokenStore` is documented to keep plain text, so its files are left out.

What it looks for: what has the shape of a secret, and every value that was given to the package as one.
"""

from __future__ import annotations

import asyncio.subprocess
import contextlib
import functools
import logging
import re
import struct
import subprocess
import sys
import traceback
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from msgspec import structs

from ghl_async.auth import App, MemoryStore, OAuthClient, PrivateToken
from ghl_async.auth._file_store import FileStore
from ghl_async.auth._sealing import Sealer
from ghl_async.errors import GHLError
from ghl_async.hooks import LoggingHook
from ghl_async.sandbox.oauth import OAuth
from ghl_async.wire.transport import FixedToken

__all__ = ["Leaks"]

SHORTEST = 12
"""Made-up values shorter than this are words that stand in any text."""
_VALUE = rb"\\?[\"'=: ]{1,6}(?=[\w./+-]*\d)[\w./+-]{12,}"
"""With a digit: names in program text have none."""
SHAPES = [
    ("a private token", b"", rb"pit-[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-zA-Z]{12}"),
    ("a JWT", b"", rb"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"),
    ("a Fernet key", rb"(?<![\w/+-])[\w-]{43}", rb"=(?<=[\w-]{43}=)(?![\w=-])"),
    ("a field of a token", rb"(?i:access|refresh|next)_?t", b"oken" + _VALUE),
    ("a field of a token", b"(?:ACCESS|REFRESH|NEXT)_?T", b"OKEN" + _VALUE),
    ("a client secret", rb"(?i:client)_?s", b"ecret" + _VALUE),
    ("a client secret", b"CLIENT_?S", b"ECRET" + _VALUE),
    ("a bearer", b"(?i:b)", rb"earer (?=[\w./+-]*\d)[\w./+-]{12,}"),
]
"""What it is; what stands before; the rest, which begins with a literal: files of megabytes are looked through."""
_SHAPES = [
    (kind, re.compile(b"(?:" + before + rb")\Z") if before else None, re.compile(rest)) for kind, before, rest in SHAPES
]
_LONGEST_BEFORE = 60
_SQLITE = b"SQLite format 3\0"
_DATABASES = (_SQLITE, b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""How database files and their write-ahead logs begin."""
_PLAIN_STORE = struct.pack(">I", 0x47484C54)
"""At byte 68 of an SQLite file: SQLiteTokenStore's application id."""
_ALLOWED = {
    "test_what_is_planted_is_found_and_nothing_else": "it plants them, in a run of its own",
    "test_the_scan_itself_shows_none": "the same run",
    "test_the_sandbox_prints_what_points_a_backfill_at_it_and_ends_on_a_signal": "it prints the sandbox's secrets",
    "test_the_message_of_a_missing_key_shows_a_command_that_makes_one": "it prints a new key",
}
"""Tests that show a secret because that is what they are about."""
_TOKENS = ("access_token", "refresh_token", "next_token")


class Leaks:
    """A pytest plugin. One for each process."""

    def __init__(self):
        self.values = {}
        """Whatever was given as a secret, as bytes, in every spelling; with what it is."""
        self._said = defaultdict(list)
        self._events = set()
        self._wrapped = []

    # What is known to be secret

    def know(self, kind, value):
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str) and len(value.strip()) >= SHORTEST:
            for spelling in {value.strip(), quote(value.strip(), safe=""), quote_plus(value.strip())}:
                self.values.setdefault(spelling.encode("utf-8", "surrogatepass"), kind)

    def know_tokens(self, tokens):
        for name in _TOKENS:
            self.know(name.replace("_", " "), getattr(tokens, name, None))

    # What is said

    def note(self, place, *texts):
        self._said[place] += texts

    def note_record(self, record):
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - the test's own handlers complain of it
            text = repr(record.msg)
        self.note("a log record", text, repr(record.args), repr(vars(record).get("ghl")))
        if record.exc_info and record.exc_info[1] is not None:
            self.note("a log record's traceback", *texts_of(record.exc_info[1]))

    def complaints(self):
        """What was found since the last time, without the secrets themselves."""
        found = []
        self.note("an event", *map(repr, self._events))
        self._events.clear()
        for place, texts in self._said.items():
            said = "\n".join(dict.fromkeys(texts)).encode("utf-8", "surrogatepass")
            found += [f"{kind} in {place}: {shown}" for kind, shown in self.secrets_in(said)]
        self._said.clear()
        return found

    def secrets_in(self, content):
        found = list(_spans(content))
        for value, kind in self.values.items():
            at = content.find(value)
            if at >= 0:
                found.append((kind, at, at + len(value)))
        for kind, start, end in found:
            yield kind, self._around(content, start, end)

    def _around(self, content, start, end):
        """What stands around a secret, without any."""
        before, after = content[max(0, start - 4000) : start], content[end : end + 30]
        shown = (self._masked(before)[-60:] + content[start : start + 4] + b"***" + self._masked(after)).decode(
            "utf-8", "replace"
        )
        return repr(shown)

    def _masked(self, content):
        for _kind, start, end in sorted(_spans(content), key=lambda span: -span[1]):
            content = content[:start] + b"***" + content[end:]
        for value in self.values:
            content = content.replace(value, b"***")
        return content

    def complaints_about(self, folder):
        found = []
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                content = _content_of(path)
                found += [f"{kind} in the file {path.name}: {shown}" for kind, shown in self.secrets_in(content)]
        return found

    # How it comes to know

    def pytest_configure(self):
        self._before(App, "__init__", lambda _self, _id, secret, **_: self.know("a client secret", secret))
        self._before(OAuthClient, "exchange", lambda _self, code, **_: self.know("a code", code))
        self._before(PrivateToken, "__init__", self._private)
        self._before(PrivateToken, "rotate", self._private)
        self._before(FixedToken, "__init__", lambda _self, text: self.know("a token", text))
        self._before(Sealer, "__init__", lambda _self, key, **_: self.know("a sealing key", key))
        self._before(OAuth, "add_app", lambda _self, **app: self.know("a client secret", app.get("client_secret")))
        for store in (MemoryStore, FileStore):
            self._before(store, "save", lambda _self, _key, tokens: self.know_tokens(tokens))
        self._before(GHLError, "__init__", lambda _self, *said, **more: self.note("an error", repr(said), repr(more)))
        self._after(pytest.RaisesExc, "__exit__", self._raised)
        self._after(pytest.CaptureFixture, "readouterr", self._captured)
        self._after(subprocess.Popen, "communicate", self._program_said)
        self._after_awaited(asyncio.subprocess.Process, "communicate", self._captured)
        self._wrap_logging()

    def pytest_unconfigure(self):
        for owner, name, original in reversed(self._wrapped):
            setattr(owner, name, original)
        self._wrapped.clear()

    def _private(self, _self, token, *_, next_token=None, **__):
        self.know("a private token", token)
        self.know("a private token", next_token)

    def _raised(self, _result, raises, *_):
        if raises.excinfo is not None:
            error = raises.excinfo._excinfo
            if error is not None:
                self.note("an exception", *texts_of(error[1]))

    def _captured(self, result, *_, **__):
        for text in result or ():
            if text:
                self.note("captured output", text.decode("utf-8", "replace") if isinstance(text, bytes) else text)

    def _program_said(self, result, process, *_, **__):
        # What curl shows is what the server said to it, tokens included.
        if isinstance(process.args, list | tuple) and process.args[:1] == [sys.executable]:
            self._captured(result)

    def _wrap_logging(self):
        self._before(LoggingHook, "__call__", self._told)
        # Events would be made text a hundred thousand times over, and say the same.
        ours = logging.getLogger("ghl_async")
        self._put(ours, "isEnabledFor", functools.partial(logging.Logger.isEnabledFor, ours))
        call_handlers = logging.Logger.callHandlers
        is_enabled_for = logging.Logger.isEnabledFor

        def tapped(logger, record):
            self.note_record(record)
            # Whoever listens hears what he would hear without us.
            if is_enabled_for(logger, record.levelno):
                call_handlers(logger, record)

        self._put(logging.Logger, "callHandlers", tapped)
        self._put(logging.Logger, "isEnabledFor", lambda _logger, level: level >= logging.DEBUG)

    def _told(self, _hook, event):
        self._events.add((type(event).__name__, *(text for text in structs.astuple(event) if isinstance(text, str))))

    def _put(self, owner, name, replacement):
        self._wrapped.append((owner, name, getattr(owner, name)))
        setattr(owner, name, replacement)

    def _before(self, owner, name, look):
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            _looked(look, *args, **kwargs)
            return original(*args, **kwargs)

        self._put(owner, name, wrapper)

    def _after(self, owner, name, look):
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            result = original(*args, **kwargs)
            look(result, *args, **kwargs)
            return result

        self._put(owner, name, wrapper)

    def _after_awaited(self, owner, name, look):
        original = getattr(owner, name)

        @functools.wraps(original)
        async def wrapper(*args, **kwargs):
            result = await original(*args, **kwargs)
            look(result, *args, **kwargs)
            return result

        self._put(owner, name, wrapper)

    # When it looks

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call):
        report = yield
        if report.failed:
            self.note("the report of a failure", report.longreprtext)
        if call.when == "teardown":
            self._said.clear()
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item):
        folder = item.funcargs.get("tmp_path") if getattr(item, "funcargs", None) else None
        yield
        for _when, name, content in item._report_sections:
            self.note(f"captured {name}", content)
        found = self.complaints()
        if folder is not None:
            found += self.complaints_about(folder)
        if found and item.originalname not in _ALLOWED:
            pytest.fail("secrets were shown:\n" + "\n".join(dict.fromkeys(found)), pytrace=False)


def _spans(content):
    is_database = content.startswith(_DATABASES)
    for kind, before, rest in _SHAPES:
        # In a row ids stand side by side, and may look like a key by chance. The keys are known by value.
        matches = () if is_database and kind == "a Fernet key" else rest.finditer(content)
        for match in matches:
            start = match.start()
            if before is not None:
                ahead = before.search(content, max(0, start - _LONGEST_BEFORE), start)
                if ahead is None:
                    continue
                start = ahead.start()
            yield kind, start, match.end()


def _looked(look, *args, **kwargs):
    with contextlib.suppress(TypeError):  # called wrongly: that is for the original to say
        look(*args, **kwargs)


def linked(error):
    """The error and all that hangs on it by cause, context and groups."""
    seen, waiting = [], [error]
    while waiting:
        current = waiting.pop()
        if current is not None and not any(current is each for each in seen):
            seen.append(current)
            waiting += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]
    return seen


def texts_of(error):
    """All that errors say when they are shown. The lines of program text in a traceback are no secret."""
    for each in linked(error):
        yield repr(each)
        yield repr(each.args)
        yield repr(getattr(each, "__dict__", None))
        yield "".join(traceback.format_exception_only(each))


def _content_of(path):
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    is_plain_store = content.startswith(_SQLITE) and content[68:72] == _PLAIN_STORE
    return b"" if is_plain_store else content

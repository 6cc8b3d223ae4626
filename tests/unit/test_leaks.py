"""The scan for secrets finds one that was planted, in each of the places where it looks."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from ..house.source import ROOT

PLANTED = """
import asyncio, logging, subprocess, sys, warnings
import pytest
from ghl_async.auth import PRIVATE, App, EncryptedFileStore, Key, MemoryStore, SQLiteTokenStore, Tokens
from ghl_async.errors import GHLError
from ghl_async.hooks import LoggingHook, RequestFinished, TokenTrouble, emit

def piece(*parts):
    return "-".join(parts)

PIT = piece("pit", "01234567", "89ab", "cdef", "0123", "456789abcdef")
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"))
FERNET = piece("c2VjcmV0LXNlYWxpbmcta2V5LW9m", "TMyLWJ5dGVzLi4x"[:14]) + "="
SECRET = piece("7e3c2a10", "aaaa", "bbbb", "cccc", "0123456789ab")
REFRESH = piece("opaque", "refresh", "value", "42")
KEY = Key("app", "location", "L")

def known():
    App("0123-abc", SECRET)

async def saved():
    await MemoryStore().save(KEY, Tokens(access_token="a", refresh_token=REFRESH))

def test_log_message():
    logging.getLogger("anything").debug("sent %s", PIT)

def test_log_of_asyncio():
    logging.getLogger("asyncio").debug(JWT)

def test_log_of_aiohttp():
    logging.getLogger("aiohttp.client").debug("key %s", FERNET)

def test_log_arguments():
    known()
    logging.getLogger("anything").debug("%.3s", SECRET)

def test_log_extra():
    logging.getLogger("ghl_async").warning("event", extra={"ghl": {"reason": PIT}})

def test_log_traceback():
    try:
        raise ValueError(JWT)
    except ValueError:
        logging.getLogger("x").exception("failed")

def test_event_at_debug():
    emit([LoggingHook()], RequestFinished(PIT, "GET", "/", 200, 0.1, 1))

def test_event_that_is_logged():
    emit([LoggingHook()], TokenTrouble("location", "L", PIT, None))

def test_stdout():
    print(PIT)

def test_stderr():
    print(JWT, file=sys.stderr)

def test_capsys(capsys):
    print(PIT)
    assert capsys.readouterr().out

def test_capfd(capfd):
    print(PIT)
    assert capfd.readouterr().out

def test_program():
    subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1])", PIT], capture_output=True)

async def test_program_of_asyncio():
    pipe = asyncio.subprocess.PIPE
    program = "import sys; print(sys.argv[1])"
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", program, PIT, stdout=pipe)
    await ended.communicate()

async def test_exception():
    await saved()
    with pytest.raises(GHLError):
        raise GHLError(f"no: {REFRESH}")

def test_error_that_nobody_saw():
    try:
        raise GHLError(PIT)
    except GHLError:
        pass

def test_exception_context():
    with pytest.raises(RuntimeError):
        try:
            raise ValueError(PIT)
        except ValueError:
            raise RuntimeError("clean") from None

def test_exception_cause():
    with pytest.raises(RuntimeError):
        raise RuntimeError("clean") from ValueError(JWT)

def test_exception_note():
    with pytest.raises(RuntimeError):
        error = RuntimeError("clean")
        error.add_note(PIT)
        raise error

def test_exception_attribute():
    with pytest.raises(RuntimeError):
        error = RuntimeError("clean")
        error.sent = PIT
        raise error

def test_exception_in_a_group():
    with pytest.raises(ExceptionGroup):
        raise ExceptionGroup("clean", [ValueError(PIT)])

def test_repr_in_a_failure():
    assert Tokens(access_token="a").access_token == PIT

def test_file(tmp_path):
    (tmp_path / "contacts.db").write_bytes(b"x" * 5000 + PIT.encode() + b"x")

async def test_file_of_a_known_value(tmp_path):
    await saved()
    (tmp_path / "log.txt").write_text(REFRESH)

def test_field_of_no_known_value():
    print({"refresh_token": "whatever0123456789"})

def test_quoted_in_an_address():
    App("0123-abc", "secret/with+signs0")
    print("https://x.example/?s=secret%2Fwith%2Bsigns0")

def test_in_a_fixtures_end(ending):
    pass

@pytest.fixture
def ending():
    yield
    print(PIT)

# and here nothing is to be found

async def test_clean_encrypted_store(tmp_path):
    async with EncryptedFileStore(tmp_path / "tokens", key="A" * 43 + "=") as store:
        await store.save(KEY, Tokens(access_token=PIT, refresh_token=REFRESH))
        assert (await store.load(KEY)).access_token == PIT

async def test_clean_plain_store(tmp_path):
    async with SQLiteTokenStore(tmp_path / "tokens.db") as store:
        await store.save(KEY, Tokens(access_token=PIT, refresh_token=REFRESH))

def test_clean_words(caplog):
    known()
    logging.getLogger("anything").debug("a token, a bearer of news; 7e3c2a10-aaaa-bbbb-cccc-0123456789ff")
    assert not caplog.records  # nobody who listens hears more than without the scan
    print("pit-x Bearer token refresh_token=None client_secret='***'")
"""
CONFTEST = """
from tests.leaks import Leaks

def pytest_configure(config):
    config.pluginmanager.register(Leaks(), "leaks")
"""
NAMES = re.findall(r"def (test_\w+)", PLANTED)
PLACES = {
    "log": "a log record",
    "log_traceback": "a log record's traceback",
    "event": "an event",
    "stdout": "captured stdout",
    "stderr": "captured stderr",
    "field": "captured stdout",
    "in_a_fixtures_end": "captured stdout",
    "capsys": "captured output",
    "capfd": "captured output",
    "quoted": "captured stdout",
    "program": "captured output",
    "exception": "an exception",
    "error": "an error",
    "repr": "the report of a failure",
    "file": "the file",
}
"""Where it is to be found, by the longest beginning of the test's name."""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a pytest run of them says."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_planted.py").write_text(PLANTED)
    plugins = [f"-pno:{name}" for name in ("cacheprovider", "randomly", "xdist")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-oasyncio_mode=auto", "-rA", "--rootdir", str(folder), str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_what_is_planted_is_found_and_nothing_else(said, name):
    section = re.search(rf"^_+ ERROR at teardown of {name} _+$(.*?)^(?:_{{3}}|={{3}})", said, re.MULTILINE | re.DOTALL)
    if name.startswith("test_clean"):
        assert section is None, said
        assert re.search(rf"^PASSED .*::{name}$", said, re.MULTILINE), said
        return
    part = name.removeprefix("test_")
    place = PLACES[max((known for known in PLACES if part.startswith(known)), key=len)]
    assert section is not None, said
    assert re.search(rf"^secrets were shown:\n(.+\n)*.+ in {place}\b", section[1], re.MULTILINE), section[1]


def test_the_scan_itself_shows_none(said):
    complaints = re.findall(r"^.+ in (?:a|an|the|captured) [^:]+: .*\*\*\*.*$", said, re.MULTILINE)
    assert len(complaints) >= len(PLACES)
    # what pytest has cut in the middle is not recognised
    complaints = [complaint for complaint in complaints if "...-" not in complaint]
    for secret in ("456789abcdef", "dozjgNryP4J3jVmNHl0w5N", "0123456789ab'", "whatever0123456789", "value-42"):
        assert not [complaint for complaint in complaints if secret in complaint]

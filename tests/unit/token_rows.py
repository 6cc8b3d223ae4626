"""Made-up tokens, a keyring in memory and programs for the tests of the token stores."""

import subprocess
import sys
import traceback
from pathlib import Path

import keyring.backend
import pytest

import ghl_async
from ghl_async.auth.stores import EncryptedFileStore, SQLiteTokenStore
from ghl_async.auth.tokens import Key, Tokens
from ghl_async.errors import GHLError

ROOT = Path(ghl_async.__file__).parents[1]
KEY = Key("app1", "location", "loc1")
OTHER = Key("app1", "company", "com1")
SEALING_KEY = "c2VjcmV0LXNlYWxpbmcta2V5LW9mLTMyLWJ5dGVzLi4="
WRONG_KEY = "d3Jvbmctc2VhbGluZy1rZXktb2YtMzItYnl0ZXMtISE="
SECRETS = ("secret", SEALING_KEY, WRONG_KEY)


def tokens(number=1, **fields):
    """Tokens that belong together by their number."""
    return Tokens(access_token=f"secret-access-{number}", refresh_token=f"secret-refresh-{number}", **fields)


FULL = tokens(
    expires_at=1_700_000_000.25,
    scopes=("contacts.readonly", "contacts.write"),
    company_id="com1",
    user_id="Zoë",
    issued_at=1_699_999_000.0,
    granted_at=1_699_900_000.0,
    refresh_began_at=1_699_999_999.5,
    next_token="secret-next",
)


class KeyringInMemory(keyring.backend.KeyringBackend):
    """Nobody's real keyring is touched."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


def open_store(path, key=SEALING_KEY):
    return SQLiteTokenStore(path) if path.suffix else EncryptedFileStore(path, key=key)


async def fill(path, key=SEALING_KEY):
    async with open_store(path, key) as store:
        await store.save(KEY, FULL)


def no_secret(error):
    """See that an error and all that hangs on it holds no secret."""
    said = "".join(traceback.format_exception(error))
    while error is not None:
        said += f"{error!r} {error.args} {vars(error)} {getattr(error, 'object', '')}"
        error = error.__cause__ or error.__context__
    assert [secret for secret in SECRETS if secret in said] == []


async def refusals(store, calls=("load", "save", "delete", "keys")):
    """The one error of each call; one line that names the file and no secret."""
    errors = []
    work = {
        "load": lambda: store.load(KEY),
        "save": lambda: store.save(KEY, tokens(2)),
        "delete": lambda: store.delete(KEY),
        "keys": store.keys,
    }
    for call in calls:
        with pytest.raises(GHLError) as caught:
            await work[call]()
        no_secret(caught.value)
        errors.append((type(caught.value), str(caught.value)))
    await store.close()
    assert len(set(errors)) == 1
    ((kind, text),) = set(errors)
    assert "\n" not in text
    assert str(store.path.name) in text
    return kind, text


PROGRAM = """
import asyncio, os, sys
from ghl_async.auth.stores import EncryptedFileStore, SQLiteTokenStore
from ghl_async.errors import GHLError
from tests.unit.token_rows import FULL, KEY, OTHER, SEALING_KEY, tokens

def the_store():
    if sys.argv[1].endswith(".db"):
        return SQLiteTokenStore(sys.argv[1])
    return EncryptedFileStore(sys.argv[1], key=SEALING_KEY)

"""


def program(path, work):
    """Start a process that does `work`, which has `the_store()`; it is to be ended by whoever started it."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + work, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(path, work):
    """What a process that does `work` says until its end, on both its outputs."""
    with program(path, work) as process:
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return out + err

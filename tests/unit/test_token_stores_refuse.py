"""The token stores when they must not be used: each time one line with the file and what to do, nothing overwritten."""

import asyncio
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from ghl_async.auth.stores import EncryptedFileStore, SQLiteTokenStore
from ghl_async.auth.tokens import Key, Tokens
from ghl_async.errors import StoreFailed, StoreMismatch, UsageError

from .token_rows import FULL, KEY, SEALING_KEY, fill, no_secret, open_store, ran, refusals, tokens


@pytest.fixture(params=["tokens.db", "tokens"])
def path(request, tmp_path):
    return tmp_path / request.param


async def test_a_folder_is_no_store(path):
    path.mkdir()
    kind, text = await refusals(open_store(path))
    assert (kind, text) == (UsageError, f"{path} is a folder: name a file for the tokens")


async def test_a_device_is_no_store():
    for store in (SQLiteTokenStore(os.devnull), EncryptedFileStore(os.devnull, key=SEALING_KEY)):
        kind, text = await refusals(store)
        assert (kind, text) == (UsageError, f"{os.devnull} is no ordinary file: name another one for the tokens")


async def test_a_missing_folder_is_named(tmp_path, path):
    store = open_store(tmp_path / "no" / path.name)
    with pytest.raises(UsageError) as caught:
        await store.save(KEY, FULL)
    assert str(caught.value) == (
        f"the folder {tmp_path / 'no'} does not exist: create it, or name another file for the tokens"
    )
    with pytest.raises(UsageError, match="does not exist"):
        async with store.lock(KEY):
            pass
    await store.close()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o666])
async def test_a_file_that_others_may_open_is_refused(path, mode):
    await fill(path)
    before = path.read_bytes()
    path.chmod(mode)
    kind, text = await refusals(open_store(path))
    assert kind is StoreFailed
    assert text == (
        f"{path} is open to other users (mode {mode:o}) and is not used: run `chmod 600 {path}`, "
        "and renew its tokens if somebody may have read them"
    )
    assert path.read_bytes() == before
    path.chmod(0o600)
    async with open_store(path) as store:
        assert await store.load(KEY) == FULL


@pytest.mark.parametrize("content", [b'{"access_token":"secret"}', b"\0\xff" * 3000], ids=["text", "bytes"])
async def test_a_file_of_something_else_is_left_alone(path, content):
    path.write_bytes(content)
    path.chmod(0o600)
    kind, text = await refusals(open_store(path))
    assert kind is StoreMismatch
    assert text.startswith(f"{path} is not a token store of ghl-async")
    assert text.endswith("name another file")
    assert path.read_bytes() == content


async def test_each_store_leaves_the_others_file_alone(tmp_path):
    await fill(tmp_path / "a.db")
    await fill(tmp_path / "a")
    for store in (SQLiteTokenStore(tmp_path / "a"), EncryptedFileStore(tmp_path / "a.db", key=SEALING_KEY)):
        assert (await refusals(store))[0] is StoreMismatch
    for name in ("a.db", "a"):
        async with open_store(tmp_path / name) as store:
            assert await store.load(KEY) == FULL


@pytest.mark.parametrize("sql", ["CREATE TABLE mine (x)", "PRAGMA user_version = 3", "PRAGMA application_id = 7"])
async def test_somebody_elses_database_is_left_alone(tmp_path, sql):
    path = tmp_path / "tokens.db"
    run_sql(path, sql)
    before = path.read_bytes()
    kind, text = await refusals(SQLiteTokenStore(path))
    assert kind is StoreMismatch
    assert text == f"{path} is a database, but no token store of ghl-async: name another file"
    assert path.read_bytes() == before


def run_sql(path, sql, values=()):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(sql, values)
    path.chmod(0o600)


async def test_a_store_of_a_newer_schema_is_left_alone(path):
    await fill(path)
    if path.suffix:
        run_sql(path, "PRAGMA user_version = 2")
    else:
        heading, _, _ = path.read_bytes().partition(b"\n")
        path.write_bytes(heading.replace(b" 1 ", b" 2 argon ") + b"\nwhatever comes then")
    before = path.read_bytes()
    kind, text = await refusals(open_store(path))
    assert kind is StoreMismatch
    assert text == (
        f"{path} was written by a newer version of ghl-async (schema 2, this one knows 1): "
        "upgrade ghl-async, or name another file"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-30],
        lambda content: content[:34],
        lambda content: content[:20],
        lambda content: content[:-20] + b"AAAA" + content[-16:],
        lambda content: content + b"and more",
        lambda content: content[:-1] + b"\xff\xff",
    ],
    ids=["cut", "heading", "half a heading", "changed", "longer", "no text"],
)
async def test_a_damaged_encrypted_file_is_left_alone(tmp_path, damage):
    path = tmp_path / "tokens"
    await fill(path)
    path.write_bytes(content := damage(path.read_bytes()))
    kind, text = await refusals(open_store(path))
    assert kind is StoreFailed
    assert text == f"{path}: the file is damaged: restore it from a backup, or move it away and log in again"
    assert path.read_bytes() == content
    assert not path.with_name("tokens-new").exists()


async def test_a_damaged_database_is_left_alone(tmp_path):
    path = tmp_path / "tokens.db"
    await fill(path)
    path.write_bytes(content := path.read_bytes()[:100] + b"\xa5" * (path.stat().st_size - 100))
    kind, text = await refusals(SQLiteTokenStore(path))
    assert kind is StoreFailed
    assert text == f"{path}: the file is damaged: restore it from a backup, or move it away and log in again"
    assert path.read_bytes() == content


@pytest.mark.parametrize("row", ["{", '{"refresh_token":"secret"}', b"\xff secret \xff", b'{"access_token":"\xff"}'])
async def test_a_damaged_row_is_refused_until_the_next_login_replaces_it(tmp_path, row):
    path = tmp_path / "tokens.db"
    await fill(path)
    run_sql(path, "UPDATE tokens SET tokens = CAST(? AS TEXT)", (row,))
    async with SQLiteTokenStore(path) as store:
        with pytest.raises(StoreFailed) as caught:
            await store.load(KEY)
        assert str(caught.value) == f"{path}: what is kept for location loc1 is damaged: log in again"
        no_secret(caught.value)
        await store.save(KEY, tokens(3))
        assert await store.load(KEY) == tokens(3)


@pytest.mark.parametrize(
    "bad",
    [
        Tokens(access_token="secret-\udc80"),
        Tokens(access_token=b"secret"),
        Tokens(access_token=None),
        Tokens(access_token="secret", expires_at=float("nan")),
        Tokens(access_token="secret", expires_at=object()),
        Tokens(access_token="secret", scopes=["a"]),
        {"access_token": "secret"},
    ],
    ids=["half a character", "bytes", "none", "not a number", "object", "list", "dict"],
)
async def test_tokens_that_would_not_come_back_are_not_kept(path, bad):
    await fill(path)
    async with open_store(path) as store:
        with pytest.raises(UsageError) as caught:
            await store.save(KEY, bad)
        assert str(caught.value) == f"{path}: a field of these tokens is not of its type or no valid text: not kept"
        no_secret(caught.value)
        assert await store.load(KEY) == FULL


async def test_a_key_of_no_kind_is_not_kept(path):
    async with open_store(path) as store:
        with pytest.raises(UsageError, match="not kept"):
            await store.save(Key("app1", "somebody", "x"), FULL)
    assert not path.exists()


TRY = """
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere

async def attempt():
    async with the_store() as store:
        for work in (store.load(KEY), store.save(KEY, tokens(2))):
            try:
                await work
                print("done")
            except GHLError as error:
                print(type(error).__name__, error)

asyncio.run(attempt())
"""


def everybody_may_read(path):
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in path.resolve().parents)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
@pytest.mark.skipif(
    not (everybody_may_read(Path(__file__)) and everybody_may_read(Path(sys.executable))),
    reason="root must become somebody who may read these tests and Python",
)
@pytest.mark.parametrize("name", ["tokens.db", "tokens"])
@pytest.mark.parametrize(
    ("folder_mode", "first", "second"),
    [(0o000, "StoreFailed", "StoreFailed"), (0o555, "done", "StoreFailed")],
    ids=["nothing", "reading"],
)
def test_missing_permission_is_named(name, folder_mode, first, second):
    with tempfile.TemporaryDirectory() as outer:  # pytest's own folders are open to their owner alone
        Path(outer).chmod(0o755)
        folder = Path(outer, "folder")
        folder.mkdir()
        path = folder / name
        asyncio.run(fill(path))
        before = path.read_bytes()
        path.with_name(f"{name}-lock").unlink(missing_ok=True)
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
            os.chown(folder, 65534, 65534)
        folder.chmod(folder_mode)
        lines = ran(path, TRY).splitlines()
        folder.chmod(0o755)
        assert path.read_bytes() == before
    assert [line.split()[0] for line in lines] == [first, second]
    assert all(str(path) in line and "permissions" in line for line in lines if line != "done")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc, where nobody can make a file")
async def test_a_place_where_no_file_can_be_made_is_named(path):
    kind, text = await refusals(open_store(Path("/proc") / path.name), ["save"])
    assert kind is StoreFailed
    assert "check the path and the permissions of the file and its folder" in text

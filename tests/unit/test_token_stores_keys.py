"""The key of an encrypted token file: where it comes from, what is said when it is none, and that nothing shows it."""

import sys

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest

from ghl_async.auth.stores import EncryptedFileStore, MemoryStore, SQLiteTokenStore
from ghl_async.errors import StoreFailed, UsageError

from .token_rows import (
    FULL,
    KEY,
    OTHER,
    SEALING_KEY,
    SECRETS,
    WRONG_KEY,
    KeyringInMemory,
    fill,
    no_secret,
    open_store,
    ran,
    refusals,
    tokens,
)


@pytest.fixture(autouse=True)
def ring(monkeypatch):
    """A keyring in memory in place of the developer's own, and no key in the environment."""
    monkeypatch.delenv("GHL_ASYNC_KEY", raising=False)
    before, ring = keyring.get_keyring(), KeyringInMemory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


async def test_another_key_opens_nothing_and_overwrites_nothing(tmp_path):
    path = tmp_path / "tokens"
    await fill(path)
    before = path.read_bytes()
    kind, text = await refusals(open_store(path, WRONG_KEY))
    assert kind is StoreFailed
    assert text == (
        f"{path} was encrypted with another key than the one given: give the right one (in GHL_ASYNC_KEY), "
        "or name another file and log in again"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "key", ["", "secret", b"\xff\xfe", "secré", SEALING_KEY[:-4], SEALING_KEY * 2, f" {SEALING_KEY}"], ids=repr
)
@pytest.mark.parametrize("way", ["argument", "environment"])
async def test_a_key_that_is_none_is_refused_at_once(tmp_path, monkeypatch, key, way):
    if way == "environment":
        if not isinstance(key, str) or not key:
            return
        monkeypatch.setenv("GHL_ASYNC_KEY", key)
    with pytest.raises(UsageError) as caught:
        EncryptedFileStore(tmp_path / "tokens", key=key if way == "argument" else None)
    named = "the key given" if way == "argument" else "the content of GHL_ASYNC_KEY"
    assert str(caught.value).startswith(
        f"{named} for {tmp_path / 'tokens'} is not a key of 32 bytes in URL-safe base64: make one with: python -c "
    )
    assert key == "" or str(key) not in str(caught.value)
    no_secret(caught.value)


async def test_the_key_of_the_environment_is_taken_before_the_keyring(tmp_path, monkeypatch, ring):
    monkeypatch.setenv("GHL_ASYNC_KEY", SEALING_KEY)
    await fill(tmp_path / "tokens", key=None)
    assert not ring.kept
    async with EncryptedFileStore(tmp_path / "tokens", key=SEALING_KEY.encode()) as store:
        assert await store.load(KEY) == FULL


async def test_without_a_key_the_keyring_gets_one_at_the_first_save(tmp_path, ring):
    path = tmp_path / "tokens"
    async with EncryptedFileStore(path) as store:
        assert await store.load(KEY) is None
        assert not ring.kept
        await store.save(KEY, FULL)
        await store.save(OTHER, FULL)
    assert [service for service, _ in ring.kept] == ["ghl_async"]
    async with EncryptedFileStore(path) as store:
        assert await store.keys() == sorted([KEY, OTHER])
    (key,) = ring.kept.values()
    assert key.encode() not in path.read_bytes()
    moved = path.rename(tmp_path / "moved")
    async with EncryptedFileStore(moved) as store:
        assert await store.load(KEY) == FULL
        await store.delete(KEY)
    assert len(ring.kept) == 1


async def test_two_files_have_two_keys_in_the_keyring(tmp_path, ring):
    for name in ("a", "b"):
        await fill(tmp_path / name, key=None)
    assert len(set(ring.kept.values())) == 2
    for name in ("a", "b"):
        async with EncryptedFileStore(tmp_path / name) as store:
            assert await store.load(KEY) == FULL


@pytest.mark.parametrize("held", [None, "", "secret", WRONG_KEY])
async def test_a_keyring_that_lost_the_key_is_named(tmp_path, ring, held):
    path = tmp_path / "tokens"
    await fill(path, key=None)
    for name in list(ring.kept):
        ring.kept[name] = held
    before = path.read_bytes()
    kind, text = await refusals(EncryptedFileStore(path))
    assert kind is StoreFailed
    assert text == (
        f"{path}: the system keyring does not hold its key: set GHL_ASYNC_KEY to the key it was made with, "
        "or move the file away and log in again"
    )
    assert path.read_bytes() == before


class Locked(KeyringInMemory):
    def get_password(self, service, username):
        raise keyring.errors.KeyringLocked(f"secret {service} {username}")

    def set_password(self, service, username, password):
        raise keyring.errors.PasswordSetError(f"secret {service} {username} {password}")


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, Locked])
async def test_without_a_keyring_that_works_nothing_is_kept(tmp_path, backend):
    keyring.set_keyring(backend())
    path = tmp_path / "tokens"
    kind, text = await refusals(EncryptedFileStore(path), ["save"])
    assert kind is StoreFailed
    assert text.startswith(f"{path}: the system keyring")
    assert "set GHL_ASYNC_KEY to" in text
    assert not path.exists()


async def test_a_keyring_that_breaks_down_later_leaves_the_file_alone(tmp_path):
    path = tmp_path / "tokens"
    await fill(path, key=None)
    before = path.read_bytes()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    kind, text = await refusals(EncryptedFileStore(path))
    assert kind is StoreFailed
    assert "cannot be used (NoKeyringError): unlock it, or set GHL_ASYNC_KEY" in text
    assert path.read_bytes() == before


@pytest.mark.parametrize("library", ["cryptography", "keyring"])
def test_without_the_extra_it_refuses_and_names_it(tmp_path, monkeypatch, library):
    for name in [*sys.modules, library]:
        if name.partition(".")[0] == library:
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError) as caught:
        EncryptedFileStore(tmp_path / "tokens")
    assert str(caught.value) == (
        f"{tmp_path / 'tokens'} is an encrypted token file, and that needs {library}: "
        "run `pip install 'ghl_async[secure]'`; nothing is kept in plain text instead"
    )


def test_with_a_key_the_keyring_is_not_needed_and_its_absence_not_noticed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    EncryptedFileStore(tmp_path / "tokens", key=SEALING_KEY)


def test_a_new_key_is_one_and_another_each_time(tmp_path):
    keys = {EncryptedFileStore.new_key() for _ in range(3)}
    assert len(keys) == 3
    for key in keys:
        EncryptedFileStore(tmp_path / "tokens", key=key)


async def test_the_message_of_a_missing_key_shows_a_command_that_makes_one(tmp_path):
    with pytest.raises(UsageError) as caught:
        EncryptedFileStore(tmp_path / "tokens", key="")
    command = str(caught.value).partition('python -c "')[2].removesuffix('"')
    key = ran(tmp_path, f"exec({command!r})").strip()
    EncryptedFileStore(tmp_path / "tokens", key=key)


async def test_neither_reprs_nor_the_encrypted_file_show_a_secret(tmp_path):
    stores = [MemoryStore(), SQLiteTokenStore(tmp_path / "a.db"), EncryptedFileStore(tmp_path / "a", key=SEALING_KEY)]
    for store in stores:
        await store.save(KEY, FULL)
        await store.save(OTHER, FULL)
        said = f"{store!r} {store} {FULL!r} {FULL} {vars(store) if not isinstance(store, MemoryStore) else ''}"
        assert [secret for secret in SECRETS if secret in said] == []
        await store.close()
    content = (tmp_path / "a").read_bytes()
    for shown in (b"secret", b"loc1", b"com1", SEALING_KEY.encode()):
        assert shown not in content


async def test_what_was_deleted_or_replaced_is_wiped_from_the_database(tmp_path):
    path = tmp_path / "tokens.db"
    async with SQLiteTokenStore(path) as store:
        await store.save(OTHER, tokens(1))
        await store.save(KEY, FULL)
        await store.save(OTHER, tokens(2))
        await store.delete(KEY)
        assert b"secret-access-2" in path.read_bytes()
        assert b"secret-next" not in path.read_bytes()
        assert b"secret-access-1" not in path.read_bytes()

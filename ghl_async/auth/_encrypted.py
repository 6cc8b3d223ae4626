"""Tokens in one encrypted file, for people's machines and for servers whose disk is not trusted."""

from __future__ import annotations

import contextlib
import os
import re

import msgspec

from ..errors import StoreFailed, StoreMismatch, UsageError
from ._file_store import FileStore, damaged, newer, read_json
from ._place import exists, failures_named, replace
from ._sealing import ENVIRONMENT, Sealer, key_from_keyring, key_to_keyring, new_key, require
from .tokens import Key, Tokens

__all__ = ["EncryptedFileStore"]

_SCHEMA = 1
_FORMAT = b"ghl_async-tokens "
"""The file is two lines: format, schema and the key's id in plain text, then all the rest sealed."""
_HEADING = re.compile(_FORMAT + rb"(?P<schema>\d{1,9})\b")
_REST = re.compile(rb" (?P<key_id>[0-9a-f]{16})\n(?P<sealed>[\w=-]+)\n")


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    key: Key
    tokens: Tokens


class EncryptedFileStore(FileStore):
    """Tokens in one file that Fernet encrypts as a whole, names of locations included. Needs the extra `secure`.

    The key is `key`, else the environment variable GHL_ASYNC_KEY, else it is made at the first `save` and kept in the
    system keyring, as the password of "ghl_async" and the key's id. `new_key` makes one to hand out.

    A save writes the whole file: some milliseconds with a hundred tokens, but for many hundreds `SQLiteTokenStore` is
    the better place. Every save is a new file put in place of the old one, so a kill leaves the old or the new one.

    Raises:
        UsageError: the key is none, or the extra is missing. Nothing is ever kept in plain text instead.
    """

    def __init__(self, path: str | os.PathLike[str], /, *, key: str | bytes | None = None) -> None:
        super().__init__(path)
        if key is None:
            key = os.environ.get(ENVIRONMENT) or None
            named = f"the content of {ENVIRONMENT}"
        else:
            named = "the key given"
        require(self._file, with_keyring=key is None)
        self._given = None if key is None else Sealer(key, named=f"{named} for {self._file}")
        self._sealer = self._given
        self._seen: tuple[bytes, dict[Key, Tokens]] = (b"", {})

    @staticmethod
    def new_key() -> str:
        """Make a random key: 32 bytes in URL-safe base64. Whoever loses it logs in again."""
        return new_key()

    def _load(self, key: Key) -> Tokens | None:
        return self._read().get(key)

    def _save(self, key: Key, tokens: Tokens) -> None:
        self._change(key, tokens)

    def _delete(self, key: Key) -> bool:
        return self._change(key, None)

    def _keys(self) -> list[Key]:
        return list(self._read())

    def _release(self) -> None:
        self._seen = (b"", {})
        super()._release()

    def _change(self, key: Key, tokens: Tokens | None) -> bool:
        """Keep `tokens` or, if None, nothing; whether there was something."""
        # Looked at first: the lock file shall not appear where the tokens cannot be.
        if not exists(self._file) and tokens is None:
            return False
        with self._locks.alone():
            entries = dict(self._read())
            was_there = entries.pop(key, None) is not None
            if tokens is not None:
                entries[key] = tokens
            if was_there or tokens is not None:
                self._write(entries)
        return was_there

    def _read(self) -> dict[Key, Tokens]:
        """All that is in the file; not to be changed. It is decrypted only if it is not the content seen last."""
        if not exists(self._file):
            return {}
        with failures_named(self._file):
            content = self._file.read_bytes()
        # An empty file is what `touch` or mktemp made to be filled.
        if not content:
            return {}
        if content != self._seen[0]:
            self._seen = content, self._unsealed(content)
        return self._seen[1]

    def _unsealed(self, content: bytes) -> dict[Key, Tokens]:
        if not content.startswith(_FORMAT):
            raise StoreMismatch(f"{self._file} is not a token store of ghl-async: name another file")
        heading = _HEADING.match(content)
        if heading is None:
            raise damaged(self._file)
        if (schema := int(heading["schema"])) > _SCHEMA:
            raise newer(self._file, schema, _SCHEMA)
        parts = _REST.fullmatch(content, heading.end())
        if parts is None:
            raise damaged(self._file)
        plain = self._sealer_of(parts["key_id"].decode("ascii")).open(parts["sealed"])
        entries = None if plain is None else read_json(plain, list[_Entry])
        if entries is None:
            raise damaged(self._file)
        return {entry.key: entry.tokens for entry in entries}

    def _sealer_of(self, key_id: str) -> Sealer:
        """The sealer that can open what the key of that id has sealed."""
        if self._sealer is not None and self._sealer.key_id == key_id:
            return self._sealer
        if self._given is not None:
            raise StoreFailed(
                f"{self._file} was encrypted with another key than the one given: give the right one "
                f"(in {ENVIRONMENT}), or name another file and log in again"
            )
        kept = key_from_keyring(key_id, self._file)
        sealer = None
        with contextlib.suppress(UsageError):  # somebody put something else there
            sealer = Sealer(kept or "", named="what the system keyring holds")
        if sealer is None or sealer.key_id != key_id:
            raise StoreFailed(
                f"{self._file}: the system keyring does not hold its key: set {ENVIRONMENT} to the key it was made "
                "with, or move the file away and log in again"
            )
        self._sealer = sealer
        return sealer

    def _write(self, entries: dict[Key, Tokens]) -> None:
        sealer = self._sealer or self._first_sealer()
        plain = msgspec.json.encode([_Entry(key, entries[key]) for key in sorted(entries)])
        content = b"%s%d %s\n%s\n" % (_FORMAT, _SCHEMA, sealer.key_id.encode("ascii"), sealer.seal(plain))
        with failures_named(self._file):
            replace(self._file, content)
        self._seen = content, entries

    def _first_sealer(self) -> Sealer:
        """Make a key for a new file and keep it in the keyring, before anything is sealed with it."""
        key = new_key()
        sealer = Sealer(key, named=f"the new key for {self._file}")
        key_to_keyring(sealer.key_id, key, self._file)
        self._sealer = sealer
        return sealer

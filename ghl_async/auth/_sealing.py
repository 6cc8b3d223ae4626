"""The one door to cryptography and to the system's keyring: what seals a token file, and where its key comes from.

Both libraries come with the extra `secure`. Without them there is a refusal, never plain text. No error from here holds
a key or what was sealed, nor is it raised while such an error is being handled: its `__context__` is empty.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..errors import GHLError, StoreFailed, UsageError

__all__ = ["ENVIRONMENT", "Sealer", "key_from_keyring", "key_to_keyring", "new_key", "require"]

_T = TypeVar("_T")

ENVIRONMENT = "GHL_ASYNC_KEY"
_SERVICE = "ghl_async"
_KEY_BYTES = 32
"""Fernet's: 16 to sign with, 16 to encrypt with. https://github.com/fernet/spec"""
_HOW_TO_MAKE = (
    'make one with: python -c "from ghl_async.auth.stores import EncryptedFileStore as s; print(s.new_key())"'
)


class Sealer:
    """Fernet with one key. `key_id` tells keys apart and says nothing about them."""

    def __init__(self, key: str | bytes, *, named: str) -> None:
        """Take a key as `new_key` makes it; `named` is what a message calls it.

        Raises:
            UsageError: it is no such key.
        """
        from cryptography.fernet import Fernet

        raw = _quietly(lambda: base64.b64decode(key, altchars=b"-_", validate=True))
        if raw is None or len(raw) != _KEY_BYTES:
            raise UsageError(f"{named} is not a key of 32 bytes in URL-safe base64: {_HOW_TO_MAKE}")
        self._fernet = Fernet(base64.urlsafe_b64encode(raw))
        # The key is random, 256 bits: its hash gives nothing away.
        self.key_id = hashlib.sha256(b"ghl_async key id\0" + raw).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"<sealer {self.key_id}>"

    def seal(self, plain: bytes) -> bytes:
        """Encrypt and sign; the result is ASCII."""
        return bytes(self._fernet.encrypt(plain))

    def open(self, sealed: bytes) -> bytes | None:
        """Check and decrypt; None: this key did not seal it, or it was changed since."""
        return _quietly(lambda: bytes(self._fernet.decrypt(sealed)))


def require(path: Path, *, with_keyring: bool) -> None:
    """Refuse to go on without the extra. `with_keyring`: it is to hold the key of the file `path`.

    Raises:
        UsageError: names the extra.
    """
    for name in ("cryptography.fernet", "keyring") if with_keyring else ("cryptography.fernet",):
        if not _can_import(name):
            raise UsageError(
                f"{path} is an encrypted token file, and that needs {name.partition('.')[0]}: run "
                "`pip install 'ghl_async[secure]'`; nothing is kept in plain text instead"
            )


def new_key() -> str:
    """Make a random key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def key_from_keyring(key_id: str, path: Path) -> str | None:
    """Read the key of that id from the system keyring; None: it is not there. May wait for a person to unlock it.

    Raises:
        StoreFailed: there is no keyring that works; names the file `path` and says what to do.
    """
    import keyring

    return _from_backend(lambda: keyring.get_password(_SERVICE, key_id), path)


def key_to_keyring(key_id: str, key: str, path: Path) -> None:
    """Keep a key in the system keyring, and see that it is there.

    Raises:
        StoreFailed: there is no keyring that works; names the file `path` and says what to do.
    """
    import keyring

    _from_backend(lambda: keyring.set_password(_SERVICE, key_id, key), path)
    if key_from_keyring(key_id, path) != key:
        raise StoreFailed(f"{path}: the system keyring does not keep its key: set {ENVIRONMENT} to one; {_HOW_TO_MAKE}")


def _from_backend(ask: Callable[[], _T], path: Path) -> _T:
    failure: GHLError
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - a keyring's backend is anybody's code and raises what it likes
        # Its type alone: its text may be about the key. "NoKeyringError" is what a server without one says.
        failure = StoreFailed(
            f"{path}: the system keyring, which is to hold its key, cannot be used ({type(error).__name__}): "
            f"unlock it, or set {ENVIRONMENT} to a key; {_HOW_TO_MAKE}"
        )
    raise failure


def _quietly(job: Callable[[], bytes]) -> bytes | None:
    # Out of `except` before anybody raises: these errors keep what they could not read.
    try:
        return job()
    except Exception:  # noqa: BLE001 - InvalidToken, ValueError, UnicodeError, binascii.Error: all mean the same here
        return None


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True

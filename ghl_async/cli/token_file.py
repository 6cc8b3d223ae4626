"""The file that keeps tokens for the commands: where it is, of which kind, and whether it can be written."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TypeAlias

from ..auth import EncryptedFileStore, Key, SQLiteTokenStore, Tokens
from ..errors import StoreFailed
from .options import TokensOptions

__all__ = ["FileStore", "is_there", "open_for_login", "open_store", "token_path"]

FileStore: TypeAlias = EncryptedFileStore | SQLiteTokenStore

_TRIAL = Key("trial", "location", "trial")


def token_path(options: TokensOptions) -> Path:
    """The token file: of --tokens, of GHL_ASYNC_TOKENS, or one in the user's data folder."""
    named = options.tokens or os.environ.get("GHL_ASYNC_TOKENS")
    return Path(named).expanduser() if named else _default()


def is_there(path: Path) -> bool:
    """Whether there is such a file. Without one nothing is stored, and the extra `secure` is not needed yet."""
    return os.path.lexists(path)


async def open_store(path: Path, opened: contextlib.AsyncExitStack) -> FileStore:
    """Open the store in a file; it closes with `opened`.

    Raises:
        UsageError: an encrypted file, and the extra is missing or the key is none.
    """
    store: FileStore = SQLiteTokenStore(path) if path.suffix == ".db" else EncryptedFileStore(path)
    return await opened.enter_async_context(store)


async def open_for_login(path: Path, opened: contextlib.AsyncExitStack) -> FileStore:
    """The same, and see that it takes tokens: a private token is shown once, and a code is good once.

    Raises:
        UsageError, StoreFailed, StoreMismatch, StoreBusy: it does not; what is in it stays as it is.
    """
    if path == _default():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFailed(
                f"the folder {path.parent} cannot be made ({error.strerror}): name another file with --tokens"
            ) from None
    store = await open_store(path, opened)
    await store.save(_TRIAL, Tokens(access_token="trial"))  # noqa: S106  (no token)
    await store.delete(_TRIAL)
    return store


def _default() -> Path:
    from platformdirs import user_data_path

    return user_data_path("ghl_async", appauthor=False) / "tokens"

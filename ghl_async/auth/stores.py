"""Where tokens are kept: in memory, in an encrypted file, or in an SQLite file. All follow `TokenStore`.

| store | for | secrets | processes |
|---|---|---|---|
| `MemoryStore` | tests, and tokens that something else keeps | in memory | one |
| `EncryptedFileStore` | people's machines, up to hundreds | encrypted, the key in the system keyring | any number |
| `SQLiteTokenStore` | servers whose disk is trusted, thousands | plain text, mode 600 | any number |
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from ._encrypted import EncryptedFileStore
from ._locks import Turns
from ._sqlite import SQLiteTokenStore
from .tokens import Key, Tokens

__all__ = ["EncryptedFileStore", "MemoryStore", "SQLiteTokenStore"]


class MemoryStore:
    """Tokens in this process alone; gone with it, or when it is closed."""

    def __init__(self) -> None:
        self._kept: dict[Key, Tokens] = {}
        self._turns = Turns()

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._kept)}>"

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def load(self, key: Key, /) -> Tokens | None:
        """What is kept for `key`; None if nothing is."""
        return self._kept.get(key)

    async def save(self, key: Key, tokens: Tokens, /) -> None:
        """Keep these instead of what was kept for `key`."""
        self._kept[key] = tokens

    async def delete(self, key: Key, /) -> bool:
        """Forget what is kept for `key`; whether there was anything."""
        return self._kept.pop(key, None) is not None

    async def keys(self) -> list[Key]:
        """Whose tokens are kept, sorted."""
        return sorted(self._kept)

    def lock(self, key: Key, /) -> AbstractAsyncContextManager[None]:
        """Hold `key` alone among the tasks of one event loop, in the order of asking."""
        return self._turns.of(key)

    async def close(self) -> None:
        """Forget everything; may be called twice."""
        self._kept.clear()

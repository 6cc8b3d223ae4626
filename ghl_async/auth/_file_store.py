"""What both stores in files have in common: the thread, the locks, what goes in and comes out. Not how it is kept."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from ..errors import StoreFailed, StoreMismatch, UsageError
from ._locks import Locks
from ._worker import Worker
from .tokens import Key, Tokens

__all__ = ["FileStore", "damaged", "newer", "read_json"]

_T = TypeVar("_T")


class FileStore(ABC):
    """Tokens in one file. A file named `<path>-lock` stays beside it: empty, to be deleted when nobody uses the store.

    The folder must exist; the file is made by the first `save`, for its owner alone (mode 600), and refused when other
    users may read it. All work is done on one thread of its own, so the event loop waits for neither the disk nor
    another process. Cancelling a caller cancels its waiting: a `save` once begun is done all the same, a lock that was
    being waited for is not left held.
    """

    def __init__(self, path: str | os.PathLike[str], /) -> None:
        self.path = Path(path)
        # Resolved now: the working directory may change, and one file under two names must be one lock.
        self._file = Path(os.path.realpath(self.path))
        self._worker = Worker(str(self.path))
        self._locks = Locks(self._file, self._worker)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    async def __aenter__(self) -> Self:
        """Return itself. Nothing is opened before it is used."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def load(self, key: Key, /) -> Tokens | None:
        """What is kept for `key`; None if nothing is, or if there is no file yet.

        Raises:
            StoreFailed, StoreMismatch, StoreBusy, UsageError: it cannot be read; says what to do.
        """
        return await self._worker.run(self._load, key)

    async def save(self, key: Key, tokens: Tokens, /) -> None:
        """Keep these instead of what was kept for `key`: on the disk when it returns, whole or not at all.

        Raises:
            StoreFailed, StoreMismatch, StoreBusy, UsageError: nothing was overwritten; says what to do.
        """
        if not _comes_back(key, tokens):
            # Without a word of what is wrong: that would be the token, or a part of it.
            raise UsageError(f"{self.path}: a field of these tokens is not of its type or no valid text: not kept")
        await self._worker.run(self._save, key, tokens)

    async def delete(self, key: Key, /) -> bool:
        """Forget what is kept for `key`; whether there was anything.

        Raises:
            StoreFailed, StoreMismatch, StoreBusy, UsageError: nothing was changed; says what to do.
        """
        return await self._worker.run(self._delete, key)

    async def keys(self) -> list[Key]:
        """Whose tokens are kept, sorted; none if there is no file yet.

        Raises:
            StoreFailed, StoreMismatch, StoreBusy, UsageError: it cannot be read; says what to do.
        """
        return sorted(await self._worker.run(self._keys))

    def lock(self, key: Key, /) -> AbstractAsyncContextManager[None]:
        """Hold `key` alone, among all tasks, stores and processes on this file; a process that dies lets go of it.

        It waits as long as it takes. Among the tasks of one store those that asked first come first; processes come
        in any order. Whoever holds it must not ask for it again.

        Raises:
            StoreFailed: the lock file cannot be made; says what to do.
        """
        return self._locks.hold(key)

    async def close(self) -> None:
        """Finish what was begun and let go of all locks; may be called twice. The store cannot be used afterwards.

        Renewals that are under way hold a lock: they are waited for, 30 s at most, and saved.
        """
        await self._locks.idle()
        await self._worker.close(self._release)

    # Everything below runs on the store's own thread, one job after the other, in the order of the calls above.

    @abstractmethod
    def _load(self, key: Key) -> Tokens | None: ...

    @abstractmethod
    def _save(self, key: Key, tokens: Tokens) -> None: ...

    @abstractmethod
    def _delete(self, key: Key) -> bool: ...

    @abstractmethod
    def _keys(self) -> list[Key]: ...

    def _release(self) -> None:
        self._locks.release()


def _comes_back(key: Key, tokens: Tokens) -> bool:
    """Say whether JSON can keep exactly this."""
    # Nothing is raised here either: a UnicodeEncodeError keeps the text that it could not encode.
    try:
        packed = msgspec.json.encode((key, tokens))
    except (TypeError, ValueError, msgspec.MsgspecError):
        return False
    return read_json(packed, tuple[Key, Tokens]) == (key, tokens)


def read_json(packed: bytes, kind: type[_T]) -> _T | None:
    """Decode; None if it has not that shape. Nothing is raised, so no error keeps the bytes that it could not read."""
    try:
        return msgspec.json.decode(packed, type=kind)
    except (ValueError, msgspec.MsgspecError):
        return None


def damaged(path: Path, key: Key | None = None) -> StoreFailed:
    """The error for content that cannot be: of the whole file, or of what is kept for one key."""
    if key is None:
        return StoreFailed(f"{path}: the file is damaged: restore it from a backup, or move it away and log in again")
    return StoreFailed(f"{path}: what is kept for {key.owner} {key.owner_id} is damaged: log in again")


def newer(path: Path, schema: int, known: int) -> StoreMismatch:
    """The error for a file that this version cannot read."""
    return StoreMismatch(
        f"{path} was written by a newer version of ghl-async (schema {schema}, this one knows {known}): "
        "upgrade ghl-async, or name another file"
    )

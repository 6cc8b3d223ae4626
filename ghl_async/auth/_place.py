"""The files that tokens are kept in: private, written whole or not at all, and refused with one line where need be.

Nothing here ever holds a token: bytes come in sealed or not, and go to the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import GHLError, StoreBusy, StoreFailed, StoreMismatch, UsageError

__all__ = ["create", "exists", "failures_named", "replace"]

_PRIVATE = 0o600


def exists(path: Path) -> bool:
    """Say whether there is a file to read.

    Raises:
        UsageError: the path is a folder or a device, or its folder does not exist.
        StoreFailed: other users may read it, or it cannot be looked at.
    """
    with failures_named(path):
        found = _status(path)
        has_place = found is not None or path.parent.is_dir()
    if not has_place:
        raise UsageError(f"the folder {path.parent} does not exist: create it, or name another file for the tokens")
    if found is None:
        return False
    if stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{path} is a folder: name a file for the tokens")
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no ordinary file: name another one for the tokens")
    # Elsewhere the bits say nothing: access lists rule there.
    if os.name == "posix" and found.st_mode & 0o077:
        raise StoreFailed(
            f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):03o}) and is not used: "
            f"run `chmod 600 {shlex.quote(str(path))}`, and renew its tokens if somebody may have read them"
        )
    return True


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def create(path: Path) -> None:
    """Make an empty private file, if there is none."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
        _sync_folder(path)


def replace(path: Path, content: bytes) -> None:
    """Put a new private file in place of the old one: whoever dies meanwhile leaves the old or the new one, whole.

    The caller must hold the file alone. `<path>-new` beside it is the unfinished one; a kill may leave it behind, the
    next write takes it away.

    Raises:
        OSError: the old file is as it was.
    """
    fresh = path.with_name(f"{path.name}-new")
    fresh.unlink(missing_ok=True)
    try:
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), _PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    _sync_folder(path)


def _sync_folder(path: Path) -> None:
    """Make a new name durable. Some systems have no such thing, and the file itself is safe by then."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """Turn the system's and SQLite's errors into ours: one line each, which names the file and says what to do."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "check the path and the permissions of the file and its folder")
        raise StoreFailed(f"{path} cannot be used ({error.strerror}): {advice}") from error
    except sqlite3.Error as error:
        raise _named(error, path) from error


_ADVICE = {
    errno.ENOSPC: "make room on the disk and try again; what was kept is as it was",
    errno.EDQUOT: "make room in your quota and try again; what was kept is as it was",
    errno.EFBIG: "raise the limit on file sizes and try again; what was kept is as it was",
    errno.ENOLCK: "this file system knows no locks, name a file on another one",
    errno.EMFILE: "raise the limit on open files",
}
_SQLITE_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full: make room and try again; what was kept is as it was",
    sqlite3.SQLITE_IOERR: "the disk refuses (an input/output error, or a limit on file sizes): look after it and try "
    "again; what was kept is as it was",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only: change the permissions, or name another file",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check the permissions of the file and its folder",
    sqlite3.SQLITE_PERM: "access is refused: check the permissions of the file and its folder",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore it from a backup, or move it away and log in again",
}


def _named(error: sqlite3.Error, path: Path) -> GHLError:
    # The upper bytes are details: https://www.sqlite.org/rescode.html
    code = int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return StoreMismatch(f"{path} is not a token store of ghl-async, nor any database: name another file")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"another program keeps writing to {path}: close it and try again")
    return StoreFailed(f"{path}: {_SQLITE_ADVICE.get(code, str(error))}")

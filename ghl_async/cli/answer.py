"""What a command was asked for, on stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from ..errors import StoreFailed

__all__ = ["answer", "standard_output"]


def answer(text: str) -> None:
    """Write it at once. Where nobody reads any more, it and all that follows is dropped.

    Raises:
        StoreFailed: it cannot be written.
    """
    with standard_output() as output:
        output.write(text + "\n")


@contextlib.contextmanager
def standard_output(what: str = "the output") -> Iterator[TextIO]:
    """Write to stdout, and have it gone when this ends. Where nobody reads any more, what is left is dropped.

    Raises:
        StoreFailed: it is closed, or cannot be written, such as on a full disk.
    """
    output: TextIO | None = getattr(sys, "stdout", None)  # None where the shell has closed it
    if output is None:
        raise StoreFailed(f"stdout is closed, so {what} cannot be written: leave it open, or send it to a file")
    try:
        yield output
        output.flush()
    except BrokenPipeError:
        _drop_the_rest(output)
    except OSError as error:
        _drop_the_rest(output)
        raise StoreFailed(f"{what} cannot be written ({error.strerror}): make room, or send it elsewhere") from error


def _drop_the_rest(output: TextIO) -> None:
    """Let what is in its buffer go nowhere: https://docs.python.org/3/library/signal.html#note-on-sigpipe ."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())

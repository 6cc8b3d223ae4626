"""What a command was asked for, on stdout."""

from __future__ import annotations

import os
import sys

__all__ = ["answer"]


def answer(text: str) -> None:
    """Write it at once. Where nobody reads any more, it and all that follows is dropped."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

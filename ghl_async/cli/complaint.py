"""What is told on stderr: notes on the way, and the one line in which something that went wrong is told."""

from __future__ import annotations

import contextlib
import sys

__all__ = ["complain", "tell"]


def complain(text: str) -> None:
    """Say it on stderr, as one line."""
    tell(f"ghl-async: {' '.join(line.strip() for line in text.splitlines())}")


def tell(line: str) -> None:
    """Write a line to stderr. Where nobody listens it is dropped: that is no reason to end."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

"""The one line in which something that went wrong is told."""

from __future__ import annotations

import sys

__all__ = ["complain"]


def complain(text: str) -> None:
    """Say it on stderr, as one line."""
    sys.stderr.write(f"ghl-async: {' '.join(text.split())}\n")
    sys.stderr.flush()

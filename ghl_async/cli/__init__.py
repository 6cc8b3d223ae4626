"""The command `ghl-async`: parse, call one function, show, exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 stopped and resumable, 4 finished with failed items. Data goes to stdout,
everything else to stderr. Nothing imports this room but the program itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["main"]

_EXTRA = {"cyclopts", "platformdirs", "rich"}


def main() -> int:
    """Run the command line of this process and return its exit code.

    The commands need the extra `cli`; without it one line says how to get it.
    """
    if getattr(sys, "stderr", None) is None:  # the shell has closed it: what is told goes nowhere
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process
    try:
        from .app import run

        return run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            f"ghl-async: the command line needs {error.name}, which is not installed: pip install 'ghl_async[cli]'\n"
        )
        return 2

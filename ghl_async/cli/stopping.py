"""How a run is stopped by signals: the first one resumably, the second one at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from .progress import Display

__all__ = ["stopped_by_signals"]


@contextlib.contextmanager
def stopped_by_signals(stop: Callable[[], object], display: Display, words: str) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM stop what is done resumably, and a second one end the process at once."""
    loop = asyncio.get_running_loop()
    is_stopping = False

    def act(number: signal.Signals) -> None:
        nonlocal is_stopping
        if is_stopping:
            display.close()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        is_stopping = True
        display.say(f"{words} Once more ends at once.")
        stop()

    # Windows has no such handlers; there Ctrl-C cancels the run, which keeps what is committed all the same.
    numbers = () if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, act, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)

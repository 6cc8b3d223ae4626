"""Virtual time: an event loop on which waiting costs nothing.

When nothing is ready to run, the clock jumps to the next timer instead of sleeping. Real sockets work: they are polled
before every jump, so a client and a server in the same loop talk over loopback while hours pass in milliseconds.

Every look at the clock costs a tenth of a microsecond. An exact clock would hang: aiolimiter asks for a timer
"now + 1e-16 s", which floating point rounds to now, so the timer fires for ever and time never moves.

Not for code that waits for threads or for other processes: the clock would jump on while they work.
"""

from __future__ import annotations

import asyncio
import selectors

__all__ = ["VirtualTimeLoop"]

LOOK_COSTS_SECONDS = 1e-7


class _JumpingSelector(selectors.DefaultSelector):
    """Polls the real sockets, and skips the wait where they have nothing to say."""

    def __init__(self):
        super().__init__()
        self.skipped_seconds = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:  # no timer is set: only a socket or another thread can go on
            return super().select(None)
        self.skipped_seconds += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at zero and moves only by waiting and by being read."""

    def __init__(self):
        self._selector_with_clock = _JumpingSelector()
        self._looks = 0
        super().__init__(self._selector_with_clock)

    def time(self):
        """Seconds since the loop was made, as if every wait had been waited."""
        self._looks += 1
        return self._selector_with_clock.skipped_seconds + self._looks * LOOK_COSTS_SECONDS

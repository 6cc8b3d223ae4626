"""Finds the one budget of a key, however many clients a process has.

The key is (app, address, location): the vendor counts per app and location, and private tokens of one location draw on
one count (facts 4).
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias
from weakref import WeakKeyDictionary

from .limiter import Budget, Quota

__all__ = ["BudgetShare"]

_Budgets: TypeAlias = dict[tuple[str, ...], tuple[Budget, list[Quota]]]
_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Budgets] = WeakKeyDictionary()
"""Each budget with the wishes of the clients that hold it now."""


class BudgetShare:
    """One client's hold on the budget of its key: the same budget for every client of an event loop that has that key.

    A budget that nobody holds is dropped once it is idle: what it still knew (slots that cool) is over by then.
    """

    def __init__(self, key: tuple[str, ...], quota: Quota) -> None:
        # Budgets know their loop, so a weak key alone would never let go of a loop that has ended.
        for ended in [loop for loop in list(_shared) if loop.is_closed()]:
            _shared.pop(ended, None)
        budgets = _shared.setdefault(asyncio.get_running_loop(), {})
        for other in [other for other, (budget, wishes) in budgets.items() if not wishes and budget.is_idle()]:
            del budgets[other]
        self.budget, self._wishes = budgets.setdefault(key, (Budget(quota), []))
        self._quota = quota
        self._wishes.append(quota)
        self.budget.heed(self._wishes)

    def release(self) -> None:
        """Give up the hold; the client is closed."""
        self._wishes.remove(self._quota)
        if self._wishes:
            self.budget.heed(self._wishes)

"""Finds the one budget of a key, however many clients a process has.

The key is (app, address, location): the vendor counts per app and location, and private tokens of one location draw on
one count (facts 4).
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from .limiter import Budget, Quota

__all__ = ["BudgetShare"]

_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], tuple[Budget, int]]] = WeakKeyDictionary()


class BudgetShare:
    """One client's hold on the budget of its key: the same budget for every client of a process that has that key.

    A budget that nobody holds is dropped once it is idle: what it still knew (slots that cool) is over by then.
    """

    def __init__(self, key: tuple[str, ...], quota: Quota) -> None:
        budgets = _shared.setdefault(asyncio.get_running_loop(), {})
        for other in [other for other, (budget, holders) in budgets.items() if not holders and budget.is_idle()]:
            del budgets[other]
        budget, holders = budgets.get(key) or (Budget(quota), 0)
        budget.tighten(quota)
        budgets[key] = (budget, holders + 1)
        self._budgets, self._key = budgets, key
        self.budget = budget

    def release(self) -> None:
        """Give up the hold; the client is closed."""
        budget, holders = self._budgets[self._key]
        self._budgets[self._key] = (budget, holders - 1)

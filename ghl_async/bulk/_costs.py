"""The formulas of a plan: what it takes to read so many records by searches whose pages are known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import ceil, sqrt
from typing import Any

from ..errors import BadRequest, CursorRepeated, Unprocessable
from ..pagination import Page

__all__ = ["averaged", "count_by_leaving_out", "pages_of", "walk_of"]

OVERLAP = 5
"""Records by which the pages of a search by `skip` overlap."""
CLOSE_ENOUGH = 1.06
MOST_A_CONTACT = 1000
"""Records of one kind; a search that goes on behind so many does not leave out what it is told to."""


async def count_by_leaving_out(page_behind: Callable[[int], Awaitable[Page[Any]]], known: int, guess: int) -> int:
    """About how many records there are: the number up to which leaving them out still leaves one.

    Args:
        page_behind: gets a page behind so many records.
        known: how many there are at least.
        guess: about how many there may be.
    """
    low, high = known, None
    place = known
    while high is None:
        if await _is_behind_all(page_behind, place):
            high = place
        else:
            low, place = place + 1, max(2 * place, guess)
        if place > MOST_A_CONTACT * max(guess, known, 1):
            raise CursorRepeated("the search sends records behind any number of them: it cannot be counted")
    while high > low * CLOSE_ENOUGH:
        middle = (low + high) // 2
        if await _is_behind_all(page_behind, middle):
            high = middle
        else:
            low = middle + 1
    return (low + high) // 2


async def _is_behind_all(page_behind: Callable[[int], Awaitable[Page[Any]]], place: int) -> bool:
    try:
        page = await page_behind(place)
    except (BadRequest, Unprocessable):
        return True  # some servers refuse to leave out so many
    return page.is_empty


def pages_of(contacts: int, sent: int, cursors: int) -> int:
    """How many requests it takes to read so many contacts: the pages, and an empty one behind them."""
    if cursors == 1:
        return ceil(contacts / sent) + 1
    part = (contacts - sent) / cursors
    # The first page, the newest contact and the walk behind all parts. A part ends where the server counts no more; the
    # first one does not know that, but its next page is under way when the parts are cut, and ends it if it is enough.
    return 3 + round(cursors * averaged(lambda count: ceil(count / sent), part)) + (part > sent)


def averaged(cost: Callable[[float], float], count: float) -> float:
    """What a number of records costs on average, if it is `count` on average and varies by chance."""
    spread = sqrt(count)
    return sum(cost(max(0.0, count + part * spread)) for part in (-1, 0, 1)) / 3


def walk_of(records: float, size: float) -> int:
    """How many requests a search by `skip` of so many records takes, in pages of a size that is known."""
    if records < 1:
        return 1
    if records < size:
        return 2
    return 2 + ceil((records - size) / max(1, size - OVERLAP)) + (records == size)

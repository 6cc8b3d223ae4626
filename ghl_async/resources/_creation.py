"""Creating once: what becomes of a create whose answer was lost, or that was refused and applied all the same.

A create is never repeated blindly. It is looked for by a read, some times, because writes and indexes take a moment:

    found, and new       it was created: that is the outcome
    not found            it was not: it is made again, a few times at most
    cannot be told       `OutcomeUnknown`, with the draft

The record that is found must be new. Where records carry a date, `Since` compares it: a date since the create began
counts as new, one of more than 10 min before as old, and between them it cannot be told.
Creates that would look alike take turns within one resource, and none takes a record that another one was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeAlias, TypeVar
from weakref import WeakValueDictionary

from ..errors import (
    BadRequest,
    DecodeError,
    Forbidden,
    GHLError,
    NotFound,
    OutcomeUnknown,
    Unauthorized,
    Unprocessable,
)

__all__ = [
    "Creations",
    "Look",
    "Sight",
    "contradicts",
    "create_once",
    "find_created",
    "first_new",
    "folded",
    "unless_other",
]

T = TypeVar("T")

_MAKES = 4
"""Of 10,000 creates under 5 % lost answers and 2 % of 5xx less than one meets as many failures in a row."""
_WAITS_SECONDS = (0.0, 1.0, 2.0, 4.0)
"""Before each look. The index of contacts lags by a few seconds, and writes of tasks were seen to take two."""
_REMEMBERED = 10_000
_LIKE_IT = "there is one like it that may have been there before"


class Sight(enum.Enum):
    """What a look shows where it shows no record."""

    ABSENT = "absent"
    UNDECIDED = "undecided"
    """There is a record that may be ours, or may have been there before."""


Look: TypeAlias = Callable[[int], Awaitable[T | Sight]]
"""Looks once; told how many looks are still to come, so that the last one may cost more."""


class Creations:
    """What one resource knows of its own creates, so that no record is taken for the outcome of two of them."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()
        self._given: dict[str, None] = {}

    def turn(self, key: object) -> asyncio.Lock:
        """The lock of all creates that would look like this one."""
        lock = self._turns.get(key)
        if lock is None:
            lock = self._turns[key] = asyncio.Lock()
        return lock

    @contextlib.asynccontextmanager
    async def turns(self, keys: Iterable[object]) -> AsyncIterator[None]:
        """Hold several locks, taken in the order of `keys`: all who take more than one must keep the same order."""
        async with contextlib.AsyncExitStack() as held:
            for key in keys:
                await held.enter_async_context(self.turn(key))
            yield

    def give(self, record_id: str) -> None:
        """Take note that this record was the outcome of a create. The last 10,000 are remembered."""
        self._given[record_id] = None
        if len(self._given) > _REMEMBERED:
            del self._given[next(iter(self._given))]

    def gave(self, record_id: str) -> bool:
        """Whether this record was the outcome of another create."""
        return record_id in self._given


async def create_once(
    operation: str, draft: object, make: Callable[[], Awaitable[T]], look: Look[T] | None, *, unseen: str = ""
) -> T:
    """Make a record, and see to it that it is made once.

    Args:
        make: sends the create, as a request that is not idempotent.
        look: reads whether it was applied; None where no read can tell.
        unseen: why there is no read.

    Raises:
        OutcomeUnknown: it may or may not have been created; with the draft.
        GHLError: what `make` raises where nothing was created.
    """
    for _ in range(_MAKES):
        try:
            return await make()
        except Unprocessable as refusal:
            # https://github.com/GoHighLevel/highlevel-api-docs/issues/64: refused with 422, and created all the same
            sight = Sight.ABSENT if look is None else await _after_refusal(operation, draft, look, refusal)
            if sight is Sight.ABSENT:
                raise
            failure: GHLError = refusal
        except (OutcomeUnknown, DecodeError) as lost:
            if look is None:
                raise _unknown(operation, draft, f"it cannot be looked for: {unseen}", lost) from None
            try:
                sight = await _patiently(look)
            except GHLError as fault:
                raise _unknown(operation, draft, f"it could not be looked for: {fault}", lost) from None
            if sight is Sight.ABSENT and isinstance(lost, DecodeError):
                raise _unknown(operation, draft, "the answer said yes, and yet it is not there", lost) from None
            failure = lost
        if sight is Sight.UNDECIDED:
            raise _unknown(operation, draft, _LIKE_IT, failure)
        if not isinstance(sight, Sight):
            return sight
    raise _unknown(
        operation, draft, f"{_MAKES} tries gave no answer, and it was not found after any", failure
    ) from None


async def find_created(operation: str, draft: object, look: Look[T]) -> T | None:
    """Say what became of a create of an earlier process: the record, or None where nothing was made.

    Raises:
        OutcomeUnknown: it cannot be told; with the draft.
        GHLError: what the last look raises.
    """
    sight = await _patiently(look)
    if sight is Sight.UNDECIDED:
        raise _unknown(operation, draft, _LIKE_IT)
    return None if isinstance(sight, Sight) else sight


def contradicts(given: object, stored: str | None) -> bool:
    """Whether a record has another text than the draft, however they are spaced and spelled.

    A record without the text says nothing: some operations show less than others.
    """
    return isinstance(given, str) and bool(given.strip() and stored) and folded(given) != folded(stored or "")


def unless_other(new: bool | None, differs: bool) -> bool | None:  # noqa: FBT001 - a function of two answers
    """Whether a record of our e-mail, phone or name is ours: if it differs it is not, or the server changed it."""
    if not differs:
        return new
    return None if new else False


def first_new(candidates: Iterable[tuple[T, bool | None]]) -> T | Sight:
    """Of records that look like ours, and whether each is new: the first that is, or what is known otherwise."""
    sight = Sight.ABSENT
    for record, new in candidates:
        if new:
            return record
        if new is None:
            sight = Sight.UNDECIDED
    return sight


def folded(text: str) -> str:
    """A text without regard to capitals and spaces."""
    return " ".join(text.casefold().split())


async def _patiently(look: Look[T]) -> T | Sight:
    for to_come, wait in zip(range(len(_WAITS_SECONDS) - 1, 0, -1), _WAITS_SECONDS, strict=False):
        await asyncio.sleep(wait)
        with contextlib.suppress(GHLError):  # there is another look to come
            sight = await look(to_come)
            if not isinstance(sight, Sight):
                return sight
    await asyncio.sleep(_WAITS_SECONDS[-1])
    return await look(0)


async def _after_refusal(operation: str, draft: object, look: Look[T], refusal: Unprocessable) -> T | Sight:
    try:
        return await _patiently(look)
    except (BadRequest, Forbidden, NotFound, Unauthorized) as fault:  # no look will ever tell
        refusal.add_note(f"whether it was created all the same could not be looked for ({type(fault).__name__})")
        return Sight.ABSENT
    except GHLError as fault:
        what = f"it was refused, and whether it was made all the same could not be looked for: {fault}"
        raise _unknown(operation, draft, what, refusal) from None


def _unknown(operation: str, draft: object, what: str, cause: GHLError | None = None) -> OutcomeUnknown:
    why = "" if cause is None else f" ({cause})"
    return OutcomeUnknown(
        f"{operation}: it may or may not have been created: {what}; look before you send it again{why}",
        operation=operation,
        draft=draft,
    )

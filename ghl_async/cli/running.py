"""How a run over a whole location is made: planned, begun if the day's quota holds it, followed, stopped by signals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from ..bulk import Plan, Run, Summary
from ..client import GHLClient
from ..hooks import DoorShut, Event, TokenTrouble
from .complaint import complain
from .cost import refusal
from .progress import Display, following
from .stopping import stopped_by_signals

__all__ = ["Narrator", "may_begin", "to_its_end"]

Item = TypeVar("Item")


class Narrator:
    """Tells when a cheaper way to read fails, unless the plan has said so before; and of trouble with the token."""

    def __init__(self, display: Display) -> None:
        self.display = display
        self._expected: set[str] = set()

    def expect(self, plan: Plan) -> None:
        """Show the plan, and note what it tells."""
        self._expected = {way.kind for way in plan.ways if way.by == "each contact" and way.requests}
        self.display.plan(plan)

    def tell(self, event: Event) -> None:
        """A hook."""
        if isinstance(event, DoorShut) and event.kind not in self._expected:
            self.display.say(f"From here on {event.kind} are read contact by contact: {event.reason}")
        elif isinstance(event, TokenTrouble):
            self.display.say(f"Trouble with the token of {event.owner} {event.owner_id}: {event.reason}")


async def may_begin(
    planning: Coroutine[Any, Any, Plan],
    ghl: GHLClient,
    narrator: Narrator,
    *,
    force: bool = False,
    instead: str | None = None,
) -> int:
    """Make the plan and show it: 0 if the run may begin, else the exit code, and the reason was told.

    Args:
        force: whether to begin although the day's quota does not hold the run.
        instead: what else can be done where it does not; by default to force it.
    """
    task = asyncio.create_task(planning)
    try:
        with stopped_by_signals(task.cancel, narrator.display, "Stopping."):
            await asyncio.wait((task,))
    finally:
        task.cancel()
    if task.cancelled():
        complain("stopped before anything was read: the same command begins again")
        return 3
    plan = task.result()
    narrator.expect(plan)
    if not plan.breaks_floor or force:
        return 0
    narrator.display.close()
    complain(refusal(plan, ghl.quota, instead))
    return 2


async def to_its_end(
    run: Run[Item],
    display: Display,
    stopping: str,
    take: Callable[[Item], Awaitable[None]] | None = None,
    *,
    shows_end: bool = True,
) -> Summary:
    """Show how far a run is until it has ended, by itself or by a signal.

    Args:
        stopping: what to say when a signal comes.
        take: what to do with each item; an error of it ends the run.
        shows_end: whether its last progress says something: not where it looks at some contacts and reads others.
    """
    with stopped_by_signals(run.stop, display, stopping):
        async with following(run, display, shows_end=shows_end), aclosing(aiter(run)) as items:
            async for item in items:
                if take is not None:
                    await take(item)
    return await run

"""How large the pages of the three searches are at most, and what happens to a caller that asks for more.

A clamp gives a smaller page and says nothing; a refusal is a 422. The largest `limit` of tasks and notes search is
unknown (facts 16.2), so neither is in force until it is chosen.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .refusals import unprocessable
from .shapes import number_faults

__all__ = ["PageSizes"]

_Most = int | None


class PageSizes(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """For each search the largest page it gives (`clamp`) and the largest it accepts to be asked for (`refuse`)."""

    tasks_clamp: _Most = None
    tasks_refuse: _Most = None
    notes_clamp: _Most = None
    notes_refuse: _Most = None
    search_clamp: _Most = None
    search_refuse: _Most = 500  # facts 6.1 [docs]

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: one is less than 1.
        """
        for name in self.__struct_fields__:
            most = getattr(self, name)
            if most is not None and most < 1:
                message = f"{name} must be at least 1, not {most}"
                raise ValueError(message)

    def change(self, **changes: int | None) -> PageSizes:
        """Change some of them, at once, and return all.

        Raises:
            ValueError: an unknown name or a wrong size; nothing is changed then.
        """
        changed = msgspec.convert(msgspec.structs.asdict(self) | changes, PageSizes)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(changed, name))
        return self

    def faults(self, route: Literal["tasks", "notes", "search"], name: str, asked: object) -> list[str]:
        """Return what is wrong with the page size asked for, in a list of at most one."""
        return number_faults(name, asked, highest=getattr(self, f"{route}_refuse"))

    def given(self, route: Literal["tasks", "notes", "search"], name: str, asked: int) -> int:
        """Return the page size that the caller gets.

        Raises:
            Refusal: 422 when it is more than the route accepts.
        """
        messages = self.faults(route, name, asked)
        if messages:
            raise unprocessable(messages)
        most: int | None = getattr(self, f"{route}_clamp")
        return int(asked) if most is None else min(int(asked), most)

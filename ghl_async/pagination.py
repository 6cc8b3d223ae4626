"""Pages and how to walk them.

Knows a callable that fetches a page behind a cursor; knows no HTTP and no noun. A walk ends on an empty page and never
on a short one: servers clamp the size of a page, and the last page of some lists looks like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from .errors import CursorRepeated, DecodeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

__all__ = ["Page", "SetApart", "iterate", "pages"]

T = TypeVar("T")

_EXCERPT_CHARACTERS = 200


class SetApart(Protocol):
    """What a page keeps of a record that does not decode."""

    @property
    def kind(self) -> str:
        """The noun in small letters, for example "contact"."""

    @property
    def id(self) -> str | None:
        """The record's id, where it can be read."""

    @property
    def reason(self) -> str:
        """What does not fit, and where."""

    @property
    def raw(self) -> bytes:
        """The record's JSON exactly as sent."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """The answer to one call that lists records."""

    items: tuple[T, ...]
    cursor: Any = None
    """Where the next page begins, as something JSON can carry. None: there is no next page to ask for."""
    total: int | None = None
    """How many records the server says there are in all; it moves while one reads. None: it does not say."""
    quarantined: tuple[SetApart, ...] = ()
    """Records of this page that do not decode, each with its raw JSON."""

    @property
    def is_empty(self) -> bool:
        """Whether the server sent no record at all."""
        return not self.items and not self.quarantined

    def refuse_quarantined(self, remedy: str) -> None:
        """Raise if a record of this page had to be set apart, for callers that can hand on decoded items only.

        Args:
            remedy: ends the message: what to call instead.

        Raises:
            DecodeError: names the first such record; its `excerpt` is the beginning of that record's JSON.
        """
        if not self.quarantined:
            return
        first = self.quarantined[0]
        name = f"{first.kind} {first.id or 'without a readable id'}"
        more = f" (and {len(self.quarantined) - 1} more)" if len(self.quarantined) > 1 else ""
        raise DecodeError(
            f"{name}{more} does not decode: {first.reason}; {remedy}",
            path=first.reason.rpartition(" - at `")[2].rstrip("`") if " - at `" in first.reason else "",
            excerpt=first.raw.decode(errors="replace")[:_EXCERPT_CHARACTERS],
        )


async def pages(fetch: Callable[[Any], Awaitable[Page[T]]], start: Any = None) -> AsyncIterator[Page[T]]:
    """Walk from page to page.

    Args:
        fetch: gets the page behind a cursor; None asks for the first page.
        start: the cursor to resume behind.

    Yields:
        Every page that holds records. A page without a cursor is the last one.

    Raises:
        CursorRepeated: a page came with a cursor that was there before; that page is not yielded.

    Cost: 1 request a page, and usually one more for the empty page that ends the walk.
    """
    cursor = start
    seen = {msgspec.json.encode(start)}
    while True:
        page = await fetch(cursor)
        if page.is_empty:
            return
        cursor = page.cursor
        if cursor is None:
            yield page
            return
        position = msgspec.json.encode(cursor)
        if position in seen:
            raise CursorRepeated(f"the server answered with the cursor {cursor!r} again: the walk would never end")
        seen.add(position)
        yield page


async def iterate(source: AsyncIterable[Page[T]]) -> AsyncIterator[T]:
    """Walk the items of pages.

    Raises:
        DecodeError: a record does not decode. It is raised behind the good items of that record's page.
    """
    async for page in source:
        for item in page.items:
            yield item
        page.refuse_quarantined("`pages()` gives the other records, and this one's JSON in `quarantined`")

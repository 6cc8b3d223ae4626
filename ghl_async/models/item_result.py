"""What a server-side bulk operation did with each contact."""

import msgspec

__all__ = ["ItemResult", "TagResult"]


class ItemResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one contact."""

    contact_id: str
    ok: bool
    reason: str | None = None
    """Why not, in the server's words where it said something; None where it is ok."""
    error: Exception | None = None
    """What its request failed with, where that came after others had succeeded, so that it was not raised."""
    sent: bool = True
    """False: it was in no request, because one before had failed."""


class TagResult(ItemResult, frozen=True, kw_only=True):
    """What became of one contact's tags, as far as the server says it."""

    old_tags: tuple[str, ...] = ()
    tags_added: tuple[str, ...] = ()
    tags_removed: tuple[str, ...] = ()

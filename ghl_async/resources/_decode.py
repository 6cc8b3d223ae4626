"""From the bytes of a reply to records: opens envelopes such as `{"contact": {...}, "traceId": ...}`.

Each record is decoded on its own, so one that has not the promised shape cannot take its page along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from ..errors import DecodeError
from ..models import Quarantined, Record, decode_record, keys_of, well_formed
from ..pagination import Page

if TYPE_CHECKING:
    from ..wire.request import Reply

__all__ = ["Envelope", "unwrap", "whole"]

R = TypeVar("R", bound=Record)
V = TypeVar("V")
CursorOf: TypeAlias = Callable[[Sequence[bytes]], Any]

_EXCERPT_CHARACTERS = 200
_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_PATH = re.compile(r"^(?P<what>.*) - at `\$(?P<path>.*)`$", re.DOTALL)


class Envelope:
    """The JSON object around the records of one reply."""

    def __init__(self, reply: Reply, operation: str) -> None:
        """Open the envelope.

        Raises:
            DecodeError: the body is not a JSON object.
        """
        self._operation = operation
        self._body = self._text = reply.body
        try:
            self._fields = self._opened()
        except _FAULTS as fault:
            raise self._refusal(fault) from None

    def one(self, kind: type[R], key: str) -> R:
        """Decode the record under `key`.

        Raises:
            DecodeError: it is not there, or has not the promised shape.
        """
        field = self._field(key)
        try:
            return decode_record(kind, self._as_sent((field,), field)[0])
        except _FAULTS as fault:
            raise self._refusal(fault, f".{key}") from None

    def many(self, kind: type[R], key: str, cursor_of: CursorOf | None = None, total: int | None = None) -> Page[R]:
        """Decode the list under `key` into a page; records that do not decode are set apart.

        Args:
            cursor_of: makes the next page's cursor from the JSON of this page's records; not asked if there are none.
                None: there are no further pages.
            total: how many there are in all, if the server says so.

        Raises:
            DecodeError: there is no list under `key`.
        """
        field = self._field(key)
        try:
            raws = self._as_sent(_LIST.decode(field), field)
        except _FAULTS as fault:
            raise self._refusal(fault, f".{key}") from None
        items: list[R] = []
        quarantined: list[Quarantined] = []
        for raw in raws:
            try:
                items.append(decode_record(kind, raw))
            except _FAULTS as fault:
                noun = kind.__name__.lower()
                quarantined.append(Quarantined(kind=noun, raw=raw, reason=str(fault), id=keys_of(raw).id))
        return Page(
            items=tuple(items),
            cursor=cursor_of(raws) if cursor_of and raws else None,
            total=total,
            quarantined=tuple(quarantined),
        )

    def optional(self, key: str, kind: type[V]) -> V | None:
        """The value under `key`; None if it is absent, null or of another shape. For what only informs."""
        try:
            return msgspec.json.decode(self._fields.get(key, b"null"), type=kind, strict=False)
        except _FAULTS:
            return None

    def is_null(self, key: str) -> bool:
        """Whether there is nothing under `key`: absent and null are alike."""
        return bytes(self._fields.get(key, b"null")) == b"null"

    def _opened(self) -> dict[str, msgspec.Raw]:
        try:
            return _ENVELOPE.decode(self._text)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # One lone surrogate in one record must not take the whole page: see models.well_formed.
            self._text = well_formed(self._body)
            return _ENVELOPE.decode(self._text)

    def _as_sent(self, raws: Sequence[msgspec.Raw], field: msgspec.Raw) -> list[bytes]:
        """Copy the records in `field` out of the body as it was sent: `_text` may have other characters in places."""
        copies = [bytes(raw) for raw in raws]
        if self._text is self._body:
            return copies
        start = self._text.index(bytes(field))
        for n, copy in enumerate(copies):
            start = self._text.index(copy, start)
            copies[n] = self._body[start : start + len(copy)]
            start += len(copy)
        return copies

    def _field(self, key: str) -> msgspec.Raw:
        try:
            return self._fields[key]
        except KeyError:
            raise self._refusal(f"Object missing required field `{key}`") from None

    def _refusal(self, fault: Exception | str, inside: str = "") -> DecodeError:
        match = _PATH.match(str(fault))
        what, path = (match["what"], f"${inside}{match['path']}") if match else (str(fault), f"${inside}")
        excerpt = self._body[: 4 * _EXCERPT_CHARACTERS].decode(errors="replace")[:_EXCERPT_CHARACTERS]
        return DecodeError(f"{self._operation}: {what} at {path}", path=path, excerpt=excerpt)


def unwrap(reply: Reply, operation: str, kind: type[R], key: str) -> R:
    """Decode the one record under `key` of a reply.

    Raises:
        DecodeError: the body is no JSON object, or the record is not there or has not the promised shape.
    """
    try:
        return decode_record(kind, _opener(key)(reply.body).record)
    except _FAULTS:
        # The careful way either mends it or says what is wrong and where.
        return Envelope(reply, operation).one(kind, key)


@cache
def _opener(key: str) -> Callable[[bytes], Any]:
    """Make what cuts the value under one key out of an object, and steps over everything else."""
    field = ("record", msgspec.Raw, msgspec.field(name=key))
    return msgspec.json.Decoder(msgspec.defstruct("Opened", [field], gc=False)).decode


def whole(page: Page[R]) -> list[R]:
    """The items of a page that must be complete.

    Raises:
        DecodeError: a record of it does not decode.
    """
    page.refuse_quarantined("`page()` gives the other records, and this one's JSON in `quarantined`")
    return list(page.items)

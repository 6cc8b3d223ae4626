"""From the bytes of a reply to records: opens envelopes such as `{"contact": {...}, "traceId": ...}`.

Each record is decoded on its own, so one that has not the promised shape cannot take its page along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from ..errors import DecodeError, ErrorReply, NotFound
from ..models import Quarantined, Record, decode_record, keys_of, well_formed
from ..pagination import Page

if TYPE_CHECKING:
    from ..wire.request import Reply

__all__ = ["Envelope", "expect_success", "flat", "texts", "unwrap", "whole"]

R = TypeVar("R", bound=Record)
V = TypeVar("V")
CursorOf: TypeAlias = Callable[[Sequence[bytes]], Any]

_EXCERPT_CHARACTERS = 200
_REFUSED = 400
_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FLAGS = ("succeeded", "succeded", "success")
"""Which of them is sent differs by route and generation: the schemas of the vendor's apps/contacts.json."""
_PATH = re.compile(r"^(?P<what>.*) - at `\$(?P<path>.*)`$", re.DOTALL)


class Envelope:
    """The JSON object around the records of one reply."""

    def __init__(self, reply: Reply, operation: str) -> None:
        """Open the envelope.

        Raises:
            DecodeError: the body is not a JSON object.
        """
        self._operation = operation
        self._status = reply.status
        self._body = self._text = reply.body
        try:
            self._fields = self._opened()
        except _FAULTS as fault:
            raise self._refusal(fault) from None

    @property
    def keys(self) -> list[str]:
        """The names in the object, as sent."""
        return [*self._fields]

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

    def value(self, key: str, kind: type[V]) -> V:
        """The value under `key`, which is no record.

        Raises:
            DecodeError: it is not there, or has not the promised shape.
        """
        try:
            return msgspec.json.decode(self._field(key), type=kind)
        except _FAULTS as fault:
            raise self._refusal(fault, f".{key}") from None

    def optional(self, key: str, kind: type[V]) -> V | None:
        """The value under `key`; None if it is absent, null or of another shape. For what only informs."""
        try:
            return msgspec.json.decode(self._fields.get(key, b"null"), type=kind, strict=False)
        except _FAULTS:
            return None

    def is_null(self, key: str) -> bool:
        """Whether there is nothing under `key`: absent and null are alike."""
        return bytes(self._fields.get(key, b"null")) == b"null"

    def itself(self, kind: type[R]) -> R:
        """Decode the whole body as one record: some routes send it without a wrapper.

        Raises:
            DecodeError: it has not the promised shape.
        """
        try:
            return decode_record(kind, self._body)
        except _FAULTS as fault:
            raise self._refusal(fault) from None

    def expect_success(self) -> Envelope:
        """Refuse an answer that says itself that it did not succeed; one that says nothing passes.

        Raises:
            ErrorReply: one of the flags is false.
        """
        for flag in _FLAGS:
            if bytes(self._fields.get(flag, b"")) == b"false":
                raise ErrorReply(
                    f"{self._operation}: answered {self._status}, and says itself that it did not succeed",
                    operation=self._operation,
                    status=self._status,
                    messages=[said] if (said := self.optional("message", str)) else (),
                    request_id=self.optional("traceId", str),
                    excerpt=self._excerpt(),
                )
        return self

    def _excerpt(self) -> str:
        return self._body[: 4 * _EXCERPT_CHARACTERS].decode(errors="replace")[:_EXCERPT_CHARACTERS]

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
        return DecodeError(f"{self._operation}: {what} at {path}", path=path, excerpt=self._excerpt())


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


def flat(reply: Reply, operation: str, kind: type[R], *wrappers: str) -> R:
    """Decode a record that comes bare, or under one of `wrappers`.

    Raises:
        DecodeError: the body is no JSON object, or the record has not the promised shape.
    """
    envelope = Envelope(reply, operation)
    key = next((key for key in wrappers if not envelope.is_null(key)), None)
    return envelope.itself(kind) if key is None else envelope.one(kind, key)


def expect_success(reply: Reply, operation: str) -> None:
    """Refuse an answer that says itself that it did not succeed. An empty body says nothing, and that is success.

    Raises:
        ErrorReply: it says so.
        DecodeError: the body is no JSON object.
    """
    if reply.body.strip():
        Envelope(reply, operation).expect_success()


def texts(reply: Reply, operation: str, key: str) -> list[str]:
    """Decode the list of texts under `key`: what a contact has after something was added to it or removed.

    Raises:
        NotFound: a removal was repeated after a lost answer, and the contact is not there.
        DecodeError: the body is no JSON object, or there is no such list.
    """
    if reply.status >= _REFUSED and not reply.body:
        # To the wire a repeated DELETE that meets nothing is done; here it says that the contact itself has gone.
        raise NotFound(f"{operation}: the record is not there any more", operation=operation, status=reply.status)
    return Envelope(reply, operation).value(key, list[str])


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

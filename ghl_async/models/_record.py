"""What every record of the API has in common: it is decoded leniently, and its JSON travels with it as sent.

Knows JSON and nothing of the nouns. Servers send one noun in several shapes (a field absent here is null there, a
number is sometimes text), so decoding is strict about the record's own id and about nothing else that has an obvious
reading. What has none (an object where a date is expected) fails, and the caller sets that record apart.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import msgspec

__all__ = ["KeyRecord", "Many", "Quarantined", "Record", "RecordId", "Table", "decode_record", "keys_of", "well_formed"]

T = TypeVar("T")
R = TypeVar("R", bound="Record")

RecordId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""A record's own id. Without one it can be neither stored nor asked for again, so it must be there and not be empty."""

if TYPE_CHECKING:
    Many: TypeAlias = tuple[T, ...]
    Table: TypeAlias = dict[str, Any]
else:
    # The wire may say null, the reader never sees it: decode_record turns a null into the field's default.
    Many = tuple[T, ...] | None
    Table = dict[str, Any] | None


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One record as the API sent it: the fields we name, and everything else in `raw`."""

    # No field of the API has this name; as a field (not a property) it is pickled and compared with the rest.
    raw: bytes = msgspec.field(default=b"", name="$raw")
    """The record's JSON exactly as sent. A copy: a slice would keep the whole page in memory."""

    @property
    def extra(self) -> dict[str, Any]:
        """What the server sent beyond the fields named here, by its JSON names. Decoded from `raw` at each access."""
        if not self.raw:
            return {}
        known = frozenset(self.__struct_encode_fields__)
        sent: dict[str, Any] = msgspec.json.decode(well_formed(self.raw))
        return {name: value for name, value in sent.items() if name not in known}

    def __repr__(self) -> str:
        """Show the fields that are set, without `raw`, which says all of it again."""
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "raw")
        fields = ", ".join(f"{name}={value!r}" for name, value in shown if value not in (None, (), {}))
        return f"{type(self).__name__}({fields})"


class Quarantined(msgspec.Struct, frozen=True, gc=False):
    """A record that does not decode, set apart so that the others go on. Nothing of it is lost."""

    kind: str
    """The noun in small letters: "contact", "task", "note", ..."""
    raw: bytes
    """The record's JSON exactly as sent."""
    reason: str
    """What does not fit and where, for example "Expected `str`, got `int` - at `$.id`"."""
    id: str | None = None
    """The record's id, where it can be read in spite of the rest."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The little that can be read of any record, a quarantined one too. None: absent, or not readable."""

    id: str | None = None
    date_added: datetime | None = None
    date_updated: datetime | None = None
    search_after: tuple[Any, ...] | None = None
    """The position of a search right behind this record."""
    owners: tuple[str, ...] = ()
    """The ids of the records that a task, note or appointment belongs to, each once: `contactId` and `relations`."""


def decode_record(kind: type[R], raw: msgspec.Raw | bytes) -> R:
    """Decode one record and keep its JSON with it.

    Null counts as absent. A number where text is expected becomes that text ("35061"), an empty text where something
    else is expected counts as absent, half of a surrogate pair (text the server cut inside an emoji) becomes U+FFFD.
    `raw` of the result always holds what was sent.

    Raises:
        msgspec.DecodeError: the record is not JSON, has no id, or a field has a shape without an obvious reading.
        UnicodeDecodeError: the text is not UTF-8.
        RecursionError: the record is nested some thousand levels deep.
    """
    decoder, defaults = _reader(kind)
    kept = bytes(raw)
    may_hold_null = b"null" in kept
    try:
        record: R = decoder.decode(kept)
    except msgspec.DecodeError:
        record, may_hold_null = decoder.decode(_mended(kind, kept)), True
    if may_hold_null:
        for name, default in defaults:
            if getattr(record, name) is None:
                msgspec.structs.force_setattr(record, name, default())
    msgspec.structs.force_setattr(record, "raw", kept)
    return record


def keys_of(raw: msgspec.Raw | bytes) -> KeyRecord:
    """Read the keys of a record that need not decode. Never fails: what cannot be read is None or left out."""
    try:
        # The standard parser, because it also takes what msgspec refuses (lone surrogates, NaN).
        sent = json.loads(bytes(raw).decode(errors="replace"))
    except (ValueError, RecursionError):
        return KeyRecord()
    if not isinstance(sent, dict):
        return KeyRecord()
    search_after = sent.get("searchAfter")
    return KeyRecord(
        id=_text(sent.get("id")),
        date_added=_instant(sent.get("dateAdded")),
        date_updated=_instant(sent.get("dateUpdated")),
        search_after=tuple(search_after) if isinstance(search_after, list) and search_after else None,
        owners=_owners(sent),
    )


def well_formed(body: bytes) -> bytes:
    r"""Write U+FFFD for each escape like \ud83d that stands alone; all other bytes keep their value and place.

    JavaScript writes such escapes when a text was cut inside an emoji (ECMA-262, JSON.stringify); msgspec refuses them.
    """
    return _ESCAPES.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], body)


_ESCAPES = re.compile(
    rb"\\\\"  # an escaped backslash, so that what follows it is not taken for an escape
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


@cache
def _reader(kind: type[R]) -> tuple[msgspec.json.Decoder[R], tuple[tuple[str, Callable[[], Any]], ...]]:
    """The one decoder of a type, and what stands for null in the fields whose default is not None."""
    # strict=False: numbers and booleans sent as text are read as what the field says; text stays text.
    defaults = []
    for field in msgspec.structs.fields(kind):
        if field.default_factory is not msgspec.NODEFAULT:
            defaults.append((field.name, field.default_factory))
        elif field.default == ():
            defaults.append((field.name, tuple))
    return msgspec.json.Decoder(kind, strict=False), tuple(defaults)


def _mended(kind: type[Record], raw: bytes) -> bytes:
    """Apply the three readings that `decode_record` promises. Slow, and only used after the straight way failed."""
    raw = well_formed(raw)
    sent = msgspec.json.decode(raw)
    if not isinstance(sent, dict):
        return raw
    for name, is_text in _optional_fields(kind):
        value = sent.get(name)
        if is_text:
            if isinstance(value, int | float) and not isinstance(value, bool):
                sent[name] = str(value)
        elif value == "":
            sent[name] = None
    return msgspec.json.encode(sent)


@cache
def _optional_fields(kind: type[Record]) -> tuple[tuple[str, bool], ...]:
    """The JSON names of the fields that may be missing, and whether each is text."""
    fields = msgspec.structs.fields(kind)
    return tuple((field.encode_name, field.type == (str | None)) for field in fields if not field.required)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _owners(sent: dict[str, Any]) -> tuple[str, ...]:
    relations = sent.get("relations")
    related = relations if isinstance(relations, list) else ()
    named = (sent.get("contactId"), *(relation.get("recordId") for relation in related if isinstance(relation, dict)))
    return tuple(dict.fromkeys(owner for owner in map(_text, named) if owner is not None))


def _instant(value: object) -> datetime | None:
    try:
        return msgspec.convert(value, datetime) if isinstance(value, str) else None
    except msgspec.ValidationError:
        return None

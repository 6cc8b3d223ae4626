"""Ids and instants: everything the sandbox makes up is a pure function of the seed.

An id is 20 characters of `[A-Za-z0-9]` (facts 1 [spec]). A contact's id starts with its index in base 62, so that ids
sort like indexes and an id leads back to its contact without a table; the rest is a hash, so that a guessed id does
not exist.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import blake2b

__all__ = ["INDEX_WIDTH", "decode_index", "digest", "encode_index", "iso", "letters", "parse_ms"]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
INDEX_WIDTH = 5
"""Characters that hold the index: 62**5 contacts at most."""

_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_TABLE = bytes(ord(ALPHABET[byte % 62]) for byte in range(256))
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def digest(*parts: object, size: int = 48) -> bytes:
    """Return `size` bytes that depend on all `parts` and on nothing else."""
    return blake2b("|".join(map(str, parts)).encode(), digest_size=size).digest()


def letters(raw: bytes) -> str:
    """Return one character of `[A-Za-z0-9]` a byte."""
    return raw.translate(_TABLE).decode("ascii")


def encode_index(index: int) -> str:
    """Return `index` in base 62, five characters, sorting like the number."""
    rest, low = divmod(index, 3844)
    high, middle = divmod(rest, 3844)
    return ALPHABET[high] + _PAIRS[middle] + _PAIRS[low]


def decode_index(text: str) -> int | None:
    """Return the index written in the first five characters, None if they are no base 62 number."""
    index = 0
    for character in text[:INDEX_WIDTH]:
        value = _VALUES.get(character)
        if value is None:
            return None
        index = index * 62 + value
    return index


def iso(ms: int) -> str:
    """Write epoch milliseconds the way the API does: UTC, milliseconds, `Z`."""
    # facts 1 [spec]: dateAdded, dateUpdated are ISO-8601 UTC with milliseconds and Z
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_ms(value: object) -> int | None:
    """Read epoch milliseconds from a number, a numeric string or an ISO string; None if it is none of these."""
    # facts 6.4 [docs+blog]: range dates are ISO-8601 strings or epoch ms
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value)
    if not isinstance(value, str):
        return None
    if _NUMBER.fullmatch(value):
        return int(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)

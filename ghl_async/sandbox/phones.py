"""Phone numbers to E.164, for the shapes that need no table of the world: digits, `+`, spaces, dots, brackets."""

from __future__ import annotations

import re
from typing import Final

from .words import DIAL_CODES

__all__ = ["e164"]

_NOISE: Final = re.compile(r"[\s().\-/\u00a0]+")
_NORTH_AMERICA: Final = "1"
_KEEP_THE_ZERO: Final = frozenset({"IT"})  # a leading zero is part of an Italian number


def e164(text: str, country: str) -> str | None:
    """Return a number the way it is stored, None for what is no number.

    Without a `+` it is one of `country`, as the location's is (facts 14; the region rule is a guess, facts 16.11).
    """
    digits = _NOISE.sub("", text)
    if digits.startswith("+"):
        digits = digits[1:]
    elif not digits.startswith("00"):
        return _national(digits, country)
    else:
        digits = digits[2:]
    return _checked(digits)


def _national(digits: str, country: str) -> str | None:
    code = DIAL_CODES[country]
    if code == _NORTH_AMERICA:
        digits = digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
        return _checked(code + digits) if len(digits) == 10 else None
    local = digits if country in _KEEP_THE_ZERO else digits.removeprefix("0")
    return _checked(code + local)


def _checked(digits: str) -> str | None:
    # E.164: at most 15 digits, the first no zero; that fewer than 8 are refused is a guess
    if not (digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 15) or digits.startswith("0"):
        return None
    if digits.startswith(_NORTH_AMERICA) and (len(digits) != 11 or digits[1] in "01"):  # no area code starts with these
        return None
    return f"+{digits}"

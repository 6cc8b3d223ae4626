"""Phone numbers in E.164, the form in which the server keeps them: "(202) 555-0123" in the US is "+12025550123".

How the server reads numbers in other forms is not documented, and its operations differ in what they take:
https://github.com/GoHighLevel/highlevel-api-docs/issues/223. The extra `phone` brings the library that knows how to
read them; without it numbers go as they are given.
"""

from __future__ import annotations

import re
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from phonenumbers import NumberParseException, PhoneNumber

__all__ = ["e164", "form", "needs_country"]

_SHOWN = 30
_WITH_COUNTRY = re.compile(r"[^\d+\uFF0B]*[+\uFF0B]")  # a full-width plus is one too


def needs_country(number: str) -> bool:
    """Whether a number can only be read by the country it is dialled in, and there is the library to read it."""
    return _library() is not None and not _WITH_COUNTRY.match(number)


def e164(what: str, number: str, country: str | None) -> str:
    """Give a number in E.164; as it is given without the library, or where the country is needed and not known.

    With a `+` it must have a length that its country uses. Without one its country is a guess, the location's, so it
    must be a number that this country gives out.

    Args:
        what: the field and the operation, for the error: "phone: contacts.create".
        country: two letters, ISO 3166: where numbers without a `+` are dialled.

    Raises:
        UsageError: it cannot be a number, and why; of the number it shows the form: "(###) ###-##".
    """
    phones = _library()
    if phones is None:
        return number
    region = (country or "").strip().upper()
    if needs_country(number) and region not in phones.SUPPORTED_REGIONS:
        return number
    why, parsed = _parsed(phones, number, region or None)
    if parsed is None or why:
        raise UsageError(f"{what} cannot send a number of the form {form(number)!r}: {why}")
    return str(phones.format_number(parsed, phones.PhoneNumberFormat.E164))


def form(number: str) -> str:
    """What a number looks like, without the number: "+1 20a-5" gives "+# ##a-#". Letters are all "a"."""
    shown = "".join("#" if each.isdigit() else "a" if each.isalpha() else each for each in number.strip())
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _library() -> ModuleType | None:
    try:
        import phonenumbers
    except ImportError:
        return None
    return phonenumbers


def _parsed(phones: ModuleType, number: str, region: str | None) -> tuple[str | None, PhoneNumber | None]:
    """The number, or why it is none."""
    try:
        parsed = phones.parse(number, region)
    except phones.NumberParseException as fault:
        return _no_number(fault, number), None
    if parsed.extension:
        return "it has an extension, for which E.164 has no place: leave it out, or keep it in a field of its own", None
    if any(each.isalpha() for each in number):
        return "it has letters", None
    reason = phones.is_possible_number_with_reason(parsed)
    lengths = phones.ValidationResult
    home = f"a number of +{parsed.country_code}"
    whys = {
        lengths.IS_POSSIBLE: None,
        lengths.IS_POSSIBLE_LOCAL_ONLY: f"too short for {home}: the area code is missing",
        lengths.TOO_SHORT: f"too short for {home}",
        lengths.TOO_LONG: f"too long for {home}",
    }
    why = whys.get(reason, f"{home} never has so many digits")
    if why is None and needs_country(number) and not phones.is_valid_number(parsed):
        why = f"no such number is given out in {region}: write + and the country's code if it is from elsewhere"
    return why, parsed


def _no_number(fault: NumberParseException, number: str) -> str:
    if any(each.isalpha() for each in number):
        return "it has letters"
    return {
        fault.INVALID_COUNTRY_CODE: "no country has the code that follows the +",
        fault.TOO_LONG: "it has too many digits",
        fault.NOT_A_NUMBER: "it has too few digits, or is more than one number",
    }.get(fault.error_type, "too short: only the country's code is there")

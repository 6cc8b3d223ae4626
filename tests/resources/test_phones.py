"""Numbers go in E.164; what cannot be a number is said before it is sent, without showing it."""

import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghl_async.errors import UsageError
from ghl_async.resources._phones import e164, form, needs_country

WHAT = "phone: contacts.create"
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    ("number", "country", "written"),
    [
        ("(202) 555-0123", "US", "+12025550123"),
        ("202.555.0123", "us", "+12025550123"),
        ("1 202 555 0123", "US", "+12025550123"),
        ("202\u00a0555\u20110123", "US", "+12025550123"),
        ("٢٠٢٥٥٥٠١٢٣", "US", "+12025550123"),
        ("２０２５５５０１２３", "US", "+12025550123"),
        ("030 123456", "DE", "+4930123456"),
        ("06 698 12345", "IT", "+390669812345"),
        ("0041 44 668 18 00", "CH", "+41446681800"),
        ("011 41 44 668 18 00", "US", "+41446681800"),
        ("011 15-2312-3456", "AR", "+5491123123456"),
        ("+1 888-888-8888", None, "+18888888888"),
        ("+1 888-888-8888", "DE", "+18888888888"),
        ("+49 (0)30 123456", None, "+4930123456"),
        ("＋４９ 30 123456", None, "+4930123456"),
        ("(+49) 30 123456", None, "+4930123456"),
        ("☎ +49 30 123456", "", "+4930123456"),
        ("+1 200 000 0001", None, "+12000000001"),
    ],
)
def test_a_number_is_written_in_e164(number, country, written):
    assert e164(WHAT, number, country) == written


@pytest.mark.parametrize("country", [None, "", "XX", "USA"])
def test_a_number_without_a_country_goes_as_given_where_the_location_has_none(country):
    assert e164(WHAT, "(202) 555-0123", country) == "(202) 555-0123"


WRONG = [
    ("555-0123", "US", "'###-####': too short for a number of +1: the area code is missing"),
    ("12", "US", "'##': too short for a number of +1"),
    ("+49 12", None, "'+## ##': too short"),
    ("+39 06 698", None, "too short for a number of +39"),
    ("+1", None, "'+#': it has too few digits"),
    ("+", None, "too few digits"),
    ("-", "US", "too few digits"),
    ("+1 202 555 01234", None, "too long for a number of +1"),
    ("2025550123 / 2025550199", "US", "too many digits"),
    ("2025550123, 2025550199", "US", "more than one number"),
    ("+12025550123;+12025550199", None, "more than one number"),
    ("+4930123456789012345", None, "too long"),
    ("+999 12345678", None, "no country has the code"),
    ("030 1234567", "US", "no such number is given out in US: write +"),
    ("1-800-FLOWERS", "US", "'#-###-aaaaaaa': it has letters"),
    ("Ann", "US", "'aaa': it has letters"),
    ("call 202 555 0123", "US", "it has letters"),
    ("+1 202 555 0123 or so", None, "it has letters"),
    ("(202) 555-0123 x12", "US", "'(###) ###-#### a##': it has an extension"),
    ("+49 30 123456 ext. 5", None, "it has an extension"),
    ("tel:+1-202-555-0123;ext=5", None, "it has an extension"),
    ("2" * 300, "US", "'##############################...': it has too many digits"),
]


@pytest.mark.parametrize(("number", "country", "said"), WRONG, ids=[said for *_, said in WRONG])
def test_what_cannot_be_a_number_is_refused_with_the_reason(number, country, said):
    with pytest.raises(UsageError) as caught:
        e164(WHAT, number, country)
    assert str(caught.value).startswith("phone: contacts.create cannot send a number of the form")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("number", "answer"), [("(202) 555-0123", True), ("+12025550123", False), ("(+49) 30 1", False), ("1+2", True)]
)
def test_a_number_with_a_plus_needs_no_country(number, answer):
    assert needs_country(number) is answer


@pytest.mark.parametrize("number", ["(202) 555-0123", "+1 888-888-8888", "Ann"])
def test_without_the_library_numbers_go_as_given(monkeypatch, number):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)  # which makes the import fail
    assert e164(WHAT, number, "US") == number
    assert not needs_country(number)


def numbers():
    """Numbers that some country gives out."""
    kinds = st.sampled_from([phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE])
    examples = st.builds(phonenumbers.example_number_for_type, st.sampled_from(REGIONS), kinds)
    return examples.filter(lambda example: example is not None and phonenumbers.is_valid_number(example))


def written(number, style):
    return phonenumbers.format_number(number, style)


FORMATS = phonenumbers.PhoneNumberFormat


@given(numbers(), st.sampled_from([FORMATS.INTERNATIONAL, FORMATS.E164]), st.sampled_from([None, *REGIONS]))
def test_a_number_with_its_country_is_the_same_from_everywhere(number, style, country):
    assert e164(WHAT, written(number, style), country) == written(number, FORMATS.E164)


@given(numbers())
def test_a_number_as_its_own_country_dials_it_gets_the_country(number):
    region = phonenumbers.region_code_for_number(number)
    assert e164(WHAT, written(number, FORMATS.NATIONAL), region) == written(number, FORMATS.E164)


@given(numbers(), st.sampled_from(["  ", "\t", "\u00a0", "\u3000"]))
def test_space_around_a_number_and_other_digits_change_nothing(number, space):
    e = written(number, FORMATS.E164)
    arabic = e.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    assert e164(WHAT, f"{space}{e}{space}", None) == e == e164(WHAT, arabic, None)


@given(st.text(alphabet="0123456789+-() ./xe٣ａé#*;,", max_size=40), st.sampled_from([None, "US", "DE", "AR", "XX"]))
def test_whatever_is_written_is_e164_as_given_or_refused_and_e164_stays_as_it_is(number, country):
    try:
        result = e164(WHAT, number, country)
    except UsageError:
        return
    if result != number:
        assert result.startswith("+")
        assert result[1:].isdigit()
        assert result.isascii()
        assert e164(WHAT, result, None) == result


@given(st.text(max_size=60))
def test_the_form_of_a_number_shows_no_digit_and_no_letter_of_it(number):
    assert not any(each.isdigit() or (each.isalpha() and each != "a") for each in form(number))

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.formats import parse_country
from controller.rules.numbers import escape_user, read_number, write_number
from controller.types import NumberForm, NumberFormat

US, GB, IT, RU, AU = map(parse_country, ("US", "GB", "IT", "RU", "AU"))
E164, PLUS_LESS, INTERNATIONAL, NATIONAL = NumberForm


def form(word: NumberForm, country: object = US, **more: str) -> NumberFormat:
    return NumberFormat(word, word, country, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "number", "written"),
    [
        (form(E164), "+15551234567", "+15551234567"),
        (form(PLUS_LESS), "+15551234567", "15551234567"),
        (form(INTERNATIONAL), "+442079460018", "011442079460018"),
        (form(NATIONAL), "+15551234567", "5551234567"),
        (form(NATIONAL), "+442079460018", "011442079460018"),
        (form(NATIONAL, GB), "+442079460018", "02079460018"),
        (form(NATIONAL, GB), "+15551234567", "0015551234567"),
        (form(NATIONAL, IT), "+390612345678", "0612345678"),
        (form(NATIONAL, RU), "+74951234567", "84951234567"),
        (form(NATIONAL, RU), "+15551234567", "81015551234567"),
        (form(NATIONAL, AU), "+61291234567", "0291234567"),
        (form(NATIONAL, AU), "+15551234567", "001115551234567"),
    ],
)
def test_a_number_is_written_as_the_trunk_wants_it_and_read_back(how: NumberFormat, number: str, written: str) -> None:
    assert write_number(how, number) == written
    assert read_number(how, written) == number


@pytest.mark.parametrize(
    ("how", "came", "number"),
    [
        (form(NATIONAL), "15551234567", "+15551234567"),  # the trunk prefix of North America may be there
        (form(NATIONAL), "+1 (555) 123-4567", "+15551234567"),
        (form(NATIONAL), "011442079460018", "+442079460018"),
        (form(NATIONAL, GB), "2079460018", "2079460018"),  # without its 0 it is a number of one town: which?
        (form(PLUS_LESS), "100", "100"),
        (form(PLUS_LESS), "0015551234567", "0015551234567"),
        (form(E164), "15551234567", "15551234567"),
        (form(NATIONAL), "anonymous", "anonymous"),
        (form(NATIONAL), "911", "911"),
        (form(NATIONAL), "", ""),
        (form(NATIONAL), "٣٣٣٣٣٣٣٣٣٣", "٣٣٣٣٣٣٣٣٣٣"),  # digits of another script are no digits of a number
        (form(INTERNATIONAL), "5551234567", "5551234567"),
        (None, "00", "00"),
    ],
)
def test_what_comes_is_read_or_left_as_it_is(how: NumberFormat | None, came: str, number: str) -> None:
    assert read_number(how, came) == number


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("95551234567", "+15551234567"),
        ("915551234567", "+15551234567"),
        ("9011442079460018", "+442079460018"),
        ("9175551234", "+19175551234"),  # New York, not 9 and a number too short
        ("911", "911"),
        ("9911", "9911"),
        ("9", "9"),
    ],
)
def test_the_prefix_of_an_outside_line_is_taken_off_public_numbers_only(dialled: str, number: str) -> None:
    assert read_number(form(NATIONAL, prefix="9"), dialled, called=True) == number


def test_prefixes_stand_before_called_numbers_only() -> None:
    how = form(NATIONAL, prefix="9", tech_prefix="1234#")
    assert write_number(how, "+15551234567", called=True) == "1234#95551234567"
    assert write_number(how, "+15551234567") == "5551234567"
    assert write_number(how, "911", called=True) == "1234#911"
    assert write_number(how, "anna", called=True) == "anna"
    assert escape_user(write_number(how, "911", called=True)) == "1234%23911"
    assert write_number(None, "+1555", called=True) == "+1555"


FORMATS = st.builds(
    NumberFormat,
    st.sampled_from(NumberForm),
    st.sampled_from(NumberForm),
    st.sampled_from([US, GB, IT, RU, AU]),
    st.sampled_from(["", "9", "0"]),
    st.sampled_from(["", "1234#"]),
)


@given(FORMATS, st.text("0123456789+*#-. ()ab", max_size=20), st.booleans())
def test_reading_gives_a_number_or_the_text_and_writing_never_fails(how: NumberFormat, text: str, called: bool) -> None:
    number = read_number(how, text, called=called)
    assert number == text or re.fullmatch(r"\+[1-9][0-9]{1,14}", number)
    assert read_number(how, number, called=called) == number, "reading what was read changes nothing"
    written = write_number(how, number, called=called)
    assert bool(written) == bool(text)
    assert set(written) <= set(text) | set("+0123456789#")


@given(FORMATS, st.from_regex(r"\+(1|44|39|7)[2-9][0-9]{9}", fullmatch=True))
def test_what_is_written_by_one_form_is_read_back_by_it(how: NumberFormat, number: str) -> None:
    if how.prefix == "0":
        return  # nobody can tell it from a trunk prefix; `check` does not know the plan of a PBX
    both = NumberFormat(how.out, how.out, how.country, how.prefix)
    assert read_number(both, write_number(both, number, called=True), called=True) == number

"""Numbers: country, kind, operator with its source, and which get nothing at all."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType, carrier

from controller.messages.operators import GOOD_FOR, Operators
from controller.messages.region import GUESS, LOOKUP, RANGE, REPORT, NotANumber, read_recipient, warm, with_operator
from controller.types.messages import NumberKind


def example(country: str, kind: int = PhoneNumberType.MOBILE) -> str:
    number = phonenumbers.example_number_for_type(country, kind)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+49 151 23456789", "+4915123456789"),
        ("+49 (0)151 2345-6789", "+4915123456789"),
        ("+1 201-555-0123", "+12015550123"),
    ],
)
def test_a_number_is_read_however_it_is_written(text: str, e164: str) -> None:
    assert read_recipient(text).e164 == e164


@pytest.mark.parametrize(
    ("country", "kind"),
    [
        ("US", NumberKind.FIXED_OR_MOBILE),  # nobody can tell there
        ("DE", NumberKind.MOBILE),
        ("GB", NumberKind.MOBILE),
        ("BR", NumberKind.MOBILE),
    ],
)
def test_a_mobile_has_its_country_and_kind(country: str, kind: NumberKind) -> None:
    number = read_recipient(example(country))
    assert (number.country, number.kind, number.refused) == (country, kind, "")
    assert number.region[0] == country


def test_guernsey_is_not_britain() -> None:
    assert read_recipient("+447911123456").country == "GG"


@pytest.mark.parametrize(
    ("country", "operator", "source"),
    [("ID", "telkomsel", RANGE), ("DE", "t-mobile", GUESS), ("US", "", "")],
)
def test_an_operator_has_its_source(country: str, operator: str, source: str) -> None:
    number = read_recipient(example(country))
    assert (number.operator, number.source) == (operator, source)


@pytest.mark.parametrize(
    ("country", "kind", "why"),
    [
        ("US", PhoneNumberType.PREMIUM_RATE, "premium-rate"),
        ("US", PhoneNumberType.TOLL_FREE, "toll-free"),
        ("DE", PhoneNumberType.SHARED_COST, "shared-cost"),
        ("GB", PhoneNumberType.PAGER, "pager"),
        ("CH", PhoneNumberType.VOICEMAIL, "voicemail"),
    ],
)
def test_nothing_is_sent_to_numbers_that_cost_or_that_nobody_reads(country: str, kind: int, why: str) -> None:
    assert why in read_recipient(example(country, kind)).refused


def test_a_number_of_no_country_says_so() -> None:
    number = read_recipient("+882161234567")
    assert (number.country, number.prefix, number.region) == ("", "882-16123", ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins with"),
        ("015123456789", "begins with"),
        ("+", "no number can be read"),
        ("+999123456789", "no country has this code"),
        ("+49", "no number can be read|too short"),
        ("+1201555", "too short"),
        ("+49151234567890123456", "too long"),
        ("+447700900001", "gives out no such numbers"),
        ("+12015550123 ext. 7", "extension"),
        ("+anna", "no number can be read"),
    ],
)
def test_what_is_no_number_is_said_without_it(text: str, why: str) -> None:
    with pytest.raises(NotANumber, match=why) as caught:
        read_recipient(text)
    assert len(text) < 4 or text.lstrip("+") not in str(caught.value)


def test_a_prefix_is_shared_by_ten_thousand_and_tells_nobody() -> None:
    number = read_recipient("+4915123456789")
    assert number.prefix == "DE-1512345"
    assert read_recipient("+4915123450000").prefix == number.prefix
    assert "4915123456789" not in repr(number)


def test_all_countries_are_read() -> None:
    warm()
    for country in phonenumbers.SUPPORTED_REGIONS:
        number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
        if number is not None:
            read = read_recipient(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
            assert not read.refused
            safe = carrier.safe_display_name(number, "en")
            assert bool(safe) == (read.source == RANGE)
            assert bool(carrier.name_for_number(number, "en")) == bool(read.operator)
            assert read.country
            assert len(read.prefix) < len(read.e164)


def test_what_counts_as_a_number_is_what_the_library_says() -> None:
    dice = random.Random(5)
    for _ in range(2000):
        text = "+" + str(dice.randrange(1, 10 ** dice.randrange(6, 15)))
        try:
            valid = phonenumbers.is_valid_number(phonenumbers.parse(text))
        except phonenumbers.NumberParseException:
            valid = False
        try:
            read_recipient(text)
        except NotANumber:
            assert not valid, text
        else:
            assert valid, text


def test_better_knowledge_of_the_operator_wins_and_worse_does_not() -> None:
    guessed = read_recipient(example("DE"))
    looked_up = with_operator(guessed, "26202", LOOKUP)
    reported = with_operator(looked_up, "26203", REPORT)
    assert (reported.operator, reported.source, reported.region) == ("26203", REPORT, ("DE", "DE/26203"))
    assert with_operator(reported, "26202", LOOKUP) is reported
    assert with_operator(guessed, "", REPORT) is guessed


def test_reports_teach_the_operator_for_a_month() -> None:
    operators = Operators()
    number = read_recipient(example("DE"))
    operators.learn(b"anna", "26203", 0.0)
    operators.learn(b"anna", "26202", 1.0, LOOKUP)
    assert operators.refine(number, b"anna", 10.0).operator == "26203"
    assert operators.refine(number, b"ben", 10.0) is number
    assert operators.refine(number, b"anna", GOOD_FOR + 1.0) is number


def test_the_memory_of_operators_is_bounded() -> None:
    operators = Operators(places=10)
    for person in range(50):
        operators.learn(b"%d" % person, "26203", float(person))
    assert len(operators) == 10
    assert operators.refine(read_recipient(example("DE")), b"49", 50.0).source == REPORT

"""Whose number something is: country, kind, operator, and how well the operator is known.

Owns the reading of numbers, by the phonenumbers library (imported when the first is read; `warm` does it at load). Tables
know who was given a range, not who serves a number that was ported: so an operator always has its source. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from controller.types.messages import NumberKind

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

KNOWN = 16384  # numbers whose reading is remembered: it takes about 50 us, a cascade asks several times
BLOCK = 4  # digits at the end that a prefix leaves out: ten thousand people share it

# Where an operator is known from, best first.
REPORT = "report"  # a delivery report of this number named it
LOOKUP = "lookup"  # somebody was asked for this number
RANGE = "range"  # who was given the range, in a country where numbers stay with their operator
GUESS = "guess"  # the same where they do not
SOURCES = (REPORT, LOOKUP, RANGE, GUESS, "")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as messages see it."""

    e164: str = field(repr=False)
    country: str  # ISO 3166; "" for a number of no country
    kind: NumberKind
    operator: str = ""  # MCC-MNC ("310260") from reports and look-ups, a name ("telkomsel") from ranges
    source: str = ""  # where the operator is known from, one of `SOURCES`
    prefix: str = ""  # "DE-1511234": its block; no number, and told apart from one
    refused: str = ""  # why nothing is ever sent there; "" if something may be

    @property
    def region(self) -> tuple[str, ...]:
        """From broad to narrow, as health has it: ("US", "US/310260"). An operator that is only guessed is as good as
        any other name of the range."""
        if not self.country:
            return ()
        return (self.country, f"{self.country}/{self.operator}") if self.operator else (self.country,)


class NotANumber(ValueError):
    """It cannot be read as a number, or nobody can have it. The message does not hold it."""


def warm() -> None:
    """Read the tables of all countries now, and not when the first number of each comes."""
    import phonenumbers
    from phonenumbers import carrier

    phonenumbers.PhoneMetadata.load_all()
    carrier.name_for_number(phonenumbers.parse("+14155550100"), "en")


@lru_cache(maxsize=KNOWN)
def read_recipient(text: str) -> Number:
    """Read a full number, as "+49 151 12345678".

    Raises `NotANumber`.
    """
    import phonenumbers

    if not text.lstrip().startswith(("+", "\N{FULLWIDTH PLUS SIGN}")):
        raise NotANumber("a number begins with + and the code of its country")
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise NotANumber(_WHY.get(error.error_type, "no number can be read from it")) from None
    if parsed.extension:
        raise NotANumber("nothing can be sent to an extension")
    place = phonenumbers.region_code_for_number(parsed) or ""
    type_ = phonenumbers.number_type(parsed)
    if (
        not place or type_ == phonenumbers.PhoneNumberType.UNKNOWN
    ):  # as `is_valid_number`, which looks both up once more
        raise NotANumber(_why_invalid(parsed))
    country = "" if place == _NOWHERE else place
    kind, refused = _kinds()(type_)
    operator, source = _operator_of(parsed, country) if country and kind in _CARRIED else ("", "")
    national = phonenumbers.national_significant_number(parsed)
    prefix = f"{country or parsed.country_code}-{national[:-BLOCK] or '0'}"
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Number(e164, country, kind, operator, source, prefix, refused)


def with_operator(number: Number, operator: str, source: str) -> Number:
    """The number, with what is better known of its operator; as it was if that is known as well or better."""
    if not operator or SOURCES.index(source) > SOURCES.index(number.source):
        return number
    return Number(number.e164, number.country, number.kind, operator, source, number.prefix, number.refused)


_NOWHERE = "001"  # what the library calls the region of numbers that belong to no country
_WHY = {
    0: "no country has this code",  # NumberParseException.INVALID_COUNTRY_CODE
    1: "no number can be read from it",
    2: "it is too short after the code of its country",
    3: "it is too short",
    4: "it is too long",
}


def _why_invalid(parsed: PhoneNumber) -> str:
    import phonenumbers

    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        return "it is too short for its country"
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        return "it is too long for its country"
    return "its country gives out no such numbers"


@lru_cache(maxsize=1)
def _kinds() -> Callable[[int], tuple[NumberKind, str]]:
    from phonenumbers import PhoneNumberType as Type

    table: dict[int, tuple[NumberKind, str]] = {
        Type.MOBILE: (NumberKind.MOBILE, ""),
        Type.FIXED_LINE: (NumberKind.FIXED, ""),
        Type.FIXED_LINE_OR_MOBILE: (NumberKind.FIXED_OR_MOBILE, ""),
        Type.VOIP: (NumberKind.VOIP, ""),
        Type.PREMIUM_RATE: (NumberKind.PREMIUM, "a premium-rate number"),
        Type.SHARED_COST: (NumberKind.OTHER, "a shared-cost number"),
        Type.TOLL_FREE: (NumberKind.TOLL_FREE, "a toll-free number"),
        Type.PAGER: (NumberKind.OTHER, "a pager"),
        Type.VOICEMAIL: (NumberKind.OTHER, "a voicemail number"),
    }
    return lambda kind: table.get(kind, (NumberKind.OTHER, ""))


#: Whose ranges the tables know an operator of.
_CARRIED = frozenset((NumberKind.MOBILE, NumberKind.FIXED_OR_MOBILE))


def _operator_of(parsed: PhoneNumber, country: str) -> tuple[str, str]:
    """Who was given the range, and whether that says who serves the number. Tables have names, not codes."""
    import phonenumbers
    from phonenumbers import carrier

    name = _slug(carrier.name_for_valid_number(parsed, "en"))
    if not name:
        return "", ""
    return name, GUESS if phonenumbers.is_mobile_number_portable_region(country) else RANGE


def _slug(name: str) -> str:
    return "-".join("".join(sign if sign.isalnum() else " " for sign in name.casefold()).split())

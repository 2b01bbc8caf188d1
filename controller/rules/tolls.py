"""Which numbers an outbound route may be used for: its countries, and no premium rates unless it says so.

Owns the reading of dialled numbers, by the phonenumbers library and its tables (loaded by `warm` when a dialplan is, never
by a call). What cannot be read is no number of any country; it is refused where countries are named, emergency numbers
apart, and else let through as before. Carriers cut what is too long, and obey service codes such as *67 before a number:
so do we when we look for premium rates. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, shortnumberinfo

from controller.types import Tolls

KNOWN = 8192  # numbers whose verdict is remembered: reading one takes 15 to 60 us
LONGEST_EMERGENCY = 6  # digits; what is longer need not be looked up
_DEAR = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
}
_SERVICE_CODE = re.compile(r"[*#]{1,2}\d{2,3}[*#]|\*\d{2}")
_NOWHERE = "001"  # what the library calls the region of numbers that belong to no country


def warm(countries: Iterable[str]) -> None:
    """Read the tables of every country now, and not when somebody dials there first; ``countries`` are those named."""
    phonenumbers.PhoneMetadata.load_all()
    for country in countries:
        shortnumberinfo.is_emergency_number("0", country)


def is_emergency(number: str, countries: Iterable[str]) -> bool:
    """Whether somebody calls for help in one of these countries."""
    return len(number) <= LONGEST_EMERGENCY and any(shortnumberinfo.is_emergency_number(number, c) for c in countries)


@lru_cache(maxsize=KNOWN)
def why_refused(tolls: Tolls, number: str) -> str:
    """Why a route may not be used for a dialled number; "" if it may."""
    if is_emergency(number, tolls.countries):
        return ""
    readings = list(_read(number))
    if not tolls.premium:
        for reading in readings:
            word = _DEAR.get(phonenumbers.number_type(_cut(reading)))
            if word is not None:
                return f"{number} is {word}"
    if not tolls.countries:
        return ""
    found = {place for reading in readings for place in _regions(reading)}
    if found and found <= set(tolls.countries):
        return ""
    where = f"a number of {' or '.join(sorted(found))}" if 0 < len(found) < 4 else "no number"
    return f"{number} is {where}, not of {' or '.join(tolls.countries)}"


def _read(number: str) -> Iterator[PhoneNumber]:
    """What a number may mean, with its service code and without; whose PBX dials otherwise has a `format`."""
    for text in dict.fromkeys((number, _SERVICE_CODE.sub("", number, count=1))):
        try:
            yield phonenumbers.parse("+" + re.sub(r"\D", "", text))  # E.164, whether or not it had its plus
        except NumberParseException:
            continue


def _cut(number: PhoneNumber) -> PhoneNumber:
    short = PhoneNumber()
    short.merge_from(number)
    return short if phonenumbers.truncate_too_long_number(short) else number


def _regions(number: PhoneNumber) -> set[str]:
    """The countries that a number may be of: one, or, where its area is not known, all that share the country code."""
    region = phonenumbers.region_code_for_number(number)
    if region is not None:
        return {region}
    return set(phonenumbers.region_codes_for_country_code(number.country_code or 0)) or {_NOWHERE}

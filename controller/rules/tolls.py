"""Which numbers an outbound route may be used for: its countries, and no premium rates unless it says so.

Owns the reading of dialled numbers, by the phonenumbers library and its tables (loaded by `warm` when a dialplan is, never
by a call). What cannot be read is no number of any country; it is refused where countries are named, emergency numbers
apart, and else let through as before. Carriers cut what is too long, and obey service codes such as *67 before a number:
so do we when we look for premium rates. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, shortnumberinfo

from controller.types import Route, Tolls

KNOWN = 8192  # numbers whose verdict is remembered: reading one takes 15 to 60 us
_DEAR = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
}
_SERVICE_CODE = re.compile(r"[*#]{1,2}\d{2,3}[*#]|\*\d{2}")
_NOWHERE = "001"  # what the library calls the region of numbers that belong to no country


def warm(tolls: Tolls) -> None:
    """Read the tables of every country now, and not when somebody dials there first."""
    phonenumbers.PhoneMetadata.load_all()
    why_refused(tolls, "+12125550100")


def refuse(route: Route, number: str) -> str:
    """Why a route may not be used for a dialled number; "" if it may."""
    return why_refused(route.tolls, number) if route.tolls is not None else ""


@lru_cache(maxsize=KNOWN)
def why_refused(tolls: Tolls, number: str) -> str:
    """The same by what the route says."""
    if any(shortnumberinfo.is_emergency_number(number, place) for place in _places(tolls)):
        return ""
    readings = list(_read(number, tolls.home))
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


def _places(tolls: Tolls) -> tuple[str, ...]:
    """Whose emergency numbers are always let through."""
    return (tolls.home, *tolls.countries) if tolls.home else tolls.countries


def _read(number: str, home: str) -> Iterator[PhoneNumber]:
    """What a number may mean, the likeliest first."""
    for text in dict.fromkeys((number, _SERVICE_CODE.sub("", number, count=1))):
        digits = re.sub(r"\D", "", text)
        local = not text.startswith("+") and home
        written: list[tuple[str, str | None]] = [(text, home)] if local else []
        if not digits.startswith("0"):  # without its plus, as some PBXs send E.164
            written.append((f"+{digits}", None))
        for each, place in written:
            try:
                reading = phonenumbers.parse(each, place)
            except NumberParseException:
                continue
            yield reading
            if phonenumbers.is_valid_number(reading):
                break


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

"""Opening hours as an operator writes them: zones, days, spans of the clock, holidays.

Owns their syntax, and prepares at load time all that evaluating them needs: zone data and the dates of holidays, so
that no call waits for a disk. When they are open is rules.conditions' business. Every function raises `Mistake`.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Mapping
from datetime import date, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from controller.config.diagnostics import Mistake, quoted

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Holidays of a country are computed for these years; where its law is not known so far ahead, for those that are.
YEARS = range(2024, 2051)

_SPAN = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_LOOSE_SPAN = re.compile(r"([0-9]{1,2})(?::?([0-9]{2}))?\s*(?:-|–|to)\s*([0-9]{1,2})(?::?([0-9]{2}))?")
_SEVERAL = re.compile(r"\s*[,;]\s*")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_COUNTRY = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")
_DAY_SECONDS = 86400


def parse_zone(text: str) -> tzinfo:
    """Read the IANA name of a time zone."""
    zones = _zones()
    if text in zones:
        return ZoneInfo(text)
    by_city = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones)}
    folded = {zone.lower(): zone for zone in sorted(zones)}
    city = re.sub(r"\s+", "_", text.strip()).lower()
    meant = by_city.get(city) or next(
        (names[close[0]] for names in (folded, by_city) if (close := difflib.get_close_matches(city, names, n=1))), None
    )
    hint = f"did you mean {quoted(meant)}?" if meant else "write an IANA name such as America/New_York"
    raise Mistake("BAD_ZONE", f"unknown time zone {quoted(text)}", hint)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # walks the disk: once


def parse_days(text: str) -> tuple[int, ...]:
    """Read "sat" or "mon-fri" as weekdays, Monday being 0; "sat-mon" goes over the end of the week."""
    first, dash, last = text.partition("-")
    if first in DAYS and (last in DAYS if dash else True):
        begin = DAYS.index(first)
        count = (DAYS.index(last) - begin) % 7 + 1 if dash else 1
        return tuple((begin + day) % 7 for day in range(count))
    hint = f"write {', '.join(DAYS)}, or days such as mon-fri"
    short = re.sub(r"[a-z]+", lambda word: word[0][:3], text.lower())
    if short != text and all(day in DAYS for day in short.split("-")) and short.count("-") < 2:
        hint = f"write {short}"
    raise Mistake("BAD_DAYS", f"{quoted(text)} are no days of the week", hint)


def parse_span(text: str) -> tuple[int, int]:
    """Read "08:00-18:00" as seconds of the wall clock; a span that ends before it begins goes over midnight."""
    match = _SPAN.fullmatch(text)
    if match is None:
        loose = _LOOSE_SPAN.fullmatch(text.strip())
        hint = 'write "HH:MM-HH:MM", for example "08:00-18:00"'
        if loose:
            hint = f'write "{int(loose[1]):02}:{loose[2] or "00"}-{int(loose[3]):02}:{loose[4] or "00"}"'
        elif len(several := _SEVERAL.split(text.strip())) > 1 and all(map(_SPAN.fullmatch, several)):
            hint = 'write ["' + '", "'.join(several) + '"]'
        raise Mistake("BAD_SPAN", f"{quoted(text)} is not a span of the day", hint)
    begin, end = (_seconds(match[n], match[n + 1], text) for n in (1, 3))
    if begin in {end, _DAY_SECONDS}:
        raise Mistake("BAD_SPAN", f"{quoted(text)} is empty", 'write "00:00-24:00" for the whole day, or remove it')
    return begin, end


def _seconds(hours: str, minutes: str, text: str) -> int:
    seconds = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or seconds > _DAY_SECONDS:
        raise Mistake("BAD_SPAN", f"{quoted(text)} is not a span of the day", "hours go to 24:00, minutes to 59")
    return seconds


def parse_holidays(text: str) -> Mapping[date, str]:
    """Read a date ("2026-12-24") or a country or a part of it ("US", "US-CA") as closed days and their names."""
    if match := _DATE.fullmatch(text):
        try:
            return {date(int(match[1]), int(match[2]), int(match[3])): text}
        except ValueError:
            raise Mistake("BAD_HOLIDAY", f"there is no day {quoted(text)}", "write YEAR-MONTH-DAY") from None
    match = _COUNTRY.fullmatch(text)
    if match is None:
        hint = "write dates such as 2026-12-24, or an ISO 3166 code such as US or US-CA"
        raise Mistake("BAD_HOLIDAY", f"{quoted(text)} is neither a date nor a country", hint)
    return _of_country(match[1], match[2])


@lru_cache(maxsize=64)
def _of_country(country: str, part: str | None) -> Mapping[date, str]:
    import holidays  # time and memory that files without holidays do not pay

    known = holidays.list_supported_countries()
    if country not in known:
        raise Mistake("BAD_HOLIDAY", f"the holidays of {quoted(country)} are not known", "list their dates instead")
    if part is not None and part not in known[country]:
        parts = known[country]
        hint = (
            f"write one of {', '.join(parts[:8])}{', ...' if len(parts) > 8 else ''}" if parts else f"write {country}"
        )
        raise Mistake("BAD_HOLIDAY", f"{quoted(part)} is no part of {quoted(country)}", hint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of countries whose law is not known so far ahead
        found = holidays.country_holidays(country, subdiv=part, years=YEARS)
    return dict(sorted(found.items()))

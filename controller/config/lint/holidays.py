"""Holidays of calendars that load but are not what was meant: those of last year, of another country, or none at all.

Owns which country a zone is in, by the tables that come with tzdata.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from importlib import resources

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground, items
from controller.config.lint.week import DAY
from controller.config.source import MapNode, ScalarNode
from controller.types import Hours

#: Territories that have a country code of their own, and the country whose holidays they keep beside theirs (ISO 3166-1 and -2).
_PARTS = {
    **dict.fromkeys(("AS", "GU", "MP", "PR", "UM", "VI"), "US"),
    **dict.fromkeys(("BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"), "FR"),
    **dict.fromkeys(("GG", "IM", "JE", "GI"), "GB"),
    **dict.fromkeys(("CC", "CX", "NF"), "AU"),
    **dict.fromkeys(("HK", "MO", "TW"), "CN"),
    **dict.fromkeys(("FO", "GL"), "DK"),
    **dict.fromkeys(("AW", "BQ", "CW", "SX"), "NL"),
    "AX": "FI",
    "SJ": "NO",
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check_holidays(ground: Ground) -> None:
    """All findings of this file."""
    hours = ground.dialplan.hours
    with_holidays = {each.zone: each for each in hours.values() if each.holidays}
    for name, calendar in ground.section("hours").entries.items():
        assert isinstance(calendar, MapNode)
        written = calendar.entries.get("holidays")
        scalars = [node for node in items(written) if isinstance(node, ScalarNode)] if written is not None else []
        _check_over(ground, name, scalars)
        _check_country(ground, hours[name], scalars)
        other = with_holidays.get(hours[name].zone)
        if other is not None and not hours[name].holidays and _is_of_work(hours[name]):
            message = f"calendar {quoted(name)} knows no holidays, and {quoted(other.name)} of the same zone does"
            at = ground.section("hours").keys[name]
            ground.report.warning(at, "NO_HOLIDAYS", message, "add its holidays, or those of its country")


def _is_of_work(hours: Hours) -> bool:
    """Whether a calendar says when people work, who are at home on holidays. Who is on call at night, at the weekend or for
    whole days is not."""
    spans = [span for day in hours.open for span in day]
    by_day = all(0 < begin < end < DAY for begin, end in spans)
    return by_day and any(hours.open[:5]) and not all(hours.open)


def _check_over(ground: Ground, name: str, written: list[ScalarNode]) -> None:
    """Dates alone that are all past are a list that nobody keeps any more."""
    dates = [node for node in written if _DATE.fullmatch(node.text)]
    if len(dates) == len(written) > 0 and all(date.fromisoformat(node.text) < ground.today for node in dates):
        last = max(dates, key=lambda node: node.text)
        message = f"no date of the holidays of calendar {quoted(name)} is yet to come, the last was {last.text}"
        hint = "add those of this year and the next, or remove them"
        ground.report.warning(last, "HOLIDAYS_OVER", message, hint)


def _check_country(ground: Ground, hours: Hours, written: list[ScalarNode]) -> None:
    """Holidays of a country in which nobody has the time of the calendar."""
    here = countries_of().get(str(hours.zone), [])
    for node in written:
        country = node.text.partition("-")[0]
        if here and country.isalpha() and country not in here and country != _PARTS.get(here[0]):
            message = f"calendar {quoted(hours.name)} has the holidays of {country}, and the time of {hours.zone}"
            hint = f"write {here[0]}, or the zone of {country}"
            ground.report.warning(node, "FOREIGN_HOLIDAYS", message, hint)


@lru_cache(maxsize=1)
def countries_of() -> dict[str, list[str]]:
    """Zones and the countries (ISO 3166) that have their time, that of the zone's city first; none for such as UTC."""
    found: dict[str, list[str]] = {}
    for table in ("zone.tab", "zone1970.tab"):
        text = (resources.files("tzdata") / "zoneinfo" / table).read_text(encoding="utf-8")
        for line in text.splitlines():
            if line and not line.startswith("#"):
                countries, _, zone = line.split("\t")[:3]
                found.setdefault(zone, []).extend(countries.split(","))
    return found

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from controller.config.diagnostics import Mistake
from controller.config.hours import parse_days, parse_holidays, parse_span, parse_zone
from controller.types import Site, When
from tests.config.sample import bend, codes, compiled

HOURS = 'hours:\n  office: {zone: Europe/Berlin, holidays: [DE-BY, 2026-12-24], open: {mon-fri: 08:00-18:00, sat: ["10:00-12:00", "13:00-14:00"]}}\n'
SITES = "sites:\n  hq: {pbx: [hq-pbx, carrier-b], active: carrier-b}\n"
WHEN = "      when: {hours: office, caller: +49, trunk: {carrier-a: up}, site: {hq: down}}\n"
CHANGED = bend(
    ("probes:", HOURS + SITES + "probes:"),
    ("      for: 10s\n", "      for: 10s\n" + WHEN),
    ("carrier: a,", "carrier: a, site: hq,"),
    ('user: "100", via: [hq-pbx, carrier-a]', 'user: "100", via: [hq-pbx, carrier-a, carrier-b]'),
)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon", (0,)),
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat-mon", (5, 6, 0)),
        ("sun-sun", (6,)),
        ("mon-sun", tuple(range(7))),
    ],
)
def test_days_are_one_or_a_range(text: str, days: tuple[int, ...]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "-", "mon-", "-fri", "Mon", "mon-fri-sun", "monday", "mon - fri"])
def test_other_days_are_refused(text: str) -> None:
    with pytest.raises(Mistake):
        parse_days(text)


def test_spans_are_seconds_of_the_wall_clock() -> None:
    assert parse_span("08:00-18:30") == (28800, 66600)
    assert parse_span("22:00-06:00") == (79200, 21600)
    assert parse_span("00:00-24:00") == (0, 86400)
    assert parse_span("18:00-00:00") == (64800, 0)


@pytest.mark.parametrize(
    "text", ["", "24:00-08:00", "08:00-08:00", "8:00-18:00", "08:60-09:00", "08:00-24:01", "28800"]
)
def test_other_spans_are_refused(text: str) -> None:
    with pytest.raises(Mistake):
        parse_span(text)


@pytest.mark.parametrize("text", ["", "/etc/passwd", "..", "America", "America/new_york", "EST5", "\0", "\ud800"])
def test_zones_are_names_of_iana(text: str) -> None:
    with pytest.raises(Mistake):
        parse_zone(text)
    assert parse_zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")


def test_holidays_of_a_country_have_names_for_years_ahead() -> None:
    closed = parse_holidays("US")
    assert closed[date(2026, 12, 25)] == "Christmas Day"
    assert date(2049, 7, 5) in closed, "observed: the 4th is a Sunday"
    assert date(2026, 3, 31) not in closed
    assert date(2026, 3, 31) in parse_holidays("US-CA"), "Cesar Chavez Day is California's"
    assert parse_holidays("2026-12-24") == {date(2026, 12, 24): "2026-12-24"}


def test_calendars_sites_and_conditions_are_compiled() -> None:
    dialplan = compiled(CHANGED)
    office = dialplan.hours["office"]
    assert str(office.zone) == "Europe/Berlin"
    assert office.open == (((28800, 64800),),) * 5 + (((36000, 43200), (46800, 50400)), ())
    assert date(2026, 12, 24) in office.holidays
    assert date(2026, 11, 1) in office.holidays, "All Saints' Day is Bavaria's"
    assert office.where == "acme.yaml:9"
    assert dialplan.sites == {"hq": Site("hq", ("hq-pbx", "carrier-b"), where="acme.yaml:11", active="carrier-b")}
    assert {name: trunk.site for name, trunk in dialplan.trunks.items()} == dict.fromkeys(dialplan.trunks, "hq")
    first, *others = dialplan.chains["sales"].stages
    assert first.when == When("office", "", ("+49",), (("carrier-a", True),), (("hq", False),))
    assert [stage.when for stage in others] == [None, None]


def test_the_active_pbx_comes_before_the_others_of_its_site() -> None:
    (target,) = compiled(CHANGED).chains["sales"].stages[0].targets
    assert [path.trunk for path in target.paths] == ["carrier-b", "hq-pbx", "carrier-a"]


def test_a_live_stage_for_each_half_of_a_calendar_is_a_live_end() -> None:
    both = bend(
        ("probes:", HOURS + "probes:"),
        (
            "      hedge: off\n",
            "      when: {hours: office}\n    - ring: [answering]\n      when: {not_hours: office}\n",
        ),
    )
    assert codes(both) == []
    assert codes(both.replace("{not_hours: office}", "{not_hours: office, caller: +1}")) == ["NO_LIVE_END"]

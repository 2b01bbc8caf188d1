"""Calendars as spans of one week: where they overlap, where they leave a gap, which one lies within another.

Owns the arithmetic. Seconds after Monday's midnight; a span over Sunday's midnight is cut in two. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from controller.rules.conditions import is_open
from controller.types import Hours

DAY = 86400
WEEK = 7 * DAY

Open = tuple[int, int]

#: A week of winter and one of summer, in the north, every half hour: when calendars of several zones are open together.
_MOMENTS = tuple(
    (monday + timedelta(minutes=30 * step)).timestamp()
    for monday in (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 7, 6, tzinfo=UTC))
    for step in range(7 * 48)
)


def spans_of(hours: Hours) -> Iterator[tuple[int, int, Open]]:
    """Each day and its spans: the day, which span of the day, begin and end; an end may be after the week's."""
    for day, spans in enumerate(hours.open):
        for index, (begin, end) in enumerate(spans):
            yield day, index, (day * DAY + begin, day * DAY + (end if end > begin else end + DAY))


def join(spans: Iterable[Open]) -> list[Open]:
    """The same time as spans that neither touch nor overlap, in order, within the week."""
    cut: list[Open] = []
    for begin, end in spans:
        cut.append((begin, min(end, WEEK)))
        if end > WEEK:
            cut.append((0, end - WEEK))
    joined: list[Open] = []
    for begin, end in sorted(cut):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def time_of(hours: Hours) -> list[Open]:
    """When a calendar is open in a week without holidays."""
    return join(span for _, _, span in spans_of(hours))


def covers(wide: Hours, narrow: Hours) -> bool:
    """Whether one is open whenever the other is."""
    if wide.zone is not narrow.zone or not wide.holidays.keys() <= narrow.holidays.keys():
        return False
    whole = time_of(wide)
    return all(any(begin <= first and last <= end for begin, end in whole) for first, last in time_of(narrow))


def fill_week(calendars: Iterable[Hours]) -> bool:
    """Whether one of them is open at any time."""
    known = list(calendars)
    if not known or any(each.holidays or each.zone is not known[0].zone for each in known):
        return False
    return join(span for each in known for _, _, span in spans_of(each)) == [(0, WEEK)]


def moods(calendars: Iterable[Hours]) -> set[tuple[bool, ...]]:
    """Which of some calendars are open and closed together at some time of a year without holidays."""
    plain = [replace(each, holidays={}) for each in calendars]
    return {tuple(is_open(each, moment) for each in plain) for moment in _MOMENTS}

"""Opening hours that load but are not what was meant: overlaps, gaps of a minute, hours that the clocks skip or repeat.

Owns the findings about spans; those about holidays are in `holidays`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from controller.config.diagnostics import quoted
from controller.config.hours import DAYS, parse_days
from controller.config.lint.ground import Ground, items
from controller.config.lint.week import DAY, WEEK, Open, spans_of
from controller.config.source import MapNode, ScalarNode
from controller.types import Hours

#: Nobody closes for so short a time: it is a last minute that was to be included. Seconds.
SHORTEST_GAP = 300
_AHEAD = 400  # days: each change of the clocks of the year to come


@dataclass(frozen=True, slots=True)
class _Written:
    """A span of one day of a calendar, and where it is written."""

    calendar: str
    day: int
    span: Open  # seconds after Monday's midnight
    node: ScalarNode


def check_hours(ground: Ground) -> None:
    """All findings of this file."""
    written = {name: sorted(_spans(ground, hours), key=_begin) for name, hours in ground.dialplan.hours.items()}
    for name, spans in written.items():
        _check_order(ground, spans)
        _check_clocks(ground, ground.dialplan.hours[name], spans)
    _check_chains(ground, written)


def _begin(written: _Written) -> Open:
    return written.span


def _spans(ground: Ground, hours: Hours) -> Iterator[_Written]:
    calendar = ground.section("hours").entries[hours.name]
    assert isinstance(calendar, MapNode)
    days = calendar.entries["open"]
    assert isinstance(days, MapNode)
    nodes = {day: items(node) for key, node in days.entries.items() for day in parse_days(key)}
    for day, index, span in spans_of(hours):
        node = nodes[day][index]
        assert isinstance(node, ScalarNode)
        yield _Written(hours.name, day, span, node)


def _check_order(ground: Ground, spans: list[_Written]) -> None:
    """Each span against the next one, and the last of the week against the first."""
    for index, this in enumerate(spans):
        after = spans[(index + 1) % len(spans)]
        begins = after.span[0] + (WEEK if index + 1 == len(spans) else 0)
        if this.span[1] % DAY == DAY - 60:
            _report_gap(ground, this, "at midnight", "24:00" if this.span[0] % DAY else "00:00-24:00")
        elif begins < this.span[1] and after is not this:
            message = f"{quoted(after.node.text)} overlaps {quoted(this.node.text)} in calendar {quoted(this.calendar)}"
            hint = "write one span, or let the second begin where the first ends"
            ground.report.warning(after.node, "HOURS_OVERLAP", message, hint)
        elif 0 < begins - this.span[1] <= SHORTEST_GAP and after is not this:
            _report_gap(ground, this, f"before {quoted(after.node.text)}", _clock(after.span[0]))


def _report_gap(ground: Ground, this: _Written, where: str, instead: str) -> None:
    message = f"calendar {quoted(this.calendar)} closes for a moment {where}: {quoted(this.node.text)} ends too early"
    hint = f"the last minute of a span is not in it: let it end at {instead}"
    ground.report.warning(this.node, "HOURS_GAP", message, hint)


def _check_chains(ground: Ground, written: dict[str, list[_Written]]) -> None:
    """Two calendars of one chain that are to follow each other."""
    for chain, _ in ground.chains():
        names = {stage.when.hours for stage in chain.stages if stage.when is not None and stage.when.hours}
        zones = {id(ground.dialplan.hours[name].zone) for name in names}
        if len(names) < 2 or len(zones) > 1:
            continue
        spans = sorted((each for name in names for each in written[name]), key=_begin)
        for index, this in enumerate(spans):
            after = spans[(index + 1) % len(spans)]
            begins = after.span[0] + (WEEK if index + 1 == len(spans) else 0)
            still = any(each.span[0] <= this.span[1] < each.span[1] for each in spans)
            if after.calendar != this.calendar and 0 < begins - this.span[1] <= SHORTEST_GAP and not still:
                other = f"before {quoted(after.node.text)} of {quoted(after.calendar)}"
                _report_gap(ground, this, other, _clock(after.span[0]))


def _clock(seconds: int) -> str:
    return f"{seconds % DAY // 3600:02}:{seconds % 3600 // 60:02}"


# --------------------------------------------------------------------------- clocks


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the clocks: the wall time that is skipped, or comes twice; seconds after midnight of the day."""

    day: date
    begin: int
    end: int
    skips: bool


def _check_clocks(ground: Ground, hours: Hours, spans: list[_Written]) -> None:
    """A calendar that opens or closes at a time that does not exist on one day, or exists twice."""
    for change in changes_of(hours.zone, ground.today):
        for each in spans:
            for seconds, word in ((each.span[0], "begins"), (each.span[1], "ends")):
                day, clock = divmod(seconds, DAY)
                if day % 7 == change.day.weekday() and change.begin < clock < change.end:
                    what = "skip" if change.skips else "repeat"
                    message = (
                        f"{quoted(each.node.text)} {word} at {_clock(clock)}, which the clocks of {hours.zone} {what} "
                        f"on a {DAYS[change.day.weekday()]} ({_clock(change.begin)} to {_clock(change.end)})"
                    )
                    hint = f"let it {word[:-1]} at {_clock(change.begin)} or {_clock(change.end)}"
                    ground.report.warning(each.node, "DST_HOUR", message, hint)


@lru_cache(maxsize=64)
def changes_of(zone: tzinfo, today: date) -> tuple[Change, ...]:
    """The changes of the clocks of a zone within the year that begins today."""
    noon = datetime.combine(today, time(12), UTC)
    found = []
    for days in range(_AHEAD):
        before, after = noon + timedelta(days=days), noon + timedelta(days=days + 1)
        if _offset(before, zone) != _offset(after, zone):
            found.append(_change(before, after, zone))
    return tuple(found)


def _change(low: datetime, high: datetime, zone: tzinfo) -> Change:
    old, new = _offset(low, zone), _offset(high, zone)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(middle, zone) == old else (low, middle)
    moment = (low + timedelta(microseconds=999_999)).replace(microsecond=0)
    first, last = sorted((moment + old, moment + new))
    midnight = datetime.combine(first.date(), time(), UTC)
    begin, end = ((each - midnight) // timedelta(seconds=1) for each in (first, last))
    return Change(first.date(), begin, end, skips=new > old)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()

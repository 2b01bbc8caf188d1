"""Conditions of stages: whether a stage's turn is now, for this caller, in this state of the trunks; and if not, why.

Owns the meaning of `when`, of opening hours and of a site that is down. Pure: the moment is an argument, and zone data
and the dates of holidays came with the dialplan.

Hours are wall time of their zone, so "08:00" stays eight in the morning when the clocks change; an hour that comes
twice in autumn is open or closed both times. A span over midnight belongs to the day on which it begins, holidays
included: the night that begins on Christmas Eve goes on after midnight.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from controller.types import Dialplan, HealthView, Hours, Offer, Order, Site, Stage, TargetState, When


def why_not(when: When, dialplan: Dialplan, offer: Offer, view: HealthView) -> str:
    """Why a stage is not to be tried now; "" if it is. All that `when` names must hold."""
    if when.hours and not is_open(hours := dialplan.hours[when.hours], offer.moment):
        return f"{hours.name} is closed: {show_moment(hours, offer.moment)}"
    if when.not_hours and is_open(hours := dialplan.hours[when.not_hours], offer.moment):
        return f"{hours.name} is open: {show_moment(hours, offer.moment)}"
    if when.callers and not any(_begins(offer.caller, prefix) for prefix in when.callers):
        return f"caller {offer.caller or 'unknown'} does not begin with {' or '.join(when.callers)}"
    for name, wanted_up in when.trunks:
        if is_down(view, name) == wanted_up:
            return f"trunk {name} is {_word(not wanted_up)}"
    for name, wanted_up in when.sites:
        if is_site_down(dialplan.sites[name], view) == wanted_up:
            return f"site {name} is {_word(not wanted_up)}"
    return ""


def is_overflow(when: When | None, found: Collection[str]) -> bool:
    """Whether a stage is one for what is full, and something of that is: ``found`` has the words for it."""
    return when is not None and any(word in found for word in when.overflow)


def depends_on_offer(stage: Stage) -> bool:
    """Whether two offers may find a stage in different moods, or its paths in another order, with the same health."""
    when = stage.when
    if when is not None and (when.hours or when.not_hours or when.callers):
        return True
    return stage.order in (Order.PRIORITY, Order.BEST) or any(
        target.dialled or target.drawn for target in stage.targets
    )


def is_down(view: HealthView, trunk: str) -> bool:
    """Whether a trunk is routed around: only DOWN is, doubt is not enough."""
    health = view.trunks.get(trunk)
    return health is not None and health.state is TargetState.DOWN


def is_site_down(site: Site, view: HealthView) -> bool:
    """A site without a living PBX is dark, whatever else still answers there."""
    return all(is_down(view, trunk) for trunk in site.pbx)


# --------------------------------------------------------------------------- hours


def is_open(hours: Hours, moment: float) -> bool:
    """Whether a calendar is open at a moment (seconds since the epoch)."""
    local = datetime.fromtimestamp(moment, hours.zone)
    clock = local.hour * 3600 + local.minute * 60 + local.second
    today = local.date()
    if any(begin <= clock < end or (end <= begin <= clock) for begin, end in _spans(hours, today)):
        return True
    yesterday = today - timedelta(days=1)
    return any(end <= begin and clock < end for begin, end in _spans(hours, yesterday))


def _spans(hours: Hours, day: date) -> tuple[tuple[int, int], ...]:
    return () if day in hours.holidays else hours.open[day.weekday()]


def show_moment(hours: Hours, moment: float) -> str:
    """A moment on the wall clock of a calendar, with the holiday it falls on."""
    local = datetime.fromtimestamp(moment, hours.zone)
    holiday = hours.holidays.get(local.date())
    return f"{local:%a %Y-%m-%d %H:%M} {hours.zone}" + (f", {holiday}" if holiday else "")


# --------------------------------------------------------------------------- words


def _begins(caller: str, prefix: str) -> bool:
    """Carriers differ in whether they send the plus of E.164."""
    return caller.removeprefix("+").startswith(prefix.removeprefix("+"))


def _word(up: bool) -> str:
    return "up" if up else "down"

"""What conditions of stages can mean together: which two never hold at once, which one never holds at all.

Owns the findings about `when`. Whether a condition holds now is `controller.rules.conditions`'.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground
from controller.config.lint.week import covers
from controller.types import Dialplan, Stage, When


def exclude(dialplan: Dialplan, one: When | None, other: When | None) -> bool:
    """Whether two conditions never hold at the same time."""
    if one is None or other is None:
        return False
    if _closed_while_open(dialplan, one.hours, other.not_hours) or _closed_while_open(
        dialplan, other.hours, one.not_hours
    ):
        return True
    for states, others in ((one.trunks, other.trunks), (one.sites, other.sites)):
        if any((name, not is_up) in others for name, is_up in states):
            return True
    return False


def _closed_while_open(dialplan: Dialplan, hours: str, not_hours: str) -> bool:
    """Whether one calendar is open whenever the other is, so that it is never the time of both conditions."""
    if not hours or not not_hours:
        return False
    return hours == not_hours or covers(dialplan.hours[not_hours], dialplan.hours[hours])


def is_time_of(stage: Stage, is_open: Mapping[str, bool]) -> bool:
    """Whether a stage may be tried at such a time, whatever else it waits for."""
    when = stage.when
    if when is None:
        return True
    return (not when.hours or is_open[when.hours]) and not (when.not_hours and is_open[when.not_hours])


def check_conditions(ground: Ground) -> None:
    """A stage whose condition never holds is never tried."""
    for chain, stage, node in ground.stages():
        why = _why_never(ground.dialplan, stage) if stage.when is not None else ""
        if why:
            message = f"a stage of chain {quoted(chain.name)} is never tried: {why}"
            ground.report.warning(node.keys["when"], "NEVER_TRUE", message, "change the condition, or remove the stage")


def _why_never(dialplan: Dialplan, stage: Stage) -> str:
    when = stage.when
    assert when is not None
    if when.hours and when.hours == when.not_hours:
        return f"{quoted(when.hours)} is never open and closed at once"
    if exclude(dialplan, when, when):
        return f"{quoted(when.not_hours)} is always open while {quoted(when.hours)} is"
    states = dict(when.trunks)
    trunks = {path.trunk for target in stage.targets for path in target.paths}
    for name, is_up in when.sites:
        pbx = dialplan.sites[name].pbx
        if not is_up and any(states.get(each) for each in pbx):
            return f"site {quoted(name)} is down only when all its PBXs are"
        if not is_up and all(dialplan.trunks[trunk].site == name for trunk in trunks):
            return f"all it rings is at site {quoted(name)}, and it waits for that to be down"
        if is_up and all(states.get(each) is False for each in pbx):
            return f"site {quoted(name)} is down when all its PBXs are"
    down = {name for name, is_up in when.trunks if not is_up}
    if trunks <= down:
        return f"all it rings is over {quoted(min(trunks))}, and it waits for that to be down"
    return ""

"""The timers of a stage: inherited (stage, else defaults, else built in; nearest wins) and held against each other.

Owns the inheritance and the rules no_reply < no_progress <= for, hedge < no_reply, stagger < for. A rule is broken
by two values; the report names both and where each comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from controller.config.diagnostics import Report, Span
from controller.config.duration import show_duration
from controller.config.model import DefaultsModel, RouteModel, StageModel
from controller.config.source import MapNode
from controller.types import Mode, Stage

#: The built-in values are those of the vocabulary file: one place for them.
_BUILT_IN: Mapping[str, Any] = {field.name: field.default for field in fields(Stage)}
#: `for` of an outbound route, seconds: whoever dials decides how long it rings, the PBX hangs up for him.
OUTBOUND_RING = 120.0
_TIMERS = ("ring", "no_reply", "no_progress", "stagger", "hedge")


class _Rule(NamedTuple):
    low: str
    high: str
    may_equal: bool = False


_RULES = (_Rule("no_reply", "no_progress"), _Rule("no_progress", "ring", may_equal=True), _Rule("hedge", "no_reply"))
_HYBRID_RULE = _Rule("stagger", "ring")


@dataclass(frozen=True, slots=True)
class Timer:
    """A value, the name of its key where it was written, and its place; ``at`` is None for a built-in one."""

    value: Any  # seconds; "auto" or None for a hedge
    key: str
    at: Span | None = None
    here: bool = False  # written in the very mapping that is checked

    def __str__(self) -> str:
        origin = "" if self.here else ", built in" if self.at is None else f", from defaults at {self.at.line_of_file}"
        return f"'{self.key}' ({show_duration(self.value)}{origin})"


Timers = Mapping[str, Timer]


def default_timers(model: DefaultsModel, node: MapNode | None, report: Report) -> Timers:
    """The timers that stages inherit; breaches among them are reported."""
    timers = {name: Timer(_BUILT_IN[name], name) for name in _TIMERS}
    if node is None:
        return timers
    for name in _TIMERS:
        if name in node.entries:
            timers[name] = Timer(getattr(model, name), name, node.keys[name], here=True)
    known = {name: timer for name, timer in timers.items() if name not in node.lost}
    _check(known, _RULES, "defaults", report)
    return {name: replace(timer, here=False) for name, timer in timers.items()}


def stage_timers(
    model: StageModel | RouteModel, node: MapNode, inherited: Timers, unsure: set[str], inside: str, report: Report
) -> Timers:
    """The timers of one stage, or of an outbound route. ``unsure``: keys of defaults whose values are wrong, so that nothing follows from them."""
    timers = dict(inherited)
    unknown = set(unsure)
    if isinstance(model, RouteModel):
        timers["ring"] = Timer(OUTBOUND_RING, "for")
        unknown.discard("ring")
    for name in _TIMERS:
        key, field = ("for", "turn") if name == "ring" else (name, name)
        if key in node.entries:
            timers[name] = Timer(getattr(model, field), key, node.keys[key], here=True)
            unknown.discard(name)
        elif key in node.lost:
            unknown.add(name)
    known = {name: timer for name, timer in timers.items() if name not in unknown}
    _check(known, _RULES, inside, report)
    if isinstance(model, StageModel) and model.mode is Mode.HYBRID:
        _check(known, (_HYBRID_RULE,), inside, report, at=node.keys["mode"])
    return timers


def _check(timers: Timers, rules: Iterable[_Rule], inside: str, report: Report, at: Span | None = None) -> None:
    """Report each rule that is broken by a value written here; ``at`` is the place where inherited ones break it."""
    for rule in rules:
        low, high = timers.get(rule.low), timers.get(rule.high)
        if low is None or high is None or not isinstance(low.value, float):
            continue
        if low.value < high.value or (rule.may_equal and low.value == high.value):
            continue
        place = low.at if low.here else high.at if high.here else at
        if place is None:
            continue  # said where it was written
        relation = "cannot be above" if rule.may_equal else "must be below"
        limit = f"{show_duration(high.value)} or less" if rule.may_equal else f"less than {show_duration(high.value)}"
        longer = "for" if rule.high == "ring" and inside != "defaults" else rule.high
        hint = f"write {rule.low}: {limit}, or a longer {longer}"
        report.error(place, "TIMER_ORDER", f"{low} {relation} {high} in {inside}", hint)

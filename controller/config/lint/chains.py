"""Chains that load but are wrong: that end nowhere, whose stages nobody hears.

Owns findings about stages, their targets and their order; those about time are in `waiting`, about what a condition can mean
in `conditions`, about ways that fail together in `ways`.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.config.diagnostics import Report, quoted
from controller.config.duration import show_duration
from controller.config.figures import stage_starts
from controller.config.lint.ground import Ground
from controller.config.lint.kinds import is_voicemail
from controller.config.lint.week import fill_week
from controller.config.shares import warn_all_wait, warn_never_full, what_fills
from controller.config.source import ListNode, MapNode, Node
from controller.types import Chain, Dialplan, Mode, Stage, When

#: RFC 3261 §16.6 step 11: a proxy may give an unanswered INVITE up after three minutes (Timer C).
TIMER_C = 180.0


def check_chains(ground: Ground) -> None:
    """All findings about chains that were written."""
    dialplan, report = ground.dialplan, ground.report
    keys = ground.section("chains").keys
    for chain, stages in ground.chains():
        key = keys[chain.name]
        warn_all_wait(chain, key, report)
        warn_no_live_end(ground, chain, ring_key(stages.items[-1]))
        warn_unreachable(chain, [ring_key(stage) for stage in stages.items], report)
    fills = what_fills(dialplan)
    for _, stage, node in ground.stages():
        warn_never_joins(stage, node, report)
        warn_idle_stagger(stage, node, report)
        warn_never_full(fills, stage, node, report)


def ring_key(stage: Node) -> Node:
    assert isinstance(stage, MapNode)
    return stage.keys["ring"]


def warn_no_live_end(ground: Ground, chain: Chain, at: Node) -> None:
    """A chain that does not always end with somebody who always answers is a dead end; voicemail may stand behind."""
    hint = "end it with an endpoint that always answers and has live: true"
    last = [stage for stage in chain.stages if not all(is_voicemail(ground, target) for target in stage.targets)][-1:]
    if not last or not _is_live(last[0]):
        message = f"chain {quoted(chain.name)} ends with no live terminus"
        ground.report.warning(at, "NO_LIVE_END", message, hint)
        return
    live = (stage.when for stage in chain.stages if _is_live(stage) and not stage.after)
    if not _always(ground.dialplan, live):
        message = f"chain {quoted(chain.name)} ends with a live terminus under conditions only"
        ground.report.warning(at, "NO_LIVE_END", message, "end it with a live stage without 'when'")


def _is_live(stage: Stage) -> bool:
    return any(target.live for target in stage.targets)


def _always(dialplan: Dialplan, conditions: Iterable[When | None]) -> bool:
    """Whether one of them holds at any time: none at all, a calendar and its opposite, or calendars that fill the week."""
    known = set(conditions)
    open_only = {when.hours for when in known if when and when == When(hours=when.hours) and when.hours}
    if None in known or any(When(not_hours=hours) in known for hours in open_only):
        return True
    return fill_week(dialplan.hours[hours] for hours in open_only)


def warn_unreachable(chain: Chain, nodes: list[Node], report: Report) -> None:
    """Nobody waits for a stage that begins when the call has been given up on the way here."""
    for number, (start, node) in enumerate(zip(stage_starts(chain), nodes, strict=True), 1):
        if start >= TIMER_C:
            rings = show_duration(start)
            message = (
                f"stage {number} of chain {quoted(chain.name)} is never reached: {rings} of ringing come before it"
            )
            hint = f"shorten the stages before: a call is given up after {show_duration(TIMER_C)} (RFC 3261 Timer C)"
            report.warning(node, "UNREACHABLE", message, hint)
            return  # all that follows is as late


def warn_never_joins(stage: Stage, node: MapNode, report: Report) -> None:
    """In a hybrid stage a target joins every `stagger`: the last ones may come after its end."""
    if stage.mode is not Mode.HYBRID:
        return
    ring = node.entries["ring"]
    assert isinstance(ring, ListNode)
    for index, target in enumerate(stage.targets):
        joins = index * stage.stagger
        if joins >= stage.ring:
            message = f"{quoted(target.endpoint)} never rings: it would join after {show_duration(joins)}"
            hint = f"the stage ends after {show_duration(stage.ring)}: lower stagger, or write a longer for"
            report.warning(ring.items[index], "UNREACHABLE", message, hint)


def warn_idle_stagger(stage: Stage, node: MapNode, report: Report) -> None:
    """`stagger` belongs to hybrid stages: elsewhere somebody expects what will not happen."""
    if stage.mode is not Mode.HYBRID and "stagger" in node.keys:
        message = f"'stagger' has no effect in mode {stage.mode.value}"
        report.warning(node.keys["stagger"], "NO_EFFECT", message, "write mode: hybrid, or remove it")

"""Time that callers do not have: chains longer than their patience, phones that ring too short, probes that come too late.

Owns the findings about seconds; the arithmetic is `controller.config.figures`'. Whatever a chain says, two clocks run that it
cannot stop: callers hang up after about a minute of ringing (three minutes at most, RFC 3261 Timer C), and so `patience` is
60 s unless `defaults` says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.config.diagnostics import quoted
from controller.config.duration import parse_duration, show_duration
from controller.config.figures import detection_time, ringing_time
from controller.config.lint.chains import TIMER_C
from controller.config.lint.ground import Ground, items
from controller.config.lint.kinds import is_mobile
from controller.config.source import MapNode, ScalarNode
from controller.types import Chain, Mode, Stage, When

PATIENCE = 60.0  # seconds: what callers wait, and what many carriers let them
SHORTEST_RING = 5.0  # seconds: ringing comes every 4 to 6 seconds, so less may not be heard once
SHORTEST_PROGRESS = 3.0  # seconds: carriers need so long to find a phone, and for one abroad or a mobile twice that
SHORTEST_MOBILE = 10.0  # seconds: its network pages it first, which takes 3 to 8 of them


def check_waiting(ground: Ground) -> None:
    """All findings of this file."""
    patience = _patience(ground)
    for chain, nodes in ground.chains():
        late = _first_late(ground, chain, patience)
        if late is not None:
            index, begins = late
            first = nodes.items[index]
            assert isinstance(first, MapNode)
            message = (
                f"nobody who always answers is rung before {show_duration(begins)} in chain {quoted(chain.name)}: "
                f"callers wait {show_duration(patience)}"
            )
            hint = "shorten the stages before, or say defaults: {patience: ...} if your callers wait longer"
            ground.report.warning(first.keys["ring"], "LONG_WAIT", message, hint)
    for _, stage, node in ground.stages():
        _check_short(ground, stage, node)
        _check_hasty(ground, stage, node)
    _check_probes(ground)


def _patience(ground: Ground) -> float:
    node = ground.section("defaults").entries.get("patience")
    return parse_duration(node.text) if isinstance(node, ScalarNode) else PATIENCE


def _first_late(ground: Ground, chain: Chain, patience: float) -> tuple[int, float] | None:
    """The first live stage and when it begins at the worst, if that is too late. What comes after Timer C is no news."""
    worst = None
    if sum(map(ringing_time, chain.stages)) > patience:
        for is_open in ground.moods_of(chain) or [{}]:
            found = _first_live(chain, is_open)
            if found is not None and patience < found[1] < TIMER_C and (worst is None or found[1] > worst[1]):
                worst = found
    return worst


def _first_live(chain: Chain, is_open: Mapping[str, bool]) -> tuple[int, float] | None:
    """The first live stage of such a time, and the seconds after which it begins."""
    begins = 0.0
    for index, stage in enumerate(chain.stages):
        if stage.after or not _holds(stage.when, is_open):
            continue
        if any(target.live for target in stage.targets):
            return index, begins
        begins += ringing_time(stage)
    return None


def _holds(when: When | None, is_open: Mapping[str, bool]) -> bool:
    """Whether a stage is tried at such a time, when all trunks are up and nothing is full."""
    if when is None:
        return True
    if when.callers or when.overflow or not all(up for _, up in (*when.trunks, *when.sites)):
        return False
    return (not when.hours or is_open[when.hours]) and not (when.not_hours and is_open[when.not_hours])


def _check_short(ground: Ground, stage: Stage, node: MapNode) -> None:
    """Nobody gets to a phone that rings once."""
    ring = items(node.entries["ring"])
    for index, target in enumerate(stage.targets):
        joins = stage.stagger * index if stage.mode is Mode.HYBRID else 0.0
        rings = stage.ring - joins
        if not 0 < rings < SHORTEST_MOBILE or target.live:
            continue
        is_paged = is_mobile(ground, target)
        shortest = SHORTEST_MOBILE if is_paged else SHORTEST_RING
        if rings < shortest:
            why = "its network needs some of them to find it" if is_paged else "nobody answers that fast"
            message = f"{quoted(target.endpoint)} rings for {show_duration(rings)} only: {why}"
            at = ring[index] if joins else node.keys.get("for", ring[index])
            hint = f"let it ring for {show_duration(shortest)} at least"
            ground.report.warning(at, "SHORT_RING", message, hint)
            return


def _check_hasty(ground: Ground, stage: Stage, node: MapNode) -> None:
    """A carrier that is given up before it can have found the phone never carries a call."""
    trunks = ground.dialplan.trunks
    by_carrier = (each for each in stage.targets if any(trunks[path.trunk].carrier for path in each.paths))
    target = next(by_carrier, None)
    if target is None or stage.no_progress >= SHORTEST_PROGRESS:
        return
    at = node.keys.get("no_progress") or ground.section("defaults").keys.get("no_progress") or node.keys["ring"]
    given_up = show_duration(stage.no_progress)
    message = f"{quoted(target.endpoint)} is given up if it does not ring after {given_up}: carriers often take longer"
    hint = f"write no_progress: {show_duration(SHORTEST_PROGRESS)} at least, better 8s; silence is what no_reply is for"
    ground.report.warning(at, "SHORT_RING", message, hint)


def _check_probes(ground: Ground) -> None:
    """Where nothing is hedged each call waits for a dead trunk, until probes have found it."""
    slow: dict[str, Stage] = {}
    for _, stage, _ in ground.stages():
        if stage.hedge is None:
            for target in stage.targets:
                slow.setdefault(target.paths[0].trunk, stage)
    for name, stage in slow.items():
        probe = ground.dialplan.trunks[name].probe
        node = ground.section("trunks").entries[name]
        assert isinstance(node, MapNode)
        if probe is None or "probe" not in node.entries or detection_time(probe) <= stage.ring:
            continue
        message = (
            f"trunk {quoted(name)} is found dead after {show_duration(round(detection_time(probe), 2))}: until then each call "
            f"waits {show_duration(stage.no_reply)} for it, since a stage says hedge: off"
        )
        hint = f"remove hedge: off ({stage.where}), or use a faster probe"
        ground.report.warning(node.entries["probe"], "SLOW_PROBE", message, hint)

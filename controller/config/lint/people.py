"""Who takes the call before a person can: voicemail, mobiles that are switched off, a live endpoint beside others.

Owns the findings about who answers first; how they are recognised is `kinds`.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.duration import show_duration
from controller.config.lint.conditions import exclude, is_time_of
from controller.config.lint.ground import Ground, items
from controller.config.lint.kinds import is_mobile, is_voicemail
from controller.config.source import MapNode, Node
from controller.types import Chain, Mode, Stage, Target

#: Carriers give a mobile that rings to its voicemail after 15 to 30 seconds, unless its owner says otherwise.
MOBILE_RINGS = 30.0


def check_people(ground: Ground) -> None:
    """All findings of this file."""
    for chain, _ in ground.chains():
        _check_voicemail(ground, chain)
        _check_same_phone(ground, chain)
    for chain, stage, node in ground.stages():
        ring = items(node.entries["ring"])
        if len(stage.targets) > 1 and stage.mode is not Mode.SEQUENTIAL:
            _check_live(ground, stage, ring)
        if stage.mode is Mode.PARALLEL:
            _check_mobiles(ground, stage, ring)
        if stage is not chain.stages[-1] and stage.ring > MOBILE_RINGS:
            _check_long(ground, stage, node)


def _check_voicemail(ground: Ground, chain: Chain) -> None:
    """Voicemail answers at once: who comes after it is never rung."""
    rung = _rung(ground, chain)
    for index, (stage, target, node) in enumerate(rung):
        if not is_voicemail(ground, target) or stage.after or _is_chosen(stage):
            continue
        for later, other, _ in rung[index + 1 :]:
            if other.live and not is_voicemail(ground, other) and not exclude(ground.dialplan, stage.when, later.when):
                message = (
                    f"voicemail {quoted(target.endpoint)} takes the call before {quoted(other.endpoint)} is rung "
                    f"in chain {quoted(chain.name)}"
                )
                ground.report.warning(node, "VOICEMAIL_FIRST", message, "ring the voicemail last: it always answers")
                break


def _rung(ground: Ground, chain: Chain) -> list[tuple[Stage, Target, Node]]:
    """All whom a chain rings, with the stage and where each is written."""
    return [
        (stage, target, node)
        for _, stage, nodes in ground.stages_of(chain)
        for target, node in zip(stage.targets, items(nodes.entries["ring"]), strict=True)
    ]


def _check_same_phone(ground: Ground, chain: Chain) -> None:
    """One phone under two names hears the same call twice, is busy with itself, or rings on when nobody was there before."""
    seen: dict[frozenset[tuple[str, str]], list[tuple[Stage, Target]]] = {}
    for stage, target, node in _rung(ground, chain):
        trunks = ground.dialplan.trunks  # a phone that registers has no address: it is its trunk
        where = ((path.address, path.trunk if trunks[path.trunk].registered else "") for path in target.paths)
        before = seen.setdefault(frozenset(where), [])
        for earlier, other in before:
            if other.endpoint != target.endpoint and _meet(ground, chain, earlier, stage):
                again = "" if earlier is stage else f", which has had its turn before in chain {quoted(chain.name)}"
                message = f"{quoted(target.endpoint)} is the same phone as {quoted(other.endpoint)}{again}"
                ground.report.warning(node, "SAME_PHONE", message, "remove one of the two, or write its own number")
                break
        before.append((stage, target))


def _meet(ground: Ground, chain: Chain, one: Stage, other: Stage) -> bool:
    """Whether one call may come to both stages."""
    if one is other:
        return True
    times = ground.moods_of(chain) or [{}]
    together = any(is_time_of(one, is_open) and is_time_of(other, is_open) for is_open in times)
    return together and not exclude(ground.dialplan, one.when, other.when)


def _is_chosen(stage: Stage) -> bool:
    """Whether somebody said for which callers, or for what is full, the stage is."""
    return stage.when is not None and bool(stage.when.callers or stage.when.overflow)


def _check_live(ground: Ground, stage: Stage, ring: list[Node]) -> None:
    """Who always answers answers first: the people beside him are rung for a moment."""
    people = [target for target in stage.targets if not target.live]
    for index, (target, node) in enumerate(zip(stage.targets, ring, strict=True)):
        is_last = stage.mode is Mode.HYBRID and index == len(ring) - 1
        always = target.live or is_voicemail(ground, target)
        others = [other for other in people if other is not target]
        if always and others and not is_last:
            message = f"{quoted(target.endpoint)} always answers, and rings beside {quoted(others[0].endpoint)}"
            ground.report.warning(node, "LIVE_BESIDE", message, "ring it in the next stage: people need time to answer")


def _check_mobiles(ground: Ground, stage: Stage, ring: list[Node]) -> None:
    """A mobile that is switched off gives the call to its voicemail at once, and everybody else stops ringing."""
    plain = [target for target in stage.targets if not target.live and not is_voicemail(ground, target)]
    mobiles = [target for target in plain if is_mobile(ground, target)]
    desks = [target for target in plain if target not in mobiles]
    if not desks:
        return  # whichever of them rings, none of them is a safer one
    for target, node in zip(stage.targets, ring, strict=True):
        if target in mobiles:
            message = (
                f"the voicemail of mobile {quoted(target.endpoint)} may take the call while "
                f"{quoted(desks[0].endpoint)} rings"
            )
            hint = "ring mobiles in a later stage, or last in mode: hybrid"
            ground.report.warning(node, "MOBILE_VOICEMAIL", message, hint)


def _check_long(ground: Ground, stage: Stage, node: MapNode) -> None:
    """Whoever rings a mobile for so long reaches its voicemail, and never the next stage."""
    for target, item in zip(stage.targets, items(node.entries["ring"]), strict=True):
        if not target.live and is_mobile(ground, target):
            message = (
                f"mobile {quoted(target.endpoint)} rings for {show_duration(stage.ring)}: "
                "its voicemail takes the call before the next stage"
            )
            at = node.keys.get("for", item)
            hint = f"write for: {show_duration(MOBILE_RINGS)} or less"
            ground.report.warning(at, "MOBILE_VOICEMAIL", message, hint)
            return

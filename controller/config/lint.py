"""What loads but is wrong: warnings about a dialplan that compiled.

Owns the judgement, one function a finding. It runs only on files without errors: what a broken file lacks would
look like a flaw of its design.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.config.diagnostics import Report, quoted
from controller.config.duration import show_duration
from controller.config.figures import stage_starts
from controller.config.listen import warn_idle_advertise
from controller.config.names import KINDS, Names
from controller.config.shares import warn_all_wait, warn_never_full
from controller.config.source import ListNode, MapNode, Node
from controller.rules.match import match_route
from controller.types import Chain, Dialplan, Mode, Offer, Order, Stage, Trunk, When

#: RFC 3261 §16.6 step 11: a proxy may give an unanswered INVITE up after three minutes (Timer C).
TIMER_C = 180.0


def lint(dialplan: Dialplan, root: MapNode, names: Names, report: Report) -> None:
    """Report every finding; ``root`` is what the dialplan was compiled from."""
    warn_unused(names, report)
    if not dialplan.listen:
        return  # messages alone: no section of calls is there
    warn_idle_advertise(dialplan, root, report)
    warn_order(dialplan, root.entries["trunks"], report)
    warn_leads_back(dialplan, root.entries["trunks"], report)
    _lint_chains(dialplan, root.entries.get("chains"), report)
    _lint_outbound(dialplan, root, report)


def _lint_chains(dialplan: Dialplan, chains: Node | None, report: Report) -> None:
    if not isinstance(chains, MapNode):
        return  # nobody is called in: there are messages, and outbound routes at most
    for chain in (dialplan.chains[name] for name in chains.entries):
        stages = chains.entries[chain.name]
        assert isinstance(stages, ListNode)
        warn_shared_domain(dialplan, chain, f"chain {quoted(chain.name)}", chains.keys[chain.name], report)
        warn_all_wait(chain, chains.keys[chain.name], report)
        warn_no_live_end(chain, _ring_key(stages.items[-1]), report)
        warn_unreachable(chain, [_ring_key(stage) for stage in stages.items], report)
        for stage, node in zip(chain.stages, stages.items, strict=True):
            assert isinstance(node, MapNode)
            warn_never_joins(stage, node, report)
            warn_idle_stagger(stage, node, report)
            warn_never_full(dialplan, stage, node, report)


def _lint_outbound(dialplan: Dialplan, root: MapNode, report: Report) -> None:
    routes, chains = root.entries.get("routes"), root.entries.get("chains")
    if not isinstance(routes, ListNode):
        return
    written = chains.entries if isinstance(chains, MapNode) else {}
    nodes = [node for node in routes.items if isinstance(node, MapNode) and "outbound" in node.entries]
    outbound = [chain for name, chain in dialplan.chains.items() if name not in written]
    for chain, node in zip(outbound, nodes, strict=True):
        warn_shared_domain(dialplan, chain, f"route {quoted(chain.name)}", node.keys["outbound"], report)


#: What each order looks at.
_LOOKS_AT = {
    Order.CONFIGURED: frozenset[str](),
    Order.PRIORITY: frozenset(("priority", "weight")),
    Order.COST: frozenset(("cost", "priority")),
    Order.BEST: frozenset(("cost",)),
}


def warn_order(dialplan: Dialplan, trunks: Node, report: Report) -> None:
    """What does nothing must not look as if it did something."""
    assert isinstance(trunks, MapNode)
    stages = [stage for chain in dialplan.chains.values() for stage in chain.stages]
    ordered = {
        (path.trunk, word)
        for stage in stages
        if (words := _LOOKS_AT[stage.order])
        for target in stage.targets
        for path in target.paths
        for word in words
    }
    ordered |= {
        (path.trunk, "cost")
        for stage in stages
        if stage.max_cost is not None
        for target in stage.targets
        for path in target.paths
    }
    for name, trunk in trunks.entries.items():
        assert isinstance(trunk, MapNode)
        for word in ("priority", "weight", "cost"):
            if word in trunk.keys and (name, word) not in ordered:
                message = f"{quoted(word)} has no effect: no chain orders trunk {quoted(name)} by it"
                order = Order.COST if word == "cost" else Order.PRIORITY
                hint = f"write order: {order} in a stage that uses it, or in defaults, or remove it"
                report.warning(trunk.keys[word], "NO_EFFECT", message, hint)


def warn_leads_back(dialplan: Dialplan, trunks: Node, report: Report) -> None:
    """A test call to a number of ours would come back as a call, and ring people."""
    assert isinstance(trunks, MapNode)
    for name, node in trunks.entries.items():
        deep = dialplan.trunks[name].deep
        keys = node.entries.get("deep") if isinstance(node, MapNode) else None
        if deep is None or not isinstance(keys, MapNode) or "number" not in keys.entries:
            continue
        route = match_route(dialplan, Offer("", deep.user))
        if route is not None and route is not dialplan.default:
            message = f"the test number of trunk {quoted(name)} is a number of ours: each test call rings people"
            hint = f"name a test number of the carrier ({quoted(deep.user)} is routed at {route.where})"
            report.warning(keys.entries["number"], "LEADS_BACK", message, hint)


def _ring_key(stage: Node) -> Node:
    assert isinstance(stage, MapNode)
    return stage.keys["ring"]


def warn_unused(names: Names, report: Report) -> None:
    """A name that nothing uses is a name that somebody forgot."""
    for section, kind in KINDS.items():
        for key in names.unused(section) if section in _USERS else ():
            message = f"{kind} {quoted(key.text)} is never used"
            report.warning(key, "UNUSED", message, f"use it in {_USERS[section]}, or remove it")


_USERS = {
    "trunks": "the 'via' of an endpoint or an outbound route",
    "probes": "the 'probe' of a trunk",
    "endpoints": "the 'ring' of a stage",
    "chains": "the 'chain' of a route",
    "hours": "the 'when' of a stage",
    "tenants": "the 'tenant' of a route",
    "providers": "a step of its channel",
}


def warn_shared_domain(dialplan: Dialplan, chain: Chain, what: str, at: Node, report: Report) -> None:
    """A chain whose ways all share a trunk, a carrier or a site ends with it."""
    trunks = {path.trunk for stage in chain.stages for target in stage.targets for path in target.paths}
    shared = set.intersection(*(_domains(dialplan.trunks[trunk]) for trunk in trunks))
    if not shared:
        return
    kind, name = min(shared)  # a carrier before the site it comes in at
    message = f"all of {what} hangs on {kind} {quoted(name)}"
    other = "another site" if kind == "site" else "another carrier or trunk"
    whom = "it" if chain.stages[0].targets[0].dialled else "a target"
    report.warning(at, "SHARED_DOMAIN", message, f"give {whom} a second way, over {other}")


def _domains(trunk: Trunk) -> set[tuple[str, str]]:
    """What a trunk fails together with."""
    domains = {("carrier", trunk.carrier) if trunk.carrier else ("trunk", trunk.name)}
    return domains | {("site", trunk.site)} if trunk.site else domains


def warn_no_live_end(chain: Chain, at: Node, report: Report) -> None:
    """A chain that does not always end with somebody who always answers is a dead end."""
    hint = "end it with an endpoint that always answers and has live: true"
    if not _is_live(chain.stages[-1]):
        report.warning(at, "NO_LIVE_END", f"chain {quoted(chain.name)} ends with no live terminus", hint)
    elif not _always(stage.when for stage in chain.stages if _is_live(stage) and not stage.after):
        message = f"chain {quoted(chain.name)} ends with a live terminus under conditions only"
        report.warning(at, "NO_LIVE_END", message, "end it with a live stage without 'when'")


def _is_live(stage: Stage) -> bool:
    return any(target.live for target in stage.targets)


def _always(conditions: Iterable[When | None]) -> bool:
    """Whether one of them holds at any time: one is none at all, or two are a calendar and its opposite."""
    known = set(conditions)
    open_only = {when.hours for when in known if when and when == When(hours=when.hours)}
    return None in known or any(When(not_hours=hours) in known for hours in open_only)


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

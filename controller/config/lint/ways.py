"""Ways that fail together: chains and outbound routes all of whose ways hang on one carrier, trunk or site, always or at some times.

Owns what fails together, and the findings about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.config.diagnostics import quoted
from controller.config.lint.conditions import is_time_of
from controller.config.lint.ground import Ground
from controller.config.source import Node
from controller.types import Chain, Stage, Trunk


def check_ways(ground: Ground) -> None:
    """All findings of this file."""
    keys = ground.section("chains").keys
    for chain, _ in ground.chains():
        _check_chain(ground, chain, keys[chain.name])
    written = ground.section("chains").entries
    nodes = [node for node in ground.routes() if "outbound" in node.entries]
    outbound = [chain for name, chain in ground.dialplan.chains.items() if name not in written]
    for chain, node in zip(outbound, nodes, strict=True):
        if shared := _shared(ground, chain.stages):
            _report(ground, node.keys["outbound"], f"route {quoted(chain.name)}", shared, "it")


def _check_chain(ground: Ground, chain: Chain, at: Node) -> None:
    what = f"chain {quoted(chain.name)}"
    if shared := _shared(ground, chain.stages):
        _report(ground, at, what, shared, "a target")
        return
    for is_open in ground.moods_of(chain):
        stages = [stage for stage in chain.stages if is_time_of(stage, is_open)]
        if stages and (shared := _shared(ground, stages)):
            _report(ground, at, f"{what}, while {_show_mood(is_open)},", shared, "a target of that time")
            return  # one time is enough to see it


def _show_mood(is_open: Mapping[str, bool]) -> str:
    names = [name for name, is_so in is_open.items() if is_so] or [*is_open]
    state = "open" if any(is_open.values()) else "closed"
    return f"{' and '.join(map(quoted, names))} {'is' if len(names) == 1 else 'are'} {state}"


def _shared(ground: Ground, stages: Iterable[Stage]) -> tuple[str, str] | None:
    """What all ways of some stages fail together with: "carrier", "site" or "trunk", and its name."""
    trunks = {path.trunk for stage in stages for target in stage.targets for path in target.paths}
    shared = set.intersection(*(_domains(ground.dialplan.trunks[trunk]) for trunk in trunks))
    return min(shared, default=None)  # a carrier before the site it comes in at


def _domains(trunk: Trunk) -> set[tuple[str, str]]:
    domains = {("carrier", trunk.carrier) if trunk.carrier else ("trunk", trunk.name)}
    return domains | {("site", trunk.site)} if trunk.site else domains


def _report(ground: Ground, at: Node, what: str, shared: tuple[str, str], whom: str) -> None:
    kind, name = shared
    other = "another site" if kind == "site" else "another carrier or trunk"
    message = f"all of {what} hangs on {kind} {quoted(name)}"
    ground.report.warning(at, "SHARED_DOMAIN", message, f"give {whom} a second way, over {other}")

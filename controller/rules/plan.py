"""From a chain to a plan: what would be tried now, in which order, and what is left out and why.

Owns the use of health in routing: a trunk that is DOWN is routed around, and panic beats pride, so when nothing
looks alive health is ignored. Must not start anything; a run executes the plan unchanged.
"""

from __future__ import annotations

from dataclasses import replace

from controller.types import LEAST_HEDGE, Chain, Dialplan, HealthView, Plan, Skipped, Stage, Target, TargetState


def make_plan(dialplan: Dialplan, chain: Chain, view: HealthView) -> Plan:
    """Resolve a chain against the health of this moment."""
    skipped: list[Skipped] = []
    stages = [kept for stage in chain.stages if (kept := _usable(stage, view, skipped)) is not None]
    panic = not stages
    if panic:
        stages = list(chain.stages)
    trunks = {path.trunk for stage in stages for target in stage.targets for path in target.paths}
    return Plan(
        chain=chain.name,
        stages=tuple(stages),
        hedges={
            name: max(LEAST_HEDGE, health.hedge)
            for name in sorted(trunks)
            if (health := view.trunks.get(name)) is not None
        },
        causes=dialplan.causes,
        skipped=tuple(skipped),
        panic=panic,
        version=dialplan.version,
    )


def _usable(stage: Stage, view: HealthView, skipped: list[Skipped]) -> Stage | None:
    """The stage without what is down; None when nobody is left in it."""
    targets: list[Target] = []
    for target in stage.targets:
        paths = tuple(path for path in target.paths if not _is_down(view, path.trunk))
        skipped.extend(
            Skipped(path.name, f"{path.trunk} is down ({view.trunks[path.trunk].code})")
            for path in target.paths
            if path not in paths
        )
        if paths:
            targets.append(replace(target, paths=paths))
    return replace(stage, targets=tuple(targets)) if targets else None


def _is_down(view: HealthView, trunk: str) -> bool:
    health = view.trunks.get(trunk)
    return health is not None and health.state is TargetState.DOWN

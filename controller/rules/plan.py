"""From a chain to a plan: what would be tried now, in which order, and what is left out and why.

Owns the use of conditions and of health in routing (the order of paths is rules.order's): a stage whose condition does not hold is skipped; a trunk that is
DOWN is routed around, and so is all of a site whose PBXs are. Panic beats pride: when nothing looks alive health is
ignored, but not the conditions. Must not start anything; a run executes the plan unchanged.
"""

from __future__ import annotations

from dataclasses import replace

from controller.rules.conditions import is_down, is_site_down, why_not
from controller.rules.order import arrange
from controller.types import LEAST_HEDGE, Chain, Dialplan, HealthView, Offer, Path, Plan, Skipped, Stage, Target


def make_plan(dialplan: Dialplan, chain: Chain, view: HealthView, offer: Offer) -> Plan:
    """Resolve a chain against the health of this moment, for this offer."""
    skipped: list[Skipped] = []
    chain = arrange(dialplan, chain, offer)
    due = _due(dialplan, chain, view, offer, skipped)
    dark = {name for name, site in dialplan.sites.items() if is_site_down(site, view)} if dialplan.sites else set()
    stages = [
        kept for number, stage in due if (kept := _usable(dialplan, stage, number, view, dark, skipped)) is not None
    ]
    panic = not stages and bool(due)
    if panic:
        stages = [stage for _, stage in due]
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


def _due(
    dialplan: Dialplan, chain: Chain, view: HealthView, offer: Offer, skipped: list[Skipped]
) -> list[tuple[int, Stage]]:
    """The stages whose conditions hold, with their numbers; a plan has no conditions any more."""
    due = []
    for number, stage in enumerate(chain.stages, 1):
        if stage.when is None:
            due.append((number, stage))
        elif why := why_not(stage.when, dialplan, offer, view):
            skipped.append(Skipped(f"stage {number}", why, number))
        else:
            due.append((number, replace(stage, when=None)))
    return due


def _usable(
    dialplan: Dialplan, stage: Stage, number: int, view: HealthView, dark: set[str], skipped: list[Skipped]
) -> Stage | None:
    """The stage without what is down; None when nobody is left in it."""
    targets: list[Target] = []
    for target in stage.targets:
        paths = []
        for path in target.paths:
            why = _why_dead(dialplan, path, view, dark)
            if why:
                skipped.append(Skipped(path.name, why, number))
            else:
                paths.append(path)
        if paths:
            targets.append(replace(target, paths=tuple(paths)))
    return replace(stage, targets=tuple(targets)) if targets else None


def _why_dead(dialplan: Dialplan, path: Path, view: HealthView, dark: set[str]) -> str:
    if is_down(view, path.trunk):
        return f"{path.trunk} is down ({view.trunks[path.trunk].code})"
    if dark and (site := dialplan.trunks[path.trunk].site) in dark:
        return f"site {site} is down"
    return ""

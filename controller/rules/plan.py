"""From a chain to a plan: what would be tried now, in which order, and what is left out and why.

Owns the use of conditions and of health in routing (the order of paths is otherwise rules.order's): a stage whose
condition does not hold is skipped; a trunk that is DOWN is routed around, and so is all of a site whose PBXs are; a
trunk that is DEGRADED is tried behind the others of the same target, and never left out; so is one whose calls fail
(rules.quality). Panic beats pride: when
nothing looks alive, or our own uplink is suspected, health is ignored, but not the conditions. Must not start anything;
a run executes the plan unchanged.
"""

from __future__ import annotations

from dataclasses import replace

from controller.rules.conditions import is_down, is_site_down, why_not
from controller.rules.order import arrange
from controller.rules.quality import Quality
from controller.types import (
    Chain,
    Decided,
    Demoted,
    Dialplan,
    HealthView,
    Offer,
    Path,
    Plan,
    Skipped,
    Stage,
    Target,
    TargetState,
)


def make_plan(dialplan: Dialplan, chain: Chain, view: HealthView, offer: Offer, quality: Quality | None = None) -> Plan:
    """Resolve a chain against the health of this moment, for this offer. Without ``quality`` none is known."""
    skipped: list[Skipped] = []
    demoted: list[Demoted] = []
    decided: list[Decided] = []
    chain = arrange(dialplan, chain, offer)
    due = _due(dialplan, chain, view, offer, skipped)
    dark = {name for name, site in dialplan.sites.items() if is_site_down(site, view)} if dialplan.sites else set()
    degraded = {name for name, health in view.trunks.items() if health.state is TargetState.DEGRADED}
    stages = [
        (kept, number)
        for number, stage in due
        if (kept := _usable(dialplan, stage, number, view, dark, skipped)) is not None
    ]
    if quality is not None:
        stages = [(_sort(dialplan, stage, number, offer, quality, decided), number) for stage, number in stages]
    if degraded:
        stages = [(_demote(stage, number, view, degraded, demoted), number) for stage, number in stages]
    panic = bool(due) and (not stages or bool(view.uplink))
    if panic:
        stages = [(stage, number) for number, stage in due]
        demoted.clear()
        decided.clear()
    trunks = {path.trunk for stage, _ in stages for target in stage.targets for path in target.paths}
    return Plan(
        chain=chain.name,
        stages=tuple(stage for stage, _ in stages),
        hedges={name: health.hedge for name in sorted(trunks) if (health := view.trunks.get(name)) is not None},
        causes=dialplan.causes,
        skipped=tuple(skipped),
        panic=panic,
        version=dialplan.version,
        demoted=tuple(demoted),
        decisions=tuple(decided),
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


def _sort(
    dialplan: Dialplan, stage: Stage, number: int, offer: Offer, quality: Quality, decided: list[Decided]
) -> Stage:
    """The stage with the paths of each target in the order that the quality of their trunks suggests."""
    targets = []
    for target in stage.targets:
        if len(target.paths) > 1:
            found = quality.sort(dialplan, stage, number, target, offer)
            if found is not None:
                target = replace(target, paths=tuple(sorted(target.paths, key=lambda p: found.order.index(p.trunk))))
                decided.append(found)
        targets.append(target)
    return replace(stage, targets=tuple(targets))


def _demote(stage: Stage, number: int, view: HealthView, degraded: set[str], demoted: list[Demoted]) -> Stage:
    """The stage with paths over degraded trunks behind the better ones of the same target, where it has any."""
    targets = []
    for target in stage.targets:
        better = [path for path in target.paths if path.trunk not in degraded]
        worse = [path for path in target.paths if path.trunk in degraded]
        if better and worse:
            for path in worse:
                why = f"{path.trunk} is degraded ({view.trunks[path.trunk].code})"
                demoted.append(Demoted(path.name, why, number))
            target = replace(target, paths=(*better, *worse))
        targets.append(target)
    return replace(stage, targets=tuple(targets))


def _why_dead(dialplan: Dialplan, path: Path, view: HealthView, dark: set[str]) -> str:
    if is_down(view, path.trunk):
        return f"{path.trunk} is down ({view.trunks[path.trunk].code})"
    if dark and (site := dialplan.trunks[path.trunk].site) in dark:
        return f"site {site} is down"
    return ""

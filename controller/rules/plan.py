"""From a chain to a plan: what would be tried now, in which order, and what is left out and why.

Owns the use of conditions and of health in routing (the order of paths is otherwise rules.order's): a stage whose
condition does not hold is skipped; a trunk that is DOWN is routed around, and so is all of a site whose PBXs are: such
paths are skipped in their turn, and tried behind the other paths of their target, or, where it has no other, behind all
stages, for health may be wrong or old and the caller has nothing to lose; a
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
    stages: list[Stage] = []
    last: list[Stage] = []
    for number, stage in due:
        near, far = [], []
        for target in stage.targets:
            good, dead = _split(dialplan, target, number, view, dark, skipped)
            if not good:
                far.append(target)
                continue
            if quality is not None and len(good) > 1:
                good = _sort(dialplan, stage, number, target, good, offer, quality, decided)
            if degraded and len(good) > 1:
                good = _demote(good, number, view, degraded, demoted)
            near.append(replace(target, paths=(*good, *dead)) if dead or len(good) > 1 else target)
        if near:
            stages.append(replace(stage, targets=tuple(near)) if far or near != list(stage.targets) else stage)
        if far:
            last.append(replace(stage, targets=tuple(far)))
    panic = bool(due) and (not stages or bool(view.uplink))
    if panic:
        stages, last = [stage for _, stage in due], []
        demoted.clear()
        decided.clear()
    stages += last
    trunks = {path.trunk for stage in stages for target in stage.targets for path in target.paths}
    return Plan(
        chain=chain.name,
        stages=tuple(stages),
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


def _split(
    dialplan: Dialplan, target: Target, number: int, view: HealthView, dark: set[str], skipped: list[Skipped]
) -> tuple[list[Path], list[Path]]:
    """The paths of a target over trunks that are used, and those over trunks that are routed around."""
    good: list[Path] = []
    dead: list[Path] = []
    for path in target.paths:
        why = _why_dead(dialplan, path, view, dark)
        if why:
            skipped.append(Skipped(path.name, why, number))
        (dead if why else good).append(path)
    return good, dead


def _sort(
    dialplan: Dialplan,
    stage: Stage,
    number: int,
    target: Target,
    paths: list[Path],
    offer: Offer,
    quality: Quality,
    decided: list[Decided],
) -> list[Path]:
    """The paths in the order that the quality of their trunks suggests."""
    found = quality.sort(dialplan, stage, number, replace(target, paths=tuple(paths)), offer)
    if found is None:
        return paths
    decided.append(found)
    return sorted(paths, key=lambda path: found.order.index(path.trunk))


def _demote(paths: list[Path], number: int, view: HealthView, degraded: set[str], demoted: list[Demoted]) -> list[Path]:
    """The paths over degraded trunks behind the better ones, where there are any."""
    better = [path for path in paths if path.trunk not in degraded]
    worse = [path for path in paths if path.trunk in degraded]
    if better:
        demoted += [Demoted(p.name, f"{p.trunk} is degraded ({view.trunks[p.trunk].code})", number) for p in worse]
    return better + worse


def _why_dead(dialplan: Dialplan, path: Path, view: HealthView, dark: set[str]) -> str:
    if is_down(view, path.trunk):
        return f"{path.trunk} is down ({view.trunks[path.trunk].code})"
    if dark and (site := dialplan.trunks[path.trunk].site) in dark:
        return f"site {site} is down"
    return ""

"""From a chain to a plan: what would be tried now, in which order, and what is left out and why.

Owns the use of conditions and of health in routing (the order of paths is otherwise rules.order's): a stage whose
condition does not hold is skipped; a trunk that is DOWN is routed around, and so is all of a site whose PBXs are: such
paths are skipped in their turn, and tried behind the other paths of their target, or, where it has no other, behind all
stages, for health may be wrong or old and the caller has nothing to lose; a
path over a trunk that is full is skipped likewise, and tried where by its turn there is room; a
trunk that is DEGRADED is tried behind the others of the same target, and never left out; so is one whose calls fail
(rules.quality). Panic beats pride: when
nothing looks alive, or our own uplink is suspected, health is ignored, but not the conditions. Must not start anything;
a run executes the plan unchanged.
"""

from __future__ import annotations

from dataclasses import replace

from controller.rules.conditions import is_down, is_overflow, is_site_down, why_not
from controller.rules.order import arrange
from controller.rules.quality import Quality
from controller.rules.usage import ROOM, Full
from controller.types import (
    ANYTHING,
    FORBIDDEN,
    FULL,
    THE_NUMBER,
    THE_TENANT,
    Chain,
    Decided,
    Demoted,
    Dialplan,
    HealthView,
    Offer,
    Path,
    Plan,
    Refusal,
    Skipped,
    Stage,
    Target,
    TargetState,
)


def make_plan(
    dialplan: Dialplan,
    chain: Chain,
    view: HealthView,
    offer: Offer,
    quality: Quality | None = None,
    full: Full = ROOM,
) -> Plan:
    """Resolve a chain against the health of this moment, for this offer. Without ``quality`` none is known; ``full`` is
    what has no room."""
    refusal = full.refusal
    if refusal is not None and refusal.cause == FORBIDDEN:
        return Plan(chain.name, (), {}, dialplan.causes, version=dialplan.version, refusal=refusal)
    skipped: list[Skipped] = []
    demoted: list[Demoted] = []
    decided: list[Decided] = []
    chain = arrange(dialplan, chain, offer)
    due = _due(dialplan, chain, view, offer, full, skipped)
    dark = {name for name, site in dialplan.sites.items() if is_site_down(site, view)} if dialplan.sites else set()
    degraded = {name for name, health in view.trunks.items() if health.state is TargetState.DEGRADED}
    stages: list[Stage] = []
    last: list[Stage] = []
    alive = False  # something is, be it full
    for number, stage in due:
        near, far = [], []
        for target in stage.targets:
            good, crowded, dead = _split(dialplan, target, number, view, dark, full, skipped)
            if crowded:
                alive = True
                dead = crowded + dead
                target = replace(target, paths=(*good, *dead))
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
    panic = bool(due) and (not (stages or alive) or bool(view.uplink))
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
        refusal=refusal or _refuse(full, skipped),
    )


def _due(
    dialplan: Dialplan, chain: Chain, view: HealthView, offer: Offer, full: Full, skipped: list[Skipped]
) -> list[tuple[int, Stage]]:
    """The stages whose conditions hold, with their numbers; a plan has no conditions any more."""
    due: list[tuple[int, Stage]] = []
    for number, stage in enumerate(chain.stages, 1):
        when = stage.when
        why = why_not(when, dialplan, offer, view) if when is not None else ""
        overflow: tuple[str, ...] = ()
        if when is not None and when.overflow and not why:
            if not is_overflow(when, _what_is_full(full, due)):
                overflow = tuple(word for word in when.overflow if word not in (THE_NUMBER, THE_TENANT))
                why = "" if overflow and full.refusal is None else "nothing that it is for is full"
        elif full.refusal is not None and not why:
            why = full.refusal.why
        if why:
            skipped.append(Skipped(f"stage {number}", why, number))
            continue
        if when is not None:
            stage = replace(stage, when=None, overflow=overflow)
        due.append((number, stage if full.urgent else _affordable(dialplan, stage, number, skipped)))
    return due


def _affordable(dialplan: Dialplan, stage: Stage, number: int, skipped: list[Skipped]) -> Stage:
    """A stage without the ways that cost more than it may spend: nothing brings those back."""
    most = stage.max_cost
    if most is None:
        return stage
    targets = []
    for target in stage.targets:
        dear = [path for path in target.paths if dialplan.trunks[path.trunk].cost > most]
        for path in dear:
            cost = dialplan.trunks[path.trunk].cost
            skipped.append(
                Skipped(path.name, f"{path.trunk} costs {cost:g} a minute, more than {most:g}", number, barred=True)
            )
        if len(dear) < len(target.paths):
            targets.append(replace(target, paths=tuple(path for path in target.paths if path not in dear)))
    return replace(stage, targets=tuple(targets), max_cost=None)


def _what_is_full(full: Full, before: list[tuple[int, Stage]]) -> set[str]:
    """The words for what is full: where the number is, nothing else counts; else trunks, and `ANYTHING` if one of the
    stages before uses such a trunk."""
    if full.entry:
        return {ANYTHING, *full.entry}
    words = {*full.trunks}
    ways = (path.group or path.trunk for _, stage in before for target in stage.targets for path in target.paths)
    if any(trunk in full.trunks for trunk in ways):
        words.add(ANYTHING)
    return words


def _refuse(full: Full, skipped: list[Skipped]) -> Refusal | None:
    """What the caller gets if all that is left turns out to be full: no circuit is free (RFC 3398 §8.2.6.1)."""
    why = next((each.why for each in skipped if each.barred and each.why in full.trunks.values()), "")
    return Refusal(FULL, 503, why) if why else None


def _split(
    dialplan: Dialplan,
    target: Target,
    number: int,
    view: HealthView,
    dark: set[str],
    full: Full,
    skipped: list[Skipped],
) -> tuple[list[Path], list[Path], list[Path]]:
    """The paths of a target over trunks that are used, over those that are full, and over those that are dead."""
    good: list[Path] = []
    crowded: list[Path] = []
    dead: list[Path] = []
    for path in target.paths:
        why = _why_dead(dialplan, path, view, dark)
        if why_full := full.trunks.get(path.group or path.trunk, ""):
            skipped.append(Skipped(path.name, why_full, number, barred=True))
            crowded.append(path)
        elif why:
            skipped.append(Skipped(path.name, why, number))
            dead.append(path)
        else:
            good.append(path)
    return good, crowded, dead


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

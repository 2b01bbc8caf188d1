"""The outlook of one route in short: where a call goes first, what is left of its chain, whom it reaches at all.

Owns what "reached" means. It asks `course`, and so the functions that carry calls.

What is down is believed to be: the ways that would be tried all the same when nothing else is left do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.config.lint.kinds import sounds_like_voicemail
from controller.explain.course import Course, foresee
from controller.explain.play import passed_over
from controller.rules.quality import Quality
from controller.rules.usage import Usage
from controller.types import Chain, Dialplan, HealthView, Offer, Path, Route


class Reach(StrEnum):
    """Who can be rung at all."""

    SOMEBODY = "somebody"
    VOICEMAIL = "voicemail"  # and nobody else
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of the calls of a route. Times in seconds after the call came in."""

    reach: Reach
    first: tuple[str, ...]  # paths that are tried at once, over what is alive
    stages: tuple[int, ...]  # numbers of those in which somebody can be rung, if their turn comes
    order: tuple[str, ...]  # paths over what is alive, when each attempt fails at once
    live: bool  # somebody who always answers is among those that are rung
    live_after: float | None  # until then, at the worst
    wait: float  # until the caller is told that nobody answered, at the worst
    status: int  # what he is told then


def look_at(
    dialplan: Dialplan,
    route: Route,
    offer: Offer,
    view: HealthView,
    quality: Quality,
    usage: Usage,
    now: float = 0.0,
) -> Outlook:
    """The outlook of an offer that takes this route. ``now`` is that of the usage."""
    course = foresee(dialplan, route, offer, view, quality, usage, now)
    return sum_up(course, dialplan.chains[route.chain])


def sum_up(course: Course, chain: Chain) -> Outlook:
    """A course in short."""
    plan = course.plan
    dead = {each.what for each in plan.skipped} if plan.panic else passed_over(plan)
    ends = {path.name: (path, t.live) for stage in plan.stages for t in stage.targets for path in t.paths}
    order = tuple(step.path for step in course.order if step.path not in dead)
    worst = [step for step in course.worst if step.path not in dead]
    rung = [ends[name] for name in dict.fromkeys((*order, *(step.path for step in worst)))]
    if not rung:
        reach = Reach.NOBODY
    else:
        reach = Reach.VOICEMAIL if all(is_voicemail(path) for path, _ in rung) else Reach.SOMEBODY
    return Outlook(
        reach=reach,
        first=tuple(step.path for step in worst if step.at == worst[0].at),
        stages=_stages_left(course, chain),
        order=order,
        live=any(live for _, live in rung),
        live_after=next((step.at for step in worst if step.rings and ends[step.path][1]), None),
        wait=course.over_after,
        status=course.status,
    )


def is_voicemail(path: Path) -> bool:
    """Whether a machine seems to take the calls on this path."""
    return sounds_like_voicemail(path.endpoint, path.address.partition(":")[2].partition("@")[0])


def _stages_left(course: Course, chain: Chain) -> tuple[int, ...]:
    out = {(each.stage, each.what) for each in course.plan.skipped}
    if course.plan.refusal is not None and not course.plan.stages:
        return ()
    return tuple(
        number
        for number, stage in enumerate(chain.stages, 1)
        if (number, f"stage {number}") not in out
        and any((number, path.name) not in out for target in stage.targets for path in target.paths)
    )

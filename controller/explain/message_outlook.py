"""The outlook of cascades in short, by country: who carries a message first, who else could, and when the last has its turn.

Owns what is asked: each cascade, each country that the dialplan tells apart, one for all others. Planner and reducer, which
carry messages, answer. A provider that is down is held out as health holds out what is dead; one that is degraded, as what
an operator has parked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from controller.explain.assumed import Assumed
from controller.health.score import Scores, Target
from controller.messages.planning import Planner
from controller.messages.play import keep_waiting, out_now, play, refuse
from controller.messages.region import Number
from controller.messages.request import Request
from controller.types import Dialplan
from controller.types.messages import Messaging, NumberKind

ANY_OTHER = "any other country"
_PHONE, _EMAIL = "+0", "anybody@example"  # somebody who can be reached by both; neither is looked at


class CascadeSubject(NamedTuple):
    """One cascade for one country; "" is any that nothing names."""

    cascade: str
    country: str


@dataclass(frozen=True, slots=True)
class CascadeOutlook:
    """Where messages of a cascade to a country go. Times in seconds after the request."""

    first: str  # the provider that is given it first; "" for nobody
    steps: tuple[int, ...]  # numbers of those in which somebody is alive
    order: tuple[str, ...]  # providers that are alive, when each refuses at once
    last_at: float  # when the last of them has its turn, at the worst
    refused: str = ""  # nothing may be sent at all, and why


@dataclass(frozen=True, slots=True)
class CascadeChange:
    """One cascade in countries that fare alike."""

    cascade: str
    countries: tuple[str, ...]
    before: CascadeOutlook
    after: CascadeOutlook


@dataclass(frozen=True, slots=True)
class CascadeDifference:
    """The answer, of messages: pairs of a cascade and a country."""

    asked: int
    changes: tuple[CascadeChange, ...]
    unreachable: tuple[CascadeSubject, ...]  # nobody is left to carry it, and somebody was


class CascadeSurvey:
    """All cascades of a dialplan at one moment, asked for by one tenant."""

    def __init__(self, dialplan: Dialplan, moment: float, tenant: str = "") -> None:
        self.dialplan, self.moment, self.tenant = dialplan, moment, tenant
        self.subjects = [] if dialplan.messaging is None else list(_subjects_of(dialplan.messaging))
        self._well = self._look(Assumed())

    def compare(self, assumed: Assumed) -> CascadeDifference:
        """What would be otherwise."""
        touched = assumed.providers_down(self.dialplan) or assumed.providers_degraded
        then = self._look(assumed) if touched else self._well
        alike: dict[tuple[str, CascadeOutlook, CascadeOutlook], list[str]] = {}
        unreachable = []
        for subject, after in then.items():
            before = self._well[subject]
            if after != before:
                alike.setdefault((subject.cascade, before, after), []).append(subject.country or ANY_OTHER)
            if before.order and not after.order:
                unreachable.append(subject)
        changes = (CascadeChange(name, tuple(countries), *pair) for (name, *pair), countries in alike.items())
        return CascadeDifference(len(then), tuple(changes), tuple(unreachable))

    def _look(self, assumed: Assumed) -> dict[CascadeSubject, CascadeOutlook]:
        messaging = self.dialplan.messaging
        if messaging is None:
            return {}
        scores, down = scores_of(messaging), frozenset(assumed.providers_down(self.dialplan))
        for name in down:
            scores.lost(name, self.moment, "it is down (ASSUMED)")
        for name in set(assumed.providers_degraded) - down:
            scores.park(name, self.moment, "it is degraded (ASSUMED)")
        planner = Planner(messaging, scores, self.dialplan.version)
        return {subject: self._look_at(planner, subject, down) for subject in self.subjects}

    def _look_at(self, planner: Planner, subject: CascadeSubject, down: frozenset[str]) -> CascadeOutlook:
        number = Number(_PHONE, subject.country, NumberKind.MOBILE)
        request = Request(self.tenant, phone=_PHONE, email=_EMAIL, cascade=subject.cascade)
        planned = planner.plan(request, number, 0.0, "explain", self.moment, remember=False)
        out = out_now(planner.scores, planned.terms.channels, planned.terms.region, self.moment)
        fail = [sent for sent in play(planned, self.moment, out, refuse).sends if sent.provider not in down]
        worst = [
            sent for sent in play(planned, self.moment, out, keep_waiting(down)).sends if sent.provider not in down
        ]
        order = tuple(sent.provider for sent in fail)
        steps = tuple(dict.fromkeys(sent.step for sent in fail))
        last = worst[-1].at if worst else 0.0
        return CascadeOutlook(order[0] if order else "", steps, order, last, planned.why if planned.refusal else "")


def scores_of(messaging: Messaging) -> Scores:
    """What is known of providers before anything is learnt."""
    return Scores(
        [Target(each.name, (each.upstream,) if each.upstream else ()) for each in messaging.providers.values()]
    )


def _subjects_of(messaging: Messaging) -> Iterator[CascadeSubject]:
    named: set[str] = set()
    for provider in messaging.providers.values():
        named.update(provider.countries, provider.costs, *(sender.countries for sender in provider.senders))
    for policy in messaging.policies:
        named.update(policy.countries)
    for cascade in messaging.cascades:
        for country in (*sorted(named - {""}), ""):
            yield CascadeSubject(cascade, country)

"""Which providers could carry each step of a cascade for somebody, and why all others could not.

Owns eligibility: channel, coverage, senders, policy, class, what a message costs. It knows nothing of the moment (health,
limits): that is `planning`. `callward check` asks the same functions whom a dialplan can reach. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.health.choice import Candidate
from controller.messages import senders
from controller.messages.content import ADDRESS, PHONE
from controller.messages.policy import Rules
from controller.types import Order
from controller.types.cascades import FRAUD, MAX_COST, NO_PROVIDER, NOT_ALLOWED, NOT_WORTH
from controller.types.messages import ANYWHERE, Channel, Messaging, Provider, RouteClass, Sender, Step


class Excluded(NamedTuple):
    """A provider, or a step as a whole (``provider`` is ""), that is not used."""

    step: int  # from 1
    provider: str
    cause: str
    why: str  # a sentence, without numbers of people


@dataclass(frozen=True, slots=True)
class Need:
    """What there is to send, as far as it decides who can carry it."""

    country: str = ""
    addresses: frozenset[str] = frozenset((PHONE, "email"))  # by which the person can be reached
    route_class: RouteClass = RouteClass.STANDARD
    narrowed: bool = False  # it may be fraud: premium providers alone
    most: float | None = None  # a message may cost so much
    value: float | None = None  # of somebody reached: who costs as much is not worth it


@dataclass(frozen=True, slots=True)
class StepRoutes:
    """One step with those who could carry it, in the order of the dialplan or by cost."""

    number: int  # of the cascade, from 1
    step: Step
    providers: tuple[Provider, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Routes:
    """All steps for which there is anybody, and the rest with reasons."""

    steps: tuple[StepRoutes, ...]
    excluded: tuple[Excluded, ...]
    costs: dict[str, float] = field(default_factory=dict)  # by provider, of a message to this country
    senders: dict[str, tuple[Sender, ...]] = field(default_factory=dict)  # by provider that has any

    @property
    def dearest(self) -> float:
        """The highest cost of a message."""
        return max(self.costs.values(), default=0.0)


def find_routes(messaging: Messaging, steps: Sequence[Step], rules: Rules, need: Need) -> Routes:
    """Who could carry each step."""
    found: list[StepRoutes] = []
    excluded: list[Excluded] = []
    costs: dict[str, float] = {}
    usable: dict[str, tuple[Sender, ...]] = {}
    for number, step in enumerate(steps, 1):
        barred = _bar_step(step, rules, need)
        if barred is not None:
            excluded.append(Excluded(number, "", *barred))
            continue
        fit: list[Provider] = []
        for provider in _providers_of(messaging, step):
            fitting = senders.usable(provider, need.country, rules.sender_kinds)
            cost = cost_of(provider, need.country)
            objection = _object_to(provider, rules, need, fitting, cost)
            if objection is not None:
                excluded.append(Excluded(number, provider.name, *objection))
                continue
            fit.append(provider)
            costs[provider.name] = cost
            if fitting:
                usable[provider.name] = fitting
        if fit:
            found.append(_arrange(number, step, fit, costs, need))
        elif not any(each.step == number for each in excluded):
            excluded.append(Excluded(number, "", NO_PROVIDER, f"no provider carries {step.channel}"))
    return Routes(tuple(found), tuple(excluded), costs, usable)


def cost_of(provider: Provider, country: str) -> float:
    """Of one message."""
    cost = provider.costs.get(country)
    return provider.costs.get(ANYWHERE, 0.0) if cost is None else cost


def upstream_of(provider: Provider) -> str:
    """What it fails together with: itself, if nothing is declared."""
    return provider.upstream or provider.name


def _providers_of(messaging: Messaging, step: Step) -> Iterable[Provider]:
    named = step.providers or messaging.providers
    known = (messaging.providers[name] for name in named if name in messaging.providers)
    return (provider for provider in known if provider.channel is step.channel)


def _bar_step(step: Step, rules: Rules, need: Need) -> tuple[str, str] | None:
    if rules.channels is not None and step.channel not in rules.channels:
        return NOT_ALLOWED, f"policy {rules.by['channels']!r} does not name {step.channel}"
    if ADDRESS.get(step.channel, PHONE) not in need.addresses:
        what = "mail address" if step.channel is Channel.EMAIL else "number"
        return NO_PROVIDER, f"no {what} is given"
    return None


def _object_to(
    provider: Provider, rules: Rules, need: Need, fitting: Sequence[Sender], cost: float
) -> tuple[str, str] | None:
    """Why it cannot be used, as a cause and a sentence."""
    name, country = provider.name, need.country or "this country"
    if name in rules.without:
        return NOT_ALLOWED, f"policy {rules.by[f'without {name}']!r} forbids it"
    if rules.only is not None and name not in rules.only:
        return NOT_ALLOWED, f"policy {rules.by['only']!r} does not name it"
    if provider.channel is not Channel.EMAIL:
        if provider.countries and need.country not in provider.countries:
            return NO_PROVIDER, f"it does not deliver to {country}"
        if provider.senders and not fitting:
            kinds = f" of the kinds that policy {rules.by['sender']!r} wants" if rules.sender_kinds is not None else ""
            return NO_PROVIDER, f"it has no sender for {country}{kinds}"
        if rules.sender_kinds is not None and not provider.senders and provider.channel is Channel.SMS:
            return NOT_ALLOWED, f"policy {rules.by['sender']!r} wants a kind of sender, and it says nothing of its own"
    if need.narrowed and provider.route_class is not RouteClass.PREMIUM:
        return FRAUD, "it is not premium, and the request may be fraud"
    if need.most is not None and cost > need.most:
        return MAX_COST, f"it costs {cost:g}, and the limit is {need.most:g}"
    if need.value is not None and cost >= need.value > 0:
        return NOT_WORTH, f"it costs {cost:g}, and a success is worth {need.value:g}"
    return None


def _arrange(number: int, step: Step, fit: list[Provider], costs: dict[str, float], need: Need) -> StepRoutes:
    """As written, or the cheapest first; for premium requests premium providers before all others."""
    if step.order is Order.COST:
        fit.sort(key=lambda provider: costs[provider.name])
    if need.route_class is RouteClass.PREMIUM:
        fit.sort(key=lambda provider: provider.route_class is not RouteClass.PREMIUM)
    candidates = tuple(Candidate(provider.name, costs[provider.name], step.wait) for provider in fit)
    return StepRoutes(number, step, tuple(fit), candidates)

"""From a request to a plan: which policy holds, who could carry each step, and in which order they are tried.

Owns the request's way through policy, routes and scores, and the record of it, which replays (`replay`). What
is the same for many requests is made once and kept: the routes of a cascade for a kind of request, and plans by their
orders. Must not send, count or read a clock. Must not look at numbers: country, kind and operator are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from controller.health.choice import Ordering, Record
from controller.health.choice import replay as replay_choice
from controller.health.score import Scores
from controller.messages.bursts import CALM, Burst, Bursts, name_source, sources_of
from controller.messages.cascade import Terms
from controller.messages.content import PHONE
from controller.messages.policy import Rulebook, Rules, Subject
from controller.messages.region import Number
from controller.messages.request import Request
from controller.messages.routes import Need, Routes, StepRoutes, find_routes, upstream_of
from controller.messages.senders import choose
from controller.messages.verdicts import table
from controller.types import Order, Path, Plan, Stage, Target
from controller.types.cascades import FRAUD, NO_PROVIDER, NOT_ALLOWED, NOT_WORTH, Audit
from controller.types.messages import CascadeRules, Messaging, Provider, RouteClass

KEPT = 2048  # routes, and plans, that are remembered
NEVER = 1e9  # seconds: a message that is not heard of waits for its step to be over, and nothing else

#: A premium success is worth so many times a standard one, and its user gives up so much sooner.
PREMIUM_WORTH, PREMIUM_HASTE = 4.0, 2.0
_MEANT = nullcontext()  # what is decided is remembered
#: Requests that bring their own steps.
ASKED = CascadeRules("as asked", ())


class Unplannable(ValueError):
    """A request that makes no sense with this dialplan: ``pointer`` says where, "/cascade"."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class Choice(NamedTuple):
    """The order of one step. ``record`` replays to it; {} where nothing was to be chosen."""

    step: int  # from 1
    order: tuple[str, ...]  # providers
    how: str  # "leader", "explore", "canary", "rising", "panic", "as written", "by cost", "alone"
    record: dict[str, Any]
    not_worth: tuple[str, ...] = ()  # promise less than they cost, and are left out


@dataclass(frozen=True, slots=True)
class Planned:
    """Where a request is to go, and why."""

    plan: Plan
    terms: Terms
    cascade: str
    rules: Rules
    routes: Routes
    choices: tuple[Choice, ...]
    refusal: str = ""  # a cause: nothing may be sent
    why: str = ""  # of a refusal, in words
    burst: Burst = CALM

    def audit(self) -> Audit:
        """The row of the history that says so; holds no number, address or text."""
        excluded = [list(each) for each in self.routes.excluded]
        excluded += [
            [choice.step, name, NOT_WORTH, "it promises less than it costs"]
            for choice in self.choices
            for name in choice.not_worth
        ]
        decision = {
            "cascade": self.cascade,
            "policies": list(self.rules.applied),
            "by": dict(self.rules.by),
            "excluded": excluded,
            "choices": [
                {"step": choice.step, "order": list(choice.order), "how": choice.how, "record": choice.record}
                for choice in self.choices
            ],
            "circumstances": list(self.terms.circumstances),
        }
        if self.burst is not CALM:
            decision["burst"] = self.burst.why
        return Audit("planned", "", "", self.why or ", ".join(self.rules.applied), decision=decision)


@dataclass(slots=True)
class _Layout:
    """What is the same for all requests of one kind."""

    routes: Routes
    orderings: tuple[Ordering, ...]
    unexploring: tuple[Ordering, ...]  # in a burst of one source
    fixed: dict[str, dict[str, Any]]  # of `Terms`
    fanout: tuple[int, ...]
    senders: dict[str, str]  # where there is no choice
    turns: tuple[str, ...]  # providers with several senders
    plans: dict[tuple[tuple[str, ...], ...], Plan] = field(default_factory=dict)


class Planner:
    """Plans requests by one dialplan. Scores are asked at the moment of each request."""

    def __init__(self, messaging: Messaging, scores: Scores, version: str = "", bursts: Bursts | None = None) -> None:
        """``bursts`` outlives a planner, whose dialplan may change."""
        self.messaging = messaging
        self._bursts = Bursts() if bursts is None else bursts
        self.scores = scores
        self.version = version
        self._rulebook = Rulebook(messaging.policies)
        self._countries = frozenset(_countries(messaging))
        self._layouts: dict[Any, _Layout] = {}

    def plan(
        self, request: Request, number: Number | None, risk: float, key: str, now: float, *, remember: bool = True
    ) -> Planned:
        """Where it is to go. ``risk``: of fraud, 0 to 1. ``key``: its id, by which all draws are made. ``now``: seconds
        since the epoch. ``remember`` is False for who only asks. Raises `Unplannable`."""
        subject = Subject(
            request.tenant,
            number.country if number else "",
            number.operator if number else "",
            number.kind if number else None,
            request.use_case,
            request.route_class,
        )
        subject = self._rulebook.narrow(subject, self._countries)
        rules = self._rulebook.rules(subject)
        cascade = self._cascade_of(request, rules)
        most = _least(request.max_cost if request.max_cost is not None else cascade.max_cost, rules.max_cost)
        narrowed = risk >= self.messaging.fraud_narrow
        by = (bool(request.phone), bool(request.email), narrowed)
        layout = self._layout(request, cascade, subject, rules, by, None)
        if most is not None and most < layout.routes.dearest:
            layout = self._layout(request, cascade, subject, rules, by, most)
        region = number.region if number else ()
        window = _least(request.window if request.window is not None else cascade.window, rules.window)
        attempts = _least(
            request.max_attempts if request.max_attempts is not None else cascade.max_attempts, rules.max_attempts
        )
        assert window is not None
        assert attempts is not None
        refusal, why = self._refuse(rules, risk, layout)
        burst = self._burst(request, number, now, remember=remember)
        under = (f"source {name_source(request.tenant, request.use_case)}", burst.circumstance)
        orderings = layout.unexploring if burst.source else layout.orderings
        with _MEANT if remember else self.scores.undone():
            choices = () if refusal else tuple(self._choose(layout, orderings, key, region, now, under))
        senders = layout.senders
        if layout.turns:
            fitting = layout.routes.senders
            senders = {**senders, **{name: choose(fitting[name], f"{key} {name}") for name in layout.turns}}
        terms = Terms(
            now + window,
            int(attempts),
            most,
            self.messaging.lease,
            region=region,
            weight=(1.0 - risk) * burst.weight,
            fanout=layout.fanout,
            senders=senders,
            circumstances=under,
            **layout.fixed,
        )
        plan = self._plan_of(layout, cascade, tuple([choice.order for choice in choices]))
        return Planned(plan, terms, cascade.name, rules, layout.routes, choices, refusal, why, burst)

    def _burst(self, request: Request, number: Number | None, now: float, *, remember: bool) -> Burst:
        sources = sources_of(request.tenant, request.use_case, request.limit_keys, number.prefix if number else "")
        return (self._bursts.see if remember else self._bursts.look)(sources, now)

    # -- what is kept

    def _cascade_of(self, request: Request, rules: Rules) -> CascadeRules:
        cascades = self.messaging.cascades
        if request.steps:
            for place, step in enumerate(request.steps):
                for name in step.providers:
                    known = self.messaging.providers.get(name)
                    if known is None or known.channel is not step.channel:
                        detail = "there is no such provider of this channel in the dialplan"
                        raise Unplannable(f"/steps/{place}/routes/{step.providers.index(name)}", detail)
            return ASKED
        name = request.cascade or rules.cascade
        if not name and len(cascades) == 1:
            name = next(iter(cascades))
        if not name:
            raise Unplannable("/cascade", "name a cascade of the dialplan, or give steps: no policy names one")
        if name not in cascades:
            raise Unplannable("/cascade", "there is no such cascade in the dialplan")
        return cascades[name]

    def _layout(
        self,
        request: Request,
        cascade: CascadeRules,
        subject: Subject,
        rules: Rules,
        by: tuple[bool, bool, bool],
        most: float | None,
    ) -> _Layout:
        known = request.steps or cascade.name, subject, by, most
        layout = self._layouts.get(known)
        if layout is None:
            if len(self._layouts) >= KEPT:
                self._layouts.clear()
            phone, email, narrowed = by
            addresses = frozenset(kind for kind, given in ((PHONE, phone), ("email", email)) if given)
            premium = subject.route_class is RouteClass.PREMIUM
            value = cascade.value * PREMIUM_WORTH if premium else cascade.value
            need = Need(subject.country, addresses, subject.route_class, narrowed, most, value)
            steps = request.steps or cascade.steps
            routes = find_routes(self.messaging, steps, rules, need)
            layout = self._layouts[known] = _lay_out(self.messaging, cascade, routes, need)
        return layout

    def _plan_of(self, layout: _Layout, cascade: CascadeRules, orders: tuple[tuple[str, ...], ...]) -> Plan:
        """The plan with these orders; the same object for the same orders, so that stores keep it once."""
        plan = layout.plans.get(orders)
        if plan is None:
            if len(layout.plans) >= KEPT:
                layout.plans.clear()
            stages = tuple(
                _stage(routes, order) for routes, order in zip(layout.routes.steps, orders, strict=False) if order
            )
            plan = Plan(cascade.name, stages, {}, table(cascade.causes), version=self.version)
            layout.plans[orders] = plan
        return plan

    # -- the moment

    def _refuse(self, rules: Rules, risk: float, layout: _Layout) -> tuple[str, str]:
        if not rules.allow:
            return NOT_ALLOWED, f"policy {rules.by['allow']!r} does not allow it"
        if risk >= self.messaging.fraud_refuse:
            return (
                FRAUD,
                f"the risk of fraud is {risk:.2f}, and nothing is sent from {self.messaging.fraud_refuse:g} on",
            )
        if not layout.routes.steps:
            return NO_PROVIDER, "nobody can carry any of its steps"
        return "", ""

    def _choose(
        self,
        layout: _Layout,
        orderings: tuple[Ordering, ...],
        key: str,
        region: tuple[str, ...],
        now: float,
        under: tuple[str, ...],
    ) -> list[Choice]:
        """The order of each step. Where all providers are well and the dialplan gives the order, nobody is asked."""
        choices = []
        for routes, ordering in zip(layout.routes.steps, orderings, strict=True):
            candidates = routes.candidates
            if len(candidates) == 1:
                choices.append(Choice(routes.number, (candidates[0].target,), "alone", {}))
                continue
            if not ordering.best and self.scores.all_open(candidates, region, now):
                how = "by cost" if routes.step.order is Order.COST else "as written"
                choices.append(Choice(routes.number, tuple([each.target for each in candidates]), how, {}))
                continue
            decision = self.scores.order(
                candidates, f"{key} {routes.number}", region, now, ordering, circumstances=under
            )
            record = decision.record
            order, rest = decision.order, decision.order[:0]
            if ordering.best and record.how != "panic":
                order, rest = order[: max(1, record.worth)], order[max(1, record.worth) :]
            choices.append(Choice(routes.number, order, record.how, record.plain(), rest))
        return choices


# --------------------------------------------------------------------------- replay


def replay(decision: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The orders that the records in a row of the history lead to, by the function that decided."""
    orders = []
    for choice in decision["choices"]:
        if not choice["record"]:
            orders.append(tuple(choice["order"]))
            continue
        record = Record.from_plain(choice["record"])
        order = replay_choice(record)
        worth = max(1, record.worth) if record.ordering.best and record.how != "panic" else len(order)
        orders.append(order[:worth])
    return orders


# --------------------------------------------------------------------------- parts


def _lay_out(messaging: Messaging, cascade: CascadeRules, routes: Routes, need: Need) -> _Layout:
    used: dict[str, Provider] = {provider.name: provider for step in routes.steps for provider in step.providers}
    fixed: dict[str, dict[str, Any]] = {
        "floors": {name: provider.floor for name, provider in used.items()},
        "costs": routes.costs,
        "upstreams": {name: upstream_of(provider) for name, provider in used.items()},
        "dedup": {name: provider.dedup.value for name, provider in used.items()},
        "channels": {name: provider.channel.value for name, provider in used.items()},
    }
    several = tuple(name for name, fitting in routes.senders.items() if len(fitting) > 1)
    single = {name: fitting[0].id for name, fitting in routes.senders.items() if len(fitting) == 1}
    orderings = tuple(_ordering(cascade, step, need) for step in routes.steps)
    unexploring = tuple(replace(each, explore=0.0) for each in orderings)
    return _Layout(
        routes, orderings, unexploring, fixed, tuple(step.step.fanout for step in routes.steps), single, several
    )


def _ordering(cascade: CascadeRules, routes: StepRoutes, need: Need) -> Ordering:
    """How a step wants its providers. Each has a leader of its own for each class of requests."""
    premium = need.route_class is RouteClass.PREMIUM
    name = f"{cascade.name}/{routes.step.channel if cascade is ASKED else routes.number}/{need.route_class}"
    best = routes.step.order is Order.BEST
    patience = cascade.patience / PREMIUM_HASTE if premium else cascade.patience
    explore = 0.0 if premium or not best else Ordering().explore
    return Ordering(name, best, need.value or 1.0, patience, explore)


def _stage(routes: StepRoutes, order: tuple[str, ...]) -> Stage:
    step = routes.step
    providers = {provider.name: provider for provider in routes.providers}
    paths = tuple(
        Path(
            f"{step.channel} via {name}",
            step.channel.value,
            name,
            "",
            cancellable=False,
            group=providers[name].upstream,
        )
        for name in order
    )
    return Stage(
        (Target(step.channel.value, paths),),
        ring=step.wait,
        no_reply=NEVER,
        no_progress=NEVER,
        hedge=None,
        where=step.where,
        order=step.order,
        until=step.until,
        number=routes.number,
    )


def _countries(messaging: Messaging) -> set[str]:
    """Those that providers tell apart."""
    named: set[str] = set()
    for provider in messaging.providers.values():
        named.update(provider.countries, provider.costs, *(sender.countries for sender in provider.senders))
    return named - {""}


def _least(asked: float | None, cap: float | None) -> float | None:
    """What is asked for, as far as a cap lets it."""
    return cap if asked is None else asked if cap is None else min(asked, cap)

"""From requests to plans: never anybody who may not, in an order that replays."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores, Target
from controller.messages.cascade import dump_terms, load_terms
from controller.messages.planning import Planned, Planner, Unplannable, replay
from controller.messages.region import Number
from controller.messages.request import Request
from controller.messages.senders import choose, usable
from controller.rules.plain import dump_plan, load_plan
from controller.types import Milestone, Order
from controller.types.cascades import FRAUD, MAX_COST, NO_PROVIDER, NOT_ALLOWED, NOT_WORTH
from controller.types.messages import (
    CascadeRules,
    Channel,
    Messaging,
    NumberKind,
    Policy,
    Provider,
    RouteClass,
    Sender,
    Step,
)

NOW = 1.8e9
PHONE = "+14155550100"


def provider(name: str, channel: Channel = Channel.SMS, **given: Any) -> Provider:
    return Provider(name, channel, "smpp", None, **given)


PROVIDERS = (
    provider("wa-1", Channel.WHATSAPP, upstream="meta", costs={"US": 0.004, "": 0.02}),
    provider("sms-1", upstream="agg-1", route_class=RouteClass.PREMIUM, costs={"": 0.05}, floor=2.0),
    provider("sms-2", upstream="agg-2", costs={"": 0.03}, countries=("US", "DE")),
    provider("sms-3", upstream="agg-2", costs={"": 0.01}),
    provider("mail", Channel.EMAIL),
    provider("call", Channel.VOICE, costs={"": 0.02}),
)
OTP = CascadeRules(
    "otp",
    (
        Step(Channel.WHATSAPP, wait=15.0),
        Step(Channel.SMS, wait=20.0, order=Order.BEST, fanout=2),
        Step(Channel.EMAIL, Milestone.ACCEPTED, wait=40.0),
        Step(Channel.VOICE, wait=45.0),
    ),
    max_cost=0.2,
)
PLAIN = CascadeRules("plain", (Step(Channel.SMS, fanout=0),))


def messaging(*policies: Policy, providers: tuple[Provider, ...] = PROVIDERS, **given: Any) -> Messaging:
    return Messaging({each.name: each for each in providers}, {"otp": OTP, "plain": PLAIN}, policies, **given)


def scores_of(rules: Messaging) -> Scores:
    return Scores([Target(each.name, (each.upstream,) if each.upstream else ()) for each in rules.providers.values()])


def number(country: str = "US", operator: str = "", kind: NumberKind = NumberKind.MOBILE) -> Number:
    return Number(PHONE, country, kind, operator, "report" if operator else "")


def plan(
    rules: Messaging,
    country: str = "US",
    *,
    risk: float = 0.0,
    key: str = "c1",
    scores: Scores | None = None,
    kind: NumberKind = NumberKind.MOBILE,
    **asked: Any,
) -> Planned:
    request = Request(**{"tenant": "acme", "phone": PHONE, "email": "anna@example.com", "cascade": "otp", **asked})
    planner = Planner(rules, scores or scores_of(rules), "v1")
    return planner.plan(request, number(country, kind=kind) if request.phone else None, risk, key, NOW)


def ways(planned: Planned) -> list[list[str]]:
    """Providers of each step, as they are tried."""
    return [[path.trunk for target in stage.targets for path in target.paths] for stage in planned.plan.stages]


def why(planned: Planned, name: str) -> set[tuple[str, str]]:
    """Why a provider, or ("step N") a step, is not used."""
    found = planned.audit().decision["excluded"]
    return {(cause, text) for step, each, cause, text in found if (each or f"step {step}") == name}


def test_each_step_is_a_stage_with_its_providers() -> None:
    planned = plan(messaging())
    assert ways(planned)[0] == ["wa-1"]
    assert sorted(ways(planned)[1]) == ["sms-1", "sms-2", "sms-3"]
    assert ways(planned)[2:] == [["mail"], ["call"]]
    first = planned.plan.stages[0]
    (path,) = first.targets[0].paths
    assert (path.name, path.endpoint, path.trunk, path.group) == ("whatsapp via wa-1", "whatsapp", "wa-1", "meta")
    assert not path.cancellable
    assert (first.ring, first.until, first.hedge) == (15.0, Milestone.ANSWERED, None)
    assert [stage.until for stage in planned.plan.stages][2] is Milestone.ACCEPTED


def test_terms_know_what_a_message_costs_and_takes() -> None:
    terms = plan(messaging(), "DE").terms
    assert terms.expires == NOW + 180.0
    assert (terms.max_attempts, terms.max_cost, terms.fanout) == (6, 0.2, (1, 2, 1, 1))
    assert terms.costs["wa-1"] == 0.02
    assert plan(messaging()).terms.costs["wa-1"] == 0.004
    assert terms.floors["sms-1"] == 2.0
    assert terms.upstreams["sms-3"] == "agg-2"
    assert terms.upstreams["call"] == "call"  # nothing is declared: it stands alone
    assert terms.channels["mail"] == "email"
    assert load_terms(json.loads(json.dumps(dump_terms(terms)))) == terms


def test_a_request_by_mail_alone_has_no_other_steps() -> None:
    planned = plan(messaging(), phone="")
    assert ways(planned) == [["mail"]]
    assert planned.terms.region == ()
    assert why(planned, "step 1") == {(NO_PROVIDER, "no number is given")}


def test_a_request_by_number_alone_has_no_mail() -> None:
    planned = plan(messaging(), email="")
    assert [path for each in ways(planned) for path in each if path == "mail"] == []
    assert why(planned, "step 3") == {(NO_PROVIDER, "no mail address is given")}


def test_nobody_is_used_beyond_what_they_cover() -> None:
    planned = plan(messaging(), "FR", cascade="plain")
    assert ways(planned) == [["sms-1", "sms-3"]]
    assert why(planned, "sms-2") == {(NO_PROVIDER, "it does not deliver to this country")}


def test_nobody_is_used_without_a_sender_for_the_country() -> None:
    german = Sender("+4915112345678", NumberKind.MOBILE, ("DE",))
    short = Sender("12345", NumberKind.SHORT_CODE, ("US",))
    deaf = Sender("+14155550101", NumberKind.MOBILE, can=("receive",))
    some = (provider("sms-1", senders=(german, deaf)), provider("sms-2", senders=(short,)), provider("sms-3"))
    planned = plan(messaging(providers=some), "DE", cascade="plain")
    assert ways(planned) == [["sms-1", "sms-3"]]
    assert why(planned, "sms-2") == {(NO_PROVIDER, "it has no sender for DE")}
    assert planned.terms.senders == {"sms-1": "+4915112345678"}


def test_a_rule_about_senders_takes_only_senders_of_its_kinds() -> None:
    mobile = Sender("+4915112345678", NumberKind.MOBILE, ("DE",))
    name = Sender("Callward", NumberKind.ALPHANUMERIC)
    some = (provider("sms-1", senders=(name, mobile)), provider("sms-2", senders=(name,)), provider("sms-3"))
    rule = Policy("germany", countries=("DE",), sender_kinds=(NumberKind.MOBILE,))
    planned = plan(messaging(rule, providers=some), "DE", cascade="plain")
    assert ways(planned) == [["sms-1"]]
    assert planned.terms.senders == {"sms-1": "+4915112345678"}
    assert why(planned, "sms-2") == {(NO_PROVIDER, "it has no sender for DE of the kinds that policy 'germany' wants")}
    assert why(planned, "sms-3") == {
        (NOT_ALLOWED, "policy 'germany' wants a kind of sender, and it says nothing of its own")
    }
    assert ways(plan(messaging(rule, providers=some), "FR", cascade="plain")) == [["sms-1", "sms-2", "sms-3"]]


def test_policies_name_channels_and_providers() -> None:
    rules = messaging(
        Policy("base", channels=(Channel.SMS, Channel.VOICE)),
        Policy("acme", tenants=("acme",), only=("sms-2", "sms-3", "call")),
        Policy("acme-us", tenants=("acme",), countries=("US",), without=("sms-3",)),
    )
    planned = plan(rules)
    assert ways(planned) == [["sms-2"], ["call"]]
    assert why(planned, "step 1") == {(NOT_ALLOWED, "policy 'base' does not name whatsapp")}
    assert why(planned, "sms-1") == {(NOT_ALLOWED, "policy 'acme' does not name it")}
    assert why(planned, "sms-3") == {(NOT_ALLOWED, "policy 'acme-us' forbids it")}
    assert planned.audit().decision["policies"] == ["acme-us", "acme", "base"]


def test_a_policy_chooses_the_cascade_where_the_request_names_none() -> None:
    rules = messaging(Policy("base", cascade="plain"), Policy("login", use_cases=("login",), cascade="otp"))
    assert plan(rules, cascade="").cascade == "plain"
    assert plan(rules, cascade="", use_case="login").cascade == "otp"
    assert plan(rules, cascade="plain", use_case="login").cascade == "plain"  # the request is the narrowest of all


def test_a_request_brings_its_own_steps() -> None:
    steps = (Step(Channel.SMS, wait=5.0, providers=("sms-3",)), Step(Channel.VOICE))
    planned = plan(messaging(), cascade="", steps=steps)
    assert ways(planned) == [["sms-3"], ["call"]]
    assert planned.cascade == "as asked"
    with pytest.raises(Unplannable) as wrong:
        plan(messaging(), cascade="", steps=(Step(Channel.SMS), Step(Channel.SMS, providers=("sms-1", "mail"))))
    assert wrong.value.pointer == "/steps/1/routes/1"


@pytest.mark.parametrize("name", ["", "nobody"])
def test_a_request_without_a_cascade_is_told_so(name: str) -> None:
    with pytest.raises(Unplannable) as wrong:
        plan(messaging(), cascade=name)
    assert wrong.value.pointer == "/cascade"


def test_a_request_asks_for_less_and_never_for_more() -> None:
    rules = messaging(Policy("base", max_attempts=4, max_cost=0.1, window=60.0))
    less = plan(rules, max_attempts=2, max_cost=0.05, window=30.0).terms
    assert (less.max_attempts, less.max_cost, less.expires) == (2, 0.05, NOW + 30.0)
    more = plan(rules, max_attempts=9, max_cost=5.0, window=3600.0).terms
    assert (more.max_attempts, more.max_cost, more.expires) == (4, 0.1, NOW + 60.0)
    free = plan(messaging(), max_attempts=9, max_cost=5.0, window=3600.0).terms
    assert (free.max_attempts, free.max_cost, free.expires) == (9, 5.0, NOW + 3600.0)  # a cascade says what is usual


def test_who_costs_more_than_may_be_spent_is_left_out() -> None:
    planned = plan(messaging(), max_cost=0.03, cascade="plain")
    assert ways(planned) == [["sms-2", "sms-3"]]
    assert why(planned, "sms-1") == {(MAX_COST, "it costs 0.05, and the limit is 0.03")}


def test_who_costs_more_than_a_success_is_worth_is_left_out() -> None:
    cheap = replace(messaging(), cascades={"otp": replace(PLAIN, name="otp", value=0.04)})
    planned = plan(cheap)
    assert ways(planned) == [["sms-2", "sms-3"]]
    assert why(planned, "sms-1") == {(NOT_WORTH, "it costs 0.05, and a success is worth 0.04")}
    assert ways(plan(cheap, route_class=RouteClass.PREMIUM)) == [
        ["sms-1", "sms-2", "sms-3"]
    ]  # worth four times as much


def test_premium_requests_go_to_premium_providers_first() -> None:
    providers = (*PROVIDERS[2:4], PROVIDERS[1])
    rules = messaging(providers=providers)
    assert ways(plan(rules, cascade="plain")) == [["sms-2", "sms-3", "sms-1"]]
    assert ways(plan(rules, cascade="plain", route_class=RouteClass.PREMIUM)) == [["sms-1", "sms-2", "sms-3"]]


def test_by_cost_the_cheapest_is_first() -> None:
    rules = messaging()
    rules = replace(rules, cascades={"otp": replace(PLAIN, steps=(Step(Channel.SMS, order=Order.COST),))})
    assert ways(plan(rules)) == [["sms-3", "sms-2", "sms-1"]]


def test_what_may_be_fraud_goes_to_premium_providers_alone() -> None:
    planned = plan(messaging(), risk=0.6)
    assert ways(planned) == [["sms-1"]]
    assert planned.terms.weight == pytest.approx(0.4)
    assert why(planned, "wa-1") == {(FRAUD, "it is not premium, and the request may be fraud")}


def test_what_is_fraud_goes_nowhere() -> None:
    planned = plan(messaging(), risk=0.95)
    assert (planned.refusal, ways(planned)) == (FRAUD, [])
    assert planned.why == "the risk of fraud is 0.95, and nothing is sent from 0.9 on"


def test_what_policy_does_not_allow_goes_nowhere() -> None:
    rules = messaging(Policy("closed", allow=False), Policy("open", countries=("US",), allow=True))
    assert plan(rules, "US").refusal == ""
    refused = plan(rules, "DE")
    assert (refused.refusal, refused.why) == (NOT_ALLOWED, "policy 'closed' does not allow it")


def test_nobody_who_could_carry_it_is_a_refusal_with_all_reasons() -> None:
    planned = plan(messaging(providers=(PROVIDERS[2],)), "FR", cascade="plain")
    assert planned.refusal == NO_PROVIDER
    assert why(planned, "sms-2")


# --------------------------------------------------------------------------- scores


def fail(scores: Scores, name: str, region: tuple[str, ...], times: int = 30) -> None:
    for _ in range(times):
        scores.observe(Outcome(name, OutcomeClass.FAILURE, region, age=2.0), NOW - 5.0)


def test_who_fails_in_a_country_goes_behind_there_and_only_there() -> None:
    rules = messaging()
    scores = scores_of(rules)
    fail(scores, "sms-1", ("DE",))
    assert ways(plan(rules, "DE", cascade="plain", scores=scores)) == [["sms-2", "sms-3", "sms-1"]]
    assert ways(plan(rules, "US", cascade="plain", scores=scores)) == [["sms-1", "sms-2", "sms-3"]]


def test_best_prefers_another_upstream_for_the_second_try() -> None:
    """Of two that are as good and as cheap, the one that does not fail together with the first comes second."""
    some = (
        provider("a", upstream="agg-1", costs={"": 0.01}),
        provider("b", upstream="agg-1", costs={"": 0.011}),
        provider("c", upstream="agg-2", costs={"": 0.012}),
    )
    rules = messaging(providers=some)
    assert ways(plan(rules)) == [["a", "c", "b"]]


def test_every_decision_replays_from_its_record() -> None:
    rules = messaging()
    scores = scores_of(rules)
    fail(scores, "sms-3", ("US",), 12)
    for place in range(200):
        planned = plan(rules, key=f"c{place}", scores=scores)
        decision = json.loads(json.dumps(planned.audit().decision))
        assert [list(order) for order in replay(decision)] == ways(planned)


def test_who_only_asks_changes_nothing() -> None:
    rules = messaging()
    scores = scores_of(rules)
    fail(scores, "sms-2", ("US",))
    planner = Planner(rules, scores, "v1")
    request = Request("acme", PHONE, cascade="otp")
    first = planner.plan(request, number(), 0.0, "c1", NOW, remember=False)
    before = json.dumps(scores.dump())
    assert scores.dump()["primary"] == []
    assert planner.plan(request, number(), 0.0, "c1", NOW, remember=False) == first
    assert json.dumps(scores.dump()) == before
    planner.plan(request, number(), 0.0, "c1", NOW)
    assert scores.dump()["primary"] != []


def test_the_same_orders_are_the_same_plan() -> None:
    rules = messaging()
    planner = Planner(rules, scores_of(rules), "v1")
    request = Request("acme", PHONE, cascade="plain")
    first, second = (planner.plan(request, number(), 0.0, key, NOW) for key in ("c1", "c2"))
    assert first.plan is second.plan
    assert load_plan(dump_plan(first.plan)) == first.plan


def test_the_record_holds_nobody() -> None:
    planned = plan(messaging(), params={"code": "481516"}, text="Your code is 481516")
    said = json.dumps(planned.audit().decision) + repr(planned.terms) + json.dumps(dump_plan(planned.plan))
    assert not any(word in said for word in (PHONE, "anna@example.com", "481516"))


# --------------------------------------------------------------------------- senders


def test_senders_take_turns_by_what_they_can_carry() -> None:
    some = (
        Sender("+14155550101", NumberKind.MOBILE, ("US",), per_second=3.0),
        Sender("+14155550102", NumberKind.MOBILE, ("US",), per_second=1.0),
        Sender("Callward", NumberKind.ALPHANUMERIC),
    )
    fitting = usable(provider("sms-1", senders=some), "US")
    drawn = [choose(fitting, f"c{place}") for place in range(2000)]
    assert drawn == [choose(fitting, f"c{place}") for place in range(2000)]
    assert {drawn.count("+14155550101") // 150, drawn.count("+14155550102") // 150} <= {9, 10, 3}
    assert "Callward" not in drawn
    assert choose(usable(provider("sms-1", senders=some), "DE"), "c1") == "Callward"


# --------------------------------------------------------------------------- properties

COUNTRIES = ("US", "DE", "FR")
KINDS = (NumberKind.MOBILE, NumberKind.SHORT_CODE, NumberKind.ALPHANUMERIC)


def some(of: Any, most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(of), max_size=most, unique=True).map(tuple)


SENDERS = st.lists(
    st.builds(Sender, id=st.just("s"), kind=st.sampled_from(KINDS), countries=some(COUNTRIES)), max_size=2
)
NAMES = tuple(f"p{place}" for place in range(6))


@st.composite
def worlds(draw: st.DrawFn) -> Messaging:
    """Some providers, a cascade and policies."""
    providers = {
        name: Provider(
            name,
            draw(st.sampled_from((Channel.SMS, Channel.WHATSAPP))),
            "smpp",
            None,
            upstream=draw(st.sampled_from(("", "agg-1", "agg-2"))),
            route_class=draw(st.sampled_from(RouteClass)),
            costs={"": draw(st.sampled_from((0.0, 0.01, 0.2, 0.6)))},
            countries=draw(some(COUNTRIES)),
            senders=tuple(draw(SENDERS)),
        )
        for name in NAMES[: draw(st.integers(1, 6))]
    }
    steps = draw(
        st.lists(
            st.builds(
                Step,
                channel=st.sampled_from((Channel.SMS, Channel.WHATSAPP)),
                order=st.sampled_from((Order.CONFIGURED, Order.COST, Order.BEST)),
                fanout=st.integers(0, 3),
            ),
            min_size=1,
            max_size=3,
        )
    )
    policies = draw(
        st.lists(
            st.builds(
                Policy,
                name=st.sampled_from("abc"),
                tenants=some(("acme", "other")),
                countries=some(COUNTRIES),
                allow=st.sampled_from((None, None, True, False)),
                channels=some((Channel.SMS, Channel.WHATSAPP)),
                only=some(NAMES, 4),
                without=some(NAMES),
                sender_kinds=some(KINDS),
                max_cost=st.sampled_from((None, 0.1, 0.3)),
            ),
            max_size=4,
        )
    )
    return Messaging(providers, {"c": CascadeRules("c", tuple(steps))}, tuple(policies))


@given(
    worlds(),
    st.sampled_from((*COUNTRIES, "IT")),
    st.sampled_from(RouteClass),
    st.sampled_from((0.0, 0.6, 0.95)),
    st.sampled_from((None, 0.05, 0.5)),
    st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=40),
)
def test_nobody_carries_what_he_may_not(
    rules: Messaging,
    country: str,
    route_class: RouteClass,
    risk: float,
    most: float | None,
    outcomes: list[tuple[str, bool]],
) -> None:
    """Whatever is written and known: coverage, senders, policy, caps and class hold, and every order replays."""
    scores = scores_of(rules)
    for name, good in outcomes:
        kind = OutcomeClass.SUCCESS if good else OutcomeClass.FAILURE
        scores.observe(Outcome(name, kind, (country,), age=1.0), NOW - 60.0)
    planner = Planner(rules, scores, "v1")
    request = Request("acme", PHONE, route_class=route_class, max_cost=most)
    planned = planner.plan(request, number(country), risk, "c1", NOW)
    applying = [
        policy
        for policy in rules.policies
        if (not policy.tenants or "acme" in policy.tenants) and (not policy.countries or country in policy.countries)
    ]
    caps = [cap for cap in (most, *(policy.max_cost for policy in applying)) if cap is not None]
    for stage in planned.plan.stages:
        (target,) = stage.targets
        assert target.paths
        for path in target.paths:
            used = rules.providers[path.trunk]
            assert used.channel == target.endpoint
            assert not used.countries or country in used.countries
            if used.senders:
                assert any(not sender.countries or country in sender.countries for sender in used.senders)
            for policy in applying:
                assert path.trunk not in policy.without
                if policy.sender_kinds and used.senders:
                    assert any(sender.kind in policy.sender_kinds for sender in used.senders)
            assert risk < 0.5 or used.route_class is RouteClass.PREMIUM
            assert all(used.costs[""] <= cap for cap in caps)
            assert path.trunk in planned.terms.costs
    if planned.refusal:
        assert planned.plan.stages == ()
    else:
        assert planned.plan.stages
        assert len(planned.terms.fanout) == len(planned.plan.stages)
    decision = json.loads(json.dumps(planned.audit().decision))
    assert [list(order) for order in replay(decision)] == ways(planned)
    # Nobody is lost without a word: all of a step's channel are used or excluded.
    said = {(row[0], row[1]) for row in decision["excluded"]}
    if not planned.refusal:
        tried = {(choice["step"], name) for choice in decision["choices"] for name in choice["order"]}
        for place, step in enumerate(rules.cascades["c"].steps, 1):
            for used in rules.providers.values():
                if used.channel is step.channel:
                    assert {(place, used.name), (place, "")} & (said | tried)

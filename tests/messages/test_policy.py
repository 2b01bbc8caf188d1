"""Policies in layers: who wins, what adds up."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from controller.messages.policy import Rulebook, Subject, applies, resolve
from controller.types.messages import Channel, NumberKind, Policy, RouteClass

BASE = Policy("base", cascade="base")
COUNTRY = Policy("germany", countries=("DE",), cascade="country")
TENANT = Policy("acme", tenants=("acme",), cascade="tenant")
BOTH = Policy("acme-de", tenants=("acme",), countries=("DE",), cascade="both")
LAYERS = (BASE, COUNTRY, TENANT, BOTH)


def test_the_narrowest_layer_wins_whatever_the_order_in_the_file() -> None:
    for policies in permutations(LAYERS):
        assert resolve(policies, Subject("acme", "DE")).cascade == "both"
        assert resolve(policies, Subject("acme", "US")).cascade == "tenant"
        assert resolve(policies, Subject("other", "DE")).cascade == "country"
        assert resolve(policies, Subject("other", "US")).cascade == "base"


def test_what_was_applied_is_told_the_narrowest_first() -> None:
    rules = resolve(LAYERS, Subject("acme", "DE"))
    assert rules.applied == ("acme-de", "acme", "germany", "base")
    assert rules.by["cascade"] == "acme-de"


def test_in_one_layer_more_conditions_are_narrower_and_else_the_later_one_wins() -> None:
    plain = Policy("plain", countries=("US",), cascade="plain")
    network = Policy("network", countries=("US",), operators=("310260",), cascade="network")
    later = Policy("later", countries=("US",), cascade="later")
    subject = Subject("acme", "US", "310260")
    assert resolve((network, plain), subject).cascade == "network"
    assert resolve((plain, later), subject).cascade == "later"


def test_every_condition_must_hold() -> None:
    policy = Policy(
        "all",
        tenants=("acme",),
        countries=("US",),
        operators=("310260",),
        kinds=(NumberKind.MOBILE,),
        use_cases=("login",),
        classes=(RouteClass.PREMIUM,),
    )
    subject = Subject("acme", "US", "310260", NumberKind.MOBILE, "login", RouteClass.PREMIUM)
    assert applies(policy, subject)
    for other in (
        {"tenant": "other"},
        {"country": "CA"},
        {"operator": ""},
        {"kind": None},
        {"use_case": "payout"},
        {"route_class": RouteClass.STANDARD},
    ):
        assert not applies(policy, replace(subject, **other))


def test_choices_are_taken_key_by_key() -> None:
    rules = resolve(
        (
            Policy("base", channels=(Channel.SMS, Channel.EMAIL), only=("sms-1",), allow=False),
            Policy("acme", tenants=("acme",), channels=(Channel.VOICE,), allow=True),
        ),
        Subject("acme"),
    )
    assert rules.channels == {Channel.VOICE}
    assert rules.only == {"sms-1"}
    assert rules.allow
    assert rules.by == {"channels": "acme", "only": "base", "allow": "acme"}


def test_what_forbids_adds_up() -> None:
    rules = resolve(
        (
            Policy(
                "germany", countries=("DE",), without=("sms-1",), sender_kinds=(NumberKind.MOBILE, NumberKind.FIXED)
            ),
            Policy("acme", tenants=("acme",), without=("sms-2",), sender_kinds=(NumberKind.MOBILE,)),
        ),
        Subject("acme", "DE"),
    )
    assert rules.without == {"sms-1", "sms-2"}
    assert rules.sender_kinds == {NumberKind.MOBILE}


def test_of_what_caps_the_least_counts_and_is_named() -> None:
    rules = resolve(
        (
            Policy("base", max_cost=0.1, max_attempts=3, window=60.0),
            Policy("acme", tenants=("acme",), max_cost=0.5, max_attempts=2),
        ),
        Subject("acme"),
    )
    assert (rules.max_cost, rules.max_attempts, rules.window) == (0.1, 2, 60.0)
    assert rules.by == {"max_cost": "base", "max_attempts": "acme", "window": "base"}


NAMES = st.sampled_from(("acme", "other", "third"))
PLACES = st.sampled_from(("US", "DE", "FR"))


def some(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(of, max_size=2, unique=True).map(tuple)


POLICIES = st.lists(
    st.builds(
        Policy,
        name=st.sampled_from("abcdef"),
        tenants=some(NAMES),
        countries=some(PLACES),
        use_cases=some(st.sampled_from(("login", "payout"))),
        without=some(st.sampled_from(("sms-1", "sms-2"))),
        allow=st.sampled_from((None, True, False)),
        max_cost=st.sampled_from((None, 0.1, 0.2)),
    ),
    max_size=6,
)
SUBJECTS = st.builds(
    Subject,
    tenant=st.sampled_from(("acme", "nobody")),
    country=st.sampled_from(("US", "IT", "")),
    use_case=st.sampled_from(("login", "x")),
)


@given(POLICIES, SUBJECTS)
def test_a_rulebook_says_the_same_for_the_narrowed_subject(policies: list[Policy], subject: Subject) -> None:
    """What no policy names is left out of the key of what is remembered, and changes nothing."""
    book = Rulebook(policies)
    assert book.rules(book.narrow(subject)) == resolve(policies, subject)


@given(POLICIES, SUBJECTS)
def test_nothing_that_holds_can_be_lifted_by_another_policy(policies: list[Policy], subject: Subject) -> None:
    rules = resolve(policies, subject)
    for policy in policies:
        if applies(policy, subject):
            assert rules.without.issuperset(policy.without)
            assert policy.max_cost is None or (rules.max_cost is not None and rules.max_cost <= policy.max_cost)
            assert policy.name in rules.applied

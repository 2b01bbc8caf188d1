"""What is believed of a name while its resolver is in health, lost, slow or lying: the policy, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.resolver.belief import DOUBT, MAX_ADDRESSES, MAX_RETRY, PROVE, SPARE, Belief, key_of
from controller.resolver.question import Answer
from controller.types import Address, Dns

DNS = Dns(least=5.0, most=3600.0)
A, B, C, WRONG = (Address(f"192.0.2.{n}", 5060) for n in (1, 2, 3, 66))


def answer(*addresses: Address, ttl: float = 60.0, complete: bool = True) -> Answer:
    return Answer(addresses, ttl, complete)


class Name:
    """A name whose addresses live or not, and whose answers arrive when it asks."""

    def __init__(self, *known: Address) -> None:
        self.now = 1000.0
        self.states: dict[Address, bool | None] = dict.fromkeys(known, True)
        self.belief = Belief(self.now)
        self.hears(answer(*known))

    def alive(self, address: Address) -> bool | None:
        return self.states.get(replace(address, rank=0))

    def hears(self, what: Answer | str) -> list[Address]:
        """What is used after this answer, or failure."""
        if isinstance(what, str):
            self.belief.fail(what, DNS, self.now)
        else:
            self.belief.take(what, self.alive, DNS, self.now)
        return list(self.belief.addresses())

    def spend(self, seconds: float, what: Answer | str) -> None:
        """Ask whenever it is time, and always get this."""
        end = self.now + seconds
        while self.belief.due < end:
            self.now = self.belief.due
            self.hears(what)
            self.belief.review(self.alive, DNS, self.now)
        self.now = end


# --------------------------------------------------------------------------- lost, slow, lying


@pytest.mark.parametrize(
    "illness",
    ["no DNS server answered in time", "the name does not exist", answer(WRONG), answer(WRONG, ttl=0.0), answer(B, C)],
)
def test_ten_minutes_of_any_illness_change_nothing(illness: Answer | str) -> None:
    name = Name(A)
    name.spend(600.0, illness)
    assert name.belief.addresses() == (A,)
    assert name.belief.why


def test_a_resolver_may_be_lost_for_a_year() -> None:
    name = Name(A, B)
    for _ in range(10_000):
        name.now += 3600.0
        assert name.hears("no DNS server answered in time") == [A, B]
    assert name.belief.due - name.now == MAX_RETRY


def test_a_liar_who_changes_his_story_is_never_believed() -> None:
    name = Name(A)
    for number in range(1000):
        name.now += 60.0
        assert name.hears(answer(Address(f"203.0.113.{number % 250}", 5060))) == [A]


def test_the_truth_between_two_lies_ends_the_doubt() -> None:
    name = Name(A)
    name.spend(DOUBT - 100.0, answer(WRONG))
    name.hears(answer(A))
    assert name.belief.why == ""
    name.spend(DOUBT - 100.0, answer(WRONG))
    assert name.belief.addresses() == (A,)


def test_a_move_that_is_announced_for_a_quarter_of_an_hour_is_believed() -> None:
    name = Name(A)
    name.spend(DOUBT + 120.0, answer(B))
    assert name.belief.addresses() == (B, replace(A, rank=1))  # the old one lives: behind
    name.spend(SPARE + 120.0, answer(B))
    assert name.belief.addresses() == (B,)  # not for ever: it may be somebody else's by then


# --------------------------------------------------------------------------- change


def test_an_answer_that_keeps_what_lives_is_believed_at_once() -> None:
    name = Name(A, B)
    assert name.hears(answer(C, A)) == [A, replace(B, rank=1), replace(C, rank=2)]


def test_a_new_address_takes_its_place_once_it_has_proved_alive() -> None:
    name = Name(A)
    best, worse = replace(B, rank=0), replace(A, rank=1)
    assert name.hears(answer(best, worse)) == [worse, replace(B, rank=3)]
    name.now += 1.0
    assert not name.belief.review(name.alive, DNS, name.now)
    name.states[B] = True
    assert name.belief.review(name.alive, DNS, name.now)
    assert name.belief.addresses() == (best, worse)
    assert name.hears(answer(best, worse)) == [best, worse]


def test_whoever_cannot_prove_anything_waits_for_a_minute() -> None:
    name = Name(A)
    name.hears(answer(B, A))
    name.now += PROVE - 1.0
    name.hears(answer(B, A))
    assert name.belief.addresses()[0] == A
    name.now += 1.0
    assert name.belief.review(name.alive, DNS, name.now)
    assert name.belief.addresses() == (B, A)


def test_nobody_is_new_where_nobody_lives() -> None:
    name = Name(A)
    name.hears(answer(B, A))
    name.states[A] = False
    assert name.belief.review(name.alive, DNS, name.now)
    assert name.belief.addresses() == (B, A)
    name.states[A] = None
    assert name.hears(answer(C, A)) == [C, A]


def test_an_address_that_is_dead_and_not_listed_is_forgotten_at_once() -> None:
    name = Name(A, B)
    name.states[B] = False
    assert name.hears(answer(A, C)) == [A, replace(C, rank=2)]


def test_keeping_only_what_is_dead_is_no_proof() -> None:
    name = Name(A, B)
    name.states[B] = False
    assert name.hears(answer(B, WRONG)) == [A, B]


@pytest.mark.parametrize("state", [False, None])
def test_a_carrier_that_moves_after_a_disaster_is_followed_at_once(state: bool | None) -> None:
    name = Name(A)
    name.states[A] = state
    assert name.hears(answer(B)) == [B]


def test_what_was_doubted_is_believed_as_soon_as_all_else_is_dead() -> None:
    name = Name(A)
    assert name.hears(answer(B)) == [A]
    assert not name.belief.review(name.alive, DNS, name.now)
    name.states[A] = False
    assert name.belief.review(name.alive, DNS, name.now)
    assert name.belief.addresses() == (B,)


def test_a_name_whose_addresses_are_all_dead_is_asked_often() -> None:
    name = Name(A)
    name.hears(answer(A, ttl=3600.0))
    assert name.belief.due >= name.now + 3000.0
    name.states[A] = False
    name.belief.review(name.alive, DNS, name.now)
    assert name.belief.due == name.now + DNS.least


def test_ranks_and_weights_follow_each_answer() -> None:
    name = Name(A, B)
    assert name.hears(answer(replace(B, weight=9), replace(A, rank=1))) == [replace(B, weight=9), replace(A, rank=1)]


def test_a_part_does_not_replace_the_whole() -> None:
    name = Name(A)
    name.states[A] = None
    assert name.hears(answer(B, complete=False)) == [A]
    assert name.belief.why


def test_a_part_is_better_than_nothing_and_follows_itself() -> None:
    name = Name()
    assert name.belief.addresses() == ()
    assert name.hears(answer(A, complete=False)) == [A]
    assert name.hears(answer(A, B, complete=False)) == [A, B]
    assert name.hears(answer(A)) == [A]
    assert name.belief.complete


@pytest.mark.parametrize(("ttl", "waits"), [(0.0, 5.0), (60.0, 60.0), (1e9, 3600.0)])
def test_a_ttl_has_bounds(ttl: float, waits: float) -> None:
    name = Name(A)
    name.hears(answer(A, ttl=ttl))
    assert name.belief.due - name.now == waits


def test_a_crowd_of_addresses_is_bounded() -> None:
    crowd = [Address(f"192.0.2.{n}", 5060) for n in range(1, 200)]
    name = Name(*crowd)
    assert len(name.belief.addresses()) == MAX_ADDRESSES
    name.hears(answer(crowd[0], *crowd[100:]))
    assert len(name.belief.addresses()) == MAX_ADDRESSES


def test_what_is_believed_lives_on_as_plain_data() -> None:
    name = Name(A, B)
    name.hears(answer(A, C))
    data = json.loads(json.dumps(name.belief.dump(name.now + 5.0)))
    again = Belief.load(data, 7.0)
    assert again.addresses() == (A, C, replace(B, rank=1))
    assert again.answered_at == 2.0


@pytest.mark.parametrize(
    "spoil", [{"listed": [{"host": "x", "port": 1}]}, {"listed": 7}, {"age": "x"}, {"complete": ...}]
)
def test_spoilt_data_is_an_error_of_a_known_kind(spoil: dict[str, object]) -> None:
    data = {**Name(A).belief.dump(0.0), **spoil}
    if spoil == {"complete": ...}:
        del data["complete"]
    with pytest.raises((ValueError, TypeError, LookupError)):
        Belief.load(data, 0.0)


# --------------------------------------------------------------------------- always

ADDRESSES = st.lists(st.sampled_from([A, B, C, WRONG, replace(A, port=5061)]), min_size=1, max_size=4, unique=True)


class BeliefMachine(RuleBasedStateMachine):
    """Whatever a resolver does: there is an address, and one that lives stays in use while nothing vouches for others."""

    @initialize(known=ADDRESSES)
    def begin(self, known: Sequence[Address]) -> None:
        self.name = Name(*known)

    @rule(addresses=ADDRESSES, ttl=st.sampled_from([0.0, 60.0, 1e6]), complete=st.booleans())
    def answers(self, addresses: Sequence[Address], ttl: float, complete: bool) -> None:
        name = self.name
        listed, doubted = name.belief.listed, name.belief.doubted
        living = {key_of(address) for address in listed if name.alive(address)}
        name.hears(answer(*addresses, ttl=ttl, complete=complete))
        assert living <= {key_of(address) for address in name.belief.addresses()}  # listed or spare
        kept = living & {key_of(address) for address in addresses}
        if living and not kept and (doubted is None or name.now - doubted.since < DOUBT):
            assert name.belief.listed == listed

    @rule(why=st.just("lost"))
    def fails(self, why: str) -> None:
        before = self.name.belief.addresses()
        assert self.name.hears(why) == list(before)

    @rule(seconds=st.sampled_from([1.0, 60.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.name.now += seconds

    @rule(address=st.sampled_from([A, B, C, WRONG]), state=st.sampled_from([True, False, None]))
    def health(self, address: Address, state: bool | None) -> None:
        self.name.states[address] = state
        self.name.belief.review(self.name.alive, DNS, self.name.now)

    @invariant()
    def something_is_used_once(self) -> None:
        used = self.name.belief.addresses()
        assert 0 < len(used) <= MAX_ADDRESSES
        assert len({key_of(address) for address in used}) == len(used)
        assert [address.rank for address in used] == sorted(address.rank for address in used)

    @invariant()
    def it_is_asked_again(self) -> None:
        assert self.name.belief.due <= self.name.now + DNS.most


TestBelief = BeliefMachine.TestCase

"""Bytes out never exceed bytes in, whatever strangers send, until they prove that they read; and calls come through."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.edge.credit import PROVED, RESERVE, Credit
from controller.scenario.network import Link
from controller.types import Access
from sip.agent import Script
from sip.parser import parse_message
from sip.transaction import Hop
from tests.playbook import stage
from tests.sim.world import CALLER, World
from tests.sip import wire
from tests.torture.mutants import mutate
from tests.torture.stand import T1, Stand

METHODS = (
    *("INVITE", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "BYE", "CANCEL", "ACK", "PRACK", "UPDATE"),
    *("INFO", "REFER", "PUBLISH", "ODD"),
)
OK, RINGING = b"SIP/2.0 200 OK\r\n" + b"x" * 800, b"SIP/2.0 180 Ringing\r\n" + b"x" * 300


def amplify(access: Access, method: str, *, answers: bool, mutants: bool = False) -> dict[str, float]:
    """A message and its repetition from each of many forged addresses; bytes out for each byte in, by address."""
    stand, dice = Stand(access=access), random.Random(f"{access}/{method}")
    came, went = Counter[str](), Counter[str]()

    def note() -> None:
        for data, hop in stand.take():
            if hop == T1 and answers and data.startswith(b"INVITE"):
                extra = ("Contact: <sip:a@192.0.2.21>",)
                for status in (180, 200):
                    stand.engine.receive(wire.answer(wire.parsed(data), status, extra=extra), T1, stand.now)
            elif hop.host.startswith("198.51."):
                went[hop.host] += len(data)

    for number in range(200):
        source = Hop(f"198.51.100.{number}", 5060)
        via = f"SIP/2.0/UDP {source.host}:5060"
        data = wire.request(method, via=via, branch=f"z9hG4bK-{method}-{number}", call_id=f"c{number}", rport=True)
        if mutants:
            data = mutate(data, dice)
        for _ in range(2):
            stand.engine.receive(data, source, stand.now)
            came[source.host] += len(data)
            note()
        stand.now += 0.01
    until = stand.now + 120.0
    while (due := stand.engine.next_deadline()) <= until:  # every retransmission there is
        stand.now = max(stand.now, due)
        stand.engine.handle_timer(stand.now)
        note()
        note()
    return {host: went[host] / came[host] for host in came}


@pytest.mark.parametrize("method", METHODS)
def test_bytes_out_stay_below_bytes_in_for_every_method(method: str) -> None:
    assert max(amplify(Access.TRUNKS, method, answers=True).values()) == 0.0
    assert max(amplify(Access.ANYONE, method, answers=method == "INVITE").values()) <= 1.0


def test_so_they_do_for_mutants() -> None:
    shares = [amplify(Access.ANYONE, method, answers=True, mutants=True) for method in ("INVITE", "OPTIONS")]
    assert max(max(each.values()) for each in shares) <= 1.0
    assert any(any(each.values()) for each in shares), "somebody is answered"


def test_without_the_account_an_invite_that_fails_would_be_a_weapon() -> None:
    """What the account is good for: the same with everybody known."""
    stand = Stand()
    data = wire.request("INVITE", "sip:a@192.0.2.10?x=y", via="SIP/2.0/UDP 198.51.100.1:5060")
    stand.engine.receive(data, Hop("198.51.100.1", 5060), stand.now)
    sent = [answer for answer, _ in [*stand.take(), *stand.wait(60.0)]]
    assert sum(map(len, sent)) > 5 * len(data)


def test_a_provisional_leaves_enough_for_the_final() -> None:
    credit = Credit()
    credit.earn("198.51.100.1", 900)
    assert not credit.spend(RINGING, "198.51.100.1", 0.0)
    assert credit.spend(OK, "198.51.100.1", 0.0)
    assert not credit.spend(OK, "198.51.100.1", 0.0)
    credit.earn("198.51.100.1", RESERVE + len(RINGING))
    assert credit.spend(RINGING, "198.51.100.1", 0.0)
    assert credit.withheld == 2


def test_whoever_has_shown_that_he_reads_is_trusted_for_a_while() -> None:
    credit = Credit()
    credit.prove("198.51.100.1", 10.0)
    assert credit.spend(OK, "198.51.100.1", 10.0 + PROVED - 1)
    assert not credit.spend(OK, "198.51.100.1", 10.0 + PROVED + 1)
    assert not credit.spend(OK, "198.51.100.2", 10.0)


def test_an_ack_with_the_tag_of_our_refusal_is_proof_and_one_with_another_is_none() -> None:
    for is_read in (True, False):
        stand = Stand(access=Access.ANYONE)
        source = Hop("198.51.100.1", 5060)
        invite = wire.request("INVITE", "sip:a@192.0.2.10?x=y", via="SIP/2.0/UDP 198.51.100.1:5060")
        for _ in range(3):
            stand.engine.receive(invite, source, stand.now)
        finals = [parse_message(data) for data, _ in stand.take()]
        tag = finals[-1].to_tag if is_read else "guessed"
        ack = wire.request("ACK", "sip:a@192.0.2.10?x=y", via="SIP/2.0/UDP 198.51.100.1:5060", to_tag=tag)
        stand.engine.receive(ack, source, stand.now)
        assert stand.engine.edge.credit.spend(b"SIP/2.0 200 OK" * 1000, source.host, stand.now) is is_read


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "2001:db8::1", "2001:db8::2"]), st.integers(1, 3000), st.booleans()),
        max_size=100,
    )
)
def test_no_host_gets_more_than_its_group_sent(steps: list[tuple[str, int, bool]]) -> None:
    credit, balance = Credit(), Counter[str]()
    for host, size, comes in steps:
        group = host[:8]
        if comes:
            credit.earn(host, size)
            balance[group] += size
        elif credit.spend(b"SIP/2.0 200 OK" + b"x" * size, host, 0.0):
            balance[group] -= size + 14
        assert all(left >= 0 for left in balance.values())


def test_the_table_does_not_grow_and_whoever_is_pushed_out_has_nothing() -> None:
    credit = Credit(places=100)
    for number in range(1000):
        credit.earn(f"198.51.{number >> 8}.{number & 255}", 10_000)
    assert len(credit) == 100
    assert not credit.spend(OK, "198.51.0.0", 0.0)
    assert credit.spend(OK, "198.51.3.231", 0.0)


@pytest.mark.parametrize(("answer", "late"), [(0.05, 1.0), (0.7, 2.0), (6.0, 6.5)])
def test_a_stranger_who_may_call_gets_through_and_is_known_from_then_on(answer: float, late: float) -> None:
    """His phone repeats its INVITE until it hears something, as RFC 3261 says; the second call is as any."""
    world = World(stage("anna/t1"), link=Link(delay=0.01))
    world.engine.edge.access = Access.ANYONE
    world.engine.plane.meter(world.engine.edge.may_send)
    world.behave("anna", Script(ring_after=0.02, answer_after=answer, hang_up_after=20.0))
    world.run_until(1.0)
    for most in (late, answer + 0.2):
        began = world.now
        call_id = world.call()
        call = next(call for call in world.caller.calls if call.id == call_id)
        while not call.status and world.now < began + 30.0:
            world.run_until(world.now + 0.1)
        assert (call.status, world.now - began <= most) == (200, True), f"{world.now - began:.1f} s"
        world.run_until(world.now + 2.0)
        world.hang_up(call_id)
        world.run_until(world.now + 40.0)
    assert CALLER.host in world.engine.edge.credit._accounts

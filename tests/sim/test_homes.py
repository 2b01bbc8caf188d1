"""Calls between networks that know us by different addresses, and to peers behind NAT, in virtual time."""

from __future__ import annotations

import pytest

from sip.agent import Script
from sip.transaction import Hop
from tests.sim.homes import DESK, MOBILE, TALKS, Homes, Peer, on_network, peer

INSIDE = Hop("10.0.0.1", 5060)
OUTSIDE = Hop("203.0.113.7", 5080, "udp", "outside")
SIX = Hop("2001:db8::1", 5060, "udp", "six")

CARRIER = peer("203.0.113.20", "outside")
PBX = peer("10.0.0.30")
PAIRS = {
    "two networks": ([INSIDE, OUTSIDE], CARRIER, PBX),
    "the same, the other one first": (
        [OUTSIDE._replace(listener=""), INSIDE._replace(listener="inside")],
        peer("203.0.113.20"),
        peer("10.0.0.30", "inside"),
    ),
    "from IPv6 to IPv4": ([INSIDE, SIX], peer("2001:db8::20", "six"), PBX),
    "from IPv4 to IPv6": ([OUTSIDE, SIX, INSIDE], CARRIER, peer("2001:db8::30", "six")),
    "two ports of one address": ([INSIDE, Hop("10.0.0.1", 5070, "udp", "b")], peer("10.0.0.20", "b"), PBX),
}
BEHIND_NAT = peer("203.0.113.99", "outside", port=40123, own=Hop("192.168.1.5", 5060))


def make_homes(pair: str) -> Homes:
    ours, carrier, pbx = PAIRS[pair]
    return Homes(ours, {"carrier": carrier, "pbx": pbx})


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
@pytest.mark.parametrize("by_caller", [True, False], ids=["caller", "callee"])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("caller", "callee", "number"), [("carrier", "pbx", DESK), ("pbx", "carrier", MOBILE)])
def test_a_call_from_one_network_to_another_ends_properly(
    pair: str, caller: str, callee: str, number: str, by_caller: bool, killed: bool
) -> None:
    homes = make_homes(pair)
    call = homes.call(caller, number)
    homes.wait(3.0)
    one, other = (caller, callee) if by_caller else (callee, caller)
    homes.tell(one, "reinvite", call)
    homes.wait(1.0)
    if killed:
        homes.kill_engine()
    homes.tell(other, "reinvite", call)
    homes.wait(1.0)
    homes.tell(one, "hang_up", call)
    homes.wait(1.0)
    assert homes.story(one, call)[-2:] == ["hung up", "bye 200"]
    assert homes.story(other, call)[-1] == "ended"
    assert homes.story(caller, call)[:4] == ["placed", "trying", "ringing", "answered"]
    assert homes.story(callee, call)[:4] == ["invited", "ringing", "answered", "acked"]
    assert homes.story(one, call).count("reinvite 200") == homes.story(one, call).count("reinvited") == 1
    assert homes.strangers() == []


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
def test_what_rings_in_another_network_is_cancelled_and_says_so(killed: bool) -> None:
    homes = make_homes("two networks")
    homes.agents["pbx"].script = Script(ring_after=0.1)
    call = homes.call("carrier", DESK)
    homes.wait(1.0)
    if killed:
        homes.kill_engine()
    homes.tell("carrier", "cancel", call)
    homes.wait(1.0)
    assert homes.story("pbx", call) == ["invited", "ringing", "cancelled"]
    assert homes.story("carrier", call)[-1] == "final 487"
    assert homes.strangers() == []


def test_who_rang_in_a_past_life_may_answer_across_networks() -> None:
    homes = make_homes("two networks")
    homes.agents["pbx"].script = Script(ring_after=0.1, answer_after=5.0)
    call = homes.call("carrier", DESK)
    homes.wait(2.0)
    homes.kill_engine()
    homes.wait(5.0)
    assert homes.story("carrier", call)[-1] == "answered"
    assert homes.story("pbx", call)[-1] == "acked"
    assert homes.strangers() == []


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
def test_a_call_that_is_up_keeps_its_listener_when_a_reload_gives_its_trunk_another_one(killed: bool) -> None:
    homes = make_homes("two networks")
    calls = [homes.call("carrier", DESK)]
    homes.wait(3.0)
    homes.reload(pbx=PBX.hop._replace(listener="outside"))
    if killed:
        homes.kill_engine()
    calls.append(homes.call("carrier", DESK))
    homes.wait(3.0)
    for call in calls:
        homes.tell("carrier", "hang_up", call)
    homes.wait(1.0)
    assert [homes.story("pbx", call)[-1] for call in calls] == ["ended", "ended"]
    came = [packet.source.host for packet in homes.packets if packet.data.startswith(b"BYE sip:pbx@10.0.0.30:5060 ")
            and packet.target == on_network(PBX.hop)]  # fmt: skip
    assert came == [INSIDE.host, OUTSIDE.host]


# --------------------------------------------------------------------------- NAT


def make_nat(*, carrier: Peer = CARRIER, pbx: Peer = BEHIND_NAT, told: bool = True, **more: Peer) -> Homes:
    return Homes([INSIDE, OUTSIDE], {"carrier": carrier, "pbx": pbx, **more}, nat=told)


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
@pytest.mark.parametrize("by_caller", [True, False], ids=["caller", "callee"])
@pytest.mark.parametrize(("caller", "callee", "number"), [("carrier", "pbx", DESK), ("pbx", "carrier", MOBILE)])
def test_a_pbx_behind_nat_is_reached_within_its_calls(
    caller: str, callee: str, number: str, by_caller: bool, killed: bool
) -> None:
    homes = make_nat()
    call = homes.call(caller, number)
    homes.wait(3.0)
    one, other = (caller, callee) if by_caller else (callee, caller)
    if killed:
        homes.kill_engine()
    homes.tell(one, "reinvite", call)
    homes.wait(1.0)
    homes.tell(other, "hang_up", call)
    homes.wait(1.0)
    assert homes.story(one, call)[-2:] == ["reinvite 200", "ended"]
    assert homes.story(other, call)[-2:] == ["hung up", "bye 200"]
    assert homes.strangers() == []


def test_both_sides_may_be_behind_nat() -> None:
    far = peer("198.51.100.77", "outside", port=31000, own=Hop("192.168.1.5", 5060))  # the same private address
    homes = make_nat(carrier=far)
    call = homes.call("carrier", DESK)
    homes.wait(3.0)
    homes.tell("pbx", "hang_up", call)
    homes.wait(1.0)
    assert homes.story("carrier", call)[-1] == "ended"
    assert homes.strangers() == []


def test_a_dialplan_that_does_not_know_of_the_nat_loses_the_ack() -> None:
    homes = make_nat(told=False)
    call = homes.call("carrier", DESK)
    homes.wait(3.0)
    assert "acked" not in homes.story("pbx", call)
    assert homes.strangers(), "the Contact is believed, and leads nowhere"


def test_a_loser_behind_nat_is_released_where_it_is() -> None:
    homes = make_nat(**{"pbx-2": peer("203.0.113.98", "outside", port=40124, own=Hop("192.168.1.6", 5060))})
    homes.agents["pbx-2"].script = Script(ring_after=0.1, answer_cancelled=0.2)
    call = homes.call("carrier", DESK)
    homes.wait(5.0)
    assert homes.story("carrier", call)[-1] == "answered"
    assert homes.story("pbx-2", call) == ["invited", "ringing", "cancelled", "answered", "acked", "ended"]
    assert homes.strangers() == []


def test_a_peer_behind_nat_is_answered_where_it_sends_from_though_it_does_not_ask() -> None:
    homes = make_nat()
    agent, sent = homes.agents["pbx"], []
    agent.place_call(f"sip:{MOBILE}@{OUTSIDE.host}:{OUTSIDE.port}", Hop(*OUTSIDE[:2]), homes.network.now)
    sent = [(data.replace(b";rport", b""), hop) for data, hop in agent.outbox]  # RFC 3581 came late to its maker
    agent.outbox.clear()
    homes.engine.receive(sent[0][0], BEHIND_NAT.hop, homes.network.now)
    homes.settle()
    homes.wait(3.0)
    assert agent.events[-1].what == "answered"
    assert agent.script is TALKS
    assert homes.strangers() == []

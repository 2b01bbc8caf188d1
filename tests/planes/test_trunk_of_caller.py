"""Which trunk a call came from: what its packets came from decides, and nothing that stands in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.types import DIALLED, NO_ROUTE, Chain, Path, Route, Stage, Target, Trunk
from sip.element import Element
from sip.seal import Seal
from sip.transaction import Hop
from tests.planes.bench import HOPS, Bench, requests
from tests.sip import wire

PBX = Hop("192.0.2.30", 5060)
CARRIER = HOPS["t1"]


def make_bench(**more: Hop) -> Bench:
    """A plane whose PBX may call anywhere by way of t1."""
    element = Element(wire.LOCAL, wire.BRANCH_KEY, Seal({"k1": wire.SEAL_KEY}, "k1"), {}, Hop(*wire.LOCAL[:2], "tcp"))
    bench = Bench(element=element)
    hops = {**HOPS, "hq": PBX, **more}
    path = Path("out via t1", "out", "t1", f"sip:{DIALLED}@t1.example")
    out = Chain("out", (Stage((Target("out", (path,), dialled=True),)),))
    plan = bench.switchboard.dialplan
    bench.switchboard.swap(
        replace(
            plan,
            trunks={name: Trunk(name, *hop) for name, hop in hops.items()},
            chains={**plan.chains, "out": out},
            outbound={"": {"hq": Route("", "out", prefix=True, outbound=True)}},
        )
    )
    bench.plane.swap_hops(hops)
    return bench


def dial(bench: Bench, source: Hop, **options: Any) -> list[str]:
    """Where a call to a premium number goes."""
    options.setdefault("uri", "sip:+19005550100@192.0.2.10")
    return [invite.uri for invite in requests(bench.receive(wire.request("INVITE", **options), source))]


def test_a_pbx_reaches_the_number_it_dials_at_the_host_of_the_trunk() -> None:
    bench = make_bench()
    assert dial(bench, PBX) == ["sip:+19005550100@t1.example"]
    assert not bench.plane.records


@pytest.mark.parametrize("source", [Hop("192.0.2.30", 40000), Hop("192.0.2.30", 40000, "tcp")])
def test_a_pbx_alone_at_its_host_may_send_from_any_port(source: Hop) -> None:
    assert dial(make_bench(), source) == ["sip:+19005550100@t1.example"]


@pytest.mark.parametrize("source", [CARRIER, HOPS["t2"], Hop("203.0.113.66", 5060), Hop("203.0.113.66", 5060, "tcp")])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"uri": "sip:19005550100@192.0.2.10"},
        {"uri": "sip:+19005550100@192.0.2.30"},
        {"via": "SIP/2.0/UDP 192.0.2.30:5060"},
        {"via": "SIP/2.0/UDP 192.0.2.30:5060;received=192.0.2.30"},
        {"via": "SIP/2.0/UDP 192.0.2.30:5060", "rport": True},
        {"extra": ["Contact: <sip:pbx@192.0.2.30:5060>", "P-Asserted-Identity: <sip:100@192.0.2.30>"]},
        {"extra": ["Route: <sip:192.0.2.10;lr>, <sip:192.0.2.21;lr>", "Record-Route: <sip:192.0.2.30:5060;lr>"]},
        {"extra": ["Via: SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bK-pbx"]},
        {"call_id": "call-1@192.0.2.30"},
    ],
)
def test_a_carrier_or_stranger_gets_nowhere_whatever_he_writes(source: Hop, options: dict[str, Any]) -> None:
    bench = make_bench()
    assert dial(bench, source, **options) == []
    assert (bench.record.status, bench.record.cause, bench.record.offer.trunk == "hq") == (404, NO_ROUTE, False)
    assert len(bench.plane) == 0


def test_where_trunks_share_a_host_the_port_tells_them_apart() -> None:
    shared = {"carrier": Hop(PBX.host, 5080)}
    assert dial(make_bench(**shared), PBX) == ["sip:+19005550100@t1.example"]
    for port in (5080, 40000):
        assert dial(make_bench(**shared), Hop(PBX.host, port)) == []
        assert dial(make_bench(**shared), Hop(PBX.host, port, "tcp")) == []


def test_where_trunks_share_an_address_nobody_gets_out() -> None:
    assert dial(make_bench(twin=PBX), PBX) == []


def test_a_pbx_known_by_udp_and_tcp_is_told_apart_by_the_transport() -> None:
    both = {"hq-tcp": Hop(*PBX[:2], "tcp")}
    assert dial(make_bench(**both), PBX) == ["sip:+19005550100@t1.example"]
    assert dial(make_bench(**both), Hop(PBX.host, 33333)) == [], "over UDP the port has to be that of the trunk"
    assert dial(make_bench(**both), Hop(*PBX[:2], "tcp")) == []


def test_a_pbx_still_reaches_our_own_numbers() -> None:
    bench = make_bench()
    assert dial(bench, PBX, uri="sip:+15557000@192.0.2.10") == ["sip:anna@t1.example"]


@pytest.mark.parametrize("user", ["%2B1900555", "1900;phone-context=x", "1900:secret"])
def test_what_decorates_a_dialled_number_stays_here(user: str) -> None:
    number = "+1900555" if "%" in user else "1900"
    assert dial(make_bench(), PBX, uri=f"sip:{user}@192.0.2.10") == [f"sip:{number}@t1.example"]


@pytest.mark.parametrize("user", ["1900%40evil.example", "1900%0d%0aX: y", "1900%3Bx", "anna", "%D9%A1", "1" * 33])
def test_what_no_phone_can_dial_is_refused(user: str) -> None:
    assert dial(make_bench(), PBX, uri=f"sip:{user}@192.0.2.10") == []

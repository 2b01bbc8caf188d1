"""Which listener a trunk uses, what peers are told, and all of them on real sockets. Loopback has many addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.addresses import place_trunks
from controller.config import compile_text
from controller.listeners import advertised_host, choose_listener, find_misled, source_towards
from controller.reload import ReloadError, prepare
from controller.sockets import ListenError, Sockets
from controller.systemd import Inherited
from controller.types import Dialplan, Listen, Trunk
from sip.transaction import Hop
from tests.config.sample import SAMPLE

INSIDE = Listen("127.0.0.1", 5060, name="inside")
OUTSIDE = Listen("127.0.0.2", 5060, name="outside", listener="outside")
OUTSIDE_TCP = Listen("127.0.0.2", 5060, "tcp", name="outside")
ANYWHERE = Listen("0.0.0.0", 5070, listener="+3")
SIX = Listen("::1", 5060, name="six", listener="six")
ALL = (INSIDE, OUTSIDE, ANYWHERE, SIX, OUTSIDE_TCP)


@pytest.mark.parametrize(
    ("listen", "host", "wanted", "transport", "listener"),
    [
        (ALL, "127.0.0.1", "", "udp", ""),
        (ALL, "127.0.0.2", "", "udp", "outside"),  # the route to an address of ours starts there
        (ALL, "127.0.0.1", "outside", "udp", "outside"),
        (ALL, "127.0.0.9", "outside", "tcp", ""),  # the first over TCP
        (ALL, "::1", "", "udp", "six"),
        (ALL, "::1", "inside", "udp", None),
        (ALL, "::1", "", "tcp", None),
        (ALL, "127.0.0.1", "", "tls", None),
        ((OUTSIDE, ANYWHERE), "127.0.0.1", "", "udp", "+3"),
        ((OUTSIDE, Listen("127.0.0.3", 5060, listener="three")), "127.0.0.1", "", "udp", "outside"),
        ((OUTSIDE, Listen("127.0.0.3", 5060, listener="three")), "127.0.0.9", "", "udp", "outside"),
    ],
)
def test_a_trunk_uses_the_listener_that_it_names_or_that_its_network_suggests(
    listen: tuple[Listen, ...], host: str, wanted: str, transport: str, listener: str | None
) -> None:
    trunk = Trunk("t", host, 5060, transport, listener=wanted)
    routes = {"127.0.0.1": "127.0.0.1", "127.0.0.2": "127.0.0.2", "::1": "0:0::1"}
    hop = Hop(host, 5060, transport)
    assert choose_listener(trunk, hop, listen, lambda asked, _: routes.get(asked)) == listener


def test_the_routing_table_is_asked() -> None:
    assert source_towards("127.0.0.1", 9) == "127.0.0.1"
    assert source_towards("::1", 9) == "::1"
    assert source_towards("255.255.255.255", 9) is None  # a broadcast is nobody's address


def test_the_hop_of_a_trunk_names_its_listener() -> None:
    trunks = {
        "pbx": Trunk("pbx", "::1", 5071, listener="six"),
        "carrier": Trunk("carrier", "127.0.0.9", 5072, listener="outside"),
        "plain": Trunk("plain", "127.0.0.1", 5073),
    }
    hops = place_trunks(Dialplan("v1", ALL, trunks, {}, {}), {}).hops
    assert hops == {
        "pbx": Hop("::1", 5071, "udp", "six"),
        "carrier": Hop("127.0.0.9", 5072, "udp", "outside"),
        "plain": Hop("127.0.0.1", 5073),
    }


@pytest.mark.parametrize(
    ("listen", "hops", "told"),
    [
        (INSIDE, [], "127.0.0.1"),
        (Listen("127.0.0.1", 5060, advertise=("203.0.113.7", 5080)), [], "203.0.113.7"),
        (ANYWHERE, [Hop("127.0.0.9", 5060), Hop("127.0.0.2", 5060, "udp", "+3")], "127.0.0.2"),
        (ANYWHERE, [Hop("::1", 5060, "udp", "six"), Hop("127.0.0.3", 5060)], "127.0.0.3"),
        (Listen("::", 5060), [Hop("127.0.0.9", 5060), Hop("::1", 5060)], "::1"),
    ],
)
def test_peers_are_told_the_address_that_they_can_answer_to(listen: Listen, hops: Iterable[Hop], told: str) -> None:
    assert advertised_host(listen, hops, lambda host, _: host) == told


def test_a_trunk_behind_another_interface_is_told_of() -> None:
    hops = {"near": Hop("10.0.0.9", 5060), "far": Hop("203.0.113.9", 5060), "else": Hop("203.0.113.9", 5060, "tcp")}
    ways = {"10.0.0.9": "10.0.0.1", "203.0.113.9": "203.0.113.1"}
    everywhere = Listen("0.0.0.0", 5060)
    assert find_misled(everywhere, "10.0.0.1", hops, lambda host, _: ways[host]) == {"far": "203.0.113.1"}
    for other in (replace(everywhere, advertise=("198.51.100.1", 5060)), replace(everywhere, host="10.0.0.1")):
        assert find_misled(other, "10.0.0.1", hops, lambda host, _: ways[host]) == {}


TWO = '[{udp: "127.0.0.1:5060", name: inside}, {udp: "127.0.0.2:5060", name: outside}]'


@pytest.mark.parametrize(
    ("listen", "taken"),
    [
        (TWO, True),
        (TWO.replace("inside", "lan"), True),  # a name of the first one is for trunks only
        (f"{TWO[:-1]}, {{tcp: '127.0.0.1:5060'}}]", False),
        (TWO.replace("127.0.0.2:5060", "127.0.0.2:5070"), False),
        (TWO.replace("name: outside", "name: outside, advertise: 203.0.113.7"), False),
        (TWO.replace("outside", "wan"), False),  # by which calls that are up remember it
    ],
)
def test_a_reload_changes_what_trunks_use_and_no_listener(tmp_path: Path, listen: str, taken: bool) -> None:
    plan = SAMPLE.replace('[{udp: "127.0.0.1:5060"}]', TWO)
    running = compile_text(plan, "plan.yaml").dialplan
    assert running is not None
    moved = plan.replace(TWO, listen).replace('sip:192.0.2.30:5081"', 'sip:127.0.0.9:5081", listener: outside')
    moved = moved.replace("sbc.carrier-b.example;transport=UDP", "192.0.2.20")
    if "outside" not in listen:
        moved = moved.replace(", listener: outside", "")
    (tmp_path / "plan.yaml").write_text(moved)
    if not taken:
        with pytest.raises(ReloadError, match="'listen' differs from what this daemon listens on; restart it"):
            prepare(tmp_path / "plan.yaml", running, {})
        return
    prepared = prepare(tmp_path / "plan.yaml", running, {})
    assert prepared.placed.hops["hq-pbx"] == Hop("127.0.0.9", 5081, "udp", "outside")


def open_all(*listen: Listen) -> list[Hop]:
    sockets = Sockets()
    try:
        sockets.open(listen, Inherited({}), [Hop("127.0.0.1", 5071)])
    finally:
        sockets.close()
        sockets.close()
    return sockets.ours


def test_each_listener_has_a_socket_of_its_own() -> None:
    ours = open_all(
        Listen("127.0.0.1", 0),
        Listen("127.0.0.2", 0, listener="outside"),
        Listen("0.0.0.0", 0, listener="+3"),
        Listen("::", 0, listener="six"),
        Listen("127.0.0.1", 0, "tcp"),
        Listen("127.0.0.2", 0, "tcp", listener="outside"),
    )
    assert len({hop[:2] for hop in ours}) == len({hop[2:] for hop in ours}) == 6
    assert [hop.host for hop in ours if hop.host != "::1"][:3] == ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
    assert all(hop.port for hop in ours)


def test_tcp_needs_no_udp_beside_it() -> None:
    (ours,) = open_all(Listen("127.0.0.1", 0, "tcp"))
    assert (ours.host, ours.transport) == ("127.0.0.1", "tcp")


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(ListenError, match=r"plan:2: cannot listen on udp 192\.0\.2\.1:5060: .*'advertise'"):
        open_all(Listen("192.0.2.1", 5060, where="plan:2"))

"""Peers with several addresses: who a packet is from, and where a dialog may lead, in this life and the next."""

from __future__ import annotations

import pytest

from controller.planes.peers import Peers
from controller.types import Trunk
from sip.element import Element
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import parse_uri

A1, A2 = Hop("192.0.2.1", 5060), Hop("192.0.2.2", 5080)
TWIN = Hop("192.0.2.1", 5090)
B = Hop("192.0.2.9", 5060)
NAMES = {"carrier-a/192.0.2.1:5060": A1, "carrier-a/192.0.2.2:5080": A2}


def peers(**more: Hop) -> Peers:
    found = Peers()
    swap(found, {**NAMES, **more})
    return found


def swap(found: Peers, hops: dict[str, Hop]) -> None:
    found.swap(
        hops, {name: Trunk(name, hop.host, hop.port, group=name.partition("/")[0]) for name, hop in hops.items()}
    )


def test_a_packet_is_from_the_address_that_sent_it() -> None:
    assert peers().trunk_of(A2) == "carrier-a/192.0.2.2:5080"
    assert peers().trunk_of(Hop("192.0.2.2", 40000)) == "carrier-a/192.0.2.2:5080"


def test_addresses_of_one_name_at_one_host_are_one_peer() -> None:
    found = peers(**{"carrier-a/192.0.2.1:5090": TWIN})
    assert found.trunk_of(TWIN) == "carrier-a/192.0.2.1:5090"
    assert found.trunk_of(Hop("192.0.2.1", 40000)) == "carrier-a/192.0.2.1:5060"


def test_two_names_at_one_host_have_to_be_told_apart() -> None:
    found = peers(b=TWIN)
    assert found.trunk_of(Hop("192.0.2.1", 40000)) == ""
    assert found.trunk_of(TWIN) == "b"


def test_a_dialog_may_reach_every_address_of_its_name_and_none_of_another() -> None:
    found = peers(b=B)
    assert found.may_reach(A2, A1, "carrier-a/192.0.2.1:5060")
    assert not found.may_reach(B, A1, "carrier-a/192.0.2.1:5060")


@pytest.mark.parametrize("then", [NAMES, {"carrier-a": A2}, {"carrier-a": A1}, {"carrier-a": Hop("192.0.2.3", 5060)}])
@pytest.mark.parametrize("sealed", ["carrier-a", "carrier-a/192.0.2.1:5060"])
def test_a_dialog_goes_on_whatever_became_of_its_name_after_a_restart(then: dict[str, Hop], sealed: str) -> None:
    later = Peers()
    swap(later, then)
    home = later.home_of(sealed)
    assert home in (A1, *then.values())
    assert all(later.may_reach(hop, home, sealed) for hop in (A1, *then.values()))


def element() -> Element:
    return Element(
        Hop("192.0.2.10", 5060), b"k" * 32, Seal({"k1": b"s" * 32}, "k1"),
        {"sbc.example": (A1.host, A2.host)}, Hop("192.0.2.10", 5060, "tcp"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "beside", "hop"),
    [
        ("sip:x@sbc.example", A2, A2),  # the port that its records gave
        ("sip:x@sbc.example:5070", A2, Hop(A2.host, 5070)),
        ("sip:x@sbc.example", B, Hop(A1.host, 5060)),
        ("sip:x@sbc.example;transport=tcp", A2, Hop(A2.host, 5060, "tcp")),
        ("sip:x@SBC.example", A1, A1),
        ("sip:x@other.example", A1, None),
    ],
)
def test_a_name_within_a_dialog_is_the_address_where_it_began(uri: str, beside: Hop, hop: Hop | None) -> None:
    assert element().hop_of(parse_uri(uri), beside) == hop

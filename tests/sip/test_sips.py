"""SIPS: TLS all the way (RFC 3261 §26.2.2), in what we record and where we send."""

from __future__ import annotations

import pytest

from sip.element import Element
from sip.route import SealedRoute
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import parse_uri, transport_of
from tests.sip import wire

HOST = "192.0.2.10"
UDP, TLS = Hop(HOST, 5060), Hop(HOST, 5061, "tls")
CALLEE = Hop("192.0.2.21", 5061, "tls")


def element() -> Element:
    return Element(UDP, wire.BRANCH_KEY, Seal({"k1": wire.SEAL_KEY}, "k1"), {"sbc.example": ("192.0.2.21",)}, TLS)


@pytest.mark.parametrize(
    ("text", "transport"),
    [
        ("sip:a@b", "udp"),
        ("sip:a@b;transport=TLS", "tls"),
        ("sips:a@b", "tls"),
        ("sips:a@b;transport=tcp", "tls"),
        ("SIPS:a@b;transport=TLS", "tls"),
        ("sips:a@b;transport=udp", "none"),
        ("sips:a@b;transport=sctp", "none"),
    ],
)
def test_transport_of_a_uri(text: str, transport: str) -> None:
    assert transport_of(parse_uri(text)) == transport


@pytest.mark.parametrize(
    ("text", "hop"),
    [
        ("sips:a@192.0.2.21", CALLEE),
        ("sips:a@192.0.2.21:5071", CALLEE._replace(port=5071)),
        ("sip:a@192.0.2.21;transport=tls", CALLEE),
        ("sips:a@sbc.example", CALLEE),
        ("sips:a@192.0.2.21;transport=udp", None),
        ("sips:a@unknown.example", None),
    ],
)
def test_next_hop_of_a_uri(text: str, hop: Hop | None) -> None:
    assert element().hop_of(parse_uri(text)) == hop


def test_without_a_tls_listener_nothing_secure_is_reached() -> None:
    plain = Element(UDP, wire.BRANCH_KEY, Seal({"k1": wire.SEAL_KEY}, "k1"))
    assert plain.hop_of(parse_uri("sips:a@192.0.2.21")) is None


@pytest.mark.parametrize(
    ("caller", "callee", "sips", "entries"),
    [
        (TLS, CALLEE, (False, False), [f"sip:{HOST}:5061;transport=tls;lr"]),
        (TLS, CALLEE, (True, True), [f"sips:{HOST}:5061;lr"]),
        (TLS, CALLEE, (False, True), [f"sips:{HOST}:5061;lr", f"sip:{HOST}:5061;transport=tls;lr"]),
        (UDP, CALLEE, (False, True), [f"sips:{HOST}:5061;lr", f"sip:{HOST}:5060;lr"]),
        (UDP, CALLEE, (True, True), [f"sips:{HOST}:5061;lr", f"sip:{HOST}:5060;lr"]),  # what came so goes on securely
        (TLS, Hop("192.0.2.21", 5060), (False, False), [f"sip:{HOST}:5060;lr", f"sip:{HOST}:5061;transport=tls;lr"]),
    ],
)
def test_record_route_of_each_side(caller: Hop, callee: Hop, sips: tuple[bool, bool], entries: list[str]) -> None:
    route = SealedRoute("caller", caller, "t1")
    recorded = element().record_route("call-1", route, callee, sips).split(", ")
    assert [entry[1:].partition(";cw=")[0] for entry in recorded] == entries
    lines = [f"Route: {entry}" for entry in recorded]
    request = wire.parsed(wire.request("BYE", "sip:anna@192.0.2.1", call_id="call-1", to_tag="caller", extra=lines))
    opened = element().open_route(request)
    assert isinstance(opened, SealedRoute)
    assert (opened.caller, opened.entries) == (caller, len(entries))


def test_via_of_tls_lets_the_connection_serve_both_ways() -> None:
    via = element().via_for(wire.parsed(wire.request()), "path", hop=CALLEE)
    assert via.startswith(f"SIP/2.0/TLS {HOST}:5061;alias;branch=z9hG4bK")


@pytest.mark.parametrize("port", ["", ":5061"])
def test_our_own_entry_is_known_with_and_without_its_port(port: str) -> None:
    assert element().is_own(f"sips:{HOST}{port};lr")
    assert element().is_own(f"sip:{HOST}{port or ':5061'};transport=tls;lr")
    assert not element().is_own(f"sips:{HOST}:5062;lr")

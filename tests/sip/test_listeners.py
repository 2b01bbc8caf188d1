"""One element behind several listeners: which of them a message uses, and what each side sees of us."""

from __future__ import annotations

import pytest

from sip import builder
from sip.element import Element
from sip.headers import find_uri, parse_via, split_values
from sip.message import Request, Response
from sip.parser import parse_message
from sip.route import SealedRoute
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import parse_uri

INSIDE = Hop("10.0.0.1", 5060)
INSIDE_TCP = Hop("10.0.0.1", 5062, "tcp")
OUTSIDE = Hop("203.0.113.7", 5080, "udp", "outside")
OUTSIDE_TCP = Hop("203.0.113.7", 5060, "tcp", "tcp-out")
OVER_IPV6 = Hop("2001:db8::10", 5060, "udp", "six")
CALLER = Hop("203.0.113.20", 5060, "udp", "outside")
PBX = Hop("10.0.0.30", 5060)


def make_element() -> Element:
    return Element(INSIDE, b"k" * 32, Seal({"k1": b"s" * 32}, "k1"), {}, INSIDE_TCP, OUTSIDE, OUTSIDE_TCP, OVER_IPV6)


def make_request(method: str = "INVITE", uri: str = "sip:+15557000@203.0.113.7", *extra: str, to: str = "") -> Request:
    lines = [
        f"{method} {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 203.0.113.20:5060;branch=z9hG4bK-caller-1",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=caller",
        f"To: <sip:+15557000@example.com>{to}",
        "Call-ID: call-1",
        f"CSeq: 7 {method}",
        *extra,
    ]
    message = parse_message("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def answer(request: Request) -> Response:
    return builder.make_response(request, 200, "callee")


@pytest.mark.parametrize(
    ("uri", "beside", "listener"),
    [
        ("sip:a@10.0.0.40", PBX, ""),
        ("sip:a@198.51.100.1", CALLER, "outside"),
        ("sip:a@198.51.100.1;transport=tcp", CALLER, "tcp-out"),  # at the address by which that side knows us
        ("sip:a@198.51.100.1;transport=tcp", PBX, ""),
        ("sip:a@[2001:db8::1]", CALLER, "six"),
        ("sip:a@[2001:db8::1];transport=tcp", CALLER, None),
        ("sip:a@10.0.0.40", Hop("2001:db8::9", 5060, "udp", "six"), ""),
        ("sip:a@10.0.0.40", Hop("10.0.0.40", 5060, "udp", "gone"), ""),
        ("sip:a@10.0.0.40;transport=tls", PBX, None),
    ],
)
def test_a_message_leaves_by_the_listener_of_its_side(uri: str, beside: Hop, listener: str | None) -> None:
    hop = make_element().hop_of(parse_uri(uri), beside)
    assert (hop.listener if hop is not None else None) == listener


def test_a_hop_of_a_listener_that_is_gone_gets_another_one() -> None:
    element = make_element()
    assert element.find_way(CALLER) is CALLER
    assert element.find_way(Hop("10.0.0.40", 5060, "udp", "gone")) == Hop("10.0.0.40", 5060)
    assert element.find_way(Hop("2001:db8::1", 5060, "udp", "gone")) == Hop("2001:db8::1", 5060, "udp", "six")
    assert element.find_way(Hop("10.0.0.40", 5061, "tls", "gone")) is None


@pytest.mark.parametrize(
    ("hop", "shown"),
    [
        (PBX, "UDP 10.0.0.1:5060"),
        (Hop("10.0.0.30", 5060, "tcp"), "TCP 10.0.0.1:5062"),
        (CALLER, "UDP 203.0.113.7:5080"),
        (Hop("2001:db8::1", 5060, "udp", "six"), "UDP [2001:db8::10]:5060"),
    ],
)
def test_a_via_names_the_listener_by_which_it_leaves_and_knows_the_one_by_which_its_request_came(
    hop: Hop, shown: str
) -> None:
    element, invite = make_element(), make_request()
    value = element.via_for(invite, "path", 1, element.loop_tag_of("+15557000"), hop=hop, came_by="outside")
    assert value.startswith(f"SIP/2.0/{shown};")
    sent = builder.forward_request(invite, invite.uri, value)
    top, below = (parse_via(line) for line in answer(sent).get_all("via"))
    assert element.made_branch(top, below, answer(sent))
    assert element.came_by(top) == "outside"
    assert element.path_tag_in(top) == "path"
    assert element.has_passed(sent, element.loop_tag_of("+15557000"))
    assert not element.has_passed(sent, element.loop_tag_of("+15557001"))


def test_nobody_can_send_an_answer_back_by_another_listener() -> None:
    element, invite = make_element(), make_request()
    for honest, forged in (("outside", "six"), ("outside", "")):
        value = element.via_for(invite, "path", hop=PBX, came_by=honest)
        forgery = value.replace(f"~{honest}", f"~{forged}" if forged else "")
        sent = builder.forward_request(invite, invite.uri, forgery)
        top, below = (parse_via(line) for line in answer(sent).get_all("via"))
        assert not element.made_branch(top, below, answer(sent))


def entries_of(caller: Hop, callee: Hop) -> list[str]:
    return split_values(make_element().record_route("call-1", SealedRoute("caller", caller, "pbx"), callee))


@pytest.mark.parametrize(
    ("caller", "callee", "shown"),
    [
        (CALLER, PBX, ["10.0.0.1", "203.0.113.7"]),
        (PBX, CALLER, ["203.0.113.7", "10.0.0.1"]),
        (Hop("2001:db8::1", 5060, "udp", "six"), PBX, ["10.0.0.1", "2001:db8::10"]),
        (PBX, Hop("2001:db8::1", 5060, "udp", "six"), ["2001:db8::10", "10.0.0.1"]),
        (CALLER, Hop("198.51.100.1", 5060, "tcp", "tcp-out"), ["203.0.113.7", "203.0.113.7"]),
        (CALLER, CALLER, ["203.0.113.7"]),
        (PBX, PBX, ["10.0.0.1"]),
    ],
)
def test_each_side_finds_on_top_the_listener_that_it_knows(caller: Hop, callee: Hop, shown: list[str]) -> None:
    element = make_element()
    entries = entries_of(caller, callee)
    assert [parse_uri(find_uri(entry)).host for entry in entries] == shown  # the callee's side first
    bye = make_request("BYE", "sip:alice@203.0.113.20", f"Route: {', '.join(entries)}", to=";tag=caller")
    opened = element.open_route(bye)
    assert isinstance(opened, SealedRoute)
    assert (opened.caller, opened.entries) == (caller, len(shown))
    assert element.owns(parse_uri(find_uri(entries[0])))


def test_the_default_port_is_that_of_the_transport() -> None:
    tls = Hop("10.0.0.1", 5061, "tls")
    element = Element(INSIDE, b"k" * 32, Seal({"k1": b"s" * 32}, "k1"), {}, tls)
    assert element.owns(parse_uri("sip:10.0.0.1;transport=tls"))
    assert element.owns(parse_uri("sip:10.0.0.1"))
    assert not element.owns(parse_uri("sip:10.0.0.1:5080"))
    assert element.hop_of(parse_uri("sip:a@10.0.0.40;transport=TLS")) == Hop("10.0.0.40", 5061, "tls")

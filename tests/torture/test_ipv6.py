"""RFC 5118 in cases of our own: IPv6 in URIs, Vias and Record-Route, with and without brackets, on the engine."""

from __future__ import annotations

import pytest

from controller.engine import Engine
from controller.types import Chain, Dialplan, Listen, Path, Route, Stage, Target, Trunk
from sip.element import Element
from sip.framing import Framer
from sip.headers import parse_via
from sip.layer import reply_hop
from sip.message import Request, Response
from sip.parser import parse_message
from sip.seal import Seal
from sip.transaction import Hop
from tests.sip import wire
from tests.torture.stand import judge
from tests.torture.streams import as_streamed

US, CALLER, PBX = Hop("2001:db8::10", 5060), Hop("2001:db8::1", 5070), Hop("2001:db8::20", 5060)
VIA = "SIP/2.0/UDP [2001:db8::1]:5070"


class Six:
    """An engine that lives on IPv6, and a caller that reaches it by UDP or over one TCP connection."""

    def __init__(self, over: str) -> None:
        self.pieces = over.partition(" ")[2]  # how the bytes of the connection come
        self.over = over.split(maxsplit=1)[0]
        self.caller = Hop(CALLER.host, CALLER.port if self.over == "udp" else 40_001, self.over)
        self.framer = Framer()
        seal = Seal({"k1": wire.SEAL_KEY}, "k1")
        element = Element(US, wire.BRANCH_KEY, seal, None, Hop(US.host, US.port, "tcp"))
        path = Path("desk via pbx", "desk", "pbx", "sip:100@[2001:db8::20]")
        plan = Dialplan(
            "v6",
            (Listen(US.host, US.port),),
            {"pbx": Trunk("pbx", PBX.host, PBX.port, probe=None)},
            {"all": Chain("all", (Stage((Target("desk", (path,)),)),))},
            {},
            Route("*", "all"),
        )
        self.engine = Engine(plan, element, {"pbx": PBX}, 0.0, token=lambda: "token")

    def receive(self, data: bytes, source: Hop | None = None) -> list[tuple[Request | Response, Hop]]:
        """What comes out when the caller, or ``source``, sends this."""
        if source is not None or self.over == "udp":
            self.engine.receive(data, source or self.caller, 0.0)
        else:
            data = as_streamed(data)
            step = 1 if self.pieces else len(data)
            for at in range(0, len(data), step):
                for whole in self.framer.feed(data[at : at + step]):
                    self.engine.receive(whole, self.caller, 0.0)
        sent = [(parse_message(out), hop) for out, hop in self.engine.outbox]
        self.engine.outbox.clear()
        return sent

    def call(self, via: str = VIA, uri: str = "sip:+15557000@[2001:db8::10]") -> tuple[Request, Response, Hop]:
        (trying, hop), (invite, to) = self.receive(wire.request("INVITE", uri, via=via))
        assert isinstance(invite, Request)
        assert isinstance(trying, Response)
        assert (trying.status, to) == (100, PBX)
        return invite, trying, hop


@pytest.fixture(params=["udp", "tcp", "tcp byte by byte"])
def six(request: pytest.FixtureRequest) -> Six:
    return Six(request.param)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+15557000@[2001:db8::10]",  # 4.1
        "sip:[2001:db8::10]",
        "sip:[2001:db8::10:5070]",  # 4.3: the port is a part of the address
        "sip:[2001:db8::10]:5070",  # 4.4
        "sip:a@[::ffff:192.0.2.10]",  # 4.9
        "sip:a@[2001:db8:::192.0.2.1]",  # 4.10: a fault of the RFC's grammar, accepted
        "sip:a@[2001:DB8:0:0:0:0:0:10];lr",
    ],
)
def test_a_call_to_an_ipv6_uri_is_a_call(six: Six, uri: str) -> None:
    assert six.call(uri=uri)[0].uri == "sip:100@[2001:db8::20]"


@pytest.mark.parametrize(
    "uri",
    ["sip:2001:db8::10", "sip:a@2001:db8::10", "sip:a@[2001:db8::10", "sip:a@[:::1:::]", "sip:a@[1.2.3.4]", "sip:a@[]"],
)
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_an_address_without_its_brackets_or_none_at_all_is_refused(method: str, uri: str) -> None:  # 4.2
    assert str(judge(wire.request(method, uri, via="SIP/2.0/UDP 192.0.2.99"))) == "400"


def test_our_via_and_record_route_have_brackets(six: Six) -> None:
    invite, _, _ = six.call()
    assert invite.lines[0].startswith("Via: SIP/2.0/UDP [2001:db8::10]:5060;rport;branch=z9hG4bK")
    assert invite.get_all("record-route")[0].startswith("<sip:[2001:db8::10]:5060;lr;")


@pytest.mark.parametrize("host", ["[2001:db8::1]", "[2001:DB8::1]", "[2001:0db8:0:0:0:0:0:0001]"])
def test_however_an_address_is_written_it_is_the_same(six: Six, host: str) -> None:
    _, trying, hop = six.call(f"SIP/2.0/UDP {host}:5070")
    assert hop == six.caller
    assert "received" not in trying.via.params
    assert trying.via.host == host


@pytest.mark.parametrize("via", ["SIP/2.0/UDP [2001:db8::9]", "SIP/2.0/UDP phone.example", "SIP/2.0/UDP 192.0.2.1"])
def test_what_came_from_elsewhere_is_marked_without_brackets(six: Six, via: str) -> None:
    _, trying, hop = six.call(via)
    assert hop == (Hop(CALLER.host, 5060) if six.over == "udp" else six.caller), "a connection is its own way back"
    assert ";received=2001:db8::1" in trying.via.params


@pytest.mark.parametrize("received", ["2001:db8::1", "[2001:db8::1]"])  # 4.5
def test_a_received_with_or_without_brackets_leads_home(received: str) -> None:
    via = parse_via(f"SIP/2.0/UDP phone.example;received={received};rport=5070;branch=z9hG4bK1")
    assert reply_hop(via) == CALLER


def test_a_whole_call_over_ipv6(six: Six) -> None:
    invite, _, _ = six.call()
    ((ok, hop),) = six.receive(wire.answer(invite, 200, extra=["Contact: <sip:100@[2001:db8::20]>"]), PBX)
    assert (isinstance(ok, Response) and ok.status, hop) == (200, six.caller)
    routes = [value.replace("2001:db8::10", "2001:0DB8:0::10") for value in ok.get_all("record-route")]
    assert len(routes) == (1 if six.over == "udp" else 2), "RFC 5658: each side has an entry that it can use"
    for method in ("ACK", "BYE"):
        ((relayed, hop),) = six.receive(
            wire.request(
                method,
                "sip:100@[2001:db8::20]",
                via=VIA,
                branch=f"z9hG4bK-{method}",
                to_tag="callee",
                cseq=8 - (method == "ACK"),
                extra=[f"Route: {', '.join(routes)}"],
            )
        )
        assert isinstance(relayed, Request)
        assert (relayed.method, hop) == (method, PBX)

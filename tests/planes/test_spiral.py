"""A call that passes twice, because the PBX that it goes to is a proxy and sends it on through us (RFC 5393 §4.2.2):
each of the two passes has a Record-Route of its own, and no part in the other's.
"""

from __future__ import annotations

from sip.message import Request, Response
from sip.transaction import Hop
from tests.planes.bench import requests
from tests.planes.facing import ANNA, MOBILE, PBX, PSTN, Facing
from tests.sip import wire

OURS = "192.0.2.10"
AUTH = "auth: {user: u, password: p}"
CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="n1"'


class Kamailio:
    """The PBX: it sends on what it gets, with a Via and a Record-Route of its own, and responses back."""

    def __init__(self, bench: Facing) -> None:
        self.bench = bench
        self.count = 0

    def pass_on(self, request: Request, uri: str) -> Request:
        self.count += 1
        lines = [line for line in request.lines if not (line.startswith("Route:") and PBX.host in line)]
        ours = [f"Via: SIP/2.0/UDP {PBX.host};branch=z9hG4bK-k{self.count}"]
        if request.method == "INVITE":
            ours.append(f"Record-Route: <sip:{PBX.host};lr>")
        sent = self.bench.receive(wire.encode([f"{request.method} {uri} SIP/2.0", *ours, *lines], request.body), PBX)
        (onward,) = requests(sent, request.method)
        return onward

    def pass_back(self, response: Response) -> list[tuple[Request | Response, Hop]]:
        lines = list(response.lines)
        del lines[response.names.index("via")]
        return self.bench.receive(wire.encode([response.start_line, *lines], response.body), PBX)


def only_response(sent: list[tuple[Request | Response, Hop]], hop: Hop) -> Response:
    (response,) = [message for message, to in sent if isinstance(message, Response) and to == hop]
    return response


def spiral(bench: Facing, kamailio: Kamailio, invite: Request) -> tuple[Request, Response]:
    """The INVITE as it reaches the mobile, and the 200 as it reaches the caller."""
    outward = kamailio.pass_on(invite, f"sip:{ANNA}@{OURS}")
    sent = bench.answer(outward, 200, MOBILE, extra=[f"Contact: <sip:anna@{MOBILE.host}>"])
    return outward, only_response(kamailio.pass_back(only_response(sent, PBX)), PSTN)


def within(method: str, ok: Response, cseq: int) -> bytes:
    routes = [f"Route: {value}" for value in reversed(ok.get_all("record-route"))]
    lines = wire.request_lines(
        method, f"sip:anna@{MOBILE.host}", via=f"SIP/2.0/UDP {PSTN.host}", branch=f"z9hG4bK-{method}", to_tag="callee",
        cseq=cseq, extra=routes,
    )  # fmt: skip
    return wire.encode([line.replace("alice@example.com", "+14155551234@pstn.example") for line in lines])


def test_each_pass_shows_what_it_showed_before() -> None:
    bench = Facing("    - ring: [desk]", mobile='caller_id: {number: "+12125551000"}')
    kamailio = Kamailio(bench)
    outward, ok = spiral(bench, kamailio, bench.ring())
    assert outward.require("from") == "<sip:+12125551000@192.0.2.10>;tag=caller"
    assert ok.require("from") == "<sip:+14155551234@pstn.example>;tag=caller"
    (bye,) = requests(bench.receive(within("BYE", ok, 8), PSTN), "BYE")
    assert bye.require("from") == "<sip:+14155551234@pstn.example>;tag=caller"
    last = kamailio.pass_on(bye, bye.uri)
    assert last.require("from") == outward.require("from"), "the mobile carrier must not learn who called"


def test_each_pass_numbers_by_its_own_tries() -> None:
    bench = Facing("    - ring: [desk]", pbx=AUTH, mobile=AUTH)
    bench.plane._legs.accounts.swap(bench.dialplan.trunks)
    kamailio = Kamailio(bench)
    (again,) = requests(bench.answer(bench.ring(), 401, PBX, extra=[CHALLENGE]))
    outward, ok = spiral(bench, kamailio, again)
    assert ok.cseq == (7, "INVITE")
    (ack,) = requests(bench.receive(within("ACK", ok, 7), PSTN), "ACK")
    assert ack.cseq[0] == again.cseq[0]
    last = kamailio.pass_on(ack, ack.uri)
    assert last.cseq[0] == outward.cseq[0]


def test_who_answers_in_vain_is_released_by_the_way_that_his_call_took() -> None:
    bench = Facing("    - {ring: [desk, lab], mode: parallel}")
    kamailio = Kamailio(bench)
    first, second = requests([(m, hop) for m, hop in bench.place() if isinstance(m, Request)])
    bench.answer(first, 200, PBX, extra=[f"Contact: <sip:100@{PBX.host}>"])
    outward = kamailio.pass_on(second, f"sip:{ANNA}@{OURS}")
    answer = wire.answer(outward, 200, "late", extra=[f"Contact: <sip:anna@{MOBILE.host}>"])
    vain = only_response(bench.receive(answer, MOBILE), PBX)
    released = [(m, hop) for m, hop in kamailio.pass_back(vain) if isinstance(m, Request)]
    assert [(m.method, hop) for m, hop in released] == [("ACK", PBX), ("BYE", PBX)]
    for request, _ in released:
        last = kamailio.pass_on(request, request.uri)
        assert (last.uri, last.to_tag) == (f"sip:anna@{MOBILE.host}", "late")

"""The edge through the whole engine: trunks as ever, strangers silence, calls that are up their way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.types import Access, Listen
from sip.message import Request, Response
from sip.parser import parse_message
from sip.transaction import Hop
from tests.sip import wire
from tests.torture.stand import HOPS, SENDER, STRANGER, T1, Stand, read_verdict

SIPVICIOUS = b"\r\n".join(
    [
        b"OPTIONS sip:100@192.0.2.10 SIP/2.0", b"Via: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK-1;rport",
        b"From: \"sipvicious\"<sip:100@1.1.1.1>;tag=1", b"To: \"sipvicious\"<sip:100@1.1.1.1>", b"Call-ID: 1",
        b"CSeq: 1 OPTIONS", b"Max-Forwards: 70", b"", b"",
    ]
)  # fmt: skip


def guarded(access: Access = Access.TRUNKS) -> Stand:
    return Stand(access=access)


class Up:
    """A call that is up on a stand; requests within it, by either side."""

    def __init__(self, stand: Stand, name: str = "up-1", source: Hop = SENDER) -> None:
        self.name = name
        via = f"SIP/2.0/UDP {source.host}:{source.port}"
        (invite,) = stand.judge(wire.request(via=via, branch=f"z9hG4bK-{name}", call_id=name), source).forwarded
        verdict = stand.judge(wire.answer(invite, 200, extra=("Contact: <sip:anna@192.0.2.21:5060>",)), T1)
        ((self.answer, _),) = verdict.passed_back
        self.route = [f"Route: {value}" for value in self.answer.get_all("record-route")]
        self.callee_route = [f"Route: {value}" for value in invite.get_all("record-route")]

    def within(self, method: str, cseq: int = 8, route: list[str] | None = None, **options: object) -> bytes:
        options.setdefault("branch", f"z9hG4bK-{method}-{cseq}-{self.name}")
        return wire.request(
            method, "sip:anna@192.0.2.21:5060", via="SIP/2.0/UDP 203.0.113.66:5060", call_id=self.name,
            to_tag="callee", cseq=cseq, extra=self.route if route is None else route, **options,
        )  # fmt: skip


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "ACK", "BYE", "CANCEL", "MESSAGE", "ODD"])
def test_a_stranger_gets_no_answer_at_all(method: str) -> None:
    stand = guarded()
    assert stand.judge(wire.request(method), STRANGER).is_silence
    assert stand.engine.edge.counters["unknown"] == 1
    assert len(stand.engine.plane._layer) == 1, "what asked whether we are alive"


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\x00" * 200, b"INVITE", SIPVICIOUS, b"GET / HTTP/1.1\r\n\r\n"])
def test_neither_does_garbage(data: bytes) -> None:
    assert guarded().judge(data, STRANGER).is_silence


def test_a_trunk_is_answered_as_ever() -> None:
    stand = guarded()
    assert len(stand.judge(wire.request(), SENDER).forwarded) == 1
    assert stand.judge(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\n\r\n", T1).statuses == [400]  # fmt: skip


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "REFER"])
def test_a_phone_of_a_call_that_is_up_may_talk_to_us_directly(method: str) -> None:
    stand = guarded()
    up = Up(stand)
    (request,) = stand.judge(up.within(method), STRANGER).forwarded
    assert request.method == method
    assert stand.engine.edge.counters["vouched"] == 1


def test_so_may_it_after_a_restart_and_with_its_ack_and_cancel() -> None:
    up = Up(guarded())
    stand = guarded()
    assert [each.method for each in stand.judge(up.within("ACK", 7), STRANGER).forwarded] == ["ACK"]
    stand.judge(up.within("INVITE", 9), STRANGER)
    cancel = up.within("CANCEL", 9, branch=f"z9hG4bK-INVITE-9-{up.name}")
    assert stand.judge(cancel, STRANGER).statuses == [200]


def test_the_route_of_one_side_is_no_passport_for_the_other() -> None:
    stand = guarded()
    up = Up(stand)
    assert stand.judge(up.within("BYE", route=up.callee_route), STRANGER).is_silence
    assert stand.judge(up.within("BYE", route=[]), STRANGER).is_silence
    assert stand.engine.edge.counters["forged"] == 1
    assert stand.engine.edge.counters["unknown"] == 1


def test_a_sealed_route_lets_no_new_call_in() -> None:
    stand = guarded()
    up = Up(stand)
    invite = wire.request("INVITE", call_id=up.name, branch="z9hG4bK-new", extra=up.route)
    assert stand.judge(invite, STRANGER).is_silence


def test_a_carrier_may_answer_from_another_address() -> None:
    stand = guarded()
    via = f"SIP/2.0/UDP {SENDER.host}:{SENDER.port}"
    (invite,) = stand.judge(wire.request(via=via), SENDER).forwarded
    stand.engine.receive(wire.answer(invite, 180), STRANGER, stand.now)
    assert read_verdict(stand.take()).statuses == [180]


def test_answers_to_nothing_of_ours_come_to_nothing() -> None:
    stand = guarded()
    stray = wire.request("INVITE").replace(b"INVITE sip:+15557000@192.0.2.10 SIP/2.0", b"SIP/2.0 200 OK")
    assert stand.judge(stray, STRANGER).is_silence


def test_strangers_together_have_a_budget_and_trunks_none() -> None:
    stand = guarded()
    up = Up(stand)
    forged = up.within("BYE", route=up.callee_route)
    for number in range(5_000):
        stand.engine.receive(forged, Hop(f"198.51.{number >> 8}.{number & 255}", 5060), stand.now)
    assert stand.engine.edge.counters["forged"] == 1_500
    assert stand.engine.edge.counters["over_budget"] == 3_500
    assert len(stand.judge(up.within("BYE"), SENDER).forwarded) == 1
    stand.wait(1.0)
    assert len(stand.judge(up.within("INFO"), STRANGER).forwarded) == 1


def test_one_stranger_cannot_spend_what_all_have() -> None:
    stand = guarded()
    up = Up(stand)
    for _ in range(500):
        stand.engine.receive(up.within("BYE", route=up.callee_route), STRANGER, stand.now)
    assert stand.engine.edge.counters["forged"] == 60
    assert len(stand.judge(up.within("INFO"), Hop("198.51.100.1", 5060)).forwarded) == 1


def test_a_reload_opens_and_closes_the_door() -> None:
    stand = guarded()
    engine = stand.engine
    for access, statuses in ((Access.ANYONE, [200]), (Access.TRUNKS, [])):
        engine.edge.access = access
        ask = wire.request("OPTIONS", branch=f"z9hG4bK-{access}", call_id=str(access))
        engine.receive(ask, STRANGER, stand.now)
        assert [parse_message(data).status for data, _ in stand.take() if not isinstance(parse_message(data), Request)] == statuses  # fmt: skip


def test_a_listener_may_have_an_access_of_its_own() -> None:
    stand = guarded()
    plan = stand.engine.switchboard.dialplan
    listen = (Listen("192.0.2.10", 5060), Listen("198.51.100.10", 5060, listener="open", access=Access.ANYONE))
    stand.engine.reload(replace(plan, listen=listen), HOPS, stand.now)
    for source, statuses in ((STRANGER, []), (STRANGER._replace(listener="open"), [200])):
        assert stand.engine.knows(source) is bool(statuses)
        ask = wire.request("OPTIONS", branch=f"z9hG4bK-{source.listener}", call_id=source.listener or "x")
        for _ in range(3):
            stand.engine.receive(ask, source, stand.now)
        assert sorted({m.status for m in map(parse_message, (d for d, _ in stand.take())) if isinstance(m, Response)}) == statuses  # fmt: skip


def test_a_flood_over_udp_takes_nothing_from_phones_on_connections() -> None:
    stand = guarded()
    up = Up(stand)
    forged = up.within("BYE", route=up.callee_route)
    for number in range(3_000):
        stand.engine.receive(forged, Hop(f"198.51.{number >> 8}.{number & 255}", 5060), stand.now)
    assert stand.engine.edge.counters["over_budget"] == 1_500
    assert len(stand.judge(up.within("INFO"), STRANGER._replace(transport="tcp")).forwarded) == 1


def test_a_call_outlives_its_trunk_in_the_dialplan() -> None:
    """Whoever left is a stranger, and what belongs to a call that is up passes all the same."""
    stand = guarded()
    up = Up(stand)
    plan = stand.engine.switchboard.dialplan
    trunks = {name: trunk for name, trunk in plan.trunks.items() if name != "t2"}
    hops = {name: hop for name, hop in HOPS.items() if name != "t2"}
    stand.engine.reload(replace(plan, trunks=trunks), hops, stand.now)
    stand.engine.receive(wire.request("INVITE", branch="z9hG4bK-new", call_id="new"), SENDER, stand.now)
    assert stand.take() == []
    stand.engine.receive(up.within("BYE"), SENDER, stand.now)
    assert [request.method for request in read_verdict(stand.take()).forwarded] == ["BYE"]

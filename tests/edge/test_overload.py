"""Too much: new calls get 503 in the share that must go, retransmissions the same again, everything else passes."""

from __future__ import annotations

import re

import pytest

from controller.types import Access, Fault, Overloaded
from sip.message import Request, Response
from sip.parser import parse_message
from sip.transaction import Hop
from tests.edge.test_edge import Up
from tests.sip import wire
from tests.torture.stand import SENDER, T1, Stand, read_verdict

OC = 'SIP/2.0/UDP 192.0.2.99:5099;oc;oc-algo="loss"'


def press(stand: Stand, seconds: float = 1.0, queue: float = 0.9) -> None:
    """A queue stands for so long."""
    for _ in range(round(seconds * 100)):
        stand.now += 0.01
        stand.engine.see_queue(queue, stand.now)


def overloaded(share: float) -> Stand:
    stand = Stand(access=Access.TRUNKS)
    press(stand)
    stand.engine.edge.pressure.shed = share
    return stand


def invite(number: int, via: str = "SIP/2.0/UDP 192.0.2.99:5099") -> bytes:
    return wire.request(via=via, branch=f"z9hG4bK-{number}", call_id=f"call-{number}")


def receive(stand: Stand, data: bytes) -> list[Response]:
    stand.engine.receive(data, SENDER, stand.now)
    messages = [parse_message(sent) for sent, _ in stand.take()]
    return [message for message in messages if isinstance(message, Response) and message.status != 100]


def test_the_share_of_new_calls_is_turned_away_and_costs_no_transaction() -> None:
    stand = overloaded(0.25)
    statuses = [answer.status for number in range(100) for answer in receive(stand, invite(number))]
    assert statuses == [503] * 25
    assert len(stand.engine.plane) == 75
    assert stand.engine.overload.turned_away == 25
    assert stand.engine.plane.counters["offers"] == 75


def test_a_refusal_says_when_to_come_back_and_is_said_again() -> None:
    stand = overloaded(0.95)
    assert receive(stand, invite(9)) == []
    (first,) = receive(stand, invite(0))
    (again,) = receive(stand, invite(0))
    assert first.get("retry-after") == "10"
    assert (first.to_tag, first.encode()) == (again.to_tag, again.encode())
    press(stand, 5.0, queue=0.0)
    stand.engine.edge.pressure.shed = 0.0
    assert [answer.status for answer in receive(stand, invite(0))] == [503], "its caller has moved on"
    assert receive(stand, invite(1)) == []
    stand.now += 40.0
    stand.engine.see_queue(0.0, stand.now)
    assert stand.engine.plane._layer.gate is None


def test_a_call_that_rings_is_not_hurt_by_its_retransmission() -> None:
    stand = Stand(access=Access.TRUNKS)
    assert receive(stand, invite(7)) == []
    press(stand)
    stand.engine.edge.pressure.shed = 0.95
    for _ in range(5):
        assert receive(stand, invite(7)) == []
    assert stand.engine.overload.turned_away == 0


@pytest.mark.parametrize("method", ["BYE", "INVITE", "ACK", "INFO"])
def test_what_belongs_to_a_call_passes_however_much_it_is(method: str) -> None:
    stand = Stand(access=Access.TRUNKS)
    up = Up(stand)
    press(stand)
    stand.engine.edge.pressure.shed = 0.95
    for cseq in range(8, 28):
        stand.engine.receive(up.within(method, cseq), SENDER, stand.now)
        assert [each.method for each in read_verdict(stand.take()).forwarded] == [method]


def test_options_go_before_calls_and_strangers_before_options() -> None:
    stand = Stand(access=Access.TRUNKS)
    options = wire.request("OPTIONS", via="SIP/2.0/UDP 192.0.2.99:5099", branch="z9hG4bK-o")
    press(stand, 0.3)
    pressure = stand.engine.edge.pressure
    assert (pressure.is_felt, pressure.is_high) == (True, False)
    assert [answer.status for answer in receive(stand, options)] == [200]
    press(stand, 0.4)
    assert pressure.is_high
    assert receive(stand, options.replace(b"-o", b"-p")) == []
    assert stand.engine.edge.counters["shed_options"] == 1
    assert receive(stand, invite(1)) == [], "most of the calls are still let in"


def test_answers_of_our_phones_pass() -> None:
    stand = Stand(access=Access.TRUNKS)
    via = "SIP/2.0/UDP 192.0.2.99:5099"
    (forwarded,) = stand.judge(wire.request(via=via), SENDER).forwarded
    press(stand)
    stand.engine.receive(wire.answer(forwarded, 200), T1, stand.now)
    assert read_verdict(stand.take()).statuses == [200]


def test_the_log_hears_when_it_begins_and_when_it_is_over() -> None:
    stand = overloaded(0.5)
    for number in range(4):
        receive(stand, invite(number))
    press(stand, 60.0, queue=0.0)
    news = [item for item in stand.engine.news if isinstance(item, Overloaded)]
    assert [(item.begins, item.turned_away) for item in news] == [(True, 0), (False, 2)]


def test_a_client_that_asks_is_told_how_much_to_keep_back() -> None:
    """RFC 7339 §4: oc, oc-algo, oc-validity and oc-seq in the Via that it wrote, and no 503 for it while that may do."""
    stand = overloaded(0.3)
    data = invite(1, OC)
    stand.engine.receive(data, SENDER, stand.now)
    (trying,) = [m for m in (parse_message(sent) for sent, _ in stand.take()) if isinstance(m, Response)]
    assert trying.status == 100
    line = trying.lines[trying.names.index("via")]
    assert re.fullmatch(
        r'Via: SIP/2\.0/UDP 192\.0\.2\.99:5099;branch=z9hG4bK-1;oc=30;oc-algo="loss";oc-validity=500;oc-seq=[0-9]+\.[0-9]{5}',
        line,
    )
    first = float(line.rpartition("=")[2])
    press(stand, 0.1, queue=0.0)
    stand.engine.edge.pressure.shed = 0.0
    assert stand.engine.plane._layer.feedback is not None
    stand.engine.receive(invite(2, OC), SENDER, stand.now)
    (over,) = [m for m in (parse_message(sent) for sent, _ in stand.take()) if isinstance(m, Response)]
    assert 'oc=0;oc-algo="loss";oc-validity=0;' in over.lines[0]
    assert float(over.lines[0].rpartition("=")[2]) > first


@pytest.mark.parametrize("more", ["", ';oc-algo="rate";oc', ";x=oc", ";occ"])
def test_whoever_does_not_ask_is_told_nothing(more: str) -> None:
    stand = overloaded(0.3)
    stand.engine.receive(invite(1, f"SIP/2.0/UDP 192.0.2.99:5099{more}"), SENDER, stand.now)
    assert not any(b"oc-validity" in sent for sent, hop in stand.take() if hop == SENDER)


@pytest.mark.parametrize("spoilt", ["", 'Via: SIP/2.0;oc;oc-algo="loss"\r\n'])
def test_a_via_that_whoever_answers_has_spoilt_is_no_fault_of_ours(spoilt: str) -> None:
    stand = overloaded(0.3)
    stand.engine.receive(invite(1, OC), SENDER, stand.now)
    (forwarded,) = [m for m in (parse_message(sent) for sent, _ in stand.take()) if isinstance(m, Request)]
    below = next(line for line in forwarded.lines if "oc-algo" in line) + "\r\n"
    stand.engine.receive(wire.answer(forwarded, 200).replace(below.encode(), spoilt.encode()), T1, stand.now)
    assert not [item for item in stand.engine.news if isinstance(item, Fault)]


def test_a_calm_daemon_asks_nobody_at_the_gate() -> None:
    stand = Stand(access=Access.TRUNKS)
    press(stand, 2.0, queue=0.04)
    assert stand.engine.plane._layer.gate is None
    stand.engine.receive(invite(1, OC), SENDER, stand.now)
    assert not any(b"oc-validity" in sent for sent, _ in stand.take())


def test_a_trunk_that_floods_loses_its_own_calls() -> None:
    stand = overloaded(0.5)
    quiet = Hop("192.0.2.98", 5060)
    refused = {SENDER: 0, quiet: 0}
    for number in range(220):
        source = quiet if number % 22 == 0 else SENDER
        stand.engine.receive(invite(number, f"SIP/2.0/UDP {source.host}:{source.port}"), source, stand.now)
        refused[source] += any(data.startswith(b"SIP/2.0 503 ") for data, _ in stand.take())
    assert refused[quiet] <= 1
    assert refused[SENDER] >= 110

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip import builder
from sip.headers import parse_via
from sip.layer import TransactionLayer, mark_source, reply_hop
from sip.message import Request, Response
from sip.timing import Deadlines
from sip.transaction import (
    Event,
    Hop,
    RequestReceived,
    ResponseReceived,
    State,
    StrayResponse,
    Transaction,
    TransactionEnded,
    TransactionTimedOut,
    TransactionUnreachable,
)
from tests.sip.wire import CALLEE, CALLER, answer, answered, encode, parsed, request, request_lines


class Bench:
    """A layer on a bench: bytes in, events and bytes out."""

    def __init__(self) -> None:
        self.deadlines = Deadlines()
        self.layer = TransactionLayer(self.deadlines)
        self.now = 0.0

    def receive(self, data: bytes, source: Hop = CALLER) -> list[Event]:
        self.layer.receive(data, source, self.now)
        return self.events()

    def events(self) -> list[Event]:
        events = self.layer.events[:]
        self.layer.events.clear()
        return events

    def sent(self) -> list[tuple[bytes, Hop]]:
        sent = self.layer.outbox[:]
        self.layer.outbox.clear()
        return sent

    def accept(self, data: bytes, source: Hop = CALLER) -> Transaction:
        """Receive a new request."""
        (event,) = self.receive(data, source)
        assert isinstance(event, RequestReceived)
        assert event.transaction is not None
        return event.transaction

    def respond(self, transaction: Transaction, status: int, to_tag: str = "us") -> bytes:
        """Respond; gives what went out."""
        assert transaction.request is not None
        self.layer.respond(transaction, builder.make_response(transaction.request, status, to_tag), self.now)
        ((data, _),) = self.sent()
        return data

    def ask(self, method: str = "INVITE", user: Any = None, branch: str = "z9hG4bK-ours") -> Request:
        """Send a request of our own; gives it as it went out."""
        message = parsed(request(method, via="SIP/2.0/UDP 192.0.2.10", branch=branch))
        self.layer.request(message, CALLEE, self.now, user)
        ((data, hop),) = self.sent()
        assert hop == CALLEE
        return parsed(data)

    def run_on(self, seconds: float = 1000.0) -> None:
        until = self.now + seconds
        while (due := self.deadlines.next_deadline()) <= until:
            self.now = due
            self.deadlines.fire_due(due)
        self.now = until


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --------------------------------------------------------------------------- server side: matching


def test_a_new_request_is_passed_up_once(bench: Bench) -> None:
    (event,) = bench.receive(request())
    assert isinstance(event, RequestReceived)
    assert (event.request.method, event.source) == ("INVITE", CALLER)
    assert event.transaction is not None
    assert bench.sent() == []
    assert len(bench.layer) == 1


@pytest.mark.parametrize("branch", ["z9hG4bK-caller-1", "old", ""])
def test_a_retransmitted_request_is_absorbed_and_answered_again(bench: Bench, branch: str) -> None:
    data = request(branch=branch)
    transaction = bench.accept(data)
    assert bench.receive(data) == []
    assert bench.sent() == []
    ringing = bench.respond(transaction, 180)
    assert bench.receive(data) == []
    assert bench.sent() == [(ringing, CALLER)]
    refused = bench.respond(transaction, 486)
    assert bench.receive(data) == []
    assert bench.sent() == [(refused, CALLER)]
    assert len(bench.layer) == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"branch": "z9hG4bK-caller-2"}, "another branch"),
        ({"via": "SIP/2.0/UDP 192.0.2.1:5071"}, "another port in sent-by (§17.2.3)"),
        ({"via": "SIP/2.0/UDP 192.0.2.2:5070"}, "another host in sent-by"),
        ({"method": "BYE"}, "another method"),
        ({"branch": "Z9HG4BK-caller-1"}, "branches have case"),
    ],
)
def test_what_makes_another_transaction(bench: Bench, options: dict[str, Any], why: str) -> None:
    first = bench.accept(request())
    assert bench.accept(request(**options)) is not first, why


@pytest.mark.parametrize(
    "options",
    [
        {"via": "SIP/2.0/UDP 192.0.2.1:5070"},
        {"via": "sip/2.0/udp 192.0.2.1:5070"},
        {"uri": "sip:other@host"},
        {"call_id": "call-2"},
        {"cseq": 9},
    ],
)
def test_the_branch_of_rfc_3261_alone_matches(bench: Bench, options: dict[str, Any]) -> None:
    bench.accept(request())
    assert bench.receive(request(**options)) == []


def test_sent_by_compares_without_case_and_with_its_default_port(bench: Bench) -> None:
    bench.accept(request(via="SIP/2.0/UDP Caller.Example"))
    assert bench.receive(request(via="SIP/2.0/UDP caller.example:5060")) == []


@pytest.mark.parametrize("branch", ["", "1", "z9hG4b-not-quite"])
@pytest.mark.parametrize(
    "options",
    [
        {"uri": "sip:other@host"},
        {"caller_tag": ";tag=other"},
        {"call_id": "call-2"},
        {"cseq": 8},
        {"via": "SIP/2.0/UDP 192.0.2.1:5071"},
    ],
)
def test_a_peer_of_rfc_2543_is_matched_by_all_the_rest(bench: Bench, branch: str, options: dict[str, Any]) -> None:
    first = bench.accept(request(branch=branch))
    assert bench.accept(request(branch=branch, **options)) is not first


def test_what_comes_after_the_end_is_new(bench: Bench) -> None:
    transaction = bench.accept(request("BYE"))
    bench.respond(transaction, 200)
    bench.run_on()
    assert len(bench.layer) == 0
    assert len(bench.deadlines) == 0
    bench.events()
    assert bench.accept(request("BYE")) is not transaction


def test_every_request_of_an_established_call_is_a_transaction_of_its_own(bench: Bench) -> None:
    methods = ("INVITE", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO", "x-odd")
    assert len({id(bench.accept(request(method))) for method in methods}) == len(methods)


# --------------------------------------------------------------------------- CANCEL and ACK


@pytest.mark.parametrize("branch", ["z9hG4bK-caller-1", "old", ""])
def test_a_cancel_finds_its_invite(bench: Bench, branch: str) -> None:
    invite = bench.accept(request(branch=branch))
    cancel = bench.accept(request("CANCEL", branch=branch))
    assert cancel is not invite
    assert bench.layer.find_invite(parsed(request("CANCEL", branch=branch))) is invite


@pytest.mark.parametrize("options", [{"branch": "z9hG4bK-other"}, {"via": "SIP/2.0/UDP 203.0.113.7"}])
def test_a_cancel_of_somebody_else_finds_nothing(bench: Bench, options: dict[str, Any]) -> None:
    bench.accept(request())
    assert bench.layer.find_invite(parsed(request("CANCEL", **options))) is None


@pytest.mark.parametrize("branch", ["z9hG4bK-caller-1", "old", ""])
def test_the_ack_of_a_failure_ends_its_retransmission(bench: Bench, branch: str) -> None:
    transaction = bench.accept(request(branch=branch))
    bench.respond(transaction, 486)
    ack = request("ACK", branch=branch, to_tag="us")
    assert bench.receive(ack) == []
    assert transaction.state is State.CONFIRMED
    assert bench.receive(ack) == []
    bench.run_on()
    assert bench.sent() == []
    assert [type(event) for event in bench.events()] == [TransactionEnded]


@pytest.mark.parametrize("branch", ["z9hG4bK-of-the-ack", ""])
def test_the_ack_of_a_2xx_comes_out_without_a_transaction(bench: Bench, branch: str) -> None:
    transaction = bench.accept(request(branch=branch and "z9hG4bK-caller-1"))
    bench.respond(transaction, 200)
    for _ in range(2):
        (event,) = bench.receive(request("ACK", branch=branch, to_tag="us"))
        assert isinstance(event, RequestReceived)
        assert event.transaction is None
        assert event.request.method == "ACK"
    assert bench.sent() == []
    assert len(bench.layer) == 1


def test_an_ack_from_nowhere_makes_no_transaction(bench: Bench) -> None:
    (event,) = bench.receive(request("ACK"))
    assert isinstance(event, RequestReceived)
    assert event.transaction is None
    assert len(bench.layer) == 0


# --------------------------------------------------------------------------- where responses go


@pytest.mark.parametrize(
    ("via", "rport", "source", "hop", "params"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5070", False, CALLER, CALLER, ";branch=z9hG4bK-caller-1"),
        ("SIP/2.0/UDP 192.0.2.1", False, Hop("192.0.2.1", 9), Hop("192.0.2.1", 5060), ";branch=z9hG4bK-caller-1"),
        (
            "SIP/2.0/UDP phone.example:5070",
            False,
            Hop("203.0.113.7", 40000),
            Hop("203.0.113.7", 5070),
            ";branch=z9hG4bK-caller-1;received=203.0.113.7",
        ),
        (
            "SIP/2.0/UDP 10.0.0.9:5070",
            True,
            Hop("203.0.113.7", 40000),
            Hop("203.0.113.7", 40000),
            ";branch=z9hG4bK-caller-1;rport=40000;received=203.0.113.7",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1:5070",
            True,
            Hop("192.0.2.1", 5070),
            CALLER,
            ";branch=z9hG4bK-caller-1;rport=5070;received=192.0.2.1",  # RFC 3581 §4: both, even when they are the same
        ),
        (
            "SIP/2.0/UDP [2001:db8::1]:5070",
            False,
            Hop("2001:db8::1", 5070),
            Hop("2001:db8::1", 5070),
            ";branch=z9hG4bK-caller-1",
        ),
        (
            "SIP/2.0/UDP phone.example",
            True,
            Hop("2001:db8::7", 40000),
            Hop("2001:db8::7", 40000),
            ";branch=z9hG4bK-caller-1;rport=40000;received=2001:db8::7",
        ),
    ],
)
def test_a_response_goes_where_the_request_came_from(
    bench: Bench, via: str, rport: bool, source: Hop, hop: Hop, params: str
) -> None:
    transaction = bench.accept(request(via=via, rport=rport), source)
    assert transaction.hop == hop
    assert transaction.request is not None
    response = builder.make_response(transaction.request, 200, "us")
    assert response.via.params == params
    assert reply_hop(response.via) == hop  # what another life reads from it leads to the same place


@pytest.mark.parametrize("written", ["rport", "RPort", "rport ", " rport"])
def test_rport_is_seen_however_it_is_written(bench: Bench, written: str) -> None:
    invite = parsed(request(via=f"SIP/2.0/UDP 10.0.0.9;{written}"))
    assert mark_source(invite, Hop("203.0.113.7", 40000)) == Hop("203.0.113.7", 40000)
    assert "rport=40000" in invite.via.params.replace(" ", "").lower()


def test_an_rport_within_other_text_is_no_rport(bench: Bench) -> None:
    for params in (";x=rport", ';x=";rport;"', ";rportx", ";x=received"):
        invite = parsed(request(via=f"SIP/2.0/UDP 192.0.2.1:5070{params}"))
        before = invite.encode()
        assert mark_source(invite, Hop("192.0.2.1", 40000)) == CALLER
        assert invite.encode() == before


def test_who_is_behind_nat_is_answered_where_it_sends_from_though_it_does_not_ask(bench: Bench) -> None:
    source = Hop("203.0.113.7", 40000)
    for params in ("", ";x=rport", ";received=192.0.2.66", ";rport", ";rport=66"):
        bench.layer.behind_nat = frozenset((source.host,))
        transaction = bench.accept(request(via=f"SIP/2.0/UDP 10.0.0.9{params}", branch=f"z9hG4bK{params[1:]}"), source)
        assert transaction.hop == source
        assert transaction.request is not None
        assert reply_hop(transaction.request.via) == source
    other = bench.accept(request(via="SIP/2.0/UDP 10.0.0.9", branch="z9hG4bK-other"), Hop("203.0.113.8", 40000))
    assert other.hop == Hop("203.0.113.8", 5060)


def test_a_received_of_the_sender_does_not_lead_our_response_astray(bench: Bench) -> None:
    for via in (
        "SIP/2.0/UDP 192.0.2.1:5070;received=203.0.113.66;rport=66",
        "SIP/2.0/UDP elsewhere:5070;rport=66;received=203.0.113.66",
        "SIP/2.0/UDP elsewhere:5070;Received=203.0.113.66",
    ):
        invite = parsed(request(via=via))
        hop = mark_source(invite, CALLER)
        assert hop == CALLER
        assert reply_hop(invite.via) == CALLER
        assert invite.get_all("via")[0].lower().count("received") == 1
    invite = parsed(request(via="SIP/2.0/UDP 192.0.2.1:5070;received=203.0.113.66"))
    assert mark_source(invite, CALLER) == CALLER
    assert "received" not in invite.get_all("via")[0]


def test_only_the_top_via_is_marked(bench: Bench) -> None:
    lines = request_lines(via="SIP/2.0/UDP 10.0.0.9")
    lines[1] += ", SIP/2.0/UDP 10.0.0.8;branch=z9hG4bKb;rport"
    lines.insert(2, "Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKc;rport")
    invite = parsed(encode(lines))
    mark_source(invite, CALLER)
    assert invite.get_all("via") == [
        "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK-caller-1;received=192.0.2.1",
        "SIP/2.0/UDP 10.0.0.8;branch=z9hG4bKb;rport",
        "SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKc;rport",
    ]


@pytest.mark.parametrize(
    ("value", "hop"),
    [
        ("SIP/2.0/UDP 192.0.2.1", Hop("192.0.2.1", 5060)),
        ("SIP/2.0/UDP 192.0.2.1:5070;rport", Hop("192.0.2.1", 5070)),
        ("SIP/2.0/UDP h;rport=40000;received=192.0.2.1", Hop("192.0.2.1", 40000)),
        ("SIP/2.0/UDP h:5070;received=[2001:db8::1]", Hop("2001:db8::1", 5070)),
        ("SIP/2.0/UDP [2001:db8::1]:5070", Hop("2001:db8::1", 5070)),
        ("SIP/2.0/UDP h:5070;received=192.0.2.1;rport=65535", Hop("192.0.2.1", 65535)),
        ("SIP/2.0/UDP h:5070;received=192.0.2.1;rport=65536", Hop("192.0.2.1", 5070)),
        ("SIP/2.0/UDP h:5070;received=192.0.2.1;rport=0", Hop("192.0.2.1", 5070)),
        ("SIP/2.0/UDP h:5070;received=192.0.2.1;rport=٥", Hop("192.0.2.1", 5070)),
        ("SIP/2.0/TCP h:5070;received=192.0.2.1;rport=40000", Hop("192.0.2.1", 5070, "tcp")),  # that connection is gone
        ("SIP/2.0/UDP phone.example:5070", None),  # a name would have to be looked up
        ("SIP/2.0/UDP 192.0.2.1;received=phone.example", None),
    ],
)
def test_where_a_via_alone_leads(value: str, hop: Hop | None) -> None:
    assert reply_hop(parse_via(value)) == hop


def test_a_response_over_tcp_goes_on_the_connection_of_its_request(bench: Bench) -> None:
    source = Hop("203.0.113.7", 40000, "tcp")
    transaction = bench.accept(request(via="SIP/2.0/TCP 10.0.0.9:5070"), source)
    assert transaction.hop == source
    assert transaction.request is not None
    assert "received=203.0.113.7" in transaction.request.get_all("via")[0]


# --------------------------------------------------------------------------- client side


def test_lost_connection_ends_what_waits_for_an_answer_there_and_nothing_else() -> None:
    deadlines = Deadlines()
    layer = TransactionLayer(deadlines)
    here, there = Hop("192.0.2.21", 5060, "tcp"), Hop("192.0.2.22", 5060, "tcp")

    def ask(user: str, method: str, hop: Hop) -> None:
        via = f"SIP/2.0/TCP 192.0.2.10;branch=z9hG4bK-{user}"
        layer.request(parsed(request(method, via=via, branch="")), hop, 0.0, user)

    ask("silent", "INVITE", here)
    ask("bye", "BYE", here)
    ask("ringing", "INVITE", here)
    ask("elsewhere", "INVITE", there)
    ask("datagram", "INVITE", Hop(*here[:2]))
    ringing = answer(parsed(request(via="SIP/2.0/TCP 192.0.2.10;branch=z9hG4bK-ringing", branch="")), 180)
    layer.receive(ringing, here, 0.1)
    layer.events.clear()
    layer.disconnected(here, 0.2)
    told = {event.user for event in layer.events if isinstance(event, TransactionUnreachable)}
    assert told == {"silent", "bye"}
    assert len(layer) == 3
    layer.disconnected(there, 0.3)
    layer.disconnected(there, 0.3)
    assert len(layer) == 2


def test_a_request_of_ours_gets_its_response(bench: Bench) -> None:
    user = object()
    sent = bench.ask(user=user)
    for status in (100, 180, 200):
        (event,) = bench.receive(answer(sent, status), CALLEE)
        assert isinstance(event, ResponseReceived)
        assert event.user is user
        assert event.response.status == status


def test_responses_to_invite_and_cancel_of_one_branch_are_told_apart(bench: Bench) -> None:
    invite, cancel = bench.ask(user="invite"), bench.ask("CANCEL", user="cancel")
    assert invite.via.branch == cancel.via.branch
    for sent, name in ((cancel, "cancel"), (invite, "invite")):
        (event,) = bench.receive(answer(sent, 200), CALLEE)
        assert isinstance(event, ResponseReceived)
        assert event.user == name


@pytest.mark.parametrize("change", [(b"z9hG4bK-ours", b"z9hG4bK-else"), (b"7 INVITE", b"7 BYE")])
def test_a_response_that_nobody_waits_for_is_a_stray(bench: Bench, change: tuple[bytes, bytes]) -> None:
    sent = bench.ask()
    (event,) = bench.receive(answer(sent, 200).replace(*change), CALLEE)
    assert isinstance(event, StrayResponse)
    assert event.source == CALLEE
    assert bench.sent() == []


def test_a_response_after_the_end_is_a_stray(bench: Bench) -> None:
    sent = bench.ask("BYE", user="bye")
    bench.receive(answer(sent, 200), CALLEE)
    bench.run_on()
    assert [type(event) for event in bench.events()] == [TransactionEnded]
    (event,) = bench.receive(answer(sent, 200), CALLEE)
    assert isinstance(event, StrayResponse)


def test_silence_times_out_and_is_forgotten(bench: Bench) -> None:
    for method in ("INVITE", "BYE"):
        bench.ask(method, user=method)
    bench.run_on()
    told = {(type(event), event.user) for event in bench.events()}  # type: ignore[union-attr]
    assert told == {(kind, user) for kind in (TransactionTimedOut, TransactionEnded) for user in ("INVITE", "BYE")}
    assert len(bench.layer) == len(bench.deadlines) == 0


@pytest.mark.parametrize("method", ["INVITE", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "MESSAGE"])
def test_an_unreachable_peer_is_told_at_once_whatever_the_method(bench: Bench, method: str) -> None:
    bench.ask(method, user=method)
    assert bench.layer.transport_failed("z9hG4bK-ours", bench.now)
    assert [type(event) for event in bench.events()] == [TransactionUnreachable, TransactionEnded]
    assert len(bench.layer) == len(bench.deadlines) == 0
    assert not bench.layer.transport_failed("z9hG4bK-ours", bench.now)


def test_an_icmp_error_moves_only_what_still_waits(bench: Bench) -> None:
    sent = bench.ask()
    bench.receive(answer(sent, 180), CALLEE)
    assert not bench.layer.transport_failed("z9hG4bK-ours", bench.now)
    assert not bench.layer.transport_failed("z9hG4bK-else", bench.now)
    assert not bench.layer.transport_failed("\udcff", bench.now)
    assert bench.events() == []
    assert len(bench.layer) == 1


def test_a_cancelled_invite_that_is_abandoned_times_out(bench: Bench) -> None:
    message = parsed(request(via="SIP/2.0/UDP 192.0.2.10", branch="z9hG4bK-ours"))
    transaction = bench.layer.request(message, CALLEE, bench.now, "user")
    bench.receive(answer(message, 180), CALLEE)
    bench.layer.abandon(transaction, bench.now)
    assert [type(event) for event in bench.events()] == [TransactionTimedOut, TransactionEnded]
    assert len(bench.layer) == 0


def test_a_stateless_message_leaves_nothing_behind(bench: Bench) -> None:
    ack = parsed(request("ACK"))
    bench.layer.send_stateless(ack, CALLEE)
    assert bench.sent() == [(ack.encode(), CALLEE)]
    assert len(bench.layer) == len(bench.deadlines) == 0


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (100, State.PROCEEDING),
        (199, State.PROCEEDING),
        (200, State.ACCEPTED),
        (299, State.ACCEPTED),
        (300, State.COMPLETED),
        (699, State.COMPLETED),
    ],
)
def test_the_class_of_a_response_decides_on_both_sides(bench: Bench, status: int, state: State) -> None:
    server = bench.accept(request())
    bench.respond(server, status)
    assert server.state is state
    message = parsed(request(via="SIP/2.0/UDP 192.0.2.10", branch="z9hG4bK-ours"))
    client = bench.layer.request(message, CALLEE, bench.now, None)
    bench.receive(answer(message, status), CALLEE)
    assert client.state is state


def test_a_request_is_known_as_long_as_its_transaction_lives(bench: Bench) -> None:
    via = parsed(request("BYE")).via
    assert not bench.layer.has_server(via, "BYE")
    transaction = bench.accept(request("BYE"))
    assert bench.layer.has_server(via, "BYE")
    assert not bench.layer.has_server(via, "INVITE")
    bench.respond(transaction, 200)
    bench.run_on()
    assert not bench.layer.has_server(via, "BYE")


def test_a_second_final_is_refused(bench: Bench) -> None:
    transaction = bench.accept(request("BYE"))
    invite = transaction.request
    assert invite is not None
    assert bench.layer.respond(transaction, builder.make_response(invite, 200, "us"), 0.0)
    assert not bench.layer.respond(transaction, builder.make_response(invite, 500, "us"), 0.0)
    assert len(bench.sent()) == 1


# --------------------------------------------------------------------------- what is not SIP


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\x00", b"\x00\x00\x00\x00", b"  \r\n"])
def test_a_keep_alive_is_neither_answered_nor_a_fault(bench: Bench, data: bytes) -> None:
    assert bench.receive(data) == []
    assert bench.sent() == []
    assert bench.layer.counters["malformed"] == 0


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"INVITE sip:h SIP/2.0\r\n\r\n", b"hello"]
)
def test_what_is_no_sip_is_counted_and_not_answered(bench: Bench, data: bytes) -> None:
    assert bench.receive(data) == []
    assert bench.sent() == []
    assert bench.layer.counters == {"malformed": 1, "malformed_answered": 0}


def test_a_malformed_request_gets_one_answer_each_and_no_transaction(bench: Bench) -> None:
    for count in (1, 2):
        assert bench.receive(request(cseq_method="BYE")) == []
        ((data, hop),) = bench.sent()
        refusal = answered(data)
        assert (refusal.status, hop) == (400, CALLER)
        assert refusal.get("call-id") == "call-1@192.0.2.1"
        assert refusal.to_tag
        assert "CSeq" in refusal.reason
        assert bench.layer.counters == {"malformed": count, "malformed_answered": count}
    assert len(bench.layer) == len(bench.deadlines) == 0


def test_the_answer_to_a_malformed_request_goes_where_it_came_from(bench: Bench) -> None:
    bench.receive(request(cseq_method="BYE", via="SIP/2.0/UDP phone.example", rport=True), Hop("203.0.113.7", 40000))
    ((data, hop),) = bench.sent()
    assert hop == Hop("203.0.113.7", 40000)
    assert "received=203.0.113.7" in answered(data).via.params


@pytest.mark.parametrize(
    "data",
    [
        request("ACK", cseq_method="BYE"),
        request("ACK", hops="x"),
        answer(parsed(request()), 200).replace(b"Call-ID", b"X-Call-ID"),
        answer(parsed(request()), 200).replace(b"7 INVITE", b"seven"),
        encode(line for line in request_lines() if not line.startswith("CSeq")),
        encode(line for line in request_lines() if not line.startswith("Via")),
        request(cseq_method="BYE", via="nonsense"),
    ],
    ids=["ack", "ack-hops", "response", "response-cseq", "no-cseq", "no-via", "bad-via"],
)
def test_what_cannot_or_must_not_be_answered_is_not(bench: Bench, data: bytes) -> None:
    assert bench.receive(data) == []
    assert bench.sent() == []
    assert bench.layer.counters == {"malformed": 1, "malformed_answered": 0}


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])))
def test_the_fault_in_words_never_breaks_the_answer(text: str) -> None:
    bench = Bench()
    bench.receive(encode([*request_lines(hops=f"x{text}")]))
    ((data, _),) = bench.sent()
    refusal = answered(data)
    assert isinstance(refusal, Response)
    assert refusal.reason.isascii()
    assert refusal.reason.isprintable()

"""Anchored calls, with a scripted rtpengine: what it is asked, what becomes of its answers, and of its silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from controller.types import Media, Mode, Redirects
from sip.message import Request, Response
from sip.parser import parse_message
from sip.transaction import Hop
from tests.planes.bench import HOPS, T1, T2, Bench, requests, statuses
from tests.playbook import stage
from tests.sip import wire

RELAY = Hop("192.0.2.99", 2223)


class Anchored(Bench):
    """A bench whose trunk t1 is anchored. ``asked`` is what rtpengine has been asked and not answered."""

    def __init__(self, *stages: Any, nat: bool = False, element: Any = None) -> None:
        super().__init__(*stages, element=element)
        dialplan = self.switchboard.dialplan
        trunks = {**dialplan.trunks, "t1": replace(dialplan.trunks["t1"], anchored=True, nat=nat)}
        self.switchboard.swap(replace(dialplan, trunks=trunks))
        self.plane.swap_hops(HOPS)
        numbers = count(1)
        self.plane.anchoring.swap(Media(RELAY.host, RELAY.port), lambda: f"cookie{next(numbers)}", 0.0)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def take(self) -> list[tuple[Request | Response, Hop]]:
        sent = []
        for data, hop in self.plane.outbox:
            if hop == RELAY:
                cookie, _, text = data.decode().partition(" ")
                self.asked.append((cookie, json.loads(text)))
            else:
                sent.append((parse_message(data), hop))
        self.plane.outbox.clear()
        return sent

    def relay_says(self, sdp: str | None = None, **answer: Any) -> list[tuple[Request | Response, Hop]]:
        """It answers what it was asked first."""
        cookie, _ = self.asked.pop(0)
        text = answer or {"result": "ok", "sdp": sdp}
        self.plane.anchoring.relay.handle_answer(f"{cookie} {json.dumps(text)}".encode(), self.now)
        self.plane.drain(self.now)
        return self.take()

    def answered(self) -> tuple[Request, Response]:
        """A call is up, its media anchored."""
        assert requests(self.call(sdp=b"from caller")) == []
        (invite,) = requests(self.relay_says("offered"))
        assert statuses(self.answer(invite, 200, sdp=b"from callee")) == []
        ((answer, _),) = [pair for pair in self.relay_says("answered") if isinstance(pair[0], Response)]
        assert isinstance(answer, Response)
        return invite, answer


@pytest.fixture
def bench() -> Iterator[Anchored]:
    bench = Anchored(stage("anna/t1,t2"))
    yield bench
    assert bench.plane.faults == []


def within(method: str, answer: Response, *, sdp: bytes = b"", cseq: int = 2) -> bytes:
    """A request of the caller's within the call."""
    route = [f"Route: {value}" for value in answer.get_all("record-route")]
    return wire.request(
        method,
        "sip:100@192.0.2.21",
        to_tag=answer.to_tag,
        branch=f"z9hG4bK-{method}{cseq}",
        cseq=cseq,
        extra=route,
        sdp=sdp,
    )


def test_offer_and_answer_get_the_addresses_of_the_relay(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    (_, offer) = bench.asked[0]
    assert (offer["command"], offer["sdp"], offer["from-tag"]) == ("offer", "from caller", "caller")
    assert "to-tag" not in offer
    (invite,) = requests(bench.relay_says("offered"))
    assert (invite.body, invite.get("content-length")) == (b"offered", "7")

    assert statuses(bench.answer(invite, 183, sdp=b"early")) == []
    (_, early) = bench.asked[0]
    assert (early["command"], early["via-branch"]) == ("answer", offer["via-branch"])
    assert (early["from-tag"], early["to-tag"]) == ("caller", "callee")
    ((ringing, _),) = bench.relay_says("early answered")
    assert (ringing.status, ringing.body) == (183, b"early answered")


def test_what_has_no_session_description_waits_for_nothing(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    (invite,) = requests(bench.relay_says("offered"))
    assert statuses(bench.answer(invite, 180)) == [180]
    assert bench.asked == []


def test_a_call_that_makes_no_offer_gets_it_from_the_callee_and_answers_in_its_ack(bench: Anchored) -> None:
    (invite,) = requests(bench.call())
    bench.answer(invite, 200, sdp=b"from callee")
    (_, offer) = bench.asked[0]
    assert (offer["command"], offer["from-tag"], offer["to-tag"]) == ("offer", "callee", "caller")
    ((answer, _),) = bench.relay_says("offered")
    assert answer.body == b"offered"
    assert bench.receive(within("ACK", answer, sdp=b"from caller", cseq=1)) == []
    (_, told) = bench.asked[0]
    assert (told["command"], told["from-tag"], told["to-tag"]) == ("answer", "callee", "caller")
    (ack,) = requests(bench.relay_says("answered"), "ACK")
    assert ack.body == b"answered"


def test_a_renegotiation_is_anchored_in_another_life_too(bench: Anchored) -> None:
    _, answer = bench.answered()
    later = Anchored(stage("anna/t1,t2"))
    assert requests(later.receive(within("INVITE", answer, sdp=b"hold"))) == []
    (_, offer) = later.asked[0]
    assert (offer["command"], offer["from-tag"], offer["to-tag"]) == ("offer", "caller", "callee")
    (invite,) = requests(later.relay_says("hold offered"))
    assert invite.body == b"hold offered"
    later.answer(invite, 200, to_tag="callee", sdp=b"held")
    (_, told) = later.asked[0]
    assert (told["command"], told["sdp"]) == ("answer", "held")
    ((held, _),) = later.relay_says("hold answered")
    assert (held.status, held.body) == (200, b"hold answered")


def test_what_follows_a_message_that_waits_does_not_overtake_it(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    (invite,) = requests(bench.relay_says("offered"))
    bench.answer(invite, 183, sdp=b"early")
    assert statuses(bench.answer(invite, 180)) == []
    assert statuses(bench.answer(invite, 200, sdp=b"from callee")) == []
    assert len(bench.asked) == 1, "one at a time"
    assert statuses(bench.relay_says("one")) == [183, 180]
    assert statuses(bench.relay_says("two")) == [200]


def test_the_end_of_a_call_and_of_each_attempt_frees_its_ports(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    (invite,) = requests(bench.relay_says("offered"))
    (again,) = requests(bench.answer(invite, 503))
    assert again.body == b"from caller", "t2 is not anchored"
    ((_, deleted),) = bench.asked
    assert deleted["command"] == "delete"
    assert deleted["via-branch"]
    bench = Anchored(stage("anna/t1"))
    _, answer = bench.answered()
    assert requests(bench.receive(within("BYE", answer)), "BYE")
    ((_, deleted),) = bench.asked
    assert (deleted["command"], deleted["call-id"]) == ("delete", answer.call_id)
    assert "via-branch" not in deleted


def test_a_caller_who_gives_up_while_the_relay_is_asked_rings_nobody(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    assert statuses(bench.receive(wire.request("CANCEL"))) == [200, 487]
    assert requests(bench.relay_says("offered")) == []
    assert [command["command"] for _, command in bench.asked] == ["delete"]


def test_a_call_does_not_wait_for_a_silent_relay_and_the_next_not_at_all(bench: Anchored) -> None:
    assert requests(bench.call(sdp=b"from caller")) == []
    (invite,) = requests(bench.wait_until(0.1))
    assert invite.body == b"from caller"
    assert [(news.answers, news.at) for news in bench.plane.anchoring.relay.news] == [(False, 0.1)]
    assert requests(bench.call(sdp=b"b", branch="z9hG4bK-2", call_id="second"))
    assert statuses(bench.answer(invite, 200, sdp=b"from callee")) == [200]


def test_a_silent_relay_is_asked_for_a_sign_of_life_and_used_again(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    bench.wait_until(0.1)
    bench.asked.clear()
    for number in range(20):
        bench.now += 0.11
        bench.call(sdp=b"b", branch=f"z9hG4bK-{number}", call_id=f"call-{number}")
    pings = [cookie for cookie, command in bench.asked if command["command"] == "ping"]
    assert len(pings) == len(bench.asked) == 2
    bench.asked = [(pings[-1], {})]
    bench.relay_says(result="pong")
    assert [news.answers for news in bench.plane.anchoring.relay.news] == [False, True]
    assert requests(bench.call(sdp=b"c", branch="z9hG4bK-last", call_id="last")) == []
    assert bench.asked[0][1]["command"] == "offer"


def test_a_closed_port_frees_all_that_wait_at_once(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    bench.plane.anchoring.relay.unreachable(0.0)
    bench.plane.drain(0.0)
    (invite,) = requests(bench.take())
    assert invite.body == b"from caller"


@pytest.mark.parametrize(
    "answer", [{"result": "error", "error-reason": "no ports"}, {"result": "ok"}, {"sdp": "x"}, {}]
)
def test_what_the_relay_cannot_do_goes_on_as_it_is(bench: Anchored, answer: dict[str, str]) -> None:
    bench.call(sdp=b"from caller")
    cookie, _ = bench.asked.pop(0)
    bench.plane.anchoring.relay.handle_answer(f"{cookie} {json.dumps(answer)}".encode(), 0.0)
    (invite,) = requests(bench.take())
    assert invite.body == b"from caller"


@pytest.mark.parametrize(
    "data", [b"", b"garbage", b"cookie99 {}", b"cookie1", b"cookie1 [", b"cookie1 null", b"\xff \xff"]
)
def test_nonsense_from_its_address_is_harmless(bench: Anchored, data: bytes) -> None:
    bench.call(sdp=b"from caller")
    bench.plane.anchoring.relay.handle_answer(data, 0.0)
    bench.wait_until(0.1)
    assert bench.plane.faults == []
    assert bench.switchboard.runs


def test_behind_nat_the_relay_is_told_where_it_was_seen(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    assert bench.asked[0][1]["flags"] == ["trust-address"], "the caller is no trunk"
    natted = Anchored(stage("anna/t1"), nat=True)
    natted.call(sdp=b"from caller")
    (invite,) = requests(natted.relay_says("offered"))
    natted.answer(invite, 200, sdp=b"from callee")
    (_, told) = natted.asked[0]
    assert told["received-from"] == ["IP4", T1.host]
    assert "flags" not in told


def test_a_call_from_an_anchored_trunk_is_anchored_wherever_it_goes() -> None:
    bench = Anchored(stage("anna/t2"))
    data = wire.request("INVITE", sdp=b"from t1", via=f"SIP/2.0/UDP {T1.host}:{T1.port}")
    assert requests(bench.receive(data, T1)) == []
    (invite,) = requests(bench.relay_says("offered"))
    assert invite.body == b"offered"


def test_a_dialplan_without_relay_lets_go_of_what_waits(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    bench.plane.anchoring.swap(None, lambda: "", 0.0)
    (invite,) = requests(bench.take())
    assert invite.body == b"from caller"
    assert bench.plane.anchoring.relay is None


def test_text_that_json_cannot_hold_is_left_alone(bench: Anchored) -> None:
    (invite,) = requests(bench.call(sdp=b"\xff\xfe"))
    assert invite.body == b"\xff\xfe"
    assert bench.asked == []


def test_two_phones_behind_one_trunk_have_a_leg_each() -> None:
    bench = Anchored(stage("anna/t1|ben/t1", mode=Mode.PARALLEL))
    bench.call(sdp=b"from caller")
    legs = [command["via-branch"] for _, command in bench.asked]
    assert len(set(legs)) == 2
    first = requests(bench.relay_says("one"))
    second = requests(bench.relay_says("two"))
    assert [invite.body for invite in first + second] == [b"one", b"two"]
    bench.answer(first[0], 200, sdp=b"from anna")
    sent = bench.relay_says("answered")
    assert statuses(sent) == [200]
    assert T2 not in [hop for _, hop in sent]


def test_a_call_that_is_given_up_frees_the_ports_of_all_who_rang(bench: Anchored) -> None:
    bench.call(sdp=b"from caller")
    (_, offer) = bench.asked[0]
    (invite,) = requests(bench.relay_says("offered"))
    bench.answer(invite, 180)
    assert statuses(bench.receive(wire.request("CANCEL"))) == [200, 487]
    ((_, deleted),) = bench.asked
    assert (deleted["command"], deleted["via-branch"]) == ("delete", offer["via-branch"])
    bench.asked.clear()
    assert statuses(bench.answer(invite, 487)) == []
    assert bench.asked == [], "once"


def test_who_wins_keeps_his_ports_and_who_loses_does_not() -> None:
    bench = Anchored(stage("anna/t1 | bob/t1", mode=Mode.PARALLEL))
    bench.call(sdp=b"from caller")
    legs = [command["via-branch"] for _, command in bench.asked]
    (first,) = requests(bench.relay_says("one"))
    (second,) = requests(bench.relay_says("two"))
    bench.answer(first, 180)
    assert statuses(bench.answer(second, 200)) == [200]
    bench.answer(first, 487)
    assert [(command["command"], command["via-branch"]) for _, command in bench.asked] == [("delete", legs[0])]


def test_a_trunk_is_not_blamed_for_the_silence_of_the_relay(bench: Anchored) -> None:
    bench = Anchored(stage("anna/t1,t2", hedge=0.05))
    bench.call(sdp=b"from caller")
    (invite,) = requests(bench.wait_until(0.06))
    assert invite.uri.startswith("sip:anna@"), "somebody else is tried beside it"
    assert bench.plane.evidence.samples == []


def test_a_call_that_is_led_to_an_anchored_trunk_is_anchored_there() -> None:
    bench = Anchored(stage("anna/t2"))
    dialplan = bench.switchboard.dialplan
    trunks = {**dialplan.trunks, "t2": replace(dialplan.trunks["t2"], redirects=Redirects(("t1",)))}
    chains = {"sales": replace(dialplan.chains["sales"], stages=(stage("anna/t2"), stage("anna/t1")))}
    bench.switchboard.swap(replace(dialplan, trunks=trunks, chains=chains))
    bench.plane.swap_hops(HOPS)
    (invite,) = requests(bench.call(sdp=b"from caller"))
    assert invite.body == b"from caller"
    assert requests(bench.answer(invite, 302, T2, extra=[f"Contact: <sip:anna@{T1.host}>"])) == []
    (following,) = requests(bench.relay_says("offered"))
    assert (following.body, following.uri) == (b"offered", f"sip:anna@{T1.host}")
    assert statuses(bench.answer(following, 200, sdp=b"from callee")) == []
    (answer, _) = next(pair for pair in bench.relay_says("answered") if isinstance(pair[0], Response))
    assert (answer.status, answer.body) == (200, b"answered")


def test_a_caller_who_gives_up_while_the_relay_is_asked_about_a_redirection_rings_nobody_more() -> None:
    bench = Anchored(stage("anna/t2"))
    dialplan = bench.switchboard.dialplan
    trunks = {**dialplan.trunks, "t2": replace(dialplan.trunks["t2"], redirects=Redirects(("t1",)))}
    bench.switchboard.swap(replace(dialplan, trunks=trunks))
    bench.plane.swap_hops(HOPS)
    (invite,) = requests(bench.call(sdp=b"from caller"))
    bench.answer(invite, 302, T2, extra=[f"Contact: <sip:anna@{T1.host}>"])
    assert statuses(bench.receive(wire.request("CANCEL"))) == [200, 487]
    assert requests(bench.relay_says("offered")) == []


@pytest.mark.parametrize("route", ["<sip:192.0.2.10:50 60;lr;cw=x>", "<sip:192.0.2.10", "<mailto:x>", ""])
def test_a_route_that_cannot_be_read_is_no_fault_of_ours(bench: Anchored, route: str) -> None:
    data = wire.request("INVITE", to_tag="callee", extra=[f"Route: {route}"], sdp=b"from caller")
    assert statuses(bench.receive(data))[-1] in {400, 416, 481}
    assert bench.asked == []

"""What a proxy owes the network: no loops (RFC 5393), honest non-INVITE transactions (RFC 4320), no call without end."""

from __future__ import annotations

import pytest

from controller.types import Mode
from sip.message import Request, Response
from sip.timing import Timing
from sip.transaction import Hop
from tests.planes.bench import T1, T2, Bench, requests, statuses
from tests.playbook import stage
from tests.sip import wire
from tests.torture.stand import Stand, answers

# --------------------------------------------------------------------------- loops


def came_back(invite: Request, uri: str = "sip:+15557000@192.0.2.10") -> bytes:
    """What a PBX sends when it forwards the call to us again, as a proxy does."""
    lines = [
        f"INVITE {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.21;branch=z9hG4bK-{uri[4:13]}-{len(invite.lines)}",
        *invite.lines,
    ]
    return wire.encode(line for line in lines if not line.startswith("Record-Route"))


def test_a_call_that_comes_back_runs_in_a_circle() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    back = bench.receive(came_back(invite), T1)
    assert statuses(back, T1) == [100, 482]
    assert requests(back) == []
    assert bench.plane.counters["loops"] == 1


def test_another_host_or_parameter_is_the_same_circle() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    assert statuses(bench.receive(came_back(invite, "sip:+15557000@sbc.example;x=1"), T1), T1) == [100, 482]


def test_a_call_that_comes_back_for_another_number_is_a_spiral_and_goes_on() -> None:
    stand = Stand()
    (invite,) = stand.judge(wire.request(via="SIP/2.0/UDP 192.0.2.99:5099")).forwarded
    (spiral,) = stand.judge(came_back(invite, "sip:+15557001@192.0.2.10"), T1).forwarded
    assert stand.judge(came_back(spiral, "sip:+15557002@192.0.2.10"), T1).forwarded
    assert stand.judge(came_back(spiral, "sip:+15557001@192.0.2.10"), T1).statuses == [482]
    assert stand.judge(came_back(spiral, "sip:+15557000@192.0.2.10"), T1).statuses == [482]


def test_a_loop_is_seen_in_another_life() -> None:
    (invite,) = requests(Bench().call())
    assert statuses(Bench().receive(came_back(invite), T1), T1) == [100, 482]


def test_the_via_of_another_element_is_no_loop() -> None:
    (invite,) = requests(Bench().call())
    foreign = came_back(invite).replace(b"SIP/2.0/UDP 192.0.2.10:5060", b"SIP/2.0/UDP 192.0.2.11:5060")
    assert requests(Bench().receive(foreign, T1))


def test_a_loop_through_a_trunk_ends_by_itself() -> None:
    """The only trunk sends every call straight back: the caller hears a final, and nothing is left."""
    stand = Stand()
    (invite,) = stand.judge(wire.request(via="SIP/2.0/UDP 192.0.2.99:5099")).forwarded
    verdict = stand.judge(came_back(invite), T1)
    assert verdict.statuses == [482]
    final = stand.judge(answers(invite, 482), T1)
    assert final.statuses == [482], "nothing else was heard"
    stand.wait(100.0)
    assert len(stand.engine.plane) == 0


# --------------------------------------------------------------------------- the same request by two ways


def by_way_of(proxy: str) -> bytes:
    """The one INVITE of a caller, forked upstream: another proxy puts another Via on top."""
    lines = wire.request_lines(via="SIP/2.0/UDP 192.0.2.1:5070")
    return wire.encode([lines[0], f"Via: SIP/2.0/UDP {proxy};branch=z9hG4bK-fork-{proxy}", *lines[1:]])


ONE_WAY, OTHER_WAY = Hop("192.0.2.98", 5060), Hop("192.0.2.99", 5060)


def test_the_same_request_by_two_ways_is_forwarded_twice() -> None:
    """RFC 3261 §8.2.2.2 has a UAS refuse merged requests; a proxy is none and forwards both (§16.3), told apart."""
    stand = Stand()
    (first,) = stand.judge(by_way_of("192.0.2.98"), ONE_WAY).forwarded
    (second,) = stand.judge(by_way_of("192.0.2.99"), OTHER_WAY).forwarded
    assert (first.call_id, first.cseq, first.from_tag) == (second.call_id, second.cseq, second.from_tag)
    assert first.via.branch != second.via.branch
    assert len(stand.engine.plane) == 2


def test_a_phone_that_refuses_the_second_way_is_answered_by_the_first() -> None:
    """Its 482 goes back the second way, and the first one wins."""
    stand = Stand()
    (first,) = stand.judge(by_way_of("192.0.2.98"), ONE_WAY).forwarded
    (second,) = stand.judge(by_way_of("192.0.2.99"), OTHER_WAY).forwarded
    ((merged, hop),) = stand.judge(answers(second, 482), T1).passed_back
    assert (merged.status, hop) == (482, OTHER_WAY)
    ((answered, hop),) = stand.judge(answers(first, 200), T1).passed_back
    assert (answered.status, hop) == (200, ONE_WAY)


# --------------------------------------------------------------------------- Max-Breadth


def breadths(sent: list[tuple[Request | Response, Hop]]) -> list[str | None]:
    return [each.get("max-breadth") for each in requests(sent)]


def test_a_call_without_max_breadth_has_sixty() -> None:
    assert breadths(Bench(stage("anna/t1")).call()) == ["20"], "the rest is kept for another try"
    assert breadths(Bench(stage("anna/t1")).call(extra=["Max-Breadth: 5"])) == ["1"]
    assert breadths(Bench(stage("anna/t1")).call(extra=["Max-Breadth: 9999999999"])) == ["20"]


def test_branches_share_what_the_call_has() -> None:
    bench = Bench(stage("anna/t1 | ben/t2 | cora/t3", mode=Mode.PARALLEL))
    assert breadths(bench.call()) == ["6", "6", "6"]


def test_a_fork_takes_no_more_than_there_is() -> None:
    bench = Bench(stage("anna/t1 | ben/t2 | cora/t3", mode=Mode.PARALLEL))
    sent = bench.call(extra=["Max-Breadth: 2"])
    assert breadths(sent) == ["1", "1"]
    (one, two) = requests(sent)
    bench.answer(one, 480)
    assert statuses(bench.answer(two, 480, T2) + bench.wait_until(0.1)) == [480], "what a phone said says more"


def test_what_a_branch_had_goes_to_the_next_when_it_has_failed() -> None:
    bench = Bench(stage("anna/t1"), stage("ben/t2"))
    (one,) = requests(bench.call(extra=["Max-Breadth: 1"]))
    assert breadths(bench.answer(one, 486)) == ["1"]


def test_nobody_is_rung_when_no_branch_is_allowed() -> None:
    bench = Bench()
    assert statuses(bench.call(extra=["Max-Breadth: 0"])) == [100, 440]
    assert statuses(Bench().call(extra=["Max-Breadth: x"])) == [100, 400]


def test_a_call_whose_every_fork_was_refused_its_breadth_ends_with_440() -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    (one,) = requests(bench.call(extra=["Max-Breadth: 1"]))
    final = bench.wait_until(0.1) + bench.answer(one, 401)
    assert statuses(final) == [440]


# --------------------------------------------------------------------------- RFC 4320


def in_dialog(method: str = "BYE") -> tuple[Bench, list[tuple[Request | Response, object]]]:
    """A call is up, and the caller sends a request within it; what came out."""
    bench = Bench()
    (invite,) = requests(bench.call())
    ok = next(message for message, _ in bench.answer(invite, 200) if isinstance(message, Response))
    route = f"Route: {ok.get('record-route')}"
    data = wire.request(
        method, "sip:callee@192.0.2.21", to_tag="callee", cseq=8, branch=f"z9hG4bK-{method}", extra=[route]
    )
    return bench, list(bench.receive(data))


def test_a_bye_is_not_acknowledged_by_a_100_before_its_time() -> None:
    bench, sent = in_dialog()
    assert len(requests(sent, "BYE")) == 1
    assert statuses(sent + bench.wait_until(3.4)) == []
    assert statuses(bench.wait_until(3.6)) == [100]
    assert statuses(bench.wait_until(30.0)) == [], "one 100 is enough"


def test_a_bye_answered_in_time_gets_no_100() -> None:
    bench, sent = in_dialog()
    (bye,) = requests(sent, "BYE")
    assert statuses(bench.answer(bye, 200)) == [200]
    assert statuses(bench.wait_until(60.0)) == []


def test_no_provisional_of_a_non_invite_is_passed_on() -> None:
    bench, sent = in_dialog("INFO")
    (info,) = requests(sent, "INFO")
    for status in (100, 180, 183, 199):
        assert statuses(bench.answer(info, status)) == []
    assert statuses(bench.wait_until(5.0)) == [100]
    assert statuses(bench.answer(info, 200)) == [200]


def test_a_408_to_a_non_invite_is_never_passed_on() -> None:
    bench, sent = in_dialog("INFO")
    (info,) = requests(sent, "INFO")
    assert statuses(bench.answer(info, 408)) == []
    bench, _ = in_dialog("INFO")
    assert statuses(bench.wait_until(100.0)) == [100]


def test_a_late_response_to_a_non_invite_is_dropped() -> None:
    bench, sent = in_dialog("INFO")
    bench.plane.set_past(Timing().timer_c)  # as the engine sets it
    (info,) = requests(sent, "INFO")
    bench.wait_until(33.0)
    assert statuses(bench.answer(info, 200)) == []


# --------------------------------------------------------------------------- Timer C: no call without end


def test_a_phone_that_rings_for_ever_is_cancelled_by_the_timers_of_its_chain() -> None:
    for plan in (("anna/t1",), ("anna/t1", "ben/t2")):
        bench = Bench(*(stage(text) for text in plan))
        ringing = requests(bench.call())
        while bench.plane._calls and bench.now < 400.0:
            for invite in ringing:
                bench.answer(invite, 180)
            ringing += requests(bench.wait_until(bench.now + 1.0))
        assert bench.now < 100.0, "the timers of the chain are shorter than Timer C"
        bench.wait_until(bench.now + 200.0)
        assert len(bench.plane) == 0
        assert len(bench.deadlines) == 0


def test_a_reinvite_that_rings_for_ever_is_cancelled_by_timer_c() -> None:
    bench, sent = in_dialog("INVITE")
    (invite,) = requests(sent)
    bench.answer(invite, 180)
    assert requests(bench.wait_until(184.0), "CANCEL") == []
    assert len(requests(bench.wait_until(185.2), "CANCEL")) == 1


# --------------------------------------------------------------------------- what mutants found


@pytest.mark.parametrize(
    "contact", ["<sip: anna@192.0.2.22>", "<sip:anna@192.0.2.22\tX>", "<x>", "<sip:>", "<sip:a@h\0>"]
)
def test_a_loser_whose_contact_would_break_our_request_line_is_not_released(contact: str) -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    one, two = requests(bench.call())
    bench.answer(one, 200)
    late = bench.answer(two, 200, T2, extra=[f"Contact: {contact}"])
    assert late == []

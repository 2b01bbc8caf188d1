"""The embedded plane, datagram by datagram."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.types import (
    EXHAUSTED,
    NO_ROUTE,
    TRANSPORT_ERROR,
    WITHDRAWN,
    Mode,
    Sample,
)
from sip.element import Element
from sip.fork import MAX_RELEASED
from sip.message import Request, Response
from sip.seal import Seal
from sip.transaction import Hop
from tests.planes.bench import T1, T2, T3, Bench, dialplan, requests, statuses
from tests.playbook import stage
from tests.sip import wire
from tests.sip.wire import CALLER

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


def established(bench: Bench) -> tuple[Request, Response]:
    """Call, answer; returns the INVITE that anna got and the 200 that the caller got."""
    (invite,) = requests(bench.call())
    ((final, _),) = bench.answer(invite, 200, extra=["Contact: <sip:anna@192.0.2.21:5060>"])
    assert isinstance(final, Response)
    return invite, final


# --------------------------------------------------------------------------- a new call


def test_a_call_is_acknowledged_and_forwarded_at_once() -> None:
    sent = Bench().call(extra=["X-Odd :  as it is"])
    assert statuses(sent) == [100]
    (invite,) = requests(sent)
    assert sent[1][1] == T1
    assert invite.uri == "sip:anna@t1.example"
    assert invite.get("max-forwards") == "69"
    assert "X-Odd :  as it is" in invite.lines
    assert len(invite.get_all("via")) == 2
    (route,) = invite.get_all("record-route")
    assert route.startswith("<sip:192.0.2.10:5060;lr;cw=")


def test_a_preloaded_route_does_not_lead_past_the_chain() -> None:
    sent = Bench().call(extra=["Route: <sip:203.0.113.66;lr>", "Route: <sip:203.0.113.67;lr>"])
    (invite,) = requests(sent)
    assert invite.get("route") is None
    assert [hop for message, hop in sent if isinstance(message, Request)] == [T1]


def test_a_number_that_nobody_owns_is_refused() -> None:
    bench = Bench()
    assert statuses(bench.call(uri="sip:+4930123@192.0.2.10")) == [100, 404]
    assert (bench.record.status, bench.record.cause, bench.record.attempts) == (404, NO_ROUTE, [])


@pytest.mark.parametrize("hops", ["0", "00", "000"])
def test_a_call_without_hops_left_is_refused_and_forgotten(hops: str) -> None:
    bench = Bench()
    assert statuses(bench.call(hops=hops)) == [100, 483]
    assert (len(bench.plane), bench.switchboard.runs) == (0, {})


def test_a_scheme_that_we_do_not_know_is_refused() -> None:
    bench = Bench()
    assert statuses(bench.call(uri="mailto:sales@example.com")) == [100, 416]
    assert len(bench.plane) == 0


def test_an_invite_that_comes_again_is_one_call() -> None:
    bench = Bench()
    bench.call()
    assert statuses(again := bench.call()) == [100]
    assert not requests(again)
    assert len(bench.plane) == 1


def test_the_same_branch_of_two_senders_is_two_calls() -> None:
    """RFC 3261 §17.2.3: the branch alone does not make the transaction."""
    bench = Bench()
    (one,) = requests(bench.call())
    (other,) = requests(bench.call(via="SIP/2.0/UDP 192.0.2.99:5070"))
    assert len(bench.plane) == 2
    assert one.via.branch != other.via.branch
    bench.answer(one, 486)
    bench.answer(other, 486)
    assert len(bench.plane) == 0
    assert len(bench.plane.records) == 2


def test_a_peer_of_rfc_2543_without_branches_may_call_twice_in_one_call_id() -> None:
    bench = Bench()
    bench.call(branch="", uri="sip:+15557000@192.0.2.10")
    bench.call(branch="", uri="sip:+15557000@192.0.2.10:5060")
    assert len(bench.plane) == 2
    bench.wait_until(100.0)
    assert len(bench.plane) == 0


# --------------------------------------------------------------------------- other requests


def test_an_options_is_answered() -> None:
    assert statuses(Bench().receive(wire.request("OPTIONS"))) == [200]


def test_a_method_for_nobody_is_not_allowed() -> None:
    ((refusal, _),) = Bench().receive(wire.request("PUBLISH"))
    assert isinstance(refusal, Response)
    assert refusal.status == 405
    assert "INVITE" in (refusal.get("allow") or "")


def test_a_bye_without_our_route_is_of_no_call() -> None:
    assert statuses(Bench().receive(wire.request("BYE", to_tag="x"))) == [481]


def test_a_bye_with_a_forged_route_is_refused() -> None:
    bench = Bench()
    forged = wire.request("BYE", to_tag="x", extra=["Route: <sip:192.0.2.10:5060;lr;cw=1.Zm9yZ2Vk>"])
    assert statuses(bench.receive(forged)) == [403]
    assert bench.plane.counters["refused_routes"] == 1


def test_an_ack_that_we_cannot_vouch_for_is_dropped() -> None:
    assert Bench().receive(wire.request("ACK", to_tag="x")) == []


# --------------------------------------------------------------------------- progress and answers


def test_ringing_is_passed_on_and_trying_is_not() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    assert bench.answer(invite, 100) == []
    assert statuses(bench.answer(invite, 180)) == [180]
    assert statuses(bench.answer(invite, 183)) == [183]


def test_an_answer_is_passed_on_with_the_callees_tag() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    ((final, hop),) = bench.answer(invite, 200, to_tag="anna")
    assert isinstance(final, Response)
    assert (final.status, final.to_tag, hop[:2]) == (200, "anna", CALLER[:2])
    assert len(final.get_all("via")) == 1
    assert (bench.record.status, bench.record.winner, bench.record.cause) == (200, "anna via t1", "")
    assert len(bench.plane) == 0


def test_a_broken_trunk_moves_the_call_on() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    sent = bench.answer(invite, 503)
    assert [message.method for message, _ in sent if isinstance(message, Request)] == ["ACK", "INVITE"]
    assert sent[-1][1] == T2
    assert statuses(sent) == []


def test_the_record_tells_the_whole_story() -> None:
    bench = Bench(stage("anna/t1,t2 | ben/t3"))
    (first,) = requests(bench.call())
    bench.now = 0.1
    (second,) = requests(bench.answer(first, 503))
    bench.now = 1.0
    bench.answer(second, 180, T2)
    bench.now = 3.0
    (third,) = requests(bench.answer(second, 486, T2))
    bench.now = 4.5
    bench.answer(third, 404, T3)
    record = bench.record
    assert (record.chain, record.status, record.winner, record.cause) == ("sales", 486, None, EXHAUSTED)
    assert (record.seconds, record.version, record.offer.did, record.offer.caller) == (4.5, "v1", "+15557000", "alice")
    assert [(a.path, a.started, a.milestone, a.cause) for a in record.attempts] == [
        ("anna via t1", 0.0, "none", "503"),
        ("anna via t2", 0.1, "alerting", "486"),
        ("ben via t3", 3.0, "none", "404"),
    ]


def test_losers_are_cancelled_with_a_reason() -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    one, other = requests(bench.call())
    bench.answer(one, 180)
    bench.answer(other, 180, T2)
    (cancel,) = requests(bench.answer(one, 200), "CANCEL")
    assert (cancel.via.branch, cancel.get("reason")) == (other.via.branch, ELSEWHERE)


def test_a_loser_that_was_never_heard_is_cancelled_at_its_first_sign() -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    one, other = requests(bench.call())
    assert not requests(bench.answer(one, 200), "CANCEL")
    (cancel,) = requests(bench.answer(other, 180, T2), "CANCEL")
    assert cancel.get("reason") == ELSEWHERE


def test_a_second_answer_is_acknowledged_and_hung_up() -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    one, other = requests(bench.call())
    bench.answer(one, 200)
    sent = bench.answer(other, 200, T2, extra=["Contact: <sip:ben@192.0.2.22:5060>"])
    assert [message.method for message, _ in sent if isinstance(message, Request)] == ["ACK", "BYE"]
    assert statuses(sent) == []
    assert bench.plane.counters["glare"] == 1


# --------------------------------------------------------------------------- the caller gives up


def test_a_caller_who_cancels_gets_487_at_once() -> None:
    bench = Bench()
    bench.call()
    sent = bench.receive(wire.request("CANCEL"))
    assert statuses(sent) == [200, 487]
    assert not requests(sent, "CANCEL"), "nothing was heard from anna's trunk yet"
    assert (bench.record.status, bench.record.cause) == (487, WITHDRAWN)


def test_the_callers_reason_is_passed_on() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    bench.answer(invite, 180)
    reason = 'SIP;cause=600;text="Busy Everywhere"'
    (cancel,) = requests(bench.receive(wire.request("CANCEL", extra=[f"Reason: {reason}"])), "CANCEL")
    assert cancel.get("reason") == reason


def test_a_cancel_of_nothing_is_of_no_transaction() -> None:
    old = Bench()
    old.plane.set_past(185.0)
    old.wait_until(185.1)
    assert statuses(old.receive(wire.request("CANCEL"))) == [481]
    assert statuses(Bench().receive(wire.request("CANCEL", "sip:+19@192.0.2.10"))) == [481], "nobody's number"


def test_a_cancel_after_the_answer_changes_nothing() -> None:
    bench = Bench()
    established(bench)
    sent = bench.receive(wire.request("CANCEL"))
    assert statuses(sent) == [200]
    assert not requests(sent, "CANCEL")


# --------------------------------------------------------------------------- within a dialog


def in_dialog(method: str, final: Response, **options: object) -> bytes:
    """A request of the caller along the route set of the 200 that it got."""
    routes = [f"Route: {value}" for value in final.get_all("record-route")]
    return wire.request(
        method, "sip:anna@192.0.2.21:5060", to_tag=final.to_tag, cseq=8, branch="z9hG4bK-2", extra=routes, **options
    )


def test_an_ack_follows_the_route_to_the_callee() -> None:
    bench = Bench()
    _, final = established(bench)
    ((ack, hop),) = bench.receive(in_dialog("ACK", final))
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.get("route"), hop) == ("ACK", "sip:anna@192.0.2.21:5060", None, T1)


def test_a_bye_goes_through_in_both_directions() -> None:
    bench = Bench()
    invite, final = established(bench)
    (bye,) = requests(bench.receive(in_dialog("BYE", final)), "BYE")
    assert statuses(bench.answer(bye, 200)) == [200]
    back = [
        "BYE sip:alice@192.0.2.1:5070 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bK-anna",
        "Max-Forwards: 70",
        f"From: {final.require('to')}",
        f"To: {final.require('from')}",
        f"Call-ID: {final.call_id}",
        "CSeq: 1 BYE",
        *(f"Route: {value}" for value in invite.get_all("record-route")),
    ]
    ((goodbye, hop),) = bench.receive(wire.encode(back), T1)
    assert isinstance(goodbye, Request)
    assert (goodbye.method, hop[:2]) == ("BYE", CALLER[:2])


def test_another_life_passes_on_the_bye_of_a_call_that_it_never_saw() -> None:
    _, final = established(Bench())
    (bye,) = requests(Bench().receive(in_dialog("BYE", final)), "BYE")
    assert bye.uri == "sip:anna@192.0.2.21:5060"


def test_a_bye_that_nobody_answers_gets_no_408() -> None:
    """RFC 4320 §4.2: its sender has given up by then, and a 408 would only start more of them."""
    bench = Bench()
    _, final = established(bench)
    bench.receive(in_dialog("BYE", final))
    sent = bench.wait_until(200.0)
    assert statuses(sent) == [100]  # RFC 4320 §4.1: at 3.5 s
    assert len(bench.plane._layer) == 0


def test_a_reinvite_is_relayed_and_can_be_cancelled() -> None:
    bench = Bench()
    _, final = established(bench)
    sent = bench.receive(in_dialog("INVITE", final))
    assert statuses(sent[1:]) == [100], "behind its copy, for whoever has heard it sends the request no more"
    (again,) = requests(sent)
    assert again.get("record-route") is None
    bench.answer(again, 180)
    cancel = wire.request("CANCEL", "sip:anna@192.0.2.21:5060", to_tag=final.to_tag, cseq=8, branch="z9hG4bK-2")
    sent = bench.receive(cancel)
    assert statuses(sent) == [200], "the final comes from the other side"
    assert [each.via.branch for each in requests(sent, "CANCEL")] == [again.via.branch]
    assert statuses(bench.answer(again, 487)) == [487]


def test_a_reinvite_that_is_refused_keeps_its_own_final() -> None:
    bench = Bench()
    _, final = established(bench)
    (again,) = requests(bench.receive(in_dialog("INVITE", final)))
    assert statuses(bench.answer(again, 503)) == [500]
    bench = Bench()
    _, final = established(bench)
    (again,) = requests(bench.receive(in_dialog("INVITE", final)))
    assert statuses(bench.answer(again, 488)) == [488]


# --------------------------------------------------------------------------- responses to nobody


def test_a_response_to_a_past_life_goes_on_by_its_vias() -> None:
    (invite,) = requests(Bench().call())
    after_a_crash = Bench()
    assert statuses(after_a_crash.answer(invite, 200)) == [200]
    assert after_a_crash.plane.counters["past_life"] == 1


def test_a_cancel_of_a_past_life_goes_where_its_invite_may_have_gone() -> None:
    """RFC 3261 §16.10: what rang is not remembered, the branch of each path is computed; 481 of the others is nothing."""
    plan = (stage("anna/t1,t2"), stage("ben/t3"))
    (invite,) = requests(Bench(*plan).call())
    after_a_crash = Bench(*plan)
    sent = after_a_crash.receive(wire.request("CANCEL", extra=["Reason: SIP;cause=600"]))
    assert statuses(sent) == []
    assert [hop for _, hop in sent] == [T1, T2, T3]
    cancels = requests(sent, "CANCEL")
    assert (cancels[0].via.branch, cancels[0].uri) == (invite.via.branch, invite.uri)
    assert cancels[0].get("reason") == "SIP;cause=600"
    assert len({cancel.via.branch for cancel in cancels}) == 3
    assert statuses(after_a_crash.answer(cancels[0], 200)) == [200]
    assert len(after_a_crash.deadlines) == 0, "nothing is remembered of it"


def test_a_cancel_of_a_past_life_that_comes_round_again_stops() -> None:
    """Two of us, each the trunk of the other, would double it at each hop."""
    bench = Bench(stage("anna/t1,t2"))
    (first, _) = requests(bench.receive(wire.request("CANCEL")), "CANCEL")
    vias = [f"Via: {value}" for value in first.get_all("via")]
    again = wire.request("CANCEL", via="SIP/2.0/UDP 192.0.2.1:5070", branch="z9hG4bK-other", extra=vias)
    assert statuses(bench.receive(again)) == [481]


def test_the_answer_to_a_cancel_of_a_past_life_is_passed_on_as_long_as_cancels_are() -> None:
    bench = Bench(stage("anna/t1"))
    bench.plane.set_past(185.0)
    bench.wait_until(150.0)
    (cancel,) = requests(bench.receive(wire.request("CANCEL")), "CANCEL")
    assert statuses(bench.answer(cancel, 200)) == [200]


def test_a_failure_of_a_past_life_is_acknowledged_and_goes_on() -> None:
    (invite,) = requests(Bench().call())
    sent = Bench().answer(invite, 487)
    assert statuses(sent) == [487]
    ((ack, hop),) = [(message, hop) for message, hop in sent if isinstance(message, Request)]
    assert (ack.method, ack.uri, ack.cseq, ack.to_tag, hop) == ("ACK", invite.uri, (7, "ACK"), "callee", T1)
    assert ack.get_all("via") == invite.get_all("via")[:1]


def test_a_reinvite_of_a_past_life_is_cancelled_and_acknowledged_along_its_route() -> None:
    bench = Bench()
    _, final = established(bench)
    (invite,) = requests(bench.receive(in_dialog("INVITE", final)))
    after_a_crash = Bench()
    ((cancel, hop),) = after_a_crash.receive(in_dialog("CANCEL", final))
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.via.branch, hop) == ("CANCEL", invite.via.branch, T1)
    assert statuses(after_a_crash.answer(invite, 487)) == [487]
    ((ack, hop),) = after_a_crash.receive(in_dialog("ACK", final))
    assert isinstance(ack, Request)
    assert (ack.method, ack.via.branch, hop) == ("ACK", invite.via.branch, T1)


def test_a_response_cannot_be_of_a_past_life_when_this_one_is_old() -> None:
    (invite,) = requests(Bench().call())
    old = Bench()
    old.plane.set_past(185.0)
    old.wait_until(185.1)
    assert old.answer(invite, 180) == []
    assert old.answer(invite, 200) == [], "it may be a copy of a winner's: no BYE"


def test_an_answer_after_timer_b_is_released() -> None:
    """Anna's trunk is deaf for more than half a minute; when her 200 comes Ben has the call, and nobody awaits hers."""
    bench = Bench(stage("anna/t1"), stage("ben/t2"))
    (anna,) = requests(bench.call())
    ben = next(each for each in requests(bench.wait_until(0.3)) if "ben" in each.uri)
    assert statuses(bench.answer(ben, 200, T2)) == [200]
    bench.wait_until(32.1)
    for _ in range(2):  # she repeats herself until she hears our ACK
        sent = bench.answer(anna, 200, extra=["Contact: <sip:anna@192.0.2.21:5060>"])
        assert [(message.method, message.uri, hop) for message, hop in sent] == [
            ("ACK", "sip:anna@192.0.2.21:5060", T1),
            ("BYE", "sip:anna@192.0.2.21:5060", T1),
        ]
    bench.wait_until(100.0)
    assert len(bench.deadlines) == 0


def test_a_late_copy_of_the_winners_answer_ends_no_call() -> None:
    """Whoever captured the 200 could hang up with it."""
    bench = Bench(stage("anna/t1"))
    (anna,) = requests(bench.call())
    assert statuses(bench.answer(anna, 200)) == [200]
    bench.receive(wire.request("ACK", to_tag="x"))
    for later in (10.0, 60.0, 100.0):
        bench.plane.set_past(0.0)
        bench.wait_until(bench.now + later)
        assert [m for m, _ in bench.answer(anna, 200) if isinstance(m, Request)] == []


def test_a_late_answer_to_a_reinvite_ends_no_call() -> None:
    bench = Bench()
    _, final = established(bench)
    (again,) = requests(bench.receive(in_dialog("INVITE", final)))
    bench.plane.unreachable(again.via.branch, bench.now)
    bench.take()
    assert bench.answer(again, 200) == []


def test_an_answer_after_timer_b_without_usable_addresses_is_dropped() -> None:
    bench = Bench(stage("anna/t1"), stage("ben/t2"))
    (anna,) = requests(bench.call())
    ben = next(each for each in requests(bench.wait_until(0.3)) if "ben" in each.uri)
    assert statuses(bench.answer(ben, 200, T2)) == [200]
    bench.wait_until(32.1)
    assert bench.answer(anna, 200, extra=["Contact: <sip: x>"]) == []


def test_a_final_of_a_branch_that_is_over_does_not_reach_the_caller() -> None:
    """The ACK to a 486 meets a closed port: the transaction ends, the 486 is repeated, the call goes on elsewhere."""
    bench = Bench(stage("anna/t1 | ben/t2"))
    (invite,) = requests(bench.call())
    bench.answer(invite, 486)
    bench.plane.unreachable(invite.via.branch, bench.now)
    assert bench.answer(invite, 486) == []
    assert len(bench.plane) == 1


def test_a_forged_response_is_left_to_the_prober() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    forged = wire.answer(invite, 200).replace(invite.via.branch.encode(), b"z9hG4bKcw-forged-1-AAAAAAAAAAAAAAAAAAAAAA")
    assert bench.receive(forged, Hop("203.0.113.66", 5060)) == []
    assert len(bench.plane.strays) == 1


# --------------------------------------------------------------------------- health


def test_the_first_response_is_a_sign_of_life_with_its_latency() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    bench.now = 0.125
    bench.answer(invite, 100)
    bench.answer(invite, 180)
    assert bench.plane.evidence.samples == [Sample("t1", True, "CALL_RESPONSE", 0.125)]


def test_silence_is_a_sample_at_the_hedge() -> None:
    bench = Bench()
    bench.call()
    bench.wait_until(0.25)
    assert bench.plane.evidence.samples == [Sample("t1", False, "CALL_SILENT")]


def test_an_unreachable_trunk_is_a_sample_and_moves_the_call() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    bench.plane.unreachable(invite.via.branch, bench.now)
    assert bench.plane.evidence.samples == [Sample("t1", False, TRANSPORT_ERROR)]
    assert [hop for message, hop in bench.take()] == [T2]


def test_a_trunk_that_left_the_dialplan_fails_its_attempt() -> None:
    bench = Bench()
    bench.plane.swap_hops({"t2": T2})
    sent = [*bench.call(), *bench.wait_until(0.0)]
    assert [hop for message, hop in sent if isinstance(message, Request)] == [T2]


def test_a_call_that_is_up_finds_its_phone_when_the_trunk_has_moved_and_another_has_its_address() -> None:
    bench = Bench()
    _, final = established(bench)
    moved = {"t1": Hop("192.0.2.99", 5060), "t2": T2, "t1-old": T1}
    plan = bench.switchboard.dialplan
    trunks = {name: replace(plan.trunks["t2"], name=name, host=hop.host) for name, hop in moved.items()}
    bench.switchboard.swap(replace(plan, trunks=trunks))
    bench.plane.swap_hops(moved)
    ((_, hop),) = [
        (message, hop) for message, hop in bench.receive(in_dialog("BYE", final)) if isinstance(message, Request)
    ]
    assert hop == T1


def test_a_lost_trunk_moves_its_calls() -> None:
    bench = Bench()
    bench.call()
    bench.plane.lose_trunk("t1", bench.now)
    assert [hop for message, hop in bench.take()] == [T2]


def test_a_call_keeps_its_plan_through_a_reload() -> None:
    bench = Bench()
    (invite,) = requests(bench.call())
    bench.switchboard.swap(dialplan(stage("ben/t3"), version="v2"))
    (second,) = requests(bench.answer(invite, 503))
    assert second.uri == "sip:anna@t2.example"
    bench.answer(second, 200, T2)
    assert bench.record.version == "v1"


# --------------------------------------------------------------------------- the same endpoint twice


def test_a_phone_that_stands_in_two_stages_gets_two_branches() -> None:
    """With one branch for both, the phone would take the second INVITE for an echo of the first."""
    bench = Bench(stage("anna/t1"), stage("ben/t2 | anna/t1"))
    (first,) = requests(bench.call())
    (second,) = requests(bench.answer(first, 486))
    (third,) = requests(bench.answer(second, 486, T2))
    assert (first.uri, third.uri) == ("sip:anna@t1.example", "sip:anna@t1.example")
    assert first.via.branch != third.via.branch
    assert statuses(bench.answer(third, 200)) == [200]


# --------------------------------------------------------------------------- two transports


OVER_TCP = Hop("192.0.2.10", 5060, "tcp")


def mixed() -> Bench:
    """A bench whose first trunk is reached over TCP."""
    bench = Bench(element=Element(wire.LOCAL, wire.BRANCH_KEY, Seal({"k1": wire.SEAL_KEY}, "k1"), {}, OVER_TCP))
    bench.plane.swap_hops({"t1": Hop(*T1[:2], "tcp"), "t2": T2, "t3": T3})
    return bench


def test_call_crosses_from_udp_to_tcp_and_both_sides_find_the_way_back() -> None:
    bench = mixed()
    sent = bench.call()
    (invite,) = requests(sent)
    assert sent[-1][1] == Hop(*T1[:2], "tcp")
    assert [via.split()[0] for via in invite.get_all("via")] == ["SIP/2.0/TCP", "SIP/2.0/UDP"]
    routes = invite.get_all("record-route")
    assert ["transport=tcp" in route for route in routes] == [True, False]
    contact = "Contact: <sip:anna@192.0.2.21:5060;transport=tcp>"
    ((final, _),) = bench.answer(invite, 200, source=Hop(*T1[:2], "tcp"), extra=[contact])
    turned = final.get_all("record-route")
    assert ["transport=tcp" in route for route in turned] == [True, False]
    assert not set(turned) & set(routes), "the caller has its own side of the dialog in both"
    caller_route, callee_route = [f"Route: {', '.join(order)}" for order in (turned[::-1], routes)]
    bye = wire.request("BYE", "sip:anna@192.0.2.21:5060;transport=tcp", to_tag="callee", cseq=8, extra=[caller_route])
    ((onward, hop),) = bench.receive(bye)
    assert (hop, onward.get("route")) == (Hop(*T1[:2], "tcp"), None)
    assert onward.via.transport == "TCP"
    hung_up = wire.request(
        "BYE", "sip:alice@192.0.2.1:5070", via="SIP/2.0/TCP 192.0.2.21", branch="z9hG4bKcallee", caller_tag=";tag=callee",
        to_tag="caller", extra=[callee_route],
    )  # fmt: skip
    ((onward, hop),) = bench.receive(hung_up, Hop("192.0.2.21", 40000, "tcp"))
    assert (hop, onward.get("route"), onward.via.transport) == (CALLER, None, "UDP")
    ((last, hop),) = bench.answer(onward, 200, source=CALLER)
    assert (last.status, hop) == (200, Hop("192.0.2.21", 40000, "tcp")), "on the connection of its request"
    assert (invite.get("content-length"), last.get("content-length")) == ("0", "0"), "a stream needs what UDP can spare"


def test_nothing_is_retransmitted_over_tcp() -> None:
    bench = mixed()
    bench.call()
    again = [hop for message, hop in bench.wait_until(1.9) if isinstance(message, Request) and hop[:2] == T1[:2]]
    assert again == []


def test_silent_attempt_fails_with_its_connection_and_a_ringing_one_gets_a_stand_in() -> None:
    bench = mixed()
    bench.call()
    bench.plane.disconnected(Hop(*T1[:2], "tcp"), bench.now)
    assert [hop for _, hop in bench.take()] == [T2]

    bench = mixed()
    (invite,) = requests(bench.call())
    bench.answer(invite, 180, source=Hop(*T1[:2], "tcp"))
    bench.plane.disconnected(Hop(*T1[:2], "tcp"), bench.now)
    (stand_in,) = requests(bench.take())
    assert stand_in.via.transport == "UDP"
    assert 200 in statuses(bench.answer(invite, 200, source=Hop("192.0.2.21", 40001, "tcp"))), (
        "it may still be answered"
    )


def test_a_dialog_leads_to_no_other_trunk_by_another_transport_either() -> None:
    bench = mixed()
    (invite,) = requests(bench.call())
    ((ringing, _),) = bench.answer(invite, 180, to_tag="callee", source=Hop(*T1[:2], "tcp"))
    route = [f"Route: {', '.join(ringing.get_all('record-route')[::-1])}"]
    for host, kind, allowed in ((T2.host, ";transport=tcp", False), (T2.host, "", False), (T1.host, "", True)):
        uri = f"sip:+1900@{host}{kind}"
        data = wire.request("INFO", uri=uri, to_tag="callee", cseq=9, branch=f"z9hG4bK{host}{len(kind)}", extra=route)
        assert (bench.receive(data)[0][0].start_line == "SIP/2.0 403 Forbidden") is not allowed, uri


# --------------------------------------------------------------------------- large requests


def spacious() -> Bench:
    """A bench whose first trunk takes large requests over TCP."""
    bench = mixed()
    bench.plane.swap_hops({"t1": T1, "t2": T2, "t3": T3})
    plan = bench.switchboard.dialplan
    trunks = {name: replace(trunk, large_over_tcp=name == "t1") for name, trunk in plan.trunks.items()}
    bench.switchboard.swap(replace(plan, trunks=trunks))
    return bench


BIG = ["X-Big: " + "x" * 1300]


def test_large_request_goes_over_tcp_and_a_small_one_over_udp() -> None:
    for extra, hop, transport in ((BIG, Hop(*T1[:2], "tcp"), "TCP"), ([], T1, "UDP")):
        sent = spacious().call(extra=extra)
        (invite,) = requests(sent)
        assert (sent[-1][1], invite.via.transport) == (hop, transport)


def test_large_request_goes_over_udp_after_all_when_tcp_fails() -> None:
    bench = spacious()
    (first,) = requests(bench.call(extra=BIG))
    bench.plane.unreachable(first.via.branch, bench.now)
    ((again, hop),) = bench.take()
    assert isinstance(again, Request)
    assert (hop, again.via.transport, again.via.branch) == (T1, "UDP", first.via.branch)
    assert bench.plane.evidence.samples == [], "the trunk is not to blame"
    assert 200 in statuses(bench.answer(again, 200))
    assert [attempt.path for attempt in bench.record.attempts] == ["anna via t1"]


def test_large_request_that_fails_by_both_moves_on() -> None:
    bench = spacious()
    (first,) = requests(bench.call(extra=BIG))
    for _ in range(2):
        bench.plane.unreachable(first.via.branch, bench.now)
    assert [hop for _, hop in bench.take()] == [T1, T2]


# --------------------------------------------------------------------------- nobody is led astray


def test_a_dialog_leads_to_no_trunk_that_it_was_not_meant_for() -> None:
    bench = Bench(stage("anna/t1"))
    (invite,) = requests(bench.call())
    ((ringing, _),) = bench.answer(invite, 180, to_tag="callee")
    route = [f"Route: {ringing.get('record-route')}"]
    for uri, allowed in ((f"sip:+1900@{T2.host}", False), (f"sip:+1900@{T1.host}", True), ("sip:x@203.0.113.5", True)):
        data = wire.request("INFO", uri=uri, to_tag="callee", cseq=9, branch=f"z9hG4bK{uri[-5:]}", extra=route)
        sent = bench.receive(data)
        assert (sent[0][0].start_line == "SIP/2.0 403 Forbidden") is not allowed, uri


def test_a_name_that_was_not_looked_up_leads_to_where_the_dialog_began() -> None:
    bench = Bench(stage("anna/t1"))
    (invite,) = requests(bench.call())
    ((answer, _),) = bench.answer(invite, 200, to_tag="callee")
    route = [f"Route: {answer.get('record-route')}"]
    ack = wire.request("ACK", uri="sip:anna@phone.example", to_tag="callee", extra=route)
    ((_, hop),) = bench.receive(ack)
    assert hop == T1


def test_a_loser_cannot_make_us_hang_up_somebody_elses_call() -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    first, second = requests(bench.call())
    bench.answer(first, 200, to_tag="anna")
    forged = wire.answer(second, 200, to_tag="ben").replace(second.call_id.encode(), b"somebody-elses")
    assert bench.receive(forged, T2) == []


def test_one_loser_is_released_a_few_times_and_no_more() -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    first, second = requests(bench.call())
    bench.answer(first, 200, to_tag="anna")
    sent = [
        len(bench.answer(second, 200, T2, to_tag=f"ben-{number}", extra=["Contact: <sip:ben@192.0.2.22>"]))
        for number in range(50)
    ]
    assert sum(sent) == 2 * MAX_RELEASED


def test_a_fault_in_one_call_is_told_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(bench.switchboard, "begin", fail)
        bench.call()
    (fault,) = bench.plane.faults
    assert "RuntimeError: a bug" in fault.what
    assert bench.call(call_id="another", branch="z9hG4bK-another")


def test_a_fault_in_the_middle_of_a_call_ends_it_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(stage("anna/t1 | ben/t2,t3", mode=Mode.PARALLEL))
    ringing, busy = requests(bench.call())
    bench.answer(ringing, 180)

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(bench.plane._calls._branches, "make_invite", fail)
        sent = bench.answer(busy, 503, T2)
    assert statuses(sent) == [500]
    assert [request.via.branch for request in requests(sent, "CANCEL")] == [ringing.via.branch]
    assert len(bench.plane) == 0
    assert bench.switchboard.usage.held == {}
    (fault,) = bench.plane.faults
    assert "RuntimeError: a bug" in fault.what


# --------------------------------------------------------------------------- before the end


def test_once_new_calls_are_refused_neighbours_hear_it_and_calls_being_set_up_go_on() -> None:
    bench = Bench()
    (first,) = requests(bench.call())
    bench.plane.refuse_new(30)
    ((refusal, _),) = bench.call(branch="z9hG4bK-new", call_id="new@caller")
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.get("retry-after")) == (503, "30")
    ((refusal, _),) = bench.receive(wire.request("OPTIONS"))
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.get("retry-after")) == (503, "30")
    (second,) = requests(bench.answer(first, 503))
    assert len(bench.plane) == 1
    assert statuses(bench.answer(second, 200, T2)) == [200]
    assert len(bench.plane) == 0


def test_while_new_calls_are_refused_those_that_are_up_and_those_who_give_up_are_served() -> None:
    bench = Bench()
    _, final = established(bench)
    requests(bench.call(branch="z9hG4bK-new", call_id="new@caller"))
    bench.plane.refuse_new(30)
    routes = [f"Route: {value}" for value in final.get_all("record-route")]
    sent = bench.receive(wire.request("BYE", "sip:anna@192.0.2.21:5060", to_tag=final.to_tag, extra=routes))
    assert requests(sent, "BYE")
    assert 487 in statuses(bench.receive(wire.request("CANCEL", branch="z9hG4bK-new", call_id="new@caller")))
    assert len(bench.plane) == 0

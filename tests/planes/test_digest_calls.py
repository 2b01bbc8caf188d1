"""Calls over trunks that ask for credentials, datagram by datagram: the tries of an INVITE, and what others see of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.types import Mode
from sip import builder, digest
from sip.digest import Algorithm
from sip.element import Element
from sip.headers import parse_via
from sip.message import Request, Response
from sip.seal import Seal
from sip.transaction import Hop
from tests.planes.bench import T1, T2, Bench, requests, statuses
from tests.playbook import stage
from tests.sip import wire
from tests.sip.wire import CALLER


def challenge(nonce: str = "n1", *, realm: str = "carrier", stale: bool = False, proxy: bool = True) -> str:
    return digest.make_challenge(realm, nonce, Algorithm.SHA256, stale=stale, proxy=proxy)


def ask(bench: Bench, request: Request, *lines: str, source: Hop = T1) -> list[tuple[Request | Response, Hop]]:
    """A trunk wants credentials; what is sent because of it, the ACK left out."""
    sent = bench.answer(request, 407, source, extra=lines or [challenge()])
    return [(message, hop) for message, hop in sent if not (isinstance(message, Request) and message.method == "ACK")]


def check(request: Request, nonce: str = "n1") -> None:
    """A request has credentials for this nonce, and they are right."""
    found = [each for each in digest.parse_credentials(request, proxy=True) if each.nonce == nonce]
    assert len(found) == 1
    ha1 = digest.hash_a1(Algorithm.SHA256, "callward", "carrier", "hunter2")
    assert digest.verify(found[0], ha1, request.method, request.body)


def test_a_challenged_call_goes_on_as_the_same_attempt() -> None:
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call())
    assert (first.cseq, first.get("proxy-authorization")) == ((56, "INVITE"), None)
    ((second, hop),) = ask(bench, first)
    assert isinstance(second, Request)
    check(second)
    assert (hop, second.cseq) == (T1, (57, "INVITE"))
    assert second.via.branch != first.via.branch
    same = [name for name in first.names if name not in ("via", "cseq")]
    assert [second.get(name) for name in same] == [first.get(name) for name in same]
    assert statuses(bench.answer(second, 180)) == [180]
    ((final, _),) = bench.answer(second, 200, extra=["Contact: <sip:anna@192.0.2.21:5060>"])
    assert (final.status, final.cseq) == (200, (7, "INVITE"))
    assert [(attempt.path, attempt.milestone) for attempt in bench.record.attempts] == [("anna via t1", "answered")]


def test_a_challenge_is_a_sign_of_life_and_costs_no_hedge() -> None:
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call())
    bench.wait_until(0.2)
    ask(bench, first)
    assert [sample.alive for sample in bench.plane.evidence.samples] == [True]
    hedges = [hop for message, hop in bench.wait_until(1.9) if isinstance(message, Request) and hop != T1]
    assert hedges == []


def test_the_next_call_needs_no_second_round_trip() -> None:
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call())
    ask(bench, first)
    (other,) = requests(bench.call(branch="z9hG4bK-caller-2", call_id="call-2@192.0.2.1"))
    check(other)
    assert digest.parse_credentials(other, proxy=True)[0].count == 2


def test_refused_credentials_lead_to_the_next_path_and_are_said() -> None:
    bench = Bench(asking=["t1"])
    for number in (1, 2):
        assert bench.accounts.refused == []
        (invite,) = requests(bench.call(branch=f"z9hG4bK-caller-{number}", call_id=f"call-{number}"))
        for nonce in ("n1", "n2"):
            ((again, _),) = ask(bench, invite, challenge(f"{nonce}-{number}"))
            assert isinstance(again, Request)
            invite = again
        sent = ask(bench, invite, challenge("n3"))
        assert [hop for _, hop in sent] == [T2]
        bench.answer(requests(sent)[0], 486, T2)
    assert bench.accounts.refused == [("t1", "credentials refused in the realm 'carrier'")]
    for record in bench.plane.records:
        assert [attempt.cause for attempt in record.attempts] == ["407", "486"]
        assert record.status == 486


def test_a_challenge_that_nobody_answers_is_not_for_the_caller() -> None:
    bench = Bench(stage("anna/t1"), asking=["t1"])
    (invite,) = requests(bench.call())
    sent = ask(bench, invite, 'Proxy-Authenticate: Basic realm="carrier"')
    assert statuses(sent) == [480]


def test_whoever_is_called_gets_no_credentials() -> None:
    """He may say 407 as well, and the trunk passes it on."""
    bench = Bench(stage("anna/t1"), asking=["t1"])
    (first,) = requests(bench.call())
    ((second, _),) = ask(bench, first)
    assert isinstance(second, Request)
    assert statuses(ask(bench, second, challenge("n2", realm="evil"))) == [480]


def test_whoever_is_at_another_address_gets_no_credentials() -> None:
    """Where a Contact leads there may be anybody."""
    bench = Bench(stage("anna/t1"), asking=["t1"])
    (first,) = requests(bench.call())
    ((second, _),) = ask(bench, first)
    assert isinstance(second, Request)
    elsewhere = Hop("203.0.113.66", 5060)
    ((final, _),) = bench.answer(second, 200, extra=[f"Contact: <sip:anna@{elsewhere.host}>"])
    route = f"Route: {final.get('record-route')}"
    uri = f"sip:anna@{elsewhere.host}"
    ((bye, hop),) = bench.receive(wire.request("BYE", uri, to_tag="callee", branch="z9hG4bK-2", cseq=8, extra=[route]))
    assert isinstance(bye, Request)
    assert (hop, bye.cseq, bye.get("proxy-authorization")) == (elsewhere, (64, "BYE"), None)
    assert statuses(ask(bench, bye, challenge("n2"), source=elsewhere)) == [403]


def test_a_caller_who_gives_up_meanwhile_gets_no_second_try() -> None:
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call())
    assert statuses(bench.receive(wire.request("CANCEL"))) == [200, 487]
    assert ask(bench, first) == []


def test_a_caller_who_gives_up_later_cancels_the_try_that_rings() -> None:
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call())
    ((second, _),) = ask(bench, first)
    assert isinstance(second, Request)
    bench.answer(second, 180)
    (cancel,) = requests(bench.receive(wire.request("CANCEL")), "CANCEL")
    assert (cancel.via.branch, cancel.cseq) == (second.via.branch, (57, "CANCEL"))


def test_an_ack_has_the_credentials_of_its_invite() -> None:
    """RFC 3261 §22.1; in another life nobody knows them any more."""
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call())
    ((second, _),) = ask(bench, first)
    assert isinstance(second, Request)
    ((final, _),) = bench.answer(second, 200, extra=["Contact: <sip:anna@192.0.2.21:5060>"])
    route, uri = f"Route: {final.get('record-route')}", "sip:anna@192.0.2.21:5060"
    for life, expected in ((bench, second.get("proxy-authorization")), (Bench(asking=["t1"]), None)):
        ((ack, _),) = life.receive(wire.request("ACK", uri, to_tag="callee", branch="z9hG4bK-ack", extra=[route]))
        assert (ack.cseq, ack.get("proxy-authorization")) == ((57, "ACK"), expected)


def test_credentials_of_the_caller_pass_beside_ours() -> None:
    theirs = 'Proxy-Authorization: Digest username="a", realm="elsewhere", nonce="x", uri="sip:x", response="0"'
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call(extra=[theirs]))
    ((second, _),) = ask(bench, first)
    assert isinstance(second, Request)
    assert theirs in first.lines
    assert theirs in second.lines
    check(second)


def test_a_second_answer_is_hung_up_in_order_and_with_credentials() -> None:
    bench = Bench(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL), asking=["t2"])
    one, other = requests(bench.call())
    ((tried, _),) = ask(bench, other, source=T2)
    assert isinstance(tried, Request)
    bench.answer(one, 200)
    (ack, _), (bye, _) = bench.answer(tried, 200, T2, extra=["Contact: <sip:ben@192.0.2.22:5060>"])
    assert (ack.cseq, bye.cseq) == ((57, "ACK"), (57 + builder.GLARE_CSEQ_STEP, "BYE"))
    ((again, hop),) = bench.answer(bye, 407, T2, extra=[challenge("n2")])
    assert (hop, again.cseq[0]) == (T2, bye.cseq[0] + 1)
    assert again.via.branch != bye.via.branch
    check(again, "n2")
    assert bench.answer(again, 200, T2) == []


def test_an_answer_past_timer_b_is_hung_up_with_credentials() -> None:
    bench = Bench(stage("anna/t1"), asking=["t1"])
    (first,) = requests(bench.call())
    ((second, _),) = ask(bench, first)
    assert isinstance(second, Request)
    bench.wait_until(33.0)
    (ack, _), (bye, _) = bench.answer(second, 200, extra=["Contact: <sip:anna@192.0.2.21:5060>"])
    assert (ack.cseq, bye.cseq) == ((57, "ACK"), (57 + builder.GLARE_CSEQ_STEP, "BYE"))
    ((ack, _),) = bench.answer(second, 200, extra=["Contact: <sip:anna@192.0.2.21:5060>"])
    assert ack.method == "ACK"
    ((again, _),) = bench.answer(bye, 407, extra=[challenge("n2")])
    check(again, "n2")


def test_a_large_call_that_is_challenged_stays_on_its_connection() -> None:
    over_tcp = Hop(wire.LOCAL.host, wire.LOCAL.port, "tcp")
    bench = Bench(
        element=Element(wire.LOCAL, wire.BRANCH_KEY, Seal({"k1": wire.SEAL_KEY}, "k1"), {}, over_tcp), asking=["t1"]
    )
    plan = bench.switchboard.dialplan
    trunks = {name: replace(trunk, large_over_tcp=name == "t1") for name, trunk in plan.trunks.items()}
    bench.switchboard.swap(replace(plan, trunks=trunks))
    (first,) = requests(bench.call(extra=["X-Big: " + "x" * 1300]))
    t1 = Hop(*T1[:2], "tcp")
    ((second, hop),) = ask(bench, first, source=t1)
    assert isinstance(second, Request)
    assert (hop, second.via.transport, second.cseq[0]) == (t1, "TCP", 57)
    bench.plane.unreachable(second.via.branch, bench.now)
    assert [hop for _, hop in bench.take()] == [T2], "it would be the first try again, which is over"


# --------------------------------------------------------------------------- after a restart


def rings(nonce: str = "n1") -> Request:
    """The INVITE of a call that rings in a life that is over."""
    bench = Bench(asking=["t1"])
    (first,) = requests(bench.call())
    ((second, _),) = ask(bench, first, challenge(nonce))
    assert isinstance(second, Request)
    return second


def test_an_answer_from_a_past_life_finds_its_caller_and_the_ack_its_number() -> None:
    invite = rings()
    bench = Bench(asking=["t1"])
    contact = "Contact: <sip:anna@192.0.2.21:5060>"
    ((final, hop),) = bench.answer(invite, 200, extra=[contact])
    assert (hop, final.status, final.cseq) == (CALLER, 200, (7, "INVITE"))
    route = f"Route: {final.get('record-route')}"
    uri = "sip:anna@192.0.2.21:5060"
    ((ack, _),) = bench.receive(wire.request("ACK", uri, to_tag="callee", branch="z9hG4bK-ack", extra=[route]))
    assert ack.cseq == (57, "ACK")
    ((bye, _),) = bench.receive(wire.request("BYE", uri, to_tag="callee", branch="z9hG4bK-bye", cseq=8, extra=[route]))
    assert bye.cseq == (64, "BYE")


def test_a_caller_who_gives_up_after_a_restart_reaches_the_try_that_rings() -> None:
    invite = rings()
    bench = Bench(asking=["t1"])
    sent = requests(bench.receive(wire.request("CANCEL")), "CANCEL")
    mine = [cancel for cancel in sent if cancel.via.branch == invite.via.branch]
    assert [cancel.cseq for cancel in mine] == [(57, "CANCEL")]
    ((ok, _),) = bench.answer(mine[0], 200)
    assert (ok.status, ok.cseq) == (200, (7, "CANCEL"))


def test_a_failure_from_a_past_life_is_acknowledged_by_its_number() -> None:
    invite = rings()
    bench = Bench(stage("anna/t1"), asking=["t1"])
    sent = bench.answer(invite, 486)
    (ack,) = requests(sent, "ACK")
    assert (ack.cseq, ack.via.branch) == ((57, "ACK"), invite.via.branch)
    ((failure, _),) = [(message, hop) for message, hop in sent if hop == CALLER]
    assert failure.cseq == (7, "INVITE")


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_from_a_past_life_is_no_challenge_for_the_caller(status: int) -> None:
    invite = rings()
    bench = Bench(asking=["t1"])
    sent = bench.answer(invite, status, extra=[challenge("n2", proxy=status == 407)])
    ((failure, _),) = [(message, hop) for message, hop in sent if hop == CALLER]
    assert isinstance(failure, Response)
    assert (failure.status, failure.cseq) == (500, (7, "INVITE"))
    assert not {"www-authenticate", "proxy-authenticate"} & {*failure.names}


def test_a_forged_mark_in_a_branch_is_not_ours() -> None:
    invite = rings()
    forged = invite.copy()
    branch = invite.via.branch.replace(".7.1-", ".9.1-")
    assert branch != invite.via.branch
    forged.replace_first_value("via", invite.get_all("via")[0].replace(invite.via.branch, branch))
    assert parse_via(forged.get_all("via")[0]).branch == branch
    bench = Bench(asking=["t1"])
    assert bench.answer(forged, 200) == []
    assert len(bench.plane.strays) == 1

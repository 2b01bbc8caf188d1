"""The response context on a real layer: sentence by sentence, then under Hypothesis against an independent model."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from sip import builder
from sip.fork import (
    MAX_RELEASED,
    Branch,
    BranchFailed,
    BranchProgressed,
    ForkEvent,
    ResponseContext,
)
from sip.layer import TransactionLayer
from sip.message import Request, Response
from sip.parser import parse_message
from sip.route import SealedRoute
from sip.timing import Deadlines
from sip.transaction import Event, Hop, RequestReceived, State, StrayResponse
from tests.sip.wire import CALLER, answer, make_element, request

ELSEWHERE = builder.COMPLETED_ELSEWHERE


def callee(number: int) -> Hop:
    return Hop(f"192.0.2.{100 + number}", 5060)


@dataclass
class Sent:
    """One datagram that went out."""

    when: float
    hop: Hop
    data: bytes
    message: Request | Response


@dataclass
class Scene:
    """A caller, a response context, and as many callees as branches are added. It does what a driver must do."""

    method: str = "INVITE"
    relay: bool = False
    now: float = 0.0
    events: list[ForkEvent] = field(default_factory=list)
    strays: list[Response] = field(default_factory=list)
    log: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deadlines = Deadlines()
        self.layer = TransactionLayer(self.deadlines)
        self.element = make_element()
        to_tag = "there" if self.relay else ""
        self.wire = request(self.method, to_tag=to_tag, extra=["Contact: <sip:alice@192.0.2.1:5070>"])
        self.layer.receive(self.wire, CALLER, self.now)
        (event,) = self.layer.events
        self.layer.events = []
        assert isinstance(event, RequestReceived)
        assert event.transaction is not None
        self.invite = event.request
        kind = {"relay": True} if self.relay else {}
        self.context = ResponseContext(self.layer, event.transaction, self.element, **kind)
        event.transaction.user = self.context
        self.branches: dict[int, Request] = {}  # as the callees got them

    # -- what happens

    def add(self, number: int) -> Request:
        passport = SealedRoute(self.invite.from_tag, self.context.upstream.hop, "trunk")
        route = self.element.record_route(self.invite.call_id, passport)
        via = self.element.via_for(self.invite, self.element.path_tag_of(f"path {number}"))
        forwarded = builder.forward_request(self.invite, f"sip:{number}@{callee(number).host}", via, record_route=route)
        self.context.add_branch(number, forwarded, callee(number), self.now)
        (sent,) = self.settle()
        assert isinstance(sent.message, Request)
        assert sent.hop == callee(number)
        self.branches[number] = sent.message
        return sent.message

    def comes(self, number: int, status: int, tag: str = "", *extra: str) -> list[Sent]:
        """A response of callee ``number`` comes in."""
        contact = f"Contact: <sip:{tag or 'callee'}@{callee(number).host}>"
        data = answer(self.branches[number], status, tag or f"callee-{number}", extra=[contact, *extra])
        self.layer.receive(data, callee(number), self.now)
        return self.settle()

    def caller_sends(self, data: bytes) -> list[Sent]:
        self.layer.receive(data, CALLER, self.now)
        return self.settle()

    def advance(self, seconds: float) -> list[Sent]:
        until, sent = self.now + seconds, []
        while (due := self.deadlines.next_deadline()) <= until:
            self.now = due
            self.deadlines.fire_due(due)
            sent += self.settle()
        self.now = until
        return sent

    def fail(self, number: int) -> list[Sent]:
        self.layer.transport_failed(self.branches[number].via.branch, self.now)
        return self.settle()

    def cancel(self, number: int, reason: str | None = None) -> list[Sent]:
        self.context.cancel_branch(number, reason, self.now)
        return self.settle()

    def respond_with(self, number: int) -> bool:
        done = self.context.respond_with(number, self.now)
        self.settle()
        return done

    def respond_best(self) -> bool:
        done = self.context.respond_best(self.now)
        self.settle()
        return done

    def respond(self, status: int) -> bool:
        done = self.context.respond(status, self.now)
        self.settle()
        return done

    def settle(self) -> list[Sent]:
        """Pass the events on until there are none, and take what is to be sent."""
        while self.layer.events:
            events, self.layer.events = self.layer.events, []
            for event in events:
                self._on_event(event)
        sent = [Sent(self.now, hop, data, parse_message(data)) for data, hop in self.layer.outbox]
        self.layer.outbox.clear()
        self.log += sent
        return sent

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StrayResponse):
            self.strays.append(event.response)
        elif isinstance(event, RequestReceived):
            pass  # an ACK to the 2xx: not the business of the fork
        elif isinstance(event.user, Branch):
            self.events += event.user.context.handle(event.user, event, self.now)

    # -- what came of it

    def upstream(self) -> list[Response]:
        """What the caller got, repetitions included."""
        return [s.message for s in self.log if s.hop == CALLER and isinstance(s.message, Response)]

    def finals(self) -> list[Response]:
        return [response for response in self.upstream() if response.status >= 200]

    def got(self, number: int, method: str) -> list[Request]:
        """The requests of this method that callee ``number`` got."""
        hop = callee(number)
        return [
            s.message
            for s in self.log
            if s.hop == hop and isinstance(s.message, Request) and s.message.method == method
        ]

    def told(self) -> list[tuple[str, int]]:
        """The fork events so far, in words."""
        return [(type(event).__name__, event.branch) for event in self.events]

    def is_empty(self) -> bool:
        return not self.layer and not self.deadlines and not self.context.branches


@pytest.fixture
def scene() -> Scene:
    return Scene()


def methods(sent: list[Sent]) -> list[str]:
    """What went out, in words: "INVITE 1", "180 caller"."""
    words = []
    for one in sent:
        what = one.message.method if isinstance(one.message, Request) else str(one.message.status)
        words.append(f"{what} {'caller' if one.hop == CALLER else int(one.hop.host.rpartition('.')[2]) - 100}")
    return words


# --------------------------------------------------------------------------- progress


def test_provisionals_go_upstream_but_100_does_not(scene: Scene) -> None:
    scene.add(1)
    assert methods(scene.comes(1, 100)) == []
    assert methods(scene.comes(1, 180)) == ["180 caller"]
    assert methods(scene.comes(1, 183)) == ["183 caller"]
    assert [type(event) for event in scene.events] == [BranchProgressed] * 3
    assert scene.upstream()[0].get_all("via") == scene.invite.get_all("via")


def test_provisionals_of_all_branches_go_upstream(scene: Scene) -> None:
    scene.add(1)
    scene.add(2)
    assert methods(scene.comes(2, 180)) == ["180 caller"]
    assert methods(scene.comes(1, 180)) == ["180 caller"]
    assert [response.to_tag for response in scene.upstream()] == ["callee-2", "callee-1"]


def test_nothing_goes_upstream_from_a_cancelled_branch(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 180)
    scene.cancel(1)
    assert methods(scene.comes(1, 183)) == []
    assert methods(scene.comes(1, 487)) == ["ACK 1"]


def test_nothing_provisional_goes_upstream_after_the_final(scene: Scene) -> None:
    scene.add(1)
    scene.add(2)
    scene.comes(1, 200)
    scene.respond_with(1)
    assert methods(scene.comes(2, 180)) == []


def test_a_branch_that_is_tried_again_has_not_failed_yet(scene: Scene) -> None:
    """TCP is refused, UDP after it is silent: the caller hears of the silence, and not of a fault (503, and so 500)."""
    scene.add(1)
    scene.fail(1)
    scene.add(1)
    scene.cancel(1)
    assert scene.respond_best()
    assert [final.status for final in scene.finals()] == [408]


# --------------------------------------------------------------------------- the winner


def test_the_first_answer_wins_when_the_driver_says_so(scene: Scene) -> None:
    scene.add(1)
    assert methods(scene.comes(1, 200)) == []
    assert scene.told() == [("BranchAnswered", 1)]
    assert scene.respond_with(1)
    (final,) = scene.finals()
    assert (final.status, final.to_tag) == (200, "callee-1")
    assert final.get_all("via") == scene.invite.get_all("via")
    assert (scene.context.final, scene.context.winner) == (200, 1)
    assert not scene.respond_with(1)
    assert not scene.respond_best()
    assert not scene.respond(500)


def test_the_winners_retransmitted_200_goes_upstream_each_time(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 200)
    scene.respond_with(1)
    for _ in range(3):
        assert methods(scene.comes(1, 200)) == ["200 caller"]
    assert len(scene.told()) == 1


def test_an_answer_that_comes_again_before_it_is_chosen_is_told_once(scene: Scene) -> None:
    scene.add(1)
    for _ in range(3):
        assert methods(scene.comes(1, 200)) == []
    assert scene.told() == [("BranchAnswered", 1)]


def test_who_has_not_answered_cannot_win(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 180)
    assert not scene.respond_with(1)
    assert not scene.respond_with(9)
    assert scene.finals() == []


def test_an_answer_to_a_cancelled_branch_still_wins_while_nothing_is_decided(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 180)
    scene.cancel(1)
    scene.comes(1, 200)
    assert scene.told()[-1] == ("BranchAnswered", 1)
    assert scene.respond_with(1)
    assert [response.status for response in scene.finals()] == [200]


# --------------------------------------------------------------------------- CANCEL


def test_a_cancel_goes_out_at_once_when_the_branch_has_spoken(scene: Scene) -> None:
    invite = scene.add(1)
    scene.comes(1, 100)
    assert methods(scene.cancel(1, ELSEWHERE)) == ["CANCEL 1"]
    (cancel,) = scene.got(1, "CANCEL")
    assert cancel.get("reason") == ELSEWHERE
    assert (cancel.uri, cancel.via.branch) == (invite.uri, invite.via.branch)


def test_a_cancel_waits_for_the_first_provisional(scene: Scene) -> None:
    scene.add(1)
    assert methods(scene.cancel(1, ELSEWHERE)) == []
    assert methods(scene.advance(1.5)) == ["INVITE 1", "INVITE 1"]  # the INVITE itself goes on
    assert methods(scene.comes(1, 180)) == ["CANCEL 1"]
    assert scene.got(1, "CANCEL")[0].get("reason") == ELSEWHERE
    assert methods(scene.comes(1, 183)) == []


def test_a_branch_is_cancelled_once(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 180)
    scene.cancel(1)
    assert methods(scene.cancel(1, ELSEWHERE)) == []


def test_what_is_over_is_not_cancelled(scene: Scene) -> None:
    for number, status in ((1, 486), (2, 200)):
        scene.add(number)
        scene.comes(number, status)
        assert methods(scene.cancel(number)) == []
    assert methods(scene.cancel(9)) == []


def test_a_branch_that_has_failed_is_no_silence_when_it_is_cancelled(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 302)
    scene.cancel(1)
    scene.respond_best()
    assert [response.status for response in scene.finals()] == [480]


def test_a_silent_branch_with_a_pending_cancel_ends_by_timer_b(scene: Scene) -> None:
    scene.add(1)
    scene.cancel(1)
    scene.advance(32.0)
    assert scene.told() == [("BranchFailed", 1)]
    assert scene.got(1, "CANCEL") == []


def test_who_answers_the_cancel_but_never_the_invite_is_forgotten_after_64_t1(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 180)
    scene.cancel(1)
    scene.advance(31.9)
    assert scene.told() == [("BranchProgressed", 1)]
    scene.advance(0.2)
    assert scene.told()[1:] == [("BranchFailed", 1)]
    assert scene.context.branches == {}


# --------------------------------------------------------------------------- losers: glare


def loser(scene: Scene) -> Scene:
    """Branch 1 has won, branch 2 is cancelled and rings on."""
    for number in (1, 2):
        scene.add(number)
        scene.comes(number, 180)
    scene.comes(1, 200)
    scene.respond_with(1)
    scene.cancel(2, ELSEWHERE)
    return scene


def test_a_loser_that_answers_gets_ack_and_bye(scene: Scene) -> None:
    loser(scene)
    assert methods(scene.comes(2, 200)) == ["ACK 2", "BYE 2"]
    assert scene.told()[-1] == ("BranchReleased", 2)
    (ack,), (bye,) = scene.got(2, "ACK"), scene.got(2, "BYE")
    for message in (ack, bye):
        assert message.uri == f"sip:callee@{callee(2).host}"
        assert (message.to_tag, message.from_tag) == ("callee-2", "caller")
        assert message.get_all("route") == []
    assert ack.cseq[0] == scene.invite.cseq[0] < bye.cseq[0]
    branches = {message.via.branch for message in (ack, bye, scene.branches[2])}
    assert len(branches) == 3


def test_a_loser_is_acked_each_time_and_hung_up_once(scene: Scene) -> None:
    loser(scene)
    scene.comes(2, 200)
    for _ in range(3):
        assert methods(scene.comes(2, 200)) == ["ACK 2"]
    assert len({ack.encode() for ack in scene.got(2, "ACK")}) == 1
    assert [response.to_tag for response in scene.finals()] == ["callee-1"]


def test_the_bye_to_a_loser_follows_the_routes_beyond_us(scene: Scene) -> None:
    loser(scene)
    beyond = "Record-Route: <sip:192.0.2.250;lr>, <sip:192.0.2.251;lr>"
    contact = f"Contact: <sip:x@{callee(2).host}>"
    ours = scene.branches[2].get("record-route")
    data = answer(scene.branches[2], 200, "t", extra=[contact]).replace(
        f"Record-Route: {ours}".encode(), f"{beyond}\r\nRecord-Route: {ours}".encode()
    )
    scene.layer.receive(data, callee(2), scene.now)
    ack, bye = (sent for sent in scene.settle())
    for sent in (ack, bye):
        assert sent.hop == Hop("192.0.2.251", 5060)
        assert sent.message.get_all("route") == ["<sip:192.0.2.251;lr>", "<sip:192.0.2.250;lr>"]


def test_a_bye_that_is_lost_is_sent_again(scene: Scene) -> None:
    loser(scene)
    scene.comes(2, 200)
    scene.log.clear()
    scene.advance(1.5)
    assert len(scene.got(2, "BYE")) == 2


def test_two_phones_behind_one_losing_branch_are_both_released(scene: Scene) -> None:
    loser(scene)
    assert methods(scene.comes(2, 200, "desk")) == ["ACK 2", "BYE 2"]
    assert methods(scene.comes(2, 200, "mobile")) == ["ACK 2", "BYE 2"]
    assert methods(scene.comes(2, 200, "desk")) == ["ACK 2"]
    byes = scene.got(2, "BYE")
    assert {bye.to_tag for bye in byes} == {"desk", "mobile"}
    assert len({bye.via.branch for bye in byes}) == 2, "two transactions"
    assert len({ack.via.branch for ack in scene.got(2, "ACK")}) == 2


def test_a_second_phone_behind_the_winning_branch_is_released(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 200, "desk")
    scene.respond_with(1)
    assert methods(scene.comes(1, 200, "mobile")) == ["ACK 1", "BYE 1"]
    assert methods(scene.comes(1, 200, "desk")) == ["200 caller"]
    assert {response.to_tag for response in scene.finals()} == {"desk"}
    assert [bye.to_tag for bye in scene.got(1, "BYE")] == ["mobile"]


def test_a_branch_releases_only_so_many_phones(scene: Scene) -> None:
    """A forger of 2xx must not make us send as many BYEs as it likes."""
    loser(scene)
    for number in range(MAX_RELEASED):
        assert methods(scene.comes(2, 200, f"phone-{number}")) == ["ACK 2", "BYE 2"]
    assert methods(scene.comes(2, 200, "one-too-many")) == []
    assert methods(scene.comes(2, 200, "phone-0")) == ["ACK 2"]


@pytest.mark.parametrize(
    ("ours", "theirs"), [(b"call-1@", b"call-2@"), (b"CSeq: 7 ", b"CSeq: 8 "), (b";tag=caller", b";tag=other")]
)
def test_an_answer_of_another_dialog_is_no_answer(scene: Scene, ours: bytes, theirs: bytes) -> None:
    """Nobody makes us send ACK and BYE into a dialog that is not this one."""
    loser(scene)
    contact = f"Contact: <sip:x@{callee(2).host}>"
    data = answer(scene.branches[2], 200, "t", extra=[contact]).replace(ours, theirs)
    scene.layer.receive(data, callee(2), scene.now)
    assert scene.settle() == []
    assert methods(scene.comes(2, 200)) == ["ACK 2", "BYE 2"]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_branch_whose_only_answer_is_of_another_dialog_has_failed(method: str) -> None:
    """The upstream transaction must not wait for ever."""
    scene = Scene(method, relay=True)
    sent = scene.add(1)
    scene.layer.receive(answer(sent, 200).replace(b"call-1@", b"call-2@"), callee(1), scene.now)
    assert scene.settle() == []
    scene.advance(33.0)
    assert scene.events == [BranchFailed(scene.context, 1, 408, local=True)]
    assert scene.context.branches == {}


def test_an_answer_that_was_not_chosen_is_released_when_it_comes_again(scene: Scene) -> None:
    for number in (1, 2):
        scene.add(number)
        scene.comes(number, 200)
    scene.respond_with(2)
    assert methods(scene.comes(1, 200)) == ["ACK 1", "BYE 1"]


def test_a_late_answer_to_a_withdrawn_call_is_released(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 180)
    scene.respond(487)
    scene.cancel(1)
    assert methods(scene.comes(1, 200)) == ["ACK 1", "BYE 1"]
    assert [response.status for response in scene.finals()] == [487]


def test_a_loser_with_addresses_that_nobody_can_read_is_left_alone(scene: Scene) -> None:
    loser(scene)
    data = answer(scene.branches[2], 200, "t", extra=["Contact: <sip:x@"])
    scene.layer.receive(data, callee(2), scene.now)
    assert methods(scene.settle()) == []


# --------------------------------------------------------------------------- the best response


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ([486], 486),
        ([486, 404], 486),  # the first of its rank
        ([404, 486], 404),
        ([503, 486], 486),
        ([500, 503], 500),
        ([503], 500),  # §16.7 step 6
        ([502, 503], 502),
        ([486, 603], 603),
        ([603, 486, 600], 603),
        ([408, 500], 500),
        ([408], 408),
        ([302], 480),
        ([302, 408], 408),
        ([302, 486], 486),
        ([401], 480),
        ([407, 302], 480),
        ([407, 503], 500),
        ([482], 482),
        ([302, 482, 408], 408),
        ([302, 482], 482),
        ([482, 486], 486),
        ([487, 408], 408),
        ([487, 482, 401], 482),
        ([], 480),
    ],
)
def test_the_best_of_what_failed(scene: Scene, statuses: list[int], best: int) -> None:
    for number, status in enumerate(statuses, 1):
        scene.add(number)
        assert methods(scene.comes(number, status)) == [f"ACK {number}"]
    assert scene.respond_best()
    assert [response.status for response in scene.finals()] == [best]
    if best in statuses:
        assert scene.finals()[0].to_tag == f"callee-{statuses.index(best) + 1}"


def test_the_best_response_goes_upstream_as_it_came(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 486, "", "Retry-After: 9", "X-Odd: as  it is")
    scene.respond_best()
    (final,) = scene.finals()
    assert (final.get("retry-after"), final.get("x-odd"), final.reason) == ("9", "as  it is", "Because")
    assert final.get_all("via") == scene.invite.get_all("via")


def test_a_503_becomes_a_500_of_our_own(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 503, "", "Retry-After: 9")
    assert scene.events == [BranchFailed(scene.context, 1, 503, local=False, retry_after=9)]
    scene.respond_best()
    (final,) = scene.finals()
    assert (final.status, final.get("retry-after")) == (500, None)
    assert final.to_tag not in ("", "callee-1")


def test_an_unreachable_branch_counts_as_503(scene: Scene) -> None:
    scene.add(1)
    scene.fail(1)
    (event,) = scene.events
    assert event == BranchFailed(scene.context, 1, 0, local=True)
    scene.respond_best()
    assert scene.finals()[0].status == 500


def test_silence_counts_as_408(scene: Scene) -> None:
    scene.add(1)
    scene.advance(32.0)
    (event,) = scene.events
    assert event == BranchFailed(scene.context, 1, 408, local=True)
    scene.respond_best()
    assert scene.finals()[0].status == 408


@pytest.mark.parametrize(("heard", "best"), [(0, 408), (100, 408), (180, 480), (183, 480)])
def test_a_branch_given_up_counts_by_what_was_heard(scene: Scene, heard: int, best: int) -> None:
    scene.add(1)
    if heard:
        scene.comes(1, heard)
    scene.cancel(1)
    if heard:
        scene.comes(1, 487)
    scene.respond_best()
    assert scene.finals()[0].status == best


def test_a_final_of_our_own_carries_our_tag_and_what_else_is_wanted(scene: Scene) -> None:
    assert scene.context.respond(405, scene.now, "Allow: INVITE")
    scene.settle()
    (final,) = scene.finals()
    assert (final.status, final.get("allow")) == (405, "INVITE")
    assert final.to_tag == scene.element.to_tag_for(scene.invite)


def test_the_context_carries_whatever_its_driver_wants(scene: Scene) -> None:
    assert scene.context.user is None
    assert ResponseContext(scene.layer, scene.context.upstream, scene.element, user="mine").user == "mine"


class Witness:
    """Lives as long as the context that it belongs to."""


def test_a_call_that_is_over_waits_for_no_garbage_collector(scene: Scene) -> None:
    loser(scene)
    scene.comes(2, 200)
    scene.advance(100.0)
    assert scene.is_empty()
    scene.context.user = witness = Witness()
    alive = weakref.ref(witness)
    scene.events.clear()
    gc.disable()
    try:
        del scene.context, witness
        assert alive() is None
    finally:
        gc.enable()


# --------------------------------------------------------------------------- requests within a dialog


def test_the_final_of_a_relayed_request_goes_upstream_as_it_is() -> None:
    for status in (401, 407, 408, 481, 482, 487, 491, 302, 603):
        scene = Scene(relay=True)
        scene.add(1)
        scene.comes(1, status)
        scene.respond_best()
        assert [response.status for response in scene.finals()] == [status]


def test_a_relayed_bye_is_answered_by_the_other_side() -> None:
    scene = Scene("BYE", relay=True)
    scene.add(1)
    scene.comes(1, 200)
    assert scene.respond_with(1)
    assert [response.status for response in scene.finals()] == [200]
    scene.advance(100.0)
    assert scene.is_empty()


@pytest.mark.parametrize("heard", [100, 180])
def test_a_cancelled_reinvite_gets_the_487_of_the_other_side(heard: int) -> None:
    """A 408 would end the dialog (RFC 3261 §12.2.1.2)."""
    scene = Scene(relay=True)
    scene.add(1)
    scene.comes(1, heard)
    assert methods(scene.cancel(1, "SIP;cause=200")) == ["CANCEL 1"]
    scene.comes(1, 487)
    scene.respond_best()
    assert [response.status for response in scene.finals()] == [487]


def test_timer_c_ends_a_reinvite_that_rings_for_ever() -> None:
    scene = Scene(relay=True)
    scene.add(1)
    scene.comes(1, 180)
    scene.advance(50.0)
    scene.comes(1, 180)  # starts it anew (§16.7 step 2)
    scene.advance(1.0)
    scene.comes(1, 100)  # does not
    assert scene.advance(183.5) == []
    assert methods(scene.advance(0.9))[:1] == ["CANCEL 1"]
    scene.advance(40.0)
    assert scene.told()[-1] == ("BranchFailed", 1)


def test_timer_c_is_no_business_of_a_call_with_a_policy(scene: Scene) -> None:
    scene.add(1)
    scene.comes(1, 180)
    assert scene.advance(1000.0) == []


def test_a_relayed_request_other_than_invite_is_never_cancelled() -> None:
    scene = Scene("INFO", relay=True)
    scene.add(1)
    scene.comes(1, 100)
    assert scene.cancel(1) == []


# --------------------------------------------------------------------------- any interleaving

STATUSES = st.sampled_from([100, 180, 183, 200, 202, 300, 302, 401, 404, 407, 408, 482, 486, 487, 500, 503, 600, 603])
TAGS = st.sampled_from(["", "", "", "desk", "mobile"])


@dataclass
class Model:
    """What is known of one branch, from outside."""

    live: bool = True  # its client transaction still waits for a final
    heard: int = 0  # highest provisional so far
    cancelled: bool = False
    answers: list[str] = field(default_factory=list)  # To tags of its 2xx while undecided
    byes: set[str] = field(default_factory=set)  # To tags that must have been hung up


class Fork(RuleBasedStateMachine):
    """Branches, responses, time and the driver's orders in any order."""

    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.model: dict[int, Model] = {}
        self.outcomes: list[int] = []  # what the branches came to, as the caller may hear of it
        self.upstream_count = 0
        self.winner: tuple[int, str] | None = None
        self.wanted = 0  # the final that was ordered
        self.acked = False

    @property
    def open(self) -> bool:
        return not self.wanted

    # -- the driver's orders

    @precondition(lambda self: self.open and len(self.model) < 5)
    @rule(target=numbers)
    def add_branch(self) -> int:
        number = len(self.model) + 1
        self.scene.add(number)
        self.model[number] = Model()
        return number

    @rule(number=numbers, reason=st.sampled_from([None, ELSEWHERE]))
    def cancel(self, number: int, reason: str | None) -> None:
        branch = self.model[number]
        fresh = branch.live and not branch.cancelled
        sent = self.scene.cancel(number, reason)
        if fresh:
            branch.cancelled = True
            if self.open:
                self.outcomes.append(480 if branch.heard >= 180 else 408)
        assert methods(sent) == ([f"CANCEL {number}"] if fresh and branch.heard else [])

    @rule(number=numbers)
    def respond_with(self, number: int) -> None:
        branch = self.model[number]
        kept = number in self.scene.context.branches  # whoever decides after half a minute finds it forgotten
        possible = self.open and bool(branch.answers) and kept
        assert self.scene.respond_with(number) == possible
        if possible:
            self.wanted, self.winner = 200, (number, branch.answers[0])

    @rule(status=st.sampled_from([404, 487, 500]))
    def respond(self, status: int) -> None:
        assert self.scene.respond(status) == self.open
        self.wanted = self.wanted or status

    @rule()
    def respond_best(self) -> None:
        possible = self.open
        assert self.scene.respond_best() == possible
        if possible:
            self.wanted = best_of(self.outcomes)

    # -- what the callees do

    @rule(number=numbers, status=STATUSES, tag=TAGS)
    def response(self, number: int, status: int, tag: str) -> None:
        branch = self.model[number]
        strays = len(self.scene.strays)
        sent = self.scene.comes(number, status, tag)
        if len(self.scene.strays) > strays:
            assert sent == []
            return  # its transaction is gone: the plane's business
        words = methods(sent)
        tag = tag or f"callee-{number}"
        if status < 200:
            assert words == self.on_provisional(number, branch, status)
        elif status < 300:
            assert words == self.on_answer(number, branch, tag)
        elif branch.live:
            assert words == [f"ACK {number}"]
            branch.live = False
            if not branch.cancelled:
                self.outcomes.append(status)
        else:
            assert words in ([], [f"ACK {number}"]), "a repeated final is acknowledged, no more"

    def on_provisional(self, number: int, branch: Model, status: int) -> list[str]:
        if not branch.live:
            return []
        first = not branch.heard
        branch.heard = max(branch.heard, status)
        if branch.cancelled:
            return [f"CANCEL {number}"] if first else []
        return [f"{status} caller"] if self.open and status > 100 else []

    def on_answer(self, number: int, branch: Model, tag: str) -> list[str]:
        if not branch.live and not branch.answers and not branch.byes:
            return []  # it has failed before: an INVITE has one final (its transaction drops the rest)
        branch.live = False
        if self.open:
            if not branch.answers:
                branch.answers.append(tag)
            return []
        if self.winner == (number, tag):
            return ["200 caller"] if self.scene.finals()[-1].status == 200 else ["202 caller"]
        fresh = tag not in branch.byes
        branch.byes.add(tag)
        return [f"ACK {number}", f"BYE {number}"] if fresh else [f"ACK {number}"]

    @rule(number=numbers)
    def callee_is_unreachable(self, number: int) -> None:
        branch = self.model[number]
        calling = branch.live and not branch.heard
        assert [word for word in methods(self.scene.fail(number)) if "caller" in word] == []
        if calling:
            branch.live = False
            if not branch.cancelled:
                self.outcomes.append(503)

    @rule(number=numbers)
    def callee_answers_cancel_and_bye(self, number: int) -> None:
        hop = callee(number)
        for method in ("CANCEL", "BYE"):
            for sent in self.scene.got(number, method):
                self.scene.layer.receive(answer(sent, 200), hop, self.scene.now)
        assert self.scene.settle() == []

    # -- what the caller does

    @precondition(lambda self: self.scene.context.upstream.state is not State.TERMINATED)
    @rule()
    def caller_repeats_the_invite(self) -> None:
        sent = methods(self.scene.caller_sends(self.scene.wire))
        assert len(sent) <= 1
        assert all("caller" in word for word in sent)

    @precondition(lambda self: self.wanted >= 300)
    @rule()
    def caller_acknowledges_the_failure(self) -> None:
        ack = request("ACK", to_tag=self.scene.finals()[0].to_tag)
        assert self.scene.caller_sends(ack) == []

    # -- time

    @rule(seconds=st.sampled_from([0.1, 0.5, 3.0, 20.0, 33.0]))
    def time_passes(self, seconds: float) -> None:
        before = {n: (m.live, m.heard, m.cancelled) for n, m in self.model.items()}
        seen = len(self.scene.events)
        self.scene.advance(seconds)
        for event in self.scene.events[seen:]:  # timer B, or a CANCEL that nobody heeded
            assert isinstance(event, BranchFailed)
            assert (event.status, event.local) == (408, True)
            live, heard, cancelled = before[event.branch]
            assert live
            assert cancelled or not heard
            self.model[event.branch].live = False
            if not cancelled:
                self.outcomes.append(408)

    # -- what always holds

    @invariant()
    def the_caller_gets_one_final(self) -> None:
        finals = {(r.status // 100 == 2, r.to_tag) for r in self.scene.finals()}
        assert len(finals) == (0 if self.open else 1)
        if self.wanted >= 300:
            assert {r.status for r in self.scene.finals()} == {self.wanted}
        if self.winner is not None:
            assert finals == {(True, self.winner[1])}

    @invariant()
    def the_caller_never_hears_100_or_503(self) -> None:
        assert not {100, 503} & {response.status for response in self.scene.upstream()}

    @invariant()
    def no_cancel_before_a_provisional(self) -> None:
        for number, branch in self.model.items():
            cancels = {cancel.encode() for cancel in self.scene.got(number, "CANCEL")}
            assert len(cancels) <= 1
            if cancels:
                assert branch.heard
                assert branch.cancelled

    @invariant()
    def losers_are_hung_up_once_each(self) -> None:
        for number, branch in self.model.items():
            byes = {bye.encode() for bye in self.scene.got(number, "BYE")}
            assert sorted(parse_message(bye).to_tag for bye in byes) == sorted(branch.byes)

    def teardown(self) -> None:
        if self.open:
            self.respond_best()
        for number in self.model:
            self.cancel(number, None)
        self.time_passes(500.0)
        self.the_caller_gets_one_final()
        self.losers_are_hung_up_once_each()
        assert self.scene.is_empty(), "everything is gone in the end"


def best_of(outcomes: list[int]) -> int:
    """RFC 3261 §16.7 step 6 with what `sip.fork` says about challenges, echoes and redirects."""
    refusals = set(range(400, 500)) - {401, 407, 408, 482, 487}
    for fitting in (set(range(600, 700)), refusals, set(range(500, 600)), {408}, {482}):
        for status in outcomes:
            if status in fitting:
                return 500 if status == 503 else status
    return 480


Fork.TestCase.settings = settings(
    max_examples=max(150, settings().max_examples),  # the heart of it, and quick
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow],
)
TestFork = Fork.TestCase

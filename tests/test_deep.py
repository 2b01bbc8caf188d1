"""Playbooks of test calls in virtual time: what the far end does, how each call is ended, what the board shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count, pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.credentials import Accounts
from controller.deep import CONFIRM_AFTER, MAX_AT_ONCE, MAX_RELEASED, DeepProber
from controller.health.board import Board
from controller.testcall import make_invite
from controller.types import (
    Asserted,
    Auth,
    DeepProbe,
    Exercised,
    Identity,
    NumberForm,
    NumberFormat,
    Probe,
    Sample,
    Show,
    TargetState,
    Transition,
    Trunk,
)
from sip import builder
from sip.message import Request, Response
from sip.parser import parse_message
from sip.transaction import Hop
from tests.sip import wire

UP, DEGRADED, DOWN = TargetState.UP, TargetState.DEGRADED, TargetState.DOWN
DEEP = DeepProbe("9196", every=60.0, within=10.0)
#: All that a far end may do about a request: (seconds, datagram) of each thing it says.
Answers = Iterable[tuple[float, bytes]]
Far = Callable[[Request], Answers]

#: When nothing of a call may be left: Timer B, the wait for the final of a cancelled call, timers of a BYE after it.
AFTERMATH = 32 + 32 + 32 + 5 + 1


def contact(request: Request) -> str:
    return f"Contact: <{request.uri}>"


def say(request: Request, *statuses: int, after: float = 0.01, tag: str = "far") -> list[tuple[float, bytes]]:
    """Responses one after the other, ``after`` seconds apart."""
    return [
        (after * place, wire.answer(request, status, tag, extra=[contact(request)]))
        for place, status in enumerate(statuses, 1)
    ]


def polite(*invite: int, after: float = 0.01) -> Far:
    """A far end that answers INVITEs so, and all else as it should be; a CANCEL ends what rings."""

    def far(request: Request) -> Answers:
        if request.method == "INVITE":
            return say(request, *invite, after=after)
        if request.method == "CANCEL":
            return [*say(request, 200), (0.02, wire.answer(request, 487).replace(b" CANCEL\r\n", b" INVITE\r\n"))]
        return say(request, 200) if request.method == "BYE" else []

    return far


def deaf(_: Request) -> Answers:
    return []


class Scene:
    """A prober, its trunks and their far ends."""

    def __init__(
        self,
        far: Far,
        trunks: int = 1,
        deep: DeepProbe | None = DEEP,
        probe: Probe | None = None,
        auth: Auth | None = None,
    ) -> None:
        self.trunks = [
            Trunk(f"t{n}", f"192.0.2.{n + 20}", 5060, probe=probe, deep=deep, auth=auth) for n in range(trunks)
        ]
        self.hops = {trunk.name: Hop(trunk.host, trunk.port) for trunk in self.trunks}
        self.board = Board(self.trunks, 0.0)
        tokens = count()
        element = wire.make_element()
        self.accounts = Accounts(element.cnonce_of)
        self.accounts.swap({trunk.name: trunk for trunk in self.trunks})
        self.prober = DeepProber(
            self.board, self.hops, element, lambda: f"token{next(tokens)}", 0.0, accounts=self.accounts
        )
        self.now = 0.0
        self.far = far
        self.spoof: Hop | None = None  # where responses come from, if not from where the request went
        self.sent: list[tuple[float, Request, Hop]] = []
        self.news: list[Transition] = []
        self.told: list[Exercised] = []  # the outcome of each test call
        self._arrivals: list[tuple[float, int, bytes, Hop]] = []
        self._numbers = count()

    def run(self, until: float) -> Scene:
        while (due := min(self.prober.next_deadline(), self._arrivals[0][0] if self._arrivals else inf)) <= until:
            self.now = max(self.now, due)
            if self._arrivals and self._arrivals[0][0] <= self.prober.next_deadline():
                _, _, data, source = heappop(self._arrivals)
                response = parse_message(data)
                assert isinstance(response, Response)
                self.hear(self.prober.handle_response(response, source, self.now)[1])
            else:
                self.hear(self.prober.handle_timer(self.now))
            self.flush()
        self.now = until
        return self

    def hear(self, news: Iterable[Transition | Exercised]) -> None:
        for item in news:
            if isinstance(item, Exercised):
                self.told.append(item)
            else:
                self.news.append(item)

    def drill(self, trunk: str = "t0") -> None:
        assert self.prober.drill(trunk, self.now)
        self.run(self.now)

    def flush(self) -> None:
        batch = self.prober.outbox[:]
        self.prober.outbox.clear()
        for data, hop in batch:
            request = parse_message(data)
            assert isinstance(request, Request)
            self.sent.append((self.now, request, hop))
            for delay, answer in self.far(request):
                heappush(self._arrivals, (self.now + delay, next(self._numbers), answer, self.spoof or hop))

    def observe(self, code: str, *, alive: bool, trunk: str = "t0") -> None:
        self.news += self.board.observe(Sample(trunk, alive, code), self.now)

    def kill(self) -> None:
        """The detector finds the trunk dead."""
        for _ in range(3):
            self.observe("TRANSPORT_ERROR", alive=False)
        assert self.state() is DOWN

    def update(self, *trunks: Trunk) -> None:
        self.board.update(trunks, self.now)
        self.hear(self.prober.update({trunk.name: Hop(trunk.host, trunk.port) for trunk in trunks}, self.now))
        self.flush()

    def state(self) -> TargetState:
        return self.board.view.trunks["t0"].state

    def calls(self) -> dict[str, list[str]]:
        """The methods of each test call, in order, retransmissions left out."""
        found: dict[str, dict[tuple[str, str], None]] = {}
        for _, request, _ in self.sent:
            found.setdefault(request.call_id, {})[request.method, request.via.branch] = None
        return {call: [method for method, _ in methods] for call, methods in found.items()}

    def begins(self) -> list[float]:
        """When each test call began."""
        seen: dict[str, float] = {}
        for at, request, _ in self.sent:
            seen.setdefault(request.call_id, at)
        return list(seen.values())

    def changes(self) -> list[tuple[str, str, str]]:
        return [(item.old.value, item.new.value, item.code) for item in self.news]


# --------------------------------------------------------------------------- on the wire


def test_a_test_call_is_a_call_as_any_other() -> None:
    scene = Scene(polite(100, 180, 200)).run(60.0)
    (_, invite, hop), (_, ack, _), (_, bye, _) = scene.sent
    assert hop == scene.hops["t0"]
    assert (invite.uri, invite.get("max-forwards")) == ("sip:9196@192.0.2.20:5060", "70")
    assert "rport" in invite.via.params
    assert invite.get("contact") == "<sip:callward@192.0.2.10:5060>"
    assert invite.get("content-type") == "application/sdp"
    lines = invite.body.decode().splitlines()
    assert {"c=IN IP4 192.0.2.10", "m=audio 9 RTP/AVP 0", "a=sendrecv"} <= set(lines)
    assert int(invite.get("content-length") or 0) == len(invite.body)
    assert [(each.method, each.to_tag, each.from_tag) for each in (ack, bye)] == [
        ("ACK", "far", invite.from_tag),
        ("BYE", "far", invite.from_tag),
    ]
    assert (ack.cseq[0], bye.cseq[0]) == (1, 1 + builder.GLARE_CSEQ_STEP)


def test_a_trunk_that_is_shown_a_number_of_ours_gets_test_calls_from_it() -> None:
    """It may refuse any other caller, and the trunk would be taken for broken."""
    form = NumberFormat(NumberForm.PLUS_LESS)
    shown = Identity(Show.NUMBER, "+12125551000", domain="acme.example")
    for identity, sender in (
        (shown, "<sip:12125551000@acme.example>"),
        (Identity(Show.OWN, "+12125551000"), "<sip:12125551000@192.0.2.10>"),
        (Identity(Show.OWN), "<sip:callward@192.0.2.10:5060>"),
        (Identity(Show.PASS, "+12125551000", asserted=Asserted.ASSERTED), "<sip:callward@192.0.2.10:5060>"),
        (None, "<sip:callward@192.0.2.10:5060>"),
    ):
        trunk = Trunk("t", "192.0.2.20", 5060, identity=identity, format=form)
        invite = make_invite(trunk, "9196", Hop("192.0.2.10", 5060), "token")
        assert invite.require("from") == f"{sender};tag=token"


@pytest.mark.parametrize(("nat", "asked"), [(True, "192.0.2.20"), (False, "192.168.1.5")])
def test_a_test_call_to_a_trunk_behind_nat_ends_where_it_began(nat: bool, asked: str) -> None:
    def far(request: Request) -> Answers:
        return [(0.01, wire.answer(request, 200, extra=["Contact: <sip:9196@192.168.1.5>"]))]

    scene = Scene(far)
    scene.board.update([replace(scene.trunks[0], nat=nat)], 0.0)
    assert [(request.method, hop.host) for _, request, hop in scene.run(60.0).sent] == [
        ("INVITE", "192.0.2.20"),
        ("ACK", asked),
        ("BYE", asked),
    ]


def test_a_trunk_over_tcp_is_called_over_tcp_where_we_speak_it() -> None:
    trunk = Trunk("t0", "192.0.2.20", 5060, "tcp", deep=DEEP)
    hops = {"t0": Hop("192.0.2.20", 5060, "tcp")}
    element = wire.make_element()
    prober = DeepProber(Board([trunk], 0.0), hops, element, lambda: "tok", 0.0)
    assert prober.next_deadline() == inf, "nothing of ours speaks it"
    element.listeners["tcp", ""] = Hop("192.0.2.10", 5061, "tcp")
    prober = DeepProber(Board([trunk], 0.0), hops, element, lambda: "tok", 0.0)
    prober.handle_timer(prober.next_deadline())
    ((data, hop),) = prober.outbox
    assert hop.transport == "tcp"
    assert data.startswith(
        b"INVITE sip:9196@192.0.2.20:5060;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.10:5061;"
    )
    lost, told = prober.disconnected(hop, 60.0)
    assert isinstance(lost, Transition)
    assert (lost.new, lost.code) == (DOWN, "PORT_CLOSED")
    assert isinstance(told, Exercised)
    assert (told.passed, told.what) == (False, "it cannot be reached")


# --------------------------------------------------------------------------- outcomes


def test_a_call_that_is_answered_is_ended_at_once_and_proves_life() -> None:
    scene = Scene(polite(100, 200)).run(400.0)
    assert list(scene.calls().values()) == [["INVITE", "ACK", "BYE"]] * len(scene.begins())
    assert scene.changes() == [("unknown", "up", "CALL_RESPONSE")]


def test_it_calls_once_in_every_interval() -> None:
    scene = Scene(polite(200)).run(6000.0)
    gaps = [later - sooner for sooner, later in zip(scene.begins(), scene.begins()[1:], strict=False)]
    assert 98 <= len(scene.begins()) <= 101
    assert all(53.0 < gap < 67.0 for gap in gaps)
    assert len({round(gap, 3) for gap in gaps}) > 50, "and not in step with anything"


@pytest.mark.parametrize("status", [302, 404, 486, 500, 503, 603])
def test_two_refused_calls_in_a_row_degrade_the_trunk(status: int) -> None:
    scene = Scene(polite(status)).run(60.0 + CONFIRM_AFTER + 1.0)
    assert scene.changes() == [("unknown", "up", "CALL_RESPONSE"), ("up", "degraded", "DEEP_FAILED")]
    assert scene.news[-1].why == f"2 test calls to 9196 in a row failed: {status} after 0.01 s"
    first, second = scene.begins()[:2]
    assert second - first == pytest.approx(CONFIRM_AFTER, abs=0.1), "the second follows soon"
    assert set(map(tuple, scene.calls().values())) == {("INVITE", "ACK")}


def test_one_failure_alone_says_nothing() -> None:
    finals = iter([500, 200, 500, 200, 500, 200])
    scene = Scene(lambda request: polite(next(finals, 200) if request.method == "INVITE" else 200)(request))
    scene.run(600.0)
    assert DEGRADED not in {item.new for item in scene.news}


def test_one_success_ends_it() -> None:
    scene = Scene(polite(500)).run(100.0)
    assert scene.state() is DEGRADED
    scene.far = polite(100, 200)
    scene.run(180.0)
    assert scene.state() is UP
    assert scene.changes()[-1] == ("degraded", "up", "RECOVERED")
    assert scene.news[-1].why.startswith("a test call to 9196 went well: 200 after ")


def test_other_finals_may_prove_as_much() -> None:
    for status in (200, 202, 486):
        scene = Scene(polite(100, status), deep=replace(DEEP, expect=(200, 486))).run(200.0)
        assert scene.state() is UP, status
    scene = Scene(polite(200), deep=replace(DEEP, expect=(486,))).run(200.0)
    assert scene.state() is DEGRADED, "whoever expects busy and is answered has called somebody else"


def test_silence_is_retransmitted_and_then_counts() -> None:
    scene = Scene(deaf).run(60.0)
    invites = [at for at, request, _ in scene.sent if request.call_id == scene.sent[0][1].call_id]
    assert [round(at - invites[0], 1) for at in invites] == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    scene.run(200.0)
    assert scene.changes()[0] == ("unknown", "degraded", "DEEP_FAILED")
    assert scene.news[0].why.endswith("in a row failed: no response at all within 10 s")
    assert {method for methods in scene.calls().values() for method in methods} == {"INVITE"}, "nothing to cancel"


def test_ringing_for_ever_is_cancelled_and_counts() -> None:
    scene = Scene(polite(100, 180)).run(90.0)
    assert next(iter(scene.calls().values())) == ["INVITE", "CANCEL", "ACK"]
    at = {request.method: at for at, request, _ in scene.sent[:3]}
    assert at["CANCEL"] - at["INVITE"] == pytest.approx(DEEP.within)
    assert scene.state() is DEGRADED
    assert scene.news[-1].why.endswith("no final response within 10 s, only 180")


def test_a_cancel_waits_for_the_first_provisional() -> None:
    scene = Scene(lambda request: polite(180, after=12.0)(request) if request.method == "INVITE" else polite()(request))
    scene.run(60.0)
    calls = [(at, request.method) for at, request, _ in scene.sent if request.call_id == scene.sent[0][1].call_id]
    ((cancelled, _),) = [each for each in calls if each[1] == "CANCEL"]
    assert cancelled - calls[0][0] == pytest.approx(12.0)


def test_a_late_answer_is_released_and_changes_nothing() -> None:
    def far(request: Request) -> Answers:
        if request.method == "INVITE":
            return [*say(request, 180), (10.02, say(request, 200)[0][1])]  # it crosses our CANCEL
        return say(request, 200) if request.method in ("BYE", "CANCEL") else []

    scene = Scene(far).run(90.0)
    assert next(iter(scene.calls().values())) == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert scene.state() is DEGRADED


def test_every_phone_behind_a_fork_is_released_once() -> None:
    def far(request: Request) -> Answers:
        if request.method == "INVITE":
            return [(0.01 * n, wire.answer(request, 200, f"phone{n % 3}", extra=[contact(request)])) for n in range(9)]
        return say(request, 200) if request.method == "BYE" else []

    scene = Scene(far).run(60.0)
    said = [(request.method, request.to_tag) for _, request, _ in scene.sent[1:]]
    assert sorted(each for each in said if each[0] == "BYE") == [("BYE", f"phone{n}") for n in range(3)]
    assert len([each for each in said if each[0] == "ACK"]) == 9, "a repeated 2xx has missed its ACK"


@pytest.mark.parametrize(
    "broken",
    [[], ["Contact: *"], ["Contact: <>"], ["Contact: <sip:>"], ["Contact: <sip:a@b c>"], ["Record-Route: <x>"]],
)
def test_an_answer_without_a_usable_address_is_released_where_it_came_from(broken: list[str]) -> None:
    def far(request: Request) -> Answers:
        return [(0.01, wire.answer(request, 200, extra=broken))] if request.method in ("INVITE", "BYE") else []

    scene = Scene(far).run(60.0)
    assert list(scene.calls().values()) == [["INVITE", "ACK", "BYE"]]
    assert {hop for _, _, hop in scene.sent} == {scene.hops["t0"]}
    assert scene.state() is UP


# --------------------------------------------------------------------------- spoofs


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b";branch=z9hG4bK", b";branch=z9hG4bKx"),
        (b";tag=token", b";tag=other"),
        (b"Call-ID: ", b"Call-ID: x"),
        (b"CSeq: 1 ", b"CSeq: 2 "),
    ],
)
def test_a_response_of_another_dialog_is_not_believed(old: bytes, new: bytes) -> None:
    def far(request: Request) -> Answers:
        if request.method != "INVITE":
            return []
        return [(0.01, wire.answer(request, 200, extra=[contact(request)]).replace(old, new))]

    scene = Scene(far).run(200.0)
    assert {request.method for _, request, _ in scene.sent} == {"INVITE"}
    assert scene.state() is DEGRADED


def test_a_response_from_elsewhere_is_not_believed() -> None:
    scene = Scene(polite(200))
    scene.spoof = Hop("203.0.113.66", 5060)
    scene.run(200.0)
    assert {request.method for _, request, _ in scene.sent} == {"INVITE"}
    assert scene.state() is DEGRADED


def test_a_stranger_is_nobodys_business_here() -> None:
    scene = Scene(polite(200)).run(60.0)
    other = wire.answered(wire.answer(wire.parsed(wire.request()), 200))
    assert scene.prober.handle_response(other, scene.hops["t0"], scene.now) == (False, [])


# --------------------------------------------------------------------------- liveness


def test_a_trunk_that_is_down_is_not_called_and_soon_when_it_is_back() -> None:
    scene = Scene(polite(200))
    scene.kill()
    scene.run(500.0)
    assert scene.sent == []
    scene.observe("PROBE_200", alive=True)
    scene.observe("PROBE_200", alive=True)
    scene.run(500.0 + CONFIRM_AFTER)
    assert len(scene.begins()) == 1


def test_silence_of_a_trunk_that_died_meanwhile_is_the_detectors_business() -> None:
    scene = Scene(deaf)
    scene.run(scene.prober.next_deadline() + 1.0)
    scene.kill()
    scene.run(scene.now + 300.0)
    assert len(scene.begins()) == 1
    assert DEGRADED not in {item.new for item in scene.news}


def test_a_degraded_trunk_that_dies_and_returns_is_still_degraded_until_a_call_goes_well() -> None:
    scene = Scene(polite(500)).run(100.0)
    scene.kill()
    scene.run(150.0)
    scene.observe("PROBE_200", alive=True)
    scene.observe("PROBE_200", alive=True)
    assert scene.state() is DEGRADED
    scene.far = polite(200)
    scene.run(150.0 + CONFIRM_AFTER + 0.1)
    assert scene.state() is UP


def test_a_closed_port_is_a_sample_and_no_outcome() -> None:
    scene = Scene(deaf)
    scene.run(scene.prober.next_deadline())
    ((_, invite, _),) = scene.sent
    scene.hear(scene.prober.unreachable(invite.via.branch, scene.now))
    assert scene.changes() == [("unknown", "suspect", "PORT_CLOSED")]
    scene.run(scene.now + CONFIRM_AFTER)
    assert len(scene.begins()) == 2, "tried again soon"


def test_a_stalled_loop_reads_before_it_judges() -> None:
    scene = Scene(deaf)
    scene.run(scene.prober.next_deadline())
    ((at, invite, hop),) = scene.sent
    scene.now = at + DEEP.within + 3.0  # the loop hung; the answer lies unread
    scene.hear(scene.prober.handle_timer(scene.now))
    scene.flush()
    answer = wire.answered(wire.answer(invite, 200, extra=[contact(invite)]))
    scene.hear(scene.prober.handle_response(answer, hop, scene.now)[1])
    scene.flush()
    assert [request.method for _, request, _ in scene.sent if request.method != "INVITE"] == ["ACK", "BYE"]
    scene.far = polite(500)
    while len(scene.begins()) == 1:
        scene.run(scene.now + 1.0)
    assert scene.run(scene.now + 1.0).state() is UP, "its first failure"
    assert scene.run(scene.now + CONFIRM_AFTER).state() is DEGRADED


# --------------------------------------------------------------------------- many


def test_first_calls_are_spread() -> None:
    scene = Scene(polite(200), trunks=200, deep=replace(DEEP, every=300.0)).run(60.0)
    tenths = [0] * 10
    for at in scene.begins():
        tenths[int(at / 6.0)] += 1
    assert len(scene.begins()) == 200
    assert max(tenths) < 40


def test_never_more_than_a_handful_at_once() -> None:
    scene = Scene(deaf, trunks=100)
    most = 0
    for moment in range(1, 300):
        scene.run(float(moment))
        most = max(most, len(scene.prober._open))
    assert most == MAX_AT_ONCE
    assert len({hop for _, _, hop in scene.sent}) == 100, "and everyone's turn comes"


def test_one_call_at_a_time_on_a_trunk() -> None:
    scene = Scene(deaf, deep=replace(DEEP, every=10.0)).run(600.0)
    gaps = [later - sooner for sooner, later in zip(scene.begins(), scene.begins()[1:], strict=False)]
    assert min(gaps) > 31.9, "the INVITE that nobody answers is repeated until Timer B"


# --------------------------------------------------------------------------- reload


def test_a_reload_that_changes_nothing_leaves_a_call_alone() -> None:
    scene = Scene(polite(100, 200, after=2.0))
    scene.run(scene.prober.next_deadline() + 3.0)
    scene.update(replace(scene.trunks[0], carrier="a"))
    scene.run(scene.now + 10.0)
    assert list(scene.calls().values()) == [["INVITE", "ACK", "BYE"]]


@pytest.mark.parametrize("change", [{"deep": None}, {"deep": replace(DEEP, user="9197")}, {"host": "192.0.2.99"}])
def test_a_reload_ends_calls_that_nobody_wants_any_more(change: dict[str, object]) -> None:
    scene = Scene(polite(100, 180))
    scene.run(scene.prober.next_deadline() + 3.0)
    scene.update(replace(scene.trunks[0], **change))
    assert [request.method for _, request, _ in scene.sent] == ["INVITE", "CANCEL"]
    scene.far = polite(200)
    scene.run(scene.now + 100.0)
    assert DEGRADED not in {item.new for item in scene.news}


def test_a_reload_takes_the_verdict_of_a_number_that_is_gone_back() -> None:
    scene = Scene(polite(500)).run(100.0)
    assert scene.state() is DEGRADED
    scene.update(replace(scene.trunks[0], deep=None))
    assert scene.changes()[-1] == ("degraded", "up", "RECOVERED")
    assert scene.run(200.0).prober.next_deadline() == inf


def test_the_end_of_the_daemon_ends_its_calls() -> None:
    scene = Scene(polite(100, 180), trunks=3).run(60.0)
    scene.prober.close(scene.now)
    scene.run(scene.now + AFTERMATH)
    assert all(methods[:2] == ["INVITE", "CANCEL"] for methods in scene.calls().values())
    assert (len(scene.prober), scene.prober.next_deadline()) == (0, inf)


# --------------------------------------------------------------------------- drills


def test_a_drill_is_a_test_call_now_and_its_outcome_is_told_as_such() -> None:
    scene = Scene(polite(100, 200)).run(60.0)
    (first,) = scene.told
    assert (first.passed, first.drill, first.what) == (True, False, "200 after 0.02 s")
    scene.drill()
    assert scene.begins()[1:] == [60.0]
    scene.run(61.0)
    (drill,) = scene.told[1:]
    assert (drill.trunk, drill.passed, drill.drill, drill.at) == ("t0", True, True, pytest.approx(60.02))
    assert [*scene.calls().values()] == [["INVITE", "ACK", "BYE"]] * 2
    begins = scene.run(500.0).begins()
    assert {told.drill for told in scene.told[2:]} == {False}
    assert max(after - before for before, after in pairwise(begins)) <= 2.1 * DEEP.every, "its rhythm goes on"


def test_health_takes_the_outcome_of_a_drill_as_that_of_any_test_call() -> None:
    scene = Scene(polite(503)).run(1.0)
    scene.drill()
    scene.run(2.0)
    assert (scene.told[-1].passed, scene.state()) == (False, UP)
    scene.drill()
    scene.run(3.0)
    assert scene.news[-1].why == "2 test calls to 9196 in a row failed: 503 after 0.01 s"
    assert scene.state() is DEGRADED
    scene.far = polite(200)
    scene.drill()
    scene.run(4.0)
    assert [told.drill for told in scene.told] == [True] * 3
    assert scene.state() is UP


def test_a_drill_calls_a_trunk_that_is_down_and_tells_what_it_heard() -> None:
    scene = Scene(deaf).run(1.0)
    scene.kill()
    changes = len(scene.news)
    scene.drill()
    scene.run(scene.now + DEEP.within + 1)
    (told,) = scene.told
    assert (told.passed, told.what, told.drill) == (False, "no response at all within 10 s", True)
    assert len(scene.news) == changes, "health knew that before"
    scene.run(scene.now + 100)
    assert len(scene.begins()) == 1, "and nobody else calls it"


def test_a_call_under_way_serves_as_a_drill_and_one_that_is_decided_does_not() -> None:
    scene = Scene(polite(100, 180, 200, after=2.0))
    scene.drill()
    scene.run(3.0).drill()
    scene.run(7.0)
    assert (len(scene.begins()), [told.drill for told in scene.told]) == (1, [True])
    scene = Scene(deaf)
    scene.drill()
    scene.run(DEEP.within + 1.0)
    assert [told.drill for told in scene.told] == [True]
    scene.drill()  # the INVITE before it is on its way until Timer B
    scene.run(31.9)
    assert len(scene.begins()) == 1
    scene.far = polite(200)
    scene.run(33.0)
    assert [(told.passed, told.drill) for told in scene.told] == [(False, True), (True, True)]


def test_a_drill_has_its_turn_before_the_others_that_wait() -> None:
    scene = Scene(polite(100), trunks=100).run(30.0)

    def called() -> list[str]:
        return list({request.call_id: str(request.uri) for _, request, _ in scene.sent}.values())

    waits = next(n for n in range(99, 0, -1) if f"sip:9196@192.0.2.{n + 20}:5060" not in called())
    before = len(called())
    scene.drill(f"t{waits}")
    assert len(called()) == before, "as many as may are under way, and more wait"
    scene.run(scene.now + DEEP.within)
    assert called()[before] == f"sip:9196@192.0.2.{waits + 20}:5060"


def test_a_drill_is_called_off_with_its_trunk_and_needs_a_test_number() -> None:
    scene = Scene(polite(100)).run(1.0)
    scene.drill()
    scene.update(replace(scene.trunks[0], deep=replace(DEEP, user="9197")))
    (told,) = scene.told
    assert (told.passed, told.drill) == (None, True)
    assert not Scene(deaf, deep=None).prober.drill("t0", 0.0)
    assert not scene.prober.drill("nowhere", scene.now)


# --------------------------------------------------------------------------- whatever the far end does

odd_lines = st.sampled_from(["Contact: <sip:x@192.0.2.20>", "Contact: *", "Contact: <sip:", "Record-Route: <sip:192.0.2.30;lr>",
                             "Record-Route: <sip:strict.example>", "Record-Route: ,", "Contact: <tel:+1>"])  # fmt: skip
things = st.tuples(
    st.floats(0.0, 45.0),
    st.sampled_from([100, 180, 183, 200, 202, 302, 404, 486, 487, 500, 603]),
    st.sampled_from(["a", "b", ""]),
    st.lists(odd_lines, max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(things, max_size=4), min_size=1, max_size=4),
    st.lists(st.lists(things, max_size=2), min_size=1, max_size=3),
    st.floats(0.0, 200.0),
)
def test_every_call_is_ended_whatever_the_far_end_does(
    to_invites: list[list[tuple[float, int, str, list[str]]]],
    to_others: list[list[tuple[float, int, str, list[str]]]],
    end: float,
) -> None:
    invited, others = count(), count()

    def far(request: Request) -> Answers:
        if request.method == "ACK":
            return []
        script = to_invites[next(invited) % len(to_invites)] if request.method == "INVITE" else []
        other = to_others[next(others) % len(to_others)] if request.method != "INVITE" else []
        return [(at, wire.answer(request, status, tag, extra=lines)) for at, status, tag, lines in script + other]

    scene = Scene(far)
    heard: dict[str, list[tuple[float, Response]]] = {}
    handle = scene.prober.handle_response

    def listen(response: Response, source: Hop, now: float) -> tuple[bool, list[Transition | Exercised]]:
        is_ours, news = handle(response, source, now)
        if is_ours and response.cseq[1] == "INVITE":
            heard.setdefault(response.call_id, []).append((now, response))
        return is_ours, news

    scene.prober.handle_response = listen  # type: ignore[method-assign]
    scene.run(end)
    scene.prober.close(scene.now)
    scene.flush()
    scene.run(scene.now + AFTERMATH)
    assert (len(scene.prober), scene.prober.next_deadline()) == (0, inf), "nothing is left"
    placed = [at for at in scene.begins() if at <= end]
    assert len(placed) - 1 <= len(scene.told) <= len(placed), (
        "each has one outcome; one that the end cut short has none"
    )
    for call in scene.calls():
        said = [(at, request) for at, request, _ in scene.sent if request.call_id == call]
        came = heard.get(call, [])
        cancels = [at for at, request in said if request.method == "CANCEL"]
        finals = [(at, response) for at, response in came if response.status >= 200]
        first = min((at for at, _ in came), default=inf)
        assert not cancels or first <= cancels[0], "no CANCEL before the first response (RFC 3261 §9.1)"
        if came and not finals:
            assert cancels, "what only rings is cancelled"
        answers = [response for _, response in finals if response.status < 300]
        if finals and finals[0][1].status >= 300:
            assert [request.method for _, request in said if request.method == "BYE"] == []
            assert any(request.method == "ACK" for _, request in said)
            continue
        tags = list(dict.fromkeys(answer.to_tag for answer in answers))[:MAX_RELEASED]
        byes = {(request.to_tag, request.via.branch) for _, request in said if request.method == "BYE"}
        assert sorted(tag for tag, _ in byes) == sorted(tags), "each answer is hung up once"
        assert {request.to_tag for _, request in said if request.method == "ACK"} == set(tags)

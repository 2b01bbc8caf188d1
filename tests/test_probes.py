from __future__ import annotations

import random
import re
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count, pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.board import Board
from controller.probes import Prober
from controller.types import AliveOn, Auth, Probe, Sample, TargetState, Transition, Trunk
from sip.message import Request, Response
from sip.parser import parse_message
from sip.transaction import Hop

UNKNOWN, UP, SUSPECT, DOWN = TargetState.UNKNOWN, TargetState.UP, TargetState.SUSPECT, TargetState.DOWN
LOCAL = Hop("198.51.100.1", 5060)

JITTERED = 0.05 * 0.25 + 1e-9  # regular probes leave so much before or after their beat

#: What becomes of a probe: answered or refused (ICMP) after so many seconds, or lost.
Fate = tuple[str, float] | None
ANSWERED: Fate = ("answer", 0.001)
REFUSED: Fate = ("refuse", 0.0003)
LOST: Fate = None


class World:
    """A prober and the far ends of its probes, in virtual time."""

    def __init__(
        self, trunks: int = 1, probe: Probe | None = None, spread: float | None = None, auth: Auth | None = None
    ) -> None:
        probe = probe or Probe()
        self.trunks = [Trunk(f"trunk-{i}", f"192.0.2.{i}", 5060, probe=probe, auth=auth) for i in range(trunks)]
        self.board = Board(self.trunks, 0.0) if spread is None else Board(self.trunks, 0.0, lambda _: spread)
        self.hops: dict[str, Hop] = {trunk.name: Hop(trunk.host, trunk.port) for trunk in self.trunks}
        tokens = count()
        self.prober = Prober(self.board, self.hops, LOCAL, lambda: f"token{next(tokens)}")
        self.now = 0.0
        self.fate: Callable[[Hop, float], Fate] = lambda _hop, _now: ANSWERED
        self.sent: list[tuple[float, str, Hop]] = []
        self.transitions: list[Transition] = []
        self._wire: list[tuple[float, int, str, str, Hop]] = []
        self._packets = count()

    def run(self, until: float) -> None:
        """Let time pass; between events, nothing happens."""
        while True:
            deadline = self.prober.next_deadline()
            assert deadline >= self.now, "a deadline in the past"
            arrival = self._wire[0][0] if self._wire else inf
            if min(deadline, arrival) > until:
                break
            self.now = max(self.now, min(deadline, arrival))  # what came during a stall is seen after it
            if arrival <= deadline:
                _, _, kind, branch, hop = heappop(self._wire)
                if kind == "answer":
                    self.note(self.answer(branch, hop)[1])
                else:
                    self.note(self.prober.handle_unreachable(branch, hop, self.now))
            else:
                self.note(self.prober.handle_timer(self.now))
            self.drain()
        self.now = until

    def answer(
        self, branch: str, hop: Hop, status: int = 200, *, tag: str | None = None, more: str = ""
    ) -> tuple[bool, list[Transition]]:
        """Let the prober have a response, now; ``tag`` is that of From where it is not the probe's."""
        return self.prober.handle_response(make_response(branch, status, tag, more), hop, self.now)

    def drain(self) -> None:
        for datagram, hop in self.prober.outbox:
            branch = branch_of(datagram)
            self.sent.append((self.now, branch, hop))
            fate = self.fate(hop, self.now)
            if fate:
                heappush(self._wire, (self.now + fate[1], next(self._packets), fate[0], branch, hop))
        self.prober.outbox.clear()

    def note(self, transitions: list[Transition]) -> None:
        self.transitions += transitions
        detectors = {detector.trunk.name: detector for detector in self.board.detectors()}
        for transition in transitions:
            if transition.new is DOWN:
                detector = detectors[transition.trunk]
                assert detector.trunk.probe
                hop = self.hops[transition.trunk]
                unanswered = sum(1 for at, _, to in self.sent if to == hop and at > detector.alive_at)
                assert unanswered >= (detector.trunk.probe.misses or 8) or detector.refusals >= 3, (
                    "down without evidence"
                )

    def observe(self, code: str, *, alive: bool = False) -> None:
        self.note(self.board.observe(Sample("trunk-0", alive, code), self.now))

    def state(self) -> TargetState:
        return self.board.view.trunks["trunk-0"].state

    def when(self, state: TargetState) -> float:
        return next(t.at for t in self.transitions if t.new is state)

    def news(self) -> list[TargetState]:
        return [t.new for t in self.transitions]


def alive_until(death: float, then: Fate) -> Callable[[Hop, float], Fate]:
    """Answered before ``death``, and ``then`` from there on."""
    return lambda _hop, now: ANSWERED if now < death else then


def make_response(branch: str, status: int = 200, tag: str | None = None, more: str = "") -> Response:
    response = parse_message(
        (
            f"SIP/2.0 {status} As it is\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch={branch};rport=5060\r\n"
            f"From: <sip:callward@198.51.100.1>;tag={branch[7:] if tag is None else tag}\r\n"
            f"To: <sip:192.0.2.1>;tag=far\r\nCall-ID: {branch[7:]}@198.51.100.1\r\nCSeq: 1 OPTIONS\r\n{more}"
            "Content-Length: 0\r\n\r\n"
        ).encode()
    )
    assert isinstance(response, Response)
    return response


def branch_of(datagram: bytes) -> str:
    found = re.search(rb";branch=([^;]+)", datagram)
    assert found
    return found[1].decode()


# --------------------------------------------------------------------------- on the wire


def send_one(trunk: Trunk, local: Hop = LOCAL) -> Request:
    prober = Prober(Board([trunk], 0.0), {trunk.name: Hop("192.0.2.1", 5062)}, local, lambda: "tok3n")
    prober.handle_timer(prober.next_deadline())
    ((datagram, hop),) = prober.outbox
    assert hop[:2] == ("192.0.2.1", 5062)
    request = parse_message(datagram)
    assert isinstance(request, Request)
    return request


def test_probe_is_an_options_request_as_the_rfc_wants_it() -> None:
    request = send_one(Trunk("carrier-a", "sbc.carrier-a.example", 5062))
    assert request.start_line == "OPTIONS sip:sbc.carrier-a.example:5062 SIP/2.0"
    assert request.lines == [
        "Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKtok3n;rport",
        "Max-Forwards: 70",
        "From: <sip:callward@198.51.100.1:5060>;tag=tok3n",
        "To: <sip:sbc.carrier-a.example:5062>",
        "Call-ID: tok3n@198.51.100.1",
        "CSeq: 1 OPTIONS",
        "Contact: <sip:callward@198.51.100.1:5060>",
        "Accept: application/sdp",
        "Content-Length: 0",
    ]


def test_a_probe_comes_from_the_listener_that_reaches_its_trunk() -> None:
    trunks = [Trunk("inside", "10.0.0.9", 5060), Trunk("outside", "203.0.113.9", 5060), Trunk("gone", "10.0.0.8", 5060)]
    hops = {
        "inside": Hop("10.0.0.9", 5060),
        "outside": Hop("203.0.113.9", 5060, "udp", "outside"),
        "gone": Hop("10.0.0.8", 5060, "udp", "gone"),  # no listener of ours: never probed
    }
    outside = Hop("203.0.113.1", 5080, "udp", "outside")
    prober = Prober(Board(trunks, 0.0), hops, Hop("10.0.0.1", 5060), lambda: "tok3n", outside)
    prober.handle_timer(1.0)
    sent = {hop: parse_message(data).via for data, hop in prober.outbox}
    assert {hop: (via.host, via.port) for hop, via in sent.items()} == {
        hops["inside"]: ("10.0.0.1", 5060),
        hops["outside"]: ("203.0.113.1", 5080),
    }


def test_ipv6_addresses_stand_in_brackets() -> None:
    request = send_one(Trunk("carrier-a", "2001:db8::1", 5062), Hop("2001:db8::2", 5060))
    assert request.start_line == "OPTIONS sip:[2001:db8::1]:5062 SIP/2.0"
    assert request.get("via") == "SIP/2.0/UDP [2001:db8::2]:5060;branch=z9hG4bKtok3n;rport"
    assert request.get("call-id") == "tok3n@[2001:db8::2]"


def test_every_probe_has_a_branch_of_its_own() -> None:
    world = World(trunks=3)
    world.run(2.0)
    assert len({branch for _, branch, _ in world.sent}) == len(world.sent) > 20


# --------------------------------------------------------------------------- rhythm


def test_answered_trunk_is_probed_at_its_interval_and_up() -> None:
    world = World(spread=0.4)
    world.run(1.0)
    assert [at for at, _, _ in world.sent] == pytest.approx([0.1, 0.35, 0.6, 0.85], abs=JITTERED)
    assert world.news() == [UP]


def test_first_miss_starts_a_burst() -> None:
    world = World(spread=0.0)
    world.fate = alive_until(0.9, LOST)
    world.run(1.12)
    missed, *burst = [at for at, _, _ in world.sent if at > 0.9]
    assert missed == pytest.approx(1.0, abs=JITTERED)
    assert burst == pytest.approx([missed + 0.05, missed + 0.08, missed + 0.11])
    assert world.news() == [UP, SUSPECT]


def test_an_answer_ends_the_burst() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, now: LOST if 0.9 < now < 1.06 else ANSWERED
    world.run(1.6)
    missed, first, second, *regular = [at for at, _, _ in world.sent if at > 0.9]
    assert (first, second) == pytest.approx((missed + 0.05, missed + 0.08))
    assert regular == pytest.approx([1.25, 1.5], abs=JITTERED)
    assert world.news() == [UP, SUSPECT, UP]


def test_late_answer_is_a_sign_of_life_and_stretches_the_patience() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: ("answer", 0.3)
    world.run(10.0)
    assert [(t.new, t.at) for t in world.transitions] == [(SUSPECT, 0.2), (UP, 0.3)]


def test_down_trunk_is_probed_at_its_interval_and_comes_back_after_two_answers() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, now: LOST if 1.1 < now < 3.1 else ANSWERED
    world.run(3.1)
    assert world.state() is DOWN
    assert [at for at, _, _ in world.sent if at > 2.1] == pytest.approx([2.25, 2.5, 2.75, 3.0], abs=JITTERED)
    world.run(5.0)
    assert world.news() == [UP, SUSPECT, DOWN, UP]
    assert world.when(DOWN) < 2.1
    assert world.transitions[-1].at == pytest.approx(3.501, abs=JITTERED)


def test_trunk_that_never_answered_goes_down() -> None:
    world = World()
    world.fate = lambda _hop, _now: LOST
    world.run(2.0)
    assert world.news() == [SUSPECT, DOWN]


def test_silent_call_starts_a_burst_at_once() -> None:
    world = World(spread=0.0)
    world.run(1.1)
    world.observe("CALL_SILENT")
    assert world.prober.next_deadline() == 1.1
    world.run(1.2)
    assert world.news() == [UP, SUSPECT, UP]
    assert world.when(SUSPECT) == 1.1
    assert [at for at, _, _ in world.sent if at > 1.01] == pytest.approx([1.1])


def test_silent_call_to_a_dead_trunk_leads_to_down_in_half_a_second() -> None:
    world = World()
    world.run(1.0)
    world.fate = lambda _hop, _now: LOST
    world.run(1.1)
    world.observe("CALL_SILENT")
    world.run(1.1 + 16 * 0.03 + 0.02)
    assert world.state() is DOWN


def test_endless_silent_calls_cannot_make_the_prober_flood() -> None:
    world = World()
    for i in range(1000):
        world.run(1.0 + i * 0.001)
        world.observe("CALL_SILENT")
    assert sum(1 for at, _, _ in world.sent if at >= 1.0) <= 34


def test_calls_responded_to_keep_a_trunk_up_whose_probes_are_dropped() -> None:
    world = World()
    world.fate = lambda _hop, _now: LOST
    for i in range(1, 100):
        world.run(i * 0.1)
        world.observe("CALL_RESPONSE", alive=True)
    assert world.news() == [UP]


def test_unprobed_trunks_have_no_deadline() -> None:
    trunk = Trunk("carrier-a", "192.0.2.1", 5060, probe=None)
    board = Board([trunk], 0.0)
    prober = Prober(board, {"carrier-a": Hop("192.0.2.1", 5060)}, LOCAL, lambda: "x")
    board.observe(Sample("carrier-a", alive=False, code="CALL_SILENT"), 1.0)
    assert prober.next_deadline() == inf
    assert prober.handle_timer(5.0) == []
    assert prober.outbox == []


# --------------------------------------------------------------------------- detection times


def test_clean_silence_is_detected_within_800_ms_in_any_phase() -> None:
    rng = random.Random(1)
    worst = 0.0
    for _ in range(1000):
        world, death = World(spread=rng.random()), 0.5 + rng.random()
        world.fate = alive_until(death, LOST)
        world.run(death + 1.0)
        assert world.news() == [UP, SUSPECT, DOWN]
        worst = max(worst, world.when(DOWN) - death)
    assert worst <= 0.8


def test_closed_port_is_detected_within_40_ms_of_the_first_probe() -> None:
    rng = random.Random(2)
    for _ in range(200):
        world, death = World(spread=rng.random()), 0.5 + rng.random()
        world.fate = alive_until(death, REFUSED)
        world.run(death + 1.0)
        assert world.news() == [UP, SUSPECT, DOWN]
        first = next(at for at, _, _ in world.sent if at >= death)
        assert world.when(DOWN) - first <= 0.04
        assert world.transitions[-1].code == "PORT_CLOSED"


def test_call_into_a_closed_port_makes_it_down_within_40_ms() -> None:
    world = World(spread=0.0)
    world.run(1.1)
    world.fate = lambda _hop, _now: REFUSED
    world.observe("TRANSPORT_ERROR")
    world.run(2.0)
    assert world.when(DOWN) - 1.1 <= 0.04


@pytest.mark.parametrize(("jitter", "suspicions"), [(0.03, 0), (0.15, 24), (0.4, 60)])
def test_jittered_round_trips_raise_little_suspicion_and_no_more(jitter: float, suspicions: int) -> None:
    rng = random.Random(3)
    world = World(trunks=10)
    world.fate = lambda _hop, _now: ("answer", rng.uniform(0.001, jitter))
    world.run(60.0)
    assert DOWN not in world.news()
    assert world.news().count(SUSPECT) <= suspicions, f"of {len(world.sent)} probes"


def test_a_single_lost_probe_never_makes_a_trunk_down() -> None:
    rng = random.Random(4)
    world = World()
    world.fate = lambda _hop, _now: LOST if rng.random() < 0.05 else ("answer", 0.03)
    world.run(600.0)
    assert DOWN not in world.news()


# --------------------------------------------------------------------------- answers that do not count


def test_answers_with_a_wrong_branch_or_source_never_count() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    forged = 0
    for step in range(1, 200):
        world.run(step * 0.01)
        for _, branch, hop in world.sent[-3:]:
            for source in (("203.0.113.9", hop[1]), (hop[0], 5061)):
                assert world.answer(branch, source) == (True, [])
            assert world.answer(branch + "0", hop) == (False, [])
            forged += 3
    assert forged > 1000
    assert world.news() == [SUSPECT, DOWN]


def test_provisional_response_is_no_answer() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(0.1)
    ((_, branch, hop),) = world.sent
    assert world.answer(branch, hop, 100) == (True, [])
    assert world.state() is UNKNOWN
    assert world.answer(branch, hop)[1][0].new is UP


def test_answer_with_another_from_tag_never_counts() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(0.1)
    ((_, branch, hop),) = world.sent
    for tag in ("", "token1", "TOKEN0"):
        assert world.answer(branch, hop, tag=tag) == (True, [])
    assert world.answer(branch, hop)[1][0].new is UP


def test_only_2xx_is_alive_where_the_profile_says_so() -> None:
    world = World(spread=0.0, probe=Probe(alive_on=AliveOn.SUCCESS))
    world.fate = lambda _hop, _now: LOST
    world.run(0.01)
    _, branch, hop = world.sent[0]
    _, (suspect,) = world.answer(branch, hop, 503)
    assert (suspect.new, suspect.code) == (SUSPECT, "PROBE_503")
    world.run(0.04)
    _, branch, hop = world.sent[-1]
    _, (up,) = world.answer(branch, hop, 204)
    assert up.new is UP


@pytest.mark.parametrize(("auth", "state"), [(Auth("u", "p"), UP), (None, SUSPECT)])
def test_who_asks_for_credentials_that_we_have_is_alive_even_where_only_2xx_is(
    auth: Auth | None, state: TargetState
) -> None:
    world = World(spread=0.0, probe=Probe(alive_on=AliveOn.SUCCESS), auth=auth)
    world.fate = lambda _hop, _now: LOST
    world.run(0.01)
    _, branch, hop = world.sent[0]
    _, (news,) = world.answer(branch, hop, 407)
    assert news.new is state


def test_silence_is_nothing_where_calls_decide() -> None:
    world = World(probe=Probe(alive_on=AliveOn.CALLS_ONLY))
    world.fate = lambda _hop, now: ANSWERED if now < 1.0 else LOST
    world.run(60.0)
    assert world.news() == [UP]
    assert len(world.sent) == pytest.approx(240, abs=2), "and it brings no burst"


@pytest.mark.parametrize("status", [200, 302, 401, 404, 405, 486, 501, 503, 603])
def test_any_final_response_is_alive(status: int) -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(0.1)
    consumed, (up,) = world.answer(world.sent[0][1], world.sent[0][2], status)
    assert (consumed, up.new, up.code) == (True, UP, "PROBE_OK")
    assert f"PROBE_{status}" in up.why


def test_the_same_answer_twice_counts_once() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(3.1)
    assert world.state() is DOWN
    _, branch, hop = world.sent[-1]
    for _ in range(5):
        assert world.answer(branch, hop) == (True, [])
    assert world.state() is DOWN


def test_forged_errors_cannot_bring_an_answering_trunk_down() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: ("answer", 0.04)
    for step in range(1, 5000):
        world.run(step * 0.001)
        world.note(world.prober.handle_unreachable(None, Hop("192.0.2.0", 5060), world.now))
        world.note(world.prober.handle_unreachable("z9hG4bKguess", Hop("192.0.2.0", 5060), world.now))
    assert set(world.news()) == {SUSPECT, UP}


def test_error_about_another_hop_says_nothing() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(0.1)
    assert world.prober.handle_unreachable(world.sent[0][1], Hop("192.0.2.77", 5060), 0.1) == []
    assert world.prober.handle_unreachable(None, Hop("192.0.2.77", 5060), 0.1) == []


def test_one_probe_is_refused_once() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(0.01)
    _, branch, hop = world.sent[0]
    assert [t.new for t in world.prober.handle_unreachable(branch, hop, 0.01)] == [SUSPECT]
    assert world.prober.handle_unreachable(branch, hop, 0.01) == []
    assert world.prober.handle_unreachable(None, hop, 0.01) == []


def test_refused_probe_may_still_be_answered() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(0.01)
    _, branch, hop = world.sent[0]
    world.prober.handle_unreachable(branch, hop, 0.01)
    _, (up,) = world.answer(branch, hop)
    assert (up.old, up.new) == (SUSPECT, UP)


def test_error_about_an_answered_probe_says_nothing() -> None:
    world = World(spread=0.0)
    world.run(0.1)
    _, branch, hop = world.sent[0]
    assert world.prober.handle_unreachable(branch, hop, 0.1) == []


def test_errors_without_our_branch_raise_suspicion_and_never_confirm_it() -> None:
    world = World(spread=0.0)
    world.run(0.1)
    hop = world.sent[0][2]
    for step in range(2000):
        world.note(world.prober.handle_unreachable(None, hop, world.now))
        world.run(0.1 + step * 0.005)
    assert DOWN not in world.news(), "every probe was answered"
    assert SUSPECT in world.news()


def test_stalled_loop_does_not_look_like_dead_trunks() -> None:
    world = World(trunks=50)
    world.fate = lambda _hop, _now: ("answer", 0.15)
    world.run(2.0)
    world.now = 3.5  # the timer is seen first, while the answers that came meanwhile lie unread
    world.note(world.prober.handle_timer(3.5))
    world.drain()
    world.run(6.0)
    assert world.news() == [UP] * 50


def test_trunks_do_not_fall_into_step_after_a_stall() -> None:
    world = World(trunks=50)
    world.run(2.0)
    world.now = 3.5
    world.note(world.prober.handle_timer(3.5))
    world.drain()
    world.run(4.5)
    assert len({round(at, 3) for at, _, _ in world.sent if at > 4.0}) > 40


# --------------------------------------------------------------------------- reload


def test_reload_keeps_the_rhythm_of_old_trunks_and_starts_new_ones() -> None:
    world = World(trunks=2, spread=0.0)
    world.run(1.1)
    kept, new = world.trunks[0], Trunk("new", "192.0.2.50", 5060)
    world.board.update([kept, new], world.now)
    world.prober.update({kept.name: world.hops[kept.name], "new": Hop("192.0.2.50", 5060)}, world.now)
    world.run(1.6)
    after = [(at, hop[0]) for at, _, hop in world.sent if at >= 1.1]
    assert [host for _, host in after] == ["192.0.2.50", "192.0.2.0"] * 2 + (["192.0.2.50"] if len(after) > 4 else [])
    assert [at for at, _ in after[:4]] == pytest.approx([1.1, 1.25, 1.35, 1.5], abs=JITTERED)


def test_answer_to_a_trunk_that_moved_says_nothing_of_its_new_address() -> None:
    world = World(spread=0.0)
    world.fate = lambda _hop, _now: LOST
    world.run(0.1)
    _, branch, hop = world.sent[0]
    world.prober.update({"trunk-0": Hop("192.0.2.99", 5060)}, 0.1)
    assert world.answer(branch, hop) == (False, [])
    world.run(0.3)
    assert world.sent[-1][2] == Hop("192.0.2.99", 5060)
    assert world.news() == []


def test_trunk_without_an_address_waits_for_one() -> None:
    trunk = Trunk("carrier-a", "sbc.carrier-a.example", 5060)
    prober = Prober(Board([trunk], 0.0), {}, LOCAL, lambda: "x")
    assert prober.next_deadline() == inf
    prober.update({"carrier-a": Hop("192.0.2.1", 5060)}, 7.0)
    assert prober.next_deadline() == 7.0


def test_timeout_longer_than_the_memory_of_answers_is_still_a_miss() -> None:
    world = World(probe=Probe(every=0.25, timeout=5.0), spread=0.0)
    world.fate = alive_until(1.1, LOST)
    world.run(8.0)
    assert world.news() == [UP, SUSPECT, DOWN]


def test_memory_of_probes_is_bounded() -> None:
    world = World(trunks=3)
    world.fate = lambda hop, _now: LOST if hop[0].endswith("1") else ANSWERED
    world.run(100.0)
    assert len(world.sent) > 1000
    assert len(world.prober._sent) <= 3 * 12
    assert len(world.prober._deadlines._heap) <= 3 * 3


# --------------------------------------------------------------------------- properties

FATES = st.lists(
    st.one_of(
        st.just(LOST),
        st.just(REFUSED),
        st.tuples(st.just("answer"), st.floats(0.0, 0.6)),
        st.tuples(st.just("refuse"), st.floats(0.0, 0.6)),
    ),
    min_size=1,
    max_size=12,
)
CALLS = st.lists(
    st.tuples(st.floats(0.0, 0.5), st.sampled_from(["CALL_SILENT", "CALL_RESPONSE", "TRANSPORT_ERROR"])), max_size=20
)


@given(FATES, CALLS, st.floats(0.0, 1.0))
def test_whatever_happens_the_prober_goes_on_and_needs_evidence_for_down(  # see World.note
    fates: list[Fate], calls: list[tuple[float, str]], spread: float
) -> None:
    world = World(spread=spread)
    sequence = count()
    world.fate = lambda _hop, _now: fates[next(sequence) % len(fates)]
    for pause, code in [*calls, (3.0, "CALL_SILENT")]:
        for _ in range(int(pause / 0.05) + 1):
            world.run(world.now + min(pause, 0.05))  # asserts that no deadline lies in the past
            assert world.prober.next_deadline() <= world.now + 1.15 * 0.25 + 1e-9
        world.observe(code, alive=code == "CALL_RESPONSE")
    for before, after in pairwise(world.transitions):
        assert after.old is before.new

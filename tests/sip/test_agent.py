from __future__ import annotations

from math import inf

import pytest

from controller.engine import Engine
from controller.types import Chain, Dialplan, Listen, Path, Route, Stage, Target, Trunk
from sip.agent import Agent, CallState, Script
from sip.element import Element
from sip.endpoint import Core
from sip.seal import KEY_BYTES, Seal
from sip.transaction import Hop

DELAY = 0.001  # seconds one way
ALICE, BOB, PROXY, OTHER = (Hop(f"127.0.0.{n}", 5060) for n in (1, 2, 3, 4))


class Link:
    """A network without loss between cores, and the time they live in."""

    def __init__(self, cores: dict[Hop, Core]) -> None:
        self.cores = cores
        self.now = 0.0
        self.wire: list[tuple[float, Hop, Hop, bytes]] = []  # when it arrives, from, to, what
        self.sent: list[tuple[float, Hop, bytes]] = []  # everything ever sent
        self.lose: set[bytes] = set()  # what starts like this, or has such a status line, is lost

    def run(self, until: float) -> None:
        for _ in range(100_000):
            self._collect()
            due = min([when for when, *_ in self.wire] + [core.next_deadline() for core in self.cores.values()])
            if due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            for core in self.cores.values():
                if core.next_deadline() <= self.now:
                    core.handle_timer(self.now)
            arrived = [packet for packet in self.wire if packet[0] <= self.now]
            self.wire = [packet for packet in self.wire if packet[0] > self.now]
            for _, source, to, data in arrived:
                if to in self.cores:
                    self.cores[to].receive(data, source, self.now)
        pytest.fail("the link never comes to rest")

    def _collect(self) -> None:
        for hop, core in self.cores.items():
            for data, to in core.outbox:
                self.sent.append((self.now, hop, data))
                if not any(data.startswith(start) for start in self.lose):
                    self.wire.append((self.now + DELAY, hop, to, data))
            core.outbox.clear()

    def count(self, start: bytes) -> int:
        return sum(data.startswith(start) for _, _, data in self.sent)


def pair(script: Script | None = None) -> tuple[Agent, Agent, Link]:
    alice, bob = Agent("alice", ALICE), Agent("bob", BOB, script)
    return alice, bob, Link({ALICE: alice, BOB: bob})


def dial(alice: Agent, link: Link) -> str:
    return alice.place_call("sip:100@127.0.0.2", BOB, link.now)


ANSWERS = Script(ring_after=0.1, answer_after=1.0)


def test_a_call_rings_is_answered_and_hung_up() -> None:
    alice, bob, link = pair(ANSWERS)
    call = dial(alice, link)
    link.run(0.5)
    assert [ringing.id for ringing in bob.ringing] == [call]
    link.run(2.0)
    alice.hang_up(call, link.now)
    link.run(3.0)
    assert alice.story(call) == ["placed", "trying", "ringing", "answered", "hung up", "bye 200"]
    assert bob.story(call) == ["invited", "ringing", "answered", "acked", "ended"]
    assert bob.find(call).rang == pytest.approx(0.101)
    assert bob.find(call).answered == pytest.approx(1.001)
    assert len(alice.find(call).finals) == 1
    assert not bob.ringing
    assert not bob.talking


def test_everything_is_forgotten_in_the_end() -> None:
    alice, bob, link = pair(ANSWERS)
    call = dial(alice, link)
    link.run(2.0)
    alice.hang_up(call, link.now)
    link.run(200.0)
    assert alice.next_deadline() == bob.next_deadline() == inf
    assert (alice.find(call).state, bob.find(call).state) == (CallState.ENDED, CallState.ENDED)


def test_a_phone_that_is_not_told_to_answer_rings_for_ever() -> None:
    alice, bob, link = pair()
    call = dial(alice, link)
    link.run(3600.0)
    assert alice.story(call) == ["placed", "trying", "ringing"]
    assert len(bob.ringing) == 1


def test_the_200_is_repeated_until_the_ack() -> None:
    alice, bob, link = pair(Script(answer_after=0.0))
    link.lose = {b"ACK"}
    call = dial(alice, link)
    link.run(2.0)
    assert bob.story(call) == ["invited", "ringing", "answered"]
    assert link.count(b"SIP/2.0 200") == 3  # at 0, 0.5 and 1.5 s
    link.lose.clear()
    link.run(4.0)
    assert bob.story(call)[-1] == "acked"
    repeats = link.count(b"SIP/2.0 200")
    link.run(40.0)
    assert link.count(b"SIP/2.0 200") == repeats
    assert alice.story(call).count("answered") == 1
    assert len(alice.find(call).finals) == 1


def test_a_200_that_is_never_acked_ends_in_a_bye() -> None:
    alice, bob, link = pair(Script(answer_after=0.0))
    link.lose = {b"ACK"}
    call = dial(alice, link)
    link.run(40.0)
    assert bob.story(call)[-3:] == ["never acked", "hung up", "bye 200"]
    assert alice.story(call)[-1] == "ended"


def test_a_cancelled_phone_stops_ringing() -> None:
    alice, bob, link = pair()
    call = dial(alice, link)
    link.run(1.0)
    alice.cancel(call, link.now)
    link.run(2.0)
    assert alice.story(call)[-2:] == ["cancelling", "final 487"]
    assert bob.story(call)[-1] == "cancelled"
    assert not bob.ringing


def test_a_cancel_waits_for_the_first_provisional() -> None:
    alice, bob, link = pair(Script(trying=False, ring_after=2.0))
    call = dial(alice, link)
    link.run(0.5)
    alice.cancel(call, link.now)
    link.run(1.9)
    assert link.count(b"CANCEL") == 0
    link.run(3.0)
    assert link.count(b"CANCEL") == 1
    assert bob.story(call) == ["invited", "ringing", "cancelled"]
    assert alice.find(call).status == 487


def test_a_200_that_crosses_the_cancel_is_hung_up_by_the_caller() -> None:
    alice, bob, link = pair(Script(answer_cancelled=0.3))
    call = dial(alice, link)
    link.run(1.0)
    alice.cancel(call, link.now)
    link.run(3.0)
    assert bob.story(call) == ["invited", "ringing", "cancelled", "answered", "acked", "ended"]
    assert alice.story(call)[-4:] == ["cancelling", "answered", "hung up", "bye 200"]


def test_a_rejection_reaches_the_caller() -> None:
    alice, bob, link = pair(Script(ring_after=None, reject=486, reject_after=0.2))
    call = dial(alice, link)
    link.run(1.0)
    assert alice.story(call) == ["placed", "trying", "final 486"]
    assert bob.story(call) == ["invited", "rejected 486"]


def test_a_silent_phone_hears_but_says_nothing() -> None:
    alice, bob, link = pair(Script(silent=True))
    call = dial(alice, link)
    link.run(100.0)
    assert bob.story(call) == ["invited"]
    assert alice.story(call) == ["placed", "timed out"]
    assert link.count(b"SIP/2.0") == 0
    assert bob.find(call).state is CallState.ENDED


def test_the_first_datagrams_of_a_call_can_get_lost() -> None:
    alice, bob, link = pair(Script(drop_invites=2, answer_after=0.0))
    call = dial(alice, link)
    link.run(3.0)
    assert bob.find(call).started == pytest.approx(1.5 + DELAY)  # the third INVITE: 0, 0.5, 1.5 s
    assert alice.find(call).status == 200


def test_a_dead_phone_ignores_everything_and_comes_back_empty() -> None:
    alice, bob, link = pair(Script(answer_after=5.0))
    first = dial(alice, link)
    link.run(1.0)
    bob.die(link.now)
    second = dial(alice, link)
    link.run(10.0)
    assert not bob.ringing
    assert alice.find(first).state is CallState.RINGING  # nobody tells the caller
    assert alice.find(second).state is CallState.INVITED
    bob.revive(link.now)
    bob.script = Script(answer_after=0.0)
    third = dial(alice, link)
    link.run(11.0)
    assert alice.find(third).state is CallState.ANSWERED
    assert [event.what for event in bob.events if not event.call] == ["died", "revived"]


def test_a_phone_can_hang_up_by_itself() -> None:
    alice, bob, link = pair(Script(answer_after=0.0, hang_up_after=2.0))
    call = dial(alice, link)
    link.run(3.0)
    assert bob.story(call)[-3:] == ["acked", "hung up", "bye 200"]
    assert alice.story(call)[-1] == "ended"


def test_a_callee_hangs_up_only_after_the_ack() -> None:
    alice, bob, link = pair(Script(answer_after=0.0))
    call = dial(alice, link)
    link.run(DELAY)
    bob.hang_up(call, link.now)
    assert not any(data.startswith(b"BYE") for data, _ in bob.outbox)
    link.run(1.0)
    assert bob.story(call)[-3:] == ["acked", "hung up", "bye 200"]


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_either_side_can_reinvite(who: str) -> None:
    alice, bob, link = pair(Script(answer_after=0.0))
    call = dial(alice, link)
    link.run(1.0)
    asking, asked = (alice, bob) if who == "alice" else (bob, alice)
    asking.reinvite(call, link.now)
    link.run(5.0)
    assert asking.story(call)[-1] == "reinvite 200"
    assert asked.story(call)[-1] == "reinvited"
    assert link.count(b"SIP/2.0 200") == 2  # one for each INVITE: both were acked
    assert len(alice.find(call).finals) == 1


def test_the_same_call_by_another_path_is_merged_or_rings_again() -> None:
    for refuse, finals in ((True, [482]), (False, [])):
        _, bob, link = pair(Script(refuse_merged=refuse))
        alice = Agent("alice", ALICE)
        alice.place_call("sip:100@127.0.0.2", BOB, 0.0)
        data = alice.outbox[0][0]
        bob.receive(data, ALICE, 0.0)
        bob.receive(data.replace(b"alice-branch-", b"alice-fork-"), ALICE, 0.0)
        sent = [int(data[8:11]) for data, _ in bob.outbox]
        assert [status for status in sent if status >= 200] == finals
        assert len(bob.ringing) == 2 - len(finals)
        del link


def test_each_user_behind_an_agent_can_have_a_script_of_its_own() -> None:
    alice, bob, link = pair(Script(answer_after=0.0))
    bob.scripts["200"] = Script(ring_after=None, reject=486)
    calls = [alice.place_call(f"sip:{user}@127.0.0.2", BOB, 0.0) for user in ("100", "200")]
    link.run(1.0)
    assert [alice.find(call).status for call in calls] == [200, 486]
    assert [call.user for call in bob.calls] == ["100", "200"]


def test_options_are_answered_as_the_script_says() -> None:
    _, bob, _ = pair()
    lines = "OPTIONS sip:127.0.0.2 SIP/2.0|Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{}|From: <sip:a@b>;tag=1|"
    lines += "To: <sip:127.0.0.2>|Call-ID: x|CSeq: 1 OPTIONS|Max-Forwards: 70|Content-Length: 0||"
    for number, status in enumerate((200, 503, 0)):
        bob.script = Script(options=status)
        bob.receive(lines.format(number).replace("|", "\r\n").encode(), ALICE, 0.0)
    assert [data[8:11] for data, _ in bob.outbox] == [b"200", b"503"]


def test_what_belongs_to_no_call_is_refused() -> None:
    alice, bob, link = pair(Script(answer_after=0.0))
    call = dial(alice, link)
    link.run(1.0)
    bob.die(link.now)
    bob.revive(link.now)
    alice.hang_up(call, link.now)
    link.run(2.0)
    assert alice.story(call)[-1] == "bye 481"


def test_a_caller_learns_that_nobody_is_there() -> None:
    alice, _, link = pair()
    call = dial(alice, link)
    data, hop = alice.outbox[0]
    alice.unreachable(data, hop, 0.01)
    assert alice.story(call) == ["placed", "unreachable"]
    assert alice.find(call).status == 503


def test_a_second_answer_is_acked_and_hung_up() -> None:
    alice, _, link = pair(Script(answer_after=0.0))
    call = dial(alice, link)
    link.run(1.0)
    answer = next(data for _, hop, data in link.sent if hop == BOB and data.startswith(b"SIP/2.0 200"))
    alice.receive(answer.replace(b"tag=bob-tag-1", b"tag=second"), BOB, link.now)
    assert alice.story(call)[-1] == "answered again"
    assert [data[:4] for data, _ in alice.outbox] == [b"ACK ", b"BYE "]
    assert all(b";tag=second" in data for data, _ in alice.outbox)
    assert len(alice.find(call).finals) == 2


def test_the_same_input_gives_the_same_bytes() -> None:
    journeys = []
    for _ in range(2):
        alice, _, link = pair(ANSWERS)
        dial(alice, link)
        link.run(5.0)
        journeys.append(link.sent)
    assert journeys[0] == journeys[1]


def test_garbage_does_not_disturb_an_agent() -> None:
    _, bob, _ = pair(Script(drop_invites=1))
    for data in (b"", b"\r\n\r\n", b"INVITE ", b"SIP/2.0 200", b"SIP/2.0 2xx x\r\n\r\n", bytes(range(256))):
        bob.receive(data, ALICE, 0.0)
    assert not bob.outbox
    assert not bob.events


# -- through the real engine


def _dialplan() -> Dialplan:
    trunks = {name: Trunk(name, hop.host, hop.port, probe=None) for name, hop in (("one", BOB), ("two", OTHER))}
    targets = {
        name: Target(name, (Path(f"{name} via {name}", name, name, f"sip:100@{trunk.host}"),))
        for name, trunk in trunks.items()
    }
    chain = Chain("sales", tuple(Stage((target,)) for target in targets.values()))
    return Dialplan("v", (Listen(*PROXY[:2]),), trunks, {"sales": chain}, {}, Route("*", "sales"))


def _through_the_engine(one: Script, two: Script) -> tuple[Agent, Agent, Agent, Link]:
    hops = {"one": BOB, "two": OTHER}
    element = Element(PROXY, b"k" * 32, Seal({"1": b"s" * KEY_BYTES}, "1"))
    engine = Engine(_dialplan(), element, hops, 0.0, token=lambda: "token")
    alice, bob, carol = Agent("alice", ALICE), Agent("bob", BOB, one), Agent("carol", OTHER, two)
    return alice, bob, carol, Link({ALICE: alice, BOB: bob, OTHER: carol, PROXY: engine})


def test_the_engine_carries_a_whole_call_between_agents() -> None:
    alice, bob, carol, link = _through_the_engine(ANSWERS, ANSWERS)
    call = alice.place_call("sip:+15557000@127.0.0.3", PROXY, 0.0)
    link.run(2.0)
    alice.reinvite(call, link.now)
    link.run(3.0)
    bob.hang_up(call, link.now)
    link.run(4.0)
    assert alice.story(call) == ["placed", "trying", "ringing", "answered", "reinvite 200", "ended"]
    assert bob.story(call) == ["invited", "ringing", "answered", "acked", "reinvited", "hung up", "bye 200"]
    assert not carol.calls


def test_the_engine_goes_on_to_the_next_agent_when_one_is_dead() -> None:
    alice, bob, carol, link = _through_the_engine(ANSWERS, Script(answer_after=0.5))
    bob.die(0.0)
    call = alice.place_call("sip:+15557000@127.0.0.3", PROXY, 0.0)
    link.run(5.0)
    alice.hang_up(call, link.now)
    link.run(6.0)
    assert carol.story(call) == ["invited", "ringing", "answered", "acked", "ended"]
    assert carol.find(call).rang == pytest.approx(0.25 + 2 * DELAY)  # the hedge
    assert [status for status, _ in alice.find(call).finals] == [200]

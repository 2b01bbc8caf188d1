"""Calls of our own, in virtual time: the whole engine, and whoever is called behind each trunk."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.scenario.network import Link, Port
from controller.types import CallOrder, CallState, Identity, PlacedNews, Show
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import AFTERMATH, World

NUMBER = "+15550142"
ORDER = CallOrder("c1:5:1", NUMBER, ("t1", "t2"), "+15557000", ring=10.0, within=30.0, hold=5.0)


class Ordered(World):
    """A world that keeps what became of calls of our own."""

    def __init__(self, *, seed: int = 0, link: Link | None = None) -> None:
        super().__init__(stage("anna/t1,t2"), seed=seed, link=link)
        self.news: list[tuple[float, str, str]] = []

    def place(self, order: CallOrder = ORDER) -> str:
        why = self.engine.place(order, self.now)
        self.network.settle(self.engine.element.local)
        return why

    def withdraw(self, key: str = ORDER.key) -> None:
        self.engine.withdraw_call(key, self.now)
        self.network.settle(self.engine.element.local)

    def _take_news(self) -> None:
        for item in self.engine.news:
            if isinstance(item, PlacedNews):
                self.news.append((round(self.now, 1), str(item.state), item.cause))
        super()._take_news()

    def let_pass(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.run_until(self.now + 0.1)

    def states(self) -> list[tuple[str, str]]:
        return [(state, cause) for _, state, cause in self.news]

    def check_over(self) -> None:
        """Nothing is left of it anywhere."""
        self.run_until(self.now + AFTERMATH)
        self.check_empty()
        assert not len(self.engine.placer)
        assert not len(self.engine.placer._layer)
        assert not any(trunk.ringing or trunk.talking for trunk in self.trunks.values())


def test_whoever_answers_hears_it_and_is_hung_up_on() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(ring_after=0.2, answer_after=3.0))
    assert world.place() == ""
    world.let_pass(10.0)
    assert world.states() == [("ringing", ""), ("answered", ""), ("ended", "")]
    (call,) = world.rang(NUMBER)
    assert world.trunks["t1"].story(call) == ["invited", "ringing", "answered", "acked", "ended"]
    assert call.answered is not None
    assert call.ended is not None
    assert call.ended - call.answered == pytest.approx(5.0, abs=0.5)
    assert "+15557000@" in call.remote
    world.check_over()


def test_the_next_trunk_has_its_turn_as_for_any_call() -> None:
    world = Ordered()
    world.trunks["t1"].scripts[NUMBER] = Script(reject=503)
    world.trunks["t2"].scripts[NUMBER] = Script(answer_after=1.0)
    world.place()
    world.let_pass(2.0)
    assert [state for state, _ in world.states()] == ["ringing", "answered"]
    (record,) = (record for records in world.records.values() for record in records)
    assert [attempt.path for attempt in record.attempts] == ["calls of our own via t1", "calls of our own via t2"]
    assert record.offer.did == NUMBER
    assert record.offer.ours
    world.let_pass(5.0)
    world.check_over()


def test_a_silent_trunk_costs_a_quarter_of_a_second() -> None:
    world = Ordered()
    world.set_port("t1", Port.GONE)
    world.behave(NUMBER, Script(answer_after=0.0))
    world.place()
    world.let_pass(1.0)
    assert world.states()[-1] == ("answered", "")


def test_a_busy_person_is_busy_on_all_trunks() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(ring_after=None, reject=486))
    world.place()
    world.let_pass(1.0)
    assert world.states() == [("failed", "486")]
    assert len(world.rang(NUMBER)) == 1
    world.check_over()


def test_nobody_is_left_ringing() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(ring_after=0.1))
    world.place(replace(ORDER, ring=60.0))
    world.let_pass(31.0)
    assert world.states() == [("ringing", ""), ("failed", "480")]
    (call,) = world.rang(NUMBER)
    assert call.cancelled
    world.check_over()


def test_who_hangs_up_ends_it() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(answer_after=0.5, hang_up_after=1.0))
    world.place()
    world.let_pass(3.0)
    assert [state for state, _ in world.states()] == ["ringing", "answered", "ended"]
    (call,) = world.rang(NUMBER)
    assert world.trunks["t1"].story(call)[-2:] == ["hung up", "bye 200"]
    world.check_over()


def test_the_same_key_calls_once() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(answer_after=0.5))
    assert world.place() == ""
    assert world.place() == ""
    world.let_pass(8.0)
    assert world.place() == ""
    world.let_pass(2.0)
    assert len(world.rang(NUMBER)) == 1
    assert world.engine.placer.look_up(ORDER.key) == PlacedNews(ORDER.key, CallState.ENDED)
    assert world.engine.placer.look_up("another") is None


def test_a_call_over_no_trunk_fails_at_once() -> None:
    world = Ordered()
    world.place(replace(ORDER, trunks=("gone",)))
    world.let_pass(0.5)
    assert [state for state, _ in world.states()] == ["failed"]
    world.check_over()


def test_trunks_see_the_callers_number_as_they_want_it() -> None:
    world = Ordered()
    world.show(Identity(Show.OWN, number="+15557009"))
    world.behave(NUMBER, Script(answer_after=0.5))
    world.place()
    world.let_pass(1.0)
    (call,) = world.rang(NUMBER)
    assert "+15557000@" in call.remote  # it is one of ours; that of the trunk is for who has none
    world.let_pass(6.0)
    world.check_over()


@pytest.mark.parametrize("seed", range(8))
def test_a_bad_network_loses_nobody(seed: int) -> None:
    world = Ordered(seed=seed, link=Link(delay=0.05, jitter=0.05, loss=0.15))
    world.behave(NUMBER, Script(ring_after=0.2, answer_after=2.0))
    world.place()
    world.let_pass(40.0)
    assert world.states()[-1] in [("ended", ""), ("failed", "408"), ("failed", "480")]
    world.check_over()


def test_nobody_from_outside_can_speak_for_us() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(ring_after=0.1))
    world.place()
    world.let_pass(0.5)
    engine = world.engine
    assert not engine.receive(b"BYE sip:x SIP/2.0\r\n\r\n", engine.placer.hop, world.now)


def test_a_call_that_is_taken_back_rings_no_more() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(ring_after=0.2))
    world.place()
    world.let_pass(2.0)
    world.withdraw()
    world.withdraw()
    world.let_pass(1.0)
    assert world.states() == [("ringing", ""), ("failed", "WITHDRAWN")]
    (call,) = world.rang(NUMBER)
    assert call.cancelled
    world.withdraw()  # it is over
    assert world.place() == ""  # and its key calls nobody again
    world.let_pass(1.0)
    assert len(world.rang(NUMBER)) == 1
    world.check_over()


def test_what_is_taken_back_before_it_is_ordered_calls_nobody() -> None:
    world = Ordered()
    world.behave(NUMBER, Script(answer_after=0.0))
    world.withdraw()
    assert world.place() == ""
    known = world.engine.placer.look_up(ORDER.key)
    assert known is not None
    assert (known.state, known.cause) == (CallState.FAILED, "WITHDRAWN")
    world.let_pass(5.0)
    assert not world.rang(NUMBER)
    assert not world.news
    world.check_over()


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.3, 0.6, 1.0, 1.1, 2.5, 7.0])
def test_whenever_it_is_taken_back_no_call_is_left(moment: float) -> None:
    world = Ordered(seed=7, link=Link(loss=0.2, delay=0.02, jitter=0.05))
    world.behave(NUMBER, Script(ring_after=0.3, answer_after=1.0))
    world.place()
    world.let_pass(moment)
    world.withdraw()
    world.let_pass(15.0)
    state, cause = world.states()[-1]
    assert (state, cause) in {("ended", ""), ("failed", "WITHDRAWN")}
    assert (state == "ended") == ("answered" in [each for each, _ in world.states()])
    world.check_over()

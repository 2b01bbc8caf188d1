"""Names with several addresses, and what DNS says of them, through the whole engine in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.resolver.book import Book, NameNews
from controller.resolver.question import Answer, Found, LookupFailed
from controller.rules.expand import expand
from controller.scenario.network import Port
from controller.types import Address, Chain, Dialplan, Dns, Page, Path, Stage, Target, TargetState, Trunk
from sip.agent import Script
from sip.transaction import Hop
from tests.playbook import stage
from tests.sim.world import ENGINE, World

ANSWERS = Script(ring_after=0.1, answer_after=1.0, hang_up_after=3.0)
TEN_MINUTES = 600.0


class Town:
    """A world whose one trunk has a name; the boxes one, two and wrong are where it may lead."""

    def __init__(self, *boxes: str, seed: int = 1) -> None:
        self.world = World(stage("anna/one,two,wrong"), seed=seed)
        self.world.behave("anna", ANSWERS)
        path = Path("anna via carrier", "anna", "carrier", "sip:anna@sbc.example")
        plan = self.world.engine.switchboard.dialplan
        carrier = Trunk("carrier", "sbc.example", 5060, service=("udp",))
        chain = Chain("sales", (Stage((Target("anna", (path,)),)),))
        self.plan: Dialplan = replace(plan, trunks={"carrier": carrier}, chains={"sales": chain}, dns=Dns(least=5.0))
        self.book = Book()
        self.book.follow(self.plan, self.world.now)
        (self.question,) = self.book.beliefs
        self.news: list[NameNews] = []
        self.hears(self.answer(*boxes))

    def address(self, box: str, rank: int = 0) -> Address:
        return Address(*self.world.hops[box][:3], rank=rank)

    def answer(self, *boxes: str, ttl: float = 30.0) -> Answer:
        return Answer(tuple(self.address(box, rank) for rank, box in enumerate(boxes)), ttl)

    def hears(self, what: Found) -> None:
        """What the keeper does with an answer, or a failure."""
        engine, now = self.world.engine, self.world.now
        self.use(self.book.take({self.question: what}, engine.living(), now))

    def use(self, news: list[NameNews]) -> None:
        self.news += news
        if any(item.old != item.new for item in news):
            plan = expand(self.plan, self.book.addresses())
            hops = {name: Hop(trunk.host, trunk.port, trunk.transport) for name, trunk in plan.trunks.items()}
            self.world.engine.reload(plan, hops, self.world.now)
            self.world.network.settle(ENGINE)

    def spend(self, seconds: float, what: Found) -> None:
        """Time passes; whenever the name is due, DNS says this."""
        world, end = self.world, self.world.now + seconds
        while world.now < end:
            world.run_until(world.now + 1.0)
            self.use(self.book.review(world.engine.living(), world.now))
            if self.book.due(world.now):
                self.hears(what)

    def call(self) -> tuple[str | None, int]:
        """The winner of a call, and how many attempts it took."""
        call = self.world.call()
        while not self.world.records.get(call):
            self.world.run_until(self.world.now + 0.5)
        record = self.world.record(call)
        return record.winner, len(record.attempts)

    def name(self, box: str) -> str:
        hop = self.world.hops[box]
        return f"carrier/{hop.host}:{hop.port}"

    def sent_to(self, box: str) -> int:
        """Packets of calls."""
        hop = self.world.hops[box]
        return sum(packet.target == hop for packets in self.world.packets.values() for packet in packets)


@pytest.mark.parametrize("illness", ["lost", "nobody", "lies", "lies about one", "lies with TTL 0"])
def test_no_call_changes_while_a_resolver_is_ill_for_ten_minutes(illness: str) -> None:
    town = Town("one")
    lie = town.answer("wrong", ttl=0.0 if illness.endswith("0") else 30.0)
    what: Found = {
        "lost": LookupFailed("no DNS server answered in time"),
        "nobody": LookupFailed("the name does not exist"),
    }.get(illness, lie)
    town.spend(3.0, town.answer("one"))
    for minute in range(int(TEN_MINUTES / 60)):
        town.spend(56.0, town.answer("two") if illness == "lies about one" and minute % 2 else what)
        assert town.call() == ("anna via carrier", 1)
    assert town.sent_to("wrong") == town.sent_to("two") == 0
    assert [(item.lost, item.old, item.new) for item in town.news[1:]] == [(True, (), ())]  # told once
    town.spend(65.0, town.answer("one"))
    assert not town.news[-1].lost
    assert town.call() == ("anna via carrier", 1)


def test_a_carrier_that_moved_because_its_old_place_is_dead_is_followed_within_seconds() -> None:
    town = Town("one")
    town.spend(60.0, town.answer("one"))
    town.world.set_port("one", Port.GONE)
    town.spend(10.0, town.answer("two"))
    assert town.call() == ("anna via carrier", 1)
    assert town.sent_to("two")


def test_the_second_address_takes_the_call_of_a_silent_one_and_then_all() -> None:
    town = Town("one", "two")
    town.spend(3.0, town.answer("one", "two"))
    assert town.call() == (f"anna via {town.name('one')}", 1)
    town.world.set_port("one", Port.GONE)
    assert town.call() == (f"anna via {town.name('two')}", 2)
    assert town.call() == (f"anna via {town.name('two')}", 1)
    assert town.world.engine.board.view.trunks["carrier"].state is TargetState.UP


def test_nobody_is_paged_before_all_addresses_are_down() -> None:
    town = Town("one", "two")
    town.spend(3.0, town.answer("one", "two"))
    town.world.set_port("one", Port.GONE)
    town.spend(20.0, town.answer("one", "two"))
    assert town.world.pages == []
    town.world.set_port("two", Port.GONE)
    town.spend(20.0, town.answer("one", "two"))
    assert [page.trunk for page in town.world.pages if isinstance(page, Page)] == [town.name("two")]
    assert town.world.engine.board.view.trunks["carrier"].state is TargetState.DOWN


def test_an_address_keeps_what_is_known_of_it_when_another_one_comes() -> None:
    town = Town("one")
    town.spend(10.0, town.answer("one"))
    before = town.world.engine.board.view.trunks["carrier"]
    town.hears(town.answer("one", "two"))
    after = town.world.engine.board.view.trunks[town.name("one")]
    assert (after.state, after.since) == (TargetState.UP, before.since)
    assert town.world.engine.board.view.trunks[town.name("two")].state is TargetState.UNKNOWN


def test_a_call_that_rings_goes_on_when_its_address_gets_another_name_or_leaves() -> None:
    town = Town("one")
    town.world.behave("anna", Script(ring_after=0.1, answer_after=5.0, hang_up_after=3.0))
    town.spend(3.0, town.answer("one"))
    call = town.world.call()
    town.spend(1.0, town.answer("one"))
    town.hears(town.answer("one", "two"))
    town.spend(1.0, town.answer("one", "two"))
    town.world.set_port("two", Port.GONE)
    town.world.calm()
    assert town.world.winner(call) == "anna via carrier"


def test_drained_is_drained_whatever_comes_to_the_name() -> None:
    town = Town("one")
    town.spend(3.0, town.answer("one"))
    town.world.engine.drain("carrier", town.world.now)
    town.hears(town.answer("two", "one"))
    scores = town.world.engine.scores
    assert all(scores.is_parked(town.name(box)) for box in ("one", "two"))
    assert town.world.engine.undrain("carrier", town.world.now)
    assert not any(scores.is_parked(town.name(box)) for box in ("one", "two"))


def test_a_slip_in_a_zone_file_delays_no_call() -> None:
    town = Town("one")
    town.world.set_port("wrong", Port.GONE)
    town.spend(3.0, town.answer("one"))
    town.hears(town.answer("wrong", "one"))
    assert town.call() == (f"anna via {town.name('one')}", 1)  # at once, before any probe could tell
    town.spend(5.0, town.answer("wrong", "one"))
    assert town.call() == (f"anna via {town.name('one')}", 1)
    town.world.set_port("wrong", Port.OPEN)
    town.spend(5.0, town.answer("wrong", "one"))
    assert town.book.addresses()["carrier"] == (town.address("wrong", 0), town.address("one", 1))

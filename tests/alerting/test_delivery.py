"""Incidents and their delivery together, over a network that fails, restarts and a clock that is set: nobody is told twice of the
same, nobody hears of the end first, and in the end everybody who was told knows that it is over."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.alerting.incidents import Alerting
from controller.alerting.notices import make_notice
from controller.alerting.outbox import Again, Done, Outbox, Result
from controller.alerting.words import Tell, What
from controller.types.alerts import AlertRoute, Kind, Match, Step
from tests.alerting.stage import World, labels_of, route

TRUNKS = labels_of(6, 2)
NAMES = st.lists(st.sampled_from([*TRUNKS]), min_size=1, max_size=6, unique=True)
PEOPLE = ("oncall", "chat", "boss", "manager", "desk")
ROUTES = (route("all", ("oncall", "chat", "manager"), escalate=(Step(60.0, ("boss",)),)),)
OTHERS = (
    route("trunks", ("chat", "desk"), match=Match(kinds=frozenset((Kind.TRUNK,))), escalate=(Step(30.0, ("boss",)),)),
    route("rest", ("desk",)),
)
ANSWERS: dict[str, Result] = {
    "takes it": Done(),
    "fails": Again("503"),
    "is busy": Again("429", 45.0),
    "refuses": Again("403", refused=True),
}


@dataclass
class Wired(World):
    """A world in which people are told over a network."""

    box: Outbox = field(default_factory=Outbox)
    put: dict[tuple[str, str], list[What]] = field(default_factory=lambda: defaultdict(list))

    def take(self, tells: Iterable[object]) -> None:
        """Have it delivered."""
        for tell in tells:
            assert isinstance(tell, Tell)
            self.put[tell.notifier, tell.incident.id].append(tell.what)
            self.box.put(tell.notifier, tell.what, make_notice(tell.incident, tell.what), self.now)


class Delivery(RuleBasedStateMachine):
    """Trunks, people, and the wires between."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Wired(Alerting(ROUTES, {}, ("manager",)), TRUNKS)
        self.answers = dict.fromkeys(PEOPLE, "takes it")
        self.heard: dict[tuple[str, str], list[tuple[What, bool]]] = defaultdict(list)

    def go(self, seconds: float) -> None:
        """Second by second, as the consumer does."""
        world = self.world
        end = world.now + seconds
        while world.now < end:
            world.now = min(end, world.now + 1.0)
            world.look()
            for entry in world.box.find_unheard(world.now):
                world.take(world.alerting.unheard(*entry.key, entry.why, world.now))
            for entry in world.box.take(world.now):
                result = ANSWERS[self.answers[entry.notifier]]
                if not world.box.settle(entry, result, world.now):
                    self.heard[entry.notifier, entry.key[0]].append((entry.what, entry.missed))

    @rule(names=NAMES)
    def fall(self, names: list[str]) -> None:
        self.world.fall(*(name for name in names if f"trunk:{name}" not in self.world.wrong))

    @rule(names=NAMES)
    def rise(self, names: list[str]) -> None:
        self.world.rise(*names)

    @rule(who=st.sampled_from(PEOPLE), how=st.sampled_from([*ANSWERS]))
    def change(self, who: str, how: str) -> None:
        self.answers[who] = how

    @rule(seconds=st.sampled_from([1.0, 7.0, 40.0, 100.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.go(seconds)

    @rule()
    def acknowledge(self) -> None:
        for name in [*self.world.alerting.open]:
            self.world.take(self.world.alerting.acknowledge(name, "anna", self.world.now) or ())

    @rule(routes=st.sampled_from([ROUTES, OTHERS]))
    def start_again(self, routes: tuple[AlertRoute, ...]) -> None:
        """Also by another dialplan."""
        kept = json.loads(json.dumps({**self.world.alerting.dump(), "outbox": self.world.box.dump()}))
        self.world.alerting = Alerting(routes, {}, ("manager",))
        self.world.alerting.load(kept)
        self.world.box = Outbox()
        self.world.box.load(kept["outbox"])

    @rule(seconds=st.sampled_from([-86400.0, -60.0, 3600.0]))
    def set_the_clock(self, seconds: float) -> None:
        self.world.set_clock(seconds)
        self.world.box.shift(seconds)

    @invariant()
    def nobody_hears_more_than_was_said_or_of_the_end_first(self) -> None:
        for key, heard in self.heard.items():
            whats = [what for what, _ in heard]
            assert whats.count(What.TRIGGER) <= self.world.put[key].count(What.TRIGGER)
            assert What.RESOLVE not in whats[:-1]  # nothing comes after the end
            first, missed = heard[0]
            assert first is What.TRIGGER or missed

    def teardown(self) -> None:
        """In the end all is well, and everybody takes what comes."""
        self.answers = dict.fromkeys(PEOPLE, "takes it")
        self.world.rise(*TRUNKS)
        self.go(8 * 30.0 + 10.0)
        self.go(700.0)  # whoever asked to be left alone has been
        assert not self.world.alerting.open
        assert not self.world.box.entries
        for key, whats in self.world.put.items():
            assert whats[-1] is What.RESOLVE
            assert self.heard[key][-1][0] is What.RESOLVE
        self.nobody_hears_more_than_was_said_or_of_the_end_first()


TestDelivery = Delivery.TestCase

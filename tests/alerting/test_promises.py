"""What holds whatever falls and rises, whoever acknowledges, and whenever the process is started again."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.alerting.causes import Causes
from controller.alerting.incidents import Alerting
from controller.alerting.outbox import UNHEARD, Again, Done, Entry, Outbox
from controller.alerting.words import Sight, What
from controller.types.alerts import Kind, Severity, Step
from tests.alerting.stage import START, World, labels_of, route

TRUNKS = labels_of(8, 3, site="hq")
NAMES = st.sampled_from([*TRUNKS])
ROUTES = (route("all", ("oncall", "manager"), escalate=(Step(60.0, ("boss",)),)),)
SLACK = 1.001  # pictures come every second


class Promises(RuleBasedStateMachine):
    """Trunks, an uplink, people and restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Alerting(ROUTES, {}, ("manager",)), TRUNKS)
        self.since: dict[str, float] = {}  # of each trunk that is down and not hidden, when that began
        self.uplink = False

    @rule(names=st.lists(NAMES, min_size=1, max_size=8, unique=True))
    def fall(self, names: list[str]) -> None:
        new = [name for name in names if f"trunk:{name}" not in self.world.wrong]
        self.world.fall(*new)
        for name in new:
            self.since[name] = self.world.now

    @rule(names=st.lists(NAMES, min_size=1, max_size=8, unique=True))
    def rise(self, names: list[str]) -> None:
        self.world.rise(*names)
        for name in names:
            self.since.pop(name, None)

    @rule(yes=st.booleans())
    def suspect(self, yes: bool) -> None:
        if yes:
            self.world.fall("calls", kind=Kind.UPLINK)
        else:
            self.world.rise("calls", kind=Kind.UPLINK)
        if self.uplink and not yes:  # what was hidden begins to wait
            self.since = dict.fromkeys(self.since, self.world.now)
        self.uplink = yes

    @rule(seconds=st.sampled_from([0.3, 2.0, 6.0, 20.0, 45.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(seconds=st.sampled_from([-3600.0, 3600.0, -40.0]))
    def set_the_clock(self, seconds: float) -> None:
        self.world.set_clock(seconds)
        self.since = {name: since + seconds for name, since in self.since.items()}

    @rule()
    def acknowledge(self) -> None:
        for name in self.world.alerting.open:
            self.world.take(self.world.alerting.acknowledge(name, "anna", self.world.now) or ())

    @rule()
    def start_again(self) -> None:
        kept = json.loads(json.dumps(self.world.alerting.dump()))
        self.world.alerting = Alerting(ROUTES, {}, ("manager",))
        self.world.alerting.load(kept)
        if self.uplink:  # a new life sees the uplink in its first picture
            self.world.look()
        self.world.look()
        self.since = dict.fromkeys(self.since, self.world.now) if self.uplink else self.since

    @invariant()
    def every_condition_is_in_one_incident_at_most(self) -> None:
        held = Counter(name for each in self.world.alerting.open.values() for name in each.members)
        assert not [name for name, count in held.items() if count > 1]

    @invariant()
    def whoever_is_down_for_long_enough_was_told_of(self) -> None:
        told = {
            member.name
            for each in self.world.alerting.open.values()
            if each.told is not None
            for member in each.members.values()
            if member.ended is None
        }
        if not self.uplink:
            late = {name for name, since in self.since.items() if self.world.now - since > 5.0 + SLACK}
            assert late <= told

    @invariant()
    def nobody_is_told_twice_and_whoever_was_told_hears_of_the_end(self) -> None:
        begun = Counter((who, name) for _, who, what, name in self.world.told if what is What.TRIGGER)
        over = Counter((who, name) for _, who, what, name in self.world.told if what is What.RESOLVE)
        growing = {each.id for each in self.world.alerting.open.values()} | {
            each.id for each in self.world.alerting.over
        }
        assert all(count == 1 for (_, name), count in over.items() if name in growing)
        gone = begun.keys() - {(who, each.id) for each in self.world.alerting.open.values() for who in each.notified}
        assert gone <= over.keys()

    @invariant()
    def an_incident_is_over_only_when_all_is_well(self) -> None:
        for each in self.world.alerting.over:
            assert all(member.ended is not None for member in each.members.values())

    def teardown(self) -> None:
        """In the end all rise: everything is resolved, and nothing is left."""
        self.world.rise(*TRUNKS)
        self.world.rise("calls", kind=Kind.UPLINK)
        self.world.wait(8 * 30.0 + 2.0)
        assert not self.world.alerting.open
        self.nobody_is_told_twice_and_whoever_was_told_hears_of_the_end()


TestPromises = Promises.TestCase


@given(st.sets(NAMES), st.integers(1, 4), st.integers(0, 8))
def test_causes_share_out_what_is_down(down: set[str], carriers: int, at_hq: int) -> None:
    labels = labels_of(8, carriers)
    for index, own in enumerate(labels.values()):
        own["site"] = "hq" if index < at_hq else ""
    causes = Causes(labels).explain(sorted(down))
    shared = Counter(name for cause in causes for name in cause.names)
    assert shared == Counter(down)
    for cause in causes:
        if cause.whole:
            assert {name for name, own in labels.items() if own.get(cause.subject) == cause.value} <= down


def test_a_whole_site_explains_more_than_its_carriers() -> None:
    labels = labels_of(8, 4, site="hq")
    (cause,) = Causes(labels).explain([*labels])
    assert (cause.subject, cause.value, cause.whole, cause.of) == ("site", "hq", True, 8)


class Box(RuleBasedStateMachine):
    """One incident, one notifier, and a network that now and then works."""

    def __init__(self) -> None:
        super().__init__()
        self.box, self.now = Outbox(), START
        self.flying: list[Entry] = []
        self.wanted: What | None = None
        self.heard: list[tuple[What, int]] = []
        self.count = 0

    @rule(what=st.sampled_from(What))
    def put(self, what: What) -> None:
        self.count += 1
        self.box.put("oncall", what, {"id": "x", "n": self.count}, self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 100.0, 700.0]))
    def fly(self, seconds: float) -> None:
        self.now += seconds
        taken = self.box.take(self.now)
        assert len(self.flying) + len(taken) <= 1  # one at a time: nobody hears of the end first
        self.flying += taken

    @rule(result=st.sampled_from([Done(), Again("503"), Again("429", 30.0), Again("400", refused=True)]))
    def land(self, result: Done | Again) -> None:
        for entry in self.flying:
            why = self.box.settle(entry, result, self.now)
            assert bool(why) == isinstance(result, Again)
            if isinstance(result, Done):
                self.heard.append((entry.what, int(entry.notice["n"])))
        self.flying.clear()

    @rule()
    def start_again(self) -> None:
        kept = json.loads(json.dumps(self.box.dump()))
        self.box = Outbox()
        self.box.load(kept)
        self.flying.clear()

    @invariant()
    def what_is_heard_is_in_order(self) -> None:
        numbers = [number for _, number in self.heard]
        assert numbers == sorted(numbers)

    def teardown(self) -> None:
        """Whatever was put last is heard in the end, with all that it replaced."""
        self.flying.clear()
        self.start_again()
        for _ in range(4):
            self.now += 1000.0
            self.flying += self.box.take(self.now)
            self.land(Done())
        assert not self.box.entries
        if self.count:
            assert self.heard[-1][1] == self.count


TestBox = Box.TestCase


def test_a_trigger_that_nobody_heard_is_not_lost_behind_an_update() -> None:
    box = Outbox()
    box.put("oncall", What.TRIGGER, {"id": "x"}, START)
    (entry,) = box.take(START)
    box.settle(entry, Again("503"), START)
    box.put("oncall", What.UPDATE, {"id": "x"}, START)
    assert not box.take(START + 0.5)
    (entry,) = box.take(START + 1.0)
    assert (entry.what, entry.missed) == (What.TRIGGER, True)
    box.settle(entry, Again("503"), START + 1.0)
    box.put("oncall", What.RESOLVE, {"id": "x"}, START + 2.0)
    (entry,) = box.take(START + 3.0)
    assert (entry.what, entry.missed, entry.tries) == (What.RESOLVE, True, 2)
    assert not box.settle(entry, Done(), START + 3.0)
    assert not box.entries


def test_whoever_asks_to_be_left_alone_is_and_not_for_ever() -> None:
    for asked, pause in ((30.0, 30.0), (86400.0, 600.0), (0.0, 1.0)):
        box = Outbox()
        box.put("oncall", What.TRIGGER, {"id": "x"}, START)
        (entry,) = box.take(START)
        box.settle(entry, Again("429", asked), START)
        assert entry.due == START + pause


def test_somebody_else_is_told_in_time_whatever_the_pause_of_who_refuses() -> None:
    for result in (Again("403: wrong key", refused=True), Again("429", 600.0), Again("503")):
        box = Outbox()
        box.put("oncall", What.TRIGGER, {"id": "x"}, START)
        (entry,) = box.take(START)
        box.settle(entry, result, START + 1.0)
        assert box.find_unheard(START + UNHEARD - 0.1) == []
        entry.due = max(entry.due, START + 120.0)
        assert box.next_deadline() == START + UNHEARD
        assert box.find_unheard(START + UNHEARD) == [entry]
        assert box.next_deadline() == entry.due


def test_pauses_stay_what_they_are_when_the_clock_is_set() -> None:
    box = Outbox()
    box.put("oncall", What.TRIGGER, {"id": "x"}, START)
    (entry,) = box.take(START)
    box.settle(entry, Again("503"), START)
    box.shift(-3600.0)
    assert not box.take(START - 3600.0 + 0.9)
    assert box.take(START - 3600.0 + 1.0) == [entry]


def test_pauses_grow_and_end_after_a_day() -> None:
    box = Outbox()
    box.put("oncall", What.TRIGGER, {"id": "x"}, START)
    now, pauses = START, []
    for _ in range(9):
        (entry,) = box.take(now)
        box.settle(entry, Again("503"), now)
        pauses.append(entry.due - now)
        now = entry.due
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert box.find_unheard(now) == [entry]
    assert box.find_unheard(now) == []
    (entry,) = box.take(START + 90_000.0)
    assert box.settle(entry, Again("503"), START + 90_000.0) == "given up: 503"
    assert not box.entries


def test_severity_is_that_of_the_worst_that_lasts() -> None:
    here = World(Alerting(ROUTES, {}), TRUNKS).fall("t0").fall("t3", severity=Severity.WARNING).wait(6.0)
    (incident,) = here.alerting.open.values()
    assert incident.severity is Severity.CRITICAL
    here.rise("t0")
    assert incident.severity is Severity.WARNING
    here.take(here.alerting.see(Sight(()), TRUNKS, here.now))
    assert incident.severity is Severity.CRITICAL  # nothing lasts: what it was

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.health.detector import MAX_PATIENCE, REFUSALS, Detector, RoundTrip
from controller.types import Probe, Sample, TargetState, Transition, Trunk

UNKNOWN, UP, SUSPECT, DOWN = TargetState.UNKNOWN, TargetState.UP, TargetState.SUSPECT, TargetState.DOWN

PROBE = Probe(every=0.25, burst=0.05, timeout=0.2, misses=8, rise=2)
FULL = 9  # rise + misses - 1


def make(probe: Probe | None = PROBE) -> Detector:
    return Detector(Trunk("carrier-a", "192.0.2.1", 5060, probe=probe), now=0.0, first=0.1)


def feed(detector: Detector, *codes: str, now: float = 1.0) -> list[Transition]:
    """Samples one after the other, all now; what they changed."""
    transitions = []
    for code in codes:
        sample = Sample("carrier-a", code.startswith("PROBE_2") or code == "CALL_RESPONSE", code)
        transition = detector.observe(sample, now)
        if transition:
            transitions.append(transition)
    return transitions


# How each state is reached, and what each sample does there: (new state, counter).
REACH = {
    UNKNOWN: (),
    UP: ("PROBE_200",),
    SUSPECT: ("PROBE_200", "CALL_SILENT"),
    DOWN: ("TRANSPORT_ERROR",) * REFUSALS,
}
TABLE = {
    UNKNOWN: {
        "PROBE_200": (UP, FULL),
        "CALL_RESPONSE": (UP, FULL),
        "PROBE_TIMEOUT": (SUSPECT, FULL - 1),
        "TRANSPORT_ERROR": (SUSPECT, FULL),
        "CALL_SILENT": (SUSPECT, FULL),
    },
    UP: {
        "PROBE_200": (UP, FULL),
        "CALL_RESPONSE": (UP, FULL),
        "PROBE_TIMEOUT": (SUSPECT, FULL - 1),
        "TRANSPORT_ERROR": (SUSPECT, FULL),
        "CALL_SILENT": (SUSPECT, FULL),
    },
    SUSPECT: {
        "PROBE_200": (UP, FULL),
        "CALL_RESPONSE": (UP, FULL),
        "PROBE_TIMEOUT": (SUSPECT, FULL - 1),
        "TRANSPORT_ERROR": (SUSPECT, FULL),
        "CALL_SILENT": (SUSPECT, FULL),
    },
    DOWN: {
        "PROBE_200": (DOWN, 1),
        "CALL_RESPONSE": (DOWN, 1),
        "PROBE_TIMEOUT": (DOWN, 0),
        "TRANSPORT_ERROR": (DOWN, 0),
        "CALL_SILENT": (DOWN, 0),
    },
}


@pytest.mark.parametrize(
    ("state", "code", "new", "health"),
    [(state, code, *outcome) for state, row in TABLE.items() for code, outcome in row.items()],
)
def test_each_sample_in_each_state(state: TargetState, code: str, new: TargetState, health: int) -> None:
    detector = make()
    feed(detector, *REACH[state])
    assert detector.state is state
    transitions = feed(detector, code, now=2.0)
    assert (detector.state, detector.health) == (new, health)
    assert [(t.old, t.new, t.at) for t in transitions] == ([] if state is new else [(state, new, 2.0)])


def test_every_state_and_sample_is_in_the_table() -> None:
    assert TABLE.keys() == set(TargetState)
    assert all(row.keys() == TABLE[UP].keys() for row in TABLE.values())


# --------------------------------------------------------------------------- down and up again


def test_eighth_miss_in_a_row_is_down() -> None:
    detector = make()
    feed(detector, "PROBE_200", *["PROBE_TIMEOUT"] * 7)
    assert detector.state is SUSPECT
    (down,) = feed(detector, "PROBE_TIMEOUT", now=1.85)
    assert (down.new, down.code) == (DOWN, "PROBE_TIMEOUT")
    assert down.why == "8 probes in a row unanswered, nothing heard for 0.85 s"


def test_trunk_never_heard_of_goes_down_as_well() -> None:
    detector = make()
    suspect, down = feed(detector, *["PROBE_TIMEOUT"] * 8)
    assert (suspect.old, suspect.new, down.new) == (UNKNOWN, SUSPECT, DOWN)
    assert down.why == "8 probes in a row unanswered, nothing ever heard"


def test_an_answer_makes_the_misses_before_it_forgotten() -> None:
    detector = make()
    for _ in range(5):
        feed(detector, *["PROBE_TIMEOUT"] * 7, "PROBE_200")
    assert (detector.state, detector.health) == (UP, FULL)


def test_error_and_two_confirmations_are_down() -> None:
    detector = make()
    feed(detector, "PROBE_200")
    suspect, down = feed(detector, *["TRANSPORT_ERROR"] * 3)
    assert (suspect.new, suspect.code) == (SUSPECT, "PORT_CLOSED")
    assert (down.new, down.code) == (DOWN, "PORT_CLOSED")
    assert down.why == "3 packets in a row refused (closed port or unreachable), nothing heard for 0.00 s"


def test_a_sign_of_life_between_errors_voids_them() -> None:
    detector = make()
    feed(detector, *["TRANSPORT_ERROR", "TRANSPORT_ERROR", "PROBE_200"] * 20)
    assert detector.state is UP


def test_silent_calls_alone_are_never_down() -> None:
    detector = make()
    feed(detector, *["CALL_SILENT"] * 1000)
    assert (detector.state, detector.health) == (SUSPECT, FULL)


def test_call_response_ends_suspicion_with_its_own_code() -> None:
    detector = make()
    feed(detector, "PROBE_200", "CALL_SILENT")
    (up,) = feed(detector, "CALL_RESPONSE", now=1.3)
    assert (up.new, up.code, up.why) == (UP, "CALL_RESPONSE", "a call was responded to, after 0.30 s suspect")


def test_second_answer_in_a_row_is_up_again() -> None:
    detector = make()
    feed(detector, *REACH[DOWN])
    assert feed(detector, "PROBE_200", now=3.9) == []
    (up,) = feed(detector, "PROBE_200", now=4.0)
    assert (up.old, up.new, up.code) == (DOWN, UP, "PROBE_OK")


def test_calls_count_as_answers_when_down() -> None:
    detector = make()
    feed(detector, *REACH[DOWN])
    (up,) = feed(detector, "PROBE_200", "CALL_RESPONSE", now=4.0)
    assert (up.new, up.why) == (UP, "2 signs of life in a row, after 3.00 s down")


@pytest.mark.parametrize("code", ["PROBE_TIMEOUT", "TRANSPORT_ERROR"])
def test_answers_with_a_failure_between_are_not_in_a_row(code: str) -> None:
    detector = make()
    feed(detector, *REACH[DOWN])
    feed(detector, *["PROBE_200", code] * 10)
    assert detector.state is DOWN


def test_one_miss_is_enough_where_the_profile_says_so() -> None:
    detector = make(Probe(misses=1, rise=1))
    assert [t.new for t in feed(detector, "PROBE_200", "PROBE_TIMEOUT", "PROBE_200")] == [UP, DOWN, UP]


# --------------------------------------------------------------------------- never probed


def test_unprobed_trunk_is_up_by_responses_and_unknown_by_silence() -> None:
    detector = make(probe=None)
    transitions = feed(detector, "CALL_SILENT", "CALL_RESPONSE", "CALL_SILENT", "CALL_RESPONSE", "TRANSPORT_ERROR")
    assert [(t.new, t.code) for t in transitions] == [
        (UP, "CALL_RESPONSE"),
        (UNKNOWN, "CALL_SILENT"),
        (UP, "CALL_RESPONSE"),
        (UNKNOWN, "PORT_CLOSED"),
    ]
    assert detector.due == inf


def test_unprobed_trunk_is_never_routed_away() -> None:
    detector = make(probe=None)
    feed(detector, "CALL_RESPONSE", *["TRANSPORT_ERROR", "CALL_SILENT"] * 100)
    assert detector.state is UNKNOWN


# --------------------------------------------------------------------------- when to probe


def test_regular_probes_keep_their_phase() -> None:
    detector = make()
    assert detector.due == 0.1
    detector.probe_sent(0.103)
    assert detector.due == pytest.approx(0.35)
    detector.probe_sent(1.7)  # after a stall
    assert detector.due == pytest.approx(1.85)


def test_suspicion_probes_at_once_and_then_in_a_burst() -> None:
    detector = make()
    feed(detector, "PROBE_200")
    detector.probe_sent(1.1)
    feed(detector, "CALL_SILENT", now=1.2)
    assert detector.due == 1.2
    detector.probe_sent(1.2)
    assert detector.due == pytest.approx(1.25)


def test_suspicion_never_probes_faster_than_the_burst() -> None:
    detector = make()
    detector.probe_sent(1.1)
    feed(detector, "CALL_SILENT", now=1.11)
    assert detector.due == pytest.approx(1.15)


@pytest.mark.parametrize("ending", [("PROBE_200",), ("PROBE_TIMEOUT",) * 8], ids=["up", "down"])
def test_burst_ends_with_the_suspicion(ending: tuple[str, ...]) -> None:
    detector = make()
    feed(detector, "CALL_SILENT", now=1.2)
    detector.probe_sent(1.2)
    feed(detector, *ending, now=1.21)
    assert detector.due == pytest.approx(1.35)


def test_end_of_a_burst_brings_no_probe_forward() -> None:
    detector = make()
    feed(detector, "CALL_SILENT", now=1.33)
    detector.probe_sent(1.33)
    feed(detector, "PROBE_200", now=1.331)
    assert detector.due == pytest.approx(1.38)  # not on the beat, at 1.35
    detector.probe_sent(1.38)
    assert detector.due == pytest.approx(1.6)


def test_slow_round_trips_raise_the_patience() -> None:
    detector = make()
    assert detector.probe_sent(1.0) == pytest.approx(1.2)
    for _ in range(50):
        detector.observe(Sample("carrier-a", alive=True, code="PROBE_200", latency=0.3), 2.0)
    assert 2.3 < detector.probe_sent(2.0) < 2.35
    detector.observe(Sample("carrier-a", alive=True, code="PROBE_200", latency=30.0), 3.0)
    assert detector.probe_sent(3.0) == 3.0 + MAX_PATIENCE


def test_burst_waits_no_longer_than_the_round_trips_suggest() -> None:
    detector = make()
    feed(detector, "CALL_SILENT")
    assert detector.probe_sent(1.0) == pytest.approx(1.2)  # nothing measured: the timeout as configured
    detector.observe(Sample("carrier-a", alive=True, code="PROBE_200", latency=0.002), 1.0)
    feed(detector, "CALL_SILENT")
    assert detector.probe_sent(1.0) == pytest.approx(1.05)


def test_calls_do_not_measure_the_round_trip_of_probes() -> None:
    detector = make()
    detector.observe(Sample("carrier-a", alive=True, code="CALL_RESPONSE", latency=0.9), 1.0)
    assert detector.probe_sent(1.0) == pytest.approx(1.2)


def test_sign_of_life_overtakes_the_probes_under_way() -> None:
    detector = make()
    assert detector.counts(0.9)
    feed(detector, "CALL_RESPONSE", now=1.0)
    assert not detector.counts(0.9)
    assert detector.counts(1.1)


# --------------------------------------------------------------------------- RFC 6298


def test_first_round_trip_counts_half_as_deviation() -> None:
    trip = RoundTrip()
    trip.add(0.1)
    assert (trip.mean, trip.deviation, trip.bound) == pytest.approx((0.1, 0.05, 0.3))


def test_later_round_trips_are_smoothed() -> None:
    trip = RoundTrip()
    trip.add(0.1)
    trip.add(0.2)
    assert (trip.mean, trip.deviation) == pytest.approx((0.1 * 7 / 8 + 0.2 / 8, 0.05 * 3 / 4 + 0.1 / 4))


def test_steady_round_trips_leave_room_for_a_late_loop() -> None:
    trip = RoundTrip()
    for _ in range(100):
        trip.add(0.1)
    assert trip.bound == pytest.approx(0.12)


@given(st.lists(st.floats(0.0, 5.0), min_size=1))
def test_bound_is_above_the_mean_and_within_reason(latencies: list[float]) -> None:
    trip = RoundTrip()
    for latency in latencies:
        trip.add(latency)
        assert 0.0 <= trip.mean <= 5.0
        assert trip.mean < trip.bound <= 5 * 5.0


# --------------------------------------------------------------------------- properties


class AnySamples(RuleBasedStateMachine):
    """Any sequence of samples and probes keeps the promises; the counts are kept a second time, plainly."""

    def __init__(self) -> None:
        super().__init__()
        self.detector = make(Probe(every=0.25, burst=0.05, timeout=0.2, misses=3, rise=2))
        self.now = 0.0
        self.misses = self.errors = self.answers = 0  # in a row, without the opposite between them

    @rule(step=st.floats(0.0, 0.3))
    def wait(self, step: float) -> None:
        self.now = min(self.now + step, self.detector.due)

    @precondition(lambda self: self.detector.due <= self.now)
    @rule()
    def send(self) -> None:
        assert self.detector.probe_sent(self.now) > self.now
        assert self.now < self.detector.due <= self.now + 0.25 + 1e-9

    @rule(code=st.sampled_from(["PROBE_200", "CALL_RESPONSE"]))
    def live(self, code: str) -> None:
        self.answers += 1
        self.misses = self.errors = 0
        before = self.detector.state
        self.detector.observe(Sample("carrier-a", True, code), self.now)
        assert (self.detector.state is UP) == (before is not DOWN or self.answers >= 2)

    @rule(code=st.sampled_from(["PROBE_TIMEOUT", "TRANSPORT_ERROR"]), times=st.integers(1, 4))
    def fail(self, code: str, times: int) -> None:
        for _ in range(times):
            self.answers = 0
            self.misses += code == "PROBE_TIMEOUT"
            self.errors += code == "TRANSPORT_ERROR"
            transition = self.detector.observe(Sample("carrier-a", False, code), self.now)
            if transition and transition.new is DOWN:
                assert self.misses >= 3 or self.errors >= 3
            assert (self.misses < 3 and self.errors < 3) or self.detector.state is DOWN

    @rule()
    def silence(self) -> None:
        down = self.detector.state is DOWN
        self.detector.observe(Sample("carrier-a", False, "CALL_SILENT"), self.now)
        assert self.detector.state is (DOWN if down else SUSPECT)

    @invariant()
    def state_and_counter_agree(self) -> None:
        detector = self.detector
        assert 0 <= detector.health <= 4
        assert (detector.state is DOWN) == (detector.health < 2)
        assert detector.state is not UP or (detector.health == 4 and detector.refusals == 0)

    @invariant()
    def next_probe_is_never_in_the_past(self) -> None:
        assert self.now <= self.detector.due < inf

    @invariant()
    def burst_runs_exactly_while_suspect(self) -> None:
        limit = 0.05 if self.detector.state is SUSPECT else 0.25
        assert self.detector.due - self.now <= limit + 1e-9


TestAnySamples = AnySamples.TestCase

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.health.detector import (
    BROKEN,
    CONFIRM,
    MAX_HOLD,
    MAX_PATIENCE,
    PAGE_AFTER,
    PAROLE,
    REFUSALS,
    Detector,
    RoundTrip,
)
from controller.types import AliveOn, Page, Probe, Sample, TargetState, Transition, Trunk

UNKNOWN, UP, SUSPECT, DOWN = TargetState.UNKNOWN, TargetState.UP, TargetState.SUSPECT, TargetState.DOWN

PROBE = Probe()
FEW = Probe(misses=3)
NEEDED = 16  # misses on a clean path
CALLS_ONLY = Probe(alive_on=AliveOn.CALLS_ONLY)
SUCCESS = Probe(alive_on=AliveOn.SUCCESS)


def make(probe: Probe | None = PROBE, transport: str = "udp") -> Detector:
    return Detector(Trunk("carrier-a", "192.0.2.1", 5060, transport, probe=probe), now=0.0, first=0.1)


def feed(detector: Detector, *codes: str, now: float = 1.0, latency: float | None = None) -> list[Transition]:
    """Samples one after the other, all now; what they changed."""
    transitions = []
    for code in codes:
        sample = Sample("carrier-a", code.startswith("PROBE_2") or code == "CALL_RESPONSE", code, latency)
        transition = detector.observe(sample, now)
        if transition:
            transitions.append(transition)
    return transitions


def fall(detector: Detector, now: float) -> None:
    feed(detector, *["TRANSPORT_ERROR"] * REFUSALS, now=now)
    assert detector.state is DOWN


# How each state is reached, and what each sample makes of it.
REACH = {
    UNKNOWN: (),
    UP: ("PROBE_200",),
    SUSPECT: ("PROBE_200", "CALL_SILENT"),
    DOWN: ("TRANSPORT_ERROR",) * REFUSALS,
}
TABLE = {
    UNKNOWN: {
        "PROBE_200": UP,
        "CALL_RESPONSE": UP,
        "PROBE_TIMEOUT": SUSPECT,
        "TRANSPORT_ERROR": SUSPECT,
        "CALL_SILENT": SUSPECT,
    },
    UP: {
        "PROBE_200": UP,
        "CALL_RESPONSE": UP,
        "PROBE_TIMEOUT": SUSPECT,
        "TRANSPORT_ERROR": SUSPECT,
        "CALL_SILENT": SUSPECT,
    },
    SUSPECT: {
        "PROBE_200": UP,
        "CALL_RESPONSE": UP,
        "PROBE_TIMEOUT": SUSPECT,
        "TRANSPORT_ERROR": SUSPECT,
        "CALL_SILENT": SUSPECT,
    },
    DOWN: {
        "PROBE_200": DOWN,
        "CALL_RESPONSE": DOWN,
        "PROBE_TIMEOUT": DOWN,
        "TRANSPORT_ERROR": DOWN,
        "CALL_SILENT": DOWN,
    },
}


@pytest.mark.parametrize(
    ("state", "code", "new"), [(state, code, new) for state, row in TABLE.items() for code, new in row.items()]
)
def test_each_sample_in_each_state(state: TargetState, code: str, new: TargetState) -> None:
    detector = make()
    feed(detector, *REACH[state])
    assert detector.state is state
    transitions = feed(detector, code, now=2.0)
    assert detector.state is new
    assert [(t.old, t.new, t.at) for t in transitions] == ([] if state is new else [(state, new, 2.0)])


def test_every_state_and_sample_is_in_the_table() -> None:
    assert TABLE.keys() == set(TargetState) - {TargetState.DEGRADED}, "that is for the board to say"
    assert all(row.keys() == TABLE[UP].keys() for row in TABLE.values())


# --------------------------------------------------------------------------- down


def test_sixteenth_miss_in_a_row_is_down_on_a_clean_path() -> None:
    detector = make()
    feed(detector, "PROBE_200", *["PROBE_TIMEOUT"] * (NEEDED - 1))
    assert detector.state is SUSPECT
    (down,) = feed(detector, "PROBE_TIMEOUT", now=1.5)
    assert (down.new, down.code) == (DOWN, "PROBE_TIMEOUT")
    assert down.why == "16 probes in a row unanswered, nothing heard for 0.50 s"


def test_trunk_never_heard_of_goes_down_as_well() -> None:
    detector = make()
    suspect, down = feed(detector, *["PROBE_TIMEOUT"] * NEEDED)
    assert (suspect.old, suspect.new, down.new) == (UNKNOWN, SUSPECT, DOWN)
    assert down.why == "16 probes in a row unanswered, nothing ever heard"


def test_an_answer_begins_the_row_anew() -> None:
    detector = make(FEW)
    for _ in range(5):
        feed(detector, "PROBE_TIMEOUT", "PROBE_TIMEOUT", "PROBE_200")
    assert detector.state is UP


def test_slow_bursts_need_fewer_misses_for_the_same_silence() -> None:
    detector = make(Probe(every=1.0, burst=0.1))
    feed(detector, *["PROBE_200"] * 1000, *["PROBE_TIMEOUT"] * 7)
    assert detector.state is SUSPECT
    feed(detector, "PROBE_TIMEOUT")
    assert detector.state is DOWN


def test_lossy_path_needs_more_misses() -> None:
    detector = make()
    for i in range(2000):
        feed(detector, "PROBE_200" if i % 3 else "PROBE_TIMEOUT")
    assert detector.loss.misses_needed() > NEEDED
    feed(detector, "PROBE_200", *["PROBE_TIMEOUT"] * NEEDED)
    assert detector.state is SUSPECT


def test_overtaken_probes_are_loss_and_no_misses() -> None:
    detector = make()
    feed(detector, "PROBE_200")
    share = detector.loss.share
    detector.overtaken()
    assert detector.loss.share > share
    assert (detector.missed, detector.state) == (0, UP)


def test_what_is_missed_of_a_dead_trunk_is_no_loss() -> None:
    detector = make()
    fall(detector, 1.0)
    share = detector.loss.share
    feed(detector, *["PROBE_TIMEOUT"] * 500, "PROBE_200", now=100.0)
    detector.overtaken()
    assert detector.loss.share == share


def test_calls_tell_of_lost_probes_but_not_of_answered_ones() -> None:
    detector = make()
    feed(detector, *["CALL_RESPONSE"] * 1000)
    share = detector.loss.share
    feed(detector, *["PROBE_TIMEOUT", "CALL_RESPONSE"] * 20)
    assert detector.loss.share > share + 0.2


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


def test_refused_connection_is_down_at_once() -> None:
    detector = make(transport="tcp")
    feed(detector, "PROBE_200")
    (down,) = feed(detector, "TRANSPORT_ERROR")
    assert (down.old, down.new, down.code) == (UP, DOWN, "PORT_CLOSED")
    assert down.why == "the connection was refused, nothing heard for 0.00 s"


def test_silent_calls_alone_are_never_down_where_probes_are_answered() -> None:
    detector = make()
    for i in range(1000):
        feed(detector, "CALL_SILENT", now=1.0 + i)
    assert detector.state is SUSPECT


def test_call_response_ends_suspicion_with_its_own_code() -> None:
    detector = make()
    feed(detector, "PROBE_200", "CALL_SILENT")
    (up,) = feed(detector, "CALL_RESPONSE", now=1.3)
    assert (up.new, up.code, up.why) == (UP, "CALL_RESPONSE", "a call was responded to, after 0.30 s suspect")


# --------------------------------------------------------------------------- up again


def test_second_answer_in_a_row_is_up_again() -> None:
    detector = make()
    fall(detector, 1.0)
    assert feed(detector, "PROBE_200", now=3.9) == []
    (up,) = feed(detector, "PROBE_200", now=4.0)
    assert (up.old, up.new, up.code) == (DOWN, UP, "PROBE_OK")


def test_calls_count_as_answers_when_down() -> None:
    detector = make()
    fall(detector, 1.0)
    (up,) = feed(detector, "PROBE_200", "CALL_RESPONSE", now=4.0)
    assert (up.new, up.why) == (UP, "2 signs of life in a row, after 3.00 s down")


@pytest.mark.parametrize("code", ["PROBE_TIMEOUT", "TRANSPORT_ERROR"])
def test_answers_with_a_failure_between_are_not_in_a_row(code: str) -> None:
    detector = make()
    fall(detector, 1.0)
    feed(detector, *["PROBE_200", code] * 10)
    assert detector.state is DOWN


def test_one_miss_is_enough_where_the_profile_says_so() -> None:
    detector = make(Probe(misses=1, rise=1))
    assert [t.new for t in feed(detector, "PROBE_200", "PROBE_TIMEOUT", "PROBE_200")] == [UP, DOWN, UP]


def time_to_rise(detector: Detector, now: float, missing: int = 0, every: float = 0.25) -> float:
    """Seconds of answers, one each quarter of a second, until UP; after each answer so many are missed."""
    started = now
    while detector.state is DOWN:
        feed(detector, "PROBE_200", "PROBE_200", now=now)
        if detector.state is DOWN:
            feed(detector, *["PROBE_TIMEOUT"] * missing, now=now)
        now += every
        assert now < started + 2 * MAX_HOLD, "held for ever"
    return now - every - started


def test_each_fall_doubles_the_hold() -> None:
    detector, now, holds = make(), 1.0, []
    for _ in range(9):
        fall(detector, now)
        holds.append(time_to_rise(detector, now))
        now += holds[-1]
    assert holds[0] == 0.0
    assert holds[1:5] == pytest.approx([1.0, 3.0, 7.0, 15.0], rel=0.2)
    assert holds[-1] == MAX_HOLD


def test_falls_are_forgiven_in_ten_minutes_each() -> None:
    detector = make()
    for i in range(3):
        fall(detector, 1.0 + i)
        time_to_rise(detector, 2.0 + i)
    fall(detector, 3600.0)
    assert time_to_rise(detector, 3601.0) == 0.0


def test_lost_packets_do_not_end_the_hold_and_silence_does() -> None:
    held, broken = make(), make()
    for detector in (held, broken):
        for i in range(5):
            fall(detector, 1.0 + i)
            time_to_rise(detector, 2.0 + i)
        fall(detector, 100.0)
    assert time_to_rise(held, 101.0, missing=BROKEN - 1) <= MAX_HOLD
    with pytest.raises(AssertionError, match="held for ever"):
        time_to_rise(broken, 101.0, missing=BROKEN)


def test_a_trunk_that_flaps_for_a_month_is_held_and_nothing_overflows() -> None:
    detector, now, falls = make(Probe(rise=1)), 0.0, 0
    while now < 30 * 86_400.0:
        fall(detector, now)
        now += time_to_rise(detector, now, every=20.0) + 1.0
        falls += 1
    assert detector._hold() == MAX_HOLD
    assert falls > 30_000


# --------------------------------------------------------------------------- calls decide


@pytest.mark.parametrize("probe", [None, CALLS_ONLY], ids=["off", "calls-only"])
def test_three_silent_calls_of_a_second_are_down_where_calls_decide(probe: Probe | None) -> None:
    detector = make(probe)
    feed(detector, "CALL_RESPONSE", "CALL_SILENT", "CALL_SILENT", "CALL_SILENT")
    assert detector.state is SUSPECT, "all of one moment"
    (down,) = feed(detector, "CALL_SILENT", now=2.0)
    assert (down.new, down.code, down.why) == (
        DOWN,
        "CALL_SILENT",
        "4 calls in a row met silence, nothing heard for 1.00 s",
    )


def test_a_call_responded_to_between_them_voids_silent_calls() -> None:
    detector = make(None)
    for i in range(100):
        feed(detector, "CALL_SILENT", "CALL_SILENT", "CALL_RESPONSE", now=float(i))
    assert detector.state is UP


def test_parole_comes_after_half_a_minute_and_later_each_time() -> None:
    detector, now, waits = make(None), 10.0, []
    for _ in range(8):
        fall(detector, now)
        assert isinstance(detector.wake(now + PAGE_AFTER), Page) or detector.paged
        waits.append(detector.wake_at - now)
        now = detector.wake_at
        assert detector.wake(now - 0.001) is None
        (paroled,) = [detector.wake(now)]
        assert isinstance(paroled, Transition)
        assert (paroled.new, paroled.code) == (SUSPECT, "PAROLED")
    assert waits[0] == PAROLE
    assert waits[1] == pytest.approx(2 * PAROLE, rel=0.05)
    assert waits[-1] == 300.0


def test_parole_ends_with_the_second_silent_call_or_with_a_response() -> None:
    for code, state in (("CALL_SILENT", DOWN), ("CALL_RESPONSE", UP)):
        detector = make(None)
        fall(detector, 0.0)
        detector.wake(6.0)
        detector.wake(31.0)
        assert detector.state is SUSPECT
        feed(detector, "CALL_SILENT", now=40.0)
        assert detector.state is SUSPECT, "it may be slow"
        feed(detector, code, now=40.2)
        assert detector.state is state


def test_misses_say_nothing_of_who_drops_options_and_answers_do() -> None:
    detector = make(CALLS_ONLY)
    assert feed(detector, *["PROBE_TIMEOUT"] * 100) == []
    assert [t.new for t in feed(detector, "PROBE_200")] == [UP]


def test_where_calls_decide_suspicion_brings_no_burst() -> None:
    detector = make(CALLS_ONLY)
    detector.probe_sent(0.1)
    due = detector.due
    feed(detector, "CALL_RESPONSE", "CALL_SILENT", "TRANSPORT_ERROR", now=0.15)
    assert (detector.state, detector.due) == (SUSPECT, due)
    detector.probe_sent(due)
    assert detector.due > due + 0.2


def test_never_probed_trunk_has_no_next_probe() -> None:
    detector = make(None)
    feed(detector, "CALL_SILENT", "CALL_RESPONSE", "TRANSPORT_ERROR")
    assert detector.due == inf


# --------------------------------------------------------------------------- probes decide (alive_on: 2xx)


def test_errors_are_misses_where_only_2xx_is_alive() -> None:
    detector = make(SUCCESS)
    suspect, down = feed(detector, "PROBE_200", *["PROBE_503"] * NEEDED)[1:]
    assert suspect.why == "a probe was answered with an error (PROBE_503), nothing heard for 0.00 s: confirming"
    assert (down.new, down.code) == (DOWN, "PROBE_503")
    assert down.why.startswith("16 probes in a row without success (PROBE_503)")


def test_calls_that_get_a_503_prove_nothing_where_only_2xx_is_alive() -> None:
    detector = make(SUCCESS)
    feed(detector, "PROBE_200", *["PROBE_503", "CALL_RESPONSE"] * NEEDED)
    assert detector.state is DOWN
    feed(detector, *["CALL_RESPONSE"] * 100)
    assert detector.state is DOWN


# --------------------------------------------------------------------------- pages


def test_down_for_five_seconds_is_a_page_and_one_only() -> None:
    detector = make()
    assert detector.wake_at == inf
    fall(detector, 1.0)
    assert detector.wake_at == 6.0
    assert detector.wake(5.9) is None
    page = detector.wake(6.0)
    assert isinstance(page, Page)
    assert (page.trunk, page.at, page.since, page.code) == ("carrier-a", 6.0, 1.0, "PORT_CLOSED")
    assert page.why.startswith("down for 5 s: 3 packets in a row refused")
    assert (detector.wake(1000.0), detector.wake_at, detector.paged) == (None, inf, True)


def test_trunk_that_is_back_in_time_is_no_page_and_the_next_fall_is_one_again() -> None:
    detector = make()
    fall(detector, 1.0)
    feed(detector, "PROBE_200", "PROBE_200", now=4.0)
    assert detector.wake(7.0) is None
    fall(detector, 8.0)
    assert isinstance(detector.wake(13.0), Page)
    time_to_rise(detector, 14.0)
    assert not detector.paged


# --------------------------------------------------------------------------- when to probe


def test_regular_probes_keep_their_phase_within_a_twentieth() -> None:
    detector = make()
    assert detector.due == 0.1
    offsets = set()
    for beat in range(1, 400):
        detector.probe_sent(detector.due)
        offset = detector.due - (0.1 + 0.25 * beat)
        assert abs(offset) <= 0.0125 + 1e-9
        offsets.add(round(offset, 4))
    assert len(offsets) > 100
    detector.probe_sent(1000.0)  # after a stall
    assert (detector.due - 0.1) % 0.25 == pytest.approx(0.0, abs=0.0126) or (detector.due - 0.1) % 0.25 > 0.2374


def test_a_thousand_trunks_do_not_jitter_alike() -> None:
    dues = set()
    for i in range(1000):
        detector = Detector(Trunk(f"trunk-{i}", "192.0.2.1", 5060), 0.0, 0.1)
        detector.probe_sent(0.1)
        dues.add(round(detector.due, 4))
    assert len(dues) > 200


def test_suspicion_probes_at_once_and_then_in_a_burst() -> None:
    detector = make()
    feed(detector, "PROBE_200")
    detector.probe_sent(1.1)
    feed(detector, "CALL_SILENT", now=1.2)
    assert detector.due == 1.2
    detector.probe_sent(1.2)
    assert detector.due == pytest.approx(1.23)


def test_suspicion_never_probes_faster_than_the_burst() -> None:
    detector = make()
    detector.probe_sent(1.1)
    feed(detector, "CALL_SILENT", now=1.11)
    assert detector.due == pytest.approx(1.13)


def test_refusal_is_confirmed_faster_but_silence_after_it_is_not() -> None:
    detector = make()
    detector.probe_sent(1.1)
    feed(detector, "TRANSPORT_ERROR", now=1.101)
    assert detector.due == pytest.approx(1.1 + CONFIRM)
    detector.probe_sent(detector.due)
    assert detector.due == pytest.approx(1.1 + CONFIRM + 0.03)


@pytest.mark.parametrize("ending", [("PROBE_200",), ("PROBE_TIMEOUT",) * NEEDED], ids=["up", "down"])
def test_burst_ends_with_the_suspicion(ending: tuple[str, ...]) -> None:
    detector = make()
    feed(detector, "CALL_SILENT", now=1.2)
    detector.probe_sent(1.2)
    feed(detector, *ending, now=1.21)
    assert detector.due == pytest.approx(1.35, abs=0.0126)


def test_end_of_a_burst_brings_no_probe_forward() -> None:
    detector = make()
    feed(detector, "CALL_SILENT", now=1.33)
    detector.probe_sent(1.33)
    feed(detector, "PROBE_200", now=1.331)
    assert detector.due == pytest.approx(1.6, abs=0.0126)  # the beat at 1.35 is as good as sent


def test_first_patience_is_200_ms_and_then_follows_the_round_trips() -> None:
    detector = make()
    assert detector.probe_sent(1.0) == pytest.approx(1.2)
    feed(detector, "PROBE_200", latency=0.002)
    assert detector.probe_sent(1.0) == pytest.approx(1.05)
    for _ in range(50):
        feed(detector, "PROBE_200", latency=0.3, now=2.0)
    assert 2.3 < detector.probe_sent(2.0) < 2.35
    feed(detector, "PROBE_200", latency=30.0, now=3.0)
    assert detector.probe_sent(3.0) == 3.0 + MAX_PATIENCE


def test_configured_timeout_holds_and_slow_round_trips_raise_it() -> None:
    detector = make(Probe(timeout=0.15))
    assert detector.probe_sent(1.0) == pytest.approx(1.15)
    feed(detector, "PROBE_200", latency=0.002)
    assert detector.probe_sent(1.0) == pytest.approx(1.15)
    for _ in range(50):
        feed(detector, "PROBE_200", latency=0.3)
    assert detector.probe_sent(1.0) > 1.3


def test_burst_waits_no_longer_than_the_round_trips_suggest() -> None:
    detector = make()
    feed(detector, "CALL_SILENT")
    assert detector.probe_sent(1.0) == pytest.approx(1.2)  # nothing measured
    feed(detector, "PROBE_200", latency=0.002)
    feed(detector, "CALL_SILENT")
    assert detector.probe_sent(1.0) == pytest.approx(1.03)


def test_calls_do_not_measure_the_round_trip_of_probes() -> None:
    detector = make()
    feed(detector, "CALL_RESPONSE", latency=0.9)
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

    probe: Probe | None = FEW

    def __init__(self) -> None:
        super().__init__()
        self.detector = make(self.probe)
        self.now = 0.0
        self.misses = self.errors = self.silent = self.answers = 0  # in a row, without the opposite between them
        self.pages = 0

    @property
    def calls_decide(self) -> bool:
        return self.probe is None or self.probe.alive_on is AliveOn.CALLS_ONLY

    @rule(step=st.floats(0.0, 0.3))
    def wait(self, step: float) -> None:
        self.now = min(self.now + step, self.detector.due, self.detector.wake_at)

    @rule(step=st.sampled_from([1.0, 10.0, 60.0, 1000.0]))
    def wait_long(self, step: float) -> None:
        self.now = min(self.now + step, self.detector.wake_at)
        if self.detector.due < self.now:
            self.detector.probe_sent(self.now)

    @precondition(lambda self: self.detector.due <= self.now)
    @rule()
    def send(self) -> None:
        assert self.detector.probe_sent(self.now) > self.now
        assert self.now < self.detector.due <= self.now + 1.15 * 0.25 + 1e-9

    @precondition(lambda self: self.detector.wake_at <= self.now)
    @rule()
    def wake(self) -> None:
        found = self.detector.wake(self.now)
        assert found is not None
        if isinstance(found, Page):
            self.pages += 1
            assert self.pages == 1
        else:
            assert self.calls_decide
            assert (found.old, found.new) == (DOWN, SUSPECT)
            self.errors = self.silent = 1

    @rule(code=st.sampled_from(["PROBE_200", "CALL_RESPONSE"]))
    def live(self, code: str) -> None:
        self.answers += 1
        self.misses = self.errors = self.silent = 0
        before = self.detector.state
        feed(self.detector, code, now=self.now)
        if before is not DOWN:
            assert self.detector.state is UP
        elif self.detector.state is UP:
            assert self.answers >= (self.probe.rise if self.probe else 1)
        if self.detector.state is UP:
            self.pages = 0

    @rule(code=st.sampled_from(["PROBE_TIMEOUT", "TRANSPORT_ERROR"]), times=st.integers(1, 4))
    def fail(self, code: str, times: int) -> None:
        if self.probe is None and code == "PROBE_TIMEOUT":
            return
        for _ in range(times):
            if code == "TRANSPORT_ERROR" or not self.calls_decide:
                self.answers = 0
            self.misses += code == "PROBE_TIMEOUT" and not self.calls_decide
            self.errors += code == "TRANSPORT_ERROR"
            before = self.detector.state
            feed(self.detector, code, now=self.now)
            if before is not DOWN:
                assert (self.detector.state is DOWN) == (self.misses >= 3 or self.errors >= 3)
            else:
                assert self.detector.state is DOWN

    @rule()
    def silence(self) -> None:
        before = self.detector.state
        self.silent += before is not DOWN
        feed(self.detector, "CALL_SILENT", now=self.now)
        if before is DOWN or not self.calls_decide or self.silent < 3:
            assert self.detector.state is (DOWN if before is DOWN else SUSPECT)
        else:
            assert self.detector.state in (SUSPECT, DOWN)

    @invariant()
    def nothing_is_left_of_what_an_up_trunk_went_through(self) -> None:
        detector = self.detector
        if detector.state is UP:
            assert (detector.missed, detector.refusals, detector.silent_calls, detector.paged) == (0, 0, 0, False)

    @invariant()
    def next_probe_is_never_in_the_past(self) -> None:
        assert self.now <= self.detector.due
        assert (self.detector.due < inf) == (self.probe is not None)

    @invariant()
    def burst_runs_exactly_while_suspect(self) -> None:
        burst = self.detector.state is SUSPECT and not self.calls_decide
        limit = 0.03 if burst else 2.2 * 0.25
        assert self.probe is None or self.detector.due - self.now <= limit + 1e-9

    @invariant()
    def only_a_trunk_that_is_down_wants_to_be_woken(self) -> None:
        assert self.detector.wake_at == inf or self.detector.state is DOWN


class AnySamplesCallsOnly(AnySamples):
    probe = CALLS_ONLY


class AnySamplesUnprobed(AnySamples):
    probe = None


TestAnySamples = AnySamples.TestCase
TestAnySamplesCallsOnly = AnySamplesCallsOnly.TestCase
TestAnySamplesUnprobed = AnySamplesUnprobed.TestCase

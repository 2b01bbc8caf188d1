from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from controller.health.incident import ratio
from controller.health.readmission import DOUBLINGS, JITTER, QUARANTINE, Gate, Stage

GOOD, BAD = ratio(0.93, success=True), ratio(0.93, success=False)


def held(now: float = 0.0) -> Gate:
    gate = Gate("carrier-a")
    gate.hold(now, "broke", 0.93)
    return gate


def test_the_way_back_is_quarantine_canaries_five_percent_a_quarter_all() -> None:
    gate = held()
    assert (gate.settle(1.0), gate.share(1.0)) == (Stage.HELD, 0.0)
    now = gate.until
    assert QUARANTINE <= now <= QUARANTINE * (1 + JITTER)
    assert (gate.settle(now), gate.share(now)) == (Stage.CANARY, 0.0)
    moved = [gate.weigh(GOOD, now + n, age=0.0) for n in range(4)]
    assert moved == [False, False, False, True]
    shares = []
    while gate.stage is Stage.RISING:
        now += 1.0
        gate.settle(now)
        if gate.share(now) not in shares:
            shares.append(gate.share(now))
    assert shares == [0.05, 0.25, 1.0]


def test_failed_canaries_double_the_quarantine_up_to_a_cap() -> None:
    gate, lengths = held(), []
    for _ in range(6):
        lengths.append(gate.until - gate.since)
        now = gate.until
        gate.settle(now)
        gate.weigh(BAD, now + 1, age=0.0)
        assert gate.weigh(BAD, now + 2, age=0.0)
        assert gate.stage is Stage.HELD
    assert all(later > 1.5 * earlier for earlier, later in pairwise(lengths[:4]))
    assert max(lengths) <= QUARANTINE * 2**DOUBLINGS * (1 + JITTER)


def test_half_an_hour_open_forgives_one_quarantine() -> None:
    gate = held()
    gate.k = 3
    gate.stage, gate.since = Stage.OPEN, 0.0
    gate.hold(3700.0, "broke again", 0.93)
    assert gate.k == 2


def test_attempts_from_before_say_nothing_about_the_way_back() -> None:
    gate = held()
    now = gate.until
    gate.settle(now)
    for n in range(10):
        assert not gate.weigh(BAD, now + 1 + n, age=20.0 + n)
    assert gate.stage is Stage.CANARY


def test_a_last_resort_that_works_is_let_in_early() -> None:
    gate = held()
    assert [gate.weigh(GOOD, 1.0 + n, age=0.5) for n in range(4)][-1]
    assert gate.stage is Stage.RISING


def test_a_relapse_while_rising_closes_it_again() -> None:
    gate = held()
    for n in range(4):
        gate.weigh(GOOD, 1.0 + n, age=0.5)
    assert [gate.weigh(BAD, 6.0 + n, age=0.5) for n in range(3)] == [False, False, True]
    assert (gate.stage, gate.k) == (Stage.HELD, 2)


def test_what_a_hard_signal_closed_only_a_hard_signal_opens() -> None:
    gate = Gate("carrier-a")
    gate.hold(0.0, "8 probes unanswered", 0.93, lost=True)
    assert gate.settle(1e6) is Stage.HELD
    assert not gate.weigh(GOOD, 1e6, age=0.0)
    gate.release(1e6, "probes are answered")
    assert gate.stage is Stage.CANARY


def test_parked_stays_parked_until_it_is_brought_home_in_steps() -> None:
    gate = Gate("carrier-a")
    gate.park(0.0, "maintenance")
    gate.hold(1.0, "broke", 0.93)
    assert gate.settle(1e6) is Stage.PARKED
    gate.home(1e6, "done")
    assert gate.stage is Stage.CANARY


def test_what_failed_together_does_not_come_back_together() -> None:
    ends = set()
    for n in range(20):
        gate = Gate(f"trunk-{n}")
        gate.hold(0.0, "broke", 0.93)
        ends.add(round(gate.until, 3))
    assert len(ends) == 20


moves = st.lists(
    st.tuples(st.sampled_from(["good", "bad", "hold", "lost", "release", "park", "home"]), st.floats(0, 60))
)


@given(moves)
def test_a_gate_never_gets_stuck_and_dump_restores_it(steps: list[tuple[str, float]]) -> None:
    gate, now = Gate("carrier-a"), 0.0
    for what, later in steps:
        now += later
        gate.settle(now)
        match what:
            case "good" | "bad":
                gate.weigh(GOOD if what == "good" else BAD, now, age=0.1)
            case "hold" | "lost":
                gate.hold(now, what, 0.93, lost=what == "lost")
            case "release":
                gate.release(now, what)
            case "park":
                gate.park(now, what)
            case _:
                gate.home(now, what)
        assert 0.0 <= gate.share(now) <= 1.0
        assert (gate.share(now) == 1.0) == (gate.stage is Stage.OPEN)
    again = Gate("carrier-a")
    again.load(gate.dump())
    assert again.dump() == gate.dump()
    gate.home(now, "home")
    gate.release(now, "back")
    now += 1e4
    gate.settle(now)
    for n in range(8):
        gate.weigh(GOOD, now + n, age=0.0)
        gate.settle(now + n)
    assert gate.settle(now + 1e3) is Stage.OPEN

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.board import MAX_HEDGE, SUSPECT_HEDGE, Board, spread_by_name
from controller.types import LEAST_HEDGE, Page, Probe, Sample, TargetState, Transition, Trunk

A = Trunk("carrier-a", "192.0.2.1", 5060)
B = Trunk("hq-pbx", "192.0.2.2", 5060)


def observe(
    board: Board, code: str, now: float = 1.0, latency: float | None = None, trunk: str = "carrier-a"
) -> list[Transition]:
    return board.observe(Sample(trunk, code in {"PROBE_200", "CALL_RESPONSE"}, code, latency), now)


# --------------------------------------------------------------------------- the view


def test_every_trunk_is_unknown_at_first() -> None:
    view = Board([A, B], now=7.0).view
    assert list(view.trunks) == ["carrier-a", "hq-pbx"]
    assert {(h.state, h.since, h.code, h.hedge) for h in view.trunks.values()} == {(TargetState.UNKNOWN, 7.0, "", 0.25)}


def test_view_shows_state_since_and_code() -> None:
    board = Board([A, B], now=0.0)
    (up,) = observe(board, "PROBE_200", now=3.0)
    assert (up.trunk, up.new) == ("carrier-a", TargetState.UP)
    health = board.view.trunks["carrier-a"]
    assert (health.state, health.since, health.code) == (TargetState.UP, 3.0, "PROBE_OK")
    assert board.view.trunks["hq-pbx"].state is TargetState.UNKNOWN


def test_old_view_stays_as_it_was() -> None:
    board = Board([A], now=0.0)
    before = board.view
    observe(board, "PROBE_200")
    assert before.trunks["carrier-a"].state is TargetState.UNKNOWN
    assert board.view.version == before.version + 1
    with pytest.raises(TypeError):
        before.trunks["carrier-a"] = board.view.trunks["carrier-a"]  # type: ignore[index]


def test_healthy_calls_leave_the_view_alone() -> None:
    board = Board([A], now=0.0)
    observe(board, "CALL_RESPONSE", latency=0.02)
    view = board.view
    for i in range(1000):
        assert observe(board, "CALL_RESPONSE", now=1.0 + i, latency=0.01 + i % 7 * 0.01) == []
    assert board.view is view


def test_view_is_drawn_once_for_many_changes() -> None:
    board = Board([A, B], now=0.0)
    version = board.view.version
    for trunk in ("carrier-a", "hq-pbx"):
        observe(board, "PROBE_200", trunk=trunk)
        observe(board, "CALL_SILENT", trunk=trunk)
    assert board.view.version == version + 1


def test_sample_of_an_unknown_trunk_is_nobodys_concern() -> None:
    board = Board([A], now=0.0)
    view = board.view
    assert observe(board, "TRANSPORT_ERROR", trunk="gone") == []
    assert board.view is view


# --------------------------------------------------------------------------- hedge


def answered(board: Board, times: int, *, now: float, latency: float) -> None:
    """Probes and calls that are both answered after so long."""
    for _ in range(times):
        observe(board, "PROBE_200", now=now, latency=latency)
        observe(board, "CALL_RESPONSE", now=now, latency=latency)


def test_hedge_follows_slow_first_responses() -> None:
    board = Board([A], now=0.0)
    for _ in range(50):
        observe(board, "CALL_RESPONSE", latency=0.5)
    assert board.view.trunks["carrier-a"].hedge == pytest.approx(0.55, rel=0.1)  # a tenth above


def test_hedge_comes_back_when_the_trunk_is_quick_again() -> None:
    board = Board([A], now=0.0)
    for latency in [0.6] * 20 + [0.02] * 60:
        observe(board, "CALL_RESPONSE", latency=latency)
    assert board.view.trunks["carrier-a"].hedge == pytest.approx(LEAST_HEDGE, rel=0.12)


def test_probes_stand_in_until_a_call_was_measured() -> None:
    board = Board([A], now=0.0)
    for _ in range(50):
        observe(board, "PROBE_200", latency=0.5)
    assert board.view.trunks["carrier-a"].hedge == pytest.approx(0.55, rel=0.1)  # a tenth above
    for latency in [0.02] * 60:
        observe(board, "CALL_RESPONSE", latency=latency)
        observe(board, "PROBE_200", latency=0.5)
    assert board.view.trunks["carrier-a"].hedge == pytest.approx(LEAST_HEDGE, rel=0.12)


def test_calls_do_not_wait_with_a_trunk_that_is_suddenly_slow_until_that_is_usual() -> None:
    board = Board([A], now=0.0)
    answered(board, 20, now=1.0, latency=0.02)
    for second in range(60):
        answered(board, 1, now=10.0 + second, latency=0.8)
        assert board.view.trunks["carrier-a"].hedge == LEAST_HEDGE
    answered(board, 1, now=70.0, latency=0.8)
    assert board.view.trunks["carrier-a"].hedge == pytest.approx(0.88, rel=0.1)


def test_late_responses_of_a_trunk_whose_probes_are_silent_do_not_make_the_hedge_wait() -> None:
    board = Board([A], now=0.0)
    answered(board, 20, now=1.0, latency=0.02)
    observe(board, "PROBE_TIMEOUT", now=10.0)
    observe(board, "CALL_RESPONSE", now=10.6, latency=0.8)
    assert board.view.trunks["carrier-a"].hedge == LEAST_HEDGE


def test_slowness_that_passed_is_forgotten() -> None:
    board = Board([A], now=0.0)
    answered(board, 20, now=1.0, latency=0.02)
    answered(board, 5, now=10.0, latency=0.8)
    answered(board, 90, now=50.0, latency=0.02)
    answered(board, 5, now=100.0, latency=0.8)
    assert board.view.trunks["carrier-a"].hedge == pytest.approx(LEAST_HEDGE, rel=0.12)


def test_calls_that_are_slow_by_loss_make_the_hedge_wait_at_once() -> None:
    board = Board([A], now=0.0)
    answered(board, 20, now=1.0, latency=0.02)
    observe(board, "CALL_RESPONSE", now=10.0, latency=0.55)  # its INVITE was sent twice; probes are as quick as ever
    assert board.view.trunks["carrier-a"].hedge > 2 * LEAST_HEDGE


@given(st.lists(st.floats(0.0, 10.0), max_size=60))
def test_hedge_stays_within_its_limits_and_moves_only_noticeably(latencies: list[float]) -> None:
    board = Board([A], now=0.0)
    observe(board, "CALL_RESPONSE")
    view = board.view
    for latency in latencies:
        observe(board, "CALL_RESPONSE", latency=latency)
        old, new = view.trunks["carrier-a"].hedge, board.view.trunks["carrier-a"].hedge
        assert LEAST_HEDGE <= new <= MAX_HEDGE
        assert (board.view is view) == (old == new)
        assert old == new or abs(new - old) > 0.1 * old
        view = board.view


# --------------------------------------------------------------------------- probing


def test_first_probes_are_spread_over_the_interval() -> None:
    board = Board([Trunk(f"trunk-{i}", "192.0.2.1", 5060) for i in range(1000)], now=10.0)
    tenths = [0] * 10
    for detector in board.detectors():
        tenths[int((detector.due - 10.0) / 0.025)] += 1
    assert all(60 < count < 140 for count in tenths)


def test_polite_trunks_are_known_within_a_second_as_well() -> None:
    polite = Probe(every=30.0, burst=0.2)
    board = Board([replace(A, name=f"trunk-{i}", probe=polite) for i in range(100)], now=0.0)
    assert all(detector.due <= 1.0 for detector in board.detectors())


def test_spread_is_the_callers_where_given() -> None:
    (detector,) = Board([A], now=1.0, spread=lambda _: 0.5).detectors()
    assert detector.due == 1.125


@given(st.text())
def test_place_of_a_name_is_a_share(name: str) -> None:
    assert 0.0 <= spread_by_name(name) < 1.0


def test_suspected_trunk_is_hurried_once() -> None:
    board = Board([A, B], now=0.0)
    observe(board, "CALL_SILENT", now=0.0)
    observe(board, "CALL_SILENT", now=0.0)
    observe(board, "PROBE_200", now=0.0, trunk="hq-pbx")
    assert board.take_hurried() == ["carrier-a"]
    assert board.take_hurried() == []


def test_second_refusal_hurries_the_last_confirmation_as_well() -> None:
    board = Board([A], now=0.0)
    (detector,) = board.detectors()
    for now in (1.0, 1.015):
        detector.probe_sent(now)
        observe(board, "TRANSPORT_ERROR", now=now + 0.001)
        assert board.take_hurried() == ["carrier-a"]
        assert detector.due == pytest.approx(now + 0.015)


def test_suspicion_hedges_calls_sooner_and_its_end_as_before() -> None:
    board = Board([A], now=0.0)
    observe(board, "PROBE_200")
    observe(board, "CALL_SILENT")
    assert board.view.trunks["carrier-a"].hedge == SUSPECT_HEDGE
    observe(board, "PROBE_200")
    assert board.view.trunks["carrier-a"].hedge == LEAST_HEDGE


# --------------------------------------------------------------------------- pages and paroles


def test_board_wakes_for_pages_of_those_that_are_down() -> None:
    board = Board([A, B], now=0.0)
    assert board.next_deadline() == inf
    for trunk, now in (("carrier-a", 1.0), ("hq-pbx", 2.0)):
        for _ in range(3):
            observe(board, "TRANSPORT_ERROR", now=now, trunk=trunk)
    assert board.next_deadline() == 6.0
    (page,) = board.handle_timer(6.0)
    assert isinstance(page, Page)
    assert (page.trunk, board.next_deadline()) == ("carrier-a", 7.0)
    assert [board.view.trunks[name].paged for name in ("carrier-a", "hq-pbx")] == [True, False]
    assert len(board.handle_timer(7.0)) == 1
    assert board.next_deadline() == inf


def test_trunk_that_only_calls_can_try_is_paroled() -> None:
    board = Board([replace(A, probe=None)], now=0.0)
    for _ in range(3):
        observe(board, "TRANSPORT_ERROR", now=1.0)
    _, parole = board.handle_timer(31.0)
    assert isinstance(parole, Transition)
    assert (parole.new, board.view.trunks["carrier-a"].hedge) == (TargetState.SUSPECT, SUSPECT_HEDGE)
    assert board.next_deadline() == inf


def test_trunk_that_left_wakes_nobody() -> None:
    board = Board([A, B], now=0.0)
    for _ in range(3):
        observe(board, "TRANSPORT_ERROR", now=1.0)
    board.update([B], now=2.0)
    assert board.handle_timer(6.0) == []
    assert board.next_deadline() == inf


# --------------------------------------------------------------------------- our own uplink


def fell(board: Board, **when: float) -> str:
    """Let trunks fall, each at its time; what the view says of the uplink then."""
    for trunk, now in sorted(when.items(), key=lambda item: item[1]):
        for _ in range(3):
            observe(board, "TRANSPORT_ERROR", now=now, trunk=trunk)
    return board.view.uplink


def trunks(**carriers: str) -> list[Trunk]:
    return [Trunk(name, "192.0.2.1", 5060, carrier=carrier) for name, carrier in carriers.items()]


def test_three_trunks_of_two_carriers_that_fall_together_are_our_uplink() -> None:
    board = Board(trunks(a1="a", a2="a", b="b"), now=0.0)
    assert fell(board, a1=1.0, a2=2.0) == ""
    assert fell(board, b=3.0) == "all 3 probed trunks, of 2 carriers, fell within 2.0 s"
    observe(board, "PROBE_200", now=4.0, trunk="a1")
    assert board.view.uplink, "one answer of two"
    observe(board, "PROBE_200", now=4.25, trunk="a1")
    assert board.view.uplink == ""


@pytest.mark.parametrize(
    ("carriers", "when"),
    [
        ({"a1": "a", "b": "b"}, {"a1": 1.0, "b": 1.0}),
        ({"a1": "a", "a2": "a", "a3": "a"}, {"a1": 1.0, "a2": 1.0, "a3": 1.0}),
        ({"a1": "a", "a2": "a", "b": "b"}, {"a1": 1.0, "a2": 1.0, "b": 3.5}),
        ({"a1": "a", "a2": "a", "b": "b", "c": "c"}, {"a1": 1.0, "a2": 1.0, "b": 1.0}),
    ],
    ids=["too few", "one carrier", "not together", "one stands"],
)
def test_what_may_be_theirs_is_not_our_uplink(carriers: dict[str, str], when: dict[str, float]) -> None:
    assert fell(Board(trunks(**carriers), now=0.0), **when) == ""


def test_a_trunk_that_only_calls_try_and_that_answers_them_clears_the_uplink_of_suspicion() -> None:
    board = Board([*trunks(a1="a", a2="a", b="b"), Trunk("pbx", "192.0.2.9", 5060, probe=None)], now=0.0)
    fell(board, a1=1.0)
    observe(board, "CALL_RESPONSE", now=1.5, trunk="pbx")
    assert fell(board, a2=2.0, b=2.0) == ""


def test_reload_that_brings_a_trunk_ends_the_suspicion() -> None:
    board = Board(trunks(a1="a", a2="a", b="b"), now=0.0)
    assert fell(board, a1=1.0, a2=1.0, b=1.0)
    board.update([*trunks(a1="a", a2="a", b="b"), A], now=2.0)
    assert board.view.uplink == ""


# --------------------------------------------------------------------------- reload


def test_reload_keeps_what_is_known_of_unchanged_trunks() -> None:
    board = Board([A, B], now=0.0)
    for _ in range(20):
        observe(board, "CALL_RESPONSE", latency=0.5)
    before = board.view
    board.update([replace(A, where="acme.yaml:9", carrier="a"), Trunk("new", "192.0.2.3", 5060)], now=5.0)
    assert board.view.trunks["carrier-a"] == before.trunks["carrier-a"]
    assert board.view.trunks["new"].state is TargetState.UNKNOWN
    assert "hq-pbx" not in board.view.trunks
    assert board.view.version > before.version


@pytest.mark.parametrize(
    "changed",
    [replace(A, host="192.0.2.9"), replace(A, port=5070), replace(A, probe=Probe(misses=4)), replace(A, probe=None)],
    ids=["host", "port", "probe", "probe off"],
)
def test_changed_trunk_starts_anew(changed: Trunk) -> None:
    board = Board([A], now=0.0)
    observe(board, "PROBE_200")
    board.update([changed], now=5.0)
    health = board.view.trunks["carrier-a"]
    assert (health.state, health.since) == (TargetState.UNKNOWN, 5.0)


# --------------------------------------------------------------------------- verdicts

UNKNOWN, UP, SUSPECT, DOWN, DEGRADED = (
    TargetState.UNKNOWN,
    TargetState.UP,
    TargetState.SUSPECT,
    TargetState.DOWN,
    TargetState.DEGRADED,
)


def changes(news: Sequence[Transition | Page]) -> list[tuple[str, str, str]]:
    return [(item.old.value, item.new.value, item.code) for item in news if isinstance(item, Transition)]


def shown(board: Board) -> tuple[TargetState, float, str]:
    health = board.view.trunks["carrier-a"]
    return health.state, health.since, health.code


def test_a_verdict_makes_a_living_trunk_degraded_until_it_is_taken_back() -> None:
    board = Board([A], now=0.0)
    observe(board, "PROBE_200", now=1.0)
    (entered,) = board.set_verdict("carrier-a", "deep", "DEEP_FAILED", "two test calls failed", 5.0)
    assert entered == Transition("carrier-a", UP, DEGRADED, 5.0, "DEEP_FAILED", "two test calls failed")
    assert shown(board) == (DEGRADED, 5.0, "DEEP_FAILED")
    (left,) = board.set_verdict("carrier-a", "deep", None, "a test call was answered", 9.0)
    assert left == Transition("carrier-a", DEGRADED, UP, 9.0, "RECOVERED", "a test call was answered")
    assert shown(board) == (UP, 9.0, "PROBE_OK")


def test_a_verdict_that_changes_nothing_leaves_the_view_alone() -> None:
    board = Board([A], now=0.0)
    board.set_verdict("carrier-a", "deep", "DEEP_FAILED", "", 5.0)
    view = board.view
    assert board.set_verdict("carrier-a", "deep", "DEEP_FAILED", "again", 6.0) == []
    assert board.set_verdict("carrier-a", "quality", None, "fine", 6.0) == []
    assert board.set_verdict("nobody", "deep", "DEEP_FAILED", "", 6.0) == []
    assert board.view is view


def test_several_sources_hold_a_trunk_until_the_last_takes_its_verdict_back() -> None:
    board = Board([A], now=0.0)
    observe(board, "PROBE_200", now=1.0)
    assert changes(board.set_verdict("carrier-a", "deep", "DEEP_FAILED", "", 2.0)) == [
        ("up", "degraded", "DEEP_FAILED")
    ]
    assert board.set_verdict("carrier-a", "quality", "POOR", "", 3.0) == []
    assert shown(board) == (DEGRADED, 2.0, "DEEP_FAILED"), "the oldest is told"
    assert board.set_verdict("carrier-a", "deep", None, "", 4.0) == []
    assert shown(board) == (DEGRADED, 2.0, "POOR")
    assert changes(board.set_verdict("carrier-a", "quality", None, "", 5.0)) == [("degraded", "up", "RECOVERED")]


def test_suspicion_and_death_are_shown_over_a_verdict() -> None:
    board = Board([A], now=0.0)
    observe(board, "PROBE_200", now=1.0)
    board.set_verdict("carrier-a", "deep", "DEEP_FAILED", "two test calls failed", 2.0)
    assert changes(observe(board, "TRANSPORT_ERROR", now=3.0)) == [("degraded", "suspect", "PORT_CLOSED")]
    assert changes(observe(board, "TRANSPORT_ERROR", now=3.1)) == []
    assert changes(observe(board, "TRANSPORT_ERROR", now=3.2)) == [("suspect", "down", "PORT_CLOSED")]
    assert shown(board) == (DOWN, 3.2, "PORT_CLOSED")
    observe(board, "PROBE_200", now=4.0)
    (back,) = observe(board, "PROBE_200", now=4.1)
    assert (back.old, back.new, back.code) == (DOWN, DEGRADED, "DEEP_FAILED")
    assert back.why.endswith("; but two test calls failed")
    assert shown(board) == (DEGRADED, 4.1, "DEEP_FAILED")


def test_a_verdict_on_a_trunk_that_is_down_shows_when_it_is_back() -> None:
    board = Board([A], now=0.0)
    for moment in (1.0, 1.1, 1.2):
        observe(board, "TRANSPORT_ERROR", now=moment)
    assert board.set_verdict("carrier-a", "quality", "POOR", "", 2.0) == []
    assert shown(board) == (DOWN, 1.2, "PORT_CLOSED")
    assert board.set_verdict("carrier-a", "quality", None, "", 3.0) == []
    assert shown(board) == (DOWN, 1.2, "PORT_CLOSED")


def test_a_trunk_nobody_heard_of_may_be_degraded_as_well() -> None:
    board = Board([A], now=0.0)
    assert changes(board.set_verdict("carrier-a", "deep", "DEEP_FAILED", "", 2.0)) == [
        ("unknown", "degraded", "DEEP_FAILED")
    ]
    assert observe(board, "PROBE_200", now=3.0) == [], "alive, and as bad as it was"
    assert shown(board) == (DEGRADED, 2.0, "DEEP_FAILED")


def test_a_verdict_goes_with_the_address_it_was_about() -> None:
    board = Board([A], now=0.0)
    board.set_verdict("carrier-a", "deep", "DEEP_FAILED", "", 2.0)
    board.update([replace(A, carrier="a")], now=3.0)
    assert shown(board)[0] is DEGRADED
    board.update([replace(A, host="192.0.2.9")], now=4.0)
    assert shown(board)[0] is UNKNOWN


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["PROBE_200", "PROBE_TIMEOUT", "CALL_SILENT", "TRANSPORT_ERROR", "CALL_RESPONSE"]),
            st.tuples(st.sampled_from(["deep", "quality"]), st.sampled_from([None, "POOR", "DEEP_FAILED"])),
        ),
        max_size=60,
    )
)
def test_transitions_tell_what_is_shown(script: list[str | tuple[str, str | None]]) -> None:
    board = Board([A], now=0.0)
    before = UNKNOWN
    for moment, step in enumerate(script, 1):
        if isinstance(step, str):
            news = observe(board, step, now=float(moment), latency=moment % 7 / 5)
        else:
            news = board.set_verdict("carrier-a", *step, "because", float(moment))
        for item in news:
            assert item.old is before
            assert item.new is not before
            before = item.new
        state, since, code = shown(board)
        (detector,) = board.detectors()
        assert state is before
        assert not news or since == moment
        alive = detector.state in (UP, UNKNOWN)
        assert alive or state is detector.state
        assert state is DEGRADED or code == detector.code

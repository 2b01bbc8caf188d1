import pytest

from tests.config.sample import bend, codes, compiled, found

NO_DEFAULTS = (
    "defaults: {ring: 20s, no_reply: 2s, no_progress: 8s, stagger: 5s, hedge: auto, causes: {603: next-target}}\n",
    "",
)


def test_nearest_value_wins() -> None:
    text = bend(("no_progress: 8s", "no_progress: 9s"), ("for: 10s", "for: 10s\n      no_progress: 7s"))
    first, second, _ = compiled(text).chains["sales"].stages
    assert (first.no_progress, second.no_progress) == (7.0, 9.0)


def test_without_defaults_the_built_in_values_hold() -> None:
    stage = compiled(bend(NO_DEFAULTS)).chains["sales"].stages[2]
    assert (stage.ring, stage.no_reply, stage.no_progress, stage.stagger) == (20.0, 2.0, 8.0, 5.0)


def test_message_names_both_values_and_their_origin() -> None:
    (finding,) = found(bend(("for: 10s", "for: 5s")))
    assert finding.message == (
        "'no_progress' (8s, from defaults at line 3) cannot be above 'for' (5s) in chain 'sales', stage 1"
    )
    (finding,) = found(bend(NO_DEFAULTS, ("for: 10s", "for: 5s")))
    assert "'no_progress' (8s, built in)" in finding.message


def test_no_progress_may_last_as_long_as_the_ring() -> None:
    assert codes(bend(("for: 10s", "for: 8s"))) == []


def test_no_reply_must_be_below_no_progress() -> None:
    assert codes(bend(("for: 10s", "for: 10s\n      no_reply: 8s"))) == ["TIMER_ORDER"]


@pytest.mark.parametrize(("hedge", "said"), [("2s", ["TIMER_ORDER"]), ("1999ms", []), ("auto", []), ("off", [])])
def test_hedge_must_come_before_no_reply(hedge: str, said: list[str]) -> None:
    assert codes(bend(("for: 10s", f"for: 10s\n      hedge: {hedge}"))) == said


def test_stagger_matters_in_hybrid_stages_only() -> None:
    assert codes(bend(("stagger: 4s", "stagger: 25s"))) == ["TIMER_ORDER"]
    assert codes(bend(("stagger: 5s", "stagger: 60s"))) == []


def test_breach_in_defaults_is_said_once_and_there() -> None:
    (finding,) = found(bend(("ring: 20s", "ring: 5s")))
    assert (finding.line, finding.code) == (3, "TIMER_ORDER")


def test_nothing_follows_from_a_value_that_is_wrong_itself() -> None:
    assert codes(bend(("for: 10s", "for: 90\n      no_progress: 30s"))) == ["DURATION_UNIT"]
    assert codes(
        bend(("ring: 20s", "ring: 90"), ("    - ring: [answering]", "    - ring: [answering]\n      no_progress: 30s"))
    ) == ["DURATION_UNIT"]

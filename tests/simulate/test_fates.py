from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulate.base import Answer, Fate, Fates, Faults, Got, Journal, Word, draw

RATES = st.sampled_from([0.0, 0.3, 1.0])


def test_without_faults_everything_is_taken_and_delivered():
    fate = draw(Faults(), Random(1))
    assert fate.answer is Answer.TAKE
    assert [report.word for report in fate.reports] == [Word.SENT, Word.DELIVERED]
    assert fate.delivered


def test_the_order_of_arrival_changes_no_fate():
    faults = Faults(refuse=0.3, undelivered=0.5, delay=(0, 1))
    keys = [f"c{n}:0:1" for n in range(50)]
    forwards = {key: Fates(faults, 7).of("p", key, 0) for key in keys}
    backwards = {key: Fates(faults, 7).of("p", key, 0) for key in reversed(keys)}
    assert forwards == backwards
    assert len({fate.answer for fate in forwards.values()}) == 2


def test_one_more_fault_leaves_the_others_as_they_were():
    few, more = Faults(undelivered=0.5), Faults(undelivered=0.5, duplicate=1.0)
    for seed in range(50):
        assert draw(few, Random(seed)).delivered == draw(more, Random(seed)).delivered


@pytest.mark.parametrize("answer", [Answer.REFUSE, Answer.THROTTLE, Answer.FAIL])
def test_what_is_refused_is_never_reported(answer):
    fate = draw(Faults(**{answer.value: 1.0}), Random(1))
    assert (fate.answer, fate.reports, fate.delivered, fate.taken) == (answer, (), False, False)


def test_a_lie_says_delivered_and_delivers_nothing():
    fate = draw(Faults(lie=1.0), Random(1))
    assert fate.reports[-1].word is Word.DELIVERED
    assert not fate.delivered


def test_duplicate_reordered_late_early_and_forged_reports():
    assert [r.word for r in draw(Faults(duplicate=1, report_delay=(1, 1)), Random(1)).reports] == [
        Word.SENT,
        Word.SENT,
        Word.DELIVERED,
        Word.DELIVERED,
    ]
    assert [r.word for r in draw(Faults(reorder=1, report_delay=(1, 1)), Random(1)).reports] == [
        Word.DELIVERED,
        Word.SENT,
    ]
    assert draw(Faults(late=1), Random(1)).reports[-1].after >= 60
    assert draw(Faults(early=1), Random(1)).reports[0].after < 0
    forged = [r for r in draw(Faults(forge=1), Random(1)).reports if r.forged]
    assert [r.word for r in forged] == [Word.FAILED]


def test_the_script_comes_first():
    fates = Fates(script=[Fate(Answer.CUT)])
    assert [fates.of("p", "k", 0).answer, fates.of("p", "k", 1).answer] == [Answer.CUT, Answer.TAKE]


def test_the_journal_counts_what_was_sent_twice():
    journal = Journal()
    for provider, repeated in (("a", False), ("a", True), ("b", False), ("b", False)):
        journal.add(Got(provider, "k", "+1", "x", 0.0, Fate(), "r", repeated))
    assert journal.sent_twice() == {("b", "k"): 2}
    assert journal.tries("a", "k") == 2
    assert len(list(journal.delivered())) == 3


@given(st.builds(Faults, *[RATES] * 14), st.integers())
def test_nothing_is_delivered_that_was_not_taken(faults, seed):
    fate = draw(faults, Random(seed))
    assert fate.taken or not (fate.delivered or fate.reports)
    assert list(fate.reports) == sorted(fate.reports, key=lambda report: report.after)

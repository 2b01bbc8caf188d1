"""Playbooks of the reducer: one for each thing that the rules of cascades say (docs/cascades.md)."""

from __future__ import annotations

import pytest

from controller.types import WITHDRAWN, Milestone, Verdict
from controller.types.cascades import (
    BLOCKED,
    FRAUD,
    LIMITED,
    MAX_ATTEMPTS,
    MAX_COST,
    NO_TIME,
    NOT_ON_CHANNEL,
    OPTED_OUT,
    TIMEOUT,
    Circumstances,
    ObserveOutcome,
    ReportReceived,
    SendAccepted,
    SendMessage,
    SendUnclear,
)
from tests.messages.playbook import EPOCH, Case, make_stage

WHOLE = ("whatsapp/wa-1", "sms/sms-1,sms-2", make_stage("email/mail", wait=40.0, until=Milestone.ACCEPTED))


# --------------------------------------------------------------------------- 1: intent before effect


def test_the_intent_is_in_the_row_that_goes_with_the_command() -> None:
    case = Case(*WHOLE).begin()
    assert case.sent == ["wa-1 c1:1:1"]
    assert [(send.send_key, send.phase.value, send.spent) for send in case.cascade.sends] == [
        ("c1:1:1", "sending", True)
    ]
    assert case.wakes == 5.0  # the lease, which ends before the wait
    assert case.events == ["begun", "sending"]
    command = case.last.commands[0]
    assert isinstance(command, SendMessage)
    assert command.until == EPOCH + 180.0
    assert command.wait == 20.0


def test_an_answer_of_the_provider_ends_the_lease() -> None:
    case = Case(*WHOLE).begin().at(0.3).accepted(1)
    assert case.cascade.sends[0].ref == "ref-1"
    assert case.wakes == 20.0  # from the beginning, not from the answer
    assert case.told == ["sent"]


def test_that_the_provider_has_it_is_told_once_whichever_way_it_becomes_known() -> None:
    case = Case(*WHOLE).begin().at(0.3).accepted(1)
    assert case.at(1.0).delivered(1, Milestone.ALERTING).told == []
    case = Case(*WHOLE).begin().at(0.3).accepted(1, milestone=Milestone.ALERTING)
    assert case.told == ["sent"]
    case = Case(*WHOLE).begin().at(0.3).delivered(1, Milestone.ALERTING)  # before the answer
    assert case.told == ["sent"]
    assert case.at(0.4).accepted(1).told == []
    case = Case(*WHOLE).begin().at(0.3).unclear(1).at(1.0).delivered(1, Milestone.ACCEPTED)  # the answer is lost
    assert case.told == ["sent"]
    assert case.at(2.0).delivered(1, Milestone.ALERTING).told == []
    assert case.at(3.0).delivered(1).told == ["completed"]


def test_it_begins_once() -> None:
    case = Case(*WHOLE).begin().begin()
    assert not case.last.changed
    assert not case.last.commands


def test_while_the_adapter_takes_its_time_only_the_lease_is_renewed() -> None:
    case = Case(*WHOLE).begin().at(5.0).due()
    assert not case.sent
    assert not case.events
    assert case.wakes == 10.0
    case.at(10.0).due().at(15.0).due()
    assert case.wakes == 20.0  # its wait is over then
    case.at(20.0).due()
    assert case.sent == ["sms-1 c1:2:2"]
    assert case.evidence == [("wa-1", "timeout")]


def test_something_else_that_happens_does_not_renew_the_lease() -> None:
    case = Case(*WHOLE).begin().at(1.0).accepted(1).at(20.0).due()
    assert case.wakes == 25.0
    case.at(24.0).failed(1)
    assert case.wakes == 25.0


# --------------------------------------------------------------------------- 2: after a crash


def test_a_provider_that_knows_our_keys_gets_the_same_one_again() -> None:
    case = Case(*WHOLE, dedup={"wa-1": "native"}).begin().at(7.0).due(recovered=True)
    assert case.sent == ["wa-1 c1:1:1"]
    assert case.wakes == 12.0
    case.at(7.2).accepted(1).at(9.0).delivered(1)
    assert case.outcome == ("completed", "")


def test_a_provider_that_can_be_asked_is_asked_first() -> None:
    case = Case(*WHOLE, dedup={"wa-1": "lookup"}).begin().at(7.0).due(recovered=True)
    assert case.asked == ["wa-1"]
    assert not case.sent
    case.at(7.2).accepted(1, "found")
    assert case.cascade.sends[0].ref == "found"
    assert case.wakes == 20.0


def test_what_the_provider_does_not_have_goes_there_with_the_same_key() -> None:
    case = Case(*WHOLE, dedup={"wa-1": "lookup"}).begin().at(7.0).due(recovered=True)
    case.at(7.2).refused(1, "404")
    assert case.sent == ["wa-1 c1:1:1"]
    assert not case.evidence
    case.at(7.4).refused(1, NOT_ON_CHANNEL)  # and now it is a refusal
    assert case.sent == ["sms-1 c1:2:2"]


def test_a_lookup_that_fails_means_that_it_may_have_been_sent() -> None:
    case = Case(*WHOLE, dedup={"wa-1": "lookup"}).begin().at(7.0).due(recovered=True).at(8.0).unclear(1)
    assert not case.sent
    assert not case.asked
    assert case.cascade.sends[0].phase.value == "waiting"
    assert case.wakes == 20.0


def test_nothing_is_sent_twice_where_nobody_can_tell() -> None:
    case = Case(*WHOLE).begin().at(7.0).due(recovered=True)
    assert not case.last.commands
    assert case.events == ["assumed_sent"]
    assert case.wakes == 20.0
    case.at(20.0).due()
    assert case.sent == ["sms-1 c1:2:2"]
    assert case.cascade.cost == pytest.approx(0.02)  # the first may have been sent


def test_a_wait_that_was_over_before_we_came_back_blames_nobody() -> None:
    case = Case(*WHOLE, dedup={"wa-1": "native"}).begin().at(30.0).due(recovered=True)
    assert case.sent == ["sms-1 c1:2:2"]
    assert not case.evidence


def test_a_message_that_kills_us_is_not_tried_for_ever() -> None:
    case = Case(make_stage("sms/sms-1", wait=170.0), dedup={"sms-1": "native"}).begin()
    for life in range(5):
        case.at(6.0 * (life + 1)).due(recovered=True)
        assert case.sent == ["sms-1 c1:1:1"]
    case.at(40.0).due(recovered=True)
    assert not case.sent
    assert case.events == ["assumed_sent"]


def test_nothing_is_repeated_that_would_come_too_late() -> None:
    case = Case(make_stage("sms/sms-1", wait=300.0), dedup={"sms-1": "native"}, floors={"sms-1": 5.0}).begin()
    case.at(176.0).due(recovered=True)
    assert not case.sent
    assert case.wakes == 180.0
    assert case.at(180.0).due().outcome == ("exhausted", NO_TIME)


def test_nothing_is_repeated_to_who_wants_no_more() -> None:
    case = Case(*WHOLE, dedup={"wa-1": "native"}).begin()
    case.circumstances = Circumstances(refuse=OPTED_OUT)
    assert not case.at(7.0).due(recovered=True).sent


def test_an_answer_that_was_lost_is_asked_for_once() -> None:
    case = Case(*WHOLE, dedup={"wa-1": "native"}).begin().at(3.0).unclear(1)
    assert case.sent == ["wa-1 c1:1:1"]
    assert case.evidence == [("wa-1", "timeout")]
    case.at(6.0).unclear(1)
    assert not case.sent
    assert case.events == ["unclear", "assumed_sent"]


def test_an_answer_that_was_lost_is_waited_for_where_nobody_can_tell() -> None:
    case = Case(*WHOLE).begin().at(3.0).unclear(1)
    assert not case.sent
    assert case.wakes == 20.0
    assert case.at(4.0).delivered(1).outcome == ("completed", "")


# --------------------------------------------------------------------------- 3: reports


def test_a_report_completes_it_once() -> None:
    case = Case(*WHOLE).begin().accepted(1).at(3.0).delivered(1)
    assert case.outcome == ("completed", "")
    assert case.wakes is None
    assert case.cascade.winner == 1
    assert case.told == ["completed"]
    assert case.evidence == [("wa-1", "delivered")]
    case.delivered(1)
    assert not case.last.changed
    assert not case.last.commands


def test_a_report_about_an_earlier_step_completes_it_as_well() -> None:
    case = Case(*WHOLE).begin().accepted(1).at(20.0).due().accepted(2).at(25.0).delivered(1)
    assert case.outcome == ("completed", "")
    assert case.cascade.winner == 1
    assert case.evidence == [("wa-1", "delivered")]  # it was blamed for the timeout; now it is not


def test_a_failure_moves_on_at_once() -> None:
    case = Case(*WHOLE).begin().accepted(1).at(2.0).failed(1, BLOCKED)
    assert case.sent == ["sms-1 c1:2:2"]
    assert case.told == ["advanced"]
    assert case.events == ["not_delivered", "sending"]
    assert [(a.old, a.new) for a in case.last.audit] == [
        ("step 1 waiting", "step 1 ended"),
        ("step 1 ended", "step 2 sending"),
    ]


def test_a_failure_of_an_older_attempt_is_history() -> None:
    case = Case(*WHOLE).begin().accepted(1).at(20.0).due().accepted(2).at(21.0).failed(1, BLOCKED)
    assert not case.sent
    assert case.events == ["not_delivered"]
    assert case.evidence == [("wa-1", "blocked")]
    assert case.wakes == 40.0


def test_a_failure_that_comes_before_the_success_is_overruled() -> None:
    case = Case(*WHOLE).begin().accepted(1).at(2.0).failed(1).at(3.0).delivered(1)
    assert case.outcome == ("completed", "")
    assert case.cascade.winner == 1


def test_a_failure_that_comes_after_the_success_is_nothing() -> None:
    case = Case(make_stage("whatsapp/wa-1", until=Milestone.CONFIRMED), "sms/sms-1").begin().accepted(1).delivered(1)
    case.at(3.0).failed(1)
    assert not case.last.changed
    assert case.at(20.0).due().sent == ["sms-1 c1:2:2"]  # delivered, but never read
    assert not case.evidence
    assert case.at(30.0).delivered(1, Milestone.CONFIRMED).outcome == ("completed", "")


def test_the_first_failure_of_a_send_is_the_one_that_counts() -> None:
    case = Case(*WHOLE).begin().accepted(1).failed(1, "undelivered").failed(1, BLOCKED)
    assert not case.last.changed
    assert case.cascade.sends[0].outcome == "undelivered"


def test_what_was_refused_and_yet_delivered_has_its_price() -> None:
    case = Case(*WHOLE).begin().refused(1, "503").at(3.0).delivered(1)
    assert case.outcome == ("completed", "")
    assert case.cascade.cost == pytest.approx(0.02)


def test_what_nobody_sent_cannot_be_reported() -> None:
    case = Case(*WHOLE).begin().accepted(1)
    for event in (ReportReceived(2, Milestone.ANSWERED), ReportReceived(9, None, "rejected"), SendAccepted(7, "x")):
        case.take(event)
        assert not case.last.changed
        assert not case.last.audit
        assert not case.last.commands


def test_a_report_may_come_before_the_answer() -> None:
    case = Case(*WHOLE).begin().delivered(1)
    assert case.outcome == ("completed", "")
    case.accepted(1)
    assert case.cascade.sends[0].ref == "ref-1"
    assert not case.last.commands
    assert case.outcome == ("completed", "")


def test_a_bad_report_may_come_before_the_answer() -> None:
    case = Case(*WHOLE).begin().failed(1)
    assert case.sent == ["sms-1 c1:2:2"]
    case.accepted(1)
    assert case.cascade.sends[0].ref == "ref-1"
    assert not case.sent
    assert not case.accepted(1).last.changed


def test_taken_by_the_provider_is_enough_where_the_step_says_so() -> None:
    case = Case(make_stage("email/mail", until=Milestone.ACCEPTED)).begin().accepted(1)
    assert case.outcome == ("completed", "")
    assert not case.evidence  # a promise


def test_an_answer_after_the_deadline_does_not_hide_it() -> None:
    """The sweeper is late, and the provider slower."""
    case = Case(*WHOLE).begin().at(20.5).accepted(1)
    assert case.sent == ["sms-1 c1:2:2"]
    assert case.evidence == [("wa-1", "timeout")]


# --------------------------------------------------------------------------- 5: advancing


def test_not_on_the_channel_goes_to_the_next_step() -> None:
    case = Case("sms/sms-1,sms-2", "email/mail").begin().refused(1, NOT_ON_CHANNEL)
    assert case.sent == ["mail c1:2:2"]
    assert case.cascade.cost == pytest.approx(0.01)  # what was refused costs nothing


@pytest.mark.parametrize("cause", ["503", "429", "400", "undelivered", "TRANSPORT_ERROR", "ESME_RSYSERR", "NEW"])
def test_what_the_provider_could_not_do_goes_to_the_next_provider(cause: str) -> None:
    case = Case("sms/sms-1,sms-2", "email/mail").begin().refused(1, cause)
    assert case.sent == ["sms-2 c1:1:2"]


def test_the_cascade_has_the_last_word_on_causes() -> None:
    case = Case("sms/sms-1,sms-2", "email/mail", causes={"503": Verdict.NEXT_TARGET}).begin().refused(1, "503")
    assert case.sent == ["mail c1:2:2"]


def test_the_next_provider_has_another_upstream_if_there_is_one() -> None:
    upstreams = {"a": "agg-1", "b": "agg-1", "c": "agg-2"}
    case = Case("sms/a,b,c", upstreams=upstreams).begin().refused(1, "503")
    assert case.sent == ["c c1:1:2"]
    case.refused(2, "503")
    assert case.sent == ["b c1:1:3"]  # there is none left: better than nothing


def test_an_upstream_is_not_blamed_for_the_person() -> None:
    upstreams = {"wa": "agg-1", "a": "agg-1", "b": "agg-2"}
    case = Case("whatsapp/wa", "sms/a,b", upstreams=upstreams).begin().refused(1, NOT_ON_CHANNEL)
    assert case.sent == ["a c1:2:2"]


def test_providers_that_are_out_now_come_last() -> None:
    case = Case("sms/a,b,c")
    case.circumstances = Circumstances(avoid={"a": "quarantined"})
    assert case.begin().sent == ["b c1:1:1"]
    assert case.refused(1, "503").sent == ["c c1:1:2"]
    assert case.refused(2, "503").sent == ["a c1:1:3"]
    assert case.last.audit[-1].reason == "quarantined"


def test_no_more_providers_of_a_step_than_it_may_have() -> None:
    case = Case("sms/a,b,c", "email/mail", fanout=(2, 1)).begin().refused(1, "503").refused(2, "503")
    assert case.sent == ["mail c1:2:4"]
    assert case.events == ["refused", "withheld", "sending"]


def test_a_provider_at_its_limit_is_passed_over_and_takes_nobodys_turn() -> None:
    case = Case("sms/a,b,c", "email/mail", fanout=(2, 1))
    case.circumstances = Circumstances(barred={"a": "50/s are taken"})
    assert case.begin().sent == ["b c1:1:2"]
    assert case.last.audit[1].reason == "LIMITED: 50/s are taken"
    assert case.refused(2, "503").sent == ["c c1:1:3"]


def test_no_more_attempts_than_agreed() -> None:
    case = Case("sms/a,b,c", max_attempts=2).begin().refused(1, "503").refused(2, "503")
    assert case.outcome == ("exhausted", MAX_ATTEMPTS)
    assert case.told == ["exhausted"]


def test_no_more_money_than_agreed_and_a_cheaper_provider_has_its_turn() -> None:
    costs = {"a": 0.06, "b": 0.08, "c": 0.05}
    case = Case("sms/a,b,c", costs=costs, max_cost=0.12).begin().accepted(1).failed(1)
    assert case.sent == ["c c1:1:3"]
    assert case.last.audit[1].reason == "MAX_COST: 0.0600 spent, b costs 0.0800, the limit is 0.1200"
    assert case.accepted(3).failed(3).outcome == ("exhausted", "undelivered")


def test_what_the_provider_says_it_cost_counts() -> None:
    case = Case("sms/a,b", max_cost=0.12).begin().accepted(1, cost=0.115).failed(1)
    assert case.outcome == ("exhausted", MAX_COST)


def test_nothing_is_sent_that_comes_too_late_but_a_faster_one_has_its_turn() -> None:
    case = Case("sms/a", "email/mail", "voice/v", floors={"a": 1.0, "mail": 10.0, "v": 2.0}).begin().accepted(1)
    case.at(175.0).failed(1)
    assert case.sent == ["v c1:3:3"]
    assert case.last.audit[1].reason == "NO_TIME: 5.0 s left, and mail takes 10.0 s at least"


def test_nothing_is_sent_after_the_window() -> None:
    case = Case("sms/a", "email/mail").begin().accepted(1).at(180.0).failed(1)
    assert not case.sent
    assert case.outcome == ("exhausted", NO_TIME)


def test_the_end_of_the_window_ends_it() -> None:
    case = Case(make_stage("sms/a", wait=600.0)).begin().accepted(1)
    assert case.wakes == 180.0
    assert case.at(180.0).due().outcome == ("exhausted", NO_TIME)
    assert not case.evidence  # its wait was not over


def test_who_opted_out_meanwhile_gets_nothing_more() -> None:
    case = Case("sms/a,b", "email/mail").begin().accepted(1)
    case.circumstances = Circumstances(refuse=OPTED_OUT)
    assert case.at(20.0).due().outcome == ("exhausted", OPTED_OUT)


def test_what_may_not_be_sent_at_all_is_refused() -> None:
    case = Case("sms/a,b", "email/mail")
    case.circumstances = Circumstances(refuse=FRAUD)
    assert case.begin().outcome == ("refused", FRAUD)
    assert case.told == ["refused"]
    assert case.wakes is None


def test_a_plan_of_nothing_is_refused() -> None:
    assert Case().begin().outcome == ("refused", "NO_PROVIDER")


# --------------------------------------------------------------------------- 7: over is over


def test_a_late_delivery_is_recorded_and_reopens_nothing() -> None:
    case = Case("sms/a").begin().accepted(1).at(20.0).due()
    assert case.outcome == ("exhausted", TIMEOUT)
    case.at(60.0).delivered(1)
    assert case.outcome == ("exhausted", TIMEOUT)
    assert case.cascade.late
    assert case.events == ["delivered", "late_delivered"]
    assert case.evidence == [("a", "delivered")]
    assert case.told == ["late_delivered"]
    assert not case.delivered(1).last.changed


def test_another_delivery_after_completion_is_no_late_one() -> None:
    case = Case(*WHOLE).begin().accepted(1).at(20.0).due().accepted(2).delivered(2).at(40.0).delivered(1)
    assert not case.cascade.late
    assert case.cascade.winner == 2
    assert case.evidence == [("wa-1", "delivered")]


def test_the_sender_takes_it_back() -> None:
    case = Case(*WHOLE).begin().accepted(1).cancelled()
    assert case.outcome == ("cancelled", "WITHDRAWN")
    assert case.wakes is None
    assert not case.cancelled().last.changed
    assert not case.at(5.0).due().last.changed
    assert case.delivered(1).outcome == ("cancelled", "WITHDRAWN")


def test_a_refusal_that_comes_after_the_end_gives_the_money_back() -> None:
    case = Case("sms/a").begin().at(20.0).due()
    assert case.cascade.cost == pytest.approx(0.01)
    case.at(21.0).refused(1, "503")
    assert case.cascade.cost == 0.0
    assert case.outcome == ("exhausted", TIMEOUT)


# --------------------------------------------------------------------------- feedback


def test_a_code_that_was_typed_in_completes_it() -> None:
    case = Case(*WHOLE).begin().accepted(1).verified()
    assert case.outcome == ("completed", "verified")
    assert case.cascade.winner == 1
    assert case.evidence == [("wa-1", "verified"), ("wa-1", "confirmed")]
    assert not case.verified().last.changed


def test_nobody_is_praised_for_a_code_that_two_may_have_brought() -> None:
    case = Case(*WHOLE).begin().accepted(1).at(20.0).due().accepted(2).verified()
    assert case.outcome == ("completed", "verified")
    assert case.cascade.winner == 0
    assert not case.evidence


def test_a_completed_cascade_may_still_be_verified() -> None:
    case = Case(*WHOLE).begin().accepted(1).delivered(1).at(9.0).verified()
    assert case.cascade.verified
    assert case.outcome == ("completed", "")
    assert case.evidence == [("wa-1", "confirmed")]


def test_a_code_of_no_use_is_evidence_and_closes_nothing() -> None:
    case = Case(*WHOLE).begin().accepted(1).not_verified()
    assert case.outcome == ("active", "")
    assert case.evidence == [("wa-1", "unconfirmed")]
    assert not case.not_verified().last.changed
    assert case.verified().outcome == ("completed", "verified")


def test_a_verification_after_the_end_reopens_nothing() -> None:
    case = Case("sms/a").begin().accepted(1).at(20.0).due().verified()
    assert case.outcome == ("exhausted", TIMEOUT)
    assert case.cascade.verified
    assert case.cascade.late


def test_a_phone_that_rings_is_called_no_more_once_a_late_report_completes_the_cascade() -> None:
    case = Case("sms/sms-1", "voice/call-1").begin().accepted(1).at(20.0).due().accepted(2)
    assert case.at(24.0).delivered(1).outcome == ("completed", "")
    assert case.withdrawn == ["call-1 c1:2:2"]
    assert case.events == ["delivered", "completed", "withdrawn"]
    assert not case.failed(2, WITHDRAWN).evidence  # it says nothing about whom was called, or by whom
    assert case.outcome == ("completed", "")


def test_a_call_is_taken_back_by_whoever_cancels_or_verifies_too() -> None:
    for end in (Case.cancelled, Case.verified):
        case = Case("voice/call-1").begin().accepted(1)
        assert end(case).withdrawn == ["call-1 c1:1:1"]
        assert not end(case).withdrawn
    case = Case("voice/call-1").begin()  # the order is on its way
    assert case.cancelled().withdrawn == ["call-1 c1:1:1"]
    assert case.refused(1, WITHDRAWN).cascade.cost == 0.0


def test_a_call_that_is_answered_is_not_taken_back_and_messages_never_are() -> None:
    case = Case("voice/call-1").begin().accepted(1)
    assert not case.delivered(1).withdrawn
    case = Case(make_stage("voice/call-1", until=Milestone.ALERTING)).begin().accepted(1)
    assert case.delivered(1, Milestone.ALERTING).outcome == ("completed", "")
    assert not case.withdrawn
    assert not Case("sms/sms-1").begin().accepted(1).cancelled().withdrawn


# --------------------------------------------------------------------------- two daemons


@pytest.mark.parametrize("dedup", ["native", "lookup"])
def test_what_was_taken_over_is_not_refused_by_whoever_had_it_before(dedup: str) -> None:
    """It was stopped for a while, and says that it was too late to send; the other has sent it meanwhile."""
    case = Case(*WHOLE, dedup={"wa-1": dedup}).begin().at(7.0).due(recovered=True)
    assert not case.at(8.0).refused(1, LIMITED, asked=0).last.changed
    assert not case.take(SendUnclear(1, "timeout", asked=0)).last.changed
    assert case.cascade.sends[0].phase.value == "sending"
    assert case.at(9.0).accepted(1).wakes == 20.0
    case = Case(*WHOLE, dedup={"wa-1": "native"}).begin().at(7.0).due(recovered=True)
    assert case.at(8.0).refused(1, "absent", asked=1).sent == ["sms-1 c1:2:2"]


def test_who_cannot_be_asked_was_not_sent_to_after_all() -> None:
    case = Case(*WHOLE).begin().at(7.0).due(recovered=True)
    assert case.at(8.0).refused(1, LIMITED, asked=0).sent == ["sms-1 c1:2:2"], "nobody has sent it again"


# --------------------------------------------------------------------------- a machine that slept


@pytest.mark.parametrize(("late", "blamed"), [(0.5, True), (3.0, True), (60.0, False)])
def test_who_was_not_there_to_hear_blames_nobody(late: float, blamed: bool) -> None:
    """It was stopped, suspended, or its clock was set: that all waits are over says nothing of the providers."""
    case = Case(*WHOLE).begin().at(0.3).accepted(1).at(20.0 + late).due()
    assert case.sent == ["sms-1 c1:2:2"]
    assert any(isinstance(command, ObserveOutcome) for command in case.last.commands) is blamed
    case = Case(*WHOLE).begin().at(0.3).accepted(1).at(20.5).due().at(0.3).accepted(2)
    case.at(40.6 + late).delivered(1, Milestone.ALERTING)  # what is due is due whatever it hears first
    assert case.sent == ["sms-2 c1:2:3"]
    assert any(isinstance(command, ObserveOutcome) for command in case.last.commands) is blamed

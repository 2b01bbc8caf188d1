from __future__ import annotations

import json

from controller.messages.reducer import reduce
from controller.messages.shared import Seen, read_back
from controller.types.cascades import CascadeBegun, ObserveOutcome, ReportReceived, SendAccepted, SendRefused
from tests.messages.playbook import CALM, EPOCH, make_cascade, make_plan


def test_what_an_event_told_health_stands_in_its_history() -> None:
    cascade = make_cascade(make_plan("sms/sms-1,sms-2"), region=("US", "US/310260"), weight=0.75)
    reduce(cascade, CascadeBegun(), EPOCH, CALM)
    refused = reduce(cascade, SendRefused(1, "503", retry_after=7.0), EPOCH + 1.5, CALM)
    decision = json.loads(json.dumps(refused.audit[0].decision))
    assert read_back(decision) == [Seen(ObserveOutcome("sms-1", "503", (), 1.5, 7.0, 1), ("US", "US/310260"), 0.75)]
    accepted = reduce(cascade, SendAccepted(2, "r2"), EPOCH + 2, CALM)
    assert read_back(accepted.audit[0].decision) == []
    failed = reduce(cascade, ReportReceived(2, None, "undelivered"), EPOCH + 4, CALM)
    told = [command for command in failed.commands if isinstance(command, ObserveOutcome)]
    assert [seen.outcome for seen in read_back(failed.audit[0].decision)] == told
    assert told

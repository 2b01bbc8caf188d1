from __future__ import annotations

import asyncio
import faulthandler
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sip.agent import AgentCall, Script
from sip.message import Request
from tests.kills.audit import audit, show
from tests.kills.drill import Outcome, run
from tests.kills.schedule import Kill, Kind

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)  # two minutes, and the phones' longest timers after that
def test_no_call_is_lost_or_answered_twice_while_ten_trunks_die_in_two_minutes() -> None:
    """A process of its own: whoever calls must not wait for what other tests have left to the garbage collector."""
    faulthandler.cancel_dump_traceback_later()  # it is for what hangs; this takes its time
    command = [sys.executable, "-m", "tests.kills", "--minutes", "2", "--kills", "10", "--seed", "1"]
    drill = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = drill.stderr + drill.stdout
    print(said)
    assert drill.returncode == 0, said
    assert "6000 calls" in said
    met = re.search(r"^all that met +10 +(\d+)", said, flags=re.MULTILINE)
    assert int(met[1] if met else 0), "some calls must have met a dying trunk"
    assert "lost 0, answered twice 0" in said


@pytest.mark.long
def test_no_call_is_lost_or_answered_twice_while_a_hundred_trunks_die_in_twenty_minutes(tmp_path: Path) -> None:
    faulthandler.cancel_dump_traceback_later()  # it is for what hangs; this takes its time
    report = audit(asyncio.run(run(tmp_path, seed=1, count=100, seconds=1200, rate=50.0, tell=print)))
    print(show(report))
    assert (len(report.verdicts), len(report.kills)) == (60_000, 100)
    assert report.wrong == []


# --------------------------------------------------------------------------- the audit finds what is wrong


def outcome_of(
    *, finals: list[tuple[int, str]], phones: list[dict[str, object]], winner: str = "desk via t1"
) -> Outcome:
    """One call, which began at 10 s at t0 and rang at 10.3 s at t1; t0 died at 9.9 s."""
    invite = Request("INVITE", "sip:100@127.0.0.1", [], [], b"")
    met, other = (
        AgentCall(name, "100", False, Script(), invite, "tag", start) for name, start in (("a", 10), ("b", 1))
    )
    met.rang, met.finals = 10.35, finals
    met.answered = 11.0 if any(status == 200 for status, _ in finals) else None
    other.rang, other.answered, other.finals = 1.05, 2.0, [(200, "t1-tag-1")]
    fine = {"call": "b;x", "chain": "c0", "winner": "desk via t1", "attempts": [{"path": "desk via t1", "at": 0.0}]}
    tries = [{"path": "desk via t0", "at": 0.0}, {"path": "desk via t1", "at": 0.25}]
    record = {"call": "a;x", "chain": "c0", "winner": winner, "attempts": tries}
    return Outcome([met, other], set(), [Kill(9.9, 12.0, "t0", Kind.HOLE)], phones, [fine, record], [], 0)


def phone(tag: str, *, acked: bool = True, state: str = "ended") -> dict[str, object]:
    return {"call": "a", "tag": tag, "rang": 10.3, "acked": acked, "state": state}


def test_a_call_that_moved_is_fine_and_its_delay_is_added_to_the_usual() -> None:
    report = audit(outcome_of(finals=[(200, "t1-tag-2")], phones=[phone("t1-tag-2")]))
    (met, _) = report.verdicts
    assert (report.wrong, report.lost, report.twice) == ([], [], [])
    assert met.met is not None
    assert not met.caught
    assert "lost 0, answered twice 0" in show(report)
    assert met.delay - report.usual == pytest.approx(0.3)


def test_a_call_without_an_answer_is_lost() -> None:
    report = audit(outcome_of(finals=[(500, "x")], phones=[], winner=""))
    assert [verdict.call.id for verdict in report.lost] == ["a"]
    assert report.wrong


def test_two_answers_to_the_caller_are_found() -> None:
    both = [(200, "t1-tag-2"), (200, "t0-tag-9")]
    report = audit(outcome_of(finals=both, phones=[phone("t1-tag-2"), phone("t0-tag-9")]))
    assert [verdict.call.id for verdict in report.twice] == ["a"]


def test_a_second_phone_that_was_released_is_counted_and_one_that_talks_on_is_found() -> None:
    finals = [(200, "t1-tag-2")]
    report = audit(outcome_of(finals=finals, phones=[phone("t1-tag-2"), phone("t0-tag-9")]))
    assert (report.wrong, report.verdicts[0].released, report.verdicts[0].alerted) == ([], 1, 2)
    report = audit(outcome_of(finals=finals, phones=[phone("t1-tag-2"), phone("t0-tag-9", state="answered")]))
    assert [verdict.call.id for verdict in report.twice] == ["a"]


def test_an_answer_that_the_daemon_knows_nothing_of_is_found() -> None:
    report = audit(outcome_of(finals=[(200, "t3-tag-2")], phones=[phone("t3-tag-2")]))
    assert report.wrong == ["a: answered by t3-tag-2, but the daemon says desk via t1"]

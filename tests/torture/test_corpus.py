"""The messages of RFC 4475 themselves, where a copy of them is at hand; they are no part of the project.

`CALLWARD_RFC4475` names the folder (default: ``../shared/corpora/rfc4475`` beside the repository): one ``.dat`` file
per message and ``expectations.json``. The project's own cases in this folder need none of it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sip.errors import RemoteProtocolError
from sip.message import Request
from sip.parser import parse_message, validate
from tests.torture.stand import SENDER, Stand, opaque

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CALLWARD_RFC4475") or ROOT.parent / "shared" / "corpora" / "rfc4475")
TABLE = FOLDER / "expectations.json"
CASES: list[dict[str, Any]] = json.loads(TABLE.read_text())["cases"] if TABLE.is_file() else []

#: Refusals of a message that was understood: no such dialog, no such service here.
UNDERSTOOD = {200, 403, 404, 405, 481, 501}
#: What these layers would say, we do not: registrar and user agent are others, calls for them are forwarded.
NOT_OURS = {"registrar", "UAS"}

pytestmark = pytest.mark.skipif(not CASES, reason=f"no RFC 4475 messages in {FOLDER} (set CALLWARD_RFC4475)")


def each(*verdicts: str) -> Any:
    """The cases with these verdicts, by file name."""
    cases = [case for case in CASES if case["verdict"] in verdicts]
    return pytest.mark.parametrize("case", cases, ids=[case["file"] for case in cases])


def read(case: dict[str, Any]) -> bytes:
    return (FOLDER / case["file"]).read_bytes()


@each("accept")
def test_what_is_valid_is_accepted_and_unharmed(case: dict[str, Any]) -> None:
    data = read(case)
    parsed = parse_message(data)
    validate(parsed)
    again = parse_message(parsed.encode())
    assert (again.start_line, again.names, again.lines, again.body) == (
        parsed.start_line,
        parsed.names,
        parsed.lines,
        parsed.body,
    )
    verdict = Stand().judge(data)
    if case["kind"] == "response":
        assert verdict.is_silence, "a response that nobody waits for is accepted and goes nowhere"
    elif verdict.forwarded:
        (sent,) = verdict.raw[1:]
        assert opaque(sent, ("via", "max-forwards", "record-route", "route", "max-breadth")) == opaque(data)
    else:
        assert set(verdict.statuses) <= UNDERSTOOD | set(case["replies"])
        assert len(verdict.statuses) == 1


@each("reject")
def test_what_is_broken_goes_nowhere(case: dict[str, Any]) -> None:
    verdict = Stand().judge(read(case))
    assert not verdict.forwarded
    if case["kind"] == "response":
        assert verdict.is_silence
    elif verdict.is_silence:
        assert case["drop_ok"]
    else:
        (status,) = verdict.statuses
        assert status in case["replies"]


@each("either")
def test_what_is_doubtful_is_refused_or_forwarded_repaired(case: dict[str, Any]) -> None:
    data = read(case)
    verdict = Stand().judge(data)
    if verdict.forwarded:
        (forwarded,) = verdict.forwarded
        assert forwarded.uri == "sip:anna@t1.example", "the Request-URI is ours"
        validate(forwarded)
        assert case["file"] in {"baddate.dat", "badbranch.dat"}, "nothing else is forwarded as it came"
    else:
        assert verdict.is_silence or set(verdict.statuses) <= {*case["replies"], *UNDERSTOOD}


@each("app")
def test_what_is_valid_and_not_supported_is_answered_by_the_rules(case: dict[str, Any]) -> None:
    verdict = Stand().judge(read(case))
    if verdict.forwarded:
        assert case["layer"] == "UAS", "a call is answered by its callee"
        return
    (status,) = verdict.statuses
    assert status in case["replies"] or (case["layer"] in NOT_OURS and status == 405)


def test_each_message_in_turn_through_one_engine() -> None:
    stand = Stand()
    for case in CASES:
        stand.judge(read(case))
        stand.wait(1.0)
    stand.wait(400.0)
    assert len(stand.engine.plane) == 0
    assert stand.engine.next_deadline() == float("inf")


@each("accept", "reject", "either", "app")
def test_half_a_message_does_no_harm(case: dict[str, Any]) -> None:
    data = read(case)
    stand = Stand()
    for length in range(0, len(data), 17):
        try:
            parsed = parse_message(data[:length])
        except RemoteProtocolError:
            pass
        else:
            assert isinstance(parsed, Request) or case["kind"] == "response"
        stand.engine.receive(data[:length], SENDER, 0.0)
    stand.take()
    stand.check_alive()

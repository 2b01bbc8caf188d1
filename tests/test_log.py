"""The log: JSON lines, masked callers, and a reader that is stuck costs no call anything."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace

from controller.log import BACKLOG, LineWriter, call_fields, log_news, open_log
from controller.masking import mask_number
from controller.types import AttemptRecord, CallRecord, Offer, Page, Skipped, TargetState, Transition

RECORD = CallRecord(
    offer=Offer("id-1", "+15557000", "+15558675309"),
    chain="sales",
    status=200,
    winner="desk via pbx",
    cause="",
    seconds=0.12345,
    attempts=[AttemptRecord("desk via pbx", 0.0, "answered", "")],
    skipped=(Skipped("desk via carrier", "carrier is down (PROBE_TIMEOUT)"),),
    panic=False,
    version="abc",
)


def test_each_event_is_one_json_line_in_order() -> None:
    stream = io.StringIO()
    log, writer = open_log(stream)
    log_news(log, RECORD)
    log_news(log, Transition("carrier", TargetState.UP, TargetState.DOWN, 1.0, "PROBE_TIMEOUT", "8 probes unanswered"))
    log_news(log, Page("carrier", 6.0, 1.0, "PROBE_TIMEOUT", "down for 5 s: 16 probes unanswered"))
    writer.close()
    call, trunk, page = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (call["event"], call["winner"], call["seconds"]) == ("call", "desk via pbx", 0.123)
    assert (trunk["event"], trunk["new"], trunk["code"]) == ("trunk", "down", "PROBE_TIMEOUT")
    assert (page["event"], page["level"], page["trunk"]) == ("page", "error", "carrier")


def test_callers_number_is_masked() -> None:
    assert call_fields(RECORD)["caller"] == "…09"
    assert "+15558675309" not in json.dumps(call_fields(RECORD))
    assert mask_number("100") == "…"


def test_what_callers_write_neither_ends_a_line_nor_turns_it() -> None:
    """Readers of JSON show what is escaped in it."""
    evil = "\r\n{\u202e\0\u2028\x85"
    said = json.dumps(call_fields(replace(RECORD, offer=Offer(f"id{evil}", f"555{evil}77", f"444{evil}33"))))
    shown = json.dumps(json.loads(said), ensure_ascii=False)
    assert not [char for char in shown if not char.isprintable()]
    assert "\\r" not in said
    assert "202e" not in said


class StuckStream(io.StringIO):
    """A stream whose reader has gone to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.wake = threading.Event()

    def write(self, text: str) -> int:
        self.wake.wait()
        return super().write(text)


def test_stuck_reader_costs_lines_and_nothing_else() -> None:
    stream = StuckStream()
    writer = LineWriter(stream)
    for number in range(3 * BACKLOG):
        writer.msg(str(number))  # would block here if it could
    assert writer.dropped >= BACKLOG
    stream.wake.set()
    writer.close()
    assert len(stream.getvalue().splitlines()) == 3 * BACKLOG - writer.dropped

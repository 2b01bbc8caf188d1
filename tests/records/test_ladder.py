"""Ladders: who said what to whom, and why each attempt was started and how it ended, out of records and messages."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from controller.ladder_table import print_ladder
from controller.records.cascade_ladder import draw_cascade
from controller.records.ladder import describe, draw
from controller.records.rows import WireRow
from controller.types import words
from controller.wording import cause_in_words
from tests.records.made import attempt, record

HEDGED = record(
    attempts=[
        attempt("front-desk via hq-pbx", 0.0, "COMPLETED_ELSEWHERE", ended=0.56),
        attempt("anna via carrier-a", 0.25, stage=2, beside=1, rang=0.26, milestone="answered"),
    ],
    winner="anna via carrier-a",
    seconds=0.56,
)


def texts(drawn: dict[str, Any]) -> list[str]:
    names = [column["name"] for column in drawn["columns"]]
    return [
        f"{names[line['from']]} > {names[line['to']]}: {line['text']}" if line["kind"] == "message" else line["text"]
        for line in drawn["lines"]
    ]


def test_a_record_alone_draws_what_must_have_been_said() -> None:
    drawn = draw(HEDGED, [])
    assert drawn["source"] == "record"
    assert texts(drawn) == [
        "caller > callward: INVITE",
        "chain sales",
        "attempt 1: front-desk via hq-pbx; stage 1, the first",
        "callward > hq-pbx: INVITE",
        "attempt 2: anna via carrier-a; stage 2, beside attempt 1, which gave no sign of life",
        "callward > carrier-a: INVITE",
        "carrier-a > callward: 180 Ringing",
        "carrier-a > callward: 200 OK",
        "callward > caller: 200 OK",
        "attempt 1 lost: somebody else answered",
        "attempt 2 won",
    ]


def test_why_each_attempt_was_started() -> None:
    told = record(
        attempts=[
            attempt("a via x", 0.0, "503", ended=0.1),
            attempt("a via y", 0.1, "486", ended=5.0),
            attempt("b via x", 5.0, "NO_ANSWER", stage=2, ended=25.0),
            attempt("c via y", 5.0, "NO_REPLY", stage=2, ended=7.0),
            attempt("d via z", 25.0, "FULL", stage=3, ended=25.0),
        ],
        winner=None,
        status=480,
        cause="EXHAUSTED",
        seconds=25.0,
        skipped=[{"what": "stage 4", "why": "hours: office is closed"}],
        demoted=[{"what": "a via y", "why": "carrier y is degraded"}],
    )
    said = texts(draw(told, []))
    for wanted in (
        "attempt 2: a via y; stage 1, after attempt 1: 503 Service Unavailable",
        "attempt 3: b via x; stage 2, after attempt 2: 486 Busy Here",
        "attempt 4: c via y; stage 2, after attempt 2: 486 Busy Here",
        "attempt 4 lost: no sign of life in time",
        "attempt 5: d via z; stage 3, after attempt 3: nobody answered in time",
        "later or not at all: stage 4: hours: office is closed",
        "behind others: a via y: carrier y is degraded",
        "nobody answered: nobody was left to try",
        "x > callward: 503 Service Unavailable",
    ):
        assert wanted in said
    assert "callward > z: INVITE" not in said  # it had no line


def test_every_cause_has_words() -> None:
    causes = [value for name, value in vars(words).items() if name.isupper() and name == value]
    ours = causes[: causes.index("FORBIDDEN") + 1]
    assert set(ours) == {*words.OF_ATTEMPTS, *words.OF_CALLS}
    for cause in ours:
        assert cause_in_words(cause) != cause.lower().replace("_", " "), cause


def message(
    start: str,
    at: float,
    who: str,
    *,
    sent: bool,
    port: int,
    cseq: str = "1 INVITE",
    tag: str = "c",
    branch: str = "z1",
    more: str = "",
) -> WireRow:
    text = f"{start}\r\nVia: SIP/2.0/UDP h;branch={branch}\r\nFrom: <sip:a@b>;tag={tag}\r\nCSeq: {cseq}\r\n{more}\r\n"
    return WireRow(at, "x", int(sent), who, "192.0.2.1", 5060, "192.0.2.7", port, "udp", text.encode())


def test_messages_are_drawn_as_they_went_and_ends_of_attempts_below_what_ended_them() -> None:
    told = record(
        attempts=[
            attempt("front-desk via hq-pbx", 0.0, "486", ended=0.1),
            attempt("anna via carrier-a", 0.1, rang=0.2, milestone="answered"),
        ],
        winner="anna via carrier-a",
        seconds=0.5,
    )
    invite = "INVITE sip:d@h SIP/2.0"
    drawn = draw(
        told,
        [
            message(invite, 1000.001, "", sent=False, port=5),
            message(invite, 1000.002, "hq-pbx", sent=True, port=6, branch="z2"),
            message(invite, 1000.05, "hq-pbx", sent=True, port=6, branch="z2"),
            message("SIP/2.0 486 Busy Here", 1000.103, "hq-pbx", sent=False, port=6, branch="z2"),
            message("SIP/2.0 200 OK", 1000.502, "carrier-a", sent=False, port=7, branch="z3"),
            message("SIP/2.0 200 OK", 1000.503, "", sent=True, port=5),
            message("BYE sip:d@h SIP/2.0", 1002.0, "", sent=True, port=5, cseq="2 BYE", tag="other"),
        ],
    )
    assert drawn["source"] == "wire"
    assert texts(drawn) == [
        "caller > callward: INVITE",
        "chain sales",
        "attempt 1: front-desk via hq-pbx; stage 1, the first",
        "callward > hq-pbx: INVITE",
        "callward > hq-pbx: INVITE",
        "attempt 2: anna via carrier-a; stage 1, after attempt 1: 486 Busy Here",
        "hq-pbx > callward: 486 Busy Here",
        "attempt 1 lost: 486 Busy Here",
        "carrier-a > callward: 200 OK",
        "attempt 2 won",
        "callward > caller: 200 OK",
        "callward > caller: BYE",
    ]
    assert [line["again"] for line in drawn["lines"] if line["kind"] == "message"] == [
        False, False, True, False, False, False, False,
    ]  # fmt: skip


def test_a_carrier_that_brings_a_call_and_takes_it_back_has_two_columns() -> None:
    """A mobile is called over the very trunk that the call came from."""
    invite = "INVITE sip:d@h SIP/2.0"
    drawn = draw(
        None,
        [
            message(invite, 1.0, "carrier-a", sent=False, port=5),
            message(invite, 1.1, "carrier-a", sent=True, port=5, branch="z2"),
            message("SIP/2.0 200 OK", 1.2, "carrier-a", sent=False, port=5, branch="z2"),
            message("SIP/2.0 200 OK", 1.3, "carrier-a", sent=True, port=5),
            message("ACK sip:d@h SIP/2.0", 1.4, "carrier-a", sent=False, port=5, cseq="1 ACK", branch="z4"),
            message(
                "BYE sip:d@h SIP/2.0", 1.5, "carrier-a", sent=False, port=5, cseq="1 BYE", tag="callee", branch="z5"
            ),
            message(
                "BYE sip:d@h SIP/2.0", 1.6, "carrier-a", sent=True, port=5, cseq="1 BYE", tag="callee", branch="z6"
            ),
            message("SIP/2.0 200 OK", 1.7, "carrier-a", sent=False, port=5, cseq="1 BYE", tag="callee", branch="z6"),
            message("SIP/2.0 200 OK", 1.8, "carrier-a", sent=True, port=5, cseq="1 BYE", tag="callee", branch="z5"),
        ],
    )
    assert texts(drawn) == [
        "caller (carrier-a) > callward: INVITE",
        "callward > carrier-a: INVITE",
        "carrier-a > callward: 200 OK",
        "callward > caller (carrier-a): 200 OK",
        "caller (carrier-a) > callward: ACK",
        "carrier-a > callward: BYE",
        "callward > caller (carrier-a): BYE",
        "caller (carrier-a) > callward: 200 OK (BYE)",
        "callward > carrier-a: 200 OK (BYE)",
    ]


def _again(drawn: dict[str, Any]) -> list[bool]:
    return [line["again"] for line in drawn["lines"] if line["kind"] == "message"]


def test_two_phones_that_ring_are_not_one_that_rings_again() -> None:
    """What the caller hears of both differs in the tag alone; two reliable responses of one differ in their number."""
    ringing, progress = "SIP/2.0 180 Ringing", "SIP/2.0 183 Session Progress"
    rows = [message("INVITE sip:d@h SIP/2.0", 1.0, "", sent=False, port=5)]
    for start, more in (
        (ringing, "To: <sip:d@h>;tag=one\r\n"),
        (ringing, "To: <sip:d@h>;tag=two\r\n"),
        (ringing, "To: <sip:d@h>;tag=one\r\n"),
        (progress, "To: <sip:d@h>;tag=one\r\nRSeq: 7\r\n"),
        (progress, "To: <sip:d@h>;tag=one\r\nRSeq: 8\r\n"),
        (progress, "To: <sip:d@h>;tag=one\r\nRSeq: 8\r\n"),
    ):
        rows.append(message(start, 1.0 + len(rows), "", sent=True, port=5, more=more))
    assert _again(draw(None, rows)) == [False, False, False, True, False, False, True]


def test_the_caller_is_who_called_although_the_beginning_is_not_kept() -> None:
    """Messages are kept from some moment on: the first one that came in may be that of whom was called."""
    told = record(from_trunk="carrier-a")
    drawn = draw(
        told,
        [
            message("INVITE sip:d@h SIP/2.0", 1000.01, "hq-pbx", sent=True, port=6, branch="z2"),
            message("SIP/2.0 200 OK", 1000.2, "hq-pbx", sent=False, port=6, branch="z2"),
            message("SIP/2.0 200 OK", 1000.3, "carrier-a", sent=True, port=5),
            message("BYE sip:d@h SIP/2.0", 1009.0, "hq-pbx", sent=False, port=6, cseq="1 BYE", tag="callee"),
            message("BYE sip:d@h SIP/2.0", 1009.1, "carrier-a", sent=True, port=5, cseq="1 BYE", tag="callee"),
        ],
    )
    arrows = [text for text in texts(drawn) if " > " in text]
    assert arrows == [
        "callward > hq-pbx: INVITE",
        "hq-pbx > callward: 200 OK",
        "callward > caller (carrier-a): 200 OK",
        "hq-pbx > callward: BYE",
        "callward > caller (carrier-a): BYE",
    ]
    assert drawn["columns"][0]["address"] == "192.0.2.7:5"


def test_a_clock_that_is_set_back_turns_no_order_around() -> None:
    invite = "INVITE sip:d@h SIP/2.0"
    rows = [
        message(invite, 1000.0, "", sent=False, port=5),
        message("SIP/2.0 100 Trying", 1000.1, "", sent=True, port=5),
        message("SIP/2.0 180 Ringing", 400.0, "", sent=True, port=5),
        message("SIP/2.0 200 OK", 401.0, "", sent=True, port=5),
    ]
    said = [text.rpartition(": ")[2] for text in texts(draw(None, rows))]
    assert said == ["INVITE", "100 Trying", "180 Ringing", "200 OK"]


def test_a_caller_who_goes_on_from_another_port_keeps_his_column() -> None:
    """A carrier's media gateway hangs up, a phone behind NAT has another port, a call of our own has no caller outside."""
    invite = "INVITE sip:d@h SIP/2.0"
    rows = [
        message(invite, 1.0, "carrier-a", sent=False, port=5),
        message(invite, 1.1, "hq-pbx", sent=True, port=6, branch="z2"),
        message("BYE sip:d@h SIP/2.0", 2.0, "carrier-a", sent=False, port=9, cseq="2 BYE", branch="z3"),
    ]
    assert texts(draw(None, rows))[2] == "caller (carrier-a) > callward: BYE"
    own = [
        message(invite, 1.1, "hq-pbx", sent=True, port=6),
        message("SIP/2.0 200 OK", 2.0, "hq-pbx", sent=False, port=6),
    ]
    assert texts(draw(None, own)) == ["callward > hq-pbx: INVITE", "hq-pbx > callward: 200 OK"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n", "180 Ringing"),
        (b"SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n", "200 OK (BYE)"),
        (
            b'CANCEL sip:a SIP/2.0\r\nReason: SIP;cause=200;text="Call completed elsewhere"\r\n',
            "CANCEL (Call completed elsewhere)",
        ),
        (b"SIP/2.0 486 \x1b[31mBusy\r\nCSeq: 1 INVITE\r\n", "486 [31mBusy"),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_a_message_in_short(data: bytes, said: str) -> None:
    assert describe(data) == said


@pytest.mark.parametrize("width", [80, 120, 200])
def test_it_is_drawn_with_every_arrow_between_its_columns(width: int) -> None:
    drawn = draw(HEDGED, [])
    out = StringIO()
    print_ladder(drawn, Console(file=out, width=width, highlight=False, emoji=False))
    lines = out.getvalue().splitlines()
    assert all(name in lines[0] for name in ("caller", "callward", "hq-pbx", "carrier-a"))
    places = [lines[0].index(f" {name}") + 1 for name in ("caller", "callward", "hq-pbx", "carrier-a")]
    (hedge,) = [line for line in lines if "0.250" in line and "INVITE" in line]
    assert (hedge[places[0]], hedge[places[1]], hedge[places[3] - 1], hedge[places[3]]) == ("|", "|", ">", "|")
    assert hedge[places[2]] != "|"  # it passes by whoever stands between
    (ringing,) = [line for line in lines if "180 Ringing" in line]
    assert ringing[places[1] + 1] == "<"
    assert "drawn from the record" in lines[-1]


PEERS = st.tuples(st.sampled_from(["192.0.2.7", "2001:db8::7"]), st.integers(1, 3), st.sampled_from(["udp", "tls"]))
LINES = st.sampled_from(
    [
        b"INVITE sip:a SIP/2.0",
        b"SIP/2.0 200 OK",
        b"SIP/2.0 ",
        b"",
        b"CSeq: 1 INVITE",
        b"From: <sip:a>;tag=x",
        b"From: ;tag=",
        b"Via: ;branch=z",
    ]
)
ROWS = st.builds(
    lambda at, sent, peer, lines, rest: WireRow(
        at, "x", sent, "", "192.0.2.1", 5060, *peer, b"\r\n".join([*lines, rest])
    ),
    st.floats(0, 100),
    st.integers(0, 1),
    PEERS,
    st.lists(LINES, max_size=4),
    st.binary(max_size=40),
)


@given(st.lists(ROWS, min_size=1, max_size=12), st.booleans())
def test_whatever_was_on_the_wire_is_drawn(rows: list[WireRow], has_record: bool) -> None:
    drawn = draw(HEDGED if has_record else None, rows)
    arrows = [line for line in drawn["lines"] if line["kind"] == "message"]
    assert len(arrows) == len(rows)
    assert sorted(line["message"] for line in arrows) == [*range(len(rows))]
    assert all({line["from"], line["to"]} - {1} for line in arrows)
    assert all(line[side] < len(drawn["columns"]) for line in arrows for side in ("from", "to"))
    out = StringIO()
    print_ladder(drawn, Console(file=out, width=100))
    assert len(out.getvalue().splitlines()) >= len(drawn["lines"])


def test_what_others_wrote_is_no_markup() -> None:
    drawn = draw(record(chain="[bold]x[/]", attempts=[]), [])
    out = StringIO()
    print_ladder(drawn, Console(file=out, width=80))
    assert "[bold]x[/]" in out.getvalue()


def test_a_cascade_is_drawn_by_its_history() -> None:
    def line(seq: int, event: str, attempt: int = 0, provider: str = "", reason: str = "") -> dict[str, Any]:
        at = f"2026-01-01T00:00:{seq:02d}+00:00"
        return {"seq": seq, "at": at, "event": event, "attempt": attempt, "provider": provider, "reason": reason}

    found = {
        "cascade": {
            "id": "x",
            "cascade": "otp",
            "status": "completed",
            "created": "2026-01-01T00:00:00+00:00",
            "ended": "2026-01-01T00:00:09+00:00",
            "attempts": [{"provider": "wa-1", "channel": "whatsapp"}, {"provider": "sms-1", "channel": "sms"}],
        },
        "skipped": [{"step": 1, "what": "wa-2", "why": "down"}],
        "history": [
            line(0, "planned"),
            line(1, "sending", 1, "wa-1"),
            line(2, "accepted", 1, "wa-1"),
            line(3, "timed_out", 1, "wa-1"),
            line(4, "sending", 2, "sms-1"),
            line(5, "accepted", 2, "sms-1"),
            line(6, "delivered", 2, "sms-1"),
            line(9, "completed", 2, "sms-1"),
        ],
    }
    assert texts(draw_cascade(found)) == [
        "application > callward: POST cascade otp",
        "step 1: wa-2 left out: down",
        "planned",
        "callward > wa-1: send (1)",
        "wa-1 > callward: accepted",
        "timed out",
        "callward > sms-1: send (2)",
        "sms-1 > callward: accepted",
        "sms-1 > callward: delivered",
        "completed",
        "callward > application: completed",
    ]

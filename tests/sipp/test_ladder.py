"""SIPp's message log, read and printed."""

from __future__ import annotations

from pathlib import Path

from tests.sipp.ladder import print_ladder, read_log

LOG = """\
----------------------------------------------- 2026-01-31 10:00:00.100000
UDP message received [310] bytes :

INVITE sip:desk@127.0.0.1:5080 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKours;rport
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKtheirs
From: <sip:caller@127.0.0.1>;tag=1
To: <sip:desk@127.0.0.1>
CSeq: 1 INVITE

v=0
UDP message voluntary lost (while sending).----------------------------------------------- 2026-01-31 10:00:00.350000
UDP message sent (120 bytes):

SIP/2.0 486 Busy Here
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKours;rport
To: <sip:desk@127.0.0.1>;tag=9-1
CSeq: 1 INVITE


----------------------------------------------- 2026-01-31 10:00:00.400000
UDP message received [4] bytes :

"""


def test_requests_and_responses_are_told_apart(tmp_path: Path) -> None:
    log = tmp_path / "messages.log"
    log.write_text(LOG)
    invite, busy = read_log(log, "desk")
    assert (invite.status, invite.method, invite.received, invite.branch) == (None, "INVITE", True, "z9hG4bKours")
    assert (busy.status, busy.method, busy.received) == (486, "INVITE", False)
    assert len(invite.all("via")) == 2
    assert round(busy.at - invite.at, 6) == 0.25


def test_ladder_is_sorted_by_time(tmp_path: Path) -> None:
    log = tmp_path / "messages.log"
    log.write_text(LOG)
    first, second = print_ladder(reversed(read_log(log, "desk"))).splitlines()
    assert first.split()[:4] == ["0.000", "desk", "<--", "INVITE"]
    assert second.split()[:6] == ["0.250", "desk", "-->", "SIP/2.0", "486", "Busy"]


def test_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none.log", "desk") == []

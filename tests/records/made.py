"""Rows for tests: calls and messages as they could have been."""

from __future__ import annotations

from typing import Any

from controller.records.rows import CallRow, TimeRow, WireRow, call_row, time_row, wire_row


def record(number: int = 1, at: float = 1000.0, **more: Any) -> dict[str, Any]:
    """What the daemon tells of a call that was answered at once, but for what is said."""
    return {
        "call": f"call-{number}@host;z9hG4bKbranch-{number};192.0.2.5:5060",
        "did": "+15557000",
        "caller": "+15550001",
        "from_trunk": "",
        "moment": at,
        "chain": "sales",
        "status": 200,
        "winner": "front-desk via hq-pbx",
        "cause": "",
        "refusal": "",
        "seconds": 0.2,
        "attempts": [attempt("front-desk via hq-pbx")],
        "skipped": [],
        "demoted": [],
        "decisions": [],
        "panic": False,
        "version": "abc",
    } | more


def attempt(path: str, at: float = 0.0, cause: str = "", **more: Any) -> dict[str, Any]:
    """One attempt, the first of stage 1 but for what is said."""
    return {
        "path": path,
        "at": at,
        "milestone": "none",
        "cause": cause,
        "rang": None,
        "hedge": False,
        "stage": 1,
        "beside": 0,
        "ended": None,
    } | more


def call(number: int = 1, at: float = 1000.0, **more: Any) -> CallRow:
    return call_row(record(number, at, **more), "life", number)


def wire(number: int = 1, at: float = 1000.0, data: bytes = b"") -> WireRow:
    text = data or f"INVITE sip:a@b SIP/2.0\r\nCall-ID: call-{number}@host\r\n\r\n".encode()
    row = wire_row(at, text, sent=False, who="", ours=("192.0.2.1", 5060), peer=("192.0.2.5", 5060, "udp"))
    assert row is not None
    return row


def time(number: int = 1, at: float = 1000.0, kind: str = "trunk", **data: Any) -> TimeRow:
    return time_row("calls", kind, at, {"trunk": "hq-pbx", **data}, "life", number)

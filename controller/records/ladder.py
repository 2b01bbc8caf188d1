"""The ladder of a call: who said what to whom and when, and beside it why each attempt was started, and how it ended.

Owns what is drawn, as plain data; `controller.ladder_table` draws it for a terminal, the console for a browser. Where the SIP
messages are not kept, arrows are made of the record, and that is said. Pure.

``columns`` stand from left to right: the caller, callward, and each trunk in the order in which it came in. A line is an arrow
(`kind` "message": ``from`` and ``to`` are columns, ``text`` is what it says, ``again`` that it was repeated) or a note (`kind`
"note", under ``column``). ``at`` are seconds since the call came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.records.rows import WireRow, trunk_of
from controller.rules.expand import common_name
from controller.types import FULL
from controller.wording import cause_in_words
from sip.text import clean
from sip.uri import bracketed

CALLER, CALLWARD = 0, 1
_CSEQ = re.compile(rb"^CSeq[ \t]*:[ \t]*([0-9]+)[ \t]+([A-Z]+)", re.MULTILINE | re.IGNORECASE)
_BRANCH = re.compile(rb"^(?:Via|v)[ \t]*:[^\r\n]*?;[ \t]*branch=([^;,\s]+)", re.MULTILINE | re.IGNORECASE)
_FROM_TAG = re.compile(rb"^(?:From|f)[ \t]*:[^\r\n]*;[ \t]*tag=([^;,\s]+)", re.MULTILINE | re.IGNORECASE)
_TO_TAG = re.compile(rb"^(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag=([^;,\s]+)", re.MULTILINE | re.IGNORECASE)
_RSEQ = re.compile(rb"^RSeq[ \t]*:[ \t]*([0-9]+)", re.MULTILINE | re.IGNORECASE)
_REASON = re.compile(rb"^Reason[ \t]*:[^\r\n]*?text=\"([^\"\r\n]{1,60})", re.MULTILINE | re.IGNORECASE)
_SDP = re.compile(rb"^(?:Content-Type|c)[ \t]*:[ \t]*application/sdp", re.MULTILINE | re.IGNORECASE)
#: Notes come before the messages that they explain where both have one instant.
_EARLIER = 0.0005
_LATER = 0.1

#: What is said of a milestone in place of a response that was not kept.
_HEARD = {"accepted": "100 Trying", "alerting": "180 Ringing", "answered": "200 OK", "confirmed": "200 OK"}


def draw(record: Mapping[str, Any] | None, messages: Sequence[WireRow]) -> dict[str, Any]:
    """A ladder out of a record, messages, or both: one of them has to be there."""
    columns = [{"name": "caller", "address": ""}, {"name": "callward", "address": ""}]
    begun = float(record["moment"]) if record is not None else messages[0].at
    notes = _notes(record, columns) if record is not None else []
    if messages:
        lines = _arrows(record, messages, columns, begun)
        for note in notes:
            _put_behind(note, lines)
    else:
        assert record is not None
        lines = _made_up(record, columns)
    before = _put_behind_invite(notes, lines)
    return {
        "source": "wire" if messages else "record",
        "begun": begun,
        "columns": columns,
        "lines": sorted([*lines[:before], *notes, *lines[before:]], key=lambda line: line["at"]),
    }


def _column(columns: list[dict[str, str]], name: str, address: str = "") -> int:
    for index, column in enumerate(columns[2:], 2):
        if column["name"] == name:
            column["address"] = column["address"] or address
            return index
    columns.append({"name": name, "address": address})
    return len(columns) - 1


def _put_behind(note: dict[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    """How an attempt ended stands below the response that ended it, whose clock was read a moment later."""
    response = {"won": "2", "lost": str(note.get("cause", ""))}.get(str(note.get("event")), "")
    if response[:1].isdigit():
        for line in lines:
            is_it = line["from"] == note["column"] and line["text"].startswith(response)
            if is_it and -_LATER < line["at"] - note["at"] < _LATER:
                note["at"] = line["at"] + _EARLIER / 10
                return


def _put_behind_invite(notes: Sequence[dict[str, Any]], lines: Sequence[Mapping[str, Any]]) -> int:
    """What was decided on the caller's INVITE stands below it, though the clock of messages was read a moment later. How many
    lines come before all notes of their instant: those up to this INVITE."""
    for number, line in enumerate(lines):
        if line["from"] == CALLER and line["text"] == "INVITE" and line["at"] < _LATER:
            for note in notes:
                note["at"] = max(note["at"], line["at"])
            return number + 1
    return 0


# -- what the record says


def _notes(record: Mapping[str, Any], columns: list[dict[str, str]]) -> list[dict[str, Any]]:
    attempts = record["attempts"]
    for each in attempts:  # trunks stand in the order of their attempts
        _column(columns, trunk_of(each["path"]))
    notes = []
    if record["chain"]:
        notes.append(_note(-_EARLIER, CALLWARD, f"chain {record['chain']}"))
    if record["panic"]:
        notes.append(_note(-_EARLIER, CALLWARD, "nothing looks alive, so health is ignored"))
    if record["refusal"]:
        notes.append(_note(0.0, CALLWARD, f"refused: {record['refusal']}"))
    notes += [_note(-_EARLIER, CALLWARD, f"later or not at all: {_about(each)}") for each in record["skipped"]]
    notes += [_note(-_EARLIER, CALLWARD, f"behind others: {_about(each)}") for each in record["demoted"]]
    notes += [_note(-_EARLIER, CALLWARD, f"order for {_about(each)}") for each in record["decisions"]]
    for number, each in enumerate(attempts, 1):
        column = _column(columns, trunk_of(each["path"]))
        said = f"attempt {number}: {each['path']}; {_why(attempts, number)}"
        notes.append({**_note(each["at"] - _EARLIER, column, said), "attempt": number, "event": "started"})
        if each["cause"] and each.get("ended") is not None:
            said = f"attempt {number} lost: {cause_in_words(each['cause'])}"
            notes.append(
                {
                    **_note(each["ended"] + _EARLIER, column, said),
                    "attempt": number,
                    "event": "lost",
                    "cause": each["cause"],
                }
            )
        elif each["path"] == record["winner"]:
            said = f"attempt {number} won"
            notes.append({**_note(record["seconds"] + _EARLIER, column, said), "attempt": number, "event": "won"})
    if record["winner"] is None and record["cause"]:
        said = f"nobody answered: {cause_in_words(record['cause'])}"
        notes.append(_note(record["seconds"] + _EARLIER, CALLWARD, said))
    return notes


def _about(each: Mapping[str, Any]) -> str:
    return f"{each['what']}: {each['why']}"


def _why(attempts: Sequence[Mapping[str, Any]], number: int) -> str:
    """Why an attempt was started, by what came before it."""
    each = attempts[number - 1]
    stage = f"stage {each['stage']}" if each.get("stage") else "its turn"
    if each.get("beside"):
        return f"{stage}, beside attempt {each['beside']}, which gave no sign of life"
    before = [
        (other["ended"], index, other["cause"])
        for index, other in enumerate(attempts, 1)
        if index < number and other["cause"] and other.get("ended") is not None and other["ended"] <= each["at"] + 0.001
    ]
    if before:
        _, index, cause = max(before)
        return f"{stage}, after attempt {index}: {cause_in_words(cause)}"
    together = [
        index
        for index, other in enumerate(attempts, 1)
        if index < number and other.get("stage") == each.get("stage") and abs(other["at"] - each["at"]) < 0.001
    ]
    if together:
        return f"{stage}, together with attempt {together[0]}"
    return f"{stage}, the first" if number == 1 else f"{stage}, beside attempt {number - 1}"


def _made_up(record: Mapping[str, Any], columns: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Arrows as they must have been: one INVITE each, what was heard at most, and the end."""
    lines = [_arrow(0.0, CALLER, CALLWARD, "INVITE")]
    for each in record["attempts"]:
        if each["cause"] == FULL:
            continue
        column = _column(columns, trunk_of(each["path"]))
        lines.append(_arrow(each["at"], CALLWARD, column, "INVITE"))
        if each.get("rang") is not None:
            lines.append(_arrow(each["rang"], column, CALLWARD, "180 Ringing"))
        cause, ended = each["cause"], each.get("ended")
        if each["path"] == record["winner"] and not cause:
            lines.append(_arrow(record["seconds"], column, CALLWARD, "200 OK"))
        elif cause.isdigit() and ended is not None:
            lines.append(_arrow(ended, column, CALLWARD, cause_in_words(cause)))
        elif each["milestone"] != "none" and each.get("rang") is None and ended is not None:
            lines.append(_arrow(ended, column, CALLWARD, _HEARD.get(each["milestone"], each["milestone"])))
    lines.append(_arrow(record["seconds"], CALLWARD, CALLER, cause_in_words(str(record["status"]))))
    return lines


# -- what was on the wire


def _arrows(
    record: Mapping[str, Any] | None, messages: Iterable[WireRow], columns: list[dict[str, str]], begun: float
) -> list[dict[str, Any]]:
    messages = [*messages]
    lines: list[dict[str, Any]] = []
    seen: set[tuple[Any, ...]] = set()
    caller: WireRow | None = None
    tag = _tag_of_caller(messages)
    at = 0.0  # never less than before: a clock that is set back in between turns no order around
    for number, row in enumerate(messages):
        is_callers = _is_callers(row, tag)
        if caller is None and is_callers:
            caller = row
            columns[CALLER]["address"] = address_of(row)
            trunk = row.who or (common_name(record["from_trunk"]) if record is not None else "")
            columns[CALLER]["name"] = f"caller ({trunk})" if trunk else "caller"
        columns[CALLWARD]["address"] = columns[CALLWARD]["address"] or f"{bracketed(row.ours)}:{row.our_port}"
        if is_callers and caller is not None and _is_same_place(row, caller):
            column = CALLER
        else:
            column = _column(columns, row.who or address_of(row), address_of(row))
        one, other = (CALLWARD, column) if row.sent else (column, CALLWARD)
        same = (one, other, *_identity(row.data))
        at = max(at, row.at - begun)
        lines.append(
            {
                **_arrow(at, one, other, describe(row.data)),
                "again": same in seen,
                "sdp": _SDP.search(row.data) is not None,
                "message": number,
            }
        )
        seen.add(same)
    return lines


def _tag_of_caller(messages: Sequence[WireRow]) -> bytes:
    """What all that the caller sends has in From: that of an INVITE that begins a call (RFC 3261 §12.1.1), else of whatever
    came in first, for not all may be kept."""
    begins = (row for row in messages if row.data.startswith(b"INVITE ") and not _TO_TAG.search(row.data))
    answers = (row for row in messages if row.data.startswith(b"SIP/2.0 "))
    row = next(begins, None) or next((row for row in messages if not row.sent), None) or next(answers, messages[0])
    return _from_tag(row.data)


def _is_callers(row: WireRow, tag: bytes) -> bool:
    """Whether a message is between us and the caller, by who made it and which way it went: its From is that of whoever sent
    the request, in responses too."""
    is_request = not row.data.startswith(b"SIP/2.0 ")
    made_by_caller = _from_tag(row.data) == tag
    return made_by_caller == (is_request != bool(row.sent))


def _is_same_place(row: WireRow, caller: WireRow) -> bool:
    """Whether it is where the caller is: a carrier, or a phone, may go on from another of its ports or addresses."""
    if row.who or caller.who:
        return row.who == caller.who
    return row.host == caller.host


def _from_tag(data: bytes) -> bytes:
    match = _FROM_TAG.search(data)
    return match[1] if match else b""


def address_of(row: WireRow) -> str:
    """The other side of a message."""
    kind = "" if row.transport == "udp" else f"{row.transport}:"
    return f"{kind}{bracketed(row.host)}:{row.port}"


def describe(data: bytes) -> str:
    """What a message is, in short: method, or status and phrase; which request a response is for, unless that is the INVITE."""
    start = data.partition(b"\r\n")[0].decode("utf-8", "replace")
    cseq = _CSEQ.search(data)
    method = cseq[2].decode().upper() if cseq else ""
    if start.startswith("SIP/2.0 "):
        said = clean(start[8:])
        return said if method in ("", "INVITE") else f"{said} ({method})"
    said = clean(start.partition(" ")[0])
    reason = _REASON.search(data) if said in ("CANCEL", "BYE") else None
    return f"{said} ({clean(reason[1].decode('utf-8', 'replace'))})" if reason else said


def _identity(data: bytes) -> tuple[bytes, ...]:
    """What two copies of one message have in common, and no two messages: a response to a forked request has the tag of who
    gave it in To, and a reliable one its number (RFC 3262 §3)."""
    found = (part.search(data) for part in (_CSEQ, _BRANCH, _TO_TAG, _RSEQ))
    return (data.partition(b"\r\n")[0], *(match[0] if match else b"" for match in found))


def _arrow(at: float, one: int, other: int, text: str) -> dict[str, Any]:
    return {"kind": "message", "at": at, "from": one, "to": other, "text": text, "again": False}


def _note(at: float, column: int, text: str) -> dict[str, Any]:
    return {"kind": "note", "at": at, "column": column, "text": text}

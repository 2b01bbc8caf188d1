"""What is kept, as plain rows: calls, messages, and what else happened.

Owns what becomes of an event and of a message. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from controller.health.outcomes import SIP, OutcomeClass, classify
from controller.news import DRILL, TEST_CALL
from controller.records.scrub import call_id_of, is_sip, scrub
from controller.rules.expand import common_name
from controller.types import COMPLETED_ELSEWHERE, HEDGE_RELEASED, WITHDRAWN

#: Told about each call or message and kept elsewhere, or said to nobody but the log. Of test calls the last ones are kept.
NOT_KEPT = frozenset(("text", "placed", TEST_CALL))
FAILOVER = "failover"
#: What ends an attempt that nothing is wrong with.
NOT_LOST = (COMPLETED_ELSEWHERE, WITHDRAWN, HEDGE_RELEASED)
CALL = "call"  # by what something was exercised, beside `DRILL` and `TEST_CALL`
_RANG = frozenset(("alerting", "answered", "confirmed"))


class CallRow(NamedTuple):
    """The record of a call."""

    at: float  # when it came, seconds since the epoch
    call: str  # its Call-ID
    did: str
    caller: str
    from_trunk: str
    chain: str
    status: int
    winner: str
    cause: str
    seconds: float
    trunks: str  # that were tried: ",a,b,"
    life: str
    number: int
    data: str  # JSON: all of it


class WireRow(NamedTuple):
    """A SIP message."""

    at: float
    call: str
    sent: int
    who: str  # the trunk on the other side, as operators call it; "" for anybody else
    ours: str  # our address
    our_port: int
    host: str
    port: int
    transport: str
    data: bytes


class TimeRow(NamedTuple):
    """Something that happened."""

    at: float
    source: str  # of which daemon
    kind: str
    what: str  # whom it is about
    life: str
    number: int
    data: str  # JSON


class ExercisedRow(NamedTuple):
    """When something was last exercised: the latest of each name, means and outcome."""

    name: str  # of a path, for calls: "anna via carrier-a"; of a trunk, for test calls and drills
    means: str  # `CALL`, `DRILL`, `TEST_CALL`
    good: int  # it went well: 0 or 1
    at: float
    what: str  # what came of it, for people


@dataclass(slots=True)
class Batch:
    """What waits to be written."""

    calls: list[CallRow] = field(default_factory=list)
    wire: list[WireRow] = field(default_factory=list)
    times: list[TimeRow] = field(default_factory=list)
    exercised: dict[tuple[str, str, int], ExercisedRow] = field(default_factory=dict)  # bounded by the names there are

    def __len__(self) -> int:
        return len(self.calls) + len(self.wire) + len(self.times)

    def __bool__(self) -> bool:
        return bool(len(self) or self.exercised)

    def exercise(self, rows: Iterable[ExercisedRow]) -> None:
        """The latest stands."""
        for row in rows:
            before = self.exercised.get(row[:3])
            if before is None or before.at <= row.at:
                self.exercised[row[:3]] = row


def call_id_in(offer: str) -> str:
    """The Call-ID in the name of an offer, which has branch and sender beside it."""
    return offer.rsplit(";", 2)[0]


def trunk_of(path: str) -> str:
    """The trunk of a path by its name, as operators call it."""
    return common_name(path.rpartition(" via ")[2])


def call_row(data: Mapping[str, Any], life: str, number: int) -> CallRow:
    """Of an event "call"."""
    tried = dict.fromkeys(trunk_of(each["path"]) for each in data["attempts"])
    return CallRow(
        float(data["moment"]),
        call_id_in(str(data["call"])),
        str(data["did"]),
        str(data["caller"]),
        common_name(str(data["from_trunk"])),
        str(data["chain"]),
        int(data["status"]),
        str(data["winner"] or ""),
        str(data["cause"]),
        float(data["seconds"]),
        f",{','.join(tried)}," if tried else "",
        life,
        number,
        json.dumps(data, separators=(",", ":")),
    )


def exercised_rows(kind: str, at: float, data: Mapping[str, Any]) -> list[ExercisedRow]:
    """What an event shows of paths and trunks. A call shows that a path works where it rang, and that it does not where it
    was its trunk that failed; who is busy, or was answered elsewhere, says nothing."""
    if kind in (DRILL, TEST_CALL):
        good = data["passed"]
        return [] if good is None else [ExercisedRow(common_name(data["trunk"]), kind, int(good), at, data["what"])]
    rows = []
    for each in data["attempts"] if kind == CALL else ():
        when, cause = float(data["moment"]) + each["at"], each["cause"]
        if each["milestone"] in _RANG:
            what = "it was answered" if each["path"] == data["winner"] else "it rang"
            rows.append(ExercisedRow(path_name(each["path"]), CALL, 1, when, what))
        elif cause and classify(SIP, cause) is OutcomeClass.FAILURE:
            rows.append(ExercisedRow(path_name(each["path"]), CALL, 0, when, cause))
    return rows


def path_name(path: str) -> str:
    """A path, by the name that operators have for its trunk."""
    who, via, trunk = path.rpartition(" via ")
    return f"{who}{via}{common_name(trunk)}"


def failover_row(data: Mapping[str, Any], source: str, life: str, number: int, at: float) -> TimeRow | None:
    """A call that did not go by the first way: what it was, and what came of it; None for any other. ``at`` is when it was
    over."""
    attempts = data["attempts"]
    if len(attempts) < 2 or data["winner"] == attempts[0]["path"] or not _has_failed(attempts):
        return None
    told = {
        "call": call_id_in(str(data["call"])),
        "did": data["did"],
        "path": attempts[0]["path"],
        "cause": attempts[0]["cause"],
        "winner": data["winner"],
        "status": data["status"],
        "attempts": len(attempts),
    }
    return TimeRow(at, source, FAILOVER, trunk_of(attempts[0]["path"]), life, number, json.dumps(told))


def _has_failed(attempts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the first attempt was lost: a phone that rang beside others until one of them was answered was not."""
    first = attempts[0]
    if first["cause"] in NOT_LOST:  # but for one that another stood in for
        return first["milestone"] == "none" and any(each.get("hedge") for each in attempts)
    return bool(first["cause"])


def time_row(source: str, kind: str, at: float, data: Mapping[str, Any], life: str, number: int) -> TimeRow:
    """Of any other event."""
    named = next((str(data[key]) for key in ("trunk", "target", "relay", "cascade", "name") if data.get(key)), "")
    return TimeRow(at, source, kind, common_name(named), life, number, json.dumps(data, default=str))


def wire_row(
    at: float, data: bytes, *, sent: bool, who: str, ours: tuple[str, int], peer: tuple[str, int, str]
) -> WireRow | None:
    """Of a message that went by; None for what belongs to no call. ``peer``: host, port, transport."""
    if not is_sip(data):
        return None
    call = call_id_of(data)
    if not call:
        return None
    host, port, transport = peer
    return WireRow(at, call, int(sent), who, ours[0], ours[1], host, port, transport, scrub(data))

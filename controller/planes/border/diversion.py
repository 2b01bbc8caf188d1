"""Who diverted a call: Diversion (RFC 5806) and History-Info (RFC 7044), added where a trunk is to know.

Owns their words and their bounds: what came is kept, in its order, and what goes beyond a bound is lost in the middle,
so that the first and the last who diverted stay. Why a call was diverted is read from what became of earlier attempts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controller.planes.border.values import make_address, replace_all
from controller.types import (
    HEDGE_RELEASED,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    TRANSPORT_ERROR,
    TRUNK_DOWN,
)
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Message
from sip.uri import find_param, parse_uri

#: Of each header. Carriers refuse calls that were diverted five times; RFC 5806 and 7044 set no bound.
MOST_DIVERSIONS, MOST_HISTORY = 5, 10


class Why(NamedTuple):
    """Why a call was diverted: the word of RFC 5806 and the status of RFC 4458 and 7544."""

    reason: str
    cause: int


UNCONDITIONAL = Why("unconditional", 302)
BUSY = Why("user-busy", 486)
UNANSWERED = Why("no-answer", 408)
UNAVAILABLE = Why("unavailable", 503)
UNKNOWN = Why("unknown", 404)
_WHY = {
    "486": BUSY,
    "600": BUSY,
    "480": UNANSWERED,
    "408": UNANSWERED,
    NO_ANSWER: UNANSWERED,
    NO_PROGRESS: UNAVAILABLE,
    NO_REPLY: UNAVAILABLE,
    TRANSPORT_ERROR: UNAVAILABLE,
    TRUNK_DOWN: UNAVAILABLE,
}


def why_diverted(outcomes: Iterable[str]) -> Why:
    """What the last of the attempts to other endpoints came to; ``outcomes`` are statuses and causes of ours, in order."""
    known = [outcome for outcome in outcomes if outcome and outcome != HEDGE_RELEASED]
    if not known:
        return UNCONDITIONAL
    last = known[-1]
    return _WHY.get(last) or (UNAVAILABLE if last.startswith("5") else UNKNOWN)


def add_diversion(message: Message, number: str, host: str, why: Why) -> None:
    """The number of ours that was called, on top of whoever diverted before (RFC 5806 §3.3)."""
    value = f"{make_address(number, host)};reason={why.reason};counter=1;privacy=off"
    values = [value, *message.get_all("diversion")]
    if len(values) > MOST_DIVERSIONS:
        values[MOST_DIVERSIONS - 1 :] = values[-1:]
    replace_all(message, "diversion", values)


def add_history(message: Message, number: str, host: str, why: Why, target: str) -> None:
    """The number of ours that was called, and behind it ``target``, the Request-URI it was mapped to (RFC 7044 §10)."""
    values = message.get_all("history-info")
    index = _last_index(values)
    if not values or _user_of(values[-1]) != number:
        reason = "" if why is UNCONDITIONAL else f"?Reason=SIP%3Bcause%3D{why.cause}"
        before = index
        index = f"{index}.1" if index else "1"
        mapped = f";np={before}" if before else ""
        values.append(f"{make_address(number, host, params=reason)};index={index}{mapped}")
    values.append(f"<{target};cause={why.cause}>;index={index}.1;mp={index}")
    if len(values) > MOST_HISTORY:
        values[1 : len(values) - MOST_HISTORY + 1] = []
    replace_all(message, "history-info", values)


def _last_index(values: list[str]) -> str:
    index = find_param(values[-1].rpartition(">")[2], "index") if values else None
    return index if index and len(index) <= 64 and all(part.isdigit() for part in index.split(".")) else ""


def _user_of(value: str) -> str:
    try:
        return parse_uri(find_uri(value)).user
    except RemoteProtocolError:
        return ""

"""What happened, in a sentence each, and how moments and states are written.

Owns the words of `callward top`. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from controller.wording import GATES, cause_in_words, show_seconds, show_span

NONE = "-"
#: From worst to best: what is wrong stands on top.
RANKS = {"down": 0, "degraded": 1, "suspect": 2, "drained": 3, "unknown": 4, "up": 5}
STYLES = {
    "up": "green",
    "degraded": "yellow",
    "suspect": "yellow",
    "down": "bold red",
    "drained": "blue",
    "unknown": "dim",
}
#: The worst state of a minute by its letter (`ops.bars`): heights differ as colours do, and would not if they were reversed.
BARS = {
    "u": ("▁", "not reverse green"),
    "r": ("▂", "not reverse blue"),
    "s": ("▄", "not reverse yellow"),
    "g": ("▆", "not reverse yellow"),
    "d": ("█", "not reverse red"),
    ".": ("·", "not reverse dim"),
}
_GATES = {"open": "up", "held": "down", "parked": "drained"}
_OPENED = {**GATES, "open": "all calls again"}
#: An attempt that ended so has not failed.
_NO_FAILURE = frozenset(("COMPLETED_ELSEWHERE", "HEDGE_RELEASED", "WITHDRAWN"))


class Said(NamedTuple):
    """Whom something is about, how that is now, and why."""

    who: str
    state: str
    text: str


def say(kind: str, data: Mapping[str, Any]) -> Said:
    """An event that is neither a call nor a cascade."""
    told = _SAY.get(kind)
    return told(data) if told is not None else Said(kind, "unknown", "a newer callward may have words for it")


def _quality(data: Mapping[str, Any]) -> Said:
    new = data["new"]
    region = " ".join(data.get("region", ()))
    word, why = _OPENED.get(new, new), data["why"]
    return Said(
        f"{data['target']} {region}".rstrip(),
        _GATES.get(new, "degraded"),
        why if why.startswith(word) else f"{word}: {why}",  # "drained by an operator"
    )


def _overload(data: Mapping[str, Any]) -> Said:
    if data["begins"]:
        return Said("callward", "down", "more calls come than can be dealt with; some are turned away")
    return Said("callward", "up", f"overload is over, {data['turned_away']} turned away so far")


def _drill(data: Mapping[str, Any]) -> Said:
    state, word = {True: ("up", "passed"), False: ("down", "failed")}.get(data["passed"], ("unknown", "called off"))
    return Said(data["trunk"], state, f"{word}: {data['what']}")


def _own(who: str) -> Callable[[Mapping[str, Any]], Said]:
    def told(data: Mapping[str, Any]) -> Said:
        why = f": {cause_in_words(data['cause'])}" if data["cause"] else ""
        return Said(who, "degraded" if data["cause"] else "up", f"{data['state']}{why}")

    return told


_SAY: Mapping[str, Callable[[Mapping[str, Any]], Said]] = {
    "trunk": lambda data: Said(data["trunk"], data["new"], f"{data['why']} (was {data['old']})"),
    "quality": _quality,
    "page": lambda data: Said(data["trunk"], "down", f"somebody should know: {data['why']}"),
    "drill": _drill,
    "registration": lambda data: Said(
        data["trunk"],
        "up" if data["bound"] else "down",
        f"{'registered' if data['bound'] else 'not registered'}: {data['why']}",
    ),
    "overload": _overload,
    "media": lambda data: Said(data["relay"], "up" if data["answers"] else "down", data["why"]),
    "uplink": lambda data: Said("uplink", "down" if data["suspected"] else "up", data["why"]),
    "certificate": lambda data: Said(data["owner"], "degraded" if data["days"] else "down", data["why"]),
    "tls": lambda data: Said(data["trunk"], "down", data["why"]),
    "names": lambda data: Said(
        data["name"], "degraded" if data["lost"] else "up", data["why"] or f"now {', '.join(map(str, data['new']))}"
    ),
    "placed": _own("own call"),
    "text": _own("SIP message"),
    "store": lambda data: Said("store", "down" if data["why"] else "up", data["why"] or "it answers again"),
}


def failover(call: Mapping[str, Any]) -> Said | None:
    """A call that took another way than the first: what failed, and where it went; None for any other."""
    if not call["winner"]:
        return None
    for each in call["attempts"]:
        if each["path"] != call["winner"] and each["cause"] and each["cause"] not in _NO_FAILURE:
            text = f"{each['path']}: {cause_in_words(each['cause'])}; answered by {call['winner']}"
            return Said(call["chain"], "degraded", text)
    for each in call["skipped"]:
        if " is down" in each["why"] or " is degraded" in each["why"]:
            text = f"{each['what']} was passed over, {each['why']}; answered by {call['winner']}"
            return Said(call["chain"], "degraded", text)
    return None


def outcome(call: Mapping[str, Any]) -> Said:
    """What became of a call: ``who`` is a word for it."""
    if call["winner"]:
        return Said("answered", "up", call["winner"])
    if call["cause"] == "WITHDRAWN":
        return Said("hung up", "unknown", "the caller hung up")
    return Said(
        "missed", "down", f"{call['status']}: {call['refusal'] or cause_in_words(call['cause']) or 'nobody answered'}"
    )


def ended(cascade: Mapping[str, Any]) -> Said:
    """What became of a cascade."""
    states = {"completed": "up", "exhausted": "down", "refused": "degraded"}
    status, winner = cascade["status"], cascade["winner"]
    if cascade["ended"] is None:
        return Said("under way", "suspect", cascade["now"])
    if winner:
        others = [each for each in dict.fromkeys(cascade["sends"]) if each != winner]
        return Said(status, states.get(status, "unknown"), f"{winner}{' after ' + ', '.join(others) if others else ''}")
    sent = f"sent by {', '.join(dict.fromkeys(cascade['sends']))}" if cascade["sends"] else ""
    said = ": ".join(part for part in (cascade["reason"].replace("_", " "), sent) if part)
    return Said(status, states.get(status, "unknown"), said or NONE)


def percent(share: float | None) -> str:
    """A share as people write it."""
    return NONE if share is None else f"{share:.0%}"


def seconds(value: float | None) -> str:
    """A time that may not be known."""
    if value is None:
        return NONE
    return f"{value * 1000:.1f} ms" if value < 0.01 else show_seconds(value) if value < 60 else show_span(value)


def ago(since: float, now: float) -> str:
    """How long something has been so, in whole seconds."""
    age = max(0, int(now - since))
    return f"{age} s" if age < 60 else show_span(age)


def time_of(at: float) -> str:
    """A moment of today, in the time of this machine."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def moment_of(at: float, now: float) -> str:
    """A moment, with its day where that is another one. Eight columns for one of today."""
    then = datetime.fromtimestamp(at).astimezone()
    same = then.date() == datetime.fromtimestamp(now).astimezone().date()
    return then.strftime("%H:%M:%S" if same else "%m-%d %H:%M")

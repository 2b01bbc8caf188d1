"""Events and circumstances as plain data, and back: what an audit row holds of the event that it came from.

Owns the shape of that data. Must hold no number, address or text: events have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from controller.types import Milestone
from controller.types.cascades import (
    CascadeBegun,
    CascadeCancelled,
    CascadeEvent,
    Circumstances,
    DueReached,
    FeedbackGiven,
    Outcome,
    ReportReceived,
    SendAccepted,
    SendRefused,
    SendUnclear,
)

_EVENTS: Mapping[str, type[CascadeEvent]] = {
    kind.__name__: kind
    for kind in (
        CascadeBegun,
        SendAccepted,
        SendRefused,
        SendUnclear,
        ReportReceived,
        FeedbackGiven,
        CascadeCancelled,
        DueReached,
    )
}
_FIELDS = {kind: tuple(one.name for one in fields(kind)) for kind in _EVENTS.values()}
_WORDS: Mapping[str, Any] = {"milestone": Milestone, "outcome": Outcome}


def record(event: CascadeEvent, now: float, circumstances: Circumstances) -> dict[str, Any]:
    """What an event and its circumstances were, as JSON can hold it; what is empty stays out."""
    kind = type(event)
    data: dict[str, Any] = {"now": now, "event": kind.__name__}
    for name in _FIELDS[kind]:
        value = getattr(event, name)
        if value or value == 0:
            data[name] = value._value_ if name in _WORDS else value
    if circumstances.avoid:
        data["avoid"] = dict(circumstances.avoid)
    if circumstances.barred:
        data["barred"] = dict(circumstances.barred)
    if circumstances.refuse:
        data["refuse"] = circumstances.refuse
    return data


def recorded(data: Mapping[str, Any]) -> tuple[CascadeEvent, float, Circumstances]:
    """What `record` wrote down."""
    kind = _EVENTS[data["event"]]
    given: dict[str, Any] = {name: data[name] for name in _FIELDS[kind] if name in data}
    for name, word in _WORDS.items():
        if name in given:
            given[name] = word(given[name])
    if kind is ReportReceived:
        given.setdefault("milestone", None)
    circumstances = Circumstances(data.get("avoid", {}), data.get("barred", {}), data.get("refuse", ""))
    return kind(**given), data["now"], circumstances

"""The ladder of a cascade, in the form of a call's (`ladder`): the application, callward, and each provider.

Owns which lines of a history are arrows, and which are notes. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

#: What goes out to a provider, and what is not said by anybody; all else that names one came from there.
_OUT = {"sending": "send", "asked": "ask", "sent_again": "send again", "withdrawn": "withdraw"}
_NOTES = frozenset(("withheld", "timed_out", "assumed_sent", "verified", "not_verified"))


def draw_cascade(found: Mapping[str, Any]) -> dict[str, Any]:
    """Of what ``GET /v1/cascades/ID/explain`` gives."""
    row = found["cascade"]
    begun = _epoch(row["created"])
    columns = [{"name": "application", "address": ""}, {"name": "callward", "address": ""}]
    names = ["", ""]
    channels = {each["provider"]: each["channel"] for each in row["attempts"]}

    def column(provider: str) -> int:
        if provider not in names:
            names.append(provider)
            columns.append({"name": provider, "address": channels.get(provider, "")})
        return names.index(provider)

    for each in row["attempts"]:
        column(each["provider"])
    lines: list[dict[str, Any]] = [_arrow(0.0, 0, 1, f"POST cascade {row['cascade'] or 'of its own steps'}")]
    lines += [
        {"kind": "note", "at": 0.0, "column": 1, "text": f"step {each['step']}: {each['what']} left out: {each['why']}"}
        for each in found["skipped"]
    ]
    for each in found["history"]:
        at, event = max(0.0, _epoch(each["at"]) - begun), each["event"]
        said = event.replace("_", " ")
        why = f": {each['reason']}" if each["reason"] else ""
        if event in _OUT and each["provider"]:
            lines.append(_arrow(at, 1, column(each["provider"]), f"{_OUT[event]} ({each['attempt']})"))
            if why:
                lines.append({"kind": "note", "at": at, "column": column(each["provider"]), "text": said + why})
        elif each["provider"] and event not in _NOTES and event != row["status"]:
            lines.append(_arrow(at, column(each["provider"]), 1, f"{said}{why}"))
        else:
            place = column(each["provider"]) if each["provider"] else 1
            lines.append({"kind": "note", "at": at, "column": place, "text": f"{said}{why}"})
    if row["ended"]:
        lines.append(_arrow(max(0.0, _epoch(row["ended"]) - begun), 1, 0, row["status"]))
    return {
        "source": "history",
        "begun": begun,
        "columns": columns,
        "lines": sorted(lines, key=lambda line: line["at"]),
    }


def _arrow(at: float, one: int, other: int, text: str) -> dict[str, Any]:
    return {"kind": "message", "at": at, "from": one, "to": other, "text": text, "again": False}


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()

"""What an incident looks like to whoever is told: plain data, a line, and a text.

Owns the words. Must not know by which way they go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controller.alerting.words import Incident, Member, What
from controller.types.alerts import Kind, Severity
from controller.wording import show_span

#: Members that are named in a text, and in a notice at all.
SHOWN, MOST = 12, 500

Notice = Mapping[str, Any]

_IS = {
    Kind.TRUNK: ("is down", "trunk", "trunks"),
    Kind.QUALITY: ("does not carry calls as it should", "trunk", "trunks"),
    Kind.REGISTRATION: ("is not registered", "trunk", "trunks"),
    Kind.PROVIDER: ("is out", "provider", "providers"),
    Kind.CERTIFICATE: ("needs a look", "certificate", "certificates"),
}
_ALONE = {
    Kind.UPLINK: "our own uplink is suspected: all trunks fell at once",
    Kind.OVERLOAD: "calls are turned away: overload",
    Kind.STORE: "the store of messages is lost",
    Kind.MEDIA: "the media relay is silent",
    Kind.FAULT: "a fault of callward",
}
_MANY = {
    "is down": "are down",
    "is out": "are out",
    "is not registered": "are not registered",
    "does not carry calls as it should": "do not carry calls as they should",
    "needs a look": "need a look",
}
_OVER = {
    Kind.TRUNK: "is up",
    Kind.QUALITY: "carries calls again",
    Kind.REGISTRATION: "is registered",
    Kind.PROVIDER: "is back",
}


def make_notice(incident: Incident, what: What) -> dict[str, Any]:
    """What is told of an incident now: JSON."""
    members = list(incident.members.values())
    title = _title(incident, what)
    return {
        "id": incident.id,
        "what": what.value,
        "severity": incident.severity.value,
        "title": title,
        "text": _text(incident, members),
        "route": incident.route,
        "cause": {"subject": incident.cause[0], "name": incident.cause[1]},
        "opened": incident.opened,
        "resolved": incident.resolved,
        "acknowledged": incident.acknowledged,
        "count": len(members),
        "lasting": sum(each.ended is None for each in members),
        "members": [
            {
                "kind": each.kind.value,
                "name": each.name,
                "severity": each.severity.value,
                "why": each.why,
                "since": each.since,
                "ended": each.ended,
                "labels": dict(each.labels),
            }
            for each in members[:MOST]
        ],
    }


def _title(incident: Incident, what: What) -> str:
    if what is What.RESOLVE:
        return f"over: {_headline(incident)}"
    if what is What.ACKNOWLEDGE:
        return f"{incident.acknowledged} looks after: {_headline(incident)}"
    return _headline(incident)


def _headline(incident: Incident) -> str:
    members = list(incident.members.values())
    if len(members) == 1:
        return _of_one(members[0])
    parts = []
    for kind in dict.fromkeys(each.kind for each in members):
        count = sum(each.kind is kind for each in members)
        how, one, many = _IS.get(kind, ("", f"{kind}", f"{kind}s"))
        whole = "all " if incident.whole and count == len(members) else ""
        how = _MANY.get(how, how) if count > 1 else how
        parts.append(f"{whole}{count} {many if count > 1 else one} {how}".rstrip())
    subject, name = incident.cause
    where = f"{subject} {name}: " if name and subject in {"carrier", "site", "address"} else ""
    return where + ", ".join(parts)


def _of_one(member: Member) -> str:
    if member.kind in _ALONE:
        return _ALONE[member.kind]
    if member.kind is Kind.DAEMON:
        return f"the process for {member.name} does not answer"
    how, one, _ = _IS[member.kind]
    of = " of" if member.kind is Kind.CERTIFICATE else ""
    return f"{one}{of} {member.name} {how}"


def _text(incident: Incident, members: list[Member]) -> str:
    lines = [_line(each) for each in members[:SHOWN]]
    if members[SHOWN:]:
        lines.append(f"and {len(members) - SHOWN} more")
    if incident.acknowledged:
        lines.append(f"acknowledged by {incident.acknowledged}")
    if incident.resolved is not None:
        lines.append(f"over after {show_span(incident.resolved - incident.opened)}")
    elif not incident.acknowledged:
        lines.append(f"callward alerts ack {incident.id}")
    return "\n".join(lines)


def _line(member: Member) -> str:
    since = datetime.fromtimestamp(member.since, UTC)
    labels = ", ".join(
        f"{key} {value}" for key, value in member.labels.items() if key in {"carrier", "site", "address"}
    )
    where = f" ({labels})" if labels else ""
    how = f": {member.why}" if member.why else ""
    if member.ended is not None:
        how = f": {_OVER.get(member.kind, 'well')} after {show_span(member.ended - member.since)}"
    return f"{member.kind} {member.name}{where}, since {since:%Y-%m-%d %H:%M:%S} UTC{how}"


def test_notice(at: float) -> dict[str, Any]:
    """What a notifier is tried with."""
    member = Member(Kind.TRUNK, "test", Severity.WARNING, "somebody tries whether alerts arrive", at, {})
    incident = Incident(
        f"test-{at:.0f}", "test", ("alone", "test"), whole=False, opened=at, members={member.id: member}
    )
    notice = make_notice(incident, What.TRIGGER)
    return {**notice, "title": "a test of callward: nothing is wrong", "text": member.why}

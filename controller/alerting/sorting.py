"""Which conditions a route takes, and which of them it calls one thing.

Owns both questions. Must not know incidents, or who is told.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.alerting.causes import ALONE, Cause
from controller.alerting.words import Condition, Member
from controller.types.alerts import Group, Match


def matches(match: Match, condition: Condition | Member) -> bool:
    """Whether a route that takes these has it."""
    return (
        (not match.kinds or condition.kind in match.kinds)
        and (not match.severities or condition.severity in match.severities)
        and (not match.carriers or condition.labels.get("carrier") in match.carriers)
        and (not match.sites or condition.labels.get("site") in match.sites)
    )


def group_by(group: Group, members: Mapping[str, Member]) -> list[tuple[Cause, list[str]]]:
    """Members by what a route calls one thing: its name, and the ids of its members."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, member in members.items():
        key = (ALONE, name)
        if group is Group.ALL:
            key = ("all", "")
        elif group is Group.KIND:
            key = (f"{member.kind}s", "")
        elif group in {Group.CARRIER, Group.SITE}:
            value = member.labels.get(group)
            key = (str(group), value) if value else key
        found.setdefault(key, []).append(name)
    return [(Cause(*key, tuple(names)), names) for key, names in found.items()]

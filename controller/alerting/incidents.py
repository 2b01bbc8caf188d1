"""From what is wrong to whom to tell: one incident for one outage.

Owns the machine: `see` what is wrong and `acknowledge`, `unheard`, `handle_timer`; each returns what is to be told. ``now`` is
seconds since the epoch, for incidents outlive a restart (`dump`, `load`). Must not deliver or read a clock.

Rules

* The first route that matches a condition has it. It waits there until it has lasted for ``hold``; with it go all others of
  the same cause, so that fifty trunks that fell together are one incident, and whoever falls later joins it.
* What is explained by something worse waits: trunks by a suspected uplink, complaints about a trunk by its being down.
* An incident is over when all its members have been well for ``settle`` seconds, once more for each time that it came back.
* Nobody is told twice, but: it became critical, or it grew after `AGAIN` seconds of quiet.
* While a calendar says quiet, only what is critical is told, and only that goes on to the next step; the rest follows if it
  is still there.
* Whoever does not acknowledge is followed by the next step; so is whoever cannot be reached.
* A reload that puts others in the place of those who were told has them told, unless somebody looks after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from controller.alerting.causes import Cause, Causes
from controller.alerting.sorting import group_by, matches
from controller.alerting.words import (
    Condition,
    Incident,
    Line,
    Member,
    Sight,
    Tell,
    What,
    dump_incident,
    load_incident,
    shift_incident,
)
from controller.rules.conditions import is_open
from controller.types import Hours
from controller.types.alerts import AlertRoute, Group, Kind, Severity

#: An incident that grows so many seconds after it was told is told again.
AGAIN = 600.0
#: Seconds between two repetitions to those who forget what is not repeated.
REFRESH = 60.0
#: Seconds between two looks at a calendar.
LOOK = 30.0
#: So many times longer it has to be quiet at most, however often it came back.
MOST_RETURNS = 7
#: Incidents that are over, and lines of one: so many are kept.
KEPT, MOST_LINES = 100, 60

_TRUNK_KINDS = frozenset((Kind.TRUNK, Kind.QUALITY, Kind.REGISTRATION))


@dataclass(slots=True)
class _Waiting:
    """A condition that nobody was told of."""

    member: Member
    route: AlertRoute
    since: float  # when its hold began


class Alerting:
    """All incidents by one dialplan."""

    def __init__(self, routes: Iterable[AlertRoute], hours: Mapping[str, Hours], live: Iterable[str] = ()) -> None:
        """``hours``: calendars by name. ``live``: notifiers that want to know of each change, and to be told again and again."""
        self._routes = tuple(routes)
        self._hours = hours
        self._live = frozenset(live)
        self._waiting: dict[str, _Waiting] = {}  # by id of the condition
        self._trouble: frozenset[str] = frozenset()  # ids of all that is wrong
        self._labels: Mapping[str, Mapping[str, str]] = {}
        self.open: dict[str, Incident] = {}
        self.over: list[Incident] = []  # the newest last

    # -- what happens

    def see(self, sight: Sight, labels: Mapping[str, Mapping[str, str]], now: float) -> list[Tell]:
        """How things are. ``labels`` of each trunk there is: its carrier, site and address."""
        self._labels = labels
        held = {name: incident for incident in self.open.values() for name in incident.members}
        found = {condition.id: condition for condition in sight.conditions}
        unknown = {each.id for each in self._all_members() if each.kind in sight.unknown and each.ended is None}
        unknown |= {name for name, each in self._waiting.items() if each.member.kind in sight.unknown}
        self._trouble = frozenset(found.keys() | unknown)
        tells = self._note_ends(now)
        for name, condition in found.items():
            if name in held:
                tells += self._note_again(held[name], condition, now)
            elif name in self._waiting:
                self._waiting[name].member.why = condition.why
                self._waiting[name].member.severity = condition.severity
            else:
                self._begin_to_wait(condition, now)
        return tells + self.handle_timer(now)

    def acknowledge(self, incident: str, who: str, now: float) -> list[Tell] | None:
        """Somebody looks after it: nobody else is called. None: there is no such incident."""
        found = self.open.get(incident)
        if found is None:
            return None
        if found.acknowledged:
            return []
        found.acknowledged = who
        _write(found, now, f"acknowledged by {who}")
        return self._tell(found, What.ACKNOWLEDGE, found.notified)

    def unheard(self, incident: str, notifier: str, why: str, now: float) -> list[Tell]:
        """Somebody cannot be reached: if nobody of this step can, the next is taken."""
        found = self.open.get(incident)
        if found is None or notifier in found.unheard:
            return []
        found.unheard.append(notifier)
        _write(found, now, f"{notifier} cannot be reached: {why}")
        return self.handle_timer(now)

    def note(self, incident: str, what: str, now: float) -> None:
        """Write something down about an incident."""
        for each in (self.open.get(incident), *self.over):
            if each is not None and each.id == incident:
                _write(each, now, what)

    def handle_timer(self, now: float) -> list[Tell]:
        """Do what time brings."""
        tells: list[Tell] = []
        self._let_wait(now)
        for route in self._routes:
            tells += self._open(route, now)
        for incident in list(self.open.values()):
            tells += self._advance(incident, now)
        return tells

    def next_deadline(self, now: float) -> float:
        """When `handle_timer` is wanted next; infinity for never."""
        at = min((each.since + each.route.hold for each in self._waiting.values()), default=inf)
        for incident in self.open.values():
            at = min(at, self._deadline_of(incident, now))
        return at

    # -- state

    def dump(self) -> dict[str, Any]:
        """All that a restart must not forget, as plain data."""
        return {
            "open": [dump_incident(each) for each in self.open.values()],
            "over": [dump_incident(each) for each in self.over],
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Go on with what `dump` gave, by the routes that there are now. Raises `ValueError`, `TypeError` or `LookupError` for
        anything else."""
        self.open = {each["id"]: load_incident(each) for each in data["open"]}
        for incident in self.open.values():
            incident.refreshed = 0.0  # whoever forgets what is not repeated may have forgotten it meanwhile
            self._find_home(incident)
        self.over = [load_incident(each) for each in data["over"]]

    def shift(self, seconds: float) -> None:
        """The clock was set: what waits neither waits longer for that nor shorter, and spans stay what they were."""
        for waiting in self._waiting.values():
            waiting.since += seconds
            waiting.member.since += seconds
        for incident in self.open.values():
            shift_incident(incident, seconds)

    def _find_home(self, incident: Incident) -> None:
        """A reload may have taken its route away, or given it another name."""
        if any(route.name == incident.route for route in self._routes):
            return
        members = [each for each in incident.members.values() if each.ended is None] or [*incident.members.values()]
        fitting = (route for route in self._routes if any(matches(route.match, each) for each in members))
        route = next(fitting, self._routes[-1])
        incident.route, incident.step = route.name, min(incident.step, len(route.escalate))

    # -- conditions

    def _all_members(self) -> Iterable[Member]:
        return (member for incident in self.open.values() for member in incident.members.values())

    def _note_ends(self, now: float) -> list[Tell]:
        for name in [name for name in self._waiting if name not in self._trouble]:
            del self._waiting[name]
        tells: list[Tell] = []
        for incident in self.open.values():
            ended = [each for each in incident.members.values() if each.ended is None and each.id not in self._trouble]
            for member in ended:
                member.ended = now
            if ended:
                if incident.calm_since is not None:
                    _write(incident, now, "all is well again, if it lasts")
                tells += self._tell(incident, What.UPDATE, self._live_of(incident))
        return tells

    def _note_again(self, incident: Incident, condition: Condition, now: float) -> list[Tell]:
        member = incident.members[condition.id]
        before, was_calm = incident.severity, incident.calm_since is not None
        member.severity = condition.severity
        if member.ended is not None:
            member.ended = None
            member.why = condition.why
            if was_calm:
                incident.returns += 1
                _write(incident, now, f"{_name(member)} again")
            tells = self._tell(incident, What.UPDATE, self._live_of(incident))
        else:
            tells = []
        if incident.severity is Severity.CRITICAL and before is not Severity.CRITICAL:
            _write(incident, now, "critical now")
            tells += self._tell_all(incident, now)
        return tells

    def _begin_to_wait(self, condition: Condition, now: float) -> None:
        route = next((route for route in self._routes if matches(route.match, condition)), None)
        if route is None:
            return
        since = min(now, condition.since) if condition.since is not None else now
        member = Member(
            condition.kind, condition.name, condition.severity, condition.why, since, dict(condition.labels)
        )
        self._waiting[condition.id] = _Waiting(member, route, since)

    def _let_wait(self, now: float) -> None:
        """What is explained by something worse begins to wait anew."""
        for each in self._waiting.values():
            if self._is_explained(each.member):
                each.since = now

    def _is_explained(self, member: Member) -> bool:
        if member.kind not in _TRUNK_KINDS:
            return False
        if f"{Kind.UPLINK}:calls" in self._trouble:
            return True
        return member.kind is not Kind.TRUNK and f"{Kind.TRUNK}:{member.name}" in self._trouble

    # -- incidents

    def _open(self, route: AlertRoute, now: float) -> list[Tell]:
        """Make incidents of what has waited long enough, or have it join those that there are."""
        waiting = {
            name: each
            for name, each in self._waiting.items()
            if each.route is route and not self._is_explained(each.member)
        }
        if not waiting:
            return []
        mine = [incident for incident in self.open.values() if incident.route == route.name]
        tells: list[Tell] = []
        for cause, ids in self._group(route, waiting, mine):
            new = [name for name in ids if name in waiting]
            if not new:
                continue
            key = (cause.subject, cause.value)
            incident = next((each for each in mine if each.cause == key or set(ids) & _lasting(each)), None)
            if incident is None:
                if not any(now >= waiting[name].since + route.hold for name in new):
                    continue
                opened = min(waiting[name].member.since for name in new)
                incident = Incident(_make_id(route.name, key, opened), route.name, key, cause.whole, opened)
                self.open[incident.id] = incident
                mine.append(incident)
            tells += self._join(incident, cause, [self._waiting.pop(name).member for name in new], now)
        return tells

    def _join(self, incident: Incident, cause: Cause, members: list[Member], now: float) -> list[Tell]:
        before = incident.severity if incident.members else None
        was_calm = bool(incident.members) and incident.calm_since is not None
        for member in members:
            incident.members[member.id] = member
        if cause.whole and len(cause.names) == len(_lasting(incident)):
            incident.cause = (cause.subject, cause.value)  # it showed more of itself
        incident.whole = cause.whole and (cause.subject, cause.value) == incident.cause
        _write(incident, now, ", ".join(_name(member) for member in members[:8]) + (" ..." if members[8:] else ""))
        if incident.told is None:
            return []  # `_advance` tells
        incident.returns += was_calm
        worse = incident.severity is Severity.CRITICAL and before is not Severity.CRITICAL
        incident.grown = incident.grown or now >= incident.last_told + AGAIN
        if worse or (incident.grown and not self._is_quiet(self._route_of(incident), incident, now)):
            return self._tell_all(incident, now)
        return self._tell(incident, What.UPDATE, self._live_of(incident))

    def _group(
        self, route: AlertRoute, waiting: Mapping[str, _Waiting], mine: Iterable[Incident]
    ) -> list[tuple[Cause, list[str]]]:
        """What of it belongs together: its cause, and the ids of its conditions, those of open incidents too."""
        members = {name: each.member for name, each in waiting.items()}
        for incident in mine:
            members |= {name: each for name, each in incident.members.items() if each.ended is None}
        if route.group_by is not Group.CAUSE:
            return group_by(route.group_by, members)
        found: list[tuple[Cause, list[str]]] = []
        for kind in dict.fromkeys(each.kind for each in members.values()):
            names = [each.name for each in members.values() if each.kind is kind]
            causes = (
                Causes(self._labels).explain(names) if kind in _TRUNK_KINDS else [Cause(f"{kind}s", "", tuple(names))]
            )
            found += [(cause, [f"{kind}:{name}" for name in cause.names]) for cause in causes]
        return found

    def _advance(self, incident: Incident, now: float) -> list[Tell]:
        route = self._route_of(incident)
        calm = incident.calm_since
        if calm is not None:
            return (
                self._resolve(incident, now) if now >= calm + self._settle(incident) else self._refresh(incident, now)
            )
        if incident.told is None:
            if self._is_quiet(route, incident, now):
                return []
            return self._tell_all(incident, now)
        tells = self._refresh(incident, now)
        if self._is_quiet(route, incident, now):
            return tells
        if incident.grown:
            return tells + self._tell_all(incident, now)
        if not incident.acknowledged and (new := self._not_asked(incident, route)):
            _write(incident, now, f"by the dialplan of now: {', '.join(new)} too")
            tells += self._trigger(incident, new)
        while self._step_is_due(incident, route, now):
            step = route.escalate[incident.step]
            incident.step += 1
            incident.step_at = now
            _write(incident, now, f"not acknowledged: {', '.join(step.notify)} next")
            tells += self._trigger(incident, step.notify)
        return tells

    @staticmethod
    def _not_asked(incident: Incident, route: AlertRoute) -> list[str]:
        """Whom a reload has put in the place of those who were told."""
        asked = dict.fromkeys(route.notify)
        for step in route.escalate[: incident.step]:
            asked |= dict.fromkeys(step.notify)
        return [name for name in asked if name not in incident.notified]

    def _step_is_due(self, incident: Incident, route: AlertRoute, now: float) -> bool:
        if incident.acknowledged or incident.step >= len(route.escalate):
            return False
        asked = route.escalate[incident.step - 1].notify if incident.step else route.notify
        return now >= incident.step_at + route.escalate[incident.step].after or set(asked) <= set(incident.unheard)

    def _resolve(self, incident: Incident, now: float) -> list[Tell]:
        incident.resolved = now
        _write(incident, now, "over")
        del self.open[incident.id]
        self.over = [*self.over, incident][-KEPT:]
        return self._tell(incident, What.RESOLVE, incident.notified)

    def _refresh(self, incident: Incident, now: float) -> list[Tell]:
        live = self._live_of(incident)
        if not live or now < incident.refreshed + REFRESH:
            return []
        incident.refreshed = now
        return self._tell(incident, What.UPDATE, live)

    def _tell_all(self, incident: Incident, now: float) -> list[Tell]:
        """Of something new: a first time, or a worse one, which whoever acknowledged did not know."""
        route = self._route_of(incident)
        again = incident.told is not None
        incident.told = now if incident.told is None else incident.told
        incident.last_told = incident.step_at = incident.refreshed = now
        incident.acknowledged, incident.grown = "", False
        incident.unheard.clear()
        if again:
            incident.step = 0
            return self._trigger(incident, dict.fromkeys((*incident.notified, *route.notify)))
        return self._trigger(incident, route.notify)

    def _trigger(self, incident: Incident, notifiers: Iterable[str]) -> list[Tell]:
        names = list(notifiers)
        incident.notified += [name for name in names if name not in incident.notified]
        return self._tell(incident, What.TRIGGER, names)

    @staticmethod
    def _tell(incident: Incident, what: What, notifiers: Iterable[str]) -> list[Tell]:
        return [Tell(name, what, incident) for name in notifiers]

    def _live_of(self, incident: Incident) -> list[str]:
        return [name for name in incident.notified if name in self._live]

    def _route_of(self, incident: Incident) -> AlertRoute:
        return next(route for route in self._routes if route.name == incident.route)

    def _settle(self, incident: Incident) -> float:
        return self._route_of(incident).settle * (1 + min(incident.returns, MOST_RETURNS))

    def _is_quiet(self, route: AlertRoute, incident: Incident, now: float) -> bool:
        if incident.severity is Severity.CRITICAL:
            return False
        quiet, loud = self._hours.get(route.quiet), self._hours.get(route.quiet_unless)
        return (quiet is not None and is_open(quiet, now)) or (loud is not None and not is_open(loud, now))

    def _deadline_of(self, incident: Incident, now: float) -> float:
        route = self._route_of(incident)
        at = incident.refreshed + REFRESH if self._live_of(incident) else inf
        calm = incident.calm_since
        if calm is not None:
            return min(at, calm + self._settle(incident))
        if incident.told is None or self._is_quiet(route, incident, now):
            return min(at, now + LOOK)
        if not incident.acknowledged and incident.step < len(route.escalate):
            at = min(at, incident.step_at + route.escalate[incident.step].after)
        return at


def _lasting(incident: Incident) -> set[str]:
    return {name for name, each in incident.members.items() if each.ended is None}


def _make_id(route: str, cause: tuple[str, str], opened: float) -> str:
    """Short enough to be typed. The same outage has the same one if what was known of it is lost."""
    return hashlib.sha256(f"{route}|{cause}|{opened:.0f}".encode()).hexdigest()[:8]


def _name(member: Member) -> str:
    return f"{member.kind} {member.name}"


def _write(incident: Incident, now: float, what: str) -> None:
    incident.lines.append(Line(now, what))
    if len(incident.lines) > MOST_LINES:
        del incident.lines[1]  # the first says how it began

"""Legs of a dial string -> stages of a chain.

Owns what rings at once, one after the other, or joins in; times; and the same person over several gateways, which is one
endpoint with several trunks here. Must not know XML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.importers.bridge import Bridge, Leg, Thread
from controller.importers.draft import Draft, Endpoint, Stage, is_number, show_time
from controller.importers.notes import Notes, Place

_TIMES = ("leg_timeout", "call_timeout", "originate_timeout")
_DELAYS = {"leg_delay_start": 1.0, "originate_delay_start": 0.001}  # seconds of its unit
_UNDERSTOOD = {*_TIMES, *_DELAYS, "ignore_early_media", "continue_on_fail", "hangup_after_bridge"}
_TRUE = {"true", "yes", "on", "1"}
_INHERITED = 20.0  # seconds that a stage rings which says nothing
_LONGEST = 3600.0

#: Who is called by a leg, by which trunk, and whether FreeSWITCH knows him as a user of its own.
Resolve = Callable[[Leg], tuple[str, str, bool] | None]


@dataclass(slots=True)
class _Person:
    """Somebody who rings; ``via`` grows where the next leg is another way to him."""

    who: str
    is_user: bool
    via: list[str]
    time: float
    is_own: bool = False  # the time counts from when he joins
    delay: float = 0.0


@dataclass(slots=True)
class StageMaker:
    """Makes the stages of bridges, and notes what they lose."""

    draft: Draft
    notes: Notes
    resolve: Resolve
    at: Place
    variables: Mapping[str, str] = field(default_factory=dict)  # of the channel

    def make(self, bridge: Bridge) -> list[Stage]:
        """What one bridge becomes."""
        self._note_variables(bridge)
        common = {**self.variables, **bridge.variables}
        if len(bridge.threads) > 1:
            return self._side_by_side(bridge.threads, common)
        (thread,) = bridge.threads
        return self._one_after_the_other(thread, {**common, **thread.variables})

    def _one_after_the_other(self, thread: Thread, variables: Mapping[str, str]) -> list[Stage]:
        stages: list[Stage] = []
        waiting: list[_Person] = []
        for group in thread.groups:
            people = [person for leg in group if (person := self._person(leg, variables))]
            if len(people) > 1:
                stages += self._in_turn(waiting, variables)
                waiting = []
                stages.append(self._at_once(people, variables))
            elif people:
                _join(waiting, people[0])
        return stages + self._in_turn(waiting, variables)

    def _side_by_side(self, threads: Sequence[Thread], common: Mapping[str, str]) -> list[Stage]:
        """Each thread is somebody who rings beside the others, over his ways in turn."""
        together: list[_Person] = []
        later: list[_Person] = []
        for thread in threads:
            variables = {**common, **thread.variables}
            delay = self._seconds(thread.variables, "originate_delay_start")
            waiting: list[_Person] = []
            for group in thread.groups:
                people = [person for leg in group if (person := self._person(leg, variables))]
                for person in people:
                    person.delay += delay
                if len(people) > 1:
                    together += people
                elif people:
                    _join(waiting, people[0])
            together += waiting[:1]
            later += waiting[1:]
        if later:
            said = (
                "threads that call several people in turn: the first of each rings in one stage, all others in the next"
            )
            self.notes.add(self.at, said)
        stages = [self._at_once(together, common)] if len(together) > 1 else self._in_turn(together, common)
        return stages + self._in_turn(later, common)

    # ----------------------------------------------------------------------- stages

    def _in_turn(self, people: Sequence[_Person], variables: Mapping[str, str]) -> list[Stage]:
        """One stage for those who ring as long as each other."""
        stages: list[Stage] = []
        ring: list[str] = []
        for index, person in enumerate(people):
            ring.append(self._add(person))
            if index + 1 == len(people) or people[index + 1].time != person.time:
                names = tuple(dict.fromkeys(ring))
                stages.append(Stage(names, time=person.time, strips_media=_strips(variables)))
                ring = []
        return stages

    def _at_once(self, people: Sequence[_Person], variables: Mapping[str, str]) -> Stage:
        people = sorted(people, key=lambda person: person.delay)
        delays = [person.delay for person in people]
        times = {person.time for person in people}
        if len(times) > 1:
            self.notes.add(
                self.at, "that some ring longer than others is not taken over: the stage ends with the longest"
            )
        ring = tuple(dict.fromkeys(self._add(person) for person in people))
        time, media = max(times), _strips(variables)
        if not any(delays) or len(ring) < 2:
            return Stage(ring, "parallel" if len(ring) > 1 else "", time=time, strips_media=media)
        stagger = round(max(delays[-1] / (len(delays) - 1), 0.1), 1)
        if time and any(person.is_own for person in people):
            time += delays[-1]
        if (time or _INHERITED) <= stagger:
            time = stagger * len(ring)
        todo = ""
        if any(abs(delay - index * stagger) > 0.05 for index, delay in enumerate(delays)):
            said = ", ".join(f"{delay:g}" for delay in delays)
            self.notes.add(self.at, f"legs that join after {said} s: here one joins every {show_time(stagger)}")
            todo = f"they joined after {said} s"
        return Stage(ring, "hybrid", stagger, time, media, todo)

    def _add(self, person: _Person) -> str:
        via = tuple(person.via)
        if person.is_user or not is_number(person.who):
            return self.draft.add_endpoint(f"user-{person.who}", Endpoint(via, user=person.who))
        return self.draft.add_endpoint(f"number-{person.who.removeprefix('+')}", Endpoint(via, number=person.who))

    # ----------------------------------------------------------------------- legs

    def _person(self, leg: Leg, variables: Mapping[str, str]) -> _Person | None:
        found = self.resolve(leg)
        if found is None:
            return None
        who, trunk, is_user = found
        known = {**variables, **leg.variables}
        name, time = next(((name, time) for name in _TIMES if (time := self._seconds(known, name))), ("", 0.0))
        if not time:
            said = "nothing says how long it rings: 60 s in FreeSWITCH, here 20 s unless the stage has 'for'"
            self.notes.add(self.at, said)
        delay = self._seconds(leg.variables, "leg_delay_start")
        return _Person(who, is_user, [trunk], time, name == "leg_timeout", delay)

    def _seconds(self, variables: Mapping[str, str], name: str) -> float:
        text = variables.get(name, "")
        if not text:
            return 0.0
        try:
            seconds = float(text) * _DELAYS.get(name, 1.0)
            if 0 <= seconds <= _LONGEST:
                return seconds
        except ValueError:
            pass
        self.notes.add(self.at, f"{name}={text} is no time: not taken over")
        return 0.0

    def _note_variables(self, bridge: Bridge) -> None:
        names = [*bridge.variables]
        for thread in bridge.threads:
            names += thread.variables
            names += [name for group in thread.groups for leg in group for name in leg.variables]
        lost = [name for name in dict.fromkeys(names) if name not in _UNDERSTOOD]
        if lost:
            self.notes.add(self.at, f"variables of the dial string that are not taken over: {', '.join(lost)}")


def _join(waiting: list[_Person], person: _Person) -> None:
    """Another way to whom the leg before called, or somebody else."""
    last = waiting[-1] if waiting else None
    if last and (last.who, last.is_user, last.time) == (person.who, person.is_user, person.time):
        if person.via[0] not in last.via:
            last.via += person.via
    else:
        waiting.append(person)


def _strips(variables: Mapping[str, str]) -> bool:
    return variables.get("ignore_early_media", "").lower() in _TRUE

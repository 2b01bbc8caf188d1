"""An ``<extension>`` of FreeSWITCH -> for which numbers it is, and which bridges it gets to.

Owns conditions and actions: which of them mean something here, and what is said of the others. Must not know what becomes
of a bridge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from controller.config.diagnostics import quoted
from controller.importers.bridge import Bridge, Leg, parse_bridge
from controller.importers.notes import Notes, Place
from controller.importers.xml import Element

TRUE = frozenset(("true", "yes", "on", "1", "t", "y"))
_NEVER = {"", "false", "no", "off", "0"}
#: What callward does anyway, or what has no meaning for it: nobody needs to hear of these.
_QUIET_VARIABLES = {
    *("hangup_after_bridge", "continue_on_fail", "ignore_early_media"),
    *("call_timeout", "leg_timeout", "originate_timeout"),
}
_QUIET_APPLICATIONS = {"log", "info", "ring_ready", "pre_answer", "hash", "unset"}
_TELLING = {"transfer", "ivr", "voicemail", "execute_extension", "deflect"}
_QUIET_BEHIND = {"hangup", "respond", "answer", "sleep"}
_DIALLED = {"destination_number", "${destination_number}"}
_TIMES = {
    *("wday", "hour", "mday", "mon", "time-of-day", "date-time", "minute"),
    *("minute-of-day", "week", "yday", "mweek", "year"),
}
_SECRET = re.compile("pass|pin|secret", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([\w.-]+)\}")
_GLOBAL = re.compile(r"\$\$\{([\w.-]+)\}")


@dataclass(frozen=True, slots=True)
class Reached:
    """A bridge, where it stands, and the variables of the channel there."""

    bridge: Bridge
    at: Place
    variables: dict[str, str]

    def legs(self) -> Iterator[Leg]:
        """All calls that it makes."""
        for thread in self.bridge.threads:
            for group in thread.groups:
                yield from group


@dataclass(slots=True)
class Extension:
    """What stands in one, in the order in which it stands there."""

    name: str
    at: Place
    is_inward: bool  # calls from outside get there
    goes_on: bool  # the next one is asked as well
    expressions: list[tuple[str, Place]] = field(default_factory=list)
    bridges: list[tuple[str, Place, dict[str, str]]] = field(default_factory=list)  # with the variables that hold there
    before: list[str] = field(default_factory=list)  # applications ahead of all bridges
    after: list[tuple[str, Place]] = field(default_factory=list)  # applications behind the last one
    lost: list[tuple[Place, str]] = field(default_factory=list)  # what is said if anything of it is taken over
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def does(self) -> str:
        """What it does, in the words of FreeSWITCH."""
        return ", ".join([*self.before, *(["bridge"] if self.bridges else [])])


@dataclass(slots=True)
class ExtensionReader:
    """Reads extensions. ``known``: variables that are set for all (``$${name}``)."""

    notes: Notes
    known: dict[str, str] = field(default_factory=dict)

    def read(self, element: Element, context: str) -> list[Extension]:
        """One extension, or several where its conditions stand side by side. ``context``: that of FreeSWITCH in which it
        stands, "" where nothing says it."""
        name, is_inward = element.get("name") or "extension", context == "public"
        goes_on = element.get("continue").lower() in TRUE
        found = [Extension(name, element.at, is_inward, goes_on)]
        breaks = ""
        for child in element.children:
            if child.name != "condition":
                continue
            if breaks in {"on-true", "never"} and self._expressions(child)[0]:
                found.append(
                    Extension(name, child.at, is_inward, goes_on)
                )  # asked whether the one before matched or not
            self._read_condition(child, found[-1])
            breaks = child.get("break").lower()
        if goes_on:
            said = "goes on with the next one (continue): here each number has one route"
            found[0].lost.append((element.at, f"extension {quoted(name)} {said}"))
        return found

    def _read_condition(self, element: Element, found: Extension) -> None:
        expressions, lost = self._expressions(element)
        found.lost += lost
        if expressions and found.bridges:
            said = "this condition on destination_number comes behind a bridge: what stands in it is not taken over"
            found.lost.append((element.at, said))
            return
        if expressions and found.expressions:
            said = "several conditions on destination_number must hold: the last one alone is taken over"
            found.lost.append((element.at, said))
        found.expressions = expressions or found.expressions
        ignored: dict[str, Place] = {}
        for child in element.children:
            if child.name == "action":
                self._read_action(child, found, ignored)
            elif child.name == "anti-action":
                said = f"what happens where a condition does not hold ({child.get('application')}) is not taken over"
                found.lost.append((child.at, said))
            elif child.name == "condition":
                self._read_condition(child, found)
        used = {name for text, _, _ in found.bridges for name in _VARIABLE.findall(text)}
        ignored = {name: at for name, at in ignored.items() if name not in used}
        if ignored:
            said = f"set, and not taken over, since callward has no such variables: {', '.join(ignored)}"
            found.lost.append((next(iter(ignored.values())), said))

    def _expressions(self, element: Element) -> tuple[list[tuple[str, Place]], list[tuple[Place, str]]]:
        """Those of a condition that are about the called number; and what is said of all others."""
        expressions: list[tuple[str, Place]] = []
        lost: list[tuple[Place, str]] = []
        several = element.get("regex").lower()
        if several and several != "any":
            lost.append(
                (element.at, f"how its expressions go together (regex={several}) is not taken over: one is enough")
            )
        for each in (element, *(child for child in element.children if child.name == "regex")):
            subject, expression = each.get("field"), self._resolve(each.get("expression"))
            if subject in _DIALLED and expression:
                expressions.append((expression, each.at))
            elif times := sorted(_TIMES & each.attributes.keys()):
                said = (
                    f"that it holds at certain times ({', '.join(times)}) is not taken over: write 'hours' and 'when'"
                )
                lost.append((each.at, said))
            elif subject:
                what = "something" if _SECRET.search(subject) else quoted(expression)
                said = f"that {subject} must match {what} is not taken over: the route holds without it"
                lost.append((each.at, said))
        return expressions, lost

    def _read_action(self, element: Element, found: Extension, ignored: dict[str, Place]) -> None:
        application, data = element.get("application"), self._resolve(element.get("data"))
        if application == "bridge":
            found.bridges.append((data, element.at, dict(found.variables)))
            found.after.clear()
        elif application in {"set", "export"}:
            name, _, value = (part.strip() for part in data.removeprefix("nolocal:").partition("="))
            found.variables[name] = value
            if name not in _QUIET_VARIABLES:
                ignored.setdefault(name, element.at)
        elif application in _QUIET_APPLICATIONS:
            pass
        elif found.bridges:
            found.after.append((_brief(application, data), element.at))
        else:
            found.before.append(_brief(application, data))
            said = f"{application} before the bridge is not taken over: callward is a proxy and plays nothing"
            found.lost.append((element.at, said))

    def _resolve(self, text: str) -> str:
        return _GLOBAL.sub(lambda match: self.known.get(match[1], match[0]), text)

    # ----------------------------------------------------------------------- which bridges FreeSWITCH gets to

    def reach(self, extension: Extension) -> list[Reached]:
        """The bridges that follow each other while those before fail."""
        found: list[Reached] = []
        for text, at, variables in extension.bridges:
            try:
                bridge = parse_bridge(_VARIABLE.sub(partial(_put_in, variables), text))
            except ValueError as error:
                self.notes.add(at, f"the dial string cannot be read: {error}")
                continue
            if found and not self._goes_on(found[-1], at):
                break
            found.append(Reached(bridge, at, variables))
        if found:
            self._look_behind(extension, found[-1])
        return found

    def _goes_on(self, before: Reached, at: Place) -> bool:
        """Whether a bridge that fails leads to the next action."""
        wanted = before.variables.get("continue_on_fail", "")
        if wanted.lower() in _NEVER:
            said = "this bridge is never reached (continue_on_fail is not set): not taken over"
            self.notes.add(at, f"{said}; if it should be, set that and import again")
            return False
        if wanted.lower() not in TRUE:
            said = f"that only some failures lead on (continue_on_fail={wanted}) is not taken over"
            self.notes.add(before.at, f"{said}: see 'causes' in the dialplan")
        if before.variables.get("hangup_after_bridge", "").lower() not in TRUE:
            said = "that the next bridge follows a call which was answered (no hangup_after_bridge) is not taken over"
            self.notes.add(before.at, f"{said}: the call ends then")
        return True

    def _look_behind(self, extension: Extension, last: Reached) -> None:
        ends = last.variables.get("continue_on_fail", "").lower() in _NEVER
        for application, at in extension.after:
            if application.partition(" ")[0] in _QUIET_BEHIND:
                continue
            if ends:
                said = f"{application} is never reached (continue_on_fail is not set), and not taken over"
            else:
                said = f"{application} after the bridges is not taken over: ring somebody who does the same last"
            self.notes.add(at, said)


def _put_in(variables: Mapping[str, str], match: re.Match[str]) -> str:
    """What a variable holds that was set before, as FreeSWITCH puts it in before it reads the dial string."""
    return variables.get(match[1], match[0])


def _brief(application: str, data: str) -> str:
    """An application, with what it is told where that is no secret: others may be told a PIN."""
    return f"{application} {data}".strip() if application in _TELLING else application

"""The XML dialplan of FreeSWITCH or FusionPBX -> a draft.

Owns what becomes of an extension. Numbers for which somebody in particular is called become chains; where carriers are
called for whatever was dialled it is an outbound route. Everything else is named in the notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from controller.config.diagnostics import quoted
from controller.importers.bridge import Leg
from controller.importers.draft import Draft, Endpoint, Stage, Trunk, is_number, is_prefix, is_user
from controller.importers.expression import Match, Written, read_expression
from controller.importers.extensions import Extension, ExtensionReader, Reached
from controller.importers.gateways import Gateways
from controller.importers.legs import StageMaker
from controller.importers.notes import Notes, Place
from controller.importers.xml import Element, read_xml

_VARIABLE = re.compile(r"(\$\d|\$\{[^{}]*\})")
_LIVE = "end with somebody who always answers: an endpoint with 'live: true'"


def import_freeswitch(paths: Iterable[Path], notes: Notes) -> Draft:
    """The draft of some files; raises `UnreadableError`."""
    importer = _Importer(notes)
    roots = [read_xml(path) for path in paths]
    for root in roots:
        importer.prepare(root)
    for root in roots:
        importer.take_below(root)
    return importer.finish()


class _Importer:
    def __init__(self, notes: Notes) -> None:
        self._draft = Draft()
        self._draft.pbx = self._draft.add_trunk("freeswitch", Trunk(todo="FreeSWITCH stays the PBX of its phones"))
        self._notes = notes
        self._reader = ExtensionReader(notes)
        self._gateways = Gateways(self._draft, notes)

    def prepare(self, root: Element) -> None:
        """Note what stands in one place and is used in another: gateways, and what is set for all."""
        for element in root.walk():
            if element.name == "gateway" and element.get("name"):
                self._gateways.define(element)
            elif element.name == "X-PRE-PROCESS" and element.get("cmd") == "set":
                name, _, value = element.get("data").partition("=")
                self._reader.known[name.strip()] = value.strip()
            elif element.name == "X-PRE-PROCESS" and element.get("cmd") == "include":
                said = f"what it includes ({element.get('data')}) is not read: name those files as well"
                self._notes.add(element.at, said)

    def take_below(self, element: Element, context: str = "") -> None:
        """All extensions below an element. ``context``: that of FreeSWITCH in which they stand."""
        for child in element.children:
            if child.name == "extension":
                for extension in self._reader.read(child, context):
                    self._take(extension)
            else:
                self.take_below(child, child.get("name") if child.name == "context" else context)

    def finish(self) -> Draft:
        """The draft, once all is taken."""
        self._gateways.add_rest()
        return self._draft

    # ----------------------------------------------------------------------- one extension

    def _take(self, extension: Extension) -> None:
        name = quoted(extension.name)
        if not extension.bridges and (not extension.before or extension.goes_on):
            return
        if not extension.expressions:
            said = "says by no destination_number whom it is for: not taken over"
            self._notes.add(extension.at, f"extension {name} {said}")
            return
        reached = [each for each in self._reader.reach(extension) if self._has_anybody(each)]
        if not reached and not extension.is_inward:
            self._notes.add(extension.at, f"extension {name} calls nobody ({extension.does}): not taken over")
            return
        for at, text in extension.lost if reached else ():
            self._notes.add(at, text)
        for expression, at in extension.expressions:
            try:
                matches = read_expression(expression)
            except ValueError as error:
                said = f"which numbers {quoted(expression)} means cannot be told ({error}): not taken over"
                self._notes.add(at, said)
                continue
            for match in matches:
                if reached:
                    self._route(extension, match, reached, at)
                else:
                    self._leave(extension, match, at)

    def _leave(self, extension: Extension, match: Match, at: Place) -> None:
        """What calls nobody, as a menu or a transfer, stays with FreeSWITCH, which gets the call as it does now."""
        number, name = match.number.text, quoted(extension.name)
        does = extension.does
        if not match.number.whole or not is_number(number):
            said = f"calls nobody ({does}), and each of its numbers would have to be called by itself: not taken over"
            self._notes.add(at, f"extension {name} {said}")
            return
        self._notes.add(
            extension.at, f"extension {name} calls nobody ({does}): FreeSWITCH is called for it as it is now"
        )
        person = Endpoint((self._draft.pbx,), user=number)
        ring = self._draft.add_endpoint(f"{self._draft.pbx}-{number.removeprefix('+')}", person)
        todo = f"FreeSWITCH goes on with {does}; what if it cannot be reached?"
        chain = self._draft.add_chain(extension.name, [Stage((ring,), todo=todo)], _LIVE)
        if not self._draft.add_did(number, chain):
            self._notes.add(at, f"{number} has a route already: that of extension {name} is not taken over")

    def _has_anybody(self, reached: Reached) -> bool:
        for leg in reached.legs():
            if leg.unknown:
                self._notes.add(reached.at, f"{quoted(leg.written)} is no SIP call to somebody: not taken over")
        return any(not leg.unknown for leg in reached.legs())

    def _route(self, extension: Extension, match: Match, reached: Sequence[Reached], at: Place) -> None:
        legs = [leg for each in reached for leg in each.legs() if not leg.unknown]
        whole = match.number.whole
        outward = [leg for leg in legs if (leg.gateway or leg.host) and "$" in leg.number]
        if whole:
            if outward == legs and not extension.is_inward:  # a number that is passed on as it was dialled
                self._route_outward(extension, match, outward, reached, at)
                return
        else:
            goes_on = [leg for leg in legs if not _number(leg, match).whole]
            outward = [leg for leg in outward if leg in goes_on]
            if outward:
                self._route_outward(extension, match, outward, reached, at)
                return
            if goes_on:
                said = "calls phones of FreeSWITCH by what was dialled: these calls stay there"
                self._notes.add(at, f"extension {quoted(extension.name)} {said}")
                return
        self._route_inward(extension, match, reached, at)

    # ----------------------------------------------------------------------- routes

    def _route_inward(self, extension: Extension, match: Match, reached: Sequence[Reached], at: Place) -> None:
        number, whole = match.number.text, match.number.whole
        name = quoted(extension.name)
        if not number and not whole:
            number, whole = "*", True
        elif not (is_number if whole else is_prefix)(number):
            self._notes.add(at, f"{quoted(number)} of extension {name} is no number of callward's: not taken over")
            return
        stages: list[Stage] = []
        for each in reached:
            resolve = partial(self._find_person, match, each.at)
            stages += StageMaker(self._draft, self._notes, resolve, each.at, each.variables).make(each.bridge)
        if not stages:
            return
        chain = self._draft.add_chain(extension.name, stages, _LIVE)
        if not (self._draft.add_did if whole else self._draft.add_prefix)(number, chain):
            self._notes.add(at, f"{number} has a route already: that of extension {name} is not taken over")

    def _route_outward(
        self, extension: Extension, match: Match, legs: Sequence[Leg], reached: Sequence[Reached], at: Place
    ) -> None:
        """What was dialled goes to carriers: one after the other, whatever the dial strings say."""
        name = quoted(extension.name)
        if len(legs) < sum(1 for each in reached for leg in each.legs() if not leg.unknown):
            said = "calls more than the dialled number at carriers: of an outbound route only these are taken over"
            self._notes.add(at, f"extension {name} {said}")
        forms = list(dict.fromkeys(_number(leg, match) for leg in legs))
        if len(forms) > 1:
            said = ", ".join(f"{written.text or 'nothing'}..." for written in forms)
            self._notes.add(at, f"carriers get the number in several forms ({said}): write 'format' for their trunks")
        if any(len(group) > 1 for each in reached for thread in each.bridge.threads for group in thread.groups):
            said = "calls several carriers at once: here they are tried one after the other"
            self._notes.add(at, f"extension {name} {said}")
        prefix = forms[0].text
        if prefix and not is_prefix(prefix):
            said = "is no beginning of a number of callward's: not taken over"
            self._notes.add(at, f"{quoted(prefix)} of extension {name} {said}")
            return
        todo = "" if prefix else "each number that FreeSWITCH sends, but for those with a longer prefix"
        via = dict.fromkeys(self._gateways.find(leg) for leg in legs)
        if not self._draft.add_outbound(prefix or "*", self._draft.pbx, via, todo):
            said = f"numbers that begin with {prefix or 'anything'} have an outbound route already"
            self._notes.add(at, f"{said}: that of extension {name} is not taken over")

    def _find_person(self, match: Match, at: Place, leg: Leg) -> tuple[str, str, bool] | None:
        """Who is called, the trunk, and whether he is a user of FreeSWITCH: None if that cannot be told."""
        if leg.unknown:
            return None
        number = _number(leg, match)
        if not number.whole or not is_user(number.text):
            self._notes.add(at, f"who is called by {quoted(leg.written)} cannot be told: not taken over")
            return None
        return number.text, self._gateways.find(leg), not (leg.gateway or leg.host)


def _number(leg: Leg, match: Match) -> Written:
    """Who is called by a leg when this was dialled."""
    found = Written()
    for part in _VARIABLE.split(leg.number):
        if part in {"$0", "${destination_number}"}:
            found += match.number
        elif part.startswith("${"):
            found += Written("", whole=False)
        elif part.startswith("$"):
            found += match.groups.get(int(part[1]), Written()) if part[1:].isdigit() else Written(part)
        else:
            found += Written(part)
    return found

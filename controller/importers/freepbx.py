"""Tables of FreePBX -> a draft.

Owns what of them means the same here: the trunk sequences of outbound routes, inbound routes, ring groups and what follows
them. Whatever else an inbound route leads to (menus, queues, times) stays with FreePBX: its number is rung there as it is
now. Everything that is lost is named in the notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from controller.config.diagnostics import quoted
from controller.importers import patterns
from controller.importers.draft import Draft, Endpoint, Stage, Trunk, is_number, is_prefix, is_user
from controller.importers.notes import Notes
from controller.importers.pbx_trunks import PbxTrunks
from controller.importers.tables import Row, Tables

_NEVER = {"", "0", "no", "off", "disabled", "false", "never", "none", "default"}
#: Strategies of ring groups, and how a stage does the same.
_MODES = {"ringall": "parallel", "ringallv2": "parallel", "hunt": "", "memoryhunt": "hybrid"}
_LONGEST = 300  # seconds: FreePBX lets nobody ring longer
_DEEP = 10  # destinations that follow each other
_LIVE = "end with somebody who always answers: an endpoint with 'live: true'"
_GROUP_KEYS = {
    "grppre": "a prefix of the caller's name",
    "annmsg_id": "an announcement",
    "alertinfo": "a ring tone",
    "needsconf": "that whoever answers confirms",
    "recording": "recording",
}
_ROUTE_KEYS = {
    "password": "its password",
    "time_group_id": "that it holds at certain times",
    "outcid": "the caller's number that is shown (see 'caller_id' of trunks)",
}
_INBOUND_KEYS = {
    "alertinfo": "a ring tone",
    "grppre": "a prefix of the caller's name",
    "delay_answer": "a delay before the answer",
    "privacyman": "the privacy manager",
}


@dataclass(slots=True)
class _Outbound:
    """A route outward: its patterns, each with the digits put in front of what matches, and its trunks in order."""

    row: Row
    patterns: list[tuple[str, str, Row]] = field(default_factory=list)
    via: list[str] = field(default_factory=list)


def import_freepbx(paths: Iterable[Path], notes: Notes) -> Draft:
    """The draft of some files; raises `UnreadableError`."""
    tables = Tables()
    for path in paths:
        tables.read(path)
    importer = _Importer(tables, notes)
    importer.take_outbound()
    importer.take_inbound()
    return importer.draft


class _Importer:
    def __init__(self, tables: Tables, notes: Notes) -> None:
        self.draft = Draft()
        self._tables = tables
        self._notes = notes
        self.draft.pbx = self.draft.add_trunk("freepbx", Trunk(todo="FreePBX stays the PBX of its phones"))
        self._trunks = PbxTrunks(self.draft, tables, notes)
        self._groups = {row.get("grpnum"): row for row in tables["ringgroups"]}
        self._people = {row.get("extension"): row.get("name") for row in tables["users"]}
        self._outbound = self._read_outbound()
        for row in tables["trunks"]:  # calls may come by those that no route uses
            self._trunks.find(row.get("trunkid"), row)

    # ----------------------------------------------------------------------- outward

    def _read_outbound(self) -> list[_Outbound]:
        """In the order in which FreePBX asks them."""
        order = {row.get("route_id"): _number_of(row.get("seq")) for row in self._tables["outbound_route_sequence"]}
        rows = sorted(self._tables["outbound_routes"], key=lambda row: order.get(row.get("route_id"), len(order)))
        found = {row.get("route_id"): _Outbound(row) for row in rows}
        for row in self._tables["outbound_route_patterns"]:
            if route := found.get(row.get("route_id")):
                route.patterns.append((row.get("prepend_digits"), row.get("match_pattern_pass"), row))
        for row in sorted(self._tables["outbound_route_trunks"], key=lambda row: _number_of(row.get("seq"))):
            if route := found.get(row.get("route_id")):
                name = self._trunks.find(row.get("trunk_id"), row)
                if name and name not in route.via:
                    route.via.append(name)
        return [*found.values()]

    def take_outbound(self) -> None:
        """Outbound routes, by how the numbers begin that FreePBX sends."""
        for route in self._outbound:
            name = route.row.get("name")
            self._note_keys(route.row, _ROUTE_KEYS, f"outbound route {quoted(name)}")
            if not route.via:
                self._notes.add(
                    route.row.at, f"outbound route {quoted(name)} has no trunk that callward can use: not taken over"
                )
                continue
            if not route.patterns:
                self._notes.add(route.row.at, f"outbound route {quoted(name)} has no dial pattern: not taken over")
            for prepend, pattern, row in route.patterns:
                if row.get("match_cid"):
                    self._notes.add(
                        row.at, f"that the pattern is for callers {quoted(row.get('match_cid'))} only is not taken over"
                    )
                for prefix in patterns.find_prefixes(prepend.replace("+", "") + pattern.removeprefix("+")):
                    plus = "+" if (prepend or pattern).startswith("+") and prefix else ""
                    self._add_outbound(name, plus + prefix, route, row)

    def _add_outbound(self, name: str, prefix: str, route: _Outbound, row: Row) -> None:
        if prefix and not is_prefix(prefix):
            self._notes.add(
                row.at, f"numbers that begin with {quoted(prefix)} have no route in callward: not taken over"
            )
            return
        todo = "" if prefix else "each number that FreePBX sends, but for those with a longer prefix"
        if not self.draft.add_outbound(prefix or "*", self.draft.pbx, route.via, todo):
            said = f"numbers that begin with {prefix}" if prefix else "patterns that begin with any digit"
            self._notes.add(row.at, f"{said} have a route already: that of {quoted(name)} is not taken over")

    # ----------------------------------------------------------------------- inward

    def take_inbound(self) -> None:
        """Inbound routes, each with what its destination leads to."""
        for row in self._tables["incoming"]:
            did = row.get("extension")
            self._note_keys(row, _INBOUND_KEYS, f"inbound route of {did or 'any number'}")
            if row.get("cidnum"):
                self._notes.add(
                    row.at,
                    f"the inbound route of {did or 'any number'} for caller {row.get('cidnum')} is not taken over: write a stage with 'when: {{caller: ...}}'",
                )
                continue
            for number in patterns.find_prefixes(did) if did.startswith("_") else [did or "*"]:
                self._add_inbound(row, did, number)

    def _add_inbound(self, row: Row, did: str, number: str) -> None:
        if number not in {"", "*"} and not is_number(number):
            self._notes.add(row.at, f"{quoted(did)} is no number of callward's: its inbound route is not taken over")
            return
        stages, name = self._follow(row.get("destination"), row, did if is_number(did) else "")
        if not stages:
            self._notes.add(
                row.at,
                f"the inbound route of {did or 'any number'} leads to nobody ({row.get('destination') or 'nothing'}): not taken over",
            )
            return
        chain = self.draft.add_chain(name, stages, _LIVE)
        is_prefix = did.startswith("_") and not patterns.is_fixed(did) and number
        add = self.draft.add_prefix if is_prefix else self.draft.add_did
        if not add(number or "*", chain):
            self._notes.add(row.at, f"{number or 'any number'} has a route already: this one is not taken over")

    def _follow(self, destination: str, row: Row, did: str) -> tuple[list[Stage], str]:
        """The stages of a destination and of those that follow it, and what to call them. ``did``: what was called."""
        stages: list[Stage] = []
        name, seen = "", set[str]()
        while destination and destination not in seen and len(seen) < _DEEP:
            seen.add(destination)
            kind, _, rest = destination.partition(",")
            target = rest.partition(",")[0]
            if kind == "ext-group" and target in self._groups:
                row = self._groups[target]
                stages += self._group(row)
                name = name or _called(row.get("description"), f"group-{target}")
                destination = row.get("postdest")
                continue
            if kind in {"from-did-direct", "ext-local", "ext-findmefollow"} and target.isdigit():
                if kind == "ext-findmefollow":
                    self._notes.add(row.at, f"follow-me of {target} is not taken over: its extension rings")
                stages.append(Stage((self._extension(target, row),)))
                name = name or f"ext-{target}"
            elif kind == "app-blackhole":
                pass
            else:
                stages += self._by_pbx(destination, row, did, is_first=not stages)
                name = name or (f"did-{did}" if did else "pbx")
            break
        else:
            if destination in seen:
                self._notes.add(row.at, f"destinations lead in a circle ({destination}): the chain ends before")
        return stages, name

    def _by_pbx(self, destination: str, row: Row, did: str, *, is_first: bool) -> list[Stage]:
        """What only FreePBX can do: it gets the call under the number that was called, where nothing was tried before."""
        if not is_first:
            self._notes.add(
                row.at, f"{destination} is not taken over: make it a number of FreePBX, and ring that in a last stage"
            )
            return []
        if not did:
            self._notes.add(row.at, f"{destination} is not taken over: FreePBX would have to be called by a number")
            return []
        self._notes.add(row.at, f"{destination} stays with FreePBX, which is called for {did} as it is now")
        name = self.draft.add_endpoint(f"pbx-{did.removeprefix('+')}", Endpoint((self.draft.pbx,), user=did))
        return [Stage((name,), todo=f"FreePBX goes on with {destination}; what if it cannot be reached?")]

    # ----------------------------------------------------------------------- who rings

    def _group(self, row: Row) -> list[Stage]:
        number = row.get("grpnum")
        self._note_keys(row, _GROUP_KEYS, f"ring group {number}")
        strategy = row.get("strategy").removesuffix("-prim")
        if strategy != row.get("strategy"):
            self._notes.add(
                row.at, f"that ring group {number} rings nobody while its first extension is busy is not taken over"
            )
        if strategy not in _MODES:
            self._notes.add(
                row.at,
                f"strategy {quoted(strategy)} of ring group {number} is not taken over: one rings after the other",
            )
        ring = tuple(dict.fromkeys(name for each in row.get("grplist").split("-") if (name := self._member(each, row))))
        if not ring:
            self._notes.add(row.at, f"ring group {number} has nobody whom callward can call: not taken over")
            return []
        seconds = float(min(_number_of(row.get("grptime")), _LONGEST))
        mode = _MODES.get(strategy, "") if len(ring) > 1 else ""
        if mode == "hybrid":  # with each turn one more joins in
            return [Stage(ring, mode, stagger=seconds, time=seconds * len(ring))]
        return [Stage(ring, mode, time=seconds)]

    def _member(self, written: str, row: Row) -> str:
        who = written.strip()
        if not who:
            return ""
        if not who.endswith("#"):
            return self._extension(who, row)
        number = who.removesuffix("#")
        if not is_number(number):
            self._notes.add(row.at, f"{quoted(number)} is no number of callward's: not taken over")
            return ""
        for route in self._outbound:
            for prepend, pattern, pattern_row in route.patterns:
                dialled = number.removeprefix(pattern_row.get("match_pattern_prefix"))
                if route.via and patterns.matches(pattern, dialled) and is_number(prepend + dialled):
                    sent = prepend + dialled
                    return self.draft.add_endpoint(
                        f"number-{sent.removeprefix('+')}", Endpoint(tuple(route.via), number=sent)
                    )
        self._notes.add(row.at, f"no outbound route with a usable trunk is for {number}: not taken over")
        return ""

    def _extension(self, number: str, row: Row) -> str:
        if not is_user(number):
            self._notes.add(row.at, f"{quoted(number)} is nobody whom callward can call: not taken over")
            return ""
        name = self.draft.add_endpoint(f"ext-{number}", Endpoint((self.draft.pbx,), user=number))
        if person := self._people.get(number):
            self.draft.comments[name] = person
        return name

    def _note_keys(self, row: Row, keys: dict[str, str], whose: str) -> None:
        for key, what in keys.items():
            if row.get(key).lower() not in _NEVER:
                self._notes.add(row.at, f"{whose}: {what} is not taken over ({key})")


def _called(description: str, otherwise: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", description.lower()).strip("-") or otherwise


def _number_of(text: str) -> int:
    return int(text) if text.isdigit() else 0

"""Gateways of FreeSWITCH and addresses in its dial strings -> trunks.

Owns which trunk a leg goes by, each made once; settings of a gateway where its XML was given, else a TODO.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.config.diagnostics import quoted
from controller.importers.bridge import Leg
from controller.importers.draft import Draft, Trunk, make_account
from controller.importers.notes import Notes
from controller.importers.xml import Element

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_FALSE = {"false", "no", "off", "0"}
_TAKEN = {
    *("proxy", "realm", "register", "register-transport"),
    *("username", "auth-username", "password", "from-domain"),
}


@dataclass(slots=True)
class Gateways:
    """All ways out that were met so far."""

    draft: Draft
    notes: Notes
    defined: dict[str, Element] = field(default_factory=dict)
    _trunks: dict[tuple[str, str, str, str], str] = field(default_factory=dict)

    def define(self, element: Element) -> None:
        """Note what a gateway is, wherever that stands."""
        self.defined.setdefault(element.get("name"), element)

    def add_rest(self) -> None:
        """Those that nobody was called by: calls may come from there."""
        for name in self.defined:
            self.find(Leg(name, gateway=name))

    def find(self, leg: Leg) -> str:
        """The trunk of a leg; that of FreeSWITCH for a user of its own."""
        if not (leg.gateway or leg.host):
            return self.draft.pbx
        key = leg.gateway, leg.host, leg.port, leg.transport
        if key not in self._trunks:
            self._trunks[key] = self._add_gateway(leg.gateway) if leg.gateway else self._add_address(leg)
        return self._trunks[key]

    def _add_address(self, leg: Leg) -> str:
        return self.draft.add_trunk(leg.host, Trunk(leg.host + (f":{leg.port}" if leg.port else ""), leg.transport))

    def _add_gateway(self, name: str) -> str:
        wanted = f"gateway-{name[:8]}" if _UUID.fullmatch(name) else name
        element = self.defined.get(name)
        if element is None:
            todo = "" if wanted == name else f"FusionPBX shows it at gateway {name}"
            return self.draft.add_trunk(wanted, Trunk(todo=todo))
        given = {child.get("name"): child.get("value") for child in element.children if child.name == "param"}
        if rest := sorted(given.keys() - _TAKEN):
            self.notes.add(element.at, f"settings of gateway {quoted(name)} that are not taken over: {', '.join(rest)}")
        return self.draft.add_trunk(wanted, _make_trunk(name, given))


def _make_trunk(name: str, given: Mapping[str, str]) -> Trunk:
    place, _, parameters = (given.get("proxy") or given.get("realm") or name).removeprefix("sip:").partition(";")
    known = dict(each.partition("=")[::2] for each in parameters.split(";"))
    transport = (given.get("register-transport") or known.get("transport", "")).lower()
    user = given.get("auth-username") or given.get("username") or ""
    if not user or not given.get("password"):
        return Trunk(place, transport)
    domain = given.get("from-domain") or given.get("realm") or ""
    registers = given.get("register", "true").lower() not in _FALSE
    is_other = domain != place.partition(":")[0]
    more = make_account(user, given.get("username", ""), registers=registers, domain=domain if is_other else "")
    return Trunk(place, transport, more)

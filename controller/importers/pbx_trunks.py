"""Trunks of FreePBX -> trunks.

Owns what its tables `trunks`, `sip` and `pjsip` say of one: address, account, lines, digits in front. Only what speaks SIP and
is not disabled is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from controller.config.diagnostics import quoted
from controller.importers.draft import Draft, Trunk, make_account
from controller.importers.notes import Notes, Place
from controller.importers.tables import Row, Tables

_SIP = {"sip", "pjsip"}
_TRUE = {"on", "yes", "1", "true"}
_TECH_PREFIX = re.compile(r"[0-9*#]{1,16}")


@dataclass(slots=True)
class PbxTrunks:
    """All trunks that routes name, each made once."""

    draft: Draft
    tables: Tables
    notes: Notes
    _names: dict[str, str] = field(default_factory=dict)  # by trunkid; "" for one that cannot be used

    def find(self, trunk_id: str, row: Row) -> str:
        """The name of a trunk, "" if it cannot be used. ``row`` names it."""
        if trunk_id not in self._names:
            self._names[trunk_id] = self._make(trunk_id, row.at)
        return self._names[trunk_id]

    def _make(self, trunk_id: str, at: Place) -> str:
        row = next((row for row in self.tables["trunks"] if row.get("trunkid") == trunk_id), None)
        if row is None:
            self.notes.add(at, f"trunk {trunk_id} is in no table 'trunks': its name and address are left to do")
            return self.draft.add_trunk(f"trunk-{trunk_id}", Trunk())
        name = row.get("name") or row.get("channelid") or f"trunk-{trunk_id}"
        if row.get("disabled").lower() in _TRUE:
            self.notes.add(row.at, f"trunk {quoted(name)} is disabled: left out of its routes")
            return ""
        if row.get("tech").lower() not in _SIP:
            self.notes.add(
                row.at,
                f"trunk {quoted(name)} is of kind {quoted(row.get('tech'))} and speaks no SIP: left out of its routes",
            )
            return ""
        if row.get("failscript"):
            self.notes.add(
                row.at, f"the script that trunk {quoted(name)} runs when it fails is not taken over: see 'alerts'"
            )
        return self.draft.add_trunk(name, self._trunk(name, row))

    def _trunk(self, name: str, row: Row) -> Trunk:
        settings = self._settings(row)
        host = settings.get("sip_server") or settings.get("host") or ""
        port = settings.get("sip_server_port") or settings.get("port") or ""
        place = f"{host}:{port}" if host and port.isdigit() and port != "5060" else host
        transport = next((each for each in ("tcp", "tls") if each in settings.get("transport", "").lower()), "")
        more: dict[str, object] = {}
        user = settings.get("auth_username") or settings.get("username") or settings.get("fromuser") or ""
        if user and settings.get("secret"):
            registers = settings.get("registration", "").lower() == "send" or "register" in settings
            more |= make_account(user, settings.get("username", ""), registers=registers)
        if row.get("maxchans").isdigit() and 0 < int(row.get("maxchans")) <= 100_000:
            more["limits"] = {"out": int(row.get("maxchans"))}
        digits = row.get("dialoutprefix")
        if _TECH_PREFIX.fullmatch(digits):
            more["format"] = {"tech_prefix": digits}
        elif digits:
            self.notes.add(row.at, f"{quoted(digits)} in front of what trunk {quoted(name)} dials is not taken over")
        if row.get("outcid"):
            self.notes.add(
                row.at,
                f"the caller's number that trunk {quoted(name)} shows is not taken over: see 'caller_id' of trunks",
            )
        return Trunk(place, transport, more)

    def _settings(self, row: Row) -> dict[str, str]:
        """What the tables of its channel driver say, by keyword."""
        trunk_id, tech = row.get("trunkid"), row.get("tech").lower()
        ids = {trunk_id} if tech == "pjsip" else {f"tr-peer-{trunk_id}", f"tr-reg-{trunk_id}", f"tr-user-{trunk_id}"}
        found: dict[str, str] = {}
        for each in self.tables[tech]:
            if each.get("id") in ids:
                found.setdefault(each.get("keyword").lower(), each.get("data"))
        return found

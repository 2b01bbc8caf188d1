"""Reads sipp-scenarios/matrix.yaml and makes one dialplan of all its cases.

Owns the form of the matrix. Every case has a DID, trunks and endpoints of its own, so all can run against one daemon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.sipp.process import HOST, SCENARIOS

MATRIX = SCENARIOS / "matrix.yaml"
CLOSED = "closed-port"  # stands where a scenario would: nothing is bound to that phone's port
_KEYS = {
    *("name", "why", "phones", "endpoints", "chain", "probed", "after", "caller"),
    *("status", "winner", "rung", "cancelled", "earliest", "repeats", "within"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the matrix: who answers how, and what must come of it."""

    name: str
    why: str
    did: str
    phones: Mapping[str, str]  # phone -> its scenario; a phone has a trunk of the same name
    endpoints: Mapping[str, Sequence[str]]  # endpoint -> its phones; default: each phone is an endpoint
    chain: Sequence[Mapping[str, Any]]  # stages in the dialplan language; none: the DID has no route
    caller: str
    status: int  # of the one final response that the caller gets
    winner: frozenset[str]  # one of these; empty: nobody
    rung: tuple[frozenset[str], ...]  # who gets an INVITE, in this order; no other phone may
    cancelled: Mapping[str, str]  # who gets a CANCEL -> "elsewhere" (its Reason says so) or "plain"
    earliest: Mapping[str, float]  # phone -> seconds after the first ring before which it must not ring
    probed: frozenset[str] = frozenset()  # phones whose trunks get OPTIONS
    after: Mapping[str, str] = field(default_factory=dict)  # the call begins once this trunk is in this state
    repeats: int | None = None  # the caller must hear this final status more than once
    within: float = 12.0  # seconds; a safety limit, never the point of a case

    @property
    def observable(self) -> list[str]:
        """The phones that are there to be rung."""
        return [phone for phone, scenario in self.phones.items() if scenario != CLOSED]

    def endpoint_of(self, phone: str) -> str:
        """The endpoint that this phone belongs to."""
        return next(name for name, phones in self.endpoints.items() if phone in phones)

    def full(self, name: str) -> str:
        """What a phone or an endpoint is called in the dialplan of all cases."""
        return f"{self.name}-{name}"


def read_cases(file: Path = MATRIX) -> list[Case]:
    """All cases, in order. Every scalar of the file is text, as in the dialplan language itself."""
    entries = yaml.load(file.read_text(), Loader=yaml.BaseLoader)
    return [_read_case(entry, f"+1555700{number:04}") for number, entry in enumerate(entries, 1)]


def _read_case(entry: Mapping[str, Any], did: str) -> Case:
    name = entry["name"]
    unknown = entry.keys() - _KEYS
    assert not unknown, f"{MATRIX.name}: case '{name}' has unknown keys {sorted(unknown)}"
    phones: Mapping[str, str] = entry.get("phones", {})
    endpoints: dict[str, Sequence[str]] = dict(entry.get("endpoints", {}))
    grouped = {phone for members in endpoints.values() for phone in members}
    endpoints |= {phone: [phone] for phone in phones if phone not in grouped}
    case = Case(
        name=name,
        why=entry["why"],
        did=did,
        phones=phones,
        endpoints=endpoints,
        chain=entry.get("chain", []),
        caller=entry.get("caller", "uac-basic"),
        status=int(entry.get("status", "200")),
        winner=frozenset(_listed(entry.get("winner", []))),
        rung=tuple(frozenset(_listed(step)) for step in entry.get("rung", [])),
        cancelled=entry.get("cancelled", {}),
        earliest={phone: float(text.removesuffix("s")) for phone, text in entry.get("earliest", {}).items()},
        probed=frozenset(entry.get("probed", [])),
        after=entry.get("after", {}),
        repeats=int(entry["repeats"]) if "repeats" in entry else None,
        within=float(entry.get("within", "12s").removesuffix("s")),
    )
    named = {*case.winner, *case.cancelled, *case.earliest, *case.probed, *case.after, *grouped}.union(*case.rung)
    assert named <= phones.keys(), f"{MATRIX.name}: case '{name}' names unknown phones {sorted(named - phones.keys())}"
    return case


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def write_dialplan(cases: Sequence[Case], listen: int, ports: Mapping[tuple[str, str], int]) -> str:
    """One dialplan for all the cases; `ports` is (case, phone) -> the UDP port of that phone."""
    plan: dict[str, Any] = {
        "version": "1",
        "listen": [{"udp": f"{HOST}:{listen}"}],
        "trunks": {},
        "endpoints": {},
        "chains": {},
        "routes": [],
    }
    for case in cases:
        for phone in case.phones:
            trunk = {"uri": f"sip:{HOST}:{ports[case.name, phone]}"}
            plan["trunks"][case.full(phone)] = trunk if phone in case.probed else trunk | {"probe": "off"}
        if not case.chain:
            continue
        for endpoint, phones in case.endpoints.items():
            entry = {"user": case.full(endpoint), "via": [case.full(phone) for phone in phones]}
            plan["endpoints"][case.full(endpoint)] = entry
        stages = [{**stage, "ring": [case.full(name) for name in stage["ring"]]} for stage in case.chain]
        plan["chains"][case.name] = stages
        plan["routes"].append({"did": case.did, "chain": case.name})
    return yaml.safe_dump(plan, sort_keys=False)

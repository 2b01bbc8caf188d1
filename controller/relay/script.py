"""The phases of a bad network, from YAML: what holds from when on; what is wrong is said with its place.

Owns the language of scripts and the reading of single values, which the command line shares. A script is a list:

    - {at: 10s, up: {loss: 20%, delay: 40ms}, down: {delay: 40ms}}
    - {at: 30s, port: closed}

Each phase stands alone: what it leaves out is as the command line says, not as in the phase before.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from math import inf
from pathlib import Path
from typing import TypeVar

from controller.config.diagnostics import Diagnostic, Mistake, Report, Span, printable, quoted, render
from controller.config.duration import parse_duration, show_duration
from controller.config.source import ListNode, MapNode, ScalarNode, compose, read_text
from controller.config.values import parse_choice
from controller.relay.impairment import CLEAN, Impairment

T = TypeVar("T")

LONGEST_SCRIPT = 7 * 86_400.0  # seconds


class Port(StrEnum):
    """What becomes of those who come to the relay."""

    OPEN = "open"
    CLOSED = "closed"  # nobody listens: the kernel answers with ICMP or RST; connections are cut
    RESET = "reset"  # TCP: accepted and cut at once; UDP: as open


@dataclass(frozen=True, slots=True)
class Phase:
    """What holds from ``at`` (seconds after the start) until the next phase."""

    at: float = 0.0
    up: Impairment = CLEAN  # towards the target
    down: Impairment = CLEAN
    port: Port = Port.OPEN


@dataclass(frozen=True, slots=True)
class Script:
    """What came of a file: phases in order, or findings."""

    phases: tuple[Phase, ...]
    diagnostics: list[Diagnostic]
    text: str
    filename: str

    def render(self) -> str:
        """The findings, for people."""
        return render(self.diagnostics, {self.filename: self.text})


# --------------------------------------------------------------------------- values

_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_CHANCE = re.compile(rf"{_NUMBER}%")
_COUNT = re.compile(_NUMBER)
_RATE = re.compile(rf"{_NUMBER}(kbit|mbit)")
_BYTES = {"kbit": 125.0, "mbit": 125_000.0}  # a second


def parse_chance(text: str) -> float:
    """Read "20%" as 0.2; raises `Mistake`."""
    match = _CHANCE.fullmatch(text)
    if match is None:
        bare = _COUNT.fullmatch(text)
        hint = f"write {text}%" if bare else "write a number and a percent sign: 20% or 0.5%"
        raise Mistake("BAD_CHANCE", f"{quoted(text)} is not a share of the packets", hint)
    if float(match[1]) > 100:
        raise Mistake("OUT_OF_RANGE", f"{text} is more than all packets", "write at most 100%")
    return float(match[1]) / 100


def parse_packets(text: str) -> float:
    """Read a mean number of packets; raises `Mistake`."""
    if not _COUNT.fullmatch(text) or float(text) < 1:
        raise Mistake("BAD_COUNT", f"{quoted(text)} is not a number of packets", "write a number from 1 up, such as 8")
    return float(text)


def parse_rate(text: str) -> float:
    """Read "64kbit" or "2mbit" a second as bytes a second; raises `Mistake`."""
    match = _RATE.fullmatch(text)
    if match is None or not float(match[1]):
        raise Mistake("BAD_RATE", f"{quoted(text)} is not a rate", "write 64kbit or 2mbit (a second)")
    return float(match[1]) * _BYTES[match[2]]


_parse_time = partial(parse_duration, shortest=0.0)

#: What an impairment may say, and how it is read.
VALUES: Mapping[str, Callable[[str], float]] = {
    "loss": parse_chance,
    "burst": parse_packets,
    "bad": parse_chance,
    "good": parse_chance,
    "delay": _parse_time,
    "jitter": _parse_time,
    "reorder": parse_chance,
    "held": _parse_time,
    "duplicate": parse_chance,
    "corrupt": parse_chance,
    "truncate": parse_chance,
    "rate": parse_rate,
    "queue": _parse_time,
}


def read_impairment(written: Mapping[str, str]) -> Impairment:
    """An impairment from options as people write them; raises `Mistake`."""
    values: dict[str, float] = {}
    for name, text in written.items():
        try:
            values[name] = VALUES[name](text)
        except Mistake as mistake:
            raise Mistake(mistake.code, f"--{name}: {mistake.message}", mistake.hint) from None
    return _build(CLEAN, values)


def _build(base: Impairment, values: Mapping[str, float]) -> Impairment:
    if values.get("loss") == 1.0 and "burst" not in values:
        values = {**values, "burst": 0.0}  # a black hole has no bursts, whatever the base says
    try:
        return replace(base, **values)
    except ValueError as error:
        raise Mistake("IMPOSSIBLE", str(error), "no line can do both") from None


# --------------------------------------------------------------------------- the file

_KEYS = ("at", "up", "down", "port")


def load_script(path: Path, up: Impairment = CLEAN, down: Impairment = CLEAN) -> Script:
    """Read a script; ``up`` and ``down`` hold where a phase says nothing else."""
    report = Report(printable(str(path)))
    text = read_text(path, report)
    phases = () if report.errors else _read(text.removeprefix("\ufeff"), report, up, down)
    return Script(() if report.errors else phases, report.sorted(), text, report.file)


def _read(text: str, report: Report, up: Impairment, down: Impairment) -> tuple[Phase, ...]:
    root = compose(text, report, begin="begin with '- at: 10s'")
    if root is None:
        return ()
    if not isinstance(root, ListNode):
        report.error(root, "WRONG_KIND", "a script must be a list of phases", "begin each with '- at: 10s'")
        return ()
    phases: list[Phase] = []
    last = -1.0
    for number, node in enumerate(root.items, 1):
        if not isinstance(node, MapNode):
            report.error(node, "WRONG_KIND", f"phase {number} must be a mapping", "write {at: 10s, up: {loss: 20%}}")
            continue
        phase = _read_phase(node, number, report, Phase(0.0, up, down))
        if phase.at <= last:
            message = f"phase {number} does not begin after the one before, at {show_duration(last)}"
            report.error(node.entries["at"], "OUT_OF_ORDER", message, "put phases in order of time")
        elif phase.at < inf:
            last = phase.at
        phases.append(phase)
    return tuple(phases)


def _read_phase(node: MapNode, number: int, report: Report, base: Phase) -> Phase:
    inside = f"phase {number}"
    _check_keys(node, _KEYS, inside, report)
    if "at" not in node.entries:
        report.error(node, "MISSING_KEY", f"required key 'at' is missing in {inside}", "add at: 10s")
    at = _read_value(node, "at", partial(_parse_time, longest=LONGEST_SCRIPT), inside, report)
    port = _read_value(node, "port", lambda text: Port(parse_choice(text, "port", [*map(str, Port)])), inside, report)
    return Phase(
        # what is wrong has been said; a time that cannot be read is not out of order as well
        at=inf if at is None else at,
        up=_read_direction(node, "up", inside, report, base.up),
        down=_read_direction(node, "down", inside, report, base.down),
        port=port or base.port,
    )


def _read_direction(phase: MapNode, key: str, inside: str, report: Report, base: Impairment) -> Impairment:
    node = phase.entries.get(key)
    if node is None:
        return base
    inside = f"{inside}, key '{key}'"
    if not isinstance(node, MapNode):
        at = phase.keys[key] if isinstance(node, ScalarNode) and node.is_blank else node
        report.error(at, "WRONG_KIND", f"{inside} must be a mapping", "write {loss: 20%, delay: 40ms}, or {}")
        return base
    _check_keys(node, tuple(VALUES), inside, report)
    values: dict[str, float] = {}
    for name, parse in VALUES.items():
        value = _read_value(node, name, parse, inside, report)
        if value is not None:
            values[name] = value
    try:
        return _build(base, values)
    except Mistake as mistake:
        report.error(node, mistake.code, f"{mistake.message} in {inside}", mistake.hint)
        return base


def _read_value(node: MapNode, key: str, parse: Callable[[str], T], inside: str, report: Report) -> T | None:
    value = node.entries.get(key)
    if value is None:
        return None
    at: Span = value
    try:
        if not isinstance(value, ScalarNode):
            raise Mistake("WRONG_KIND", "a single value is expected", "write one word, number or time")
        if value.is_blank:
            at = node.keys[key]
            raise Mistake("NO_VALUE", "there is no value", "write a value, or remove the key")
        return parse(value.text)
    except Mistake as mistake:
        report.error(at, mistake.code, f"{mistake.message} in {inside}, key '{key}'", mistake.hint)
        return None


def _check_keys(node: MapNode, known: tuple[str, ...], inside: str, report: Report) -> None:
    for key, at in node.keys.items():
        if key not in known:
            report.error(at, "UNKNOWN_KEY", f"unknown key {quoted(key)} in {inside}", _meant(key, known))


def _meant(key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return f"did you mean {quoted(close[0])}?" if close else f"known keys: {', '.join(known)}"

"""A dial string of FreeSWITCH -> who is called by which way, with the variables of each.

Owns its grammar: ``:_:`` between threads that go on side by side (enterprise originate), ``|`` between what is tried one after
the other, ``,`` between what rings at once, ``<...>``, ``{...}`` and ``[...]`` with variables of all, of a thread, of one leg.
Must not know what becomes of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_CLOSING = {"{": "}", "[": "]", "<": ">"}
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Leg:
    """One call. ``number``: who is called, with the variables of the dialplan in it.

    One of ``gateway``, ``host`` and neither: a user of FreeSWITCH itself. ``unknown``: something else altogether.
    """

    written: str
    variables: Mapping[str, str] = field(default_factory=dict)
    number: str = ""
    gateway: str = ""
    host: str = ""
    port: str = ""
    transport: str = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """What is tried one after the other; each of these rings at once."""

    groups: tuple[tuple[Leg, ...], ...]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bridge:
    """The whole of it: more than one thread only with ``:_:``."""

    threads: tuple[Thread, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


def parse_bridge(text: str) -> Bridge:
    """Read a dial string; raises `ValueError` with a reason."""
    variables, rest = _read_variables(text.strip(), "<")
    threads = [_read_thread(part) for part in _split(rest, ":_:")]
    return Bridge(tuple(threads), variables)


def _read_thread(text: str) -> Thread:
    variables: dict[str, str] = {}
    rest = text.strip()
    while rest.startswith("{"):
        more, rest = _read_variables(rest, "{")
        variables |= more
    groups = [tuple(_read_leg(leg) for leg in _split(group, ",")) for group in _split(rest, "|")]
    return Thread(tuple(groups), variables)


def _read_variables(text: str, opening: str) -> tuple[dict[str, str], str]:
    """The variables in brackets at the beginning, and what follows."""
    if not text.startswith(opening):
        return {}, text
    end = _end_of(text, 0)
    inside, rest = text[1:end], text[end + 1 :].lstrip()
    between = ","
    if inside.startswith("^^") and len(inside) > 2:  # another sign stands between them
        between, inside = inside[2], inside[3:]
    pairs = [pair.partition("=") for pair in _split(inside, between)]
    return {name.strip(): value.strip().strip("'") for name, _, value in pairs if name.strip()}, rest


def _end_of(text: str, begin: int) -> int:
    """Where the bracket is closed that opens at ``begin``."""
    opening, closing, depth = text[begin], _CLOSING[text[begin]], 0
    for index in range(begin, len(text)):
        if text[index] == opening:
            depth += 1
        elif text[index] == closing:
            depth -= 1
            if not depth:
                return index
    raise ValueError(f"the '{opening}' is never closed")


def _split(text: str, between: str) -> list[str]:
    """Parts between signs that stand in no bracket and in no variable."""
    parts, begin, index = [], 0, 0
    while index < len(text):
        if text[index] in "{[":
            index = _end_of(text, index) + 1
        elif text.startswith(between, index):
            parts.append(text[begin:index])
            index = begin = index + len(between)
        else:
            index += 1
    return [*parts, text[begin:]]


def _read_leg(text: str) -> Leg:
    variables: dict[str, str] = {}
    rest = text.strip()
    while rest.startswith("["):
        more, rest = _read_variables(rest, "[")
        variables |= more
    kind, _, place = rest.partition("/")
    if not rest:
        raise ValueError("nobody is called between two signs")
    if kind == "user" and place:
        return Leg(rest, variables, number=re.split("[@%]", place)[0])
    if kind == "gateway" or place.startswith("gateway/"):
        name, _, number = place.removeprefix("gateway/").partition("/")
        if name and number:
            return Leg(rest, variables, number=number.partition("@")[0], gateway=name)
    elif kind == "sofia":
        return _read_address(rest, place.partition("/")[2], variables)
    return Leg(rest, variables, unknown=True)


def _read_address(written: str, place: str, variables: Mapping[str, str]) -> Leg:
    """``sofia/PROFILE/NUMBER@HOST``, or ``NUMBER%DOMAIN`` for who has registered here."""
    place = place.removeprefix("sip:")
    user, at, rest = place.partition("@")
    if not at:
        user, registered, _ = place.partition("%")
        return Leg(written, variables, number=user) if user and registered else Leg(written, variables, unknown=True)
    address, *parameters = rest.split(";")
    found = _HOST.fullmatch(address)
    if not user or found is None:
        return Leg(written, variables, unknown=True)
    known = dict(parameter.partition("=")[::2] for parameter in parameters)
    transport = known.get("transport", "").lower()
    port = found["port"] or ""
    return Leg(written, variables, number=user, host=found["host"], port=port, transport=transport)

"""The small values of the language: names, switches, choices, counts, causes.

Owns their syntax; durations and addresses have files of their own. Every function reads text and raises `Mistake`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from controller.config.diagnostics import Mistake, quoted

AUTO, OFF = "auto", "off"

_NAME = re.compile(r"\w[\w.-]{0,63}")  # letters of any script: a name stands in logs, labels and URLs
_COUNT = re.compile(r"[0-9]{1,9}")
_COST = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
_CAUSE = re.compile(r"[3-6][0-9]{2}")
_SWITCHES = {"true": True, "false": False}
_LOOSE_SWITCHES = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}


def parse_version(text: str) -> int:
    """Read the version of the language."""
    if text != "1":
        raise Mistake("BAD_VERSION", f"version {quoted(text)} is not known", "write version: 1, the only one there is")
    return 1


def parse_name(text: str, taken: str = "") -> str:
    """Read a name that the operator gives to something; ``taken`` is a word of the language."""
    if text == taken:
        raise Mistake("BAD_NAME", f"{quoted(text)} is a word of the language, not a name", "choose another name")
    if not _NAME.fullmatch(text):
        hint = "use letters, digits, '-', '_' and '.', at most 64, a letter or digit first"
        raise Mistake("BAD_NAME", f"{quoted(text)} is not a name", hint)
    return text


def parse_switch(text: str) -> bool:
    """Read true or false. YAML's other words for them are refused: which are words is for no one to remember."""
    if text in _SWITCHES:
        return _SWITCHES[text]
    meant = _LOOSE_SWITCHES.get(text.lower(), text.lower())
    hint = f"write {meant}" if meant in _SWITCHES else "write true or false"
    raise Mistake("BAD_SWITCH", f"{quoted(text)} is neither true nor false", hint)


def parse_choice(text: str, what: str, choices: Collection[str]) -> str:
    """Read one word of a few."""
    if text not in choices:
        raise Mistake("BAD_CHOICE", f"unknown {what} {quoted(text)}", hint_choice(text, choices))
    return text


def parse_count(text: str, lowest: int, highest: int) -> int:
    """Read a whole number within bounds."""
    hint = f"write a number from {lowest} to {highest}"
    if not _COUNT.fullmatch(text):
        raise Mistake("BAD_COUNT", f"{quoted(text)} is not a whole number", hint)
    count = int(text)
    if not lowest <= count <= highest:
        raise Mistake("OUT_OF_RANGE", f"{count} is out of range", hint)
    return count


def parse_cost(text: str) -> float:
    """Read what a minute costs; in which currency is nobody's business here."""
    if not _COST.fullmatch(text):
        raise Mistake("BAD_COST", f"{quoted(text)} is not a price", "write a number alone, for example 0.008")
    return float(text)


def parse_cause(text: str) -> str:
    """Read a SIP status that ends an attempt."""
    if not _CAUSE.fullmatch(text):
        hint = "write a SIP status from 300 to 699 that an attempt can fail with"
        raise Mistake("BAD_CAUSE", f"{quoted(text)} is not a cause", hint)
    return text


def parse_final(text: str) -> int:
    """Read a SIP status that a test call may end with: 200 stands for any 2xx."""
    if text != "200" and not _CAUSE.fullmatch(text):
        hint = "write 200, which is any 2xx, or a SIP status from 300 to 699"
        raise Mistake("BAD_FINAL", f"{quoted(text)} is not how a test call ends", hint)
    return int(text)


def hint_choice(text: str, choices: Collection[str]) -> str:
    """Say which choice was meant, or else all of them."""
    close = difflib.get_close_matches(text.lower(), list(choices), n=1)
    return f"did you mean {quoted(close[0])}?" if close else f"write {' or '.join(choices)}"

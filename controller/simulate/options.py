"""Faults as people write them on the command line: "refuse=5%", "sms-1:delay=10ms..50ms".

Owns their syntax. Raises `Mistake`, for the command to show.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import fields, replace
from functools import partial
from typing import Any

from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.simulate.base import Faults

_OPTION = re.compile(r"(?:([\w.-]+):)?([a-z_]+)=(.*)")
_CHANCE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_SPANS = ("delay", "report_delay")
_TIMES = ("late_by", "retry_after")
_TEXTS = ("code",)
NAMES = tuple(field.name for field in fields(Faults))


def read_faults(options: Iterable[str], providers: Iterable[str]) -> dict[str, Faults]:
    """Faults by provider, "" for all that have none of their own; a provider's own begin with those of all.

    Raises `Mistake`.
    """
    parsed = [_read(option) for option in options]
    known = [*providers]
    found = {"": Faults()}
    for provider, name, value in sorted(parsed, key=lambda each: each[0]):  # those of all first
        if provider and provider not in known:
            close = difflib.get_close_matches(provider, known, n=1)
            hint = f"did you mean {quoted(close[0])}?" if close else f"write {' or '.join(known)}"
            raise Mistake("UNKNOWN_NAME", f"no provider {quoted(provider)} is simulated here", hint)
        found[provider] = replace(found.get(provider, found[""]), **{name: value})
    return found


def _read(option: str) -> tuple[str, str, Any]:
    match = _OPTION.fullmatch(option)
    if match is None:
        raise Mistake("BAD_FAULT", f"{quoted(option)} is not a fault", "write NAME=SHARE or PROVIDER:NAME=SHARE")
    provider, name, text = match[1] or "", match[2], match[3]
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {quoted(close[0])}?" if close else f"write {' or '.join(NAMES)}"
        raise Mistake("BAD_FAULT", f"{quoted(name)} is no fault", hint)
    try:
        return provider, name, _value(name, text)
    except Mistake as mistake:
        raise Mistake(mistake.code, f"{name}: {mistake.message}", mistake.hint) from None


def _value(name: str, text: str) -> Any:
    time = partial(parse_duration, shortest=0.0)
    if name in _TEXTS:
        return text
    if name in _TIMES:
        return time(text)
    if name in _SPANS:
        least, dots, most = text.partition("..")
        span = (time(least), time(most if dots else least))
        if span[0] > span[1]:
            raise Mistake("BAD_FAULT", f"{quoted(text)} ends before it begins", f"write {most}..{least}")
        return span
    match = _CHANCE.fullmatch(text)
    if match is None or float(match[1]) > 100:
        raise Mistake("BAD_CHANCE", f"{quoted(text)} is not a share of the messages", "write a number up to 100%: 5%")
    return float(match[1]) / 100

"""Reads the message logs of SIPp and prints them as one ladder, sorted by time.

Owns the format of `-trace_msg`. Judges nothing: that is audit.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# SIPp draws a line of dashes and puts the moment at its end: 2026-11-21 04:38:18.043708
_STAMP = re.compile(r"-{20,} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message as one party saw it."""

    at: float  # wall clock, seconds since the epoch, by the clock of this machine
    who: str  # the party whose log this is
    received: bool  # else sent
    start: str  # the request or status line
    headers: tuple[tuple[str, str], ...]  # (name in lower case, value), in order

    def all(self, name: str) -> list[str]:
        """Every value of this header, top first; none of the values here holds a comma list."""
        return [value for key, value in self.headers if key == name]

    def first(self, name: str) -> str:
        """The topmost value of this header, or nothing."""
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int | None:
        """The status code of a response; None for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else None

    @property
    def method(self) -> str:
        """The method of a request, or that which a response is about."""
        return (self.first("cseq") if self.status else self.start).split()[-1 if self.status else 0]

    @property
    def branch(self) -> str:
        """The branch of the topmost Via."""
        return parameter(self.first("via"), "branch")


def parameter(value: str, name: str) -> str:
    """A parameter of a header value: `tag`, `branch` ..."""
    found = re.search(rf";{name}=([^;,\s>]+)", value)
    return found[1] if found else ""


def read_log(log: Path, who: str) -> list[Message]:
    """What one SIPp sent and received so far; a log that is not there yet is empty."""
    if not log.exists():
        return []
    # SIPp writes bytes as they came; latin-1 takes every one of them.
    _, *parts = _STAMP.split(log.read_text(encoding="latin-1"))
    stamped = zip(parts[::2], parts[1::2], strict=True)
    messages = [_read_message(stamp, text.lstrip("\n"), who) for stamp, text in stamped]
    return [message for message in messages if message is not None]


def _read_message(stamp: str, text: str, who: str) -> Message | None:
    said, _, packet = text.partition("\n\n")
    start, *lines = packet.partition("\n\n")[0].splitlines() or [""]
    # A keep-alive or an empty datagram is no message.
    if "SIP/2.0" not in start:
        return None
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    at = datetime.fromisoformat(stamp).timestamp()
    return Message(at, who, " received " in said, start.strip(), headers)


def print_ladder(messages: Iterable[Message]) -> str:
    """Time since the first message, who, direction, start line, what tells it apart; one line each."""
    rows = sorted(messages, key=lambda message: message.at)
    return "\n".join(f"{message.at - rows[0].at:8.3f} {_describe(message)}" for message in rows)


def _describe(message: Message) -> str:
    arrow = "<--" if message.received else "-->"
    about = f" ({message.first('cseq')})" if message.status else ""
    extras = [f"{name}: {value}" for name in ("reason", "warning") if (value := message.first(name))]
    extras += [f"branch {message.branch[-8:]}", f"to-tag {parameter(message.first('to'), 'tag') or '-'}"]
    return f"{message.who:>14} {arrow} {message.start}{about}  [{', '.join(extras)}]"

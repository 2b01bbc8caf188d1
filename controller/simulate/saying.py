"""What is typed into `callward simulate`: a person writes to a number of ours.

Owns the listening to standard input and the words that are understood. Who carries it is `town`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

USAGE = "type PROVIDER NUMBER TEXT to write to us: sms-1 +14155550123 STOP"


class Said(NamedTuple):
    """Who writes what, by whom."""

    provider: str
    sender: str
    text: str


def read_said(line: str, providers: list[str]) -> Said | str:
    """What a line means; a sentence where it means nothing."""
    provider, _, rest = line.strip().partition(" ")
    sender, _, text = rest.strip().partition(" ")
    if provider not in providers:
        close = get_close_matches(provider, providers, n=1)
        return f"nobody can write by {provider!r}; did you mean {close[0]!r}?" if close else USAGE
    if not sender.removeprefix("+").isdecimal() or not text.strip():
        return USAGE
    return Said(provider, sender, text.strip())


class Lines:
    """Lines of standard input, for as long as there are any."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._fd = -1
        self._rest = ""

    def open(self) -> bool:
        """Begin to listen, if there is anything to listen to."""
        try:
            fd = sys.stdin.fileno()
            if os.isatty(fd) and os.tcgetpgrp(fd) != os.getpgrp():
                return False  # in the background: touching the terminal would stop us
            asyncio.get_running_loop().add_reader(fd, self._on_readable)
        except (OSError, ValueError, AttributeError):  # closed, /dev/null or a plain file
            return False
        self._fd = fd
        return True

    def close(self) -> None:
        """Listen no longer; a second time is harmless."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._fd = -1

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except OSError:
            data = b""
        if not data:
            self.close()
        *lines, self._rest = (self._rest + data.decode("utf-8", "ignore")).split("\n")
        for line in lines:
            if line.strip():
                self._on_line(line)

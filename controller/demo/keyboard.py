"""Lines typed while the demo runs: from a terminal with our own prompt, or from a pipe.

Owns the terminal's mode, which is put back whatever happens. Without a usable standard input nothing is ever typed.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|O.|.)?")  # arrow keys and the like: this is no editor


class Keyboard:
    """Collects what is typed. ``on_line`` gets each line, ``on_change`` is called when ``typed`` changed."""

    def __init__(self, on_line: Callable[[str], None], on_change: Callable[[], None]) -> None:
        self.typed = ""  # the line so far
        self.prompt = False  # whether somebody sits at a terminal and wants to see it
        self._on_line = on_line
        self._on_change = on_change
        self._fd = -1
        self._mode: list[Any] | None = None

    def open(self) -> None:
        """Begin to listen, if there is anything to listen to."""
        try:
            fd = sys.stdin.fileno()
            if os.isatty(fd):
                if os.tcgetpgrp(fd) != os.getpgrp():
                    return  # in the background: touching the terminal would stop us
                self._mode = termios.tcgetattr(fd)
                self.prompt = True
                tty.setcbreak(fd)
            asyncio.get_running_loop().add_reader(fd, self._on_readable)
        except (OSError, ValueError, AttributeError):  # closed, /dev/null or a plain file
            self.close()
            return
        self._fd = fd

    def close(self) -> None:
        """Stop listening and put the terminal back; a second time is harmless."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._fd = -1
        if self._mode is not None:
            with suppress(termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._mode)
            self._mode = None
        self.prompt = False

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except OSError:
            data = b""
        if data:
            self.feed(data.decode("utf-8", "ignore"))
        else:
            self.close()
            self._on_change()

    def feed(self, text: str) -> None:
        """Take what was typed."""
        for char in _ESCAPES.sub("", text):
            if char in "\r\n":
                line, self.typed = self.typed.strip(), ""
                if line:
                    self._on_line(line)
            elif char in "\x7f\b":
                self.typed = self.typed[:-1]
            elif char == "\x15":  # Ctrl-U
                self.typed = ""
            elif char == "\x04":  # Ctrl-D
                if not self.typed:
                    self._on_line("quit")
            elif char.isprintable():
                self.typed += char
        self._on_change()

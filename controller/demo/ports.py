"""Free ports for the demo: those of its dialplan, or all of them moved by the same step.

Owns the check and the rewriting of the text; loopback addresses only. Ports are bound a moment after they were found free: a
port that nobody uses is held meanwhile, so that two demos that start at once take different steps.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

from sip.connection import open_tcp
from sip.endpoint import open_udp

# 0 is any free one anyhow; a key "port" stands beside a host of its own
_ADDRESS = re.compile(r"(?<=127\.0\.0\.1:)[1-9]\d*|(?<=host: 127\.0\.0\.1, port: )[1-9]\d*")
STEP, STEPS = 100, 50
GUARD = 15059  # and a step: whoever has it has all ports of that step


def move_ports(text: str) -> str | None:
    """The text with ports that are all free now, the same text if its own are; None if there is no room."""
    for step in _steps():
        if _are_free([text], step):
            return _move(text, step)
    return None


def hold_ports(texts: Sequence[str]) -> tuple[list[str], socket.socket] | None:
    """The same for several texts that are one dialplan; no other demo takes these ports until the socket is closed."""
    for step in _steps():
        try:
            guard = open_udp("127.0.0.1", GUARD + step)
        except OSError:
            continue
        if _are_free(texts, step):
            return [_move(text, step) for text in texts], guard
        guard.close()
    return None


def is_free(port: int) -> bool:
    """Whether nobody has this port on 127.0.0.1, neither for UDP nor for TCP."""
    for opens in (open_udp, open_tcp):
        try:
            opens("127.0.0.1", port).close()
        except OSError:
            return False
    return True


def _steps() -> range:
    return range(0, STEP * STEPS, STEP)


def _are_free(texts: Sequence[str], step: int) -> bool:
    return all(is_free(port + step) for port in {int(port) for text in texts for port in _ADDRESS.findall(text)})


def _move(text: str, step: int) -> str:
    return _ADDRESS.sub(lambda match: str(int(match[0]) + step), text)

"""Free ports for the demo: those of its dialplan, or all of them moved by the same step.

Owns the check and the rewriting of the text; loopback addresses only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sip.connection import open_tcp
from sip.endpoint import open_udp

# 0 is any free one anyhow; a key "port" stands beside a host of its own
_ADDRESS = re.compile(r"(?<=127\.0\.0\.1:)[1-9]\d*|(?<=host: 127\.0\.0\.1, port: )[1-9]\d*")
STEP, STEPS = 100, 50


def move_ports(text: str) -> str | None:
    """The text with ports that are all free now, the same text if its own are; None if there is no room."""
    moved = move_all([text])
    return None if moved is None else moved[0]


def move_all(texts: Sequence[str]) -> list[str] | None:
    """The same for several texts that are one dialplan."""
    ports = {int(port) for text in texts for port in _ADDRESS.findall(text)}
    for step in range(0, STEP * STEPS, STEP):
        if all(is_free(port + step) for port in ports):
            return [_ADDRESS.sub(lambda match: str(int(match[0]) + step), text) for text in texts]  # noqa: B023
    return None


def is_free(port: int) -> bool:
    """Whether nobody has this port on 127.0.0.1, neither for UDP nor for TCP."""
    for opens in (open_udp, open_tcp):
        try:
            opens("127.0.0.1", port).close()
        except OSError:
            return False
    return True

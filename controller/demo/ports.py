"""Free ports for the demo: those of its dialplan, or all of them moved by the same step.

Owns the check and the rewriting of the text; loopback addresses only.
"""

from __future__ import annotations

import re

from sip.endpoint import open_udp

_ADDRESS = re.compile(r"(?<=127\.0\.0\.1:)[1-9]\d*")  # 0 is any free one anyhow
STEP, STEPS = 100, 50


def move_ports(text: str) -> str | None:
    """The text with ports that are all free now, the same text if its own are; None if there is no room."""
    ports = {int(port) for port in _ADDRESS.findall(text)}
    for step in range(0, STEP * STEPS, STEP):
        if all(is_free(port + step) for port in ports):
            return _ADDRESS.sub(lambda match: str(int(match[0]) + step), text) if step else text  # noqa: B023
    return None


def is_free(port: int) -> bool:
    """Whether nobody has this UDP port on 127.0.0.1."""
    try:
        open_udp("127.0.0.1", port).close()
    except OSError:
        return False
    return True

"""What a packet of the simulated network says, and many of them as a ladder for people.

Reads SIP with a few patterns of its own, not with the project's parser: a fault there must not hide itself here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property

from controller.scenario.network import Fate, Packet
from sip.transaction import Hop

_HEADER = re.compile(rb"^([A-Za-z-]+)[ \t]*:[ \t]*(.*?)\r$", re.MULTILINE)
_BRANCH = re.compile(r";branch=([^;,\s]+)")
_TAG = re.compile(r";tag=([^;,\s>]+)")
_CALL_ID = re.compile(rb"^Call-ID: (.*?)\r$", re.MULTILINE)


def call_id_of(data: bytes) -> str:
    """The Call-ID of a datagram, "" where there is none."""
    match = _CALL_ID.search(data)
    return match[1].decode("latin-1") if match else ""


class Said:
    """One packet, read."""

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
        self.start = packet.data.partition(b"\r\n")[0].decode("latin-1")

    @cached_property
    def headers(self) -> dict[str, str]:
        """The first value of each header, by its lower-case name."""
        found: dict[str, str] = {}
        head = self.packet.data.partition(b"\r\n\r\n")[0] + b"\r\n"
        for name, value in _HEADER.findall(head):
            found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        return found

    @cached_property
    def status(self) -> int:
        """The status code, 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @cached_property
    def method(self) -> str:
        """The method, for a response that of its request."""
        return self.headers["cseq"].split()[1]

    @cached_property
    def cseq(self) -> int:
        """The sequence number."""
        return int(self.headers["cseq"].split()[0])

    @cached_property
    def branch(self) -> str:
        """The branch of the top Via."""
        match = _BRANCH.search(self.headers["via"])
        return match[1] if match else ""

    @cached_property
    def to_tag(self) -> str:
        """The tag of To, "" for none."""
        match = _TAG.search(self.headers["to"])
        return match[1] if match else ""

    @cached_property
    def reason(self) -> str:
        """The Reason header, "" for none."""
        return self.headers.get("reason", "")

    def is_request(self, method: str) -> bool:
        """Whether this is such a request."""
        return not self.status and self.method == method

    @property
    def delivered(self) -> bool:
        """Whether it arrived."""
        return self.packet.fate is Fate.DELIVERED


def show_ladder(packets: Iterable[Packet], name_of: Callable[[Hop], str]) -> str:
    """One line for each packet, by the time it was sent."""
    lines = []
    for packet in packets:
        said = Said(packet)
        about = f" ({said.method})" if said.status else ""
        fate = f"+{packet.arrives - packet.sent:.3f}" if said.delivered else str(packet.fate)
        extras = f"branch ..{said.branch[-6:]}" + (f", {said.reason}" if said.reason else "")
        way = f"{name_of(packet.source):>8} -> {name_of(packet.target):<8}"
        lines.append(f"{packet.sent:12.3f} {fate:>10}  {way} {said.start}{about}  [{extras}]")
    return "\n".join(lines)

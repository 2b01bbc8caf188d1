"""What the API of messages and the console have in common: where they listen, and whom they let in.

Owns what is wrong with both in the same way. Must not know what either is for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Protocol

from controller.config.address import HostPort
from controller.config.diagnostics import quoted
from controller.config.places import Places


class Token(Protocol):
    """One that is let in."""

    @property
    def name(self) -> str:
        """Whose it is."""

    @property
    def sha256(self) -> str:
        """Of the token, in hexadecimal."""


def check_listen(places: Places, section: str, listen: HostPort, *, cleartext: bool, risk: str) -> None:
    """Neither speaks TLS: other machines are let in only where the operator says so. ``risk``: what would happen."""
    if ipaddress.ip_address(listen.host).is_loopback or cleartext:
        return
    if "cleartext" in places.map_at(section).lost:
        return
    hint = "listen on 127.0.0.1 behind a proxy that speaks TLS, or say cleartext: true"
    places.report.error(places.at(section, "listen"), "NOT_TLS", risk, hint)


def check_tokens(places: Places, section: str, tokens: Sequence[Token]) -> None:
    """Each has a name and a token of its own."""
    seen: dict[str, str] = {}
    for index, token in enumerate(tokens):
        for key, value in (("name", token.name), ("sha256", token.sha256)):
            node = places.at(section, "tokens", index, key)
            if value and value in seen:
                what = f"duplicate token {quoted(value)}" if key == "name" else "two tokens with one SHA-256"
                places.report.error(node, "DUPLICATE", what, f"first at {seen[value]}: each has its own")
            seen.setdefault(value, str(node))

"""Anchored trunks and the relay that carries their media: one is nothing without the other.

Owns the key `media` of trunks, and that of the file against the listeners by which the relay is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.config.address import ip_version
from controller.config.diagnostics import quoted
from controller.config.places import Places
from controller.types import Listen, Media
from sip.uri import bracketed


@dataclass(slots=True)
class Anchors(Places):
    """The one relay of a file."""

    def build(self, listen: tuple[Listen, ...]) -> Media | None:
        """The relay, or None; a trunk that wants one where there is none is reported."""
        model = self.file.media
        if model is None:
            for name, trunk in self.file.trunks.items():
                if trunk.media == "anchor":
                    message = f"trunk {quoted(name)} is anchored, and there is no media relay"
                    hint = 'add media: {rtpengine: "127.0.0.1:2223"} to the file, or remove this'
                    self.report.error(self.at("trunks", name, "media"), "NO_RELAY", message, hint)
            return None
        address = model.rtpengine
        if not address.host:
            return None  # it is wrong itself, and said so
        at = self.at("media", "rtpengine")
        family = ip_version(address.host)
        if listen and family not in {ip_version(ours.host) for ours in listen if ours.transport == "udp"}:
            message = f"rtpengine has an IPv{family} address, and nothing listens on UDP over IPv{family}"
            hint = (
                f"it is asked from there: add {{udp: \"{'[::1]' if family == 6 else '127.0.0.1'}:5062\"}} to 'listen'"
            )
            self.report.error(at, "NO_LISTENER", message, hint)
        for ours in listen:
            if (ours.host, ours.port, ours.transport) == (address.host, address.port, "udp"):
                message = f"{bracketed(address.host)}:{address.port} is where we listen ourselves"
                self.report.error(at, "LOOP", message, f"write the address of rtpengine's listen-ng ({ours.where})")
        written = {} if model.wait is None else {"wait": model.wait}
        return Media(address.host, address.port, where=self.where(at), **written)

"""What our Record-Route remembers of a call, and how it is written before it is sealed.

The two sides of a dialog get different ones: the callee the one in the INVITE, the caller the one in the responses,
which knows the callee's tag as well. So neither can use the dialog in the other's name, and nobody can use it for
another dialog.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sip.transaction import Hop


@dataclass(frozen=True, slots=True)
class SealedRoute:
    """The passport of a dialog. ``callee_tag`` is None in the callee's own, whose requests go to the caller."""

    caller_tag: str  # From tag of the INVITE
    caller: Hop  # where the INVITE came from
    trunk: str  # over which it was sent on
    callee_tag: str | None = None
    entries: int = 1  # 2 where the sides have different transports (RFC 5658 §6)
    onward: str = field(default="", compare=False)  # not sealed: the Route value behind ours, "" when it was the last

    def encode(self) -> bytes:
        """The plain text to seal."""
        host, port, transport = self.caller
        parts = [self.caller_tag, host, str(port), transport, self.trunk, str(self.entries)]
        if self.callee_tag is not None:
            parts.append(self.callee_tag)
        return "\n".join(parts).encode("utf-8", "surrogateescape")

    def fits(self, from_tag: str, to_tag: str) -> bool:
        """Whether a request with these tags belongs to this side of the dialog."""
        if self.callee_tag is None:
            return to_tag == self.caller_tag
        return (from_tag, to_tag) == (self.caller_tag, self.callee_tag)


def decode_route(plain: bytes) -> SealedRoute | None:
    """What `SealedRoute.encode` wrote; None for what another version of callward has sealed."""
    parts = plain.decode("utf-8", "surrogateescape").split("\n")
    if len(parts) not in (6, 7) or not parts[2].isdigit() or parts[5] not in ("1", "2"):
        return None
    caller_tag, host, port, transport, trunk, entries, *callee = parts
    caller = Hop(host, int(port), transport)
    return SealedRoute(caller_tag, caller, trunk, callee[0] if callee else None, int(entries))

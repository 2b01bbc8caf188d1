"""What our Record-Route remembers of a call, and how it is written before it is sealed.

The two sides of a dialog get different ones: the callee the one in the INVITE, the caller the one in the responses,
which knows the callee's tag as well. So neither can use the dialog in the other's name, and nobody can use it for
another dialog.

Written as lines "KEY=VALUE", what is usual left out. A field more is a key more: a passport with a key that is not
known, or without one that must be there, is of another version, and none (who half understands it might do harm).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sip.transaction import Hop


class SealedRoute(NamedTuple):
    """The passport of a dialog. ``callee_tag`` is None in the callee's own, whose requests go to the caller.

    A tuple, for each call makes several: a frozen dataclass takes four times as long.
    """

    caller_tag: str  # From tag of the INVITE
    caller: Hop  # where the INVITE came from
    trunk: str  # over which it was sent on
    callee_tag: str | None = None
    entries: int = 1  # 2 where the sides know us by different listeners (RFC 5658 §6)
    callee: Hop | None = None  # where the callee really is, if it is behind NAT: its Contact leads nowhere
    caller_behind_nat: bool = False  # the same of the caller, who is at `caller`
    first: int | None = None  # CSeq of the INVITE, where its trunk asks for credentials (`sip.sequence`)
    tried: int = 0  # which try of it was answered; in the caller's own
    caller_trunk: str = ""  # the trunk where the INVITE came from, if that one asks for credentials
    #: How the side that its requests go to knows the two, None where they were not rewritten, "" where that is too long
    #: to remember (`sip.guise`).
    caller_as: str | None = None
    callee_as: str | None = None
    side: Hop | None = None  # not sealed: the listener that the other side knows us by
    media: str = ""  # anchored in a media relay: "o" or "d" (the INVITE made the offer, or the 2xx will), and the leg
    onward: str = ""  # not sealed: the Route value behind ours, "" when it was the last

    def encode(self) -> bytes:
        """The plain text to seal."""
        lines = [f"f={self.caller_tag}", f"c={_write_hop(self.caller)}", f"t={self.trunk}"]
        if self.callee_tag is not None:
            lines.append(f"o={self.callee_tag}")
        if self.media:
            lines.append(f"m={self.media}")
        if self.entries != 1:
            lines.append(f"e={self.entries}")
        if self.callee is not None:
            lines.append(f"h={_write_hop(self.callee)}")
        if self.caller_behind_nat:
            lines.append("n=1")
        if self.first is not None:
            lines.append(f"q={self.first}")
        if self.tried:
            lines.append(f"a={self.tried}")
        if self.caller_trunk:
            lines.append(f"i={self.caller_trunk}")
        if self.caller_as is not None:
            lines.append(f"x={self.caller_as}")
        if self.callee_as is not None:
            lines.append(f"y={self.callee_as}")
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    @property
    def pinned(self) -> Hop | None:
        """Where requests of this side go whatever a Contact says; None where that says where they go."""
        if self.callee_tag is not None:
            return self.callee
        return self.caller if self.caller_behind_nat else None

    def fits(self, from_tag: str, to_tag: str) -> bool:
        """Whether a request with these tags belongs to this side of the dialog."""
        if self.callee_tag is None:
            return to_tag == self.caller_tag
        return (from_tag, to_tag) == (self.caller_tag, self.callee_tag)


@lru_cache(4096)  # a call brings the same two passports several times within seconds (`sip.seal.RECENT`)
def decode_route(plain: bytes) -> SealedRoute | None:
    """What `SealedRoute.encode` wrote; None for what another version of callward has sealed."""
    found: dict[str, str] = {}
    for line in plain.decode("utf-8", "surrogateescape").split("\n"):
        key, equals, value = line.partition("=")
        if not equals or key in found:
            return None
        found[key] = value
    callee = found.pop("h", None)
    try:
        route = SealedRoute(
            caller_tag=found.pop("f"),
            caller=_read_hop(found.pop("c")),
            trunk=found.pop("t"),
            callee_tag=found.pop("o", None),
            media=found.pop("m", ""),
            entries=int(found.pop("e", "1")),
            callee=None if callee is None else _read_hop(callee),
            caller_behind_nat=found.pop("n", "0") == "1",
            first=int(found.pop("q")) if "q" in found else None,
            tried=int(found.pop("a", "0")),
            caller_trunk=found.pop("i", ""),
            caller_as=found.pop("x", None),
            callee_as=found.pop("y", None),
        )
    except (KeyError, ValueError):
        return None
    return None if found or route.entries not in (1, 2) else route


def _write_hop(hop: Hop) -> str:
    """ "HOST PORT TRANSPORT LISTENER", without what is the default."""
    host, port, transport, listener = hop
    if listener:
        return f"{host} {port} {transport} {listener}"
    return f"{host} {port}" if transport == "udp" else f"{host} {port} {transport}"


def _read_hop(text: str) -> Hop:
    host, port, *more = text.split(" ")
    if len(more) > 2:
        raise ValueError("not a hop")
    return Hop(host, int(port), *more)

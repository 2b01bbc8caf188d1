"""HEP3, the form in which SIP messages are handed to a capture server (HOMER, sngrep): one datagram for each message.

Owns the form (HEP/EEP specification 3): "HEP3", the length of all, then chunks of vendor, type, length and value. The
order of chunks is free by that, but sngrep reads them where it puts them itself: so do we. Pure.
"""

from __future__ import annotations

import ipaddress
import struct

_HEADER, _CHUNK = struct.Struct("!4sH"), struct.Struct("!HHH")
_FAMILY_4, _FAMILY_6 = 2, 10
_UDP, _TCP = 17, 6
_SIP = 1
MOST = 65_507  # bytes of a datagram


def encode(
    data: bytes, source: tuple[str, int], target: tuple[str, int], transport: str, at: float, capture: int, call: str
) -> bytes:
    """One message: addresses of both sides, ``at`` seconds since the epoch, ``capture`` the id of who tells, ``call`` what
    belongs together. Raises `ValueError` for what is no IP address; b"" for what is too large."""
    one, other = ipaddress.ip_address(source[0]).packed, ipaddress.ip_address(target[0]).packed
    if len(one) != len(other):
        raise ValueError("addresses of two kinds")
    is_6 = len(one) == 16
    seconds, micros = divmod(round(at * 1_000_000), 1_000_000)
    chunks = [
        _chunk(1, struct.pack("!B", _FAMILY_6 if is_6 else _FAMILY_4)),
        _chunk(2, struct.pack("!B", _UDP if transport == "udp" else _TCP)),
        _chunk(7, struct.pack("!H", source[1])),
        _chunk(8, struct.pack("!H", target[1])),
        _chunk(9, struct.pack("!I", seconds)),
        _chunk(10, struct.pack("!I", micros)),
        _chunk(11, struct.pack("!B", _SIP)),
        _chunk(12, struct.pack("!I", capture)),
        _chunk(5 if is_6 else 3, one),
        _chunk(6 if is_6 else 4, other),
        _chunk(15, data),
        _chunk(17, call.encode()),
    ]
    size = _HEADER.size + sum(map(len, chunks))
    if size > MOST:
        return b""
    return _HEADER.pack(b"HEP3", size) + b"".join(chunks)


def _chunk(kind: int, value: bytes) -> bytes:
    """Of vendor 0, the chunks that everybody knows."""
    return _CHUNK.pack(0, kind, _CHUNK.size + len(value)) + value

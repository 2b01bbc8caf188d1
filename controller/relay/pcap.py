"""Writes what went by as a classic pcap file, which tshark, tcpdump and scapy read.

Owns the file format and the IP, UDP and TCP headers around each piece. The headers are made up (the kernel kept the
real ones): addresses, ports, lengths and TCP sequence numbers are true, checksums of TCP are left out, and those of UDP but
over IPv6, where none is an error (RFC 8200 §8.1).
"""

from __future__ import annotations

import ipaddress
import struct
from typing import BinaryIO

Address = tuple[str, int]  # host, port

_MAGIC, _LINKTYPE_RAW, _SNAPLEN = 0xA1B2C3D4, 101, 1 << 18  # 101: packets begin with their IP header
_UDP, _TCP = 17, 6
_PSH_ACK = 0x18
_SEGMENT = 32_768  # bytes of a stream in one made-up packet: an IP packet ends at 65,535


class Pcap:
    """One file. ``now`` is epoch seconds."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sequence: dict[tuple[Address, Address], int] = {}  # of the next byte of a stream
        file.write(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_RAW))

    def write_datagram(self, source: Address, target: Address, data: bytes, now: float) -> None:
        """A UDP datagram."""
        ports, size = struct.pack("!HH", source[1], target[1]), 8 + len(data)
        checksum = 0
        if ":" in source[0]:
            hosts = b"".join(ipaddress.ip_address(host).packed for host in (source[0], target[0]))
            checksum = (
                _checksum(hosts + struct.pack("!II", size, _UDP) + ports + struct.pack("!HH", size, 0) + data) or 0xFFFF
            )
        self._write(_UDP, source, target, ports + struct.pack("!HH", size, checksum) + data, now)

    def write_segment(self, source: Address, target: Address, data: bytes, now: float) -> None:
        """A piece of a TCP stream."""
        for start in range(0, len(data), _SEGMENT):
            piece = data[start : start + _SEGMENT]
            sequence = self._sequence.get((source, target), 1)
            heard = self._sequence.get((target, source), 1)
            self._sequence[source, target] = (sequence + len(piece)) & 0xFFFFFFFF
            header = struct.pack("!HHIIBBHHH", source[1], target[1], sequence, heard, 5 << 4, _PSH_ACK, 65_535, 0, 0)
            self._write(_TCP, source, target, header + piece, now)

    def forget(self, one: Address, other: Address) -> None:
        """A connection is over: its ports may come again."""
        self._sequence.pop((one, other), None)
        self._sequence.pop((other, one), None)

    def flush(self) -> None:
        """Hand to the system what is still in a buffer."""
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _write(self, protocol: int, source: Address, target: Address, payload: bytes, now: float) -> None:
        packet = _ip_header(protocol, source[0], target[0], len(payload)) + payload
        seconds, micros = divmod(round(now * 1_000_000), 1_000_000)
        self._file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)


def _ip_header(protocol: int, source: str, target: str, size: int) -> bytes:
    one, other = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    if len(one) == 16:
        return struct.pack("!IHBB", 6 << 28, size, protocol, 64) + one + other
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0, 64, protocol, 0) + one + other
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:]


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

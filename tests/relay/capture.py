"""Reads a classic pcap file of raw IP packets: a reader that shares nothing with the writer in `controller.relay.pcap`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Captured:
    """One packet."""

    at: float
    protocol: int
    source: tuple[str, int]
    target: tuple[str, int]
    data: bytes
    sequence: int = 0


def read_pcap(file: Path) -> list[Captured]:
    """All packets; every length and IPv4 checksum is checked."""
    raw = file.read_bytes()
    assert raw[:4] == b"\xd4\xc3\xb2\xa1", "little-endian, microseconds"
    assert int.from_bytes(raw[20:24], "little") == 101, "raw IP"
    packets, place = [], 24
    while place < len(raw):
        seconds, micros, kept, length = (
            int.from_bytes(raw[at : at + 4], "little") for at in range(place, place + 16, 4)
        )
        assert kept == length
        assert micros < 1_000_000
        packets.append(_read_packet(seconds + micros / 1e6, raw[place + 16 : place + 16 + length]))
        place += 16 + length
    assert place == len(raw)
    return packets


def _read_packet(at: float, packet: bytes) -> Captured:
    if packet[0] >> 4 == 4:
        words = [int.from_bytes(packet[i : i + 2], "big") for i in range(0, 20, 2)]
        assert sum(words) % 0xFFFF == 0, "the checksum of the header"
        assert words[1] == len(packet)
        protocol, one, other, rest = packet[9], packet[12:16], packet[16:20], packet[20:]
    else:
        assert packet[0] >> 4 == 6
        assert int.from_bytes(packet[4:6], "big") == len(packet) - 40
        protocol, one, other, rest = packet[6], packet[8:24], packet[24:40], packet[40:]
    ports = [int.from_bytes(rest[i : i + 2], "big") for i in (0, 2)]
    source, target = ((str(ipaddress.ip_address(host)), port) for host, port in zip((one, other), ports, strict=True))
    if protocol == 17:
        assert int.from_bytes(rest[4:6], "big") == len(rest)
        return Captured(at, protocol, source, target, rest[8:])
    return Captured(at, protocol, source, target, rest[4 * (rest[12] >> 4) :], int.from_bytes(rest[4:8], "big"))

"""Readers of what callward writes for others, from the documents of both forms and not from the writers."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

Address = tuple[str, int]


def read_pcap(data: bytes) -> list[tuple[Address, Address, bytes]]:
    """Source, target and payload of each UDP packet of a classic pcap file, raw IP or Ethernet."""
    magic, *_, link = struct.unpack_from("<IHHiIII", data)
    assert magic == 0xA1B2C3D4
    found = []
    at = 24
    while at < len(data):
        _, _, size, whole = struct.unpack_from("<IIII", data, at)
        assert size == whole
        packet = data[at + 16 : at + 16 + size]
        at += 16 + size
        found.append(_udp_of(packet[14:] if link == 1 else packet))
    return found


def _udp_of(packet: bytes) -> tuple[Address, Address, bytes]:
    if packet[0] >> 4 == 6:
        hosts, protocol, rest = (packet[8:24], packet[24:40]), packet[6], packet[40:]
    else:
        (total,) = struct.unpack_from("!H", packet, 2)
        head = (packet[0] & 15) * 4
        hosts, protocol, rest = (packet[12:16], packet[16:20]), packet[9], packet[head:total]
    assert protocol == 17
    source, target, size, checksum = struct.unpack_from("!HHHH", rest)
    if len(hosts[0]) == 16:  # RFC 8200 §8.1: never left out, and the sum of all with it is all ones
        whole = b"".join(hosts) + struct.pack("!II", size, protocol) + rest[:size] + b"\0" * (size % 2)
        total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
        assert checksum != 0
        assert (total % 0xFFFF or 0xFFFF) == 0xFFFF
    one, other = (str(ipaddress.ip_address(host)) for host in hosts)
    return (one, source), (other, target), rest[8:size]


@dataclass
class Hep:
    """One message as a capture server reads it."""

    source: Address
    target: Address
    protocol: int
    at: float
    capture: int
    kind: int
    call: str
    data: bytes


def read_hep(packet: bytes) -> Hep:
    """HEP3: "HEP3", the length of all in two bytes, then chunks of vendor, type, length (of all the chunk) and value."""
    magic, size = struct.unpack_from("!4sH", packet)
    assert (magic, size) == (b"HEP3", len(packet))
    chunks: dict[int, bytes] = {}
    at = 6
    while at < len(packet):
        vendor, kind, length = struct.unpack_from("!HHH", packet, at)
        assert vendor == 0
        assert kind not in chunks
        chunks[kind] = packet[at + 6 : at + length]
        at += length
    assert at == len(packet)
    (family,) = chunks[1]
    one, other = (chunks[3], chunks[4]) if family == 2 else (chunks[5], chunks[6])
    number = {kind: int.from_bytes(value) for kind, value in chunks.items() if len(value) <= 4}
    return Hep(
        (str(ipaddress.ip_address(one)), number[7]),
        (str(ipaddress.ip_address(other)), number[8]),
        number[2],
        number[9] + number[10] / 1e6,
        number[12],
        number[11],
        chunks[17].decode(),
        chunks[15],
    )

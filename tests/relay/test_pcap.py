from __future__ import annotations

from pathlib import Path

import pytest

from controller.relay.pcap import Pcap
from tests.relay.capture import Captured, read_pcap

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5080)
A6, B6 = ("2001:db8::1", 5060), ("2001:db8::2", 5080)


@pytest.mark.parametrize(("one", "other"), [(A, B), (A6, B6)])
def test_datagrams_are_read_back(tmp_path: Path, one: tuple[str, int], other: tuple[str, int]) -> None:
    file = tmp_path / "udp.pcap"
    pcap = Pcap(file.open("wb"))
    pcap.write_datagram(one, other, b"OPTIONS", 1_800_000_000.25)
    pcap.write_datagram(other, one, b"", 1_800_000_000.9999999)
    pcap.write_datagram(other, one, bytes(65_507), 1_800_000_002.0)
    pcap.close()
    assert read_pcap(file) == [
        Captured(1_800_000_000.25, 17, one, other, b"OPTIONS"),
        Captured(1_800_000_001.0, 17, other, one, b""),
        Captured(1_800_000_002.0, 17, other, one, bytes(65_507)),
    ]


def test_stream_can_be_put_together_again(tmp_path: Path) -> None:
    file = tmp_path / "tcp.pcap"
    pcap = Pcap(file.open("wb"))
    big = bytes(range(256)) * 400
    pcap.write_segment(A, B, big, 1.0)
    pcap.write_segment(B, A, b"200", 2.0)
    pcap.write_segment(A, B, b"ACK", 3.0)
    pcap.forget(A, B)
    pcap.write_segment(A, B, b"again", 4.0)
    pcap.close()
    packets = read_pcap(file)
    upward = [packet for packet in packets if packet.source == A and packet.at < 4]
    assert b"".join(packet.data for packet in upward) == big + b"ACK"
    expected = 1
    for packet in upward:
        assert packet.sequence == expected
        expected += len(packet.data)
    assert packets[-1].sequence == 1, "a connection of its own"

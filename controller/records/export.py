"""A call as a pcap file, for Wireshark and sngrep.

Owns how its messages become packets: each is one UDP datagram between the two that spoke, TCP and TLS too, for what was
encrypted or came in pieces can be read then. Credentials are not in it (`scrub`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from controller.records.rows import WireRow
from controller.relay.pcap import Pcap

_MOST = 65_507 - 28  # bytes of a datagram


def write_pcap(path: Path, messages: Iterable[WireRow]) -> int:
    """Write them to a file that its user alone can read, as what it is made of; how many. Raises `OSError`."""
    count = 0
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        pcap = Pcap(file)
        for row in messages:
            ours, peer = (row.ours, row.our_port), (row.host, row.port)
            source, target = (ours, peer) if row.sent else (peer, ours)
            pcap.write_datagram(source, target, row.data[:_MOST], row.at)
            count += 1
    return count

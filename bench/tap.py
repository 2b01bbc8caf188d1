"""How much CPU the process for calls takes to tell one SIP message to whoever follows the wire.

`python -m bench.tap [--messages N]`
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.messages import INVITE, SDP
from controller.tap import FILE, PACKET, Tap
from sip.transaction import Hop

PEER = Hop("127.0.0.1", 5071)
TURN = 100  # messages between two turns of the loop


class Source:
    """What has messages come and go."""

    on_wire: Callable[[bool, bytes, Hop], None] | None = None


def messages() -> tuple[bytes, bytes]:
    """An INVITE with SDP, and a 180."""
    sdp = SDP.format(host="192.0.2.10")
    common = {"tag": "t1", "host": "192.0.2.10", "caller": "127.0.0.1:5090"}
    invite = (INVITE.format(did="+15557000", proxy="127.0.0.1:5060", length=len(sdp), **common) + sdp).encode()
    return invite, b"SIP/2.0 180 Ringing\r\n" + invite[40:500]


def follow(folder: Path) -> int:
    """A process that reads along; its id."""
    pid = os.fork()
    if pid:
        return pid
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(str(folder / FILE))
        while sock.recv(PACKET):
            pass
    os._exit(0)


async def measure(folder: Path, count: int) -> tuple[float, int]:
    """CPU seconds per message, and packets that were lost."""
    tap, source = Tap(folder, lambda: {"ours": [], "peers": []}), Source()
    tap.start(asyncio.get_running_loop(), (source,))
    pid = follow(folder)
    while source.on_wire is None:  # noqa: ASYNC110  # another process does it
        await asyncio.sleep(0.001)
    invite, ringing = messages()
    begun = time.process_time()
    for _ in range(count // TURN):
        for _ in range(TURN // 2):
            source.on_wire(True, invite, PEER)
            source.on_wire(False, ringing, PEER)
        await asyncio.sleep(0)
    spent = time.process_time() - begun
    tap.close()
    os.waitpid(pid, 0)  # noqa: ASYNC222  # nothing else is to do
    return spent / count, tap.lost


def main() -> None:
    """Print microseconds per message."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spent, lost = asyncio.run(measure(Path(folder), options.messages))
    print(f"tap, CPU per message: {spent * 1e6:.2f} us; {lost} packets lost")


if __name__ == "__main__":
    main()

"""Strangers who send rubbish: `python -m bench.junk PORT --rate 20000 --seconds 60`, from a thousand loopback addresses.

Owns the mixture: what scanners, floods and broken programs send, forged answers and forged seals among it. Prints how
many messages were sent and how many bytes came back, and by them the amplification factor, as JSON; how the daemon
fares is somebody else's to measure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import socket
import time
from itertools import cycle

METHODS = ("INVITE", "OPTIONS", "REGISTER", "ACK", "BYE", "CANCEL", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH",
           "INFO", "UPDATE", "PRACK", "REFER", "ODD")  # fmt: skip
SLICE = 0.005  # seconds between two handfuls


def make_junk(dice: random.Random, host: str = "127.0.0.1") -> list[bytes]:
    """Some of everything."""
    messages = [b"", b"\r\n\r\n", b"\x00" * 64, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", dice.randbytes(400), b"A" * 1400]
    for method in METHODS:
        for extra in ("", f"Route: <sip:{host}:5060;lr;cw=k1.{'A' * 90}>\r\n", f"X: {'y' * 500}\r\n"):
            tag = ";tag=x" if "Route" in extra else ""
            text = (
                f"{method} sip:+15557000@{host} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK-{dice.getrandbits(48):x};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:100@1.1.1.1>;tag={dice.getrandbits(32):x}\r\nTo: <sip:100@1.1.1.1>{tag}\r\n"
                f"Call-ID: {dice.getrandbits(64):x}\r\nCSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
            )
            messages += [text.encode(), text.encode()[: dice.randrange(20, 200)]]
    for status in ("100 Trying", "200 OK", "503 No"):
        messages.append(
            f"SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bKcw-x-1-y-{'A' * 22}\r\n"
            f"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: z\r\nCSeq: 1 INVITE\r\n\r\n".encode()
        )
    dice.shuffle(messages)
    return messages


def open_sources(number: int) -> list[socket.socket]:
    """Sockets with addresses of their own, none of them 127.0.0.1."""
    sockets = []
    for index in range(number):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((f"127.{10 + (index >> 8)}.{index & 255}.{1 + index % 250}", 0))
        sock.setblocking(False)
        sockets.append(sock)
    return sockets


def send_junk(port: int, rate: int, seconds: float, sources: int) -> tuple[int, int, int]:
    """(messages sent, bytes sent, bytes that came back)."""
    messages, sockets = cycle(make_junk(random.Random(5060))), open_sources(sources)
    senders, target = cycle(sockets), ("127.0.0.1", port)
    sent = came_back = sent_bytes = 0
    begun = time.monotonic()
    while (now := time.monotonic()) < begun + seconds:
        for _ in range(min(int((now - begun) * rate) - sent, rate)):
            data = next(messages)
            try:
                next(senders).sendto(data, target)
            except BlockingIOError:
                pass  # as sent: whoever floods does not care
            except ConnectionRefusedError:
                return sent, sent_bytes, came_back
            sent += 1
            sent_bytes += len(data)
        time.sleep(SLICE)
    select.select([], [], [], 1.0)  # what is answered late
    for sock in sockets:
        try:
            while True:
                came_back += len(sock.recv(65_535))
        except (BlockingIOError, ConnectionRefusedError):
            sock.close()
    return sent, sent_bytes, came_back


def main() -> None:
    """Send, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.junk", description=__doc__)
    parser.add_argument("port", type=int, help="of the daemon, on 127.0.0.1")
    parser.add_argument("--rate", type=int, default=20_000, help="messages a second (20000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--sources", type=int, default=1_000, help="addresses (1000)")
    chosen = parser.parse_args()
    sent, sent_bytes, back = send_junk(chosen.port, chosen.rate, chosen.seconds, chosen.sources)
    print(json.dumps({"sent": sent, "bytes": sent_bytes, "back": back, "amplification": back / max(sent_bytes, 1)}))


if __name__ == "__main__":
    os.nice(5)  # a benchmark of the daemon, not of this
    main()

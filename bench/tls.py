"""What TLS costs: a handshake, a message, and what calls feel of a peer that does nothing but shake hands.

`python -m bench.tls`. The first figures are CPU of both sides of a session over memory buffers. Then the real daemon
answers OPTIONS over UDP, alone and while two processes shake hands with it as fast as they can.
"""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from sip.tls import Peer, Session, client_context, server_context
from tests.certificates import DOMAIN, Pair, Workshop
from tests.ports import open_both
from tests.sip import wire

HOST = "127.0.0.1"
PLAN = """
version: 1
access: anyone
listen: [{{udp: "127.0.0.1:{port}"}}, {{tls: "127.0.0.1:{port}", certificate: {pair.certificate}, key: {pair.key}}}]
trunks: {{pbx: {{uri: "sip:127.0.0.1:9", probe: off}}}}
endpoints: {{desk: {{user: "100", via: [pbx]}}}}
chains: {{main: [{{ring: [desk]}}]}}
routes: [{{did: "*", chain: main}}]
"""


def shake(pair: Pair, trust: str) -> tuple[Session, Session]:
    """A session from both ends."""
    server = Session(None, server_context(str(pair.certificate), str(pair.key)))
    client = Session(Peer(client_context(trust), (DOMAIN,)))
    while not (client.is_up and server.is_up):
        if not client.is_up:
            client.shake()
        server.feed(client.take())
        if not server.is_up:
            server.shake()
        client.feed(server.take())
    return client, server


def measure(pair: Pair, trust: str, times: int = 200) -> tuple[float, float]:
    """Milliseconds of CPU of a handshake, both sides, without the making of contexts; microseconds of a message."""
    context, mine = server_context(str(pair.certificate), str(pair.key)), client_context(trust)
    before = time.process_time()
    for _ in range(times):
        server, client = Session(None, context), Session(Peer(mine, (DOMAIN,)))
        while not (client.is_up and server.is_up):
            if not client.is_up:
                client.shake()
            server.feed(client.take())
            if not server.is_up:
                server.shake()
            client.feed(server.take())
    each = (time.process_time() - before) / times
    client, server = shake(pair, trust)
    data, before = b"x" * 900, time.process_time()
    for _ in range(10_000):
        client.encrypt(data)
        server.feed(client.take())
        server.decrypt()
    return each * 1e3, (time.process_time() - before) / 10_000 * 1e6


def knock(port: int, authority: str, until: float) -> None:
    """Shake hands, and again."""
    context = ssl.create_default_context(cafile=authority)
    while time.monotonic() < until:
        try:
            with socket.create_connection((HOST, port)) as sock, context.wrap_socket(sock, server_hostname=DOMAIN):
                pass
        except OSError:
            continue


def ask(port: int, seconds: float) -> list[float]:
    """Milliseconds until OPTIONS are answered, fifty a second."""
    found, until, number = [], time.monotonic() + seconds, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5.0)
        while time.monotonic() < until:
            number += 1
            name = f"{port}-{seconds}-{number}-{until}"
            data = wire.request(
                "OPTIONS", via=f"SIP/2.0/UDP {HOST}:1", branch=f"z9hG4bK-{name}", call_id=name, rport=True
            )
            start = time.monotonic()
            sock.sendto(data, (HOST, port))
            sock.recv(65536)
            found.append((time.monotonic() - start) * 1e3)
            time.sleep(0.02)
    return found


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workshop = Workshop(folder)
        trust = workshop.authority.certificate.read_text()
        pair = workshop.make("p256")
        for what, each in (("P-256", pair), ("RSA 2048", workshop.make("rsa", key=("RSA", "rsa_keygen_bits:2048")))):
            handshake, message = measure(each, trust)
            print(
                f"{what:9} handshake {handshake:.2f} ms (both sides), message of 900 bytes {message:.1f} us (both sides)"
            )
        datagrams, stream = open_both(HOST)
        port = datagrams.getsockname()[1]
        datagrams.close()
        stream.close()
        plan = folder / "plan.yaml"
        plan.write_text(PLAN.format(port=port, pair=pair))
        command = [sys.executable, "-m", "controller.cli", "run", str(plan), "--state-dir", str(folder / "state")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
            assert daemon.stderr is not None
            try:
                while '"ready"' not in daemon.stderr.readline():
                    pass
                for what, peers in (("alone", 0), ("beside handshakes", 2)):
                    until = time.monotonic() + 6.0
                    knockers = [
                        multiprocessing.Process(target=knock, args=(port, str(workshop.authority.certificate), until))
                        for _ in range(peers)
                    ]
                    for knocker in knockers:
                        knocker.start()
                    answers = ask(port, 5.0)
                    for knocker in knockers:
                        knocker.join()
                    high = quantiles(answers, n=100)[98]
                    print(
                        f"OPTIONS over UDP {what}: {len(answers)} answered, median {median(answers):.2f} ms, p99 {high:.1f} ms"
                    )
            finally:
                daemon.terminate()


if __name__ == "__main__":
    main()

"""Handshakes that are wrong, stalled or too many, at the real daemon: it closes them, and serves everybody else."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import ssl
from pathlib import Path

import pytest

from sip.message import Response
from sip.parser import parse_message
from tests.certificates import DOMAIN, Pair, Workshop
from tests.sip import wire
from tests.sipp.daemon import Daemon
from tests.tls.trunk import HOST, PATIENCE, TlsCaller, client_context
from tests.torture.mutants import mutate

PLAN = """
version: 1
access: anyone
listen: [{{udp: "127.0.0.1:{ours}"}}, {{tls: "127.0.0.1:{ours}", certificate: {pair.certificate}, key: {pair.key}}}]
trunks: {{pbx: {{uri: "sip:127.0.0.1:9", probe: off}}}}
endpoints: {{desk: {{user: "100", via: [pbx]}}}}
chains: {{main: [{{ring: [desk]}}]}}
routes: [{{did: "*", chain: main}}]
"""
_numbers = itertools.count()


def options(via: str) -> bytes:
    """An OPTIONS of a transaction of its own."""
    name = f"options-{next(_numbers)}"
    return wire.request(
        "OPTIONS", via=via, branch=f"z9hG4bK-{name}", call_id=name, rport=True, extra=["Content-Length: 0"]
    )


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pair(workshop: Workshop) -> Pair:
    return workshop.make("daemon")


def shake(sock: socket.socket, context: ssl.SSLContext, dice: random.Random) -> None:
    """A handshake and an OPTIONS, as they should be but for one flight, or for several."""
    theirs, ours = ssl.MemoryBIO(), ssl.MemoryBIO()
    session, spoiled = context.wrap_bio(theirs, ours, server_hostname=DOMAIN), dice.choice((0.3, 0.6, 1.0))
    while True:
        try:
            session.do_handshake()
            session.write(options(f"SIP/2.0/TLS {HOST}:1"))
            is_done = True
        except ssl.SSLWantReadError:
            is_done = False
        flight = ours.read()
        sock.sendall(mutate(flight, dice) if flight and dice.random() < spoiled else flight)
        if is_done:
            sock.shutdown(socket.SHUT_WR)
        data = sock.recv(65536)
        if not data or is_done:
            return
        theirs.write(data)


def hello(context: ssl.SSLContext) -> bytes:
    """How a handshake begins."""
    theirs, ours = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(theirs, ours, server_hostname=DOMAIN).do_handshake()
    return ours.read()


def check_alive(port: int, context: ssl.SSLContext) -> None:
    """It answers over UDP and over TLS."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.sendto(options(f"SIP/2.0/UDP {HOST}:1"), (HOST, port))
        answer = parse_message(sock.recv(65536))
        assert isinstance(answer, Response)
        assert answer.status == 200
    caller = TlsCaller(port, context, DOMAIN)
    caller.send(options(caller.via))
    assert caller.final().status == 200
    caller.close()


def open_files(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon._process.pid}/fd").iterdir()))


def storm(count: int, seed: str, workshop: Workshop, pair: Pair, port: int, tmp_path: Path) -> None:
    """Wrong handshakes, one after the other; each is closed by the daemon, or by us when it waits for more."""
    dice = random.Random(seed)
    context = client_context(workshop.authority)
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.format(ours=port, pair=pair))
    with Daemon(plan, tmp_path / "state", drain_timeout="1ms") as daemon:
        check_alive(port, context)
        before = open_files(daemon)
        for number in range(count):
            with socket.create_connection((HOST, port), PATIENCE) as sock, contextlib.suppress(OSError):
                sock.settimeout(dice.choice((0.01, 0.05)))  # what waits for more is left alone
                shake(sock, context, dice)
            if number % 50 == 0:
                check_alive(port, context)
        check_alive(port, context)
        for _ in range(100):  # each good answer is a turn of the loop, which closes what we have closed
            if open_files(daemon) <= before:
                break
            check_alive(port, context)
        assert open_files(daemon) <= before + 1
        assert not [line for line in daemon.lines if "Traceback" in line]
        assert daemon.stop() == 0


def test_wrong_handshakes_do_no_harm(workshop: Workshop, pair: Pair, free_port: int, tmp_path: Path) -> None:
    storm(120, "handshakes", workshop, pair, free_port, tmp_path)


@pytest.mark.long
def test_very_many_wrong_handshakes_do_no_harm(workshop: Workshop, pair: Pair, free_port: int, tmp_path: Path) -> None:
    storm(20_000, "very many handshakes", workshop, pair, free_port, tmp_path)


def test_hundreds_of_stalled_handshakes_keep_nobody_out(
    workshop: Workshop, pair: Pair, free_port: int, tmp_path: Path
) -> None:
    context = client_context(workshop.authority)
    begin = hello(context)
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.format(ours=free_port, pair=pair))
    with Daemon(plan, tmp_path / "state") as daemon, contextlib.ExitStack() as stack:
        for number in range(400):  # a half of them say nothing, a half begin
            sock = stack.enter_context(socket.create_connection((HOST, free_port), PATIENCE))
            if number % 2:
                sock.sendall(begin[: 1 + number % len(begin)])
        check_alive(free_port, context)
        assert open_files(daemon) < 350, "the oldest had to go"

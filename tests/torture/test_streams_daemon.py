"""Torture over real TCP and TLS connections to the real daemon: it says what the engine behind the framer said without sockets.

Each message goes over a connection of its own, whole, byte by byte, or with an OPTIONS in the same segment; an OPTIONS
is answered after it, on the same connection where the verdict leaves that open. Nothing waits for time to pass: what
was asked before the OPTIONS is answered before it, and a connection that is over ends.
"""

from __future__ import annotations

import random
import socket
import ssl
from pathlib import Path

import pytest

from sip.framing import Framer
from sip.message import Response
from sip.parser import parse_message
from tests.certificates import DOMAIN, Workshop
from tests.sipp.daemon import Daemon
from tests.tls.trunk import client_context
from tests.torture.mutants import mutate
from tests.torture.streams import Fate, StreamStand, as_streamed
from tests.torture.test_corpus import CASES, FOLDER, read
from tests.torture.test_invalid import with_lines
from tests.torture.test_rules import ask
from tests.torture.test_streams import EXAMPLES
from tests.torture.test_valid import ODD_METHOD, TORTUOUS

PLAN = """
version: 1
listen: [{{udp: "127.0.0.1:{ours}"}}, {{{over}: "127.0.0.1:{ours}"{more}}}]
trunks:
  pbx: {{uri: "sip:127.0.0.1:{pbx}", probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
chains:
  main: [{{ring: [desk], for: 3m, no_reply: 2m, no_progress: 150s, hedge: off}}]
routes:
  - {{did: "*", chain: main}}
"""

OURS = {
    **EXAMPLES,
    "tortuous": TORTUOUS,
    "odd method": ask(ODD_METHOD, branch="z9hG4bK-odd"),
    "other scheme": ask("OPTIONS", "mailto:a@b", branch="z9hG4bK-scheme"),
    "extension": ask("OPTIONS", extra=["Proxy-Require: one"], branch="z9hG4bK-extension"),
    "registrar": ask("REGISTER", branch="z9hG4bK-register"),
    "no hops": ask(hops="0", branch="z9hG4bK-hops"),
    "other version": with_lines(start="INVITE sip:a@192.0.2.10 SIP/7.0"),
    "other method in CSeq": with_lines("CSeq: 7 BYE"),
    "ACK that is broken": with_lines("CSeq: 7 INVITE", "From: ,", method="ACK"),
    "response to nobody": with_lines(start="SIP/2.0 200 OK"),
    "negative length": with_lines("Content-Length: -999") + b"abc",
}


def check(tmp_path: Path, port: int, messages: dict[str, bytes], shape: str, workshop: Workshop | None = None) -> None:
    """The daemon and a stand without sockets get the same messages in the same order; over TLS with a workshop."""
    stand = StreamStand()
    plan = tmp_path / "plan.yaml"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind(("127.0.0.1", 0))
        over, more, context = "tcp", "", None
        if workshop is not None:
            pair = workshop.make("daemon")
            over, more = "tls", f", certificate: {pair.certificate}, key: {pair.key}"
            context = client_context(workshop.authority)
        plan.write_text(PLAN.format(ours=port, pbx=pbx.getsockname()[1], over=over, more=more))
        with Daemon(plan, tmp_path / "state", drain_timeout="1ms") as daemon:
            for name, data in messages.items():
                data = as_streamed(data)
                stand.feed(data)
                said = [parse_message(sent) for sent, _ in stand.take()]
                expected = [each.status for each in said if isinstance(each, Response)]
                fate = stand.fate
                stand.check_alive()
                assert exchange(port, data, stand.options(), shape, fate, context) == expected, name
            assert not [line for line in daemon.lines if "Traceback" in line]
            assert daemon.stop() == 0


def connect(port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connection to the daemon, secured where there is a context."""
    sock = socket.create_connection(("127.0.0.1", port), 20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock if context is None else context.wrap_socket(sock, server_hostname=DOMAIN)


def exchange(
    port: int, data: bytes, options: bytes, shape: str, fate: Fate, context: ssl.SSLContext | None = None
) -> list[int]:
    """The statuses that the daemon gave to a message; it has answered an OPTIONS after that."""
    together = shape == "before another" and fate is Fate.OPEN
    with connect(port, context) as sock:
        if shape == "byte by byte":
            for at in range(len(data)):
                sock.sendall(data[at : at + 1])
        else:
            sock.sendall(data + options if together else data)
        if fate is Fate.WAITS:
            assert is_alive(port, options, context), "others are served meanwhile"
            return []
        if fate is Fate.OPEN and not together:
            sock.sendall(options)
        found = receive(sock, options if fate is Fate.OPEN else None)
    if fate is Fate.CLOSED:
        assert is_alive(port, options, context), "the next connection is served"
    return found


def is_alive(port: int, options: bytes, context: ssl.SSLContext | None) -> bool:
    """Whether an OPTIONS on a connection of its own gets its 200, and nothing else."""
    with connect(port, context) as sock:
        sock.sendall(options)
        return receive(sock, options) == []


def receive(sock: socket.socket, options: bytes | None) -> list[int]:
    """Statuses up to the 200 of this OPTIONS, or else to the end of the connection."""
    framer, found = Framer(), []
    asked = parse_message(options).get("call-id") if options is not None else None
    while chunk := sock.recv(65536):
        for piece in framer.feed(chunk):
            answer = parse_message(piece)
            assert isinstance(answer, Response)
            if asked is not None and answer.get("call-id") == asked:
                assert answer.status == 200
                return found
            found.append(answer.status)
    assert asked is None, "closed before it answered"
    return found


@pytest.mark.parametrize("shape", ["whole", "byte by byte", "before another"])
def test_the_daemon_judges_over_tcp_as_the_engine_does(tmp_path: Path, free_port: int, shape: str) -> None:
    check(tmp_path, free_port, OURS, shape)


@pytest.mark.skipif(not CASES, reason=f"no RFC 4475 messages in {FOLDER} (set CALLWARD_RFC4475)")
@pytest.mark.parametrize("shape", ["whole", "byte by byte", "before another"])
def test_the_daemon_judges_the_messages_of_the_rfc_as_the_engine_does(
    tmp_path: Path, free_port: int, shape: str
) -> None:
    check(tmp_path, free_port, {case["file"]: read(case) for case in CASES}, shape)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("shape", ["whole", "byte by byte", "before another"])
def test_the_daemon_judges_over_tls_as_the_engine_does(
    tmp_path: Path, free_port: int, shape: str, workshop: Workshop
) -> None:
    """Our messages, and those of the RFC where they are."""
    check(tmp_path, free_port, OURS | {case["file"]: read(case) for case in CASES}, shape, workshop)


def mutants(count: int, seed: str) -> dict[str, bytes]:
    """Messages with something wrong; each is of a transaction of its own, for each has a connection of its own."""
    dice = random.Random(seed)
    found = {}
    for number in range(count):
        method, name = dice.choice(("INVITE", "OPTIONS", "BYE")), f"{seed}-{number}"
        data = ask(method, branch=f"z9hG4bK-{name}", call_id=name, extra=["Content-Length: 3"]) + b"abc"
        found[name] = mutate(data, dice)
    return found


def test_mutants_are_judged_over_tls_as_by_the_engine(tmp_path: Path, free_port: int, workshop: Workshop) -> None:
    check(tmp_path, free_port, mutants(150, "tls-4475"), "whole", workshop)


@pytest.mark.long
@pytest.mark.parametrize("shape", ["whole", "before another"])
def test_very_many_mutants_are_judged_over_tls_as_by_the_engine(
    tmp_path: Path, free_port: int, workshop: Workshop, shape: str
) -> None:
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check(folder, free_port, mutants(1_000, f"tls-{seed}"), shape, workshop)

"""Torture over real TCP connections to the real daemon: it says what the engine behind the framer said without sockets.

Each message goes over a connection of its own, whole, byte by byte, or with an OPTIONS in the same segment; an OPTIONS
is answered after it, on the same connection where the verdict leaves that open. Nothing waits for time to pass: what
was asked before the OPTIONS is answered before it, and a connection that is over ends.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sip.framing import Framer
from sip.message import Response
from sip.parser import parse_message
from tests.sipp.daemon import Daemon
from tests.torture.streams import Fate, StreamStand, as_streamed
from tests.torture.test_corpus import CASES, FOLDER, read
from tests.torture.test_invalid import with_lines
from tests.torture.test_rules import ask
from tests.torture.test_streams import EXAMPLES
from tests.torture.test_valid import ODD_METHOD, TORTUOUS

PLAN = """
version: 1
listen: [{{udp: "127.0.0.1:{ours}"}}, {{tcp: "127.0.0.1:{ours}"}}]
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


def check(tmp_path: Path, port: int, messages: dict[str, bytes], shape: str) -> None:
    """The daemon and a stand without sockets get the same messages in the same order."""
    stand = StreamStand()
    plan = tmp_path / "plan.yaml"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind(("127.0.0.1", 0))
        plan.write_text(PLAN.format(ours=port, pbx=pbx.getsockname()[1]))
        with Daemon(plan, tmp_path / "state", drain_timeout="1ms") as daemon:
            for name, data in messages.items():
                data = as_streamed(data)
                stand.feed(data)
                said = [parse_message(sent) for sent, _ in stand.take()]
                expected = [each.status for each in said if isinstance(each, Response)]
                fate = stand.fate
                stand.check_alive()
                assert exchange(port, data, stand.options(), shape, fate) == expected, name
            assert not [line for line in daemon.lines if "Traceback" in line]
            assert daemon.stop() == 0


def exchange(port: int, data: bytes, options: bytes, shape: str, fate: Fate) -> list[int]:
    """The statuses that the daemon gave to a message; it has answered an OPTIONS after that."""
    together = shape == "before another" and fate is Fate.OPEN
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if shape == "byte by byte":
            for at in range(len(data)):
                sock.sendall(data[at : at + 1])
        else:
            sock.sendall(data + options if together else data)
        if fate is Fate.WAITS:
            assert is_alive(port, options), "others are served meanwhile"
            return []
        if fate is Fate.OPEN and not together:
            sock.sendall(options)
        found = receive(sock, options if fate is Fate.OPEN else None)
    if fate is Fate.CLOSED:
        assert is_alive(port, options), "the next connection is served"
    return found


def is_alive(port: int, options: bytes) -> bool:
    """Whether an OPTIONS on a connection of its own gets its 200, and nothing else."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
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
            if answer.get("call-id") == asked:
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

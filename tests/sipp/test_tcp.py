"""Calls over TCP, over UDP, and from one to the other: SIPp on both sides, the real daemon between."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sip.framing import Framer
from sip.message import Request, Response
from sip.parser import parse_message
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(
    ("uac-answered", "uac-basic", "uac-hung-up", "uas-hang-up", "uas-ring-forever", "uas-ring-then-answer")
)

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tcp: "127.0.0.1:{proxy}"}}]
trunks:
  primary: {{uri: "sip:127.0.0.1:{primary};transport={first}", carrier: a{probe}}}
  secondary: {{uri: "sip:127.0.0.1:{secondary};transport={second}", carrier: b{probe}}}
endpoints:
  desk: {{user: "100", via: [primary]}}
  answering: {{number: "+15550199", via: [secondary], live: true}}
chains:
  main:
    - ring: [desk]
    - ring: [answering]
routes:
  - {{did: "+15557000", chain: main}}
"""
MODES = {"u1": "udp", "t1": "tcp", "tn": "tcp"}  # SIPp's -t: one socket, or one for each call
DID = ("-s", "+15557000")


class Scene:
    """The ports and files of one test."""

    def __init__(self, folder: Path, start: int, *, first: str, second: str = "udp", probed: bool = False) -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + start)  # runs side by side must not meet
        self.proxy, self.primary, self.secondary = (self.ports.pick() for _ in range(3))
        self.dialplan = folder / "dialplan.yaml"
        ports = {"proxy": self.proxy, "primary": self.primary, "secondary": self.secondary}
        probe = "" if probed else ", probe: off"
        self.dialplan.write_text(DIALPLAN.format(**ports, first=first, second=second, probe=probe))

    def daemon(self) -> Daemon:
        """A daemon on this dialplan."""
        return Daemon(self.dialplan, self.folder / "state")

    def sipp(self, who: str, scenario: str, mode: str, *arguments: str, port: int = 0, calls: bool = False) -> Sipp:
        """One SIPp over this transport; a caller calls the daemon."""
        remote = self.proxy if calls else None
        more = ("-t", mode, "-max_socket", "1000", *arguments)
        return Sipp(who, read_script(scenario), self.folder, self.ports, 60, remote, more, port)


def calls_of(daemon: Daemon) -> list[dict[str, object]]:
    """The records of calls that the daemon wrote so far."""
    return [dict(event) for event in daemon.events if event.get("event") == "call"]


@pytest.mark.parametrize("callee", ["u1", "t1"])
@pytest.mark.parametrize("caller", ["u1", "t1", "tn"])
def test_calls_go_from_one_transport_to_the_other_and_the_caller_hangs_up(
    tmp_path: Path, caller: str, callee: str
) -> None:
    scene = Scene(tmp_path, 7000, first=MODES[callee])
    load = ("-r", "20", "-m", "20")
    with (
        scene.sipp("callee", "uas-ring-then-answer", callee, port=scene.primary),
        scene.daemon() as daemon,
        scene.sipp("caller", "uac-basic", caller, *DID, *load, calls=True) as calling,
    ):
        assert calling.finish(50) == 0, calling.complaints()
        daemon.wait_for(lambda _: len(calls_of(daemon)) == 20, "all calls on record")
        assert [record["winner"] for record in calls_of(daemon)] == ["desk via primary"] * 20


@pytest.mark.parametrize(("caller", "callee"), [("u1", "t1"), ("t1", "u1"), ("t1", "t1")])
def test_callee_hangs_up_along_the_record_route(tmp_path: Path, caller: str, callee: str) -> None:
    scene = Scene(tmp_path, 7300, first=MODES[callee])
    with (
        scene.sipp("callee", "uas-hang-up", callee, port=scene.primary) as called,
        scene.daemon(),
        scene.sipp("caller", "uac-hung-up", caller, *DID, calls=True) as calling,
    ):
        assert calling.finish(20) == 0, calling.complaints()
        assert called.finish(20) == 0, called.complaints()


# --------------------------------------------------------------------------- by hand, over TCP


class Stream:
    """One TCP connection that speaks raw SIP."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = sock.getsockname()[1]
        self._framer = Framer()
        self._messages: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)

    def wait_for(self, start: str) -> Request | Response:
        """The next message whose start line begins so; others are passed over."""
        while True:
            while self._messages:
                message = parse_message(self._messages.pop(0))
                if message.start_line.startswith(start):
                    return message
            data = self.sock.recv(65536)
            assert data, f"closed while waiting for {start}"
            self._messages += self._framer.feed(data)


@contextmanager
def stream_to(port: int) -> Iterator[Stream]:
    """A connection to the daemon."""
    with socket.create_connection((HOST, port)) as sock:
        yield Stream(sock)


@contextmanager
def trunk_at(port: int) -> Iterator[socket.socket]:
    """A listening trunk."""
    with socket.create_server((HOST, port)) as server:
        server.settimeout(20)
        yield server


def ask(method: str, port: int, proxy: int, number: int = 1, more: str = "Content-Length: 0\r\n") -> bytes:
    """A request as a phone behind TCP sends it."""
    return (
        f"{method} sip:+15557000@{HOST}:{proxy} SIP/2.0\r\nVia: SIP/2.0/TCP {HOST}:{port};branch=z9hG4bK-{number};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:caller@{HOST}:{port}>;tag=caller\r\nTo: <sip:+15557000@{HOST}:{proxy}>\r\n"
        f"Call-ID: {number}@{HOST}\r\nCSeq: 1 {method}\r\nContact: <sip:caller@{HOST}:{port};transport=tcp>\r\n{more}\r\n"
    ).encode()


def answer_to(request: Request | Response, status: str, port: int) -> bytes:
    """A callee's response."""
    copied = ("via", "record-route", "from", "call-id", "cseq")
    lines = [line for name, line in zip(request.names, request.lines, strict=True) if name in copied]
    lines += [f"To: {request.get('to')};tag=callee", f"Contact: <sip:100@{HOST}:{port};transport=tcp>"]
    return "\r\n".join([f"SIP/2.0 {status}", *lines, "Content-Length: 0", "", ""]).encode()


def test_daemon_is_alive_after_garbage_of_every_kind(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 7600, first="tcp")
    with scene.daemon() as daemon:
        fine = ask("OPTIONS", 5070, scene.proxy)
        garbage = [
            b"\x00" * 100,
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00" * 40,
            ask("OPTIONS", 5070, scene.proxy, more=""),
            ask("OPTIONS", 5070, scene.proxy, more="Content-Length: -1\r\n"),
            ask("OPTIONS", 5070, scene.proxy, more="Content-Length: 99999999\r\n"),
            b"INVITE sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n",
            b"\r\n" * 1000,
            b"A" * 70_000,
            fine[: len(fine) // 2],
        ]
        for number, rubbish in enumerate(garbage):
            with stream_to(scene.proxy) as bad:
                bad.send(rubbish)
            with stream_to(scene.proxy) as good:
                good.send(ask("OPTIONS", good.port, scene.proxy, number))
                assert good.wait_for("SIP/2.0 ").start_line == "SIP/2.0 200 OK"
        with stream_to(scene.proxy) as slow:
            first, second, third = (ask("OPTIONS", slow.port, scene.proxy, number) for number in (90, 91, 92))
            for byte in first:
                slow.send(bytes([byte]))
            slow.send(second + third)
            assert [slow.wait_for("SIP/2.0 200").call_id for _ in range(3)] == [f"{n}@{HOST}" for n in (90, 91, 92)]
        assert not [line for line in daemon.lines if "Traceback" in line or "rror" in line]


def test_call_moves_at_once_when_its_silent_trunk_breaks_the_connection(tmp_path: Path) -> None:
    """Hedging would move it after 0.25 s as well: the record tells which it was."""
    scene = Scene(tmp_path, 7700, first="tcp", second="tcp")
    with ExitStack() as stack:
        primary, secondary = (stack.enter_context(trunk_at(port)) for port in (scene.primary, scene.secondary))
        daemon = stack.enter_context(scene.daemon())
        caller = stack.enter_context(stream_to(scene.proxy))
        caller.send(ask("INVITE", caller.port, scene.proxy))
        with primary.accept()[0] as sock:
            Stream(sock).wait_for("INVITE")
        phone = Stream(stack.enter_context(secondary.accept()[0]))
        phone.send(answer_to(phone.wait_for("INVITE"), "200 OK", scene.secondary))
        assert caller.wait_for("SIP/2.0 200").to_tag == "callee"
        daemon.wait_for(lambda _: bool(calls_of(daemon)), "the record")
    (record,) = calls_of(daemon)
    attempts = record["attempts"]
    assert isinstance(attempts, list)
    assert attempts[0]["cause"] == "TRANSPORT_ERROR"
    assert record["winner"] == "answering via secondary"


@pytest.mark.parametrize("listening", [True, False], ids=["TCP is there", "TCP is refused"])
def test_large_call_goes_over_tcp_and_over_udp_when_that_is_refused(tmp_path: Path, listening: bool) -> None:
    scene = Scene(tmp_path, 7750, first="udp")
    scene.dialplan.write_text(scene.dialplan.read_text().replace("carrier: a", "large: tcp, carrier: a"))
    with ExitStack() as stack:
        server = stack.enter_context(trunk_at(scene.primary)) if listening else None
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind((HOST, scene.primary))
        datagrams.settimeout(20)
        stack.enter_context(scene.daemon())
        caller = stack.enter_context(stream_to(scene.proxy))
        body = "x" * 1300
        caller.send(ask("INVITE", caller.port, scene.proxy, more=f"Content-Length: {len(body)}\r\n") + body.encode())
        if server is not None:
            phone = Stream(stack.enter_context(server.accept()[0]))
            invite = phone.wait_for("INVITE")
            phone.send(answer_to(invite, "200 OK", scene.primary))
        else:
            invite = parse_message(datagrams.recv(65535))
            datagrams.sendto(answer_to(invite, "200 OK", scene.primary), (HOST, scene.proxy))
        assert invite.via.transport == ("TCP" if listening else "UDP")
        assert len(invite.body) == 1300
        assert caller.wait_for("SIP/2.0 200").to_tag == "callee"


def test_ringing_phone_whose_connection_breaks_gets_a_stand_in(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 7800, first="tcp", second="udp")
    with (
        scene.sipp("ringing", "uas-ring-forever", "t1", port=scene.primary) as ringing,
        scene.sipp("answering", "uas-ring-then-answer", "u1", port=scene.secondary),
        scene.daemon() as daemon,
        stream_to(scene.proxy) as caller,
    ):
        caller.send(ask("INVITE", caller.port, scene.proxy))
        caller.wait_for("SIP/2.0 180")
        ringing.signal(signal.SIGKILL)
        caller.wait_for("SIP/2.0 200")
        daemon.wait_for(lambda _: bool(calls_of(daemon)), "the record")
        (record,) = calls_of(daemon)
        assert record["winner"] == "answering via secondary"


def test_no_call_is_lost_when_a_tcp_trunk_is_killed_under_load(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 7900, first="tcp", second="tcp", probed=True)
    calls = 150
    with (
        scene.sipp("primary", "uas-ring-then-answer", "t1", port=scene.primary) as primary,
        scene.sipp("secondary", "uas-ring-then-answer", "t1", port=scene.secondary),
        scene.daemon() as daemon,
    ):
        daemon.wait_for(lambda event: event.get("trunk") == "secondary" and event.get("new") == "up", "the trunks")
        load = ("-r", "50", "-m", str(calls))
        with scene.sipp("caller", "uac-answered", "t1", *DID, *load, calls=True) as caller:
            daemon.wait_for(lambda _: len(calls_of(daemon)) >= calls // 4, "a quarter of the calls")
            primary.signal(signal.SIGKILL)
            assert caller.finish(50) == 0, caller.complaints()
        daemon.wait_for(lambda _: len(calls_of(daemon)) == calls, "all calls on record")
    assert {record["status"] for record in calls_of(daemon)} == {200}
    assert {record["winner"] for record in calls_of(daemon)} == {"desk via primary", "answering via secondary"}

"""What is killed while calls go on: a trunk under load, and the daemon itself.

SIPp plays carriers and callers; the daemon is the real one, killed with SIGKILL, not asked to end.
"""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sip.message import Request, Response
from sip.parser import parse_message
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-answered", "uac-survive", "uas-options-flap", "uas-ring-then-answer"))

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  primary: {{uri: "sip:127.0.0.1:{primary}", carrier: a{probe}}}
  secondary: {{uri: "sip:127.0.0.1:{secondary}", carrier: b{probe}}}
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
CALLS = 300
RATE = 50


class Scene:
    """The ports and files of one test."""

    def __init__(self, folder: Path, start: int, *, probed: bool) -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + start)  # runs side by side must not meet
        self.proxy, self.primary, self.secondary = (self.ports.pick() for _ in range(3))
        self.dialplan = folder / "dialplan.yaml"
        probe = "" if probed else ", probe: off"
        self.dialplan.write_text(
            DIALPLAN.format(proxy=self.proxy, primary=self.primary, secondary=self.secondary, probe=probe)
        )

    def daemon(self) -> Daemon:
        """A daemon on this dialplan; the state folder is the same in each of its lives."""
        return Daemon(self.dialplan, self.folder / "state")

    def sipp(self, who: str, scenario: str, *arguments: str, port: int = 0, calls: bool = False) -> Sipp:
        """One SIPp; a caller calls the daemon."""
        remote = self.proxy if calls else None
        return Sipp(who, read_script(scenario), self.folder, self.ports, 60, remote, arguments, port)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["port closes", "falls silent"])
def test_no_call_is_lost_when_the_primary_is_killed_under_load(tmp_path: Path, how: signal.Signals) -> None:
    scene = Scene(tmp_path, 4000, probed=True)
    with (
        scene.sipp("primary", "uas-ring-then-answer", port=scene.primary) as primary,
        scene.sipp("secondary", "uas-ring-then-answer", port=scene.secondary),
        scene.daemon() as daemon,
    ):
        daemon.wait_for(lambda event: event.get("trunk") == "secondary" and event.get("new") == "up", "the trunks")
        load = ("-s", "+15557000", "-r", str(RATE), "-m", str(CALLS))
        with scene.sipp("caller", "uac-answered", *load, calls=True) as caller:
            daemon.wait_for(lambda _: len(calls_of(daemon)) >= CALLS // 4, "a quarter of the calls")
            primary.signal(how)
            assert caller.finish(50) == 0, caller.complaints()
        daemon.wait_for(lambda _: len(calls_of(daemon)) == CALLS, "all calls on record")
        records = calls_of(daemon)
        primary.signal(signal.SIGKILL)
    assert [record["status"] for record in records] == [200] * CALLS
    winners = {record["winner"] for record in records}
    assert winners == {"desk via primary", "answering via secondary"}
    moved = [record for record in records if len(record["attempts"]) > 1]
    assert moved, "some calls must have met the dying trunk"


def test_flapping_trunk_goes_down_and_comes_back_for_as_long_as_it_flaps(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 6000, probed=True)
    with scene.sipp("flapping", "uas-options-flap", port=scene.primary), scene.daemon() as daemon:

        def states() -> list[object]:
            told = [event for event in daemon.events if event.get("event") == "trunk"]
            return [event["new"] for event in told if event["trunk"] == "primary"]

        daemon.wait_for(lambda _: states().count("down") == 2 and states()[-1] == "up", "two rounds")
    assert states()[:7] == ["up", "suspect", "down", "up", "suspect", "down", "up"]


def test_calls_that_are_up_survive_the_daemon(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4400, probed=False)
    calls = 100
    with scene.sipp("callee", "uas-ring-then-answer", port=scene.primary), scene.daemon() as first:
        load = ("-s", "+15557000", "-r", "100", "-m", str(calls), "-d", "4000")
        with scene.sipp("caller", "uac-survive", *load, calls=True) as caller:
            first.wait_for(lambda _: len(calls_of(first)) == calls, "all calls to be up")
            first.kill()
            with scene.daemon() as second:
                assert caller.finish(50) == 0, caller.complaints()
                assert calls_of(second) == [], "what is within a dialog is no new call"


def calls_of(daemon: Daemon) -> list[dict[str, object]]:
    """The records of calls that the daemon wrote so far."""
    return [dict(event) for event in daemon.events if event.get("event") == "call"]


# --------------------------------------------------------------------------- by hand, datagram by datagram


class Wire:
    """One UDP socket that speaks raw SIP."""

    def __init__(self, port: int) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HOST, port))
        self.sock.settimeout(20)
        self.port = self.sock.getsockname()[1]

    def send(self, data: bytes, port: int) -> None:
        """Send one datagram."""
        self.sock.sendto(data, (HOST, port))

    def wait_for(self, start: str) -> Request | Response:
        """The next message whose start line begins so; others are passed over."""
        while True:
            message = parse_message(self.sock.recv(65535))
            if message.start_line.startswith(start):
                return message

    def is_quiet(self) -> bool:
        """Nothing has come that nobody asked for. Only sound once a later exchange has gone through."""
        self.sock.setblocking(False)
        try:
            self.sock.recv(65535)
        except BlockingIOError:
            return True
        return False


@contextmanager
def wires(*ports: int) -> Iterator[list[Wire]]:
    """Sockets on these ports, closed afterwards."""
    opened = [Wire(port) for port in ports]
    try:
        yield opened
    finally:
        for wire in opened:
            wire.sock.close()


def invite_from(port: int, proxy: int, branch: str = "z9hG4bKfirst") -> bytes:
    """An INVITE as a carrier sends it."""
    return (
        f"INVITE sip:+15557000@{HOST}:{proxy} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {HOST}:{port};branch={branch}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:caller@{HOST}:{port}>;tag=caller\r\nTo: <sip:+15557000@{HOST}:{proxy}>\r\n"
        f"Call-ID: by-hand@{HOST}\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@{HOST}:{port}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def answer_to(request: Request | Response, status: str, port: int) -> bytes:
    """A callee's response."""
    copied = ("via", "record-route", "from", "call-id", "cseq")
    lines = [line for name, line in zip(request.names, request.lines, strict=True) if name in copied]
    lines += [f"To: {request.get('to')};tag=callee", f"Contact: <sip:100@{HOST}:{port}>", "Content-Length: 0"]
    return "\r\n".join([f"SIP/2.0 {status}", *lines, "", ""]).encode()


def bye_along(answer: Request | Response, route: str, ports: tuple[int, int], branch: str) -> bytes:
    """The caller's BYE to the callee along a route; ``ports`` are theirs in this order."""
    caller, callee = ports
    return (
        f"BYE sip:100@{HOST}:{callee} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{caller};branch={branch}\r\n"
        f"Max-Forwards: 70\r\nRoute: {route}\r\nFrom: {answer.get('from')}\r\nTo: {answer.get('to')}\r\n"
        f"Call-ID: {answer.call_id}\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_invite_retransmitted_across_a_restart_rings_nobody_twice(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4800, probed=False)
    with wires(scene.primary, scene.ports.pick()) as (callee, caller):
        invite = invite_from(caller.port, scene.proxy)
        with scene.daemon() as first:
            caller.send(invite, scene.proxy)
            before = callee.wait_for("INVITE")
            first.kill()
        with scene.daemon():
            caller.send(invite, scene.proxy)
            again = callee.wait_for("INVITE")
            assert again.via.branch == before.via.branch, "the callee sees a retransmission, not a second call"
            callee.send(answer_to(again, "200 OK", callee.port), scene.proxy)
            assert caller.wait_for("SIP/2.0 200").to_tag == "callee"


def test_phone_that_rings_through_a_restart_can_still_be_answered(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 5200, probed=False)
    with wires(scene.primary, scene.ports.pick()) as (callee, caller):
        with scene.daemon() as first:
            caller.send(invite_from(caller.port, scene.proxy), scene.proxy)
            ringing = callee.wait_for("INVITE")
            callee.send(answer_to(ringing, "180 Ringing", callee.port), scene.proxy)
            caller.wait_for("SIP/2.0 180")
            first.kill()
        with scene.daemon():
            callee.send(answer_to(ringing, "200 OK", callee.port), scene.proxy)
            assert caller.wait_for("SIP/2.0 200").to_tag == "callee"


def test_forged_or_altered_record_route_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 5600, probed=False)
    with wires(scene.primary, scene.ports.pick()) as (callee, caller), scene.daemon():
        caller.send(invite_from(caller.port, scene.proxy), scene.proxy)
        invite = callee.wait_for("INVITE")
        callee.send(answer_to(invite, "200 OK", callee.port), scene.proxy)
        answer = caller.wait_for("SIP/2.0 200")
        ports = (caller.port, callee.port)
        route = answer.require("record-route")
        sealed = re.search(r"cw=\w+\.([\w!-]+)", route)
        assert sealed is not None
        text = sealed[1]
        other = "B" if text[4] == "A" else "A"
        forgeries = {
            "altered": route.replace(text, text[:4] + other + text[5:]),
            "cut": route.replace(text, text[:-2]),
            "made up": route.replace(text, "A" * len(text)),
            "without a seal": f"<sip:{HOST}:{scene.proxy};lr>",
        }
        for number, (kind, forged) in enumerate(forgeries.items()):
            caller.send(bye_along(answer, forged, ports, f"z9hG4bKforged{number}"), scene.proxy)
            assert caller.wait_for("SIP/2.0").start_line == "SIP/2.0 403 Forbidden", kind
        caller.send(bye_along(answer, route, ports, "z9hG4bKgenuine"), scene.proxy)
        bye = callee.wait_for("")
        assert bye.start_line.startswith("BYE"), "the genuine one is the first that the callee sees"
        callee.send(answer_to(bye, "200 OK", callee.port), scene.proxy)
        caller.wait_for("SIP/2.0 200")
        assert callee.is_quiet()

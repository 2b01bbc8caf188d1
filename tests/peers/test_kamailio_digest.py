"""Kamailio on both sides of the real daemon asks it for credentials, with each request of a call and each time anew.

caller -> carrier (Kamailio) -> callward -> carrier (Kamailio) -> desk; the carriers let nobody's requests in but ACK and
CANCEL (and PRACK, as Kamailio's auth module has it), whether they begin a call or belong to one. SIPp or pjsua2 call and are called.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.peers.kamailio import Kamailio
from tests.sipp.daemon import Daemon
from tests.sipp.ladder import Message
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = [pytest.mark.peers, pytest.mark.sipp]

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-all-methods", "uac-expect-final", "uas-all-methods"))

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  near: {{uri: "sip:127.0.0.1:{near}", probe: off, auth: {{user: callward, password: hunter2}}}}
  far: {{uri: "sip:127.0.0.1:{far}", auth: {{user: callward, password: {password}, algorithms: SHA-256}}}}
endpoints:
  desk: {{user: "100", via: [far]}}
chains:
  desk: [{{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: desk}}
"""


class Scene:
    """The two carriers and the daemon between them."""

    def __init__(self, folder: Path, password: str = "hunter2") -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + 6700)  # runs side by side must not meet
        self.proxy, self.near, self.far, self.desk = (self.ports.pick() for _ in range(4))
        us = f"sip:{HOST}:{self.proxy}"
        self.carriers = (
            Kamailio("near", folder, self.near, {r"\+1": us}, asks=self.proxy),
            Kamailio("far", folder, self.far, {"100": f"sip:{HOST}:{self.desk}"}, asks=self.proxy),
        )
        self.dialplan = folder / "dialplan.yaml"
        self.dialplan.write_text(DIALPLAN.format(proxy=self.proxy, near=self.near, far=self.far, password=password))

    def daemon(self) -> Daemon:
        """A daemon; the state folder is the same in each of its lives."""
        return Daemon(self.dialplan, self.folder / "state")

    def callee(self, scenario: str) -> Sipp:
        """The desk."""
        return Sipp("callee", read_script(scenario), self.folder, self.ports, 60, port=self.desk)

    def caller(self, scenario: str, *more: str) -> Sipp:
        """Somebody at the near carrier calls."""
        arguments = ("-s", "+15557000", *more)
        return Sipp("caller", read_script(scenario), self.folder, self.ports, 60, self.near, arguments)


@contextmanager
def scene_of(folder: Path, password: str = "hunter2") -> Iterator[Scene]:
    """The carriers running; ``password`` is that of the far one in the dialplan."""
    scene = Scene(folder, password)
    with scene.carriers[0], scene.carriers[1]:
        yield scene


def received(party: Sipp) -> list[Message]:
    """The requests that came to it."""
    return [message for message in party.messages() if message.received and not message.start.startswith("SIP/2.0")]


def number_of(message: Message) -> int:
    return int(message.all("cseq")[0].split()[0])


def check_order(party: Sipp) -> None:
    """CSeq rises from request to request (RFC 3261 §12.2.2), an ACK has that of its INVITE, a RAck names it (RFC 3262)."""
    requests = received(party)
    new = [message for message in requests if not message.start.startswith("ACK ")]
    assert all(number_of(one) < number_of(other) for one, other in pairwise(new)), [m.start for m in new]
    invites = [number_of(message) for message in new if message.start.startswith("INVITE ")]
    acks = [number_of(message) for message in requests if message.start.startswith("ACK ")]
    assert acks == invites
    for prack in (message for message in new if message.start.startswith("PRACK ")):
        assert prack.all("rack")[0].split()[1] == str(invites[0])


def check_daemon(daemon: Daemon) -> None:
    assert not [line for line in daemon.lines if "Traceback" in line or '"level": "error"' in line or "hunter2" in line]


def test_each_method_is_let_in_on_both_sides(tmp_path: Path) -> None:
    with (
        scene_of(tmp_path) as scene,
        scene.daemon() as daemon,
        scene.callee("uas-all-methods") as desk,
        scene.caller("uac-all-methods") as caller,
    ):
        assert caller.finish(20) == 0, caller.complaints()
        assert desk.finish(20) == 0, desk.complaints()
        check_daemon(daemon)
    check_order(desk)
    check_order(caller)
    methods = [message.start.partition(" ")[0] for message in received(desk)]
    assert methods == ["INVITE", "PRACK", "ACK", "UPDATE", "INFO", "INVITE", "ACK", "REFER"]
    assert not [message for party in (desk, caller) for message in party.messages() if " 407 " in message.start]
    for party in (desk, caller):
        asked = [message for message in received(party) if not message.start.startswith(("PRACK ", "ACK "))]
        assert {number_of(message) % 8 for message in asked} == {1}, "each was the second try"


def test_each_method_is_let_in_after_the_death_of_the_daemon(tmp_path: Path) -> None:
    with (
        scene_of(tmp_path) as scene,
        scene.daemon() as first,
        scene.callee("uas-all-methods") as desk,
        scene.caller("uac-all-methods", "-d", "2000") as caller,
    ):
        first.wait_for(lambda event: event.get("event") == "call", "the call to be up")
        first.kill()
        with scene.daemon() as second:
            assert caller.finish(20) == 0, caller.complaints()
            assert desk.finish(20) == 0, desk.complaints()
            check_daemon(second)
    check_order(desk)
    check_order(caller)


def test_a_wrong_password_is_said_at_the_second_call_and_never_shown(tmp_path: Path) -> None:
    with scene_of(tmp_path, "hunter2wrong") as scene, scene.daemon() as daemon:
        for _ in range(2):
            assert not [event for event in daemon.events if event.get("code") == "NOT_LET_IN"]
            with scene.caller("uac-expect-final", "-set", "want", "480") as caller:
                assert caller.finish(20) == 0, caller.complaints()
        daemon.wait_for(lambda event: event.get("code") == "NOT_LET_IN", "the verdict")
        (said,) = [event for event in daemon.events if event.get("code") == "NOT_LET_IN"]
        assert (said["trunk"], said["new"]) == ("far", "degraded")
        assert said["why"] == "credentials refused in the realm 'carrier'"
        check_daemon(daemon)

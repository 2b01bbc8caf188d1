"""A trunk of another make that asks for credentials: SIPp, which checks them and the order of CSeq numbers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.sipp.daemon import Daemon
from tests.sipp.process import Ports, Sipp, read_script

pytestmark = pytest.mark.sipp

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-basic", "uac-reinvite", "uac-survive", "uas-ask-each", "uas-ask-strangers"))

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  carrier-a: {{uri: "sip:127.0.0.1:{first}", carrier: a, probe: off, auth: {{user: callward, password: "${{file:password}}"}}}}
  carrier-b: {{uri: "sip:127.0.0.1:{second}", carrier: b, probe: off}}
endpoints:
  answering: {{number: "+15550199", via: [carrier-a, carrier-b], live: true}}
chains:
  main: [{{ring: [answering]}}]
routes:
  - {{did: "+15557000", chain: main}}
access: anyone
"""


class Scene:
    """The ports and files of one test."""

    def __init__(self, folder: Path, start: int, password: str = "hunter2") -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + start)  # runs side by side must not meet
        self.proxy, self.first, self.second = (self.ports.pick() for _ in range(3))
        self.dialplan = folder / "dialplan.yaml"
        self.dialplan.write_text(DIALPLAN.format(proxy=self.proxy, first=self.first, second=self.second))
        (folder / "password").write_text(f"{password}\n")

    def daemon(self) -> Daemon:
        """A daemon; the state folder is the same in each of its lives."""
        return Daemon(self.dialplan, self.folder / "state")

    def callee(self, scenario: str, port: int = 0) -> Sipp:
        """The trunk that asks, or who has this port."""
        return Sipp(scenario, read_script(scenario), self.folder, self.ports, 60, port=port or self.first)

    def caller(self, scenario: str, *arguments: str) -> Sipp:
        """Somebody who knows of no credentials."""
        load = ("-s", "+15557000", *arguments)
        return Sipp("caller", read_script(scenario), self.folder, self.ports, 60, self.proxy, load)


def records_of(daemon: Daemon) -> list[dict[str, object]]:
    return [dict(event) for event in daemon.events if event.get("event") == "call"]


def test_each_request_is_let_in_by_a_trunk_that_asks_each_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 9600)
    with scene.daemon() as daemon, scene.callee("uas-ask-each") as trunk, scene.caller("uac-basic") as caller:
        assert caller.finish(20) == 0, caller.complaints()
        assert trunk.finish(20) == 0, trunk.complaints()
        daemon.wait_for(lambda _: len(records_of(daemon)) == 1, "the record of the call")
    (record,) = records_of(daemon)
    assert (record["status"], record["winner"]) == (200, "answering via carrier-a")
    assert not [message for message in caller.messages() if message.start.startswith(("SIP/2.0 401", "SIP/2.0 407"))]
    asked = [message.start for message in trunk.messages() if not message.received]
    assert [line.partition(" ")[2] for line in asked] == [
        "401 Unauthorized",
        "180 Ringing",
        "200 OK",
        "401 Unauthorized",
        "200 OK",
    ]


def test_calls_stay_in_order_while_the_daemon_is_killed_again_and_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 9700)
    calls = 40
    with scene.callee("uas-ask-strangers"), scene.daemon() as first:
        load = ("-r", "40", "-m", str(calls), "-d", "2500")
        with scene.caller("uac-survive", *load) as caller:
            first.wait_for(lambda _: len(records_of(first)) == calls, "all calls to be up")
            first.kill()
            with scene.daemon() as second:
                assert caller.finish(50) == 0, caller.complaints()
                assert records_of(second) == [], "what is within a dialog is no new call"


def test_a_wrong_password_is_said_without_being_shown_and_the_call_goes_another_way(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 9800, password="hunter3")
    with (
        scene.daemon() as daemon,
        scene.callee("uas-ask-strangers"),
        scene.callee("uas-answer", scene.second) as other,
        scene.caller("uac-basic") as caller,
    ):
        assert caller.finish(20) == 0, caller.complaints()
        assert other.finish(20) == 0, other.complaints()
        daemon.wait_for(lambda _: len(records_of(daemon)) == 1, "the record of the call")
    (record,) = records_of(daemon)
    attempts = record["attempts"]
    assert isinstance(attempts, list)
    assert [(attempt["path"], attempt["cause"]) for attempt in attempts] == [
        ("answering via carrier-a", "403"),
        ("answering via carrier-b", ""),
    ]
    assert not [line for line in daemon.lines if "hunter3" in line]

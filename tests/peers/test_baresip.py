"""Debian's baresip as a phone behind the real daemon: it is called, calls, and loses a fork; SIPp is the other side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.peers.tones import write_tone
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = [pytest.mark.peers, pytest.mark.sipp]

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-basic", "uac-hung-up", "uas-ring-forever-lost", "uas-ring-then-answer"))

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tcp: "127.0.0.1:{proxy}"}}]
trunks:
  home: {{uri: "sip:127.0.0.1:{baresip};transport={transport}", caller_id: own, diversion: true}}
  other: {{uri: "sip:127.0.0.1:{other}", probe: off}}
endpoints:
  baresip: {{user: "100", via: [home]}}
  neighbour: {{user: "101", via: [other]}}
chains:
  baresip: [{{ring: [baresip]}}]
  neighbour: [{{ring: [neighbour]}}]
  both: [{{ring: [baresip, neighbour], mode: parallel}}]
routes:
  - {{did: "+15557000", chain: baresip}}
  - {{did: "+15557001", chain: neighbour}}
  - {{did: "+15557002", chain: both}}
"""
BARESIP, NEIGHBOUR, BOTH = "+15557000", "+15557001", "+15557002"
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])  # between baresip and callward


class Scene:
    """baresip and the daemon."""

    def __init__(self, folder: Path, transport: str) -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + 5600)  # runs side by side must not meet
        self.proxy, self.other = self.ports.pick(), self.ports.pick()
        write_tone(folder / "tone.wav", 500)
        self.baresip = Baresip("100", folder, self.ports, folder / "tone.wav")
        dialplan = folder / "dialplan.yaml"
        ports = {"proxy": self.proxy, "other": self.other, "baresip": self.baresip.port}
        dialplan.write_text(DIALPLAN.format(**ports, transport=transport))
        self.daemon = Daemon(dialplan, folder / "state")

    def neighbour(self, scenario: str) -> Sipp:
        """The other phone, for one call."""
        arguments = ("-m", "1")
        return Sipp(scenario, read_script(scenario), self.folder, self.ports, 60, None, arguments, self.other)

    def caller(self, scenario: str, did: str) -> Sipp:
        """Somebody calls."""
        return Sipp(scenario, read_script(scenario), self.folder, self.ports, 60, self.proxy, ("-s", did))

    def winner(self) -> object:
        """Who answered the one call there was, as the daemon wrote it."""
        self.daemon.wait_for(lambda event: event.get("event") == "call", "the record")
        (record,) = (event for event in self.daemon.events if event.get("event") == "call")
        return record["winner"]


@contextmanager
def scene_of(folder: Path, transport: str) -> Iterator[Scene]:
    """Both running, and the daemon sure that the phone is there."""
    scene = Scene(folder, transport)
    with scene.baresip, scene.daemon:
        scene.daemon.wait_for(lambda event: (event.get("trunk"), event.get("new")) == ("home", "up"), "the trunk")
        yield scene
        assert not [line for line in scene.daemon.lines if "Traceback" in line or '"level": "error"' in line]


def finish(party: Sipp) -> None:
    """It went as its scenario says."""
    assert party.finish(20) == 0, party.complaints()


@TRANSPORTS
@pytest.mark.parametrize("who", ["caller", "baresip"])
def test_baresip_is_called_and_either_side_hangs_up(tmp_path: Path, transport: str, who: str) -> None:
    with scene_of(tmp_path, transport) as scene:
        with scene.caller("uac-basic" if who == "caller" else "uac-hung-up", BARESIP) as caller:
            scene.baresip.wait_for_event("CALL_INCOMING")
            scene.baresip.do("accept")
            scene.baresip.wait_for_event("CALL_ESTABLISHED")
            if who == "baresip":
                scene.baresip.do("hangup")
            scene.baresip.wait_for_event("CALL_CLOSED")
            finish(caller)
        assert scene.winner() == "baresip via home"


@TRANSPORTS
def test_baresip_calls_and_hangs_up(tmp_path: Path, transport: str) -> None:
    with scene_of(tmp_path, transport) as scene, scene.neighbour("uas-ring-then-answer") as neighbour:
        scene.baresip.do("dial", f"sip:{NEIGHBOUR}@{HOST}:{scene.proxy};transport={transport}")
        scene.baresip.wait_for_event("CALL_RINGING")
        scene.baresip.wait_for_event("CALL_ESTABLISHED")
        scene.baresip.do("hangup")
        scene.baresip.wait_for_event("CALL_CLOSED")
        finish(neighbour)
        assert scene.winner() == "neighbour via other"


@TRANSPORTS
def test_baresip_loses_the_fork_and_hears_that_somebody_else_answered(tmp_path: Path, transport: str) -> None:
    with (
        scene_of(tmp_path, transport) as scene,
        scene.neighbour("uas-ring-then-answer"),
        scene.caller("uac-basic", BOTH) as caller,
    ):
        scene.baresip.wait_for_event("CALL_INCOMING")
        scene.baresip.wait_for_event("CALL_CLOSED")
        finish(caller)
        assert scene.winner() == "neighbour via other"
        cancel = scene.baresip.wait_for(lambda line: line.startswith("CANCEL sip:100@"), "the CANCEL")
        reason = scene.baresip.wait_for(lambda line: line.startswith("Reason:"), "its Reason", cancel)
        assert scene.baresip.lines[reason] == 'Reason: SIP;cause=200;text="Call completed elsewhere"'


def test_baresip_wins_the_fork(tmp_path: Path) -> None:
    """The other phone's scenario asks for the same Reason."""
    with (
        scene_of(tmp_path, "udp") as scene,
        scene.neighbour("uas-ring-forever-lost") as neighbour,
        scene.caller("uac-basic", BOTH) as caller,
    ):
        scene.baresip.wait_for_event("CALL_INCOMING")
        scene.baresip.do("accept")
        scene.baresip.wait_for_event("CALL_CLOSED")
        finish(caller)
        finish(neighbour)
        assert scene.winner() == "baresip via home"

"""Voice through Debian's rtpengine: a phone behind NAT, whose SDP leads nowhere, is heard and hears all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers.pjsua2_phone import HAS_PJSUA2, NO_PJSUA2, Softphone
from tests.peers.rtpengine import Rtpengine
from tests.peers.test_pjsua2 import Scene
from tests.sipp.process import Ports

pytestmark = [pytest.mark.peers, pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)]

#: Of loopback, so that nothing leaves this machine, but nobody listens there.
NOWHERE = "127.9.9.9"


class Anchored(Scene):
    """The desk is behind NAT, and its trunk is anchored in ``relay``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "udp")
        ports = Ports(7000)
        self.desk = Softphone("desk", folder, ports, "udp", folder / "desk.wav", says=NOWHERE)
        self.relay = Rtpengine(folder, ports)
        text = self.dialplan.read_text().replace(
            "endpoints:", f'media: {{rtpengine: "127.0.0.1:{self.relay.port}"}}\nendpoints:'
        )
        desk = f'desk-pbx: {{uri: "{self.desk.uri}", nat: true, media: anchor}}'
        lines = [f"  {desk}" if line.strip().startswith("desk-pbx:") else line for line in text.splitlines()]
        self.dialplan.write_text("\n".join([*lines, ""]))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Anchored]:
    scene = Anchored(tmp_path)
    with ExitStack() as stack:
        for party in (scene.caller, scene.desk, scene.relay, scene.daemon):
            stack.enter_context(party)
        scene.daemon.wait_for(lambda event: (event.get("trunk"), event.get("new")) == ("desk-pbx", "up"), "the desk")
        yield scene


def test_both_hear_each_other_before_and_after_hold_and_a_restart(scene: Anchored) -> None:
    scene.connect()
    assert len(scene.relay.calls()) == 1
    scene.hear(scene.caller, scene.desk)
    scene.hold_and_resume(scene.caller, scene.desk)
    scene.daemon.kill()
    with scene.make_daemon():
        scene.hold_and_resume(scene.desk, scene.caller)
        scene.hear(scene.caller, scene.desk)
        scene.caller.do("hang_up")
        scene.desk.wait_for("state", state="DISCONNECTED", status=200)
        scene.caller.wait_for("state", state="DISCONNECTED", status=200)
        assert scene.relay.calls() == []


def test_without_the_relay_the_call_is_set_up_all_the_same(scene: Anchored) -> None:
    scene.relay.__exit__(None, None, None)
    scene.connect()
    scene.daemon.wait_for(lambda event: event.get("event") == "media relay", "that the relay is gone")
    scene.desk.do("hang_up")
    scene.caller.wait_for("state", state="DISCONNECTED", status=200)

"""Session timers (RFC 4028) of phones of another make, pjsua2, across the real daemon: they keep a call counted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest

from controller import clock
from controller.callbook import FILE
from controller.control import ask
from tests.peers.pjsua2_phone import HAS_PJSUA2, NO_PJSUA2, Softphone
from tests.peers.tones import write_tone
from tests.sip import wire
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports
from tests.sipp.test_reload import peers

pytestmark = [pytest.mark.peers, pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)]

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks: {{pbx: {{uri: "{desk}", limits: {{calls: 5}}}}}}
endpoints: {{desk: {{user: "100", via: [pbx], live: true}}}}
chains: {{main: [{{ring: [desk]}}]}}
routes: [{{did: "+15557000", chain: main}}]
"""
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
SHORTEST = 90  # seconds: RFC 4028 §4, and pjsua2 takes no less
GRACE = 32.0


class Scene:
    """Two phones and the daemon between them."""

    def __init__(self, folder: Path, caller: tuple[int, int], desk: tuple[int, int], uri: str = "") -> None:
        """``uri`` is of somebody who answers in the place of the desk."""
        ports = Ports(31 * os.getpid() + 5400)
        self.state, self.proxy, tone = folder / "state", ports.pick(), folder / "tone.wav"
        write_tone(tone, 500)
        self.caller = Softphone("caller", folder, ports, "udp", tone, session=caller)
        self.desk = Softphone("desk", folder, ports, "udp", tone, session=desk)
        file = folder / "dialplan.yaml"
        file.write_text(DIALPLAN.format(proxy=self.proxy, desk=uri or self.desk.uri))
        self.daemon = Daemon(file, self.state)

    def connect(self) -> None:
        self.caller.do("dial", uri=f"sip:+15557000@{HOST}:{self.proxy}")
        self.desk.wait_for("incoming")
        self.desk.do("answer")
        for phone in (self.caller, self.desk):
            phone.wait_for("state", state="CONFIRMED")

    def session_after(self, moment: float, patience: float = 20.0) -> float:
        """When the one call counts no more, in seconds since the epoch, once it was heard of after ``moment``."""
        until = clock.monotonic() + patience
        while clock.monotonic() < until:
            written = json.loads((self.state / FILE).read_text()) if (self.state / FILE).exists() else {"calls": []}
            for _, _, _, _, heard, session in written["calls"]:
                if heard > moment:
                    assert session is not None, "it has a session timer"
                    return float(session)
            Event().wait(0.1)
        raise AssertionError("no word of the call")

    def counted(self) -> int:
        """The calls to the desk; at one address with it, the caller's come from its trunk as well."""
        (row,) = ask(self.state, "status")["status"]["limits"]
        return int(row["calls"]) - int(row["in"])


@contextmanager
def scene_of(folder: Path, caller: tuple[int, int], desk: tuple[int, int]) -> Iterator[Scene]:
    scene = Scene(folder, caller, desk)
    with ExitStack() as stack:
        for party in (scene.caller, scene.desk, scene.daemon):
            stack.enter_context(party)
        scene.daemon.wait_for(lambda event: (event.get("trunk"), event.get("new")) == ("pbx", "up"), "the phone")
        yield scene
        assert not [line for line in scene.daemon.lines if "Traceback" in line]


def test_a_session_timer_is_seen_and_a_reinvite_renews_it(tmp_path: Path) -> None:
    with scene_of(tmp_path, (SHORTEST, SHORTEST), (SHORTEST, SHORTEST)) as scene:
        before = clock.epoch()
        scene.connect()
        first = scene.session_after(before)
        assert before + SHORTEST + GRACE <= first <= clock.epoch() + SHORTEST + GRACE
        renewed = clock.epoch()
        scene.caller.do("hold")
        scene.desk.wait_for("media", state="held there")
        assert scene.session_after(renewed) >= renewed + SHORTEST + GRACE
        assert scene.counted() == 1
        for phone in (scene.caller, scene.desk):
            phone.wait_for("settled")
        scene.caller.do("hang_up")
        scene.desk.wait_for("state", state="DISCONNECTED")
        assert scene.counted() == 0


def test_too_short_a_session_is_refused_through_us_and_tried_again(tmp_path: Path) -> None:
    """422 with Min-SE passes; the caller offers more (RFC 4028 §7.4), and the call counts once."""
    with peers(1) as (desk,):
        scene = Scene(tmp_path, (SHORTEST, SHORTEST), (SHORTEST, SHORTEST), f"sip:{HOST}:{desk.port}")
        with scene.caller, scene.daemon:
            before = clock.epoch()
            scene.caller.do("dial", uri=f"sip:+15557000@{HOST}:{scene.proxy}")
            first = desk.wait_for_request("INVITE")
            assert (first.get("session-expires"), first.get("min-se")) == (str(SHORTEST), str(SHORTEST))
            desk.send(wire.answer(first, 422, "first", extra=["Min-SE: 300"]), scene.proxy)
            second = desk.wait_for_request("INVITE")
            assert (second.get("session-expires"), second.get("min-se")) == ("300", "300")
            session = ["Session-Expires: 300;refresher=uac", "Require: timer", f"Contact: {desk.contact}"]
            desk.send(wire.answer(second, 200, "second", extra=session, sdp=SDP), scene.proxy)
            desk.wait_for("ACK ")
            assert scene.session_after(before) >= before + 300
            scene.daemon.wait_until(lambda: scene.daemon.counts["call"] == 2, "the records of both tries")
            assert [event["status"] for event in scene.daemon.events if event.get("event") == "call"] == [422, 200]
            assert scene.counted() == 1


@pytest.mark.long
def test_phones_refresh_their_session_by_themselves_and_the_call_counts_on(tmp_path: Path) -> None:
    """Half of it is over when the refresher speaks: a minute and a half for two refreshes."""
    with scene_of(tmp_path, (SHORTEST, SHORTEST), (SHORTEST, SHORTEST)) as scene:
        moment = clock.epoch()
        scene.connect()
        for _ in range(3):
            scene.session_after(moment, patience=SHORTEST)
            moment = clock.epoch()
        assert scene.counted() == 1
        assert scene.desk.requests().keys() & {"UPDATE", "INVITE"}
        scene.caller.do("hang_up")
        scene.desk.wait_for("state", state="DISCONNECTED")

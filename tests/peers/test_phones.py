"""Phones that callward knows by a password only: pjsua2 calls over TCP, and is asked; baresip knows no hash but MD5.

phone (127.0.0.9) -> callward (127.0.0.1, a listener for phones) -> desk (127.0.0.1, a trunk)
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.certificates import Workshop
from tests.peers.baresip import Baresip
from tests.peers.pjsua2_phone import HAS_PJSUA2, NO_PJSUA2, Softphone
from tests.peers.tones import write_tone
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports

pytestmark = pytest.mark.peers

AWAY = "127.0.0.9"  # no trunk is there
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tcp: "127.0.0.1:{proxy}", phones: true}}{more}]
users:
  anna: {{password: "${{file:anna.password}}", trunk: anna-phone}}
  branch: {{password: "${{file:anna.password}}", trunk: branch}}
trunks:
  desk-pbx: {{uri: "{desk}", probe: off}}
  branch: {{uri: "sip:192.0.2.70", probe: off}}
  anna-phone: {{uri: registered}}
endpoints:
  desk: {{user: "100", via: [desk-pbx]}}
  anna: {{user: anna, via: [anna-phone]}}
chains:
  desk: [{{ring: [desk]}}]
  anna: [{{ring: [anna]}}, {{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: desk}}
  - {{did: "+15557001", chain: anna}}
  - {{outbound: {{prefix: "+1"}}, from: [branch], via: [desk-pbx]}}
"""
PASSWORD = "open-sesame"


class Scene:
    """A desk behind a trunk, and the daemon; phones come over TCP or, with a workshop for certificates, over TLS."""

    def __init__(self, folder: Path, workshop: Workshop | None = None) -> None:
        self.folder = folder
        self.transport, self.secure, more = "tcp", None, ""
        if workshop is not None:
            ours = workshop.make("ours", f"DNS:callward.example,IP:{HOST}")
            pair = workshop.make("phone", f"DNS:phone.example,IP:{AWAY}")
            self.transport = "tls"
            self.secure = str(pair.certificate), str(pair.key), str(workshop.authority.certificate)
            more = (
                f', {{tls: "127.0.0.1:{{proxy}}", phones: true, certificate: "{ours.certificate}", key: "{ours.key}"}}'
            )
        self.ports = Ports(41 * os.getpid() + 3100)  # runs side by side must not meet
        self.proxy = self.ports.pick()
        self.tone = folder / "tone.wav"
        write_tone(self.tone, 500)
        self.desk = Softphone("desk", folder, self.ports, "tcp", self.tone, listens=True)
        (folder / "anna.password").write_text(f"{PASSWORD}\n")
        dialplan = folder / "dialplan.yaml"
        dialplan.write_text(
            DIALPLAN.format(proxy=self.proxy, desk=self.desk.uri, more=more.replace("{proxy}", str(self.proxy + 1)))
        )
        self.daemon = Daemon(dialplan, folder / "state")

    def phone(self, user: str, password: str = PASSWORD, *, registers: bool = False) -> Softphone:
        """Somebody who is not at the address of a trunk."""
        registrar = f"sip:{HOST}:{self.port};transport={self.transport}" if registers else ""
        return Softphone(
            user,
            self.folder,
            self.ports,
            self.transport,
            self.tone,
            host=AWAY,
            password=password,
            secure=self.secure,
            registrar=registrar,
        )

    @property
    def port(self) -> int:
        """Where phones find the daemon."""
        return self.proxy + (self.transport == "tls")

    def number(self, did: str) -> str:
        """What one dials for it."""
        return f"sip:{did}@{HOST}:{self.port};transport={self.transport}"

    def records(self) -> list[tuple[str, str, int]]:
        """Of each call: the number, whose it was, what came of it."""
        calls = [event for event in self.daemon.events if event.get("event") == "call"]
        return [(call["winner"], call["from_trunk"], call["status"]) for call in calls]


@pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)
def test_phone_with_a_password_calls_holds_and_hangs_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.desk, scene.phone("anna") as phone, scene.daemon:
        for _ in range(2):  # the second time it tries the nonce of the first call, and is asked for another
            phone.do("dial", uri=scene.number("+15557000"))
            scene.desk.wait_for("incoming")
            scene.desk.do("answer")
            for party in (phone, scene.desk):
                party.wait_for("state", state="CONFIRMED")
            phone.do("hold")
            scene.desk.wait_for("media", state="held there")
            phone.do("hang_up")
            for party in (phone, scene.desk):
                party.wait_for("state", state="DISCONNECTED", status=200)
        scene.daemon.wait_for(lambda _: len(scene.records()) == 2, "both records")
        assert scene.records() == [("desk via desk-pbx", "anna-phone", 200)] * 2
        assert not [line for line in scene.daemon.lines if PASSWORD in line or "Traceback" in line]


@pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)
def test_pbx_without_an_address_calls_out_and_a_phone_does_not(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.desk, scene.phone("branch") as pbx, scene.phone("anna") as phone, scene.daemon:
        phone.do("dial", uri=scene.number("+15550123"))
        phone.wait_for("state", state="DISCONNECTED", status=404)
        pbx.do("dial", uri=scene.number("+15550123"))
        scene.desk.wait_for("incoming")
        scene.desk.do("answer")
        pbx.wait_for("state", state="CONFIRMED")
        pbx.do("hang_up")
        pbx.wait_for("state", state="DISCONNECTED", status=200)
        scene.daemon.wait_for(lambda _: len(scene.records()) == 2, "both records")
        assert scene.records()[1][1:] == ("branch", 200)


@pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)
def test_whoever_has_no_right_password_rings_nobody(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.daemon:
        for user, password in (("anna", "wrong"), ("nobody", PASSWORD), ("stranger", "")):
            with scene.phone(user, password) as phone:
                phone.do("dial", uri=scene.number("+15557000"))
                phone.wait_for("state", state="DISCONNECTED", status=401)
        assert scene.records() == []


@pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_phone_that_has_registered_is_called_and_when_it_is_gone_the_next_one_is(
    tmp_path: Path, transport: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scene = Scene(tmp_path, Workshop(tmp_path_factory.mktemp("certificates")) if transport == "tls" else None)
    with scene.daemon, scene.desk:
        with scene.phone("anna", registers=True) as phone:
            phone.wait_for("registration", status=200)
            scene.daemon.wait_for(lambda event: event.get("bound") is True, "anna to be there")
            scene.desk.do("dial", uri=f"sip:+15557001@{HOST}:{scene.proxy};transport=tcp")
            phone.wait_for("incoming")
            phone.do("answer")
            for party in (scene.desk, phone):
                party.wait_for("state", state="CONFIRMED")
            scene.desk.do("hold")
            phone.wait_for("media", state="held there")
            phone.do("hang_up")
            for party in (scene.desk, phone):
                party.wait_for("state", state="DISCONNECTED", status=200)
            phone.do("dial", uri=scene.number("+15557000"))
            scene.desk.wait_for("incoming")
            scene.desk.do("answer")
            phone.wait_for("state", state="CONFIRMED")
            scene.desk.do("hang_up")
            phone.wait_for("state", state="DISCONNECTED", status=200)
        scene.daemon.wait_for(lambda event: event.get("bound") is False, "anna to be gone")
        with scene.phone("branch") as branch:
            branch.do("dial", uri=scene.number("+15557001"))
            scene.desk.wait_for("incoming")
            scene.desk.do("answer")
            branch.wait_for("state", state="CONFIRMED")
            branch.do("hang_up")
            branch.wait_for("state", state="DISCONNECTED", status=200)
        scene.daemon.wait_for(lambda _: len(scene.records()) == 3, "the records")
        assert [winner for winner, _, _ in scene.records()] == [
            "anna via anna-phone",
            "desk via desk-pbx",
            "desk via desk-pbx",
        ]
        assert not [line for line in scene.daemon.lines if PASSWORD in line or "Traceback" in line]


def test_phone_that_knows_no_hash_but_md5_is_not_let_in(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    account = f";auth_user=anna;auth_pass={PASSWORD};transport=tcp"
    with Baresip("anna", tmp_path, scene.ports, scene.tone, host=AWAY, account=account) as phone, scene.daemon:
        phone.do("dial", scene.number("+15557000"))
        phone.wait_for_event("CALL_CLOSED")
        assert scene.records() == []

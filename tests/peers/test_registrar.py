"""Kamailio as the registrar of a carrier, with digest: we register, calls come in by it, it dies, another takes over.

caller -> registrar (Kamailio) -> callward -> desk
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.peers.kamailio import KamailioRegistrar
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = [pytest.mark.peers, pytest.mark.sipp]

#: Scenarios that this file runs outside the matrix.
USED = frozenset(
    ("uac-basic", "uac-cancel-while-ringing", "uac-expect-final", "uas-answer-after-ring", "uas-ring-forever")
)

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tcp: "127.0.0.1:{proxy}"}}]
trunks:
  telco:
    uri: "sip:127.0.0.1:{carrier};transport={transport}"
    probe: off
    auth: {{user: "15557000", password: "${{file:carrier.password}}"}}
    register: {{domain: carrier.example, registrars: [{registrars}]}}
  pbx: {{uri: "sip:127.0.0.1:{desk}", probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
chains:
  desk: [{{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: desk}}
"""
USER, PASSWORD = "15557000", "open sesame"


class Scene:
    """One daemon and its registrars."""

    def __init__(
        self, folder: Path, transport: str = "udp", algorithm: str = "SHA-256", password: str = PASSWORD
    ) -> None:
        self.folder = folder
        self.ports = Ports(37 * os.getpid() + 4100)  # runs side by side must not meet
        self.proxy, self.desk, *carriers = (self.ports.pick() for _ in range(4))
        self.carriers = [
            KamailioRegistrar(f"carrier-{number}", folder, port, PASSWORD, algorithm)
            for number, port in enumerate(carriers, 1)
        ]
        self.registrar_ports = carriers
        uris = (f'"sip:{HOST}:{port};transport={transport}"' for port in carriers)
        (folder / "carrier.password").write_text(f"{password}\n")
        self.dialplan = folder / "dialplan.yaml"
        self.dialplan.write_text(
            DIALPLAN.format(
                proxy=self.proxy,
                desk=self.desk,
                carrier=carriers[0],
                transport=transport,
                registrars=", ".join(uris),
            )
        )
        self.daemon = Daemon(self.dialplan, folder / "state")

    def callee(self, scenario: str) -> Sipp:
        """The desk."""
        return Sipp(scenario, read_script(scenario), self.folder, self.ports, 60, port=self.desk)

    def caller(self, scenario: str, carrier: int, *more: str) -> Sipp:
        """Somebody calls our number at a carrier."""
        arguments = ("-s", USER, *more)
        return Sipp(
            scenario, read_script(scenario), self.folder, self.ports, 60, self.registrar_ports[carrier], arguments
        )

    def registered(self, daemon: Daemon, bound: bool = True, where: str = "") -> None:
        """Until the daemon says so."""
        daemon.wait_for(
            lambda event: event.get("event") == "registration" and event["bound"] is bound and where in event["why"],
            f"registration {bound} {where}",
        )


@pytest.mark.parametrize(("transport", "algorithm"), [("udp", "SHA-256"), ("tcp", "MD5")])
def test_registers_with_digest_is_called_by_it_and_leaves_at_the_end(
    tmp_path: Path, transport: str, algorithm: str
) -> None:
    scene = Scene(tmp_path, transport, algorithm)
    carrier = scene.carriers[0]
    with carrier, scene.daemon:
        scene.registered(scene.daemon)
        assert carrier.count("challenged") == 1
        with scene.callee("uas-answer-after-ring") as desk, scene.caller("uac-basic", 0) as caller:
            assert (caller.finish(20), desk.finish(20)) == (0, 0), caller.complaints() + desk.complaints()
        scene.daemon.wait_for(lambda event: event.get("event") == "call", "the record")
        (record,) = [event for event in scene.daemon.events if event.get("event") == "call"]
        assert (record["status"], record["winner"], record["from_trunk"]) == (200, "desk via pbx", "telco")
        if transport == "udp":  # one is enough to wait for
            first = carrier.wait_for(lambda line: "registered" in line, "the first time")
            carrier.wait_for(lambda line: "registered" in line, "a refresh", first + 1)
        assert scene.daemon.stop() == 0
        carrier.wait_for(lambda line: "registered" in line and " for 0 " in line, "the end of the binding")
        with scene.caller("uac-expect-final", 0, "-set", "want", "480") as caller:
            assert caller.finish(20) == 0, caller.complaints()


def test_caller_gives_up_through_the_registrar(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.carriers[0], scene.daemon:
        scene.registered(scene.daemon)
        with scene.callee("uas-ring-forever") as desk, scene.caller("uac-cancel-while-ringing", 0) as caller:
            assert (caller.finish(20), desk.finish(20)) == (0, 0), caller.complaints() + desk.complaints()


def test_registrar_that_dies_is_replaced_by_the_second_and_calls_come_by_that(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    first, second = scene.carriers
    with first, second, scene.daemon:
        scene.registered(scene.daemon, where=f":{scene.registrar_ports[0]}")
        first.signal(signal.SIGKILL)
        second.wait_for(lambda line: "registered" in line, "the daemon to come to the second registrar")
        with scene.callee("uas-answer-after-ring") as desk, scene.caller("uac-basic", 1) as caller:
            assert (caller.finish(20), desk.finish(20)) == (0, 0), caller.complaints() + desk.complaints()
        assert not [event for event in scene.daemon.events if event.get("bound") is False], "there was never a gap"


def test_daemon_killed_comes_back_to_the_same_binding(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    carrier = scene.carriers[0]
    with carrier:
        contacts = set()
        for life in range(1, 3):
            with Daemon(scene.dialplan, tmp_path / "state") as daemon:
                scene.registered(daemon)
                contacts |= {
                    line.split(" at ")[1].split(";expires")[0] for line in carrier.lines if "registered" in line
                }
                daemon.signal(signal.SIGKILL)
                daemon.wait()
            assert len(contacts) == 1, life
        with Daemon(scene.dialplan, tmp_path / "state") as daemon:
            scene.registered(daemon)
            with scene.callee("uas-answer-after-ring") as desk, scene.caller("uac-basic", 0) as caller:
                assert (caller.finish(20), desk.finish(20)) == (0, 0), caller.complaints() + desk.complaints()


def test_wrong_password_is_said_and_the_trunk_is_degraded(tmp_path: Path) -> None:
    scene = Scene(tmp_path, password="not this")
    with scene.carriers[0], scene.carriers[1], scene.daemon:
        scene.registered(scene.daemon, False, "401")
        scene.daemon.wait_for(lambda event: event.get("code") == "NOT_REGISTERED", "the verdict")
        assert not [line for line in scene.daemon.lines if "not this" in line or PASSWORD in line]

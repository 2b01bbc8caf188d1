"""TLS with programs of others on both sides of the real daemon: pjsua2, baresip and Kamailio, each of which shows its
certificate and checks ours, as ours checks theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.certificates import Pair, Workshop
from tests.peers.baresip import Baresip
from tests.peers.kamailio import Kamailio, KamailioRegistrar, speak_tls
from tests.peers.pjsua2_phone import HAS_PJSUA2, NO_PJSUA2, Softphone
from tests.peers.test_pjsua2 import THROUGH_US, TONES, Scene
from tests.peers.tones import write_tone
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = [pytest.mark.peers, pytest.mark.sipp]

#: Scenarios that this file runs outside the matrix.
USED = frozenset(("uac-basic", "uac-hung-up", "uac-reinvite", "uas-answer-after-ring", "uas-hang-up", "uas-reinvite"))

LISTEN = """\
version: 1
access: anyone
tls: {{certificate: "{ours}.pem", key: "{ours}.key", ca: "{ca}", verify: clients}}
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tls: "127.0.0.1:{proxy}"}}]
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("certificates"))
    workshop.make("ours", f"DNS:callward.example,IP:{HOST}")
    return workshop


def listen(workshop: Workshop, proxy: int) -> str:
    ours, ca = workshop.folder / "ours", workshop.authority.certificate
    return LISTEN.format(ours=ours, ca=ca, proxy=proxy)


def in_one_file(pair: Pair) -> Path:
    """Certificate and key as some want them."""
    file = pair.certificate.with_suffix(".both")
    file.write_text(pair.certificate.read_text() + pair.key.read_text())
    return file


def is_clean(daemon: Daemon) -> bool:
    return not [line for line in daemon.lines if "Traceback" in line or '"level": "error"' in line]


# --------------------------------------------------------------------------- pjsua2


PHONES = """\
trunks:
  desk-pbx: {{uri: "{scheme}:127.0.0.1:{desk}{kind}"}}
  colleague-pbx: {{uri: "{scheme}:127.0.0.1:{colleague}{kind}"}}
endpoints:
  desk: {{user: "100", via: [desk-pbx]}}
  colleague: {{user: "101", via: [colleague-pbx]}}
chains:
  desk: [{{ring: [desk]}}]
  colleague: [{{ring: [colleague]}}]
routes:
  - {{did: "+15557000", chain: desk}}
  - {{did: "+15557001", chain: colleague}}
"""


class SecureScene(Scene):
    """Three phones and the daemon between them, TLS all the way."""

    def __init__(self, folder: Path, workshop: Workshop) -> None:
        self.folder = folder
        ports = Ports(31 * os.getpid() + 6000)  # runs side by side must not meet
        self.proxy = ports.pick()
        pair = workshop.make("phone", f"DNS:phone.example,IP:{HOST}")
        secure = str(pair.certificate), str(pair.key), str(workshop.authority.certificate)
        for user, hertz in TONES.items():
            write_tone(folder / f"{user}.wav", hertz)
        self.caller, self.desk, self.colleague = (
            Softphone(user, folder, ports, "tls", folder / f"{user}.wav", secure=secure) for user in TONES
        )
        self.transport = "tls"
        self.dialplan = folder / "dialplan.yaml"
        ports_of = {"desk": self.desk.port, "colleague": self.colleague.port}
        phones = PHONES.format(scheme="sip", kind=";transport=tls", **ports_of)
        self.dialplan.write_text(listen(workshop, self.proxy) + phones)
        self.daemon = self.make_daemon()


@pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)
def test_pjsua2_calls_pjsua2_over_tls_and_both_hold_and_hear(tmp_path: Path, workshop: Workshop) -> None:
    scene = SecureScene(tmp_path, workshop)
    with ExitStack() as stack:
        for party in (scene.caller, scene.desk, scene.daemon):
            stack.enter_context(party)
        scene.daemon.wait_for(lambda event: (event.get("trunk"), event.get("new")) == ("desk-pbx", "up"), "the desk")
        scene.connect()
        scene.hear(scene.caller, scene.desk)
        scene.hold_and_resume(scene.caller, scene.desk)
        scene.hold_and_resume(scene.desk, scene.caller)
        scene.desk.do("hang_up")
        scene.caller.wait_for("state", state="DISCONNECTED", status=200)
        scene.desk.wait_for("state", state="DISCONNECTED", status=200)
        assert scene.caller.requests() == dict.fromkeys(("INVITE", "BYE"), THROUGH_US)
        assert not [line for line in scene.daemon.lines if "Traceback" in line]


# --------------------------------------------------------------------------- baresip


BARESIP = """\
trunks:
  home: {{uri: "sip:127.0.0.1:{baresip};transport=tls"}}
  other: {{uri: "sip:127.0.0.1:{other}", probe: off}}
endpoints:
  baresip: {{user: "100", via: [home]}}
  neighbour: {{user: "101", via: [other]}}
chains:
  baresip: [{{ring: [baresip]}}]
  neighbour: [{{ring: [neighbour]}}]
routes:
  - {{did: "+15557000", chain: baresip}}
  - {{did: "+15557001", chain: neighbour}}
"""


@pytest.mark.parametrize("who", ["caller", "baresip"])
def test_baresip_is_called_over_tls_and_either_side_hangs_up(tmp_path: Path, workshop: Workshop, who: str) -> None:
    ports = Ports(31 * os.getpid() + 6300)
    proxy, other = ports.pick(), ports.pick()
    write_tone(tmp_path / "tone.wav", 500)
    pair = workshop.make("baresip", f"IP:{HOST}")
    secure = in_one_file(pair), workshop.authority.certificate
    baresip = Baresip("100", tmp_path, ports, tmp_path / "tone.wav", secure=secure)
    dialplan = tmp_path / "dialplan.yaml"
    dialplan.write_text(listen(workshop, proxy) + BARESIP.format(baresip=baresip.port + 1, other=other))
    with baresip, Daemon(dialplan, tmp_path / "state") as daemon:
        daemon.wait_for(lambda event: (event.get("trunk"), event.get("new")) == ("home", "up"), "the trunk")
        scenario = "uac-basic" if who == "caller" else "uac-hung-up"
        with Sipp(scenario, read_script(scenario), tmp_path, ports, 60, proxy, ("-s", "+15557000")) as caller:
            baresip.wait_for_event("CALL_INCOMING")
            baresip.do("accept")
            baresip.wait_for_event("CALL_ESTABLISHED")
            if who == "baresip":
                baresip.do("hangup")
            baresip.wait_for_event("CALL_CLOSED")
            assert caller.finish(20) == 0, caller.complaints()
        assert is_clean(daemon)


# --------------------------------------------------------------------------- Kamailio


KAMAILIO = """\
trunks:
  pbx: {{uri: "{scheme}:127.0.0.1:{pbx}{kind}", probe: off, tls: {{name: pbx.example}}}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
chains:
  desk: [{{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: desk}}
"""


@contextmanager
def between_kamailios(folder: Path, workshop: Workshop, scheme: str) -> Iterator[tuple[int, int, Ports, Daemon]]:
    """caller -UDP- carrier -TLS- callward -TLS- pbx -UDP- desk; gives the carrier's port and the desk's."""
    ports = Ports(31 * os.getpid() + 6600)
    proxy, edge, back, desk = (ports.pick() for _ in range(4))
    us = f"sip:{HOST}:{proxy};transport=tls"
    ca = workshop.authority.certificate
    carrier, pbx = (workshop.make(name, f"DNS:{name}.example") for name in ("carrier", "pbx"))
    front = Kamailio("carrier", folder, edge, {r"\+1": us})
    behind = Kamailio("pbx", folder, back, {"100": f"sip:{HOST}:{desk}"})
    speak_tls(folder, "carrier", edge + 1, carrier.certificate, carrier.key, ca)
    speak_tls(folder, "pbx", back + 1, pbx.certificate, pbx.key, ca)
    dialplan = folder / "dialplan.yaml"
    kind = "" if scheme == "sips" else ";transport=tls"
    dialplan.write_text(listen(workshop, proxy) + KAMAILIO.format(pbx=back + 1, scheme=scheme, kind=kind))
    with front, behind, Daemon(dialplan, folder / "state") as daemon:
        yield edge, desk, ports, daemon
        assert is_clean(daemon)


@pytest.mark.parametrize(
    ("caller", "callee"),
    [("uac-reinvite", "uas-reinvite"), ("uac-hung-up", "uas-hang-up")],
    ids=["reinvite", "hang up"],
)
def test_calls_between_kamailios_over_tls(tmp_path: Path, workshop: Workshop, caller: str, callee: str) -> None:
    with (
        between_kamailios(tmp_path, workshop, "sip") as (edge, desk, ports, daemon),
        Sipp(callee, read_script(callee), tmp_path, ports, 60, port=desk) as uas,
        Sipp(caller, read_script(caller), tmp_path, ports, 60, edge, ("-s", "+15557000")) as uac,
    ):
        for party in (uac, uas):
            assert party.finish(20) == 0, party.complaints()
        daemon.wait_for(lambda event: event.get("event") == "call" and event["winner"] == "desk via pbx", "the record")


REGISTERED = """\
trunks:
  telco:
    uri: "sips:127.0.0.1:{carrier}"
    probe: off
    tls: {{name: carrier.example}}
    auth: {{user: "15557000", password: "open sesame"}}
    register: {{domain: carrier.example}}
  pbx: {{uri: "sip:127.0.0.1:{desk}", probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
chains:
  desk: [{{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: desk}}
"""


def test_a_trunk_registers_over_tls_and_is_called_by_it(tmp_path: Path, workshop: Workshop) -> None:
    ports = Ports(31 * os.getpid() + 6900)
    proxy, plain, desk = (ports.pick() for _ in range(3))
    pair = workshop.make("registrar", "DNS:carrier.example")
    registrar = KamailioRegistrar("registrar", tmp_path, plain, "open sesame", "SHA-256")
    speak_tls(tmp_path, "registrar", plain + 1, pair.certificate, pair.key, workshop.authority.certificate)
    dialplan = tmp_path / "dialplan.yaml"
    dialplan.write_text(listen(workshop, proxy) + REGISTERED.format(carrier=plain + 1, desk=desk))
    with registrar, Daemon(dialplan, tmp_path / "state") as daemon:
        daemon.wait_for(lambda event: event.get("event") == "registration" and event["bound"], "it")
        callee, caller = "uas-answer-after-ring", "uac-basic"
        with (
            Sipp(callee, read_script(callee), tmp_path, ports, 60, port=desk) as uas,
            Sipp(caller, read_script(caller), tmp_path, ports, 60, plain, ("-s", "15557000")) as uac,
        ):
            for party in (uac, uas):
                assert party.finish(20) == 0, party.complaints()
        daemon.wait_for(lambda event: event.get("event") == "call" and event["from_trunk"] == "telco", "the record")
        assert is_clean(daemon)

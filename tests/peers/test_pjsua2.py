"""Two phones of another make, pjsua2, talk to each other through the real daemon: what they hear is checked.

Each plays a tone of its own, so a recording says whom it comes from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.peers.kamailio import Kamailio
from tests.peers.pjsua2_phone import HAS_PJSUA2, NO_PJSUA2, Softphone
from tests.peers.tones import read_samples, share_of, write_tone
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports

pytestmark = [pytest.mark.peers, pytest.mark.skipif(not HAS_PJSUA2, reason=NO_PJSUA2)]

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tcp: "127.0.0.1:{proxy}"}}]
trunks:
  desk-pbx: {{uri: "{desk}", caller_id: own, trusted: false, history_info: true}}    # sees another caller than there is
  colleague-pbx: {{uri: "{colleague}"}}
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
TONES = {"caller": 500, "desk": 900, "colleague": 1300}  # hertz
THROUGH_US = {2}  # Vias: the other phone's and ours
SECOND = 50  # packets of 20 ms
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


class Scene:
    """Three phones and the daemon between them."""

    def __init__(self, folder: Path, transport: str, *, listen: bool = False) -> None:
        self.folder = folder
        ports = self.ports = Ports(31 * os.getpid() + 5000)  # runs side by side must not meet
        self.proxy = ports.pick()
        for user, hertz in TONES.items():
            write_tone(folder / f"{user}.wav", hertz)
        self.caller, self.desk, self.colleague = (
            Softphone(user, folder, ports, transport, folder / f"{user}.wav", listen) for user in TONES
        )
        self.transport = transport
        self.dialplan = folder / "dialplan.yaml"
        self.dialplan.write_text(DIALPLAN.format(proxy=self.proxy, desk=self.desk.uri, colleague=self.colleague.uri))
        self.daemon = self.make_daemon()

    def make_daemon(self) -> Daemon:
        """A daemon; the state folder is the same in each of its lives."""
        return Daemon(self.dialplan, self.folder / "state")

    def number(self, did: str) -> str:
        """What one dials for this DID."""
        return f"sip:{did}@{HOST}:{self.proxy};transport={self.transport}"

    def connect(self) -> None:
        """The caller calls the desk, which rings and answers."""
        self.caller.do("dial", uri=self.number("+15557000"))
        self.desk.wait_for("incoming")
        self.caller.wait_for("state", state="EARLY", status=180)
        self.desk.do("answer")
        for phone in (self.caller, self.desk):
            phone.wait_for("state", state="CONFIRMED")

    def hold_and_resume(self, phone: Softphone, other: Softphone) -> None:
        """Two re-INVITEs; the next one may begin on return (RFC 3261 §14.1)."""
        for command, mine, theirs in (("hold", "held here", "held there"), ("resume", "active", "active")):
            phone.do(command)
            phone.wait_for("media", state=mine)
            other.wait_for("media", state=theirs)
            for party in (phone, other):
                party.wait_for("settled")

    def winners(self) -> list[object]:
        """Who answered, call after call, as the daemon wrote it."""
        return [event["winner"] for event in self.daemon.events if event.get("event") == "call"]

    def hear(self, *pair: Softphone) -> None:
        """Each of the two hears a second of the other's tone, and of nobody else's."""
        for phone in pair:
            phone.do("record", file=str(self.folder / f"{phone.user}-heard.wav"), packets=SECOND)
        for phone in pair:
            phone.wait_for("recorded")
        for phone, other in (pair, pair[::-1]):
            samples = read_samples(self.folder / f"{phone.user}-heard.wav")
            heard = {user: share_of(samples, hertz) for user, hertz in TONES.items()}
            assert heard.pop(other.user) > 0.8, phone.user  # a busy machine plays some packets too late
            assert max(heard.values()) < 0.01, phone.user


@contextmanager
def scene_of(folder: Path, transport: str, *, listen: bool = False) -> Iterator[Scene]:
    """All of them running, and the daemon sure that the phones are there."""
    scene = Scene(folder, transport, listen=listen)
    with ExitStack() as stack:
        for party in (scene.caller, scene.desk, scene.colleague, scene.daemon):
            stack.enter_context(party)
        for trunk in ("desk-pbx", "colleague-pbx"):
            scene.daemon.wait_for(
                lambda event, trunk=trunk: (event.get("trunk"), event.get("new")) == (trunk, "up"), trunk
            )
        yield scene
        assert not [line for line in scene.daemon.lines if "Traceback" in line or '"level": "error"' in line]


@TRANSPORTS
def test_both_hear_each_other_before_and_after_hold_and_digits_arrive(tmp_path: Path, transport: str) -> None:
    with scene_of(tmp_path, transport) as scene:
        caller, desk = scene.caller, scene.desk
        scene.connect()
        scene.hear(caller, desk)
        for phone, other in ((caller, desk), (desk, caller)):
            scene.hold_and_resume(phone, other)
        scene.hear(caller, desk)
        for phone, other in ((caller, desk), (desk, caller)):
            for method in ("INFO", "RFC 4733"):
                phone.do("press", method=method, digits="7")
                other.wait_for("digit", digit="7", method=method)
        caller.do("hang_up")
        desk.wait_for("state", state="DISCONNECTED", status=200)
        caller.wait_for("state", state="DISCONNECTED", status=200)
        assert caller.requests() == dict.fromkeys(("INVITE", "INFO"), THROUGH_US)
        assert desk.requests() == dict.fromkeys(("INVITE", "INFO", "BYE"), THROUGH_US)


def test_pbx_that_asks_for_credentials_hears_them_with_each_request_over_the_death_of_the_daemon(
    tmp_path: Path,
) -> None:
    """Hold, INFO and REFER go through a Kamailio that lets nothing of ours pass without, and takes each nonce once."""
    scene = Scene(tmp_path, "udp", listen=True)
    pbx = scene.ports.pick()
    text = scene.dialplan.read_text().replace(
        f'"{scene.desk.uri}"', f'"sip:{HOST}:{pbx}", auth: {{user: callward, password: hunter2}}'
    )
    scene.dialplan.write_text(text)
    with (
        Kamailio("pbx", tmp_path, pbx, {"100": scene.desk.uri}, asks=scene.proxy),
        scene.caller as caller,
        scene.desk as desk,
        scene.colleague as colleague,
        scene.daemon,
    ):
        scene.connect()
        scene.hear(caller, desk)
        scene.hold_and_resume(caller, desk)
        scene.daemon.kill()
        with scene.make_daemon() as second:
            scene.hold_and_resume(caller, desk)
            scene.hold_and_resume(desk, caller)
            caller.do("press", method="INFO", digits="7")
            desk.wait_for("digit", digit="7", method="INFO")
            caller.do("transfer", uri=scene.number("+15557001"))
            desk.wait_for("referred")
            colleague.wait_for("incoming")
            caller.do("hang_up")
            desk.wait_for("state", state="DISCONNECTED", status=200)
            assert not [line for line in second.lines if "Traceback" in line or "hunter2" in line]


@TRANSPORTS
def test_callee_hangs_up(tmp_path: Path, transport: str) -> None:
    with scene_of(tmp_path, transport) as scene:
        scene.connect()
        scene.desk.do("hang_up")
        scene.caller.wait_for("state", state="DISCONNECTED", status=200)
        scene.desk.wait_for("state", state="DISCONNECTED", status=200)


@TRANSPORTS
def test_call_survives_the_daemon(tmp_path: Path, transport: str) -> None:
    """A phone that can only be reached by a connection of its own cannot be once that is gone, so here they listen."""
    with scene_of(tmp_path, transport, listen=True) as scene:
        scene.connect()
        scene.daemon.kill()
        with scene.make_daemon():
            scene.hold_and_resume(scene.caller, scene.desk)
            scene.hold_and_resume(scene.desk, scene.caller)
            scene.desk.do("hang_up")
            scene.caller.wait_for("state", state="DISCONNECTED", status=200)
            assert scene.caller.requests() == dict.fromkeys(("INVITE", "BYE"), THROUGH_US)


@pytest.mark.parametrize(("transport", "who"), [("udp", "desk"), ("tcp", "caller")])
def test_call_is_transferred_to_a_third_phone(tmp_path: Path, transport: str, who: str) -> None:
    """Blind transfer (RFC 5589 §6): REFER and its NOTIFYs go within the dialog, the new call is one of callward's."""
    with scene_of(tmp_path, transport) as scene:
        giver, taken = (scene.caller, scene.desk) if who == "caller" else (scene.desk, scene.caller)
        scene.connect()
        giver.do("transfer", uri=scene.number("+15557001"))
        taken.wait_for("referred")
        scene.colleague.wait_for("incoming")
        giver.wait_for("transfer", status=180, final=False)
        scene.colleague.do("answer")
        giver.wait_for("transfer", status=200, final=True)
        giver.do("hang_up")
        giver.wait_for("state", state="DISCONNECTED", status=200)
        taken.wait_for("state", state="DISCONNECTED", status=200)
        assert (giver.requests()["NOTIFY"], taken.requests()["REFER"]) == (THROUGH_US, THROUGH_US)
        scene.hear(taken, scene.colleague)
        scene.colleague.do("hang_up")
        taken.wait_for("state", state="DISCONNECTED", status=200)
        scene.daemon.wait_for(lambda _: len(scene.winners()) == 2, "both calls on record")
        assert scene.winners() == ["desk via desk-pbx", "colleague via colleague-pbx"]

"""Early media of two phones that ring at once, and a redirection, through the real daemon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sip.message import Request, Response
from tests.sipp.daemon import Daemon
from tests.sipp.process import HOST, Ports
from tests.sipp.test_killed import Wire, answer_to, invite_from, wires

pytestmark = pytest.mark.sipp

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
access: anyone
defaults: {{hedge: off}}
trunks:
  one: {{uri: "sip:127.0.0.1:{one}", probe: off, redirects: follow}}
  two: {{uri: "sip:127.0.0.1:{two}", probe: off}}
endpoints:
  anna: {{number: "+15550100", via: [one]}}
  ben: {{number: "+15550101", via: [two], live: true}}
chains:
  both:
    - {{ring: [anna, ben], mode: parallel}}
  turns:
    - ring: [anna]
    - ring: [ben]
routes:
  - {{did: "+15557000", chain: {chain}}}
"""
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Scene:
    """A daemon and three parties by hand."""

    def __init__(self, folder: Path, chain: str) -> None:
        self.ports = Ports(31 * os.getpid() + 9800)
        self.proxy, self.one, self.two, self.caller = (self.ports.pick() for _ in range(4))
        dialplan = folder / "dialplan.yaml"
        dialplan.write_text(DIALPLAN.format(proxy=self.proxy, one=self.one, two=self.two, chain=chain))
        self.daemon = Daemon(dialplan, folder / "state")

    def invite(self) -> bytes:
        """The INVITE of a caller who supports reliable provisional responses."""
        return invite_from(self.caller, self.proxy).replace(
            b"Content-Length", b"Supported: 100rel\r\nContent-Length", 1
        )


def early(invite: Request | Response, phone: Wire) -> bytes:
    """A 183 with sound."""
    head = answer_to(invite, "183 Session Progress", phone.port).removesuffix(b"Content-Length: 0\r\n\r\n")
    return head + f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}".encode()


def test_the_caller_hears_the_first_phone_that_has_something_to_say(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "both")
    with scene.daemon, wires(scene.one, scene.two, scene.caller) as (one, two, caller):
        caller.send(scene.invite(), scene.proxy)
        invites = [phone.wait_for("INVITE") for phone in (one, two)]
        assert all("100rel" not in (invite.get("supported") or "") for invite in invites)
        two.send(early(invites[1], two), scene.proxy)
        assert caller.wait_for("SIP/2.0 18").body == SDP.encode()
        one.send(early(invites[0], one), scene.proxy)
        second = caller.wait_for("SIP/2.0 18")
        assert (second.start_line, second.body) == ("SIP/2.0 180 Ringing", b"")
        one.send(answer_to(invites[0], "200 OK", one.port), scene.proxy)
        assert caller.wait_for("SIP/2.0 200").require("contact") == f"<sip:100@{HOST}:{one.port}>"


@pytest.mark.parametrize("permitted", [True, False])
def test_a_redirection_is_followed_to_its_own_trunk_and_nowhere_else(tmp_path: Path, permitted: bool) -> None:
    scene = Scene(tmp_path, "turns")
    with (
        scene.daemon as daemon,
        wires(scene.one, scene.two, scene.caller, scene.ports.pick()) as (
            one,
            two,
            caller,
            other,
        ),
    ):
        caller.send(scene.invite(), scene.proxy)
        invite = one.wait_for("INVITE")
        user = "+15550100" if permitted else "+19005550000"
        contact = f"<sip:100@{HOST}:{one.port}>", f"<sip:{user}@{HOST}:{other.port}>"
        refusal = answer_to(invite, "302 Moved Temporarily", one.port)
        one.send(refusal.replace(*(each.encode() for each in contact)), scene.proxy)
        one.wait_for("ACK")
        phone = other if permitted else two
        following = phone.wait_for("INVITE")
        assert following.start_line.startswith(f"INVITE sip:{user if permitted else '+15550101'}@{HOST}:{phone.port}")
        phone.send(answer_to(following, "200 OK", phone.port), scene.proxy)
        caller.wait_for("SIP/2.0 200")
        daemon.wait_for(lambda event: event.get("event") == "call", "the record of the call")
        (record,) = (event for event in daemon.events if event.get("event") == "call")
        assert len(record["attempts"]) == (1 if permitted else 2)
        assert record["winner"] == ("anna via one" if permitted else "ben via two")

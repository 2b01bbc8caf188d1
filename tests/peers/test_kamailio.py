"""Kamailio on both sides of the real daemon: the carrier's in front of it, the PBX's behind; SIPp calls and is called.

caller -> carrier (Kamailio) -> callward -> pbx (Kamailio) -> desk
                                         -> answering service
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers.kamailio import Kamailio
from tests.sipp.daemon import Daemon
from tests.sipp.ladder import Message
from tests.sipp.process import HOST, Ports, Sipp, read_script

pytestmark = [pytest.mark.peers, pytest.mark.sipp]

#: Scenarios that this file runs outside the matrix.
USED = frozenset(
    (
        *("uac-basic", "uac-cancel-while-ringing", "uac-expect-final", "uac-hung-up", "uac-reinvite"),
        *("uas-hang-up", "uas-reinvite", "uas-ring-forever", "uas-ring-then-answer", "uas-silent"),
        "uas-unavailable-503",
    )
)

DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}, {{tcp: "127.0.0.1:{proxy}"}}]
defaults: {{no_reply: 500ms, no_progress: 1s}}
trunks:
  pbx: {{uri: "sip:127.0.0.1:{pbx};transport={transport}", probe: off, caller_id: own, trusted: false}}
  other: {{uri: "sip:127.0.0.1:{other}", probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
  mirror: {{number: "+15557002", via: [pbx]}}
  answering: {{number: "+15550199", via: [other]}}
chains:
  desk: [{{ring: [desk]}}]
  covered: [{{ring: [desk]}}, {{ring: [answering]}}]
  circle: [{{ring: [mirror]}}]
  covered-circle: [{{ring: [mirror]}}, {{ring: [answering]}}]
routes:
  - {{did: "+15557000", chain: desk}}
  - {{did: "+15557001", chain: covered}}
  - {{did: "+15557002", chain: {circle}}}
"""
DESK, COVERED, CIRCLE = "+15557000", "+15557001", "+15557002"
PROXIES = 3
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])  # between callward and its neighbours


class Scene:
    """The two neighbours and the daemon between them."""

    def __init__(self, folder: Path, transport: str, circle: str = "circle") -> None:
        self.folder = folder
        self.ports = Ports(31 * os.getpid() + 5300)  # runs side by side must not meet
        self.proxy, self.edge, self.back, self.desk, self.other = (self.ports.pick() for _ in range(5))
        us = f"sip:{HOST}:{self.proxy};transport={transport}"
        self.carrier = Kamailio("carrier", folder, self.edge, {r"\+1": us})
        self.pbx = Kamailio("pbx", folder, self.back, {"100": f"sip:{HOST}:{self.desk}", r"\+1": us})
        dialplan = folder / "dialplan.yaml"
        dialplan.write_text(
            DIALPLAN.format(proxy=self.proxy, pbx=self.back, other=self.other, transport=transport, circle=circle)
        )
        self.daemon = Daemon(dialplan, folder / "state")

    def callee(self, scenario: str, port: int = 0) -> Sipp:
        """The desk, or who has this port."""
        return Sipp(scenario, read_script(scenario), self.folder, self.ports, 60, port=port or self.desk)

    def caller(self, scenario: str, did: str, *more: str) -> Sipp:
        """Somebody at the carrier calls."""
        arguments = ("-s", did, *more)
        return Sipp(scenario, read_script(scenario), self.folder, self.ports, 60, self.edge, arguments)

    def records(self, many: int = 1) -> list[dict[str, Any]]:
        """What the daemon wrote of its calls, once it is so many."""

        def records() -> list[dict[str, Any]]:
            return [dict(event) for event in self.daemon.events if event.get("event") == "call"]

        self.daemon.wait_for(lambda _: len(records()) >= many, "the record")
        return records()


@contextmanager
def scene_of(folder: Path, transport: str, circle: str = "circle") -> Iterator[Scene]:
    """All of them running."""
    scene = Scene(folder, transport, circle)
    with scene.carrier, scene.pbx, scene.daemon:
        yield scene
        assert not [line for line in scene.daemon.lines if "Traceback" in line or '"level": "error"' in line]


def finish(*parties: Sipp) -> None:
    """Each went as its scenario says."""
    for party in parties:
        assert party.finish(20) == 0, party.complaints()


def received(party: Sipp, method: str) -> list[Message]:
    """The requests of this method that came to it."""
    return [message for message in party.messages() if message.received and message.start.startswith(f"{method} ")]


@TRANSPORTS
def test_both_sides_renegotiate_through_three_proxies_and_the_caller_hangs_up(tmp_path: Path, transport: str) -> None:
    with (
        scene_of(tmp_path, transport) as scene,
        scene.callee("uas-reinvite") as desk,
        scene.caller("uac-reinvite", DESK) as caller,
    ):
        finish(caller, desk)
        (record,) = scene.records()
        assert (record["status"], record["winner"]) == (200, "desk via pbx")
        for party, method in ((desk, "INVITE"), (desk, "ACK"), (desk, "BYE"), (caller, "INVITE"), (caller, "ACK")):
            for request in received(party, method):
                assert len(request.all("via")) == PROXIES + 1, request.start
                assert not request.all("route"), request.start


@TRANSPORTS
def test_callee_hangs_up_through_three_proxies(tmp_path: Path, transport: str) -> None:
    with (
        scene_of(tmp_path, transport) as scene,
        scene.callee("uas-hang-up") as desk,
        scene.caller("uac-hung-up", DESK) as caller,
    ):
        finish(caller, desk)
        (bye,) = received(caller, "BYE")
        assert len(bye.all("via")) == PROXIES + 1


@TRANSPORTS
def test_caller_gives_up_and_the_phone_behind_three_proxies_stops_ringing(tmp_path: Path, transport: str) -> None:
    with (
        scene_of(tmp_path, transport) as scene,
        scene.callee("uas-ring-forever") as desk,
        scene.caller("uac-cancel-while-ringing", DESK) as caller,
    ):
        finish(caller, desk)
        assert received(desk, "CANCEL")
        (record,) = scene.records()
        assert record["status"] == 487


@pytest.mark.parametrize(("transport", "scenario"), [("udp", "uas-silent"), ("tcp", "uas-unavailable-503")])
def test_call_moves_on_when_what_is_behind_the_neighbour_fails(tmp_path: Path, transport: str, scenario: str) -> None:
    with (
        scene_of(tmp_path, transport) as scene,
        scene.callee(scenario),
        scene.callee("uas-ring-then-answer", scene.other),
        scene.caller("uac-basic", COVERED) as caller,
    ):
        finish(caller)
        (record,) = scene.records()
        assert (record["status"], record["winner"]) == (200, "answering via other")
        causes = [attempt["cause"] for attempt in record["attempts"]]
        # Kamailio passes a 503 on as 500 (RFC 3261 §16.7 step 6), and says 100 for a phone that says nothing.
        assert causes[0] == ("500" if scenario == "uas-unavailable-503" else "NO_PROGRESS")


@TRANSPORTS
def test_call_moves_on_when_the_neighbour_itself_falls_silent(tmp_path: Path, transport: str) -> None:
    with (
        scene_of(tmp_path, transport) as scene,
        scene.callee("uas-ring-then-answer", scene.other),
    ):
        scene.pbx.signal(signal.SIGSTOP)
        with scene.caller("uac-basic", COVERED) as caller:
            finish(caller)
            (record,) = scene.records()
            assert (record["status"], record["winner"]) == (200, "answering via other")


@pytest.mark.parametrize(("transport", "circle", "status"), [("udp", "circle", 482), ("tcp", "covered-circle", 200)])
def test_call_that_comes_back_to_us_ends(tmp_path: Path, transport: str, circle: str, status: int) -> None:
    """RFC 3261 §16.3 step 4: the neighbour sends us our own call, for the very number for which we sent it there.

    It gets 482, and so does the caller where nobody else was asked.
    """
    with scene_of(tmp_path, transport, circle) as scene, scene.callee("uas-ring-then-answer", scene.other):
        scenario, *want = ("uac-basic",) if status == 200 else ("uac-expect-final", "-set", "want", str(status))
        with scene.caller(scenario, CIRCLE, *want) as caller:
            finish(caller)
            (record,) = scene.records()
            assert record["status"] == status
            assert record["attempts"][0]["cause"] == "482"

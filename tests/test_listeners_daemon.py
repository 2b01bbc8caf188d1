"""The real daemon on several addresses of loopback, IPv4 and IPv6, and behind a relay that plays the NAT.

Peers are scripted agents on sockets of this process; each notes from which address of the daemon a packet came.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from controller.config.address import HostPort
from controller.relay.relay import Relay, Settings
from sip.agent import Agent, Script
from sip.endpoint import UdpEndpoint, open_udp
from sip.transaction import Hop
from sip.uri import bracketed
from tests.sipp.daemon import Daemon

PATIENCE = 20.0  # seconds; only what is broken ever waits for so long
TALKS = Script(ring_after=0.0, answer_after=0.0)
NOWHERE = Hop("127.0.0.77", 9)  # what somebody behind NAT calls himself
INSIDE, OUTSIDE, SIX = "127.0.0.1", "127.0.0.2", "::1"

PLAN = """\
version: 1
listen:
  - {{udp: "127.0.0.1:{port}", name: inside}}
  - {{udp: "127.0.0.2:{port}", name: outside{advertise}}}
  - {{udp: "[::1]:{port}", name: six}}
trunks:
  pbx:     {{uri: "sip:{pbx}", probe: off, listener: inside{nat}}}
  carrier: {{uri: "sip:{carrier}", probe: off, carrier: c, listener: outside}}
  far:     {{uri: "sip:{far}", probe: off, carrier: f}}
endpoints:
  desk:   {{user: "100", via: [pbx]}}
  mobile: {{number: "+15550100", via: [carrier]}}
  abroad: {{number: "+15550200", via: [far]}}
chains:
  desk:   [{{ring: [desk]}}]
  mobile: [{{ring: [mobile]}}]
  abroad: [{{ring: [abroad]}}]
routes:
  - {{did: "+15557000", chain: desk}}
  - {{did: "+15557001", chain: mobile}}
  - {{did: "+15557002", chain: abroad}}
"""
NUMBERS = {"pbx": "+15557000", "carrier": "+15557001", "far": "+15557002"}
#: Each side calls each other one.
CALLS = [(caller, callee) for caller in NUMBERS for callee in NUMBERS if caller != callee]


class Party(Agent):
    """An agent that notes where packets come from. ``gateway`` is where it sends instead of to the daemon."""

    def __init__(self, name: str, sock: socket.socket, knows: str, own: Hop | None = None) -> None:
        self.endpoint = UdpEndpoint(sock, asyncio.get_running_loop().time)
        super().__init__(name, own or self.endpoint.local, TALKS)
        self.knows = knows  # the address of the daemon on its side
        self.sources: set[str] = set()

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        self.sources.add(source.host)
        super().receive(data, source, now)

    @property
    def address(self) -> str:
        host, port = self.endpoint.local[:2]
        return f"{bracketed(host)}:{port}"


class Scene:
    """Three parties around a daemon."""

    def __init__(self, folder: Path, port: int, parties: dict[str, Party]) -> None:
        self.folder, self.port, self.parties = folder, port, parties
        self.turned = asyncio.Event()
        for party in parties.values():
            party.endpoint.on_turn = self.turned.set
            party.endpoint.start(party, asyncio.get_running_loop())

    def write(self, nat: str = "", advertise: str = "", **instead: str) -> None:
        values = {name: party.address for name, party in self.parties.items()} | instead
        (self.folder / "plan.yaml").write_text(PLAN.format(port=self.port, nat=nat, advertise=advertise, **values))

    def daemon(self) -> Daemon:
        return Daemon(self.folder / "plan.yaml", self.folder / "state")

    def call(self, caller: str, callee: str, gateway: Hop | None = None) -> str:
        party = self.parties[caller]
        uri = f"sip:{NUMBERS[callee]}@{bracketed(party.knows)}:{self.port}"
        hop = gateway or Hop(party.knows, self.port)
        call = party.place_call(uri, hop, asyncio.get_running_loop().time())
        party.endpoint.pump()
        return call

    def tell(self, who: str, order: str, call: str) -> None:
        getattr(self.parties[who], order)(call, asyncio.get_running_loop().time())
        self.parties[who].endpoint.pump()

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        while not condition():
            self.turned.clear()
            try:
                await asyncio.wait_for(self.turned.wait(), PATIENCE)
            except TimeoutError:
                stories = [str(event) for party in self.parties.values() for event in party.events]
                raise AssertionError("\n".join([f"waited for {what}:", *stories])) from None

    def last(self, who: str, call: str) -> str:
        return (self.parties[who].story(call) or ["nothing"])[-1]


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bind(host: str) -> socket.socket:
    try:
        return open_udp(host, 0)
    except OSError as error:
        pytest.skip(f"no {host} on the loopback interface here: {error}")


def make_scene(folder: Path, port: int, ends: ExitStack, **own: Hop) -> Scene:
    places = {"pbx": ("127.0.0.1", INSIDE), "carrier": ("127.0.0.3", OUTSIDE), "far": ("::1", SIX)}
    parties = {}
    for name, (host, knows) in places.items():
        parties[name] = Party(name, bind(host), knows, own.get(name))
        ends.callback(parties[name].endpoint.close)
    return Scene(folder, port, parties)


def show_status(state: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "controller.cli", "status", "--state-dir", str(state), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return dict(json.loads(done.stdout))


def test_calls_go_from_every_address_to_every_other_one_and_outlive_the_daemon(
    tmp_path: Path, free_port: int, ends: ExitStack
) -> None:
    async def play() -> None:
        scene = make_scene(tmp_path, free_port, ends)
        scene.write()
        with scene.daemon() as daemon:
            (ready,) = (event for event in daemon.events if event["event"] == "ready")
            assert ready["listen"] == [
                f"udp:{INSIDE}:{free_port} inside",
                f"udp:{OUTSIDE}:{free_port} outside",
                f"udp:[{SIX}]:{free_port} six",
            ]
            assert show_status(tmp_path / "state")["listen"] == ready["listen"]
            up = [(caller, callee, scene.call(caller, callee)) for caller, callee in CALLS for _ in range(2)]
            for caller, callee, call in up:
                await scene.until("the ACK", lambda: scene.last(callee, call) == "acked")  # noqa: B023
                assert scene.parties[caller].story(call)[-1] == "answered"
            for _, callee, call in up[::2]:  # without waiting: their answers may come to the other life
                scene.tell(callee, "reinvite", call)
            daemon.kill()
        with scene.daemon() as daemon:
            for number, (caller, callee, call) in enumerate(up):
                one, other = (caller, callee) if number % 2 else (callee, caller)
                await scene.until("a re-INVITE", lambda: number % 2 or "reinvite 200" in scene.parties[one].story(call))  # noqa: B023
                scene.tell(one, "hang_up", call)
                await scene.until("the BYE", lambda: scene.last(one, call) == "bye 200")  # noqa: B023
                assert scene.last(other, call) == "ended"
            assert daemon.stop() == 0
        for party in scene.parties.values():
            assert party.sources == {party.knows}, "each side knows the daemon by one address"

    asyncio.run(play())


@pytest.mark.parametrize("out", [False, True], ids=["called", "calls"])
def test_a_pbx_behind_nat_is_reached_by_the_address_it_was_seen_at(
    tmp_path: Path, free_port: int, ends: ExitStack, out: bool
) -> None:
    """Two relays are its NAT: what comes from it has a port of theirs, what goes to it the port they forward."""

    async def play() -> None:
        scene = make_scene(tmp_path, free_port, ends, pbx=NOWHERE)
        pbx = scene.parties["pbx"]
        way_in = Relay(Settings(HostPort(INSIDE, 0), HostPort(*pbx.endpoint.local[:2])), lambda _: None)
        way_out = Relay(Settings(HostPort(INSIDE, 0), HostPort(INSIDE, free_port)), lambda _: None)
        for relay in (way_in, way_out):
            relay.open()
            ends.callback(relay.close)
        assert way_in.udp is not None
        assert way_out.udp is not None
        scene.write(nat=", nat: true", pbx="{}:{}".format(*way_in.udp.local))
        caller, callee = ("pbx", "carrier") if out else ("carrier", "pbx")
        with scene.daemon() as daemon:
            gateway = Hop(*way_out.udp.local) if out else None
            calls = [scene.call(caller, callee, gateway) for _ in range(2)]
            for call in calls:
                await scene.until("the ACK", lambda: scene.last(callee, call) == "acked")  # noqa: B023
            daemon.kill()
        with scene.daemon() as daemon:
            scene.tell("carrier", "reinvite", calls[0])
            await scene.until("a re-INVITE", lambda: scene.last("carrier", calls[0]) == "reinvite 200")
            assert scene.last("pbx", calls[0]) == "reinvited"
            for who, other, call in (("carrier", "pbx", calls[0]), ("pbx", "carrier", calls[1])):
                scene.tell(who, "hang_up", call)
                await scene.until("the BYE", lambda: scene.last(who, call) == "bye 200")  # noqa: B023
                assert scene.last(other, call) == "ended"
            assert daemon.stop() == 0

    asyncio.run(play())


def test_peers_use_the_address_that_they_are_told(tmp_path: Path, free_port: int, ends: ExitStack) -> None:
    """A relay stands where our NAT forwards from: whatever the carrier sends to our Via or Route comes through it."""

    async def play() -> None:
        scene = make_scene(tmp_path, free_port, ends)
        public = Relay(Settings(HostPort("127.0.0.4", 0), HostPort(OUTSIDE, free_port)), lambda _: None)
        public.open()
        ends.callback(public.close)
        assert public.udp is not None
        told = "{}:{}".format(*public.udp.local)
        scene.write(advertise=f', advertise: "{told}"')
        with scene.daemon() as daemon:
            (ready,) = (event for event in daemon.events if event["event"] == "ready")
            assert ready["listen"][1] == f"udp:{OUTSIDE}:{free_port} outside as {told}"
            call = scene.call("pbx", "carrier")
            await scene.until("the ACK", lambda: scene.last("carrier", call) == "acked")
            invite = scene.parties["carrier"].find(call).invite
            assert invite.get_all("via")[0].startswith(f"SIP/2.0/UDP {told};rport=")
            assert invite.get_all("record-route")[0].startswith(f"<sip:{told};lr;")
            assert public.udp.counters["clients"] == 0, "an answer comes back to where its request came from"
            scene.tell("carrier", "hang_up", call)
            await scene.until("the BYE", lambda: scene.last("pbx", call) == "ended")
            await scene.until("its answer", lambda: scene.last("carrier", call) == "bye 200")
            assert public.udp.counters["clients"] == 1
            assert daemon.stop() == 0

    asyncio.run(play())

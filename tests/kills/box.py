"""A trunk as a process of its own, to be stopped, killed and cut off: an agent with a bad line in front of it.

`python -m tests.kills.box NAME PUBLIC_PORT JOURNAL`: the relay listens on the public port, the phones behind it on one
of their own. Orders come as words on standard input, one a line; each is answered by one line. Every call is written
to the journal once it is over.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

from controller.config.address import HostPort
from controller.relay.impairment import CLEAN, Impairment
from controller.relay.relay import Relay, Settings
from controller.relay.script import Phase, Port
from sip.agent import Agent, AgentCall, CallState, Script
from sip.endpoint import UdpEndpoint
from sip.stream import StreamEndpoint
from sip.transaction import Hop
from tests.kills.schedule import Kind
from tests.ports import open_both

HOST = "127.0.0.1"
RINGS, ANSWERS = 0.05, 0.8  # seconds after the INVITE
PHONE = Script(ring_after=RINGS, answer_after=ANSWERS)
_HOLE = Impairment(loss=1.0)
_SLOW = Impairment(delay=0.4)
PHASES = {
    Kind.ICMP: Phase(port=Port.CLOSED),
    Kind.RST: Phase(port=Port.RESET),
    Kind.HOLE: Phase(up=_HOLE, down=_HOLE),
    Kind.DEAF: Phase(up=_HOLE, down=CLEAN),
    Kind.MUTE: Phase(up=CLEAN, down=_HOLE),
    Kind.SLOW: Phase(up=_SLOW, down=_SLOW),
}


class Behind:
    """The agent behind the relay: whatever it says goes back to where it was spoken to from, never past the relay."""

    def __init__(self, agent: Agent) -> None:
        self.outbox: list[tuple[bytes, Hop]] = []
        self._agent = agent
        self._peers: dict[str, Hop] = {}

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one message."""
        self._peers[source.transport] = source
        self._agent.receive(data, source, now)
        self._take()

    def knows(self, source: Hop) -> bool:
        """Everybody."""
        return True

    def introduce(self, connection: Hop, names: Collection[str]) -> None:
        """Nothing, likewise."""

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """Nothing: phones have no other way."""

    def disconnected(self, hop: Hop, now: float) -> None:
        """Nothing, likewise."""

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next."""
        return self._agent.next_deadline()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._agent.handle_timer(now)
        self._take()

    def _take(self) -> None:
        for data, hop in self._agent.outbox:
            self.outbox.append((data, self._peers.get(hop.transport, hop)))
        self._agent.outbox.clear()


class Books:
    """The journal: one line for each call that is over."""

    def __init__(self, agent: Agent, file: TextIO) -> None:
        self._agent = agent
        self._file = file
        self._open: dict[str, list[AgentCall]] = {}

    def write_new(self) -> None:
        """Write the calls that ended since the last time."""
        agent = self._agent
        calls, agent.calls = agent.calls, []
        for call in calls:
            self._open.setdefault(call.id, []).append(call)
        events, agent.events = agent.events, []
        for call_id in {event.call for event in events}:
            for call in [call for call in self._open.get(call_id, ()) if call.state is CallState.ENDED]:
                self._write(call)
                self._open[call_id].remove(call)
            if not self._open.get(call_id, True):
                del self._open[call_id]

    def count_open(self) -> int:
        """How many calls are not over."""
        return sum(map(len, self._open.values()))

    def write_rest(self) -> None:
        """Write what never ended."""
        for calls in self._open.values():
            for call in calls:
                self._write(call)

    def _write(self, call: AgentCall) -> None:
        line = {
            "box": self._agent.name, "call": call.id, "tag": call.tag, "user": call.user, "state": call.state,
            "started": call.started, "rang": call.rang, "answered": call.answered, "acked": call.acked,
            "ended": call.ended, "status": call.status, "reason": call.reason,
        }  # fmt: skip
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()  # SIGKILL may come at any time


async def live(name: str, port: int, journal: TextIO) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    agent = Agent(name, Hop(HOST, port), PHONE)  # phones give the relay's address as their Contact
    core, books = Behind(agent), Books(agent, journal)
    datagrams, stream = open_both(HOST)
    streams, endpoint = StreamEndpoint(stream, loop.time), UdpEndpoint(datagrams, loop.time)
    endpoint.streams[streams.local[2:]], endpoint.on_turn = streams, books.write_new
    streams.start(core, loop, endpoint.pump)
    endpoint.start(core, loop)
    relay = Relay(Settings(HostPort(HOST, port), HostPort(HOST, streams.local.port), tcp=True), lambda _: None)
    relay.open()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print("ready", flush=True)
    while order := (await orders.readline()).decode().strip():
        answer = "done"
        if order == "count":
            answer = str(books.count_open())
        elif order == "heal":
            agent.script = PHONE
            relay.enter(Phase())
        elif order == Kind.UNAVAILABLE:
            agent.script = Script(ring_after=None, reject=503)
        else:
            relay.enter(PHASES[Kind(order)])
        print(answer, flush=True)
    relay.close()
    endpoint.close()
    streams.close()
    books.write_rest()


if __name__ == "__main__":
    with Path(sys.argv[3]).open("a") as file:
        asyncio.run(live(sys.argv[1], int(sys.argv[2]), file))

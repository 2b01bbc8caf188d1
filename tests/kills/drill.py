"""The drill: the real daemon, eight trunks that are processes of their own, a caller, and the deaths as planned.

Owns the cast and the time table; `tests.kills.audit` judges what was written down. A load that runs in real time has to
wait: nothing here decides by how long something took.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sip.agent import Agent, AgentCall, CallState, Script
from sip.endpoint import UdpEndpoint, open_udp
from sip.transaction import Hop
from tests.kills.box import HOST
from tests.kills.schedule import Kill, Kind, Trunk, plan_kills
from tests.sipp.daemon import ROOT
from tests.sipp.process import Ports

TRUNKS = [Trunk(f"t{index}", ("udp", "tcp")[index % 2]) for index in range(8)]
PAIR = "pair"  # the chain that rings two phones at once, which answer at the same moment: glare in every call
TALK = 1.0  # seconds from the answer until the caller hangs up
PATIENCE = 60.0  # seconds for the last calls to end, more than any timer of theirs


@dataclass(slots=True)
class Outcome:
    """What is left to judge."""

    calls: list[AgentCall]  # of the caller
    again: set[str]  # calls that were answered again
    kills: list[Kill]  # with the times at which they were done, by the clock of the journals
    journal: list[dict[str, object]] = field(default_factory=list)  # of the trunks: calls that came there
    records: list[dict[str, object]] = field(default_factory=list)  # of the daemon
    events: list[dict[str, object]] = field(default_factory=list)  # of the daemon, all others
    code: int | None = None  # exit code of the daemon


def write_dialplan(proxy: int, ports: dict[str, int]) -> str:
    """A chain for each trunk that begins there and has four in all; and one that rings two phones at once.

    The four are two phones with two ways each: hedges go to the same phone first, then to the next.
    """
    names = list(ports)
    trunks = [
        f'  {trunk.name}: {{uri: "sip:{HOST}:{ports[trunk.name]};transport={trunk.transport}", carrier: {trunk.name}}}'
        for trunk in TRUNKS
    ]
    endpoints, chains, routes = [], [], []
    for index in range(len(names)):
        four = [names[(index + step) % len(names)] for step in range(4)]
        endpoints += [
            f'  desk-{index}: {{user: "1{index}", via: [{four[0]}, {four[1]}]}}',
            f'  mobile-{index}: {{number: "+1555010{index}", via: [{four[2]}, {four[3]}]}}',
        ]
        chains += [f"  c{index}:", f"    - ring: [desk-{index}]", f"    - ring: [mobile-{index}]"]
        routes += [f'  - {{did: "+155570{index}", chain: c{index}}}']
    chains += [f"  {PAIR}:", "    - ring: [desk-0, desk-4]", "      mode: parallel"]
    routes += [f'  - {{did: "+155570{len(names)}", chain: {PAIR}}}']
    parts = {"trunks": trunks, "endpoints": endpoints, "chains": chains, "routes": routes}
    listen = f'listen: [{{udp: "{HOST}:{proxy}"}}, {{tcp: "{HOST}:{proxy}"}}]'
    return "\n".join(
        ["version: 1", listen, *(line for key, lines in parts.items() for line in (f"{key}:", *lines)), ""]
    )


class Box:
    """One trunk: its process, and what is done to it."""

    def __init__(self, trunk: Trunk, port: int, journal: Path) -> None:
        self.trunk = trunk
        self.journal = journal
        self._port = port
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        """Begin a life; it is ready on return."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.kills.box", self.trunk.name, str(self._port), str(self.journal),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await self._hear()

    async def order(self, word: str) -> str:
        """Have something done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        return await self._hear()

    async def _hear(self) -> str:
        assert self._process.stdout is not None
        answer = (await self._process.stdout.readline()).decode().strip()
        if not answer:
            raise RuntimeError(f"the trunk {self.trunk.name} ended by itself, exit code {await self._process.wait()}")
        return answer

    async def strike(self, kind: Kind) -> None:
        """It dies."""
        if kind is Kind.STOP:
            self._process.send_signal(signal.SIGSTOP)
        elif kind is Kind.KILL:
            self._process.kill()
            await self._process.wait()
        else:
            await self.order(kind)

    async def heal(self, kind: Kind) -> None:
        """It is as good as new."""
        if kind is Kind.STOP:
            self._process.send_signal(signal.SIGCONT)
        elif kind is Kind.KILL:
            await self.start()
        else:
            await self.order("heal")

    async def finish(self) -> None:
        """Write down what is open, and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    def end(self) -> None:
        """Whatever happened, it is gone."""
        if getattr(self, "_process", None) is not None and self._process.returncode is None:
            self._process.kill()


class Caller:
    """Places calls at a steady rate and hangs up what was answered."""

    def __init__(self, proxy: int) -> None:
        self.calls: list[AgentCall] = []
        self.again: set[str] = set()
        self.late = 0.0  # seconds that a call was placed after its time, at the worst: says what the machine is worth
        self._loop = asyncio.get_running_loop()
        self._endpoint = UdpEndpoint(open_udp(HOST, 0), self._loop.time)
        self._agent = Agent("caller", self._endpoint.local, Script())
        self._daemon = Hop(HOST, proxy)
        self._under_way: dict[str, AgentCall] = {}
        self._quiet = asyncio.Event()
        self._endpoint.on_turn = self._on_turn
        self._endpoint.start(self._agent, self._loop)

    async def load(self, rate: float, seconds: float, dice: random.Random) -> None:
        """Call each number in turn."""
        begun = self._loop.time()
        for index in range(int(rate * seconds)):
            at = begun + (index + dice.random()) / rate
            await asyncio.sleep(at - self._loop.time())
            self.late = max(self.late, self._loop.time() - at)
            uri = f"sip:+155570{index % (len(TRUNKS) + 1)}@{HOST}:{self._daemon.port}"
            self._agent.place_call(uri, self._daemon, self._loop.time())
            call = self._agent.calls.pop()
            self._under_way[call.id] = call
            self.calls.append(call)
            self._endpoint.pump()
        self._quiet.clear()
        if self._under_way:
            await asyncio.wait_for(self._quiet.wait(), PATIENCE)

    def _on_turn(self) -> None:
        events, self._agent.events = self._agent.events, []
        for event in events:
            if event.what == "answered":
                self._loop.call_later(TALK, self._hang_up, event.call)
            elif event.what == "answered again":
                self.again.add(event.call)
            call = self._under_way.get(event.call)
            if call is not None and call.state is CallState.ENDED:
                del self._under_way[event.call]
                if not self._under_way:
                    self._quiet.set()

    def _hang_up(self, call_id: str) -> None:
        call = self._under_way.get(call_id)
        if call is not None:
            self._agent.hang_up(call, self._loop.time())
            self._endpoint.pump()

    def close(self) -> None:
        """Let go of the socket."""
        self._endpoint.close()


#: Nobody else's: the drill goes on beside other tests.
PORTS = (8_000, 11_999)


async def run(
    folder: Path, *, seed: int, count: int, seconds: float, rate: float, tell: Callable[[str], None]
) -> Outcome:
    """Run the drill; ``folder`` keeps the evidence."""
    planned = plan_kills(seed, TRUNKS, count, seconds)
    ports = Ports(31 * os.getpid(), *PORTS)
    proxy = ports.pick()
    public = {trunk.name: ports.pick() for trunk in TRUNKS}
    (folder / "dialplan.yaml").write_text(write_dialplan(proxy, public))
    boxes = {trunk.name: Box(trunk, public[trunk.name], folder / f"{trunk.name}.journal.jsonl") for trunk in TRUNKS}
    log = folder / "daemon.jsonl"
    caller = Caller(proxy)
    daemon = None
    try:
        await asyncio.gather(*(box.start() for box in boxes.values()))
        with log.open("wb") as file:
            daemon = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "controller.cli", "run", str(folder / "dialplan.yaml"),
                "--state-dir", str(folder / "state"), cwd=ROOT, stderr=file,
            )  # fmt: skip
        await _until(lambda: _count_up(log) == len(TRUNKS), "the daemon to find all trunks up", log)
        tell(f"{len(planned)} deaths of {len(TRUNKS)} trunks in {seconds:.0f} s at {rate:.0f} calls/s, seed {seed}")
        async with asyncio.TaskGroup() as both:
            both.create_task(caller.load(rate, seconds, random.Random(f"{seed}/calls")))
            killing = both.create_task(_kill(boxes, planned, tell))
        tell(f"all calls are over; the latest was placed {caller.late * 1000:.0f} ms after its time")
        await _settle(boxes)
        daemon.terminate()
        code = await daemon.wait()
        for box in boxes.values():
            await box.finish()
    finally:
        caller.close()
        for box in boxes.values():
            box.end()
        if daemon is not None and daemon.returncode is None:
            daemon.kill()
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return Outcome(
        calls=caller.calls,
        again=caller.again,
        kills=killing.result(),
        journal=[json.loads(line) for box in boxes.values() for line in box.journal.read_text().splitlines()],
        records=[event for event in events if event["event"] == "call"],
        events=[event for event in events if event["event"] != "call"],
        code=code,
    )


async def _kill(boxes: dict[str, Box], planned: list[Kill], tell: Callable[[str], None]) -> list[Kill]:
    """Do as planned; the deaths as they were."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    steps = [(kill.begin, kill, True) for kill in planned] + [(kill.end, kill, False) for kill in planned]
    since: dict[Kill, float] = {}
    done: list[Kill] = []
    for at, kill, dies in sorted(steps, key=lambda step: step[0]):
        await asyncio.sleep(begun + at - loop.time())
        box = boxes[kill.trunk]
        if dies:
            since[kill] = loop.time()
            await box.strike(kill.kind)
            tell(f"{at:8.2f} s  {kill.trunk} ({box.trunk.transport}): {kill.kind} for {kill.end - kill.begin:.1f} s")
        else:
            await box.heal(kill.kind)
            done.append(Kill(since[kill], loop.time(), kill.trunk, kill.kind))
    return done


async def _settle(boxes: dict[str, Box]) -> None:
    """Until no phone rings or talks, or as long as the timers of a phone that is never acknowledged take."""
    for _ in range(40):
        if not any([int(await box.order("count")) for box in boxes.values()]):
            return
        await asyncio.sleep(1.0)


async def _until(condition: Callable[[], bool], what: str, log: Path) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"waiting for {what}; see {log}")


def _count_up(log: Path) -> int:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return len({line["trunk"] for line in lines if line["event"] == "trunk" and line["new"] == "up"})

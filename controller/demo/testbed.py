"""The testbed: the daemon and the trunks together, calls through them, and what both sides say about each call.

Owns waiting (until something happened, never longer than said) and the gathering of evidence: the caller's and the
callee's own journals, and the daemon's log. Must not judge; that is the story's part.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path as File

from controller import clock
from controller.demo.boxes import Box
from controller.demo.daemon import Daemon, DemoError, Line
from controller.demo.plan import Plan, prepare
from controller.types import Dialplan, Path
from sip.agent import AgentCall, CallState, Script
from sip.transaction import Hop
from sip.uri import parse_uri

START = 40.0  # seconds a daemon may take until it is ready: a busy machine is no failure
PATIENCE = 60.0  # seconds until the caller gives up, more than the demo's chain can take
DID = "+15557000"

#: How the people and services behave, by endpoint; others answer like a person.
PERSON = Script(answer_after=0.3)
HABITS = {"front-desk": Script(answer_after=0.2), "answering": Script(answer_after=0.02)}


@dataclass(slots=True)
class Sign:
    """The last thing the daemon said about a trunk, or a provider."""

    state: str = "unknown"
    why: str = ""
    at: float = 0.0


@dataclass(slots=True)
class Outcome:
    """All that is known about one call."""

    call: AgentCall  # as the caller saw it
    record: Line | None = None  # as the daemon wrote it down
    rung: list[tuple[Path, AgentCall]] = field(default_factory=list)  # as the phones saw it, in order


class Testbed:
    """See the top of the file."""

    def __init__(self, dialplan: Dialplan, file: File, on_trunk: Callable[[str, Sign], None]) -> None:
        self.dialplan = dialplan
        self.file = file
        self.signs = {name: Sign() for name in dialplan.trunks}
        self.gates: dict[str, Sign] = {}  # what calls say of trunks that are up: "held", "canary", "rising", "open"
        self.boxes: dict[str, Box] = {}
        self.daemon = Daemon(self._on_line)
        self.lines: deque[Line] = deque(maxlen=1000)  # the last of the daemon's log
        self.listening: dict[str, str] = {}  # addresses of the processes beside that for calls, by their roles
        self._paths = {(path.trunk, parse_uri(path.address).user): path for path in _paths(dialplan)}
        self._records: dict[str, Line] = {}  # by Call-ID
        self._changed = asyncio.Event()
        self._on_trunk = on_trunk
        self._ready = False
        listen = dialplan.listen[0]
        self.listen = Hop(listen.host, listen.port)
        self._caller: Box

    def open_boxes(self, stack: ExitStack) -> None:
        """Bind everybody's sockets."""
        for name, trunk in self.dialplan.trunks.items():
            box = self.boxes[name] = Box(name, Hop(trunk.host, trunk.port), self.note_change)
            stack.callback(box.close)
        for path in self._paths.values():
            self.boxes[path.trunk].install(parse_uri(path.address).user, HABITS.get(path.endpoint, PERSON))
        self._caller = Box("caller", Hop(self.listen.host, 0), self.note_change)
        stack.callback(self._caller.close)

    def reaches(self, trunk: str) -> list[str]:
        """Who is behind a trunk."""
        return [path.endpoint for path in self._paths.values() if path.trunk == trunk]

    def set_habit(self, endpoint: str, script: Script | None = None) -> None:
        """Change how somebody behaves, on all trunks; None: as usual."""
        for path in self._paths.values():
            if path.endpoint == endpoint:
                usual = HABITS.get(endpoint, PERSON)
                self.boxes[path.trunk].install(parse_uri(path.address).user, script or usual)

    # -- waiting

    def note_change(self) -> None:
        """Something may have happened."""
        self._changed.set()

    async def until(self, condition: Callable[[], bool], within: float) -> bool:
        """Wait for something to become true; False if it did not in time.

        Raises `DemoError` when the daemon is gone.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not condition():
                    self.daemon.check()
                    self._changed.clear()
                    await self._changed.wait()
        self.daemon.check()
        return condition()

    async def until_ready(self) -> None:
        """Wait for the daemon to listen, and to have found every trunk alive."""

        def missing() -> list[str]:
            return [f"{name} is {sign.state}" for name, sign in self.signs.items() if sign.state != "up"]

        if not await self.until(lambda: self._ready and not missing(), START):
            what = f"is listening, but {', '.join(missing())}" if self._ready else "is not ready"
            raise DemoError(
                f"the daemon {what} after {START:.0f} s; is this machine very busy?{self.daemon.complaints}"
            )

    async def until_listening(self, role: str) -> str:
        """Wait for the process of this role to listen; its address."""
        if not await self.until(lambda: role in self.listening, START):
            raise DemoError(f"the process for {role} is not ready after {START:.0f} s{self.daemon.complaints}")
        return self.listening[role]

    # -- calls

    async def call(self, on_settled: Callable[[Outcome], None], talk: float) -> Outcome:
        """One call from the first INVITE to the last answer; ``on_settled`` is told once it is answered or refused."""
        caller = self._caller.agent
        uri = f"sip:{DID}@{self.listen.host}:{self.listen.port}"
        call_id = caller.place_call(uri, self.listen, clock.monotonic())
        call = caller.find(call_id)
        self._caller.pump()
        if not await self.until(lambda: bool(call.status), PATIENCE):
            caller.cancel(call, clock.monotonic())
            self._caller.pump()
        await self.until(lambda: call_id in self._records, within=2.0)
        await self.until(lambda: any(rung.acked for _, rung in self._rung(call_id)) or call.status != 200, within=2.0)
        outcome = Outcome(call, self._records.pop(call_id, None), self._rung(call_id))
        on_settled(outcome)
        if call.state is CallState.ANSWERED:
            await self.until(lambda: call.state is CallState.ENDED, within=talk)
            caller.hang_up(call, clock.monotonic())
            self._caller.pump()
            await self.until(lambda: any(what.startswith("bye") for what in caller.story(call)), within=2.0)
        return outcome

    def story(self, call: AgentCall) -> list[str]:
        """What the caller's journal says about a call."""
        return self._caller.agent.story(call)

    def forget_calls(self) -> None:
        """Clear everybody's books: the long demo has no end."""
        for box in (self._caller, *self.boxes.values()):
            box.agent.calls.clear()
            box.agent.events.clear()
        self._records.clear()

    def _rung(self, call_id: str) -> list[tuple[Path, AgentCall]]:
        found = [
            (self._paths[name, call.user], call)
            for name, box in self.boxes.items()
            for call in reversed(box.agent.calls)
            if call.id == call_id and (name, call.user) in self._paths
        ]
        return sorted(found, key=lambda item: item[1].started)

    # -- what the daemon says

    def _on_line(self, line: Line) -> None:
        event = line.get("event")
        self.lines.append(line)
        if event == "ready" and "role" not in line:
            self._ready = True
        elif event == "ready":
            self.listening[line["role"]] = line["listen"]
        elif event == "trunk" and line.get("trunk") in self.signs:
            name = line["trunk"]
            sign = self.signs[name] = Sign(str(line["new"]), str(line["why"]), clock.monotonic())
            self._on_trunk(name, sign)
        elif event == "quality" and line.get("trunk") in self.signs:
            name = line["trunk"]
            gate = self.gates[name] = Sign(str(line["new"]), str(line["why"]), clock.monotonic())
            self._on_trunk(name, gate)
        elif event == "call":
            self._records[str(line["call"]).partition(";")[0]] = line
        self.note_change()


@asynccontextmanager
async def open_testbed(file: File, folder: File, on_trunk: Callable[[str, Sign], None]) -> AsyncIterator[Testbed]:
    """Everything up and running, and gone afterwards. ``folder`` is for the daemon's keys.

    Raises `DemoError`.
    """
    with prepare(file, folder) as plan:
        async with run_plan(plan, folder, on_trunk) as testbed:
            yield testbed


@asynccontextmanager
async def run_plan(
    plan: Plan,
    folder: File,
    on_trunk: Callable[[str, Sign], None],
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Testbed]:
    """The same for a dialplan whose ports are free. ``environ``: what the daemon finds in its environment beside ours."""
    testbed = Testbed(plan.dialplan, plan.file, on_trunk)
    with ExitStack() as stack:
        testbed.open_boxes(stack)
        try:
            await testbed.daemon.start(plan.file, folder, environ)
            await testbed.until_ready()
            yield testbed
        finally:
            await testbed.daemon.stop()


def _paths(dialplan: Dialplan) -> Iterator[Path]:
    for chain in dialplan.chains.values():
        for stage in chain.stages:
            for target in stage.targets:
                yield from target.paths

"""A world in virtual time: the whole engine between a caller and a scripted user agent behind every trunk.

Owns the cast and the evidence: packets by call, records, transitions. Whatever it does follows from its seed, so a
world that is built and used the same way twice gives the same packets; `report` and every complaint name the seed.

    world = World(stage("anna/t1,t2"), seed=7)
    world.behave("anna", Script(answer_after=1.0))
    world.ports["t1"] = Port.GONE
    call = world.call()
    world.calm()        # let it all happen, then check every invariant of every call
    assert world.winner(call) == "anna via t2"
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from controller.engine import Engine
from controller.health.score import Change
from controller.scenario.network import Link, Network, Packet, Port
from controller.types import (
    CallRecord,
    Chain,
    DeepProbe,
    Dialplan,
    Identity,
    Listen,
    Page,
    Probe,
    Route,
    Stage,
    Transition,
    Trunk,
    Uplink,
    Verdict,
)
from sip.agent import Agent, AgentCall, Script
from sip.element import Element
from sip.seal import Seal
from sip.transaction import Hop
from tests.sim.audit import Case, audit
from tests.sim.ladder import call_id_of, show_ladder

ENGINE = Hop("192.0.2.10", 5060)
CALLER = Hop("198.51.100.1", 5060)
DID = "+15557000"
URI = f"sip:{DID}@{ENGINE.host}:{ENGINE.port}"

#: Longest time in which everything about a call that is over must be forgotten, seconds: an INVITE that is answered
#: by its first 1xx just before timer B, cancelled, never finished (RFC 3261 §9.1), and timer K after that; and a BYE.
AFTERMATH = 32 + 32 + 32 + 5 + 1


class Broken(AssertionError):
    """An invariant does not hold; the message has the seed, what is wrong, and the ladder of the call."""


class World:
    """See the top of the file."""

    def __init__(
        self,
        *stages: Stage,
        seed: int = 0,
        link: Link | None = None,
        probe: Probe | None = None,
        probes: Mapping[str, Probe | None] | None = None,
        causes: Mapping[str, Verdict] | None = None,
        deep: Mapping[str, DeepProbe] | None = None,
        keep: bool = True,
    ) -> None:
        """``probe`` is that of all trunks that ``probes`` does not name; ``keep`` packets for audits and ladders."""
        self.seed = seed
        self.stages = stages
        names = dict.fromkeys(path.trunk for stage in stages for target in stage.targets for path in target.paths)
        self.hops = {name: Hop(f"192.0.2.{21 + index}", 5060) for index, name in enumerate(names)}
        self.network = Network(random.Random(f"{seed}/network"), link)
        self.network.on_packet = self._on_packet
        self.trunks = {name: _Trunk(name, hop, self._choose) for name, hop in self.hops.items()}
        self.caller = Agent("caller", CALLER, Script())
        self._dialplan = self._make_dialplan(probe, probes or {}, causes or {}, deep or {})
        self.engine = self._make_engine()
        self.records: dict[str, list[CallRecord]] = {}  # by Call-ID
        self.transitions: list[Transition] = []
        self.changes: list[Change] = []  # of quality
        self.pages: list[Page | Uplink] = []
        self.packets: dict[str, list[Packet]] = {}  # by Call-ID
        self.choose: Callable[[str, str, str], Script] | None = None  # (trunk, user, Call-ID) -> how it behaves
        self._keep = keep
        self._names = {ENGINE: "callward", CALLER: "caller", **{hop: name for name, hop in self.hops.items()}}
        self.network.join(self.engine, ENGINE)
        for agent in (self.caller, *self.trunks.values()):
            self.network.join(agent, agent.local)

    def _make_dialplan(
        self,
        probe: Probe | None,
        probes: Mapping[str, Probe | None],
        causes: Mapping[str, Verdict],
        deep: Mapping[str, DeepProbe],
    ) -> Dialplan:
        return Dialplan(
            version="sim",
            listen=(Listen(ENGINE.host, ENGINE.port),),
            trunks={
                name: Trunk(name, hop.host, hop.port, probe=probes.get(name, probe), deep=deep.get(name))
                for name, hop in self.hops.items()
            },
            chains={"sales": Chain("sales", self.stages)},
            routes={DID: Route(DID, "sales")},
            causes=causes,
        )

    def _make_engine(self) -> Engine:
        """An engine with the keys of this world: another one later is another life of it."""
        tokens = random.Random(f"{self.seed}/tokens/{self.now}")
        element = Element(ENGINE, b"the branch key of simulated worlds"[:32], Seal({"1": bytes(range(32))}, "1"))
        return Engine(self._dialplan, element, self.hops, self.now, token=lambda: f"{tokens.getrandbits(96):024x}")

    # -- what tests do

    @property
    def now(self) -> float:
        """The time."""
        return self.network.now

    def behave(self, user: str, script: Script) -> None:
        """How somebody behaves, on all trunks."""
        for trunk in self.trunks.values():
            trunk.scripts[user] = script

    def set_port(self, trunk: str, port: Port) -> None:
        """Close, cut off or open a trunk."""
        self.network.ports[self.hops[trunk]] = port

    def crash(self, trunk: str) -> None:
        """Whoever is behind a trunk loses everything and its port closes."""
        self.trunks[trunk].die(self.now)
        self.set_port(trunk, Port.CLOSED)
        self.network.settle(self.hops[trunk])

    def restart(self, trunk: str) -> None:
        """The end of `crash`."""
        self.trunks[trunk].revive(self.now)
        self.set_port(trunk, Port.OPEN)

    def kill_engine(self) -> None:
        """kill -9: the engine is gone with all it knew, and another one is there at once."""
        self._take_news()
        self.engine = self._make_engine()
        self.network.join(self.engine, ENGINE)

    def show(self, identity: Identity) -> None:
        """What all trunks are shown of who calls, from now on and in every life."""
        trunks = {name: replace(trunk, identity=identity) for name, trunk in self._dialplan.trunks.items()}
        self._dialplan = replace(self._dialplan, trunks=trunks)
        self.engine.reload(self._dialplan, self.hops, self.now)

    def set_link(self, trunk: str, link: Link) -> None:
        """How packets between us and a trunk fare."""
        self.network.connect(ENGINE, self.hops[trunk], link)

    def call(self, uri: str = URI) -> str:
        """Somebody calls, now; returns the Call-ID."""
        call_id = self.caller.place_call(uri, ENGINE, self.now)
        self.network.settle(CALLER)
        return call_id

    def cancel(self, call_id: str) -> None:
        """The caller gives up, now."""
        self.caller.cancel(call_id, self.now)
        self.network.settle(CALLER)

    def hang_up(self, call_id: str) -> None:
        """The caller hangs up, now."""
        self.caller.hang_up(call_id, self.now)
        self.network.settle(CALLER)

    def at(self, when: float, action: Callable[..., None], *args: object) -> None:
        """Do something at a moment."""
        self.network.at(when, action, *args)

    def run_until(self, when: float) -> None:
        """Let time pass."""
        try:
            self.network.run_until(when)
        except Exception as error:
            raise Broken(f"{self._where()}: {type(error).__name__}: {error}") from error
        finally:
            self._take_news()

    def calm(self, limit: float = 600.0) -> None:
        """Let everything come to its end, then check all invariants. Callers who talk hang up after a while.

        Raises `Broken`.
        """
        end = self.now + limit
        while self.now < end and (len(self.engine.plane) or any(not call.status for call in self.caller.calls)):
            self.run_until(self.now + 1.0)
        for call in self.caller.talking:
            self.hang_up(call.id)
        self.run_until(self.now + AFTERMATH)
        self.check()
        self.check_empty()
        if len(self.engine.switchboard.usage.up):
            raise Broken(f"{self._where()}: {len(self.engine.switchboard.usage.up)} calls count as up")

    # -- what tests look at

    def record(self, call_id: str) -> CallRecord:
        """The one record of a call."""
        (record,) = self.records[call_id]
        return record

    def winner(self, call_id: str) -> str | None:
        """The path that answered."""
        return self.record(call_id).winner

    def status(self, call_id: str) -> int:
        """The final that the caller got, 0 for none."""
        return self.caller.find(call_id).status

    def rang(self, user: str) -> list[AgentCall]:
        """The calls that reached somebody, on whatever trunk, by time."""
        calls = [call for trunk in self.trunks.values() for call in trunk.calls if call.user == user]
        return sorted(calls, key=lambda call: call.started)

    def ladder(self, call_id: str) -> str:
        """The packets of a call, for people."""
        return show_ladder(self.packets.get(call_id, ()), lambda hop: self._names.get(hop, hop.host))

    def check(self, call_ids: Iterable[str] | None = None) -> None:
        """Check the invariants of calls that are over, by default of all.

        Raises `Broken`.
        """
        callees: dict[str, list[AgentCall]] = {}
        for trunk in self.trunks.values():
            for callee in trunk.calls:
                callees.setdefault(callee.id, []).append(callee)
        for call_id in call_ids if call_ids is not None else [call.id for call in self.caller.calls]:
            case = Case(
                self.packets.get(call_id, []),
                self.caller.find(call_id),
                callees.get(call_id, []),
                self.records.get(call_id, []),
                ENGINE,
                CALLER,
            )
            wrong = audit(case)
            if wrong:
                raise Broken("\n".join([f"{self._where()}, call {call_id}:", *wrong, self.ladder(call_id)]))

    def check_empty(self) -> None:
        """Nothing is left of calls that are over.

        Raises `Broken`.
        """
        engine, usage = self.engine, self.engine.switchboard.usage
        left = {
            "calls": len(engine.plane),
            "runs": len(engine.switchboard.runs),
            "lines of nobody": sum(usage.held.values()) - sum(len(up.lines) for up in usage.up.copy().values()),
            "transactions": len(engine.plane._layer),
            "deadlines": len(engine._deadlines),
            "news": len(engine.news),
        }
        if any(left.values()):
            raise Broken(f"{self._where()}: left behind: {left}")

    def report(self) -> str:
        """What became of each call, and a hash of every packet."""
        lines = [f"seed {self.seed}, {self.network.packets} packets, {self.network.digest()}"]
        for call in self.caller.calls:
            for record in self.records.get(call.id, []):
                tries = ", ".join(f"{a.path} at {a.started:.3f} {a.milestone} {a.cause}" for a in record.attempts)
                lines.append(f"{call.id}: {record.status} {record.winner or record.cause} [{tries}]")
        return "\n".join(lines)

    # -- inside

    def _on_packet(self, packet: Packet) -> None:
        if self._keep:
            call_id = call_id_of(packet.data)
            if b"\r\nCSeq: 1 OPTIONS\r\n" not in packet.data:
                self.packets.setdefault(call_id, []).append(packet)

    def _take_news(self) -> None:
        news, self.engine.news = self.engine.news, []
        for item in news:
            if isinstance(item, Transition):
                self.transitions.append(item)
            elif isinstance(item, Page | Uplink):
                self.pages.append(item)
            elif isinstance(item, Change):
                self.changes.append(item)
            elif isinstance(item, CallRecord):
                self.records.setdefault(item.offer.id.partition(";")[0], []).append(item)

    def _choose(self, trunk: _Trunk, data: bytes) -> None:
        """Give an INVITE that comes the behaviour that is chosen for it."""
        if self.choose is not None and data.startswith(b"INVITE "):
            user = data[data.index(b":") + 1 : data.index(b"@")].decode()
            trunk.scripts[user] = self.choose(trunk.name, user, call_id_of(data))

    def _where(self) -> str:
        return f"seed {self.seed}, {self.now:.3f} s"


class _Trunk(Agent):
    """A user agent that asks how to behave before each packet."""

    def __init__(self, name: str, hop: Hop, choose: Callable[[_Trunk, bytes], None]) -> None:
        super().__init__(name, hop, Script())
        self._choose = choose

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        self._choose(self, data)
        super().receive(data, source, now)

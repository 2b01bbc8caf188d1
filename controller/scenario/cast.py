"""The cast of a call: the engine of a dialplan in virtual time, a caller, and a scripted agent behind every trunk.

Owns who stands where and does what he is told. All links are one network of UDP without loss: tests of dialplans are about who
rings when; transports, passwords and media are not played. Trunks that stay well for a whole test are not probed, since
all that their answers would say is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import count, islice

from controller.engine import Engine
from controller.health.board import UPLINK_TRUNKS
from controller.rules.expand import common_name
from controller.rules.match import match_route
from controller.rules.numbers import escape_user, read_number
from controller.scenario.model import CallModel
from controller.scenario.names import Names
from controller.scenario.network import Link, Network, Port
from controller.scenario.states import DEAD, Kind, State
from controller.types import DIALLED, TRANSPORT_ERROR, Dialplan, Listen, Offer, Path, Readmit, Sample, Trunk
from sip.agent import Agent, AgentCall, CallState, Script
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import parse_uri

ENGINE, CALLER = Hop("198.18.0.1", 5060), Hop("198.18.0.2", 5060)
#: One way, seconds: a network that nobody notices.
DELAY = 0.001
#: Who answers, and nobody says when, needs so long to take up the phone, seconds.
USUAL_ANSWER = 2.0
#: Trunks that are probed are known by then, seconds (`MAX_SPREAD` of the board, and an answer).
WARM_UP = 2.0
#: Dead or deaf trunks are found by probes and by calls: those need their probes.
_TELLING = {*DEAD, "up"}

RINGS = Script()
ANSWERS = Script(answer_after=USUAL_ANSWER)
_BRANCH_KEY, _SEAL_KEY = bytes(range(32)), bytes(range(32, 64))


class _Dice:
    """No chance at all: links here lose nothing."""

    def random(self) -> float:
        return 0.5


@dataclass(frozen=True, slots=True)
class Flat:
    """A dialplan as it is played: nobody is probed, but for those of ``loud`` that a test is about."""

    dialplan: Dialplan
    loud: Mapping[str, Trunk]  # with their probes
    hops: Mapping[str, Hop]


def flatten(dialplan: Dialplan) -> Flat:
    """The dialplan with all trunks on one network, reached by UDP, known and registered."""
    taken: set[tuple[str, int]] = {ENGINE[:2], CALLER[:2]}
    spare = (f"198.18.{number >> 8}.{number & 255}" for number in count(256))
    loud = {name: _flatten_trunk(trunk, taken, spare) for name, trunk in dialplan.trunks.items()}
    quiet = replace(
        dialplan,
        listen=(Listen(ENGINE.host, ENGINE.port),),
        trunks={name: replace(trunk, probe=None) for name, trunk in loud.items()},
        access=None,
        users={},
        media=None,
        ops=None,
    )
    return Flat(quiet, loud, {name: Hop(trunk.host, trunk.port) for name, trunk in loud.items()})


def _flatten_trunk(trunk: Trunk, taken: set[tuple[str, int]], spare: Iterable[str]) -> Trunk:
    host, port = trunk.host, trunk.port or 5060
    try:
        ip_address(host)
    except ValueError:
        host = ""
    if not host or (host, port) in taken:
        host = next(iter(spare))
    taken.add((host, port))
    return replace(
        trunk,
        host=host,
        port=port,
        transport="udp",
        listener="",
        deep=None,
        auth=None,
        register=None,
        registered=False,
        nat=False,
        anchored=False,
        tls=None,
        sips=False,
    )


class Cast:
    """See the top of the file. ``probed``: the trunks whose probes are played."""

    def __init__(self, flat: Flat, names: Names, probed: set[str], asked: CallModel, moment: float) -> None:
        """``moment``, seconds since the epoch, is when the call comes."""
        self._names = names
        self.network = Network(_Dice(), Link(delay=DELAY))
        trunks = {**flat.dialplan.trunks, **{name: flat.loud[name] for name in probed}}
        self.dialplan = replace(flat.dialplan, trunks=trunks) if probed else flat.dialplan
        self.hops = flat.hops
        self.begins = WARM_UP if probed else 0.0
        tokens = count(1)
        self.engine = Engine(
            self.dialplan,
            Element(ENGINE, _BRANCH_KEY, Seal({"1": _SEAL_KEY}, "1")),
            self.hops,
            0.0,
            token=lambda: f"{next(tokens):024x}",
            epoch_offset=moment - self.begins,
        )
        self.caller = Agent("caller", CALLER, RINGS)
        paths = list(_paths_of(self.dialplan, asked))
        on_stage = {path.trunk for path in paths} | probed | ({asked.from_trunk} if asked.from_trunk else set())
        for trunk in tuple(on_stage):  # a 3xx may lead there
            redirects = trunks[trunk].redirects
            on_stage.update(redirects.trunks if redirects is not None else ())
        self.agents = {
            name: Agent(f"agent-{number}", self.hops[name], RINGS)
            for number, name in enumerate(each for each in trunks if each in on_stage)
        }
        self._users: dict[str, dict[str, str]] = {}  # by trunk and user of the Request-URI, the path
        self._phones: dict[str, State] = {}  # by path
        self._trunks: dict[str, State] = {}  # by trunk
        self._full: set[str] = set()
        self._dialled = {path.trunk: path.name for path in paths if DIALLED in path.address}
        for path in paths:
            if DIALLED not in path.address:
                self._users.setdefault(path.trunk, {}).setdefault(_user_of(path), path.name)
        self.network.join(self.engine, ENGINE)
        self.network.join(self.caller, CALLER)
        for name, agent in self.agents.items():
            self.network.join(agent, self.hops[name])
            self._cast(name)

    # -- states

    def assume(self, kind: Kind, members: Iterable[str], state: State) -> None:
        """Somebody has been so for a while: callward knows it, where it can know such things."""
        self.change(kind, members, state)
        if kind is Kind.TRUNK:
            for trunk in members:
                if state.word == "down":
                    self._tell_down(trunk)

    def change(self, kind: Kind, members: Iterable[str], state: State) -> None:
        """Somebody is so from now on; what callward makes of it is its own affair."""
        for member in members:
            if kind is Kind.LIMIT or state.word == "full":
                self._assume_full(self._full | {common_name(member)})
            elif kind is Kind.TRUNK:
                self._change_trunk(member, state)
            elif kind is Kind.PHONE:
                self._phones[member] = state
                self._cast(self._names.paths[member].trunk)
                self._act(self._names.paths[member], state)

    def _change_trunk(self, trunk: str, state: State) -> None:
        now, board = self.network.now, self.engine.board
        self._trunks[trunk] = state
        if common_name(trunk) in self._full:
            self._assume_full(self._full - {common_name(trunk)})
        ports = {"down": Port.GONE, "silent": Port.GONE, "closed": Port.CLOSED}
        self.network.ports[self.hops[trunk]] = ports.get(state.word, Port.OPEN)
        if state.word == "drained":
            self.engine.drain(common_name(trunk), now)
        elif self.engine.scores.is_parked(trunk):
            self.engine.undrain(common_name(trunk), now)
        code = "ASSUMED" if state.word == "degraded" else None
        board.set_verdict(trunk, "test", code, "the test says so", now)
        self._settle()
        self._cast(trunk)

    def _tell_down(self, trunk: str) -> None:
        """As three refused packets would: that is enough whatever probes there are."""
        for _ in range(3):
            self.engine.board.observe(Sample(trunk, alive=False, code=TRANSPORT_ERROR), self.network.now)
        if self.dialplan.trunks[trunk].readmit is Readmit.GENTLY:
            self.engine.scores.lost(trunk, self.network.now, "the test says so")
        self._settle()

    def _assume_full(self, names: set[str]) -> None:
        self._full = names
        self.engine.switchboard.usage.assume(names)

    def _settle(self) -> None:
        self.engine.handle_timer(self.network.now)  # shows the plane what changed
        self.network.settle(ENGINE)

    def hears(self, trunk: str) -> bool:
        """Whether what is said there reaches anybody now."""
        return self.network.ports.get(self.hops[trunk], Port.OPEN) is Port.OPEN

    # -- phones

    def path_of(self, trunk: str, user: str) -> str:
        """Who is called on a trunk by that user part: the name of the path."""
        return self._users.get(trunk, {}).get(user) or self._dialled.get(trunk, "")

    def _cast(self, trunk: str) -> None:
        """Tell the agent of a trunk how everybody there behaves."""
        agent, own = self.agents.get(trunk), self._trunks.get(trunk)
        if agent is None:
            return  # no call leads there
        if own is not None and own.status:
            agent.script = _script_of(own)
            agent.scripts = {}
            return
        agent.scripts = {user: self._script(name) for user, name in self._users.get(trunk, {}).items()}
        dialled = self._dialled.get(trunk)
        agent.script = self._script(dialled) if dialled else RINGS

    def _script(self, path: str) -> Script:
        state = self._phones.get(path)
        if state is not None:
            return _script_of(state)
        return ANSWERS if self._names.paths[path].endpoint in self._names.live else RINGS

    def _act(self, path: Path, state: State) -> None:
        """A phone that rings now does what its user has come to."""
        agent, now = self.agents.get(path.trunk), self.network.now
        if agent is None:
            return
        for call in [
            each for each in agent.calls if each.incoming and each.state in (CallState.INVITED, CallState.RINGING)
        ]:
            if self.path_of(path.trunk, call.user) == path.name:
                if state.word == "answers":
                    self.network.at(now + (state.after or 0.0), self._answer, agent, call)
                elif state.status:
                    self.network.at(now + (state.after or 0.0), self._reject, agent, call, state.status)

    def _answer(self, agent: Agent, call: AgentCall) -> None:
        agent.answer(call, self.network.now)
        self.network.settle(agent.local)

    def _reject(self, agent: Agent, call: AgentCall, status: int) -> None:
        agent.reject(call, status, self.network.now)
        self.network.settle(agent.local)

    # -- the call

    def call(self, asked: CallModel) -> AgentCall:
        """Somebody calls, now: from a trunk, or from a carrier's address that nobody knows."""
        agent = self.agents[asked.from_trunk] if asked.from_trunk else self.caller
        uri = f"sip:{escape_user(asked.did)}@{ENGINE.host}:{ENGINE.port}"
        call_id = agent.place_call(uri, ENGINE, self.network.now, caller=escape_user(asked.caller))
        self.network.settle(agent.local)
        return agent.find(call_id)

    def give_up(self, asked: CallModel, call: AgentCall) -> None:
        """The caller has waited long enough."""
        agent = self.agents[asked.from_trunk] if asked.from_trunk else self.caller
        agent.cancel(call, self.network.now)
        self.network.settle(agent.local)


def needs_probes(
    states: Iterable[tuple[Kind, tuple[str, ...], State]], paths: Mapping[str, Path], loud: Mapping[str, Trunk]
) -> set[str]:
    """The trunks of which probes say something in a test. Where several fall at once one that stands is among them, if
    there is any: else the board would take it for our own uplink."""
    found: set[str] = set()
    for kind, members, state in states:
        if kind is Kind.TRUNK and state.word in _TELLING:
            found.update(members)
        elif kind is Kind.PHONE and state.word == "silent":
            found.update(paths[member].trunk for member in members)
    if len(found) >= UPLINK_TRUNKS:
        standing = (name for name, trunk in loud.items() if name not in found and trunk.probe is not None)
        found.update(islice(standing, 1))
    return found


def _paths_of(dialplan: Dialplan, asked: CallModel) -> Iterator[Path]:
    """All ways that a call may take."""
    trunk = asked.from_trunk or ""
    form = dialplan.trunks[trunk].format if trunk else None
    offer = Offer("test", read_number(form, asked.did, called=True), read_number(form, asked.caller), trunk=trunk)
    route = match_route(dialplan, offer)
    for stage in dialplan.chains[route.chain].stages if route is not None else ():
        yield from (path for target in stage.targets for path in target.paths)


def _user_of(path: Path) -> str:
    try:
        return parse_uri(path.address).user
    except RemoteProtocolError:
        return ""


def _script_of(state: State) -> Script:
    after = state.after
    match state.word:
        case "answers":
            return Script(answer_after=USUAL_ANSWER if after is None else after)
        case "hangs":
            return Script(ring_after=None)
        case "silent":
            return Script(silent=True)
        case _ if state.status:
            rings = 0.0 if after else None  # who refuses at once never rang
            return Script(ring_after=rings, reject=state.status, reject_after=after or 0.0)
        case _:
            return RINGS

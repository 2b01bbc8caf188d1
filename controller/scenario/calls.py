"""One test of a call, played: the caller calls, what is to happen happens, and what came of it is written down.

Owns the course of a test and the ladder of it. Decides nothing: that is the engine, which it drives.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.rules.missed import find_missed
from controller.scenario.cast import DELAY, Cast, Flat, needs_probes
from controller.scenario.names import Names
from controller.scenario.read import Case
from controller.types import FULL, CallRecord, Fault, TargetState, Transition
from sip.agent import AgentCall
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.uri import parse_uri

#: A call that nobody ends is over by then, seconds: an hour of ringing is a fault of the test.
LONGEST = 3600.0
_STEP = 0.5  # seconds between looks whether it is over


@dataclass(slots=True)
class Seen:
    """What came of a test. Times are seconds after the call, or the request."""

    status: int | str = 0
    over: float | None = None  # when the caller had a final answer; None: never
    winner: str = ""  # the path that answered, or the provider that delivered; "" for nobody
    tried: list[str] = field(default_factory=list)  # paths, or providers, in their order
    rang: list[str] = field(default_factory=list)
    shows: dict[str, str] = field(default_factory=dict)  # by trunk, the number that it was shown as the caller's
    missed: list[str] = field(default_factory=list)  # who is sent a message because nobody answered
    reason: str = ""
    cost: float = 0.0
    channel: str = ""
    step: int = 0
    faults: list[str] = field(default_factory=list)  # of callward itself
    ladder: list[tuple[float, str, str]] = field(default_factory=list)  # when, who, what


def play_call(case: Case, flat: Flat, names: Names) -> Seen:
    """Play a test of a call."""
    asked = case.call
    assert asked is not None
    changes = (*case.given, *case.timeline)
    probed = needs_probes([(each.kind, each.members, each.state) for each in changes], names.paths, flat.loud)
    cast = Cast(flat, names, probed, asked, case.moment)
    network = cast.network
    sudden = [each for each in case.given if each.state.word in ("silent", "closed")]
    for each in sorted(case.given, key=lambda change: -len(change.members)):  # what is said of one is more than of all
        if each not in sudden:
            cast.assume(each.kind, each.members, each.state)
    network.run_until(cast.begins)
    for each in sudden:  # nobody has noticed yet
        cast.change(each.kind, each.members, each.state)
    cast.engine.news.clear()
    begun = network.now
    call = cast.call(asked)
    for each in case.timeline:
        network.at(begun + each.at, cast.change, each.kind, each.members, each.state)
    if asked.gives_up is not None:
        network.at(begun + asked.gives_up, cast.give_up, asked, call)
    news: list[object] = []
    while not call.status and network.now < begun + LONGEST:
        network.run_until(network.now + _STEP)
        news += cast.engine.news
        cast.engine.news.clear()
    return _look(case, cast, call, begun, news)


def _look(case: Case, cast: Cast, call: AgentCall, begun: float, news: list[object]) -> Seen:
    over = call.answered if call.answered is not None else call.ended
    seen = Seen(call.status, None if over is None else over - begun)
    record = next((item for item in news if isinstance(item, CallRecord)), None)
    ladder = seen.ladder
    ladder.append((0.0, "the caller", f"calls {call.user}"))
    if record is not None:
        seen.winner, seen.reason = record.winner or "", record.refusal or record.cause
        seen.tried = [attempt.path for attempt in record.attempts if attempt.cause != FULL]
        missed = find_missed(cast.dialplan, record)
        if missed is not None:
            seen.missed = list(missed[1])
            ladder.append(
                (
                    DELAY + record.seconds,
                    "a message",
                    f"goes to {', '.join(seen.missed) or 'nobody'} by {missed[0].cascade}",
                )
            )
        for skipped in record.skipped:
            ladder.append((0.0, skipped.what, f"skipped: {skipped.why}"))
        for attempt in record.attempts:
            if attempt.cause == FULL:  # it was never sent
                ladder.append((DELAY + attempt.started, attempt.path, "is not tried: it is still full"))
                continue
            hedge = ", beside a silent one" if attempt.hedge else ""
            ladder.append((DELAY + attempt.started, attempt.path, f"is tried{hedge}"))
    rang: list[tuple[float, str]] = []
    for trunk, agent in cast.agents.items():
        for each in agent.calls:
            if each.incoming and each.started >= begun:
                seen.shows[trunk] = _shown(each)
                path = cast.path_of(trunk, each.user) or f"{each.user} via {trunk}"
                rang += _tell(each, path, begun, ladder, heard=cast.hears(trunk))
    turns = {path: turn for turn, path in enumerate(seen.tried)}  # who ring at one moment stand as they were called
    seen.rang = list(dict.fromkeys(path for _, path in sorted(rang, key=lambda each: (each[0], turns.get(each[1], 0)))))
    for item in news:
        if isinstance(item, Transition) and item.old is not TargetState.UNKNOWN:
            ladder.append((item.at - begun, item.trunk, f"{item.new}: {item.why}"))
        elif isinstance(item, Fault):
            seen.faults.append(item.what.strip().splitlines()[-1])
            ladder.append((cast.network.now - begun, "callward", f"is at fault: {seen.faults[-1]}"))
    for change in case.timeline:
        if seen.over is None or change.at <= seen.over:
            ladder.append((change.at, change.name, f"becomes {change.state.word}"))
    if seen.over is not None:
        ladder.append((seen.over, "the caller", f"talks to {seen.winner}" if seen.winner else f"gets {seen.status}"))
    ladder.sort(key=lambda row: row[0])
    return seen


def _tell(
    call: AgentCall, path: str, begun: float, ladder: list[tuple[float, str, str]], *, heard: bool
) -> list[tuple[float, str]]:
    """What a phone went through; when it rang, if it did."""
    if call.answered is not None:
        ladder.append((call.answered - begun, path, "answers" if heard else "answers, and nobody hears it"))
    elif call.ended is not None:
        ladder.append((call.ended - begun, path, "is cancelled" if call.cancelled else f"refuses with {call.status}"))
    if call.rang is None:
        return []
    ladder.append((call.rang - begun, path, "rings"))
    return [(call.rang, path)]


def _shown(call: AgentCall) -> str:
    """The number in the From that a trunk got."""
    try:
        return parse_uri(find_uri(call.invite.require("from"))).user
    except RemoteProtocolError:
        return ""

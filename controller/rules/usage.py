"""Usage: how much of each limit is taken, by calls that are being set up and by calls that are up.

Owns the counts, the pace of new calls and what "full" means. It must not decide what becomes of a call that finds
something full: that is the plan's and the run's business. Pure: time is an argument.

A *line* is one call's place in one count. An offer has one in the trunk it comes from, one in its route's limit and one
in its tenant's; each attempt has one in its trunk. What admits nothing more is not counted: a call that goes to an
overflow stage because its number is full leaves that number's lines to others. Once a call is answered its lines stay
with it in `CallsUp` until it is over.

Pace: at most n calls in any window of n / cps seconds, n the whole part of ``cps``, at least 1. A token bucket that
holds one second's calls would let twice as many through in one second, and carriers refuse what comes too fast.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.rules.expand import common_name
from controller.rules.up import CallsUp, Up, end_of, key_of
from controller.types import (
    FULL,
    THE_NUMBER,
    THE_TENANT,
    Dialplan,
    Limits,
    Offer,
    Refusal,
    Route,
)

SWEEP = 1.0  # seconds: while something is full, calls that are over without a word are looked for so often


@dataclass(frozen=True, slots=True)
class Full:
    """What has no room for an offer, and why it may not go further if it may not. Trunks are called as by operators."""

    trunks: Mapping[str, str] = field(default_factory=dict)  # that may have no more calls outward, and why
    entry: tuple[str, ...] = ()  # `THE_NUMBER`, `THE_TENANT`, or the trunk that the offer comes from
    refusal: Refusal | None = None
    urgent: bool = False  # an emergency call: no limit and no price keeps it from anywhere


ROOM = Full()  # nothing is full
URGENT = Full(urgent=True)


class Share(NamedTuple):
    """How much of one limit is in use."""

    of: str  # "trunk carrier-a", "did +15557000", "tenant acme"
    outward: int  # of a trunk; of others, all
    inward: int  # of a trunk
    limits: Limits
    why: str  # it is full; "" while it is not


class _Offer(NamedTuple):
    lines: tuple[str, ...]  # of the offer itself
    attempts: dict[int, str]  # the line of each attempt that is under way
    urgent: bool = False


class _Pace:
    """When the last calls began."""

    __slots__ = ("times", "window")

    def __init__(self, cps: float, before: _Pace | None) -> None:
        count = max(1, int(cps))
        self.window = count / cps  # seconds
        self.times: deque[float] = deque(before.times if before is not None else (), maxlen=count)

    def copy(self) -> _Pace:
        other = _Pace.__new__(_Pace)
        other.times, other.window = self.times.copy(), self.window
        return other

    def why_full(self, now: float) -> str:
        times = self.times
        if len(times) < (times.maxlen or 0) or now - times[0] >= self.window:
            return ""
        calls = f"{len(times)} call{'' if len(times) == 1 else 's'}"
        return f"{calls} in the last {'second' if self.window == 1.0 else f'{self.window:.3g} s'}"


class Usage:
    """See the top of the file. One object for all calls of a daemon; ``up`` has those that are up."""

    def __init__(self, dialplan: Dialplan, up: CallsUp | None = None) -> None:
        self.up = CallsUp() if up is None else up
        self.held: dict[str, int] = {}  # lines by name
        self._offers: dict[str, _Offer] = {}
        self._limits: dict[str, Limits] = {}  # by trunk
        self._paces: dict[str, _Pace] = {}  # by "trunk NAME", "did DID", "tenant NAME"
        self._tight: set[str] = set()  # limited trunks that may be full
        self.assumed: frozenset[str] = frozenset()  # taken for full whatever is counted: for questions
        self._swept = -SWEEP
        self.update(dialplan)

    def update(self, dialplan: Dialplan) -> None:
        """Go by the limits of this dialplan; what is counted stays counted."""
        self._dialplan = dialplan
        trunks = dialplan.trunks.values()  # the addresses of one name share its limits
        self._limits = {common_name(each.name): each.limits for each in trunks if each.limits is not None}
        limited = {f"trunk {name}": limits for name, limits in self._limits.items()}
        limited |= {f"tenant {name}": tenant.limits for name, tenant in dialplan.tenants.items()}
        self._numbers = {_line_of(route): route.limits for route in _routes(dialplan) if route.limits is not None}
        limited |= self._numbers
        self._paces = {
            name: _Pace(limits.cps, self._paces.get(name)) for name, limits in limited.items() if limits.cps is not None
        }
        self._tight = set(self._limits)

    def is_limited(self) -> bool:
        """Whether anything has limits at all."""
        return bool(self._limits or self._dialplan.tenants or self._numbers)

    def assume(self, words: Collection[str]) -> None:
        """Take these for full: trunks, `THE_NUMBER`, `THE_TENANT`."""
        self.assumed = frozenset(words)
        self._tight |= self.assumed - {THE_NUMBER, THE_TENANT}

    # -- what is full

    def full_trunks(self, now: float) -> Mapping[str, str]:
        """The trunks that may have no more calls outward now, and why; cheap while there are none."""
        if not self._tight:
            return ROOM.trunks
        self.sweep(now)
        found = {}
        for name in sorted(self._tight):
            why = self._why_trunk_full(name, now)
            if why:
                found[name] = why
            else:
                self._tight.discard(name)
        return found

    def enter(self, offer: Offer, route: Route, now: float, *, urgent: bool = False) -> Full:
        """Count an offer where there is room for it, and say where there is none; ``urgent`` ones need none."""
        lines: list[str] = []
        entry: list[str] = []
        refusal: Refusal | None = None
        for word, line, limits, name in self._entries(offer, route):
            why = self._why_full(line, limits, now) if limits is not None else ""
            if word in self.assumed and word in (THE_NUMBER, THE_TENANT):
                why = "as assumed"
            if why and not urgent:
                entry.append(word)
                status = 486 if word in (THE_NUMBER, THE_TENANT) else 503
                status = (limits.answer if limits is not None else 0) or status
                refusal = refusal or Refusal(FULL, status, f"{name} is full: {why}")
            if urgent or not why or line.startswith("in "):  # what came in occupies a channel, like it or not
                lines.append(line)
                self._hold(line)
                if line in self._paces:
                    self._paces[line].times.append(now)
        self._offers[offer.id] = _Offer(tuple(lines), {}, urgent)
        if urgent:
            return URGENT
        trunks = self.full_trunks(now)
        return Full(trunks, tuple(entry), refusal) if trunks or refusal is not None else ROOM

    def _entries(self, offer: Offer, route: Route) -> Iterator[tuple[str, str, Limits | None, str]]:
        """What an offer needs room in: the word of conditions for it, its line, its limits, its name."""
        if route.limits is not None or THE_NUMBER in self.assumed:
            yield THE_NUMBER, _line_of(route), route.limits, _line_of(route).removeprefix("did ")
        tenant = self._dialplan.tenants.get(route.tenant) if route.tenant else None
        if tenant is not None:
            yield THE_TENANT, f"tenant {tenant.name}", tenant.limits, f"tenant {tenant.name}"
        if offer.trunk:
            trunk = common_name(offer.trunk)
            limits = self._limits.get(trunk)
            if limits is not None:
                self._tight.add(trunk)
                limits = Limits(calls=limits.inward, answer=limits.answer)
            yield trunk, f"in {trunk}", limits, trunk

    # -- attempts

    def start(self, offer_id: str, attempt: int, trunk: str, now: float) -> bool:
        """Give an attempt its line; False if its trunk is full."""
        offer = self._offers.get(offer_id)
        trunk = common_name(trunk)
        if trunk in self._limits or trunk in self.assumed:
            if self._why_trunk_full(trunk, now) and not (offer is not None and offer.urgent):
                self._tight.add(trunk)
                self.sweep(now)
                if self._why_trunk_full(trunk, now):
                    return False
            pace = self._paces.get(f"trunk {trunk}")
            if pace is not None:
                pace.times.append(now)
            self._tight.add(trunk)
        if offer is not None:
            line = offer.attempts[attempt] = f"out {trunk}"
            self._hold(line)
        return True

    def move(self, offer_id: str, attempt: int, trunk: str, now: float) -> bool:
        """Give an attempt a line of another trunk in place of its own; False, and nothing changes, if that is full."""
        offer = self._offers.get(offer_id)
        line = offer.attempts.get(attempt) if offer is not None else None
        if not self.start(offer_id, attempt, trunk, now):
            return False
        if line is not None:
            self._release(line)
        return True

    def stop(self, offer_id: str, attempt: int) -> None:
        """An attempt has failed, or was given up."""
        offer = self._offers.get(offer_id)
        if offer is not None:
            line = offer.attempts.pop(attempt, None)
            if line is not None:
                self._release(line)

    def leave(self, offer_id: str, winner: int | None = None, trunk: str = "") -> tuple[str, ...]:
        """An offer is decided. Returns the lines that its winner, over ``trunk``, keeps; they are for `answered`."""
        offer = self._offers.pop(offer_id, None)
        if offer is None:
            return ()
        lost = [line for attempt, line in offer.attempts.items() if attempt != winner]
        for line in lost if winner is not None else (*lost, *offer.lines):
            self._release(line)
        if winner is None:
            return ()
        line = f"out {common_name(trunk)}"
        if winner not in offer.attempts:  # it had been given up, and answers all the same
            self._hold(line)
        return (*offer.lines, line)

    # -- calls that are up

    def answered(
        self, call_id: str, caller_tag: str, trunk: str, lines: tuple[str, ...], session: float, now: float
    ) -> None:
        """A call is up. ``session`` is its Session-Expires in seconds, 0 for none."""
        for gone in self.up.add(key_of(call_id, caller_tag), Up(trunk, now, lines, now, end_of(session, now))):
            self._release_all(gone)

    def ended(self, call_id: str, *tags: str) -> Up | None:
        """A BYE of a call, whose tags these are, in any order; None if nothing is known of it."""
        up = self.up.end(self.up.find(call_id, *tags))
        if up is not None:
            self._release_all(up)
        return up

    def restore(self, rows: Mapping[str, Up], now: float) -> None:
        """Count the calls of an earlier life."""
        for key, up in rows.items():
            for line in up.lines:
                self._hold(line)
            for gone in self.up.add(key, up):
                self._release_all(gone)
        self._tight = set(self._limits)
        self._swept = -SWEEP
        self.sweep(now)

    def sweep(self, now: float) -> None:
        """Forget the calls that are over without a word; once a second is enough."""
        if now - self._swept >= SWEEP or now < self._swept:
            self._swept = now
            for gone in self.up.expire(now, self._dialplan.count_for):
                self._release_all(gone)

    def view(self, now: float, *, brief: bool = False) -> list[Share]:
        """How much of each limit is in use. ``brief``: of numbers those alone that have calls; there may be very many."""
        self.sweep(now)
        shares = []
        for name, limits in self._limits.items():
            why = self._why_trunk_full(name, now).removeprefix(f"{name} is full: ")
            lines = self.held.get(f"out {name}", 0), self.held.get(f"in {name}", 0)
            shares.append(Share(f"trunk {name}", *lines, limits, why))
        others = {f"tenant {name}": tenant.limits for name, tenant in self._dialplan.tenants.items()}
        numbers = self._numbers
        if brief:
            busy = [line for line in self.held if line in numbers]
            busy += [line for line, pace in self._paces.items() if line in numbers and pace.times]
            numbers = {line: numbers[line] for line in busy}
        others |= numbers
        for line, limits in others.items():
            shares.append(Share(line, self.held.get(line, 0), 0, limits, self._why_full(line, limits, now)))
        return shares

    def copy(self) -> Usage:
        """Another one that counts the same: for questions."""
        other = Usage.__new__(
            Usage
        )  # limits are shared: looking for them among 10,000 routes takes longer than an answer
        other.up, other._dialplan, other._limits = CallsUp(), self._dialplan, self._limits
        other._numbers = self._numbers
        other.assumed, other._tight, other._swept = self.assumed, set(self._tight), -SWEEP
        other.held = dict(self.held)
        other._offers = {name: offer._replace(attempts=dict(offer.attempts)) for name, offer in self._offers.items()}
        other._paces = {name: pace.copy() for name, pace in self._paces.items()}
        for key, up in self.up.copy().items():
            other.up.add(key, up)
        return other

    # -- inside

    def _why_full(self, line: str, limits: Limits, now: float) -> str:
        for again in (False, True):
            held = self.held.get(line, 0)
            pace = self._paces.get(line)
            if limits.calls is not None and held >= limits.calls:
                why = f"{_of(held, limits.calls)}{' inward' if line.startswith('in ') else ''}"
            elif pace is None or not (why := pace.why_full(now)):
                return ""
            if again:
                return why
            self.sweep(now)
        return ""

    def _why_trunk_full(self, trunk: str, now: float) -> str:
        if trunk in self.assumed:
            return f"{trunk} is full (ASSUMED)"
        limits = self._limits.get(trunk)
        if limits is None:
            return ""
        outward = self.held.get(f"out {trunk}", 0)
        pace = self._paces.get(f"trunk {trunk}")
        if limits.calls is not None and (count := outward + self.held.get(f"in {trunk}", 0)) >= limits.calls:
            why = _of(count, limits.calls)
        elif limits.outward is not None and outward >= limits.outward:
            why = f"{_of(outward, limits.outward)} outward"
        elif pace is None or not (why := pace.why_full(now)):
            return ""
        return f"{trunk} is full: {why}"

    def _hold(self, line: str) -> None:
        self.held[line] = self.held.get(line, 0) + 1

    def _release(self, line: str) -> None:
        left = self.held.get(line, 0) - 1
        if left > 0:
            self.held[line] = left
        else:  # below 0 is a slip of ours, and no reason to fail a call
            self.held.pop(line, None)

    def _release_all(self, up: Up) -> None:
        for line in up.lines:
            self._release(line)


def _line_of(route: Route) -> str:
    if route.outbound:
        return f"did {route.chain}"  # which says its prefix, and whose it is
    return f"did {route.did}{'...' if route.prefix else ''}"


def _routes(dialplan: Dialplan) -> Iterator[Route]:
    yield from dialplan.routes.values()
    yield from dialplan.prefixes.values()
    if dialplan.default is not None:
        yield dialplan.default
    for by_trunk in dialplan.outbound.values():
        yield from by_trunk.values()


def _of(held: int, most: int) -> str:
    return f"{held} of {most} call{'' if most == 1 else 's'}"

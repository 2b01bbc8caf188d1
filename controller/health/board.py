"""The board: all trunks with their detectors, and the immutable picture of them that plans are made from.

Owns which trunks are watched, what `hedge: auto` means on each, what is shown of a trunk of which several things are
known, and when the picture is drawn anew. Must not find out a state itself: `detector` does, and whoever else judges
trunks tells by `set_verdict`. Every call brings samples, so a sample that changes nothing that a plan depends on costs
about a microsecond and leaves the picture alone.

A trunk is shown DEGRADED while its detector has it alive (UP, or UNKNOWN) and some source has a verdict against it.
Who is SUSPECT or DOWN is shown as that. Transitions tell what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType
from zlib import crc32

from controller.health.detector import Detector, RoundTrip
from controller.health.groups import add_groups, find_groups
from controller.types import (
    CALL_RESPONSE,
    LEAST_HEDGE,
    HealthView,
    Page,
    Sample,
    TargetState,
    Transition,
    Trunk,
    TrunkHealth,
)

#: `hedge: auto` on a trunk under suspicion (or thought dead, and tried for want of others), seconds: enough for a trunk that lives to say 100.
SUSPECT_HEDGE = 0.05

#: What is usual on a trunk is known after so many calls; so many times that is sudden, and usual when it has lasted for
#: so long, seconds.
FAMILIAR, SUDDEN, SLOW_FOR = 8, 1.5, 60.0

#: `hedge: auto` in seconds at most: a caller would notice a longer wait, however slow the trunk usually is.
MAX_HEDGE = 1.0

#: The picture follows the measured figure only when that has moved by this share.
NOTICEABLE = 0.1

#: States of a detector in which a verdict against the trunk is what counts.
_ALIVE = (TargetState.UNKNOWN, TargetState.UP)

#: The code of the transition with which a trunk ceases to be DEGRADED.
RECOVERED = "RECOVERED"

#: So many probed trunks, of so many carriers, that all fell within so many seconds are more likely one uplink: ours.
UPLINK_TRUNKS, UPLINK_CARRIERS, UPLINK_SPAN = 3, 2, 2.0

#: First probes are spread over one interval, but over no more than this: soon after the start every trunk is known.
MAX_SPREAD = 1.0


def spread_by_name(name: str) -> float:
    """A place in 0 .. 1 for a trunk, the same in every run."""
    return crc32(name.encode()) / 2**32


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one source has against a trunk that is alive."""

    since: float
    code: str
    why: str


class _Entry:
    """What the board keeps of one trunk."""

    __slots__ = ("cleared", "detector", "first_response", "hedge", "responses", "shown", "slow_since", "verdicts")

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.first_response = RoundTrip()  # of calls
        self.responses = 0  # how many of them were measured
        self.hedge = LEAST_HEDGE
        self.slow_since = inf  # since when it has been slower than it usually is
        self.verdicts: dict[str, _Verdict] = {}  # by source, the oldest first
        self.cleared = -inf  # when one was last taken back
        self.shown = TrunkHealth(detector.state, detector.since, detector.code, LEAST_HEDGE)

    @property
    def verdict(self) -> _Verdict | None:
        """The one that is told, where there are several."""
        return next(iter(self.verdicts.values()), None)

    def adapt(self, now: float, was_up: bool) -> bool:
        """Follow what was measured; whether `hedge` changed.

        Probes stand in until a call was measured. A trunk that is suddenly much slower than it was, and whose probes
        are slow or silent as well (else it was loss), is ill until it has been so for `SLOW_FOR`: its callers must not
        wait with it.
        """
        bound = self.first_response.bound or self.detector.round_trip.bound
        bound *= 1 + NOTICEABLE  # what is not worth a change may lie below, and an answer of the usual kind must not
        hedge = min(max(LEAST_HEDGE, bound), MAX_HEDGE)
        is_ill = not was_up or self.detector.round_trip.bound > self.hedge
        if is_ill and hedge > SUDDEN * self.hedge and self.responses > FAMILIAR:
            self.slow_since = min(self.slow_since, now)
            if now < self.slow_since + SLOW_FOR:
                return False
        else:
            self.slow_since = inf
        if abs(hedge - self.hedge) <= NOTICEABLE * self.hedge:
            return False
        self.hedge = hedge
        return True


class Board:
    """Health of all trunks: `observe` samples, read the `view`."""

    def __init__(self, trunks: Iterable[Trunk], now: float, spread: Callable[[str], float] = spread_by_name) -> None:
        """``spread`` gives a trunk's place in 0 .. 1, so that not all trunks are probed at the same moment."""
        self._spread = spread
        self._entries: dict[str, _Entry] = {}
        self._groups: dict[str, list[str]] = {}  # names with several addresses
        self._hurried: dict[str, None] = {}  # an ordered set: a replay must come out the same
        self._view = HealthView()
        self._stale = True
        self._wake_at = inf
        self._standing = 0  # probed trunks that are not DOWN
        self._uplink = ""
        self.update(trunks, now)

    def update(self, trunks: Iterable[Trunk], now: float) -> None:
        """Watch these trunks from now on. One whose address and probe are unchanged keeps what is known of it, also
        where it has become one of several of its name, or the only one."""
        before = self._entries
        at_address = {_address(entry.detector.trunk): entry for entry in before.values()}
        self._entries = {}
        for trunk in trunks:
            entry = before.get(trunk.name)
            if entry is None or not _is_same(entry.detector.trunk, trunk):
                entry = at_address.get(_address(trunk))
            if entry is not None and _is_same(entry.detector.trunk, trunk):
                entry.detector.trunk = trunk  # its `where` may have moved
            else:
                first = now + self._spread(trunk.name) * min(trunk.probe.every, MAX_SPREAD) if trunk.probe else now
                entry = _Entry(Detector(trunk, now, first))
            self._entries[trunk.name] = entry
        self._groups = find_groups(entry.detector.trunk for entry in self._entries.values())
        self._standing = sum(detector.state is not TargetState.DOWN for detector in self._probed())
        if self._standing:
            self._uplink = ""
        self._stale = True

    def observe(self, sample: Sample, now: float) -> list[Transition]:
        """Take in one sample. A trunk that is not (or no longer) on the board is nobody's concern."""
        entry = self._entries.get(sample.trunk)
        if entry is None:
            return []
        detector, shown = entry.detector, entry.shown.state
        due, was_up = detector.due, detector.state is TargetState.UP
        transition = detector.observe(sample, now)
        if detector.due < due:
            self._hurried[sample.trunk] = None
        if sample.alive and sample.latency is not None:
            if sample.code == CALL_RESPONSE:
                entry.first_response.add(sample.latency)
                entry.responses += 1
            if entry.adapt(now, was_up):
                self._show(entry)
        return self._note(entry, shown, transition) if transition is not None else []

    def set_verdict(self, trunk: str, source: str, code: str | None, why: str, now: float) -> list[Transition]:
        """Say that a trunk, though alive, does not carry calls as it should: ``code`` tells why, in one word. None takes
        that back. There may be several sources; each has one verdict, and the trunk is DEGRADED while any has one."""
        entry = self._entries.get(trunk)
        if entry is None:
            return []
        known = entry.verdicts.get(source)
        if (known.code if known is not None else None) == code:
            return []
        if code is not None:
            entry.verdicts[source] = _Verdict(now, code, why)
        else:
            del entry.verdicts[source]
            if entry.shown.state is TargetState.DEGRADED:
                entry.cleared = now
        old = entry.shown.state
        self._show(entry)
        new = entry.shown.state
        return (
            [Transition(trunk, old, new, now, entry.shown.code if code else RECOVERED, why)] if new is not old else []
        )

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next; infinity for never."""
        return self._wake_at

    def handle_timer(self, now: float) -> list[Transition | Page]:
        """Do what only time brings: pages, and the end of paroles."""
        news: list[Transition | Page] = []
        for entry in self._entries.values():
            while (found := entry.detector.wake(now)) is not None:
                if isinstance(found, Page):
                    self._show(entry)
                    if not self._is_carried_on(entry):
                        news.append(found)
                else:
                    news += self._note(entry, entry.shown.state, found)
        self._wake_at = min((entry.detector.wake_at for entry in self._entries.values()), default=inf)
        return news

    def _is_carried_on(self, fallen: _Entry) -> bool:
        """Whether another address of the same name lives: nobody needs to be woken."""
        members = self._groups.get(fallen.detector.trunk.group, ())
        return any(self._entries[name].detector.state is not TargetState.DOWN for name in members)

    def _note(self, entry: _Entry, old: TargetState, found: Transition) -> list[Transition]:
        """Show what a detector found; returns it as it looks to who sees the picture only, and saw ``old``."""
        self._show(entry)
        self._wake_at = min(self._wake_at, entry.detector.wake_at)
        if not entry.detector.calls_decide:
            self._standing += (found.old is TargetState.DOWN) - (found.new is TargetState.DOWN)
            self._uplink = "" if self._standing else self._uplink or self._why_uplink()
        verdict = entry.verdict
        if verdict is None:
            return [found]
        new = entry.shown.state
        if new is old:
            return []  # from UNKNOWN to UP, and as bad as it was
        if new is TargetState.DEGRADED:
            found = replace(found, code=verdict.code, why=f"{found.why}; but {verdict.why}")
        return [replace(found, old=old, new=new)]

    def _why_uplink(self) -> str:
        """Why all that is probed being DOWN is our own fault, "" if it may be theirs."""
        fallen = list(self._probed())
        first, last = min(each.since for each in fallen), max(each.since for each in fallen)
        carriers = {each.trunk.carrier or each.trunk.group or each.trunk.name for each in fallen}
        names = {each.trunk.group or each.trunk.name for each in fallen}
        if len(names) < UPLINK_TRUNKS or len(carriers) < UPLINK_CARRIERS or last - first > UPLINK_SPAN:
            return ""
        if any(each.alive_at > first for each in self.detectors() if each.calls_decide):
            return ""
        return f"all {len(names)} probed trunks, of {len(carriers)} carriers, fell within {last - first:.1f} s"

    def _probed(self) -> Iterator[Detector]:
        return (detector for detector in self.detectors() if not detector.calls_decide)

    @property
    def view(self) -> HealthView:
        """The picture now. The same object, with the same version, for as long as nothing in it changed."""
        if self._stale:
            shown = {name: entry.shown for name, entry in self._entries.items()}
            add_groups(shown, self._groups)
            self._view = HealthView(self._view.version + 1, MappingProxyType(shown), self._uplink)
            self._stale = False
        return self._view

    def detectors(self) -> Iterator[Detector]:
        """The machines of all trunks, for the prober."""
        return (entry.detector for entry in self._entries.values())

    def take_hurried(self) -> list[str]:
        """Names of the trunks whose next probe was moved forward since this was last asked."""
        if not self._hurried:
            return []
        names = list(self._hurried)
        self._hurried.clear()
        return names

    def _show(self, entry: _Entry) -> None:
        detector = entry.detector
        state, since, code = detector.state, max(detector.since, entry.cleared), detector.code
        if entry.verdict is not None and state in _ALIVE:
            before, state, code = entry.shown, TargetState.DEGRADED, entry.verdict.code
            since = before.since if before.state is state else max(since, entry.verdict.since)
        ill = state in (TargetState.SUSPECT, TargetState.DOWN)
        hedge = SUSPECT_HEDGE if ill else entry.hedge
        entry.shown = TrunkHealth(state, since, code, hedge, detector.paged)
        self._stale = True


def _address(trunk: Trunk) -> tuple[str, str, int, str]:
    """What stays when a trunk is called by its address instead of its name."""
    return trunk.group or trunk.name, trunk.host, trunk.port, trunk.transport


def _is_same(old: Trunk, new: Trunk) -> bool:
    """Whether what is known of the one holds for the other."""
    return _key(old) == _key(new)


def _key(trunk: Trunk) -> tuple[object, ...]:
    return trunk.host, trunk.port, trunk.transport, trunk.probe, trunk.domain, trunk.service

"""The prober: sends an OPTIONS to every probed trunk when its detector says so, and tells what came back.

Owns how a probe looks on the wire (RFC 3261 §11) and which answers belong to it. Must not decide what
silence or an answer means, that is `controller.health`; must not touch a socket or read a clock. The
driver's part: send what is in ``outbox`` after every call, call `handle_timer` at `next_deadline`, and
hand in responses and ICMP errors.

Rules

* A probe is never retransmitted (this is no transaction of RFC 3261 §17.1.2): the burst is the retransmission.
* Only a final response counts, with our own unguessable branch, from the address that was asked, once.
* An ICMP error can be forged: it counts only against a probe still unanswered, once for each, and that
  probe goes on waiting, so that a real answer sets things right.
* An answer that comes after its probe was counted as missed is a sign of life all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from controller.health.board import Board
from controller.health.detector import PROBE_TIMEOUT, Detector
from controller.types import TRANSPORT_ERROR, UNPROVEN_ERROR, AliveOn, Sample, Transition, Trunk
from controller.wording import uri_of
from sip.headers import MAGIC_COOKIE
from sip.message import Response
from sip.timing import Deadlines
from sip.transaction import Hop
from sip.uri import bracketed

#: How long an answer is still recognised after its probe was counted as missed, seconds.
LINGER = 2.0

#: When the timer comes later than this (seconds), the loop was stalled: answers may lie unread, so the probes
#: under way are void. A stall of 1.5 s looks like a dead trunk otherwise.
MAX_LAG = 0.1


@dataclass(slots=True, eq=False)
class _Watch:
    """One trunk that is being probed."""

    detector: Detector
    hop: Hop
    parts: tuple[bytes, ...]  # its request, cut where the token goes
    sent: deque[_Sent]  # oldest first
    ticket: list[Any]  # of its next probe


@dataclass(slots=True, eq=False)
class _Sent:
    """One probe on its way."""

    watch: _Watch
    branch: str
    at: float
    silent_at: float  # when its silence is a miss
    ticket: list[Any]  # of that moment
    answered: bool = False
    refused: bool = False


class Prober:
    """Probes all trunks of a board, without I/O."""

    def __init__(self, board: Board, hops: Mapping[str, Hop], local: Hop, token: Callable[[], str], *more: Hop) -> None:
        """``hops`` has the resolved address of each trunk by name, ``local`` and ``more`` are our listeners by the
        addresses that we advertise, ``token`` makes unguessable tokens (RFC 3261 `token` characters)."""
        self.outbox: list[tuple[bytes, Hop]] = []  # datagrams for the driver to send, in order
        self._board = board
        self._local = {hop[2:]: hop for hop in (local, *more)}
        self._token = token
        self._deadlines = Deadlines()
        self._watches: dict[str, _Watch] = {}
        self._sent: dict[str, _Sent] = {}  # by branch
        self._happened: list[Transition] = []
        self._void_before = -inf  # probes sent earlier say nothing by their silence
        for detector in board.detectors():
            self._watch(detector, hops, detector.due)

    def update(self, hops: Mapping[str, Hop], now: float) -> None:
        """Follow the board after `Board.update`, or addresses that changed. A trunk without a hop is not probed."""
        before = self._watches
        self._watches = {}
        for detector in self._board.detectors():
            name = detector.trunk.name
            watch = before.get(name)
            if watch is not None and watch.detector is detector and watch.hop == hops.get(name):
                self._watches[name] = before.pop(name)
            else:
                self._watch(detector, hops, max(now, detector.due))
        for watch in before.values():
            self._deadlines.cancel(watch.ticket)
            for probe in watch.sent:
                del self._sent[probe.branch]

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float:
        """When `handle_timer` is next to be called; infinity when nothing is probed."""
        self._hurry()
        return self._deadlines.next_deadline()

    def handle_timer(self, now: float) -> list[Transition]:
        """Send the probes that are due and give up those that were silent too long. The burst that follows a
        first miss is due at once: ask for `next_deadline` again."""
        if now - self.next_deadline() > MAX_LAG:
            self.void(now)
        self._happened = []
        self._deadlines.fire_due(now)
        return self._happened

    def void(self, now: float) -> None:
        """The loop was stalled until now: the silence of probes under way says nothing."""
        self._void_before = now

    def _hurry(self) -> None:
        """Move forward the probes of trunks that have come under suspicion, from whatever source."""
        for name in self._board.take_hurried():
            watch = self._watches.get(name)
            if watch is not None:
                self._deadlines.cancel(watch.ticket)
                watch.ticket = self._deadlines.arm(watch.detector.due, self._probe, name)

    def _probe(self, now: float, name: str) -> None:
        watch = self._watches[name]
        detector = watch.detector
        if detector.due > now:  # put off meanwhile: the burst is over
            watch.ticket = self._deadlines.arm(detector.due, self._probe, name)
            return
        while watch.sent and watch.sent[0].silent_at < now - LINGER:
            del self._sent[watch.sent.popleft().branch]
        token = self._token()
        branch = MAGIC_COOKIE + token
        self.outbox.append((token.encode().join(watch.parts), watch.hop))
        silent_at = detector.probe_sent(now)
        probe = _Sent(watch, branch, now, silent_at, self._deadlines.arm(silent_at, self._miss, branch))
        watch.sent.append(probe)
        self._sent[branch] = probe
        watch.ticket = self._deadlines.arm(detector.due, self._probe, name)

    def _miss(self, now: float, branch: str) -> None:
        probe = self._sent.get(branch)
        if probe is None:  # its trunk is watched no longer
            return
        detector = probe.watch.detector
        if probe.at < self._void_before:
            return
        if detector.counts(probe.at):
            self._happened += self._board.observe(Sample(detector.trunk.name, alive=False, code=PROBE_TIMEOUT), now)
        else:
            detector.overtaken()

    # ------------------------------------------------------------------ what comes back

    def handle_response(self, response: Response, source: Hop, now: float) -> tuple[bool, list[Transition]]:
        """Take in a response. Returns whether it was ours to deal with, and what it changed; a spoofed or
        provisional one is ours and changes nothing."""
        branch = response.via.branch
        probe = self._sent.get(branch)
        if probe is None:
            return False, []
        status = response.status
        if (
            source != probe.watch.hop
            or status < 200
            or probe.answered
            or response.from_tag != branch[len(MAGIC_COOKIE) :]
        ):
            return True, []
        probe.answered = True
        self._deadlines.cancel(probe.ticket)
        trunk = probe.watch.detector.trunk
        # Any final status is alive (RFC 3261 §11.2): even a 503 was made by somebody who is there.
        alive = status < 300 or trunk.probe is None or trunk.probe.alive_on is not AliveOn.SUCCESS
        if trunk.auth is not None and status in (401, 407):
            alive = True  # it asks whoever comes, which says nothing about its service
        sample = Sample(trunk.name, alive=alive, code=f"PROBE_{status}", latency=now - probe.at)
        return True, self._board.observe(sample, now)

    def handle_unreachable(self, branch: str | None, hop: Hop, now: float) -> list[Transition]:
        """Take in an ICMP error about a packet to ``hop``: ``branch`` is that of the quoted packet, or None where
        the quote was too short (RFC 792 asks for 8 bytes only). Without it anybody could have made the error: then
        it raises suspicion, and only errors about probes of ours can confirm it."""
        if branch is None:
            suspects = [
                watch.detector.trunk.name for watch in self._watches.values() if watch.hop == hop and watch.sent
            ]
            return [
                t for name in suspects for t in self._board.observe(Sample(name, alive=False, code=UNPROVEN_ERROR), now)
            ]
        probe = self._sent.get(branch)
        if probe is None or probe.watch.hop != hop or not _is_open(probe):
            return []
        probe.refused = True
        return self._board.observe(Sample(probe.watch.detector.trunk.name, alive=False, code=TRANSPORT_ERROR), now)

    # ------------------------------------------------------------------ trunks

    def _watch(self, detector: Detector, hops: Mapping[str, Hop], when: float) -> None:
        trunk = detector.trunk
        hop = hops.get(trunk.name)
        if trunk.probe is None or hop is None or hop[2:] not in self._local:
            return
        ticket = self._deadlines.arm(when, self._probe, trunk.name)
        self._watches[trunk.name] = _Watch(detector, hop, _cut_request(trunk, self._local[hop[2:]]), deque(), ticket)


def _is_open(probe: _Sent) -> bool:
    """Whether an error about this probe would say anything new."""
    return not probe.refused and probe.watch.detector.counts(probe.at)


def _cut_request(trunk: Trunk, local: Hop) -> tuple[bytes, ...]:
    """The OPTIONS of RFC 3261 §11.1 for this trunk, cut where each probe has its own token: branch, tag, Call-ID."""
    kind = "" if local.transport == "udp" else f";transport={local.transport}"
    uri = uri_of(trunk)
    us = f"{bracketed(local[0])}:{local[1]}"
    return (
        f"OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/{local.transport.upper()} {us};branch={MAGIC_COOKIE}".encode(),
        f";rport\r\n"  # RFC 3581: come back to where this came from, whatever NAT made of the address
        f"Max-Forwards: 70\r\n"
        f"From: <sip:callward@{us}>;tag=".encode(),
        f"\r\nTo: <{uri}>\r\nCall-ID: ".encode(),
        f"@{bracketed(local[0])}\r\n"
        f"CSeq: 1 OPTIONS\r\n"
        f"Contact: <sip:callward@{us}{kind}>\r\n"
        f"Accept: application/sdp\r\n"
        f"Content-Length: 0\r\n\r\n".encode(),
    )

"""One trunk's liveness: samples in, transitions out, and the instant at which its next probe is due.

Owns every rule by which a trunk changes its state. Must not send, match or parse anything, and must not
know of other trunks. Time is an argument, all durations are seconds.

Theory of operation. One counter, the idea of HAProxy's checks: ``health`` lies in 0 .. rise + misses - 1.
A missed probe takes one off, and below ``rise`` the trunk is DOWN and the counter 0. An answer fills the
counter, unless the trunk is DOWN: then it adds one, and at ``rise`` the trunk is UP and the counter full.

===============  ===========  ====================  ==============
sample           UNKNOWN, UP  SUSPECT               DOWN
===============  ===========  ====================  ==============
alive, any code  UP           UP                    +1; UP at rise
PROBE_TIMEOUT    -1; SUSPECT  -1; DOWN below rise   counter 0
TRANSPORT_ERROR  SUSPECT      DOWN at the third     counter 0
any other dead   SUSPECT      --                    --
===============  ===========  ====================  ==============

(With ``misses: 1`` the first missed probe leads to DOWN at once.)

* SUSPECT is being confirmed: a burst of probes runs until it ends, in UP or in DOWN.
* Silence of a call (CALL_SILENT) starts that burst and proves nothing by itself: the called user agent may
  be slow where the trunk is fine. Only unanswered probes lead from silence to DOWN.
* An ICMP error can be forged, so the first one only raises suspicion; two more without any sign of life
  between them confirm it.
* A sign of life overtakes the probes that were on their way before it: their silence is old news (`counts`).
* A trunk that is never probed (``probe`` is None) has nothing that could confirm a suspicion, so it is
  neither SUSPECT nor DOWN: a response makes it UP, silence or an error makes it UNKNOWN again.
"""

from __future__ import annotations

from math import floor, inf

from controller.types import CALL_RESPONSE, TRANSPORT_ERROR, Probe, Sample, TargetState, Transition, Trunk

# Codes of samples (with those of controller.types, and PROBE_200 and so on) and of transitions.
PROBE_TIMEOUT = "PROBE_TIMEOUT"
PROBE_OK = "PROBE_OK"
PORT_CLOSED = "PORT_CLOSED"

#: The error that raises suspicion, and two confirmations.
REFUSALS = 3

#: Whatever the round trips suggest, no probe is waited for longer than this, unless its `timeout` says so:
#: a trunk that needs more than 2 x T1 (RFC 3261 §17.1.1.1) to answer has each of its calls retransmitted.
MAX_PATIENCE = 1.0

#: RFC 6298's clock granularity G: a loop at 1,500 calls/s was measured up to 20 ms late (p99).
GRANULARITY = 0.02


class RoundTrip:
    """Smoothed round-trip time and its deviation, RFC 6298 §2."""

    __slots__ = ("bound", "deviation", "mean")

    def __init__(self) -> None:
        self.mean = 0.0
        self.deviation = 0.0
        self.bound = 0.0  # an answer later than this is late; 0 until something was measured

    def add(self, latency: float) -> None:
        """Take one measurement in. No ambiguity to mind (Karn): every request has a branch of its own."""
        if self.bound:
            difference = latency - self.mean
            self.deviation += (abs(difference) - self.deviation) * 0.25  # beta
            self.mean += difference * 0.125  # alpha
        else:
            self.mean = latency
            self.deviation = latency / 2
        margin = 4 * self.deviation
        self.bound = self.mean + max(GRANULARITY, margin)


class Detector:
    """The liveness machine of one trunk."""

    __slots__ = (
        "_first",
        "_sent_at",
        "alive_at",
        "code",
        "due",
        "health",
        "refusals",
        "round_trip",
        "since",
        "state",
        "trunk",
    )

    def __init__(self, trunk: Trunk, now: float, first: float) -> None:
        """Start at ``now``; the first probe is due at ``first``, which also sets the phase of all later ones."""
        self.trunk = trunk
        self.state = TargetState.UNKNOWN
        self.since = now
        self.code = ""  # of the last transition
        self.due = first if trunk.probe else inf  # when the next probe is to be sent
        self.health = trunk.probe.rise + trunk.probe.misses - 1 if trunk.probe else 0
        self.refusals = 0  # transport errors since the last sign of life
        self.alive_at = -inf  # the last sign of life
        self.round_trip = RoundTrip()  # of probes
        self._first = first
        self._sent_at = -inf

    # ------------------------------------------------------------------ probes

    def probe_sent(self, now: float) -> float:
        """Note a probe that leaves now, and set when the next is due. Returns when its silence is a miss."""
        probe = self._probe()
        self._sent_at = now
        # What the round trips suggest may only raise the configured timeout ...
        patience = max(probe.timeout, min(self.round_trip.bound, MAX_PATIENCE))
        if self.state is TargetState.SUSPECT:
            self.due = now + probe.burst
            # ... but within a burst it is used as it is: late answers count as well, so what protects a slow
            # trunk is the silence as a whole (0.55 s or more by default), not the patience with each probe.
            if self.round_trip.bound:
                patience = min(patience, max(probe.burst, self.round_trip.bound))
        else:
            self.due = self._next_beat(now)
        return now + patience

    def counts(self, sent_at: float) -> bool:
        """Whether silence on (or an error about) a probe sent then still says anything."""
        return sent_at > self.alive_at

    def _next_beat(self, now: float) -> float:
        """The next instant of the regular rhythm. It keeps its phase: after an outage of everything, or a stall,
        a thousand trunks must not go on in step."""
        every = self._probe().every
        beat = self._first + every * (floor((now - self._first) / every) + 1)
        return beat if beat > now else beat + every  # rounding may leave it at now

    def _probe(self) -> Probe:
        assert self.trunk.probe is not None, f"trunk '{self.trunk.name}' is never probed"
        return self.trunk.probe

    # ------------------------------------------------------------------ samples

    def observe(self, sample: Sample, now: float) -> Transition | None:
        """Take in one sample, whatever its source; returns the transition that it caused."""
        if sample.alive:
            self.alive_at = now
            if sample.latency is not None and sample.code != CALL_RESPONSE:
                self.round_trip.add(sample.latency)
            return None if self.state is TargetState.UP else self._answered(sample.code, now)
        if self.trunk.probe is None:
            return self._doubt_unprobed(sample.code, now)
        if sample.code == PROBE_TIMEOUT:
            return self._missed(self.trunk.probe, now)
        if sample.code == TRANSPORT_ERROR:
            return self._refused(now)
        return self._suspect(sample.code, "a call met silence", now)

    def _answered(self, code: str, now: float) -> Transition | None:
        probe = self.trunk.probe
        what = "a call was responded to" if code == CALL_RESPONSE else f"a probe was answered ({code})"
        why = f"{what}, {self._time_in_state(now)}"
        self.refusals = 0
        if probe is not None:
            if self.state is TargetState.DOWN:
                self.health += 1
                if self.health < probe.rise:
                    return None
                why = f"{probe.rise} signs of life in a row, {self._time_in_state(now)}"
            self.health = probe.rise + probe.misses - 1
        return self._enter(TargetState.UP, CALL_RESPONSE if code == CALL_RESPONSE else PROBE_OK, why, now)

    def _missed(self, probe: Probe, now: float) -> Transition | None:
        if self.state is TargetState.DOWN:
            self.health = 0
            return None
        self.health -= 1
        if self.health >= probe.rise:
            return self._suspect(PROBE_TIMEOUT, "a probe was not answered", now)
        self.health = 0
        why = f"{probe.misses} probes in a row unanswered, {self._silence(now)}"
        return self._enter(TargetState.DOWN, PROBE_TIMEOUT, why, now)

    def _refused(self, now: float) -> Transition | None:
        if self.state is TargetState.DOWN:
            self.health = 0
            return None
        self.refusals += 1
        if self.refusals < REFUSALS:
            return self._suspect(PORT_CLOSED, "a packet was refused (closed port or unreachable)", now)
        self.health = 0
        why = f"{REFUSALS} packets in a row refused (closed port or unreachable), {self._silence(now)}"
        return self._enter(TargetState.DOWN, PORT_CLOSED, why, now)

    def _suspect(self, code: str, what: str, now: float) -> Transition | None:
        if self.state is TargetState.SUSPECT or self.state is TargetState.DOWN:
            return None
        return self._enter(TargetState.SUSPECT, code, f"{what}, {self._silence(now)}: confirming", now)

    def _doubt_unprobed(self, code: str, now: float) -> Transition | None:
        if self.state is TargetState.UNKNOWN:
            return None
        if code == TRANSPORT_ERROR:
            code, what = PORT_CLOSED, "a packet was refused (closed port or unreachable)"
        else:
            what = "a call met silence"
        return self._enter(TargetState.UNKNOWN, code, f"{what}, and no probes can tell more", now)

    def _enter(self, state: TargetState, code: str, why: str, now: float) -> Transition:
        transition = Transition(self.trunk.name, self.state, state, now, code, why)
        if self.trunk.probe is not None:
            if state is TargetState.SUSPECT:
                # At once, but however often calls raise suspicion, never faster than the burst.
                self.due = min(self.due, max(now, self._sent_at + self.trunk.probe.burst))
            elif self.state is TargetState.SUSPECT:
                self.due = max(self.due, self._next_beat(now))
        self.state = state
        self.since = now
        self.code = code
        return transition

    # ------------------------------------------------------------------ words

    def _silence(self, now: float) -> str:
        if self.alive_at == -inf:
            return "nothing ever heard"
        return f"nothing heard for {now - self.alive_at:.2f} s"

    def _time_in_state(self, now: float) -> str:
        return f"after {now - self.since:.2f} s {self.state.value}"

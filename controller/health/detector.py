"""One trunk's liveness: samples in, transitions out, and the instant at which its next probe is due.

Owns every rule by which a trunk changes its state. Must not send, match or parse anything, and must not
know of other trunks. Time is an argument, all durations are seconds.

===============  ===========  ==================  ============================
sample           UNKNOWN, UP  SUSPECT             DOWN
===============  ===========  ==================  ============================
alive, any code  UP           UP                  UP after `rise` and the hold
PROBE_TIMEOUT    SUSPECT      DOWN when enough    the row of answers breaks
TRANSPORT_ERROR  SUSPECT      DOWN at the third   the row of answers breaks
CALL_SILENT      SUSPECT      --                  --
===============  ===========  ==================  ============================

* SUSPECT is being confirmed: a burst of probes runs until it ends, in UP or in DOWN.
* How many misses in a row are enough follows the measured loss (`loss`), and how long they must last the caller's
  patience (`SPAN`). An answer that comes late is a sign of life like any other.
* A first miss is told as soon as the measured round trips allow; only then does the burst begin.
* Silence of a call (CALL_SILENT) starts the burst and proves nothing by itself: the called user agent may
  be slow where the trunk is fine. Only unanswered probes lead from silence to DOWN.
* An ICMP error can be forged, so the first one only raises suspicion; two more without any sign of life
  between them confirm it, asked for at once (`CONFIRM`). A refused connection cannot be forged by who does not see our
  packets: DOWN at once.
* A sign of life overtakes the probes that were on their way before it: their silence is old news (`counts`).
* Who falls often is held: each fall within ten minutes doubles the time for which answers must last before UP. A lost
  packet does not end the hold, `BROKEN` in a row do.
* Where probes say nothing (``probe`` is None, or ``alive_on: calls-only``) calls decide: three of them silent, without
  a sign of life for a second, are DOWN. After `PAROLE` it is SUSPECT again, so that calls, hedged, try it. Such a trunk
  gets no bursts: a silence that proves nothing would keep them up for ever.
* With ``alive_on: 2xx`` probes decide alone: a call that gets a 503 was responded to as well.
* DOWN for `PAGE_AFTER` is worth waking somebody: `wake` gives a `Page`.
"""

from __future__ import annotations

from math import floor, inf
from zlib import crc32

from controller.health.loss import Loss, least_misses
from controller.types import (
    CALL_RESPONSE,
    CALL_SILENT,
    REGISTER_RESPONSE,
    TRANSPORT_ERROR,
    UNPROVEN_ERROR,
    AliveOn,
    Page,
    Probe,
    Sample,
    TargetState,
    Transition,
    Trunk,
)

# Codes of samples (with those of controller.types, and PROBE_200 and so on) and of transitions.
PROBE_TIMEOUT = "PROBE_TIMEOUT"
PROBE_OK = "PROBE_OK"
PORT_CLOSED = "PORT_CLOSED"
PAROLED = "PAROLED"

#: The error that raises suspicion, and two confirmations, seconds apart. Hosts answer that many at once (Linux sends a
#: host six ICMP errors before it counts one a second: icmp_ratelimit), and with a late loop it is over within 50 ms.
REFUSALS, CONFIRM = 3, 0.015

#: Silent calls in a row that are DOWN where calls decide, and the silence that they must span.
SILENT_CALLS, SILENT_SPAN = 3, 1.0

#: `misses: auto` lasts at least this long from the first miss on: shorter pauses are the business of hedges.
SPAN = 0.45

#: `timeout: auto` while nothing was measured, and its bounds afterwards: a pause of a user agent is no death, and a
#: trunk that needs more than 2 x T1 (RFC 3261 §17.1.1.1) to answer has each of its calls retransmitted.
FIRST_TIMEOUT, LEAST_TIMEOUT, MAX_PATIENCE = 0.2, 0.05, 1.0

#: RFC 6298's clock granularity G: a loop at 1,500 calls/s was measured up to 20 ms late (p99).
GRANULARITY = 0.02

#: Regular probes leave up to this share of their interval before or after the beat, so that none keeps step with
#: what happens regularly elsewhere.
JITTER = 0.05

#: A fall is forgiven after so long; the hold is 2^(falls - 1) - 1 seconds, at most `MAX_HOLD`, and more falls than
#: that takes are not counted.
FORGIVEN, MAX_HOLD, MAX_FALLS = 600.0, 60.0, 8.0

#: Misses in a row that end the hold: 20 % loss each way brings them once in 3,500 probes.
BROKEN = 8

#: How long calls stay away from a trunk that only calls can try; doubled with each fall, at most `MAX_PAROLE`.
PAROLE, MAX_PAROLE = 30.0, 300.0

PAGE_AFTER = 5.0

#: Signs of life that no probe has brought.
_BY_TRAFFIC = {CALL_RESPONSE: "a call was responded to", REGISTER_RESPONSE: "a registration was responded to"}


def misses_for(probe: Probe, loss: int = 0) -> int:
    """How many misses in a row are DOWN; ``loss`` is how many the measured loss asks for."""
    return probe.misses or max(loss, least_misses(probe.burst, SPAN))


def next_beat(name: str, first: float, every: float, now: float) -> float:
    """The next instant of a regular rhythm. It keeps its phase: after an outage of everything, or a stall, a thousand
    trunks must not go on in step."""
    beat = floor((now - first) / every + 2 * JITTER) + 1  # one that is sent early is not sent again
    noise = crc32(b"%s %d" % (name.encode(), beat)) / 2**31 - 1.0
    return first + every * (beat + JITTER * noise)


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
        "_falls",
        "_fell_at",
        "_first",
        "_parole_at",
        "_probes_decide",
        "_sent_at",
        "_silent_since",
        "alive_at",
        "answered",
        "answering_since",
        "calls_decide",
        "code",
        "due",
        "loss",
        "missed",
        "paged",
        "refusals",
        "round_trip",
        "silent_calls",
        "since",
        "state",
        "trunk",
        "why",
    )

    def __init__(self, trunk: Trunk, now: float, first: float) -> None:
        """Start at ``now``; the first probe is due at ``first``, which also sets the phase of all later ones."""
        self.trunk = trunk
        self.state = TargetState.UNKNOWN
        self.since = now
        self.code = ""  # of the last transition
        self.why = ""
        self.due = first if trunk.probe else inf  # when the next probe is to be sent
        self.missed = 0  # probes in a row
        self.answered = 0  # signs of life in a row, while DOWN
        self.answering_since = inf
        self.refusals = 0  # transport errors since the last sign of life
        self.silent_calls = 0  # the same for calls
        self.alive_at = -inf  # the last sign of life
        self.loss = Loss()
        self.round_trip = RoundTrip()  # of probes
        self.paged = False
        self.calls_decide = trunk.probe is None or trunk.probe.alive_on is AliveOn.CALLS_ONLY
        self._probes_decide = trunk.probe is not None and trunk.probe.alive_on is AliveOn.SUCCESS
        self._first = first
        self._sent_at = -inf
        self._silent_since = -inf
        self._falls = 0.0
        self._fell_at = -inf
        self._parole_at = inf

    # ------------------------------------------------------------------ probes

    def probe_sent(self, now: float) -> float:
        """Note a probe that leaves now, and set when the next is due. Returns when its silence is a miss."""
        probe = self._probe()
        self._sent_at = now
        bound = min(self.round_trip.bound, MAX_PATIENCE)
        if probe.timeout is not None:
            patience = max(probe.timeout, bound)  # what the round trips suggest may only raise what is configured ...
        else:
            patience = max(LEAST_TIMEOUT, bound) if bound else FIRST_TIMEOUT
        if self.state is TargetState.SUSPECT and not self.calls_decide:
            self.due = now + probe.burst
            # ... but within a burst it is used as it is: late answers count as well, so what protects a slow
            # trunk is the silence as a whole, not the patience with each probe.
            if bound:
                patience = min(patience, max(probe.burst, bound))
        else:
            self.due = self.beat_after(now)
        return now + patience

    def counts(self, sent_at: float) -> bool:
        """Whether silence on (or an error about) a probe sent then still says anything."""
        return sent_at > self.alive_at

    def overtaken(self) -> None:
        """Note a probe whose silence does not count any more: no miss, but loss. Without it the answers of a burst
        would count and its losses would not."""
        if self.state is not TargetState.DOWN:
            self.loss.add(0, 1)

    def beat_after(self, now: float) -> float:
        """The next instant of the regular rhythm."""
        return next_beat(self.trunk.name, self._first, self._probe().every, now)

    def _hurry(self, pause: float, now: float) -> None:
        """Probe at once, but however often calls raise suspicion, never faster than the burst."""
        if not self.calls_decide:
            self.due = min(self.due, max(now, self._sent_at + min(pause, self._probe().burst)))

    def _probe(self) -> Probe:
        assert self.trunk.probe is not None, f"trunk '{self.trunk.name}' is never probed"
        return self.trunk.probe

    # ------------------------------------------------------------------ time

    @property
    def wake_at(self) -> float:
        """When `wake` is wanted; infinity for never."""
        if self.state is not TargetState.DOWN:
            return inf
        return self._parole_at if self.paged else min(self._parole_at, self.since + PAGE_AFTER)

    def wake(self, now: float) -> Transition | Page | None:
        """Do what is due at `wake_at`."""
        if self.wake_at > now:
            return None
        if not self.paged and now >= self.since + PAGE_AFTER:
            self.paged = True
            return Page(self.trunk.name, now, self.since, self.code, f"down for {now - self.since:.0f} s: {self.why}")
        self._parole_at = inf
        self.silent_calls = self.refusals = 1  # of those that brought it down, so that it takes less to believe it
        self._silent_since = now
        why = f"{self._time_in_state(now)}: the next call tries it"
        return self._enter(TargetState.SUSPECT, PAROLED, why, now)

    # ------------------------------------------------------------------ samples

    def observe(self, sample: Sample, now: float) -> Transition | None:
        """Take in one sample, whatever its source; returns the transition that it caused."""
        if sample.alive:
            return self._alive(sample, now)
        if sample.code == TRANSPORT_ERROR:
            return self._refused(now)
        if sample.code == CALL_SILENT:
            return self._call_silent(now)
        if sample.code == UNPROVEN_ERROR:
            return self._suspect(PORT_CLOSED, "a packet may have been refused", now)
        return None if self.calls_decide else self._missed(sample.code, now)

    def _alive(self, sample: Sample, now: float) -> Transition | None:
        by_call = sample.code in _BY_TRAFFIC
        if by_call and self._probes_decide:
            return None
        self.alive_at = now
        if self.state is not TargetState.DOWN and (self.missed or not by_call):
            self.loss.add(0 if by_call else 1, self.missed)  # what was missed before an answer was lost
        if not by_call and sample.latency is not None:
            self.round_trip.add(sample.latency)
        if self.state is TargetState.UP:
            return None
        self.missed = self.refusals = self.silent_calls = 0
        if self.state is TargetState.DOWN:
            return self._answered_again(by_call, now)
        what = _BY_TRAFFIC[sample.code] if by_call else f"a probe was answered ({sample.code})"
        return self._rise(by_call, f"{what}, {self._time_in_state(now)}", now)

    def _answered_again(self, by_call: bool, now: float) -> Transition | None:
        """A sign of life while DOWN."""
        self.answered += 1
        self.answering_since = min(self.answering_since, now)
        rise = self.trunk.probe.rise if self.trunk.probe else 1
        if self.answered < rise or now < self.answering_since + self._hold():
            return None
        return self._rise(by_call, f"{self.answered} signs of life in a row, {self._time_in_state(now)}", now)

    def _rise(self, by_call: bool, why: str, now: float) -> Transition:
        return self._enter(TargetState.UP, CALL_RESPONSE if by_call else PROBE_OK, why, now)

    def _unanswered_again(self) -> None:
        """The opposite: the row of answers breaks, and the hold begins anew when this goes on."""
        self.answered = 0
        self.missed += 1
        if self.missed >= BROKEN:
            self.answering_since = inf

    def _missed(self, code: str, now: float) -> Transition | None:
        """A probe was not answered, or (``alive_on: 2xx``) not as it should be."""
        if self.state is TargetState.DOWN:
            self._unanswered_again()
            return None
        self.missed += 1
        needed = misses_for(self._probe(), self.loss.misses_needed())
        silent = code == PROBE_TIMEOUT
        if self.missed < needed:
            what = "a probe was not answered" if silent else f"a probe was answered with an error ({code})"
            return self._suspect(code, what, now)
        row = f"{self.missed} probes in a row {'unanswered' if silent else f'without success ({code})'}"
        return self._fall(code, f"{row}, {self._silence(now)}", now)

    def _refused(self, now: float) -> Transition | None:
        if self.state is TargetState.DOWN:
            self._unanswered_again()
            return None
        self.refusals += 1
        if self.trunk.transport != "udp":
            return self._fall(PORT_CLOSED, f"the connection was refused, {self._silence(now)}", now)
        if self.refusals < REFUSALS:
            suspected = self._suspect(PORT_CLOSED, "a packet was refused (closed port or unreachable)", now)
            self._hurry(CONFIRM, now)
            return suspected
        why = f"{self.refusals} packets in a row refused (closed port or unreachable), {self._silence(now)}"
        return self._fall(PORT_CLOSED, why, now)

    def _call_silent(self, now: float) -> Transition | None:
        if not self.silent_calls:
            self._silent_since = now
        self.silent_calls += 1
        if (
            self.calls_decide
            and self.state is TargetState.SUSPECT
            and self.silent_calls >= SILENT_CALLS
            and now >= self._silent_since + SILENT_SPAN
        ):
            return self._fall(CALL_SILENT, f"{self.silent_calls} calls in a row met silence, {self._silence(now)}", now)
        return self._suspect(CALL_SILENT, "a call met silence", now)

    def _suspect(self, code: str, what: str, now: float) -> Transition | None:
        if self.state is TargetState.SUSPECT or self.state is TargetState.DOWN:
            return None
        return self._enter(TargetState.SUSPECT, code, f"{what}, {self._silence(now)}: confirming", now)

    def _fall(self, code: str, why: str, now: float) -> Transition:
        self._falls = min(max(0.0, self._falls - (now - self._fell_at) / FORGIVEN) + 1.0, MAX_FALLS)
        self._fell_at = now
        self.missed = self.answered = 0
        self.answering_since = inf
        if self.calls_decide:
            self._parole_at = now + min(PAROLE * 2.0 ** (self._falls - 1.0), MAX_PAROLE)
        return self._enter(TargetState.DOWN, code, why, now)

    def _hold(self) -> float:
        """For how long answers must last before a trunk that is DOWN is UP."""
        return float(min(2.0 ** (self._falls - 1.0) - 1.0, MAX_HOLD))

    def _enter(self, state: TargetState, code: str, why: str, now: float) -> Transition:
        transition = Transition(self.trunk.name, self.state, state, now, code, why)
        before, self.state = self.state, state
        if state is TargetState.SUSPECT and not self.calls_decide:
            self._hurry(self._probe().burst, now)
        elif before is TargetState.SUSPECT and self.trunk.probe is not None:
            self.due = max(self.due, self.beat_after(now))
        if state is TargetState.UP:
            self.paged = False
        self.since = now
        self.code = code
        self.why = why
        return transition

    # ------------------------------------------------------------------ words

    def _silence(self, now: float) -> str:
        if self.alive_at == -inf:
            return "nothing ever heard"
        return f"nothing heard for {now - self.alive_at:.2f} s"

    def _time_in_state(self, now: float) -> str:
        return f"after {now - self.since:.2f} s {self.state.value}"

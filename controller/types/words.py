"""Words and constants: how targets are tried, what a cause is called, what a state is."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Mode(StrEnum):
    """How the targets of one stage are tried."""

    SEQUENTIAL = "sequential"  # one after the other
    PARALLEL = "parallel"  # all at once
    HYBRID = "hybrid"  # staggered: the next joins every `stagger` seconds


class Readmit(StrEnum):
    """How a trunk that was DOWN gets its calls back."""

    GENTLY = "gently"  # single calls, then 5 %, 25 % and all of them
    AT_ONCE = "at-once"


class Order(StrEnum):
    """In which order the paths of a target are tried."""

    CONFIGURED = "configured"  # as its `via` is written
    PRIORITY = "priority"  # by the trunks' priority, among equals drawn by weight, as DNS SRV (RFC 2782)
    COST = "cost"  # the cheapest trunk first, then by priority
    BEST = "best"  # by what calls over the trunks came to, and by cost


class Access(StrEnum):
    """Whose new requests are let in."""

    TRUNKS = "trunks"  # those of trunks; strangers get silence
    ANYONE = "anyone"


class Milestone(IntEnum):
    """Ordered evidence of progress of an attempt; calls and messages share the order."""

    NONE = 0  # nothing heard at all
    ACCEPTED = 1  # 100 Trying / accepted by the provider
    ALERTING = 2  # 180, 183 / sent
    ANSWERED = 3  # 200 / delivered
    CONFIRMED = 4  # press-1 done / read


class Verdict(StrEnum):
    """What an outcome means for the run."""

    NEXT_PATH = "next-path"  # same endpoint, another trunk
    NEXT_TARGET = "next-target"  # another endpoint; never another trunk to the same one
    STOP = "stop"  # start nothing new


class TargetState(StrEnum):
    """Liveness of a trunk or provider."""

    UNKNOWN = "unknown"
    UP = "up"
    DEGRADED = "degraded"  # answers, but does not carry calls as it should: others first
    SUSPECT = "suspect"  # missed a sign of life, being confirmed
    DOWN = "down"  # route away


class DidFrom(StrEnum):
    """Where the calls of a trunk say which number was called."""

    AUTO = "auto"  # in the Request-URI, unless that holds our own Contact, which a registrar puts there
    REQUEST_URI = "request-uri"
    TO = "to"
    CALLED_PARTY = "p-called-party-id"  # RFC 7315 §4.2


class AliveOn(StrEnum):
    """Which answers to probes are signs of life, and whether their silence says anything."""

    ANY = "any"  # whoever says 404 is there
    SUCCESS = "2xx"  # for who answers OPTIONS with an error while out of service
    CALLS_ONLY = "calls-only"  # for who drops OPTIONS at will: any answer is life, silence is nothing


class NumberForm(StrEnum):
    """How a trunk writes the number +15551234567."""

    E164 = "e164"  # +15551234567
    PLUS_LESS = "plus-less"  # 15551234567
    INTERNATIONAL = "international"  # 01115551234567
    NATIONAL = "national"  # 5551234567; a number of another country as `international` has it


class EarlyMedia(StrEnum):
    """Whose early media the caller hears while several phones ring."""

    PASS = "pass"  # of all of them  # noqa: S105
    FIRST = "first"  # of the first that has any
    STRIP = "strip"  # of none: he hears the ringing of his own phone


class Show(StrEnum):
    """Whose number a trunk is shown as that of the caller."""

    PASS = "pass"  # as it came  # noqa: S105
    OWN = "own"  # a number of ours: the one that was called, or that of who calls out
    NUMBER = "number"  # always this one


class Asserted(StrEnum):
    """Whether a trunk is told a number of ours beside From, and as what (RFC 3325)."""

    OFF = "off"
    ASSERTED = "asserted"  # P-Asserted-Identity: we are part of its network
    PREFERRED = "preferred"  # P-Preferred-Identity: we are its customer


# Causes of our own, beside SIP status codes ("486"): short, stable, upper case.
NO_REPLY = "NO_REPLY"  # nothing heard at all in time
NO_PROGRESS = "NO_PROGRESS"  # heard, but not alerting in time
NO_ANSWER = "NO_ANSWER"  # alerting, but not answered in time
TRANSPORT_ERROR = "TRANSPORT_ERROR"  # closed port, unreachable, connection refused
NOT_SECURE = "NOT_SECURE"  # the caller wants TLS all the way (sips:), and this trunk has none
TRUNK_DOWN = "TRUNK_DOWN"  # health says the trunk is dead
TARGET_REFUSED = "TARGET_REFUSED"  # another path of the same target brought its refusal
HEDGE_RELEASED = "HEDGE_RELEASED"  # the silent attempt it stood in for came to life
COMPLETED_ELSEWHERE = "COMPLETED_ELSEWHERE"  # another attempt won
WITHDRAWN = "WITHDRAWN"  # the caller (sender) gave up
EXHAUSTED = "EXHAUSTED"  # the chain has nobody left to try
NO_ROUTE = "NO_ROUTE"  # nobody here owns the called number
STOPPED = "STOPPED"  # a stop verdict ended the hunt
FULL = "FULL"  # all that might be tried is at its limit, or the number or its tenant is
FORBIDDEN = "FORBIDDEN"  # an outbound route may not be used for this number

#: Of these, why an attempt ended, and why nobody answered a call.
OF_ATTEMPTS = (
    *(NO_REPLY, NO_PROGRESS, NO_ANSWER, TRANSPORT_ERROR, NOT_SECURE, TRUNK_DOWN, TARGET_REFUSED, HEDGE_RELEASED),
    *(COMPLETED_ELSEWHERE, WITHDRAWN, FULL),
)
OF_CALLS = (WITHDRAWN, EXHAUSTED, NO_ROUTE, STOPPED, FULL, FORBIDDEN)

# What may become of the attempts of a call, for stages that wait for it (`after:`).
BUSY = "busy"
UNANSWERED = "no-answer"
#: What a condition `overflow` may name beside trunks.
ANYTHING, THE_NUMBER, THE_TENANT = "true", "did", "tenant"

# What calls say about a trunk: the codes of their samples.
CALL_RESPONSE = "CALL_RESPONSE"
CALL_SILENT = "CALL_SILENT"
UNPROVEN_ERROR = "UNPROVEN_ERROR"  # an ICMP error that quotes nothing only we can know: anybody may have made it
ANSWERED = "ANSWERED"  # a call was answered
TALKED = "TALKED"  # a call that was answered has been hung up

REGISTER_RESPONSE = "REGISTER_RESPONSE"  # a registrar answered, whatever it said

# Why a trunk is DEGRADED.
DEEP_FAILED = "DEEP_FAILED"  # its deep probes fail
NOT_REGISTERED = "NOT_REGISTERED"  # its carrier does not know where to send calls
NOT_LET_IN = "NOT_LET_IN"  # it refuses our credentials

#: RFC 3261 §17.2.1 lets a UAS stay quiet for 200 ms; a hedge before that would double healthy calls. Seconds.
LEAST_HEDGE = 0.25

#: What users give their password for.
REALM = "callward"
#: Seconds: how long a Retry-After holds a trunk out at most, and how long a silent call counts, where nothing is said.
LONGEST_RETRY_AFTER = 60.0
COUNT_FOR = 4 * 3600.0

#: Stands in the address of a path where the plan puts the number that was dialled.
DIALLED = "{dialled}"

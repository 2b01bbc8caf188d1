"""What an outcome says about the target: the tables that turn a code into a class of evidence.

Owns the classes, the evidence itself (`Outcome`) and the two tables, `SIP` and `MESSAGE`. Both are data of one
form, and nothing behind them knows which one a class came from. Must not weigh evidence: that is `score`.

A row is a code, or its first character and "xx" for a class of codes, or "*" for all others; None is no evidence at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.health.room import LONGEST_WAIT
from controller.types import (
    COMPLETED_ELSEWHERE,
    FULL,
    HEDGE_RELEASED,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    NOT_SECURE,
    TARGET_REFUSED,
    TRANSPORT_ERROR,
    TRUNK_DOWN,
    WITHDRAWN,
)

#: Where an outcome was seen, from broad to narrow: `("US", "US/310260")`, `("DE", "mobile")`, or nothing.
Region = tuple[str, ...]


class OutcomeClass(StrEnum):
    """What an outcome is evidence of."""

    SUCCESS = "success"  # the target did its part
    FAILURE = "failure"  # the target did not
    CAPACITY = "capacity"  # the target is full: send less, and think no worse of it
    DESTINATION = "destination"  # whoever was wanted is not there, whichever way we go
    OURS = "ours"  # we sent what nobody could accept: credentials, template, malformed
    OVERDUE = "overdue"  # nothing yet, and nearly all successes come sooner; the outcome proper is still to come
    CONFIRMED = "confirmed"  # an earlier success proved true: the code was typed in, the talk went on
    UNCONFIRMED = "unconfirmed"  # it did not: delivered and never used, not answered, over after a moment


Table = Mapping[str, OutcomeClass | None]

_S, _F, _C = OutcomeClass.SUCCESS, OutcomeClass.FAILURE, OutcomeClass.CAPACITY
_D, _O = OutcomeClass.DESTINATION, OutcomeClass.OURS

#: SIP status codes, and the causes of our own. A 503 with Retry-After is `CAPACITY`: see `classify`.
SIP: Table = {
    "180": _S,
    "183": _S,
    "2xx": _S,
    NO_ANSWER: _S,  # it rang
    "1xx": None,  # 100 is the next hop's, not the target's
    "3xx": _D,
    "408": _F,
    "5xx": _F,
    "501": None,
    "505": None,
    "513": None,
    NO_REPLY: _F,
    NO_PROGRESS: _F,
    TRANSPORT_ERROR: _F,
    TRUNK_DOWN: _F,
    "404": _D,
    "410": _D,
    "480": _D,
    "484": _D,
    "486": _D,
    "6xx": _D,
    "607": _D,  # RFC 8197
    "482": None,  # RFC 3261 §8.2.2.2: came by another path already
    "487": None,  # the answer to our own CANCEL
    "401": _O,
    "407": _O,
    "4xx": None,  # 400, 403, 415, 420, 488 and the like: what this caller asked for, or whom
    "440": None,  # RFC 5393: too many branches, ours
    "491": None,
    COMPLETED_ELSEWHERE: None,
    FULL: None,  # our own count
    HEDGE_RELEASED: None,
    NOT_SECURE: None,  # it never claimed to speak TLS
    TARGET_REFUSED: None,
    WITHDRAWN: None,
    "*": None,
}

#: Reports about messages: HTTP statuses of a submission, SMPP command statuses, and normalised delivery reports.
MESSAGE: Table = {
    "delivered": _S,
    "read": _S,
    "verified": _S,  # nobody had reported it, and yet the code was typed in
    "confirmed": OutcomeClass.CONFIRMED,  # reported, and typed in
    "unconfirmed": OutcomeClass.UNCONFIRMED,  # reported, and of no use
    "undelivered": _F,  # the network's fault, as far as the report tells
    "expired": _F,
    "rejected": _F,  # by the route
    "timeout": _F,
    "5xx": _F,
    TRANSPORT_ERROR: _F,
    "ESME_RSYSERR": _F,
    "ESME_RSUBMITFAIL": _F,
    "UNCLEAR": _F,
    "429": _C,
    "ESME_RTHROTTLED": _C,
    "ESME_RMSGQFUL": _C,
    "unknown-subscriber": _D,
    "not-on-channel": _D,
    "absent": _D,
    "blocked": _D,
    "404": _D,
    "ESME_RINVDSTADR": _D,
    "4xx": _O,
    "bad-template": _O,
    "ESME_RINVPASWD": _O,
    "ESME_RBINDFAIL": _O,
    "accepted": None,  # by the provider: a promise, no evidence
    "2xx": None,
    "*": None,
}


@dataclass(slots=True)
class Outcome:
    """Evidence about one attempt."""

    target: str
    kind: OutcomeClass
    region: Region = ()
    weight: float = 1.0  # 1 - probability of fraud; probes 0.3
    after: tuple[str, ...] = ()  # targets that had failed before for the same offer
    age: float = 0.0  # seconds since the attempt began
    retry_after: float = 0.0  # seconds; what the target asked for, whatever nonsense that is
    longest_wait: float = LONGEST_WAIT  # seconds; of what it asked for so much is believed
    code: str = ""  # for reasons
    overdue: bool = False  # an `OVERDUE` was observed for this attempt before
    circumstances: tuple[str, ...] = ()  # it was seen under, as `health.patterns` has them; the hour is added


def classify(table: Table, code: str, retry_after: float = 0.0) -> OutcomeClass | None:
    """The class of a code; a failure that says when to come back is a matter of capacity. None: no evidence."""
    kind = table.get(code, _F)
    if code not in table:
        kind = table.get(f"{code[:1]}xx", table.get("*"))
    return _C if kind is _F and retry_after > 0 else kind


def within(kind: OutcomeClass | None, delay: float, budget: float) -> OutcomeClass | None:
    """A success that took longer than its budget (post-dial delay, time to delivery) is a failure. Seconds."""
    return _F if kind is _S and delay > budget else kind


def confirm(lasted: float, least: float = 6.0) -> OutcomeClass:
    """Whether a success held: ``lasted`` is 0 if nobody answered; what ends before ``least`` seconds is short."""
    return OutcomeClass.CONFIRMED if lasted >= least else OutcomeClass.UNCONFIRMED

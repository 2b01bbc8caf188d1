"""What the sends of a cascade tell health, each thing once.

Owns which code is told about which send, and which upstreams failed. Must not judge targets: that is `health.score`.
"""

from __future__ import annotations

from functools import lru_cache

from controller.health.outcomes import MESSAGE, OutcomeClass, classify
from controller.messages.cascade import Cascade, Send
from controller.types.cascades import ObserveOutcome

DELIVERED, READ, VERIFIED, CONFIRMED, UNCONFIRMED = "delivered", "read", "verified", "confirmed", "unconfirmed"


@lru_cache(maxsize=4096)
def _class_of(code: str) -> OutcomeClass | None:
    """Asked for each send with each event."""
    return classify(MESSAGE, code)


def observe(cascade: Cascade, send: Send, code: str, now: float, retry_after: float = 0.0) -> list[ObserveOutcome]:
    """The evidence of a code, if it is any and says more than what was told of this send before."""
    kind = classify(MESSAGE, code, retry_after) if retry_after else _class_of(code)
    known = _class_of(send.judged) if send.judged else None
    if kind is None or kind is known or known is OutcomeClass.SUCCESS:
        return []
    send.judged = code
    age, after = max(now - send.started, 0.0), failed_before(cascade, send)
    return [ObserveOutcome(send.provider, code, after, age, retry_after, send.attempt)]


def prove(cascade: Cascade, send: Send, now: float, *, held: bool) -> list[ObserveOutcome]:
    """Whoever asked says that what this send brought was of use, or not."""
    told = observe(cascade, send, VERIFIED, now) if held else []
    return [*told, ObserveOutcome(send.provider, CONFIRMED if held else UNCONFIRMED, age=max(now - send.started, 0.0))]


def bringer(cascade: Cascade) -> Send | None:
    """Which send a code that was typed in came by: the winner, else the only one that arrived, else the only one there
    is. None if nobody can say."""
    if cascade.winner:
        return cascade.send_of(cascade.winner)
    arrived = [send for send in cascade.sends if has_arrived(send)]
    candidates = arrived or [send for send in cascade.sends if send.spent]
    return candidates[0] if len(candidates) == 1 else None


def has_arrived(send: Send) -> bool:
    """Whether it was reported as delivered, or proved to be."""
    return bool(send.judged) and _class_of(send.judged) is OutcomeClass.SUCCESS


def failed_upstreams(cascade: Cascade) -> set[str]:
    """Who really carried what did not arrive, where that is the carrier's doing or nobody can say."""
    upstreams = cascade.terms.upstreams
    failed = {upstreams.get(send.provider, "") for send in cascade.sends if send.outcome and _has_failed(send)}
    failed.discard("")
    return failed


def _has_failed(send: Send) -> bool:
    return bool(send.outcome) and _class_of(send.outcome) is OutcomeClass.FAILURE


def failed_before(cascade: Cascade, send: Send) -> tuple[str, ...]:
    """The providers that failed for this cascade before this send."""
    others: dict[str, None] = {}
    for other in cascade.sends:
        if other.attempt < send.attempt and other.provider != send.provider and _has_failed(other):
            others[other.provider] = None
    return tuple(others)

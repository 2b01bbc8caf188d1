"""News of the daemon for messages as plain data, for whoever watches: one kind and one mapping each.

Owns the words. No number, address or text of a message is in them. Must not know who watches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from controller.health.node import Change
from controller.messages.cascade import Cascade
from controller.store.base import Facts
from controller.types import Fault


@dataclass(frozen=True, slots=True)
class StoreNews:
    """The store does not answer any more, or does again."""

    why: str  # "": it answers


@dataclass(frozen=True, slots=True)
class CascadeEnded:
    """What became of a cascade."""

    cascade: str  # its id
    tenant: str
    status: str
    reason: str
    created: float  # seconds since the epoch
    ended: float
    country: str
    operator: str
    use_case: str
    sends: tuple[str, ...]  # the providers, in the order of their attempts
    winner: str  # the provider that completed it, or ""
    cost: float


MessageNews = Change | Fault | StoreNews | CascadeEnded

KINDS: Mapping[type, str] = {Change: "quality", Fault: "fault", StoreNews: "store", CascadeEnded: "cascade"}


def ended_news(cascade: Cascade, facts: Facts) -> CascadeEnded:
    """Of a cascade that is over."""
    winner = cascade.send_of(cascade.winner) if cascade.winner else None
    return CascadeEnded(
        cascade.id,
        cascade.tenant,
        str(cascade.status),
        cascade.reason,
        cascade.created,
        cascade.ended,
        facts.country,
        facts.operator,
        facts.use_case,
        tuple(send.provider for send in cascade.sends),
        winner.provider if winner is not None else "",
        cascade.cost,
    )


def show_news(news: MessageNews) -> tuple[str, Mapping[str, Any]]:
    """Its kind, and what it says."""
    return KINDS[type(news)], asdict(news)

"""News of the engine as plain data, for whoever watches: one kind and one mapping each.

Owns the words. Numbers stand there as they are, for what is kept of calls is kept whole; whoever shows them masks them.
Must not judge, and must not know who watches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from controller.health.node import Change
from controller.masking import mask_numbers, mask_secrets
from controller.resolver.book import NameNews
from controller.types import (
    CallRecord,
    CertificateExpiring,
    Exercised,
    Fault,
    MediaNews,
    News,
    Overloaded,
    Page,
    PlacedNews,
    Registered,
    TlsRefused,
    Transition,
    Uplink,
)
from controller.types.texts import TextNews
from sip.text import clean, legible

AnyNews = News | Change | NameNews

#: A test call is over: one of many that nobody has to hear of, for verdicts tell what they show; or one that was asked for.
TEST_CALL, DRILL = "test_call", "drill"

#: What happened, by what it is called: the words that consumers know.
KINDS: Mapping[type, str] = {
    Transition: "trunk",  # a trunk is another way now
    Change: "quality",  # calls say something else about it
    Page: "page",  # wake somebody: it does not come back by itself
    Registered: "registration",
    Overloaded: "overload",
    MediaNews: "media",
    Uplink: "uplink",  # all at once: rather our own line
    CertificateExpiring: "certificate",
    TlsRefused: "tls",
    NameNews: "names",
    PlacedNews: "placed",
    TextNews: "text",
    Exercised: TEST_CALL,  # or DRILL, where an operator had asked for it
    Fault: "fault",
    CallRecord: "call",
}


def show_news(news: AnyNews) -> tuple[str, Mapping[str, Any]]:
    """Its kind, and what it says."""
    if isinstance(news, CallRecord):
        return "call", _call(news)
    if isinstance(news, Fault):  # whatever a traceback quotes
        return "fault", {"what": mask_numbers(mask_secrets(news.what))}
    kind = DRILL if isinstance(news, Exercised) and news.drill else KINDS[type(news)]
    return kind, {key: _plain(value) for key, value in asdict(news).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)  # words of enumerations too
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return value


def _call(record: CallRecord) -> dict[str, Any]:
    """Of a call that has its final response: times are seconds from its offer; ``moment`` is that of the offer, seconds
    since the epoch."""
    offer = record.offer
    return {
        "call": clean(legible(offer.id)),  # its Call-ID
        "did": offer.did,
        "caller": offer.caller,
        "from_trunk": offer.trunk,
        "moment": offer.moment,
        "chain": record.chain,
        "status": record.status,
        "winner": record.winner,
        "cause": record.cause,
        "refusal": record.refusal,
        "seconds": round(record.seconds, 4),
        "attempts": [
            {
                "path": each.path,
                "at": round(each.started, 4),
                "milestone": each.milestone,
                "cause": each.cause,
                "rang": None if each.rang is None else round(each.rang, 4),
                "hedge": each.hedge,
                "stage": each.stage,
                "beside": each.beside,
                "ended": None if each.ended is None else round(each.ended, 4),
            }
            for each in record.attempts
        ],
        "skipped": [{"what": each.what, "why": each.why} for each in record.skipped],
        "demoted": [{"what": each.what, "why": each.why} for each in record.demoted],
        "decisions": [
            {"what": each.what, "stage": each.stage, "how": each.how, "why": each.why, "record": dict(each.record)}
            for each in record.decisions
        ],
        "panic": record.panic,
        "version": record.version,
    }

"""One event, one JSON line on standard error, written by a thread of its own.

Rules: the call path hands a line over and goes on; when the reader of the log is stuck, lines are dropped and
counted, and no call waits. Numbers appear masked, called ones too, and secrets not at all.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from controller.health.score import Change
from controller.masking import mask_number, mask_numbers, mask_secrets, mask_within
from controller.resolver.book import NameNews
from controller.types import (
    CallRecord,
    CertificateExpiring,
    Exercised,
    Fault,
    MediaNews,
    News,
    Offer,
    Overloaded,
    Page,
    PlacedNews,
    Registered,
    TlsRefused,
    Transition,
    Uplink,
)
from controller.types.texts import TextNews
from sip.text import clean

BACKLOG = 10_000  # lines
GATHER = 0.1  # seconds between the first line of a batch and its writing: one wake-up for many calls


#: Fields whose values are names, codes and figures of ours.
_NAMES = frozenset(
    "event call trunk old new code did caller from_trunk chain status winner cause version before attempts decisions".split()
)
_ENCODER = json.JSONEncoder()  # made once: this runs for every call


class LineWriter:
    """What structlog prints to: a bounded queue and the thread that empties it, a few times a second at most."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._some = threading.Event()
        self._closing = threading.Event()
        self.dropped = 0
        self._thread = threading.Thread(target=self._write_lines, name="log", daemon=True)
        self._thread.start()

    def msg(self, line: str) -> None:
        """Hand a line over; never blocks."""
        if len(self._lines) >= BACKLOG:
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    log = debug = info = warning = error = critical = msg

    def close(self) -> None:
        """Write what is left, for a second at most."""
        self._closing.set()
        self._some.set()
        self._thread.join(timeout=1.0)

    def _write_lines(self) -> None:
        while True:
            self._some.wait()
            closing = self._closing.wait(GATHER)
            self._some.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (OSError, ValueError):
                self.dropped += len(lines)
            if closing:
                return


Log = structlog.typing.FilteringBoundLogger


def open_log(stream: TextIO = sys.stderr) -> tuple[Log, LineWriter]:
    """A logger of JSON lines and the writer behind it."""
    writer = LineWriter(stream)
    structlog.configure(
        processors=[
            _mask,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda event, **_: _ENCODER.encode(event)),
        ],
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    log: Log = structlog.get_logger().bind()  # bound once, not with every line
    return log, writer


def _mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whoever writes a line need not think of numbers: texts lose them here. Names and codes have none."""
    for key, value in event.items():
        if key in _NAMES:
            continue
        if type(value) is str:
            event[key] = mask_numbers(value)
        elif type(value) is list and value and type(value[0]) is str:
            event[key] = [mask_numbers(text) for text in value]
    return event


def log_news(log: Log, news: News | Change | NameNews) -> None:
    """Write what the engine has to tell."""
    if isinstance(news, Transition):
        log.info("trunk", trunk=news.trunk, old=news.old, new=news.new, code=news.code, why=news.why)
        return
    if isinstance(news, Change):
        log.info("quality", trunk=news.target, old=news.old, new=news.new, why=news.why)
        return
    if isinstance(news, Page):
        log.error("page", trunk=news.trunk, code=news.code, why=news.why)
        return
    if isinstance(news, Registered):
        (log.info if news.bound else log.warning)("registration", trunk=news.trunk, bound=news.bound, why=news.why)
        return
    if isinstance(news, Overloaded):
        (log.warning if news.begins else log.info)("overload", begins=news.begins, turned_away=news.turned_away)
        return
    if isinstance(news, MediaNews):
        tell = log.info if news.answers else log.error
        tell("media relay", relay=news.relay, answers=news.answers, why=news.why)
        return
    if isinstance(news, Uplink):
        log.error("uplink", suspected=news.suspected, why=news.why)
        return
    if isinstance(news, CertificateExpiring):
        (log.error if not news.days else log.warning)("certificate", owner=news.owner, days=news.days, why=news.why)
        return
    if isinstance(news, TlsRefused):
        log.error("tls", trunk=news.trunk, why=news.why)
        return
    if isinstance(news, NameNews):
        fields = {"name": news.name, "trunks": news.trunks, "why": news.why}
        if news.old != news.new:
            log.info("addresses", **fields, old=news.old, new=news.new)
        elif news.lost:
            log.warning("addresses are stale", **fields, advice="what is known stays in use")
        else:
            log.info("addresses are good again", **fields)
        return
    if isinstance(news, PlacedNews):
        log.info("call of our own", key=news.key, state=news.state, cause=news.cause)
        return
    if isinstance(news, TextNews):
        log.info("message of our own", key=news.key, state=news.state, cause=news.cause)
        return
    if isinstance(news, Exercised):
        if news.drill:
            log.info("drill", trunk=news.trunk, passed=news.passed, why=news.what)
        return
    if isinstance(news, Fault):
        log.error("fault", what=mask_secrets(news.what), advice="a bug in callward: please report it with this line")
        return
    log.info("call", **call_fields(news))


def call_fields(record: CallRecord) -> dict[str, Any]:
    """The record of a call as the fields of one line."""
    return {
        # a Call-ID may be as long as its sender likes
        "call": _mask_id(record.offer.id[:200], record.offer),
        "did": mask_number(record.offer.did),
        "caller": mask_number(record.offer.caller),
        "from_trunk": record.offer.trunk,
        "chain": record.chain,
        "status": record.status,
        "winner": record.winner,
        "cause": record.cause,
        "refusal": record.refusal,
        "seconds": round(record.seconds, 3),
        "attempts": [
            {"path": a.path, "at": round(a.started, 3), "milestone": a.milestone, "cause": a.cause}
            for a in record.attempts
        ],
        "skipped": [f"{skipped.what}: {skipped.why}" for skipped in record.skipped],
        "demoted": [f"{demoted.what}: {demoted.why}" for demoted in record.demoted],
        "panic": record.panic,
        "version": record.version,
        "decisions": [
            {
                "what": found.what,
                "stage": found.stage,
                "how": found.how,
                "why": found.why,
                # without the number the record of a call whose Call-ID holds it does not replay: that is the price
                "record": {**found.record, "offer_key": _mask_id(str(found.record.get("offer_key", "")), record.offer)},
            }
            for found in record.decisions
        ],
    }


def _mask_id(text: str, offer: Offer) -> str:
    """The name of a call on the wire, which some phones make of numbers."""
    return mask_within(clean(text), offer.did, offer.caller)

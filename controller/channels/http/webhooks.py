"""Webhooks of a provider -> reports and inbound messages. Pure; raises `Forged`, and nothing else for what is sent.

Owns the order: where it comes from, who signed it, whether it was taken before, what it says.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from controller.channels.base import Forged, Inbound, News, Report, Webhook, WebhookAnswer
from controller.channels.http import signatures
from controller.channels.http.answers import clean_code, clean_ref
from controller.channels.http.paths import Data, Unreadable, find, instant, items, number, parse_json, text
from controller.channels.http.replays import Replays
from controller.types.http import (
    Handshake,
    HmacSignature,
    HttpSettings,
    InboundRules,
    JwtSignature,
    Path,
    ReportRules,
    Verifier,
)
from controller.types.words import Milestone

MOST_NEWS = 1000  # in one webhook
UNDATED = 86400.0  # seconds that a webhook is remembered which says not when it was signed
_MOST_FIELDS = 1000
_MILESTONES = {
    "accepted": Milestone.ACCEPTED,
    "sent": Milestone.ALERTING,
    "delivered": Milestone.ANSWERED,
    "read": Milestone.CONFIRMED,
}


class Webhooks:
    """Reads the webhooks of one provider."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._replays = Replays(_remembered(settings.webhook.verifier if settings.webhook else None))

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """What it says, and what it hears. ``now``: seconds since the epoch. Raises `Forged`."""
        rules = self._settings.webhook
        if rules is None:
            return WebhookAnswer(status=404)
        signatures.check_source(rules.sources, request.peer)
        # Only who asks who we are, and what is signed within an envelope, is read before it has proved itself.
        early = _read_or_none(request) if rules.handshake or rules.unwrap else None
        if rules.handshake and early and _is_asked(rules.handshake, early):
            return _shake(rules.handshake, early)
        body = request.body if rules.unwrap is None else _unwrap(early, rules.unwrap)
        name = signatures.check(rules.verifier, request, body, now) if rules.verifier else ""
        if name and self._replays.knows(name, now):
            return WebhookAnswer()
        if rules.unwrap is None:
            data = early or _read_or_none(request)
        else:
            data = _read_or_none(replace(request, body=body, headers={}))
        if data is None:
            return WebhookAnswer(status=400, body=b"unreadable")
        news = read_news(self._settings, data)
        _mark(news, name)
        return WebhookAnswer(news, taken=lambda: self._replays.note(name, now))


def _remembered(verifier: Verifier | None) -> float:
    """Seconds: a dated webhook is too old by then."""
    if isinstance(verifier, JwtSignature) or (isinstance(verifier, HmacSignature) and verifier.timestamp):
        return 2 * verifier.tolerance
    return UNDATED


def _mark(news: list[News], webhook: str) -> None:
    """Say of messages without a name what brought them: the webhook's signature, so that it is the same again."""
    for place, each in enumerate(news):
        if webhook and isinstance(each, Inbound) and not each.ref:
            each.brought = f"{webhook}:{place}"


def read_news(settings: HttpSettings, data: Data) -> list[News]:
    """What a webhook says, whoever sent it."""
    rules = settings.webhook
    news: list[News] = []
    if rules is not None and rules.reports is not None:
        reports = (_report(settings, rules.reports, item) for item in items(data, rules.reports.each))
        news += filter(None, reports)
    if rules is not None and rules.inbound is not None:
        messages = (_inbound(settings, rules.inbound, item) for item in items(data, rules.inbound.each))
        news += filter(None, messages)
    return news[:MOST_NEWS]


def _read_or_none(request: Webhook) -> Data | None:
    try:
        return read_request(request)
    except Unreadable:
        return None


def read_request(request: Webhook) -> Data:
    """A request as data: JSON, a form, or what stands in its query. Raises `Unreadable`."""
    try:
        query = dict(parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise Unreadable("no query") from error
    return Data(_read_body(request, query), query, request.headers)


def _read_body(request: Webhook, query: Mapping[str, str]) -> Any:
    if not request.body:
        return query
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            return dict(parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        except ValueError as error:
            raise Unreadable("no form") from error
    return parse_json(request.body)


# --------------------------------------------------------------------------- handshakes, envelopes


def _is_asked(handshake: Handshake, data: Data) -> bool:
    return any(True for _ in find(data, handshake.given))


def _shake(handshake: Handshake, data: Data) -> WebhookAnswer:
    if not signatures.is_same(text(data, (handshake.given,)), handshake.token):
        raise Forged("it asks who we are with a wrong token")
    answer = text(data, (handshake.answer,))
    return WebhookAnswer(body=answer[:256].encode())


def _unwrap(data: Data | None, path: Path) -> bytes:
    try:
        return base64.b64decode(str(next(find(data or Data(), path), "")), validate=True)
    except (binascii.Error, ValueError):
        raise Forged("there is nothing signed in it") from None


# --------------------------------------------------------------------------- news


def _report(settings: HttpSettings, rules: ReportRules, data: Data) -> Report | None:
    """None for what is no report, or says nothing new."""
    ref, key = clean_ref(text(data, rules.ref)), clean_ref(text(data, rules.key))
    if not ref and not key:
        return None
    word = rules.statuses.get(text(data, rules.status).lower(), "")
    if not word and text(data, rules.read):
        word = "read"
    if word in {"", "pending"}:
        return None
    report = Report(settings.provider, ref, _MILESTONES.get(word), send_key=key)
    if report.milestone is None:
        report.code = clean_code(text(data, rules.code))
        report.cause = settings.errors.get(report.code, word)
    report.cost = number(data, rules.cost)
    report.operator = _operator(text(data, rules.operator))
    report.at = instant(data, rules.at)
    return report


def _operator(written: str) -> str:
    """MCC-MNC as five or six digits, whatever stands between the two."""
    digits = written.replace("-", "").replace(" ", "")
    return digits if digits.isascii() and digits.isdecimal() and len(digits) in {5, 6} else ""


def _inbound(settings: HttpSettings, rules: InboundRules, data: Data) -> Inbound | None:
    sender, said = text(data, rules.sender), text(data, rules.text)
    if not sender or not said:
        return None
    ref = clean_ref(text(data, rules.ref))
    return Inbound(settings.provider, ref, _plain(sender), _plain(text(data, rules.to)), said, instant(data, rules.at))


def _plain(number: str) -> str:
    """A number as we write it: E.164, without the channel that some put before it."""
    bare = number.rpartition(":")[2].strip()
    return f"+{bare}" if bare.isascii() and bare.isdecimal() and len(bare) > 6 else bare

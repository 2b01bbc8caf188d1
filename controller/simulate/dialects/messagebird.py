"""MessageBird, the SMS API: https://developers.messagebird.com/api/sms-messaging; reports are GETs with a token."""

from __future__ import annotations

import hashlib
import uuid
from urllib.parse import urlencode

from controller.simulate.base import Word
from controller.simulate.dialects.base import Asked, Dialect, Hook, Malformed, Reply, Sent, digits, iso, jwt_hs256

_WORDS = {Word.SENT: "sent", Word.DELIVERED: "delivered", Word.READ: "delivered", Word.FAILED: "delivery_failed"}


class MessageBird(Dialect):
    """JSON in and out; what happened stands in the query of a GET."""

    def is_ours(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"AccessKey {self.account.token}"

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != "/messages" or not isinstance(said["validity"], int):
            raise Malformed("validity")
        [to] = said["recipients"]
        return Sent(said["reference"], to, said["body"], said.get("reportUrl", ""))

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(201, {"id": ref, "reference": sent.key, "recipients": {"items": [{"status": "sent"}]}})

    def refuse(self, code: str) -> Reply:
        return Reply(422, {"errors": [{"code": int(code or 21), "description": "bad request", "parameter": "to"}]})

    def deny(self) -> Reply:
        return Reply(401, {"errors": [{"code": 2, "description": "not allowed"}]})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        query = {
            "id": ref,
            "reference": sent.key,
            "recipient": sent.to,
            "status": _WORDS[word],
            "statusDatetime": iso(now),
            "mccmnc": "310260",
            "price[amount]": "0.07",
            "price[currency]": "EUR",
        }
        if word is Word.FAILED:
            query["statusReason"] = code or "unknown subscriber"
        return self.sign(f"{sent.hook or self.account.hook}?{urlencode(query)}", b"", now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        query = {
            "id": ref,
            "originator": digits(sender),
            "recipient": digits(to),
            "body": text,
            "createdDatetime": iso(now),
        }
        return self.sign(f"{self.account.hook}?{urlencode(query)}", b"", now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        claims = {
            "iss": "MessageBird",
            "nbf": int(now),
            "exp": int(now) + 60,
            "jti": str(uuid.uuid4()),
            "url_hash": hashlib.sha256(url.encode()).hexdigest(),
        }
        return Hook(url, body, {"MessageBird-Signature-JWT": jwt_hs256(claims, self.account.secret)}, "GET")

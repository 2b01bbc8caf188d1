"""Twilio: https://www.twilio.com/docs/messaging/api/message-resource and .../usage/webhooks/webhooks-security."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl, urlencode

from controller.simulate.base import Word
from controller.simulate.dialects.base import (
    Asked,
    Dialect,
    Hook,
    Malformed,
    Reply,
    Sent,
    hmac_base64,
    words_of_template,
)

_WORDS = {Word.SENT: "sent", Word.DELIVERED: "delivered", Word.READ: "read", Word.FAILED: "undelivered"}


class Twilio(Dialect):
    """Forms in, JSON out; webhooks are forms, signed over the URL and every field."""

    def is_ours(self, asked: Asked) -> bool:
        word = base64.b64encode(f"{self.account.account}:{self.account.token}".encode()).decode()
        return asked.headers.get("authorization") == f"Basic {word}"

    def read(self, asked: Asked) -> Sent:
        form = asked.form
        if asked.path != f"/2010-04-01/Accounts/{self.account.account}/Messages.json":
            raise Malformed("path")
        if not form.get("Body") and not form.get("ContentSid"):
            raise Malformed("Body")
        if self.account.channel == "whatsapp" and not form["To"].startswith("whatsapp:+"):
            raise Malformed("To")
        hook = form.get("StatusCallback", "")
        key = dict(parse_qsl(hook.partition("?")[2])).get("key", "")
        words = form.get("Body", "")
        if not words:
            words = words_of_template(form["ContentSid"], "", json.loads(form.get("ContentVariables") or "{}").values())
        return Sent(key, form["To"], words, hook)

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(201, {"sid": ref, "status": "queued", "to": sent.to, "price": None, "error_code": None})

    def refuse(self, code: str) -> Reply:
        number = int(code or 21614)
        return Reply(400, {"code": number, "message": "cannot be reached", "status": 400})

    def throttle(self, seconds: float) -> Reply:
        return Reply(429, {"code": 20429, "status": 429}, {"Retry-After": f"{seconds:.0f}"})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        fields = {
            "MessageSid": ref,
            "SmsSid": ref,
            "MessageStatus": _WORDS[word],
            "SmsStatus": _WORDS[word],
            "To": sent.to,
            "From": "+15550199999",
            "AccountSid": self.account.account,
            "ApiVersion": "2010-04-01",
        }
        if word is Word.FAILED:
            fields["ErrorCode"] = code or "30008"
        return self.sign(sent.hook or self.account.hook, urlencode(fields).encode(), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        fields = {"MessageSid": ref, "SmsSid": ref, "SmsStatus": "received", "From": sender, "To": to, "Body": text}
        return self.sign(self.account.hook, urlencode(fields).encode(), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        signed = url
        for name in sorted(fields):
            signed += name + fields[name]
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Twilio-Signature": hmac_base64(self.account.token.encode(), signed.encode(), "sha1"),
        }
        return Hook(url, body, headers)

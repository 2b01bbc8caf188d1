"""Infobip: https://www.infobip.com/docs/api (SMS v3, WhatsApp v1, Viber v2, RCS v2)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from controller.simulate.base import Word
from controller.simulate.dialects.base import (
    Asked,
    Dialect,
    Hook,
    Malformed,
    Reply,
    Sent,
    digits,
    dump,
    iso,
    words_of_template,
)

_WORDS = {Word.SENT: "PENDING", Word.DELIVERED: "DELIVERED", Word.FAILED: "UNDELIVERABLE"}
_PATHS = {
    "sms": "/sms/3/messages",
    "viber": "/viber/2/messages",
    "rcs": "/rcs/2/messages",
    "whatsapp": "/whatsapp/1/message/text",
}
_TAKEN = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED"}


class Infobip(Dialect):
    """JSON both ways; webhooks come with the user and password of the subscription."""

    def is_ours(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"App {self.account.token}"

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if self.account.channel == "whatsapp":
            return self._read_whatsapp(asked.path, said)
        if asked.path != _PATHS[self.account.channel]:
            raise Malformed("path")
        [message] = said["messages"]
        [destination] = message["destinations"]
        if not isinstance(message["options"]["validityPeriod"]["amount"], int) or not destination["to"].isdecimal():
            raise Malformed("validityPeriod")
        hooks = message["webhooks"]
        if hooks["callbackData"] != destination["messageId"]:
            raise Malformed("messageId")
        hook = hooks.get("delivery", {}).get("url", "")
        return Sent(hooks["callbackData"], destination["to"], message["content"]["text"], hook)

    def _read_whatsapp(self, path: str, said: dict[str, Any]) -> Sent:
        if path == _PATHS["whatsapp"]:
            return Sent(said["callbackData"], said["to"], said["content"]["text"], said.get("notifyUrl", ""))
        if path != "/whatsapp/1/message/template":
            raise Malformed("path")
        [message] = said["messages"]
        content = message["content"]
        values = content["templateData"]["body"]["placeholders"]
        words = words_of_template(content["templateName"], content["language"], values)
        return Sent(message["callbackData"], message["to"], words, message.get("notifyUrl", ""))

    def take(self, sent: Sent, ref: str) -> Reply:
        if self.account.channel == "whatsapp":
            return Reply(200, {"to": sent.to, "messageCount": 1, "messageId": ref, "status": _TAKEN})
        return Reply(
            200, {"bulkId": "bulk", "messages": [{"messageId": ref, "status": _TAKEN, "destination": sent.to}]}
        )

    def refuse(self, code: str) -> Reply:
        status = {"groupId": 5, "groupName": "REJECTED", "id": 51, "name": code or "REJECTED_PREFIX_MISSING"}
        if self.account.channel == "whatsapp":
            return Reply(200, {"messageCount": 1, "messageId": "none", "status": status})
        return Reply(200, {"bulkId": "bulk", "messages": [{"messageId": "none", "status": status}]})

    def throttle(self, seconds: float) -> Reply:
        error = {"requestError": {"serviceException": {"messageId": "TOO_MANY_REQUESTS", "text": "Too many requests"}}}
        return Reply(429, error, {"Retry-After": f"{seconds:.0f}"})

    def look_up(self, asked: Asked, refs: Mapping[str, str]) -> Reply | None:
        if asked.method != "GET" or asked.path != "/sms/3/logs":
            return None
        key = asked.query.get("messageId", "")
        return Reply(200, {"results": [{"messageId": refs[key]}] if key in refs else []})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        result: dict[str, object] = {"messageId": ref, "to": sent.to, "callbackData": sent.key, "sentAt": iso(now)}
        if word is Word.READ:  # which is a webhook of another shape
            result["seenAt"] = iso(now)
        else:
            result |= {
                "doneAt": iso(now).replace("Z", "+0000"),
                "mccMnc": "310260",
                "price": {"pricePerMessage": 0.0075, "currency": "EUR"},
                "status": {"groupName": _WORDS[word], "name": _WORDS[word]},
                "error": {"name": (code or "EC_NETWORK_ERROR") if word is Word.FAILED else "NO_ERROR"},
            }
        return self.sign(sent.hook or self.account.hook, dump({"results": [result]}), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        result = {
            "messageId": ref,
            "from": digits(sender),
            "to": digits(to),
            "text": text,
            "cleanText": text,
            "receivedAt": iso(now),
        }
        return self.sign(self.account.hook, dump({"results": [result], "messageCount": 1}), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        word = base64.b64encode(self.account.secret.encode()).decode()
        return Hook(url, body, {"Content-Type": "application/json", "Authorization": f"Basic {word}"})

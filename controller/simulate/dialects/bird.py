"""Bird, the Channels API: https://docs.bird.com/api/channels-api, and its signed webhooks."""

from __future__ import annotations

import hashlib
from typing import Any

from controller.simulate.base import Word
from controller.simulate.dialects.base import (
    Asked,
    Dialect,
    Hook,
    Malformed,
    Reply,
    Sent,
    dump,
    hmac_base64,
    iso,
    words_of_template,
)

_WORDS = {Word.SENT: "sent", Word.DELIVERED: "delivered", Word.READ: "delivered", Word.FAILED: "delivery_failed"}


def _read_template(said: dict[str, Any]) -> str:
    return words_of_template(said["projectId"], said["locale"], [each["value"] for each in said["parameters"]])


class Bird(Dialect):
    """JSON both ways; webhooks signed over time, URL and the digest of the body."""

    def is_ours(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"AccessKey {self.account.token}"

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != f"/workspaces/{self.account.account}/channels/{self.var('channel_id')}/messages":
            raise Malformed("path")
        [contact] = said["receiver"]["contacts"]
        words = said["body"]["text"]["text"] if "body" in said else _read_template(said["template"])
        return Sent(said["reference"], contact["identifierValue"], words)

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(202, {"id": ref, "status": "accepted", "reference": sent.key})

    def refuse(self, code: str) -> Reply:
        return Reply(422, {"code": code or "InvalidReceiver", "message": "no"})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        payload = {"id": ref, "reference": sent.key, "status": _WORDS[word], "lastStatusAt": iso(now)}
        if word is Word.FAILED:
            payload["reason"] = code or "undeliverable"
        event = f"{self.account.channel}.outbound"
        return self.sign(self.account.hook, dump({"service": "channels", "event": event, "payload": payload}), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        payload = {
            "id": ref,
            "sender": {"contact": {"identifierKey": "phonenumber", "identifierValue": sender}},
            "body": {"type": "text", "text": {"text": text}},
            "direction": "incoming",
            "createdAt": iso(now),
        }
        event = f"{self.account.channel}.inbound"
        return self.sign(self.account.hook, dump({"service": "channels", "event": event, "payload": payload}), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        stamp = f"{now:.0f}"
        signed = f"{stamp}\n{url}\n".encode() + hashlib.sha256(body).digest()
        headers = {
            "Content-Type": "application/json",
            "MessageBird-Request-Timestamp": stamp,
            "MessageBird-Signature": hmac_base64(self.account.secret.encode(), signed),
        }
        return Hook(url, body, headers)

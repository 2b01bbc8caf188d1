"""What `preset: generic` stands for: docs/messages.md; its webhooks as https://www.standardwebhooks.com has them."""

from __future__ import annotations

import base64
import json
import uuid

from controller.simulate.base import Word
from controller.simulate.dialects.base import Asked, Dialect, Hook, Malformed, Reply, Sent, dump, hmac_base64

_WORDS = {Word.SENT: "sent", Word.DELIVERED: "delivered", Word.READ: "read", Word.FAILED: "failed"}


class Generic(Dialect):
    """JSON both ways; one key is sent once."""

    knows_keys = True

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != "/messages" or asked.headers["idempotency-key"] != said["id"]:
            raise Malformed("id")
        if said["channel"] != self.account.channel or not isinstance(said["lifetime"], int):
            raise Malformed("channel")
        return Sent(said["id"], said["to"], said["text"], said.get("callback", ""))

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(202, {"ref": ref, "cost": 0.01})

    def refuse(self, code: str) -> Reply:
        return Reply(422, {"code": code or "unknown-subscriber"})

    def throttle(self, seconds: float) -> Reply:
        return Reply(429, {"code": "busy", "retry_after": seconds})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        data: dict[str, object] = {"ref": ref, "id": sent.key, "status": _WORDS[word], "at": now, "operator": "310260"}
        if word is Word.FAILED:
            data["code"] = code or "absent"
        return self.sign(sent.hook or self.account.hook, dump(data), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        data = {"from": sender, "to": to, "text": text, "ref": ref, "at": now}
        return self.sign(self.account.hook, json.dumps(data).encode(), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        name, stamp = f"msg_{uuid.uuid4().hex}", f"{now:.0f}"
        key = base64.b64decode(self.account.secret.removeprefix("whsec_"))
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": name,
            "Webhook-Timestamp": stamp,
            "Webhook-Signature": "v1," + hmac_base64(key, f"{name}.{stamp}.".encode() + body),
        }
        return Hook(url, body, headers)

"""Telegram Gateway: https://core.telegram.org/gateway/api."""

from __future__ import annotations

import hashlib

from controller.simulate.base import Word
from controller.simulate.dialects.base import Asked, Dialect, Hook, Malformed, Reply, Sent, dump, hmac_hex

_WORDS = {Word.SENT: "sent", Word.DELIVERED: "delivered", Word.READ: "read", Word.FAILED: "expired"}


class Telegram(Dialect):
    """Codes alone; every answer is a 200 that says whether it is one."""

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != "/sendVerificationMessage" or not said["code"].isdecimal() or not 30 <= said["ttl"] <= 3600:
            raise Malformed("code")
        return Sent(said["payload"], said["phone_number"], said["code"], said.get("callback_url", ""))

    def take(self, sent: Sent, ref: str) -> Reply:
        result = {"request_id": ref, "phone_number": sent.to, "request_cost": 0.01, "remaining_balance": 99.0}
        return Reply(200, {"ok": True, "result": result})

    def refuse(self, code: str) -> Reply:
        return Reply(200, {"ok": False, "error": code or "PHONE_NUMBER_NOT_FOUND"})

    def throttle(self, seconds: float) -> Reply:
        return Reply(200, {"ok": False, "error": "FLOOD_WAIT"}, {"Retry-After": f"{seconds:.0f}"})

    def deny(self) -> Reply:
        return Reply(200, {"ok": False, "error": "ACCESS_TOKEN_INVALID"})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        data = {
            "request_id": ref,
            "phone_number": sent.to,
            "request_cost": 0.01,
            "delivery_status": {"status": _WORDS[word], "updated_at": int(now)},
            "payload": sent.key,
        }
        return self.sign(sent.hook or self.account.hook, dump(data), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        stamp = f"{now:.0f}"
        key = hashlib.sha256(self.account.token.encode()).digest()
        headers = {
            "Content-Type": "application/json",
            "X-Request-Timestamp": stamp,
            "X-Request-Signature": hmac_hex(key, f"{stamp}\n".encode() + body),
        }
        return Hook(url, body, headers)

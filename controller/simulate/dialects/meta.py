"""WhatsApp Cloud API of Meta: https://developers.facebook.com/docs/whatsapp/cloud-api."""

from __future__ import annotations

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
    hmac_hex,
    words_of_template,
)

_WORDS = {Word.SENT: "sent", Word.DELIVERED: "delivered", Word.READ: "read", Word.FAILED: "failed"}


def _read_template(said: dict[str, Any]) -> str:
    values = [value["text"] for part in said["components"] for value in part["parameters"]]
    return words_of_template(said["name"], said["language"]["code"], values)


class Meta(Dialect):
    """JSON both ways; webhooks signed over the raw body, in which a text may be of any script."""

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != f"/{self.account.account}/messages" or said["messaging_product"] != "whatsapp":
            raise Malformed("messaging_product")
        words = said["text"]["body"] if said["type"] == "text" else _read_template(said["template"])
        return Sent(said["biz_opaque_callback_data"], said["to"], words)

    def take(self, sent: Sent, ref: str) -> Reply:
        contacts = [{"input": sent.to, "wa_id": sent.to}]
        return Reply(200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": ref}]})

    def refuse(self, code: str) -> Reply:
        return Reply(400, {"error": {"code": int(code or 131026), "message": "no", "type": "OAuthException"}})

    def throttle(self, seconds: float) -> Reply:
        return Reply(400, {"error": {"code": 130429, "message": "slower"}}, {"Retry-After": f"{seconds:.0f}"})

    def deny(self) -> Reply:
        return Reply(401, {"error": {"code": 190, "message": "no", "type": "OAuthException"}})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        status: dict[str, object] = {
            "id": ref,
            "status": _WORDS[word],
            "timestamp": f"{now:.0f}",
            "recipient_id": sent.to,
            "biz_opaque_callback_data": sent.key,
        }
        if word is Word.FAILED:
            status["errors"] = [{"code": int(code or 131026), "title": "no"}]
        return self._hook({"statuses": [status]}, now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        message = {
            "from": digits(sender),
            "id": ref,
            "timestamp": f"{now:.0f}",
            "type": "text",
            "text": {"body": text},
        }
        metadata = {"display_phone_number": digits(to), "phone_number_id": self.account.account}
        contacts = [{"profile": {"name": "Zoë 🙂"}}]
        return self._hook({"metadata": metadata, "messages": [message], "contacts": contacts}, now)

    def _hook(self, value: dict[str, object], now: float) -> Hook:
        value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": self.account.account}, **value}
        entry = {"id": "WABA", "changes": [{"field": "messages", "value": value}]}
        return self.sign(self.account.hook, dump({"object": "whatsapp_business_account", "entry": [entry]}), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        signature = f"sha256={hmac_hex(self.account.secret.encode(), body)}"
        return Hook(url, body, {"Content-Type": "application/json", "X-Hub-Signature-256": signature})

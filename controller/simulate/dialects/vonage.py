"""Vonage, the Messages API: https://developer.vonage.com/en/api/messages, and signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controller.simulate.base import Word
from controller.simulate.dialects.base import (
    Asked,
    Dialect,
    Hook,
    Malformed,
    Reply,
    Sent,
    dump,
    iso,
    jwt_hs256,
    words_of_template,
)

_WORDS = {Word.SENT: "submitted", Word.DELIVERED: "delivered", Word.READ: "read", Word.FAILED: "undeliverable"}
_CHANNELS = {"viber": "viber_service"}


def claims_of(token: str, private_key: str) -> dict[str, object] | None:
    """The claims of an RS256 token that this key signed."""
    try:
        signed, _, signature = token.rpartition(".")
        _public(private_key).verify(_decode(signature), signed.encode(), PKCS1v15(), SHA256())
        claims: dict[str, object] = json.loads(_decode(signed.partition(".")[2]))
    except (InvalidSignature, ValueError):
        return None
    return claims


@lru_cache(maxsize=16)
def _public(private_key: str) -> RSAPublicKey:
    public = load_pem_private_key(private_key.encode(), None).public_key()
    assert isinstance(public, RSAPublicKey)
    return public


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _read_template(said: dict[str, Any]) -> str:
    template = said["template"]
    return words_of_template(template["name"], said["whatsapp"]["locale"], template["parameters"])


class Vonage(Dialect):
    """JSON both ways; a token of the application's key in, a token of the signature secret out."""

    def is_ours(self, asked: Asked) -> bool:
        claims = claims_of(asked.headers.get("authorization", "").removeprefix("Bearer "), self.account.token)
        return claims is not None and claims.get("application_id") == self.account.account and "jti" in claims

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != "/v1/messages" or said["to"].startswith("+"):
            raise Malformed("to")
        if said["channel"] != _CHANNELS.get(self.account.channel, self.account.channel):
            raise Malformed("channel")
        if "ttl" in said and not isinstance(said["ttl"], int):
            raise Malformed("ttl")
        words = said["text"] if said["message_type"] == "text" else _read_template(said)
        return Sent(said["client_ref"], said["to"], words, said.get("webhook_url", ""))

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(202, {"message_uuid": ref})

    def refuse(self, code: str) -> Reply:
        return Reply(422, {"type": "https://developer.vonage.com/api-errors/messages", "title": int(code or 1300)})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        data: dict[str, object] = {
            "message_uuid": ref,
            "to": sent.to,
            "from": "15550199999",
            "timestamp": iso(now),
            "status": _WORDS[word],
            "client_ref": sent.key,
            "channel": _CHANNELS.get(self.account.channel, self.account.channel),
            "usage": {"currency": "EUR", "price": "0.0333"},
            "destination": {"network_code": "310260"},
        }
        if word is Word.FAILED:
            data["error"] = {"type": "https://developer.vonage.com/api-errors", "title": int(code or 1250)}
        return self.sign(sent.hook or self.account.hook, dump(data), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        data = {
            "message_uuid": ref,
            "from": sender.removeprefix("+"),
            "to": to.removeprefix("+"),
            "text": text,
            "message_type": "text",
            "channel": self.account.channel,
            "timestamp": iso(now),
        }
        return self.sign(self.account.hook, dump(data), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        claims = {
            "iat": int(now),
            "jti": str(uuid.uuid4()),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "application_id": self.account.account,
        }
        token = jwt_hs256(claims, self.account.secret)
        return Hook(url, body, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})

"""RCS for Business of Google: https://developers.google.com/business-communications/rcs-business-messaging."""

from __future__ import annotations

import base64
import json

from controller.simulate.base import Word
from controller.simulate.dialects.base import Asked, Dialect, Hook, Malformed, Reply, Sent, dump, hmac_base64, iso
from controller.simulate.dialects.vonage import claims_of

_WORDS = {Word.DELIVERED: "DELIVERED", Word.READ: "READ", Word.FAILED: "TTL_EXPIRATION_REVOKED", Word.SENT: "IS_TYPING"}


class Google(Dialect):
    """JSON both ways; the id of a message is the sender's, and one id is sent once. News come within an envelope."""

    knows_keys = True

    def is_ours(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == "Bearer access-1"

    def token(self, asked: Asked) -> Reply | None:
        if asked.path != "/token":
            return None
        claims = claims_of(asked.form.get("assertion", ""), self.account.token)
        if not claims or claims.get("iss") != self.var("client") or not str(claims.get("aud")).endswith("/token"):
            return Reply(400, {"error": "invalid_grant"})
        return Reply(200, {"access_token": "access-1", "expires_in": 3599, "token_type": "Bearer"})

    def read(self, asked: Asked) -> Sent:
        _, version, phones, to, what = asked.path.split("/")
        if (version, phones, what) != ("v1", "phones", "agentMessages") or not to.startswith("+"):
            raise Malformed("path")
        if asked.query["agentId"] != self.account.account or not asked.json["ttl"].endswith("s"):
            raise Malformed("agentId")
        return Sent(asked.query["messageId"], to, asked.json["contentMessage"]["text"])

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(200, {"name": f"phones/{sent.to}/agentMessages/{sent.key}", "sendTime": "2026-01-01T00:00:00Z"})

    def repeat(self, sent: Sent, ref: str) -> Reply:
        return Reply(409, {"error": {"code": 409, "status": "ALREADY_EXISTS", "message": "known"}})

    def refuse(self, code: str) -> Reply:
        return Reply(404, {"error": {"code": 404, "status": code or "NOT_FOUND", "message": "not on RCS"}})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        event = {
            "senderPhoneNumber": sent.to,
            "eventType": _WORDS[word],
            "eventId": f"event-{now}",
            "messageId": sent.key,
            "sendTime": iso(now),
            "agentId": self.account.account,
        }
        return self.sign(self.account.hook, dump(event), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        event = {"senderPhoneNumber": sender, "messageId": ref, "sendTime": iso(now), "text": text}
        return self.sign(self.account.hook, dump(event), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        if like is not None:  # the event within the envelope
            body = base64.b64decode(json.loads(body)["message"]["data"])
        envelope = {"message": {"data": base64.b64encode(body).decode(), "messageId": "1"}, "subscription": "s"}
        signature = hmac_base64(self.account.secret.encode(), body, "sha512")
        return Hook(url, dump(envelope), {"Content-Type": "application/json", "X-Goog-Signature": signature})

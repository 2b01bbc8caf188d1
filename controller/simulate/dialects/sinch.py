"""Sinch: https://developers.sinch.com/docs/sms and https://developers.sinch.com/docs/conversation."""

from __future__ import annotations

import base64
import uuid
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
    hmac_base64,
    iso,
    words_of_template,
)

_SMS = {Word.SENT: "Dispatched", Word.DELIVERED: "Delivered", Word.READ: "Delivered", Word.FAILED: "Failed"}
_WORDS = {Word.SENT: "QUEUED_ON_CHANNEL", Word.DELIVERED: "DELIVERED", Word.READ: "READ", Word.FAILED: "FAILED"}
_CHANNELS = {"whatsapp": "WHATSAPP", "rcs": "RCS", "viber": "VIBERBM"}


class Sinch(Dialect):
    """SMS in batches of one; webhooks signed over body, nonce and time."""

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != f"/xms/v1/{self.account.account}/batches" or said["delivery_report"] != "per_recipient":
            raise Malformed("delivery_report")
        [to] = said["to"]
        return Sent(said["client_reference"], to, said["body"], said.get("callback_url", ""))

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(201, {"id": ref, "to": [sent.to], "canceled": False, "type": "mt_text"})

    def refuse(self, code: str) -> Reply:
        return Reply(400, {"code": code or "syntax_invalid_parameter_format", "text": "to"})

    def look_up(self, asked: Asked, refs: Mapping[str, str]) -> Reply | None:
        if asked.method != "GET":
            return None
        key = asked.query.get("client_reference", "")
        found = [{"id": refs[key], "client_reference": key}] if key in refs else []
        return Reply(200, {"count": len(found), "page": 0, "page_size": 30, "batches": found})

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        data = {
            "type": "recipient_delivery_report_sms",
            "batch_id": ref,
            "recipient": sent.to,
            "code": int(code or 0),
            "status": _SMS[word],
            "at": iso(now),
            "client_reference": sent.key,
            "operator": "310260",
        }
        return self.sign(sent.hook or self.account.hook, dump(data), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        data = {
            "type": "mo_text",
            "id": ref,
            "from": digits(sender),
            "to": digits(to),
            "body": text,
            "received_at": iso(now),
        }
        return self.sign(self.account.hook, dump(data), now)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        nonce, stamp = uuid.uuid4().hex, f"{now:.0f}"
        signed = body + b"." + nonce.encode() + b"." + stamp.encode()
        headers = {
            "Content-Type": "application/json",
            "X-Sinch-Webhook-Signature-Timestamp": stamp,
            "X-Sinch-Webhook-Signature-Nonce": nonce,
            "X-Sinch-Webhook-Signature-Algorithm": "HmacSHA256",
            "X-Sinch-Webhook-Signature": hmac_base64(self.account.secret.encode(), signed),
        }
        return Hook(url, body, headers)


def _read_template(message: dict[str, Any]) -> str:
    [template] = message["template_message"]["channel_template"].values()
    return words_of_template(template["template_id"], template["language_code"], template["parameters"].values())


class Conversation(Sinch):
    """All other channels, by one app; who asks brings a token of the login."""

    def is_ours(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == "Bearer access-1"

    def token(self, asked: Asked) -> Reply | None:
        if asked.path != "/oauth2/token":
            return None
        word = base64.b64encode(f"{self.var('key_id')}:{self.account.token}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {word}" or asked.form["grant_type"] != "client_credentials":
            return Reply(401, {"error": "invalid_client"})
        return Reply(200, {"access_token": "access-1", "expires_in": 3599, "token_type": "bearer"})

    def read(self, asked: Asked) -> Sent:
        said = asked.json
        if asked.path != f"/v1/projects/{self.account.account}/messages:send" or said["app_id"] != self.var("app"):
            raise Malformed("app_id")
        [identity] = said["recipient"]["identified_by"]["channel_identities"]
        if identity["channel"] != _CHANNELS[self.account.channel] or not said["ttl"].endswith("s"):
            raise Malformed("channel")
        message = said["message"]
        words = message["text_message"]["text"] if "text_message" in message else _read_template(message)
        return Sent(said["message_metadata"], identity["identity"], words, said.get("callback_url", ""))

    def take(self, sent: Sent, ref: str) -> Reply:
        return Reply(200, {"message_id": ref, "accepted_time": "2026-01-01T00:00:00Z"})

    def refuse(self, code: str) -> Reply:
        return Reply(400, {"error": {"code": 400, "status": code or "INVALID_ARGUMENT", "message": "no"}})

    def look_up(self, asked: Asked, refs: Mapping[str, str]) -> Reply | None:
        return None

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        report: dict[str, object] = {"message_id": ref, "status": _WORDS[word], "metadata": sent.key}
        if word is Word.FAILED:
            report["reason"] = {"code": code or "RECIPIENT_NOT_REACHABLE", "description": "no"}
        data = {"app_id": self.var("app"), "event_time": iso(now), "message_delivery_report": report}
        return self.sign(sent.hook or self.account.hook, dump(data), now)

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        message = {
            "id": ref,
            "direction": "TO_APP",
            "contact_message": {"text_message": {"text": text}},
            "channel_identity": {"channel": _CHANNELS[self.account.channel], "identity": digits(sender)},
            "accept_time": iso(now),
        }
        return self.sign(self.account.hook, dump({"app_id": self.var("app"), "message": message}), now)

"""How what we post is signed: Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,...`).

Owns the signature. Must not know what is posted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def signed_headers(key: str, number: str, timestamp: int, body: str) -> dict[str, str]:
    """All that goes with a body of JSON; ``timestamp`` is seconds since the epoch."""
    return {
        "content-type": "application/json",
        "webhook-id": number,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(key, number, timestamp, body),
    }


def sign(key: str, number: str, timestamp: int, body: str) -> str:
    """The signature of a callback. A key "whsec_..." is Base64, any other is taken as it is."""
    return "v1," + base64.b64encode(
        hmac.digest(_key_bytes(key), f"{number}.{timestamp}.{body}".encode(), hashlib.sha256)
    ).decode("ascii")


def _key_bytes(key: str) -> bytes:
    if key.startswith("whsec_"):
        try:
            return base64.b64decode(key.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass  # it only looks like one
    return key.encode()

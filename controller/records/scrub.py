"""What is taken out of a SIP message before it is kept or handed on: what lets somebody in, and what a person has typed.

Owns which parts those are. Each byte of them becomes a star, so that lengths stay true. Pure.
"""

from __future__ import annotations

import re

from sip.text import clean

_CREDENTIALS = re.compile(
    rb"^(?:Proxy-)?Authorization[ \t]*:[ \t]*(?:[^\r\n]|\r?\n[ \t])*", re.MULTILINE | re.IGNORECASE
)
#: RFC 7616 §3.4: what is computed from the password; the rest of the answer tells nothing.
_RESPONSE = re.compile(rb"(\bresponse\s*=\s*\"?)([0-9A-Za-z]+)", re.IGNORECASE)
_DIGEST = re.compile(rb"^(?:Proxy-)?Authorization[ \t]*:\s*Digest\b", re.IGNORECASE)
_OTHER = re.compile(rb"^([^:]*:\s*\S+\s+)(.*)$", re.DOTALL)
#: Keys of media: RFC 4568 §6.1, RFC 4567 §3.1, RFC 4566 §5.12.
_KEYS = re.compile(rb"(\binline:|^a=key-mgmt:\S+[ \t]+|^k=[a-z0-9]+:)([^\s|]+)", re.MULTILINE | re.IGNORECASE)
#: Keys of a phone that somebody pressed: RFC 6086 §9, RFC 4730 §5.2.
_PRESSED = re.compile(
    rb"\AINFO |^(?:Content-Type|c)[ \t]*:[ \t]*application/kpml-response", re.MULTILINE | re.IGNORECASE
)
_CALL_ID = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)


def scrub(data: bytes) -> bytes:
    """The message without what must not be kept."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if b"uthorization" in head or b"UTHORIZATION" in head or b"authorization" in head.lower():
        head = _CREDENTIALS.sub(_blank_credentials, head)
    if body:
        if _PRESSED.search(head):  # a code maybe
            body = b"*" * len(body)
        elif b":" in body:
            body = _KEYS.sub(_blank_second, body)
    return head + blank + body


def call_id_of(data: bytes) -> str:
    """Its Call-ID; "" where there is none."""
    match = _CALL_ID.search(data.partition(b"\r\n\r\n")[0])
    return clean(match[1].decode("utf-8", "replace")) if match else ""


def is_sip(data: bytes) -> bool:
    """Whether it begins as a SIP message does (the media relay is spoken to from the same socket)."""
    return data.startswith(b"SIP/2.0 ") or data.partition(b"\r\n")[0].endswith(b" SIP/2.0")


def _blank_credentials(match: re.Match[bytes]) -> bytes:
    line = match[0]
    return _RESPONSE.sub(_blank_second, line) if _DIGEST.match(line) else _OTHER.sub(_blank_second, line)


def _blank_second(match: re.Match[bytes]) -> bytes:
    return match[1] + b"*" * len(match[2])

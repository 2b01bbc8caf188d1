"""Whether a webhook is the provider's: signatures over the raw body, compared in constant time. Pure.

Owns the checks that `types.http` names; raises `Forged`, whose message holds nothing of the request. What a check gives
back is the name of this very request, by which a replay is known; "" where there is none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import math
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from controller.channels.base import Forged, Webhook
from controller.channels.http.paths import Data, text
from controller.types.http import HmacSignature, JwtSignature, SharedToken, Slot, TwilioSignature, Verifier

_MILLISECONDS = 1e11


def check(verifier: Verifier, request: Webhook, body: bytes, now: float) -> str:
    """Check a webhook whose signed bytes are ``body``; raises `Forged`."""
    match verifier:
        case TwilioSignature():
            return _check_twilio(verifier, request)
        case JwtSignature():
            return _check_jwt(verifier, request, now)
        case HmacSignature():
            return _check_hmac(verifier, request, body, now)
        case SharedToken():
            return _check_token(verifier, request)


def check_source(sources: tuple[str, ...], peer: str) -> None:
    """Check where a webhook comes from; raises `Forged`."""
    if not sources:
        return
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        raise Forged("it comes from no address") from None
    mapped = getattr(address, "ipv4_mapped", None)
    if not any((mapped or address) in network for network in _networks(sources)):
        raise Forged("it comes from an address that is not the provider's")


@lru_cache(maxsize=256)
def _networks(sources: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(source) for source in sources if "/" in source)


def url_of(request: Webhook) -> str:
    """The whole URL as the provider knows it."""
    return f"{request.url}?{request.query}" if request.query and "?" not in request.url else request.url


def is_same(given: str, expected: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _check_twilio(verifier: TwilioSignature, request: Webhook) -> str:
    """https://www.twilio.com/docs/usage/security: base64(HMAC-SHA1(token, URL + each name and value, sorted))."""
    signed = ""
    digest = parse_qs(request.query).get("bodySHA256")
    if digest:
        if not is_same(digest[0].lower(), hashlib.sha256(request.body).hexdigest()):
            raise Forged("the digest of its body is wrong")
    else:
        try:
            fields = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise Forged("its form cannot be read") from None
        signed += "".join(name + value for name, value in sorted(set(fields)))
    given = request.headers.get("x-twilio-signature", "")
    fits = [is_same(given, _twilio_digest(verifier.token, url + signed)) for url in _spellings(url_of(request))]
    if not any(fits):
        raise Forged("its signature is wrong")
    return given


def _twilio_digest(token: str, signed: str) -> str:
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def _spellings(url: str) -> tuple[str, str]:
    """With its port and without: Twilio signs the one or the other, and its own libraries accept both."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    user, at, host = parts.netloc.rpartition("@")
    bare = host.removesuffix(f":{port}")
    around = url.split(parts.netloc, 1)
    return f"{around[0]}{user}{at}{bare}{around[1]}", f"{around[0]}{user}{at}{bare}:{port}{around[1]}"


def _check_jwt(verifier: JwtSignature, request: Webhook, now: float) -> str:
    """RFC 7519 and 7515 §5.2, HS256 only: which algorithm there is says nobody but us."""
    given = request.headers.get(verifier.header, "").strip()
    if given[:7].lower() == "bearer ":
        given = given[7:].strip()
    signed, _, signature = given.rpartition(".")
    head, _, claims_part = signed.partition(".")
    expected = hmac.digest(verifier.key, signed.encode("utf-8", "surrogatepass"), "sha256")
    if not signed or not hmac.compare_digest(_unbase64url(signature), expected):  # which Base64 spells in many ways
        raise Forged("its token is not signed by the provider")
    claims = _object(claims_part)
    if _object(head).get("alg") != "HS256":
        raise Forged("its token is signed in another way")
    _check_claims(verifier, request, claims, now)
    return str(claims.get("jti") or expected.hex())


def _check_claims(verifier: JwtSignature, request: Webhook, claims: dict[str, Any], now: float) -> None:
    digest = claims.get(verifier.body_claim)
    if digest is None and request.body:
        raise Forged("its token says nothing of the body")
    if digest is not None and not is_same(str(digest).lower(), hashlib.sha256(request.body).hexdigest()):
        raise Forged("its token is for another body")
    if verifier.url_claim:
        expected = hashlib.sha256(url_of(request).encode()).hexdigest()
        if not is_same(str(claims.get(verifier.url_claim, "")).lower(), expected):
            raise Forged("its token is for another URL")
    made = _seconds(claims.get("iat", claims.get("nbf")))
    if abs(now - made) > verifier.tolerance:
        raise Forged("its token is too old, or from the future")
    if "exp" in claims and now > _seconds(claims["exp"]) + verifier.tolerance:
        raise Forged("its token has run out")


def _check_hmac(verifier: HmacSignature, request: Webhook, body: bytes, now: float) -> str:
    given = request.headers.get(verifier.header, "")
    stamp = request.headers.get(verifier.timestamp, "") if verifier.timestamp else ""
    nonce = request.headers.get(verifier.nonce, "") if verifier.nonce else ""
    if verifier.timestamp and abs(now - _seconds(stamp)) > verifier.tolerance:
        raise Forged("it is too old, or from the future")
    pieces = {
        "body": lambda: body,
        "body_sha256": lambda: hashlib.sha256(body).digest(),
        "timestamp": lambda: stamp.encode("utf-8", "surrogatepass"),
        "nonce": lambda: nonce.encode("utf-8", "surrogatepass"),
        "url": lambda: url_of(request).encode(),
    }
    signed = b"".join(pieces[piece.name]() if isinstance(piece, Slot) else piece.encode() for piece in verifier.over)
    digest = hmac.digest(verifier.key, signed, verifier.hash)
    is_hex = verifier.encoding == "hex"
    expected = verifier.prefix + (digest.hex() if is_hex else base64.b64encode(digest).decode())
    # Each is looked at, whether or not one before it fits: a provider that changes its key sends two.
    words = (given.lower() if is_hex else given).split()[:8]
    fits = [is_same(word, expected.lower() if is_hex else expected) for word in words]
    if not any(fits):
        raise Forged("its signature is wrong")
    return expected


def _check_token(verifier: SharedToken, request: Webhook) -> str:
    query = dict(parse_qsl(request.query, keep_blank_values=True, max_num_fields=None))
    given = text(Data(query=query, headers=request.headers), (verifier.place,))
    if given[:7].lower() == "bearer ":
        given = given[7:]
    if not is_same(given, verifier.token):
        raise Forged("it does not bring the token")
    return ""


def _seconds(value: object) -> float:
    """Seconds since the epoch, -inf for what is none: nothing is younger than that allows."""
    try:
        seconds = float(str(value))
    except ValueError:
        return float("-inf")
    if not math.isfinite(seconds):  # NaN is as old as one likes
        return float("-inf")
    return seconds / 1000 if seconds > _MILLISECONDS else seconds


def _unbase64url(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return b""


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_unbase64url(part))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

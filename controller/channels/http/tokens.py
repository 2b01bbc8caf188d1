"""Who we are, in the header Authorization: fixed words, tokens of our own, tokens that are fetched.

Owns tokens and how long each is used. A token is fetched once, however many messages wait for it.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import math
import uuid
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controller import clock
from controller.channels.base import Refused
from controller.channels.http.paths import Unreadable, parse_json
from controller.types import TRANSPORT_ERROR
from controller.types.http import Auth, Basic, Bearer, OAuth2, SignedToken

EARLY = 30.0  # seconds before its end a token is no longer used
SHORTEST, LONGEST = 60.0, 86400.0  # seconds; what a provider says of its tokens is believed between these
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 §2.1
_MOST_BYTES = 64 << 10


class NoToken(Exception):
    """There is none, and nothing was sent: ``refused`` says why."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.cause)
        self.refused = refused


class Tokens:
    """The header Authorization of one provider."""

    def __init__(self, auth: Auth | None, timeout: float) -> None:
        self._auth = auth
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._fetching = asyncio.Lock()
        self._token = ""
        self._until = -math.inf  # monotonic seconds

    async def header(self, session: aiohttp.ClientSession) -> dict[str, str]:
        """The header, or nothing where there is no need of one; raises `NoToken`."""
        match self._auth:
            case None:
                return {}
            case Basic(user, password):
                return _basic(user, password)
            case Bearer(token):
                return {"Authorization": f"Bearer {token}"}
            case SignedToken():
                self._sign(self._auth)
            case OAuth2():
                await self._fetch(self._auth, session)
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> bool:
        """The provider did not take it; whether another one may help."""
        self._until = -math.inf
        return isinstance(self._auth, OAuth2)

    def _sign(self, auth: SignedToken) -> None:
        now = clock.monotonic()
        if now >= self._until:
            issued = int(clock.epoch())
            times = {"iat": issued, "exp": issued + int(auth.lifetime), "jti": str(uuid.uuid4())}
            self._token = sign_jwt({**auth.claims, **times}, auth.key, auth.algorithm)
            self._until = now + auth.lifetime - EARLY

    async def _fetch(self, auth: OAuth2, session: aiohttp.ClientSession) -> None:
        async with self._fetching:
            if clock.monotonic() < self._until:
                return
            form, headers = _grant(auth)
            try:
                request = session.post(
                    auth.url, data=form, headers=headers, timeout=self._timeout, allow_redirects=False
                )
                async with request as response:
                    status, body = response.status, await response.content.read(_MOST_BYTES)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                raise NoToken(Refused(TRANSPORT_ERROR)) from error
            if status != 200:
                raise NoToken(Refused("401" if status == 400 else str(status), "token"))
            self._take(body)

    def _take(self, body: bytes) -> None:
        try:
            said = parse_json(body)
        except Unreadable as error:
            raise NoToken(Refused("401", "token")) from error
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise NoToken(Refused("401", "token"))
        lasting = said.get("expires_in", 3600)
        lasting = float(lasting) if isinstance(lasting, int | float) and math.isfinite(lasting) else 3600.0
        self._token = token
        self._until = clock.monotonic() + min(max(lasting, SHORTEST), LONGEST) - EARLY


def _grant(auth: OAuth2) -> tuple[dict[str, str], dict[str, str]]:
    scope = {"scope": auth.scope} if auth.scope else {}
    if not auth.key:
        return {"grant_type": "client_credentials", **scope}, _basic(auth.client, auth.secret)
    issued = int(clock.epoch())
    claims = {"iss": auth.client, "sub": auth.client, "aud": auth.url, "iat": issued, "exp": issued + 3600, **scope}
    return {"grant_type": GRANT, "assertion": sign_jwt(claims, auth.key, "RS256")}, {}


def _basic(user: str, password: str) -> dict[str, str]:
    word = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {word}"}


def sign_jwt(claims: Mapping[str, Any], key: str, algorithm: str) -> str:
    """A JSON Web Token (RFC 7519, RFC 7518 §3.2 and §3.3)."""
    head = {"alg": algorithm, "typ": "JWT"}
    signed = b".".join(_part(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    if algorithm == "RS256":
        private = cast(RSAPrivateKey, load_pem_private_key(key.encode(), None))
        signature = private.sign(signed, PKCS1v15(), SHA256())
    else:
        signature = hmac.digest(key.encode(), signed, "sha256")
    return (signed + b"." + _part(signature)).decode()


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")

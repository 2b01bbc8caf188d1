"""Who asks: bearer tokens (RFC 6750), known by their digests alone.

Owns the table of tokens and what each may do. Must not keep, log or repeat a token.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from controller.api.problems import Problem
from controller.types.messages import ApiToken

PREFIX = 8  # hexadecimal digits by which a digest is looked for; the rest is compared in constant time


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as which tenant, and what for."""

    name: str
    tenant: str
    scopes: frozenset[str]

    def need(self, scope: str) -> None:
        """Raise unless the token may do this."""
        if scope not in self.scopes:
            raise Problem(
                403,
                "scope",
                f"the token does not have the scope '{scope}'",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )


class Tokens:
    """All tokens of the dialplan."""

    def __init__(self, tokens: Iterable[ApiToken]) -> None:
        self._by_prefix: dict[str, list[tuple[str, Principal]]] = {}
        for token in tokens:
            digest = token.digest.lower()
            principal = Principal(token.name, token.tenant, frozenset(token.scopes))
            self._by_prefix.setdefault(digest[:PREFIX], []).append((digest, principal))

    def find(self, authorization: bytes) -> Principal | None:
        """Whose the value of an Authorization header is."""
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        digest = hashlib.sha256(token.strip()).hexdigest()
        found = None
        for known, principal in self._by_prefix.get(digest[:PREFIX], ()):
            if hmac.compare_digest(known, digest):
                found = principal
        return found


def unauthorized(*, given: bool) -> Problem:
    """Nobody is let in without a token of ours."""
    challenge = 'Bearer error="invalid_token"' if given else "Bearer"
    detail = "the token is none of ours" if given else "give a token: 'Authorization: Bearer TOKEN'"
    return Problem(401, "token", detail, headers={"WWW-Authenticate": challenge})

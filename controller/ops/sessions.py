"""Who is logged in at the console: a cookie that we have signed, so that a restart logs nobody out.

Owns the key in the state folder, what a cookie holds, and when it ends. A token is
never kept: a cookie names it, and is worth nothing once that token is gone from the dialplan. Must not know HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.api.tokens import Principal, Tokens
from controller.files import write_whole
from controller.types.messages import ApiToken

FILE = "console.json"
READ, OPERATE = "read", "operate"
#: Seconds that a login lasts: a working day.
LASTS = 12 * 3600.0
#: By this word in an Authorization header the door hands on what a cookie held.
SCHEME = b"Session"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """One login."""

    id: str
    name: str  # of the token
    operator: bool
    ends: float  # seconds since the epoch


class Sessions:
    """All logins. What was logged out is kept until it would have ended."""

    def __init__(self, state_dir: Path, tokens: Iterable[ApiToken]) -> None:
        self._path = state_dir / FILE
        self._tokens = {token.name: token for token in tokens}
        self._by_token = Tokens(self._tokens.values())
        self._key, self._gone = self._load()

    def begin(self, token: str, now: float) -> tuple[Session, str] | None:
        """Log in: the session, and the cookie for it; None where the token is none of ours."""
        who = self._by_token.find(b"Bearer " + token.strip().encode())
        if who is None:
            return None
        session = Session(secrets.token_urlsafe(12), who.name, OPERATE in who.scopes, now + LASTS)
        held = {"i": session.id, "n": session.name, "t": self._mark(session.name), "e": session.ends}
        body = base64.urlsafe_b64encode(json.dumps(held).encode()).decode()
        return session, f"{body}.{self._sign(body)}"

    def find(self, cookie: str, now: float) -> Session | None:
        """Whose a cookie is."""
        body, _, mac = cookie.partition(".")
        if not hmac.compare_digest(mac.encode(), self._sign(body).encode()):
            return None
        held: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        token = self._tokens.get(held["n"])
        if token is None or held["t"] != self._mark(token.name) or held["e"] <= now or held["i"] in self._gone:
            return None
        return Session(held["i"], token.name, OPERATE in token.scopes, held["e"])

    def end(self, session: Session, now: float) -> None:
        """Log out."""
        self._gone = {each: ends for each, ends in self._gone.items() if ends > now}
        self._gone[session.id] = session.ends
        with suppress(OSError):  # then it is forgotten with this process
            self._save()

    def _mark(self, name: str) -> str:
        """Of the very token: another one of the same name is another login."""
        return hashlib.sha256(b"console" + self._tokens[name].digest.lower().encode()).hexdigest()[:16]

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()

    def _load(self) -> tuple[bytes, dict[str, float]]:
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
            key = bytes.fromhex(held["key"])
            if len(key) == _KEY_BYTES:
                return key, {str(each): float(ends) for each, ends in held["gone"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # the first start, or a file that is not whole: all log in again
        self._key, self._gone = secrets.token_bytes(_KEY_BYTES), {}
        with suppress(OSError):  # a full disk: logins last as long as this process
            self._save()
        return self._key, self._gone

    def _save(self) -> None:
        write_whole(self._path, json.dumps({"key": self._key.hex(), "gone": self._gone}).encode())


class Known(Tokens):
    """Tokens, and sessions that the door has found."""

    def __init__(self, tokens: Iterable[ApiToken], sessions: Sessions, now: Any) -> None:
        """``now()``: seconds since the epoch."""
        super().__init__(tokens)
        self._sessions, self._now = sessions, now

    def find(self, authorization: bytes) -> Principal | None:
        """Whose the value of an Authorization header is."""
        scheme, _, cookie = authorization.partition(b" ")
        if scheme != SCHEME:
            return super().find(authorization)
        session = self._sessions.find(cookie.decode("latin-1"), self._now())
        if session is None:
            return None
        return Principal(session.name, "", frozenset((READ, OPERATE) if session.operator else (READ,)))

"""A registrar in virtual time: what RFC 3261 §10.3 says a registrar does, digest, and ways to be difficult.

Owns the bindings of any number of accounts. It is written from the RFC and shares no code with the client but the parser
and the arithmetic of digest. Whatever breaks a rule of §10.2 is written down in ``faults``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import inf

from sip.digest import Algorithm, hash_a1, make_challenge, parse_credentials, verify
from sip.headers import find_params, find_uri
from sip.layer import mark_source
from sip.message import Request
from sip.parser import parse_message
from sip.transaction import Hop
from sip.uri import find_param, parse_uri


@dataclass(slots=True)
class Binding:
    """One Contact of an account."""

    call_id: str
    cseq: int
    until: float


@dataclass(slots=True)
class Registrar:
    """See the top of the file; its attributes are its mood."""

    local: Hop
    users: dict[str, str] = field(default_factory=dict)  # name -> password; empty: nobody is asked
    algorithm: Algorithm = Algorithm.SHA256
    nonce: str = "n0"  # a client that uses another one is told that it is stale
    status: int = 0  # answer to all with this; 0: as it should be
    extra: tuple[str, ...] = ()  # header lines of that answer
    min_expires: int = 0
    grants: int = 3600  # seconds at most
    silent: bool = False
    hides: bool = False  # shows an address of its own in the Contacts of its answers
    sees: Hop | None = None  # what a NAT between us makes of the client's address
    bindings: dict[str, dict[str, Binding]] = field(default_factory=dict)  # user -> Contact URI -> binding
    requests: list[tuple[float, Request]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    outbox: list[tuple[bytes, Hop]] = field(default_factory=list)
    _last: tuple[bytes, bytes] = (b"", b"")
    _cseqs: dict[str, int] = field(default_factory=dict)  # by Call-ID

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one datagram."""
        request = parse_message(data)
        if not isinstance(request, Request) or self.silent:
            return
        hop = mark_source(request, self.sees or source)
        if self.sees is not None and hop[:2] == self.sees[:2]:
            hop = source
        if data == self._last[0]:  # sent again
            self.outbox.append((self._last[1], hop))
            return
        if request.method == "OPTIONS":
            self._answer(request, hop, 200)
            return
        self.requests.append((now, request))
        if self._cseqs.setdefault(request.call_id, 0) >= request.cseq[0]:
            self.faults.append(f"CSeq {request.cseq[0]} after {self._cseqs[request.call_id]} (§10.2)")
        self._cseqs[request.call_id] = request.cseq[0]
        self._answer(request, hop, *self._judge(request, now))
        self._last = data, self.outbox[-1][0]

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """Nobody is at ``hop``."""

    def next_deadline(self) -> float:
        """Never."""
        return inf

    def handle_timer(self, now: float) -> None:
        """Nothing is ever due."""

    def contacts(self, user: str, now: float) -> list[str]:
        """Where calls to somebody go."""
        return [uri for uri, binding in self.bindings.get(user, {}).items() if binding.until > now]

    def _judge(self, request: Request, now: float) -> tuple[int, list[str]]:
        if self.status:
            return self.status, [*self.extra]
        user = parse_uri(find_uri(request.require("to"))).user
        if self.users and (challenge := self._challenge(request, user)):
            return 401, [challenge]
        return self._bind(request, user, now)

    def _challenge(self, request: Request, user: str) -> str:
        realm = "registrar.example"
        given = parse_credentials(request)
        ha1 = hash_a1(self.algorithm, user, realm, self.users.get(user, ""))
        if given and user in self.users and verify(given[0], ha1, request.method) and given[0].uri == request.uri:
            if given[0].nonce == self.nonce:
                return ""
            return make_challenge(realm, self.nonce, self.algorithm, stale=True)
        return make_challenge(realm, self.nonce, self.algorithm)

    def _bind(self, request: Request, user: str, now: float) -> tuple[int, list[str]]:
        """§10.3 steps 6 to 8."""
        known = self.bindings.setdefault(user, {})
        wanted: list[tuple[str, int]] = []
        for value in request.get_all("contact"):
            expires = int(find_param(find_params(value), "expires") or request.get("expires") or 3600)
            if 0 < expires < self.min_expires:
                return 423, [f"Min-Expires: {self.min_expires}"]
            wanted.append((find_uri(value), min(expires, self.grants)))
        for uri, expires in wanted:
            old = known.get(uri)
            if old is not None and old.call_id == request.call_id and old.cseq >= request.cseq[0]:
                return 500, []
            if expires:
                known[uri] = Binding(request.call_id, request.cseq[0], now + expires)
            else:
                known.pop(uri, None)
        return 200, [
            f"Contact: <{re.sub('@.*', '@192.0.2.99:5060', uri) if self.hides else uri}>;expires={round(each.until - now)}"
            for uri, each in known.items()
            if each.until > now
        ]

    def _answer(self, request: Request, hop: Hop, status: int, extra: list[str] | None = None) -> None:
        lines = [f"SIP/2.0 {status} Whatever"]
        for name, line in zip(request.names, request.lines, strict=True):
            if name in {"via", "from", "call-id", "cseq"}:
                lines.append(line)
            elif name == "to":
                lines.append(f"{line};tag=registrar")
        lines += [*(extra or []), "Content-Length: 0", "", ""]
        self.outbox.append(("\r\n".join(lines).encode(), hop))
